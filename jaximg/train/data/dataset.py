"""What a data set is: pictures, perhaps with labels, in memory or read one by one."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

IN_MEMORY = 2**30
"""Bytes up to which the pictures of a folder or file are read once and kept."""


class DataError(ValueError):
    """Data that can't be found or read; the message names the file and the cure."""


@dataclass(frozen=True)
class Dataset:
    """Pictures to train or test on.

    Attributes:
      name: what it is called.
      images: `(N, H, W, C)` uint8 in memory, or a sequence that reads the i-th `(H, W, C)` uint8 picture when asked.
      labels: `(N,)` int32, or None.
      classes: their names, in order of the labels.
      held: others of their kind, kept back from training.
    """

    name: str
    images: np.ndarray | Sequence[np.ndarray]
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    held: "Dataset | None" = None

    def __post_init__(self) -> None:
        """Says what doesn't fit."""
        if len(self.images) == 0:
            raise DataError(f"{self.name}: no pictures in it")
        if self.labels is not None and len(self.labels) != len(self.images):
            raise DataError(f"{self.name}: {len(self.images)} pictures but {len(self.labels)} labels")
        if self.labels is not None and not self.classes:
            count = int(np.max(self.labels)) + 1
            object.__setattr__(self, "classes", tuple(map(str, range(count))))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def in_memory(self) -> bool:
        """Whether the pictures are one array."""
        return isinstance(self.images, np.ndarray)

    @property
    def shape(self) -> tuple[int, int, int]:
        """`(H, W, C)` of a picture."""
        height, width, channels = self.images[0].shape
        return height, width, channels

    def take(self, which: np.ndarray | Sequence[int]) -> "Dataset":
        """Some of the pictures, in the order given."""
        which = np.asarray(which, np.int64)
        images = self.images[which] if isinstance(self.images, np.ndarray) else _Some(self.images, which)
        return replace(self, images=images, labels=None if self.labels is None else self.labels[which])

    def numbered_as(self, classes: tuple[str, ...]) -> "Dataset":
        """The same pictures, their labels the places of their classes among others.

        Args:
          classes: names, such as those of the pictures trained on; mere numbers here mean places there.

        Returns:
          With these classes.

        Raises:
          DataError: no labels, or a class that is not among them.

        Example:
          >>> cats = Dataset("x", np.zeros((2, 1, 1, 1), np.uint8), np.array([0, 0]), ("cat",))
          >>> cats.numbered_as(("ape", "cat")).labels.tolist()
          [1, 1]
        """
        if self.labels is None:
            raise DataError(f"{self.name} has no labels: a folder for each class is needed, or labels beside")
        numbers = self.classes == tuple(map(str, range(len(self.classes))))
        names = classes[: len(self.classes)] if numbers and not set(self.classes) & set(classes) else self.classes
        strange = [*self.classes[len(names) :], *(name for name in names if name not in classes)]
        if strange:
            raise DataError(f"{self.name}: class {', '.join(strange)} is not among {', '.join(classes)}")
        places = np.array([classes.index(name) for name in names], np.int32)
        return replace(self, labels=places[self.labels], classes=classes)

    def float_images(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Pictures `start` to `stop` as `(N, H, W, C)` float32 in [0, 1]."""
        which = range(len(self))[start:stop]
        bytes_ = self.images[start:stop] if self.in_memory else np.stack([self.images[i] for i in which])
        return np.asarray(bytes_, np.float32) / np.float32(255)

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits that tell whether two sets are the same (of large ones, a few pictures are read)."""
        told = hashlib.sha256(f"{len(self)} {self.shape} {self.classes}".encode())
        few = self.images if self.in_memory else [self.images[i] for i in np.linspace(0, len(self) - 1, 8).astype(int)]
        told.update(np.ascontiguousarray(few).tobytes())
        told.update(b"" if self.labels is None else np.ascontiguousarray(self.labels).tobytes())
        return told.hexdigest()[:8]


class _Some(Sequence):
    """Some pictures of a sequence that is not in memory."""

    def __init__(self, images: Sequence[np.ndarray], which: np.ndarray) -> None:
        self.images, self.which = images, which

    def __len__(self) -> int:
        return len(self.which)

    def __getitem__(self, i: int) -> np.ndarray:
        return self.images[int(self.which[i])]


def split(whole: Dataset, part: str, holdout: float) -> Dataset:
    """The training or the test part of a set that comes in one piece, the same every time, each class in proportion.

    Args:
      whole: all of it.
      part: "train" or "test".
      holdout: the share of the test part.

    Returns:
      The part.

    Raises:
      DataError: nothing would be left of a part.

    Example:
      >>> whole = Dataset("x", np.zeros((10, 1, 1, 1), np.uint8), np.arange(10) % 2)
      >>> np.bincount(split(whole, "train", 0.2).labels).tolist(), len(split(whole, "test", 0.2))
      ([4, 4], 2)
    """
    labels = np.zeros(len(whole), np.int64) if whole.labels is None else whole.labels
    order = np.random.default_rng(0).permutation(len(whole))
    rank = np.empty(len(whole))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        rank[members] = (np.arange(len(members)) + 0.5) / len(members)
    held = rank > 1 - holdout
    which = np.flatnonzero(held if part == "test" else ~held)
    if len(which) == 0:
        raise DataError(f"{whole.name}: {len(whole)} pictures are too few to hold out a share of {holdout:g}")
    return whole.take(which)
