import numpy as np
import scipy.ndimage
import skimage.data

from jaximg import ops

KERNEL = np.ones((5, 5), np.float32) / 25


def blurred():
    sharp = skimage.data.camera()[100:228, 150:278].astype(np.float32)[..., None] / 255
    return sharp, scipy.ndimage.convolve(sharp, KERNEL[..., None], mode="wrap")


def psnr(a, b):
    return -10 * np.log10(np.mean((np.asarray(a) - b) ** 2))


def test_wiener_sharpens_a_box_blur_by_six_decibels():
    sharp, soft = blurred()
    assert psnr(ops.wiener(soft, KERNEL, 1e-3), sharp) > psnr(soft, sharp) + 6


def test_richardson_lucy_sharpens_and_stays_positive():
    sharp, soft = blurred()
    restored = ops.richardson_lucy(soft, KERNEL, 20, border="wrap")
    assert psnr(restored, sharp) > psnr(soft, sharp) + 4
    assert np.asarray(restored).min() >= 0
