"""Convolution and pooling layers: Flax's in name, fields, parameters and value, formulated for speed on a CPU.

XLA's CPU backend has a fast path for plain convolutions of stride one, and a slow one for most of what differentiating
a convolution or a pool makes of it; inside a `lax.scan` the slow one is 25 times slower still. So on a CPU a backward
pass is written as plain convolutions again, a pool as a maximum over axes, a transposed or strided convolution as a
plain one between depth and space, a depthwise one as shifted multiply-adds. Other platforms get `lax`'s own.
`by_platform` is the one place that decides; it does so when a program is lowered, so exports carry the right one.

On a CPU these layers have reverse derivatives of any order, not forward ones (`jax.jvp`).
"""

import math
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from flax.linen.linear import canonicalize_padding
from jax import lax
from jax.typing import DTypeLike

from jaximg.ops.primitives import apart

Pads = tuple[tuple[int, int], ...]
NHWC = ("NHWC", "HWIO", "NHWC")


def by_platform(cpu: Callable[..., jax.Array], default: Callable[..., jax.Array], *args: jax.Array) -> jax.Array:
    """`cpu(*args)` where the program is lowered for a CPU, `default(*args)` elsewhere."""
    return lax.platform_dependent(*args, cpu=cpu, default=default)


class Conv(nn.Conv):
    """`flax.linen.Conv`, fast on a CPU: 2-D, dense or depthwise; anything else runs as Flax's.

    Example:
      >>> Conv(8, (3, 3)).init_with_output(jax.random.key(0), jnp.ones((1, 5, 6, 3)))[0].shape
      (1, 5, 6, 8)
    """

    conv_general_dilated: Any = None

    def __post_init__(self):
        if self.conv_general_dilated is None:
            self.conv_general_dilated = conv_general_dilated
        super().__post_init__()


class ConvTranspose(nn.Module):
    """`flax.linen.ConvTranspose` in two dimensions, fast on a CPU.

    Example:
      >>> layer = ConvTranspose(8, (4, 4), strides=(2, 2))
      >>> layer.init_with_output(jax.random.key(0), jnp.ones((1, 5, 6, 3)))[0].shape
      (1, 10, 12, 8)
    """

    features: int
    kernel_size: Sequence[int]
    strides: int | Sequence[int] | None = None
    padding: Any = "SAME"
    use_bias: bool = True
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: nn.initializers.Initializer = nn.linear.default_kernel_init
    bias_init: nn.initializers.Initializer = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """From `(B, H, W, C)` to `(B, strides H, strides W, features)` with padding "SAME"."""
        size = (*self.kernel_size, inputs.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, size, self.param_dtype)
        bias = self.param("bias", self.bias_init, (self.features,), self.param_dtype) if self.use_bias else None
        inputs, kernel, bias = promote_dtype(inputs, kernel, bias, dtype=self.dtype)
        y = conv_transpose(inputs, kernel, _pair(self.strides), canonicalize_padding(self.padding, 2))
        return y if bias is None else y + bias.reshape(1, 1, 1, -1)


class Dropout(nn.Module):
    """Dropout whose mask hangs on the example's index: the same however a batch is split over devices.

    Attributes:
      rate: what part of the values is dropped; the others grow by `1 / (1 - rate)`.

    Example:
      >>> layer, x = Dropout(0.5), jnp.ones((4, 8))
      >>> rngs = {"dropout": jax.random.key(0)}
      >>> whole = layer.apply({}, x, jnp.arange(4), train=True, rngs=rngs)
      >>> half = layer.apply({}, x[2:], jnp.arange(2, 4), train=True, rngs=rngs)
      >>> bool(jnp.all(whole[2:] == half))
      True
    """

    rate: float

    @nn.compact
    def __call__(self, inputs: jax.Array, index: jax.Array | None, *, train: bool) -> jax.Array:
        """Drops where `train`; `index` is `(B,)`, each example's position in the global batch or data set."""
        if not train or self.rate == 0.0:
            return inputs
        index = jnp.arange(inputs.shape[0]) if index is None else index
        keys = jax.vmap(jax.random.fold_in, (None, 0))(self.make_rng("dropout"), index.astype(jnp.uint32))
        keep = jax.vmap(lambda key: jax.random.bernoulli(key, 1.0 - self.rate, inputs.shape[1:]))(keys)
        return jnp.where(keep, inputs / (1.0 - self.rate), jnp.zeros_like(inputs))


def max_pool(
    inputs: jax.Array, window_shape: Sequence[int], strides: Sequence[int] | None = None, padding: Any = "VALID"
) -> jax.Array:
    """`flax.linen.max_pool`; where windows don't overlap, fast on a CPU. Of equal maxima the first gets the gradient.

    Args:
      inputs: `(B, H, W, C)`.
      window_shape: height and width.
      strides: steps; 1 if None, as in Flax.
      padding: "VALID", "SAME" or pairs.

    Returns:
      `(B, H', W', C)`.

    Example:
      >>> max_pool(jnp.arange(16.0).reshape(1, 4, 4, 1), (2, 2), (2, 2)).ravel().tolist()
      [5.0, 7.0, 13.0, 15.0]
    """
    window = tuple(window_shape)
    plain = partial(nn.max_pool, window_shape=window, strides=strides, padding=padding)
    even = all(n % k == 0 for n, k in zip(inputs.shape[1:3], window, strict=True))
    fits = padding == "VALID" or (padding == "SAME" and even)
    if inputs.ndim != 4 or strides is None or tuple(strides) != window or not fits:
        return plain(inputs)
    return by_platform(partial(_pool, window), plain, inputs)


def conv_general_dilated(
    lhs: jax.Array,
    rhs: jax.Array,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    **options: Any,
) -> jax.Array:
    """`lax.conv_general_dilated`, on a CPU by the formulations above where they apply: NHWC and HWIO, undilated."""
    plain = partial(
        lax.conv_general_dilated,
        window_strides=window_strides,
        padding=padding,
        lhs_dilation=lhs_dilation,
        rhs_dilation=rhs_dilation,
        dimension_numbers=dimension_numbers,
        feature_group_count=feature_group_count,
        **options,
    )
    dilated = any(d != 1 for d in (*(lhs_dilation or ()), *(rhs_dilation or ())))
    ours = lax.conv_dimension_numbers(lhs.shape, rhs.shape, NHWC) if lhs.ndim == 4 else None
    depthwise = feature_group_count == rhs.shape[-1] == lhs.shape[-1] > 1
    if dilated or dimension_numbers != ours or not (feature_group_count == 1 or depthwise):
        return plain(lhs, rhs)
    strides = tuple(window_strides)
    pads = _pads(lhs.shape[1:3], rhs.shape[:2], strides, padding)
    return by_platform(partial(_depthwise if depthwise else _dense, strides, pads), plain, lhs, rhs)


def conv_transpose(
    x: jax.Array, kernel: jax.Array, strides: Sequence[int], padding: str | Sequence[tuple[int, int]]
) -> jax.Array:
    """`lax.conv_transpose` of `(B, H, W, C)` with an HWIO kernel; on a CPU a plain convolution, then depth to space.

    Example:
      >>> conv_transpose(jnp.ones((1, 2, 2, 1)), jnp.ones((2, 2, 1, 1)), (2, 2), "SAME").sum().item()
      16.0
    """
    plain = partial(lax.conv_transpose, strides=strides, padding=padding, dimension_numbers=NHWC)
    return by_platform(partial(_grow, _pair(strides), padding), plain, x, kernel)


def _dense(strides: tuple[int, int], pads: Pads, x: jax.Array, w: jax.Array) -> jax.Array:
    """A convolution as plain ones: a dot if the kernel is one pixel, space to depth if it steps."""
    size = w.shape[:2]
    if strides != (1, 1) and all(k % s == 0 for k, s in zip(size, strides, strict=True)):
        return _step(strides, pads, x, w)
    if size == strides == (1, 1) and not any(sum(pads, ())):
        return jnp.reshape(jnp.reshape(x, (-1, x.shape[-1])) @ w[0, 0], (*x.shape[:-1], w.shape[-1]))
    return _conv(strides, pads, (1, 1), (1, 1), x, w)


def _step(strides: tuple[int, int], pads: Pads, x: jax.Array, w: jax.Array) -> jax.Array:
    """A convolution whose kernel is a multiple of its stride: blocks to channels, then stride one."""
    (sh, sw), (kh, kw) = strides, w.shape[:2]
    out = [(n + sum(p) - k) // s + 1 for n, p, k, s in zip(x.shape[1:3], pads, (kh, kw), strides, strict=True)]
    need = [s * (o - 1) + k for o, k, s in zip(out, (kh, kw), strides, strict=True)]
    ends = [(p[0], m - n - p[0], 0) for n, p, m in zip(x.shape[1:3], pads, need, strict=True)]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *ends, (0, 0, 0)])
    x = _to_depth(x, sh, sw)
    w = w.reshape(kh // sh, sh, kw // sw, sw, *w.shape[2:]).transpose(0, 2, 1, 3, 4, 5)
    return _dense((1, 1), ((0, 0), (0, 0)), x, w.reshape(kh // sh, kw // sw, -1, w.shape[-1]))


def _grow(strides: tuple[int, int], padding: Any, x: jax.Array, w: jax.Array) -> jax.Array:
    """A transposed convolution: every output pixel of a block sees the same few input pixels."""
    pads = _transposed_pads(w.shape[:2], strides, padding)
    sizes = zip(x.shape[1:3], w.shape[:2], strides, pads, strict=True)
    out = [s * (n - 1) + 1 + sum(p) - k + 1 for n, k, s, p in sizes]
    taps = [math.ceil(k / s) for k, s in zip(w.shape[:2], strides, strict=True)]
    fill = [(0, t * s - k) for t, s, k in zip(taps, strides, w.shape[:2], strict=True)]
    (sh, sw), (th, tw), (ci, co) = strides, taps, w.shape[2:]
    w = jnp.pad(w, [*fill, (0, 0), (0, 0)]).reshape(th, sh, tw, sw, ci, co)[:, ::-1, :, ::-1]
    w = w.transpose(0, 2, 4, 1, 3, 5).reshape(th, tw, ci, sh * sw * co)
    first = [-(p[0] // s) for p, s in zip(pads, strides, strict=True)]
    last = [-(-(o - 1 - p[0]) // s) for o, p, s in zip(out, pads, strides, strict=True)]
    ends = [(-a, b + t - n, 0) for a, b, t, n in zip(first, last, taps, x.shape[1:3], strict=True)]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *ends, (0, 0, 0)])
    y = _to_space(_dense((1, 1), ((0, 0), (0, 0)), x, w), sh, sw)
    crop = [-p[0] - (s * (a - 1) + 1) for p, s, a in zip(pads, strides, first, strict=True)]
    return y[:, crop[0] : crop[0] + out[0], crop[1] : crop[1] + out[1]]


@partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2, 3))
def _conv(strides: tuple[int, int], pads: Pads, grown: tuple[int, int], spread: tuple[int, int], x, w) -> jax.Array:
    """A convolution with its strides, pads, and the dilations of picture and kernel; its vjp is made of the same."""
    return lax.conv_general_dilated(x, w, strides, pads, grown, spread, NHWC)


def _conv_fwd(strides, pads, grown, spread, x: jax.Array, w: jax.Array):
    return _conv(strides, pads, grown, spread, x, w), (x, w)


def _conv_bwd(strides, pads, grown, spread, kept, dy):
    x, w = kept
    sizes = list(zip(x.shape[1:3], w.shape[:2], dy.shape[1:3], strides, pads, grown, spread, strict=True))
    # picture: the outputs a pixel took part in, through the turned kernel
    pads_x = []
    for n, k, m, s, (low, _), g, d in sizes:
        reach = (k - 1) * d
        pads_x.append((reach - low, (n - 1) * g + 1 + low - ((m - 1) * s + 1)))
    turned = jnp.swapaxes(w[::-1, ::-1], 2, 3)
    dx = _conv(grown, tuple(pads_x), strides, spread, dy, turned)
    # kernel: pictures and outputs trade batch for channels
    pads_w = [(low, (k - 1) * d + (m - 1) * s + 1 - ((n - 1) * g + 1) - low) for n, k, m, s, (low, _), g, d in sizes]
    dw: Any = _conv(spread, tuple(pads_w), grown, strides, x.transpose(3, 1, 2, 0), dy.transpose(1, 2, 0, 3))
    return dx, dw.transpose(1, 2, 0, 3)


_conv.defvjp(_conv_fwd, _conv_bwd)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _depthwise(strides: tuple[int, int], pads: Pads, x: jax.Array, w: jax.Array) -> jax.Array:
    """A channel a kernel: a sum of shifted pictures."""
    kh, kw = w.shape[:2]
    first, *rest = (
        tap * w[i // kw, i % kw, 0].reshape(1, 1, 1, -1) for i, tap in enumerate(_taps(strides, pads, (kh, kw), x))
    )
    return sum(rest, first)


def _depthwise_fwd(strides, pads, x, w):
    return _depthwise(strides, pads, x, w), (x, w)


def _depthwise_bwd(strides, pads, kept, dy):
    x, w = kept
    kh, kw = w.shape[:2]
    ends = []
    for n, k, m, s, (low, _) in zip(x.shape[1:3], (kh, kw), dy.shape[1:3], strides, pads, strict=True):
        ends.append((k - 1 - low, n + low - ((m - 1) * s + 1), s - 1))
    wide = lax.pad(dy, jnp.zeros((), dy.dtype), [(0, 0, 0), *ends, (0, 0, 0)])
    dx = _depthwise((1, 1), ((0, 0), (0, 0)), wide, w[::-1, ::-1])
    rows = [jnp.sum(tap * dy, (0, 1, 2)) for tap in _taps(strides, pads, (kh, kw), x)]
    return dx, jnp.stack(rows).reshape(kh, kw, 1, -1)


_depthwise.defvjp(_depthwise_fwd, _depthwise_bwd)


def _taps(strides: tuple[int, int], pads: Pads, size: tuple[int, int], x: jax.Array) -> list[jax.Array]:
    """What each entry of the kernel sees, row by row."""
    x = jnp.pad(x, [(0, 0), *pads, (0, 0)])
    out = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:3], size, strides, strict=True)]
    far = [s * (o - 1) + 1 for s, o in zip(strides, out, strict=True)]
    return [
        x[:, i : i + far[0] : strides[0], j : j + far[1] : strides[1]] for i in range(size[0]) for j in range(size[1])
    ]


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _pool(window: tuple[int, int], x: jax.Array) -> jax.Array:
    """The maximum of each block; an incomplete one at the end is dropped."""
    return _kept(reduce(jnp.maximum, _places(window, x)))


def _pool_fwd(window, x):
    return _pool(window, x), (_kept(_first_largest(window, x)), jnp.zeros((0, *x.shape[1:]), x.dtype))


def _pool_bwd(window, kept, dy):
    winner, like = kept
    (batch, height, width, channels), (kh, kw) = dy.shape, window
    blocks = (batch, height, kh, width, kw, channels)
    place = jnp.arange(kh * kw, dtype=winner.dtype).reshape(1, 1, kh, 1, kw, 1)
    spread = partial(lax.broadcast_in_dim, shape=blocks, broadcast_dimensions=(0, 1, 3, 5))
    dx = jnp.where(spread(winner) == jnp.broadcast_to(place, blocks), spread(dy), jnp.zeros(blocks, dy.dtype))
    dx = dx.reshape(batch, height * kh, width * kw, channels)
    shape = (batch, *like.shape[1:])
    return (jnp.pad(dx, [(0, n - m) for n, m in zip(shape, dx.shape, strict=True)]),)


_pool.defvjp(_pool_fwd, _pool_bwd)


def _first_largest(window: tuple[int, int], x: jax.Array) -> jax.Array:
    """Which place of each block gets the gradient.

    Found among the places and not by comparing them with the maximum: a compiler that computes `x` anew for each may
    round it otherwise for the two, and then no place would be found.
    """
    best, *others = _places(window, x)
    winner = jnp.zeros(best.shape, jnp.uint8 if len(others) < 256 else jnp.int32)
    for number, value in enumerate(others, 1):
        winner = jnp.where(value > best, jnp.asarray(number, winner.dtype), winner)
        best = jnp.maximum(best, value)
    return winner


def _places(window: tuple[int, int], x: jax.Array) -> list[jax.Array]:
    """What stands at each place of all blocks, row by row."""
    (kh, kw), (b, h, w, c) = window, x.shape
    blocks = x[:, : h // kh * kh, : w // kw * kw].reshape(b, h // kh, kh, w // kw, kw, c)
    return [blocks[:, :, i, :, j] for i in range(kh) for j in range(kw)]


_kept = apart(lambda x: x)
"""A result in memory, lest each use of it compute it anew."""


def _to_depth(x: jax.Array, sh: int, sw: int) -> jax.Array:
    b, h, w, c = x.shape
    x = x.reshape(b, h // sh, sh, w // sw, sw, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h // sh, w // sw, sh * sw * c)


def _to_space(x: jax.Array, sh: int, sw: int) -> jax.Array:
    b, h, w, c = x.shape
    x = x.reshape(b, h, w, sh, sw, c // (sh * sw)).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h * sh, w * sw, c // (sh * sw))


def _pair(x: int | Sequence[int] | None) -> tuple[int, int]:
    return (1, 1) if x is None else (x, x) if isinstance(x, int) else (x[0], x[1])


def _pads(size: Sequence[int], kernel: Sequence[int], strides: Sequence[int], padding: Any) -> Pads:
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(size, kernel, strides, padding)
    return tuple((int(low), int(high)) for low, high in padding)


def _transposed_pads(kernel: Sequence[int], strides: Sequence[int], padding: Any) -> Pads:
    """What "SAME" and "VALID" mean to a transposed convolution, as in `lax.conv_transpose`."""
    if not isinstance(padding, str):
        return tuple((int(low), int(high)) for low, high in padding)
    pads = []
    for k, s in zip(kernel, strides, strict=True):
        total = k + s - 2 + (max(k - s, 0) if padding == "VALID" else 0)
        low = k - 1 if padding == "VALID" or s > k - 1 else math.ceil(total / 2)
        pads.append((low, total - low))
    return tuple(pads)
