"""Scratches: thin bright or dark lines that run across a picture and don't belong to it.

Wires, masts, railings, twigs, joints and lettering are thin lines too. What tells a scratch from them is that it does
not care for the picture: its tone stays a fixed mixture of one grey and of what lies behind, it is narrow from end to
end, and beyond its sides the picture goes on as if it weren't there. So each line is followed from end to end and
measured along all of it; and faint ones are believed only beside sure ones.
"""

from dataclasses import dataclass

import numpy as np

from jaximg.correct.fill import halve
from jaximg.correct.jpeg import luminance
from jaximg.correct.lines import STRIDE, find_lines, mark

SMALLEST = 16
"""Pictures with a shorter side are not looked at."""
LARGEST = 2_000_000
"""Of pictures of more pixels the half is looked at."""
SURE, LIKELY, POSSIBLE = 0.97, 0.7, 0.2
"""A line so probably a scratch counts; one so probably a scratch is taken for one where enough count; and one only so
probably a scratch is judged again, continued to where it ends."""
ENOUGH = 100
"""The pixels of sure scratches that make the finding half sure."""
PLAIN = 0.006
"""Before a plainer background than this a line is no sure scratch: it may be a wire in the sky, or drawn."""
FLAT = 0.3
"""Nor is any where more of the background than this share is flat: graphics, screenshots, lettering. Nor one that runs
along a row or a column."""

FRAME = 8
"""A line so near to the border all along belongs to a frame."""
END = 10
"""So many points of a line are looked for at a time beyond its end."""

_OFFSETS = np.arange(-6, 6.5, 0.5)
_MIDDLE = np.abs(_OFFSETS) <= 0.5
_NEAR = np.abs(_OFFSETS) <= 2
_LEFT = (_OFFSETS >= -5) & (_OFFSETS <= -3)
_RIGHT = (_OFFSETS >= 3) & (_OFFSETS <= 5)

_WEIGHTS = np.array([-16.97, 1.17, -3.87, 1.45, -1.84, -1.36, -4.59, -21.39, 1.83, 2.19])
"""Of a constant and `_Line.features`: a logistic regression over the lines of 36 photographs, clean and scratched."""


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
        return Scratches(half.mask.repeat(2, 0).repeat(2, 1)[:height, :width], half.confidence)
    lines = [
        _measure(image, sign, points)
        for sign, points in find_lines(luminance(image), np.ptp(image, axis=-1))
        if not _frames(points, (height, width))
    ]
    confidence = min(1.0, sum(line.length for line in lines if line.sure) / (2 * ENOUGH))
    mask = np.zeros((height, width), bool)
    for line in lines if confidence >= 0.5 else ():
        if line.probability > POSSIBLE:
            whole = _measure(image, line.sign, _extend(image, line))
            if max(line.probability, whole.probability) > LIKELY:
                mark(mask, _denser(whole.points), whole.width / 2 + 0.75)
    return Scratches(mask[..., None], confidence if mask.any() else 0.0)


@dataclass(frozen=True)
class _Line:
    """A line, measured; tones on [0, 1], lengths in pixels, medians over all of its points.

    Attributes:
      sign: 1 if it is bright, -1 if dark.
      points: `(n, 2)`, rows and columns of its middle.
      mixture: its tone over a black background, and how much of the background shines through.
      length: from end to end.
      residual: how far its tone is from a fixed mixture of one grey and its background.
      sides: how far its two sides differ.
      slant: the same with its sign, so that what changes from place to place cancels.
      halo: how far the median background at 3 to 6 pixels is from what its sides make one expect.
      width: where it stands out by half.
      colour: how far from grey it is, apart from what shines through.
      contrast: to the side that is nearer in tone.
      spread: of its tone.
      variety: of its background along the line.
      flat: the share of the background that is exactly flat.
    """

    sign: int
    points: np.ndarray
    mixture: tuple[float, float]
    length: float
    residual: float
    sides: float
    slant: float
    halo: float
    width: float
    colour: float
    contrast: float
    spread: float
    variety: float
    flat: float

    @property
    def features(self) -> np.ndarray:
        """What the probability is made of."""
        logs = [
            self.length,
            self.residual + 0.004,
            self.sides + 0.01,
            self.halo + 0.003,
            self.slant + 0.005,
            self.width,
            max(self.contrast, 0.01),
            self.spread + 0.01,
        ]
        length, residual, sides, halo, slant, width, contrast, spread = np.log(logs)
        return np.array([length, residual, sides, halo, slant, width, self.colour, contrast, spread])

    @property
    def probability(self) -> float:
        """That it is a scratch."""
        return float(1 / (1 + np.exp(-_WEIGHTS[0] - self.features @ _WEIGHTS[1:])))

    @property
    def sure(self) -> bool:
        """Whether it proves that the picture is scratched."""
        ruled = np.ptp(self.points, axis=0).min() < 2
        fair = self.variety > PLAIN and self.flat < FLAT and self.sides < self.contrast
        return fair and not ruled and self.probability > SURE


def _frames(points: np.ndarray, shape: tuple[int, int]) -> bool:
    """Whether a line runs along the picture's border from end to end."""
    before, after = points < FRAME, points > np.array(shape) - 1 - FRAME
    return bool(before.all(0).any() or after.all(0).any())


def _measure(image: np.ndarray, sign: int, points: np.ndarray) -> _Line:
    points, profile = _straighten(image, sign, points)
    luma, (left, right, tone) = _luma(profile), _tones(profile)
    behind = (left + right) / 2
    through = _slope(behind, tone)
    own = float(np.median(tone - through * behind))
    own_colour = profile[:, _MIDDLE].mean(1) - through * profile[:, _LEFT | _RIGHT].mean(1)
    shape = np.median(sign * (luma - behind[:, None]), 0)
    nearer = np.minimum(sign * (tone - left), sign * (tone - right))
    beside = np.abs(np.diff(profile[:, _LEFT | _RIGHT], axis=0)).max(-1)
    return _Line(
        sign=sign,
        points=points,
        mixture=(own, through),
        length=float(np.hypot(*np.diff(points, axis=0).T).sum()),
        residual=_deviation(tone - own - through * behind),
        sides=float(np.median(np.abs(left - right))),
        slant=float(np.abs(np.median(left - right))),
        halo=float(np.abs(np.median(shape[np.abs(_OFFSETS) >= 3]))),
        width=float((shape > shape.max() / 2).sum() / 2),
        colour=float(np.median(np.ptp(own_colour, axis=-1))),
        contrast=float(np.median(nearer)),
        spread=_deviation(tone - np.median(tone)),
        variety=_variety(behind),
        flat=float((beside < 1e-6).mean()),
    )


def _tones(profile: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the left side, of the right side and of the middle."""
    luma = _luma(profile)
    return luma[:, _LEFT].mean(1), luma[:, _RIGHT].mean(1), luma[:, _MIDDLE].mean(1)


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    """How much `y` grows with `x`: 0 to 0.7."""
    x = x - x.mean()
    return float(np.clip((x * y).sum() / ((x * x).sum() + 1e-3), 0, 0.7))


def _luma(profile: np.ndarray) -> np.ndarray:
    return luminance(profile.reshape(1, -1, profile.shape[-1])).reshape(profile.shape[:2])


def _variety(tones: np.ndarray) -> float:
    """How far tones are apart that are 10 pixels apart, beyond what noise or grain does to neighbours."""
    near, far = (np.median(np.square(tones[n:] - tones[:-n])) for n in (1, 5))
    return float(np.sqrt(max(far - near, 0)))


def _deviation(x: np.ndarray) -> float:
    """A standard deviation that outliers don't move."""
    return 1.48 * float(np.median(np.abs(x)))


def _straighten(image: np.ndarray, sign: int, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points moved to the middle of the line, and the picture across it there: `(n, 25, C)`."""
    points, across = _smooth_path(points)
    profile = _across(image, points, across)
    luma = sign * _luma(profile)
    sides = np.maximum(luma[:, _OFFSETS == -4], luma[:, _OFFSETS == 4])
    weight = _running_mean(np.maximum(luma[:, _NEAR] - sides, 0), 7) ** 2
    aside = (weight @ _OFFSETS[_NEAR]) / np.maximum(weight.sum(1), 1e-9)
    points, across = _smooth_path(points + _running_mean(aside[:, None], 3) * across)
    return points, _across(image, points, across)


def _smooth_path(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points without their jitter, and the unit vectors across the line."""
    points = _running_mean(points, 5)
    along = np.gradient(points, axis=0)
    along /= np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    return points, np.stack([along[:, 1], -along[:, 0]], 1)


def _running_mean(x: np.ndarray, size: int) -> np.ndarray:
    """Over `size` rows; ends are continued by their turned mirror, so that a straight path stays one."""
    half = size // 2
    before, after = 2 * x[:1] - x[half:0:-1], 2 * x[-1:] - x[-2 : -half - 2 : -1]
    total = np.cumsum(np.concatenate([np.zeros_like(x[:1]), before, x, after]), axis=0)
    return (total[size:] - total[:-size]) / size


def _across(image: np.ndarray, points: np.ndarray, across: np.ndarray) -> np.ndarray:
    """The picture at `_OFFSETS` from each point, between pixels linearly."""
    place = points[:, None] + _OFFSETS[:, None] * across[:, None]
    place = np.clip(place, 0, np.array(image.shape[:2]) - 1.001)
    y, x = np.moveaxis(place.astype(int), -1, 0)
    fy, fx = np.moveaxis((place % 1).astype(np.float32), -1, 0)[..., None]
    upper = image[y, x] * (1 - fx) + image[y, x + 1] * fx
    lower = image[y + 1, x] * (1 - fx) + image[y + 1, x + 1] * fx
    return upper * (1 - fy) + lower * fy


def _extend(image: np.ndarray, line: _Line) -> np.ndarray:
    """The line's points, its ends cut or continued to where it really ends."""
    points = line.points
    for _ in range(2):
        points = _continue(image, line, points[: -END // 2])[::-1]
    return points


def _continue(image: np.ndarray, line: _Line, points: np.ndarray) -> np.ndarray:
    for _ in range(int(np.hypot(*image.shape[:2]) / (END * STRIDE)) + 1):
        ahead = _ahead(points)
        path = np.concatenate([points[-2 * END :], ahead])
        middle, profile = _straighten(image, line.sign, path)
        worth = np.cumsum(_worth(line, profile)[-END:])
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


def _worth(line: _Line, profile: np.ndarray) -> np.ndarray:
    """Of each point: positive where it shows the line, negative where it doesn't."""
    left, right, tone = _tones(profile)
    behind = (left + right) / 2
    fits = np.abs(tone - line.mixture[0] - line.mixture[1] * behind) < max(2.5 * line.residual, 0.06)
    shows = line.sign * (tone - behind) > 0.03
    return np.where(fits & shows, 1.0, np.where(fits, -0.1, -0.6))


def _denser(points: np.ndarray) -> np.ndarray:
    """Four points for each."""
    at = np.arange(0, len(points) - 0.75, 0.25)
    return np.stack([np.interp(at, np.arange(len(points)), axis) for axis in points.T], 1)
