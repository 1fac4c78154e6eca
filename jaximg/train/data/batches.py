"""Batches in an order that the seed and the step alone decide, on every process its share."""

import itertools
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from jaximg.train.data.dataset import DataError, Dataset
from jaximg.train.data.stacked import Stack

Batch = dict[str, np.ndarray]


@lru_cache(maxsize=8)
def _epoch(seed: int, epoch: int, size: int, order: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch, order] if order else [seed, epoch]).permutation(size)


def indices(size: int, batch: int, step: int, *, seed: int, order: int = 0) -> np.ndarray:
    """Which pictures batch number `step` holds.

    Every epoch is a new permutation; a batch may end one and begin the next, so that none is left out.

    Args:
      size: pictures there are.
      batch: pictures in a batch.
      step: the number of the batch, from 0 on.
      seed: of the order.
      order: another one, independent of that of another number.

    Returns:
      `(batch,)` int64.

    Example:
      >>> sorted(np.concatenate([indices(6, 4, step, seed=0) for step in range(3)]).tolist())
      [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    """
    places = step * batch + np.arange(batch)
    epochs = places // size
    return np.concatenate(
        [_epoch(seed, int(epoch), size, order)[places[epochs == epoch] % size] for epoch in np.unique(epochs)]
    )


def batches(
    dataset: Dataset,
    batch: int,
    *,
    seed: int,
    start: int = 0,
    process: int = 0,
    processes: int = 1,
    workers: int = 2,
) -> Iterator[Batch]:
    """This process's share of each batch, from number `start` on, without end.

    Pictures in memory are gathered at once; others are read ahead by grain, in the same order.

    Args:
      dataset: the pictures.
      batch: pictures in a batch, over all processes.
      seed: of the order.
      start: the first batch's number.
      process: this process's number.
      processes: how many there are.
      workers: threads that read.

    Returns:
      An iterator over `{"image": (n, H, W, C) uint8, "index": (n,) int32, the place in the global batch}`, and
      `"label": (n,) int32` where there are labels. Steps make [0, 1] of the bytes themselves: a quarter to send.

    Raises:
      DataError: a batch that can't be shared evenly.

    Example:
      >>> data = Dataset("x", np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1))
      >>> one, two = (next(batches(data, 4, seed=0, process=p, processes=2))["image"].ravel() for p in (0, 1))
      >>> sorted(np.concatenate([one, two]).tolist())
      [0, 1, 2, 3]
    """
    if batch < 1 or batch % processes:
        raise DataError(f"a batch of {batch} can't be shared by {processes} processes: choose a multiple of that")
    share = batch // processes
    mine = slice(process * share, (process + 1) * share)

    def plan(step: int) -> np.ndarray:
        return indices(len(dataset), batch, step, seed=seed)[mine]

    place = np.arange(batch, dtype=np.int32)[mine]
    if isinstance(dataset.images, Stack):
        return _stacked(dataset.images, batch, mine, place, start, seed)
    if isinstance(dataset.images, np.ndarray):
        return _gathered(dataset, plan, place, start)
    return _read_ahead(dataset, plan, place, start, workers)


def _gathered(dataset: Dataset, plan: Any, place: np.ndarray, start: int) -> Iterator[Batch]:
    images = np.asarray(dataset.images)
    for step in itertools.count(start):
        which = plan(step)
        yield _batch(images[which], dataset.labels, which, place)


def _stacked(stack: Stack, batch: int, mine: slice, place: np.ndarray, start: int, seed: int) -> Iterator[Batch]:
    """Each channel in an order of its own, new in every epoch."""
    for step in itertools.count(start):
        orders = [indices(len(stack), batch, step, seed=seed, order=c)[mine] for c in range(len(stack.orders))]
        which = np.stack(orders)
        modes = stack.modes(which)
        yield {"image": stack.pictures(which), "index": place} | ({} if modes is None else {"label": modes})


def _read_ahead(dataset: Dataset, plan: Any, place: np.ndarray, start: int, workers: int) -> Iterator[Batch]:
    """By grain's threads; the i-th picture that grain asks for is decided by the plan, so no state has to be kept."""
    import grain

    share = len(place)

    def read(number: int) -> np.ndarray:
        step, i = divmod(int(number), share)
        return dataset.images[int(plan(step)[i])]

    numbers = grain.MapDataset.range(start * share, 2**62)
    options = grain.ReadOptions(num_threads=workers, prefetch_buffer_size=max(2 * share, 16))
    pictures = iter(numbers.map(read).to_iter_dataset(options))
    for step in itertools.count(start):
        yield _batch(np.stack(list(itertools.islice(pictures, share))), dataset.labels, plan(step), place)


def _batch(images: np.ndarray, labels: np.ndarray | None, which: np.ndarray, place: np.ndarray) -> Batch:
    batch = {"image": images, "index": place}
    return batch if labels is None else {**batch, "label": labels[which].astype(np.int32)}
