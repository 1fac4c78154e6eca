"""What a line looks like across, measured all along it: what tells a scratch from a wire, a mast or a joint."""

from dataclasses import dataclass

import numpy as np

from jaximg.correct.jpeg import luminance

_OFFSETS = np.arange(-6, 6.5, 0.5)
_MIDDLE = np.abs(_OFFSETS) <= 0.5
_NEAR = np.abs(_OFFSETS) <= 2
_ON = np.abs(_OFFSETS) <= 1
_LEFT = (_OFFSETS >= -5) & (_OFFSETS <= -3)
_RIGHT = (_OFFSETS >= 3) & (_OFFSETS <= 5)


@dataclass(frozen=True)
class Line:
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
      bent: how far it is from straight, to its length.
      mapped: what the network's map says on it, the median, the lower fifth, and the share above a half.
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
    bent: float
    mapped: tuple[float, float, float]

    @property
    def terms(self) -> dict[str, float]:
        """What tells a scratch, by name: logarithms, but for the colour."""
        return {
            "length": np.log(self.length),
            "residual": np.log(self.residual + 0.004),
            "sides": np.log(self.sides + 0.01),
            "halo": np.log(self.halo + 0.003),
            "slant": np.log(self.slant + 0.005),
            "width": np.log(max(self.width, 0.5)),
            "colour": self.colour,
            "contrast": np.log(max(self.contrast, 0.01)),
            "spread": np.log(self.spread + 0.01),
            "bent": np.log(self.bent + 0.005),
            "variety": np.log(self.variety + 0.002),
        }

    @property
    def features(self) -> np.ndarray:
        """What its probability to be a scratch is made of: `terms`, what the network's map says, and its own tone.

        That is how far the tone is from black or white, what shines through taken away; a scratch is near one of them.
        """
        own, through = self.mixture
        tone = min(max(own / (1 - through), 0), 1)
        median, low, share = self.mapped
        seen = [_log_odds(median), _log_odds(low), share]
        return np.array([*self.terms.values(), *seen, self.flat, through, min(tone, 1 - tone)])


def measure(image: np.ndarray, probable: np.ndarray, sign: int, points: np.ndarray) -> Line:
    """Measures a line.

    Args:
      image: `(H, W, 1 or 3)`, [0, 1].
      probable: `(H, W)`, the network's map.
      sign: 1 if the line is bright, -1 if dark.
      points: `(n, 2)`, rows and columns along it, 2 pixels apart, no more than 2 pixels off its middle.

    Returns:
      The line, its points moved to its middle.

    Example:
      >>> x = np.full((20, 90, 1), 0.5, np.float32)
      >>> x[9:11] = 0.8
      >>> line = measure(x, np.zeros((20, 90)), 1, np.stack([np.full(40, 9.0), np.arange(5.0, 85, 2)], 1))
      >>> line.width, round(line.contrast, 2), bool(np.allclose(line.points[:, 0], 9.5, atol=0.05))
      (1.5, 0.3, True)
    """
    points, profile = straighten(image, sign, points)
    luma, (left, right, tone) = _luma(profile), tones(profile)
    behind = (left + right) / 2
    through = _slope(behind, tone)
    own = float(np.median(tone - through * behind))
    own_colour = profile[:, _MIDDLE].mean(1) - through * profile[:, _LEFT | _RIGHT].mean(1)
    shape = np.median(sign * (luma - behind[:, None]), 0)
    nearer = np.minimum(sign * (tone - left), sign * (tone - right))
    beside = np.abs(np.diff(profile[:, _LEFT | _RIGHT], axis=0)).max(-1)
    return Line(
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
        bent=_bent(points),
        mapped=_mapped(probable, points),
    )


def _log_odds(probability: float) -> float:
    """Of a probability; beyond 1000 to 1 all is sure."""
    sure = np.clip(probability, 1e-3, 0.999)
    return float(np.log(sure / (1 - sure)))


def _bent(points: np.ndarray) -> float:
    """How far a line is from straight, to its length."""
    chord = points[-1] - points[0]
    aside = (points - points[0]) @ np.array([-chord[1], chord[0]]) / max(np.hypot(*chord), 1.0)
    return float(np.ptp(aside) / np.hypot(*np.diff(points, axis=0).T).sum())


def _mapped(probable: np.ndarray, points: np.ndarray) -> tuple[float, float, float]:
    most = seen(probable, points)
    return float(np.median(most)), float(np.quantile(most, 0.2)), float((most > 0.5).mean())


def seen(probable: np.ndarray, points: np.ndarray) -> np.ndarray:
    """What the network's map says at each point of a line, no further aside than a pixel, `(n,)`.

    Example:
      >>> seen(np.eye(9), np.stack([np.arange(6.0), np.full(6, 3.0)], 1)).tolist()
      [0.0, 0.0, 1.0, 1.0, 1.0, 0.0]
    """
    points, across = _smooth_path(points)
    place = np.rint(points[:, None] + _OFFSETS[_ON][:, None] * across[:, None]).astype(int)
    y, x = np.moveaxis(np.clip(place, 0, np.array(probable.shape) - 1), -1, 0)
    return probable[y, x].max(1)


def tones(profile: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The luma of the left side, of the right side and of the middle, for each point of `straighten`'s profile.

    Example:
      >>> left, right, tone = tones(np.ones((4, 25, 1), np.float32))
      >>> left.shape, float(tone[0])
      ((4,), 1.0)
    """
    luma = _luma(profile)
    return luma[:, _LEFT].mean(1), luma[:, _RIGHT].mean(1), luma[:, _MIDDLE].mean(1)


def straighten(image: np.ndarray, sign: int, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points moved to the middle of the line, and the picture across it there: `(n, 25, C)`, half pixels apart.

    Example:
      >>> x = np.zeros((20, 60, 1), np.float32)
      >>> x[10] = 1
      >>> points, profile = straighten(x, 1, np.stack([np.full(20, 9.0), np.arange(8.0, 48, 2)], 1))
      >>> bool(np.allclose(points[:, 0], 10, atol=0.05)), profile.shape
      (True, (20, 25, 1))
    """
    points, across = _smooth_path(points)
    profile = _across(image, points, across)
    luma = sign * _luma(profile)
    sides = np.maximum(luma[:, _OFFSETS == -4], luma[:, _OFFSETS == 4])
    weight = _running_mean(np.maximum(luma[:, _NEAR] - sides, 0), 7) ** 2
    aside = (weight @ _OFFSETS[_NEAR]) / np.maximum(weight.sum(1), 1e-9)
    points, across = _smooth_path(points + _running_mean(aside[:, None], 3) * across)
    return points, _across(image, points, across)


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
