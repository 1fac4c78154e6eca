"""A JPEG says of each coefficient to within half a step where it lay: an answer is held to that.

What is stored is the nearest multiple of a step, so the truth is never more than half of it away. A network that
doesn't know oversteps that in places; holding its answer there mostly brings it nearer to the truth.
"""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np

from jaximg import ops
from jaximg.models.restorer import coarseness
from jaximg.ops.dct import block_dct, block_idct, quality_tables
from jaximg.typing import Image, Scalar

LUMA, CHROMA = 0.365, 0.44
"""By how many steps an answer may leave what is stored, at quality 10 and below."""
FINER = 0.04
"""By so much less each time that the steps are half as long: the truth then lies anywhere in them less often."""


def near_stored(answer: Image, image: Image, quality: Scalar, *, whole: jax.Array, halved: jax.Array) -> jax.Array:
    """An answer to a JPEG, held near the coefficients that the JPEG stored.

        x + step * limited((X_answer - X_stored) / step)        for each coefficient X

    Half a step is what the truth can be away, but an answer that goes so far is mostly wrong: it is held a little
    nearer, and softly.

    Args:
      answer: `(H, W, 3)` floating point in [0, 1].
      image: the JPEG, the same shape; its first block begins at its corner. H and W are multiples of 16.
      quality: of the JPEG, 1 to 100, traced or concrete.
      whole: `(H, W, 1)`, 1 on those blocks of 8 x 8 that the coder saw whole: only these are held.
      halved: `(H, W, 1)`, 1 on those of 16 x 16 whose chroma was stored at half the size, and seen whole.

    Returns:
      `(H, W, 3)`, the answer's dtype.

    Example:
      >>> image, ones = jnp.full((16, 16, 3), 0.5), jnp.ones((16, 16, 1))
      >>> answer = near_stored(image.at[0, 0].set(1.0), image, 80, whole=ones, halved=ones)
      >>> bool(answer[0, 0, 0] < 0.6)
      True

    References:
      Zakhor, Iterative procedures for reduction of blocking effects, IEEE TCSVT 2 (1992): projection onto the set of
      pictures that would have been stored as this one.
    """
    quality = jnp.asarray(quality, answer.dtype)
    tables = [table / 255 for table in quality_tables(quality)]
    ours, theirs = ops.rgb_to_ycbcr(jnp.asarray(answer)), ops.rgb_to_ycbcr(jnp.asarray(image))
    bright = _moved(ours[..., :1], theirs[..., :1], tables[0], _reach(LUMA, quality))
    colours = _moved(half(ours[..., 1:]), as_stored(theirs[..., 1:]), tables[1], _reach(CHROMA, quality))
    moved = jnp.concatenate([bright * whole, jnp.repeat(jnp.repeat(colours, 2, 0), 2, 1) * halved], -1)
    return ops.ycbcr_to_rgb(ours + moved)


def half(planes: jax.Array) -> jax.Array:
    """Means of 2 x 2 pixels, as a coder halves chroma: `(H, W, C)` to `(H / 2, W / 2, C)`.

    Example:
      >>> half(jnp.ones((4, 6, 2))).shape
      (2, 3, 2)
    """
    height, width, channels = planes.shape
    return planes.reshape(height // 2, 2, width // 2, 2, channels).mean((1, 3))


def as_stored(chroma: jax.Array) -> jax.Array:
    """The chroma that a decoder has doubled by bilinear ("fancy") upsampling: its inverse.

    Args:
      chroma: `(H, W, C)`, H and W even.

    Returns:
      `(H / 2, W / 2, C)`.

    Example:
      >>> stored = jnp.arange(12.0).reshape(3, 4, 1)
      >>> bool(jnp.allclose(as_stored(ops.resize(stored, (6, 8), method="linear")), stored, atol=1e-4))
      True
    """
    small = half(chroma)
    rows, columns = (jnp.asarray(sharpening(n), chroma.dtype) for n in small.shape[:2])
    return jnp.einsum("iy,yxc,jx->ijc", rows, small, columns, precision="highest")


@lru_cache
def sharpening(n: int) -> np.ndarray:
    """The `(n, n)` matrix that undoes doubling a line of n pixels (3/4 and 1/4 of neighbours) and halving it again.

    Example:
      >>> sharpening(1).tolist()
      [[1.0]]
    """
    blur = 0.75 * np.eye(n) + 0.125 * (np.eye(n, k=1) + np.eye(n, k=-1))
    blur[[0, -1], [0, -1]] += 0.125 if n > 1 else 0.25
    return np.linalg.inv(blur)


def _reach(coarsest: float, quality: jax.Array) -> jax.Array:
    coarse = jnp.maximum(coarseness(quality), 1e-4)
    return coarsest + FINER * jnp.clip(jnp.log2(coarse / coarseness(10.0)), -6.0, 0.0)


def _moved(answer: jax.Array, stored: jax.Array, table: jax.Array, reach: jax.Array) -> jax.Array:
    """What is to be added to planes `(H, W, C)`, H and W multiples of 8."""
    steps = jnp.tile(table[..., None], (answer.shape[0] // 8, answer.shape[1] // 8, 1))
    off = block_dct(answer - stored) / steps
    near = off / (1 + (off / reach) ** 4) ** 0.25
    return block_idct((near - off) * steps)
