"""Facts about ops/wavelet.py beyond its row."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import pywt
import skimage.data
from skimage.restoration import denoise_wavelet

from jaximg import ops
from jaximg.ops.wavelet import WAVELETS, analyse, daubechies, synthesise


@pytest.mark.parametrize("moments", range(1, 9))
def test_the_filters_are_pywavelets_and_orthonormal(moments):
    taps = daubechies(moments)
    np.testing.assert_allclose(taps, pywt.Wavelet(f"db{moments}").rec_lo, atol=1e-8)
    for shift in range(moments):
        np.testing.assert_allclose(taps[2 * shift :] @ taps[: len(taps) - 2 * shift], float(shift == 0), atol=1e-10)


@pytest.mark.parametrize("moments", [1, 2, 5])
@pytest.mark.parametrize("size", [(1, 1), (16, 12), (9, 17)])
def test_bands_are_pywavelets_and_give_the_picture_back(rng, moments, size):
    x = rng.random((2, *size)).astype(np.float32)
    bands, back = jax.jit(lambda x: (bands := analyse(x, moments), synthesise(bands, moments, size)))(x)
    coarse, details = pywt.dwt2(x, f"db{moments}")
    for got, want in zip(bands, (coarse, *details), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5)
    np.testing.assert_allclose(back, x, atol=1e-5)


def test_haar_keeps_the_energy(rng):
    x = rng.random((1, 8, 12)).astype(np.float32)
    energy = sum(float((band**2).sum()) for band in analyse(jnp.asarray(x), 1))
    np.testing.assert_allclose(energy, (x**2).sum(), rtol=1e-5)


def test_a_photograph_is_denoised_as_by_scikit_image(rng):
    clean = skimage.data.camera()[128:256, 160:288, None] / 255
    noisy = (clean + 0.1 * rng.standard_normal(clean.shape)).astype(np.float32)
    for sigma in (None, 0.1):
        want = denoise_wavelet(noisy, sigma=sigma, wavelet="db4", channel_axis=-1)
        got = ops.wavelet_denoise(noisy, sigma=sigma, wavelet="db4")
        np.testing.assert_allclose(got, want, atol=1e-5)
        assert np.sqrt(np.mean((got - clean) ** 2)) < 0.065


def test_no_noise_changes_nothing_and_flat_frames_tell_nothing_of_it(rng):
    x = rng.random((24, 20, 2)).astype(np.float32)
    np.testing.assert_allclose(ops.wavelet_denoise(x, sigma=0.0), x, atol=1e-5)
    flat = np.full((24, 20, 2), 0.25, np.float32)
    np.testing.assert_allclose(ops.wavelet_denoise(flat), flat, atol=1e-6)


def test_what_does_not_fit_is_refused():
    x = jnp.zeros((8, 8, 3))
    assert ops.wavelet_denoise(x, wavelet="haar").shape == x.shape and "db8" in WAVELETS
    with pytest.raises(ValueError, match="wavelet"):
        ops.wavelet_denoise(x, wavelet="sym4")
    with pytest.raises(ValueError, match="levels"):
        ops.wavelet_denoise(x, levels=0)
    with pytest.raises(ValueError, match="negative"):
        ops.wavelet_denoise(x, sigma=-1.0)
    with pytest.raises(ValueError, match="sigma"):
        ops.wavelet_denoise(x, sigma=np.ones(2))
