"""Follows thin lines through a picture.

At each pixel and for each direction: how much brighter, or darker, is the picture here than on both sides, averaged
over a short straight piece? From the pixels where it is most, walks go along the line, both ways and across short gaps.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaximg.correct.tiles import tiled
from jaximg.ops import windows

ANGLES = 24
VIVID = 0.5
"""Pixels further from grey are on no line."""
REACH = 12
"""The straight piece goes so far both ways, in pixels."""
SIDE = 3
"""The sides are so far away: lines up to 4 pixels wide are seen."""
STEP = 0.08
"""More contrast than this counts no more."""
CELL = 16
"""One walk at most starts in each square of this side."""
HIGH, LOW = 0.8, 0.35
"""Walks start at pixels that look so much like a line, and go on over those that look like one so much, 0 to 1."""
GAP = 8
"""A walk ends after so many steps without a line."""
STRIDE = 2.0
TURN = 0.4
"""A line turns by less than this angle within a step."""
FEWEST = 15
"""A line has so many steps."""

_ANGLES = np.arange(ANGLES) * np.pi / ANGLES
_ALONG = np.stack([np.sin(_ANGLES), np.cos(_ANGLES)], -1)
_ACROSS = np.stack([np.cos(_ANGLES), -np.sin(_ANGLES)], -1)
_PIECE = np.rint(_ALONG[:, None] * np.arange(-REACH, REACH + 1, 2)[:, None]).astype(np.int32)
_SIDE = np.rint(_ACROSS * SIDE).astype(np.int32)


def find_lines(luma: np.ndarray, colour: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Follows all bright and all dark lines.

    Args:
      luma: `(H, W)`, [0, 1].
      colour: `(H, W)`, how far each pixel is from grey; colourful ones are on no line.

    Returns:
      For each line 1 if it is bright or -1 if dark, and its points `(n, 2)`, row and column, `STRIDE` pixels apart.

    Example:
      >>> x = np.full((64, 64), 0.5, np.float32)
      >>> x[20, 5:60] = 1
      >>> [(sign, len(points) > 20) for sign, points in find_lines(x, 0 * x)]
      [(1, True)]
    """
    planes = np.stack([luma, colour, luma, luma], -1).astype(np.float32)
    looks = tiled(_looks, planes, rim=REACH + SIDE + 1)
    lines = []
    for sign, channel in ((1, 0), (-1, 2)):
        likeness, angle = looks[..., channel], looks[..., channel + 1] * np.float32(np.pi / ANGLES)
        lines += [(sign, points) for points in _follow(likeness, angle)]
    return lines


@jax.jit
def _looks(planes: jax.Array) -> jax.Array:
    """How much each pixel looks like a bright line, and in which direction; and the same for a dark one."""
    hw = (planes.shape[0], planes.shape[1])
    taps = jnp.asarray([0.25, 0.5, 0.25], planes.dtype)
    luma = windows.separable(planes[..., :1], taps, taps, "edge")[..., 0]
    vivid = planes[..., 1] > VIVID
    never = (vivid | (luma < 0.45), vivid | (luma > 0.55))
    around = _padded(luma)

    def one(best: tuple[jax.Array, ...], angle: tuple[jax.Array, ...]) -> tuple[tuple[jax.Array, ...], None]:
        piece, side, index = angle
        sides = _at(around, side, hw), _at(around, -side, hw)
        contrasts = luma - jnp.maximum(*sides), jnp.minimum(*sides) - luma
        out = []
        for i, contrast in enumerate(contrasts):
            vote = _padded(jnp.where(never[i], -1, jnp.clip(contrast / STEP, -1, 1)))
            mean = sum(_at(vote, piece[k], hw) for k in range(_PIECE.shape[1])) / _PIECE.shape[1]
            better = mean > best[2 * i]
            out += [jnp.where(better, mean, best[2 * i]), jnp.where(better, index, best[2 * i + 1])]
        return tuple(out), None

    least = jnp.full(hw, -1, luma.dtype)
    angles = (jnp.asarray(_PIECE), jnp.asarray(_SIDE), jnp.arange(ANGLES, dtype=luma.dtype))
    return jnp.stack(lax.scan(one, (least,) * 4, angles)[0], -1)


def _padded(plane: jax.Array) -> jax.Array:
    return jnp.pad(plane, REACH, mode="edge")


def _at(padded: jax.Array, by: jax.Array, hw: tuple[int, int]) -> jax.Array:
    return lax.dynamic_slice(padded, (by[0] + REACH, by[1] + REACH), hw)


def _follow(likeness: np.ndarray, angle: np.ndarray) -> list[np.ndarray]:
    """The points of each line, the longest line first, each line once."""
    start = _starts(likeness)
    if not len(start):
        return []
    here = angle[tuple(start.T)]
    ahead, behind = (_walk(likeness, angle, start, here + turned) for turned in (0, np.pi))
    whole = [np.concatenate([b[::-1], s[None].astype(float), a]) for a, s, b in zip(ahead, start, behind, strict=True)]
    return _once(sorted((points for points in whole if len(points) >= FEWEST), key=len, reverse=True), likeness.shape)


def _starts(likeness: np.ndarray) -> np.ndarray:
    """The pixel of each square that looks most like a line, row and column."""
    height, width = likeness.shape
    down, across = -(-height // CELL), -(-width // CELL)
    after = ((0, down * CELL - height), (0, across * CELL - width))
    cells = np.pad(likeness, after, constant_values=-1).reshape(down, CELL, across, CELL)
    cells = cells.transpose(0, 2, 1, 3).reshape(down * across, -1)
    best = cells.argmax(1)
    chosen = np.nonzero(cells[np.arange(len(best)), best] > HIGH)[0]
    return np.stack([chosen // across * CELL + best[chosen] // CELL, chosen % across * CELL + best[chosen] % CELL], 1)


def _walk(likeness: np.ndarray, angle: np.ndarray, start: np.ndarray, heading: np.ndarray) -> list[np.ndarray]:
    """Walks from all starts at once; the points of each walk up to where it last was on a line."""
    count, steps = len(start), int(np.hypot(*likeness.shape))
    path = np.zeros((steps, count, 2))
    place, heading = start.astype(float), heading.astype(float)
    bend, lost, length = np.zeros(count), np.zeros(count, int), np.zeros(count, int)
    live = np.arange(count)
    for step in range(steps):
        place[live], turn, on_line, inside = _step(likeness, angle, place[live], heading[live])
        bend[live] = np.where(on_line, 0.8 * bend[live] + 0.2 * turn, 0.9 * bend[live])
        heading[live] += np.where(on_line, turn, 0.7 * bend[live])
        lost[live] = np.where(on_line, 0, lost[live] + 1)
        length[live] = np.where(on_line, step + 1, length[live])
        path[step, live] = place[live]
        live = live[(lost[live] <= GAP) & inside]
        if not len(live):
            break
    return [path[:n, i] for i, n in enumerate(length)]


def _step(likeness: np.ndarray, angle: np.ndarray, place: np.ndarray, heading: np.ndarray) -> tuple[np.ndarray, ...]:
    """The next place, straight ahead or a pixel to either side; the turn there; whether there is a line, a picture."""
    along = np.stack([np.sin(heading), np.cos(heading)], 1)
    across = np.stack([along[:, 1], -along[:, 0]], 1)
    aside = np.array([0.0, -1.0, 1.0])
    places = (place + STRIDE * along)[:, None] + aside[:, None] * across[:, None]
    pixel = np.rint(places).astype(int)
    last = np.array(likeness.shape) - 1
    inside = np.all((pixel >= 0) & (pixel <= last), axis=-1)
    y, x = np.moveaxis(np.clip(pixel, 0, last), -1, 0)
    turn = (angle[y, x] - heading[:, None] + np.pi / 2) % np.pi - np.pi / 2
    value = np.where(inside & (np.abs(turn) < TURN), likeness[y, x], -1) - 0.02 * np.abs(aside)
    best = value.argmax(1)
    each = np.arange(len(best))
    on_line = value[each, best] > LOW
    chosen = np.where(on_line, best, 0)
    return places[each, chosen], 0.35 * turn[each, chosen], on_line, inside[:, 0]


def _once(lines: list[np.ndarray], shape: tuple[int, ...]) -> list[np.ndarray]:
    """Leaves out lines that run beside a longer one for the most part."""
    taken = np.zeros(shape, bool)
    kept = []
    for points in lines:
        y, x = np.rint(points).astype(int).T.clip(0, np.array(shape)[:, None] - 1)
        if taken[y, x].mean() <= 0.5:
            kept.append(points)
            mark(taken, points, 2.5)
    return kept


def mark(mask: np.ndarray, points: np.ndarray, radius: float) -> None:
    """Sets what is within `radius` of the points.

    Example:
      >>> mask = np.zeros((3, 5), bool)
      >>> mark(mask, np.array([[1.0, 2.0]]), 1.0)
      >>> mask.astype(int).tolist()
      [[0, 0, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 0, 0]]
    """
    reach = int(np.ceil(radius))
    nearest = np.rint(points).astype(int)
    square = np.arange(-reach, reach + 1)
    for dy in square:
        for dx in square:
            pixel = nearest + (dy, dx)
            near = (np.hypot(*(pixel - points).T) <= radius) & ((pixel >= 0) & (pixel < mask.shape)).all(1)
            mask[tuple(pixel[near].T)] = True
