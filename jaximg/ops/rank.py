"""Rank filters: the k-th smallest value of a window, by sorting networks of shifted slices. Exact."""

from collections.abc import Callable
from functools import partial, reduce

import jax
import jax.numpy as jnp

from jaximg.ops import windows
from jaximg.ops.winners import index_of, take_chosen
from jaximg.typing import Border, Image, Scalar, check_image, check_size

MAX_SIZE = 15
MAX_SOFT_SIZE = 7

FUSED = 49
"""Windows of up to so many pixels sort their columns anew, in registers, rather than share them through memory."""


def median_blur(image: Image, size: int | tuple[int, int]) -> jax.Array:
    """Median over a window, OpenCV's `medianBlur`; its border is replicated.

        out = the middle one of the window's height * width values, each channel by itself

    The window's columns are sorted, in large windows once for all that share them, and merged by Batcher's network, of
    which only the comparisons that can reach the middle are kept. The gradient goes to the first pixel of the value
    chosen.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      size: window in pixels, odd, at most 15; one int or `(height, width)`, static.

    Returns:
      `(..., H, W, C)`, the image's dtype; every value is one of the window's.

    Raises:
      TypeError: an image that is not floating point, or a size that is not a static integer.
      ValueError: no channel axis, or a size that is even, below 1 or above 15.

    Example:
      >>> import jax.numpy as jnp
      >>> median_blur(jnp.array([1.0, 9.0, 2.0, 3.0, 4.0]).reshape(1, 5, 1), (1, 3))[0, :, 0].tolist()
      [1.0, 2.0, 3.0, 3.0, 4.0]

    References:
      K. E. Batcher, Sorting networks and their applications, 1968. OpenCV, `cv::medianBlur`.
    """
    height, width = check_size(size, "size", odd=True)
    return rank_filter(image, size, height * width // 2, border="edge")


def soft_median_blur(image: Image, size: int | tuple[int, int], *, temperature: Scalar = 0.01) -> jax.Array:
    """Smooth median over a window: `median_blur` with a gradient for every pixel.

        out = sum_k w_k x_k / sum_k w_k,   w_k = exp(-d_k / t),   d_k = mean over the window of |x_k - x_j|

    The median is the value of the window with the least mean distance to the others, so this is `median_blur` as t -> 0
    and the mean as t -> infinity. The border is replicated.

    Args:
      image: `(..., H, W, C)` floating point, any range; channels apart.
      size: window in pixels, odd, at most 7; one int or `(height, width)`, static.
      temperature: t, in the image's units, > 0; traced or concrete.

    Returns:
      `(..., H, W, C)`, the image's dtype, within the window's range.

    Raises:
      TypeError: an image that is not floating point, or a size that is not a static integer.
      ValueError: no channel axis, or a size that is even, below 1 or above 7.

    Example:
      >>> import jax.numpy as jnp
      >>> x = jnp.array([1.0, 9.0, 2.0, 3.0, 4.0]).reshape(1, 5, 1)
      >>> soft_median_blur(x, (1, 3), temperature=0.01)[0, :, 0].round(2).tolist()
      [1.0, 2.0, 3.0, 3.0, 4.0]

    References:
      Prillo and Eisenschlos, SoftSort: a continuous relaxation for the argsort operator, 2020 (softmax of distances).
    """
    image = check_image(image)
    height, width = check_size(size, "size", odd=True)
    if max(height, width) > MAX_SOFT_SIZE:
        raise ValueError(
            f"size={size!r}; the soft median goes up to {MAX_SOFT_SIZE}: shrink the picture, or blur twice"
        )
    return _soft_median(image, jnp.asarray(temperature, windows.wide(image.dtype)), height, width)


def rank_filter(image: Image, size: int | tuple[int, int], rank: int, *, border: Border = "edge") -> jax.Array:
    """The `rank`-th smallest value of a window: 0 is erosion, the middle the median, the last dilation.

        out = sort(window)[rank], each channel by itself

    Args:
      image: `(..., H, W, C)` floating point, any range.
      size: window in pixels, odd, at most 15; one int or `(height, width)`, static.
      rank: which of the sorted values, 0 to `height * width - 1`, static; a negative one counts from the largest.
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".

    Returns:
      `(..., H, W, C)`, the image's dtype; every value is one of the window's. The gradient goes to the pixel chosen.

    Raises:
      TypeError: an image that is not floating point, or a size that is not a static integer.
      ValueError: no channel axis, a size that is even, below 1 or above 15, or a rank outside the window.

    Example:
      >>> import jax.numpy as jnp
      >>> rank_filter(jnp.array([1.0, 9.0, 2.0, 3.0, 4.0]).reshape(1, 5, 1), (1, 3), -1)[0, :, 0].tolist()
      [9.0, 9.0, 9.0, 4.0, 4.0]

    References:
      K. E. Batcher, Sorting networks and their applications, 1968. SciPy, `scipy.ndimage.rank_filter`.
    """
    image = check_image(image)
    height, width = check_size(size, "size", odd=True)
    if max(height, width) > MAX_SIZE:
        raise ValueError(f"size={size!r}; sorting networks go up to {MAX_SIZE}: shrink the picture, or filter twice")
    if not -height * width <= rank < height * width:
        raise ValueError(f"rank={rank}; a {height} x {width} window has ranks 0 to {height * width - 1}")
    return _rank(image, height, width, rank % (height * width), border)


def percentile_filter(
    image: Image, size: int | tuple[int, int], percentile: float, *, border: Border = "edge"
) -> jax.Array:
    """The value below which a percentage of the window lies: 0 is erosion, 50 the median, 100 dilation.

        out = sort(window)[min(floor(n * percentile / 100), n - 1)],  n = height * width

    Args:
      image: `(..., H, W, C)` floating point, any range.
      size: window in pixels, odd, at most 15; one int or `(height, width)`, static.
      percentile: 0 to 100, static; a negative one counts from 100.
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".

    Returns:
      `(..., H, W, C)`, the image's dtype; every value is one of the window's. The gradient goes to the pixel chosen.

    Raises:
      TypeError: an image that is not floating point, or a size that is not a static integer.
      ValueError: no channel axis, a size that is even, below 1 or above 15, or a percentile outside -100 to 100.

    Example:
      >>> import jax.numpy as jnp
      >>> percentile_filter(jnp.array([1.0, 9.0, 2.0, 3.0, 4.0]).reshape(1, 5, 1), (1, 3), 0)[0, :, 0].tolist()
      [1.0, 1.0, 2.0, 2.0, 3.0]

    References:
      SciPy, `scipy.ndimage.percentile_filter`.
    """
    if not -100 <= percentile <= 100:
        raise ValueError(f"percentile={percentile}; it lies between 0 and 100, or -100 and 0 to count from the largest")
    height, width = check_size(size, "size", odd=True)
    count = height * width
    share = percentile + 100 if percentile < 0 else percentile
    return rank_filter(image, size, min(int(count * share / 100), count - 1), border=border)


@partial(jax.custom_jvp, nondiff_argnums=(1, 2, 3, 4))
def _ranked(image: jax.Array, height: int, width: int, rank: int, border: Border) -> jax.Array:
    if (height, width, rank) == (3, 3, 4):
        return windows.over_frame(_median9, image, (1, 1), (1, 1), border)
    if height * width <= FUSED:
        return windows.over_frame(
            lambda see: _merged([_sort([see(i, j) for i in range(height)]) for j in range(width)])[rank],
            image,
            windows.reach(height),
            windows.reach(width),
            border,
        )
    columns = windows.apart(partial(_sorted_columns, height=height, width=width, border=border))(image)
    h, w = image.shape[-3:-1]
    return _merged([[windows.shifted(c, 0, j, h, w) for c in columns] for j in range(width)])[rank]


@_ranked.defjvp
def _ranked_jvp(
    height: int, width: int, rank: int, border: Border, primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    (image,), (tangent,) = primals, tangents
    out = _ranked(image, height, width, rank, border)
    offsets = tuple((i, j) for i in range(height) for j in range(width))
    window = offsets, (height, width), border
    return out, take_chosen(tangent, index_of(image, out, *window), *window)


_rank = jax.jit(_ranked, static_argnums=(1, 2, 3, 4))


@partial(jax.jit, static_argnums=(2, 3))
def _soft_median(image: jax.Array, temperature: jax.Array, height: int, width: int) -> jax.Array:
    def ordered(x: jax.Array) -> tuple[jax.Array, ...]:
        padded = windows.pad(x, windows.reach(height), windows.reach(width), "edge")
        h, w = x.shape[-3:-1]
        return tuple(_sort([windows.shifted(padded, i, j, h, w) for i in range(height) for j in range(width)]))

    values = windows.apart(ordered)(image.astype(temperature.dtype))
    count, middle = len(values), len(values) // 2
    median, weight = values[middle], jnp.ones_like(values[middle])
    total = jnp.zeros_like(median)
    for side in (values[middle:], values[middle::-1]):
        distance = jnp.zeros_like(median)
        for k, (near, far) in enumerate(zip(side, side[1:], strict=False)):
            distance = distance + (2 * k + 1) / count * jnp.abs(
                far - near
            )  # as k + 1 values more lie behind than ahead
            own = jnp.exp(-distance / temperature)
            total, weight = total + own * (far - median), weight + own
    return (median + total / weight).astype(image.dtype)


def _sorted_columns(image: jax.Array, height: int, width: int, border: Border) -> list[jax.Array]:
    padded = windows.pad(image, windows.reach(height), windows.reach(width), border)
    h, w = image.shape[-3], padded.shape[-2]
    return _sort([windows.shifted(padded, i, 0, h, w) for i in range(height)])


def _median9(see: Callable[[int, int], jax.Array]) -> jax.Array:
    """The median of nine is that of the largest low, the middle middle and the smallest high of its sorted columns."""
    low, middle, high = zip(*(_sort([see(i, j) for i in range(3)]) for j in range(3)), strict=True)
    return _sort([reduce(windows.greater, low), _sort(list(middle))[1], reduce(windows.lesser, high)])[1]


def _sort(values: list[jax.Array]) -> list[jax.Array]:
    half = len(values) // 2
    return values if half == 0 else _merge(_sort(values[:half]), _sort(values[half:]))


def _merged(columns: list[list[jax.Array]]) -> list[jax.Array]:
    """All values of sorted columns, sorted."""
    while len(columns) > 1:
        pairs = zip(columns[::2], columns[1::2], strict=False)
        columns = [_merge(a, b) for a, b in pairs] + columns[len(columns) & ~1 :]
    return columns[0]


def _merge(a: list[jax.Array], b: list[jax.Array]) -> list[jax.Array]:
    """Batcher's odd-even merge of two sorted lists of any length."""
    if not a or not b:
        return a or b
    if len(a) == len(b) == 1:
        return [windows.lesser(a[0], b[0]), windows.greater(a[0], b[0])]
    even, odd = _merge(a[::2], b[::2]), _merge(a[1::2], b[1::2])
    pairs = list(zip(odd, even[1:], strict=False))
    merged = [f(x, y) for x, y in pairs for f in (windows.lesser, windows.greater)]
    return [even[0], *merged, *odd[len(pairs) :], *even[len(pairs) + 1 :]]
