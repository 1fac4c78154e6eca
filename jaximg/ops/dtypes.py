"""Between integer samples and the [0, 1] floats that every operator takes."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaximg.ops import windows
from jaximg.typing import Image, check_image


def to_float(samples: ArrayLike) -> jax.Array:
    """Integer samples as float32 in [0, 1].

        out = samples / 255 (uint8), samples / 65535 (uint16), 0 or 1 (bool); floats come back as they are

    Args:
      samples: any shape; bool, uint8, uint16 or floating point.

    Returns:
      The same shape, float32 (floating-point input keeps its dtype and values).

    Raises:
      TypeError: other integers, whose white is not agreed.

    Example:
      >>> to_float(np.array([0, 51, 255], np.uint8)).round(3).tolist()
      [0.0, 0.20000000298023224, 1.0]
    """
    dtype = np.dtype(getattr(samples, "dtype", None) or np.asarray(samples).dtype)
    if jnp.issubdtype(dtype, jnp.floating):
        return jnp.asarray(samples)
    white = {"bool": 1, "uint8": 255, "uint16": 65535}.get(dtype.name)
    if white is None:
        raise TypeError(
            f"samples have dtype {dtype}, whose white is not agreed; divide by it yourself: x.astype('float32') / white"
        )
    values = jnp.asarray(samples).astype(jnp.float32)
    return values if white == 1 else values / jnp.float32(white)


def to_uint8(image: Image) -> jax.Array:
    """An image in [0, 1] as 8-bit samples: clipped, then rounded to the nearest.

        out = round(clip(image, 0, 1) * 255)

    Its gradient is zero.

    Args:
      image: `(..., H, W, C)` floating point, nominally in [0, 1].

    Returns:
      `(..., H, W, C)` uint8.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis.

    Example:
      >>> to_uint8(jnp.array([[[-0.1], [0.5], [2.0]]])).ravel().tolist()
      [0, 128, 255]

    References:
      `skimage.util.img_as_ubyte`.
    """
    return _quantise(image, 255, jnp.uint8)


def to_uint16(image: Image) -> jax.Array:
    """An image in [0, 1] as 16-bit samples: clipped, then rounded to the nearest.

        out = round(clip(image, 0, 1) * 65535)

    Its gradient is zero.

    Args:
      image: `(..., H, W, C)` floating point, nominally in [0, 1].

    Returns:
      `(..., H, W, C)` uint16.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis.

    Example:
      >>> to_uint16(jnp.array([[[-0.1], [0.2], [2.0]]])).ravel().tolist()
      [0, 13107, 65535]

    References:
      `skimage.util.img_as_uint`.
    """
    return _quantise(image, 65535, jnp.uint16)


def _quantise(image: Image, white: int, dtype: type) -> jax.Array:
    image = check_image(image)
    wide = image.astype(windows.wide(image.dtype))
    return jnp.round(jnp.clip(wide, 0, 1) * jnp.asarray(white, wide.dtype)).astype(dtype)
