"""How one fragment must move to continue another: by the fit of their edges, and of what they show."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jaximg.correct.tears import borders
from jaximg.correct.tears.borders import Border
from jaximg.correct.tears.extend import FAR, Field
from jaximg.correct.tears.motion import inverse, matrix_of, moved, sampled

SCALE = np.array([100.0, 1.0, 1.0])
"""Of the unknowns, so that they weigh alike."""
FARTHEST = 24.0
"""Larger distances of edges count as this one."""
MOST = 900
"""So many places of an edge are looked at."""
RAGGED, STRETCH = 1.5, 24
"""Standard deviation of the edges' distance, and along how many pixels it keeps its value."""
GAP = 7.4
"""The middle distance to be expected between the edges of print across a tear, two pixels of either taken off."""
SHARES = (0.5, 0.1, 0.02)
LINEAR, SQUARE = np.array([0.43, 0.43, 0.45]), np.array([-0.04, -0.09, -0.18])
AROUND = np.array([7.0, 3.5, 2.5])
"""The likelihood of those quantiles of that distance: a conditional logistic regression over 89 torn photographs. That
edges come near to each other somewhere says more than anything else about how far apart they belong."""
CLOSEST = 2.0
"""Edges that are nearer lie over each other."""
STRAIGHT = 0.25
"""How exactly borders are known, in pixels."""
WEIGHT = 8.0
"""Of what the fragments show, against the fit of their edges."""
BEYOND, MEET = 5.0, 8.0
"""A fragment's continuation is compared so far; and where it is no further from the other's print than that."""


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
    ey, ex = np.nonzero((field.outside < 0) & (field.outside >= -1))
    edge = np.stack([ex, ey], -1).astype(np.float64)[:: max(1, len(ex) // MOST)]
    return Band(
        np.stack([x, y], -1).astype(np.float64),
        field.image[y, x],
        field.doubt[y, x],
        edge,
        len(ex) / len(edge),
        edge.mean(0),
    )


def _jacobian(points: np.ndarray, matrix: np.ndarray, centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By how much moved places change with the angle: x and y."""
    arm = (points - centre) @ matrix[:, :2].T
    return -arm[:, 1], arm[:, 0]


@dataclass(frozen=True)
class Side:
    """A fragment, and where it is compared with another.

    Attributes:
      field: it and its continuation.
      band: places beyond its edge.
      borders: its straight borders.
      rim: how many pixels have been taken off its edge.
    """

    field: Field
    band: Band
    borders: list[Border]
    rim: int


def by_shape(own: Side, other: Side, motion: np.ndarray, steps: int = 18) -> np.ndarray:
    """Moves a fragment until its edge keeps its distance from the other's, and their borders are in line.

    Args:
      own: the fragment that stays.
      other: the one that moves.
      motion: where to begin.
      steps: of Gauss and Newton.

    Returns:
      The motion.
    """
    motion = np.array(motion, float)
    for step in range(steps):
        matrix = matrix_of(motion, other.band.centre)
        terms = _edges(own, other, motion, max(8.0, 24 - 2.0 * step))
        if terms is None:
            return motion
        normal, right = terms
        if step > 6:
            matched = borders.pairs(own.borders, other.borders, matrix)
            places, normals, error = borders.equations(matched, matrix)
            ax, ay = _jacobian(places, matrix, other.band.centre)
            rows = np.stack([normals[:, 0] * ax + normals[:, 1] * ay, normals[:, 0], normals[:, 1]], 1)
            weight = np.full(len(error), 1 / STRAIGHT**2) / (1 + (error / 3) ** 2)
            more, down = _normal(rows, error, weight)
            normal, right = normal + more, right + down
        normal += (1e-4 * np.trace(normal) + 1e-12) * np.eye(3)
        change = np.linalg.solve(normal, -right) / SCALE
        motion = motion + np.clip(change, [-0.05, -6, -6], [0.05, 6, 6])
    return motion


def _edges(own: Side, other: Side, motion: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Normal equations of the distance of the edges."""
    matrix = matrix_of(motion, other.band.centre)
    at = moved(other.band.edge, matrix)
    error = sampled(own.field.outside, at) - (GAP + own.rim + other.rim - 4)
    near = np.abs(error) < limit
    if near.sum() < 10:
        return None
    p, e = at[near], error[near]
    gx = sampled(own.field.outside, p + [1, 0]) - sampled(own.field.outside, p - [1, 0])
    gy = sampled(own.field.outside, p + [0, 1]) - sampled(own.field.outside, p - [0, 1])
    ax, ay = _jacobian(other.band.edge[near], matrix, other.band.centre)
    rows = np.stack([gx * ax + gy * ay, gx, gy], 1) / 2
    return _normal(rows, e, other.band.each / (1 + (e / 3) ** 2) / (RAGGED**2 * STRETCH))


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
        reach = sampled(own.field.outside, moved(other.band.edge, matrix)) < 18
        self.edge = other.band.edge[reach]

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
        places, _, error = borders.equations(self.matched, matrix)
        out = float(np.log1p((error / STRAIGHT) ** 2 / 2).sum()) if len(places) else 0.0
        if len(self.edge) < 10:
            return out + 50
        gap = sampled(self.own.field.outside, moved(self.edge, matrix))
        gap = np.minimum(gap, FARTHEST)
        gap = gap - (self.own.rim + self.other.rim - 4)
        off = gap - np.median(gap)
        each = self.other.band.each
        ragged = each * (off**2 / (1 + (off / 4) ** 2)).sum() / (2 * STRETCH * RAGGED**2)
        over = 0.3 * min(3.0, float((np.maximum(0, CLOSEST - gap) ** 2).mean()))
        far = np.quantile(gap, SHARES) - AROUND
        return float(out + ragged + over - (LINEAR * far + SQUARE * far**2).sum())


def searched(own: Side, other: Side, motion: np.ndarray) -> tuple[np.ndarray, Objective]:
    """The motion about which two fragments fit best: looked for around one, on a grid and then downhill.

    Args:
      own: the fragment that stays.
      other: the one that moves.
      motion: where to look.

    Returns:
      The motion, and what it was judged by.
    """
    coarse = Objective(own, other, motion, stride=2)
    edge = coarse.edge if len(coarse.edge) > 10 else other.band.edge
    across = np.linalg.eigh(np.cov(edge.T))[1][:, 0]
    starts = sorted((motion + np.concatenate([[0], u * across]) for u in np.arange(-4, 4.1, 0.5)), key=coarse)[:2]
    radius = max(float(np.sqrt(((edge - edge.mean(0)) ** 2).sum(1).mean())), 20.0)
    found = [downhill(coarse, s, np.array([0.5 / radius, 0.5, 0.5]), 35) for s in starts]
    fine = Objective(own, other, min(found, key=coarse))
    return downhill(fine, min(found, key=coarse), np.array([0.2 / radius, 0.2, 0.2]), 50), fine


def downhill(cost: Callable[[np.ndarray], float], start: np.ndarray, size: np.ndarray, evaluations: int) -> np.ndarray:
    """Nelder and Mead's simplex.

    Example:
      >>> downhill(lambda x: float(((x - 1) ** 2).sum()), np.zeros(2), np.ones(2), 100).round(1).tolist()
      [1.0, 1.0]
    """
    points = [start, *(start + size * axis for axis in np.eye(len(start)))]
    values = [cost(p) for p in points]
    for _ in range(evaluations):
        order = np.argsort(values)
        points, values = [points[i] for i in order], [values[i] for i in order]
        middle = np.mean(points[:-1], 0)
        if np.abs((points[-1] - points[0]) / size).max() < 0.01:
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
