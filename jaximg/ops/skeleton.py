"""Thinning: shapes worn down to lines one pixel wide."""

from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaximg.ops import windows
from jaximg.typing import Image, check_image

NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
"""Clockwise from the upper left: neighbour i is bit i of a neighbourhood's code."""

EXCEPTIONS = {
    0: (48, 129),
    1: (3, 6, 11, 12, 14, 131, 134, 161, 194, 198),
    2: (24, 26, 56, 96, 104, 108, 176, 192, 224),
    3: (10, 40, 130, 160),
}
"""Codes where scikit-image departs from the paper: neither pass removes the pixel, the first, the second, or both.

After the table in scikit-image's `skimage/morphology/_skeletonize_various_cy.pyx`, (c) the scikit-image team,
BSD-3-Clause."""


def skeletonize(image: Image) -> jax.Array:
    """Thins the regions of pixels that are not zero to lines one pixel wide, scikit-image's `skeletonize`.

    A pixel goes, together with all others like it, if it has two to six neighbours, all in one arc around it, and

        in the first pass:  N E S = 0 and E S W = 0,     in the second:  N E W = 0 and N S W = 0

    until nothing changes; with scikit-image's exceptions for 25 of the 256 neighbourhoods, pixel for pixel.
    A hard decision: the gradient is zero.

    Args:
      image: `(..., H, W, C)` floating point; channels apart. What lies outside is zero.

    Returns:
      `(..., H, W, C)`, 1 on the skeleton and 0 elsewhere, the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis.

    Example:
      >>> skeletonize(jnp.ones((3, 6, 1)))[..., 0].tolist()[1]
      [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]

    References:
      T. Zhang and C. Suen, A fast parallel algorithm for thinning digital patterns, 1984. scikit-image,
      `skimage.morphology.skeletonize`.
    """
    return _skeletonize(check_image(image))


@jax.jit
def _skeletonize(image: jax.Array) -> jax.Array:
    planes = jnp.moveaxis(lax.stop_gradient(image), -1, 0)
    shape = planes.reshape(-1, *planes.shape[-2:]) != 0

    def wear(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        before, _ = state
        after = before
        for words in _tables():
            after = windows.apart(partial(_thin, words=words))(after)
        return after, jnp.any(after != before)

    shape, _ = lax.while_loop(lambda state: state[1], wear, (shape, jnp.array(True)))
    return jnp.moveaxis(shape.reshape(planes.shape), 0, -1).astype(image.dtype)


def _thin(shape: jax.Array, *, words: tuple[int, ...]) -> jax.Array:
    """One pass over `(N, H, W)`: removes the pixels whose neighbourhood's code has its bit set in `words`."""
    height, width = shape.shape[1:]
    padded = jnp.pad(shape, ((0, 0), (1, 1), (1, 1))).astype(jnp.uint32)
    code = reduce(
        jnp.bitwise_or,
        (
            padded[:, 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] << jnp.uint32(i)
            for i, (dy, dx) in enumerate(NEIGHBOURS)
        ),
    )
    level = [jnp.uint32(word) for word in words]
    for bit in (5, 6, 7):  # which of the eight words: a tree of selections, where a table would be gathered from
        odd = (code >> jnp.uint32(bit) & jnp.uint32(1)) != 0
        level = [jnp.where(odd, b, a) for a, b in zip(level[::2], level[1::2], strict=True)]
    removed = (level[0] >> (code & jnp.uint32(31)) & jnp.uint32(1)) != 0
    return shape & ~removed


def _tables() -> list[tuple[int, ...]]:
    """For each pass, the 256 codes' answers as eight words of 32 bits."""
    code = np.arange(256)
    nw, n, ne, e, se, s, sw, w = ((code >> i) & 1 for i in range(8))
    ring = np.stack([n, ne, e, se, s, sw, w, nw])
    arcs = ((ring == 0) & (np.roll(ring, -1, 0) == 1)).sum(0)
    simple = (arcs == 1) & (ring.sum(0) >= 2) & (ring.sum(0) <= 6)
    passes = [simple & (n * e * s + e * s * w == 0), simple & (n * e * w + n * s * w == 0)]
    for value, codes in EXCEPTIONS.items():
        for number, removes in enumerate(passes):
            removes[list(codes)] = bool(value >> number & 1)
    return [tuple(int(word) for word in np.packbits(r, bitorder="little").view("<u4")) for r in passes]
