"""Rows of ops/warp.py and ops/resize.py."""

import cv2
import numpy as np

from jaximg import ops
from tests.op_case import OpCase

INTERPOLATION = {"nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}
BORDER = {
    "constant": cv2.BORDER_CONSTANT,
    "edge": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT_101,
    "symmetric": cv2.BORDER_REFLECT,
    "wrap": cv2.BORDER_WRAP,
}


def _places(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A turn, a wave and a little noise, in part beyond the edges."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    u, v = 0.9 * x - 0.3 * y + 2.5 + np.sin(y), 0.3 * x + 0.8 * y - 1.5
    return tuple((p + 0.2 * rng.standard_normal(p.shape)).astype(np.float32) for p in (u, v))


def _affine(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[np.ndarray]:
    return (cv2.getRotationMatrix2D((shape[1] / 2, shape[0] / 2), 17, 0.9).astype(np.float32),)


def _homography(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[np.ndarray]:
    bottom = [0.1 / shape[1], 0.2 / shape[0], 1]
    return (np.vstack([_affine(rng, shape)[0], bottom]).astype(np.float32),)


def _remap(method: str, border: str) -> OpCase:
    return OpCase(
        ops.remap,
        lambda image, x, y: cv2.remap(image, x, y, INTERPOLATION[method], borderMode=BORDER[border]),
        "OpenCV",
        args=_places,
        kwargs={"method": method, "border": border},
        linear=True,
        label=f"{method}-{border}",
    )


def _warp(op, peer, args, method: str, atol: float) -> OpCase:
    return OpCase(
        op,
        lambda image, matrix: peer(image, matrix, image.shape[1::-1], flags=INTERPOLATION[method]),
        "OpenCV",
        args=args,
        kwargs={"method": method},
        atol=atol,
        linear=True,
        label=method,
    )


def _resize(method: str, flag: int, factor: float, *, bench: bool = True) -> OpCase:
    def size(shape: tuple[int, ...]) -> tuple[int, int]:
        return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))

    return OpCase(
        ops.resize,
        lambda image, size: cv2.resize(image, size[::-1], interpolation=flag),
        "OpenCV",
        args=lambda rng, shape: (size(shape),),
        kwargs={"method": method},
        linear=True,
        same_size=False,
        bench_hw=(1024, 1024) if bench else None,
        label=f"{method}-{factor}x",
    )


def _pil(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    from PIL import Image

    planes = [
        Image.fromarray(plane).resize(size[::-1], Image.Resampling.BILINEAR) for plane in np.moveaxis(image, -1, 0)
    ]
    return np.stack(planes, -1)


CASES = [
    _remap("linear", "constant"),
    _remap("linear", "edge"),
    _remap("linear", "reflect"),
    _remap("nearest", "symmetric"),
    _remap("cubic", "wrap"),
    _warp(ops.warp_affine, cv2.warpAffine, _affine, "linear", 1e-5),
    _warp(ops.warp_affine, cv2.warpAffine, _affine, "cubic", 2e-5),
    _warp(ops.warp_perspective, cv2.warpPerspective, _homography, "linear", 1e-5),
    OpCase(
        ops.rotate,
        lambda image, degrees: cv2.warpAffine(
            image,
            cv2.getRotationMatrix2D(((image.shape[1] - 1) / 2, (image.shape[0] - 1) / 2), float(degrees), 1),
            image.shape[1::-1],
        ),
        "OpenCV",
        args=lambda rng, shape: (np.float32(12.5),),
        linear=True,
    ),
    _resize("linear", cv2.INTER_LINEAR, 0.5),
    _resize("linear", cv2.INTER_LINEAR, 0.37),
    _resize("linear", cv2.INTER_LINEAR, 2),
    _resize("cubic", cv2.INTER_CUBIC, 0.37),
    _resize("cubic", cv2.INTER_CUBIC, 2),
    _resize("area", cv2.INTER_AREA, 0.37),
    _resize("nearest", cv2.INTER_NEAREST_EXACT, 1.3, bench=False),
    OpCase(
        ops.resize,
        _pil,
        "PIL",
        args=lambda rng, shape: ((max(1, round(shape[0] * 0.37)), max(1, round(shape[1] * 0.37))),),
        kwargs={"antialias": True},
        linear=True,
        same_size=False,
        label="antialias-0.37x",
    ),
]
