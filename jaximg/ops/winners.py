"""Operators that answer with one of the values they see, and their derivative: that of the pixel chosen.

    out[p] = x[p + offsets[k]],   tangent[p] = t[p + offsets[k]],   k = index[p]

Which offset wins is found once, into a picture of bytes; among equals it is the first. The adjoint gathers, at each
pixel, from the windows that chose it. Differentiating through the comparisons instead would keep a mask for each of
them, and scatter.
"""

import operator
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from jaximg.ops.borders import over_frame, reach, shifted
from jaximg.ops.primitives import wide, zero_pad
from jaximg.typing import Border

Offsets: TypeAlias = tuple[tuple[int, int], ...]
"""Rows and columns of a window's pixels, from its first row and column."""

Size: TypeAlias = tuple[int, int]
"""Rows and columns of a window's box, anchored at `size // 2`."""


def index_of(x: jax.Array, out: jax.Array, offsets: Offsets, size: Size, border: Border) -> jax.Array:
    """Which offset of each window leads to `out`, the first if several do; their number if none does, as with NaN.

    Args:
      x: `(..., H, W, C)`, what the windows see.
      out: the same shape; each value is one of its window's.
      offsets: of the window's pixels.
      size: of its box.
      border: how `x` goes on; "constant" is zero.

    Returns:
      `(..., H, W, C)` unsigned integers.

    Example:
      >>> x, out = (jnp.array(v).reshape(1, 4, 1) for v in ([1.0, 3.0, 2.0, 2.0], [1.0, 3.0, 3.0, 2.0]))
      >>> index_of(x, out, ((0, 0), (0, 1)), (1, 2), "edge")[0, :, 0].tolist()
      [0, 1, 0, 0]
    """
    dtype = _index_dtype(offsets)

    def find(see: Callable[[int, int], Any]) -> jax.Array:
        here = see(size[0] // 2, size[1] // 2)[1]
        index = jnp.full(here.shape, len(offsets), dtype)
        for k, (i, j) in reversed(list(enumerate(offsets))):
            index = lax.select(see(i, j)[0] == here, jnp.full(here.shape, k, dtype), index)
        return index

    return over_frame(find, lax.stop_gradient((x, out)), reach(size[0]), reach(size[1]), border)


def index_of_extreme(x: jax.Array, offsets: Offsets, size: Size, *, largest: bool) -> jax.Array:
    """Which offset of each window leads to its largest or smallest value; what is outside the picture doesn't count.

    Example:
      >>> x = jnp.array([1.0, 3.0, 2.0, 2.0]).reshape(1, 4, 1)
      >>> index_of_extreme(x, ((0, 0), (0, 1)), (1, 2), largest=True)[0, :, 0].tolist()
      [1, 1, 0, 0]
    """
    dtype = _index_dtype(offsets)
    better = lax.gt if largest else lax.lt

    def find(see: Callable[[int, int], jax.Array]) -> jax.Array:
        best = see(*offsets[0])
        index = jnp.zeros(best.shape, dtype)
        for k, offset in list(enumerate(offsets))[1:]:
            value = see(*offset)
            wins = better(value, best)
            best, index = lax.select(wins, value, best), lax.select(wins, jnp.full(best.shape, k, dtype), index)
        return index

    limits = jnp.finfo(x.dtype)
    neutral = jnp.asarray(limits.min if largest else limits.max, x.dtype)
    return over_frame(find, lax.stop_gradient(x), reach(size[0]), reach(size[1]), "constant", neutral)


def _index_dtype(offsets: Offsets) -> jnp.dtype:
    return jnp.dtype(jnp.uint8 if len(offsets) < 256 else jnp.uint16)


def take_chosen(tangent: jax.Array, index: jax.Array, offsets: Offsets, size: Size, border: Border) -> jax.Array:
    """The value that each window has chosen; linear in `tangent`, with an exact adjoint.

    Args:
      tangent: `(..., H, W, C)` floating point.
      index: the same shape, of `index_of` or `index_of_extreme`.
      offsets: of the window's pixels.
      size: of its box.
      border: how the picture goes on; "constant" is zero.

    Returns:
      `(..., H, W, C)`; 0 where nothing is chosen.

    Example:
      >>> x, index = jnp.arange(4.0).reshape(1, 4, 1), jnp.array([0, 0, 1, 1], jnp.uint8).reshape(1, 4, 1)
      >>> take_chosen(x, index, ((0, 0), (0, 1)), (1, 2), "edge")[0, :, 0].tolist()
      [0.0, 0.0, 2.0, 3.0]
    """
    return _pick_p.bind(tangent, index, offsets=offsets, size=size, border=border)


def _pick(tangent: jax.Array, index: jax.Array, *, offsets: Offsets, size: Size, border: Border) -> jax.Array:
    def pick(see: Callable[[int, int], Any]) -> jax.Array:
        here = see(size[0] // 2, size[1] // 2)[1]
        seen = [(k, see(i, j)[0]) for k, (i, j) in enumerate(offsets)]
        return _sum([jnp.where(here == k, t, 0) for k, t in seen])

    return over_frame(pick, (tangent, index), reach(size[0]), reach(size[1]), border)


def _spread(cotangent: jax.Array, index: jax.Array, *, offsets: Offsets, size: Size, border: Border) -> jax.Array:
    """The adjoint of `_pick`: at each pixel, the sum over the windows that chose it."""
    (above, below), (left, right) = reach(size[0]), reach(size[1])

    def gather(see: Callable[[int, int], Any]) -> jax.Array:
        seen = [(k, *see(above + below - i, left + right - j)) for k, (i, j) in enumerate(offsets)]
        return _sum([jnp.where(chosen == k, g, 0) for k, g, chosen in seen])

    inner = over_frame(gather, (cotangent, index), (below, above), (right, left), "constant")
    if border == "constant":
        return inner
    height, width = index.shape[-3:-1]
    if height <= above + below or width <= left + right:
        frame = [(0, height, 0, width)]
    else:
        frame = [(0, above, 0, width), (height - below, height, 0, width)]
        frame += [(above, height - below, 0, left), (above, height - below, width - right, width)]
    return reduce(lambda total, box: _fold(total, cotangent, index, offsets, size, border, box), frame, inner)


def _fold(
    total: jax.Array,
    cotangent: jax.Array,
    index: jax.Array,
    offsets: Offsets,
    size: Size,
    border: Border,
    box: tuple[int, int, int, int],
) -> jax.Array:
    """Adds what the windows at `box` (rows, columns) chose beyond the picture to where the border took it from."""
    places, beyond, sides = [], [], []
    for taps, length, (start, stop) in zip(size, index.shape[-3:-1], (box[:2], box[2:]), strict=True):
        before, after = reach(taps)
        own = np.arange(start - before, stop + after)
        places.append(np.pad(np.arange(length), (before, after), mode=border)[start : stop + before + after])
        beyond.append((own < 0) | (own >= length))
        sides.append((before + after, before + after))
    top, bottom, first, last = box
    g, chosen = (zero_pad(v[..., top:bottom, first:last, :], *sides) for v in (cotangent, index))
    shape = len(places[0]), len(places[1])

    def seen(k: int, i: int, j: int) -> jax.Array:
        here, there = (shifted(v, sides[0][0] - i, sides[1][0] - j, *shape) for v in (chosen, g))
        return jnp.where(here == k, there, 0)

    outside = jnp.asarray((beyond[0][:, None] | beyond[1][None, :])[..., None], total.dtype)
    sums = _sum([seen(k, i, j) for k, (i, j) in enumerate(offsets)])
    return total.at[..., places[0][:, None], places[1][None, :], :].add(
        sums * jnp.broadcast_to(outside, sums.shape), mode="promise_in_bounds"
    )


def _sum(terms: list[jax.Array]) -> jax.Array:
    dtype = terms[0].dtype
    return reduce(operator.add, (t.astype(wide(dtype)) for t in terms)).astype(dtype)


# --- the primitives --------------------------------------------------------------------------------------------------


def _primitive(name: str, function: Callable[..., jax.Array]) -> Primitive:
    """A primitive of a picture, in which it is linear, and an index; it answers with a picture of the same size."""
    p = Primitive(name)
    p.def_impl(partial(jax.jit, static_argnames=("offsets", "size", "border"))(function))
    p.def_abstract_eval(lambda x, index, **params: x.update(weak_type=False))
    ad.primitive_jvps[p] = partial(_jvp, p)
    batching.primitive_batchers[p] = partial(_batch, p)
    mlir.register_lowering(p, mlir.lower_fun(function, multiple_results=False))
    return p


def _jvp(p: Primitive, primals: Sequence[jax.Array], tangents: Sequence[Any], **params: Any) -> tuple[Any, Any]:
    value = p.bind(*primals, **params)
    if isinstance(tangents[0], ad.Zero):
        return value, ad.instantiate_zeros(tangents[0])
    return value, p.bind(tangents[0], primals[1], **params)


def _batch(p: Primitive, args: Sequence[jax.Array], axes: Sequence[int | None], **params: Any) -> tuple[jax.Array, int]:
    size = next(a.shape[axis] for a, axis in zip(args, axes, strict=True) if axis is not None)
    front = (
        jnp.broadcast_to(a, (size, *a.shape)) if axis is None else jnp.moveaxis(a, axis, 0)
        for a, axis in zip(args, axes, strict=True)
    )
    return p.bind(*front, **params), 0


def _adjoint(p: Primitive, cotangent: Any, linear: Any, index: jax.Array, **params: Any) -> list[Any]:
    if isinstance(cotangent, ad.Zero):
        return [ad.Zero(linear.aval), None]
    return [p.bind(cotangent, index, **params), None]


_pick_p, _spread_p = _primitive("pick", _pick), _primitive("spread", _spread)
ad.primitive_transposes[_pick_p] = partial(_adjoint, _spread_p)
ad.primitive_transposes[_spread_p] = partial(_adjoint, _pick_p)
