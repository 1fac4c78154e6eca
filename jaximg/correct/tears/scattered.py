"""Puts scattered pieces together: every two are tried at many places, then the few best places in all orders."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from jaximg.correct.tears import fit
from jaximg.correct.tears.borders import Border
from jaximg.correct.tears.fit import Side
from jaximg.correct.tears.motion import inverse, matrix_of, motion_of, moved, sampled
from jaximg.correct.tears.outline import JAGGED, candidates
from jaximg.correct.tears.together import TOUCHING, after, together

STARTS, SHAPES, PLACES = 60, 12, 4
"""Of every two pieces so many places where stretches of their outlines fit are begun from, so many of those where all
of the outlines fits best are tried, and so many are kept."""
LENGTHS = (192, 96, 64)
"""Of those stretches, in pixels."""
CLEAN = 0.35
"""Sheets fit that well, and may be torn so straight, in pixels."""
WIDTH, TRIED = 6, 12
"""So many ways to put some pieces together are followed, of so many that are looked at closely."""
ALIKE, TELLING = 0.75, 0.3
"""Pieces that have nothing to do with each other differ by so much; so much less than beside a place, and more, tells
the same."""
BESIDE = ((6, 0), (-6, 0), (0, 6), (0, -6))
HULL, OUTSIDE = 2.5, 4.0
"""No part of a piece is so far, in pixels, outside of its straight borders that are the picture's; none of another is
further than that."""
RIGHT, FRAME = 0.015, 90.0
"""Borders that are the picture's are at right angles, within so many radians, and together so long, in pixels."""
SHORT = 0.25
"""What is shorter than such a part of the longest of them may be a straight stretch of a tear."""
MISPLACED = 100.0
"""Nothing is held against a place for being outside beyond that."""
MISFIT = 40.0
"""Nothing more is held against edges that don't fit."""
STRIDE = 3
"""Of what pieces show every so many-th pixel is compared."""


@dataclass(frozen=True)
class Part:
    """A piece.

    Attributes:
      side: what of it is compared.
      outline: points around it.
      frame: borders that may be the picture's.
    """

    side: Side
    outline: np.ndarray
    frame: list[Border]


@dataclass(frozen=True)
class State:
    """Some pieces put together.

    Attributes:
      matrices: where they are, the first in its place.
      score: what speaks for it.
    """

    matrices: dict[int, np.ndarray]
    score: float


def part(side: Side, outline: np.ndarray) -> Part:
    """Prepares a piece: its borders that have it on one side may be the picture's."""
    points = np.stack([np.real(outline), np.imag(outline)], -1)
    frame = [b for b in side.borders if _beyond(b, points).max() < HULL]
    angles = [np.arctan2(b.direction[1], b.direction[0]) for b in frame]
    groups = [
        [b for b, a in zip(frame, angles, strict=True) if abs(np.angle(np.exp(4j * (a - c)))) < 4 * RIGHT]
        for c in angles
    ]
    best = max(groups, key=lambda g: sum(b.length**2 for b in g), default=[])
    longest = max((b.length for b in best), default=0.0)
    best = [b for b in best if b.length > SHORT * longest]
    return Part(side, outline, best if sum(b.length for b in best) > FRAME else [])


def _square(angle: float) -> bool:
    """Whether an angle is a multiple of a right one, about."""
    return abs(np.angle(np.exp(4j * angle))) < 8 * RIGHT


def _beyond(border: Border, points: np.ndarray) -> np.ndarray:
    """How far places are outside of a border."""
    along = border.direction
    return (points - border.ends[0]) @ np.array([along[1], -along[0]])


def put_together(parts: list[Part]) -> list[np.ndarray]:
    """Finds where pieces belong that may lie anywhere, turned in any way.

    Args:
      parts: the pieces.

    Returns:
      Their matrices `(2, 3)`, in the frame of the first.
    """
    places = {pair: _places(parts[pair[0]], parts[pair[1]]) for pair in combinations(range(len(parts)), 2)}
    states = [State({0: np.eye(2, 3)}, 0.0)]
    for _ in parts[1:]:
        states = _extended(parts, places, states)
    return _joint(parts, states[0].matrices, 16)


def _places(own: Part, other: Part) -> list[tuple[float, np.ndarray]]:
    """Where a piece may lie beside another, with what speaks for it."""
    centre = other.side.band.centre
    turned = _turn(own) - _turn(other) if own.frame and other.frame else None
    jagged = JAGGED if own.side.gap.touching else CLEAN
    starts = candidates(own.outline, other.outline, most=STARTS, square=turned, lengths=LENGTHS, jagged=jagged)
    starts = sorted(starts, key=lambda m: _outside(own, other, m) > 40)
    fitted = [fit.by_shape(own.side, other.side, motion_of(m, centre)) for m in starts[: 2 * SHAPES]]
    kept = different(sorted(fitted, key=lambda m: -_shape(own, other, matrix_of(m, centre))))
    found = []
    for motion in kept[:SHAPES]:
        matrix = together([own.side, other.side], [np.eye(2, 3), matrix_of(motion, centre)], 6)[1]
        found.append((likeness(own, other, matrix), matrix))
    return sorted(found, key=lambda f: -f[0])[:PLACES]


def different(motions: list[np.ndarray]) -> list[np.ndarray]:
    """Without those that hardly differ from one before.

    Example:
      >>> len(different([np.zeros(3), np.ones(3) * 0.01, np.array([0, 9, 0])]))
      2
    """
    out: list[np.ndarray] = []
    for motion in motions:
        if all(np.abs((motion - other) * [200, 1, 1]).max() > 4 for other in out):
            out.append(motion)
    return out


def _shape(own: Part, other: Part, matrix: np.ndarray) -> float:
    contact, overlap = _contact(own.side, other.side, matrix)
    return contact - 3 * overlap - _outside(own, other, matrix)


def _contact(own: Side, other: Side, matrix: np.ndarray) -> tuple[float, float]:
    """The length in contact, and the length that overlaps."""
    distance = sampled(own.away, moved(other.edge, matrix))
    return other.each * float(((distance > -2) & (distance < TOUCHING)).sum()), other.each * float(
        (distance < -2).sum()
    )


def _outside(own: Part, other: Part, matrix: np.ndarray) -> float:
    """The length of outlines outside of what the other's borders allow."""
    total = 0.0
    for a, b, m in ((own, other, matrix), (other, own, inverse(matrix))):
        points = moved(np.stack([np.real(b.outline), np.imag(b.outline)], -1), m)
        out = np.zeros(len(points), bool)
        for border in a.frame:
            out |= _beyond(border, points) > OUTSIDE
        total += 4.0 * out.sum()
    if own.frame and other.frame and not _square(_turn(own) - _turn(other) - np.arctan2(matrix[1, 0], matrix[0, 0])):
        return MISPLACED
    return min(total, MISPLACED)


def _turn(piece: Part) -> float:
    longest = max(piece.frame, key=lambda b: b.length)
    return float(np.arctan2(longest.direction[1], longest.direction[0]))


def likeness(own: Part, other: Part, matrix: np.ndarray) -> float:
    """What speaks for a place, the more the better.

    Smooth pieces differ little wherever they are put, long outlines touch anywhere: what tells is how far a place
    is better than chance, and than places beside it, along what touches.
    """
    contact, overlap = _contact(own.side, other.side, matrix)
    wrong = 2 * overlap + _outside(own, other, matrix)
    if contact < 20:
        return -wrong
    motion = motion_of(matrix, other.side.band.centre)
    cost = fit.Objective(own.side, other.side, motion, STRIDE)
    here = cost.content(motion)
    gain = float(np.median([cost.content(motion + np.array([0, *d])) for d in BESIDE])) - here
    return contact * (ALIKE - here + min(gain, TELLING)) - wrong - min(cost.shape(motion), MISFIT)


def _joint(parts: list[Part], matrices: dict[int, np.ndarray], steps: int) -> list[np.ndarray]:
    order = sorted(matrices)
    return together([parts[k].side for k in order], [matrices[k] for k in order], steps)


def _extended(parts: list[Part], places: dict, states: list[State]) -> list[State]:
    """All ways to add one more piece, the best of them."""
    more: list[State] = []
    for state in states:
        for (i, j), found in places.items():
            if (i in state.matrices) == (j in state.matrices):
                continue
            for score, matrix in found:
                own, new, move = (i, j, matrix) if i in state.matrices else (j, i, inverse(matrix))
                at = after(state.matrices[own], move)
                wrong = sum(_wrong(parts, state, k, new, at) for k in state.matrices if k != own)
                more.append(State(state.matrices | {new: at}, state.score + score - wrong))
    if not more:  # nothing fits anywhere
        new = next(k for k in range(len(parts)) if k not in states[0].matrices)
        return [State(states[0].matrices | {new: np.eye(2, 3)}, states[0].score)]
    more.sort(key=lambda s: -s.score)
    close = [_judged(parts, s) for s in _different(more)[:TRIED]]
    return _different(sorted(close, key=lambda s: -s.score))[:WIDTH]


def _wrong(parts: list[Part], state: State, k: int, new: int, at: np.ndarray) -> float:
    relative = after(inverse(state.matrices[k]), at)
    _, overlap = _contact(parts[k].side, parts[new].side, relative)
    return 2 * overlap + _outside(parts[k], parts[new], relative)


def _different(states: list[State]) -> list[State]:
    """Without those that hardly differ from one before."""
    out: list[State] = []
    for state in states:
        if not any(_alike(state, other) for other in out):
            out.append(state)
    return out


def _alike(a: State, b: State) -> bool:
    return a.matrices.keys() == b.matrices.keys() and all(
        np.abs((m - b.matrices[k]) * [[200, 200, 1]]).max() < 20 for k, m in a.matrices.items()
    )


def _judged(parts: list[Part], state: State) -> State:
    """With all its pieces moved to where they fit best, and what speaks for it then."""
    order = sorted(state.matrices)
    matrices = dict(zip(order, _joint(parts, state.matrices, 5), strict=True))
    score = sum(
        likeness(parts[i], parts[j], after(inverse(matrices[i]), matrices[j])) for i, j in combinations(order, 2)
    )
    return State(matrices, score)
