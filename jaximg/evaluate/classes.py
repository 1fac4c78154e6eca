"""What classes pictures are of: how often that is right, and how often each comes."""

import numpy as np


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
