"""How good is a classifier, how good is a generator: numbers, and beside them what real pictures score.

A generator is judged by the features of a classifier that took no part in training it, as FID is by those of
Inception; the distance is that of another network and never to be called FID. Say with it which classifier, which data
and how many samples.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

__all__ = [
    "GeneratorReport",
    "accuracy",
    "class_histogram",
    "class_kl",
    "confusion_matrix",
    "frechet_distance",
    "in_batches",
    "judge_generator",
    "precision_recall",
]

ROWS = 1000
"""Of a matrix of distances, so many at once."""


def in_batches(function: Callable[[np.ndarray], np.ndarray], images: np.ndarray, *, batch: int = 500) -> np.ndarray:
    """`function` over many pictures, in batches of one size, so that it compiles once.

    Args:
      function: `(batch, ...)` to `(batch, ...)`.
      images: `(N, ...)`.
      batch: how many at once; the last batch is filled up with zeros.

    Returns:
      `(N, ...)`.

    Example:
      >>> in_batches(lambda x: 2 * x, np.arange(5.0), batch=2).tolist()
      [0.0, 2.0, 4.0, 6.0, 8.0]
    """
    batch = min(batch, len(images))
    parts = [images[start : start + batch] for start in range(0, len(images), batch)]
    short = batch - len(parts[-1])
    parts[-1] = np.concatenate([parts[-1], np.zeros((short, *images.shape[1:]), images.dtype)])
    return np.concatenate([np.asarray(function(part)) for part in parts])[: len(images)]


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """The share of pictures whose largest logit is the right one.

    Args:
      logits: `(N, classes)`.
      labels: `(N,)` integers.

    Returns:
      In [0, 1].

    Example:
      >>> accuracy(np.eye(4), np.array([0, 1, 2, 2]))
      0.75
    """
    return float(np.mean(np.argmax(logits, axis=-1) == labels))


def confusion_matrix(predicted: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """How often a picture of class i was taken for class j.

    Args:
      predicted: `(N,)` integers.
      labels: `(N,)` integers.
      classes: how many there are.

    Returns:
      `(classes, classes)` int64, a row for each true class.

    Example:
      >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist()
      [[1, 1], [0, 1]]
    """
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The squared Frechet distance of two clouds of features, each taken for a Gaussian.

        |mean a - mean b|^2 + tr(A + B - 2 (A B)^(1/2)),    A, B the covariances

    It is biased upwards where samples are few: compare only at the same numbers.

    Args:
      a: `(N, D)`.
      b: `(M, D)`.

    Returns:
      At least 0, up to rounding.

    Example:
      >>> x = np.random.default_rng(0).standard_normal((100, 3))
      >>> round(frechet_distance(x, x + 2.0), 6), abs(round(frechet_distance(x, x), 6))
      (12.0, 0.0)

    References:
      Heusel et al., GANs trained by a two time-scale update rule, NeurIPS 2017, equation 6.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    first, second = np.cov(a, rowvar=False, ddof=1), np.cov(b, rowvar=False, ddof=1)
    first, second = np.atleast_2d(first), np.atleast_2d(second)
    root = _root(first)
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0)).sum()
    shift = np.square(a.mean(0) - b.mean(0)).sum()
    return float(shift + np.trace(first) + np.trace(second) - 2 * cross)


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


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
    if min(len(real), len(fake)) <= k:
        raise ValueError(f"{len(real)} and {len(fake)} samples: a {k}-th neighbour needs more than {k} of each")
    return _covered(fake, real, k), _covered(real, fake, k)


def _covered(points: np.ndarray, cloud: np.ndarray, k: int) -> float:
    radii = np.concatenate([np.partition(rows, k, axis=1)[:, k] for rows in _distances(cloud, cloud)])
    return float(np.concatenate([np.any(rows <= radii, axis=1) for rows in _distances(points, cloud)]).mean())


def _distances(a: np.ndarray, b: np.ndarray) -> Iterator[np.ndarray]:
    """Squared distances of all of `a` to all of `b`, some rows at a time; exactly 0 between equal points."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    squares = np.square(b).sum(1)
    for start in range(0, len(a), ROWS):
        rows = a[start : start + ROWS]
        found = np.square(rows).sum(1)[:, None] + squares - 2 * rows @ b.T
        yield np.where(found < 1e-9 * (1 + squares), 0, found)


def class_histogram(labels: np.ndarray, classes: int) -> np.ndarray:
    """The share of each class.

    Args:
      labels: `(N,)` integers.
      classes: how many there are.

    Returns:
      `(classes,)`, with sum 1.

    Example:
      >>> class_histogram(np.array([0, 0, 1, 2]), 4).tolist()
      [0.5, 0.25, 0.25, 0.0]
    """
    return np.bincount(labels, minlength=classes) / max(len(labels), 1)


def class_kl(shares: np.ndarray, reference: np.ndarray) -> float:
    """How far the shares of classes are from what they should be: sum p log(p / q), in nats.

    Args:
      shares: p, `(classes,)`.
      reference: q, the same.

    Returns:
      At least 0; infinite where there is a class that shouldn't be.

    Example:
      >>> class_kl(np.array([0.5, 0.5]), np.array([0.5, 0.5]))
      0.0
    """
    there = shares > 0
    with np.errstate(divide="ignore"):
        return float(np.sum(shares[there] * np.log(shares[there] / reference[there])))


@dataclass(frozen=True)
class GeneratorReport:
    """What a judge says of samples, and of as many real pictures that it compares with other real ones.

    Attributes:
      samples: how many of each.
      frechet: squared Frechet distance of the judge's features, samples to reals.
      frechet_real: reals to other reals.
      precision: share of samples that lie where reals do.
      precision_real: share of other reals that do.
      recall: share of reals that lie where samples do.
      recall_real: share of reals that lie where other reals do.
      shares: of each class among the samples, as the judge sees them.
      shares_real: among the reals.
      kl: of the first to the second.
    """

    samples: int
    frechet: float
    frechet_real: float
    precision: float
    precision_real: float
    recall: float
    recall_real: float
    shares: tuple[float, ...]
    shares_real: tuple[float, ...]
    kl: float


def judge_generator(
    judge: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], fake: np.ndarray, real: np.ndarray, other: np.ndarray
) -> GeneratorReport:
    """Compares samples with real pictures, and real pictures with other real ones at the same numbers.

    Args:
      judge: pictures `(N, H, W, C)` to features `(N, D)` and logits `(N, classes)`.
      fake: the samples.
      real: real pictures.
      other: other real pictures.

    Returns:
      The report; of each kind as many are taken as there are of the fewest.

    Example:
      >>> x = np.random.default_rng(0).random((60, 2, 2, 1), np.float32)
      >>> judge_generator(lambda x: (x.reshape(-1, 4), x.reshape(-1, 4)), x[:20], x[20:40], x[40:]).samples
      20
    """
    count = min(len(fake), len(real), len(other))
    (a, logits), (b, truth), (c, _) = (judge(images[:count]) for images in (fake, real, other))
    classes = logits.shape[-1]
    shares, shares_real = (class_histogram(np.argmax(x, -1), classes) for x in (logits, truth))
    precision, recall = precision_recall(b, a)
    precision_real, recall_real = precision_recall(b, c)
    return GeneratorReport(
        samples=count,
        frechet=frechet_distance(b, a),
        frechet_real=frechet_distance(b, c),
        precision=precision,
        precision_real=precision_real,
        recall=recall,
        recall_real=recall_real,
        shares=tuple(shares.tolist()),
        shares_real=tuple(shares_real.tolist()),
        kl=class_kl(shares, shares_real),
    )
