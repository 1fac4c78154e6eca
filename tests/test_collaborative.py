"""Groups of alike blocks: nearer to the truth than the pilot where a pattern returns, the same square by square."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from jaximg import ops
from jaximg.correct.tiles import tiled
from jaximg.models import collaborative
from jaximg.models.collaborative import collaborative_wiener
from jaximg.ops.dct import block_basis


def bricks(height: int, width: int) -> np.ndarray:
    """One pattern again and again, in units of the noise."""
    tile = np.kron(np.random.default_rng(3).random((6, 5)), np.ones((2, 2)))
    return 6 * np.tile(tile, (height // 12 + 1, width // 10 + 1))[:height, :width, None].astype(np.float32)


def test_a_pattern_that_returns_is_seen_better_than_by_the_pilot(rng):
    clean = bricks(72, 64)
    noisy = clean + rng.standard_normal(clean.shape, np.float32)
    pilot = ops.dct_denoise(jnp.asarray(noisy), 1.0)
    out = collaborative_wiener(noisy, pilot)
    before, after = (np.sqrt(np.mean(np.square(x - clean))) for x in (pilot, out))
    assert after < 0.9 * before < 0.9


def test_it_is_the_filter_of_the_paper_in_a_plain_loop(rng, monkeypatch):
    monkeypatch.setattr(collaborative, "RADIUS", 4)
    monkeypatch.setattr(collaborative, "COUNT", 4)
    monkeypatch.setattr(collaborative, "_MARGIN", 16)
    noisy = rng.standard_normal((13, 10, 1), np.float32) + bricks(13, 10)
    pilot = noisy + np.float32(0.2) * rng.standard_normal(noisy.shape, np.float32)
    np.testing.assert_allclose(collaborative_wiener(noisy, pilot)[..., 0], in_a_loop(noisy, pilot), atol=1e-4)


def in_a_loop(noisy: np.ndarray, pilot: np.ndarray) -> np.ndarray:
    """One group after the other, in double precision."""
    noisy, pilot = (np.pad(x[..., 0].astype(np.float64), 17, mode="symmetric") for x in (noisy, pilot))
    guide = ndimage.convolve(noisy, np.outer([1, 2, 1], [1, 2, 1]) / 16)
    noisy, pilot, guide = (x[1:-1, 1:-1] for x in (noisy, pilot, guide))
    basis, haar = block_basis(8), collaborative._haar(4)
    steps = range(-4, 5)
    shifts = sorted(((v, u) for v in steps for u in steps), key=lambda shift: shift[0] ** 2 + shift[1] ** 2)
    total, cover = np.zeros(noisy.shape), np.zeros(noisy.shape)

    def stack(picture: np.ndarray, corners: list[tuple[int, int]]) -> np.ndarray:
        return np.stack([picture[y : y + 8, x : x + 8].ravel() for y, x in corners])

    for y in range(4, noisy.shape[0] - 11, 4):
        for x in range(4, noisy.shape[1] - 11, 4):
            near = [(y + v, x + u) for v, u in shifts]
            apart = np.square(stack(guide, near) - stack(guide, [(y, x)])).sum(-1)
            apart *= 1 + collaborative.TIE * np.arange(len(near))
            corners = [near[i] for i in np.argsort(apart, kind="stable")[:4]]
            noise, guess = (haar @ stack(picture, corners) @ basis.T for picture in (noisy, pilot))
            gain = guess**2 / (guess**2 + 1)
            weight = 1 / max(np.sum(gain**2), 1)
            for (v, u), block in zip(corners, haar.T @ (gain * noise) @ basis, strict=True):
                total[v : v + 8, u : u + 8] += weight * block.reshape(8, 8)
                cover[v : v + 8, u : u + 8] += weight
    return total[16:-16, 16:-16] / cover[16:-16, 16:-16]


def test_haar_is_orthonormal():
    haar = collaborative._haar(16)
    np.testing.assert_allclose(haar @ haar.T, np.eye(16), atol=1e-12)
    np.testing.assert_allclose(haar[0], 0.25)


def test_two_squares_are_the_whole(rng):
    noisy = rng.standard_normal((112, 128, 1), np.float32) + bricks(112, 128)
    step = jax.jit(collaborative_wiener)
    cut = tiled(step, noisy, 0.9 * noisy, rim=collaborative.REACH, sides=(112,))
    np.testing.assert_allclose(cut, step(noisy, 0.9 * noisy), atol=1e-5)


def test_a_batch_is_its_pictures(rng, monkeypatch):
    monkeypatch.setattr(collaborative, "RADIUS", 4)
    monkeypatch.setattr(collaborative, "COUNT", 4)
    noisy = rng.standard_normal((2, 12, 11, 1), np.float32)
    both = collaborative_wiener(noisy, 0.5 * noisy)
    np.testing.assert_allclose(both[1], collaborative_wiener(noisy[1], 0.5 * noisy[1]), atol=1e-5)


@pytest.mark.slow
def test_it_has_a_gradient(rng, monkeypatch):
    monkeypatch.setattr(collaborative, "RADIUS", 4)
    monkeypatch.setattr(collaborative, "COUNT", 4)
    noisy = rng.standard_normal((12, 11, 1), np.float32)
    slope = jax.jit(jax.grad(lambda x: jnp.sum(jnp.square(collaborative_wiener(x, 0.5 * noisy)))))(noisy)
    assert bool(jnp.isfinite(slope).all())
    assert float(jnp.abs(slope).max()) > 0


def test_colours_are_refused():
    with pytest.raises(ValueError, match="grey picture"):
        collaborative_wiener(np.zeros((16, 16, 3), np.float32), np.zeros((16, 16, 3), np.float32))
