"""The repairs without a network: noise and JPEG's blocks by shrinking the coefficients of overlapping blocks.

The networks begin with them, and they serve alone where no network is at home: the blocks of grey JPEGs, and noise that
the channels share.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np

from jaximg import ops
from jaximg.correct.fill import enlarge, halve
from jaximg.correct.tiles import tiled
from jaximg.models import collaborative
from jaximg.models.estimate import REACH, alike, deblocked, denoised
from jaximg.models.stored import near_stored

SIDES = 288, 544, 1056
"""Sides of the squares that an estimate is made in: large, since they overlap by its reach, and with room for it beyond
pictures of 256, 512 or 1024 pixels."""
ALIKE_SIDES = 256, 512
"""Of those in which blocks are compared: that takes hundreds of numbers for each pixel."""
EDGE = 32
"""How many pixels to each side what is stored depends on: beyond 16, doubling is undone to one part in a million."""
COARSEST = 48
"""Shorter pictures are not looked at on a coarser scale."""


# --- noise -----------------------------------------------------------------------------------------------------------


def estimate(image: np.ndarray, sigma: float | np.ndarray) -> np.ndarray:
    """What a network begins with, `models.estimate.denoised` of a picture of any size.

    Args:
      image: `(H, W, C)` float32.
      sigma: the noise's standard deviation, or a map of it, `(H, W, 1)` float32.

    Returns:
      `(H, W, C)` float32.
    """
    return _leveled(_denoised, image, level=sigma, rim=REACH, sides=SIDES)


def estimate_again(image: np.ndarray, first: np.ndarray, sigma: float | np.ndarray) -> np.ndarray:
    """What the grey network begins with the second time, `models.estimate.alike` of a picture of any size.

    Args:
      image: `(H, W, 1)` float32.
      first: `(H, W, 1)` float32, what it answered.
      sigma: as `estimate` takes it.

    Returns:
      `(H, W, 1)` float32.
    """
    return _leveled(_alike, image, first, level=sigma, rim=collaborative.REACH, sides=ALIKE_SIDES)


def _leveled(
    step: Callable[..., jax.Array], *images: np.ndarray, level: float | np.ndarray, rim: int, sides: Sequence[int]
) -> np.ndarray:
    """`tiled` of a step that takes the level last, cut like a picture where it is a map."""
    if isinstance(level, np.ndarray):
        return tiled(step, *images, level, rim=rim, sides=sides)
    same = jnp.float32(level)
    return tiled(lambda *cuts: step(*cuts, same), *images, rim=rim, sides=sides)


_denoised, _alike = jax.jit(denoised), jax.jit(alike)


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
    """Removes JPEG's blocks and ringing, as `models.estimate.deblocked` does.

    Args:
      image: `(H, W, C)` float32 whose first block begins at its corner.
      quality: of the JPEG, 1 to 100.

    Returns:
      `(H, W, C)` float32.
    """
    level = jnp.float32(quality)
    return tiled(lambda cut, held: _deblocked(cut, level, held), image, _whole(image, 8, (0, 0)), rim=REACH + 8)


@jax.jit
def _deblocked(cut: jax.Array, quality: jax.Array, whole: jax.Array) -> jax.Array:
    return deblocked(cut, quality, whole=whole)


def hold(answer: np.ndarray, image: np.ndarray, quality: int, halved: tuple[int, int] | None) -> np.ndarray:
    """What a network makes of a JPEG, held near what the JPEG has stored, as `models.stored.near_stored` does.

    Args:
      answer: `(H, W, 3)` float32.
      image: the JPEG, the same shape, whose first block begins at its corner.
      quality: of the JPEG, 1 to 100.
      halved: where the first whole block of chroma at half the size begins, `jpeg.find_halved`.

    Returns:
      `(H, W, 3)` float32.
    """
    level = jnp.float32(quality)
    pads = [(-start % 16, 0) for start in halved or (0, 0)]
    begin = tuple(before for before, _ in pads)
    if any(begin):
        answer, image = (np.pad(x, [*pads, (0, 0)], mode="edge") for x in (answer, image))
    maps = _whole(image, 8, begin), _whole(image, 16 if halved else 0, tuple(16 * (n > 0) for n in begin))
    out = tiled(lambda *cuts: _near_stored(*cuts[:2], level, *cuts[2:]), answer, image, *maps, rim=EDGE)
    return out[begin[0] :, begin[1] :]


@jax.jit
def _near_stored(
    answer: jax.Array, image: jax.Array, quality: jax.Array, whole: jax.Array, halved: jax.Array
) -> jax.Array:
    return near_stored(answer, image, quality, whole=whole, halved=halved)


def _whole(image: np.ndarray, block: int, begin: tuple[int, ...]) -> np.ndarray:
    """1 on the blocks of a picture that the coder saw whole, from `begin` on; none where `block` is 0."""
    out = np.zeros((*image.shape[:2], 1), np.float32)
    if block:
        end = (side // block * block for side in image.shape[:2])
        out[tuple(slice(start, stop) for start, stop in zip(begin, end, strict=True))] = 1
    return out
