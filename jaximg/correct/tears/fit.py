"""How one fragment must move to continue another: by the fit of their edges, and of what they show."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jaximg.correct.tears import borders
from jaximg.correct.tears.borders import Border
from jaximg.correct.tears.extend import FAR, Field, signed_distance
from jaximg.correct.tears.motion import inverse, matrix_of, moved, sampled

SCALE = np.array([100.0, 1.0, 1.0])
"""Of the unknowns, so that they weigh alike."""
FARTHEST = 24.0
"""Larger distances of edges count as this one."""
MOST = 1200
"""So many places of an edge are looked at."""
STRETCH = 24
"""The distance of edges keeps its value along so many pixels."""
SHARES, TOUCH = (0.02, 0.05), 0.04
"""Somewhere along a tear next to nothing is lost: the mean of those quantiles of the distance is about that large;"""
EXACT, SELDOM, LOOSE = 0.13, 0.1, 0.8
"""with so small an error mostly, and now and then the tear is wider everywhere, by so much."""
BENT = 1.0
"""Borders that are further from going on in each other, in pixels, need not."""
WEIGHT = 12.0
"""Of what the fragments show, against the fit of their edges."""
BEYOND, MEET = 5.0, 8.0
"""A fragment's continuation is compared so far; and where it is no further from the other's print than that."""


@dataclass(frozen=True)
class Gap:
    """The distance that is to be expected between edges across a tear, in pixels.

    Attributes:
      middle: of a tear.
      spread: its standard deviation.
      ragged: the standard deviation along a tear.
      touching: whether edges come to touch each other somewhere, and no more than that.
    """

    middle: float
    spread: float
    ragged: float
    touching: bool


PRINT, SHEETS = Gap(2.8, 1.1, 1.5, True), Gap(0.0, 0.5, 1.1, False)
"""Between edges of what is printed, and of sheets with their core."""


@dataclass(frozen=True)
class Band:
    """What of a fragment is compared: places beyond its edge.

    Attributes:
      places: `(n, 2)` (x, y).
      values: `(n, C)`.
      doubt: `(n,)`.
      edge: `(m, 2)`, some of its outline.
      each: how many places of the outline each of them stands for.
      centre: what it turns about.
    """

    places: np.ndarray
    values: np.ndarray
    doubt: np.ndarray
    edge: np.ndarray
    each: float
    centre: np.ndarray


def band(field: Field) -> Band:
    """The band beyond the edge of a fragment."""
    y, x = np.nonzero((field.outside > 0) & (field.outside <= BEYOND) & (field.doubt < FAR))
    edge, each = rim(field.outside)
    return Band(np.stack([x, y], -1).astype(np.float64), field.image[y, x], field.doubt[y, x], edge, each, edge.mean(0))


def rim(outside: np.ndarray) -> tuple[np.ndarray, float]:
    """Some of a fragment's outermost pixels, and how many each of them stands for.

    Example:
      >>> rim(signed_distance(np.pad(np.ones((3, 3), bool), 4)))[0].shape
      (8, 2)
    """
    y, x = np.nonzero((outside < 0) & (outside >= -1))
    some = np.random.default_rng(0).permutation(len(x))[:MOST]  # any stride might take one side only
    return np.stack([x, y], -1).astype(np.float64)[some], len(x) / len(some)


def _jacobian(points: np.ndarray, matrix: np.ndarray, centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By how much moved places change with the angle: x and y."""
    arm = (points - centre) @ matrix[:, :2].T
    return -arm[:, 1], arm[:, 0]


@dataclass(frozen=True)
class Side:
    """A fragment, and where it is compared with another.

    Attributes:
      field: it and its continuation, without its rim.
      band: places beyond its edge.
      borders: its straight borders.
      away: `(S, S)`, how far its print is, its rim included: 0 beside it, -1 at its outermost pixels.
      edge: `(m, 2)`, some of its outermost pixels.
      each: how many pixels each of them stands for.
      gap: the distance to be expected from the next one.
    """

    field: Field
    band: Band
    borders: list[Border]
    away: np.ndarray
    edge: np.ndarray
    each: float
    gap: Gap = PRINT


def side(field: Field, straight: list[Border], known: np.ndarray, gap: Gap = PRINT) -> Side:
    """Prepares a fragment: what is known of it without its rim, its borders, and its print or sheet."""
    distance = signed_distance(known)
    away = np.where(distance > 0, distance - 1, distance)
    return Side(field, band(field), straight, away, *rim(distance), gap)


def by_shape(
    own: Side, other: Side, motion: np.ndarray, steps: int = 18, gap: float | None = None, give: float = 0.25
) -> np.ndarray:
    """Moves a fragment until its edge keeps its distance from the other's, and their borders are in line.

    Args:
      own: the fragment that stays.
      other: the one that moves.
      motion: where to begin.
      steps: of Gauss and Newton.
      gap: the distance; that to be expected if not given.
      give: by how much borders may miss each other at least, in pixels.

    Returns:
      The motion.
    """
    motion = np.array(motion, float)
    gap = own.gap.middle if gap is None else gap
    for step in range(18 - steps, 18):
        terms = _stiffness(own, other, motion, max(8.0, 24 - 2.0 * step), gap, give if step > 6 else None)
        if terms is None:
            return motion
        normal, right = terms
        normal = normal + (1e-4 * np.trace(normal[1:, 1:]) + 1e-12) * np.eye(3)
        change = np.linalg.solve(normal, -right) / SCALE
        motion = motion + np.clip(change, [-0.05, -6, -6], [0.05, 6, 6])
    return motion


def _stiffness(
    own: Side, other: Side, motion: np.ndarray, limit: float, gap: float, give: float | None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Normal equations of the distance of the edges, and of the borders where they may give."""
    matrix = matrix_of(motion, other.band.centre)
    terms = _edges(own, other, motion, limit, gap)
    if terms is None or give is None:
        return terms
    matched = borders.pairs(own.borders, other.borders, matrix)
    places, normals, error, sigma = borders.equations(matched, matrix)
    ax, ay = _jacobian(places, matrix, other.band.centre)
    rows = np.stack([normals[:, 0] * ax + normals[:, 1] * ay, normals[:, 0], normals[:, 1]], 1)
    more, down = _normal(rows, error, 1 / (sigma**2 + give**2) / (1 + (error / BENT) ** 2))
    return terms[0] + more, terms[1] + down


def _edges(
    own: Side, other: Side, motion: np.ndarray, limit: float, gap: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Normal equations of the distance of the edges."""
    matrix = matrix_of(motion, other.band.centre)
    at = moved(other.edge, matrix)
    error = sampled(own.away, at) - gap
    near = np.abs(error) < limit
    if near.sum() < 10:
        return None
    p, e = at[near], error[near]
    gx = sampled(own.away, p + [1, 0]) - sampled(own.away, p - [1, 0])
    gy = sampled(own.away, p + [0, 1]) - sampled(own.away, p - [0, 1])
    ax, ay = _jacobian(other.edge[near], matrix, other.band.centre)
    rows = np.stack([gx * ax + gy * ay, gx, gy], 1) / 2
    return _normal(rows, e, other.each / (1 + (e / 3) ** 2) / (own.gap.ragged**2 * STRETCH))


def _normal(rows: np.ndarray, error: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = rows / SCALE
    return rows.T @ (weight[:, None] * rows), rows.T @ (weight * error)


class Objective:
    """How badly two fragments fit, as a function of the motion, near to one motion."""

    def __init__(self, own: Side, other: Side, motion: np.ndarray, stride: int = 1) -> None:
        self.own, self.other = own, other
        self.centre = other.band.centre
        matrix = matrix_of(motion, self.centre)
        self.matched = borders.pairs(own.borders, other.borders, matrix)
        self.mine = self._places(own.band, other.field, inverse(matrix), stride)
        self.theirs = self._places(other.band, own.field, matrix, stride)
        self.edge = other.edge[sampled(own.away, moved(other.edge, matrix)) < 14]

    @staticmethod
    def _places(band: Band, field: Field, matrix: np.ndarray, stride: int) -> tuple[np.ndarray, ...]:
        use = sampled(field.outside, moved(band.places, matrix)) < MEET + 8
        return tuple(v[use][::stride] for v in (band.places, band.values, band.doubt))

    def __call__(self, motion: np.ndarray) -> float:
        """The sum of all that speaks against it."""
        return WEIGHT * self.content(motion) + self.shape(motion)

    def content(self, motion: np.ndarray) -> float:
        """How far they differ where both are continued: the mean of log(1 + difference^2 / 4 expected^2)."""
        matrix = matrix_of(motion, self.centre)
        parts = [(self.own.field, self.theirs, matrix), (self.other.field, self.mine, inverse(matrix))]
        total, count = 0.0, 0
        for field, (places, values, doubt), m in parts:
            at = moved(places, m)
            near = sampled(field.outside, at) < MEET
            at, doubt, values = at[near], doubt[near], values[near]
            doubt = doubt + sampled(field.doubt, at)
            square = ((sampled(field.image, at) - values) ** 2).mean(-1)
            good = doubt < 1
            total += float(np.log1p(square[good] / (4 * doubt[good])).sum())
            count += int(good.sum())
        return total / count if count > 50 else 9.0

    def shape(self, motion: np.ndarray) -> float:
        """How far edges and borders are from fitting."""
        matrix = matrix_of(motion, self.centre)
        _, _, error, sigma = borders.equations(self.matched, matrix)
        out = float(np.log1p((error / sigma) ** 2 / 2).sum())
        if len(self.edge) < 10:
            return out + 50
        gap = np.minimum(sampled(self.own.away, moved(self.edge, matrix)), FARTHEST)
        middle, expected = float(np.median(gap)), self.own.gap
        off = gap - middle
        ragged = self.other.each * (off**2 / (1 + (off / 4) ** 2)).sum() / (2 * STRETCH * expected.ragged**2)
        out += float(ragged) + ((middle - expected.middle) / expected.spread) ** 2 / 2
        return out + (touching(float(np.quantile(gap, SHARES).mean())) if expected.touching else 0)


def touching(gap: float) -> float:
    """What speaks against edges that come so near to each other, in pixels.

    Example:
      >>> touching(0.04) < touching(0.2) < touching(1.0) < touching(-0.4)
      True
    """
    off = gap - TOUCH
    if off < 0:
        return min(off**2 / (2 * EXACT**2), 12 - off)
    return -float(np.log((np.exp(-(off**2) / (2 * EXACT**2)) + SELDOM * np.exp(-off / LOOSE)) / (1 + SELDOM)))


def searched(own: Side, other: Side, motion: np.ndarray) -> tuple[np.ndarray, Objective]:
    """The motion about which two fragments fit best: looked for at several widths of the tear, and then downhill.

    Args:
      own: the fragment that stays.
      other: the one that moves.
      motion: where to look.

    Returns:
      The motion, and what it was judged by.
    """
    coarse = Objective(own, other, motion, stride=2)
    starts = []
    middle = own.gap.middle
    for widths in (np.arange(middle, middle + 5, 0.5), np.arange(middle, middle - 4, -0.5)):
        at = motion
        for gap in widths:
            at = by_shape(own, other, at, 3, gap, 0.05)
            starts.append(at)
    best = sorted(starts, key=coarse)[:2]
    found = [downhill(coarse, s, axes(own, other, s), 35) for s in best]
    fine = Objective(own, other, min(found, key=coarse))
    start = min(found, key=coarse)
    return downhill(fine, start, 0.4 * axes(own, other, start), 60), fine


def axes(own: Side, other: Side, motion: np.ndarray) -> np.ndarray:
    """Independent small motions of a fragment, in rows, that matter alike.

    Args:
      own: the fragment that stays.
      other: the one that moves.
      motion: where it is.

    Returns:
      `(3, 3)`.
    """
    terms = _stiffness(own, other, motion, 8.0, own.gap.middle, 0.0)
    if terms is None:
        return np.diag([0.002, 0.5, 0.5])
    values, vectors = np.linalg.eigh(terms[0])
    return (vectors / np.sqrt(np.maximum(values, 4.0))).T / SCALE


def downhill(cost: Callable[[np.ndarray], float], start: np.ndarray, size: np.ndarray, evaluations: int) -> np.ndarray:
    """Nelder and Mead's simplex.

    Example:
      >>> downhill(lambda x: float(((x - 1) ** 2).sum()), np.zeros(2), np.eye(2), 100).round(1).tolist()
      [1.0, 1.0]
    """
    points = [start, *(start + axis for axis in size)]
    values = [cost(p) for p in points]
    for _ in range(evaluations):
        order = np.argsort(values)
        points, values = [points[i] for i in order], [values[i] for i in order]
        middle = np.mean(points[:-1], 0)
        if np.abs(points[-1] - points[0]).max() < 1e-3 * np.abs(size).max():
            break
        tried = middle + (middle - points[-1])
        value = cost(tried)
        if value < values[0]:
            further = middle + 2 * (middle - points[-1])
            more = cost(further)
            tried, value = (further, more) if more < value else (tried, value)
        elif value >= values[-2]:
            tried = middle + 0.5 * (points[-1] - middle) if value >= values[-1] else middle + 0.5 * (tried - middle)
            value = cost(tried)
        if value < values[-1]:
            points[-1], values[-1] = tried, value
        else:
            points = [points[0], *(points[0] + 0.5 * (p - points[0]) for p in points[1:])]
            values = [values[0], *(cost(p) for p in points[1:])]
    return points[int(np.argmin(values))]
