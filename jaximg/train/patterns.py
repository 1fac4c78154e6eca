"""Stripes, checks and gratings: what photographs show too seldom to teach a network that it is no noise."""

import jax
import jax.numpy as jnp

from jaximg.typing import Key

SHARE = 1 / 16
"""So many of the pictures that a denoiser learns from are patterns."""
WIDEST = 16.0
"""Stripes are 1 to so many pixels wide."""


def patterned(key: Key, image: jax.Array, *, share: float = SHARE) -> jax.Array:
    """Pictures, some of them replaced by `regular` ones.

    Args:
      key: typed key.
      image: `(B, H, W, C)` in [0, 1].
      share: the probability that one is.

    Returns:
      `(B, H, W, C)` in [0, 1].

    Example:
      >>> out = jax.jit(patterned)(jax.random.key(0), jnp.full((64, 8, 8, 1), 2.0))
      >>> int((out.max((1, 2, 3)) <= 1).sum())
      5
    """
    choosing, drawing = jax.random.split(key)
    chosen = jax.random.bernoulli(choosing, share, (image.shape[0], 1, 1, 1))
    keys = jax.random.split(drawing, image.shape[0])
    return jnp.where(chosen, jax.vmap(lambda key: regular(key, image.shape[1:]))(keys).astype(image.dtype), image)


def regular(key: Key, shape: tuple[int, ...]) -> jax.Array:
    """Two colours in turns: stripes or checks 1 to 16 pixels wide, upright in whole pixels or not, sharp or soft.

    Args:
      key: typed key.
      shape: `(H, W, C)`.

    Returns:
      `(H, W, C)` float32 in [0, 1].

    Example:
      >>> regular(jax.random.key(0), (8, 8, 3)).shape
      (8, 8, 3)
    """
    colours, greys, crossing, waving = jax.random.split(key, 4)
    ends = jax.random.uniform(colours, (2, 1, 1, shape[-1]))
    first, last = jnp.where(jax.random.bernoulli(greys), ends[..., :1], ends)
    along, across = _waves(waving, shape[:2])[..., None]
    wave = along * jnp.where(jax.random.bernoulli(crossing), across, 1.0)
    return first + (last - first) * (0.5 + 0.5 * wave)


def _waves(key: Key, hw: tuple[int, ...]) -> jax.Array:
    """From -1 to 1 and back, `(2, H, W)`: along one direction, and across it."""
    standing, turning, widths, same, begins, edges, swapping = jax.random.split(key, 7)
    upright = jax.random.bernoulli(standing)
    angle = jnp.where(upright, 0.0, jax.random.uniform(turning, maxval=jnp.pi / 2))
    wide = WIDEST ** jax.random.uniform(widths, (2, 1, 1))
    wide = jnp.where(jax.random.bernoulli(same), wide[:1], wide)
    begin = WIDEST * jax.random.uniform(begins, (2, 1, 1))
    wide, begin = jnp.where(upright, jnp.round(wide), 1 + wide), jnp.where(upright, jnp.round(begin), begin)
    y, x = jnp.mgrid[: hw[0], : hw[1]].astype(jnp.float32) + 0.5
    place = jnp.stack([x * jnp.cos(angle) + y * jnp.sin(angle), y * jnp.cos(angle) - x * jnp.sin(angle)])
    sharp = 2 ** jax.random.uniform(edges, maxval=5.0)
    waves = jnp.clip(sharp * jnp.sin(jnp.pi * (place + begin) / wide), -1, 1)
    return jnp.where(jax.random.bernoulli(swapping), waves[::-1], waves)
