"""Noise: Gaussian, Poisson, salt and pepper, and a camera's, blurred or of a mosaic."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaximg.degrade.batch import strength
from jaximg.degrade.jpeg import jpeg
from jaximg.ops import windows
from jaximg.ops.adjust import adjust_gamma
from jaximg.ops.filters import gaussian_taps
from jaximg.ops.primitives import root
from jaximg.typing import Image, Key, Scalar, check_image

REACH = 3
"""Half width, in pixels, of the blur that correlates a camera's noise."""
CROSS = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4
"""Bilinear interpolation of the green pixels of a Bayer mosaic."""
SQUARE = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32) / 4
"""The same of the red or the blue ones."""


def gaussian_noise(key: Key, image: Image, *, sigma: Scalar) -> jax.Array:
    """Adds white Gaussian noise, the denoising papers' protocol: not clipped.

        out = image + sigma n,  n ~ N(0, 1)

    Args:
      key: of `jax.random.key`; one for a batch, whose pictures get noise of their own.
      image: `(..., H, W, C)` floating point, nominally in [0, 1].
      sigma: standard deviation on the image's scale, 25 / 255 for "sigma 25"; one number, or one for each picture of
        the batch. Traced or concrete.

    Returns:
      `(..., H, W, C)` in the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, or a sigma of another shape.

    Example:
      >>> out = gaussian_noise(jax.random.key(0), jnp.full((64, 64, 3), 0.5), sigma=0.1)
      >>> abs(out.std().item() - 0.1) < 0.005
      True

    References:
      Zhang et al., Beyond a Gaussian denoiser, IEEE TIP 26 (2017).
    """
    image = check_image(image)
    wide = windows.wide(image.dtype)
    noise = jax.random.normal(key, image.shape, wide)
    return (image.astype(wide) + strength(sigma, image, wide, "sigma") * noise).astype(image.dtype)


def poisson_noise(key: Key, image: Image, *, peak: Scalar) -> jax.Array:
    """Counts photons.

        out = Poisson(peak max(image, 0)) / peak

    Mean `image`, variance `image / peak`. The gradient is that of the mean: one.

    Args:
      key: of `jax.random.key` (threefry, the default kind); one for a batch.
      image: `(..., H, W, C)` floating point, nominally in [0, 1].
      peak: photons that white stands for, > 0; one number, or one for each picture of the batch. Traced or concrete.

    Returns:
      `(..., H, W, C)` in the image's dtype, not clipped above.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, or a peak of another shape.

    Example:
      >>> poisson_noise(jax.random.key(0), jnp.zeros((4, 4, 1)), peak=30.0).max().item()
      0.0

    References:
      Foi et al., Practical Poissonian-Gaussian noise modeling, IEEE TIP 17 (2008).
    """
    image = check_image(image)
    wide = image.astype(windows.wide(image.dtype))
    photons = strength(peak, image, wide.dtype, "peak")
    rate = jax.lax.stop_gradient(jnp.maximum(wide, 0) * photons)
    sample = jax.random.poisson(key, rate, image.shape).astype(wide.dtype) / photons
    return (wide + jax.lax.stop_gradient(sample - wide)).astype(image.dtype)


def salt_and_pepper(key: Key, image: Image, *, amount: Scalar, salt: Scalar = 0.5) -> jax.Array:
    """Turns some pixels white and some black, in all channels at once.

        out = 1 where u < amount salt, 0 where amount salt <= u < amount, else image,  u ~ U(0, 1) at each pixel

    Args:
      key: of `jax.random.key`; one for a batch, whose pictures are hit independently.
      image: `(..., H, W, C)` floating point, nominally in [0, 1].
      amount: the share of pixels that is hit, 0 to 1; one number, or one for each picture of the batch.
      salt: the share of white among them, 0 to 1.

    Returns:
      `(..., H, W, C)` in the image's dtype. The gradient is zero where a pixel is hit.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, or an amount of another shape.

    Example:
      >>> salt_and_pepper(jax.random.key(0), jnp.full((8, 8, 3), 0.5), amount=1.0, salt=1.0).min().item()
      1.0

    References:
      Gonzalez and Woods, Digital Image Processing, section 5.2. `skimage.util.random_noise`.
    """
    image = check_image(image)
    u = jax.random.uniform(key, (*image.shape[:-1], 1), jnp.float32)
    amount = strength(amount, image, u.dtype, "amount")
    white = u < amount * strength(salt, image, u.dtype, "salt")
    extreme = jnp.where(white, jnp.ones_like(image), jnp.zeros_like(image))
    return jnp.where(u < amount, extreme, image)


def camera_noise(
    key: Key,
    image: Image,
    *,
    shot: Scalar,
    read: Scalar,
    correlation: Scalar = 0.6,
    gain: Scalar = 1.0,
    quality: Scalar | None = None,
) -> jax.Array:
    """Noise as a camera leaves it: stronger where it is bright, correlated by demosaicing, then perhaps a JPEG.

        out = image + gain sqrt(shot max(image, 0) + read^2) (g * n),  n ~ N(0, 1), g a Gaussian with sum of squares 1

    Args:
      key: of `jax.random.key`; one for a batch, whose pictures get noise of their own.
      image: `(..., H, W, C)` floating point, nominally in [0, 1].
      shot: variance per brightness, 0.0001 (a good camera) to 0.01 (a bad one); one number or one a picture.
      read: standard deviation in the dark; one number or one a picture.
      correlation: sigma of g in pixels, 0 (white noise) to about 1. Traced or concrete.
      gain: what the noise is multiplied by: one number, or `(C,)` for the white balance of the channels.
      quality: of a JPEG made of the result, 1 to 100, by `jpeg` (the result is then clipped); None for none.

    Returns:
      `(..., H, W, C)` in the image's dtype, not clipped unless `quality` is given.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, or a strength or gain of another shape.

    Example:
      >>> camera_noise(jax.random.key(0), jnp.full((64, 64, 3), 0.5), shot=0.01, read=0.01).std().round(2).item()
      0.07000000029802322

    References:
      Brooks et al., Unprocessing images for learned raw denoising, CVPR 2019, equation 3.
    """
    image = check_image(image)
    wide = image.astype(windows.wide(image.dtype))
    gain = jnp.asarray(gain, wide.dtype)
    if gain.shape not in ((), (1,), image.shape[-1:]):
        raise ValueError(
            f"gain has shape {gain.shape}; pass one number, or one for each of the {image.shape[-1]} channels"
        )
    variance = strength(shot, image, wide.dtype, "shot") * jnp.maximum(wide, 0)
    variance = variance + jnp.square(strength(read, image, wide.dtype, "read"))
    shape = (*image.shape[:-3], image.shape[-3] + 2 * REACH, image.shape[-2] + 2 * REACH, image.shape[-1])
    noise = _correlated(jax.random.normal(key, shape, wide.dtype), jnp.asarray(correlation, wide.dtype))
    out = wide + root(variance) * noise * gain.reshape(*[1] * (image.ndim - 1), -1)
    return (out if quality is None else jpeg(key, out, quality=quality)).astype(image.dtype)


@partial(jax.jit)
def _correlated(noise: jax.Array, sigma: jax.Array) -> jax.Array:
    """White noise blurred and scaled to unit variance again; REACH pixels smaller on every side."""
    taps = gaussian_taps(sigma, REACH, noise.dtype)
    taps = taps / jnp.sqrt(jnp.square(taps).sum())
    columns = windows.apart(lambda x, w: windows.correlate_valid(x, w[:, None]))(noise, taps)
    return windows.correlate_valid(columns, taps[None, :])


def mosaic_noise(key: Key, image: Image, *, photons: Scalar, read: Scalar, gamma: Scalar = 2.2) -> jax.Array:
    r"""Noise of a sensor behind a Bayer mosaic: each pixel counts one colour, the others are interpolated from around.

        L = max(image, 0)^gamma,   n = max(sqrt(L / photons + read^2) N(0, 1), -L)  in the light of the sensor
        out = max(L + b(mosaic n), 0)^(1 / gamma)

    with b the bilinear interpolation of each colour from the pixels of a red-green, green-blue mosaic that saw it. It
    is linear, so the picture itself needs no mosaic and stays sharp (`mosaic` is what it would be). The noise is
    correlated, each colour otherwise, and strong in the dark, where gamma spreads it. No pixel counts less than
    nothing, so noise makes the dark brighter.

    Args:
      key: of `jax.random.key`; one for a batch, whose pictures get noise of their own.
      image: `(..., H, W, 1 or 3)` floating point, nominally in [0, 1], as shown: gamma is part of it. A grey one is
        seen by a sensor without a mosaic.
      photons: that white stands for, > 0, 100 (a small sensor in the dark) to 10,000; one number or one a picture.
      read: standard deviation in the dark, in the sensor's light; one number or one a picture.
      gamma: of the display; one number or one a picture.

    Returns:
      `(..., H, W, 1 or 3)` in the image's dtype, not clipped above.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: other than one or three channels, or a strength of another shape.

    Example:
      >>> grey = jnp.full((64, 64, 3), 0.5)
      >>> mosaic_noise(jax.random.key(0), grey, photons=400.0, read=0.01).std().round(2).item()
      0.019999999552965164

    References:
      Brooks et al., Unprocessing images for learned raw denoising, CVPR 2019: the order of a camera's steps.
    """
    image = _check_sensed(image)
    wide = image.astype(windows.wide(image.dtype))
    named = (("photons", photons), ("read", read), ("gamma", gamma))
    light, dark, power = (strength(value, image, wide.dtype, name) for name, value in named)
    seen = adjust_gamma(wide, power)
    noise = root(seen / light + jnp.square(dark)) * jax.random.normal(key, image.shape, wide.dtype)
    noise = jnp.maximum(noise, -seen)
    noise = _interpolated(noise)
    return adjust_gamma(seen + noise, 1 / power).astype(image.dtype)


def mosaic(key: Key | None, image: Image, *, gamma: Scalar = 2.2) -> jax.Array:
    r"""What a sensor behind a Bayer mosaic leaves of a picture: a colour a pixel, the others interpolated from around.

        out = b(max(image, 0)^gamma)^(1 / gamma)

    with b as in `mosaic_noise`: softer, with dotted edges in false colours. `mosaic_noise` of this is the whole of such
    a sensor.

    Args:
      key: unused, there so that all damages are called alike; may be None.
      image: as `mosaic_noise` takes it; a grey one is left alone, but for what lies below 0.
      gamma: of the display; one number or one a picture.

    Returns:
      `(..., H, W, 1 or 3)` in the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: other than one or three channels, or a gamma of another shape.

    Example:
      >>> red = jnp.zeros((4, 4, 3)).at[1, 1, 0].set(1.0)    # where the mosaic sees blue
      >>> mosaic(None, red).max().item()
      0.0

    References:
      Bayer, Color imaging array, US patent 3,971,065 (1976).
    """
    image = _check_sensed(image)
    wide = image.astype(windows.wide(image.dtype))
    power = strength(gamma, image, wide.dtype, "gamma")
    return adjust_gamma(_interpolated(adjust_gamma(wide, power)), 1 / power).astype(image.dtype)


def _check_sensed(image: Image) -> jax.Array:
    image = check_image(image)
    if image.shape[-1] not in (1, 3):
        raise ValueError(f"image has shape {image.shape}; a sensor sees one colour or three: pass (..., H, W, 1 or 3)")
    return image


def _interpolated(x: jax.Array) -> jax.Array:
    """What is left of a picture's three colours in a mosaic, interpolated; all of one colour."""
    if x.shape[-1] == 1:
        return x
    rows, columns = (np.arange(size) % 2 for size in x.shape[-3:-1])
    red, blue = ((rows[:, None] == i) & (columns == i) for i in (0, 1))
    mosaic = np.stack([red, ~(red | blue), blue], -1).reshape((1,) * (x.ndim - 3) + x.shape[-3:])
    kernel = jnp.asarray(np.stack([SQUARE, CROSS, SQUARE], -1), x.dtype)
    return windows.correlate(x * jnp.asarray(mosaic, x.dtype), kernel, "reflect")
