"""One pass of denoising by the cosine transform of overlapping blocks: `ops.dct_denoise` makes two.

Blocks that step over the picture are transformed in turn, one offset of their grid after another: every block a row of
a matrix. Small blocks at every pixel are transformed all at once: every coefficient a picture, made of shifted ones.
"""

import operator
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaximg.ops import windows
from jaximg.ops.dct import block_basis, dct_matrix

HARD = 2.7
"""Coefficients below this many sigmas are noise."""
HARDER = 3.5
"""The same in a block where hardly more coefficients reach `HARD` than would by chance (0.7 %)."""
BUSY = 0.02
"""The share of coefficients above `HARD` from which a block counts as busy."""
AT_ONCE = 4
"""Blocks up to this side are transformed all at once where they lie at every pixel: each one's code is written out."""

Gain: TypeAlias = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
"""What a coefficient is multiplied by, from its energy, the noise's, and how many of its block stand out."""
Sums: TypeAlias = tuple[jax.Array, jax.Array]
"""Of `w IDCT(k c)`, and of `w`, over the blocks that cover each pixel."""


def hard_gain(energy: jax.Array, variance: jax.Array, busy: jax.Array) -> jax.Array:
    """1 for coefficients that stand out of the noise, else 0."""
    return (_stands_out(energy, variance) & ((busy > BUSY) | (energy > HARDER**2 * variance))).astype(energy.dtype)


def wiener_gain(energy: jax.Array, variance: jax.Array, busy: jax.Array) -> jax.Array:
    """The share of the energy that isn't noise."""
    return energy / jnp.maximum(energy + variance, jnp.finfo(energy.dtype).tiny)


def _stands_out(energy: jax.Array, variance: jax.Array) -> jax.Array:
    return energy > HARD**2 * variance


def shrunk(
    planes: jax.Array,
    guide: jax.Array,
    variance: jax.Array,
    blocks: Sequence[int],
    overlap: Sequence[int],
    gain: Gain,
) -> jax.Array:
    """The weighted mean of all shrunk blocks of all sizes.

    Args:
      planes: `(N, H, W)` floating point.
      guide: the same, from which the gains are computed.
      variance: the noise's, `(N, 1, 1)`.
      blocks: their sides in pixels.
      overlap: for each size, how many blocks lie over a pixel along each axis.
      gain: `hard_gain` or `wiener_gain`.

    Returns:
      `(N, H, W)`.

    Example:
      >>> x = jnp.ones((1, 8, 8))
      >>> shrunk(x, x, jnp.ones((1, 1, 1)), (4, 8), (4, 2), hard_gain).mean().round(4).item()
      1.0
    """
    sums = []
    for n, over in zip(blocks, overlap, strict=True):
        add_up = _at_once if n == over <= AT_ONCE else partial(_in_turn, step=n // over)
        sums.append(add_up(planes, guide, variance, n, gain))
    total, weight = (reduce(operator.add, parts) for parts in zip(*sums, strict=True))
    return total / weight


# --- blocks at steps, in turn ----------------------------------------------------------------------------------------


def _in_turn(planes: jax.Array, guide: jax.Array, variance: jax.Array, n: int, gain: Gain, step: int) -> Sums:
    """Of the blocks of side n whose corners lie `step` pixels apart."""
    (height, width), dtype = planes.shape[1:], planes.dtype
    rows, columns = (-(-size // n) + 1 for size in (height, width))
    after = [(count + 1) * n - size - (n - 1) for count, size in ((rows, height), (columns, width))]
    padded, guide_padded = (
        windows.materialise(windows.pad(p[..., None], (n - 1, after[0]), (n - 1, after[1]), "symmetric")[..., 0])
        for p in (planes, guide)
    )
    mean = jnp.zeros(n * n, dtype).at[0].set(1.0)

    def forward(p: jax.Array, corner: jax.Array) -> jax.Array:
        window = window_at(p, corner[0], corner[1], rows * n, columns * n)
        tiles = window.reshape(-1, rows, n, columns, n).swapaxes(2, 3)
        return _transform(tiles.reshape(-1, n * n), n).reshape(-1, rows * columns, n * n)

    @jax.checkpoint
    def one(corner: jax.Array) -> tuple[jax.Array, jax.Array]:
        c = forward(padded, corner)
        energy = jnp.square(c if gain is hard_gain else forward(guide_padded, corner))
        busy = _stands_out(energy, variance).astype(dtype).mean(-1, keepdims=True)
        k = jnp.maximum(gain(energy, variance, busy), mean[None, None])
        w = n * n / jnp.maximum(jnp.square(k).sum(-1, keepdims=True), 1)
        tiles = _transform((c * k * w).reshape(-1, n * n), n, inverse=True)
        window = tiles.reshape(-1, rows, columns, n, n).swapaxes(2, 3).reshape(-1, rows * n, columns * n)
        weight = jnp.broadcast_to(w.reshape(-1, rows, 1, columns, 1), (w.shape[0], rows, n, columns, n))
        return window, weight.reshape(window.shape)

    def body(sums: tuple[jax.Array, jax.Array], corner: jax.Array):
        window, weight = one(corner)
        return (add_at(sums[0], window, corner), add_at(sums[1], weight, corner)), None

    corners = np.stack(np.meshgrid(np.arange(0, n, step), np.arange(0, n, step), indexing="ij"), -1)
    corners = corners.reshape(-1, 2).astype(np.int32)
    zeros = jnp.zeros_like(padded)
    sums, _ = lax.scan(body, (zeros, zeros), jnp.asarray(corners))
    inside = (slice(None), slice(n - 1, n - 1 + height), slice(n - 1, n - 1 + width))
    return sums[0][inside], sums[1][inside]


def _transform(tiles: jax.Array, n: int, *, inverse: bool = False) -> jax.Array:
    """The 2-D DCT of `(B, n * n)` blocks: one product where it is small, else down and across."""
    if n <= 8:
        whole = block_basis(n) if inverse else block_basis(n).T
        return jnp.matmul(tiles, jnp.asarray(whole, tiles.dtype), precision="highest")
    basis = jnp.asarray(dct_matrix(n) if inverse else dct_matrix(n).T, tiles.dtype)
    across = jnp.matmul(tiles.reshape(-1, n), basis, precision="highest").reshape(-1, n, n).swapaxes(1, 2)
    return jnp.matmul(across.reshape(-1, n), basis, precision="highest").reshape(-1, n * n)


def add_at(total: jax.Array, window: jax.Array, corner: jax.Array) -> jax.Array:
    """`total` with a window added to its last two axes at a corner `(2,)`.

    Example:
      >>> add_at(jnp.zeros((2, 3)), jnp.ones((1, 2)), jnp.asarray([1, 1])).tolist()
      [[0.0, 0.0, 0.0], [0.0, 1.0, 1.0]]
    """
    here = window_at(total, corner[0], corner[1], *window.shape[-2:])
    return lax.dynamic_update_slice(total, here + window, (*[np.int32(0)] * (total.ndim - 2), corner[0], corner[1]))


def window_at(planes: jax.Array, y: int | jax.Array, x: int | jax.Array, rows: int, columns: int) -> jax.Array:
    """The `rows x columns` window of the last two axes whose corner is `(y, x)`.

    Example:
      >>> window_at(jnp.arange(6.0).reshape(2, 3), 1, 1, 1, 2).tolist()
      [[4.0, 5.0]]
    """
    start = [np.int32(0)] * (planes.ndim - 2) + [jnp.int32(y), jnp.int32(x)]
    return lax.dynamic_slice(planes, start, (*planes.shape[:-2], rows, columns))


# --- small blocks at every pixel, all at once ------------------------------------------------------------------------


@partial(jax.checkpoint, static_argnums=(3, 4))
def _at_once(planes: jax.Array, guide: jax.Array, variance: jax.Array, n: int, gain: Gain) -> Sums:
    """Of the blocks of side n at every pixel: a list of pictures for the coefficients, one for each frequency.

    Walls between the steps, or each of the n * n last sums would compute all of the coefficients anew.
    """
    height, width = planes.shape[1:]
    pad = windows.apart(lambda p: windows.pad(p[..., None], (n - 1, n - 1), (n - 1, n - 1), "symmetric")[..., 0])
    across = windows.apart(lambda p: _frequencies(p, n, -1))
    waves = across(pad(planes))
    guides = waves if gain is hard_gain else across(pad(guide))

    def energies(wave: jax.Array) -> list[jax.Array]:
        return [jnp.square(c) for c in _frequencies(wave, n, -2)]

    def standing_out(variance: jax.Array, *guides: jax.Array) -> jax.Array:
        marks = [_stands_out(e, variance).astype(e.dtype) for wave in guides for e in energies(wave)]
        return reduce(operator.add, marks) / (n * n)

    def gains(first: bool, wave: jax.Array, variance: jax.Array, busy: jax.Array) -> list[jax.Array]:
        """Of the coefficients that are of one frequency across; the first of the first of them is the mean."""
        k = [gain(e, variance, busy) for e in energies(wave)]
        return [jnp.ones_like(k[0]), *k[1:]] if first else k

    def weigh(variance: jax.Array, busy: jax.Array, *guides: jax.Array) -> jax.Array:
        squares = [jnp.square(k) for v, wave in enumerate(guides) for k in gains(v == 0, wave, variance, busy)]
        return n * n / jnp.maximum(reduce(operator.add, squares), 1)

    def shrink(first: bool, wave: jax.Array, guide: jax.Array, variance, busy, weight: jax.Array) -> list[jax.Array]:
        parts = zip(_frequencies(wave, n, -2), gains(first, guide, variance, busy), strict=True)
        return [c * k * weight for c, k in parts]

    busy = windows.apart(standing_out)(variance, *guides) if gain is hard_gain else jnp.zeros_like(variance)
    weight = windows.apart(weigh)(variance, busy, *guides)
    back = []
    for v, (wave, guide) in enumerate(zip(waves, guides, strict=True)):
        coefficients = windows.apart(partial(shrink, v == 0))(wave, guide, variance, busy, weight)
        back.append(windows.apart(lambda *c: _pixels(c, n, -2, height))(*coefficients))
    total = windows.apart(lambda *c: _pixels(c, n, -1, width))(*back)
    return total, windows.sliding_sum(weight[..., None], n, n)[..., 0]


def _frequencies(x: jax.Array, n: int, axis: int) -> list[jax.Array]:
    """The DCT of the n numbers from each place on along an axis: one array a frequency, n - 1 shorter."""
    size = x.shape[axis] - n + 1
    taps = [lax.slice_in_dim(x, i, i + size, axis=axis) for i in range(n)]
    return [_combined(taps, row) for row in dct_matrix(n)]


def _pixels(coefficients: Sequence[jax.Array], n: int, axis: int, size: int) -> jax.Array:
    """The adjoint of `_frequencies` but for its n - 1 first and last numbers: the sum of all blocks, put back."""
    blocks = [_combined(coefficients, column) for column in dct_matrix(n).T]
    parts = [lax.slice_in_dim(b, n - 1 - i, n - 1 - i + size, axis=axis) for i, b in enumerate(blocks)]
    return reduce(operator.add, parts)


def _combined(arrays: Sequence[jax.Array], weights: np.ndarray) -> jax.Array:
    return reduce(operator.add, (float(w) * x for w, x in zip(weights, arrays, strict=True)))
