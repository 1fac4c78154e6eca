"""Fills missing pixels of a picture of any size smoothly, with programs of a few sizes.

A tile is filled by `inpaint_biharmonic`, or by `inpaint_harmonic`. What is missing across a tile's rim is taken from
the same picture at half the size, filled first: so holes larger than a tile are filled as smoothly as small ones.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaximg import ops
from jaximg.correct.tiles import SIDES

RIM = 64
"""What lies further away hardly moves a pixel of the fill."""
TOLERANCE = 1e-5
Solve = Callable[..., jax.Array]


def fill_smoothly(image: np.ndarray, missing: np.ndarray, solve: Solve = ops.inpaint_biharmonic) -> np.ndarray:
    """Fills where `missing` by a thin plate or a membrane; the other pixels come back as they are.

    Args:
      image: `(H, W, C)` float32; values at missing pixels are never read.
      missing: `(H, W, 1 or C)` bool.
      solve: `ops.inpaint_biharmonic` or `ops.inpaint_harmonic`.

    Returns:
      `(H, W, C)` float32.

    Example:
      >>> x = np.full((8, 9, 1), 0.5, np.float32)
      >>> hole = np.zeros((8, 9, 1), bool)
      >>> hole[3:5, 2:6] = True
      >>> bool(np.allclose(fill_smoothly(np.where(hole, np.nan, x), hole), x))
      True
    """
    if not missing.any():
        return image
    missing = np.broadcast_to(missing, image.shape)
    image = np.where(missing, np.float32(0), image)
    side = next((s for s in SIDES if max(image.shape[:2]) <= s), None)
    if side is not None:
        return _fill_tile(image, missing, side, solve)
    half, lost = _halve_known(image, missing)
    guess = enlarge(fill_smoothly(half, lost, solve), image.shape[:2])
    out = image.copy()
    for y, x in _starts(missing):
        _fill_inner(out, image, missing, guess, (y, x), solve)
    return out


def _starts(missing: np.ndarray):
    """The corners of the tiles whose middle holds a missing pixel."""
    side, inner = SIDES[-1], SIDES[-1] - 2 * RIM
    for y in range(0, missing.shape[0], inner):
        for x in range(0, missing.shape[1], inner):
            if missing[y : y + inner, x : x + inner].any():
                last = missing.shape[0] - side, missing.shape[1] - side
                yield max(0, min(y - RIM, last[0])), max(0, min(x - RIM, last[1]))


def _fill_inner(
    out: np.ndarray, image: np.ndarray, missing: np.ndarray, guess: np.ndarray, corner: tuple[int, int], solve: Solve
) -> None:
    """Fills one tile, two pixels around it held at the guess, and keeps all but its rim."""
    side, (y, x) = SIDES[-1], corner
    cut = (slice(y, y + side), slice(x, x + side))
    lost, held = missing[cut].copy(), np.zeros(missing[cut].shape[:2], bool)
    borders = ((y > 0, y + side < image.shape[0]), (x > 0, x + side < image.shape[1]))
    keep = []
    for axis, (before, after) in enumerate(borders):
        edge = np.zeros(held.shape[axis], bool)
        edge[:2], edge[-2:] = before, after
        held |= edge[:, None] if axis == 0 else edge[None, :]
        keep.append(slice(RIM if before else 0, held.shape[axis] - (RIM if after else 0)))
    lost &= ~held[..., None]
    done = _fill_tile(np.where(missing[cut], guess[cut], image[cut]), lost, side, solve)
    out[cut][tuple(keep)] = np.where(missing[cut], done, out[cut])[tuple(keep)]


def _fill_tile(image: np.ndarray, missing: np.ndarray, side: int, solve: Solve) -> np.ndarray:
    height, width = image.shape[:2]
    after = ((0, side - height), (0, side - width), (0, 0))
    padded, known = (np.pad(a, after, "symmetric") for a in (image, ~missing))
    done = np.asarray(solve(jnp.asarray(padded), jnp.asarray(known), tolerance=TOLERANCE))
    return np.where(missing, done[:height, :width], image)


def _halve_known(image: np.ndarray, missing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of the known ones of each four pixels; missing where all four are."""
    height, width = image.shape[:2]
    after = ((0, height % 2), (0, width % 2), (0, 0))
    weight = np.pad((~missing).astype(np.float32), after)
    value = np.pad(image, after) * weight
    total, count = (a[::2, ::2] + a[1::2, ::2] + a[::2, 1::2] + a[1::2, 1::2] for a in (value, weight))
    return total / np.maximum(count, 1), count == 0


def halve(image: np.ndarray) -> np.ndarray:
    """The mean of each four pixels; a last odd row or column stands for two.

    Example:
      >>> halve(np.ones((5, 4, 1))).shape
      (3, 2, 1)
    """
    odd = [side % 2 for side in image.shape[:2]]
    even = np.pad(image, ((0, odd[0]), (0, odd[1]), (0, 0)), "edge") if any(odd) else image
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


def enlarge(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Twice the size, linearly; cropped to `shape`.

    Example:
      >>> enlarge(np.ones((3, 2, 1)), (5, 4)).shape
      (5, 4, 1)
    """
    for axis, size in enumerate(shape):
        edge = [(0, 0)] * 3
        edge[axis] = (1, 1)
        p = np.pad(image, edge, "edge")
        before, here, after = (np.take(p, range(i, i + image.shape[axis]), axis) for i in range(3))
        pair = np.stack([0.75 * here + 0.25 * before, 0.75 * here + 0.25 * after], axis + 1)
        doubled = pair.reshape(*image.shape[:axis], -1, *image.shape[axis + 1 :])
        image = np.take(doubled, range(size), axis)
    return image
