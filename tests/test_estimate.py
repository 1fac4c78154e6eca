"""What the denoising networks begin with: each picture by its own level, a JPEG nearer to what was coded."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaximg import degrade, ops
from jaximg.models import collaborative, estimate


def waves(channels: int) -> np.ndarray:
    y, x = np.mgrid[:48, :64] / 9
    return (0.5 + 0.3 * np.stack([np.sin(y + x), np.cos(x), np.sin(y)], -1))[..., :channels].astype(np.float32)


def error(x: object, y: object) -> float:
    return float(np.sqrt(np.mean(np.square(np.asarray(x) - np.asarray(y)))))


def maps(*levels: float) -> jax.Array:
    return jnp.broadcast_to(jnp.asarray(levels).reshape(-1, 1, 1, 1), (len(levels), 48, 64, 1))


def test_a_map_gives_each_picture_its_own_level():
    noisy = degrade.gaussian_noise(jax.random.key(0), jnp.asarray(waves(3)), sigma=0.1)
    denoised = jax.jit(estimate.denoised)
    both, weak = (denoised(jnp.stack([noisy, noisy]), maps(*levels)) for levels in ((0.02, 0.1), (0.02, 0.02)))
    np.testing.assert_allclose(both[0], weak[1], atol=1e-5)
    assert error(both[1], waves(3)) < 0.04 < 0.06 < error(both[0], waves(3))


def test_what_is_alike_is_averaged_by_each_pictures_own_level(monkeypatch):
    monkeypatch.setattr(collaborative, "RADIUS", 4)
    clean = waves(1)
    noisy = degrade.gaussian_noise(jax.random.key(0), jnp.asarray(clean), sigma=0.1)
    pair, alike = (jnp.stack([noisy, noisy]), np.stack([clean, clean])), jax.jit(estimate.alike)
    both, strong = (alike(*pair, maps(*levels)) for levels in ((0.02, 0.1), (0.1, 0.1)))
    np.testing.assert_allclose(both[1], strong[0], atol=1e-5)
    assert error(both[1], clean) < 0.9 * error(both[0], clean) < 0.02


@pytest.mark.parametrize("channels", [1, 3])
def test_a_jpeg_comes_nearer_to_the_truth_and_stays_near_what_was_stored(channels):
    clean = waves(channels)
    coded = degrade.jpeg_real(clean, 10)
    out = estimate.deblocked(coded, 10)
    assert error(out, clean) < 0.9 * error(coded, clean)
    luma = (ops.rgb_to_ycbcr(jnp.asarray(x))[..., :1] if channels == 3 else jnp.asarray(x) for x in (coded, out))
    moved = jnp.abs(jnp.subtract(*map(ops.block_dct, luma)))
    assert moved[::8, ::8].max() < 0.4 * 16 * 5 / 255  # of the first coefficient's step at quality 10


def test_blocks_that_the_coder_did_not_see_whole_are_not_held():
    coded = degrade.jpeg_real(np.random.default_rng(0).random((48, 64, 1), np.float32), 10)
    held, free = (estimate.deblocked(coded, 10, whole=jnp.full((48, 64, 1), x)) for x in (1.0, 0.0))
    np.testing.assert_array_equal(held, estimate.deblocked(coded, 10))
    assert error(held, free) > 1e-3
