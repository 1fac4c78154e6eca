"""Squares cut out of photographs: what restoration networks learn from."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np

from jaximg import io
from jaximg.train.data.dataset import DataError, Dataset

LARGE = 6e6
"""Pictures of more pixels are shrunk by one step more, and of 2.5 times as many by two."""


def crops(folder: str | Path, part: str = "train", *, side: int = 64, every: int = 7) -> Dataset:
    """Random squares of the photographs of a folder, shrunk first: that takes away their own noise and JPEG blocks.

    Photographs are shrunk by 2, 3 or 4, larger ones by more, by averaging; to train, they are also taken at a half and
    a quarter of that, each as often as any: far away, everything is texture. A crop is turned and mirrored at random.
    Crop number i is the same every time.

    Args:
      folder: holds photographs, RGB or grey (grey ones get three equal channels). "photographs": a few that
        scikit-image brings along, enough to try it.
      part: "train", or "test": the middle of every `every`-th photograph, or of the last one where there are fewer,
        which the training part leaves out.
      side: of a crop, in pixels.
      every: the share that is held out.

    Returns:
      A data set of crops `(side, side, 3)` uint8, as many as cover the photographs in all eight orientations.

    Raises:
      DataError: no photograph, or none large enough.
    """
    paths = packaged() if folder == "photographs" else io.find_images([Path(folder)], recursive=True)
    every = max(2, min(every, len(paths)))
    chosen = [path for i, path in enumerate(paths) if (i % every == every - 1) == (part == "test")]
    photographs = [picture for path in chosen if min((picture := shrunk(path)).shape[:2]) >= side]
    if not photographs:
        wanted = f"no photograph whose sides are at least {2 * side} pixels for the {part} part"
        raise DataError(f"{folder}: {wanted}; it takes two, one to train on and one to test on, or smaller crops")
    if part == "test":
        return Dataset(str(folder), np.stack([middle(picture, side) for picture in photographs]))
    halves = [halved(picture) for picture in photographs]
    scales = photographs + halves + [halved(picture) for picture in halves]
    return Dataset(str(folder), Crops([picture for picture in scales if min(picture.shape[:2]) >= side], side))


def packaged() -> list[Path]:
    """Photographs inside the scikit-image package (astronaut, cat, coffee, rocket ...)."""
    names = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "retina.jpg", "rocket.jpg")
    folder = resources.files("skimage") / "data"
    return [path for name in names if (path := Path(str(folder / name))).is_file()]


class Crops(Sequence):
    """Crop number i of some photographs, cut when it is asked for.

    Example:
      >>> squares = Crops([np.zeros((64, 80, 3), np.uint8)], 16)
      >>> len(squares), squares[3].shape
      (160, (16, 16, 3))
    """

    def __init__(self, photographs: Sequence[np.ndarray], side: int) -> None:
        self.photographs, self.side = photographs, side
        self.size = 8 * sum(x.shape[0] * x.shape[1] for x in photographs) // side**2

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, i: int) -> np.ndarray:
        if not 0 <= i < self.size:
            raise IndexError(i)
        rng = np.random.default_rng([self.side, i])
        picture = self.photographs[int(rng.integers(len(self.photographs)))]
        y, x = (int(rng.integers(size - self.side + 1)) for size in picture.shape[:2])
        crop = picture[y : y + self.side, x : x + self.side]
        return np.ascontiguousarray(np.rot90(crop[:, ::-1] if rng.random() < 0.5 else crop, int(rng.integers(4))))


def shrunk(path: Path) -> np.ndarray:
    """A photograph as uint8 RGB, 2 to 4 times smaller."""
    pixels = io.read(path).pixels
    area = pixels.shape[0] * pixels.shape[1]
    small = block_means(pixels, 2 + (area >= LARGE) + (area >= 2.5 * LARGE))
    return np.round(255 * np.broadcast_to(small, (*small.shape[:2], 3))).astype(np.uint8)


def halved(picture: np.ndarray) -> np.ndarray:
    """Half the size, uint8.

    Example:
      >>> halved(np.full((5, 4, 3), 7, np.uint8)).shape
      (2, 2, 3)
    """
    return np.round(block_means(picture.astype(np.float32), 2)).astype(np.uint8)


def block_means(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Means of squares of `factor` pixels a side; what doesn't fill a square is left out.

    Example:
      >>> block_means(np.arange(8.0).reshape(2, 4, 1), 2).ravel().tolist()
      [2.5, 4.5]
    """
    height, width = (size // factor for size in pixels.shape[:2])
    whole = pixels[: height * factor, : width * factor]
    return whole.reshape(height, factor, width, factor, -1).mean((1, 3))


def middle(picture: np.ndarray, side: int) -> np.ndarray:
    """The square in the middle."""
    y, x = ((size - side) // 2 for size in picture.shape[:2])
    return picture[y : y + side, x : x + side]
