"""Rows of ops/deconvolve.py."""

import numpy as np
import skimage.restoration

from jaximg import ops
from tests.op_case import OpCase


def _psf(rng, size):
    y, x = np.mgrid[:size, :size] - size // 2
    kernel = np.exp(-0.5 * (x**2 + y**2) / 1.2**2).astype(np.float32)
    return kernel / kernel.sum()


def _by_channel(function):
    def run(image, *args):
        planes = np.moveaxis(image.astype(np.float64), -1, 0)
        return np.stack([function(p, *(np.asarray(a, np.float64) for a in args)) for p in planes], -1)

    return run


CASES = [
    OpCase(
        ops.wiener,
        _by_channel(lambda x, psf, balance: skimage.restoration.wiener(x, psf, balance, clip=False)),
        "scikit-image",
        args=lambda rng, shape: (_psf(rng, 5), np.float32(0.05)),
        linear=True,
        atol=2e-5,
        smallest=10,
        bench_hw=None,
    ),
    OpCase(
        ops.richardson_lucy,
        _by_channel(lambda x, psf, n: skimage.restoration.richardson_lucy(x, psf, int(n), clip=False)),
        "scikit-image",
        args=lambda rng, shape: (_psf(rng, 5), 5),
        atol=5e-5,
        smallest=5,
        bench_hw=None,
    ),
]
