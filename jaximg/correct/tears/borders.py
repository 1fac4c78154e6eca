"""The straight borders of a picture's pieces: where pieces meet, the border of one goes on in that of the other."""

from dataclasses import dataclass

import numpy as np

from jaximg.correct.tears.motion import sampled
from jaximg.correct.tears.outline import STEP

RUN = 12
"""A border has at least so many of an outline's points in a row."""
STRAIGHT = 0.35
"""And they are so near to a line, in pixels, root mean square."""
UNSURE, SURE = 0.3, 0.02
"""How exactly a border is known at worst and at best, in pixels."""
CORRELATED = 6
"""So many places beside each other along a border err together."""
PROFILE = np.arange(-3, 3.25, 0.25)


@dataclass(frozen=True)
class Border:
    """A straight run of an outline, walked clockwise.

    Attributes:
      ends: `(2, 2)`, where it begins and where it ends, (x, y).
      sigma: how exactly the place of its middle is known, in pixels.
    """

    ends: np.ndarray
    sigma: float = 0.2

    @property
    def direction(self) -> np.ndarray:
        """Of the walk, of length 1."""
        along = self.ends[1] - self.ends[0]
        return along / np.hypot(*along)

    def moved(self, matrix: np.ndarray) -> "Border":
        """After a motion."""
        return Border(self.ends @ matrix[:, :2].T + matrix[:, 2], self.sigma)

    def error(self, points: np.ndarray) -> np.ndarray:
        """How exactly the line is known beside some places: the standard deviation in pixels."""
        place = (points - self.ends.mean(0)) @ self.direction / self.length
        return self.sigma * np.sqrt(1 + 12 * place**2)

    @property
    def length(self) -> float:
        """In pixels."""
        return float(np.hypot(*(self.ends[1] - self.ends[0])))


def borders(image: np.ndarray, outline: np.ndarray) -> list[Border]:
    """The straight runs of an outline.

    Args:
      image: `(S, S, C)`, to place them within the pixel.
      outline: `(n,)` complex, `STEP` apart.

    Returns:
      The borders, the longest first.

    Example:
      >>> square = np.concatenate([np.arange(40) + 0j, 40 + 1j * np.arange(40)]) * STEP
      >>> len(borders(np.zeros((200, 200, 1), np.float32), square))
      2
    """
    n = len(outline)
    if n < 2 * RUN:
        return []
    bad = np.array([_line(outline, i, RUN)[2] > STRAIGHT for i in range(n)])
    out, taken = [], np.zeros(n, bool)
    for start in np.nonzero(~bad)[0]:
        if taken[start]:
            continue
        first, count = int(start), RUN
        while count < n and _line(outline, first, count + 1)[2] <= STRAIGHT and _last_error(outline, first, count) < 1:
            count += 1
        while count < n and _line(outline, first - 1, count + 1)[2] <= STRAIGHT:
            first, count = first - 1, count + 1
        taken[(first + np.arange(count - 1)) % n] = True
        middle, along, _ = _line(outline, first + 1, count - 2)  # corners are rounded
        half = (count - 3) * STEP / 2
        out.append(_settled(image, np.array([middle - half * along, middle + half * along])))
    out.sort(key=lambda b: -b.length)
    return out


def _line(z: np.ndarray, first: int, count: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Middle, direction and root mean square error of the line through a run of points."""
    run = z[(first + np.arange(count)) % len(z)]
    middle = run.mean()
    centred = run - middle
    turn = np.sqrt((centred**2).sum())
    along = turn / max(abs(turn), 1e-9)
    along = along if (along.conjugate() * (run[-1] - run[0])).real >= 0 else -along
    error = (along.conjugate() * centred).imag
    return np.array([middle.real, middle.imag]), np.array([along.real, along.imag]), float(np.sqrt((error**2).mean()))


def _last_error(z: np.ndarray, first: int, count: int) -> float:
    """How far the next point is from the line so far."""
    middle, along, _ = _line(z, first, count)
    p = z[(first + count) % len(z)]
    dx, dy = p.real - middle[0], p.imag - middle[1]
    return abs(along[0] * dy - along[1] * dx)


def _settled(image: np.ndarray, ends: np.ndarray) -> Border:
    """Moved to the line along which the picture covers half of the pixels."""
    along = ends[1] - ends[0]
    length = np.hypot(*along)
    along = along / length
    outward = np.array([along[1], -along[0]])  # of a clockwise walk, y downward
    steps = np.arange(2, length - 2, 1.5)
    if len(steps) < 8:
        return Border(ends, UNSURE)
    grid = ends[0] + steps[:, None, None] * along + PROFILE[None, :, None] * outward
    values = sampled(image, grid.reshape(-1, 2)).reshape(*grid.shape[:2], -1)
    inside, outside = values[:, :1], values[:, -1:]
    contrast = ((inside - outside) ** 2).sum(-1)
    cover = np.clip(((values - outside) * (inside - outside)).sum(-1) / np.maximum(contrast, 1e-6), 0, 1)
    clear = contrast[:, 0] > 0.03
    if clear.sum() < 8:
        return Border(ends, UNSURE)
    edge = PROFILE[0] - 0.125 + cover[clear].sum(1) * 0.25
    line, sigma = _robust_line(steps[clear], edge)
    if np.abs(line([0, length])).max() > 2:
        return Border(ends, UNSURE)
    return Border(ends + line([0, length])[:, None] * outward, max(sigma, SURE))


def _robust_line(x: np.ndarray, y: np.ndarray) -> tuple[np.polynomial.Polynomial, float]:
    """The line through most of some points, and how exactly its middle is known."""
    middle = x.mean()
    rows = np.stack([np.ones_like(x), x - middle], 1)
    error = y - np.median(y)
    found = np.zeros(2)
    for _ in range(12):
        scale = 1.5 * float(np.median(np.abs(error))) + 0.02
        weight = 1 / (1 + (error / (2 * scale)) ** 2) ** 2
        found = np.linalg.solve(rows.T @ (weight[:, None] * rows) + 1e-9 * np.eye(2), rows.T @ (weight * y))
        error = y - rows @ found
    scale = 1.5 * float(np.median(np.abs(error)))
    line = np.polynomial.Polynomial([found[0] - found[1] * middle, found[1]])
    return line, float(scale * np.sqrt(CORRELATED / len(x)))


def pairs(a: list[Border], b: list[Border], matrix: np.ndarray, far: float = 10) -> list[tuple[Border, Border]]:
    """Borders of `b` that go on in borders of `a`, about, once `b` is moved."""
    out = []
    for other in b:
        ends = other.ends @ matrix[:, :2].T + matrix[:, 2]
        along = (ends[1] - ends[0]) / np.hypot(*(ends[1] - ends[0]))
        for own in a:
            turned = abs(own.direction[0] * along[1] - own.direction[1] * along[0])
            if own.direction @ along < 0.5 or turned > 0.06:
                continue
            if np.abs(_beside(own, ends)).max() < far and _between(own, ends) > -20:
                out.append((own, other))
    return out


def _beside(border: Border, points: np.ndarray) -> np.ndarray:
    d, p = border.direction, points - border.ends[0]
    return d[0] * p[:, 1] - d[1] * p[:, 0]


def _between(border: Border, ends: np.ndarray) -> float:
    """The length along the border between it and the other; negative where they lie beside each other."""
    place = (ends - border.ends[0]) @ border.direction
    return float(max(place.min() - border.length, -place.max()))


def equations(
    matched: list[tuple[Border, Border]], matrix: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Places of ends, the normals of the borders that they should lie on, how far they are off and may be."""
    if not matched:
        return np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0), np.zeros(0)
    places = np.concatenate([other.ends for _, other in matched])
    at = places @ matrix[:, :2].T + matrix[:, 2]
    normals = np.concatenate([np.repeat([[-own.direction[1], own.direction[0]]], 2, 0) for own, _ in matched])
    error = np.concatenate([_beside(own, at[2 * i : 2 * i + 2]) for i, (own, _) in enumerate(matched)])
    sigma = [np.hypot(own.error(at[2 * i : 2 * i + 2]), 2 * other.sigma) for i, (own, other) in enumerate(matched)]
    return places, normals, error, np.maximum(np.concatenate(sigma), 2 * SURE)
