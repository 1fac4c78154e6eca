"""Which pixels a scratch has touched, once it is known where it runs.

A band around it, wider than it can be, is filled smoothly; in what then lies behind it, its own tone mixed with that
and the picture's pixels tell for each pixel how far it is covered. So its width and its ends are measured, not guessed:
a pixel too few leaves an edge to be seen, and a pixel too many costs what it showed.
"""

from dataclasses import dataclass

import numpy as np

from jaximg import ops
from jaximg.correct.fill import fill_smoothly

FURTHER = 2.5
"""The band goes so much further to each side, in pixels, than the scratch seems to."""
STEP = 0.5
"""Its points are so far apart, in pixels."""
FAINT = 0.1
"""Less difference between the scratch and what lies behind it tells little, and counts for less."""
COVERED = 0.15
"""Beside the scratch a pixel is touched where it is covered so far,"""
VISIBLE = 0.008
"""differs so much from what lies behind,"""
UNLIKE = 4.0
"""and so many times as much as pixels do at the border of the band;"""
BESIDE = 0.25
"""no further out than this, in pixels: what stands out there is mostly the picture's own."""
MOST_THROUGH = 0.6
"""So much of the background shines through a scratch at most."""


def touched(image: np.ndarray, lines: list[tuple[np.ndarray, float, tuple[int, int]]]) -> tuple[np.ndarray, np.ndarray]:
    """Finds the pixels that scratches have touched.

    Args:
      image: `(H, W, C)` float32.
      lines: for each scratch its points `(n, 2)`, rows and columns, about 2 pixels apart, rather too long than too
        short; its width; and how many points before its first and after its last one that is sure are guesses.

    Returns:
      `(H, W)` bool; and the picture with the bands around the scratches filled smoothly, `(H, W, C)`.

    Example:
      >>> x = np.full((40, 60, 1), 0.4, np.float32)
      >>> x[20:22, 12:48] = 0.9
      >>> path = np.stack([np.full(30, 20.5), np.arange(0.0, 60, 2)], 1)
      >>> mask, _ = touched(x, [(path, 2.0, (8, 8))])
      >>> bool(mask[20:22, 12:48].all()), bool(mask.sum() < 1.2 * 72)
      (True, True)
    """
    bands = [_band(*line, image.shape[:2]) for line in lines]
    around = np.zeros(image.shape[:2], bool)
    for band in bands:
        around.flat[band.pixel] = True
    behind = fill_smoothly(image, around[..., None], ops.inpaint_harmonic)
    mask, channels = np.zeros_like(around), image.shape[-1]
    for band in bands:
        shown, hidden = (x.reshape(-1, channels)[band.pixel] for x in (image, behind))
        mask.flat[band.pixel[_covers(band, shown, hidden)]] = True
    return mask, behind


@dataclass(frozen=True)
class _Band:
    """The pixels around a scratch, each once.

    Attributes:
      count: how many points its path has, `STEP` pixels apart.
      sure: the first and the last of them that is no guess.
      width: the scratch's, as it seems.
      pixel: the index of each pixel in the flat picture.
      distance: to the path.
      nearest: the point of the path.
    """

    count: int
    sure: tuple[int, int]
    width: float
    pixel: np.ndarray
    distance: np.ndarray
    nearest: np.ndarray


def _band(points: np.ndarray, width: float, guesses: tuple[int, int], shape: tuple[int, ...]) -> _Band:
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.arange(0, along[-1], STEP)
    path = np.stack([np.interp(at, along, axis) for axis in points.T], 1)
    sure = int(along[guesses[0]] / STEP), int(along[len(points) - 1 - guesses[1]] / STEP)
    radius = width / 2 + FURTHER
    square = np.arange(-int(np.ceil(radius)), int(np.ceil(radius)) + 1)
    by = np.stack(np.meshgrid(square, square, indexing="ij"), -1).reshape(-1, 2)
    pixel = np.rint(path).astype(int)[:, None] + by
    distance = np.hypot(*np.moveaxis(pixel - path[:, None], -1, 0))
    near = (distance <= radius) & ((pixel >= 0) & (pixel < shape)).all(-1)
    index, distance, nearest = pixel[near] @ np.array([shape[1], 1]), distance[near], np.nonzero(near)[0]
    order = np.lexsort((distance, index))
    order = order[np.diff(index[order], prepend=-1) > 0]
    return _Band(len(path), sure, width, index[order], distance[order], nearest[order])


def _covers(band: _Band, shown: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Which pixels of a band the scratch has touched, `(n,)` bool."""
    cover, size = _cover(band, shown, hidden)
    first, last = _ends(band, cover, size)
    on = (band.nearest >= first) & (band.nearest <= last)
    reach = _width(band, cover, on & (size > FAINT)) / 2 + 0.5
    differs = np.linalg.norm(shown - hidden, axis=-1)
    beyond = differs[on & (band.distance > reach + 0.5)]
    usual = np.median(beyond) if len(beyond) else FAINT
    more = (cover > COVERED) & (differs > max(VISIBLE, UNLIKE * usual)) & (band.distance < reach + BESIDE)
    about = (band.nearest >= first - 3) & (band.nearest <= last + 3)
    return (on & (band.distance < reach)) | (more & about)


def _cover(band: _Band, shown: np.ndarray, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far each pixel is covered, 0 to 1 and noise; and how far the scratch there differs from what it hides."""
    core = (band.distance <= max(0.7, band.width / 2 - 0.5)) & (band.nearest >= band.sure[0])
    core &= band.nearest <= band.sure[1]
    if not core.any():
        return np.zeros(len(shown)), np.zeros(len(shown))
    x, y = hidden[core], shown[core]
    centred = x - x.mean(0)
    through = (centred * (y - y.mean(0))).sum() / ((centred**2).sum() + 1e-3 * len(x))
    through = np.clip(through, 0, MOST_THROUGH)
    step = np.median(y - through * x, 0) + through * hidden - hidden
    square = (step**2).sum(-1)
    return ((shown - hidden) * step).sum(-1) / (square + 1e-4), np.sqrt(square)


def _ends(band: _Band, cover: np.ndarray, size: np.ndarray) -> tuple[int, int]:
    """The first and the last point of the stretch that is covered rather than not."""
    core = band.distance <= max(0.75, band.width / 2 - 0.25)
    point = band.nearest[core]
    count, weight = np.bincount(point, minlength=band.count), np.bincount(point, size[core], band.count)
    total = np.bincount(point, (np.clip(cover, -1, 2) * size)[core], band.count)
    mean = np.clip(total / np.maximum(weight, 1e-9), -0.5, 1) - 0.5
    worth = mean * np.minimum(1, weight / np.maximum(count, 1) / FAINT)
    sums = np.concatenate([[0], np.cumsum(worth)])
    last = int(np.argmax(sums - np.minimum.accumulate(sums)))
    return int(np.argmin(sums[: last + 1])) - 1, last


def _width(band: _Band, cover: np.ndarray, clear: np.ndarray) -> float:
    """The width of the scratch: twice the integral of its cover over the distance."""
    if clear.sum() <= 50:
        return band.width
    distance, cover = band.distance[clear], np.clip(cover[clear], -0.5, 1.5)
    steps = np.arange(0, band.width / 2 + FURTHER, 0.25)
    rings = [cover[(distance >= step) & (distance < step + 0.25)] for step in steps]
    filled = np.array([len(ring) > 5 for ring in rings])
    if filled.sum() <= 3:
        return band.width
    medians = np.interp(steps, steps[filled], [np.median(r) for r, f in zip(rings, filled, strict=True) if f])
    outside = np.median(medians[-3:])
    covers = np.clip((medians - outside) / max(1 - outside, 0.2), 0, 1)
    return float(np.clip(0.5 * covers.sum(), band.width - 1, band.width + 1.5))
