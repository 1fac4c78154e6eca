"""How far one cloud of features is from another, as a whole."""

import numpy as np

ROWS = 1000
"""Of a matrix of products, so many at once."""


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


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The kernel distance of two clouds of features, KID's formula: how little their cubic moments agree.

        mean_{i != j} k(a_i, a_j) + mean_{i != j} k(b_i, b_j) - 2 mean k(a_i, b_j),    k(x, y) = (x . y / D + 1)^3

    Unbiased, so that few samples will do, and negative about as often as not where the clouds are of one kind.

    Args:
      a: `(N, D)`.
      b: `(M, D)`.

    Returns:
      The squared maximum mean discrepancy.

    Raises:
      ValueError: fewer than two samples of either.

    Example:
      >>> x = np.random.default_rng(0).standard_normal((200, 3))
      >>> abs(kernel_distance(x[:100], x[100:])) < 0.3 < kernel_distance(x[:100], x[100:] + 1)
      True

    References:
      Binkowski et al., Demystifying MMD GANs, ICLR 2018, equation 4 and section 4.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(f"{len(a)} and {len(b)} samples: two of each at least")
    return _among(a) + _among(b) - 2 * _kernel_sum(a, b) / (len(a) * len(b))


def _among(a: np.ndarray) -> float:
    own = np.square(np.asarray(a, np.float64)).sum(1) / a.shape[1] + 1
    return (_kernel_sum(a, a) - float(np.sum(own**3))) / (len(a) * (len(a) - 1))


def _kernel_sum(a: np.ndarray, b: np.ndarray) -> float:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    parts = (a[start : start + ROWS] @ b.T / a.shape[1] + 1 for start in range(0, len(a), ROWS))
    return float(sum(np.sum(part * part * part) for part in parts))
