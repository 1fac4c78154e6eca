"""One key for a batch, strengths of their own for its pictures."""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp

from jaximg.typing import Key, Scalar

T = TypeVar("T")


def each(damage: Callable[[Key, jax.Array], T], key: Key, image: jax.Array) -> T:
    """`damage(key, picture)` for every `(H, W, C)` picture of a batch, each with a key of its own.

    Example:
      >>> each(lambda k, x: x + jax.random.normal(k), jax.random.key(0), jnp.zeros((2, 3, 4, 5, 1))).shape
      (2, 3, 4, 5, 1)
    """
    batch = image.shape[:-3]
    if not batch:
        return damage(key, image)
    pictures = image.reshape(-1, *image.shape[-3:])
    out = jax.vmap(damage)(jax.random.split(key, pictures.shape[0]), pictures)
    return jax.tree.map(lambda x: x.reshape(*batch, *x.shape[1:]), out)


def strength(value: Scalar, image: jax.Array, dtype: jnp.dtype, name: str) -> jax.Array:
    """A strength, or one for each picture of the batch, in a shape that multiplies the image.

    Example:
      >>> strength(jnp.ones(7), jnp.zeros((7, 4, 5, 3)), jnp.dtype("float32"), "sigma").shape
      (7, 1, 1, 1)
    """
    value = jnp.asarray(value, dtype)
    if value.ndim == 0:
        return value
    if value.shape != image.shape[:-3]:
        raise ValueError(
            f"{name} has shape {value.shape}; pass one number, or one for each picture of the batch: {image.shape[:-3]}"
        )
    return value.reshape(*value.shape, 1, 1, 1)
