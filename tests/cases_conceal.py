"""Rows of ops/conceal.py and ops/antialias.py."""

import cv2
import numpy as np

from jaximg import ops
from tests.op_case import OpCase


def _block_means(image, size):
    out = np.empty_like(image)
    for y in range(0, image.shape[0], size[0]):
        for x in range(0, image.shape[1], size[1]):
            window = np.s_[y : y + size[0], x : x + size[1]]
            out[window] = image[window].mean((0, 1))
    return out


CASES = [
    OpCase(ops.pixelate, _block_means, "NumPy", args=lambda rng, shape: ((4, 5),), linear=True, bench_hw=None),
    OpCase(
        ops.blur_region,
        lambda image, sigma: cv2.GaussianBlur(image, (17, 17), float(sigma)),
        "OpenCV",
        args=lambda rng, shape: (np.float32(2.0),),
        kwargs={"radius": 8},
        linear=True,
        bench_hw=None,
    ),
    OpCase(
        ops.antialias,
        None,
        "none",
        tier="deviation",
        why="no library smooths jagged edges by steering kernels; test_antialias.py measures it on drawn scenes",
        bench_hw=None,
    ),
]
