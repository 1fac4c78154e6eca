"""Rows of ops/filters.py."""

import cv2
import numpy as np

from jaximg import ops
from tests.op_case import OpCase


def _kernel(kh: int, kw: int):
    return lambda rng, shape: (rng.standard_normal((kh, kw)).astype(np.float32) / (kh * kw),)


def _filter2d(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return cv2.filter2D(image, -1, kernel)


CASES = [
    OpCase(ops.filter2d, _filter2d, "OpenCV", args=_kernel(3, 3), linear=True, label="3x3"),
    OpCase(ops.filter2d, _filter2d, "OpenCV", args=_kernel(5, 5), linear=True, label="5x5"),
    OpCase(ops.filter2d, _filter2d, "OpenCV", args=_kernel(9, 4), linear=True, label="9x4"),
    OpCase(
        ops.gaussian_blur,
        lambda image, sigma: cv2.GaussianBlur(image, (13, 13), float(sigma)),
        "OpenCV",
        args=lambda rng, shape: (np.float32(1.5),),
        kwargs={"radius": 6},
        linear=True,
    ),
    OpCase(
        ops.box_blur,
        lambda image, size: cv2.blur(image, (size[1], size[0])),
        "OpenCV",
        args=lambda rng, shape: ((5, 7),),
        linear=True,
    ),
]
