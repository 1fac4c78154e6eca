"""Whose neighbour is a sample: precision and recall, density and coverage, memorisation."""

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

ROWS = 1000
"""Of a matrix of distances, so many at once."""
FURTHEST = 5
"""Of a point's neighbours, so many are kept, unless more are asked for."""


class Cloud:
    """Features, and how far it is from each point to its neighbours.

    Args:
      points: `(N, D)`.
      most: how many neighbours of each are wanted.
    """

    def __init__(self, points: np.ndarray, most: int = FURTHEST) -> None:
        if len(points) <= most:
            raise ValueError(f"{len(points)} samples: a {most}-th neighbour needs more than {most} of each")
        self.points, self.most = points, most

    def reach(self, k: int) -> np.ndarray:
        """The squared distance from each point to its k-th neighbour, `(N,)`."""
        return self._nearest[:, k]

    @cached_property
    def _nearest(self) -> np.ndarray:
        count = self.most + 1
        parts = [np.partition(rows, self.most, axis=1)[:, :count] for rows in _distances(self.points, self.points)]
        return np.sort(np.concatenate(parts), axis=1)


class Overlap(NamedTuple):
    """How two clouds lie to each other; see `precision_recall` and `density_coverage`."""

    precision: float
    recall: float
    density: float
    coverage: float


def overlap(real: Cloud, fake: Cloud, *, k: int = 3, k_density: int = 5) -> Overlap:
    """All of precision, recall, density and coverage from one look at the distances.

    Args:
      real: features of reals.
      fake: features of fakes.
      k: the neighbour whose distance counts for precision and recall.
      k_density: the same for density and coverage.

    Returns:
      Four numbers.
    """
    near, near_fake, wide = real.reach(k), fake.reach(k), real.reach(k_density)
    precise, inside, start = 0, 0, 0
    recalled, covered = np.zeros(len(near), bool), np.zeros(len(near), bool)
    for rows in _distances(fake.points, real.points):
        precise += int(np.any(rows <= near, axis=1).sum())
        recalled |= np.any(rows <= near_fake[start : start + len(rows), None], axis=0)
        within = rows <= wide
        inside += int(within.sum())
        covered |= np.any(within, axis=0)
        start += len(rows)
    fakes = len(fake.points)
    return Overlap(precise / fakes, float(recalled.mean()), inside / (k_density * fakes), float(covered.mean()))


def precision_recall(real: np.ndarray, fake: np.ndarray, *, k: int = 3) -> tuple[float, float]:
    """Improved precision and recall: what share of one cloud lies within the other.

    A cloud's extent is the union of balls round its points that reach to their k-th neighbours. Precision is the
    share of fakes within the reals' extent (do they look real?), recall that of reals within the fakes' (is all
    there?).

    Args:
      real: features `(N, D)`.
      fake: features `(M, D)`.
      k: which neighbour.

    Returns:
      Precision and recall, in [0, 1].

    Raises:
      ValueError: not more than `k` of each.

    Example:
      >>> x = np.random.default_rng(0).standard_normal((50, 2))
      >>> precision_recall(x, x), precision_recall(x, x + 100)
      ((1.0, 1.0), (0.0, 0.0))

    References:
      Kynkaanniemi et al., Improved precision and recall metric, NeurIPS 2019.
    """
    found = overlap(Cloud(real, k), Cloud(fake, k), k=k, k_density=k)
    return found.precision, found.recall


def density_coverage(real: np.ndarray, fake: np.ndarray, *, k: int = 5) -> tuple[float, float]:
    """Density and coverage: how many reals' balls a fake lies in, and what share of these balls has a fake in it.

    Each real's ball reaches to its k-th neighbour among the reals. One outlier with a wide ball counts once here,
    where for precision it makes all in it right.

    Args:
      real: features `(N, D)`.
      fake: features `(M, D)`.
      k: which neighbour.

    Returns:
      Density, 1 for clouds of one kind and more where fakes crowd among reals; and coverage, in [0, 1].

    Raises:
      ValueError: not more than `k` of each.

    Example:
      >>> x = np.random.default_rng(0).standard_normal((50, 2))
      >>> density_coverage(x, x + 100)
      (0.0, 0.0)

    References:
      Naeem et al., Reliable fidelity and diversity metrics for generative models, ICML 2020, equations 3 and 4.
    """
    found = overlap(Cloud(real, k), Cloud(fake, k), k=k, k_density=k)
    return found.density, found.coverage


def memorisation_ratio(fake: np.ndarray, train: np.ndarray, other: np.ndarray) -> float:
    """How much nearer samples are to the pictures trained on than to others as good.

        mean_i min_j |fake_i - train_j|  /  mean_i min_j |fake_i - other_j|

    Args:
      fake: features of samples `(N, D)`.
      train: features of what the generator was trained on `(M, D)`.
      other: features of real pictures that it has not seen; of both as many are taken as there are of the fewer, the
        first ones: where there are few unseen pictures, copies of most training pictures don't show.

    Returns:
      1 where nothing is remembered, 0 where samples are copies.

    Example:
      >>> x = np.random.default_rng(0).standard_normal((90, 3))
      >>> memorisation_ratio(x[:30], x[:30], x[30:60]), 0.8 < memorisation_ratio(x[60:], x[:30], x[30:60]) < 1.2
      (0.0, True)
    """
    count = min(len(train), len(other))
    near, far = (float(np.sqrt(_nearest(fake, cloud[:count])).mean()) for cloud in (train, other))
    return near / far if far else 1.0


def _nearest(points: np.ndarray, cloud: np.ndarray) -> np.ndarray:
    return np.concatenate([rows.min(1) for rows in _distances(points, cloud)])


def _distances(a: np.ndarray, b: np.ndarray) -> Iterator[np.ndarray]:
    """Squared distances of all of `a` to all of `b`, some rows at a time; exactly 0 between equal points."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    squares = np.square(b).sum(1)
    for start in range(0, len(a), ROWS):
        rows = a[start : start + ROWS]
        found = np.square(rows).sum(1)[:, None] + squares - 2 * rows @ b.T
        yield np.where(found < 1e-9 * (1 + squares), 0, found)
