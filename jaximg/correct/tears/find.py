"""Is a picture torn, and where do its pieces belong?"""

from collections.abc import Iterator

import numpy as np

from jaximg.correct.fill import halve
from jaximg.correct.tears.assemble import Placed, assemble
from jaximg.correct.tears.mend import Tear, box_of
from jaximg.correct.tears.plain import Fragments, fragments, grown, hypotheses

SMALLEST = 64
"""Pictures with a shorter side are not looked at."""
LARGEST = 3_000_000
"""Of pictures of more pixels the half is looked at."""
PARTS = 4
"""A picture that nobody calls torn has so many parts at most,"""
COVERED = 0.5
"""which cover so much of it,"""
WIDEST = 22
"""lie so near to each other, in half pixels,"""
LONG = 0.4
"""along so much of its shorter side,"""
TURN, SHIFT = 0.15, 60.0
"""and are turned and moved by so much at most, in radians and pixels."""
CLOSE, STILL = 1.2, 0.75
"""They differ by so much at most across a tear as long as the picture's shorter side, across a shorter one by less in
proportion: the less of an edge agrees, the better it must. Where only a mask says that there is one, they must have
moved by so many pixels."""
RAGGED = (0.6, 3.0)
"""A tear is so far from straight, in pixels, root mean square; the outlines of bushes before a sky are further."""
INK = 16 / 255
"""A tenth of each part differs by so much from what lies between the parts: what a JPEG leaves in black is no print."""
CLEAN = 0.25
"""Sheets on a coloured ground may be torn straighter."""


def find_tear(image: np.ndarray, *, lost: np.ndarray | None = None, pieces: bool = False) -> Tear:
    """Finds the pieces of a torn picture and where they belong.

    Args:
      image: `(H, W, 1 or 3)`, [0, 1].
      lost: `(H, W)` bool, what is known to be no print; looked for if not given.
      pieces: whether the picture is known to be one of scattered pieces: any number, anywhere, turned in any way.

    Returns:
      What was found; confidence 0 where the picture is whole.

    Example:
      >>> find_tear(np.full((64, 64, 3), 0.5, np.float32)).count
      0
    """
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST or not np.isfinite(image).all():
        return Tear()
    if height * width > LARGEST:
        return _doubled(image, lost, pieces)
    for plain, fuzzy, core, told in _masks(image, lost):
        found = fragments(plain, fuzzy, core)
        if found is None or not (pieces or _worth_a_look(found)):
            continue
        placed = assemble(np.asarray(image, np.float32), found, near=not pieces)
        if placed and (pieces or (_torn(found, placed, told) and (told or _printed(image, found.label)))):
            return _tear(found, placed)
    return Tear()


def _masks(image: np.ndarray, lost: np.ndarray | None) -> Iterator[tuple[np.ndarray, int, np.ndarray | None, bool]]:
    if lost is not None:
        yield lost, 1, None, True
    else:
        for plain, fuzzy, core in hypotheses(image):
            yield plain, fuzzy, core, False


def _tear(found: Fragments, placed: list[Placed]) -> Tear:
    matrices = np.stack([p.matrix for p in placed])
    return Tear(found.label, matrices, box_of(found.label, matrices), found.fuzzy, 1.0, found.core)


def _worth_a_look(found: Fragments) -> bool:
    """Whether the parts cover the picture and lie side by side."""
    label = found.label
    if found.count > PARTS or (label > 0).mean() < COVERED:
        return False
    small = label[::2, ::2]
    shorter = min(label.shape)
    for k in range(2, found.count + 1):
        beside = grown(small == k, WIDEST) & (small > 0) & (small != k)
        if not beside.any():
            return False
        y, x = np.nonzero(grown(beside, 1) & (small > 0) & grown(small == 0))
        if len(y) == 0 or 2 * np.hypot(np.ptp(y), np.ptp(x)) < LONG * shorter:
            return False
    return True


def _torn(found: Fragments, placed: list[Placed], told: bool) -> bool:
    shorter = min(found.label.shape)
    moved = 0.0
    for k, p in enumerate(placed[1:], 1):
        y, x = np.nonzero(found.label == k + 1)
        corners = np.array([[a, b] for a in (x.min(), x.max()) for b in (y.min(), y.max())], float)
        shift = np.hypot(*(corners @ p.matrix[:, :2].T + p.matrix[:, 2] - corners).T)
        angle = abs(np.arctan2(p.matrix[1, 0], p.matrix[0, 0]))
        moved = max(moved, float(shift.max()))
        near = angle < TURN and shift.min() < SHIFT
        close = p.cost < CLOSE * min(1, p.contact / shorter)
        fits = p.contact > LONG * shorter and p.overlap < 0.05 * p.contact and close
        if not (near and fits and (RAGGED[0] if found.core is None else CLEAN) < p.ragged < RAGGED[1]):
            return False
    return not told or moved > STILL


def _printed(image: np.ndarray, label: np.ndarray) -> bool:
    """Whether there is something to be seen on every part."""
    off = np.abs(image - np.median(image[label == 0], 0)).max(-1)
    return all(np.quantile(off[label == k], 0.9) > INK for k in range(1, label.max() + 1))


def _doubled(image: np.ndarray, lost: np.ndarray | None, pieces: bool) -> Tear:
    """What is found at half the size, in pixels of the whole."""
    small = None if lost is None else halve(lost[..., None].astype(np.float32))[..., 0] > 0
    tear = find_tear(halve(image), lost=small, pieces=pieces)
    if not tear.count:
        return tear
    matrices = tear.matrices.copy()
    middle = 0.5 * np.ones(2)  # of four pixels
    matrices[:, :, 2] = 2 * matrices[:, :, 2] + middle - matrices[:, :, :2] @ middle
    label = tear.label.repeat(2, 0).repeat(2, 1)[: image.shape[0], : image.shape[1]]
    core = None if tear.core is None else tear.core.repeat(2, 0).repeat(2, 1)[: image.shape[0], : image.shape[1]]
    return Tear(label, matrices, box_of(label, matrices), tear.fuzzy + 1, tear.confidence, core)
