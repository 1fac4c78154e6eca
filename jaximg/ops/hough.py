"""Hough transforms: lines and circles from the votes of edge pixels."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaximg.ops import windows
from jaximg.typing import Image, Scalar, check_image

CHUNK = 4096
"""Edge pixels that vote at a time."""


def hough_lines(image: Image, *, count: int = 16, angles: int = 180, threshold: Scalar = 0.0) -> jax.Array:
    """The lines that most edge pixels lie on, OpenCV's `HoughLines`.

        votes(theta, rho) = sum of image[y, x] over the pixels with round(x cos theta + y sin theta) = rho

    and of these the `count` greatest that are no less than their four neighbours. Only pixels that are not zero vote,
    so the time goes with their number. A hard decision: the gradient is zero.

    Args:
      image: `(..., H, W, 1)` edges, for instance `canny`'s; values are weights, not negative.
      count: how many lines to return, static.
      angles: steps of theta in [0, pi), static; 180 are degrees.
      threshold: lines with no more votes are left out; traced or concrete.

    Returns:
      `(..., count, 3)`, the image's dtype: rho in pixels, theta in radians, votes; by votes, most first. Rows of zeros
      where there are fewer lines.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis or several channels, or a count or number of angles below 1.

    Example:
      >>> edges = jnp.zeros((20, 30, 1)).at[7].set(1.0)
      >>> hough_lines(edges, count=1)[0].round(4).tolist()  # y = 7: theta is a right angle
      [7.0, 1.5707999467849731, 30.0]

    References:
      R. Duda and P. Hart, Use of the Hough transformation to detect lines and curves in pictures, 1972. OpenCV,
      `cv::HoughLines`.
    """
    image = check_image(image, channels=1)
    _check_counts(count=count, angles=angles)
    return _lines(image, jnp.asarray(threshold, windows.wide(image.dtype)), count=int(count), angles=int(angles))


def hough_circles(
    image: Image, radii: int | tuple[int, ...], *, count: int = 16, separation: int = 10, threshold: Scalar = 0.0
) -> jax.Array:
    """The circles that most edge pixels lie on.

        score(x, y, r) = sum of the image over the ring |distance to (x, y) - r| <= 1/2, over the ring's pixels

    by FFT; of these the `count` greatest, no two with centres within `separation` of each other. A hard decision: the
    gradient is zero.

    Args:
      image: `(..., H, W, 1)` edges, for instance `canny`'s; values are weights in [0, 1].
      radii: the radius in whole pixels, or several to try, static.
      count: how many circles to return, static.
      separation: centres this near along x and y are one, the best; in pixels, static.
      threshold: circles with no greater score are left out; traced or concrete.

    Returns:
      `(..., count, 4)`, the image's dtype: x, y, radius, and the score, that is the share of the ring that is edge;
      by score, best first. Rows of zeros where there are fewer circles.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis or several channels, or a count or radius below 1.

    Example:
      >>> y, x = np.mgrid[:40, :50]
      >>> edges = (abs(np.hypot(y - 18, x - 25) - 9) <= 0.5).astype(np.float32)[..., None]
      >>> hough_circles(edges, range(6, 13), count=1)[0].round(2).tolist()
      [25.0, 18.0, 9.0, 1.0]

    References:
      R. Duda and P. Hart, 1972. scikit-image, `skimage.transform.hough_circle`.
    """
    image = check_image(image, channels=1)
    radii = (radii,) if isinstance(radii, int) else tuple(int(r) for r in radii)
    _check_counts(count=count, radii=min(radii, default=0), separation=separation + 1)
    threshold = jnp.asarray(threshold, windows.wide(image.dtype))
    return _circles(image, threshold, radii=radii, count=int(count), separation=int(separation))


def _check_counts(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{name}={value}; it must be at least 1")


def _each(function: Callable[[jax.Array], jax.Array], image: jax.Array) -> jax.Array:
    """Applies a function of one `(H, W)` picture, in floats wide enough, to each of a batch."""
    planes = lax.stop_gradient(image[..., 0]).astype(windows.wide(image.dtype))
    out = jax.vmap(function)(planes.reshape(-1, *planes.shape[-2:]))
    return out.reshape(*image.shape[:-3], *out.shape[1:]).astype(image.dtype)


def _greatest(scores: jax.Array, threshold: jax.Array, count: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The `count` greatest of a 2-D array above a threshold: row, column, score; zeros where there are fewer."""
    threshold = lax.stop_gradient(jnp.maximum(threshold, 0))
    flat = jnp.pad(scores.ravel(), (0, max(0, count - scores.size)))
    top, index = lax.top_k(flat, count)
    found = top > threshold
    row, column = (jnp.where(found, i, 0) for i in jnp.divmod(index, scores.shape[1]))
    return row, column, jnp.where(found, top, jnp.zeros_like(top))


# --- lines -----------------------------------------------------------------------------------------------------------


@partial(jax.jit, static_argnames=("count", "angles"))
def _lines(image: jax.Array, threshold: jax.Array, *, count: int, angles: int) -> jax.Array:
    def one(edges: jax.Array) -> jax.Array:
        votes = _vote(edges, angles)
        padded = jnp.pad(votes, 1)
        before = jnp.maximum(padded[1:-1, :-2], padded[:-2, 1:-1])
        after = jnp.maximum(padded[1:-1, 2:], padded[2:, 1:-1])
        peaks = jnp.where((votes > before) & (votes >= after), votes, jnp.zeros_like(votes))
        angle, rho, score = _greatest(peaks, threshold, count)
        rho = jnp.where(score > 0, rho - votes.shape[1] // 2, 0).astype(score.dtype)
        return jnp.stack([rho, angle.astype(score.dtype) * (np.pi / angles), score], -1)

    return _each(one, image)


def _vote(edges: jax.Array, angles: int) -> jax.Array:
    """`(H, W)` to the accumulator `(angles, 2 (H + W) + 1)`, in whose middle rho is 0."""
    height, width = edges.shape
    middle = height + width
    bins = 2 * middle + 1
    theta = jnp.asarray(np.arange(angles) * (np.pi / angles), edges.dtype)
    cosine, sine, row = (v[:, None] for v in (jnp.cos(theta), jnp.sin(theta), jnp.arange(angles, dtype=jnp.int32)))
    pixels, number = _voters(edges)
    weights = jnp.pad(edges.ravel(), (0, 1))  # one that weighs nothing, for the places left over

    def vote(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        done, votes = state
        voters = lax.dynamic_slice_in_dim(pixels, done, CHUNK)
        y, x = (v.astype(edges.dtype)[None] for v in jnp.divmod(voters, width))
        rho = jnp.round(x * cosine + y * sine).astype(jnp.int32) + middle
        place = row * bins + jnp.clip(rho, 0, bins - 1)
        weight = jnp.broadcast_to(weights[voters][None], place.shape)
        return done + CHUNK, votes.at[place].add(weight, mode="promise_in_bounds")

    start = jnp.int32(0), jnp.zeros(angles * bins, edges.dtype)
    return lax.while_loop(lambda state: state[0] < number, vote, start)[1].reshape(angles, bins)


def _voters(edges: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The indices of the pixels that are not zero, then of none, in whole chunks; and how many there are."""
    mask = edges.ravel() != 0
    places = -(-mask.size // CHUNK) * CHUNK
    rank = jnp.cumsum(mask, dtype=jnp.int32)
    target = jnp.where(mask, rank - 1, places)
    pixels = jnp.full(places, mask.size, jnp.int32)
    return pixels.at[target].set(jnp.arange(mask.size, dtype=jnp.int32), mode="drop"), rank[-1]


# --- circles ---------------------------------------------------------------------------------------------------------


@partial(jax.jit, static_argnames=("radii", "count", "separation"))
def _circles(
    image: jax.Array, threshold: jax.Array, *, radii: tuple[int, ...], count: int, separation: int
) -> jax.Array:
    def one(edges: jax.Array) -> jax.Array:
        score, radius = _best_ring(edges, radii)
        size = 2 * separation + 1
        around = windows.slide(windows.sliding_max, score[..., None], (size, size), "constant")[..., 0]
        peaks = jnp.where(score >= around, score, jnp.zeros_like(score))
        y, x, best = _greatest(peaks, threshold, count)
        radius = jnp.where(best > 0, radius[y, x], 0)
        return jnp.stack([*(v.astype(best.dtype) for v in (x, y, radius)), best], -1)

    return _each(one, image)


def _best_ring(edges: jax.Array, radii: tuple[int, ...]) -> tuple[jax.Array, jax.Array]:
    """For each centre the greatest share of a ring that is edge, and the ring's radius; the first of equals."""
    height, width = edges.shape
    shape = tuple(_fast_size(n + max(radii)) for n in (height, width))
    spectrum = jnp.fft.rfft2(edges.astype(jnp.float32), shape)
    y, x = (np.minimum(np.arange(n), n - np.arange(n)).astype(np.float32) for n in shape)
    distance = jnp.sqrt(jnp.square(y)[:, None] + jnp.square(x)[None, :])

    def better(best: tuple[jax.Array, jax.Array], radius: jax.Array) -> tuple[tuple[jax.Array, jax.Array], None]:
        ring = (jnp.abs(distance - radius.astype(jnp.float32)) <= 0.5).astype(jnp.float32)
        votes = jnp.fft.irfft2(spectrum * jnp.fft.rfft2(ring), shape)[:height, :width]
        # Rounded to what votes of eight bits can differ by, so that equal shares stay equal after the FFT.
        share = jnp.round(votes * 1024) / (1024 * ring.sum())
        greater = share > best[0]
        return (jnp.where(greater, share, best[0]), jnp.where(greater, radius, best[1])), None

    start = jnp.zeros((height, width), jnp.float32), jnp.full((height, width), radii[0], jnp.int32)
    (score, radius), _ = lax.scan(better, start, jnp.asarray(radii, jnp.int32))
    return score.astype(edges.dtype), radius


def _fast_size(n: int) -> int:
    """The next size with no prime factor above 5."""
    while True:
        rest = n
        for p in (2, 3, 5):
            while rest % p == 0:
                rest //= p
        if rest == 1:
            return n
        n += 1
