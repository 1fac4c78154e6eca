"""Resizing: a thin pass for each axis, or one for both: short weighted sums with weights known when the shapes are."""

import math
import operator
from functools import lru_cache, partial, reduce
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from jaximg.ops import windows
from jaximg.typing import Image, check_choice, check_image, check_size

Method = Literal["nearest", "linear", "cubic", "area"]
METHODS: tuple[Method, ...] = ("nearest", "linear", "cubic", "area")

UNROLLED_TAPS = 16
"""Sums of up to so many taps become straight-line code; longer ones loop."""


def resize(
    image: Image, size: int | tuple[int, int], *, method: Method = "linear", antialias: bool = False
) -> jax.Array:
    """Resizes an image, OpenCV's `resize`; with `antialias` PIL's and `jax.image.resize`.

        out[o] = sum_i k((i - p_o) / s) image[i] / sum_i k((i - p_o) / s),   p_o = (o + 1/2) n_in / n_out - 1/2

    along each axis, where k is the method's kernel and s = 1, or n_in / n_out where that is larger and `antialias` is
    set. Without it, pixels beyond the edge repeat the edge; with it they don't count.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      size: `(height, width)` in pixels, or one int for a square; static.
      method: "nearest" (OpenCV's INTER_NEAREST_EXACT), "linear", "cubic" (Keys' kernel, a = -0.75 as OpenCV has it,
        -0.5 as PIL has it when `antialias` is set) or "area" (the mean over the pixel's footprint).
      antialias: widens the kernel when shrinking, so that every pixel counts; no effect on "nearest" and "area".

    Returns:
      `(..., height, width, C)`, the image's dtype, not clipped: "cubic" overshoots at edges.

    Raises:
      TypeError: an image that is not floating point, or a size that is not a static integer.
      ValueError: no channel axis, a size below 1, or an unknown method.

    Example:
      >>> resize(jnp.arange(8.0).reshape(1, 8, 1), (1, 4))[0, :, 0].tolist()
      [0.5, 2.5, 4.5, 6.5]

    References:
      OpenCV, `cv::resize`. Keys, Cubic convolution interpolation for digital image processing, 1981.
    """
    image = check_image(image)
    check_choice(method, METHODS, "method")
    height, width = check_size(size, "size")
    return _resize(image, height, width, method, antialias and method in ("linear", "cubic"))


@partial(jax.jit, static_argnums=(1, 2, 3, 4))
def _resize(image: jax.Array, height: int, width: int, method: Method, antialias: bool) -> jax.Array:
    plans = {-3: Plan(image.shape[-3], height, method, antialias), -2: Plan(image.shape[-2], width, method, antialias)}
    columns_first = height >= image.shape[-3]  # columns cost more: do fewer of them
    order = (-2, -3) if columns_first else (-3, -2)
    passes = tuple((axis, plans[axis]) for axis in order if plans[axis].n_in != plans[axis].n_out)
    return _resize_p.bind(image, passes=passes) if passes else image


# --- the weights -----------------------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """Names the weights of one axis: hashable, so that they are computed once and jit's cache stays small."""

    n_in: int
    n_out: int
    method: Method
    antialias: bool
    transposed: bool = False


Passes = tuple[tuple[int, Plan], ...]
"""The axes, counted from the last, in the order that they are resized in."""


def _triangle(t: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(t), 0)


def _keys(t: np.ndarray, a: float) -> np.ndarray:
    t = np.abs(t)
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    return np.where(t <= 1, near, np.where(t < 2, ((t - 5) * t + 8) * t * a - 4 * a, 0))


@lru_cache(maxsize=256)
def _neighbours(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """`(n_out,)` first neighbour, maybe beyond the edge, and `(n_out, taps)` weights that sum to one."""
    scale = plan.n_in / plan.n_out
    out = np.arange(plan.n_out)
    centre = (out + 0.5) * scale - 0.5
    if plan.method == "nearest":
        return ((2 * out + 1) * plan.n_in // (2 * plan.n_out)), np.ones((plan.n_out, 1))
    if plan.method == "area":
        left, right = out * scale, (out + 1) * scale
        first = np.floor(left + 1e-9).astype(int)
        taps = int((np.ceil(right - 1e-9) - first).max())
        near = first[:, None] + np.arange(taps)
        weights = np.clip(np.minimum(near + 1, right[:, None]) - np.maximum(near, left[:, None]), 0, None)
        return first, weights / scale
    stretch = max(scale, 1.0) if plan.antialias else 1.0
    reach = (1 if plan.method == "linear" else 2) * stretch
    first = np.floor(centre - reach + 1e-9).astype(int) + 1
    taps = int((np.ceil(centre + reach - 1e-9) - first).max())
    distance = (first[:, None] + np.arange(taps) - centre[:, None]) / stretch
    weights = _triangle(distance) if plan.method == "linear" else _keys(distance, -0.5 if plan.antialias else -0.75)
    if plan.antialias:
        near = first[:, None] + np.arange(taps)
        weights = np.where((near >= 0) & (near < plan.n_in), weights, 0)
    return first, weights / weights.sum(1, keepdims=True)


@lru_cache(maxsize=256)
def _table(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """`(taps, n_out)` indices inside the picture and their weights; of the adjoint if `plan.transposed`."""
    first, weights = _neighbours(plan._replace(transposed=False))
    index = np.clip(first[:, None] + np.arange(weights.shape[1]), 0, plan.n_in - 1)
    if not plan.transposed:
        return index.T.astype(np.int32), weights.T
    to = np.repeat(np.arange(plan.n_out), weights.shape[1])
    keep = weights.ravel() != 0
    to, source, weight = to[keep], index.ravel()[keep], weights.ravel()[keep]
    order = np.argsort(source, kind="stable")
    to, source, weight = to[order], source[order], weight[order]
    slot = np.arange(len(source)) - np.searchsorted(source, source)
    shape = (int(slot.max()) + 1, plan.n_in)
    index, weights = np.zeros(shape, np.int32), np.zeros(shape)
    index[slot, source], weights[slot, source] = to, weight
    return index, weights


# --- the sum ---------------------------------------------------------------------------------------------------------


def _resize_impl(x: jax.Array, *, passes: Passes) -> jax.Array:
    if _in_one(passes, x.shape[-1]):
        return _four_taps(x, *(plan for _, plan in passes))
    for axis, plan in passes:
        one_loop = not plan.transposed and (_taps(plan) == 1 or _few_in_step(plan))  # small enough for what comes next
        along = partial(_along, axis=x.ndim + axis, plan=plan)
        x = along(x) if one_loop else windows.apart(along)(x)
    return x


def _in_one(passes: Passes, channels: int) -> bool:
    """Whether reading four pixels for each of so few costs less than a pass that makes what most don't need."""
    plans = [plan for _, plan in passes]
    return len(plans) == 2 and all(
        plan.n_in >= 2 * plan.n_out and _taps(plan) == 2 and not plan.transposed and _phases(plan, channels) is None
        for plan in plans
    )


def _four_taps(x: jax.Array, rows: Plan, columns: Plan) -> jax.Array:
    *batch, height, width, channels = x.shape
    dtype = windows.wide(x.dtype)
    pixels = x.reshape(-1, channels)
    start = lax.broadcasted_iota(jnp.int32, (math.prod(batch), 1, 1), 0) * (height * width)
    (down, down_weights), (along, along_weights) = _table(rows), _table(columns)
    out = jnp.zeros((), dtype)
    for i, wi in zip(down, down_weights, strict=True):
        for j, wj in zip(along, along_weights, strict=True):
            index = start + jnp.asarray(i[:, None] * width + j[None])[None]
            got = pixels.at[index].get(mode="promise_in_bounds", wrap_negative_indices=False)
            out += jnp.asarray(wi[:, None] * wj, dtype)[None, :, :, None] * got.astype(dtype)
    return out.astype(x.dtype).reshape(*batch, rows.n_out, columns.n_out, channels)


def _along(x: jax.Array, axis: int, plan: Plan) -> jax.Array:
    """Weighted sum of gathered rows or columns; what is in step with the picture is read as strided slices instead."""
    phases = None if plan.transposed else _phases(plan, x.shape[-1])
    if phases is not None and (axis == x.ndim - 2 or _few_in_step(plan)):
        return _strided(x, axis, plan, *phases)
    return _gathered(x, axis, plan)


def _gathered(x: jax.Array, axis: int, plan: Plan) -> jax.Array:
    """By flat indices: a gather along an axis comes out transposed, and is transposed back."""
    index, weights = _table(plan)
    outer, n, after = math.prod(x.shape[:axis]), x.shape[axis], x.shape[axis + 1 :]
    lines = x.reshape(outer * n, *after)
    count = (index.shape[1],) if outer == 1 else (outer, index.shape[1])
    start = lax.broadcasted_iota(jnp.int32, count, 0) * (n if outer > 1 else 0)
    dtype = windows.wide(x.dtype)

    def tap(index: jax.Array, weight: jax.Array) -> jax.Array:
        got = lines.at[start + jnp.broadcast_to(index, count)].get(
            mode="promise_in_bounds", wrap_negative_indices=False
        )
        return weight.reshape(*[1] * (len(count) - 1), -1, *[1] * len(after)) * got.astype(dtype)

    indices, weights = jnp.asarray(index), jnp.asarray(weights, dtype)
    if len(index) <= UNROLLED_TAPS:
        out = reduce(operator.add, map(tap, indices, weights))
    else:
        zero = jnp.zeros((*count, *after), dtype)
        out = lax.fori_loop(0, len(index), lambda k, total: total + tap(indices[k], weights[k]), zero)
    return out.astype(x.dtype).reshape(*x.shape[:axis], index.shape[1], *after)


def _taps(plan: Plan) -> int:
    return _neighbours(plan._replace(transposed=False))[1].shape[1]


@lru_cache(maxsize=256)
def _phases(plan: Plan, channels: int) -> tuple[int, np.ndarray] | None:
    """First offset and `(offsets, phases)` weights if these repeat and slices are the faster way, else None."""
    period = math.gcd(plan.n_in, plan.n_out)
    step, phases = plan.n_in // period, plan.n_out // period
    first, weights = _neighbours(plan)
    low, taps = int(first[:phases].min()), weights.shape[1]
    offsets = int(first[:phases].max()) + taps - low
    faster = phases == 1 or (step == 1 and (offsets == 1 or (channels == 1 and phases in (2, 4))))
    if plan.antialias or not faster or offsets > UNROLLED_TAPS:
        return None
    if not np.array_equal(first, (first[:phases] + np.arange(period)[:, None] * step).ravel()):
        return None
    table = np.zeros((offsets, phases))
    for phase in range(phases):
        table[first[phase] - low : first[phase] - low + taps, phase] = weights[phase]
    return low, table


def _few_in_step(plan: Plan) -> bool:
    return plan.n_in % plan.n_out == 0 and not plan.antialias and _taps(plan) <= 2


def _strided(x: jax.Array, axis: int, plan: Plan, low: int, table: np.ndarray) -> jax.Array:
    offsets, phases = table.shape
    count = plan.n_out // phases
    step = plan.n_in // count
    before, after = max(0, -low), max(0, low + offsets + step * (count - 1) - plan.n_in)
    if before or after:
        x = windows.materialise(windows.pad(x, (0, 0), (before, after), "edge"))
    dtype = windows.wide(x.dtype)
    weights = jnp.asarray(table, dtype).reshape(offsets, *[1] * (axis + 1), phases, *[1] * (x.ndim - 1 - axis))

    def tap(offset: int) -> jax.Array:
        start = low + before + offset
        seen = lax.slice_in_dim(x, start, start + step * (count - 1) + 1, step, axis).astype(dtype)
        return weights[offset] * jnp.expand_dims(seen, axis + 1)

    out = reduce(operator.add, map(tap, range(offsets))).astype(x.dtype)
    return out.reshape(*x.shape[:axis], plan.n_out, *x.shape[axis + 1 :])


def _resize_shape(x: Any, *, passes: Passes) -> Any:
    shape = list(x.shape)
    for axis, plan in passes:
        shape[axis] = plan.n_in if plan.transposed else plan.n_out
    return x.update(shape=tuple(shape), weak_type=False)


def _resize_transpose(cotangent: jax.Array, x: Any, *, passes: Passes) -> list[jax.Array]:
    del x
    back = tuple((axis, plan._replace(transposed=not plan.transposed)) for axis, plan in reversed(passes))
    return [_resize_p.bind(cotangent, passes=back)]


def _resize_batch(args: Any, axes: Any, *, passes: Passes) -> tuple[jax.Array, int]:
    return _resize_p.bind(jnp.moveaxis(args[0], axes[0], 0), passes=passes), 0


_resize_p = Primitive("resize")
_resize_p.def_impl(partial(jax.jit, static_argnames="passes")(_resize_impl))
_resize_p.def_abstract_eval(_resize_shape)
ad.deflinear2(_resize_p, _resize_transpose)
batching.primitive_batchers[_resize_p] = _resize_batch
mlir.register_lowering(_resize_p, mlir.lower_fun(_resize_impl, multiple_results=False))
