"""Filling by a generator's knowledge: on a generator whose pictures are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaximg import correct
from jaximg.correct import prior

SIDE = 12


@pytest.fixture(autouse=True, scope="module")
def as_users_have_it():
    """Optax counts on JAX's usual promotion of types."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(autouse=True)
def few_candidates(monkeypatch):
    monkeypatch.setattr(prior, "CANDIDATES", 200)


def ramps(z: jax.Array) -> jax.Array:
    """Pictures that three numbers decide: brightness, and a slope along each axis."""
    y, x = jnp.meshgrid(jnp.linspace(-1, 1, SIDE), jnp.linspace(-1, 1, SIDE), indexing="ij")
    bright, down, right = (z[:, i, None, None] for i in range(3))
    return (0.5 + 0.1 * (bright + down * y + right * x))[..., None]


@pytest.fixture(scope="module")
def holed() -> tuple[np.ndarray, np.ndarray]:
    z = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    mask = np.ones((SIDE, SIDE, 1), np.float32)
    mask[3:9, 2:10] = 0
    return np.asarray(ramps(jnp.asarray(z))), mask


def test_inversion_finds_what_a_picture_was_made_from(holed):
    whole, mask = holed
    found = correct.invert(jax.random.key(0), jnp.asarray(whole), jnp.asarray(mask), ramps, latent=3, sigma=0.001)
    assert float(found.error.max()) < 2e-3
    assert float(jnp.abs(found.image - whole).max()) < 0.01


def test_filling_keeps_known_pixels_exactly_and_never_reads_the_others(holed):
    whole, mask = holed
    odd = whole + 0.01 * np.random.default_rng(1).standard_normal(whole.shape).astype(np.float32)
    fills = [
        np.asarray(correct.fill_by_prior(jax.random.key(0), jnp.asarray(x), jnp.asarray(mask), ramps, latent=3))
        for x in (np.where(mask > 0, odd, np.nan), np.where(mask > 0, odd, 7.0))
    ]
    assert np.array_equal(*fills)
    known = np.broadcast_to(mask > 0, whole.shape)
    assert np.array_equal(fills[0][known], odd[known])
    assert np.abs(fills[0] - whole).max() < 0.06


def test_a_large_sigma_prefers_likely_pictures(holed):
    whole, mask = holed
    norms = [
        float(
            jnp.linalg.norm(
                correct.invert(jax.random.key(0), jnp.asarray(whole), jnp.asarray(mask), ramps, latent=3, sigma=sigma).z
            )
        )
        for sigma in (0.01, 3.0)
    ]
    assert norms[1] < 0.5 * norms[0]


def test_one_picture_without_a_batch_is_refused():
    with pytest.raises(ValueError, match="a batch of pictures"):
        correct.invert(jax.random.key(0), jnp.zeros((4, 4, 1)), jnp.ones((4, 4, 1)), ramps, latent=3)
