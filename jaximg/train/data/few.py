"""Some of a data set's pictures: few of each class, and a part that is kept back from training."""

from dataclasses import replace

import numpy as np

from jaximg.train.data.dataset import DataError, Dataset

MOST = 1000
"""Pictures kept back, however many there are."""


def few(dataset: Dataset, count: int) -> Dataset:
    """The first pictures of each class.

    Args:
      dataset: with labels or without.
      count: of each class, or of all where there are no labels.

    Returns:
      At most so many, in their old order.

    Example:
      >>> some = few(Dataset("x", np.zeros((6, 1, 1, 1), np.uint8), np.array([0, 0, 0, 1, 1, 1])), 2)
      >>> some.labels.tolist()
      [0, 0, 1, 1]
    """
    labels = np.zeros(len(dataset), np.int64) if dataset.labels is None else dataset.labels
    return dataset.take(np.sort(np.concatenate([np.flatnonzero(labels == x)[:count] for x in np.unique(labels)])))


def instances(dataset: Dataset) -> Dataset:
    """The same pictures, each a class of its own.

    Args:
      dataset: its own labels are forgotten.

    Returns:
      Labels 0, 1, 2 ...

    Example:
      >>> instances(Dataset("x", np.zeros((3, 1, 1, 1), np.uint8))).labels.tolist()
      [0, 1, 2]

    References:
      Dosovitskiy et al., Discriminative unsupervised feature learning with exemplar CNNs, TPAMI 2016.
    """
    return replace(dataset, labels=np.arange(len(dataset), dtype=np.int32), classes=())


def hold_back(dataset: Dataset, share: float) -> Dataset:
    """The data set without some of its pictures, which it has as `held`; each class gives its share.

    Args:
      dataset: what there is.
      share: of each class, one picture at least, `MOST` in all at most.

    Returns:
      The rest.

    Raises:
      DataError: nothing would be left.

    Example:
      >>> rest = hold_back(Dataset("x", np.zeros((10, 1, 1, 1), np.uint8), np.arange(10) % 2), 0.2)
      >>> len(rest), len(rest.held)
      (8, 2)
    """
    labels = np.zeros(len(dataset), np.int64) if dataset.labels is None else dataset.labels
    share = min(share, MOST / len(dataset))
    back = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        back.append(members[-max(1, round(share * len(members))) :])
    kept = np.setdiff1d(np.arange(len(dataset)), np.concatenate(back))
    if len(kept) == 0:
        raise DataError(f"{dataset.name}: {len(dataset)} pictures are too few to keep some back")
    return replace(dataset.take(kept), held=dataset.take(np.concatenate(back)))
