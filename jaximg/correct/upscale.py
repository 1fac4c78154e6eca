"""Twice as many pixels a side: what a bicubic kernel gives, and the detail that a trained network adds to it."""

import numpy as np

from jaximg.correct import network
from jaximg.correct.diagnose import check_pixels
from jaximg.correct.jpeg import luminance
from jaximg.typing import Image

TAPS = np.array([-0.0234375, 0.2265625, 0.8671875, -0.0703125], np.float32)
"""Keys' cubic kernel, a = -1/2, at -1.75, -0.75, 0.25 and 1.25 pixels; mirrored for every second pixel."""


def upscale(image: Image, *, strength: float = 1.0, ensemble: bool = False) -> np.ndarray:
    """Doubles the height and the width of a picture.

        out = bicubic(image) + strength (net(luma) - luma),  luma that of bicubic(image)

    so that the colours are the bicubic ones, and the detail is the network's. On the host, in programs of a few sizes.
    It has learned from pictures that were shrunk by a bicubic kernel and are sharp: noise and JPEG's blocks are to be
    taken away first (`correct`), and blur stays.

    Args:
      image: `(H, W, 1 or 3)` floating point, nominally [0, 1].
      strength: 1 adds all of the network's detail, 0 none.
      ensemble: whether the network sees the picture turned and mirrored in all eight ways, and its answers are
        averaged: a little better, eight times as slow.

    Returns:
      `(2 H, 2 W, C)` float32, not clipped.

    Raises:
      TypeError: not an image, or not floating point.
      ValueError: another shape, or a strength outside [0, 1].

    Example:
      >>> upscale(np.full((20, 30, 3), 0.5, np.float32)).shape
      (40, 60, 3)

    References:
      Kim, Lee and Lee, Accurate image super-resolution using very deep convolutional networks, CVPR 2016: the luma
      alone, and the rest that a bicubic kernel leaves.
    """
    pixels = check_pixels(image)
    if not 0 <= strength <= 1:
        raise ValueError(f"strength={strength}; it goes from 0, bicubic alone, to 1")
    out = bicubic(pixels)
    if strength == 0:
        return out
    luma = luminance(out)[..., None]
    return out + np.float32(strength) * (network.restore("upscale", luma, ensemble=ensemble) - luma)


def bicubic(image: np.ndarray) -> np.ndarray:
    """Twice the size by Keys' kernel; a picture goes on beyond its border mirrored.

    Args:
      image: `(H, W, C)` float32.

    Returns:
      `(2 H, 2 W, C)` float32.

    Example:
      >>> bicubic(np.arange(5, dtype=np.float32).reshape(1, 5, 1))[0, 4:6, 0].tolist()
      [1.75, 2.25]
    """
    for axis in (0, 1):
        edges = [(2, 2) if axis == a else (0, 0) for a in range(image.ndim)]
        padded, size = np.pad(image, edges, "symmetric"), image.shape[axis]
        near = [np.take(padded, range(i, i + size), axis) for i in range(5)]
        before = sum(tap * x for tap, x in zip(TAPS, near[:4], strict=True))
        after = sum(tap * x for tap, x in zip(TAPS[::-1], near[1:], strict=True))
        pair = np.stack([before, after], axis + 1)
        image = pair.reshape(*image.shape[:axis], 2 * size, *image.shape[axis + 1 :])
    return image
