"""One function for each kind of damage: (image, report, strength) -> image, on the host, pictures of any size.

`strength` interpolates between what went in (0) and the full repair (1).
"""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from jaximg import ops
from jaximg.correct.diagnose import Report
from jaximg.correct.fill import enlarge, fill, halve
from jaximg.correct.tiles import tiled
from jaximg.ops.dct import jpeg_tables
from jaximg.ops.denoise import dct_matrix

TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
REACH = 32
"""Two passes of blocks of 16 pixels: what lies further away doesn't move a pixel."""
COARSEST = 48
"""Shorter pictures are not looked at on a coarser scale."""
TRUST = 0.3
"""A deblocked coefficient may leave the multiple that JPEG stored by so many steps; half a step is possible."""


def mix(image: np.ndarray, repaired: np.ndarray, strength: float) -> np.ndarray:
    """The way from one to the other; exact at both ends.

    Example:
      >>> mix(np.zeros(1), np.ones(1), 0.25).tolist()
      [0.25]
    """
    if strength in (0, 1):
        return repaired if strength else image
    before = np.where(np.isfinite(image), image, repaired)
    return before + np.float32(strength) * (repaired - before)


def fill_missing(image: np.ndarray, report: Report, strength: float = 1.0) -> np.ndarray:
    """Continues the picture into `report.missing`."""
    return mix(image, fill(image, report.missing), strength)


def fill_scratches(image: np.ndarray, report: Report, strength: float = 1.0) -> np.ndarray:
    """Continues the picture into `report.scratches`."""
    return mix(image, fill(image, report.scratches), strength)


def fill_impulses(image: np.ndarray, report: Report, strength: float = 1.0) -> np.ndarray:
    """Continues each channel into its `report.impulses`."""
    return mix(image, fill(image, report.impulses), strength)


# --- noise -----------------------------------------------------------------------------------------------------------


def denoise(image: np.ndarray, report: Report, strength: float = 1.0) -> np.ndarray:
    """Removes noise of `report.noise_sigma`, as far as the report is sure of it, and the shift left by clipping."""
    planes = report.noise_planes if len(report.noise_planes) == image.shape[-1] else (report.noise_sigma,)
    sigma = np.broadcast_to(report.noise_confidence * np.asarray(planes, np.float32), image.shape[-1:])
    smooth = _denoise_scales(image, sigma)
    return mix(image, _unclip(image, smooth, report.noise_confidence * report.noise_sigma), strength)


def _denoise_scales(image: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Denoises the picture and, at half the size and half the noise, what is too wide for a block; joins the two."""
    level = jnp.asarray(sigma, jnp.float32)
    smooth = tiled(lambda cut: ops.dct_denoise(cut, level), image, rim=REACH)
    if min(image.shape[:2]) < COARSEST:
        return smooth
    half = halve(image)
    shift = _denoise_scales(half, sigma / 2) - halve(smooth)
    broad = enlarge(halve(shift), shift.shape[:2])
    return smooth + enlarge(broad, image.shape[:2])


def _unclip(image: np.ndarray, smooth: np.ndarray, sigma: float) -> np.ndarray:
    """Undoes the shift of dark and bright areas whose noise has been cut off at 0 and 1.

    Of a mean m and noise sigma, `max(0, m + noise)` has the mean m P + sigma p, with P and p the normal distribution
    and density at m / sigma: 0.4 sigma where the picture was black. This is that function's inverse.
    """
    dark, bright = smooth < 0.8 * sigma, smooth > 1 - 0.8 * sigma
    if dark.any() and np.mean(image[dark] == 0) > 0.1:
        smooth = sigma * np.interp(smooth / max(sigma, 1e-6), *_shifted_means())
    if bright.any() and np.mean(image[bright] == 1) > 0.1:
        smooth = 1 - sigma * np.interp((1 - smooth) / max(sigma, 1e-6), *_shifted_means())
    return smooth.astype(np.float32)


@lru_cache
def _shifted_means() -> tuple[np.ndarray, np.ndarray]:
    """The mean of max(0, m + unit noise), and m; the identity far from 0."""
    m = np.concatenate([np.linspace(0, 4, 401), [1e6]])
    x = np.linspace(-8, 8, 3201)
    weight = np.exp(-0.5 * x * x) / np.exp(-0.5 * x * x).sum()
    means = np.maximum(m[:, None] + x, 0) @ weight
    return means, m


# --- JPEG ------------------------------------------------------------------------------------------------------------


def deblock(image: np.ndarray, report: Report, strength: float = 1.0) -> np.ndarray:
    """Removes JPEG's blocks and ringing: its rounding is taken for noise, and the result held near what was stored."""
    if report.jpeg_quality is None:
        return image
    luma, chroma = jpeg_tables(report.jpeg_quality)
    sigma = np.array([_rounding_noise(table) for table in (luma, chroma, chroma)[: image.shape[-1]]], np.float32)
    before = [(-corner) % 8 for corner in report.jpeg_corner]
    shift = [(n, 0) for n in before] + [(0, 0)]
    whole = np.zeros((*image.shape[:2], 1), np.float32)
    inside = [slice(c, c + (size - c) // 8 * 8) for c, size in zip(report.jpeg_corner, image.shape[:2], strict=True)]
    whole[tuple(inside)] = 1
    padded, whole = np.pad(image, shift, mode="symmetric"), np.pad(whole, shift)
    step = partial(_deblock, sigma=jnp.asarray(sigma), table=jnp.asarray(luma[None, None] / 255, jnp.float32))
    repaired = tiled(step, padded, whole, rim=REACH + 8)[before[0] :, before[1] :]
    return mix(image, repaired, strength)


def _rounding_noise(table: np.ndarray) -> float:
    """The sigma of white noise as harmful as rounding to multiples of `table` (Foi et al., 2007, with 0.9 for 0.69)."""
    return float(np.sqrt(0.9 * table[:3, :3].mean() ** 1.3)) / 255


@jax.jit
def _deblock(cut: jax.Array, whole: jax.Array, *, sigma: jax.Array, table: jax.Array) -> jax.Array:
    colour = jnp.asarray(TO_YCC if cut.shape[-1] == 3 else np.ones((1, 1)), cut.dtype)
    back = jnp.asarray(np.linalg.inv(TO_YCC) if cut.shape[-1] == 3 else np.ones((1, 1)), cut.dtype)
    ycc = jnp.matmul(cut, colour.T, precision="highest")
    smooth = ops.dct_denoise(ycc, sigma, decorrelate=False)
    luma = _hold(ycc[..., 0], smooth[..., 0], whole[..., 0], table)
    smooth = jnp.concatenate([luma[..., None], smooth[..., 1:]], -1)
    return cut + jnp.matmul(smooth - ycc, back.T, precision="highest")


def _hold(stored: jax.Array, smooth: jax.Array, whole: jax.Array, table: jax.Array) -> jax.Array:
    """Keeps each coefficient of the whole blocks of `smooth` within `TRUST` steps of the multiple that was stored."""
    stored_c, smooth_c = _blocks(stored - 128 / 255), _blocks(smooth - 128 / 255)
    multiple = table * jnp.round(stored_c / table)
    held = jnp.clip(smooth_c, multiple - TRUST * table, multiple + TRUST * table)
    dct = jnp.asarray(dct_matrix(8), stored.dtype)
    pixels = jnp.einsum("ki,abkl,lj->aibj", dct, held, dct, precision="highest").reshape(smooth.shape)
    return jnp.where(whole > 0, pixels + 128 / 255, smooth)


def _blocks(plane: jax.Array) -> jax.Array:
    dct = jnp.asarray(dct_matrix(8), plane.dtype)
    blocks = plane.reshape(plane.shape[0] // 8, 8, plane.shape[1] // 8, 8)
    return jnp.einsum("ki,aibj,lj->abkl", dct, blocks, dct, precision="highest")
