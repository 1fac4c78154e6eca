"""Scratches: thin bright or dark lines."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scratches:
    """Thin lines across a picture.

    Attributes:
      mask: `(H, W, 1)` bool, True on a scratch.
      confidence: 0 to 1.
    """

    mask: np.ndarray
    confidence: float = 0.0


def find_scratches(image: np.ndarray) -> Scratches:
    """Finds none yet: a finder that flags clean pictures is worse than none."""
    return Scratches(np.zeros((*image.shape[:2], 1), bool))
