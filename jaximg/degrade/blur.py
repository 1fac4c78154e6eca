"""Blur: of the lens out of focus, of a camera that moves, Gaussian."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from jaximg.degrade.batch import each
from jaximg.ops import windows
from jaximg.ops.filters import filter2d, gaussian_blur
from jaximg.typing import Border, Image, Key, Scalar, check_choice, check_image, is_traced

KINDS = ("gaussian", "motion", "defocus")


def blur(
    key: Key,
    image: Image,
    *,
    size: Scalar,
    kind: str = "gaussian",
    angle: Scalar | None = None,
    radius: int | None = None,
    border: Border = "reflect",
) -> jax.Array:
    """Blurs with a kernel of a kind, normalised to sum to one.

        gaussian: exp(-r^2 / (2 size^2));  defocus: 1 within a disc of radius size, its rim antialiased;
        motion: 1 along a line of length size, turned by angle, antialiased

    Args:
      key: of `jax.random.key`; used for the angle of "motion" alone, each picture of a batch getting its own.
      image: `(..., H, W, C)` floating point, any range.
      size: in pixels: sigma, radius of the disc, or length of the line. Traced or concrete.
      kind: "gaussian", "motion" or "defocus".
      angle: of the motion in radians, from the x axis towards the y axis; None for a random one.
      radius: half width of the kernel in pixels, static; a traced size needs it given.
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".

    Returns:
      `(..., H, W, C)` in the image's dtype. Linear in the image.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, an unknown kind, or a traced size without radius.

    Example:
      >>> blur(jax.random.key(0), jnp.ones((16, 16, 3)), size=5.0, kind="motion").round(5).min().item()
      1.0

    References:
      Gonzalez and Woods, Digital Image Processing, section 5.6.
    """
    image = check_image(image)
    check_choice(kind, KINDS, "kind")
    if kind == "gaussian":
        return gaussian_blur(image, size, radius=radius, border=border)
    if radius is None:
        if is_traced(size):
            raise ValueError("a traced size cannot set the kernel's size: pass radius=, at least half the longest line")
        radius = math.ceil(float(np.asarray(size)) / (2 if kind == "motion" else 1)) + 1
    dtype = windows.wide(image.dtype)
    width = jnp.asarray(size, dtype)
    if kind == "defocus":
        return filter2d(image, disc_kernel(width, radius).astype(image.dtype), border=border)
    if angle is not None:
        kernel = line_kernel(width, jnp.asarray(angle, dtype), radius)
        return filter2d(image, kernel.astype(image.dtype), border=border)

    def moved(key: Key, picture: jax.Array) -> jax.Array:
        turn = jax.random.uniform(key, (), dtype, maxval=math.pi)
        return filter2d(picture, line_kernel(width, turn, radius).astype(picture.dtype), border=border)

    return each(moved, key, image)


def disc_kernel(size: jax.Array, radius: int) -> jax.Array:
    """A disc of radius `size` pixels with a soft rim, `(2 * radius + 1,) * 2`, summing to one.

    Example:
      >>> disc_kernel(jnp.float32(1.0), 2).shape
      (5, 5)
    """
    y, x = _grid(radius, size.dtype)
    return _normalised(jnp.clip(size + 0.5 - jnp.sqrt(x * x + y * y), 0, 1))


def line_kernel(length: jax.Array, angle: jax.Array, radius: int) -> jax.Array:
    """A line of `length` pixels through the middle, one pixel wide with soft rims, summing to one.

    Example:
      >>> line_kernel(jnp.float32(3.0), jnp.float32(0.0), 2)[2].round(3).tolist()
      [0.0, 0.3330000042915344, 0.3330000042915344, 0.3330000042915344, 0.0]
    """
    y, x = _grid(radius, length.dtype)
    along = x * jnp.cos(angle) + y * jnp.sin(angle)
    across = y * jnp.cos(angle) - x * jnp.sin(angle)
    ends = jnp.clip(jnp.maximum(length, 1) / 2 + 0.5 - jnp.abs(along), 0, 1)
    return _normalised(ends * jnp.clip(1 - jnp.abs(across), 0, 1))


def _grid(radius: int, dtype: jnp.dtype) -> tuple[jax.Array, jax.Array]:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return jnp.asarray(y, dtype), jnp.asarray(x, dtype)


def _normalised(kernel: jax.Array) -> jax.Array:
    return kernel / kernel.sum()
