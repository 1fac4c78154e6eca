"""Two primitives of our own, the weighted correlation and the sliding sum, and how XLA is kept from repeating work.

    correlation:  out[y, x, c] = sum_ij kernel[i, j, c] * padded[y + i, x + j, c]

Both are linear in the picture and carry their exact adjoint: the gradient of a correlation is the correlation of the
zero-padded cotangent with the flipped kernel, as fast as the forward pass, where differentiating through the slices
would be twenty times slower. As JAX primitives they have forward and reverse mode of any order, vmap over either
argument, and lower to plain slices and sums on every platform. Nothing here knows of borders: windows in, fewer pixels
out.
"""

import operator
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental.xla_metadata import set_xla_metadata
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

UNROLLED_TAPS = 169
"""Kernels of up to 13 x 13 taps become straight-line code; larger ones loop over the kernel's rows."""

materialise = lax.optimization_barrier
"""Asks XLA to compute a value once, into memory, rather than again at each use inside a fused loop."""


def apart(function: Callable[..., Any]) -> Callable[..., Any]:
    """Makes XLA compute `function` by itself on a CPU, its results in memory; elsewhere it decides what to fuse.

    XLA's CPU compiler drops optimization barriers before it fuses (in jaxlib 0.10), and computes a producer anew for
    each of up to fifteen uses: a second pass over thirteen taps would repeat the first one thirteen times. A call that
    may not be inlined is a wall that it respects.

    Args:
      function: of arrays, returning arrays.

    Returns:
      The same function, to be called under `jax.jit`; differentiable and vmappable as before.

    Example:
      >>> jax.jit(apart(lambda x: x + 1))(jnp.zeros(2)).tolist()
      [1.0, 1.0]
    """

    def inlined_inside(*args: Any) -> Any:
        with set_xla_metadata(inlineable=None):
            return function(*args)

    def walled(*args: Any) -> Any:
        with set_xla_metadata(inlineable="false"):
            return jax.jit(inlined_inside)(*args)

    return lambda *args: lax.platform_dependent(*args, cpu=walled, default=function)


def lesser(a: jax.Array, b: jax.Array) -> jax.Array:
    """The smaller value, by one machine instruction; `jnp.minimum`, which must propagate NaN, takes four on a CPU.

    Example:
      >>> lesser(jnp.arange(3.0), jnp.ones(3)).tolist()
      [0.0, 1.0, 1.0]
    """
    return lax.select(a < b, a, b)


def greater(a: jax.Array, b: jax.Array) -> jax.Array:
    """The larger value; see `lesser`.

    Example:
      >>> greater(jnp.arange(3.0), jnp.ones(3)).tolist()
      [1.0, 1.0, 2.0]
    """
    return lax.select(a < b, b, a)


def root(x: jax.Array) -> jax.Array:
    """Square root whose derivative at 0 is 0; 0 of negative numbers.

    Example:
      >>> jax.grad(root)(0.0).item(), root(jnp.float32(4)).item()
      (0.0, 2.0)
    """
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, jnp.ones_like(x))), jnp.zeros_like(x))


def wide(dtype: jnp.dtype) -> jnp.dtype:
    """The dtype that sums are made in: at least float32.

    Example:
      >>> wide(jnp.dtype("bfloat16")).name, wide(jnp.dtype("float64")).name
      ('float32', 'float64')
    """
    return jnp.dtype(jnp.float32) if dtype.itemsize < 4 else dtype


def correlate_valid(padded: jax.Array, kernel: jax.Array) -> jax.Array:
    """Weighted correlation without a border: the one operation behind filters, edges, shapes and templates.

    Bilinear, with exact adjoints in both arguments, forward mode, and a rule for vmap over either.

    Args:
      padded: `(..., H + kh - 1, W + kw - 1, C)`.
      kernel: `(kh, kw)`, or `(kh, kw, C)` for weights of their own for each channel; traced or concrete.

    Returns:
      `(..., H, W, C)` in `padded`'s dtype (16-bit floats are summed in f32).

    Example:
      >>> correlate_valid(jnp.arange(9.0).reshape(3, 3, 1), jnp.ones((3, 3)))[0, 0, 0].item()
      36.0
    """
    out = correlate_flat(padded.reshape(-1, *padded.shape[-3:]), flat_kernel(kernel, padded.dtype))
    return out.reshape(*padded.shape[:-3], *out.shape[1:])


def flat_kernel(kernel: jax.Array, dtype: jnp.dtype) -> jax.Array:
    """`(kh, kw)` or `(kh, kw, C)` as `(1, kh, kw, C or 1)`, the form that `correlate_flat` takes.

    Example:
      >>> flat_kernel(jnp.ones((3, 5)), jnp.dtype("float32")).shape
      (1, 3, 5, 1)
    """
    return (kernel if kernel.ndim == 3 else kernel[..., None]).astype(dtype)[None]


def correlate_flat(padded: jax.Array, kernel: jax.Array) -> jax.Array:
    """`correlate_valid` with one batch axis: `(B, H + kh - 1, W + kw - 1, C)` and `(B or 1, kh, kw, C or 1)`.

    Example:
      >>> correlate_flat(jnp.ones((2, 3, 3, 1)), jnp.ones((1, 3, 3, 1))).shape
      (2, 1, 1, 1)
    """
    return _correlate_p.bind(padded, kernel)


def _taps(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """(B, H + kh - 1, W + kw - 1, C), (B or 1, kh, kw, C or 1) -> (B, H, W, C)."""
    kh, kw = kernel.shape[1:3]
    height, width = x.shape[1] - kh + 1, x.shape[2] - kw + 1
    if kh * kw <= UNROLLED_TAPS:
        return weighted_sum(lambda i, j: x[:, i : i + height, j : j + width], kernel, x.dtype)

    def add_row(i: jax.Array, total: jax.Array) -> jax.Array:
        rows = lax.dynamic_slice_in_dim(x, i, height, axis=1)
        taps = lax.dynamic_slice_in_dim(kernel, i, 1, axis=1)
        return total + weighted_sum(lambda _, j: rows[:, :, j : j + width], taps, total.dtype)

    zero = jnp.zeros((x.shape[0], height, width, x.shape[3]), wide(x.dtype))
    return lax.fori_loop(0, kh, add_row, zero).astype(x.dtype)


def weighted_sum(see: Callable[[int, int], jax.Array], kernel: jax.Array, dtype: jnp.dtype) -> jax.Array:
    """`sum_ij kernel[i, j] see(i, j)`, row by row.

    Args:
      see: from a tap's row and column to what it sees, `(..., H, W, C)`.
      kernel: `(..., kh, kw, C or 1)`, whose leading axes broadcast against the picture's.
      dtype: of the result; sums are made in f32 at least.

    Returns:
      `(..., H, W, C)`.

    Example:
      >>> weighted_sum(lambda i, j: jnp.full((1, 1, 1), 3.0), jnp.ones((2, 2, 1)), jnp.dtype("float32")).item()
      12.0
    """
    sum_dtype = wide(dtype)
    weights = kernel.astype(sum_dtype)

    def row(i: int) -> jax.Array:
        taps = (weights[..., i : i + 1, j : j + 1, :] * see(i, j).astype(sum_dtype) for j in range(kernel.shape[-2]))
        return reduce(operator.add, taps)

    return reduce(operator.add, (row(i) for i in range(kernel.shape[-3]))).astype(dtype)


def kernel_gradient(x: jax.Array, out: jax.Array, kernel_shape: Sequence[int]) -> jax.Array:
    """The sum over the image of `x` seen by each tap times `out`: (B or 1, kh, kw, C or 1)."""
    kept = [axis for axis in (0, 3) if kernel_shape[axis] > 1]
    summed = [axis for axis in range(4) if axis not in kept]
    sum_dtype = wide(x.dtype)
    weights = out.astype(sum_dtype)

    def tap(i: int | jax.Array, j: int | jax.Array) -> jax.Array:
        window = lax.dynamic_slice(x, (0, i, j, 0), out.shape).astype(sum_dtype)
        products = lax.dot_general(window, weights, ((summed, summed), (kept, kept)))
        return products.reshape(kernel_shape[0], kernel_shape[3])

    kh, kw = kernel_shape[1:3]
    if kh * kw <= UNROLLED_TAPS:
        taps = jnp.stack([tap(i, j) for i in range(kh) for j in range(kw)])
    else:
        taps = lax.map(lambda t: tap(t // kw, t % kw), jnp.arange(kh * kw))
    return jnp.moveaxis(taps, 0, 1).reshape(kernel_shape).astype(x.dtype)


def _correlate_shape(x: Any, kernel: Any) -> Any:
    height, width = x.shape[1] - kernel.shape[1] + 1, x.shape[2] - kernel.shape[2] + 1
    return x.update(shape=(x.shape[0], height, width, x.shape[3]), weak_type=False)


def zero_pad(x: jax.Array, rows: tuple[int, int], columns: tuple[int, int]) -> jax.Array:
    """Zeros around `(..., H, W, C)`: `(above, below)` and `(left, right)`.

    Example:
      >>> zero_pad(jnp.ones((1, 2, 1)), (0, 1), (2, 0)).shape
      (2, 4, 1)
    """
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0)] * (x.ndim - 3) + [(*rows, 0), (*columns, 0), (0, 0, 0)])


def _image_adjoint(cotangent: jax.Array, x: Any, kernel: jax.Array) -> jax.Array:
    del x
    ry, rx = kernel.shape[1] - 1, kernel.shape[2] - 1
    padded = materialise(zero_pad(cotangent, (ry, ry), (rx, rx)))
    return _correlate_p.bind(padded, jnp.flip(kernel, (1, 2)))


def _kernel_adjoint(cotangent: jax.Array, x: jax.Array, kernel: Any) -> jax.Array:
    return kernel_gradient(x, cotangent, kernel.aval.shape)


def _correlate_batch(args: Sequence[jax.Array], axes: Sequence[int | None]) -> tuple[jax.Array, int]:
    """Folds a vmapped axis into the primitive's own batch axis."""
    size = next(a.shape[axis] for a, axis in zip(args, axes, strict=True) if axis is not None)
    x, kernel = (a if axis is None else jnp.moveaxis(a, axis, 0) for a, axis in zip(args, axes, strict=True))
    x = x if axes[0] is not None else jnp.broadcast_to(x, (size, *x.shape))
    inner = x.shape[1]
    if axes[1] is not None or kernel.shape[0] != 1:
        kernel = kernel if axes[1] is not None else jnp.broadcast_to(kernel, (size, *kernel.shape))
        kernel = jnp.broadcast_to(kernel, (size, inner, *kernel.shape[2:])).reshape(-1, *kernel.shape[2:])
    out = _correlate_p.bind(x.reshape(-1, *x.shape[2:]), kernel)
    return out.reshape(size, inner, *out.shape[1:]), 0


_correlate_p = Primitive("correlate_valid")
_correlate_p.def_impl(jax.jit(_taps))
_correlate_p.def_abstract_eval(_correlate_shape)
ad.defbilinear(_correlate_p, _image_adjoint, _kernel_adjoint)
batching.primitive_batchers[_correlate_p] = _correlate_batch
mlir.register_lowering(_correlate_p, mlir.lower_fun(_taps, multiple_results=False))


# --- sliding sums and extrema ----------------------------------------------------------------------------------------

RADIX = 4
"""A window grows fourfold a pass over memory: fewer passes than doubling, as many reads."""


def sliding_sum(padded: jax.Array, height: int, width: int) -> jax.Array:
    """Sum over every `height x width` window, in log4(height) + log4(width) passes, whatever the size.

    No running sums, so nothing accumulates: the error is that of a sum of `height * width` numbers by pairs. Linear,
    with an exact adjoint of the same cost.

    Args:
      padded: `(..., H + height - 1, W + width - 1, C)`.
      height: window rows.
      width: window columns.

    Returns:
      `(..., H, W, C)`.

    Example:
      >>> sliding_sum(jnp.ones((9, 9, 1)), 5, 7)[..., 0].tolist()[0]
      [35.0, 35.0, 35.0]
    """
    return _sliding_sum_p.bind(padded, height=height, width=width)


def sliding_max(padded: jax.Array, height: int, width: int) -> jax.Array:
    """Maximum over every `height x width` window, as `sliding_sum`; exact, whatever the size.

    Example:
      >>> sliding_max(jnp.arange(9.0).reshape(3, 3, 1), 2, 3)[..., 0].tolist()
      [[5.0], [8.0]]
    """
    return _sliding(padded, height, width, greater, overlap=True)


def sliding_min(padded: jax.Array, height: int, width: int) -> jax.Array:
    """Minimum over every `height x width` window, as `sliding_sum`; exact, whatever the size.

    Example:
      >>> sliding_min(jnp.arange(9.0).reshape(3, 3, 1), 2, 3)[..., 0].tolist()
      [[0.0], [3.0]]
    """
    return _sliding(padded, height, width, lesser, overlap=True)


def _sliding(x: jax.Array, height: int, width: int, combine: Callable[..., jax.Array], *, overlap: bool) -> jax.Array:
    x = _sliding_axis(x, x.ndim - 3, height, combine, overlap)
    return _sliding_axis(x, x.ndim - 2, width, combine, overlap)


def _sliding_axis(x: jax.Array, axis: int, size: int, combine: Callable[..., jax.Array], overlap: bool) -> jax.Array:
    """Covers `size` by windows of 1, 4, 16 ... pixels; they may overlap where counting twice does no harm."""
    out = x.shape[axis] - size + 1
    levels = [(1, x)]
    while levels[-1][0] * RADIX <= size:
        length, level = levels[-1]
        count = level.shape[axis] - (RADIX - 1) * length
        parts = [lax.slice_in_dim(level, i * length, i * length + count, axis=axis) for i in range(RADIX)]
        levels.append((RADIX * length, materialise(reduce(combine, parts))))
    return reduce(combine, [lax.slice_in_dim(v, i, i + out, axis=axis) for i, v in _cover(levels, size, overlap)])


def _cover(levels: list[tuple[int, jax.Array]], size: int, overlap: bool) -> list[tuple[int, jax.Array]]:
    if overlap:
        length, level = levels[-1]
        return [(i, level) for i in {*range(0, size - length, length), size - length}]
    cover, start = [], 0
    for length, level in reversed(levels):
        while start + length <= size:
            cover.append((start, level))
            start += length
    return cover


def _sliding_sum_impl(x: jax.Array, *, height: int, width: int) -> jax.Array:
    return _sliding(x.astype(wide(x.dtype)), height, width, operator.add, overlap=False).astype(x.dtype)


def _sliding_sum_shape(x: Any, *, height: int, width: int) -> Any:
    return x.update(
        shape=(*x.shape[:-3], x.shape[-3] - height + 1, x.shape[-2] - width + 1, x.shape[-1]), weak_type=False
    )


def _sliding_sum_adjoint(cotangent: jax.Array, x: Any, *, height: int, width: int) -> list[jax.Array]:
    del x
    more = (height - 1, height - 1), (width - 1, width - 1)
    return [sliding_sum(materialise(zero_pad(cotangent, *more)), height, width)]


def _sliding_sum_batch(args: Sequence[jax.Array], axes: Sequence[int], **params: int) -> tuple[jax.Array, int]:
    return _sliding_sum_p.bind(jnp.moveaxis(args[0], axes[0], 0), **params), 0


_sliding_sum_p = Primitive("sliding_sum")
_sliding_sum_p.def_impl(partial(jax.jit, static_argnames=("height", "width"))(_sliding_sum_impl))
_sliding_sum_p.def_abstract_eval(_sliding_sum_shape)
ad.deflinear2(_sliding_sum_p, _sliding_sum_adjoint)
batching.primitive_batchers[_sliding_sum_p] = _sliding_sum_batch
mlir.register_lowering(_sliding_sum_p, mlir.lower_fun(_sliding_sum_impl, multiple_results=False))
