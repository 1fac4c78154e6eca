"""Where a picture shows no print: plain ground, and the paper's core along tears; and the fragments between.

In doubt a pixel is print: a hypothesis says which colours are plain, and how near to them a pixel must be. Whether a
hypothesis is true is judged later, by how well the fragments fit together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np

from jaximg import ops
from jaximg.correct.missing import components

EXACT, LOOSE = 1.6 / 255, 0.07
"""How near to a plain colour a pixel is: in a drawn picture, in a scan or JPEG."""
CORE = 14
"""So far from the ground the paper's core may reach, or a shadow."""
FRAGMENT = 0.01
"""The share of the canvas below which a region is no fragment."""
SEEN = 0.002
"""Of a torn sheet's ground at least such a share of the picture is seen inside of it."""
MIXED = 3
"""So far from either the colours of ground and core may be mixed, in a JPEG."""
RINGING = 0.7
"""More pixels than such a share of white regions' rims are nearly white beside them: a JPEG."""
PALE = 0.1
"""The core is told from a ground that is so far from white."""
MOST = 24
"""More fragments than these are a pattern."""


@dataclass(frozen=True)
class Fragments:
    """Pieces of a picture.

    Attributes:
      label: `(H, W)` int, 1 for the largest piece, 2, 3 ...; 0 where there is no print.
      count: how many pieces.
      fuzzy: how many pixels inside its outline a piece's print may still be mixed with the core.
      core: `(H, W)` bool, where the paper's core shows; None where it cannot be told from the ground: then pieces are
        what is printed, else sheets.
    """

    label: np.ndarray
    count: int
    fuzzy: int
    core: np.ndarray | None = None


def hypotheses(image: np.ndarray) -> Iterator[tuple[np.ndarray, int, np.ndarray | None]]:
    """Masks of what may be plain, `(H, W)` bool, the strictest first; how fuzzy their rims are; and the core beside.

    Example:
      >>> len(list(hypotheses(np.ones((32, 32, 3), np.float32))))
      2
    """
    white = _least(image)
    exact = white >= 1 - EXACT
    ground, share, spread = _ground(image)
    sheets = _sheets(image, ground) if share > 0.25 and white_distance(ground) > PALE else None
    if sheets is not None:
        yield sheets[0], 3, sheets[1]
        yield sheets[0], 3, _along_ridges(image, *sheets)
    for plain, fuzzy in _printed(image, exact, ground, share, spread):
        yield plain, fuzzy, None


def _printed(
    image: np.ndarray, exact: np.ndarray, ground: np.ndarray, share: float, spread: float
) -> Iterator[tuple[np.ndarray, int]]:
    """Where nothing is printed."""
    white = _least(image)
    if exact.mean() > 0.001:
        about = white >= 1 - LOOSE
        if (about & ~exact & grown(exact, 4)).sum() > RINGING * (grown(exact) & ~exact).sum():
            yield _settled(image, _settled(image, about)), 3
        yield exact, 2
    if share > 0.25:
        off = -_least(-np.abs(image - ground))
        near = max(EXACT, min(4 * spread, LOOSE))
        if white_distance(ground) > EXACT:
            yield (off <= near) | exact, 2
        yield _with_core(image, off, ground, max(near, LOOSE / 2)), 3
    elif exact.mean() > 0.001:
        yield white >= 1 - LOOSE, 3


def _least(image: np.ndarray) -> np.ndarray:
    """The least channel, in a fraction of the time that NumPy takes along short axes."""
    return reduce(np.minimum, np.moveaxis(image, -1, 0))


def white_distance(colour: np.ndarray) -> float:
    """How far a colour is from white."""
    return float(np.abs(1 - colour).max())


def _ground(image: np.ndarray) -> tuple[np.ndarray, float, float]:
    """The commonest colour of the picture's border, its share there, and its spread."""
    ring = np.concatenate(
        [
            image[:2].reshape(-1, image.shape[-1]),
            image[-2:].reshape(-1, image.shape[-1]),
            image[:, :2].reshape(-1, image.shape[-1]),
            image[:, -2:].reshape(-1, image.shape[-1]),
        ]
    )
    bins = np.clip(np.nan_to_num(ring) * 12, 0, 12).round().astype(int)
    code = bins @ 13 ** np.arange(image.shape[-1])
    mode = np.bincount(code).argmax()
    colour = np.median(ring[code == mode], 0)
    near = np.abs(ring - colour).max(-1) <= LOOSE
    colour = np.median(ring[near], 0) if near.any() else colour
    spread = float(np.median(np.abs(ring[near] - colour).max(-1))) if near.any() else 1.0
    return colour, float(near.mean()), spread


def _with_core(image: np.ndarray, off: np.ndarray, ground: np.ndarray, near: float) -> np.ndarray:
    """The ground, its shadows, and what is bright and grey beside it: the torn paper's core."""
    sure = off <= near
    shade = np.clip(image @ ground / max(float(ground @ ground), 1e-6), 0.45, 1.05)[..., None]
    shaded = -_least(-np.abs(image - shade * ground)) <= 1.2 * near
    core = (_least(image) > 0.72) & (-_least(-image) - _least(image) < 0.16)
    may = shaded | core
    mask = sure
    for _ in range(CORE):
        mask = mask | (may & grown(mask))
    return mask


def _sheets(image: np.ndarray, ground: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The ground with its shadows, and the core beside it; None where no core shows."""
    rim = np.concatenate([image[:2].reshape(-1, image.shape[-1]), image[-2:].reshape(-1, image.shape[-1])])
    rim = np.concatenate([rim, image[:, :2].reshape(-1, image.shape[-1]), image[:, -2:].reshape(-1, image.shape[-1])])
    shade, off = _shade(rim, ground)
    on = (off <= LOOSE / 2) & (shade > 0.45) & (shade < 2)
    if on.mean() < 0.4:
        return None
    ground = ground * np.quantile(shade[on], 0.9)
    shade, off = _shade(image, ground)
    shaded = (off <= 0.6 * LOOSE) & (shade > 0.45) & (shade < 1.1)
    mask = -_least(-np.abs(image - ground)) <= LOOSE / 2
    for _ in range(CORE):
        mask = mask | (shaded & grown(mask))
    if mask[CORE:-CORE, CORE:-CORE].mean() < SEEN:
        return None
    mask = _spread_over(mask, shaded & (off <= LOOSE / 2))
    for _ in range(3):
        mask = _settled(image, mask)
    pale = ~mask & grown(mask, 3) & (_least(image) > 0.66) & (-_least(-image) - _least(image) < 0.2)
    if pale.mean() < SEEN / 2:
        return None
    bright = image.mean(-1) - np.quantile(image[pale].mean(-1), 0.9)
    colour = np.median(image[pale & (np.abs(bright) < 0.08)], 0)
    tone = (image - colour).mean(-1, keepdims=True)
    may = (tone[..., 0] > -0.13) & (-_least(-np.abs(image - colour - tone)) < 0.06)
    core = mask
    for _ in range(CORE):
        core = core | (may & grown(core))
    line = colour - ground
    share = np.clip((image - ground) @ line / max(float(line @ line), 1e-6), 0, 1)[..., None]
    mixed = -_least(-np.abs(image - ground - share * line)) < LOOSE
    for _ in range(MIXED):
        core = core | (mixed & grown(core))
    return mask, core & ~mask


def _shade(image: np.ndarray, ground: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How bright each pixel would be as the ground in a shadow, and how far from that it is."""
    shade = image @ ground / max(float(ground @ ground), 1e-6)
    return shade, -_least(-np.abs(image - shade[..., None] * ground))


def _along_ridges(image: np.ndarray, mask: np.ndarray, core: np.ndarray) -> np.ndarray:
    """The core, and where it goes on as a thin line that is paler than what lies beside: sheets touch there."""
    colour = np.quantile(image[core], 0.7, 0) if core.any() else np.ones(image.shape[-1])
    beside = np.asarray(ops.opening(np.asarray(image, np.float32), 9))
    ridge = ((image - beside) * (colour - beside)).sum(-1) > 0.4 * ((colour - beside) ** 2).sum(-1)
    return _spread_over(core, ridge & ~mask, 2)


def _spread_over(mask: np.ndarray, may: np.ndarray, reach: int = 1) -> np.ndarray:
    """Grown over some pixels as far as they go."""
    for _ in range(max(mask.shape)):
        more = mask | (may & grown(mask, reach))
        if (more == mask).all():
            break
        mask = more
    return mask


def _settled(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The border of a mask moved, by a pixel at most, to where half of each pixel belongs to either side."""
    within, beyond = ~grown(~mask), ~grown(mask)
    y, x = np.nonzero(~within & ~beyond)
    own, other = (_around(image, side, y, x) for side in (within, beyond))
    contrast = ((other - own) ** 2).sum(-1)
    share = ((image[y, x] - own) * (other - own)).sum(-1) / np.maximum(contrast, 1e-6)
    out = mask.copy()
    out[y, x] = np.where(contrast > 0.01, share < 0.5, mask[y, x])
    return out


def _around(image: np.ndarray, mask: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The mean of what lies in a mask in 5 x 5 pixels around some."""
    total, count = np.zeros((len(y), image.shape[-1]), np.float32), np.zeros((len(y), 1), np.float32)
    for i in range(-2, 3):
        for j in range(-2, 3):
            at = np.clip(y + i, 0, mask.shape[0] - 1), np.clip(x + j, 0, mask.shape[1] - 1)
            inside = mask[at][:, None]
            total, count = total + image[at] * inside, count + inside
    return total / np.maximum(count, 1)


def grown(mask: np.ndarray, times: int = 1) -> np.ndarray:
    """Grown by one pixel to its four sides, so many times.

    Example:
      >>> int(grown(np.pad(np.ones((1, 1), bool), 2)).sum())
      5
    """
    for _ in range(times):
        out = mask.copy()
        out[1:] |= mask[:-1]
        out[:-1] |= mask[1:]
        out[:, 1:] |= mask[:, :-1]
        out[:, :-1] |= mask[:, 1:]
        mask = out
    return mask


def fragments(plain: np.ndarray, fuzzy: int, core: np.ndarray | None = None) -> Fragments | None:
    """The regions that plain pixels part from each other; None where they part nothing.

    Example:
      >>> plain = np.zeros((64, 64), bool)
      >>> plain[:, 30:34] = True
      >>> fragments(plain, 1).count
      2
    """
    bare = plain if core is None else plain | core
    if not bare.any() or bare.all():
        return None
    for reach in (0, 1, 2):
        print_ = ~grown(bare, reach)
        pieces = [p for p in components(_halved(print_)) if len(p[0]) * 4 >= FRAGMENT * plain.size]
        if 2 <= len(pieces) <= MOST:
            label = _labelled(bare, pieces, reach)
            for _ in range(0 if core is None else CORE + 2):
                label = _spread(label, plain)
            return Fragments(_without_holes(label), len(pieces), fuzzy, core)
    return None


def _halved(mask: np.ndarray) -> np.ndarray:
    """Half the size, True where all four pixels are: what is thin parts more."""
    p = np.pad(mask, ((0, mask.shape[0] % 2), (0, mask.shape[1] % 2)), "edge")
    return p[::2, ::2] & p[1::2, ::2] & p[::2, 1::2] & p[1::2, 1::2]


def _labelled(plain: np.ndarray, pieces: list, reach: int) -> np.ndarray:
    pieces = sorted(pieces, key=lambda p: -len(p[0]))
    label = np.zeros(((plain.shape[0] + 1) // 2, (plain.shape[1] + 1) // 2), np.int32)
    for i, piece in enumerate(pieces):
        label[piece] = i + 1
    label = label.repeat(2, 0).repeat(2, 1)[: plain.shape[0], : plain.shape[1]] * ~plain
    for _ in range(reach + 3):
        label = _spread(label, plain)
    return label


def _spread(label: np.ndarray, plain: np.ndarray) -> np.ndarray:
    """Labels grown by a pixel over what isn't plain and has none."""
    p = np.pad(label, 1)
    around = np.maximum.reduce([p[:-2, 1:-1], p[2:, 1:-1], p[1:-1, :-2], p[1:-1, 2:]])
    return np.where((label == 0) & ~plain, around, label)


def _without_holes(label: np.ndarray) -> np.ndarray:
    """What lies inside one piece belongs to it."""
    out = label.copy()
    for y, x in components(label == 0):
        if y.min() > 0 and x.min() > 0 and y.max() < label.shape[0] - 1 and x.max() < label.shape[1] - 1:
            around = np.concatenate([label[y - 1, x], label[y + 1, x], label[y, x - 1], label[y, x + 1]])
            owners = np.unique(around[around > 0])
            if len(owners) == 1:
                out[y, x] = owners[0]
    return out
