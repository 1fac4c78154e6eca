"""Borders: pictures padded, and windows over padded pictures without a padded copy of them.

A copy costs as much as a small window. A slice of a picture that starts some rows and columns further is, in memory,
the picture from another place on; so all but the frame can be computed from the picture as it lies (`over_frame`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaximg.ops.primitives import apart
from jaximg.typing import BORDERS, Border, Scalar, check_choice

See = Callable[[int, int], Any]
"""`see(i, j)`: the pictures as the window's pixel in row i and column j sees them."""

WIDEST = 32
"""Columns that a window may reach over for its frame to be worth computing by itself."""


def pad(
    image: jax.Array,
    height: tuple[int, int],
    width: tuple[int, int],
    border: Border,
    value: Scalar = 0.0,
) -> jax.Array:
    """Pads `(..., H, W, C)` by `height = (top, bottom)` and `width = (left, right)` pixels.

    Any width is allowed, wider than the image too: the pattern goes on, as in `numpy.pad`. The adjoint (which folds
    the border back) comes from JAX itself and touches the border strips only.

    Args:
      image: `(..., H, W, C)`.
      height: pixels to add above and below.
      width: pixels to add left and right.
      border: "reflect" (OpenCV's REFLECT_101), "symmetric" (REFLECT), "edge" (REPLICATE), "constant", "wrap".
      value: the colour of a constant border, in the image's units.

    Returns:
      `(..., top + H + bottom, left + W + right, C)`.

    Raises:
      ValueError: an unknown border.

    Example:
      >>> pad(jnp.arange(3.0).reshape(1, 3, 1), (0, 0), (2, 4), "reflect")[0, :, 0].tolist()
      [2.0, 1.0, 0.0, 1.0, 2.0, 1.0, 0.0, 1.0, 2.0]
    """
    check_choice(border, BORDERS, "border")
    return _pad_axis(_pad_axis(image, -3, *height, border, value), -2, *width, border, value)


def _pad_axis(x: jax.Array, axis: int, before: int, after: int, border: Border, value: Scalar = 0.0) -> jax.Array:
    return _span(x, axis, -before, x.shape[axis] + after, border, value)


def _span(x: jax.Array, axis: int, start: int, stop: int, border: Border, value: Scalar) -> jax.Array:
    """What an axis holds between two places, which may lie beyond its ends."""
    size, before, after = x.shape[axis], max(-start, 0), max(stop - x.shape[axis], 0)
    inside = lax.slice_in_dim(x, max(start, 0), min(stop, size), axis=axis)
    if before == after == 0:
        return inside
    if border == "constant":
        config = [(0, 0, 0)] * x.ndim
        config[axis] = (before, after, 0)
        return lax.pad(inside, jnp.asarray(value, x.dtype), config)
    index = np.pad(np.arange(size), (before, after), mode=border)
    ends = [index[:before], index[len(index) - after :]]
    head, tail = (jnp.take(x, end, axis=axis, indices_are_sorted=False, mode="clip") for end in ends)
    return lax.concatenate([head, inside, tail], x.ndim + axis)


def pad_columns(image: jax.Array, width: tuple[int, int], border: Border, value: Scalar = 0.0) -> jax.Array:
    """`pad` by `(left, right)` alone, in memory.

    Example:
      >>> pad_columns(jnp.arange(3.0).reshape(1, 3, 1), (1, 1), "edge")[0, :, 0].tolist()
      [0.0, 0.0, 1.0, 2.0, 2.0]
    """

    def padded(x: jax.Array) -> jax.Array:
        if border != "constant":
            return pad(x, (0, 0), width, border, value)
        colour = jnp.asarray(value, x.dtype)  # joined, not padded: the copy is a plain one, twice as fast
        left, right = (jnp.broadcast_to(colour, (*x.shape[:-2], n, x.shape[-1])) for n in width)
        return lax.concatenate([left, x, right], x.ndim - 2)

    return apart(padded)(image) if any(width) else image


def shifted(padded: jax.Array, dy: int, dx: int, height: int, width: int) -> jax.Array:
    """The window `padded[..., dy : dy + height, dx : dx + width, :]`: the image as seen by one tap of a kernel.

    Example:
      >>> shifted(jnp.arange(12.0).reshape(3, 4, 1), 1, 2, 2, 2)[..., 0].tolist()
      [[6.0, 7.0], [10.0, 11.0]]
    """
    rows = lax.slice_in_dim(padded, dy, dy + height, axis=padded.ndim - 3)
    return lax.slice_in_dim(rows, dx, dx + width, axis=padded.ndim - 2)


def reach(taps: int) -> tuple[int, int]:
    """How far a window of `taps` pixels reaches before and after its anchor `taps // 2` (OpenCV's, even sizes too).

    Example:
      >>> reach(5), reach(4)
      ((2, 2), (2, 1))
    """
    return taps // 2, taps - 1 - taps // 2


def over_rows(
    window: Callable[[jax.Array], jax.Array],
    image: jax.Array,
    before: int,
    after: int,
    border: Border,
    value: Scalar = 0.0,
) -> jax.Array:
    """Applies `window`, which eats `before + after` rows, to an image with that many rows of border added.

    The result is that of `window(pad(image, (before, after), ...))`; but the image is not copied: `window` sees it as
    it is, and two strips of `2 * before + after` and `before + 2 * after` rows for the border.

    Args:
      window: `(..., n + before + after, W, C) -> (..., n, W', C')`, translation-invariant down the columns.
      image: `(..., H, W, C)`.
      before: rows that a window reaches above its anchor.
      after: rows that it reaches below.
      border: one of `BORDERS`.
      value: the colour of a constant border.

    Returns:
      `(..., H, W', C')`.

    Example:
      >>> x = jnp.arange(4.0).reshape(4, 1, 1)
      >>> over_rows(lambda p: p[:-2] + p[2:], x, 1, 1, "edge")[:, 0, 0].tolist()
      [1.0, 2.0, 4.0, 5.0]
    """
    rows, eaten = image.shape[-3], before + after
    if rows < 2 * eaten or eaten == 0:
        return apart(lambda x: window(pad(x, (before, after), (0, 0), border, value)))(image)

    def strips(x: jax.Array) -> list[jax.Array]:
        head = pad(x, (before, 0), (0, 0), border, value)
        tail = pad(x, (0, after), (0, 0), border, value)
        return [take_rows(head, 0, before + eaten), take_rows(tail, rows - eaten, rows + after)]

    def join(x: jax.Array, head: jax.Array, tail: jax.Array) -> jax.Array:
        inner = window(x)
        zero = jnp.zeros((), inner.dtype)
        out = lax.pad(inner, zero, [(0, 0, 0)] * (x.ndim - 3) + [(before, after, 0), (0, 0, 0), (0, 0, 0)])
        for start, strip in ((0, head), (rows - after, tail)):
            out = lax.dynamic_update_slice_in_dim(out, window(strip), start, axis=out.ndim - 3)
        return out

    return apart(join)(image, *apart(strips)(image))


def over_frame(
    window: Callable[[See], jax.Array],
    images: Any,
    rows: tuple[int, int],
    columns: tuple[int, int],
    border: Border,
    value: Scalar = 0.0,
) -> jax.Array:
    """What `window` makes of pictures with a border, pixel by pixel: `(..., H, W, C)` to the same size.

    The inside reads the pictures as they lie in memory, with no copy. What it reads beyond the first and last columns
    belongs to the neighbouring rows; so these columns, and the first and last rows, are computed from padded strips.

    For use inside a primitive or a custom derivative: its own reverse mode is slow.

    Args:
      window: from `see(i, j)` to its result; the same at every pixel.
      images: an array `(..., H, W, C)`, or a tree of such, which `see` returns alike.
      rows: how far the window reaches (above, below) its pixel.
      columns: how far (left, right).
      border: one of `BORDERS`.
      value: the colour of a constant border.

    Returns:
      `(..., H, W, C)`, of the window's dtype.

    Example:
      >>> x = jnp.arange(6.0).reshape(1, 6, 1)
      >>> over_frame(lambda see: see(0, 0) + see(0, 2), x, (0, 0), (1, 1), "edge")[0, :, 0].tolist()
      [1.0, 2.0, 4.0, 6.0, 8.0, 9.0]
    """
    (above, below), (left, right) = rows, columns
    height, width, channels = jax.tree.leaves(images)[0].shape[-3:]
    around = left + right
    over = int(around > 0)  # a shift along the row runs over into the next one
    start, stop = above + over, height - below - over
    if stop - start < start + height - stop or width < 2 * around or around > WIDEST:
        padded = apart(lambda x: jax.tree.map(lambda v: pad(v, rows, columns, border, value), x))(images)
        return apart(lambda x: _at_all(window, x, height, width))(padded)

    def cut(axis: int, first: int, last: int, x: Any) -> Any:
        return jax.tree.map(lambda v: _lines(v, axis, first, last, border, value), x)

    def edges(flat: Any) -> list[Any]:
        """The first and last rows with some beyond, flat, and such columns, each laid out as a row."""
        x = jax.tree.map(lambda v: v.reshape(*v.shape[:-1], height, width, channels), flat)
        ends = cut(-3, -start, start + below + over, x), cut(-3, stop - start, height + below + over, x)
        sides = cut(-2, -left, around, x), cut(-2, width - around, width + right, x)
        return [*map(_flat, ends), *(jax.tree.map(lambda v: jnp.swapaxes(v, -3, -2), s) for s in sides)]

    def strips(head: Any, tail: Any, *sides: Any) -> list[jax.Array | None]:
        def swapped(x: Any, count: int) -> jax.Array:
            return _at_all(lambda see: window(lambda i, j: see(j, i)), x, count, height)

        ends = (head, start), (tail, height - stop)
        out = [_along(window, x, start, n, rows, columns, (width, channels)) if n else None for x, n in ends]
        return out + [swapped(x, n) if n else None for x, n in zip(sides, (left, right), strict=True)]

    # All read the same flat array: what makes the picture would run once for each form of it.
    flat = _flat(images)
    head, tail, *sides = apart(edges)(flat)
    if above + below:
        sides = apart(lambda *x: [cut(-2, -above, height + below, side) for side in x])(*sides)

    def join(x: Any, head: jax.Array | None, tail: jax.Array | None, *sides: jax.Array | None) -> jax.Array:
        inner = _along(window, x, start, stop - start, rows, columns, (width, channels))
        columns_again = (None if s is None else jnp.swapaxes(s, -3, -2) for s in sides)
        places = (0, 0), (stop, 0), (0, 0), (0, width - right)
        return _join(inner, (start, height - stop), (head, tail, *columns_again), places)

    return apart(join)(flat, *apart(strips)(head, tail, *sides))


def _flat(images: Any) -> Any:
    return jax.tree.map(lambda v: v.reshape(*v.shape[:-3], v.shape[-3] * v.shape[-2] * v.shape[-1]), images)


def _along(
    window: Callable[[See], jax.Array],
    flat: Any,
    first: int,
    count: int,
    rows: tuple[int, int],
    columns: tuple[int, int],
    shape: tuple[int, int],
) -> jax.Array:
    """`window` at `count` rows from `first` on of flat pictures `(..., H * W * C)`, wrong where it leaves a row."""
    width, channels = shape

    def see(i: int, j: int) -> Any:
        begin, size = ((first - rows[0] + i) * width + j - columns[0]) * channels, count * width * channels
        return jax.tree.map(
            lambda v: lax.slice_in_dim(v, begin, begin + size, axis=v.ndim - 1).reshape(
                *v.shape[:-1], count, width, channels
            ),
            flat,
        )

    return window(see)


def _at_all(window: Callable[[See], jax.Array], padded: Any, height: int, width: int) -> jax.Array:
    """`window` over pictures with all that it reaches."""
    return window(lambda i, j: jax.tree.map(lambda v: shifted(v, i, j, height, width), padded))


def _lines(x: jax.Array, axis: int, start: int, stop: int, border: Border, value: Scalar) -> jax.Array:
    """`_span` by slices in place of gathers: faster, unless it is differentiated."""
    size = x.shape[axis]
    if border == "constant" or (start >= 0 and stop <= size):
        return _span(x, axis, start, stop, border, value)
    before, after = max(-start, 0), max(stop - size, 0)
    index = np.pad(np.arange(size), (before, after), mode=border)[start + before : stop + before]
    steps = np.diff(index)
    bends = (np.abs(steps) > 1) | (np.diff(steps, prepend=steps[:1]) != 0)
    runs = np.split(index, np.flatnonzero(bends) + 1)
    return lax.concatenate([_run(x, axis, run) for run in runs], x.ndim + axis)


def _run(x: jax.Array, axis: int, run: np.ndarray) -> jax.Array:
    """Neighbouring lines forwards or backwards, or one line several times."""
    lines = lax.slice_in_dim(x, int(run.min()), int(run.max()) + 1, axis=axis)
    if lines.shape[axis] < len(run):
        return jnp.concatenate([lines] * len(run), axis)
    return lax.rev(lines, (x.ndim + axis,)) if run[0] > run[-1] else lines


def _join(
    inner: jax.Array, rows: tuple[int, int], strips: tuple[jax.Array | None, ...], places: Sequence[tuple[int, int]]
) -> jax.Array:
    """`inner` with more rows above and below, and the strips laid over it at their places."""
    before = [(0, 0, 0)] * (inner.ndim - 3)
    out = lax.pad(inner, jnp.zeros((), inner.dtype), [*before, (*rows, 0), (0, 0, 0), (0, 0, 0)])
    for strip, place in zip(strips, places, strict=True):
        if strip is not None:
            out = lax.dynamic_update_slice(out, strip, (*(0 for _ in before), *place, 0))
    return out


def take_rows(x: jax.Array, start: int, stop: int | None) -> jax.Array:
    """`x[..., start:stop, :, :]`.

    Example:
      >>> take_rows(jnp.ones((5, 2, 1)), 1, 4).shape
      (3, 2, 1)
    """
    return lax.slice_in_dim(x, start, stop, axis=x.ndim - 3)
