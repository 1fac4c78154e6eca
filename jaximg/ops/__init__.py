"""Pure functions on images: `(..., H, W, C)` floating point in, the same out.

Borders carry numpy's names and default to "reflect", OpenCV's REFLECT_101. Everything is safe under `jax.jit`,
`jax.vmap` and `jax.grad`, keeps the dtype, and does not retrace when a sigma, a threshold or a strength changes.
"""

from jaximg.ops.antialias import antialias
from jaximg.ops.canny import canny, soft_canny
from jaximg.ops.conceal import blur_region, pixelate
from jaximg.ops.denoise import dct_denoise, nl_means, tv_denoise
from jaximg.ops.edges import dog, laplacian, log, prewitt, roberts, scharr, sobel
from jaximg.ops.filters import box_blur, filter2d, gaussian_blur, sep_filter2d, unsharp_mask
from jaximg.ops.inpaint import inpaint_biharmonic, inpaint_harmonic
from jaximg.ops.rank import median_blur, rank_filter
from jaximg.ops.resize import resize
from jaximg.ops.sharding import sharded
from jaximg.ops.smooth import bilateral_filter
from jaximg.ops.warp import remap, rotate, rotation_matrix, warp_affine, warp_perspective

__all__ = [
    "antialias",
    "bilateral_filter",
    "blur_region",
    "box_blur",
    "canny",
    "dct_denoise",
    "dog",
    "filter2d",
    "gaussian_blur",
    "inpaint_biharmonic",
    "inpaint_harmonic",
    "laplacian",
    "log",
    "median_blur",
    "nl_means",
    "pixelate",
    "prewitt",
    "rank_filter",
    "remap",
    "resize",
    "roberts",
    "rotate",
    "rotation_matrix",
    "scharr",
    "sep_filter2d",
    "sharded",
    "sobel",
    "soft_canny",
    "tv_denoise",
    "unsharp_mask",
    "warp_affine",
    "warp_perspective",
]
