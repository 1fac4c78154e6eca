"""Sums over the disc around each pixel, of what a function of the two pixels answers."""

import operator
from collections.abc import Callable
from functools import partial, reduce
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaximg.ops import windows

UNROLLED_RADIUS = 6
"""Up to here the disc becomes straight-line code; larger ones loop over their rows."""
WORK = 200
"""Pixels of the disc times planes that one loop looks at; in much longer ones LLVM leaves the vector unit idle."""

Planes: TypeAlias = list[jax.Array]
"""Pictures of one channel each."""

Tap: TypeAlias = Callable[[list[Planes], list[Planes], jax.Array, jax.Array], Planes]
"""`tap(here, there, color, nearness)`: what a pixel gets from another; both see the same pictures' planes."""


def over_disc(
    tap: Tap,
    padded: list[Planes],
    count: int,
    color: jax.Array,
    space: jax.Array,
    radius: int,
    unrolled: int = UNROLLED_RADIUS,
) -> Planes:
    """Sums `tap` over the disc, from pictures with `radius` more pixels on every side.

    Args:
      tap: what a pixel gets from another one.
      padded: the planes that it sees, of each picture.
      count: of planes that it answers with.
      color: handed to `tap`.
      space: of a squared distance in pixels; their product is the nearness that `tap` gets.
      radius: of the disc, in pixels.
      unrolled: up to this radius in straight-line code.

    Returns:
      The sums, `count` planes.

    Example:
      >>> ones = [[jnp.ones((5, 5, 1))]]
      >>> sums = over_disc(lambda here, there, *_: there[0], ones, 1, jnp.float32(0), jnp.float32(0), 1)
      >>> sums[0][0, 0, 0].item()
      5.0
    """
    side = np.arange(-radius, radius + 1)
    square = side[:, None] ** 2 + side[None, :] ** 2
    inside, power = square <= radius * radius, space * jnp.asarray(square, space.dtype)
    add = partial(_add, tap, padded, count, color, radius)
    if radius <= unrolled:
        places = [(int(i), int(j)) for i, j in np.argwhere(inside)]
        return add(padded, places, [power[place] for place in places])
    power = jnp.where(inside, power, -jnp.inf)
    height = padded[0][0].shape[-3] - 2 * radius

    @jax.checkpoint
    def row(i: jax.Array) -> Planes:
        seen = [[lax.dynamic_slice_in_dim(p, i, height, axis=p.ndim - 3) for p in v] for v in padded]
        return add(seen, [(0, j) for j in range(2 * radius + 1)], list(power[i]))

    def body(sums: Planes, i: jax.Array) -> tuple[Planes, None]:
        return [s + more for s, more in zip(sums, row(i), strict=True)], None

    start = [jnp.zeros(v.shape, v.dtype) for v in jax.eval_shape(row, jnp.int32(0))]
    return lax.scan(body, start, jnp.arange(2 * radius + 1, dtype=jnp.int32))[0]


def _add(
    tap: Tap,
    padded: list[Planes],
    count: int,
    color: jax.Array,
    radius: int,
    seen: list[Planes],
    places: list[tuple[int, int]],
    powers: list[jax.Array],
) -> Planes:
    """Sums `tap` over some places of the disc, as many at a time as make a loop of a size that the compiler masters.

    On a CPU XLA makes one loop of a sum of dozens of weights as long as it has one result; for a second one it would
    keep them all. So two results travel as one complex number, and each such pair computes the weights for itself.
    """
    height, width = (size - 2 * radius for size in padded[0][0].shape[-3:-1])

    def some(kept: range, places: list, color: jax.Array, powers: list, padded: list, seen: list) -> jax.Array:
        def at(planes: list[Planes], i: int, j: int) -> list[Planes]:
            return [[windows.shifted(p, i, j, height, width) for p in v] for v in planes]

        here, terms = at(padded, radius, radius), []
        for place, power in zip(places, powers, strict=True):
            values = tap(here, at(seen, *place), color, power)
            terms.append([values[k] for k in kept])
        sums = [reduce(operator.add, parts) for parts in zip(*terms, strict=True)]
        return lax.complex(*sums) if len(sums) == 2 else sums[0]

    at_once, out = max(1, WORK // sum(len(v) for v in padded)), []
    for kept in (range(k, min(k + 2, count)) for k in range(0, count, 2)):
        parts = []
        for k in range(0, len(places), at_once):
            few = slice(k, k + at_once)
            parts.append(windows.apart(partial(some, kept, places[few]))(color, powers[few], padded, seen))
        faces = [lambda v: v.real, lambda v: v.imag] if len(kept) == 2 else [lambda v: v]
        out += [reduce(operator.add, [face(v) for v in parts]) for face in faces]
    return out


def planes(image: jax.Array, padded: Callable[[jax.Array], jax.Array]) -> Planes:
    """The channels apart: a channel axis of three at the end is no good to a vector unit.

    Example:
      >>> [p.shape for p in planes(jnp.ones((2, 2, 3)), lambda v: v)]
      [(2, 2, 1), (2, 2, 1), (2, 2, 1)]
    """
    return [padded(image[..., c : c + 1]) for c in range(image.shape[-1])]
