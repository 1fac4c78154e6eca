"""Brightness, contrast, gamma, hue and saturation: dm-pix's where they hold, ours where they don't."""

import jax
import jax.numpy as jnp
from dm_pix import adjust_brightness, adjust_contrast, hsl_to_rgb, hsv_to_rgb, solarize

from jaximg.ops import windows
from jaximg.ops.color import hsv_planes, interleave, planes
from jaximg.typing import Image, Scalar, check_image

__all__ = [
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "hsl_to_rgb",
    "hsv_to_rgb",
    "solarize",
]


def adjust_gamma(image: Image, gamma: Scalar, *, gain: Scalar = 1.0) -> jax.Array:
    """Raises every value to a power.

        out = gain * max(image, 0)^gamma

    Its gradient is finite everywhere (0 at black), where dm-pix's is infinite at 0 for gamma < 1. Values above 1 are
    not clipped.

    Args:
      image: `(..., H, W, C)` floating point, nominally in [0, 1].
      gamma: the exponent, > 0: below 1 brightens, above 1 darkens. Traced or concrete.
      gain: what the result is multiplied by.

    Returns:
      `(..., H, W, C)` in the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis.

    Example:
      >>> adjust_gamma(jnp.full((1, 1, 1), 0.25), 0.5).item()
      0.5

    References:
      `skimage.exposure.adjust_gamma`.
    """
    image = check_image(image)
    wide = windows.wide(image.dtype)
    return _jitted_power(image, jnp.asarray(gamma, wide), jnp.asarray(gain, wide))


@jax.jit
def _jitted_power(image: jax.Array, gamma: jax.Array, gain: jax.Array) -> jax.Array:
    positive = image > 0
    safe = jnp.where(positive, image, jnp.ones_like(image)).astype(gamma.dtype)
    power = jnp.exp2(gamma * jnp.log2(safe))
    return (gain * jnp.where(positive, power, jnp.zeros_like(power))).astype(image.dtype)


def adjust_hue(image: Image, delta: Scalar) -> jax.Array:
    """Turns the hue of every pixel.

        (H, S, V) -> (H + delta, S, V)

    dm-pix's, whose values it has, fails under strict dtype promotion.

    Args:
      image: `(..., H, W, 3)` RGB, floating point, nominally in [0, 1].
      delta: the angle in turns: 1/3 makes red green. Traced or concrete.

    Returns:
      `(..., H, W, 3)` in the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: not three channels.

    Example:
      >>> adjust_hue(jnp.array([[[1.0, 0.0, 0.0]]]), 1 / 3).round(5).ravel().tolist()
      [0.0, 1.0, 0.0]

    References:
      `tf.image.adjust_hue`.
    """
    image = check_image(image, channels=3)
    return _jitted_hue_saturation(image, jnp.asarray(delta, image.dtype), jnp.ones((), image.dtype))


def adjust_saturation(image: Image, factor: Scalar) -> jax.Array:
    """Multiplies the saturation of every pixel.

        (H, S, V) -> (H, clip(factor S, 0, 1), V)

    dm-pix's, whose values it has, fails under strict dtype promotion.

    Args:
      image: `(..., H, W, 3)` RGB, floating point, nominally in [0, 1].
      factor: >= 0: 0 makes grey (of the brightest channel), 1 changes nothing. Traced or concrete.

    Returns:
      `(..., H, W, 3)` in the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: not three channels.

    Example:
      >>> adjust_saturation(jnp.array([[[1.0, 0.5, 0.5]]]), 2.0).ravel().tolist()
      [1.0, 0.0, 0.0]

    References:
      `tf.image.adjust_saturation`.
    """
    image = check_image(image, channels=3)
    return _jitted_hue_saturation(image, jnp.zeros((), image.dtype), jnp.asarray(factor, image.dtype))


@jax.jit
def _jitted_hue_saturation(image: jax.Array, delta: jax.Array, factor: jax.Array) -> jax.Array:
    hue, saturation, value = hsv_planes(*planes(image))
    angle = windows.materialise(((hue + delta) % 1) * 6)
    saturation = windows.materialise(jnp.clip(saturation * factor, 0, 1))
    red = jnp.abs(angle - 3) - 1
    green = 2 - jnp.abs(angle - 2)
    blue = 2 - jnp.abs(angle - 4)
    return interleave([value * (1 - saturation + saturation * jnp.clip(c, 0, 1)) for c in (red, green, blue)])
