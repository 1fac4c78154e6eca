"""Structuring elements: what a caller may pass, and the extreme, hard or soft, over one at every pixel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaximg.ops import windows
from jaximg.ops.winners import index_of_extreme, take_chosen
from jaximg.typing import check_size, is_traced

Element = int | tuple[int, int] | np.ndarray | jax.Array | Sequence[Sequence[int]]
"""A side or a `(height, width)` of a full rectangle, or a 2-D array, nonzero where the element has a pixel."""

UNROLLED_PIXELS = 100
"""Elements of up to so many pixels are compared one by one; larger ones by the runs of their rows."""


@dataclass(frozen=True)
class Pixels:
    """A structuring element as a static value: its box, and its pixels as (row, column), all of them if full."""

    height: int
    width: int
    offsets: tuple[tuple[int, int], ...]

    @property
    def full(self) -> bool:
        """Whether every pixel of the box belongs to the element."""
        return len(self.offsets) == self.height * self.width

    def runs(self) -> list[tuple[int, int, int]]:
        """The element as (row, first column, length)."""
        runs: list[tuple[int, int, int]] = []
        for i, j in self.offsets:
            row, start, length = runs[-1] if runs else (-1, 0, 0)
            if row == i and start + length == j:
                runs[-1] = (i, start, length + 1)
            else:
                runs.append((i, j, 1))
        return runs


def check_element(element: Element) -> Pixels:
    """Returns the element's pixels, or says what is wrong with it.

    Args:
      element: see `Element`; concrete.

    Returns:
      The element as a hashable value.

    Raises:
      TypeError: a traced array, or something else than integers or an array.
      ValueError: not 1 or 2 sizes or a 2-D array, or no pixel in it.

    Example:
      >>> check_element([[0, 1], [1, 1]]).offsets
      ((0, 1), (1, 0), (1, 1))
    """
    values = concrete(element)
    if values.ndim < 2:
        values = np.ones(check_size(values.tolist(), "element"))
    if values.ndim != 2 or not values.any():
        raise ValueError(f"element has shape {values.shape}; pass a size or a 2-D array with a pixel that is not zero")
    height, width = values.shape
    return Pixels(height, width, tuple((int(i), int(j)) for i, j in np.argwhere(values)))


def concrete(element: Element) -> np.ndarray:
    """The element as a numpy array; TypeError if it is traced, as a shape must be known.

    Example:
      >>> concrete([[1, 0]]).shape
      (1, 2)
    """
    if is_traced(element):
        raise TypeError("element is traced; its shape decides the program: pass a numpy array, or close over it")
    return np.asarray(element)


@partial(jax.jit, static_argnums=1, static_argnames="largest")
def extreme(image: jax.Array, pixels: Pixels, *, largest: bool) -> jax.Array:
    """Maximum or minimum over the element, anchored at `size // 2`; what is outside the picture doesn't count.

    Example:
      >>> extreme(jnp.arange(4.0).reshape(1, 4, 1), Pixels(1, 2, ((0, 0), (0, 1))), largest=True)[0, :, 0].tolist()
      [0.0, 1.0, 2.0, 3.0]
    """
    if pixels.full and max(pixels.height, pixels.width) > windows.RADIX:
        down = Pixels(pixels.height, 1, tuple((i, 0) for i in range(pixels.height)))
        return _extreme(_extreme(image, _row(pixels.width), largest), down, largest)
    return _extreme(image, pixels, largest)


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _extreme(image: jax.Array, pixels: Pixels, largest: bool) -> jax.Array:
    neutral = _neutral(image, largest)
    combine = windows.greater if largest else windows.lesser
    rows, columns = windows.reach(pixels.height), windows.reach(pixels.width)
    if len(pixels.offsets) <= UNROLLED_PIXELS:
        seen = pixels.offsets
        return windows.over_frame(
            lambda see: reduce(combine, (see(i, j) for i, j in seen)), image, rows, columns, "constant", neutral
        )
    sliding = windows.sliding_max if largest else windows.sliding_min
    if pixels.full:
        return windows.slide(sliding, image, (pixels.height, pixels.width), "constant", neutral)
    return _by_runs(windows.pad_columns(image, columns, "constant", neutral), pixels, sliding, combine, neutral)


@_extreme.defjvp
def _extreme_jvp(
    pixels: Pixels, largest: bool, primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    (image,), (tangent,) = primals, tangents
    if len(pixels.offsets) > UNROLLED_PIXELS:
        return jax.jvp(partial(_in_steps, pixels=pixels, largest=largest), primals, tangents)
    size = pixels.height, pixels.width
    index = index_of_extreme(image, pixels.offsets, size, largest=largest)
    return _extreme(image, pixels, largest), take_chosen(tangent, index, pixels.offsets, size, "constant")


def _in_steps(image: jax.Array, pixels: Pixels, largest: bool) -> jax.Array:
    """The same by many small windows, for the sake of the derivative: along the rows, then down, a length at a time."""
    by_length: dict[int, list[tuple[int, int]]] = {}
    for i, j, length in pixels.runs():
        by_length.setdefault(length, []).append((i, j + length // 2))
    left, right = windows.reach(pixels.width)
    wide = windows.pad_columns(image, (left, right), "constant", _neutral(image, largest))
    found = []
    for length, places in by_length.items():
        along = _extreme(wide, _row(length), largest)
        found.append(_extreme(along, Pixels(pixels.height, pixels.width, tuple(places)), largest))
    out = reduce(windows.greater if largest else windows.lesser, found)
    return out[..., left : left + image.shape[-2], :]


def _row(length: int) -> Pixels:
    return Pixels(1, length, tuple((0, j) for j in range(length)))


def _neutral(image: jax.Array, largest: bool) -> jax.Array:
    limits = jnp.finfo(image.dtype)
    return jnp.asarray(limits.min if largest else limits.max, image.dtype)


def _seen(padded: jax.Array, pixels: Pixels) -> list[jax.Array]:
    """The picture as each pixel of the element sees it."""
    height, width = padded.shape[-3] - pixels.height + 1, padded.shape[-2] - pixels.width + 1
    return [windows.shifted(padded, i, j, height, width) for i, j in pixels.offsets]


def _by_runs(
    padded: jax.Array,
    pixels: Pixels,
    sliding: Callable[[jax.Array, int, int], jax.Array],
    combine: Callable[[jax.Array, jax.Array], jax.Array],
    neutral: jax.Array,
) -> jax.Array:
    """Extremes over each length of run along the rows, once; then down the columns over the runs of all rows."""
    runs = pixels.runs()
    lengths = sorted({length for *_, length in runs})
    along = windows.apart(lambda x: tuple(sliding(x, 1, length) for length in lengths))(padded)
    rows = windows.reach(pixels.height)
    along = windows.apart(lambda *x: tuple(windows.pad(v, rows, (0, 0), "constant", neutral) for v in x))(*along)
    height, width = padded.shape[-3], padded.shape[-2] - pixels.width + 1

    def across(*x: jax.Array) -> jax.Array:
        by_length = dict(zip(lengths, x, strict=True))
        return reduce(combine, (windows.shifted(by_length[n], i, j, height, width) for i, j, n in runs))

    return windows.apart(across)(*along)


@partial(jax.jit, static_argnums=1)
def soft_maximum(image: jax.Array, pixels: Pixels, temperature: jax.Array) -> jax.Array:
    """`t log(mean over the element of exp(image / t))`; what is outside the picture doesn't count.

    Example:
      >>> soft_maximum(jnp.ones((3, 3, 1)), Pixels(1, 2, ((0, 0), (0, 1))), jnp.float32(0.1))[0, :, 0].tolist()
      [1.0, 1.0, 1.0]
    """
    x = image.astype(temperature.dtype)
    # Outside: a value so low that its exponential vanishes, and yet near enough for finite derivatives.
    low = lax.stop_gradient(x.min() - 128 * temperature)
    height, width = windows.reach(pixels.height), windows.reach(pixels.width)
    padded = windows.materialise(windows.pad(x, height, width, "constant", low))
    sums = _sums_by_axis if pixels.full else _sums_by_pixel
    greatest, total = sums(padded, pixels, temperature)
    count = _count(x.shape[-3], x.shape[-2], pixels).astype(x.dtype)[..., None]
    mean = total / lax.broadcast_in_dim(count, total.shape, range(total.ndim - 3, total.ndim))
    return (greatest + temperature * jnp.log(mean)).astype(image.dtype)


def _sums_by_pixel(padded: jax.Array, pixels: Pixels, temperature: jax.Array) -> tuple[jax.Array, jax.Array]:
    seen = _seen(padded, pixels)
    greatest = windows.materialise(lax.stop_gradient(reduce(windows.greater, seen)))
    return greatest, sum((jnp.exp((v - greatest) / temperature) for v in seen), jnp.zeros_like(greatest))


def _sums_by_axis(padded: jax.Array, pixels: Pixels, temperature: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Maximum and sum of exponentials below it, along the rows and then down the columns."""
    height, width = padded.shape[-3] - pixels.height + 1, padded.shape[-2] - pixels.width + 1
    along = windows.materialise(lax.stop_gradient(windows.sliding_max(padded, 1, pixels.width)))
    shifted = (windows.shifted(padded, 0, j, padded.shape[-3], width) for j in range(pixels.width))
    total = sum((jnp.exp((v - along) / temperature) for v in shifted), jnp.zeros_like(along))
    greatest, total = windows.materialise((windows.sliding_max(along, pixels.height, 1), total))
    down = ((windows.shifted(v, i, 0, height, width) for v in (along, total)) for i in range(pixels.height))
    return greatest, sum((t * jnp.exp((m - greatest) / temperature) for m, t in down), jnp.zeros_like(greatest))


def _count(height: int, width: int, pixels: Pixels) -> jax.Array:
    """How many pixels of the element lie inside the picture, at least 1: `(height, width)`."""

    def inside(length: int, size: int) -> jax.Array:
        place = np.arange(length)[:, None] + np.arange(size)[None, :] - size // 2
        return jnp.asarray((place >= 0) & (place < length), jnp.float32)

    element = np.zeros((pixels.height, pixels.width), np.float32)
    element[tuple(np.transpose(pixels.offsets))] = 1
    rows = jnp.matmul(inside(height, pixels.height), element, precision="highest")
    count = jnp.matmul(rows, inside(width, pixels.width).T, precision="highest")
    return jnp.maximum(count, 1)
