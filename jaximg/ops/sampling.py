"""Reading a picture between its pixels: which neighbours, with what weights, and the blend that the warps stand on.

    out[m, c] = sum_k weight_k[m] * pixels[index_k[m], c]

is one JAX primitive, linear in the pixels and in the weights. Its adjoint in the pixels adds up planes of
scalars, several times faster than the transpose of the gathers. Borders live in the indices and weights: no padded
copy of the picture is made.
"""

import math
import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from jaximg.ops import windows
from jaximg.typing import Border, Scalar

Method: TypeAlias = Literal["nearest", "linear", "cubic"]
METHODS: tuple[Method, ...] = ("nearest", "linear", "cubic")

FARTHEST = 2.0**30
"""A coordinate farther out than this counts as this: indices are 32-bit integers."""

CUBIC_A = -0.75
"""The free coefficient of the cubic kernel; OpenCV's (PIL and MATLAB take -0.5)."""


def sample(
    image: jax.Array, y: jax.Array, x: jax.Array, *, method: Method, border: Border, value: Scalar | None = None
) -> jax.Array:
    """The picture at the places (y, x), in pixels; batch axes broadcast, without a copy of either.

    Derivatives with respect to y and x are those of the piece to the right of a pixel's centre, at the centre too.

    Args:
      image: `(..., H, W, C)`.
      y: `(..., H', W')` rows, floating point.
      x: `(..., H', W')` columns, floating point.
      method: one of `METHODS`.
      border: one of `BORDERS`.
      value: the colour beyond a constant border, a number or `(C,)`; None is zero, and free.

    Returns:
      `(..., H', W', C)` in the image's dtype.

    Example:
      >>> ramp = jnp.arange(12.0).reshape(3, 4, 1)
      >>> sample(ramp, jnp.full((1, 1), 0.5), jnp.full((1, 1), 1.25), method="linear", border="edge").item()
      3.25
    """
    height, width, channels = image.shape[-3:]
    batch = jnp.broadcast_shapes(image.shape[:-3], y.shape[:-2], x.shape[:-2])
    places = (*batch, *y.shape[-2:])
    dtype = windows.wide(image.dtype)
    rows, wy = _taps(y, height, method, border, dtype)
    cols, wx = _taps(x, width, method, border, dtype)
    which = np.arange(math.prod(image.shape[:-3]), dtype=np.int32).reshape(*image.shape[:-3], 1, 1)
    offset = jnp.broadcast_to(jnp.asarray(which * (height * width)), places)
    rows, cols, wy, wx = ([jnp.broadcast_to(v, places) for v in axis] for axis in (rows, cols, wy, wx))
    indices = [(row * width + col + offset).reshape(-1) for row in rows for col in cols]
    weights = [(down * along).reshape(-1) for down in wy for along in wx]
    out = blend(image.reshape(-1, channels), indices, weights)
    if border == "constant" and value is not None:
        outside = 1 - reduce(operator.add, weights)
        colour = jnp.broadcast_to(jnp.asarray(value, dtype), (1, channels))
        out = (out.astype(dtype) + outside[:, None] * colour).astype(image.dtype)
    return out.reshape(*places, channels)


# --- neighbours and weights along one axis ---------------------------------------------------------------------------


def _taps(
    place: jax.Array, size: int, method: Method, border: Border, dtype: jnp.dtype
) -> tuple[list[jax.Array], list[jax.Array]]:
    """The pixels around each place and their weights: a list of indices, a list of weights, all of `place`'s shape."""
    place = jnp.clip(place, -FARTHEST, FARTHEST)
    if method == "nearest":
        first, weights = jnp.round(jax.lax.stop_gradient(place)), [jnp.ones(place.shape, dtype)]
    else:
        first = jnp.floor(jax.lax.stop_gradient(place))
        fraction = (place - first).astype(dtype)
        weights = [1 - fraction, fraction] if method == "linear" else _cubic(fraction)
        first = first - (len(weights) // 2 - 1)
    places = [first + k for k in range(len(weights))]
    if border == "constant":
        weights = [jnp.where((p >= 0) & (p < size), w, 0) for p, w in zip(places, weights, strict=True)]
    return [_fold(p, size, border) for p in places], weights


def _cubic(t: jax.Array) -> list[jax.Array]:
    """Keys' kernel at distances 1 + t, t, 1 - t, 2 - t; the weights sum to one."""

    def near(d: jax.Array) -> jax.Array:
        return ((CUBIC_A + 2) * d - (CUBIC_A + 3)) * d * d + 1

    def far(d: jax.Array) -> jax.Array:
        return ((CUBIC_A * d - 5 * CUBIC_A) * d + 8 * CUBIC_A) * d - 4 * CUBIC_A

    return [far(1 + t), near(t), near(1 - t), far(2 - t)]


def _fold(place: jax.Array, size: int, border: Border) -> jax.Array:
    """The index inside the picture that stands for a whole-numbered place outside, as `windows.pad` has it."""
    if border in ("reflect", "symmetric", "wrap") and size > 1:
        period = {"reflect": 2 * size - 2, "symmetric": 2 * size, "wrap": size}[border]
        place = place - period * jnp.floor(place * (1 / period))  # `period` itself, rarely, by rounding: it means 0
        if border == "wrap":
            place = jnp.where(place >= size, 0, place)
        else:
            place = jnp.minimum(place, period - (border == "symmetric") - place)
    return jnp.clip(place.astype(jnp.int32), 0, size - 1)


# --- the blend -------------------------------------------------------------------------------------------------------


def blend(pixels: jax.Array, indices: Sequence[jax.Array], weights: Sequence[jax.Array]) -> jax.Array:
    """Weighted sum of the pixels at some indices; linear in the pixels and in the weights.

    Args:
      pixels: `(R, C)`.
      indices: int32 `(M,)` arrays, one a neighbour, within 0..R-1.
      weights: `(M,)` arrays, as many.

    Returns:
      `(M, C)` in the pixels' dtype (16-bit floats are summed in f32).

    Example:
      >>> pixels = jnp.asarray([[1.0], [3.0]])
      >>> blend(pixels, [jnp.asarray([0]), jnp.asarray([1])], [jnp.asarray([0.5]), jnp.asarray([0.5])]).tolist()
      [[2.0]]
    """
    return _blend_p.bind(pixels, *indices, *weights)


def _blend_impl(pixels: jax.Array, *args: jax.Array) -> jax.Array:
    taps = len(args) // 2
    terms = (w[:, None] * _at(pixels, i, w.dtype) for i, w in zip(args[:taps], args[taps:], strict=True))
    return reduce(operator.add, terms).astype(pixels.dtype)


def _at(pixels: jax.Array, index: jax.Array, dtype: jnp.dtype) -> jax.Array:
    return pixels.at[index].get(mode="promise_in_bounds", wrap_negative_indices=False).astype(dtype)


def _blend_shape(pixels: Any, *args: Any) -> Any:
    return pixels.update(shape=(args[0].shape[0], pixels.shape[1]), weak_type=False)


def _blend_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """One term from the pixels, one from the weights."""
    taps = len(primals) // 2
    terms = []
    if not isinstance(tangents[0], ad.Zero):
        terms.append(_blend_p.bind(tangents[0], *primals[1:]))
    if not all(isinstance(t, ad.Zero) for t in tangents[1 + taps :]):
        terms.append(_blend_p.bind(*primals[: 1 + taps], *map(ad.instantiate_zeros, tangents[1 + taps :])))
    out = _blend_p.bind(*primals)
    return out, reduce(operator.add, terms) if terms else ad.Zero(jax.typeof(out))


def _blend_transpose(cotangent: Any, pixels: Any, *args: Any) -> list[Any]:
    taps = len(args) // 2
    indices, weights = args[:taps], args[taps:]
    if isinstance(cotangent, ad.Zero):
        return [None] * (1 + len(args))
    if ad.is_undefined_primal(pixels):
        return [_spread(cotangent, pixels.aval, indices, weights), *[None] * len(args)]
    return [None] * (1 + taps) + [
        _inner(pixels, i, cotangent, w.aval.dtype) if ad.is_undefined_primal(w) else None
        for i, w in zip(indices, weights, strict=True)
    ]


MAX_PLANES = 4
"""Up to this many channels are handled as planes of scalars, more of them as vectors."""


def _inner(pixels: jax.Array, index: jax.Array, cotangent: jax.Array, dtype: jnp.dtype) -> jax.Array:
    """(R, C), (M,), (M, C) -> (M,): the sum over the channels of pixel times cotangent."""
    if pixels.shape[1] > MAX_PLANES:
        return jnp.sum(_at(pixels, index, dtype) * cotangent.astype(dtype), axis=1)
    planes = range(pixels.shape[1])
    return reduce(operator.add, (_at(pixels[:, c], index, dtype) * cotangent[:, c].astype(dtype) for c in planes))


def _spread(cotangent: jax.Array, pixels: Any, indices: Sequence[jax.Array], weights: Sequence[jax.Array]) -> jax.Array:
    """The adjoint in the pixels: each cotangent is added where its pixels came from, a plane of scalars at a time."""
    index, weight, cotangent = windows.materialise((list(indices), list(weights), cotangent))
    planes = range(cotangent.shape[1]) if cotangent.shape[1] <= MAX_PLANES else [slice(None)]
    totals = []
    for plane in planes:
        g = cotangent[:, plane].astype(weight[0].dtype)
        total = jnp.zeros((pixels.shape[0], *g.shape[1:]), g.dtype)
        for i, w in zip(index, weight, strict=True):
            update = (w if g.ndim == 1 else w[:, None]) * g
            total = total.at[i].add(update, mode="promise_in_bounds", wrap_negative_indices=False)
        totals.append(total)
    totals = windows.materialise(totals)  # keeps them apart: scatters into planes of their own run side by side
    return (totals[0] if totals[0].ndim > 1 else jnp.stack(totals, -1)).astype(pixels.dtype)


def _blend_batch(args: Sequence[Any], axes: Sequence[int | None]) -> tuple[jax.Array, int]:
    size = next(a.shape[axis] for a, axis in zip(args, axes, strict=True) if axis is not None)
    pixels, *rest = (a if axis is None else jnp.moveaxis(a, axis, 0) for a, axis in zip(args, axes, strict=True))
    rest = [
        a if axis is not None else jnp.broadcast_to(a, (size, *a.shape)) for a, axis in zip(rest, axes[1:], strict=True)
    ]
    if axes[0] is not None:
        offset = jnp.arange(size, dtype=jnp.int32)[:, None] * pixels.shape[1]
        rest = [a + offset if k < len(rest) // 2 else a for k, a in enumerate(rest)]
        pixels = pixels.reshape(-1, pixels.shape[-1])
    out = _blend_p.bind(pixels, *(a.reshape(-1) for a in rest))
    return out.reshape(size, -1, out.shape[-1]), 0


_blend_p = Primitive("blend")
_blend_p.def_impl(jax.jit(_blend_impl))
_blend_p.def_abstract_eval(_blend_shape)
ad.primitive_jvps[_blend_p] = _blend_jvp
ad.primitive_transposes[_blend_p] = _blend_transpose
batching.primitive_batchers[_blend_p] = _blend_batch
mlir.register_lowering(_blend_p, mlir.lower_fun(_blend_impl, multiple_results=False))
