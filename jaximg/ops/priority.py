"""A picture continued into its holes patch by patch, structures first: Criminisi's order of filling."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaximg.ops import windows
from jaximg.ops.match import match_template

FAINT = 0.003
"""Where nothing leads into the hole, confidence alone decides: this much counts for structure everywhere."""


class _Filled(NamedTuple):
    """How far the filling has come.

    Attributes:
      image: `(H, W, C)`.
      known: `(H, W)` bool, known or filled.
      confidence: `(H, W)`, 1 where known, less the later it was filled.
    """

    image: jax.Array
    known: jax.Array
    confidence: jax.Array


def fill_by_priority(image: jax.Array, known: jax.Array, whole: jax.Array, size: int) -> jax.Array:
    r"""Copies the best fitting whole square to the front's most urgent pixel, until nothing is missing.

        priority = confidence (structure + FAINT)
        confidence: the mean of the square's own;  structure = sqrt(t' J t), t along the front, J the structure tensor

    Args:
      image: `(H, W, C)`; where missing, what stays if no square of the picture is wholly known.
      known: `(H, W)` bool.
      whole: `(H, W)` bool, whether the square around a pixel is wholly known and within the picture.
      size: the squares' side, odd, static, at most the picture's.

    Returns:
      `(H, W, C)`, known pixels as they were.

    Example:
      >>> x = jnp.tile(jnp.asarray([0.0, 1.0]), (7, 4))[..., None]
      >>> known = jnp.ones((7, 8), bool).at[3, 5].set(False)
      >>> whole = jnp.zeros((7, 8), bool).at[3, 2].set(True).at[3, 3].set(True)
      >>> fill_by_priority(x.at[3, 5].set(9.0), known, whole, 3)[3, 4:7, 0].tolist()
      [0.0, 1.0, 0.0]

    References:
      Criminisi, Perez and Toyama, Region filling and object removal by exemplar-based image inpainting, IEEE TIP 2004.
    """
    r = size // 2
    usable = whole[r : whole.shape[0] - r, r : whole.shape[1] - r]

    def unfinished(state: _Filled) -> jax.Array:
        return ~jnp.all(state.known) & jnp.any(usable)

    start = _Filled(image, known, known.astype(image.dtype))
    return lax.while_loop(unfinished, lambda state: _one_square(state, image, usable, size), start).image


def _one_square(state: _Filled, sources: jax.Array, usable: jax.Array, size: int) -> _Filled:
    """Fills what is missing of the most urgent square."""
    r, (height, width, channels) = size // 2, state.image.shape
    confidence, priority = _priority(state, size)
    place = jnp.argmax(priority)
    y, x = place // width, place % width
    image, known, trust = (_framed(v, r) for v in state)
    square = lax.dynamic_slice(image, (y, x, 0), (size, size, channels))
    weight = lax.dynamic_slice(known, (y, x), (size, size))
    misfit = match_template(sources, square, mode="sqdiff", mask=weight.astype(image.dtype))[..., 0]
    best = jnp.argmin(jnp.where(usable, misfit, jnp.inf))
    found = lax.dynamic_slice(sources, (best // usable.shape[1], best % usable.shape[1], 0), square.shape)
    own = lax.dynamic_slice(trust, (y, x), (size, size))
    parts = [
        (image, jnp.where(weight[..., None], square, found)),
        (known, jnp.ones_like(weight)),
        (trust, jnp.where(weight, own, confidence[y, x])),
    ]
    done = (lax.dynamic_update_slice(whole, part, (y, x, 0)[: whole.ndim]) for whole, part in parts)
    return _Filled(*(v[r : r + height, r : r + width] for v in done))


def _framed(plane: jax.Array, r: int) -> jax.Array:
    return jnp.pad(plane, ((r, r), (r, r)) + ((0, 0),) * (plane.ndim - 2))


def _priority(state: _Filled, size: int) -> tuple[jax.Array, jax.Array]:
    """The confidence of every square, and the priority of its middle; -1 where that is not at the front."""
    image, known, trust = state
    frame = _framed(known, 1)
    around = [frame[:-2, 1:-1], frame[2:, 1:-1], frame[1:-1, :-2], frame[1:-1, 2:]]
    front = ~known & (around[0] | around[1] | around[2] | around[3])
    inner = (known & around[0] & around[1] & around[2] & around[3]).astype(image.dtype)
    down, across = (g * inner for g in _slopes(image.mean(-1)))
    sums = jnp.stack([down * down, down * across, across * across, inner, trust * known.astype(image.dtype)], -1)
    sums = windows.slide(windows.sliding_sum, sums, (size, size), "constant")
    yy, yx, xx = (sums[..., k] / jnp.maximum(sums[..., 3], 1) for k in range(3))
    normal_y, normal_x = _slopes(known.astype(image.dtype))
    energy = xx * normal_y**2 - 2 * yx * normal_y * normal_x + yy * normal_x**2  # along the front
    length = normal_y**2 + normal_x**2
    structure = jnp.sqrt(jnp.maximum(energy, 0) / jnp.where(length > 0, length, 1))
    confidence = sums[..., 4] / (size * size)
    return confidence, jnp.where(front, confidence * (structure + FAINT), -1)


def _slopes(plane: jax.Array) -> tuple[jax.Array, jax.Array]:
    p = jnp.pad(plane, 1, mode="edge")
    return (p[2:, 1:-1] - p[:-2, 1:-1]) / 2, (p[1:-1, 2:] - p[1:-1, :-2]) / 2
