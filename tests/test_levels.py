"""How strong noise is at each brightness: read where smooth places tell, and nowhere else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaximg.correct.levels import BETWEEN, EVEN, KNOTS, find_levels, level_map
from jaximg.correct.noise import find_noise
from jaximg.train import damage

RNG = np.random.default_rng(0)
LIGHT = RNG.random(20_000)


def energy(level):
    """Of blocks of white noise."""
    return (level[:, None] * RNG.standard_normal((len(level), 64))) ** 2


def test_noise_that_falls_with_the_brightness_is_read_at_each():
    levels = np.array(find_levels(LIGHT, energy(0.08 - 0.05 * LIGHT))[0])
    inside = (KNOTS > 0.05) & (KNOTS < 0.95)
    np.testing.assert_allclose(levels[inside], (0.08 - 0.05 * KNOTS)[inside], rtol=0.1)


def test_a_shade_of_texture_alone_takes_its_noise_from_its_neighbours():
    level = np.full(LIGHT.shape, 0.02)
    textured = (LIGHT > 0.4) & (LIGHT < 0.5)
    level[textured] = 0.02 + 0.05 * np.exp(RNG.standard_normal(textured.sum()))
    levels, share = find_levels(LIGHT, energy(level))
    assert abs(np.array(levels) - 0.02).max() < 0.003 and abs(share - 0.9) < 0.01


def test_beyond_the_last_shade_that_tells_noise_falls():
    textured = LIGHT > 0.5
    level = np.where(textured, 0.02 + 0.2 * np.exp(RNG.standard_normal(len(LIGHT))), 0.02)
    levels = np.array(find_levels(LIGHT, energy(level))[0])
    assert (np.diff(levels[KNOTS > 0.5]) <= 0).all() and 0.012 < levels[-1] < 0.018


def test_texture_and_too_few_blocks_tell_nothing():
    assert find_levels(LIGHT, energy(np.exp(RNG.standard_normal(len(LIGHT))))) == ((), 0.0)
    assert find_levels(LIGHT[:200], energy(np.ones(200))) == ((), 0.0)
    few = np.full(500, 0.5)  # the smoothest ones and the next would be the same
    assert find_levels(few, energy(np.exp(RNG.standard_normal(500)))) == ((), 0.0)
    assert not (EVEN & BETWEEN).any()


def test_a_map_has_the_level_of_each_brightness_and_changes_gently():
    image = np.zeros((100, 200, 3), np.float32)
    image[:, 100:] = 1
    found = level_map(image, tuple(np.linspace(0.2, 0.1, 21)))[..., 0]
    np.testing.assert_allclose(found[:, 20], 0.2, atol=1e-4)
    np.testing.assert_allclose(found[:, 180], 0.1, atol=1e-4)
    assert np.abs(np.diff(found, axis=1)).max() < 0.02


@pytest.mark.parametrize("fall", [0.0, 1.5])
def test_what_training_tells_is_what_is_found_in_a_picture(fall):
    """White noise and coarse noise alike, in a picture that grows brighter from left to right."""
    clean = jnp.broadcast_to(jnp.linspace(0.1, 0.9, 256)[None, None, :, None], (1, 256, 256, 3))
    noise = jax.random.normal(jax.random.key(0), clean.shape)
    noise = sum(jnp.roll(noise, (y, x), (1, 2)) for y in (0, 1) for x in (0, 1)) / 4 if fall else noise
    noise = 0.05 * jnp.exp(-fall * clean) * noise
    told = damage.level_map(noise, clean + noise)[0, 128, ::32, 0]
    found = level_map(np.asarray(clean[0]), find_noise(np.asarray((clean + noise)[0])).levels)[128, ::32, 0]
    np.testing.assert_allclose(found[1:], told[1:], rtol=0.2)
