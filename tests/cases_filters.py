"""Rows of ops/filters.py and ops/rank.py."""

import cv2
import numpy as np
import scipy.ndimage

from jaximg import ops
from tests.op_case import OpCase, bytes_as_float


def _kernel(kh: int, kw: int):
    return lambda rng, shape: (rng.standard_normal((kh, kw)).astype(np.float32) / (kh * kw),)


def _small_integers(rng, shape):
    return (rng.integers(-9, 10, (3, 3)).astype(np.float32),)


def _filter2d(image, kernel):
    return cv2.filter2D(image, -1, kernel)


def _sigma(value: float):
    return lambda rng, shape: (np.float32(value),)


def _static(*values):
    return lambda rng, shape: values


def _gaussian(radius: int, sigma: float) -> OpCase:
    size = 2 * radius + 1
    return OpCase(
        ops.gaussian_blur,
        lambda image, sigma: cv2.GaussianBlur(image, (size, size), float(sigma)),
        "OpenCV",
        args=_sigma(sigma),
        kwargs={"radius": radius},
        linear=True,
        label=f"{size}-taps",
    )


def _box(height: int, width: int) -> OpCase:
    return OpCase(
        ops.box_blur,
        lambda image, size: cv2.blur(image, size[::-1]),
        "OpenCV",
        args=_static((height, width)),
        linear=True,
        label=f"{height}x{width}",
    )


def _median(size: int) -> OpCase:
    return OpCase(
        ops.median_blur,
        lambda image, size: cv2.medianBlur(image, size),
        "OpenCV",
        args=_static(size),
        tier="bit-exact",
        label=f"{size}x{size}",
    )


def _unsharp(image, sigma):
    return image + 0.7 * (image - cv2.GaussianBlur(image, (13, 13), float(sigma)).reshape(image.shape))


def _unsharp_luminance(image, sigma):
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return image + 0.7 * (grey - cv2.GaussianBlur(grey, (13, 13), float(sigma)))[..., None]


def _soft_median(image, size):
    padded = np.pad(image.astype(np.float64), [(size // 2, size // 2)] * 2 + [(0, 0)], "edge")
    seen = np.lib.stride_tricks.sliding_window_view(padded, (size, size), (0, 1)).reshape(*image.shape, -1)
    distance = np.abs(seen[..., :, None] - seen[..., None, :]).mean(-1)
    weight = np.exp(-(distance - distance.min(-1, keepdims=True)) / 0.02)
    return (weight * seen).sum(-1) / weight.sum(-1)


CASES = [
    OpCase(ops.filter2d, _filter2d, "OpenCV", args=_kernel(3, 3), linear=True, label="3x3"),
    OpCase(ops.filter2d, _filter2d, "OpenCV", args=_kernel(5, 5), linear=True, label="5x5"),
    OpCase(ops.filter2d, _filter2d, "OpenCV", args=_kernel(9, 9), linear=True, label="9x9"),
    OpCase(ops.filter2d, _filter2d, "OpenCV", args=_kernel(6, 4), linear=True, label="6x4", bench_hw=None),
    OpCase(ops.filter2d, _filter2d, "OpenCV", args=_kernel(31, 31), linear=True, label="31x31"),
    OpCase(
        ops.filter2d,
        _filter2d,
        "OpenCV",
        args=_small_integers,
        image=bytes_as_float,
        tier="bit-exact",
        linear=True,
        label="8-bit",
        bench_hw=None,
    ),
    OpCase(
        ops.sep_filter2d,
        lambda image, kx, ky: cv2.sepFilter2D(image, -1, kx, ky),
        "OpenCV",
        args=lambda rng, shape: (rng.random(9).astype(np.float32), rng.random(5).astype(np.float32) / 20),
        linear=True,
        label="5x9",
    ),
    _gaussian(3, 1.0),
    _gaussian(6, 1.5),
    _gaussian(15, 4.0),
    _box(3, 3),
    _box(5, 8),
    _box(31, 31),
    OpCase(ops.unsharp_mask, _unsharp, "OpenCV", args=_sigma(1.5), kwargs={"radius": 6, "amount": 0.7}, linear=True),
    OpCase(
        ops.unsharp_mask,
        _unsharp_luminance,
        "OpenCV",
        args=_sigma(1.5),
        kwargs={"radius": 6, "amount": 0.7, "luminance": True},
        channels=(3,),
        linear=True,
        bench_hw=None,
        label="luminance",
    ),
    _median(3),
    _median(5),
    OpCase(
        ops.soft_median_blur,
        _soft_median,
        "NumPy",
        args=_static(3),
        kwargs={"temperature": 0.02},
        traced=("temperature",),
    ),
    OpCase(
        ops.rank_filter,
        lambda image, size, rank: scipy.ndimage.rank_filter(image, rank, (*size, 1), mode="nearest"),
        "SciPy",
        args=_static((5, 3), 3),
        tier="bit-exact",
        bench_hw=None,
    ),
    OpCase(
        ops.percentile_filter,
        lambda image, size, percentile: scipy.ndimage.percentile_filter(image, percentile, (*size, 1), mode="nearest"),
        "SciPy",
        args=_static((3, 5), 30),
        tier="bit-exact",
        bench_hw=None,
    ),
]
