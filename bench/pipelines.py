"""Whole pipelines under one jit against the same calls of OpenCV in a loop: `python -m bench.pipelines [--quick]`.

Sixteen pictures of 512 x 512 in float32, two threads for both, in turns, medians; results compared before the timing.
"""

import sys

import cv2
import jax
import jax.numpy as jnp
import numpy as np

from bench.table import Row, at_most, emit, interleaved, parser
from jaximg import ops
from tests.op_case import unit

BATCH, SIZE = 16, 512
CROSS = np.ones((3, 3), np.uint8)


def edges(image: jax.Array) -> jax.Array:
    """Gaussian, Sobel, threshold, opening."""
    slope = ops.sobel(ops.gaussian_blur(image, 1.5), 1, 0)
    return ops.opening((jnp.abs(slope) > 0.2).astype(image.dtype), 3)


def edges_opencv(image: np.ndarray) -> np.ndarray:
    """The same by OpenCV."""
    slope = cv2.Sobel(cv2.GaussianBlur(image, (13, 13), 1.5), -1, 1, 0)
    return cv2.morphologyEx((np.abs(slope) > 0.2).astype(np.float32), cv2.MORPH_OPEN, CROSS)


def outlines(image: jax.Array) -> jax.Array:
    """Median, unsharp mask, Sobel, dilation."""
    sharp = ops.unsharp_mask(ops.median_blur(image, 3), 1.5, amount=0.7)
    return ops.dilate(ops.sobel(sharp, 0, 1), 3)


def outlines_opencv(image: np.ndarray) -> np.ndarray:
    """The same by OpenCV."""
    smooth = cv2.medianBlur(image, 3)
    sharp = smooth + 0.7 * (smooth - cv2.GaussianBlur(smooth, (13, 13), 1.5))
    return cv2.dilate(cv2.Sobel(sharp, -1, 0, 1), CROSS)


def main() -> int:
    """Times both pipelines."""
    options = parser(__doc__).parse_args()
    cv2.setNumThreads(2)
    rng = np.random.default_rng(0)
    batch = np.stack([unit(rng, (SIZE, SIZE, 1)) for _ in range(BATCH)])
    device, rows = jax.device_put(batch), []
    for name, ours, theirs in (
        ("gaussian, sobel, threshold, opening", edges, edges_opencv),
        ("median, unsharp, sobel, dilate", outlines, outlines_opencv),
    ):
        jitted = jax.jit(ours)
        wrong = np.abs(np.asarray(jitted(device))[..., 0] - np.stack([theirs(x[..., 0]) for x in batch])) > 1e-4
        if wrong.mean() > 1e-4:
            raise AssertionError(f"{name}: {wrong.mean():.2%} of the pixels differ")
        times = interleaved(
            {
                "jaximg": lambda f=jitted: jax.block_until_ready(f(device)),
                "OpenCV": lambda f=theirs: [f(x[..., 0]) for x in batch],
            },
            rounds=10 if options.quick else 40,
            budget_s=10,
        )
        rows.append(Row(name, times["jaximg"] / times["OpenCV"], "x", "OpenCV", 1.0, at_most(0.5)))
        print(f"{name}: {times['jaximg'] * 1e3:.2f} ms, OpenCV {times['OpenCV'] * 1e3:.2f} ms")
    return emit(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
