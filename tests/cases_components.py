"""Rows of ops/components.py."""

import cv2
import numpy as np
import scipy.ndimage

from jaximg import ops
from tests.op_case import OpCase


def specks(rng, shape):
    """Zeros and ones, in regions from one pixel up to many."""
    return (rng.random(shape) < 0.45).astype(np.float32)


def _structure(connectivity: int) -> np.ndarray:
    return scipy.ndimage.generate_binary_structure(2, 1 if connectivity == 4 else 2)


def _labels(connectivity: int):
    def oracle(image):
        planes = [scipy.ndimage.label(image[..., c], _structure(connectivity))[0] for c in range(image.shape[-1])]
        return np.stack(planes, -1)

    return oracle


def _opencv(connectivity: int):
    def bench(image):
        planes = [image] if image.ndim == 2 else np.moveaxis(image, -1, 0)
        return [cv2.connectedComponents((p != 0).astype(np.uint8), connectivity=connectivity)[1] for p in planes]

    return bench


def _large(image, size):
    out = np.zeros_like(image)
    for c in range(image.shape[-1]):
        labels, _ = scipy.ndimage.label(image[..., c], _structure(8))
        out[..., c] = np.where(np.bincount(labels.ravel())[labels] >= size, image[..., c], 0)
    return out


CASES = [
    *(
        OpCase(
            ops.connected_components,
            _labels(connectivity),
            "SciPy",
            kwargs={"connectivity": connectivity},
            image=specks,
            tier="bit-exact",
            differentiable=False,
            bench_oracle=_opencv(connectivity),
            serial=True,
            label=str(connectivity),
        )
        for connectivity in (4, 8)
    ),
    OpCase(
        ops.remove_small_objects,
        _large,
        "SciPy",
        args=lambda rng, shape: (np.float32(9),),
        image=specks,
        tier="bit-exact",
        differentiable=False,
        serial=True,
    ),
]
