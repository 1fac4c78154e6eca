"""Facts about ops/inpaint.py beyond its rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.restoration import inpaint_biharmonic as skimage_biharmonic

from jaximg import ops
from tests.cases_inpaint import solve
from tests.op_case import unit

fills = pytest.mark.parametrize("fill", [ops.inpaint_harmonic, ops.inpaint_biharmonic])


def psnr(a: object, b: object) -> float:
    return float(-10 * np.log10(np.mean((np.asarray(a) - np.asarray(b)) ** 2)))


def smooth(shape: tuple[int, int, int]) -> np.ndarray:
    return np.asarray(ops.gaussian_blur(unit(np.random.default_rng(0), shape), 2.0))


@fills
def test_known_pixels_come_back_bit_by_bit_and_missing_ones_are_never_read(fill):
    rng = np.random.default_rng(0)
    x, mask = unit(rng, (33, 47, 3)), rng.random((33, 47)) > 0.3
    out = np.asarray(fill(np.where(mask[..., None], x, np.nan).astype(np.float32), mask))
    assert np.isfinite(out).all()
    assert (out[mask] == x[mask]).all()
    np.testing.assert_array_equal(out, fill(np.where(mask[..., None], x, 7).astype(np.float32), mask))


@fills
def test_nothing_missing_and_everything_missing_are_defined(fill):
    x = unit(np.random.default_rng(0), (9, 11, 2))
    np.testing.assert_array_equal(fill(x, np.ones((9, 11))), x)
    np.testing.assert_array_equal(fill(x, np.zeros((9, 11))), np.zeros_like(x))
    one_channel = np.stack([np.ones((9, 11)), np.zeros((9, 11))], -1)
    np.testing.assert_array_equal(fill(x, one_channel), x * one_channel)
    gradient = jax.grad(lambda x: fill(x, np.zeros((9, 11))).sum())(x)
    np.testing.assert_array_equal(gradient, np.zeros_like(x))


@fills
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (2, 3)])
def test_tiny_pictures_are_filled_too(fill, size):
    x = np.full((*size, 1), 0.7, np.float32)
    mask = np.zeros(size)
    mask[0, -1] = 1
    np.testing.assert_allclose(fill(x * mask[..., None].astype(np.float32), mask), x, rtol=1e-6)


@fills
@pytest.mark.parametrize("hole", ["200 pixels wide", "80 percent of the pixels", "a half of the picture"])
def test_large_holes_and_scattered_pixels_are_solved_to_the_end(fill, hole):
    y, x = np.mgrid[:240, :256]
    mask = {
        "200 pixels wide": np.hypot(y - 120, x - 128) > 100,
        "80 percent of the pixels": np.random.default_rng(0).random((240, 256)) > 0.8,
        "a half of the picture": x > 128,
    }[hole]
    image = unit(np.random.default_rng(0), (240, 256, 1))
    want = solve(image, mask[..., None], 1 if fill is ops.inpaint_harmonic else 2)
    np.testing.assert_allclose(fill(image, mask), want, rtol=0, atol=5e-4)


def test_harmonic_fill_stays_between_its_surroundings():
    rng = np.random.default_rng(0)
    x, mask = unit(rng, (40, 40, 1)), np.ones((40, 40))
    mask[10:30, 10:30] = 0
    inside = np.asarray(ops.inpaint_harmonic(x, mask))[10:30, 10:30]
    ring = x[9:31, 9:31][mask[9:31, 9:31] == 1]
    assert ring.min() <= inside.min()
    assert inside.max() <= ring.max()


def test_biharmonic_fill_continues_a_ramp():
    y, x = np.mgrid[:40, :50].astype(np.float32)
    ramp = (0.01 * x + 0.005 * y)[..., None]
    mask = np.ones((40, 50))
    mask[10:30, 12:40] = 0
    np.testing.assert_allclose(ops.inpaint_biharmonic(ramp, mask), ramp, atol=1e-4)


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_biharmonic_is_as_good_as_scikit_images(share):
    x = smooth((64, 80, 3))
    mask = np.random.default_rng(1).random((64, 80)) > share
    mask[20:32, 30:50] = False
    theirs = skimage_biharmonic(x * mask[..., None], ~mask, channel_axis=-1)
    assert psnr(ops.inpaint_biharmonic(x, mask), x) > psnr(theirs, x) - 0.1
    assert psnr(ops.inpaint_biharmonic(x, mask), x) > psnr(ops.inpaint_harmonic(x, mask), x)


@fills
def test_one_mask_serves_a_batch(fill):
    x = np.stack([unit(np.random.default_rng(seed), (12, 14, 3)) for seed in range(2)])
    mask = np.random.default_rng(2).random((12, 14)) > 0.4
    np.testing.assert_allclose(fill(x, mask), [fill(one, mask) for one in x], atol=1e-4)


def test_gradient_reaches_the_known_pixels_alone():
    x = jnp.asarray(unit(np.random.default_rng(0), (10, 12, 1)))
    mask = np.ones((10, 12))
    mask[3:7, 4:9] = 0
    gradient = np.asarray(jax.grad(lambda x: ops.inpaint_harmonic(x, mask)[4, 5, 0])(x))[..., 0]
    assert (gradient[mask == 0] == 0).all()
    np.testing.assert_allclose(gradient.sum(), 1, rtol=1e-4)  # a mean of the surroundings
    assert (gradient >= -1e-6).all()
