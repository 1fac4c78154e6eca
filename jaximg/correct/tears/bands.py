"""Bands of rows that lie sideways of where they belong, as in a torn video frame or a damaged scan.

Neighbouring rows of a picture look alike. Where a band begins or ends they don't, unless one of them is moved: the
movement under which they do is the band's. Where lines slant that holds of all rows around, and says nothing. And
every row shows by itself where its ends have met, or how wide a margin it has left. The likeliest shifts of all rows
together are found by Viterbi's algorithm.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

PART = 256
"""So many rows are looked at at a time."""
MOST = 64
"""The largest movement between neighbouring bands that is looked for, in pixels."""
SEAMS = 64
"""More seams than these are no bands."""
AWAY, HOME, REST = 18.0, 6.0, 0.05
"""The price of a change to a place that isn't a row's own, of one back to it, and of every row out of place, in natural
logarithms of likelihoods."""
SURE = 30.0
"""So much likelier must bands be than none."""
ALONG, ROUNDING = 14, 0.5 / 255
"""So many pixels of a row err together; differences of rows are known so well."""
AROUND = 8
"""What so many rows above and below a row say as well is no seam."""
USUAL = 0.8
"""A seam says no more than by how much rows differ more there than so many times what they differ by around."""
MENDED = 0.3
"""By so much more alike, in logarithms, must the rows at most seams be once they are put back."""
SHORT = 4
"""Fewer rows at the top or the bottom are no band."""
FRAME = 6
"""A picture's frame is no wider, in pixels."""
ENDS = 0.2
"""The weight of where the ends of a row may have met."""
FRAMED = 5.0
"""The weight of where the picture's frame is seen in a row."""
STEADY = 4.0 / 255
"""So much the columns of a frame differ from row to row at most, in the middle."""
EXACT = 1.6 / 255
"""How near to a margin's colour its pixels are."""


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
    most = min(MOST, width // 3)
    seams = _seams(image, most)
    if seams.max() < HOME:
        return none
    shifts, sure = max((_followed(seams, own) for own in _rows(image, most)), key=lambda found: found[1])
    if sure < SURE or (np.diff(shifts) != 0).sum() > SEAMS:
        return none
    shifts[:SHORT], shifts[-SHORT:] = shifts[SHORT], shifts[-SHORT - 1]
    values, counts = np.unique(shifts, return_counts=True)
    shifts = shifts - values[counts.argmax()]
    return Bands(shifts.astype(np.int32), 1.0) if shifts.any() and mended(image, shifts) >= MENDED else none


def mended(image: np.ndarray, shifts: np.ndarray) -> float:
    """How much more alike the rows at the seams are once they are put back: the median logarithm.

    In smooth pictures small things add up to bands that are none; there it is below 0.

    Args:
      image: `(H, W, C)`, [0, 1].
      shifts: `(H,)`, by how much each row lies to the right; not all alike.

    Returns:
      A number.

    Example:
      >>> shifts = np.repeat([0, 3, 0], 8)
      >>> rows = np.random.default_rng(0).random((1, 40, 1)).repeat(24, 0)
      >>> moved = np.stack([np.roll(row, shift, 0) for row, shift in zip(rows, shifts)])
      >>> mended(moved, shifts) > 1 > 0 > mended(rows, shifts)
      True
    """
    seams = np.nonzero(np.diff(shifts))[0]
    beside = np.concatenate([seams, seams + 1])
    rows = image[beside]
    back, lost = put_back(rows, shifts[beside])

    def unlike(rows: np.ndarray, known: np.ndarray) -> np.ndarray:
        (above, below), (one, other) = np.split(rows, 2), np.split(known, 2)
        both, apart = one & other, np.abs(below - above).mean(-1, keepdims=True)
        return (apart * both).sum((1, 2)) / np.maximum(both.sum((1, 2)), 1) + ROUNDING

    return float(np.median(np.log(unlike(rows, np.ones_like(lost)) / unlike(back, ~lost))))


def _by_parts(say: Callable[[np.ndarray], Sequence[np.ndarray]], image: np.ndarray, after: int = 0) -> list[np.ndarray]:
    """What is said of rows, each with the `after` next ones, some at a time: it needs many times their memory."""
    parts = [say(image[y : y + PART + after]) for y in range(0, len(image) - after, PART)]
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def _seams(image: np.ndarray, most: int) -> np.ndarray:
    """What speaks for each row's being moved by -most ... most against the row above: `(H - 1, 2 most + 1)`."""
    width = image.shape[1]

    def costs(rows: np.ndarray) -> list[np.ndarray]:
        tone = rows.mean(-1)
        above, below = tone[:-1], np.pad(tone[1:], ((0, 0), (most, most)), "wrap")
        return [np.stack([np.abs(above - below[:, k : k + width]).mean(1) for k in range(2 * most + 1)], 1) + ROUNDING]

    (cost,) = _by_parts(costs, image, after=1)
    gain = width / ALONG * np.log(cost[:, most : most + 1] / cost)
    padded = np.pad(gain, ((AROUND, AROUND), (0, 0)), "edge")
    around = np.stack([padded[k : k + len(gain)] for k in range(0, 2 * AROUND + 1, 2)])
    gain = gain - np.maximum(np.median(around, 0), 0)
    padded = np.pad(cost[:, most], AROUND, "edge")
    usual = np.median(np.stack([padded[k : k + len(gain)] for k in range(2 * AROUND + 1) if k != AROUND]), 0)
    unusual = width / ALONG * np.log(cost[:, most] / (USUAL * usual))
    share = np.clip(unusual / np.maximum(gain.max(1), 1e-3), 0, 1)
    return np.where(gain > 0, share[:, None] * gain, gain)


def _rows(image: np.ndarray, most: int) -> list[np.ndarray]:
    """What speaks for each shift of each row by itself, against none: where the ends have met, or by margins."""
    framed = FRAMED * _frame_seen(image, most)
    met = ENDS * _ends_met(image, most) + framed
    colour = _margin_colour(image, most)
    return [met] if colour is None else [met, _margins(image, colour, most) + framed]


def _frame_seen(image: np.ndarray, most: int) -> np.ndarray:
    """How much more of the frame that most rows have at their ends is seen after a shift than without: `(H, n)`."""
    columns = np.arange(-FRAME - 1, FRAME + 1)
    shifts = np.arange(-most, most + 1)
    ends = image[:, columns]
    usual = np.median(ends, 0)
    spread = np.median(np.abs(ends - usual), 0).mean(-1)
    steady = np.nonzero(spread <= STEADY)[0]
    seen = np.zeros((len(image), 2 * most + 1))
    for k in steady:
        off = np.abs(image[:, (columns[k] + shifts) % image.shape[1]] - usual[k]).mean(-1)
        seen += np.exp(-off / (2 * (spread[k] + 1 / 255))) / len(steady)
    return seen - seen[:, most : most + 1]


def _ends_met(image: np.ndarray, most: int) -> np.ndarray:
    """The likelihood of a jump between unlike places there, against that of a step between neighbours: `(H, n)`."""

    def near_the_ends(rows: np.ndarray) -> list[np.ndarray]:
        jump = np.abs(rows - np.roll(rows, 1, 1)).mean(-1)
        unlike = np.maximum(np.abs(rows - np.roll(rows, rows.shape[1] // 3, 1)).mean((1, 2)), 0.05)[:, None]
        beside = np.maximum(np.roll(jump, 1, 1), np.roll(jump, -1, 1))
        usual = 0.8 * beside + 0.3 * jump.mean(1, keepdims=True) + 1.5 / 255
        jump, usual = (x[:, np.arange(-most, most + 1) % rows.shape[1]] for x in (jump, usual))
        return [np.clip(np.log(usual / unlike) + jump / usual - jump / unlike, -3, 4)]

    (says,) = _by_parts(near_the_ends, image)
    always = np.maximum(np.median(says, 0), 0)  # what a picture shows there in most rows is its own
    always[most] = 0
    out = says - always
    return out - out[:, most : most + 1]


def _run_lengths(image: np.ndarray, colour: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which pixels have a colour, and how many in a row from the left and from the right: `(H, W)`, `(H,)`, `(H,)`."""

    def runs(rows: np.ndarray) -> list[np.ndarray]:
        near = np.abs(rows - colour).max(-1) <= EXACT
        ended = np.pad(~near, ((0, 0), (0, 1)), constant_values=True)
        return [near, ended.argmax(1), np.pad(~near[:, ::-1], ((0, 0), (0, 1)), constant_values=True).argmax(1)]

    near, left, right = _by_parts(runs, image)
    return near, left, right


def _margin_colour(image: np.ndarray, most: int) -> np.ndarray | None:
    """The colour with which many rows begin or end, as far as the rows beside them."""
    ends = np.concatenate([image[:, 0], image[:, -1]])
    code = np.rint(ends * 255).astype(int) @ 256 ** np.arange(image.shape[-1])
    _, first, count = np.unique(code, return_index=True, return_counts=True)
    found: list[tuple[int, np.ndarray]] = []
    for k in np.argsort(-count)[:4]:
        _, left, right = _run_lengths(image, ends[first[k]])
        left, right = left - _usual_length(left), right - _usual_length(right)
        run = np.where(left > 0, left, -right)
        one = ((left > 0) != (right > 0)) & (np.abs(run) <= most)
        steady = one[1:] & one[:-1] & (run[1:] == run[:-1])
        wide = steady & (np.abs(run[1:]) >= 3)
        if steady.sum() >= 6 and steady.sum() >= 0.6 * (run != 0).sum() and wide.sum() > 0.5 * steady.sum():
            found.append((int(steady.sum()), ends[first[k]]))
    return max(found, key=lambda f: f[0])[1] if found else None


def _usual_length(run: np.ndarray) -> int:
    """The width of a picture's own frame of some colour."""
    values, counts = np.unique(run, return_counts=True)
    usual = int(values[counts.argmax()])
    return usual if usual <= FRAME else 0


def _margins(image: np.ndarray, colour: np.ndarray, most: int) -> np.ndarray:
    """What the margins of rows say for each shift, against none."""
    near, left, right = _run_lengths(image, colour)
    common = np.minimum(1, 3 * near[:, most:-most].mean(1))  # the print may have that colour too
    price = (0.1 + 1.2 * (1 - common))[:, None]
    shifts = np.arange(-most, most + 1)
    out = np.zeros((len(image), 2 * most + 1))
    for run, toward in ((left, shifts), (right, -shifts)):
        off = np.maximum(_usual_length(run) + toward, 0) - run[:, None]
        out -= 4.0 * np.clip(off, 0, 3) + price * np.clip(-off, 0, 3)
    return out - out[:, most : most + 1]


def _followed(seams: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, float]:
    """The likeliest shift of every row, and how much likelier they are together than none (Viterbi's algorithm)."""
    most = own.shape[1] // 2
    shifts = np.arange(-most, most + 1)
    offset = shifts[None] - shifts[:, None]  # from, to
    place = np.clip(offset + most, 0, 2 * most)
    price = np.where(shifts == 0, HOME, AWAY)[None] * (offset != 0)
    price = np.where(np.abs(offset) <= most, price, np.inf)
    rest = REST * (shifts != 0)
    score = own[0] - AWAY * (shifts != 0)
    came = np.zeros(own.shape, np.int32)
    for y in range(1, len(own)):
        total = score[:, None] + seams[y - 1][place] - price
        came[y] = total.argmax(0)
        score = total.max(0) + own[y] - rest
    path = np.zeros(len(own), np.int32)
    path[-1] = score.argmax()
    for y in range(len(own) - 1, 0, -1):
        path[y - 1] = came[y, path[y]]
    return shifts[path], float(score.max())


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
