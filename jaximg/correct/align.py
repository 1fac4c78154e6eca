"""Lays a second picture of the same thing onto the first: pictures of any size, programs of two sizes.

First as a whole, both shrunk to one small square: turns and scales are tried, shifts found by phases, and the best few
refined to a homography by the enhanced correlation coefficient. Then around each place at full size, by an affine one.
"""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaximg import ops
from jaximg.correct.fill import halve
from jaximg.typing import Border

SMALL = 256
"""The side of the square in which pictures are compared as wholes."""
COARSE = 128
"""And in which turns and scales are tried."""
TURNS = tuple(range(-20, 21, 4))
SCALES = (0.8, 0.9, 1.0, 1.1, 1.25)
BEST = 6
"""So many starts are refined."""
DETAIL = 8
"""Pictures are compared by what varies within so many pixels: light and shade alone make no two pictures the same."""


class Alignment(NamedTuple):
    """How two pictures lie.

    Attributes:
      matrix: `(3, 3)`, maps places (x, y) of the first picture to the second's.
      agreement: the correlation of their details where both are known, in [-1, 1].
    """

    matrix: np.ndarray
    agreement: float


def align(image: np.ndarray, known: np.ndarray, reference: np.ndarray) -> Alignment:
    """Registers two pictures as wholes.

    Args:
      image: `(H, W, C)` float32, finite.
      known: `(H, W)` bool; other pixels are not looked at.
      reference: `(h, w, C)` float32, of any size and exposure: turned by up to some 25 degrees, up to 1.4 times as
        large or small, shifted, seen a little from the side.

    Returns:
      The alignment; look at its agreement.
    """
    share = _square(known[..., None])
    whole, clear = _bridged(_square(_grey(image) * known[..., None]) / np.maximum(share, 1e-3), share > 0.25)
    other = _square(_grey(reference))
    into, out = _to_square(image.shape), _to_square(reference.shape)
    starts = np.stack([into @ np.linalg.inv(start) @ np.linalg.inv(out) for start in _starts(image, reference)])
    found = [Alignment(np.eye(3), -1.0)]
    small = _coarse(whole), _coarse(clear[..., None].astype(np.float32))[..., 0] == 1, _coarse(other)
    for start in _promising(small[0], small[2], starts.astype(np.float32)):
        matrix = np.asarray(_refine(small, (whole, clear, other), start), np.float64)
        if np.isfinite(matrix).all() and abs(np.linalg.det(matrix)) > 1e-3:
            back = np.linalg.inv(matrix)
            found.append(Alignment(back, _agreement(whole, clear, other, back)))
    best = max(found, key=lambda one: one.agreement)
    matrix = np.linalg.inv(out) @ best.matrix @ into
    return Alignment(matrix / matrix[2, 2], best.agreement)


def _starts(image: np.ndarray, reference: np.ndarray) -> Iterator[np.ndarray]:
    """From the picture's pixels to the reference's, about the middles: as large as it, or pixel for pixel."""
    (height, width), (h, w) = image.shape[:2], reference.shape[:2]
    sizes = {(round(w / width, 3), round(h / height, 3)), (1.0, 1.0)}
    for (across, down), turn, scale in product(sorted(sizes), TURNS, SCALES):
        cos, sin = scale * np.cos(np.deg2rad(turn)), scale * np.sin(np.deg2rad(turn))
        linear = np.diag([across, down]) @ np.array([[cos, -sin], [sin, cos]])
        middle = np.array([(w - 1) / 2, (h - 1) / 2]) - linear @ np.array([(width - 1) / 2, (height - 1) / 2])
        yield np.block([[linear, middle[:, None]], [np.zeros((1, 2)), np.ones((1, 1))]])


def _grey(image: np.ndarray) -> np.ndarray:
    return image.mean(-1, keepdims=True)


def _bridged(grey: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture with what is unknown as bright as what is around, and where it is known, over thin gaps too."""
    value, near = _bridge(np.where(known, grey, 0).astype(np.float32), known.astype(np.float32))
    return np.asarray(value), np.asarray(near)[..., 0]


@jax.jit
def _bridge(grey: jax.Array, known: jax.Array) -> tuple[jax.Array, jax.Array]:
    value = jnp.full_like(grey, grey.sum() / known.sum().clip(1))
    both = jnp.concatenate([grey, known], -1)
    for sigma in (16.0, 4.0, 2.0):
        around, share = jnp.split(ops.gaussian_blur(both, sigma), 2, -1)
        value = jnp.where(share > 0.02, around / share.clip(0.02), value)
    return jnp.where(known > 0.5, grey, value), (known > 0.5) | (share > 0.5)


def _square(image: np.ndarray) -> np.ndarray:
    """The picture shrunk or stretched to `SMALL x SMALL`, averaged over what a pixel covers."""
    image = image.astype(np.float32)
    while min(image.shape[:2]) >= 2 * SMALL:
        image = halve(image)
    y, x = (np.arange(SMALL) * (n / SMALL) + (n / SMALL - 1) / 2 for n in image.shape[:2])
    return sample(image, *np.meshgrid(x, y), linear=True)


def _to_square(shape: tuple[int, ...]) -> np.ndarray:
    """From a picture's places to the square's."""
    down, across = (SMALL / n for n in shape[:2])
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])


def _promising(image: np.ndarray, reference: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The best of the starts, and of the same shifted as the phases say: by phases, and by plain correlation."""
    shifted, response = (np.asarray(v) for v in _shifts(image, reference, starts))
    every = np.concatenate([shifted, starts])
    likeness = np.asarray(_likeness(image, reference, every))
    chosen = [*np.argsort(-response)[: BEST // 2], *np.argsort(-likeness)[: BEST - BEST // 2]]
    return every[np.unique(chosen)]


def _coarse(square: np.ndarray) -> np.ndarray:
    for _ in range(int(np.log2(SMALL // COARSE))):
        square = halve(square)
    return square


@jax.jit
def _shifts(image: jax.Array, reference: jax.Array, starts: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The starts, from the reference to the picture, each shifted as the phases say, and the phases' response."""

    def one(start: jax.Array) -> tuple[jax.Array, jax.Array]:
        found = ops.phase_correlation(_laid_small(reference, start), image, window="hann")
        return start.at[:2].add(SMALL // COARSE * found.shift[:, None] * start[2:3]), found.response

    return jax.lax.map(one, starts)


@jax.jit
def _likeness(image: jax.Array, reference: jax.Array, starts: jax.Array) -> jax.Array:
    """The correlation of a picture and a reference laid onto it, for each start, as far as they overlap."""

    def one(start: jax.Array) -> jax.Array:
        weight = _laid_small(jnp.ones_like(reference), start, "constant")
        weight = weight / weight.sum().clip(1)
        a, b = (x - (x * weight).sum() for x in (image, _laid_small(reference, start)))
        return (weight * a * b).sum() / jnp.sqrt((weight * a * a).sum() * (weight * b * b).sum()).clip(1e-9)

    return jax.lax.map(one, starts)


def _laid_small(reference: jax.Array, start: jax.Array, border: Border = "edge") -> jax.Array:
    return ops.warp_perspective(reference, _rescaled(start, SMALL / COARSE), shape=(COARSE, COARSE), border=border)


def _rescaled(matrix: jax.Array, times: float) -> jax.Array:
    """The same warp between pictures so many times smaller."""
    finer = np.array([[times, 0, (times - 1) / 2], [0, times, (times - 1) / 2], [0, 0, 1]], np.float32)
    return jnp.asarray(np.linalg.inv(finer).astype(np.float32)) @ matrix @ finer


_Triple = tuple[jax.Array, jax.Array, jax.Array]
"""A picture, what is known of it, and a reference, of one size."""


@jax.jit
def _refine(small: _Triple, full: _Triple, start: jax.Array) -> jax.Array:
    """To an affine warp of the coarse pictures, from that to a homography of the others."""
    image, known, reference = small
    start = _rescaled(start, SMALL / COARSE)
    rows = ops.ecc(reference, image, motion="affine", steps=12, levels=2, start=start, mask=known).matrix
    affine = _rescaled(jnp.concatenate([rows, jnp.asarray([[0, 0, 1]], rows.dtype)]), COARSE / SMALL)
    image, known, reference = full
    return ops.ecc(reference, image, motion="homography", steps=12, levels=1, start=affine, mask=known).matrix


def _agreement(image: np.ndarray, known: np.ndarray, reference: np.ndarray, matrix: np.ndarray) -> float:
    """The correlation of the details of a picture and of a reference laid onto it."""
    laid, covered = lay(reference, matrix, image.shape[:2])
    return detail_correlation(image, laid, known & covered)


def detail_correlation(a: np.ndarray, b: np.ndarray, where: np.ndarray) -> float:
    """The correlation coefficient of what varies within `DETAIL` pixels; 0 where too little is common to both.

    Example:
      >>> x = np.random.default_rng(0).random((40, 50, 1), np.float32)
      >>> round(detail_correlation(x, 1 - x, np.ones((40, 50), bool)), 3)
      -1.0
    """
    if where.mean() < 0.05:
        return 0.0
    weight = where[..., None].astype(np.float32)
    share = np.asarray(_mean_around(weight)) + np.float32(1e-6)
    grey = (x.mean(-1, keepdims=True) * weight for x in (a, b))
    one, two = ((x - np.asarray(_mean_around(x)) / share)[where] for x in grey)
    norm = np.sqrt((one * one).sum() * (two * two).sum())
    return float((one * two).sum() / norm) if norm > 0 else 0.0


@jax.jit
def _mean_around(image: jax.Array) -> jax.Array:
    return ops.gaussian_blur(image, DETAIL / 2, border="constant")


def lay(reference: np.ndarray, matrix: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The reference as seen in a picture's frame.

    Args:
      reference: `(h, w, C)`.
      matrix: `(3, 3)`, maps places (x, y) of the picture to the reference's.
      shape: `(H, W)` of the picture.

    Returns:
      `(H, W, C)`, and `(H, W)` bool, where the reference covers it.

    Example:
      >>> laid, covered = lay(np.ones((4, 5, 1), np.float32), np.eye(3), (4, 6))
      >>> covered[0].tolist()
      [True, True, True, True, True, False]
    """
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    u, v, w = (row[0] * x + row[1] * y + row[2] for row in matrix)
    ahead = w > 1e-6
    w = np.where(ahead, w, 1)
    u, v = u / w, v / w
    covered = ahead & (u >= 0) & (v >= 0) & (u <= reference.shape[1] - 1) & (v <= reference.shape[0] - 1)
    scale = np.sqrt(abs(np.linalg.det(matrix[:2, :2])))
    while scale >= 2 and min(reference.shape[:2]) >= 4:
        reference, u, v, scale = halve(reference), (u - 0.5) / 2, (v - 0.5) / 2, scale / 2
    return sample(reference, u, v), covered


def sample(image: np.ndarray, x: np.ndarray, y: np.ndarray, *, linear: bool = False) -> np.ndarray:
    """The picture between its pixels, by Catmull and Rom's cubics or linearly; its edge goes on beyond.

    Example:
      >>> sample(np.arange(5.0).reshape(1, 5, 1), np.array([1.5]), np.array([0.0]))[0, 0].item()
      1.5
    """
    last = np.array(image.shape[:2]) - 1
    y, x = np.clip(y, 0, last[0]), np.clip(x, 0, last[1])
    row, column = np.floor(y).astype(int), np.floor(x).astype(int)
    weights = _linear if linear else _cubic
    down, across = weights((y - row).astype(np.float32)), weights((x - column).astype(np.float32))
    out = np.zeros((*x.shape, image.shape[-1]), np.float32)
    for i, wy in down:
        line = np.clip(row + i, 0, last[0])
        for j, wx in across:
            out += (wy * wx)[..., None] * image[line, np.clip(column + j, 0, last[1])]
    return out


def _linear(t: np.ndarray) -> list[tuple[int, np.ndarray]]:
    return [(0, 1 - t), (1, t)]


def _cubic(t: np.ndarray) -> list[tuple[int, np.ndarray]]:
    before, after = (t * (t * (2 - t) - 1) / 2, t * t * (t - 1) / 2)
    return [(-1, before), (0, t * t * (3 * t - 5) / 2 + 1), (1, t * (t * (4 - 3 * t) + 1) / 2), (2, after)]


# --- around a place --------------------------------------------------------------------------------------------------


def align_nearby(image: np.ndarray, known: np.ndarray, laid: np.ndarray) -> np.ndarray:
    """What is left between a cut of a picture and the reference already laid onto it.

    Args:
      image: `(side, side, C)`.
      known: `(side, side)` bool, where the picture is known and the reference covers it.
      laid: `(side, side, C)`.

    Returns:
      `(3, 3)`, maps places (x, y) of the picture to those of the reference laid onto it; the identity where that agrees
      better.
    """
    grey = _grey(image), _grey(laid)
    matrix = np.asarray(_refine_nearby(*_bridged(grey[0], known[..., None]), grey[1]), np.float64)
    matrix = np.vstack([matrix, [[0, 0, 1]]])
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 0.5:
        return np.eye(3)
    back = np.linalg.inv(matrix)
    before, after = detail_correlation(grey[0], grey[1], known), _agreement(grey[0], known, grey[1], back)
    return back if after > before else np.eye(3)


@jax.jit
def _refine_nearby(image: jax.Array, known: jax.Array, reference: jax.Array) -> jax.Array:
    return ops.ecc(reference, image, motion="affine", steps=10, levels=3, mask=known).matrix
