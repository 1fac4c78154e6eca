"""Fills holes, each in the way that suits its size.

Those in which a square of `THICK` pixels finds room are filled by example (`example.py`): on photographs shrunk to 640
pixels, square holes of 32 pixels come out nearer to the truth by example by 0.8 dB, of 64 by 1.6, and with four fifths
of their surroundings' gradients or more, where a smooth fill has a third. Smaller ones look more like the truth when
they are filled smoothly (by SSIM), and need no search. What is a few pixels wide, lines, letters, scattered pixels, a
trained network fills.
"""

import numpy as np

from jaximg import ops
from jaximg.correct import network
from jaximg.correct.example import find_sources
from jaximg.correct.fill import fill_smoothly
from jaximg.correct.missing import components

THICK = 32
"""Filling by example is for holes in which a square of this side, in pixels, finds room."""
BROAD = 9
"""Where a square of this side lies within a hole, it is too wide for the network."""


def fill(image: np.ndarray, missing: np.ndarray, ensemble: bool = False) -> np.ndarray:
    """Fills where `missing`, each hole in the way that suits its size; the other pixels come back as they are.

    Args:
      image: `(H, W, C)` float32; values at missing pixels are never read.
      missing: `(H, W, 1 or C)` bool.
      ensemble: as for `network.restore`.

    Returns:
      `(H, W, C)` float32.

    Example:
      >>> x = np.full((8, 9, 1), 0.5, np.float32)
      >>> hole = np.zeros((8, 9, 1), bool)
      >>> hole[3:5, 2:6] = True
      >>> bool(np.allclose(fill(np.where(hole, np.nan, x), hole), x, atol=0.01))
      True
    """
    rest = np.asarray(missing.any(-1))
    out, rest = _by_example(np.where(missing, np.float32(0), image), missing, rest)
    broad = missing & opened(rest, BROAD)[..., None]
    if broad.any():
        out = np.where(broad, fill_smoothly(out, missing & rest[..., None]), out)
    return fill_finely(out, missing & rest[..., None] & ~broad, ensemble)


def _by_example(image: np.ndarray, missing: np.ndarray, lost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fills the holes that are thick, and tells which pixels are missing still."""
    deep, rest = opened(lost, THICK), lost.copy()
    for rows, columns in components(lost) if deep.any() else ():
        found = find_sources(image, lost, np.stack([rows, columns], 1)) if deep[rows, columns].any() else None
        if found is not None:
            copied = image[tuple(found.T)]
            image[rows, columns] = np.where(missing[rows, columns], copied, image[rows, columns])
            rest[rows, columns] = False
    return image, rest


def opened(mask: np.ndarray, side: int) -> np.ndarray:
    """Where the mask is covered by squares of that side that lie wholly within it.

    Example:
      >>> opened(np.array([[1, 1, 0, 0], [1, 1, 1, 0]], bool), 2).astype(int).tolist()
      [[1, 1, 0, 0], [1, 1, 0, 0]]
    """
    if min(mask.shape) < side:
        return np.zeros_like(mask)
    first = _counts(mask, side) == side * side
    return _counts(np.pad(first, side - 1), side) > 0


def _counts(mask: np.ndarray, side: int) -> np.ndarray:
    """How many pixels are set in each square of that side."""
    total = np.pad(mask.astype(np.int64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    return total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]


def fill_finely(image: np.ndarray, missing: np.ndarray, ensemble: bool = False) -> np.ndarray:
    """Fills where `missing` by a trained network, channel by channel; the other pixels come back as they are.

    Args:
      image: `(H, W, C)` float32; values at missing pixels are never read.
      missing: `(H, W, 1 or C)` bool: lines, letters, scattered pixels, whatever is a few pixels wide.
      ensemble: as for `network.restore`.

    Returns:
      `(H, W, C)` float32.

    Example:
      >>> x = np.full((8, 9, 1), 0.5, np.float32)
      >>> line = np.zeros((8, 9, 1), bool)
      >>> line[3, 2:6] = True
      >>> bool(np.allclose(fill_finely(np.where(line, np.nan, x), line), x, atol=0.01))
      True
    """
    missing = np.broadcast_to(missing, image.shape)
    out = fill_smoothly(image, missing, ops.inpaint_harmonic)
    for c in np.flatnonzero(missing.any((0, 1))):
        box = _box(missing[..., c], network.reach("inpaint"), network.stride("inpaint"))
        start, known = out[box][..., c : c + 1], ~missing[box][..., c : c + 1]
        out[box][..., c : c + 1] = network.restore("inpaint", start, known.astype(np.float32), ensemble=ensemble)
    return np.where(missing, out, image)


def _box(mask: np.ndarray, rim: int, stride: int) -> tuple[slice, slice]:
    """The rectangle around what is set, and a rim; it begins where the network's coarsest pixels do."""
    places = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    rows, columns = (slice(max(0, at[0] - rim) // stride * stride, at[-1] + rim + 1) for at in places)
    return rows, columns
