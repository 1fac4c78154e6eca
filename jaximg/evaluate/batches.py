"""A function over many pictures."""

from collections.abc import Callable

import numpy as np


def in_batches(function: Callable[[np.ndarray], np.ndarray], images: np.ndarray, *, batch: int = 500) -> np.ndarray:
    """`function` over many pictures, in batches of one size, so that it compiles once.

    Args:
      function: `(batch, ...)` to `(batch, ...)`.
      images: `(N, ...)`.
      batch: how many at once; the last batch is filled up with zeros.

    Returns:
      `(N, ...)`.

    Example:
      >>> in_batches(lambda x: 2 * x, np.arange(5.0), batch=2).tolist()
      [0.0, 2.0, 4.0, 6.0, 8.0]
    """
    batch = min(batch, len(images))
    parts = [images[start : start + batch] for start in range(0, len(images), batch)]
    short = batch - len(parts[-1])
    parts[-1] = np.concatenate([parts[-1], np.zeros((short, *images.shape[1:]), images.dtype)])
    return np.concatenate([np.asarray(function(part)) for part in parts])[: len(images)]
