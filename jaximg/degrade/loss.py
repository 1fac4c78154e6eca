"""Pixels that get lost: scratches, holes, dropouts. Each gives the picture and a mask, 1 where the pixel is known."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaximg.degrade.batch import each, strength
from jaximg.ops import windows
from jaximg.typing import Image, Key, Scalar, check_choice, check_image

SHAPES = ("blob", "box")
WAVES = ((2, 0.15), (3, 0.1), (5, 0.05))
"""Frequency around a blob's rim and amplitude of its wobble, as a share of its radius."""


def pixel_dropout(key: Key, image: Image, *, fraction: Scalar, value: Scalar = 0.0) -> tuple[jax.Array, jax.Array]:
    """Loses single pixels, in all channels at once.

        mask = u >= fraction,  out = mask image + (1 - mask) value,  u ~ U(0, 1) at each pixel

    Args:
      key: of `jax.random.key`; one for a batch, whose pictures lose pixels of their own.
      image: `(..., H, W, C)` floating point, nominally in [0, 1].
      fraction: the share of pixels that is lost, 0 to 1; one number, or one for each picture of the batch. Traced or
        concrete.
      value: what lost pixels are set to.

    Returns:
      The image `(..., H, W, C)`, and the mask `(..., H, W, 1)` in its dtype, 1 where the pixel is known.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, or a fraction of another shape.

    Example:
      >>> out, mask = pixel_dropout(jax.random.key(0), jnp.ones((64, 64, 3)), fraction=0.5)
      >>> mask.shape, abs(mask.mean().item() - 0.5) < 0.03
      ((64, 64, 1), True)

    References:
      Bertalmio et al., Image inpainting, SIGGRAPH 2000.
    """
    image = check_image(image)
    u = jax.random.uniform(key, (*image.shape[:-1], 1), jnp.float32)
    return _without(image, u < strength(fraction, image, u.dtype, "fraction"), value)


def holes(
    key: Key,
    image: Image,
    *,
    fraction: Scalar = 0.1,
    count: int | None = None,
    shape: str = "blob",
    value: Scalar = 0.0,
) -> tuple[jax.Array, jax.Array]:
    """Loses regions: `count` blobs or boxes, or, without a count, single pixels.

    Each region has the area `fraction H W / count`; where regions overlap or leave the picture less is lost.

    Args:
      key: of `jax.random.key`; one for a batch, whose pictures get holes of their own.
      image: `(..., H, W, C)` floating point, nominally in [0, 1].
      fraction: the share of the picture that the regions have together, 0 to 1. Traced or concrete.
      count: how many regions, static; None for `pixel_dropout`.
      shape: "blob", round with a wobbling rim, or "box", with sides of one ratio from 1:2 to 2:1.
      value: what lost pixels are set to.

    Returns:
      The image `(..., H, W, C)`, and the mask `(..., H, W, 1)` in its dtype, 1 where the pixel is known.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, an unknown shape, or a count below 1.

    Example:
      >>> out, mask = holes(jax.random.key(0), jnp.ones((64, 64, 3)), count=3)
      >>> 0.85 < mask.mean().item() < 1
      True

    References:
      Pathak et al., Context encoders, CVPR 2016 (random regions).
    """
    image = check_image(image)
    check_choice(shape, SHAPES, "shape")
    if count is None:
        return pixel_dropout(key, image, fraction=fraction, value=value)
    if count < 1:
        raise ValueError(f"count={count}; at least one hole, or None for single pixels")
    height, width = image.shape[-3:-1]
    area = jnp.asarray(fraction, jnp.float32) * (height * width / count)
    lost = each(lambda k, x: _regions(k, area, hw=(height, width), count=count, shape=shape), key, image)
    return _without(image, lost, value)


def scratches(
    key: Key, image: Image, *, count: int = 8, width: Scalar = 1.5, opacity: Scalar = 0.9
) -> tuple[jax.Array, jax.Array]:
    """Draws thin curved lines, some bright, some dark.

        out = (1 - a) image + a colour,  a = opacity clip(width / 2 + 1/2 - distance to the curve, 0, 1)

    Each runs across the picture in a random direction over 0.3 to 0.9 of its diagonal, bending a little.

    Args:
      key: of `jax.random.key`; one for a batch, whose pictures get scratches of their own.
      image: `(..., H, W, C)` floating point, nominally in [0, 1].
      count: how many, static.
      width: of a scratch in pixels. Traced or concrete.
      opacity: of a scratch, 0 to 1. Traced or concrete.

    Returns:
      The image `(..., H, W, C)`, and the mask `(..., H, W, 1)` in its dtype, 1 where no scratch touches the pixel.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, or a count below 1.

    Example:
      >>> out, mask = scratches(jax.random.key(0), jnp.full((64, 64, 3), 0.5), count=3)
      >>> 0.8 < mask.mean().item() < 1
      True

    References:
      Wan et al., Bringing old photos back to life, CVPR 2020 (scratches as line art).
    """
    image = check_image(image)
    if count < 1:
        raise ValueError(f"count={count}; at least one scratch")
    width, opacity = jnp.asarray(width, jnp.float32), jnp.asarray(opacity, jnp.float32)
    return each(lambda k, x: _scratched(k, x, width, opacity, count=count), key, image)


def _without(image: jax.Array, lost: jax.Array, value: Scalar) -> tuple[jax.Array, jax.Array]:
    return jnp.where(lost, jnp.asarray(value, image.dtype), image), (~lost).astype(image.dtype)


@partial(jax.jit, static_argnames=("hw", "count", "shape"))
def _regions(key: Key, area: jax.Array, *, hw: tuple[int, int], count: int, shape: str) -> jax.Array:
    """Where regions of `area` pixels lie, `(H, W, 1)` bool."""
    y, x = _pixels(hw)

    def add(lost: jax.Array, key: Key) -> tuple[jax.Array, None]:
        where, ratio, phases = jax.random.split(key, 3)
        centre = jax.random.uniform(where, (2,), jnp.float32) * jnp.asarray(hw, jnp.float32)
        dy, dx = y - centre[0], x - centre[1]
        if shape == "box":
            stretch = jnp.exp2(jax.random.uniform(ratio, (), jnp.float32, minval=-0.5, maxval=0.5))
            half = jnp.sqrt(area) / 2
            inside = (jnp.abs(dy) < half * stretch) & (jnp.abs(dx) < half / stretch)
        else:
            inside = jnp.hypot(dy, dx) < _rim(
                jnp.arctan2(dy, dx), jax.random.uniform(phases, (len(WAVES),), jnp.float32), area
            )
        return lost | inside, None

    lost, _ = jax.lax.scan(add, jnp.zeros(hw, bool), jax.random.split(key, count))
    return lost[..., None]


def _rim(theta: jax.Array, phases: jax.Array, area: jax.Array) -> jax.Array:
    """Radius of a blob of `area` pixels in every direction."""
    wobble = sum(a * jnp.sin(n * theta + 2 * math.pi * phases[i]) for i, (n, a) in enumerate(WAVES))
    # The area within r (1 + w) is pi r^2 (1 + mean w^2).
    swell = 1 + sum(a * a for _, a in WAVES) / 2
    return jnp.sqrt(area / (math.pi * swell)) * (1 + wobble)


@partial(jax.jit, static_argnames=("count",))
def _scratched(
    key: Key, image: jax.Array, width: jax.Array, opacity: jax.Array, *, count: int
) -> tuple[jax.Array, jax.Array]:
    y, x = _pixels((image.shape[0], image.shape[1]))
    wide = image.astype(windows.wide(image.dtype))

    def add(state: tuple[jax.Array, jax.Array], key: Key) -> tuple[tuple[jax.Array, jax.Array], None]:
        out, known = state
        drawing, colouring = jax.random.split(key)
        cover = jnp.clip(width / 2 + 0.5 - _distance(drawing, y, x), 0, 1)[..., None]
        draw = jax.random.uniform(colouring, (2,), jnp.float32)
        colour = jnp.where(draw[0] < 0.5, 0.15 * draw[1], 1 - 0.15 * draw[1]).astype(out.dtype)
        alpha = (opacity * cover).astype(out.dtype)
        return (out + alpha * (colour - out), known & (cover == 0)), None

    start = (wide, jnp.ones((*image.shape[:2], 1), bool))
    (out, known), _ = jax.lax.scan(add, start, jax.random.split(key, count))
    return out.astype(image.dtype), known.astype(image.dtype)


def _distance(key: Key, y: jax.Array, x: jax.Array) -> jax.Array:
    """Distance of every pixel to one random curve, in pixels."""
    height, width = y.shape[0], x.shape[1]
    diagonal = math.hypot(height, width)
    u = jax.random.uniform(key, (6,), jnp.float32)
    angle, half = math.pi * u[0], diagonal * (0.15 + 0.3 * u[1])
    dy, dx = y - u[2] * height, x - u[3] * width
    along = dx * jnp.cos(angle) + dy * jnp.sin(angle)
    across = dy * jnp.cos(angle) - dx * jnp.sin(angle)
    turn, bend = along / half, 0.06 * diagonal * (2 * u[4] - 1)
    curve = bend * turn * turn + 0.01 * diagonal * jnp.sin(5 * turn + 2 * math.pi * u[5])
    slope = (2 * bend * turn + 0.05 * diagonal * jnp.cos(5 * turn + 2 * math.pi * u[5])) / half
    beside = jnp.abs(across - curve) / jnp.sqrt(1 + slope * slope)
    return jnp.maximum(beside, jnp.abs(along) - half)


def _pixels(hw: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
    y, x = np.mgrid[: hw[0], : hw[1]]
    return jnp.asarray(y + 0.5, jnp.float32), jnp.asarray(x + 0.5, jnp.float32)
