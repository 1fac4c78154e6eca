"""The same work by scikit-image, kornia and dm-pix: op name -> {library: prepare(image, args, kwargs) -> timed call}.

`prepare` does what a user of that library does once (tensors, layouts); only the call it returns is timed.
"""

from collections.abc import Callable
from typing import Any

import dm_pix
import jax
import kornia
import numpy as np
import skimage.feature
import skimage.filters
import skimage.morphology
import skimage.restoration
import skimage.transform
import torch

Prepare = Callable[[np.ndarray, tuple, dict], Callable[[], Any]]


def _torch(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]


def _kornia(function: Callable[..., Any]) -> Prepare:
    def prepare(image: np.ndarray, args: tuple, kwargs: dict) -> Callable[[], Any]:
        tensor = _torch(image)

        def run() -> Any:
            with torch.inference_mode():
                return function(tensor, *args, **kwargs)

        return run

    return prepare


def _skimage(function: Callable[..., Any]) -> Prepare:
    def prepare(image: np.ndarray, args: tuple, kwargs: dict) -> Callable[[], Any]:
        picture = image[..., 0] if image.shape[-1] == 1 else image
        return lambda: function(picture, *args, **kwargs)

    return prepare


def _pix(function: Callable[..., Any]) -> Prepare:
    def prepare(image: np.ndarray, args: tuple, kwargs: dict) -> Callable[[], Any]:
        array = jax.device_put(image)
        jitted = jax.jit(lambda x: function(x, *args, **kwargs))
        return lambda: jax.block_until_ready(jitted(array))

    return prepare


def _axis(image: np.ndarray) -> int | None:
    return -1 if image.ndim == 3 else None


MODES = {"nearest": "nearest", "linear": "bilinear", "cubic": "bicubic", "area": "area"}
"""Our names of interpolations, and torch's."""
K = kornia.filters
M = kornia.morphology
PEERS: dict[str, dict[str, Prepare]] = {
    "filter2d": {"kornia": _kornia(lambda x, k: K.filter2d(x, torch.from_numpy(k)[None]))},
    "sep_filter2d": {
        "kornia": _kornia(
            lambda x, kx, ky: K.filter2d_separable(x, torch.from_numpy(kx)[None], torch.from_numpy(ky)[None])
        )
    },
    "gaussian_blur": {
        "kornia": _kornia(lambda x, s, radius: K.gaussian_blur2d(x, (2 * radius + 1,) * 2, (float(s),) * 2)),
        "dm-pix": _pix(lambda x, s, radius: dm_pix.gaussian_blur(x, float(s), 2 * radius + 1)),
        "scikit-image": _skimage(
            lambda x, s, radius: skimage.filters.gaussian(
                x, float(s), truncate=radius / float(s), channel_axis=_axis(x), mode="mirror"
            )
        ),
    },
    "box_blur": {"kornia": _kornia(lambda x, size: K.box_blur(x, size))},
    "unsharp_mask": {
        "kornia": _kornia(lambda x, s, radius, amount: K.unsharp_mask(x, (2 * radius + 1,) * 2, (float(s),) * 2)),
        "scikit-image": _skimage(
            lambda x, s, radius, amount: skimage.filters.unsharp_mask(x, float(s), amount, channel_axis=_axis(x))
        ),
    },
    "median_blur": {
        "kornia": _kornia(lambda x, size: K.median_blur(x, size)),
        "scikit-image": _skimage(
            lambda x, size: skimage.filters.median(x, np.ones((size, size, 1)[: x.ndim]), mode="nearest")
        ),
    },
    "bilateral_filter": {
        "kornia": _kornia(lambda x, d, c, s: K.bilateral_blur(x, d, float(c), (float(s),) * 2)),
        "scikit-image": _skimage(
            lambda x, d, c, s: skimage.restoration.denoise_bilateral(
                x, d, sigma_color=float(c), sigma_spatial=float(s), channel_axis=_axis(x)
            )
        ),
    },
    "sobel": {"kornia": _kornia(lambda x, *a, **k: K.spatial_gradient(x, normalized=False))},
    "laplacian": {"kornia": _kornia(lambda x, *a, **k: K.laplacian(x, 3, normalized=False))},
    "canny": {
        "kornia": _kornia(lambda x, *a, **k: K.canny(x)),
        "scikit-image": _skimage(
            lambda x, *a, **k: skimage.feature.canny(
                x if x.ndim == 2 else x.mean(-1), low_threshold=0.1, high_threshold=0.2
            )
        ),
    },
    "erode": {"kornia": _kornia(lambda x, size: M.erosion(x, torch.from_numpy(_element(size))))},
    "dilate": {
        "kornia": _kornia(lambda x, size: M.dilation(x, torch.from_numpy(_element(size)))),
        "scikit-image": _skimage(
            lambda x, size: skimage.morphology.dilation(x, _element(size)[..., None] if x.ndim == 3 else _element(size))
        ),
    },
    "opening": {"kornia": _kornia(lambda x, size: M.opening(x, torch.from_numpy(_element(size))))},
    "closing": {"kornia": _kornia(lambda x, size: M.closing(x, torch.from_numpy(_element(size))))},
    "match_template": {
        "scikit-image": _skimage(lambda x, t, **k: skimage.feature.match_template(x, t[..., 0] if x.ndim == 2 else t)),
    },
    "resize": {
        "scikit-image": _skimage(lambda x, shape, **k: skimage.transform.resize(x, shape, order=1)),
        "kornia": _kornia(
            lambda x, shape, method="linear", antialias=False: kornia.geometry.resize(
                x, shape, MODES[method], align_corners=None, antialias=antialias
            )
        ),
    },
    "warp_affine": {
        "kornia": _kornia(
            lambda x, m, method="linear", **k: kornia.geometry.warp_affine(
                x, torch.from_numpy(m)[None], x.shape[-2:], MODES[method]
            )
        ),
        "dm-pix": _pix(lambda x, m, **k: dm_pix.affine_transform(x, _pix_matrix(m))),
    },
    "remap": {
        "kornia": _kornia(
            lambda x, u, v, method="linear", **k: kornia.geometry.remap(
                x, torch.from_numpy(u)[None], torch.from_numpy(v)[None], MODES[method], align_corners=True
            )
        )
    },
    "nl_means": {
        "scikit-image": _skimage(
            lambda x, *a, **k: skimage.restoration.denoise_nl_means(x, 7, 10, 0.1, channel_axis=_axis(x))
        )
    },
    "tv_denoise": {
        "scikit-image": _skimage(
            lambda x, weight, **k: skimage.restoration.denoise_tv_chambolle(
                x, float(weight), eps=0, max_num_iter=k.get("iterations", 50), channel_axis=_axis(x)
            )
        )
    },
}


def _element(size: int | tuple[int, int] | np.ndarray) -> np.ndarray:
    """A structuring element: of a size, or as it is given (an array, or rows of numbers)."""
    given = np.asarray(size, np.float32)
    return given if given.ndim == 2 else np.ones(np.broadcast_to(given.astype(int), (2,)), np.float32)


def _pix_matrix(matrix: np.ndarray) -> np.ndarray:
    """OpenCV's forward (x, y) matrix as dm-pix's backward (y, x) one."""
    full = np.vstack([matrix, [0, 0, 1]]) if matrix.shape[0] == 2 else matrix
    swap = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    inverse = (swap @ np.linalg.inv(full) @ swap).astype(np.float32)
    out = np.eye(4, dtype=np.float32)
    out[:2, :2], out[:2, 3] = inverse[:2, :2], inverse[:2, 2]
    return out
