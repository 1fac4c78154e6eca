"""Finding templates at any scale and angle."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaximg.ops import windows
from jaximg.ops.match import MODES, Mode, match_template
from jaximg.ops.peaks import Peaks, find_peaks, parabolas
from jaximg.ops.resize import resize
from jaximg.ops.warp import rotation_matrix, warp_affine
from jaximg.typing import Image, Scalar, check_choice, check_image


class Matches(NamedTuple):
    """Where templates were found, best first; every field is `(..., max_peaks)`.

    Attributes:
      y: row of the middle of the template in the image, in pixels; -1 where there was no further match.
      x: column likewise.
      scale: its size there, relative to the template given.
      angle: its turn there, degrees counterclockwise.
      which: the number of the template, 0 if there is but one.
      score: of `match_template`, 0 where there was no further match.
      found: whether there is such a match.
    """

    y: jax.Array
    x: jax.Array
    scale: jax.Array
    angle: jax.Array
    which: jax.Array
    score: jax.Array
    found: jax.Array


def match_search(
    image: Image,
    template: Image,
    *,
    scales: Sequence[float] = (1.0,),
    angles: Sequence[float] = (0.0,),
    mode: Mode = "ccoeff_normed",
    max_peaks: int = 1,
    radius: int | None = None,
    threshold: Scalar | None = None,
    levels: int = 0,
) -> Matches:
    """Finds templates at any of the given scales and angles.

    A bank of warped templates, each with a mask of what it covers, is compared with the image by `match_template`; of
    each place the best of the bank is kept, and `find_peaks` picks places of which none is near a better one. With
    `levels` this is done on pictures shrunk by `2 ** levels`, for twice as many places, and each is then searched
    again at full size, a few pixels, one angle and one scale around. Places lie between the pixels.

    Differentiable in image and template through the scores and, by the parabola, the places; which place, scale and
    angle is a hard decision. `ecc` refines a match to any warp.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      template: `(h, w, C)`, or `(n, h, w, C)` to look for several at once; wherever it is found it lies inside the
        image as a whole.
      scales: sizes to try, relative to the template; static.
      angles: turns to try, degrees counterclockwise; static.
      mode: one of `match_template`'s, a normalised one if there are several scales or templates.
      max_peaks: how many matches to return, static.
      radius: matches nearer than this many pixels, up, down or sideways, count as one; half the template's shorter
        side by default, static.
      threshold: scores must be better than this; None takes all. Traced or concrete.
      levels: how often to halve the pictures for the first search, static; fewer where less than 6 pixels of the
        smallest template would be left.

    Returns:
      `Matches`, best first, at least float32.

    Raises:
      TypeError: an image or template that is not floating point.
      ValueError: channels that differ, a template larger than the image, an unknown mode, max_peaks below 1.

    Example:
      >>> x = jax.random.uniform(jax.random.key(0), (40, 50, 1))
      >>> found = match_search(x, x[10:21, 20:31], scales=(0.8, 1.0), angles=(-10.0, 0.0, 10.0))
      >>> [round(v.item(), 1) for v in (found.y, found.x, found.scale, found.angle, found.score)]
      [15.0, 25.0, 1.0, 0.0, 1.0]

    References:
      OpenCV, `cv::matchTemplate`. Szeliski, Computer Vision, section 9.1.
    """
    image = check_image(image)
    template = check_image(template, name="template", channels=image.shape[-1])
    check_choice(mode, MODES, "mode")
    if template.ndim > 4 or max_peaks < 1 or levels < 0 or not scales or not angles or min(scales) <= 0:
        raise ValueError(
            "pass a (h, w, C) template or (n, h, w, C) of them, positive scales, some angles, max_peaks of at least 1, "
            "levels of at least 0"
        )
    template = template.reshape(-1, *template.shape[-3:]).astype(windows.wide(image.dtype))
    smallest = min(template.shape[1:3]) * min(scales)
    while levels and smallest / 2**levels < SMALLEST:
        levels -= 1
    radius = max(1, min(template.shape[1:3]) // 2) if radius is None else radius
    worst = jnp.inf if mode.startswith("sqdiff") else -jnp.inf
    level = jnp.asarray(worst if threshold is None else threshold, template.dtype)
    sizes, turns = (tuple(sorted({float(v) for v in values})) for values in (scales, angles))
    plan = _Plan(template.shape[:3], sizes, turns, mode)
    largest = max(plan.extents[..., 0].max() - image.shape[-3], plan.extents[..., 1].max() - image.shape[-2])
    if largest > INSIDE:
        raise ValueError(
            f"the template, {template.shape[1:]}, is larger than the image, {image.shape}, at some scale or angle"
        )
    return _search(image, template, level, plan, max_peaks, radius, levels)


SMALLEST = 6
"""Templates are not shrunk below so many pixels."""
INSIDE = 0.01
"""How far, in pixels, rounding may carry a turned template out of the image."""
BATCH = 8
"""So many angles are compared at once."""


@dataclass(frozen=True)
class _Plan:
    """The bank: `shape` is (n, h, w) of the templates; a pose is numbered (scale, template, angle)."""

    shape: tuple[int, ...]
    scales: tuple[float, ...]
    angles: tuple[float, ...]
    mode: Mode

    @property
    def lowest(self) -> bool:
        return self.mode.startswith("sqdiff")

    @property
    def sizes(self) -> list[tuple[int, int]]:
        return [(max(1, round(self.shape[1] * s)), max(1, round(self.shape[2] * s))) for s in self.scales]

    @property
    def extents(self) -> np.ndarray:
        """Height and width of the turned templates: (scales, angles, 2)."""
        turn = np.radians(self.angles)
        cos, sin = np.abs(np.cos(turn)), np.abs(np.sin(turn))
        return np.asarray([np.stack([h * cos + w * sin, w * cos + h * sin], -1) for h, w in self.sizes])

    @property
    def halves(self) -> np.ndarray:
        """How far the middle lies beyond a pixel's: a half for even sizes, (scales, 2)."""
        return np.asarray([[(n - 1) % 2 / 2 for n in size] for size in self.sizes])

    @property
    def poses(self) -> int:
        return len(self.scales) * self.shape[0] * len(self.angles)

    def shrunk(self, factor: int) -> "_Plan":
        return replace(self, scales=tuple(s / factor for s in self.scales))

    def pose(self, number: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Which scale, template and angle."""
        angles = len(self.angles)
        return number // (angles * self.shape[0]), number // angles % self.shape[0], number % angles

    def around(self, number: jax.Array) -> jax.Array:
        """The pose, those one angle beside it and those one scale beside it."""
        scale, which, angle = self.pose(number)
        n, angles = self.shape[0], len(self.angles)
        poses = [number, *((scale * n + which) * angles + (angle + d) % angles for d in (-1, 1) if angles > 1)]
        scales = [jnp.clip(scale + d, 0, len(self.scales) - 1) for d in (-1, 1) if len(self.scales) > 1]
        return jnp.stack([*poses, *((s * n + which) * angles + angle for s in scales)])


class _Bank(NamedTuple):
    """Templates of some scales in the middle of one canvas, large enough to turn in."""

    templates: jax.Array
    """(scales, n, height, width, C)"""
    masks: jax.Array | None
    """(scales, height, width, 1); None where every template fills the canvas."""
    centres: np.ndarray
    """Where in the canvas the templates have their middle: (scales, 2)."""

    @property
    def canvas(self) -> tuple[int, int]:
        return self.templates.shape[2], self.templates.shape[3]


def _bank(template: jax.Array, plan: _Plan) -> _Bank:
    height, width = (math.ceil(v - 1e-6) for v in plan.extents.max((0, 1)))
    templates, masks, centres = [], [], []
    for h, w in plan.sizes:
        top, left = (height - 1) // 2 - (h - 1) // 2, (width - 1) // 2 - (w - 1) // 2
        rows, cols = (top, height - h - top), (left, width - w - left)
        resized = template if (h, w) == template.shape[1:3] else resize(template, (h, w), antialias=True)
        templates.append(windows.pad(resized, rows, cols, "edge"))
        masks.append(windows.pad(jnp.ones((h, w, 1), template.dtype), rows, cols, "constant"))
        centres.append((top + (h - 1) / 2, left + (w - 1) / 2))
    masked = any(plan.angles) or len(plan.scales) > 1
    return _Bank(jnp.stack(templates), jnp.stack(masks) if masked else None, np.asarray(centres, np.float32))


def _turned(bank: _Bank, plan: _Plan, number: jax.Array) -> tuple[jax.Array, jax.Array | None]:
    """One template of the bank, turned about its middle, and the mask of what it covers."""
    scale, which, angle = plan.pose(number)
    template = bank.templates[scale, which]
    if bank.masks is None:
        return template, None
    mask = bank.masks[scale]
    if not any(plan.angles):
        return template, mask
    y, x = jnp.asarray(bank.centres)[scale]
    matrix = rotation_matrix((x, y), jnp.asarray(plan.angles, jnp.float32)[angle])
    return warp_affine(template, matrix, border="edge"), warp_affine(mask, matrix)


def _scores(piece: jax.Array, bank: _Bank, plan: _Plan, number: jax.Array) -> jax.Array:
    """Scores of one pose, the higher the better: `(H - canvas + 1, W - canvas + 1)`."""
    template, mask = _turned(bank, plan, number)
    scores = match_template(piece, template, mode=plan.mode, mask=mask)[..., 0]
    return -scores if plan.lowest else scores


def _inside(centre: jax.Array, extent: jax.Array, size: int) -> jax.Array:
    """Whether something of this extent about a centre lies in the image, along one axis."""
    half = (extent - 1) / 2
    return (centre - half >= -INSIDE) & (centre + half <= size - 1 + INSIDE)


@partial(jax.jit, static_argnames=("plan", "max_peaks", "radius", "levels"))
def _search(
    image: jax.Array,
    template: jax.Array,
    threshold: jax.Array,
    plan: _Plan,
    max_peaks: int,
    radius: int,
    levels: int,
) -> Matches:
    factor = 2**levels
    images = image.astype(template.dtype).reshape(-1, *image.shape[-3:])
    bank = _bank(template, plan)

    def one(image: jax.Array) -> Matches:
        small, less = _shrink(lax.stop_gradient(image), factor), plan.shrunk(factor)
        best, pose = _best_of_each_place(small, _bank(lax.stop_gradient(template), less), less)
        peaks = find_peaks(best[..., None], 2 * max_peaks if levels else max_peaks, radius=max(1, radius // factor))
        number = pose.reshape(-1)[_index(peaks, best.shape)]
        half = jnp.asarray(less.halves, best.dtype)[less.pose(number)[0]]
        place = [(p + half[:, k] + 0.5) * factor - 0.5 for k, p in enumerate(peaks[:2])]
        found = _refined(image, bank, plan, number, place, factor + 1 if levels else 1)
        found = found._replace(found=found.found & peaks.found)
        better = found.score < threshold if plan.lowest else found.score > threshold
        return _best(found._replace(found=found.found & better), max_peaks, radius, plan.lowest)

    found = jax.vmap(one)(images)
    return Matches(*(field.reshape(*image.shape[:-3], max_peaks) for field in found))


def _index(peaks: Peaks, shape: tuple[int, ...]) -> jax.Array:
    y, x = (jnp.clip(jnp.round(p).astype(jnp.int32), 0, n - 1) for p, n in zip(peaks[:2], shape, strict=True))
    return y * shape[1] + x


def _shrink(image: jax.Array, factor: int) -> jax.Array:
    if factor == 1:
        return image
    height, width = (n // factor for n in image.shape[-3:-1])
    return resize(image[..., : height * factor, : width * factor, :], (height, width), method="area")


def _best_of_each_place(image: jax.Array, bank: _Bank, plan: _Plan) -> tuple[jax.Array, jax.Array]:
    """The best score with the middle at each pixel (or half a pixel further, for even sizes), and its pose."""
    size = image.shape[:2]
    middle = [(c - 1) // 2 for c in bank.canvas]
    start = [math.floor((e - 1) / 2) for e in plan.extents.min((0, 1))]  # nothing has its middle nearer to the edge
    pads = [(max(0, m - s), max(0, c - 1 - m - s)) for m, s, c in zip(middle, start, bank.canvas, strict=True)]
    padded = windows.pad(image, pads[0], pads[1], "edge")
    extents, halves = (jnp.asarray(v, image.dtype) for v in (plan.extents, plan.halves))

    def of_pose(number: jax.Array) -> jax.Array:
        scores = _scores(padded, bank, plan, number)
        before = [m - p[0] for m, p in zip(middle, pads, strict=True)]
        config = [(b, n - b - have, 0) for b, n, have in zip(before, size, scores.shape, strict=True)]
        scores = lax.pad(scores, jnp.asarray(-jnp.inf, scores.dtype), config)
        scale, _, angle = plan.pose(number)
        row, col = (
            _inside(lax.iota(scores.dtype, size[k]) + halves[scale, k], extents[scale, angle, k], size[k])
            for k in range(2)
        )
        return jnp.where(row[:, None] & col[None, :] & ~jnp.isnan(scores), scores, -jnp.inf)

    def step(best: tuple[jax.Array, jax.Array], numbers: jax.Array):
        scores = jax.vmap(of_pose)(numbers)
        score, number = scores.max(0), numbers[scores.argmax(0)]
        return (jnp.maximum(best[0], score), jnp.where(score > best[0], number, best[1])), None

    batch = min(BATCH, plan.poses)
    numbers = np.minimum(np.arange(-(-plan.poses // batch) * batch), plan.poses - 1).astype(np.int32)
    nothing = jnp.full(size, -jnp.inf, image.dtype), jnp.zeros(size, jnp.int32)
    return lax.scan(step, nothing, jnp.asarray(numbers.reshape(-1, batch)))[0]


def _refined(
    image: jax.Array, bank: _Bank, plan: _Plan, numbers: jax.Array, places: Sequence[jax.Array], margin: int
) -> Matches:
    """Each match again, at full size, within `margin` pixels of a place."""
    size, (height, width) = image.shape[:2], bank.canvas
    pads = [(n + 1) // 2 + margin + 2 for n in bank.canvas]
    padded = windows.pad(image, (pads[0], pads[0]), (pads[1], pads[1]), "edge")
    centres, extents = jnp.asarray(bank.centres, image.dtype), jnp.asarray(plan.extents, image.dtype)

    def of_pose(number: jax.Array, place: jax.Array) -> tuple[jax.Array, jax.Array]:
        scale, _, angle = plan.pose(number)
        corner = jnp.round(place - centres[scale]).astype(jnp.int32) - margin
        cut = [jnp.clip(c + p, 0) for c, p in zip(corner, pads, strict=True)]
        piece = lax.dynamic_slice(
            padded, (*cut, np.int32(0)), (height + 2 * margin, width + 2 * margin, image.shape[2])
        )
        scores = _scores(piece, bank, plan, number)
        first = corner.astype(image.dtype) + centres[scale]
        axes = [first[k] + lax.iota(image.dtype, 2 * margin + 1) for k in range(2)]
        row, col = (_inside(axes[k], extents[scale, angle, k], size[k]) for k in range(2))
        return jnp.where(row[:, None] & col[None, :], scores, -jnp.inf), first

    def one(number: jax.Array, y: jax.Array, x: jax.Array) -> Matches:
        poses = plan.around(number) if margin > 1 else number[None]
        scores, first = jax.vmap(lambda n: of_pose(n, jnp.stack([y, x])))(poses)
        hard = lax.stop_gradient(jnp.where(jnp.isnan(scores), -jnp.inf, scores))
        k, row, col = jnp.unravel_index(hard.argmax(), hard.shape)
        found = jnp.isfinite(hard.max())
        own = jnp.where(jnp.isnan(scores[k]), -jnp.inf, scores[k])
        (down, rise), (right, lift) = parabolas(own, row, col, found)
        score = jnp.where(found, own[row, col], 0) + rise + lift
        scale, which, angle = plan.pose(poses[k])
        return Matches(
            first[k, 0] + row.astype(image.dtype) + down,
            first[k, 1] + col.astype(image.dtype) + right,
            jnp.asarray(plan.scales, image.dtype)[scale],
            jnp.asarray(plan.angles, image.dtype)[angle],
            which,
            -score if plan.lowest else score,
            found,
        )

    return jax.vmap(one)(numbers, *(lax.stop_gradient(p) for p in places))


def _best(found: Matches, count: int, radius: int, lowest: bool) -> Matches:
    """The best `count` of some matches, none within `radius` of a better one."""
    order = jnp.argsort(jnp.where(found.found, found.score if lowest else -found.score, jnp.inf))
    found = Matches(*(field[order] for field in found))
    y, x = lax.stop_gradient((found.y, found.x))
    near = (jnp.abs(y[:, None] - y[None, :]) <= radius) & (jnp.abs(x[:, None] - x[None, :]) <= radius)
    total = found.found.size
    earlier = jnp.arange(total)

    def keep(k: jax.Array, kept: jax.Array) -> jax.Array:
        return kept.at[k].set(kept[k] & ~jnp.any(near[k] & (earlier < k) & kept))

    kept = lax.fori_loop(0, total, keep, found.found)
    order = jnp.argsort(~kept, stable=True)[:count]
    best = Matches(*(field[order] for field in found._replace(found=kept)))
    blank = (-1, -1, 1, 0, 0, 0, False)
    return Matches(*(jnp.where(best.found, v, jnp.asarray(b, v.dtype)) for v, b in zip(best, blank, strict=True)))
