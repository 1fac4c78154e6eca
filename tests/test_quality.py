"""Quality measures against scikit-image, dm-pix and their definitions."""

import dm_pix
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import correlate1d
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from jaximg import quality
from tests.op_case import unit

MEASURES = [quality.psnr, quality.ssim, lambda a, b: quality.ms_ssim(a, b, weights=(0.5, 0.5))]


@pytest.fixture(params=[(64, 81, 1), (57, 64, 3)], ids=["grey", "RGB"])
def pair(request, rng):
    a = unit(rng, request.param)
    return a, (a + 0.05 * rng.standard_normal(a.shape)).astype(np.float32)


def skimage_ssim(a, b, **kwargs):
    return structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1, channel_axis=-1, **kwargs
    )


def test_psnr_is_scikit_image_s(pair):
    want = peak_signal_noise_ratio(*pair, data_range=1)
    np.testing.assert_allclose(quality.psnr(*pair), want, rtol=1e-6)
    scaled = [x * np.float32(255) for x in pair]
    np.testing.assert_allclose(quality.psnr(*scaled, max_value=255), want, rtol=1e-6)


def test_ssim_is_scikit_image_s_with_its_crop_of_the_border(pair):
    np.testing.assert_allclose(quality.ssim(*pair), skimage_ssim(*pair), rtol=0, atol=1e-5)


def test_ssim_of_a_large_picture_is_scikit_image_s(rng):
    a = unit(rng, (512, 512, 1))
    b = (0.9 * a + 0.02 * rng.standard_normal(a.shape)).astype(np.float32)
    want = skimage_ssim(a.astype(np.float64), b.astype(np.float64))
    np.testing.assert_allclose(quality.ssim(a, b), want, rtol=0, atol=2e-6)


def test_mae_and_mse_are_dm_pix_s_and_right(pair):
    assert quality.mse is dm_pix.mse and quality.mae is dm_pix.mae
    np.testing.assert_allclose(quality.mse(*pair), mean_squared_error(*pair), rtol=1e-5)
    np.testing.assert_allclose(quality.mae(*pair), np.abs(pair[0] - pair[1]).mean(), rtol=1e-5)


def test_psnr_and_ssim_are_dm_pix_s_where_it_is_right(pair):
    np.testing.assert_allclose(quality.psnr(*pair), dm_pix.psnr(*pair), rtol=1e-5)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        want = dm_pix.ssim(*(jnp.asarray(x) for x in pair))
    np.testing.assert_allclose(quality.ssim(*pair), want, atol=1e-5)


def ms_ssim_by_definition(a, b, weights):
    """Wang 2003, equation 7, in float64."""
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)

    def blur(x):
        for axis in (0, 1):
            x = correlate1d(x, taps / taps.sum(), axis=axis)
        return x[5:-5, 5:-5]

    c1, c2 = 0.01**2, 0.03**2
    a, b, product = a.astype(float), b.astype(float), 1
    for scale, weight in enumerate(weights):
        ma, mb = blur(a), blur(b)
        contrast = (2 * (blur(a * b) - ma * mb) + c2) / (blur(a * a + b * b) - ma**2 - mb**2 + c2)
        luminance = (2 * ma * mb + c1) / (ma**2 + mb**2 + c1)
        last = scale == len(weights) - 1
        product = product * (contrast * luminance if last else contrast).mean((0, 1)) ** weight
        odd = [(0, a.shape[0] % 2), (0, a.shape[1] % 2), (0, 0)]
        a, b = (np.pad(x, odd, mode="edge") for x in (a, b))
        a, b = ((x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4 for x in (a, b))
    return product.mean()


def test_ms_ssim_is_its_definition(rng):
    a = unit(rng, (181, 190, 3))
    b = (a + 0.05 * rng.standard_normal(a.shape)).astype(np.float32)
    want = ms_ssim_by_definition(a, b, quality.MS_WEIGHTS)
    np.testing.assert_allclose(quality.ms_ssim(a, b), want, atol=1e-5)


def test_equal_pictures_are_perfect(pair):
    a = pair[0]
    assert quality.psnr(a, a) == np.inf
    np.testing.assert_allclose([measure(a, a) for measure in MEASURES[1:]], 1, atol=1e-6)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_gradients_are_finite_on_equal_and_on_flat_pictures(measure, level):
    flat = jnp.full((24, 24, 3), level)
    for a, b in [(flat, flat), (flat, 1 - flat), (flat, flat + 1e-4)]:
        gradient = jax.grad(lambda x, b=b: measure(x, b))(a)
        assert np.isfinite(gradient).all()


def test_the_gradient_of_psnr_is_zero_on_equal_pictures(pair):
    assert not jax.grad(quality.psnr)(jnp.asarray(pair[0]), pair[0]).any()


@pytest.mark.parametrize("measure", MEASURES)
def test_gradients_equal_finite_differences(measure, rng):
    a, b = unit(rng, (24, 26, 3)), unit(rng, (24, 26, 3))
    with jax.enable_x64(True):
        a, b, step = (jnp.asarray(x, "float64") for x in (a, b, rng.standard_normal(a.shape)))
        slope = (measure(a + 1e-6 * step, b) - measure(a - 1e-6 * step, b)) / 2e-6
        np.testing.assert_allclose(jnp.vdot(jax.grad(measure)(a, b), step), slope, rtol=1e-4)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_batch_gives_one_number_an_image(measure, rng):
    a, b = (np.stack([unit(rng, (24, 26, 3)) for _ in range(6)]).reshape(2, 3, 24, 26, 3) for _ in range(2))
    got = measure(a, b)
    assert got.shape == (2, 3)
    each = [[measure(a[i, j], b[i, j]) for j in range(3)] for i in range(2)]
    np.testing.assert_allclose(got, each, rtol=1e-5)
    np.testing.assert_allclose(jax.vmap(jax.vmap(measure))(a, b), each, rtol=1e-5)
    np.testing.assert_allclose(jax.jit(measure)(a, b), each, rtol=1e-5)


@pytest.mark.parametrize("measure", MEASURES)
def test_half_precision_is_measured_in_single(measure, rng):
    a, b = (jnp.asarray(unit(rng, (24, 26, 3)), jnp.bfloat16) for _ in range(2))
    got = measure(a, b)
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, measure(a.astype(jnp.float32), b.astype(jnp.float32)), rtol=1e-6)


def test_a_new_sigma_or_white_compiles_nothing_anew(rng):
    a, b = unit(rng, (24, 26, 1)), unit(rng, (24, 26, 1))
    count = 0

    @jax.jit
    def run(sigma, white):
        nonlocal count
        count += 1
        return quality.ssim(a, b, sigma=sigma, max_value=white)

    assert run(1.5, 1.0) != run(2.0, 255.0)
    assert count == 1


def test_worse_pictures_score_lower(rng):
    a = unit(rng, (48, 48, 3))
    noise = rng.standard_normal(a.shape).astype(np.float32)
    for measure in MEASURES:
        scores = [float(measure(a, a + np.float32(s) * noise)) for s in (0.01, 0.05, 0.2)]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("measure", MEASURES)
def test_bad_pairs_are_refused_with_a_cure(measure):
    a = jnp.zeros((24, 24, 3))
    with pytest.raises(ValueError, match="crop or resize"):
        measure(a, a[1:])
    with pytest.raises(TypeError, match="to_float"):
        measure(a, np.zeros((24, 24, 3), np.uint8))


def test_pictures_smaller_than_the_window_are_refused():
    with pytest.raises(ValueError, match="smaller odd size"):
        quality.ssim(jnp.zeros((9, 30, 1)), jnp.zeros((9, 30, 1)))
    with pytest.raises(ValueError, match="fewer weights"):
        quality.ms_ssim(jnp.zeros((100, 100, 1)), jnp.zeros((100, 100, 1)))
    assert quality.ssim(jnp.zeros((9, 30, 1)), jnp.zeros((9, 30, 1)), size=7) == 1
