"""Lays the pieces of a torn picture where they belong and fills what is lost between them."""

from dataclasses import dataclass, field

import jax.numpy as jnp
import numpy as np

from jaximg import ops
from jaximg.correct.fill import fill_smoothly
from jaximg.correct.tears.assemble import FRAMES, shrunk
from jaximg.correct.tears.plain import grown

SEAM = 24
"""So near to another piece a piece's edge is torn, and its outermost pixels are mixed with the core."""
CLOSED = 20
"""Gaps so wide at most are filled; beyond lies the ground."""


@dataclass(frozen=True)
class Tear:
    """The pieces of a torn picture and where they belong.

    Attributes:
      label: `(H, W)` int: 1 where the largest piece's print is, 2, 3 ... for the others, 0 where there is none.
      matrices: `(n, 2, 3)`, for each piece: places (x, y) on the canvas to places in the largest piece's frame, which
        is the canvas' own.
      box: where in that frame the whole picture lies: top, left, height, width.
      fuzzy: how many pixels at a torn edge are mixed with the paper's core.
      confidence: 0 to 1.
      core: `(H, W)` bool, where a piece shows the paper's core instead of print, if that is known.
    """

    label: np.ndarray = field(default_factory=lambda: np.zeros((1, 1), np.int32), repr=False)
    matrices: np.ndarray = field(default_factory=lambda: np.zeros((0, 2, 3)))
    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    fuzzy: int = 0
    confidence: float = 0.0
    core: np.ndarray | None = field(default=None, repr=False)

    @property
    def count(self) -> int:
        """How many pieces."""
        return len(self.matrices)


def mend(image: np.ndarray, tear: Tear) -> tuple[np.ndarray, np.ndarray]:
    """Puts the pieces together and fills the gaps.

    Args:
      image: `(H, W, C)` float32, the canvas.
      tear: what was found on it.

    Returns:
      The whole picture `(h, w, C)`, and where it has been filled, `(h, w, 1)` bool.

    Example:
      >>> label = np.ones((8, 9), np.int32)
      >>> mend(np.zeros((8, 9, 1), np.float32), Tear(label, np.eye(2, 3)[None], (0, 0, 8, 9)))[0].shape
      (8, 9, 1)
    """
    image = np.nan_to_num(image)
    whole, known = _composed(image, tear)
    top, left, height, width = tear.box
    closed = shrunk(grown(np.pad(known, CLOSED), CLOSED), CLOSED)[CLOSED:-CLOSED, CLOSED:-CLOSED]
    label = _cut(tear.label, (top, left), (height, width), 1)
    missing = ~known & (closed | (label != 0))
    ground = ~known & ~missing
    whole = np.where(ground[..., None], _cut(image, (top, left), (height, width), 0), whole)
    return fill_smoothly(whole, missing[..., None]), missing[..., None]


def _cut(array: np.ndarray, corner: tuple[int, int], size: tuple[int, int], value: float) -> np.ndarray:
    """A box of an array, which it may leave."""
    out = np.full((*size, *array.shape[2:]), value, array.dtype)
    (top, left), (height, width) = corner, size
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + height, array.shape[0]), min(left + width, array.shape[1])
    if y1 > y0 and x1 > x0:
        out[y0 - top : y1 - top, x0 - left : x1 - left] = array[y0:y1, x0:x1]
    return out


def _composed(image: np.ndarray, tear: Tear) -> tuple[np.ndarray, np.ndarray]:
    """All pieces laid into the box, the larger above the smaller, and where there is one."""
    size = tear.box[2:]
    covers = [
        laid((tear.label == k + 1).astype(np.float32)[..., None], tear, k, "linear")[..., 0] for k in range(tear.count)
    ]
    out = np.zeros((*size, image.shape[-1]), np.float32)
    known = np.zeros(size, bool)
    for k in range(tear.count):
        others = np.maximum.reduce([c for i, c in enumerate(covers) if i != k] or [np.zeros(size, np.float32)]) > 0.5
        seam = grown(others, SEAM)
        print_ = tear.label == k + 1 if tear.core is None else (tear.label == k + 1) & ~tear.core
        inner = shrunk(np.pad(print_, 1, constant_values=False), tear.fuzzy)[1:-1, 1:-1]
        cover = laid(inner.astype(np.float32)[..., None], tear, k, "linear")[..., 0] > 0.999
        cover |= ~seam & (covers[k] > 0.999) & (covers[k] > 0.999 if k == 0 else shrunk(covers[k] > 0.999, 1))
        new = cover & ~known
        out[new] = laid(image, tear, k, "cubic")[new]
        known |= cover
    return out, known


def laid(image: np.ndarray, tear: Tear, k: int, method: str) -> np.ndarray:
    """The canvas moved as its piece `k` is, cut to the box, in programs of a few sizes."""
    top, left, height, width = tear.box
    matrix = tear.matrices[k]
    if np.allclose(matrix, np.eye(2, 3)):
        return _cut(image, (top, left), (height, width), 0)
    need = max(*image.shape[:2], height, width)
    side = next((s for s in FRAMES if s >= need), need)
    framed = np.pad(image, [(0, side - image.shape[0]), (0, side - image.shape[1]), (0, 0)], "edge")
    shift = np.concatenate([matrix[:, :2], (matrix[:, 2] - [left, top])[:, None]], 1).astype(np.float32)
    border = "constant" if image.shape[-1] == 1 and method == "linear" else "edge"
    moved = ops.warp_affine(jnp.asarray(framed), shift, method=method, border=border)  # pyright: ignore
    return np.asarray(moved)[:height, :width]


def box_of(label: np.ndarray, matrices: np.ndarray) -> tuple[int, int, int, int]:
    """The box that the pieces fill together, in the frame of the largest: rows and columns that are covered well.

    Args:
      label: `(H, W)` int.
      matrices: `(n, 2, 3)`.

    Returns:
      Top, left, height, width.

    Example:
      >>> box_of(np.pad(np.ones((20, 30), int), 3), np.eye(2, 3)[None])
      (3, 3, 20, 30)
    """
    places = []
    for k, matrix in enumerate(matrices):
        y, x = np.nonzero(label == k + 1)
        places.append(np.stack([x, y], -1) @ matrix[:, :2].T + matrix[:, 2])
    points = np.rint(np.concatenate(places)).astype(int)
    low = points.min(0)
    mask = np.zeros(points.max(0) - low + 1, bool)
    mask[tuple((points - low).T)] = True
    spans = []
    for axis in (1, 0):  # rows, then columns
        covered = mask.sum(1 - axis)
        good = np.nonzero(covered >= 0.3 * np.quantile(covered, 0.9))[0]
        spans.append((int(good[0] + low[axis]), int(good[-1] - good[0] + 1)))
    return spans[0][0], spans[1][0], spans[0][1], spans[1][1]
