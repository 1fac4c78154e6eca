"""Stacked pictures: grey ones, drawn independently, as the channels of one. Of ten digits, three make 1000 modes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaximg.train.data.dataset import DataError, Dataset


@dataclass(frozen=True)
class Stack(Sequence):
    """Pictures made when asked for: number i is of the digits number i of fixed permutations, one a channel.

    Training draws afresh in every epoch (`batches`); these fixed ones are to look at and to measure.

    Attributes:
      base: grey pictures `(N, H, W, 1)` uint8.
      labels: of the grey pictures, `(N,)`, or None.
      classes: how many labels there are.
      orders: the permutations, `(channels, N)`.
    """

    base: np.ndarray
    labels: np.ndarray | None
    classes: int
    orders: np.ndarray

    def __len__(self) -> int:
        """As many as there are grey pictures."""
        return len(self.base)

    def __getitem__(self, i: int) -> np.ndarray:
        """`(H, W, channels)` uint8."""
        return self.pictures(self.orders[:, i : i + 1])[0]

    def pictures(self, which: np.ndarray) -> np.ndarray:
        """`(B, H, W, channels)` of the numbers `(channels, B)` of grey pictures."""
        return np.concatenate([self.base[row] for row in which], -1)

    def modes(self, which: np.ndarray) -> np.ndarray | None:
        """`(B,)`: the labels of the channels as the figures of one number, the first channel's first."""
        if self.labels is None:
            return None
        return modes_of(self.labels[which], self.classes)


def modes_of(labels: np.ndarray, classes: int = 10) -> np.ndarray:
    """The labels of a picture's channels as the figures of one number.

    Args:
      labels: `(channels, N)` integers.
      classes: the base.

    Returns:
      `(N,)` int32.

    Example:
      >>> modes_of(np.array([[1, 0], [2, 0], [3, 9]])).tolist()
      [123, 9]
    """
    number = np.zeros(labels.shape[1], np.int32)
    for row in labels:
        number = number * classes + row.astype(np.int32)
    return number


def stacked(dataset: Dataset, channels: int = 3) -> Dataset:
    """A set of grey pictures as one of stacked ones.

    Args:
      dataset: grey and in memory.
      channels: how many are stacked.

    Returns:
      The data, as many pictures; labels and classes are those of the channels, written one after the other.

    Raises:
      DataError: colour pictures, or too many to keep in memory.

    Example:
      >>> grey = Dataset("x", np.zeros((20, 4, 4, 1), np.uint8), np.arange(20) % 10)
      >>> stacked(grey).shape, len(stacked(grey).classes)
      ((4, 4, 3), 1000)
    """
    if not isinstance(dataset.images, np.ndarray) or dataset.shape[-1] != 1:
        raise DataError(f"{dataset.name}: only grey pictures in memory can be stacked; these are {dataset.shape}")
    orders = np.stack([np.random.default_rng([0, c]).permutation(len(dataset)) for c in range(channels)])
    stack = Stack(dataset.images, dataset.labels, len(dataset.classes), orders)
    names = [""]
    for _ in range(channels):
        names = [name + more for name in names for more in dataset.classes]
    return Dataset(f"{dataset.name}-stacked", stack, stack.modes(orders), tuple(names if dataset.classes else ()))
