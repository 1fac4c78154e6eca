"""What the denoising networks begin with: the picture as shrinking the coefficients of overlapping blocks leaves it.

A small network that is handed a good estimate has to learn only what that misses. What is alike in distant places a
network of its reach can't compare: the grey one answers twice, and `alike` makes the second beginning of the first
answer.
"""

from functools import partial

import jax
import jax.numpy as jnp

from jaximg import ops
from jaximg.models.collaborative import collaborative_wiener
from jaximg.ops.dct import block_dct, block_idct, dct_matrix, quality_tables
from jaximg.typing import Image, Scalar

REACH = 32
"""How many pixels to each side shrinking depends on: two passes of blocks of 16 pixels."""
FAINTEST = 1e-4
"""Noise of a lower level is taken for noise of this one."""
TRUST = 0.3
"""A deblocked coefficient may leave the multiple that JPEG stored by so many steps; half a step is possible."""

_bright = partial(ops.dct_denoise, blocks=(4, 8, 16), overlap=(4, 2, 2), decorrelate=False)
_coloured = partial(ops.dct_denoise, blocks=(8, 16), overlap=2, decorrelate=False)
"""Colour is smooth, and where it isn't the eye doesn't see it."""


def denoised(image: Image, level: Scalar) -> jax.Array:
    """The picture without white noise: `ops.dct_denoise` in opponent colours, with fewer blocks over those but grey.

    Args:
      image: `(..., H, W, 1 or 3)` floating point, nominally [0, 1].
      level: the noise's standard deviation on the same scale, traced or concrete: a scalar, or a map
        `(..., H, W, 1)` that varies slowly.

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Example:
      >>> noisy = 0.1 * jax.random.normal(jax.random.key(0), (32, 32, 3))
      >>> bool(jnp.std(denoised(noisy, 0.1)) < 0.02)
      True
    """
    image = jnp.asarray(image)
    level = _broadcast(level, image)
    basis = jnp.asarray(dct_matrix(image.shape[-1]), image.dtype)
    planes = jnp.matmul(image / level, basis.T, precision="highest")
    smooth = _smooth(planes, jnp.ones(2, image.dtype))
    return jnp.matmul(smooth, basis, precision="highest") * level


def alike(image: Image, first: Image, level: Scalar) -> jax.Array:
    """The picture without white noise: `collaborative_wiener`, to which a first answer shows what is alike.

    Args:
      image: `(..., H, W, 1)` floating point, nominally [0, 1].
      first: the same shape, the answer.
      level: as `denoised` takes it.

    Returns:
      `(..., H, W, 1)`, the image's dtype.

    Raises:
      ValueError: colours, or two shapes.

    Example:
      >>> noisy = 0.1 * jax.random.normal(jax.random.key(0), (32, 32, 1))
      >>> bool(jnp.std(alike(noisy, 0.1 * noisy, 0.1)) < 0.01)
      True
    """
    image = jnp.asarray(image)
    level = _broadcast(level, image)
    return collaborative_wiener(image / level, jnp.asarray(first, image.dtype) / level) * level


def _broadcast(level: Scalar, image: jax.Array) -> jax.Array:
    level = jnp.maximum(jnp.asarray(level, image.dtype), FAINTEST)
    return level.reshape(level.shape or (1,) * image.ndim)


def deblocked(image: Image, quality: Scalar, *, whole: jax.Array | None = None) -> jax.Array:
    """A JPEG without its blocks and ringing: its rounding is taken for noise, and the luma held near what was stored.

    Args:
      image: `(..., H, W, 1 or 3)` floating point in [0, 1], a JPEG whose first block begins at its corner; H and W
        multiples of 8.
      quality: of the JPEG, 1 to 100, traced or concrete.
      whole: `(H, W, 1)`, 1 on those blocks that the coder saw whole: only these are held; None if all.

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Example:
      >>> deblocked(jnp.full((16, 16, 3), 0.5), 10).shape
      (16, 16, 3)

    References:
      Foi, Katkovnik and Egiazarian, Pointwise Shape-Adaptive DCT, IEEE TIP 2007, section V (rounding as noise).
    """
    image = jnp.asarray(image)
    tables = quality_tables(jnp.asarray(quality, image.dtype))
    coloured = image.shape[-1] == 3
    planes = ops.rgb_to_ycbcr(image) if coloured else image
    smooth = _smooth(planes, jnp.stack([rounding_noise(table) for table in tables]))
    luma = _held(planes[..., :1], smooth[..., :1], tables[0] / 255)
    luma = luma if whole is None else jnp.where(whole > 0, luma, smooth[..., :1])
    smooth = jnp.concatenate([luma, smooth[..., 1:]], -1)
    return ops.ycbcr_to_rgb(smooth) if coloured else smooth


def _smooth(planes: jax.Array, level: jax.Array) -> jax.Array:
    """Brightness, the first plane, and colours, the others; `level` of each."""
    bright = _bright(planes[..., :1], level[0])
    if planes.shape[-1] == 1:
        return bright
    return jnp.concatenate([bright, _coloured(planes[..., 1:], level[1])], -1)


def rounding_noise(table: jax.Array) -> jax.Array:
    """The sigma of white noise as harmful as rounding to multiples of `table` (Foi et al., 2007, with 0.9 for 0.69).

    Args:
      table: `(8, 8)`, quantisation steps on the 8-bit scale.

    Returns:
      A scalar, on the [0, 1] scale.

    Example:
      >>> f"{255 * rounding_noise(quality_tables(jnp.float32(20))[0]):.1f} of 255"
      '9.2 of 255'
    """
    return jnp.sqrt(0.9 * table[:3, :3].mean() ** 1.3) / 255


def _held(stored: jax.Array, smooth: jax.Array, table: jax.Array) -> jax.Array:
    """Keeps each coefficient of `smooth` within `TRUST` steps of the multiple that was stored."""
    grey = 128 / 255
    steps = jnp.tile(table[..., None], (stored.shape[-3] // 8, stored.shape[-2] // 8, 1))
    steps = steps.reshape((1,) * (stored.ndim - 3) + steps.shape)
    multiple = steps * jnp.round(block_dct(stored - grey) / steps)
    return block_idct(jnp.clip(block_dct(smooth - grey), multiple - TRUST * steps, multiple + TRUST * steps)) + grey
