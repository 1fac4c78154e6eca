"""Brings pictures of any size to one square size, on the host."""

import numpy as np


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
