"""Outlines of shapes: a fixed number of points in order along the boundary, and their Fourier descriptor."""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaximg.ops import windows
from jaximg.ops.components import connected_components
from jaximg.typing import Image, check_image

NORMALS = np.array([(-1, 0), (0, 1), (1, 0), (0, -1)], np.int32)
"""Outward normals (y, x) of a pixel's top, right, bottom and left side; the walk keeps the shape on its right."""


def contour(image: Image, *, points: int = 128) -> jax.Array:
    """Points in order around the largest shape of a picture, equally far apart along its outer boundary.

        out[k] = c(k L / points),  c the closed polyline through the middles of the boundary's pixel sides, L its length

    The shape is the largest 8-connected region of pixels that are not zero; its holes don't count. The walk begins
    at the first pixel of the top row and goes clockwise. Where the boundary runs is a hard decision: the gradient is
    zero.

    Args:
      image: `(..., H, W, 1)` floating point; what is not zero belongs to a shape.
      points: how many, static.

    Returns:
      `(..., points, 2)` positions (x, y) in pixels, the image's dtype; pixel centres are whole numbers, so a single
      pixel at the origin has a boundary from -0.5 to 0.5. Zeros where the picture is zero everywhere.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis or several channels, or a number of points below 3.

    Example:
      >>> contour(jnp.ones((1, 1, 1)), points=4).tolist()
      [[0.0, -0.5], [0.5, 0.0], [0.0, 0.5], [-0.5, 0.0]]

    References:
      T. Pavlidis, Algorithms for Graphics and Image Processing, 1982, chapter 7. OpenCV, `cv::findContours`.
    """
    image = check_image(image, channels=1)
    check_points(points)
    return _contour(image, points=int(points))


def fourier_descriptor(image: Image, *, terms: int = 16, points: int = 128) -> jax.Array:
    """Magnitudes of the outline's Fourier coefficients: they stay when the shape is moved, turned or scaled.

        z_k = x_k + i y_k,   Z = FFT(z),   out = (|Z_1| / s, |Z_-1| / s, |Z_2| / s, |Z_-2| / s ...),
        s^2 = sum over m != 0 of |Z_m|^2

    Z_0 is the place and is left out, s the size; the phases hold the rotation and the first point. The gradient is
    zero, as `contour`'s.

    Args:
      image: `(..., H, W, 1)` floating point; what is not zero belongs to a shape, of which the largest counts.
      terms: how many magnitudes, static, below `points`.
      points: samples of the outline, static.

    Returns:
      `(..., terms)` in [0, 1], the image's dtype; zeros where there is no shape.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis or several channels, or more terms than points - 1.

    Example:
      >>> disk = jnp.hypot(*jnp.mgrid[-9.0:10.0, -9.0:10.0]) < 8
      >>> fourier_descriptor(disk[..., None].astype(float), terms=3).round(1).tolist()  # a circle is one frequency
      [1.0, 0.0, 0.0]

    References:
      C. Zahn and R. Roskies, Fourier descriptors for plane closed curves, 1972. D. Zhang and G. Lu, A comparative study
      of Fourier descriptors for shape representation and retrieval, 2002.
    """
    image = check_image(image, channels=1)
    check_points(points)
    if not 1 <= terms < points:
        raise ValueError(f"terms={terms}; it must be in 1..{points - 1}, below the number of points")
    return _fourier_descriptor(image, terms=int(terms), points=int(points))


def check_points(points: int) -> None:
    """Raises ValueError unless `points` can outline a shape.

    Example:
      >>> check_points(3)
    """
    if points < 3:
        raise ValueError(f"points={points}; an outline needs at least 3")


@partial(jax.jit, static_argnames=("terms", "points"))
def _fourier_descriptor(image: jax.Array, *, terms: int, points: int) -> jax.Array:
    xy = _contour(image.astype(windows.wide(image.dtype)), points=points)
    spectrum = jnp.abs(jnp.fft.fft(lax.complex(xy[..., 0], xy[..., 1])))
    size = jnp.sqrt(jnp.square(spectrum[..., 1:]).sum(-1, keepdims=True))
    order = [(m + 1) // 2 * (1 if m % 2 else -1) for m in range(1, terms + 1)]
    out = jnp.stack([spectrum[..., m] for m in order], -1)
    return jnp.where(size > 0, out / jnp.where(size > 0, size, 1), 0).astype(image.dtype)


@partial(jax.jit, static_argnames="points")
def _contour(image: jax.Array, *, points: int) -> jax.Array:
    return sampled(largest(image), points=points, dtype=windows.wide(image.dtype)).astype(image.dtype)


def sampled(mask: jax.Array, *, points: int, dtype: jnp.dtype) -> jax.Array:
    """`contour` of masks that hold one region each: `(..., H, W)` bool -> `(..., points, 2)`.

    Example:
      >>> sampled(jnp.ones((2, 5, 5), bool), points=8, dtype=jnp.dtype("float32")).shape
      (2, 8, 2)
    """
    flat = mask.reshape(-1, *mask.shape[-2:])
    return jax.vmap(partial(_outline, points=points, dtype=dtype))(flat).reshape(*mask.shape[:-2], points, 2)


def largest(image: jax.Array) -> jax.Array:
    """The largest 8-connected region of `(..., H, W, 1)` as a mask `(..., H, W)`; the first of equals.

    Example:
      >>> largest(jnp.array([1.0, 0.0, 1.0, 1.0]).reshape(1, 4, 1)).tolist()
      [[False, False, True, True]]
    """
    labels = connected_components(image)[..., 0]
    flat = labels.reshape(-1, labels.shape[-2] * labels.shape[-1])
    sizes = jax.vmap(lambda x: jnp.zeros(x.shape[0] + 1, jnp.int32).at[x].add(1))(flat).at[:, 0].set(0)
    most = jnp.argmax(sizes, 1).astype(flat.dtype)[:, None]
    return ((flat == most) & (flat > 0)).reshape(labels.shape)


class _Walk(NamedTuple):
    """Where a walk around a shape stands: at `4 * pixel + side`, after so many straight steps and turns."""

    at: jax.Array
    straight: jax.Array
    turns: jax.Array

    def length(self, dtype: jnp.dtype) -> jax.Array:
        """Pixels walked: from the middle of a side to that of the next it is 1, around a corner half a diagonal."""
        return self.straight.astype(dtype) + jnp.asarray(math.sqrt(0.5), dtype) * self.turns.astype(dtype)


def _outline(mask: jax.Array, *, points: int, dtype: jnp.dtype) -> jax.Array:
    """(H, W) bool, one region -> (points, 2). Walks twice, first to measure, so that nothing long is kept."""
    stride = mask.shape[1] + 2
    inside = jnp.pad(mask, 1).ravel()
    start = jnp.where(mask.any(), 4 * jnp.argmax(inside), 4 * (stride + 1)).astype(jnp.int32)
    begin = _Walk(start, jnp.int32(0), jnp.int32(0))

    def goes_on(state: tuple[_Walk, jax.Array]) -> jax.Array:
        walk, _ = state
        return (walk.turns == 0) | (walk.at != start)

    def measure(state: tuple[_Walk, jax.Array]) -> tuple[_Walk, jax.Array]:
        return _step(state[0], inside, stride), state[1]

    length = lax.while_loop(goes_on, measure, (begin, start))[0].length(dtype)
    place = jnp.arange(points, dtype=dtype) * (length / points)

    def sample(state: tuple[_Walk, jax.Array]) -> tuple[_Walk, jax.Array]:
        walk, out = state
        onward = _step(walk, inside, stride)
        before, after = walk.length(dtype), onward.length(dtype)
        share = ((place - before) / (after - before))[:, None]
        here, there = (_middle(w.at, stride, dtype)[None] for w in (walk, onward))
        return onward, jnp.where((place >= before)[:, None], here + share * (there - here), out)

    out = lax.while_loop(goes_on, sample, (begin, jnp.zeros((points, 2), dtype)))[1]
    return jnp.where(mask.any(), out, 0)


def _step(walk: _Walk, inside: jax.Array, stride: int) -> _Walk:
    """To the next side: around the corner where the shape goes on, straight ahead, or around the pixel itself."""
    normal = jnp.asarray(NORMALS @ np.array([stride, 1], np.int32))
    pixel, side = walk.at // 4, walk.at % 4
    ahead = pixel + normal[(side + 1) % 4]
    beyond = ahead + normal[side]
    straight = inside[ahead] & ~inside[beyond]
    turned = jnp.where(inside[beyond], 4 * beyond + (side + 3) % 4, 4 * pixel + (side + 1) % 4)
    count = straight.astype(jnp.int32)
    return _Walk(jnp.where(straight, 4 * ahead + side, turned), walk.straight + count, walk.turns + 1 - count)


def _middle(at: jax.Array, stride: int, dtype: jnp.dtype) -> jax.Array:
    """The middle (x, y) of a side of a pixel, in the picture without its padding."""
    pixel = at // 4
    half = 0.5 * jnp.asarray(NORMALS)[at % 4].astype(dtype)
    return jnp.stack([pixel % stride - 1, pixel // stride - 1]).astype(dtype) + half[::-1]
