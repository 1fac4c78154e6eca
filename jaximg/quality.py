"""How good a picture is beside its original: one number an image.

Each takes two `(..., H, W, C)` pictures of the same shape and answers with `(...,)`. Sums are made, and answers given,
in float32 at least. All are safe under jit, vmap and grad, also where the pictures are equal or flat.
"""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from dm_pix import mae, mse

from jaximg.ops import windows
from jaximg.ops.filters import gaussian_taps
from jaximg.typing import Image, Scalar, check_image, check_size

__all__ = ["mae", "ms_ssim", "mse", "psnr", "ssim"]

MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the five scales, finest first: Wang 2003, section 3.2."""


def psnr(a: Image, b: Image, *, max_value: Scalar = 1.0) -> jax.Array:
    """Peak signal-to-noise ratio in decibels.

        PSNR = 10 log10(max_value^2 / mean((a - b)^2))

    Equal pictures have infinity, with a gradient of zero.

    Args:
      a: `(..., H, W, C)` floating point.
      b: of the same shape.
      max_value: what white is: 1, or 255 for 8-bit values held in floats.

    Returns:
      `(...,)`, in dB: 20 is bad, 30 fair, 40 hard to tell from the original.

    Raises:
      TypeError: images that are not floating point.
      ValueError: no channel axis, or two shapes.

    Example:
      >>> psnr(jnp.zeros((4, 4, 1)), jnp.full((4, 4, 1), 0.1)).round(3).item()
      20.0

    References:
      `skimage.metrics.peak_signal_noise_ratio`.
    """
    a, b = _pair(a, b)
    return _jitted_psnr(a, b, jnp.asarray(max_value, a.dtype))


@jax.jit
def _jitted_psnr(a: jax.Array, b: jax.Array, max_value: jax.Array) -> jax.Array:
    error = _mean(jnp.square(a - b)).mean(-1)
    differ = error > 0
    safe = jnp.where(differ, error, jnp.ones_like(error))
    decibels = 20 * jnp.log10(max_value) - 10 * jnp.log10(safe)
    return jnp.where(differ, decibels, jnp.full_like(decibels, jnp.inf))


def ssim(
    a: Image,
    b: Image,
    *,
    max_value: Scalar = 1.0,
    sigma: Scalar = 1.5,
    size: int = 11,
    k1: Scalar = 0.01,
    k2: Scalar = 0.03,
) -> jax.Array:
    """Structural similarity, Wang's: with a Gaussian window, where the window lies inside the picture.

        SSIM = mean of (2 m_a m_b + c1) (2 v_ab + c2) / ((m_a^2 + m_b^2 + c1) (v_a + v_b + c2))

    with the means m, variances and covariance v under the window, c1 = (k1 max_value)^2, c2 = (k2 max_value)^2; the
    channels are averaged. Equals scikit-image's with `gaussian_weights=True, use_sample_covariance=False`, sigma 1.5.

    Args:
      a: `(..., H, W, C)` floating point.
      b: of the same shape.
      max_value: what white is: 1, or 255 for 8-bit values held in floats.
      sigma: of the window in pixels. Traced or concrete.
      size: of the window in pixels, odd, static.
      k1: of the constant that steadies dark places.
      k2: of the constant that steadies flat places.

    Returns:
      `(...,)`, 1 for equal pictures, about 0 for unrelated ones.

    Raises:
      TypeError: images that are not floating point.
      ValueError: no channel axis, two shapes, an even size, or a picture smaller than the window.

    Example:
      >>> ssim(jnp.ones((16, 16, 3)), jnp.ones((16, 16, 3))).item()
      1.0

    References:
      Wang, Bovik, Sheikh, Simoncelli, Image quality assessment, IEEE TIP 13 (2004), equation 13.
      `skimage.metrics.structural_similarity`.
    """
    a, b = _pair(a, b)
    _check_window(a, size, scales=1)
    full, _ = _jitted_similarity(a, b, *_constants(a.dtype, max_value, sigma, k1, k2), size=size)
    return full.mean(-1)


def ms_ssim(
    a: Image,
    b: Image,
    *,
    max_value: Scalar = 1.0,
    weights: Sequence[float] = MS_WEIGHTS,
    sigma: Scalar = 1.5,
    size: int = 11,
) -> jax.Array:
    """Structural similarity over several scales.

        MS-SSIM = SSIM_M^w_M * product over i < M of CS_i^w_i,  CS = mean of (2 v_ab + c2) / (v_a + v_b + c2)

    Scale i + 1 is scale i averaged over 2 x 2 pixels (an odd last row or column is doubled first). A factor below zero
    counts as zero; the channels are averaged last.

    Args:
      a: `(..., H, W, C)` floating point.
      b: of the same shape.
      max_value: what white is: 1, or 255 for 8-bit values held in floats.
      weights: of the scales, finest first, static; their number is the number of scales.
      sigma: of the window in pixels. Traced or concrete.
      size: of the window in pixels, odd, static.

    Returns:
      `(...,)`, 1 for equal pictures.

    Raises:
      TypeError: images that are not floating point.
      ValueError: no channel axis, two shapes, an even size, or a coarsest picture smaller than the window.

    Example:
      >>> ms_ssim(jnp.ones((176, 176, 1)), jnp.ones((176, 176, 1))).item()
      1.0

    References:
      Wang, Simoncelli, Bovik, Multiscale structural similarity, Asilomar 2003, equation 7.
      `tf.image.ssim_multiscale`.
    """
    a, b = _pair(a, b)
    _check_window(a, size, scales=len(weights))
    constants = _constants(a.dtype, max_value, sigma, 0.01, 0.03)
    return _jitted_ms_ssim(a, b, *constants, size=size, weights=tuple(weights))


@partial(jax.jit, static_argnames=("size", "weights"))
def _jitted_ms_ssim(
    a: jax.Array,
    b: jax.Array,
    sigma: jax.Array,
    c1: jax.Array,
    c2: jax.Array,
    *,
    size: int,
    weights: tuple[float, ...],
) -> jax.Array:
    product = jnp.ones((*a.shape[:-3], a.shape[-1]), a.dtype)
    for scale, weight in enumerate(weights):
        full, contrast = _jitted_similarity(a, b, sigma, c1, c2, size=size)
        factor = full if scale == len(weights) - 1 else contrast
        positive = factor > 0
        power = jnp.where(positive, factor, jnp.ones_like(factor)) ** jnp.asarray(weight, a.dtype)
        product = product * jnp.where(positive, power, jnp.zeros_like(power))
        a, b = _halve(a), _halve(b)
    return product.mean(-1)


@partial(jax.jit, static_argnames=("size",))
def _jitted_similarity(
    a: jax.Array, b: jax.Array, sigma: jax.Array, c1: jax.Array, c2: jax.Array, *, size: int
) -> tuple[jax.Array, jax.Array]:
    """Means of the SSIM map and of its contrast-structure part, `(..., C)` each."""
    middle = (_mean(a) + _mean(b))[..., None, None, :] / 2  # variances of small numbers lose fewer digits
    a, b = windows.materialise((a - middle, b - middle))
    taps = gaussian_taps(sigma, size // 2, a.dtype)
    moments = windows.apart(lambda a, b: jnp.stack([a, b, a * a + b * b, a * b]))(a, b)
    columns = windows.apart(lambda x, w: windows.correlate_valid(x, w[:, None]))(moments, taps)
    mean_a, mean_b, squares, product = windows.apart(lambda x, w: windows.correlate_valid(x, w[None]))(columns, taps)
    maps = windows.apart(_similarity_maps)(mean_a, mean_b, squares, product, middle, c1, c2)
    full, contrast = (_mean(x) for x in maps)
    return full, contrast


def _similarity_maps(
    mean_a: jax.Array,
    mean_b: jax.Array,
    squares: jax.Array,
    product: jax.Array,
    middle: jax.Array,
    c1: jax.Array,
    c2: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    contrast = (2 * (product - mean_a * mean_b) + c2) / (squares - mean_a * mean_a - mean_b * mean_b + c2)
    a, b = mean_a + middle, mean_b + middle
    return contrast * (2 * a * b + c1) / (a * a + b * b + c1), contrast


def _constants(
    dtype: jnp.dtype, max_value: Scalar, sigma: Scalar, k1: Scalar, k2: Scalar
) -> tuple[jax.Array, jax.Array, jax.Array]:
    white = jnp.asarray(max_value, dtype)
    c1, c2 = (jnp.square(jnp.asarray(k, dtype) * white) for k in (k1, k2))
    return jnp.asarray(sigma, dtype), c1, c2


def _halve(x: jax.Array) -> jax.Array:
    height, width = x.shape[-3:-1]
    x = windows.pad(x, (0, height % 2), (0, width % 2), "edge")
    return windows.materialise(sum(x[..., i::2, j::2, :] for i in (0, 1) for j in (0, 1)) / 4)


def _mean(x: jax.Array) -> jax.Array:
    """The mean over height and width, rows first, so that float32 keeps its digits and the vector lanes work."""
    height, width, channels = x.shape[-3:]
    rows = windows.materialise(x).reshape(*x.shape[:-3], height, width * channels)
    columns = windows.materialise(rows.sum(-2)).reshape(*x.shape[:-3], width, channels)
    return windows.materialise(columns.sum(-2) / (height * width))


def _pair(a: Image, b: Image) -> tuple[jax.Array, jax.Array]:
    a, b = check_image(a, name="a"), check_image(b, name="b")
    if a.shape != b.shape:
        raise ValueError(f"a has shape {a.shape}, b {b.shape}; pictures of one size are compared: crop or resize one")
    dtype = windows.wide(jnp.promote_types(a.dtype, b.dtype))
    return a.astype(dtype), b.astype(dtype)


def _check_window(a: jax.Array, size: int, *, scales: int) -> None:
    check_size(size, "size", odd=True)
    coarsest = tuple(-(-side // 2 ** (scales - 1)) for side in a.shape[-3:-1])
    if min(coarsest) < size:
        raise ValueError(
            f"pictures of {a.shape[-3]} x {a.shape[-2]} pixels are {coarsest[0]} x {coarsest[1]} at the coarsest "
            f"scale, smaller than the window; pass a smaller odd size={size}"
            + (" or fewer weights" if scales > 1 else "")
        )
