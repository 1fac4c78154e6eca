"""Torn pictures: two halves, scattered pieces, rows out of place. Each gives the picture and the truth about it.

The paper is torn along a fractal path; at the edges its core shows where the print came off. On the host, as `text`.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaximg import ops
from jaximg.typing import Image, Key, check_choice, check_image, is_traced

FILLS = ("wrap", "constant")
MARGIN = 4
"""Pixels of plain ground around what has been torn."""


class Torn(NamedTuple):
    """A torn picture and the truth about it.

    Attributes:
      image: `(H', W', C)`, the canvas, of the image's dtype.
      masks: `(n, H', W', 1)` bool, True where the canvas shows the print of a fragment; the largest fragment first.
      matrices: `(n, 2, 3)`: places (x, y) in the picture to places on the canvas. The first one moves by whole pixels.
    """

    image: jax.Array
    masks: jax.Array
    matrices: jax.Array


@dataclass(frozen=True)
class _Paper:
    """How the sheet and what lies under it look.

    Attributes:
      core: colour of the torn edge.
      ground: colour of the ground.
      uneven: standard deviation of the core's tone, in patches.
      shadow: how dark the sheet's soft shadow on the ground is, 0 to 1.
    """

    core: tuple[float, ...]
    ground: tuple[float, ...]
    uneven: float
    shadow: float


def tear(
    key: Key,
    image: Image,
    *,
    shift: float = 12.0,
    turn: float = 4.0,
    width: tuple[float, float] = (1.0, 8.0),
    core: float | tuple[float, ...] = 1.0,
    ground: float | tuple[float, ...] = 1.0,
    uneven: float = 0.0,
    shadow: float = 0.0,
) -> Torn:
    """Tears a picture in two along a jagged path in any direction, and moves the smaller part: on the host.

        canvas = print of either part, else the paper's core where print was lost, else the ground

    The smaller part is turned about a point of the tear and moved, never over the other one's print; the canvas is
    grown to hold both. The larger part stays as it is.

    Args:
      key: of `jax.random.key`.
      image: `(H, W, C)` floating point, nominally in [0, 1], at least 32 pixels wide and high.
      shift: the largest movement along either axis, in pixels.
      turn: the largest turn, in degrees.
      width: the least and the greatest width of what is lost along the tear, in pixels.
      core: colour of the paper's core, a number or `(C,)`.
      ground: colour of what lies under the paper, a number or `(C,)`.
      uneven: standard deviation of the core's tone.
      shadow: how dark the paper's shadow on the ground is, 0 to 1.

    Returns:
      The canvas, the fragments' masks, and their transforms.

    Raises:
      TypeError: an image that is not floating point, or one that is traced.
      ValueError: not one picture, or one smaller than 32 pixels.

    Example:
      >>> torn = tear(jax.random.key(0), np.full((64, 96, 3), 0.5, np.float32))
      >>> torn.masks.shape[0], bool((torn.masks.sum(0) <= 1).all())
      (2, True)

    References:
      Fournier, Fussell and Carpenter, Computer rendering of stochastic models, 1982 (midpoint displacement).
    """
    pixels, rng = _start(key, image)
    label, lost = _split(rng, np.zeros(pixels.shape[:2], int), 0, width)
    label = label if (label == 0).mean() >= 0.5 else 1 - label
    moved = _opened(rng, (label, lost), shift, turn)
    paper = _paper(pixels, core, ground, uneven, shadow)
    return _laid_out(rng, pixels, (label, lost), [np.eye(2, 3), moved], paper, image)


def tear_pieces(
    key: Key,
    image: Image,
    *,
    count: int = 4,
    gap: float = 12.0,
    shift: float = 12.0,
    turn: float = 10.0,
    width: tuple[float, float] = (1.0, 8.0),
    core: float | tuple[float, ...] = 1.0,
    ground: float | tuple[float, ...] = 1.0,
    uneven: float = 0.0,
    shadow: float = 0.0,
) -> Torn:
    """Tears a picture into several pieces and scatters them on a plain ground, as a scan of them: on the host.

    The largest piece is torn in two until there are enough; then all are moved apart from the middle, and each is
    moved a little and turned on its own.

    Args:
      key: of `jax.random.key`.
      image: `(H, W, C)` floating point, nominally in [0, 1], at least 32 pixels wide and high.
      count: how many pieces, 2 or more.
      gap: the least distance between two pieces, in pixels.
      shift: the largest movement of a piece of its own along either axis, in pixels.
      turn: the largest turn, in degrees.
      width: the least and the greatest width of what is lost along a tear, in pixels.
      core: colour of the paper's core, a number or `(C,)`.
      ground: colour of the ground, a number or `(C,)`.
      uneven: standard deviation of the core's tone.
      shadow: how dark the paper's shadow on the ground is, 0 to 1.

    Returns:
      The canvas, the fragments' masks, the largest first, and their transforms.

    Raises:
      TypeError: an image that is not floating point, or one that is traced.
      ValueError: not one picture, one smaller than 32 pixels, or fewer than 2 pieces.

    Example:
      >>> tear_pieces(jax.random.key(0), np.full((64, 96, 3), 0.5, np.float32), count=3).matrices.shape
      (3, 2, 3)

    References:
      Fournier, Fussell and Carpenter, Computer rendering of stochastic models, 1982 (midpoint displacement).
    """
    pixels, rng = _start(key, image)
    if count < 2:
        raise ValueError(f"count={count}; a torn picture has at least 2 pieces")
    label, lost = np.zeros(pixels.shape[:2], int), np.zeros(pixels.shape[:2], bool)
    for _ in range(count - 1):
        label, more = _split(rng, label, int(np.bincount(label.ravel()).argmax()), width)
        lost |= more
    order = np.argsort(-np.bincount(label.ravel()), kind="stable")
    label = np.argsort(order)[label]
    matrices = _scattered(rng, label, gap, shift, turn)
    paper = _paper(pixels, core, ground, uneven, shadow)
    return _laid_out(rng, pixels, (label, lost), matrices, paper, image)


def shift_bands(
    key: Key, image: Image, *, count: int = 4, shift: int = 24, fill: str = "wrap", value: float = 0.0
) -> tuple[jax.Array, jax.Array]:
    """Moves bands of rows sideways, as in a torn video frame or a damaged scan: on the host.

        out[y, x] = image[y, x - shift[y]]

    Args:
      key: of `jax.random.key`.
      image: `(H, W, C)` floating point.
      count: how many bands are moved.
      shift: the largest movement, in whole pixels.
      fill: "wrap", what leaves on one side enters on the other, or "constant".
      value: the constant.

    Returns:
      The image, and by how much each row has been moved to the right, `(H,)` int32.

    Raises:
      TypeError: an image that is not floating point, or one that is traced.
      ValueError: not one picture, one smaller than 32 pixels, an unknown fill, or no band.

    Example:
      >>> out, shifts = shift_bands(jax.random.key(0), np.ones((64, 96, 3), np.float32))
      >>> out.shape, shifts.shape
      ((64, 96, 3), (64,))

    References:
      Kokaram, Motion Picture Restoration, 1998 (line jitter and tearing).
    """
    pixels, rng = _start(key, image)
    check_choice(fill, FILLS, "fill")
    if count < 1:
        raise ValueError(f"count={count}; at least one band")
    height, width = pixels.shape[:2]
    shifts = np.zeros(height, np.int32)
    for _ in range(count):
        first = rng.integers(0, height - 8)
        size = rng.integers(8, max(9, height // 4))
        most = min(shift, width // 4)
        shifts[first : first + size] = rng.integers(1, most + 1) * rng.choice([-1, 1])
    place = np.arange(width)[None] - shifts[:, None]
    rows = np.arange(height)[:, None]
    out = pixels[rows, place % width]
    if fill == "constant":
        inside = (place >= 0) & (place < width)
        out = np.where(inside[..., None], out, np.float32(value))
    return jnp.asarray(out, jnp.asarray(image).dtype), jnp.asarray(shifts)


def _start(key: Key, image: Image) -> tuple[np.ndarray, np.random.Generator]:
    if is_traced(key, image):
        raise TypeError("pictures are torn on the host, outside jit, vmap and grad")
    pixels = np.asarray(check_image(image), np.float32)
    if pixels.ndim != 3 or min(pixels.shape[:2]) < 32:
        raise ValueError(f"image has shape {pixels.shape}; this tears one picture (H, W, C) of 32 pixels or more")
    return pixels, np.random.default_rng(np.asarray(jax.random.bits(key, (4,), "uint32")))


def _paper(pixels: np.ndarray, core: object, ground: object, uneven: float, shadow: float) -> _Paper:
    core, ground = (np.broadcast_to(np.asarray(v, np.float32), pixels.shape[-1:]) for v in (core, ground))
    return _Paper(tuple(core.tolist()), tuple(ground.tolist()), uneven, shadow)


# --- where it tears --------------------------------------------------------------------------------------------------


def _split(
    rng: np.random.Generator, label: np.ndarray, which: int, width: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Tears one fragment in two, neither below a fifth of it; where print is lost along the tear."""
    y, x = np.mgrid[: label.shape[0], : label.shape[1]].astype(np.float32)
    here = label == which
    centre = np.array([x[here].mean(), y[here].mean()])
    extent = float(np.hypot(np.ptp(x[here]), np.ptp(y[here])))
    for _ in range(50):
        angle, off = rng.uniform(0, math.pi), rng.uniform(-0.25, 0.25) * extent
        along = (x - centre[0]) * math.cos(angle) + (y - centre[1]) * math.sin(angle) + extent
        across = (y - centre[1]) * math.cos(angle) - (x - centre[0]) * math.sin(angle) - off
        path, left, right = _path(rng, 2 * extent, width)
        steps = np.arange(len(path))
        side = across - np.interp(along, steps, path)
        other = here & (side > 0)
        regions = np.asarray(ops.connected_components(_framed(np.stack([other, here & ~other])))).max((1, 2, 3))
        if 0.2 < other.sum() / here.sum() < 0.8 and (regions == 1).all():
            break
    lost = here & (side < np.interp(along, steps, right)) & (side > -np.interp(along, steps, left))
    out = label.copy()
    out[other] = label.max() + 1
    return out, lost


def _framed(masks: np.ndarray) -> np.ndarray:
    """In squares of a few sizes, so that few programs get compiled."""
    side = 1 << (max(masks.shape[1:]) - 1).bit_length()
    after = [(0, 0), (0, side - masks.shape[1]), (0, side - masks.shape[2])]
    return np.pad(masks, after).astype(np.float32)[..., None]


def _path(
    rng: np.random.Generator, length: float, width: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sideways places of the tear at every pixel along it, and how much print is lost to its left and right."""
    n = math.ceil(length) + 2
    path = _fractal(rng, n, reach=rng.uniform(0.02, 0.06) * length / 2, roughness=0.55)
    low, high = width
    total = low + (high - low) * np.clip(0.35 + _fractal(rng, n, reach=0.45, roughness=0.7, period=64), 0, 1)
    share = np.clip(0.5 + _fractal(rng, n, reach=0.6, roughness=0.7, period=48), 0, 1)
    return path, total * share, total * (1 - share)


def _fractal(rng: np.random.Generator, n: int, *, reach: float, roughness: float, period: float = 0) -> np.ndarray:
    """Midpoint displacement: `n` values of about the size `reach`, each octave `roughness` times the one before."""
    step = period or n / 2
    out, size = np.zeros(n), reach
    while step >= 2:
        knots = rng.standard_normal(math.ceil(n / step) + 2) * size / 1.5
        out += np.interp(np.arange(n) / step + rng.uniform(), np.arange(len(knots)), knots)
        step, size = step / 2, size * roughness
    return out


# --- where the fragments go ------------------------------------------------------------------------------------------


def _moved_about(pivot: np.ndarray, degrees: float, shift: np.ndarray) -> np.ndarray:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.concatenate([turn, (pivot + shift - turn @ pivot)[:, None]], 1)


def _opened(rng: np.random.Generator, torn: tuple[np.ndarray, np.ndarray], shift: float, turn: float) -> np.ndarray:
    """A random movement of fragment 1 that doesn't lay its print over that of fragment 0."""
    label, lost = torn
    larger, smaller = (label == 0) & ~lost, (label == 1) & ~lost
    rim = _rim(label == 1) & _grown(label == 0, 2)
    edge = np.argwhere(_rim(smaller))[:, ::-1].astype(float)
    places = np.argwhere(rim)[:, ::-1].astype(float)
    for i in range(400):
        ease = min(1.0, 0.99 ** (i - 100))
        pivot = places[rng.integers(len(places))]
        degrees = rng.uniform(-turn, turn) * ease
        matrix = _moved_about(pivot, degrees, rng.uniform(-shift, shift, 2) * max(ease, 0.2))
        if not _covered(larger, edge @ matrix[:, :2].T + matrix[:, 2]):
            return matrix
    return np.eye(2, 3)


def _covered(mask: np.ndarray, points: np.ndarray) -> bool:
    x, y = np.rint(points).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    return bool(mask[y[inside], x[inside]].any())


def _rim(mask: np.ndarray) -> np.ndarray:
    return mask & ~_shrunk(mask)


def _shrunk(mask: np.ndarray) -> np.ndarray:
    p = np.pad(mask, 1)
    return p[:-2, 1:-1] & p[2:, 1:-1] & p[1:-1, :-2] & p[1:-1, 2:] & mask


def _grown(mask: np.ndarray, times: int) -> np.ndarray:
    for _ in range(times):
        mask = ~_shrunk(~mask) if mask.any() else mask
    return mask


def _scattered(rng: np.random.Generator, label: np.ndarray, gap: float, shift: float, turn: float) -> list[np.ndarray]:
    """Movements of all pieces, apart from each other by `gap`; the first one's is by whole pixels."""
    height, width = label.shape
    middle = np.array([width - 1, height - 1]) / 2
    rims = [np.argwhere(_rim(label == k))[:, ::-1].astype(float) for k in range(label.max() + 1)]
    edges = [r[np.random.default_rng(0).permutation(len(r))[: len(r) // 2]] for r in rims]  # on all sides
    centres = [np.argwhere(label == k)[:, ::-1].mean(0) for k in range(len(edges))]
    turns = [0.0, *rng.uniform(-turn, turn, len(edges) - 1)]
    own = rng.uniform(-shift, shift, (len(edges), 2))
    for spread in np.arange(0.1, 4, 0.05):
        moves = [_moved_about(c, t, spread * (c - middle) + o) for c, t, o in zip(centres, turns, own, strict=True)]
        moves[0] = _moved_about(centres[0], 0, np.rint(spread * (centres[0] - middle) + own[0]))
        outlines = [e @ m[:, :2].T + m[:, 2] for e, m in zip(edges, moves, strict=True)]
        if all(_apart(a, b) >= gap for i, a in enumerate(outlines) for b in outlines[:i]):
            break
    return moves


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1).min()))


# --- what it looks like ----------------------------------------------------------------------------------------------


def _laid_out(
    rng: np.random.Generator,
    pixels: np.ndarray,
    torn: tuple[np.ndarray, np.ndarray],
    matrices: list[np.ndarray],
    paper: _Paper,
    image: Image,
) -> Torn:
    """Draws all fragments on a canvas that holds them."""
    label, lost = torn
    edges = [np.argwhere(_rim(label == k))[:, ::-1] for k in range(len(matrices))]
    places = np.concatenate([e @ m[:, :2].T + m[:, 2] for e, m in zip(edges, matrices, strict=True)])
    low, high = np.floor(places.min(0)) - MARGIN, np.ceil(places.max(0)) + MARGIN
    matrices = [np.concatenate([m[:, :2], (m[:, 2] - low)[:, None]], 1) for m in matrices]
    shape = (int(high[1] - low[1]) + 1, int(high[0] - low[0]) + 1)
    sheets = [_moved(label == k, m, shape) for k, m in enumerate(matrices)]
    core = np.asarray(paper.core, np.float32) + paper.uneven * _patches(rng, shape)
    canvas = _shaded(np.asarray(paper.ground, np.float32), np.clip(np.sum(sheets, 0), 0, 1), paper.shadow)
    masks = []
    for k, (sheet, matrix) in enumerate(zip(sheets, matrices, strict=True)):
        cover = _moved((label == k) & ~lost, matrix, shape)
        canvas = canvas + sheet[..., None] * (core - canvas)
        canvas = canvas + cover[..., None] * (_moved(pixels, matrix, shape) - canvas)
        masks.append(cover > 0.5)
    dtype = jnp.asarray(image).dtype
    return Torn(jnp.asarray(canvas, dtype), jnp.asarray(np.stack(masks)[..., None]), jnp.asarray(np.stack(matrices)))


def _moved(image: np.ndarray, matrix: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Warped; a mask linearly, with nothing beyond its border, a picture by cubics, its border going on."""
    mask = image.ndim == 2
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    back = np.linalg.inv(matrix[:, :2])
    u, v = (back[i, 0] * (x - matrix[0, 2]) + back[i, 1] * (y - matrix[1, 2]) for i in (0, 1))
    pixels = image.astype(np.float32)[..., None] if mask else image
    source = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), "constant" if mask else "edge")
    side = 1 << (max(*shape, *source.shape[:2]) - 1).bit_length()
    framed = np.pad(source, [(0, side - n) for n in source.shape[:2]] + [(0, 0)])
    places = [
        np.pad(np.clip(p + 1, 0, n - 1), [(0, side - s) for s in shape], "edge")
        for p, n in ((u, source.shape[1]), (v, source.shape[0]))
    ]
    method = "linear" if mask else "cubic"
    out = ops.remap(framed, *(p.astype(np.float32) for p in places), border="edge", method=method)
    out = np.asarray(out)[: shape[0], : shape[1]]
    return out[..., 0] if mask else out


def _patches(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Unevenness of paper: noise of standard deviation 1 in patches of some pixels."""
    small = rng.standard_normal((shape[0] // 3 + 2, shape[1] // 3 + 2))
    rows = small.repeat(3, 0)[: shape[0]].repeat(3, 1)[:, : shape[1]]
    return (0.8 * rows + 0.6 * rng.standard_normal(shape))[..., None].astype(np.float32)


def _shaded(ground: np.ndarray, sheets: np.ndarray, shadow: float) -> np.ndarray:
    """The ground with a soft shadow of the sheets, below and to the right of them."""
    canvas = np.broadcast_to(ground, (*sheets.shape, len(ground))).astype(np.float32)
    if not shadow:
        return canvas
    soft = np.pad(sheets, ((2, 0), (2, 0)))[:-2, :-2]
    for axis in (0, 1):
        for _ in range(3):
            padded = np.pad(soft, [(2, 2) if a == axis else (0, 0) for a in (0, 1)], "edge")
            soft = np.mean([np.take(padded, range(i, i + soft.shape[axis]), axis) for i in range(5)], 0)
    return canvas * (1 - shadow * soft[..., None])
