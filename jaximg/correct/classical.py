"""The repairs without a network: noise and JPEG's blocks by shrinking the coefficients of overlapping blocks.

They serve where no network is at home: grey pictures, and noise that the channels share.
"""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from jaximg import ops
from jaximg.correct.fill import enlarge, halve
from jaximg.correct.tiles import tiled
from jaximg.ops.dct import dct_matrix, jpeg_tables

TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
REACH = 32
"""Two passes of blocks of 16 pixels: what lies further away doesn't move a pixel."""
COARSEST = 48
"""Shorter pictures are not looked at on a coarser scale."""
TRUST = 0.3
"""A deblocked coefficient may leave the multiple that JPEG stored by so many steps; half a step is possible."""


# --- noise -----------------------------------------------------------------------------------------------------------


def denoise(image: np.ndarray, planes: np.ndarray) -> np.ndarray:
    """Removes white noise, and the shift of black and white areas that clipping it has left.

    Args:
      image: `(H, W, C)` float32.
      planes: `(C,)`, the noise's standard deviation in each channel after an orthonormal DCT of the channels.

    Returns:
      `(H, W, C)` float32.
    """
    return _unclip(image, _denoise_scales(image, planes), float(np.sqrt(np.mean(np.square(planes)))))


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


def deblock(image: np.ndarray, quality: int) -> np.ndarray:
    """Removes JPEG's blocks and ringing: its rounding is taken for noise, and the result held near what was stored.

    Args:
      image: `(H, W, C)` float32 whose first block begins at its corner.
      quality: of the JPEG, 1 to 100.

    Returns:
      `(H, W, C)` float32.
    """
    luma, chroma = jpeg_tables(quality)
    sigma = np.array([_rounding_noise(table) for table in (luma, chroma, chroma)[: image.shape[-1]]], np.float32)
    whole = np.zeros((*image.shape[:2], 1), np.float32)
    whole[: image.shape[0] // 8 * 8, : image.shape[1] // 8 * 8] = 1
    step = partial(_deblock, sigma=jnp.asarray(sigma), table=jnp.asarray(luma[None, None] / 255, jnp.float32))
    return tiled(step, image, whole, rim=REACH + 8)


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
