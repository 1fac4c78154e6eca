"""Denoising by orthogonal wavelets."""

import math
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from jaximg.ops import windows
from jaximg.typing import Image, Scalar, check_choice, check_image, is_traced

WAVELETS = ("haar", "db1", "db2", "db3", "db4", "db5", "db6", "db7", "db8")

QUARTILE = 0.6744897501960817
"""Half of a normal variable's values lie within so many of its standard deviations."""


def wavelet_denoise(
    image: Image, *, sigma: Scalar | None = None, wavelet: str = "db2", levels: int | None = None
) -> jax.Array:
    r"""Removes white Gaussian noise by shrinking wavelet coefficients, BayesShrink; each channel for itself.

        d <- sign(d) max(|d| - t, 0),   t = sigma^2 / sqrt(mean(d^2) - sigma^2)   for each band of each level

    with Daubechies' orthogonal wavelets, the picture continued by "symmetric" mirroring. This is scikit-image's
    `denoise_wavelet`. The gradient is exact, through a sigma measured here too; it jumps where a coefficient reaches
    its threshold, the median another one, or a band its noise.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      sigma: the noise's standard deviation in the image's units: a scalar, or `(C,)` for each channel. By default
        median(|d|) / 0.6745 over the nonzero diagonal coefficients of the finest level, of each channel. Traced or
        concrete.
      wavelet: "haar" or "db1" to "db8", as many vanishing moments.
      levels: static; by default three less than fit into the picture, at least 1.

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, an unknown wavelet, a negative sigma or one of another shape, levels below 1.

    Example:
      >>> noisy = 0.1 * jax.random.normal(jax.random.key(0), (32, 32, 3))
      >>> bool(jnp.std(wavelet_denoise(noisy)) < 0.06)
      True

    References:
      Chang, Yu and Vetterli, Adaptive wavelet thresholding for image denoising and compression, 2000. Donoho and
      Johnstone, Ideal spatial adaptation by wavelet shrinkage, 1994. Daubechies, Ten lectures on wavelets, 1992.
    """
    image = check_image(image)
    check_choice(wavelet, WAVELETS, "wavelet")
    moments = 1 if wavelet == "haar" else int(wavelet[2:])
    if levels is None:
        fitting = min(image.shape[-3:-1]) / (2 * moments - 1)
        levels = max(1, math.floor(math.log2(max(fitting, 1))) - 3)
    if levels < 1:
        raise ValueError(f"levels={levels}; at least one")
    if sigma is not None:
        if not is_traced(sigma) and np.any(np.asarray(sigma) < 0):
            raise ValueError(f"sigma={sigma}; a standard deviation is not negative")
        sigma = jnp.asarray(sigma, windows.wide(image.dtype))
        if sigma.shape not in ((), (1,), (image.shape[-1],)):
            raise ValueError(f"sigma has shape {sigma.shape}; pass a scalar or ({image.shape[-1]},)")
    return _denoise(image, sigma, moments, levels)


@partial(jax.jit, static_argnames=("moments", "levels"))
def _denoise(image: jax.Array, sigma: jax.Array | None, moments: int, levels: int) -> jax.Array:
    planes = jnp.moveaxis(image.astype(windows.wide(image.dtype)), -1, -3)
    shape = planes.shape
    planes = planes.reshape(-1, *shape[-2:])
    coarse, bands, sizes = planes, [], []
    for _ in range(levels):
        sizes.append(coarse.shape[1:])
        coarse, *details = analyse(coarse, moments)
        bands.append(details)
    if sigma is None:
        variance = jnp.square(_median_of_nonzero(bands[0][2]) / QUARTILE)
    else:
        variance = jnp.broadcast_to(jnp.square(sigma), shape[:-2]).reshape(-1)
    for details, size in zip(bands[::-1], sizes[::-1], strict=True):
        coarse = synthesise((coarse, *(_shrink(d, variance) for d in details)), moments, size)
    return jnp.moveaxis(coarse.reshape(shape), -3, -1).astype(image.dtype)


def _shrink(band: jax.Array, variance: jax.Array) -> jax.Array:
    excess = jnp.square(band).mean((1, 2)) - variance
    threshold = variance / jnp.sqrt(jnp.maximum(excess, float(jnp.finfo(band.dtype).eps)))
    return jnp.sign(band) * jnp.maximum(jnp.abs(band) - threshold[:, None, None], 0)


def _median_of_nonzero(band: jax.Array) -> jax.Array:
    """The median of the magnitudes that are not 0: what a picture lacks (a flat frame, say) has no noise to tell of."""
    size = jnp.sort(jnp.abs(band).reshape(band.shape[0], -1), axis=-1)
    zeros = (size == 0).sum(-1, keepdims=True)
    count = size.shape[-1] - zeros
    places = [jnp.clip(zeros + (count - shift) // 2, 0, size.shape[-1] - 1) for shift in (1, 0)]
    low, high = (jnp.take_along_axis(size, place, axis=-1)[:, 0] for place in places)
    return 0.5 * (low + high)


# --- the transform ---------------------------------------------------------------------------------------------------


@lru_cache
def daubechies(moments: int) -> np.ndarray:
    """The low-pass filter of Daubechies' wavelet with so many vanishing moments: `(2 * moments,)`, float64.

    Example:
      >>> daubechies(1).round(4).tolist(), daubechies(2).round(4).tolist()
      ([0.7071, 0.7071], [0.483, 0.8365, 0.2241, -0.1294])
    """
    binomials = [math.comb(moments - 1 + k, k) for k in range(moments)]
    middle = 1 - 2 * np.roots(binomials[::-1])  # y = (2 - z - 1 / z) / 4
    z = middle + np.sqrt(middle.astype(complex) ** 2 - 1)
    inside = np.where(np.abs(z) < 1, z, 1 / z) if len(z) else z
    taps = np.real(np.poly(np.concatenate([-np.ones(moments), inside])))
    return taps * (math.sqrt(2) / taps.sum())


def _filters(moments: int, dtype: jnp.dtype) -> tuple[jax.Array, jax.Array]:
    low = daubechies(moments)
    high = low[::-1] * (-1) ** np.arange(len(low))
    return jnp.asarray(low, dtype), jnp.asarray(high, dtype)


def analyse(planes: jax.Array, moments: int) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """One level: `(N, H, W)` to its coarse picture and its horizontal, vertical and diagonal details.

    Each is `((H + L - 1) // 2, (W + L - 1) // 2)` for filters of length L, as in PyWavelets' "symmetric" mode.

    Example:
      >>> [round(band.item(), 4) for band in analyse(jnp.ones((1, 2, 2)), 1)]
      [2.0, 0.0, 0.0, 0.0]
    """
    low, high = _split(planes, 1, moments)
    (coarse, vertical), (horizontal, diagonal) = (_split(part, 2, moments) for part in (low, high))
    return coarse, horizontal, vertical, diagonal


def synthesise(bands: tuple[jax.Array, ...], moments: int, size: tuple[int, int]) -> jax.Array:
    """`analyse` undone: four bands to `(N, *size)`.

    Example:
      >>> x = jnp.arange(15.0).reshape(1, 3, 5)
      >>> bool(jnp.allclose(synthesise(analyse(x, 2), 2, (3, 5)), x, atol=1e-5))
      True
    """
    coarse, horizontal, vertical, diagonal = bands
    low = _join(coarse, vertical, 2, moments, size[1])
    high = _join(horizontal, diagonal, 2, moments, size[1])
    return _join(low, high, 1, moments, size[0])


def _split(x: jax.Array, axis: int, moments: int) -> tuple[jax.Array, jax.Array]:
    taps, size = 2 * moments, x.shape[axis]
    count = (size + taps - 1) // 2
    pads = [(0, 0), (0, 0)]
    pads[axis - 1] = (taps - 2, 2 * count - size)
    padded = windows.materialise(windows.pad(x[..., None], pads[0], pads[1], "symmetric")[..., 0])
    seen = [jax.lax.slice_in_dim(padded, i, i + 2 * count - 1, 2, axis) for i in range(taps)]
    low, high = (sum(f[i] * v for i, v in enumerate(seen)) for f in _filters(moments, x.dtype))
    return jnp.asarray(low), jnp.asarray(high)


def _join(low: jax.Array, high: jax.Array, axis: int, moments: int, size: int) -> jax.Array:
    filters, count = _filters(moments, low.dtype), low.shape[axis] - moments + 1

    def phase(odd: int) -> jax.Array:
        total = jnp.zeros((), low.dtype)
        for band, taps in zip((low, high), filters, strict=True):
            for i in range(moments):
                total = total + taps[2 * moments - 2 - 2 * i + odd] * jax.lax.slice_in_dim(band, i, i + count, 1, axis)
        return total

    both = jnp.stack([phase(0), phase(1)], axis + 1)
    shape = list(low.shape)
    shape[axis] = 2 * count
    return jax.lax.slice_in_dim(both.reshape(shape), 0, size, 1, axis)
