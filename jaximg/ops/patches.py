"""Squares cut out of a picture at places known only at run time, and loops over as many places as there are."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import lax

Carry = TypeVar("Carry")

CHUNK = 1024
"""So many places are worked at once."""


def cut(padded: jax.Array, corners: jax.Array, size: int) -> jax.Array:
    """The `size x size` squares of a picture with the given first pixels.

    Args:
      padded: `(H, W, C)`.
      corners: `(..., 2)` integers, row and column.
      size: the squares' side, static.

    Returns:
      `(..., size, size, C)`.

    Example:
      >>> cut(jnp.arange(12.0).reshape(3, 4, 1), jnp.asarray([[1, 2]]), 2)[0, ..., 0].tolist()
      [[6.0, 7.0], [10.0, 11.0]]
    """
    shape = (size, size, padded.shape[-1])
    starts = jnp.pad(corners.reshape(-1, 2), ((0, 0), (0, 1)))
    flat = jax.vmap(lambda start: lax.dynamic_slice(padded, start, shape))(starts)
    return flat.reshape(*corners.shape[:-1], *shape)


def places(hw: tuple[int, ...]) -> jax.Array:
    """Row and column of every pixel, `(H, W, 2)` int32.

    Example:
      >>> places((2, 3))[1, 2].tolist()
      [1, 2]
    """
    return jnp.stack([lax.broadcasted_iota(jnp.int32, hw, axis) for axis in (0, 1)], -1)


def within(place: jax.Array, hw: tuple[int, ...]) -> jax.Array:
    """The nearest places within a picture.

    Example:
      >>> within(jnp.asarray([[-1, 2], [1, 3]]), (2, 3)).tolist()
      [[0, 2], [1, 2]]
    """
    last = jnp.asarray(hw, place.dtype).reshape((1,) * (place.ndim - 1) + (2,)) - 1
    return jnp.clip(place, 0, last)


def for_each(mask: jax.Array, step: Callable[[jax.Array, jax.Array, Any], Carry], carry: Carry) -> Carry:
    """Works through all places where `mask`, some at once: the time follows their number, known at run time only.

    Args:
      mask: `(H, W)` bool.
      step: takes their flat indices, `(n,)` with `H * W` where there is none, row and column of each, `(n, 2)`, within
        the picture, and the carry; answers with the next one.
      carry: what the first step gets.

    Returns:
      What the last step answers.

    Example:
      >>> mask = jnp.eye(3, dtype=bool)
      >>> for_each(mask, lambda index, place, total: total + (index < mask.size).sum(), 0).item()
      3
    """
    height, width = mask.shape
    size = min(CHUNK, mask.size)
    (listed,) = jnp.nonzero(mask.ravel(), size=mask.size, fill_value=mask.size)
    listed = jnp.pad(listed.astype(jnp.int32), (0, size), constant_values=mask.size)

    def body(i: jax.Array, carry: Carry) -> Carry:
        index = lax.dynamic_slice(listed, (i * size,), (size,))
        inside = jnp.minimum(index, height * width - 1)
        return step(index, jnp.stack([inside // width, inside % width], -1), carry)

    return lax.fori_loop(0, -(-mask.sum() // size), body, carry)


def put(plane: jax.Array, index: jax.Array, values: jax.Array) -> jax.Array:
    """Sets the pixels of `(H, W, ...)` with the given flat indices; those beyond the picture are left out.

    Example:
      >>> put(jnp.zeros((2, 2)), jnp.asarray([1, 4]), jnp.asarray([5.0, 6.0])).tolist()
      [[0.0, 5.0], [0.0, 0.0]]
    """
    flat = plane.reshape(-1, *plane.shape[2:])
    return flat.at[index].set(values.astype(plane.dtype), mode="drop").reshape(plane.shape)


def at(plane: jax.Array, place: jax.Array) -> jax.Array:
    """The pixels of `(H, W, ...)` at `(..., 2)` rows and columns, which lie within.

    Example:
      >>> at(jnp.arange(6).reshape(2, 3), jnp.asarray([[1, 2], [0, 1]])).tolist()
      [5, 1]
    """
    flat = plane.reshape(-1, *plane.shape[2:])
    return jnp.take(flat, place[..., 0] * plane.shape[1] + place[..., 1], axis=0, mode="clip")
