"""Brings pictures of any size to one square size, in grey or in colour, on the host."""

from dataclasses import replace

import numpy as np

from jaximg.train.data.dataset import Dataset


def shaped(dataset: Dataset, size: int | None, channels: int | None) -> Dataset:
    """The data set with all of its pictures at one size and of so many channels.

    Args:
      dataset: in memory; one that reads its pictures when asked is left alone.
      size: pixels a side; None leaves them as they are.
      channels: 1 or 3; None likewise.

    Returns:
      The same labels and classes.

    Example:
      >>> shaped(Dataset("x", np.zeros((2, 6, 9, 1), np.uint8)), 3, 3).shape
      (3, 3, 3)
    """
    height, width, has = dataset.shape
    if not dataset.in_memory or (size or height, size or width, channels or has) == (height, width, has):
        return dataset
    return replace(dataset, images=np.stack([sample(x / np.float32(255), size, channels) for x in dataset.images]))


def sample(pixels: np.ndarray, size: int | None, channels: int | None) -> np.ndarray:
    """A picture `(H, W, C)` in [0, 1] as a data set has it, uint8."""
    return np.round(255 * square(with_channels(pixels, channels), size)).astype(np.uint8)


def with_channels(pixels: np.ndarray, channels: int | None) -> np.ndarray:
    """The picture `(H, W, C)` in grey or in colour, as 1 or 3 channels ask for; as it is for None."""
    if channels == 1 and pixels.shape[-1] == 3:
        return pixels @ np.array([[0.299], [0.587], [0.114]], np.float32)
    return np.repeat(pixels, 3, axis=-1) if channels == 3 and pixels.shape[-1] == 1 else pixels


def square(pixels: np.ndarray, size: int | None) -> np.ndarray:
    """The middle square of a picture at another size, smoothed where it shrinks.

    Args:
      pixels: `(H, W, C)` in [0, 1].
      size: pixels a side; None leaves the picture as it is.

    Returns:
      `(size, size, C)`.

    Example:
      >>> square(np.ones((6, 9, 1), np.float32), 3).shape
      (3, 3, 1)
    """
    if size is None or pixels.shape[:2] == (size, size):
        return pixels
    side = min(pixels.shape[:2])
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    middle = pixels[top : top + side, left : left + side]
    weights = _triangle(side, size)
    return np.clip(np.einsum("ij,jkc,lk->ilc", weights, middle, weights, optimize=True), 0, 1)


def _triangle(old: int, new: int) -> np.ndarray:
    """Linear interpolation as a matrix, its triangle widened to the step where the picture shrinks."""
    scale = old / new
    centre = (np.arange(new) + 0.5) * scale - 0.5
    distance = np.abs(np.arange(old) - centre[:, None]) / max(scale, 1.0)
    weights = np.maximum(0, 1 - distance)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
