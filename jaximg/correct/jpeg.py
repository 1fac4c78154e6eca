"""Has the picture been a JPEG, and of what quality? Read from its quantisation tables, or else from its pixels.

JPEG rounds the DCT coefficients of every 8 x 8 block to multiples of a step. So the histogram of a coefficient is a
comb, and the comb's step gives the quality away, also when the file has been saved as PNG since.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaximg.correct.fill import halve
from jaximg.models.stored import sharpening
from jaximg.ops.color import CB, CR, LUMA
from jaximg.ops.dct import dct_matrix, jpeg_tables

MOST = 6000
"""More blocks than these are not looked at,"""
WIDEST = 4096
"""and of larger pictures so many pixels a side, in the middle."""
ROUNDING = 0.6
"""Standard deviation of a coefficient's error after decoding to bytes and back, on the 8-bit scale."""
ALONG = 32
"""So many blocks of chroma a side are looked at."""
HALVES = ((0, 0), (0, 8), (8, 0), (8, 8))
_CHROMA = np.stack([np.subtract([0, 0, 1], LUMA) / CB, np.subtract([1, 0, 0], LUMA) / CR], -1)
_LOW = [(i, j) for i in range(8) for j in range(8) if 0 < i + j <= 5]
_DCT = dct_matrix(8).astype(np.float32)


@dataclass(frozen=True)
class Jpeg:
    """A JPEG compression found in a picture.

    Attributes:
      quality: 1 to 100 on the scale of the Independent JPEG Group, or None where there is none.
      confidence: 0 to 1.
      corner: the row and column, 0 to 7, where the first whole block begins.
      turned: whether the blocks lie on their sides: tables tell rows from columns.
    """

    quality: int | None = None
    confidence: float = 0.0
    corner: tuple[int, int] = (0, 0)
    turned: bool = False


def quality_of(table: np.ndarray) -> int:
    """The quality whose luma table is nearest to `table`.

    Example:
      >>> quality_of(jpeg_tables(73)[0])
      73
    """
    distance = [np.abs(np.log(jpeg_tables(q)[0] / np.maximum(table, 1))).mean() for q in range(1, 101)]
    return 1 + int(np.argmin(distance))


def find_jpeg(image: np.ndarray, known_tables: Sequence[np.ndarray] = ()) -> Jpeg:
    """Finds out whether `image` has been a JPEG.

    Args:
      image: `(H, W, 1 or 3)`, [0, 1].
      known_tables: the file's quantisation tables, luma first, if it is a JPEG itself.

    Returns:
      What was found; nothing for pictures of fewer than 16 blocks.

    Example:
      >>> find_jpeg(np.random.default_rng(0).random((64, 64, 1))).quality
    """
    if known_tables:
        return Jpeg(quality_of(known_tables[0]), 1.0)
    if min(image.shape[:2]) < 16 or image.shape[0] * image.shape[1] < 16 * 64:
        return Jpeg()
    height, width = image.shape[:2]
    top, left = (max(0, side - WIDEST) // 16 * 8 for side in (height, width))
    luma = 255 * luminance(image[top : top + WIDEST, left : left + WIDEST])
    found = []
    for corner in {(0, 0), _corner(luma)}:
        blocks = block_coefficients(luma - 128, corner).reshape(-1, 8, 8)
        found += [_fit(blocks, corner), _fit(blocks.swapaxes(1, 2), corner, turned=True)]
    return max(found, key=lambda gain_and_jpeg: gain_and_jpeg[0])[1]


def luminance(image: np.ndarray) -> np.ndarray:
    """JPEG's luma, `(H, W)` float32.

    Example:
      >>> luminance(np.ones((1, 1, 3))).round(3).tolist()
      [[1.0]]
    """
    if image.shape[-1] == 1:
        return image[..., 0].astype(np.float32)
    return image.astype(np.float32) @ np.array(LUMA, np.float32)


def find_halved(image: np.ndarray, quality: int) -> tuple[int, int] | None:
    """Where the chroma of a JPEG that stored it at half the size (4:2:0) has its first whole block.

    Args:
      image: `(H, W, 1 or 3)`, [0, 1], whose first block of luma begins at its corner.
      quality: of the JPEG.

    Returns:
      Row and column, 0 or 8; None where it was stored at another size, or where that can't be told.

    Example:
      >>> find_halved(np.full((64, 64, 3), 0.5), 50)
    """
    if image.shape[-1] == 1 or min(image.shape[:2]) < 48:
        return None
    cut = 255 * image[: 16 * ALONG + 8, : 16 * ALONG + 8].astype(np.float64) @ _CHROMA
    shares = {corner: _on_multiples(cut[corner[0] :, corner[1] :], quality) for corner in HALVES}
    best = max(shares, key=lambda corner: shares[corner])
    return best if shares[best] > 0.6 else None


def _on_multiples(chroma: np.ndarray, quality: int) -> float:
    """The share of low coefficients of chroma, taken for halved, that are multiples of their steps: 1/4 by chance."""
    rows, columns = (side // 16 * 8 for side in chroma.shape[:2])
    half = np.moveaxis(halve(chroma[: 2 * rows, : 2 * columns]), -1, 0)
    stored = sharpening(rows) @ half @ sharpening(columns).T
    blocks = np.concatenate([block_coefficients(plane.astype(np.float32), (0, 0)) for plane in stored])
    steps = jpeg_tables(quality)[1]
    units = np.concatenate([(blocks[..., i, j] / steps[i, j]).ravel() for i, j in _LOW if steps[i, j] >= 8] or [[]])
    far = units[np.abs(units) > 0.5]
    return float(np.mean(np.abs(far - np.round(far)) < 0.125)) if len(far) >= 20 else 0.0


def _corner(luma: np.ndarray) -> tuple[int, int]:
    """Where differences between neighbours are largest, modulo 8: the blocks' edges."""
    down, across = (np.abs(np.diff(luma, 2, axis=axis)).mean(1 - axis) for axis in (0, 1))
    return _phase(down), _phase(across)


def _phase(jumps: np.ndarray) -> int:
    """The pixel, modulo 8, before which second differences (they straddle the edge) are largest."""
    pairs = jumps[:-1] + jumps[1:]
    return int(np.argmax([pairs[i::8].mean() if len(pairs[i::8]) else 0 for i in range(8)]) + 2) % 8


def block_coefficients(luma: np.ndarray, corner: tuple[int, int]) -> np.ndarray:
    """The DCT of all whole blocks, `(rows, columns, 8, 8)`.

    Example:
      >>> block_coefficients(np.ones((17, 25), np.float32), (0, 0)).shape
      (2, 3, 8, 8)
    """
    luma = luma[corner[0] :, corner[1] :]
    rows, columns = luma.shape[0] // 8, luma.shape[1] // 8
    blocks = luma[: 8 * rows, : 8 * columns].reshape(rows, 8, columns, 8).swapaxes(1, 2)
    return _DCT @ blocks @ _DCT.T


def _fit(c: np.ndarray, corner: tuple[int, int], *, turned: bool = False) -> tuple[float, Jpeg]:
    """The quality whose combs explain the low coefficients best, and by how many nats against no comb."""
    if len(c) < 16:
        return 0.0, Jpeg()
    c = c[:: -(-len(c) // MOST)]
    gain, count = np.zeros((len(_LOW), 256)), np.zeros((len(_LOW), 256))
    for i, place in enumerate(_LOW):
        for step in sorted({int(jpeg_tables(q)[0][place]) for q in range(1, 101)}):
            gain[i, step], count[i, step] = _comb(c[:, *place], step)
    picked = [np.array([jpeg_tables(q)[0][place] for place in _LOW]) for q in range(1, 101)]
    rows = np.arange(len(_LOW))
    gains = np.array([gain[rows, steps].sum() for steps in picked])
    counts = np.array([count[rows, steps].sum() for steps in picked])
    best = int(np.argmax(gains))
    each = gains[best] / max(counts[best], 1)
    sure = float(np.clip((each - 0.25) / 0.35, 0, 1) * np.clip(gains[best] / 100 - 1, 0, 1))
    return (float(gains[best]), Jpeg(best + 1, sure, corner, turned)) if sure > 0 else (0.0, Jpeg())


def _comb(c: np.ndarray, step: int) -> tuple[float, int]:
    """How much likelier multiples of `step` are than no comb, over the coefficients that are not rounded to zero."""
    if step < 3:  # finer than the rounding of the pixels themselves
        return 0.0, 0
    far = c[np.abs(c) > step / 2]
    off = far - step * np.round(far / step)
    spread = 1 / (ROUNDING * np.sqrt(2 * np.pi))
    likelihood = 0.9 * spread * np.exp(-0.5 * np.square(off / ROUNDING)) + 0.1 / step
    return float(np.log(likelihood * step).sum()), len(far)
