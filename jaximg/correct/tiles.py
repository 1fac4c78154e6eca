"""Pictures of any size through programs of three sizes.

XLA compiles a program for every shape. A folder of photographs has as many shapes as photographs, so a picture is cut
into squares of one of a few sizes, each with a rim of its neighbours wide enough that no seam can show. A repair in
several steps sees a very large picture part by part, so that it needs no more memory than a part's.
"""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import numpy as np

SIDES = (64, 256, 512)
"""The sides of the squares, in pixels, multiples of 16: those with the least area in all are taken."""
ALIGNED = 16
"""Squares begin at multiples of this: twice a JPEG's block, whose chroma has half the size."""
LARGE = 16_000_000
"""Pictures of more pixels are repaired in parts."""


def tiled(
    step: Callable[..., jax.Array],
    *images: np.ndarray,
    rim: int,
    sides: Sequence[int] = SIDES,
    beyond: str = "symmetric",
) -> np.ndarray:
    """Applies `step` square by square.

    Squares begin at multiples of 16 pixels, so JPEG's blocks are never cut. A square ends where the picture does, or it
    sees `rim` pixels of what lies beyond: a step that mirrors what it is given may do so at its end.

    Args:
      step: takes the `(side, side, C)` cuts of all `images`, answers with the first one's successor; jitted.
      images: `(H, W, C)` float32 arrays of one height and width.
      rim: how many pixels around itself a pixel of the result depends on.
      sides: of the squares, ascending, multiples of 16.
      beyond: how a picture goes on beyond its border: "symmetric", mirrored, or "zero".

    Returns:
      `(H, W, C)` float32, without a seam.

    Example:
      >>> x = np.random.default_rng(0).random((70, 90, 1), np.float32)
      >>> bool((tiled(lambda cut: 2 * cut, x, rim=8) == 2 * x).all())
      True
    """
    height, width = images[0].shape[:2]
    rim = -(-rim // 8) * 8
    starts = partial(_starts, rim=rim, seen=0 if beyond == "zero" else rim)
    side = min(sides, key=lambda side: _area(starts(height, side), side) * _area(starts(width, side), side))
    out = np.empty((height, width, images[0].shape[-1]), np.float32)
    for y in starts(height, side):
        for x in starts(width, side):
            done = np.asarray(step(*(_cut(image, y, x, side, beyond) for image in images)))
            _paste(out, done, y, x, rim)
    return out


def in_parts(
    repair: Callable[[np.ndarray], np.ndarray], image: np.ndarray, *, rim: int, side: int, donate: bool = False
) -> np.ndarray:
    """Applies a repair of whole pictures to a large one square by square; to others as they are.

    A square ends where the picture does, so the answer is the one to the whole picture.

    Args:
      repair: takes a picture `(h, w, C)`, answers with its successor.
      image: `(H, W, C)` float32.
      rim: how many pixels around itself a pixel of the result depends on; with `side` a multiple of 16, for JPEGs.
      side: of the squares without their rims, no less than `rim`.
      donate: whether the answer to a large picture may take the place of the image, if that can be written to.

    Returns:
      `(H, W, C)` float32.

    Example:
      >>> in_parts(lambda x: 2 * x, np.ones((4, 5, 1), np.float32), rim=16, side=32).sum().item()
      40.0
    """
    height, width = image.shape[:2]
    if height * width <= LARGE:
        return repair(image)
    out = image if donate and image.flags.writeable else np.empty(image.shape, np.float32)

    def row(y: int, above: np.ndarray) -> np.ndarray:
        band = np.concatenate([above, image[y : y + side + rim]])  # a copy, for `out` may be the image
        for x in range(0, width, side):
            left = max(x - rim, 0)
            done = repair(band[:, left : x + side + rim])
            out[y : y + side, x : x + side] = done[len(above) :, x - left :][:side, :side]
        return band[len(above) :][side - rim : side].copy()

    above = image[:0]
    for y in range(0, height, side):
        above = row(y, above)
    return out


def _area(starts: Sequence[int], side: int) -> float:
    """How many pixels the squares along one axis are wide together; of no squares, too many."""
    return side * len(starts) or float("inf")


def _starts(size: int, side: int, rim: int, seen: int) -> Sequence[int]:
    """Where squares begin so that each leaves its rim to its neighbours; none where a square is all rim.

    The last one ends where the picture does, or `seen` pixels beyond or more.
    """
    if size <= side - seen or size == side:
        return (0,)
    step = side - 2 * rim
    if step <= 0:
        return ()
    if size > side and size % ALIGNED == 0:
        return (*range(0, size - side, step), size - side)
    return range(0, size - 2 * rim + seen, step)


def _cut(image: np.ndarray, y: int, x: int, side: int, beyond: str) -> np.ndarray:
    piece = image[y : y + side, x : x + side]
    missing = [(0, side - piece.shape[0]), (0, side - piece.shape[1]), (0, 0)]
    if not any(after for _, after in missing):
        return piece
    if beyond == "zero":
        return np.pad(piece, missing)
    # The mirror may need more pixels than the last square has of its own.
    index = [
        mirrored(np.arange(start, start + side), size) for start, size in ((y, image.shape[0]), (x, image.shape[1]))
    ]
    return image[np.ix_(*index)]


def mirrored(index: np.ndarray, size: int) -> np.ndarray:
    """Indices beyond an axis of `size` pixels, folded back ("symmetric").

    Example:
      >>> mirrored(np.arange(-1, 5), 3).tolist()
      [0, 0, 1, 2, 2, 1]
    """
    index = index % (2 * size)
    return np.minimum(index, 2 * size - 1 - index)


def _paste(out: np.ndarray, done: np.ndarray, y: int, x: int, rim: int) -> None:
    top, left = (rim if start else 0 for start in (y, x))
    height, width = min(out.shape[0] - y, done.shape[0]), min(out.shape[1] - x, done.shape[1])
    out[y + top : y + height, x + left : x + width] = done[top:height, left:width]
