"""Puts fragments together: each is moved to where it continues the others, in the frame of the largest."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from jaximg import ops
from jaximg.correct.tears import fit
from jaximg.correct.tears.borders import borders
from jaximg.correct.tears.extend import extended
from jaximg.correct.tears.motion import matrix_of, motion_of, moved, sampled
from jaximg.correct.tears.outline import candidates, outline, windows
from jaximg.correct.tears.plain import Fragments, grown
from jaximg.correct.tears.scattered import different, part, put_together

LONG = 0.3
"""Parts of a torn picture touch along so much of its shorter side."""
TRIES = 3
"""So many beginnings are followed."""
FRAMES = (256, 512, 768, 1024, 1152, 1536, 2048, 3072, 4096)
"""Sides of the frames that pieces are laid out on."""


@dataclass(frozen=True)
class Placed:
    """A fragment's motion and how sure it is.

    Attributes:
      matrix: `(2, 3)`: places (x, y) on the canvas to the largest fragment's.
      contact: the length along which it touches others, in pixels.
      overlap: how many pixels of its edge lie over other print.
      cost: how far the pieces differ across the gap: the mean of log(1 + difference^2 / expected^2).
      misfit: how far edges and borders are from fitting.
      ragged: how far the edge in contact is from a line, over stretches of some pixels, root mean square.
    """

    matrix: np.ndarray
    contact: float
    overlap: float
    cost: float
    misfit: float = 0.0
    ragged: float = 0.0

    @property
    def badness(self) -> float:
        """The less the better."""
        return 20 * self.cost + self.misfit - 0.2 * (self.contact - 3 * self.overlap)


@dataclass(frozen=True)
class Piece:
    """A fragment on its frame."""

    known: np.ndarray
    print: np.ndarray
    side: fit.Side
    outline: np.ndarray


def framed(array: np.ndarray, side: int, margin: int) -> np.ndarray:
    """Laid on a square, `margin` pixels from its corner.

    Example:
      >>> float(framed(np.ones((2, 3)), 8, 1).sum())
      6.0
    """
    after = [(margin, side - margin - n) for n in array.shape[:2]]
    return np.pad(array, after + [(0, 0)] * (array.ndim - 2))


def frame_side(shape: tuple[int, ...], margin: int) -> int:
    """The side of the smallest frame that holds a canvas and a margin around it."""
    need = max(shape[:2]) + 2 * margin
    return next((s for s in FRAMES if s >= need), need)


def shrunk(mask: np.ndarray, times: int) -> np.ndarray:
    """Without its rim."""
    return ~grown(~mask, times)


def piece(image: np.ndarray, known: np.ndarray, fuzzy: int, core: np.ndarray | None = None) -> Piece:
    """Prepares a fragment whose outermost pixels are mixed with the core, or which shows some of it."""
    inner = shrunk(known if core is None else known & ~core, fuzzy)
    around = outline(known)
    side = fit.side(extended(image, inner), borders(image, around), known, fit.PRINT if core is None else fit.SHEETS)
    return Piece(inner, known, side, outline(inner) if core is None else around)


def assemble(image: np.ndarray, fragments: Fragments, *, near: bool) -> list[Placed]:
    """Finds where every fragment belongs.

    Args:
      image: `(H, W, C)`, the canvas.
      fragments: its pieces.
      near: whether they lie about where they belong, so that only small motions are looked for.

    Returns:
      For each fragment, the largest first; nothing where they clearly don't fit.
    """
    margin = 48
    side = frame_side(image.shape, margin)
    canvas = framed(image, side, margin)
    label = framed(fragments.label, side, margin)
    core = None if fragments.core is None else framed(fragments.core, side, margin)
    pieces = [piece(canvas, label == k + 1, fragments.fuzzy, core) for k in (0, 1)]
    if near and best_shape(pieces[0], pieces[1]) < LONG * min(image.shape[:2]):
        return []
    pieces += [piece(canvas, label == k + 1, fragments.fuzzy, core) for k in range(2, fragments.count)]
    if near:
        placed = _grown_together(canvas, pieces)
    else:
        matrices = put_together([part(p.side, p.outline) for p in pieces])
        placed = [Placed(m, 0, 0, 0) for m in matrices]
    return [_unframed(p, margin) for p in placed]


def _unframed(placed: Placed, margin: int) -> Placed:
    m = placed.matrix
    offset = m[:, :2] @ [margin, margin] - margin
    return Placed(
        np.concatenate([m[:, :2], (m[:, 2] + offset)[:, None]], 1),
        placed.contact,
        placed.overlap,
        placed.cost,
        placed.misfit,
        placed.ragged,
    )


def _grown_together(canvas: np.ndarray, pieces: list[Piece]) -> list[Placed]:
    """Adds the piece that fits best to those put together so far, until none is left."""
    whole, image = pieces[0], canvas
    out: dict[int, Placed] = {0: Placed(np.eye(2, 3), 0, 0, 0)}
    while len(out) < len(pieces):
        tried = {k: best_place(whole, p) for k, p in enumerate(pieces) if k not in out}
        k = min(tried, key=lambda k: tried[k].badness)
        out[k] = tried[k]
        if len(out) < len(pieces):
            whole, image = _joined(image, whole, canvas, pieces[k], out[k].matrix)
    return [out[k] for k in range(len(pieces))]


def _joined(
    image: np.ndarray, whole: Piece, canvas: np.ndarray, part: Piece, matrix: np.ndarray
) -> tuple[Piece, np.ndarray]:
    warped, cover = laid(canvas, part.known, matrix)
    image = np.where(whole.known[..., None], image, warped)
    known = whole.known | cover
    closed = shrunk(grown(known, 6), 6) | known
    around = outline(closed)
    print_ = whole.print | laid(image[..., :1], part.print, matrix)[1]
    field = extended(image, known)
    straight = whole.side.borders + [b.moved(matrix) for b in part.side.borders]
    return Piece(known, print_, fit.side(field, straight, print_, whole.side.gap), around), image


def laid(image: np.ndarray, known: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A fragment where it belongs: the frame moved by cubics, and where its print is."""
    matrix = matrix.astype(np.float32)
    warped = ops.warp_affine(jnp.asarray(image), matrix, method="cubic")
    cover = ops.warp_affine(jnp.asarray(known, jnp.float32)[..., None], matrix)
    return np.asarray(warped), np.asarray(cover)[..., 0] > 0.999


def best_place(whole: Piece, part: Piece) -> Placed:
    """The best motion of a piece against what has been put together."""
    tried = [_refined(whole, part, motion) for motion in _fitted(whole, part)[:TRIES]]
    return min(tried, key=lambda p: p.badness) if tried else Placed(np.eye(2, 3), 0, 0, 9)


def best_shape(whole: Piece, part: Piece) -> float:
    """How long two parts touch, less three times how long they overlap, as well as their shapes allow."""
    fitted = _fitted(whole, part)
    return _shape_score(whole, part, fitted[0]) if fitted else 0.0


def _fitted(whole: Piece, part: Piece) -> list[np.ndarray]:
    """Motions under which the shapes fit, the best first."""
    starts = [np.eye(2, 3), *candidates(whole.outline, part.outline, most=5, turn=0.2)]
    fitted = [fit.by_shape(whole.side, part.side, motion_of(start, part.side.band.centre)) for start in starts]
    return different(sorted(fitted, key=lambda m: -_shape_score(whole, part, m)))


def _contact(whole: Piece, part: Piece, motion: np.ndarray) -> tuple[float, float]:
    """The length in contact, and the length that overlaps."""
    band = part.side.band
    distance = sampled(whole.side.field.outside, moved(band.edge, matrix_of(motion, band.centre)))
    return band.each * float(((distance > -1) & (distance < 14)).sum()), band.each * float((distance < -1).sum())


def _shape_score(whole: Piece, part: Piece, motion: np.ndarray) -> float:
    contact, overlap = _contact(whole, part, motion)
    return contact - 3 * overlap


def _refined(whole: Piece, part: Piece, motion: np.ndarray) -> Placed:
    """The motion to the fraction of a pixel, and how good it is."""
    return _placed(whole, part, *fit.searched(whole.side, part.side, motion))


def _placed(whole: Piece, part: Piece, best: np.ndarray, cost: fit.Objective) -> Placed:
    contact, overlap = _contact(whole, part, best)
    matrix = matrix_of(best, part.side.band.centre)
    return Placed(
        matrix,
        contact,
        overlap,
        cost.content(best),
        cost.shape(best),
        _raggedness(part, cost.edge),
    )


def _raggedness(part: Piece, edge: np.ndarray) -> float:
    """The middle deviation from a line of the stretches of an outline near to some places."""
    if len(edge) < 10:
        return 0.0
    places = np.unique(np.rint(edge / 6).astype(int), axis=0)
    near = set(map(tuple, places))
    own = np.rint(np.stack([np.real(part.outline), np.imag(part.outline)], -1) / 6).astype(int)
    on = np.array([any((x + i, y + j) in near for i in (-1, 0, 1) for j in (-1, 0, 1)) for x, y in own])
    jag = windows(part.outline, 24)[3]
    return float(np.median(jag[on])) if on.any() else 0.0
