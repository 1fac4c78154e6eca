"""How many modes of a known number a generator has found: Stacked MNIST."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Modes(NamedTuple):
    """What `mode_statistics` counts.

    Attributes:
      found: distinct modes among the samples.
      kl: divergence of their shares from equal ones, in nats.
      samples: how many were counted.
    """

    found: int
    kl: float
    samples: int


def mode_statistics(labels: np.ndarray, *, classes: int = 10) -> Modes:
    """How many combinations of classes there are among samples, and how evenly.

        kl = sum_m q_m ln(K q_m),    q_m the share of mode m, K = classes^C of them

    The benchmark's convention is 26,000 samples; few samples of a perfect generator score above 0 too (about 0.02 at
    26,000, and 0.0235 with MNIST's own imbalance), so compare at the same number.

    Args:
      labels: `(N, C)` integers, the class of each channel of each sample (`channel_classes`).
      classes: how many classes a channel can have.

    Returns:
      The number found, the divergence, the number of samples.

    Example:
      >>> mode_statistics(np.array([[0, 1], [1, 0], [1, 1], [0, 0]]), classes=2)
      Modes(found=4, kl=0.0, samples=4)

    References:
      Metz et al., Unrolled GANs, ICLR 2017, section 3.3; Lin et al., PacGAN, NeurIPS 2018, section 4.
    """
    labels = np.asarray(labels)
    number = np.zeros(len(labels), np.int64)
    for channel in labels.T:
        number = number * classes + channel
    counts = np.unique(number, return_counts=True)[1]
    shares = counts / len(labels)
    kl = float(np.sum(shares * np.log(float(classes) ** labels.shape[1] * shares)))
    return Modes(len(counts), kl, len(labels))


def channel_classes(
    judge: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], images: np.ndarray, *, batch: int = 2000
) -> np.ndarray:
    """The class of each channel of pictures, by a classifier of pictures of one channel.

    Args:
      judge: pictures `(N, H, W, 1)` to features and logits `(N, classes)`.
      images: `(N, H, W, C)`.
      batch: pictures at once.

    Returns:
      `(N, C)` integers.

    Example:
      >>> x = np.random.default_rng(0).random((5, 2, 2, 3))
      >>> channel_classes(lambda x: (x, x.reshape(-1, 4)), x).shape
      (5, 3)
    """
    parts = []
    for start in range(0, len(images), batch):
        some = images[start : start + batch]
        grey = np.moveaxis(some, -1, 1).reshape(-1, *some.shape[1:3], 1)
        parts.append(np.argmax(judge(grey)[1], -1).reshape(len(some), -1))
    return np.concatenate(parts)
