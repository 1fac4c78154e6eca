"""Rows of ops/hough.py."""

import cv2
import numpy as np

from jaximg import ops
from tests.op_case import OpCase


def drawing(rng, shape):
    """Two lines, a circle and some specks, drawn one pixel wide."""
    height, width = shape[:2]
    picture = (rng.random((height, width)) < 0.01).astype(np.uint8)
    cv2.line(picture, (0, height // 3), (width - 1, height // 2), 1)
    cv2.line(picture, (width // 4, 0), (width // 4, height - 1), 1)
    cv2.circle(picture, (width // 2, height // 2), min(height, width) // 3, 1)
    return picture[..., None].astype(np.float32)


CASES = [
    OpCase(
        ops.hough_lines,
        None,
        "OpenCV",
        why="peaks in order of votes: test_hough.py compares them with OpenCV's",
        image=drawing,
        channels=(1,),
        kwargs={"threshold": 5.0, "count": 4},
        traced=("threshold",),
        differentiable=False,
        bench_hw=(512, 512),
        bench_oracle=lambda image: cv2.HoughLines(image.astype(np.uint8), 1, np.pi / 180, 5),
        serial=True,
    ),
    OpCase(
        ops.hough_circles,
        None,
        "NumPy",
        why="peaks in order of scores: test_hough.py counts votes one by one",
        args=lambda rng, shape: (tuple(range(5, 11)),),
        image=drawing,
        channels=(1,),
        kwargs={"count": 3, "threshold": 0.2},
        traced=("threshold",),
        differentiable=False,
        bench_hw=None,
    ),
]
