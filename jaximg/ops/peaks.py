"""Peaks of a response: the highest local maxima, between the pixels."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaximg.ops import windows
from jaximg.typing import Image, Scalar, check_image


class Peaks(NamedTuple):
    """Where a response peaks, best first; every field is `(..., max_peaks)`.

    Attributes:
      y: rows in pixels, between them too; -1 where there was no further peak.
      x: columns likewise.
      score: the height of the fitted parabola, 0 where there was no further peak.
      found: whether there is such a peak.
    """

    y: jax.Array
    x: jax.Array
    score: jax.Array
    found: jax.Array


def find_peaks(
    image: Image, max_peaks: int, *, radius: int = 2, threshold: Scalar | None = None, lowest: bool = False
) -> Peaks:
    """The highest local maxima of a response, between the pixels, none near a higher one.

    A pixel is a peak if none within `radius` (a square) is higher; of equal ones the first. A parabola through it and
    its two neighbours, along rows and along columns, gives

        d = (a - c) / 2 (a - 2 b + c),   height b - (a - c) d / 4

    which is differentiable in the response; which pixel it is about is a hard decision without a gradient.

    Args:
      image: `(..., H, W, 1)` floating point, a response such as `match_template`'s.
      max_peaks: how many to return, static: the result always has room for so many.
      radius: pixels within which only the highest counts, at least 1, static.
      threshold: peaks must be higher than this (lower, with `lowest`); None takes them all. Traced or concrete.
      lowest: look for minima, as the "sqdiff" modes need.

    Returns:
      `Peaks`, best first, at least float32.

    Raises:
      TypeError: a response that is not floating point.
      ValueError: more than one channel, max_peaks or radius below 1.

    Example:
      >>> response = jnp.zeros((5, 9, 1)).at[2, 3].set(1.0).at[2, 4].set(0.5)
      >>> peak = find_peaks(response, 1)
      >>> round(peak.y.item(), 2), round(peak.x.item(), 2), peak.found.item()
      (2.0, 3.17, True)

    References:
      Tian and Huhns, Algorithms for subpixel registration, 1986.
    """
    image = check_image(image, channels=1)
    if max_peaks < 1 or radius < 1:
        raise ValueError(f"max_peaks={max_peaks}, radius={radius}; both are at least 1")
    level = (
        -jnp.inf if threshold is None else (-1.0 if lowest else 1.0) * jnp.asarray(threshold, windows.wide(image.dtype))
    )
    return _find_peaks(image, jnp.asarray(level, windows.wide(image.dtype)), max_peaks, radius, lowest)


@partial(jax.jit, static_argnames=("max_peaks", "radius", "lowest"))
def _find_peaks(image: jax.Array, threshold: jax.Array, max_peaks: int, radius: int, lowest: bool) -> Peaks:
    height = image.astype(windows.wide(image.dtype))
    height = -height if lowest else height
    hard = lax.stop_gradient(jnp.where(jnp.isnan(height), -jnp.inf, height))
    reach = (radius, radius)
    around = windows.pad(hard, reach, reach, "constant", -jnp.inf)
    highest = windows.sliding_max(windows.materialise(around), 2 * radius + 1, 2 * radius + 1)
    candidate = (hard >= highest) & (hard > threshold)
    left = jnp.where(candidate, hard, -jnp.inf)[..., 0]
    batch = left.shape[:-2]
    flat = [v.reshape(-1, *v.shape[len(batch) : len(batch) + 2]) for v in (left, height)]
    peaks = jax.vmap(lambda left, height: _peaks_of_one(left, height, max_peaks, radius))(*flat)
    y, x, score, found = (v.reshape(*batch, max_peaks) for v in peaks)
    return Peaks(y, x, -score if lowest else score, found)


def _peaks_of_one(left: jax.Array, height: jax.Array, max_peaks: int, radius: int) -> Peaks:
    cols = left.shape[1]
    row, col = (lax.broadcasted_iota(jnp.int32, left.shape, axis) for axis in (0, 1))

    def take(left: jax.Array, _: None) -> tuple[jax.Array, tuple[jax.Array, jax.Array, jax.Array]]:
        best = jnp.argmax(left).astype(jnp.int32)
        y, x = best // cols, best % cols
        near = (jnp.abs(row - y) <= radius) & (jnp.abs(col - x) <= radius)
        return jnp.where(near, -jnp.inf, left), (y, x, left.reshape(-1)[best] > -jnp.inf)

    _, (y, x, found) = lax.scan(take, left, None, length=max_peaks)

    top = jnp.where(found, height[y, x], 0)
    (down, rise), (right, lift) = parabolas(height, y, x, found)
    row, col = (jnp.where(found, p.astype(top.dtype) + d, -1) for p, d in ((y, down), (x, right)))
    return Peaks(row, col, top + rise + lift, found)


def parabolas(
    score: jax.Array, y: jax.Array, x: jax.Array, found: jax.Array
) -> tuple[tuple[jax.Array, jax.Array], ...]:
    """The summits along the column and along the row of a peak: for each its place and its height above the pixel.

    Example:
      >>> _, (right, lift) = parabolas(jnp.asarray([[0.0, 1.0, 0.5]]), jnp.int32(0), jnp.int32(1), jnp.bool_(1))
      >>> round(right.item(), 3), round(lift.item(), 3)
      (0.167, 0.021)
    """
    rows, cols = score.shape

    def at(dy: int, dx: int) -> jax.Array:
        return score[jnp.clip(y + dy, 0, rows - 1), jnp.clip(x + dx, 0, cols - 1)]

    top = jnp.where(found, at(0, 0), 0)
    down = _parabola(at(-1, 0), top, at(1, 0), found & (y > 0) & (y < rows - 1))
    right = _parabola(at(0, -1), top, at(0, 1), found & (x > 0) & (x < cols - 1))
    return down, right


def _parabola(a: jax.Array, b: jax.Array, c: jax.Array, inside: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The summit of the parabola through (-1, a), (0, b), (1, c): its place, and its height above b."""
    bend = a - 2 * b + c
    known = inside & (bend < 0) & jnp.isfinite(bend)
    slope = jnp.where(known, a - c, 0)
    place = jnp.clip(0.5 * slope / jnp.where(known, bend, -1), -0.5, 0.5)
    return place, -0.25 * slope * place
