"""Canny's edges: the exact detector, and a soft one that can be differentiated."""

import operator
from collections.abc import Callable
from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaximg.ops import windows
from jaximg.typing import Image, Scalar, check_image

WORD = 32
"""Rows held by one word of the hysteresis: a column of bits, one a pixel."""

TIE = {False: 2.0**-17, True: 2.0**-22}
"""Magnitudes this close, relative to themselves or to `high`, are equal: less than one unit of an 8-bit picture's Sobel
sums (squared sums with the Euclidean norm), more than the rounding of the same picture divided by 255."""

TAN = 13573
"""tan(22.5 degrees) in units of 2^-15, as OpenCV has it."""

ROUNDS = 16
"""Dilations between two looks at whether the hysteresis has come to rest; even."""


def canny(image: Image, low: Scalar, high: Scalar, *, l2_gradient: bool = False) -> jax.Array:
    """Canny's edges, pixel for pixel those of OpenCV's `Canny`.

        g = sobel of the picture, |g| = |gx| + |gy| or sqrt(gx^2 + gy^2)
        thin = |g| is greatest across the edge (4 directions) and |g| > low
        edge = thin pixels that thin pixels join, 8-connected, to one with |g| > high

    Of several channels the one with the greatest magnitude counts at each pixel, the first of equals. The picture is
    not blurred first. Whole numbers (an 8-bit picture held as floats 0..255) are worked exactly and give OpenCV's
    pixels at any thresholds. Magnitudes that differ by rounding only (`TIE`) count as equal, so the same picture
    divided by 255, with its thresholds, keeps the ties that decide flat ramps: with `|gx| + |gy|` the pixels stay, but
    for thresholds of one or two grey levels; with the Euclidean norm a few in 100 000 move.

    Hard decisions throughout: the gradient is zero; `soft_canny` has a useful one.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      low: pixels above it may continue an edge; in the units of an unnormalised Sobel sum, that is up to four times
        the picture's range in each direction. Traced or concrete.
      high: pixels above it start an edge. Where `low > high` the two change places, as in OpenCV.
      l2_gradient: the Euclidean magnitude in place of `|gx| + |gy|`.

    Returns:
      `(..., H, W, 1)`, 1 on edges and 0 elsewhere, the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis.

    Example:
      >>> step = jnp.zeros((5, 6, 1)).at[:, 3:].set(1.0)
      >>> canny(step, 0.5, 2.0)[2, :, 0].tolist()
      [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]

    References:
      J. Canny, A computational approach to edge detection, PAMI 8(6), 1986. OpenCV, `cv::Canny`.
    """
    image = check_image(image)
    dtype = windows.wide(image.dtype)
    return _canny(image, jnp.asarray(low, dtype), jnp.asarray(high, dtype), l2_gradient=bool(l2_gradient))


@partial(jax.jit, static_argnames="l2_gradient")
def _canny(image: jax.Array, low: jax.Array, high: jax.Array, *, l2_gradient: bool) -> jax.Array:
    x, low, high = lax.stop_gradient((image.reshape(-1, *image.shape[-3:]), low, high))
    low, high = jnp.minimum(low, high), jnp.maximum(low, high)
    tie = TIE[l2_gradient]
    if l2_gradient:  # the magnitude comes squared; a negative threshold lets everything pass
        low, high = (jnp.where(t > 0, t * t, t) for t in (low, high))
    dx, dy, magnitude = _strongest_gradient(x.astype(low.dtype), _squared if l2_gradient else _absolute, tie)
    thin = _is_ridge(dx, dy, magnitude, tie * jnp.maximum(magnitude, high)) & (magnitude > (1 + tie) * low)
    level = thin.astype(jnp.uint8) + (thin & (magnitude > (1 + tie) * high)).astype(jnp.uint8)
    edges = _hysteresis(windows.materialise(level))
    return edges.astype(image.dtype).reshape(*image.shape[:-1], 1)


def _squared(dx: jax.Array, dy: jax.Array) -> jax.Array:
    return dx * dx + dy * dy


def _absolute(dx: jax.Array, dy: jax.Array) -> jax.Array:
    return jnp.abs(dx) + jnp.abs(dy)


def _strongest_gradient(
    x: jax.Array, norm: Callable[[jax.Array, jax.Array], jax.Array], tie: float = 0.0
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Sobel derivatives and magnitude, `(B, H, W)` each, of the channel where the magnitude is greatest."""
    height, width = x.shape[1:3]
    padded = windows.materialise(windows.pad(x, (1, 1), (1, 1), "edge"))

    def gradient(channel: int) -> tuple[jax.Array, jax.Array, jax.Array]:
        def tap(i: int, j: int) -> jax.Array:
            return windows.shifted(padded, i, j, height, width)[..., channel]

        dx = (tap(0, 2) - tap(0, 0)) + 2 * (tap(1, 2) - tap(1, 0)) + (tap(2, 2) - tap(2, 0))
        dy = (tap(2, 0) - tap(0, 0)) + 2 * (tap(2, 1) - tap(0, 1)) + (tap(2, 2) - tap(0, 2))
        return dx, dy, norm(dx, dy)

    best = gradient(0)
    for channel in range(1, x.shape[3]):
        other = gradient(channel)
        greater = other[2] > (1 + tie) * best[2]
        best = tuple(jnp.where(greater, new, old) for new, old in zip(other, best, strict=True))
    return windows.materialise(best)


def _is_ridge(dx: jax.Array, dy: jax.Array, magnitude: jax.Array, tie: jax.Array) -> jax.Array:
    """Whether the magnitude is greatest across the edge, ties as OpenCV breaks them.

    The sectors end at tan(22.5 deg) = `TAN` / 2^15 and tan(67.5 deg) = 2 + `TAN` / 2^15, written so that both sides
    are exact in float32 for the Sobel sums of an 8-bit picture.
    """
    ax, ay = jnp.abs(dx), jnp.abs(dy)
    flat, steep = ay * 32768 < ax * TAN, (ay - 2 * ax) * 32768 > ax * TAN
    rising = (dx < 0) != (dy < 0)

    def across(horizontal: jax.Array, vertical: jax.Array, up: jax.Array, down: jax.Array) -> jax.Array:
        return jnp.where(flat, horizontal, jnp.where(steep, vertical, jnp.where(rising, up, down)))

    pairs = _neighbours_across(magnitude)
    before, after = (across(*(pair[side] for pair in pairs)) for side in (0, 1))
    return (magnitude - tie > before) & (magnitude + jnp.where(flat | steep, tie, -tie) > after)


def _neighbours_across(magnitude: jax.Array) -> list[tuple[jax.Array, jax.Array]]:
    """The two neighbours along the row, the column, the rising and the falling diagonal; 0 outside the picture."""
    height, width = magnitude.shape[1:]
    padded = windows.materialise(jnp.pad(magnitude, ((0, 0), (1, 1), (1, 1))))

    def neighbour(dy: int, dx: int) -> jax.Array:
        return padded[:, 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]

    return [(neighbour(dy, dx), neighbour(-dy, -dx)) for dy, dx in ((0, -1), (-1, 0), (-1, 1), (-1, -1))]


def _hysteresis(level: jax.Array) -> jax.Array:
    """Pixels of level >= 1 that are 8-connected to one of level 2: `(B, H, W)` uint8 to bool.

    Dilation under a mask until nothing changes, 32 rows of a column in one word, so that a round over a megapixel
    touches 128 kB. Words meet their upper and lower neighbours once in `ROUNDS` rounds, which delays a path that
    crosses and loses nothing.
    """
    weak, strong = windows.apart(_pack)(level)
    mask = windows.apart(_widen)(weak)

    def grow(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        edges, _ = state
        new, beyond = windows.apart(lambda e: (_widen(e), _widen(_from_neighbour_words(e))))(edges)
        new = windows.apart(lambda new, mask, beyond: _dilate(_dilate(new, mask, 1, beyond), mask, 2))(
            new, mask, beyond
        )
        for i in range(3, ROUNDS + 1, 2):  # two at a time: more would be computed over and over, fewer write more
            new = windows.apart(lambda new, mask, i=i: _dilate(_dilate(new, mask, i), mask, i + 1))(new, mask)
        return new, jnp.any(new != edges)

    edges, _ = lax.while_loop(lambda state: state[1], grow, (strong, jnp.array(True)))
    return _unpack(edges, level.shape[1])


def _pack(level: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Two `(B, ceil(H / 32), W)` arrays of uint32, level >= 1 and level 2; bit b of a word is row 32 i + b."""
    batch, height, width = level.shape
    words = -(-height // WORD)
    rows = jnp.pad(level, ((0, 0), (0, words * WORD - height), (0, 0))).reshape(batch, words, WORD, width)
    bits = ((rows > jnp.uint8(threshold)).astype(jnp.uint32) << _bit_numbers() for threshold in (0, 1))
    weak, strong = (jnp.sum(b, 2, dtype=jnp.uint32) for b in bits)
    return weak, strong


def _unpack(words: jax.Array, height: int) -> jax.Array:
    bits = (words[:, :, None] >> _bit_numbers()) & jnp.uint32(1)
    return (bits != 0).reshape(words.shape[0], -1, words.shape[2])[:, :height]


def _bit_numbers() -> jax.Array:
    return jnp.asarray(np.arange(WORD, dtype=np.uint32)[None, None, :, None])


def _widen(words: jax.Array) -> jax.Array:
    return jnp.pad(words, ((0, 0), (0, 0), (ROUNDS, ROUNDS)))


def _dilate(words: jax.Array, mask: jax.Array, i: int, beyond: jax.Array | None = None) -> jax.Array:
    """Round `i`: one pixel on within each word, under the mask; a column less at either end."""
    words = _over_columns(words)
    words = words | (words << jnp.uint32(1)) | (words >> jnp.uint32(1))
    if beyond is not None:
        words |= _over_columns(beyond)
    return words & lax.slice_in_dim(mask, i, mask.shape[2] - i, axis=2)


def _over_columns(words: jax.Array) -> jax.Array:
    width = words.shape[2] - 2
    return reduce(operator.or_, (lax.slice_in_dim(words, j, j + width, axis=2) for j in range(3)))


def _from_neighbour_words(words: jax.Array) -> jax.Array:
    """The bits that a dilation carries over from the word above and the word below."""
    last = jnp.uint32(WORD - 1)
    above = jnp.pad(words[:, :-1] >> last, ((0, 0), (1, 0), (0, 0)))
    below = jnp.pad(words[:, 1:] << last, ((0, 0), (0, 1), (0, 0)))
    return above | below


# --- the soft one ----------------------------------------------------------------------------------------------------


def soft_canny(
    image: Image,
    low: Scalar,
    high: Scalar,
    *,
    temperature: Scalar = 0.05,
    steps: int = 8,
    l2_gradient: bool = False,
) -> jax.Array:
    """Canny's edges with every decision softened: the differentiable twin of `canny`.

        a > b           becomes  sigmoid((a - b) / temperature)
        ridge           = sum over 4 directions of weight * (|g| > before) * (|g| > after)
        thin, edge      = ridge * (|g| > low), ridge * (|g| > high)
        edge            = min(thin, greatest edge of the 3 x 3 window), `steps` times

    The last line is fuzzy connectedness: an edge is as strong as the weakest pixel on its best path to a strong one.
    As the temperature goes to zero the answer becomes `canny`'s, wherever no two magnitudes are equal and no path is
    longer than `steps` pixels. The gradient is finite everywhere.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      low: see `canny`; traced or concrete, differentiable.
      high: see `canny`; not below `low`.
      temperature: how soft, in the units of the thresholds, > 0; traced or concrete. The default suits pictures in
        [0, 1].
      steps: how many pixels far an edge may go on beyond a strong one, static.
      l2_gradient: the Euclidean magnitude in place of `|gx| + |gy|`.

    Returns:
      `(..., H, W, 1)` in [0, 1], the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis.

    Example:
      >>> step = jnp.zeros((5, 6, 1)).at[:, 3:].set(1.0)
      >>> jax.grad(lambda x: soft_canny(x, 0.5, 2.0)[2, 2, 0])(step).shape
      (5, 6, 1)

    References:
      J. Canny, PAMI 8(6), 1986. J. Udupa and S. Samarasekera, Fuzzy connectedness and object definition, 1996.
    """
    image = check_image(image)
    low, high, temperature = (jnp.asarray(v, windows.wide(image.dtype)) for v in (low, high, temperature))
    return _soft_canny(image, low, high, temperature, steps=steps, l2_gradient=bool(l2_gradient))


@partial(jax.jit, static_argnames=("steps", "l2_gradient"))
def _soft_canny(
    image: jax.Array, low: jax.Array, high: jax.Array, temperature: jax.Array, *, steps: int, l2_gradient: bool
) -> jax.Array:
    x = image.reshape(-1, *image.shape[-3:]).astype(low.dtype)
    dx, dy, magnitude = _strongest_gradient(x, partial(_smooth_norm, 0.1 * temperature, l2_gradient))
    ridge = _soft_ridge(dx, dy, magnitude, temperature)
    thin = ridge * jax.nn.sigmoid((magnitude - low) / temperature)
    edge = ridge * jax.nn.sigmoid((magnitude - high) / temperature)

    def grow(edge: jax.Array, _: None) -> tuple[jax.Array, None]:
        padded = windows.materialise(windows.pad(edge[..., None], (1, 1), (1, 1), "constant"))
        return jnp.minimum(thin, windows.sliding_max(padded, 3, 3)[..., 0]), None

    edge, _ = lax.scan(grow, edge, length=steps)
    return edge.astype(image.dtype).reshape(*image.shape[:-1], 1)


def _smooth_norm(epsilon: jax.Array, l2_gradient: bool, dx: jax.Array, dy: jax.Array) -> jax.Array:
    """The magnitude, rounded off within `epsilon` of zero so that its slope is defined there."""
    if l2_gradient:
        return jnp.sqrt(_squared(dx, dy) + epsilon * epsilon) - epsilon
    return jnp.sqrt(dx * dx + epsilon * epsilon) + jnp.sqrt(dy * dy + epsilon * epsilon) - 2 * epsilon


def _soft_ridge(dx: jax.Array, dy: jax.Array, magnitude: jax.Array, temperature: jax.Array) -> jax.Array:
    """How much the magnitude is the greatest across the edge: `_is_ridge` with a sigmoid for each comparison."""

    def more(difference: jax.Array) -> jax.Array:
        return jax.nn.sigmoid(difference / temperature)

    row, column, rising, falling = (
        more(magnitude - before) * more(magnitude - after) for before, after in _neighbours_across(magnitude)
    )
    ax, ay = jnp.abs(dx), jnp.abs(dy)
    tangent = TAN / 32768
    flat, steep = more(ax * tangent - ay), more(ay - ax * (2 + tangent))
    up = more(-4 * dx * dy / (ax + ay + temperature))
    diagonal = up * rising + (1 - up) * falling
    return flat * row + (1 - flat) * (steep * column + (1 - steep) * diagonal)
