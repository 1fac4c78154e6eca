"""Windows over pictures with borders: padding, shifted slices, correlation, sliding sums and extrema, same size out.

A convolution call on one channel is 20 to 80 times slower than OpenCV on a CPU. Shifted slices of a padded image are as
fast as OpenCV, because XLA fuses them into one loop over plain memory; they lower well on GPU and TPU too. So every
windowed operator is built in three moves: pad, wall off (`apart`), slice. Small ones need no padding at all:
`over_frame` runs the same slices on the image itself and on thin padded strips around it.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from jaximg.ops.borders import over_frame, over_rows, pad, pad_columns, reach, shifted, take_rows
from jaximg.ops.primitives import (
    RADIX,
    UNROLLED_TAPS,
    apart,
    correlate_flat,
    correlate_valid,
    flat_kernel,
    greater,
    kernel_gradient,
    lesser,
    materialise,
    sliding_max,
    sliding_min,
    sliding_sum,
    weighted_sum,
    wide,
    zero_pad,
)
from jaximg.typing import BORDERS, Border, Scalar, check_choice

__all__ = [
    "RADIX",
    "apart",
    "correlate",
    "correlate_valid",
    "greater",
    "lesser",
    "materialise",
    "over_frame",
    "over_rows",
    "pad",
    "pad_columns",
    "reach",
    "separable",
    "shifted",
    "slide",
    "sliding_max",
    "sliding_min",
    "sliding_sum",
    "wide",
]


@partial(jax.jit, static_argnames="border")
def correlate(image: jax.Array, kernel: jax.Array, border: Border) -> jax.Array:
    """`correlate_valid` of the padded image: same size out as in, anchor at `size // 2`.

    A primitive of its own, bilinear. Its adjoint in the image is the correlation of the cotangent, zero beyond its
    edge, with the flipped kernel: as fast as the forward pass. What the border saw is added to the rows and columns it
    was taken from, on strips as wide as the kernel reaches.

    Example:
      >>> correlate(jnp.ones((4, 5, 1)), jnp.ones((3, 3)), "constant")[0, 0, 0].item()
      4.0
    """
    check_choice(border, BORDERS, "border")
    flat = flat_kernel(kernel, image.dtype)
    return _correlate_p.bind(image, flat, border=border, anchor=(flat.shape[1] // 2, flat.shape[2] // 2))


def _correlate(image: jax.Array, kernel: jax.Array, *, border: Border, anchor: tuple[int, int]) -> jax.Array:
    """(..., H, W, C), (all images or 1, kh, kw, C or 1) -> (..., H, W, C)."""
    rows, columns = _reaches(kernel, anchor)
    if kernel.shape[1] * kernel.shape[2] <= UNROLLED_TAPS:
        if kernel.shape[0] == 1:  # no reshape of the image: XLA may copy it for one
            kernel = kernel.reshape(*(1 for _ in image.shape[:-3]), *kernel.shape[1:])
            return over_frame(lambda see: weighted_sum(see, kernel, image.dtype), image, rows, columns, border)
        flat = image.reshape(math.prod(image.shape[:-3]), *image.shape[-3:])
        out = over_frame(lambda see: weighted_sum(see, kernel, image.dtype), flat, rows, columns, border)
        return out.reshape(image.shape)
    padded = pad_columns(image, columns, border)
    return over_rows(lambda x: _correlate_all(x, kernel), padded, *rows, border)


def _correlate_all(padded: jax.Array, kernel: jax.Array) -> jax.Array:
    out = correlate_flat(padded.reshape(math.prod(padded.shape[:-3]), *padded.shape[-3:]), kernel)
    return out.reshape(*padded.shape[:-3], *out.shape[1:])


def _reaches(kernel: Any, anchor: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """How far the kernel reaches (above, below) and (left, right) of its anchor."""
    (above, left), (height, width) = anchor, kernel.shape[1:3]
    return (above, height - 1 - above), (left, width - 1 - left)


def _image_adjoint(
    cotangent: jax.Array, image: Any, kernel: jax.Array, *, border: Border, anchor: tuple[int, int]
) -> jax.Array:
    del image
    (above, below), (left, right) = _reaches(kernel, anchor)
    flipped = jnp.flip(kernel, (1, 2))
    inner = _correlate_p.bind(cotangent, flipped, border="constant", anchor=(below, right))
    if border == "constant":
        return inner

    def seen(part: jax.Array, rows: tuple[int, int], columns: tuple[int, int]) -> jax.Array:
        return _correlate_all(zero_pad(part, rows, columns), flipped)

    height, width = cotangent.shape[-3:-1]
    top, bottom, first, last = min(above, height), min(below, height), min(left, width), min(right, width)
    across, along = (right, left), (above + below, above + below)
    heads = seen(take_rows(cotangent, 0, top), (above + below, above - top), across)
    tails = seen(take_rows(cotangent, height - bottom, height), (below - bottom, above + below), across)
    lefts = seen(cotangent[..., :first, :], along, (left + right, left - first))
    rights = seen(cotangent[..., width - last :, :], along, (right - last, left + right))
    lefts, rights = (
        _fold(
            take_rows(x, above, above + height), take_rows(x, 0, above), take_rows(x, above + height, None), -3, border
        )
        for x in (lefts, rights)
    )
    return _fold(_fold(inner, heads, tails, -3, border), lefts, rights, -2, border)


def _fold(x: jax.Array, head: jax.Array, tail: jax.Array, axis: int, border: Border) -> jax.Array:
    """Adds what lies beyond both ends of an axis to where `pad` has taken it from."""
    axis += x.ndim
    size, before = x.shape[axis], head.shape[axis]
    index = np.pad(np.arange(size), (before, tail.shape[axis]), mode=border)
    for strip, places in ((head, index[:before]), (tail, index[before + size :])):
        if len(places):
            low, high = int(places.min()), int(places.max()) + 1
            there = lax.slice_in_dim(x, low, high, axis=axis)
            there = there.at[(slice(None),) * axis + (places - low,)].add(strip)
            x = lax.dynamic_update_slice_in_dim(x, there, low, axis)
    return x


def _kernel_adjoint(
    cotangent: jax.Array, image: jax.Array, kernel: Any, *, border: Border, anchor: tuple[int, int]
) -> jax.Array:
    rows, columns = _reaches(kernel.aval, anchor)
    padded = pad(image, rows, columns, border)
    flat, weights = (x.reshape(-1, *x.shape[-3:]) for x in (padded, cotangent))
    return kernel_gradient(flat, weights, kernel.aval.shape)


def _correlate_batch(
    args: Sequence[jax.Array], axes: Sequence[int | None], *, border: Border, anchor: tuple[int, int]
) -> tuple[jax.Array, int]:
    """One kernel for all: the axis is one more in front. Else each image its own: all in one axis, as many kernels."""
    image, kernel = (a if axis is None else jnp.moveaxis(a, axis, 0) for a, axis in zip(args, axes, strict=True))
    if axes[0] is None:
        image = jnp.broadcast_to(image, (kernel.shape[0], *image.shape))
    if axes[1] is not None or kernel.shape[0] != 1:
        count = image.shape[0]
        kernel = kernel if axes[1] is not None else jnp.broadcast_to(kernel, (count, *kernel.shape))
        each = math.prod(image.shape[1:-3])
        kernel = jnp.broadcast_to(kernel, (count, each, *kernel.shape[2:])).reshape(-1, *kernel.shape[2:])
    return _correlate_p.bind(image, kernel, border=border, anchor=anchor), 0


def _correlate_shape(image: Any, kernel: Any, *, border: Border, anchor: tuple[int, int]) -> Any:
    del kernel, border, anchor
    return image.update(weak_type=False)


_correlate_p = Primitive("correlate")
_correlate_p.def_impl(partial(jax.jit, static_argnames=("border", "anchor"))(_correlate))
_correlate_p.def_abstract_eval(_correlate_shape)
ad.defbilinear(_correlate_p, _image_adjoint, _kernel_adjoint)
batching.primitive_batchers[_correlate_p] = _correlate_batch
mlir.register_lowering(_correlate_p, mlir.lower_fun(_correlate, multiple_results=False))


@partial(jax.jit, static_argnames="border")
def separable(image: jax.Array, ky: jax.Array, kx: jax.Array, border: Border) -> jax.Array:
    """Correlation with the rank-one kernel `ky kx^T`: along the rows, then down the columns.

    Args:
      image: `(..., H, W, C)`.
      ky: `(kh,)` vertical taps.
      kx: `(kw,)` horizontal taps.
      border: one of `BORDERS`.

    Returns:
      `(..., H, W, C)`.

    Example:
      >>> separable(jnp.ones((4, 5, 1)), jnp.ones(3), jnp.ones(5), "edge")[0, 0, 0].item()
      15.0
    """
    return correlate(correlate(image, kx[None, :], border), ky[:, None], border)


@partial(jax.jit, static_argnames=("sliding", "size", "border"))
def slide(
    sliding: Callable[[jax.Array, int, int], jax.Array],
    image: jax.Array,
    size: tuple[int, int],
    border: Border,
    value: Scalar = 0.0,
) -> jax.Array:
    """`sliding_sum`, `sliding_max` or `sliding_min` of the padded image: same size out as in, anchor at `size // 2`.

    Example:
      >>> slide(sliding_sum, jnp.ones((4, 5, 1)), (3, 3), "constant")[0, 0, 0].item()
      4.0
    """
    height, width = size
    padded = pad_columns(image, reach(width), border, value)
    if max(size) <= RADIX:
        return over_rows(lambda x: sliding(x, height, width), padded, *reach(height), border, value)
    rows = apart(lambda x: sliding(x, 1, width))(padded)
    return over_rows(lambda x: sliding(x, height, 1), rows, *reach(height), border, value)
