"""Fills what is missing in a picture from a second one of the same thing: another scan, another frame.

The second is registered (`align.py`), once as a whole and once more around each hole; its colours are matched to what
is known around, channel by channel, by a gain and an offset that may slope; and what difference is left at a hole's rim
is carried into it smoothly, so that no seam shows.
"""

from collections.abc import Iterator

import jax
import numpy as np

from jaximg import ops
from jaximg.correct import align
from jaximg.correct.tiles import SIDES

TRUSTED = 0.5
"""Details must correlate at least so well for two pictures to be of the same thing."""
NEARBY = 0.4
"""And so well around a hole."""
FLAT = 0.01
"""Where a picture varies less than this there is nothing to correlate, and little to get wrong."""
RIM = 64
"""So many pixels around a hole, at least, are compared."""
RESIDUE = 2.0
"""The difference at the rim is averaged over so many pixels before it is carried into the hole."""


def fill_from(image: np.ndarray, missing: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fills where `missing` from a second picture of the same thing, as far as that shows it.

    Args:
      image: `(H, W, C)` float32; values at missing pixels are never read.
      missing: `(H, W, 1)` bool.
      reference: `(h, w, C)` float32 of another size, exposure and point of view, within `align`'s reach; what is not
        finite there is not shown.

    Returns:
      The picture, `(H, W, C)` float32, known pixels as they were; and what is missing still, `(H, W, 1)` bool.

    Raises:
      ValueError: the two don't show the same thing, or not so that it can be found.
    """
    lost = missing[..., 0]
    if not lost.any():
        return image, missing
    out = np.where(missing, np.float32(0), image)
    shown = np.asarray(np.isfinite(reference).all(-1, keepdims=True))
    reference = np.where(shown, reference, np.mean(reference, (0, 1), where=shown))
    whole = align.align(out, ~lost, reference)
    if whole.agreement < TRUSTED:
        raise ValueError(
            f"the reference does not match the picture: laid onto it, details correlate by {whole.agreement:.2f}, and "
            f"{TRUSTED} is needed; pass a picture of the same thing, or none"
        )
    still = lost.copy()
    side = next((s for s in SIDES[1:] if max(lost.shape) <= s), SIDES[-1])
    for corner, hole in _tiles(lost, side):
        found = _one_tile(out, lost, (reference, shown), whole.matrix, corner, side)
        if found is not None:
            values, covered = found
            good = hole[covered[tuple((hole - corner).T)]]
            out[tuple(good.T)] = values[tuple((good - corner).T)]
            still[tuple(good.T)] = False
    return out, still[..., None]


def _tiles(missing: np.ndarray, side: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """First pixels of squares of `side` pixels, and the missing pixels, `(n, 2)`, that lie `RIM` inside; each once."""
    left, inner = missing.copy(), side - 2 * RIM
    while left.any():
        y, x = np.unravel_index(left.argmax(), left.shape)
        rows, columns = slice(y, y + inner), slice(max(0, x - inner // 2), x + inner // 2)
        hole = np.argwhere(left[rows, columns]) + np.array([y, columns.start])
        left[rows, columns] = False
        yield (hole.min(0) + hole.max(0) + 1 - side) // 2, hole


def _one_tile(
    image: np.ndarray,
    missing: np.ndarray,
    reference: tuple[np.ndarray, np.ndarray],
    matrix: np.ndarray,
    corner: np.ndarray,
    side: int,
) -> tuple[np.ndarray, np.ndarray] | None:
    """A square of the reference as it would look in the picture, and what of it is there; None if they don't agree."""
    cut, known = _cut(image, corner, side), _cut(~missing[..., None], corner, side)[..., 0]
    shift = np.array([[1.0, 0, corner[1]], [0, 1.0, corner[0]], [0, 0, 1.0]])
    laid, covered = _laid(*reference, matrix @ shift, known.shape)
    if not (known & covered).any():
        return None
    here = shift @ align.align_nearby(cut, known & covered, laid)
    laid, covered = _laid(*reference, matrix @ here, known.shape)
    both = known & covered
    if both.sum() < 100:
        return None
    spread = cut[both].mean(-1).std()
    if spread > FLAT and align.detail_correlation(cut, laid, both) < NEARBY:
        return None
    matched = _match_colours(cut, laid, both)
    residue = np.where(both[..., None], cut - matched, 0)
    return matched + np.asarray(_carry(residue.astype(np.float32), both)), covered


def _laid(
    reference: np.ndarray, shown: np.ndarray, matrix: np.ndarray, size: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """The reference as it lies on the picture, and where it shows something."""
    laid, covered = align.lay(reference, matrix, (size[0], size[1]))
    return laid, covered & (align.lay(shown.astype(np.float32), matrix, (size[0], size[1]))[0][..., 0] > 0.999)


def _cut(image: np.ndarray, corner: np.ndarray, side: int) -> np.ndarray:
    """A square of `side` pixels; nothing, 0, beyond the picture."""
    out = np.zeros((side, side, image.shape[-1]), image.dtype)
    first, last = np.maximum(corner, 0), np.minimum(corner + side, image.shape[:2])
    inner = tuple(slice(a - c, b - c) for a, b, c in zip(first, last, corner, strict=True))
    out[inner] = image[first[0] : last[0], first[1] : last[1]]
    return out


def _match_colours(image: np.ndarray, laid: np.ndarray, both: np.ndarray) -> np.ndarray:
    """`gain laid + offset + slopes` for each channel, fitted where both are known; what doesn't fit counts little."""
    y, x = (axis / len(laid) - 0.5 for axis in np.indices(both.shape, np.float32))
    out = np.empty_like(laid)
    for c in range(image.shape[-1]):
        terms = np.stack([laid[..., c], np.ones_like(x), x, y], -1)
        a, b = terms[both].astype(np.float64), image[..., c][both].astype(np.float64)
        weight = np.ones_like(b)
        solution = np.zeros(4)
        for _ in range(6):
            scaled = a * weight[:, None]
            system = scaled.T @ a + len(b) * np.diag([1e-5, 1e-8, 1e-5, 1e-5])  # a flat surrounding says no gain
            solution = np.linalg.solve(system, scaled.T @ b + len(b) * np.array([1e-5, 0, 0, 0]))
            error = b - a @ solution
            scale = 1.5 * np.median(np.abs(error)) + 1e-4
            weight = 1 / (1 + np.square(error / (2 * scale)))
        out[..., c] = terms @ solution.astype(np.float32)
    return out


@jax.jit
def _carry(residue: jax.Array, known: jax.Array) -> jax.Array:
    """The difference where it is known, averaged a little, carried on smoothly to where it isn't."""
    weight = known[..., None].astype(residue.dtype)
    share = ops.gaussian_blur(weight, RESIDUE, border="constant")
    mean = ops.gaussian_blur(residue * weight, RESIDUE, border="constant") / share.clip(1e-6)
    return ops.inpaint_harmonic(mean * weight, weight, tolerance=1e-4)
