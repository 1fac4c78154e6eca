"""Which regions of a picture are missing? Flat ones in a pure colour, cut out sharply; transparent ones; not-a-numbers.

Blown-out skies, black bars, silhouettes, lettering and flat graphics are pure and flat too. What tells a hole from
them is its edge: a lens never makes a jump within one pixel, and around a hole the picture goes on unaware of it. In
doubt a region is not missing.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

SMALLEST = 49
"""Smaller regions, in pixels, are not looked at."""
THICK = 5
"""Nor are regions in which no square of this side fits: strokes of letters, outlines."""
MOST = 500
"""More regions than these are a pattern, not holes."""


@dataclass(frozen=True)
class Missing:
    """Missing pixels.

    Attributes:
      mask: `(H, W, 1)` bool, True where missing.
      confidence: 0 to 1.
    """

    mask: np.ndarray
    confidence: float = 0.0


def find_missing(image: np.ndarray, alpha: np.ndarray | None = None) -> Missing:
    """Finds the regions of `image` that hold no picture.

    Args:
      image: `(H, W, C)`, [0, 1].
      alpha: `(H, W, 1)`, missing where 0; or None.

    Returns:
      What was found.

    Example:
      >>> x = np.random.default_rng(0).random((32, 32, 3), np.float32) / 2 + 0.25
      >>> x[10:20, 8:18] = 0
      >>> int(find_missing(x).mask.sum())
      100
    """
    mask = np.any(~np.isfinite(image), axis=-1)
    if alpha is not None:
        mask |= alpha[..., 0] <= 0
    sure = [1.0] if mask.any() else []
    for colour in product((0.0, 1.0), repeat=image.shape[-1]):
        pure = (image == np.asarray(colour, image.dtype)).all(-1)
        regions, confidence = _holes(image, pure)
        sure += [confidence] if regions else []
        for region in regions:
            mask[region] = True
    return Missing(mask[..., None], min(sure) if sure else 0.0)


def _holes(image: np.ndarray, pure: np.ndarray) -> tuple[list[tuple[np.ndarray, np.ndarray]], float]:
    """The holes among the regions of `pure`, as rows and columns, and how sure it is of the surest."""
    seeds = _erode(pure, THICK)
    if not seeds.any():
        return [], 0.0
    regions = [region for region in components(pure) if len(region[0]) >= SMALLEST and seeds[region].any()]
    if not 0 < len(regions) <= MOST:
        return [], 0.0
    sharp, flat = np.transpose([_judge(image, pure, region) for region in regions])
    surest = float(np.max(sharp * (1 - flat)))
    holes = [region for region, edge in zip(regions, sharp, strict=True) if edge > 0.5 and surest > 0.5]
    # Where most of what has this colour belongs to the picture, the rest does too.
    return (holes, surest) if sum(len(y) for y, _ in holes) > 0.5 * pure.sum() else ([], 0.0)


def _judge(image: np.ndarray, pure: np.ndarray, region: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    """How sharply a region is cut out of a picture that goes on behind it, and how flat its surroundings are."""
    y, x = region
    height, width = pure.shape
    spans = y.max() - y.min() >= 0.9 * (height - 1) or x.max() - x.min() >= 0.9 * (width - 1)
    at_border = min(y.min(), x.min(), height - 1 - y.max(), width - 1 - x.max()) == 0
    if spans and at_border:  # black bars, a white sky, a frame
        return 0.0, 0.0
    top, left = max(y.min() - 5, 0), max(x.min() - 5, 0)
    here = (slice(top, y.max() + 6), slice(left, x.max() + 6))
    inside = np.zeros(pure[here].shape, bool)
    inside[y - top, x - left] = True
    picture = image[here].astype(np.float32)
    jump = np.abs(picture - picture[y[0] - top, x[0] - left]).max(-1)
    others = pure[here] & ~inside
    near, far = (_ring(inside, inner, outer) & ~others for inner, outer in ((0, 1), (2, 4)))
    if not near.any() or not far.any():
        return 0.0, 0.0
    flat = (np.abs(np.diff(picture, axis=1, append=picture[:, -2:-1] if picture.shape[1] > 1 else picture)) == 0).all(
        -1
    )
    abrupt = jump[near].mean() / max(float(jump[far].mean()), 1e-6)
    clear = np.mean(jump[near] > 0.05)
    sharp = _rise(abrupt, 0.8, 0.95) * _rise(clear, 0.7, 0.95) * _rise(float(jump[near].mean()), 0.08, 0.16)
    return sharp, _rise(float(flat[near | far].mean()), 0.15, 0.4)


def _ring(inside: np.ndarray, inner: int, outer: int) -> np.ndarray:
    return _dilate(inside, 2 * outer + 1) & ~_dilate(inside, 2 * inner + 1)


def _rise(x: float, low: float, high: float) -> float:
    return float(np.clip((x - low) / (high - low), 0, 1))


def _erode(mask: np.ndarray, size: int) -> np.ndarray:
    return ~_dilate(~mask, size)


def _dilate(mask: np.ndarray, size: int) -> np.ndarray:
    """Grown by a square of odd side `size`."""
    for axis in (0, 1):
        grown = mask.copy()
        for i in range(1, size // 2 + 1):
            ahead, behind = [slice(None)] * 2, [slice(None)] * 2
            ahead[axis], behind[axis] = slice(i, None), slice(None, -i)
            grown[tuple(ahead)] |= mask[tuple(behind)]
            grown[tuple(behind)] |= mask[tuple(ahead)]
        mask = grown
    return mask


def components(mask: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The 4-connected regions of a mask, each as its rows and columns, by joining runs.

    Example:
      >>> [len(y) for y, x in components(np.eye(3, dtype=bool))]
      [1, 1, 1]
    """
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(edges == 1)
    stop = np.nonzero(edges == -1)[1]
    parent = np.arange(len(row))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first = np.searchsorted(row, np.arange(mask.shape[0] + 1))
    for y in range(1, mask.shape[0]):
        i, j = first[y - 1], first[y]
        while i < first[y] and j < first[y + 1]:
            if start[i] < stop[j] and start[j] < stop[i]:
                parent[root(i)] = root(j)
            if stop[i] < stop[j]:
                i += 1
            else:
                j += 1
    roots = np.array([root(i) for i in range(len(row))], np.int64)
    lengths = stop - start
    pixel_row = np.repeat(row, lengths)
    offset = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    pixel_column = np.repeat(start, lengths) + offset
    label = np.repeat(roots, lengths)
    order = np.argsort(label, kind="stable")
    cuts = np.nonzero(np.diff(label[order]))[0] + 1
    return [(pixel_row[part], pixel_column[part]) for part in np.split(order, cuts)] if len(order) else []
