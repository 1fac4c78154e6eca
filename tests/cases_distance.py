"""Rows of ops/distance.py."""

import cv2
import numpy as np
import scipy.ndimage

from jaximg import ops
from tests.op_case import OpCase


def blobs(rng, shape):
    """Zeros and ones in patches of some pixels."""
    smooth = scipy.ndimage.gaussian_filter(rng.random(shape), (2, 2, 0))
    return (smooth > np.quantile(smooth, 0.4)).astype(np.float32)


def _distance(image):
    """Where a channel has no zero, SciPy measures to a point outside; ours says height + width."""
    channels = np.moveaxis(image, -1, 0)
    far = np.full(image.shape[:2], sum(image.shape[:2]))
    return np.stack([far if c.all() else scipy.ndimage.distance_transform_edt(c) for c in channels], -1)


def _opencv(image):
    return cv2.distanceTransform((image != 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


CASES = [
    OpCase(
        ops.distance_transform,
        _distance,
        "SciPy",
        image=blobs,
        differentiable=False,
        bench_oracle=lambda image: (
            _opencv(image) if image.ndim == 2 else [_opencv(c) for c in np.moveaxis(image, -1, 0)]
        ),
    ),
    OpCase(
        ops.soft_distance_transform,
        None,
        "NumPy",
        why="its limit is distance_transform: test_distance.py",
        kwargs={"radius": 6, "temperature": 0.5},
        traced=("temperature",),
        bench_hw=None,
    ),
]
