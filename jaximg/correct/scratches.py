"""Scratches: thin bright or dark lines that run across a picture and don't belong to it.

Wires, masts, railings, twigs, joints and lettering are thin lines too. What tells a scratch from them is that it does
not care for the picture: its tone stays a fixed mixture of one grey and of what lies behind, it is narrow from end to
end, and beyond its sides the picture goes on as if it weren't there. So each line is followed from end to end and
measured along all of it, together with what a trained network makes of its pixels; and faint ones are believed only
beside sure ones, the more the more they are like them.
"""

from dataclasses import dataclass

import numpy as np

from jaximg.correct import network
from jaximg.correct.fill import halve
from jaximg.correct.jpeg import luminance
from jaximg.correct.judge import SURE, kindred, probability, sigmoid, style_of
from jaximg.correct.lines import STRIDE, find_lines, mark
from jaximg.correct.profiles import Line, measure, seen, straighten, tones
from jaximg.correct.scratch_pixels import touched

SMALLEST = 16
"""Pictures with a shorter side are not looked at."""
LARGEST = 2_000_000
"""Of pictures of more pixels the half is looked at."""
LIKELY, POSSIBLE = 0.7, 0.2
"""A line so probably a scratch is taken for one where enough are sure; and one only so probably a scratch is judged
again, continued to where it ends."""
ENOUGH = 100
"""The pixels of sure scratches that make the finding half sure."""
PLAIN = 0.006
"""Before a plainer background than this a line is no sure scratch: it may be a wire in the sky, or drawn."""
FLAT = 0.3
"""Nor is any where more of the background than this share is flat: graphics, screenshots, lettering. Nor one that runs
along a row or a column."""
HINT, BENT, COINCIDENCES = 0.7, 0.02, 2
"""More lines than that many which are this probably scratches, and not straight as what is built, count too;"""
SEEN = 0.8
"""before a plain background, if the network's map says so much on them;"""
DEAD, LIVELY = 0.05, 0.1
"""in photographs: away from lines, so much of their area shows something, the first for any line, the second for these.
"""
CHANGE, BLOCK = 0.01, 8
"""Something shows where means over squares of so many pixels differ by this from their neighbours."""

TURNS = 2
"""So often a scratched picture is looked at: with the scratches found taken away, those that ran beside them show."""

FRAME = 8
"""A line so near to the border all along belongs to a frame."""
END = 10
"""So many points of a line are looked for at a time beyond its end."""
THERE, NOT_THERE = 0.9, 0.02
"""Where the network's map is above the first a line goes on, below the second it has ended, whatever it looks like."""


@dataclass(frozen=True)
class Scratches:
    """Thin lines across a picture.

    Attributes:
      mask: `(H, W, 1)` bool, True on a scratch.
      confidence: 0 to 1.
    """

    mask: np.ndarray
    confidence: float = 0.0


def find_scratches(image: np.ndarray) -> Scratches:
    """Finds thin bright and dark lines that don't belong to the picture.

    Up to about 4 pixels wide, more or less grey, and at least 30 long; of pictures of more than 2 million pixels the
    half is looked at.

    Args:
      image: `(H, W, 1 or 3)`, [0, 1].

    Returns:
      What was found.

    Example:
      >>> bool(find_scratches(np.full((64, 64, 1), 0.5, np.float32)).mask.any())
      False
    """
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST:
        return Scratches(np.zeros((height, width, 1), bool))
    if height * width > LARGEST:
        half = find_scratches(halve(image))
        if not half.mask.any():
            return Scratches(np.zeros((height, width, 1), bool))
        return Scratches(half.mask.repeat(2, 0).repeat(2, 1)[:height, :width], half.confidence)
    rest, mask, confidence, style = image, np.zeros((height, width), bool), 0.0, None
    for turn in range(TURNS):
        probable = scratch_map(rest)
        lines = measured_lines(rest, probable)
        confidence = confidence if turn else _confidence(rest, lines)
        style = style if turn else style_of(lines, [probability(line) for line in lines])
        paths = _paths(rest, probable, lines, style) if confidence >= 0.5 else []
        if not paths:
            break
        found, behind = touched(rest, paths)
        mask |= found
        rest = np.where(found[..., None], behind, rest)
    return Scratches(mask[..., None], confidence if mask.any() else 0.0)


def scratch_map(image: np.ndarray) -> np.ndarray:
    """How probable a trained network finds it that each pixel lies on a scratch, `(H, W)` float32.

    Args:
      image: `(H, W, 1 or 3)`, [0, 1].

    Example:
      >>> bool(scratch_map(np.full((64, 64, 1), 0.5, np.float32)).max() < 0.5)
      True
    """
    colours = np.broadcast_to(image, (*image.shape[:2], 3)).astype(np.float32)
    ones = np.ones((*image.shape[:2], 1), np.float32)
    odds = network.restore("scratches", np.zeros_like(ones), colours, ones)[..., 0]
    return sigmoid(odds)


def measured_lines(image: np.ndarray, probable: np.ndarray) -> list[Line]:
    """All thin lines, measured: those of the picture, and those of the network's map.

    The latter not again where a line of the picture that may be a scratch runs there. One that leaves a scratch and
    goes on along something else looks like none.
    """
    shape = image.shape[:2]
    taken, lines = np.zeros(shape, bool), []
    for sign, points in find_lines(luminance(image), np.ptp(image, axis=-1)):
        if not _frames(points, shape):
            line = measure(image, probable, sign, points)
            lines.append(line)
            if probability(line) > POSSIBLE:
                mark(taken, points, 2.5)
    for sign, points in find_lines(probable, np.zeros_like(probable)):
        if sign > 0 and not _frames(points, shape):
            line = max((measure(image, probable, s, points) for s in (1, -1)), key=lambda line: line.contrast)
            y, x = np.rint(line.points).astype(int).T.clip(0, np.array(shape)[:, None] - 1)
            if taken[y, x].mean() <= 0.7:
                lines.append(line)
    return lines


def _frames(points: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether a line runs along the picture's border from end to end."""
    before, after = points < FRAME, points > np.array(shape) - 1 - FRAME
    return bool(before.all(0).any() or after.all(0).any())


def _confidence(image: np.ndarray, lines: list[Line]) -> float:
    """How sure it is that the picture is scratched: 1 where sure scratches have twice `ENOUGH` pixels."""
    fair = [line for line in lines if _fair(line) and probability(line) > HINT]
    if not fair:
        return 0.0
    sure = [line for line in fair if _varied(line) and probability(line) > SURE]
    hints = sorted(line.length for line in fair if _hint(line))
    lively = _lively(luminance(image), lines)
    total = sum(line.length for line in sure) if lively > DEAD else 0
    if lively > LIVELY:
        total += sum(hints[:-COINCIDENCES])
    return min(1.0, total / (2 * ENOUGH))


def _hint(line: Line) -> bool:
    """Whether a line that is not sure counts where there are more of them."""
    certain = _varied(line) and probability(line) > SURE
    seen = line.variety > PLAIN or line.mapped[0] > SEEN
    return not certain and seen and line.flat < FLAT and line.bent > BENT


def _varied(line: Line) -> bool:
    return line.variety > PLAIN and line.flat < FLAT


def _fair(line: Line) -> bool:
    """Whether a line can prove that the picture is scratched: not one that is ruled, or the border of something."""
    return np.ptp(line.points, axis=0).min() >= 2 and line.sides < line.contrast


def _lively(luma: np.ndarray, lines: list[Line]) -> float:
    """Away from all lines, the share of the area that shows something."""
    near = np.zeros(luma.shape, bool)
    for line in lines:
        mark(near, _denser(line.points), 6.0)
    height, width = (size // BLOCK for size in luma.shape)
    cut = (slice(height * BLOCK), slice(width * BLOCK))
    tone, busy = (x[cut].reshape(height, BLOCK, width, BLOCK).mean((1, 3)) for x in (luma, near))
    change = np.maximum(np.abs(np.diff(tone, axis=0)[:, :-1]), np.abs(np.diff(tone, axis=1)[:-1]))
    free = np.maximum(np.maximum(busy[:-1, :-1], busy[1:, :-1]), busy[:-1, 1:]) <= 0.1
    return float((free & (change > CHANGE)).sum() / max(free.sum(), 1))


def _paths(
    image: np.ndarray, probable: np.ndarray, lines: list[Line], style: np.ndarray | None
) -> list[tuple[np.ndarray, float, tuple[int, int]]]:
    """Where scratches run in a picture that has some, as `touched` takes them: continued beyond their ends."""
    paths = []
    for line in lines:
        likely = probability(line)
        if likely > POSSIBLE:
            whole = measure(image, probable, line.sign, _extend(image, probable, line))
            if kindred(whole, max(likely, probability(whole)), style) > LIKELY:
                points = np.concatenate([_ahead(whole.points[::-1])[::-1], whole.points, _ahead(whole.points)])
                paths.append((points, whole.width, (END, END)))
    return paths


def _extend(image: np.ndarray, probable: np.ndarray, line: Line) -> np.ndarray:
    """The line's points, its ends cut or continued to where it really ends."""
    points = line.points
    for _ in range(2):
        points = _continue(image, probable, line, points[: -END // 2])[::-1]
    return points


def _continue(image: np.ndarray, probable: np.ndarray, line: Line, points: np.ndarray) -> np.ndarray:
    for _ in range(int(np.hypot(*image.shape[:2]) / (END * STRIDE)) + 1):
        ahead = _ahead(points)
        path = np.concatenate([points[-2 * END :], ahead])
        middle, profile = straighten(image, line.sign, path)
        worth = np.cumsum(_worth(line, profile, seen(probable, middle))[-END:])
        middle = middle[-END:]
        inside = np.all((middle >= 0) & (middle <= np.array(image.shape[:2]) - 1), axis=1)
        count = int(np.argmax(worth)) + 1
        if worth[count - 1] <= 0 or not inside[0]:
            break
        points = np.concatenate([points, middle[:count][inside[:count]]])
    return points


def _ahead(points: np.ndarray) -> np.ndarray:
    """The next `END` points if the path goes on bending as it does."""
    steps = np.diff(points[-2 * END :], axis=0)
    angle = np.unwrap(np.arctan2(steps[:, 0], steps[:, 1]))
    when = np.arange(len(angle)) - len(angle) + 1
    bend, last = np.polyfit(when, angle, 1) if len(angle) > 2 else (0.0, angle[-1])
    heading = last + bend * np.arange(1, END + 1)
    return points[-1] + STRIDE * np.cumsum(np.stack([np.sin(heading), np.cos(heading)], 1), axis=0)


def _worth(line: Line, profile: np.ndarray, probable: np.ndarray) -> np.ndarray:
    """Of each point: positive where it shows the line or the network sees it there, negative where not."""
    left, right, tone = tones(profile)
    behind = (left + right) / 2
    fits = np.abs(tone - line.mixture[0] - line.mixture[1] * behind) < max(2.5 * line.residual, 0.06)
    shows = line.sign * (tone - behind) > 0.03
    least, most = np.where(probable > THERE, 0.5, -1), np.where(probable < NOT_THERE, -0.1, 1)
    return np.clip(np.where(fits & shows, 1.0, np.where(fits, -0.1, -0.6)), least, most)


def _denser(points: np.ndarray) -> np.ndarray:
    """Four points for each."""
    at = np.arange(0, len(points) - 0.75, 0.25)
    return np.stack([np.interp(at, np.arange(len(points)), axis) for axis in points.T], 1)
