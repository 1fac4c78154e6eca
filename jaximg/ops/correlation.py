"""Correlation with a template of any size, and the moments of every window: what template matching stands on.

Small templates are summed directly; large ones go through the FFT in tiles that stay in the cache. The kernel is real,
so two tiles travel as one complex one. Each tile's mean is taken out beforehand and put back in closed form, which
makes the error follow the picture's contrast rather than its brightness.
"""

import math
import operator
from collections.abc import Sequence
from functools import lru_cache, partial, reduce

import jax
import jax.numpy as jnp
from jax import lax

from jaximg.ops import windows

DIRECT_TAPS = 100
"""Templates of up to 10 x 10 pixels are summed directly: faster than by FFT (measured)."""


def correlate_template(image: jax.Array, kernel: jax.Array, *, total: bool) -> jax.Array:
    """Correlation without a border; batch axes of image and kernel broadcast.

    Args:
      image: `(..., H, W, C)`, at least f32.
      kernel: `(..., h, w, C or 1)`, as many axes as the image.
      total: sums over the channels.

    Returns:
      `(..., H - h + 1, W - w + 1, 1 if total else C)`.

    Example:
      >>> correlate_template(jnp.ones((5, 6, 3)), jnp.ones((2, 2, 3)), total=True)[0, 0, 0].item()
      12.0
    """
    return (_direct if kernel.shape[-3] * kernel.shape[-2] <= DIRECT_TAPS else _by_fft)(image, kernel, total)


def _direct(image: jax.Array, kernel: jax.Array, total: bool) -> jax.Array:
    """Plane by plane: a channel axis of three at the end is no good to a vector unit."""
    batch = jnp.broadcast_shapes(image.shape[:-3], kernel.shape[:-3])
    image = jnp.broadcast_to(image, (*batch, *image.shape[-3:]))
    kernel = jnp.broadcast_to(kernel, (*batch, *kernel.shape[-3:-1], image.shape[-1]))

    def plane(channel: int) -> jax.Array:
        x = image[..., channel : channel + 1].reshape(-1, *image.shape[-3:-1], 1)
        k = kernel[..., channel : channel + 1].reshape(-1, *kernel.shape[-3:-1], 1)
        out = jax.vmap(windows.correlate_valid)(windows.materialise(x), k)
        return out.reshape(*batch, *out.shape[1:])

    planes = [plane(channel) for channel in range(image.shape[-1])]
    return reduce(operator.add, planes) if total else lax.concatenate(planes, len(batch) + 2)


def _by_fft(image: jax.Array, kernel: jax.Array, total: bool) -> jax.Array:
    height, width = (n - k + 1 for n, k in zip(image.shape[-3:-1], kernel.shape[-3:-1], strict=True))
    (rows, cols), (step_y, step_x), size = _tiling(height, width, *kernel.shape[-3:-1])
    planes, kernel = jnp.moveaxis(image, -1, -3), jnp.moveaxis(kernel, -1, -3)
    spectrum = jnp.conj(jnp.fft.fft2(kernel, s=size))
    weight = windows.materialise(kernel.sum(-1)).sum(-1)[..., None, None]
    cells = [(row * step_y, col * step_x) for row in range(rows) for col in range(cols)]
    half = len(cells) // 2
    done = [_two_tiles(planes, cells[i], cells[half + i], size, spectrum, weight, total) for i in range(half)]
    tiles = [pair[k][..., :step_y, :step_x] for k in range(2) for pair in done]
    lines = [jnp.concatenate(tiles[row * cols : (row + 1) * cols], -1) for row in range(rows)]
    return jnp.moveaxis(jnp.concatenate(lines, -2)[..., :height, :width], -3, -1)


def _two_tiles(
    planes: jax.Array,
    first: tuple[int, int],
    second: tuple[int, int],
    size: tuple[int, int],
    spectrum: jax.Array,
    weight: jax.Array,
    total: bool,
) -> tuple[jax.Array, jax.Array]:
    """The correlations of two tiles of `(..., C, H, W)`, one the real part, one the imaginary."""
    tiles, means = zip(*(_centred(planes, *corner, size) for corner in (first, second)), strict=True)
    product = jnp.fft.fft2(lax.complex(*tiles)) * spectrum
    added = [jnp.broadcast_to(mean * weight, (*product.shape[:-2], 1, 1)) for mean in means]
    if total:
        product, *added = (jnp.sum(v, axis=-3, keepdims=True) for v in (product, *added))
    out = jnp.fft.ifft2(product)
    return out.real + added[0], out.imag + added[1]


def _centred(planes: jax.Array, top: int, left: int, size: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
    """One tile less its rough mean, padded with zeros beyond the picture; and the mean `(..., C, 1, 1)`."""
    tile = planes[..., top : top + size[0], left : left + size[1]]
    if 0 in tile.shape:
        empty = jnp.zeros((*planes.shape[:-2], *size), planes.dtype)
        return empty, empty[..., :1, :1]
    mean = lax.stop_gradient(tile[..., ::16, :].mean((-2, -1), keepdims=True))  # any value would do
    ends = [(0, 0)] * (planes.ndim - 2) + [(0, n - k) for n, k in zip(size, tile.shape[-2:], strict=True)]
    return jnp.pad(tile - mean, ends), mean


@lru_cache(maxsize=1024)
def _tiling(height: int, width: int, h: int, w: int) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Numbers of tiles (an even one in all), the valid part of each, and the size of its FFT: the cheapest found."""
    best, best_cost = None, math.inf
    for rows in range(2, 9, 2):
        for cols in range(1, 9):
            steps = -(-height // rows), -(-width // cols)
            size = smooth_length(steps[0] + h - 1), smooth_length(steps[1] + w - 1)
            area = size[0] * size[1]
            cost = rows * cols * (area * (1 + area / CACHED) + PER_TILE)
            if cost < best_cost:
                best, best_cost = ((rows, cols), steps, size), cost
    assert best is not None
    return best


CACHED = 150_000
PER_TILE = 8_000
"""In pixels: an FFT of so many costs twice as much a pixel as a small one, and a tile as much as so many. Measured."""


def smooth_length(n: int) -> int:
    """The next number without a prime factor above 5: FFTs of such lengths are fast.

    Example:
      >>> smooth_length(7), smooth_length(26)
      (8, 27)
    """
    while True:
        rest = n
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 1


# --- moments of every window -----------------------------------------------------------------------------------------


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def window_moments(image: jax.Array, height: int, width: int) -> tuple[jax.Array, jax.Array]:
    """Sum, and sum of squared deviations from the mean, over every `height x width` window, channel by channel.

    Windows grow fourfold a pass, and their deviations are joined pairwise, so a flat window has exactly none and a
    nearly flat one is not drowned by its brightness.

    Args:
      image: `(..., H, W, C)`, at least f32.
      height: window rows.
      width: window columns.

    Returns:
      Two arrays `(..., H - height + 1, W - width + 1, C)`.

    Example:
      >>> total, deviation = window_moments(jnp.asarray([[[1.0], [3.0], [3.0]]]), 1, 2)
      >>> total[0, :, 0].tolist(), deviation[0, :, 0].tolist()
      ([4.0, 6.0], [2.0, 0.0])

    References:
      Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample variances, 1979.
    """
    across = _grow((1, image, None), image.ndim - 2, width)
    _, total, deviation = _grow(across, image.ndim - 3, height)
    return total, jnp.zeros_like(total) if deviation is None else deviation


@window_moments.defjvp
def _window_moments_jvp(
    height: int, width: int, primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
    (image,), (tangent,) = primals, tangents
    total, deviation = window_moments(image, height, width)
    centre = lax.stop_gradient(image.mean((-3, -2), keepdims=True))
    slope = windows.sliding_sum(tangent, height, width)
    mean = total / (height * width) - centre
    cross = windows.sliding_sum((image - centre) * tangent, height, width)
    return (total, deviation), (slope, 2 * (cross - mean * slope))


Part = tuple[int, jax.Array, jax.Array | None]
"""Windows of so many pixels: their sums and squared deviations (None: no deviation)."""


def _join(a: Part, b: Part) -> Part:
    n, m = a[0], b[0]
    gap = a[1] * (1 / n) - b[1] * (1 / m)
    deviation = gap * gap * (n * m / (n + m))
    known = [part[2] for part in (a, b) if part[2] is not None]
    return n + m, a[1] + b[1], reduce(operator.add, known, deviation)


def _grow(part: Part, axis: int, size: int) -> Part:
    """Joins windows along one axis: 1, 4, 16 ... of them, then those that cover `size`."""
    count = part[1].shape[axis] - size + 1
    levels = [(1, part)]
    while levels[-1][0] * windows.RADIX <= size:
        length, level = levels[-1]
        shifts = [k * length for k in range(windows.RADIX)]
        grown = _join_all([(level, shift) for shift in shifts], axis, level[1].shape[axis] - shifts[-1])
        levels.append((windows.RADIX * length, grown))
    cover, start = [], 0
    for length, level in reversed(levels):
        while start + length <= size:
            cover.append((level, start))
            start += length
    return _join_all(cover, axis, count)


def _join_all(pieces: Sequence[tuple[Part, int]], axis: int, count: int) -> Part:
    """Joins windows that start at the given shifts, two and two, in one pass over memory."""

    def joined(*arrays: tuple[jax.Array, jax.Array | None]) -> tuple[jax.Array, jax.Array | None]:
        def cut(v: jax.Array, start: int) -> jax.Array:
            return lax.slice_in_dim(v, start, start + count, axis=axis)

        parts: list[Part] = [
            (part[0], cut(total, start), None if deviation is None else cut(deviation, start))
            for (part, start), (total, deviation) in zip(pieces, arrays, strict=True)
        ]
        while len(parts) > 1:
            pairs = zip(parts[::2], parts[1::2], strict=False)
            parts = [_join(*pair) for pair in pairs] + ([parts[-1]] if len(parts) % 2 else [])
        return parts[0][1], parts[0][2]

    size = sum(part[0] for part, _ in pieces)
    return size, *windows.apart(joined)(*(part[1:] for part, _ in pieces))
