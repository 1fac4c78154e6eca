"""Bands of rows that lie sideways of where they belong, as in a torn video frame or a damaged scan.

Neighbouring rows of a picture look alike. Where a band begins or ends they don't, unless one of them is moved: the
movement under which they do is the band's. Strong horizontal edges look the same at no movement.
"""

from dataclasses import dataclass, field

import numpy as np

from jaximg.correct.jpeg import luminance

MOST = 64
"""The largest movement between neighbouring bands that is looked for, in pixels."""
ABRUPT = 1.6
"""At a sure seam rows differ so many times as much as beside it, at least,"""
ALIKE = 0.5
"""so much of that at most is left once they are moved,"""
USUAL = 2.2
"""which is so many times as much as beside it, at most."""
SEAMS = 64
"""More seams than these are no bands."""
FAINT, FLAT = 3.0 / 255, 0.5
"""Rows that differ by less show nothing; nor do those where more than this share of the pixels are like the next."""
PRICE, REST = 8.0, 0.05
"""Of another seam, and of each row out of place, in natural logarithms of likelihoods,"""
ROUNDING = 1.5 / 255
"""Differences are known so well."""
ALONG = 14
"""where so many pixels of a row err together."""


@dataclass(frozen=True)
class Bands:
    """Bands of rows out of place.

    Attributes:
      shifts: `(H,)` int, by how many pixels each row lies to the right of where it belongs.
      confidence: 0 to 1.
    """

    shifts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    confidence: float = 0.0


def find_bands(image: np.ndarray) -> Bands:
    """Finds bands of rows that have been moved sideways by whole pixels.

    What most rows have in common counts as in place.

    Args:
      image: `(H, W, C)`, [0, 1].

    Returns:
      What was found.

    Example:
      >>> bool(find_bands(np.ones((64, 64, 1), np.float32)).shifts.any())
      False
    """
    height, width = image.shape[:2]
    none = Bands(np.zeros(height, np.int32))
    if min(height, width) < 64 or not np.isfinite(image).all():
        return none
    tone = luminance(image)
    most = min(MOST, width // 3)
    sure = [y for y in _suspects(tone) if _sure(tone, y, most)]
    if not 0 < len(sure) <= SEAMS:
        return none
    shifts = _followed(tone, most)
    if not len(sure) or (np.diff(shifts) != 0).sum() > SEAMS:
        return none
    values, counts = np.unique(shifts, return_counts=True)
    shifts = shifts - values[counts.argmax()]
    return Bands(shifts.astype(np.int32), 1.0) if shifts.any() else none


def _suspects(tone: np.ndarray) -> np.ndarray:
    """Rows that differ from the one above by more than those around do from theirs."""
    jump = _jumps(tone)
    busy = (np.abs(np.diff(tone, axis=1)) < 1e-4).mean(1) < FLAT
    rows = np.nonzero((jump > ABRUPT * _usual(jump)) & (jump > FAINT) & busy)[0]
    return rows[(rows >= 2) & (rows <= tone.shape[0] - 2)]


def _jumps(tone: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.abs(np.diff(tone, axis=0)).mean(1)])


def _usual(jump: np.ndarray) -> np.ndarray:
    """How much neighbouring rows differ around; beside a seam may lie another."""
    padded = np.pad(jump, 3, "edge")
    around = np.stack([padded[3 + k : len(padded) - 3 + k] for k in (-3, -2, -1, 1, 2, 3)])
    return np.sort(around, 0)[-2]


def _costs(tone: np.ndarray, rows: np.ndarray, most: int) -> np.ndarray:
    """How much rows differ from those above once these are moved by -most ... most: `(n, 2 most + 1)`."""
    width = tone.shape[1]
    above, below = tone[rows - 1][:, most : width - most], tone[rows]
    return np.stack([np.abs(above - below[:, most + s : width - most + s]).mean(1) for s in range(-most, most + 1)], 1)


def _sure(tone: np.ndarray, y: int, most: int) -> bool:
    """Whether the rows from `y` on are moved against those above, beyond doubt."""
    cost = _costs(tone, np.array([y]), most)[0]
    best = int(cost.argmin())
    usual = float(_usual(_jumps(tone[max(0, y - 8) : y + 8]))[min(y, 8)])
    return abs(best - most) > 0 and cost[best] < ALIKE * cost[most] and cost[best] < USUAL * usual + ROUNDING / 2


def _followed(tone: np.ndarray, most: int) -> np.ndarray:
    """The likeliest shift of every row: like the row above's, or at a price another (Viterbi's algorithm)."""
    height, width = tone.shape
    shifts = np.arange(-most, most + 1)
    cost = _costs(tone, np.arange(1, height), most) + ROUNDING
    gain = (width - 2 * most) / ALONG * np.log(cost[:, most : most + 1] / cost)
    offset = shifts[None] - shifts[:, None]  # from, to
    place = np.clip(offset + most, 0, 2 * most)
    price = np.where(np.abs(offset) <= most, PRICE * (offset != 0), np.inf)
    ends = _ends(tone, shifts)
    score = -PRICE * (shifts != 0)
    came = np.zeros((height, len(shifts)), np.int32)
    for y in range(1, height):
        total = score[:, None] + gain[y - 1][place] - price
        came[y] = total.argmax(0)
        score = total.max(0) - REST * (shifts != 0) + 0.25 * ends[y]
    path = np.zeros(height, np.int32)
    path[-1] = score.argmax()
    for y in range(height - 1, 0, -1):
        path[y - 1] = came[y, path[y]]
    sharp = np.concatenate([2 * tone[:1] - tone[1:2], 2 * tone[1:] - tone[:-1]])  # what goes on below a row
    above = _beyond(sharp, tone, most) + ROUNDING
    gain = gain / 4 + 0.5 * (width - 2 * most) / ALONG * np.log(above[:, most : most + 1] / above)
    return _settled(shifts[path], gain, 1.5 * ends, most)


def _beyond(sharp: np.ndarray, tone: np.ndarray, most: int) -> np.ndarray:
    """How much rows differ from the half-way continuation of those above and theirs upward, as `_costs`."""
    width = tone.shape[1]
    down = (sharp + tone)[:-1, most : width - most] / 2
    up = np.concatenate([(3 * tone[1:-1] - tone[2:]) / 2, tone[-1:]])
    return np.stack([np.abs(down - up[:, most + s : width - most + s]).mean(1) for s in range(-most, most + 1)], 1)


def _settled(shifts: np.ndarray, gain: np.ndarray, ends: np.ndarray, most: int) -> np.ndarray:
    """Each band moved by a pixel or two where that fits its neighbours and its own ends better."""
    cuts = np.nonzero(np.diff(shifts))[0] + 1
    first, last = np.concatenate([[0], cuts]), np.concatenate([cuts, [len(shifts)]])
    level = shifts[first].copy()

    def fits(k: int, value: int) -> float:
        if abs(value) > most:
            return -np.inf
        own = float(ends[first[k] : last[k], value + most].sum()) - REST * (value != 0) * (last[k] - first[k])
        sides = [(first[k], value - level[k - 1])] if k else []
        sides += [(last[k], level[k + 1] - value)] if k + 1 < len(level) else []
        return own + sum(float(gain[y - 1, np.clip(d + most, 0, 2 * most)]) for y, d in sides)

    for _ in range(3):
        for k in np.nonzero(level)[0]:
            tried = {int(level[k]) + d for d in (-2, -1, 0, 1, 2)}
            level[k] = max(sorted(tried, key=abs), key=lambda v: fits(int(k), v))
    return np.repeat(level, last - first)


def _ends(tone: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """What speaks for each shift of each row in the jump where its ends have met: `(H, n)`, 0 for no shift."""
    width = tone.shape[1]
    jump = np.abs(np.diff(tone, axis=1, prepend=tone[:, :1]))
    size = jump / (np.median(jump, 1, keepdims=True) + 0.02)
    usual = np.log1p(size).mean(1, keepdims=True)
    at = np.where(shifts > 0, shifts, width + shifts) % width
    out = np.clip(np.log1p(size[:, at]) - usual, -1, 2)
    out = out - np.maximum(np.median(out, 0), 0)  # what a picture shows there in most rows is its own
    return np.where(shifts == 0, 0, out)


def put_back(image: np.ndarray, shifts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Moves rows back; what left on one side has entered on the other, or is lost.

    Args:
      image: `(H, W, C)`.
      shifts: `(H,)`, by how much each row lies to the right.

    Returns:
      The picture, and where its pixels are lost, `(H, W, 1)` bool.

    Example:
      >>> put_back(np.arange(4.0).reshape(1, 4, 1), np.array([1]))[0].ravel().tolist()
      [1.0, 2.0, 3.0, 0.0]
    """
    height, width = image.shape[:2]
    place = np.arange(width)[None] + shifts[:, None]
    out = image[np.arange(height)[:, None], place % width]
    beyond = (place < 0) | (place >= width)
    return out, (beyond & ~_wrapped(out, beyond))[..., None]


def _wrapped(out: np.ndarray, beyond: np.ndarray) -> np.ndarray:
    """Whether what has entered on the other side goes on where it is put: for each row, all of it or nothing."""
    jump = np.abs(np.diff(out, axis=1)).mean(-1)
    seam = beyond[:, 1:] != beyond[:, :-1]
    inside = np.median(jump)
    rows = np.nonzero(beyond.any(1))[0]
    wrapped = np.zeros(len(out), bool)
    if len(rows):
        at_seam = np.array([jump[y][seam[y]].mean() for y in rows])
        plain = np.array([np.ptp(out[y][beyond[y]], axis=0).max() < 0.02 for y in rows])
        wrapped[rows] = (np.median(at_seam) < 4 * inside + 0.02) & ~(plain.mean() > 0.9)
    return np.broadcast_to(wrapped[:, None], beyond.shape)
