"""What the restoration networks learn from: damage made on the device, inside the step.

A recipe is `(key, clean) -> (inputs, target)` on a batch `(B, H, W, C)` in [0, 1], B, H and W multiples of 8; `inputs`
is what the network is called with, the damaged picture first, then its maps. Each kind of damage has its share of the
batch, so that only those pictures pay for it.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaximg import degrade, ops
from jaximg.models import estimate
from jaximg.models.restorer import MIDDLE, SHADE, coarseness
from jaximg.ops.dct import block_dct
from jaximg.train.patterns import patterned
from jaximg.typing import Key

Inputs = tuple[jax.Array, ...]
Recipe = Callable[[Key, jax.Array], tuple[Inputs, jax.Array]]

STRONGEST = 55 / 255
"""Gaussian noise goes up to this."""
LINES, STROKES, WRITTEN = 2, 10, 24
"""Scratches and strokes drawn on a picture, and half the length in pixels of what is written."""
AROUND, MANY = 3, 6
"""Scratches that are to be found are those of a picture so many times as large, which has so many."""
DARK = 0.2
"""The share of pictures that are taken in little light, where a camera's noise is strongest."""


def denoise(key: Key, clean: jax.Array) -> tuple[Inputs, jax.Array]:
    """Half of the batch gets Gaussian noise, a quarter a camera's, a quarter JPEG.

    One picture in sixteen is a regular pattern, which might be taken for noise (`patterns.patterned`). The network
    begins with what `models.estimate` makes of the picture. The maps are the level of the noise and the JPEG's
    coarseness. A camera's noise is told as a blind measurement would: by its middle frequencies, as they change with
    the brightness (`level_map`), up to a quarter wrong.

    Args:
      key: typed key.
      clean: `(B, H, W, 1 or 3)`.

    Returns:
      `(estimate, damaged, sigma, coarseness)` and the pictures before their damage, of another exposure than `clean`;
      a camera's may have lost detail to its mosaic, which is not to be made up.

    Example:
      >>> inputs, target = jax.eval_shape(denoise, jax.random.key(0), jnp.full((8, 16, 16, 3), 0.5))
      >>> [x.shape[-1] for x in inputs], target.shape
      ([3, 3, 1, 1], (8, 16, 16, 3))
    """
    keys = jax.random.split(key, 5)
    clean = exposed(keys[3], patterned(keys[4], clean))
    half, rest = jnp.split(clean, 2)
    third, fourth = jnp.split(rest, 2)
    parts = gaussian(keys[0], half), camera(keys[1], third), jpeg(keys[2], fourth)
    begun, damaged, sigma, blocks, clean = (jnp.concatenate(part) for part in zip(*parts, strict=True))
    return (begun, damaged, sigma, _map(blocks, clean)), clean


def denoise_gray(key: Key, clean: jax.Array) -> tuple[Inputs, jax.Array]:
    """As `denoise`, of grey pictures made of colour ones by weights of any kind.

    The network answers twice (`models.estimate.alike`), and learns both: half of the pictures, any, have the estimate
    that what is alike in the first one brings, and that one beside it, in place of an answer.

    Args:
      key: typed key.
      clean: `(B, H, W, 1 or 3)`.

    Returns:
      `(estimate, damaged, first, sigma, coarseness)` and the pictures, as `denoise`, with one channel.

    Example:
      >>> inputs, target = jax.eval_shape(denoise_gray, jax.random.key(0), jnp.full((8, 16, 16, 3), 0.5))
      >>> [x.shape[-1] for x in inputs], target.shape
      ([1, 1, 1, 1, 1], (8, 16, 16, 1))
    """
    mixing, damaging, choosing = jax.random.split(key, 3)
    (first, damaged, sigma, blocks), target = denoise(damaging, gray(mixing, clean))
    half = jax.random.permutation(choosing, clean.shape[0])[: clean.shape[0] // 2]
    second = first.at[half].set(estimate.alike(damaged[half], first[half], sigma[half]))
    return (second, damaged, first, sigma, blocks), target


def inpaint(key: Key, clean: jax.Array) -> tuple[Inputs, jax.Array]:
    """Grey pictures; half of the batch loses single pixels, a tenth to nine tenths of them, half lines and strokes.

    What is missing is filled as smoothly as a few iterations can (`ops.inpaint_harmonic`): the network begins there.

    Args:
      key: typed key.
      clean: `(B, H, W, 1 or 3)`.

    Returns:
      `(filled, known)` and the pictures, `(B, H, W, 1)` each.

    Example:
      >>> (filled, known), target = inpaint(jax.random.key(0), jnp.full((8, 16, 16, 3), 0.5))
      >>> filled.shape, known.shape, bool(jnp.allclose(filled, target, atol=1e-5))
      ((8, 16, 16, 1), (8, 16, 16, 1), True)
    """
    mixing, sowing, drawing, light = jax.random.split(key, 4)
    clean = exposed(light, gray(mixing, clean))
    known = jnp.concatenate([sown(sowing, clean[::2]), drawn(drawing, clean[1::2])])
    clean = jnp.concatenate([clean[::2], clean[1::2]])
    return (ops.inpaint_harmonic(clean, known, tolerance=1e-2, iterations=12), known), clean


def upscale(key: Key, clean: jax.Array) -> tuple[Inputs, jax.Array]:
    """Grey pictures of half the size, by a bicubic kernel, rounded to 8 bits and enlarged by the same kernel.

    Args:
      key: typed key.
      clean: `(B, H, W, 1 or 3)`.

    Returns:
      `(enlarged,)` and the pictures, `(B, H, W, 1)` each.

    Example:
      >>> (blurred,), target = upscale(jax.random.key(0), jnp.full((8, 16, 16, 3), 0.5))
      >>> blurred.shape, bool(jnp.allclose(blurred, target, atol=0.002))
      ((8, 16, 16, 1), True)
    """
    mixing, light = jax.random.split(key)
    clean = exposed(light, gray(mixing, clean))
    height, width = clean.shape[1:3]
    small = in_8_bits(ops.resize(clean, (height // 2, width // 2), method="cubic", antialias=True))
    return (ops.resize(small, (height, width), method="cubic", antialias=True),), clean


def scratches(key: Key, clean: jax.Array) -> tuple[Inputs, jax.Array]:
    """Pictures, half of them with scratches 1 to 5 pixels wide, and where these lie; half of each kind are noisy.

    Scratches are those of a picture `AROUND` times as large, so most run through the crop; a quarter of the pictures
    is grey, in three equal channels. What is asked for is a map and no repaired picture: the network begins with an
    empty one, and sees the scratched picture among its maps; the other map is 1 everywhere, in place of biases.

    Args:
      key: typed key.
      clean: `(B, H, W, 1 or 3)`.

    Returns:
      `(zeros, scratched, ones)` and the map, 1 where a scratch lies; `scratched` has the channels of `clean`, the
      others one.

    Example:
      >>> (_, scratched, _), where = scratches(jax.random.key(0), jnp.full((8, 32, 32, 3), 0.5))
      >>> scratched.shape, bool((where.mean((1, 2, 3)) < 0.7).all()), set(where.ravel().tolist()) <= {0.0, 1.0}
      ((8, 32, 32, 3), True, True)
    """
    choosing, mixing, light, drawing, dust, level = jax.random.split(key, 6)
    grey = jax.random.bernoulli(choosing, 0.25, (clean.shape[0], 1, 1, 1))
    clean, half = exposed(light, clean), clean.shape[0] // 2
    clean = jnp.where(grey, gray(mixing, clean), clean)
    spoilt, where = jax.vmap(_scratched)(jax.random.split(drawing, half), clean[:half])
    spoilt = jnp.concatenate([spoilt, clean[half:]])
    where = jnp.concatenate([where, jnp.zeros_like(spoilt[half:, ..., :1])])
    noisy = degrade.gaussian_noise(dust, spoilt, sigma=jax.random.uniform(level, clean.shape[:1], maxval=0.06))
    spoilt = in_8_bits(_alternate(spoilt, jnp.where(grey, noisy[..., :1], noisy)))
    return (jnp.zeros_like(where), spoilt, jnp.ones_like(where)), where


def _scratched(key: Key, image: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The picture as the middle of a larger, scratched one; and where scratches lie."""
    widths, opacities, drawing = jax.random.split(key, 3)
    width = jax.random.uniform(widths, minval=1.0, maxval=5.0)
    opacity = jax.random.uniform(opacities, minval=0.5)
    height, breadth = (AROUND * side for side in image.shape[:2])
    black_and_white = jnp.broadcast_to(jnp.arange(2.0), (height, breadth, 2))
    drawn, known = degrade.scratches(drawing, black_and_white, count=MANY, width=width, opacity=opacity)
    inner = tuple(slice(side * (AROUND // 2), side * (AROUND // 2 + 1)) for side in image.shape[:2])
    black, white = drawn[inner][..., :1], drawn[inner][..., 1:]
    return black + (white - black) * image, 1 - known[inner]


RECIPES: dict[str, Recipe] = {
    "denoise": denoise,
    "denoise_gray": denoise_gray,
    "inpaint": inpaint,
    "scratches": scratches,
    "upscale": upscale,
}


def gray(key: Key, image: jax.Array) -> jax.Array:
    """One channel out of all, weighted at random: more kinds of grey than a luma.

    Example:
      >>> gray(jax.random.key(0), jnp.full((2, 4, 4, 3), 0.5)).round(4).max().item()
      0.5
    """
    weight = jax.random.uniform(key, (image.shape[0], 1, 1, image.shape[-1]), image.dtype, minval=0.1)
    return jnp.sum(image * weight, -1, keepdims=True) / jnp.sum(weight, -1, keepdims=True)


def sown(key: Key, image: jax.Array) -> jax.Array:
    """Where a tenth to nine tenths of the pixels are known, `(B, H, W, 1)`."""
    share, where = jax.random.split(key)
    fraction = jax.random.uniform(share, image.shape[:1], minval=0.1, maxval=0.9)
    return degrade.pixel_dropout(where, image, fraction=fraction)[1]


def drawn(key: Key, image: jax.Array) -> jax.Array:
    """Where no line and no stroke lies, `(B, H, W, 1)`: a scratch or letters, 1 to 6 pixels wide."""

    def one(key: Key, image: jax.Array) -> jax.Array:
        long, short, many = jax.random.split(key, 3)
        widths = jax.random.uniform(many, (2,), minval=1.0, maxval=5.0)
        scratched = degrade.scratches(long, image, count=LINES, width=widths[0])[1]
        return jnp.minimum(scratched, strokes(short, (image.shape[0], image.shape[1]), widths[1]))

    return jax.vmap(one)(jax.random.split(key, image.shape[0]), image)


def strokes(key: Key, hw: tuple[int, int], width: jax.Array) -> jax.Array:
    """0 on short straight strokes close to one another, as of letters, `(H, W, 1)`."""
    line, place, ends = jax.random.split(key, 3)
    middle = jax.random.uniform(line, (1, 2)) * jnp.asarray([hw], jnp.float32)
    spread = jax.random.uniform(place, (STROKES, 2), minval=-1.0) * jnp.array([[WRITTEN / 4, WRITTEN]])
    start, along = middle + spread, jax.random.uniform(ends, (STROKES, 2), minval=-1.0) * WRITTEN / 3
    pixel = jnp.stack(jnp.mgrid[: hw[0], : hw[1]], -1)[:, :, None].astype(jnp.float32) - start[None, None]
    along = along[None, None]
    share = jnp.sum(pixel * along, -1, keepdims=True) / (jnp.sum(jnp.square(along), -1, keepdims=True) + 1e-6)
    distance = jnp.linalg.norm(pixel - jnp.clip(share, 0, 1) * along, axis=-1)
    return (jnp.min(distance, -1, keepdims=True) > width / 2).astype(jnp.float32)


Damaged = tuple[jax.Array, jax.Array, jax.Array, jax.Array, jax.Array]
"""What `models.estimate` makes of the pictures, the damaged pictures, a map of sigma, the coarseness of each, and the
pictures that are to come out."""


def gaussian(key: Key, clean: jax.Array) -> Damaged:
    """White noise of any level; every second picture is clipped and rounded, as a file is."""
    level, noise = jax.random.split(key)
    sigma = jax.random.uniform(level, clean.shape[:1], maxval=STRONGEST)
    noisy = degrade.gaussian_noise(noise, clean, sigma=sigma)
    noisy = _alternate(noisy, in_8_bits(noisy))
    told = _map(sigma, noisy)
    return estimate.denoised(noisy, told), noisy, told, jnp.zeros_like(sigma), clean


def camera(key: Key, clean: jax.Array) -> Damaged:
    """Noise that grows with the light and is correlated; every second picture goes through JPEG.

    Some have the noise of a Bayer mosaic, and half of these the detail that one leaves, which is no noise; the others
    have a blurred noise of another gain in each channel.
    """
    size, keys = clean.shape[:1], jax.random.split(key, 6)
    mosaic = jax.random.bernoulli(keys[1], shape=(*size, 1, 1, 1))
    seen, clean = _sensor(keys[2], clean, mosaic)
    noisy = in_8_bits(jnp.where(mosaic, seen, _blurred_noise(keys[0], clean)))
    quality = jax.random.uniform(keys[3], size, minval=50, maxval=98)
    out = _alternate(_coded(noisy, quality), noisy)
    wrong = jax.random.uniform(keys[4], size, minval=0.8, maxval=1.25)
    told = _map(wrong, out) * level_map(out - clean, out)
    return estimate.denoised(out, told), out, told, _alternate(coarseness(quality), jnp.zeros_like(quality)), clean


def _blurred_noise(key: Key, clean: jax.Array) -> jax.Array:
    size, keys = clean.shape[:1], jax.random.split(key, 5)
    shot = 10 ** jax.random.uniform(keys[0], size, minval=-4, maxval=-1.7)
    read = jax.random.uniform(keys[1], size, maxval=0.06)
    blur = jax.random.uniform(keys[2], size)
    gain = jax.random.uniform(keys[3], (*size, clean.shape[-1]), minval=0.7, maxval=1.6)

    def one(key: Key, image: jax.Array, shot: jax.Array, read: jax.Array, blur: jax.Array, gain: jax.Array):
        return degrade.camera_noise(key, image, shot=shot, read=read, correlation=blur, gain=gain)

    return jax.vmap(one)(jax.random.split(keys[4], size[0]), clean, shot, read, blur, gain)


def _sensor(key: Key, clean: jax.Array, mosaic: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Pictures with the noise of a mosaic, and without; where `mosaic` holds, every second lost detail to it as well.

    The mosaic begins with any of its four pixels: flipped, it begins with another one.
    """
    size, keys = clean.shape[:1], jax.random.split(key, 6)
    photons = 10 ** jax.random.uniform(keys[0], size, minval=1.9, maxval=3.7)
    read = 10 ** jax.random.uniform(keys[1], size, minval=-3, maxval=-1.7)
    gamma = jax.random.uniform(keys[2], size, minval=1.6, maxval=2.6)
    flips = jax.random.bernoulli(keys[4], shape=(2, *size, 1, 1, 1))
    soft = mosaic & jax.random.bernoulli(keys[5], shape=mosaic.shape)
    clean = _flipped(clean, flips)
    clean = jnp.where(soft, degrade.mosaic(None, clean, gamma=gamma), clean)
    noisy = degrade.mosaic_noise(keys[3], clean, photons=photons, read=read, gamma=gamma)
    return _flipped(noisy, flips), _flipped(clean, flips)


def _flipped(image: jax.Array, flips: jax.Array) -> jax.Array:
    """Upside down where the first of `flips` holds, mirrored where the second does."""
    image = jnp.where(flips[0], image[:, ::-1], image)
    return jnp.where(flips[1], image[:, :, ::-1], image)


def jpeg(key: Key, clean: jax.Array) -> Damaged:
    """JPEG of any quality; of every second picture, a bad one."""
    quality = jax.random.uniform(key, clean.shape[:1], minval=5, maxval=95)
    quality = _alternate(5 + (quality - 5) * 35 / 90, quality)
    coded = _coded(clean, quality)
    none = _map(jnp.zeros_like(quality), coded)
    return jax.vmap(estimate.deblocked)(coded, quality), coded, none, coarseness(quality), clean


def in_8_bits(image: jax.Array) -> jax.Array:
    """As a file would hold it: clipped and rounded to multiples of 1/255.

    Example:
      >>> in_8_bits(jnp.array([-1.0, 0.5, 2.0])).tolist()
      [0.0, 0.501960813999176, 1.0]
    """
    return jnp.round(255 * jnp.clip(image, 0, 1)) / 255


def level_map(noise: jax.Array, picture: jax.Array) -> jax.Array:
    """How strong noise is where: by its middle frequencies, as a power of e to a line in the picture's brightness.

    Args:
      noise: `(B, H, W, C)`, sides multiples of 8.
      picture: the same shape, which has the noise in it.

    Returns:
      `(B, H, W, 1)`: where noise is white and the same all over, its standard deviation.

    Example:
      >>> noise = 0.1 * jax.random.normal(jax.random.key(0), (1, 64, 64, 3))
      >>> level = level_map(noise, 0.5 + noise)
      >>> f"{level.min():.2f} to {level.max():.2f}"
      '0.10 to 0.10'
    """
    grey = jnp.sum(noise, -1, keepdims=True) / noise.shape[-1] ** 0.5
    batch, height, width = noise.shape[:3]
    blocks = block_dct(grey).reshape(batch, height // 8, 8, width // 8, 8)
    energy = jnp.einsum("bpiqj,ij->bpq", jnp.square(blocks), jnp.asarray(MIDDLE / MIDDLE.sum(), noise.dtype))
    power = jnp.log(energy + 1e-8)
    bright = ops.gaussian_blur(jnp.mean(picture, -1, keepdims=True), SHADE)
    shade = jnp.mean(bright.reshape(batch, height // 8, 8, width // 8, 8), (2, 4))
    mean, centre = (jnp.mean(x, (1, 2), keepdims=True) for x in (power, shade))
    spread = jnp.mean(jnp.square(shade - centre), (1, 2), keepdims=True)
    slope = jnp.mean((shade - centre) * (power - mean), (1, 2), keepdims=True) / (spread + 1e-3)
    # the mean over blocks of the logarithm is too low; of the energy it isn't
    line = slope * (shade - centre)
    offset = jnp.log(jnp.mean(energy * jnp.exp(-line), (1, 2), keepdims=True) + 1e-8)
    exponent = offset[..., None] + slope[..., None] * (bright - centre[..., None])
    return jnp.exp(0.5 * jnp.clip(exponent, -14.0, 0.0))


def exposed(key: Key, image: jax.Array) -> jax.Array:
    """The same scene in other light: 0.6 to 1.1 times as bright, some darker; channels up to a tenth apart; clipped."""
    light, tint, night = jax.random.split(key, 3)
    size = (image.shape[0], 1, 1, 1)
    brightness = jax.random.uniform(light, size, minval=0.6, maxval=1.1)
    brightness = jnp.where(jax.random.bernoulli(night, DARK, size), jnp.square(brightness - 0.4), brightness)
    balance = jax.random.uniform(tint, (image.shape[0], 1, 1, image.shape[-1]), minval=0.9, maxval=1.1)
    return jnp.clip(image * brightness * balance, 0, 1)


def _coded(image: jax.Array, quality: jax.Array) -> jax.Array:
    unused = jax.random.key(0)
    return jax.vmap(lambda x, q: degrade.jpeg(unused, x, quality=q))(image, quality)


def _alternate(even: jax.Array, odd: jax.Array) -> jax.Array:
    first = jnp.arange(even.shape[0]) % 2 == 0
    return jnp.where(first.reshape(-1, *[1] * (even.ndim - 1)), even, odd)


def _map(values: jax.Array, image: jax.Array) -> jax.Array:
    return jnp.broadcast_to(values[:, None, None, None], (*image.shape[:-1], 1))
