"""Rows of ops/skeleton.py."""

import numpy as np
import skimage.morphology

from jaximg import ops
from tests.cases_distance import blobs
from tests.op_case import OpCase


def _skeleton(image):
    planes = [skimage.morphology.skeletonize(image[..., c] != 0) for c in range(image.shape[-1])]
    return np.stack(planes, -1).astype(np.float32)


CASES = [
    OpCase(
        ops.skeletonize,
        _skeleton,
        "scikit-image",
        image=blobs,
        tier="bit-exact",
        differentiable=False,
        serial=True,
    ),
]
