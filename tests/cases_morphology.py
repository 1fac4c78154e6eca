"""Rows of ops/morphology.py."""

import cv2
import numpy as np

from jaximg import ops
from tests.op_case import OpCase

# Lists, since the harness passes arrays traced and an element is static.
CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (5, 3)).tolist()
DISC = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15)).tolist()
CORNER = [[0, -1, -1], [1, 1, -1], [0, 1, 0]]


def _kernel(element) -> np.ndarray:
    values = np.asarray(element)
    return values.astype(np.uint8) if values.ndim == 2 else np.ones(np.broadcast_to(values, 2), np.uint8)


def _row(op, oracle, element, label: str = "", **options) -> OpCase:
    return OpCase(
        op,
        lambda image, element: oracle(image, _kernel(element)),
        "OpenCV",
        args=lambda rng, shape: (element,),
        tier="bit-exact",
        label=label,
        **options,
    )


def _composed(op, operation: int) -> OpCase:
    return _row(op, lambda image, kernel: cv2.morphologyEx(image, operation, kernel), (5, 3))


def _binary(rng, shape):
    return (rng.random(shape) < 0.6).astype(np.float32)


def _hit_or_miss(image, pattern):
    channels = [np.round(image[..., c] * 255).astype(np.uint8) for c in range(image.shape[-1])]
    found = [cv2.morphologyEx(c, cv2.MORPH_HITMISS, np.asarray(pattern, np.int32)) for c in channels]
    return np.stack(found, -1).astype(np.float32) / 255


def _soft(op, element, label: str) -> OpCase:
    return OpCase(
        op,
        lambda image, element: _log_mean_exp(image, _kernel(element), -0.05 if op is ops.soft_erode else 0.05),
        "NumPy",
        args=lambda rng, shape: (element,),
        kwargs={"temperature": 0.05},
        traced=("temperature",),
        bench_hw=None,
        label=label,
    )


def _log_mean_exp(image, kernel, temperature):
    """By filter2D of exponentials, in double precision; ones count the pixels inside the picture."""
    power = np.exp(image.astype(np.float64) / temperature)
    total, count = (
        cv2.filter2D(v, cv2.CV_64F, kernel.astype(np.float64), borderType=cv2.BORDER_CONSTANT)
        for v in (power, np.ones(image.shape))
    )
    return temperature * np.log(total / count)


CASES = [
    *(_row(ops.erode, cv2.erode, size, f"{size}x{size}") for size in (3, 15)),
    *(_row(ops.dilate, cv2.dilate, size, f"{size}x{size}") for size in (3, 15)),
    _row(ops.erode, cv2.erode, (4, 7), "4x7", bench_hw=None),
    _row(ops.dilate, cv2.dilate, (6, 2), "6x2", bench_hw=None),
    _row(ops.dilate, cv2.dilate, CROSS, "cross"),
    _row(ops.erode, cv2.erode, DISC, "disc-15"),
    _composed(ops.opening, cv2.MORPH_OPEN),
    _composed(ops.closing, cv2.MORPH_CLOSE),
    _composed(ops.top_hat, cv2.MORPH_TOPHAT),
    _composed(ops.black_hat, cv2.MORPH_BLACKHAT),
    _composed(ops.morphological_gradient, cv2.MORPH_GRADIENT),
    OpCase(
        ops.hit_or_miss,
        _hit_or_miss,
        "OpenCV",
        args=lambda rng, shape: (CORNER,),
        image=_binary,
        tier="bit-exact",
        differentiable=False,
    ),
    _soft(ops.soft_erode, (4, 3), "4x3"),
    _soft(ops.soft_dilate, 3, "3x3"),
    _soft(ops.soft_dilate, CROSS, "cross"),
]
