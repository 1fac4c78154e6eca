"""All pieces moved together, until every two that touch fit and straight borders lie on the sides of one rectangle."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from jaximg.correct.tears.borders import Border
from jaximg.correct.tears.fit import EXACT, MEET, SHARES, STRETCH, TOUCH, Side
from jaximg.correct.tears.motion import inverse, matrix_of, moved, sampled

STEPS = 16
"""Of Gauss and Newton."""
TOUCHING, LENGTH = 14.0, 24.0
"""Pieces touch where they are so near, along so many pixels at least."""
CONTENT = 0.1
"""The weight of what pieces show along a pixel of contact."""
ALIGNED, ASIDE = 0.05, 8.0
"""Borders lie on a side of the picture if turned against it so little, in radians, and so near to it, in pixels."""
BENT, STRAIGHT = 1.0, 0.08
"""Borders that are further from a side, in pixels, need not lie on it; they are known no better than that."""
FIRM = 4.0
"""Of the distance of edges, the part that tells, in pixels."""


@dataclass
class _Equations:
    """Normal equations of all unknowns: three for each piece, then the turn and the offsets of the picture's sides."""

    normal: np.ndarray
    right: np.ndarray

    @staticmethod
    def empty(pieces: int) -> "_Equations":
        n = 3 * pieces + 5
        return _Equations(np.zeros((n, n)), np.zeros(n))

    def add(self, columns: np.ndarray, rows: np.ndarray, error: np.ndarray, weight: np.ndarray) -> None:
        weighted = rows * weight[:, None]
        self.normal[np.ix_(columns, columns)] += weighted.T @ rows
        self.right[columns] += weighted.T @ error

    def solved(self, fixed: int) -> np.ndarray:
        free = np.arange(3, len(self.right)) if fixed == 0 else np.arange(len(self.right))
        normal = self.normal[np.ix_(free, free)]
        scale = np.sqrt(np.diag(normal)) + 1e-6
        out = np.zeros(len(self.right))
        solution = np.linalg.solve(normal / np.outer(scale, scale) + 1e-6 * np.eye(len(free)), self.right[free] / scale)
        out[free] = -solution / scale
        return out


def together(sides: list[Side], matrices: list[np.ndarray], steps: int = STEPS) -> list[np.ndarray]:
    """Moves pieces against each other until all that touch fit best.

    Args:
      sides: the pieces; the first one stays.
      matrices: where they are, `(2, 3)`.
      steps: of Gauss and Newton.

    Returns:
      Where they fit best.
    """
    matrices = list(matrices)
    for _ in range(steps):
        equations = _Equations.empty(len(sides))
        centres = [moved(s.band.centre[None], m)[0] for s, m in zip(sides, matrices, strict=True)]
        for i, j in combinations(range(len(sides)), 2):
            for own, other in ((i, j), (j, i)):
                _pair(equations, sides, matrices, centres, own, other)
        _frame(equations, sides, matrices, centres)
        change = equations.solved(0)[: 3 * len(sides)].reshape(-1, 3)
        change = np.clip(change, [-0.01, -2, -2], [0.01, 2, 2])
        for k in range(1, len(sides)):
            step = matrix_of(change[k], centres[k])
            matrices[k] = after(step, matrices[k])
        if np.abs(change * [200, 1, 1]).max() < 0.01:
            break
    return matrices


def after(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The motion that does one after another.

    Example:
      >>> after(np.array([[1.0, 0, 2], [0, 1, 0]]), np.array([[1.0, 0, 3], [0, 1, 0]]))[0].tolist()
      [1.0, 0.0, 5.0]
    """
    return np.concatenate([second[:, :2] @ first[:, :2], (second[:, :2] @ first[:, 2] + second[:, 2])[:, None]], 1)


def _arms(gradient: np.ndarray, places: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """By how much values at places change with a motion of what they belong to."""
    arm = places - centre
    return np.stack([gradient[:, 1] * arm[:, 0] - gradient[:, 0] * arm[:, 1], gradient[:, 0], gradient[:, 1]], 1)


def _slope(field: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = ((sampled(field, at + d) - sampled(field, at - d)) / 2 for d in (np.array([1, 0]), np.array([0, 1])))
    return x, y


def _pair(
    equations: _Equations, sides: list[Side], matrices: list[np.ndarray], centres: list[np.ndarray], i: int, j: int
) -> None:
    """What speaks for moving piece `j` against piece `i`: edges, and what `j`'s continuation shows on `i`."""
    own, other = sides[i], sides[j]
    relative = after(inverse(matrices[i]), matrices[j])
    at = moved(other.edge, relative)
    gap = sampled(own.away, at)
    near = gap < TOUCHING
    length = other.each * near.sum()
    if length < LENGTH:
        return
    columns = np.r_[3 * i : 3 * i + 3, 3 * j : 3 * j + 3]
    turn = matrices[i][:, :2]

    def rows(p: np.ndarray, gx: np.ndarray, gy: np.ndarray) -> np.ndarray:
        world, gradient = moved(p, matrices[i]), np.stack([gx, gy], 1) @ turn.T
        return np.concatenate([-_arms(gradient, world, centres[i]), _arms(gradient, world, centres[j])], 1)

    _edges(equations, own, columns, rows, at[near], gap[near], 0.5 * other.each)
    band = other.band
    at = moved(band.places, relative)
    near = (sampled(own.field.outside, at) < MEET) & (band.doubt < 1)
    at, values, doubt = at[near], band.values[near], band.doubt[near]
    doubt = doubt + sampled(own.field.doubt, at)
    good = doubt < 1
    if good.sum() < 50:
        return
    at, values, doubt = at[good], values[good], doubt[good]
    error = sampled(own.field.image, at) - values
    robust = 1 / (1 + (error**2).mean(-1) / (4 * doubt))
    weight = CONTENT * length / len(at) / values.shape[-1] * robust / (4 * doubt)
    gx, gy = _slope(own.field.image, at)
    for c in range(values.shape[-1]):
        equations.add(columns, rows(at, gx[:, c], gy[:, c]), error[:, c], weight)


def _edges(equations: _Equations, own: Side, columns: np.ndarray, rows, at: np.ndarray, gap: np.ndarray, each: float):
    """Edges keep their distance, which is about as expected, and touch somewhere."""
    expected = own.gap
    middle = float(np.median(gap))
    off = gap - middle
    jacobian = rows(at, *_slope(own.away, at))
    close = np.abs(off) < FIRM
    mean = np.median(jacobian[close], 0) if close.any() else jacobian.mean(0)
    weight = each / (1 + (off / FIRM) ** 2) ** 2 / (STRETCH * expected.ragged**2)
    equations.add(columns, jacobian - mean, off, weight)
    error = np.array([middle - expected.middle])
    equations.add(columns, mean[None], error, 0.5 / (np.full(1, expected.spread) ** 2 + error**2 / 4))
    if expected.touching:
        low = gap <= np.quantile(gap, SHARES[1] + 0.02)
        error = np.array([float(np.quantile(gap, SHARES).mean()) - TOUCH])
        weight = 0.5 / (EXACT**2 * (1 + (error / 0.4) ** 2) ** 2)
        equations.add(columns, jacobian[low].mean(0)[None], error, weight)


def frame_of(sides: list[Side], matrices: list[np.ndarray]) -> tuple[float, list[tuple[int, Border, int]], list[float]]:
    """The rectangle that straight borders lie on.

    Args:
      sides: the pieces.
      matrices: where they are.

    Returns:
      Its turn; the borders on it: the piece, the border where it is, and the side; and the sides' offsets outward.
    """
    found = [(k, b.moved(m)) for k, (s, m) in enumerate(zip(sides, matrices, strict=True)) for b in s.borders]
    if not found:
        return 0.0, [], [0.0] * 4
    weight = np.array([b.length for _, b in found])
    angle = np.array([np.arctan2(b.direction[1], b.direction[0]) for _, b in found])
    votes = [(weight * (np.abs(np.angle(np.exp(4j * (angle - a)))) < 4 * ALIGNED)).sum() for a in angle]
    turn = angle[int(np.argmax(votes))]
    near = np.abs(np.angle(np.exp(4j * (angle - turn)))) < 4 * ALIGNED
    turn += np.angle((weight[near] * np.exp(4j * (angle[near] - turn))).sum()) / 4
    out, offsets = [], []
    for side in range(4):
        along = turn + side * np.pi / 2
        on = near & (np.abs(np.angle(np.exp(1j * (angle - along)))) < 0.3)
        normal = np.array([np.sin(along), -np.cos(along)])
        off = np.array([b.ends.mean(0) @ normal for _, b in found])
        if not on.any():
            offsets.append(np.nan)
            continue
        order = np.nonzero(on)[0][np.argsort(off[on])]
        cumulated = weight[order].cumsum()
        offset = off[order[np.searchsorted(cumulated, cumulated[-1] / 2)]]
        offsets.append(float(offset))
        out += [(found[n][0], found[n][1], side) for n in order if abs(off[n] - offset) < ASIDE]
    return float(turn), out, offsets


def _frame(equations: _Equations, sides: list[Side], matrices: list[np.ndarray], centres: list[np.ndarray]) -> None:
    turn, lines, offsets = frame_of(sides, matrices)
    base = 3 * len(sides)
    for k, border, side in lines:
        along = turn + side * np.pi / 2
        direction, normal = np.array([np.cos(along), np.sin(along)]), np.array([np.sin(along), -np.cos(along)])
        error = border.ends @ normal - offsets[side]
        own = _arms(np.repeat(normal[None], 2, 0), border.ends, centres[k])
        rows = np.concatenate([own, (border.ends @ direction)[:, None], -np.ones((2, 1))], 1)
        columns = np.r_[3 * k : 3 * k + 3, base, base + 1 + side]
        sigma = np.hypot(2 * border.sigma, STRAIGHT)
        equations.add(columns, rows, error, 1 / sigma**2 / (1 + (error / BENT) ** 2) ** 2)
