"""Fills large holes with texture from elsewhere in the picture: pictures and holes of any size, programs of a few.

Around each hole a square of one of a few sizes is cut. A hole too large for it is worked at half the size; the pixels
to copy are then chosen there, and copied at full size, so the fill stays sharp.
"""

import jax
import numpy as np

from jaximg.correct.tiles import SIDES, mirrored
from jaximg.ops.exemplar import COARSEST, choose_sources

PATCH, ROUNDS = 7, 3
LARGEST = 0.5
"""A hole is worked at full size if it is at most this share of the square's side long and wide."""


def find_sources(image: np.ndarray, missing: np.ndarray, hole: np.ndarray) -> np.ndarray | None:
    """Where to copy the pixels of one hole from.

    Args:
      image: `(H, W, C)` float32, finite.
      missing: `(H, W)` bool; nothing is copied from there.
      hole: `(n, 2)`, row and column of the pixels to fill, all missing.

    Returns:
      `(n, 2)`, row and column of known pixels; None where no square of known pixels is near.

    Example:
      >>> x = np.tile(np.float32([0, 1]), (40, 20))[..., None]
      >>> missing = np.zeros((40, 40), bool)
      >>> missing[10:15, 10:15] = True
      >>> found = find_sources(x, missing, np.argwhere(missing))
      >>> bool((found[:, 1] % 2 == np.argwhere(missing)[:, 1] % 2).all())
      True
    """
    first, last = hole.min(0), hole.max(0)
    side = next((s for s in SIDES if max(missing.shape) <= s), SIDES[-1])
    if max(last - first) + 1 > LARGEST * side and side == SIDES[-1]:
        return _at_half_size(image, missing, hole)
    index = [_span(int(lo + hi + 1) // 2, side, size) for lo, hi, size in zip(first, last, missing.shape, strict=True)]
    lost = missing[np.ix_(*index)]
    cut = np.where(lost[..., None], np.float32(0), image[np.ix_(*index)])
    flat, possible = _choose(cut, ~lost)
    if not possible:
        return None
    inner = [pixels - span[0] for pixels, span in zip(hole.T, index, strict=True)]
    place = np.unravel_index(np.asarray(flat)[tuple(inner)], lost.shape)
    return np.stack([span[p] for span, p in zip(index, place, strict=True)], 1)


@jax.jit
def _choose(image: jax.Array, known: jax.Array) -> tuple[jax.Array, jax.Array]:
    levels = max(0, (image.shape[0] // COARSEST).bit_length() - 1)
    return choose_sources(image, known, PATCH, levels, ROUNDS)


def _span(middle: int, side: int, size: int) -> np.ndarray:
    """Rows, or columns, of a square around a place; mirrored at its end where the picture is smaller."""
    start = max(0, min(middle - side // 2, size - side))
    return mirrored(np.arange(start, start + side), size)


def _at_half_size(image: np.ndarray, missing: np.ndarray, hole: np.ndarray) -> np.ndarray | None:
    """What is copied at half the size, twice as far."""
    shape = np.array(missing.shape)
    after = [(0, n % 2) for n in shape]
    lost, values = np.pad(missing, after, "edge"), np.pad(image, [*after, (0, 0)], "edge")
    lost = lost[::2, ::2] | lost[1::2, ::2] | lost[::2, 1::2] | lost[1::2, 1::2]
    values = (values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2]) / 4
    small = np.unique(hole // 2, axis=0)
    found = find_sources(values, lost, small)
    if found is None:
        return None
    whole = np.zeros((*lost.shape, 2), int)
    whole[tuple(small.T)] = found
    return np.minimum(2 * whole[tuple((hole // 2).T)] + hole % 2, shape - 1)
