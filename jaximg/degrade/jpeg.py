"""JPEG, twice: differentiable in pure JAX, and by Pillow on the host."""

from functools import partial
from io import BytesIO

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image as PillowImage

from jaximg.ops import windows
from jaximg.ops.color import rgb_to_ycbcr, ycbcr_to_rgb
from jaximg.ops.dct import BLOCK, block_dct, block_idct, quality_tables
from jaximg.typing import Image, Key, Scalar, check_choice, check_image, is_traced

ROUNDINGS = ("straight", "soft")
SAMPLINGS = ("4:2:0", "4:4:4")


def jpeg(key: Key, image: Image, *, quality: Scalar, rounding: str = "straight", sampling: str = "4:2:0") -> jax.Array:
    """Saves as a JPEG and reads it again, differentiably: libjpeg's steps without its entropy coding.

        8-bit YCbCr -> chroma halved -> 8 x 8 DCT -> round(X / Q) Q -> inverse DCT -> chroma doubled -> 8-bit RGB

    Q are the standard tables scaled by the quality. All roundings let the gradient pass unchanged.

    Args:
      key: unused, there so that all damages are called alike; may be None.
      image: `(..., H, W, C)` floating point, C = 1 or 3, clipped to [0, 1].
      quality: 1 to 100, as Pillow and libjpeg count. Traced or concrete.
      rounding: of the coefficients: "straight" rounds and passes the gradient on, "soft" is round(x) + (x -
        round(x))^3, whose gradient is that of its values.
      sampling: of the chroma, "4:2:0" (halved, libjpeg's default) or "4:4:4".

    Returns:
      `(..., H, W, C)` in the image's dtype, multiples of 1/255 with "straight" rounding.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: channels other than 1 or 3, an unknown rounding or sampling, or a concrete quality outside 1..100.

    Example:
      >>> jpeg(None, jnp.full((20, 30, 3), 0.5), quality=50).shape
      (20, 30, 3)

    References:
      ITU-T T.81; libjpeg. Shin and Song, JPEG-resistant adversarial images, 2017 (the soft rounding).
    """
    del key
    image = check_image(image, channels=(1, 3))
    check_choice(rounding, ROUNDINGS, "rounding")
    check_choice(sampling, SAMPLINGS, "sampling")
    if not is_traced(quality):
        _check_quality(quality)
    level = jnp.asarray(quality, windows.wide(image.dtype))
    if level.ndim:
        raise ValueError(f"quality has shape {level.shape}; pass one number, and vmap over pictures for one each")
    return _jitted_jpeg(image, level, soft=rounding == "soft", halved=sampling == "4:2:0")


def jpeg_real(image: Image, quality: int, *, sampling: str = "4:2:0") -> np.ndarray:
    """Saves as a JPEG and reads it again, by Pillow on the host: not jittable, without a gradient.

    Args:
      image: `(..., H, W, C)` floating point, C = 1 or 3, clipped to [0, 1].
      quality: 1 to 100.
      sampling: of the chroma, "4:2:0" or "4:4:4".

    Returns:
      `(..., H, W, C)`, a numpy array in the image's dtype.

    Raises:
      TypeError: an image that is not floating point, or one that is traced.
      ValueError: channels other than 1 or 3, an unknown sampling, or a quality outside 1..100.

    Example:
      >>> jpeg_real(np.full((20, 30, 3), 0.5, np.float32), 50).shape
      (20, 30, 3)

    References:
      Pillow, libjpeg-turbo.
    """
    if is_traced(image, quality):
        raise TypeError("jpeg_real works on the host, outside jit, vmap and grad; jpeg is its twin that works inside")
    array = np.asarray(check_image(image, channels=(1, 3)))
    check_choice(sampling, SAMPLINGS, "sampling")
    _check_quality(quality)
    samples = np.rint(np.clip(array.astype(np.float32), 0, 1) * 255).astype(np.uint8)
    out = [_through_pillow(x, int(quality), sampling) for x in samples.reshape(-1, *samples.shape[-3:])]
    return (np.stack(out).reshape(array.shape).astype(np.float32) / 255).astype(array.dtype)


def _check_quality(quality: Scalar) -> None:
    values = np.asarray(quality)
    if values.size and not (1 <= values.min() and values.max() <= 100):
        raise ValueError(f"quality={quality}; JPEG's runs from 1 to 100")


def _through_pillow(samples: np.ndarray, quality: int, sampling: str) -> np.ndarray:
    stream = BytesIO()
    picture = PillowImage.fromarray(samples[..., 0] if samples.shape[-1] == 1 else samples)
    picture.save(stream, "JPEG", quality=quality, subsampling=sampling)
    return np.asarray(PillowImage.open(stream)).reshape(samples.shape)


# --- how -------------------------------------------------------------------------------------------------------------


@partial(jax.jit, static_argnames=("soft", "halved"))
def _jitted_jpeg(image: jax.Array, quality: jax.Array, *, soft: bool, halved: bool) -> jax.Array:
    levels = _round(jnp.clip(image.astype(quality.dtype), 0, 1) * 255)
    luma, chroma = quality_tables(quality)
    if image.shape[-1] == 1:
        decoded = _coded(levels, luma, soft)
    else:
        ycbcr = _round(rgb_to_ycbcr(levels / 255) * 255 + _centre(levels))
        brightness = _coded(ycbcr[..., :1], luma, soft)
        colours = ycbcr[..., 1:]
        if halved:
            height, width = image.shape[-3:-1]
            colours = _doubled(_coded(_halved(colours), chroma, soft))[..., :height, :width, :]
        else:
            colours = _coded(colours, chroma, soft)
        decoded = ycbcr_to_rgb((jnp.concatenate([brightness, colours], -1) - _centre(levels)) / 255) * 255
    return (jnp.clip(_round(decoded), 0, 255) / 255).astype(image.dtype)


def _centre(levels: jax.Array) -> jax.Array:
    """JFIF's chroma is centred at 128, and not in the middle of 0..255."""
    return jnp.asarray([0, 0.5, 0.5], levels.dtype).reshape(*[1] * (levels.ndim - 1), 3)


def _coded(levels: jax.Array, table: jax.Array, soft: bool) -> jax.Array:
    """Planes of 0..255 after their blocks' coefficients have been quantised; same size out as in."""
    height, width, channels = levels.shape[-3:]
    padded = windows.pad(levels, (0, -height % BLOCK), (0, -width % BLOCK), "edge")
    steps = jnp.tile(table[..., None], (padded.shape[-3] // BLOCK, padded.shape[-2] // BLOCK, channels))
    steps = steps.reshape(*[1] * (levels.ndim - 3), *steps.shape)
    coefficients = block_dct(padded - 128)
    units = _round_softly(coefficients / steps) if soft else _quantised(coefficients, steps)
    pixels = block_idct(units * steps) + 128
    return jnp.clip(_round(pixels), 0, 255)[..., :height, :width, :]


def _quantised(coefficients: jax.Array, steps: jax.Array) -> jax.Array:
    """Multiples of the steps, as libjpeg's integers have them: coefficients in eighths, ties away from zero."""
    eighths = jnp.round(8 * coefficients)
    multiple = jnp.sign(eighths) * jnp.floor((jnp.abs(eighths) + 4 * steps) / (8 * steps))
    units = coefficients / steps
    return units + jax.lax.stop_gradient(multiple - units)


def _halved(chroma: jax.Array) -> jax.Array:
    """Means of 2 x 2 pixels; libjpeg rounds them down after adding 1/4 or 1/2 in turns."""
    height, width = chroma.shape[-3:-1]
    x = windows.pad(chroma, (0, height % 2), (0, width % 2), "edge")
    mean = (x[..., ::2, ::2, :] + x[..., 1::2, ::2, :] + x[..., ::2, 1::2, :] + x[..., 1::2, 1::2, :]) / 4
    bias = jnp.asarray(0.25 + 0.25 * (np.arange(mean.shape[-2]) % 2), x.dtype).reshape(*[1] * (x.ndim - 2), -1, 1)
    return mean + jax.lax.stop_gradient(jnp.floor(mean + bias) - mean)


def _doubled(chroma: jax.Array) -> jax.Array:
    """Twice the size by weights 3/4 and 1/4, which libjpeg calls fancy upsampling."""
    for axis in (chroma.ndim - 3, chroma.ndim - 2):
        ends = [jax.lax.slice_in_dim(chroma, i, i + 1, axis=axis) for i in (0, chroma.shape[axis] - 1)]
        n = chroma.shape[axis]
        before = jnp.concatenate([ends[0], jax.lax.slice_in_dim(chroma, 0, n - 1, axis=axis)], axis)
        after = jnp.concatenate([jax.lax.slice_in_dim(chroma, 1, n, axis=axis), ends[1]], axis)
        pair = jnp.stack([0.75 * chroma + 0.25 * before, 0.75 * chroma + 0.25 * after], axis + 1)
        chroma = pair.reshape(*chroma.shape[:axis], 2 * n, *chroma.shape[axis + 1 :])
    return _round(chroma)


def _round(x: jax.Array) -> jax.Array:
    """Rounds; the gradient passes unchanged."""
    return x + jax.lax.stop_gradient(jnp.round(x) - x)


def _round_softly(x: jax.Array) -> jax.Array:
    nearest = jax.lax.stop_gradient(jnp.round(x))
    return nearest + (x - nearest) ** 3
