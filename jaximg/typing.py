"""What an image is, and the one place where inputs are judged.

An image is a floating-point array `(..., H, W, C)`, channels last, any number of leading batch axes, nominally in
[0, 1] and never clipped. A mask is `(..., H, W, 1)` (or `(..., H, W, C)`), 1 where the pixel is known. Functions take
anything that JAX can turn into such an array, and answer anything else with an error that names the cure.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

Image: TypeAlias = jax.Array | np.ndarray
Mask: TypeAlias = jax.Array | np.ndarray
Key: TypeAlias = jax.Array
Scalar: TypeAlias = float | jax.Array | np.ndarray
Border: TypeAlias = Literal["reflect", "symmetric", "edge", "constant", "wrap"]

BORDERS: tuple[Border, ...] = ("reflect", "symmetric", "edge", "constant", "wrap")


def check_image(image: Image, *, name: str = "image", channels: int | Sequence[int] | None = None) -> jax.Array:
    """Returns `image` as a JAX array, or says what is wrong with it and how to mend it.

    Args:
      image: what the caller passed; should be a floating `(..., H, W, C)` array.
      name: the argument's name, for the message.
      channels: the numbers of channels allowed; any if None.

    Returns:
      The same values as a `jax.Array`.

    Raises:
      TypeError: not an array, or not floating point.
      ValueError: no channel axis, an empty axis, or a wrong number of channels.

    Example:
      >>> check_image(np.zeros((4, 5, 3), np.float32)).shape
      (4, 5, 3)
    """
    if not isinstance(image, jax.Array | np.ndarray):
        raise TypeError(
            f"{name} is a {type(image).__name__}; pass a numpy or jax array "
            "(jaximg.io.read loads a file, numpy.asarray converts a PIL image)"
        )
    if not jnp.issubdtype(image.dtype, jnp.floating):
        raise TypeError(
            f"{name} has dtype {image.dtype}; images are floating point: jaximg.ops.to_float(x) maps integers to "
            "[0, 1], x.astype('float32') keeps their values"
        )
    if image.ndim < 3:
        raise ValueError(
            f"{name} has shape {image.shape}; images are (..., height, width, channels): "
            "add a channel axis to a grey one with x[..., None]"
        )
    if 0 in image.shape[-3:]:
        raise ValueError(f"{name} has shape {image.shape}: an image needs at least one pixel and one channel")
    allowed = (channels,) if isinstance(channels, int) else channels
    if allowed is not None and image.shape[-1] not in allowed:
        wanted = " or ".join(map(str, allowed))
        raise ValueError(
            f"{name} has {image.shape[-1]} channels (shape {image.shape}); this needs {wanted}, "
            "channels last: jaximg.ops.rgb_to_grayscale makes one of three, jnp.moveaxis(x, 0, -1) mends a "
            "channels-first array"
        )
    return jnp.asarray(image)


def check_mask(mask: Mask, image: jax.Array, *, name: str = "mask") -> jax.Array:
    """Returns `mask` in `image`'s dtype with a channel axis, or says why it doesn't fit the image.

    Args:
      mask: `(..., H, W)`, `(..., H, W, 1)` or `(..., H, W, C)`; bool, integer 0/1 or float, 1 where the pixel is known.
      image: the `(..., H, W, C)` image that it belongs to, already checked.
      name: the argument's name, for the message.

    Returns:
      `(..., H, W, 1 or C)` in the image's dtype.

    Raises:
      TypeError: not an array.
      ValueError: a shape that doesn't match the image.

    Example:
      >>> check_mask(np.ones((4, 5), bool), jnp.zeros((4, 5, 3))).shape
      (4, 5, 1)
    """
    if not isinstance(mask, jax.Array | np.ndarray):
        raise TypeError(f"{name} is a {type(mask).__name__}; pass an array, 1 where the pixel is known")
    hw, channels = image.shape[-3:-1], image.shape[-1]
    if mask.ndim >= 2 and mask.shape[-2:] == hw and (mask.ndim < 3 or mask.shape[-3:-1] != hw):
        mask = mask[..., None]
    if mask.ndim < 3 or mask.shape[-3:-1] != hw or mask.shape[-1] not in (1, channels):
        raise ValueError(
            f"{name} has shape {mask.shape}, the image {image.shape}: "
            f"a mask is {(*hw, 1)} or {(*hw, channels)}, with the image's batch axes or none"
        )
    return jnp.asarray(mask).astype(image.dtype)


def check_choice(value: str, allowed: Sequence[str], name: str) -> None:
    """Raises ValueError, listing what is allowed, unless `value` is in `allowed`.

    Example:
      >>> check_choice("reflect", BORDERS, "border")
    """
    if value not in allowed:
        raise ValueError(f"{name}={value!r}; choose one of {', '.join(map(repr, allowed))}")


def check_size(value: int | tuple[int, int], name: str, *, odd: bool = False) -> tuple[int, int]:
    """Returns a `(height, width)` of positive static integers from one integer or a pair.

    Args:
      value: one integer for a square, or `(height, width)`, in pixels.
      name: the argument's name, for the message.
      odd: whether both must be odd.

    Returns:
      `(height, width)`.

    Raises:
      TypeError: not integers (a traced value cannot set a shape).
      ValueError: not positive, or even where odd is needed.

    Example:
      >>> check_size(3, "size")
      (3, 3)
    """
    pair = value if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2 or not all(isinstance(v, int | np.integer) and not isinstance(v, bool) for v in pair):
        raise TypeError(f"{name}={value!r}; pass a static Python int or a (height, width) pair of them")
    if min(pair) < 1 or (odd and not all(v % 2 for v in pair)):
        raise ValueError(f"{name}={value!r}; it must be positive{' and odd' if odd else ''}, in pixels")
    return int(pair[0]), int(pair[1])


def is_traced(*values: object) -> bool:
    """Whether any of `values` is a tracer, that is, unknown while jit, vmap or grad look at the function.

    Example:
      >>> is_traced(1.0, jnp.ones(3))
      False
    """
    return any(isinstance(v, jax.core.Tracer) for v in values)
