"""Rows of ops/edges.py and ops/canny.py."""

import cv2
import numpy as np
import scipy.ndimage
import skimage.filters

from jaximg import ops
from tests.op_case import OpCase, bytes_as_float


def _static(*values):
    return lambda rng, shape: values


def _floats(*values: float):
    return lambda rng, shape: tuple(np.float32(v) for v in values)


def _per_channel(f):
    """A two-dimensional function of one channel as one of `(H, W, C)`."""
    return lambda image, *args: np.stack([f(image[..., c], *args) for c in range(image.shape[-1])], -1)


def _sobel(dx: int, dy: int, size: int) -> OpCase:
    return OpCase(
        ops.sobel,
        lambda image, dx, dy: cv2.Sobel(image, -1, dx, dy, ksize=size),
        "OpenCV",
        args=_static(dx, dy),
        kwargs={"size": size},
        linear=True,
        atol=1e-5 if size < 7 else 2e-4,
        tier="1e-5" if size < 7 else "deviation",
        why="" if size < 7 else "not normalised: values of hundreds, where 2e-4 is 1e-6 of them",
        loose=1e-5 if size < 7 else 2e-4,
        label=f"{size}-{dx}-{dy}",
    )


def _laplacian(size: int) -> OpCase:
    return OpCase(
        ops.laplacian,
        lambda image: cv2.Laplacian(image, -1, ksize=size),
        "OpenCV",
        kwargs={"size": size},
        linear=True,
        atol=1e-5 if size < 5 else 3e-4,
        tier="1e-5" if size < 5 else "deviation",
        why="" if size < 5 else "not normalised: values of hundreds, where 3e-4 is 1e-6 of them",
        label=str(size),
    )


def _prewitt(image, dx, dy):
    return scipy.ndimage.prewitt(image, axis=1 if dx else 0, mode="mirror")


def _roberts(image, diagonal):
    f = skimage.filters.roberts_pos_diag if diagonal == "falling" else skimage.filters.roberts_neg_diag
    return f(np.pad(image, 1, mode="reflect"))[:-2, :-2]  # scikit-image's anchor is the upper left pixel


def _log(image, sigma):
    return scipy.ndimage.gaussian_laplace(image, float(sigma), mode="mirror", truncate=6 / float(sigma))


def _dog(image, low, high):
    return skimage.filters.difference_of_gaussians(
        image, float(low), float(high), mode="mirror", channel_axis=-1, truncate=8 / float(high)
    )


class _Bytes:
    """Converts a picture once, so that a benchmark times OpenCV on the bytes that it wants."""

    source = picture = None

    def __call__(self, image):
        if self.source is not image:
            self.source, self.picture = image, image.astype(np.uint8)
        return self.picture


def _canny(l2_gradient: bool) -> OpCase:
    as_bytes = _Bytes()

    def bench(image, low, high):
        return cv2.Canny(as_bytes(image), float(low), float(high), L2gradient=l2_gradient)

    def oracle(image, low, high):
        return (bench(image, low, high) > 0)[..., None].astype(np.float32)

    return OpCase(
        ops.canny,
        oracle,
        "OpenCV",
        args=_floats(50, 150),
        kwargs={"l2_gradient": l2_gradient},
        image=bytes_as_float,
        tier="bit-exact",
        differentiable=False,
        bench_oracle=bench,
        label="l2" if l2_gradient else "l1",
    )


def _soft_canny(l2_gradient: bool) -> OpCase:
    return OpCase(
        ops.soft_canny,
        None,
        "NumPy",
        why="its limit is canny: test_edges.py",
        args=_floats(0.3, 0.9),
        kwargs={"temperature": 0.05, "l2_gradient": l2_gradient},
        traced=("temperature",),
        bench_hw=None,
        label="l2" if l2_gradient else "l1",
    )


CASES = [
    *(_sobel(*case) for case in [(1, 0, 3), (0, 1, 3), (1, 1, 3), (0, 2, 1), (1, 0, 5), (0, 1, 7)]),
    OpCase(
        ops.scharr,
        lambda image, dx, dy: cv2.Scharr(image, -1, dx, dy),
        "OpenCV",
        args=_static(1, 0),
        linear=True,
    ),
    OpCase(ops.prewitt, _per_channel(_prewitt), "SciPy", args=_static(0, 1), linear=True),
    *(
        OpCase(
            ops.roberts,
            _per_channel(_roberts),
            "scikit-image",
            args=_static(diagonal),
            linear=True,
            label=diagonal,
        )
        for diagonal in ("falling", "rising")
    ),
    *(_laplacian(size) for size in (1, 3, 5)),
    OpCase(ops.log, _per_channel(_log), "SciPy", args=_floats(1.5), kwargs={"radius": 6}, linear=True),
    OpCase(ops.dog, _dog, "scikit-image", args=_floats(2.0, 2.0), kwargs={"radius": 8}, linear=True),
    _canny(False),
    _canny(True),
    _soft_canny(False),
    _soft_canny(True),
]
