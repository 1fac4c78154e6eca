"""Facts about ops/filters.py and ops/rank.py beyond their rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaximg import ops
from tests.op_case import unit


@pytest.mark.parametrize("size", [3, (1, 5)])
def test_the_soft_median_is_the_median_as_the_temperature_goes_to_zero_and_the_mean_as_it_grows(rng, size):
    image = unit(rng, (14, 15, 2))
    hard = ops.median_blur(image, size)
    gaps = [np.abs(ops.soft_median_blur(image, size, temperature=t) - hard).max() for t in (1e-2, 1e-3, 1e-4, 1e-6)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 1e-4
    mean = ops.box_blur(image, size, border="edge")
    np.testing.assert_allclose(ops.soft_median_blur(image, size, temperature=1e4), mean, atol=1e-5)


def test_the_soft_median_has_a_gradient_for_every_pixel_and_a_finite_one_at_every_temperature(rng):
    image = jnp.asarray(unit(rng, (6, 7, 1)))
    value = jax.jit(lambda x, t: ops.soft_median_blur(x, 3, temperature=t).sum())
    slope = jax.jit(jax.grad(value, argnums=(0, 1)))
    assert (jnp.abs(slope(image, 0.05)[0]) > 1e-3).all()
    for temperature in (1e-6, 1.0, 1e3):
        for picture in (image, 0 * image, 1000 * image):
            assert all(np.isfinite(g).all() for g in slope(picture, temperature))
    with pytest.raises(ValueError, match="7"):
        ops.soft_median_blur(image, 9)


def test_sharpening_the_luminance_moves_the_channels_alike(rng):
    image = unit(rng, (12, 13, 3))
    moved = ops.unsharp_mask(image, 1.0, luminance=True) - image
    np.testing.assert_allclose(moved, np.broadcast_to(moved[..., :1], moved.shape), atol=1e-6)
    grey = np.repeat(image[..., :1], 3, -1)
    both = [ops.unsharp_mask(grey, 1.0, luminance=luminance) for luminance in (True, False)]
    np.testing.assert_allclose(*both, atol=1e-5)
    with pytest.raises(ValueError, match="channels"):
        ops.unsharp_mask(image[..., :1], 1.0, luminance=True)
