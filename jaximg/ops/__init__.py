"""Pure functions on images: `(..., H, W, C)` floating point in, the same out.

Borders carry numpy's names and default to "reflect", OpenCV's REFLECT_101. Everything is safe under `jax.jit`,
`jax.vmap` and `jax.grad`, keeps the dtype, and does not retrace when a sigma, a threshold or a strength changes.
"""

from jaximg.ops.adjust import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    hsl_to_rgb,
    hsv_to_rgb,
    solarize,
)
from jaximg.ops.antialias import antialias
from jaximg.ops.bilateral import bilateral_filter, joint_bilateral_filter
from jaximg.ops.canny import canny, soft_canny
from jaximg.ops.chamfer import chamfer_match
from jaximg.ops.color import (
    lab_to_rgb,
    linear_to_rgb,
    rgb_to_grayscale,
    rgb_to_hsl,
    rgb_to_hsv,
    rgb_to_lab,
    rgb_to_linear,
    rgb_to_ycbcr,
    ycbcr_to_rgb,
)
from jaximg.ops.components import connected_components, remove_small_objects
from jaximg.ops.conceal import blur_region, pixelate
from jaximg.ops.contour import contour, fourier_descriptor
from jaximg.ops.dct import block_dct, block_idct
from jaximg.ops.deconvolve import richardson_lucy, wiener
from jaximg.ops.denoise import dct_denoise, tv_denoise
from jaximg.ops.distance import distance_transform, soft_distance_transform
from jaximg.ops.dtypes import to_float, to_uint8, to_uint16
from jaximg.ops.edges import dog, laplacian, log, prewitt, roberts, scharr, sobel
from jaximg.ops.exemplar import inpaint_exemplar
from jaximg.ops.filters import box_blur, filter2d, gaussian_blur, sep_filter2d, unsharp_mask
from jaximg.ops.hough import hough_circles, hough_lines
from jaximg.ops.inpaint import inpaint_biharmonic, inpaint_harmonic
from jaximg.ops.layout import (
    center_crop,
    depth_to_space,
    extract_patches,
    flip_left_right,
    flip_up_down,
    pad_to_size,
    random_crop,
    random_flip_left_right,
    random_flip_up_down,
    rot90,
    space_to_depth,
)
from jaximg.ops.match import match_template
from jaximg.ops.moments import hu_moments, match_shapes, moments
from jaximg.ops.morphology import (
    black_hat,
    closing,
    dilate,
    erode,
    hit_or_miss,
    morphological_gradient,
    opening,
    soft_dilate,
    soft_erode,
    top_hat,
)
from jaximg.ops.nl_means import nl_means
from jaximg.ops.peaks import Peaks, find_peaks
from jaximg.ops.rank import median_blur, percentile_filter, rank_filter, soft_median_blur
from jaximg.ops.register import Alignment, Shift, ecc, phase_correlation
from jaximg.ops.resize import resize
from jaximg.ops.search import Matches, match_search
from jaximg.ops.shape_context import shape_context, shape_context_distance
from jaximg.ops.sharding import sharded
from jaximg.ops.skeleton import skeletonize
from jaximg.ops.smooth import anisotropic_diffusion, guided_filter
from jaximg.ops.warp import remap, rotate, rotation_matrix, warp_affine, warp_perspective
from jaximg.ops.wavelet import wavelet_denoise

__all__ = [
    "Alignment",
    "Matches",
    "Peaks",
    "Shift",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "anisotropic_diffusion",
    "antialias",
    "bilateral_filter",
    "black_hat",
    "block_dct",
    "block_idct",
    "blur_region",
    "box_blur",
    "canny",
    "center_crop",
    "chamfer_match",
    "closing",
    "connected_components",
    "contour",
    "dct_denoise",
    "depth_to_space",
    "dilate",
    "distance_transform",
    "dog",
    "ecc",
    "erode",
    "extract_patches",
    "filter2d",
    "find_peaks",
    "flip_left_right",
    "flip_up_down",
    "fourier_descriptor",
    "gaussian_blur",
    "guided_filter",
    "hit_or_miss",
    "hough_circles",
    "hough_lines",
    "hsl_to_rgb",
    "hsv_to_rgb",
    "hu_moments",
    "inpaint_biharmonic",
    "inpaint_exemplar",
    "inpaint_harmonic",
    "joint_bilateral_filter",
    "lab_to_rgb",
    "laplacian",
    "linear_to_rgb",
    "log",
    "match_search",
    "match_shapes",
    "match_template",
    "median_blur",
    "moments",
    "morphological_gradient",
    "nl_means",
    "opening",
    "pad_to_size",
    "percentile_filter",
    "phase_correlation",
    "pixelate",
    "prewitt",
    "random_crop",
    "random_flip_left_right",
    "random_flip_up_down",
    "rank_filter",
    "remap",
    "remove_small_objects",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsl",
    "rgb_to_hsv",
    "rgb_to_lab",
    "rgb_to_linear",
    "rgb_to_ycbcr",
    "richardson_lucy",
    "roberts",
    "rot90",
    "rotate",
    "rotation_matrix",
    "scharr",
    "sep_filter2d",
    "shape_context",
    "shape_context_distance",
    "sharded",
    "skeletonize",
    "sobel",
    "soft_canny",
    "soft_dilate",
    "soft_distance_transform",
    "soft_erode",
    "soft_median_blur",
    "solarize",
    "space_to_depth",
    "to_float",
    "to_uint8",
    "to_uint16",
    "top_hat",
    "tv_denoise",
    "unsharp_mask",
    "warp_affine",
    "warp_perspective",
    "wavelet_denoise",
    "wiener",
    "ycbcr_to_rgb",
]
