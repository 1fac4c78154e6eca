"""Fills what is missing with what a trained generator would put there, and finds what it takes for a picture.

A generator knows what whole pictures look like; the numbers that it makes the known pixels from decide the unknown
ones. It is passed as a function, so that it may be any.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaximg import ops
from jaximg.typing import Image, Key, Mask, check_image, check_mask

Generate = Callable[[jax.Array], jax.Array]

CANDIDATES = 10_000
"""Samples that a search begins among."""
RATE = (0.1, 0.02)
"""Adam's step, at first and at last, in standard deviations of z."""


class Inversion(NamedTuple):
    """What `invert` has found.

    Attributes:
      z: `(B, latent)`.
      image: what the generator makes of it, `(B, H, W, C)`.
      error: root of the mean squared difference at known pixels, `(B,)`.
    """

    z: jax.Array
    image: jax.Array
    error: jax.Array


def invert(
    key: Key,
    image: Image,
    mask: Mask,
    generate: Generate,
    *,
    latent: int,
    starts: int = 8,
    steps: int = 50,
    sigma: float = 0.1,
) -> Inversion:
    """Finds what a generator would make a picture from, as far as it is known.

        min_z |mask (generate(z) - image)|^2 + sigma^2 |z|^2

    By Adam from several starts: those of many samples that come nearest. The best of all ends is kept.

    Args:
      key: of `jax.random.key`; decides the starts.
      image: `(B, H, W, C)` floating point; values at unknown pixels are never read.
      mask: `(B, H, W, 1)`, 1 where the pixel is KNOWN; another rank or batch broadcasts.
      generate: from `(N, latent)` to `(N, H, W, C)`, differentiable; the same function object compiles once.
      latent: how many numbers it takes, standard normal ones.
      starts: for each picture.
      steps: of Adam, from each start.
      sigma: how far the known pixels may be from what the generator makes; the larger, the likelier z has to be.

    Returns:
      The best z for each picture, and what comes of it.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no batch or channel axis, or a mask that doesn't fit.

    Example:
      >>> def bright(z):
      ...     return jnp.broadcast_to(z[:, None, None, :1], (len(z), 4, 4, 1))
      >>> found = invert(jax.random.key(0), jnp.full((1, 4, 4, 1), 0.5), jnp.ones((4, 4, 1)), bright, latent=1)
      >>> abs(float(found.z[0, 0]) - 0.5) < 0.01
      True

    References:
      Bora et al., Compressed sensing using generative models, ICML 2017, equation 3; Yeh et al., Semantic image
      inpainting with deep generative models, CVPR 2017.
    """
    image = _batch(image)
    z, made, cost, squares = _ends(key, image, _known(mask, image), jnp.float32(sigma), generate, latent, starts, steps)
    best = jnp.argmin(cost, 1)
    return Inversion(*(x[jnp.arange(len(best)), best] for x in (z, made, jnp.sqrt(squares))))


@partial(jax.jit, static_argnames=("generate", "latent", "starts", "steps"))
def _ends(
    key: Key,
    image: jax.Array,
    known: jax.Array,
    sigma: jax.Array,
    generate: Generate,
    latent: int,
    starts: int,
    steps: int,
) -> tuple[jax.Array, ...]:
    """Of each picture all ends: z, the picture made, its cost, and the mean squared difference at known pixels."""
    image = jnp.where(known, image, jnp.zeros_like(image))
    weight = known.astype(image.dtype)
    z = _starts(key, image, weight, generate, latent, starts)
    target, mask = (jnp.repeat(x, starts, 0) for x in (image, weight))

    def cost(z: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        made = generate(z)
        misfit = jnp.sum(jnp.square(mask * (made - target)), (1, 2, 3))
        return misfit + sigma**2 * jnp.sum(jnp.square(z), 1), (made, misfit)

    tx = optax.adam(optax.cosine_decay_schedule(RATE[0], steps, alpha=RATE[1] / RATE[0]))

    def descend(carry: tuple, _: None) -> tuple[tuple, None]:
        z, state = carry
        slope = jax.grad(lambda z: jnp.sum(cost(z)[0]))(z)
        with jax.numpy_dtype_promotion("standard"):  # Optax counts its steps in integers
            updates, state = tx.update(slope, state)
        return (optax.apply_updates(z, updates), state), None

    (z, _), _ = jax.lax.scan(descend, (z, tx.init(z)), None, length=steps)
    total, (made, misfit) = cost(z)
    count = jnp.maximum(jnp.sum(mask, (1, 2, 3)) * (image.shape[-1] // mask.shape[-1]), 1)
    ends = (z, made, total, misfit / count)
    return tuple(x.reshape(len(image), starts, *x.shape[1:]) for x in ends)


def _starts(key: Key, image: jax.Array, weight: jax.Array, generate: Generate, latent: int, starts: int) -> jax.Array:
    """`(B starts, latent)`: the samples that come nearest to each picture's known pixels."""
    z = jax.random.normal(key, (max(CANDIDATES, starts), latent))
    made = generate(z).reshape(len(z), -1)
    flat = (weight * image).reshape(len(image), -1)
    mask = jnp.broadcast_to(weight, image.shape).reshape(len(image), -1)
    # |mask (made - image)|^2, but for what all samples share
    far = mask @ jnp.square(made).T - 2 * flat @ made.T
    return z[jax.lax.top_k(-far, starts)[1].reshape(-1)]


def fill_by_prior(
    key: Key,
    image: Image,
    mask: Mask,
    generate: Generate,
    *,
    latent: int,
    starts: int = 8,
    steps: int = 50,
    sigma: float = 0.6,
    spread: float = 1.0,
    seamless: bool = True,
) -> jax.Array:
    """Fills unknown pixels with what a generator puts there; known pixels come back as they are.

        sum_i w_i generate(z_i),    w_i ~ exp(-cost(z_i) / (2 spread^2)),    z_i the ends of `invert`'s searches

    What several good ends agree on is surer than what the best of them says.

    Args:
      key: of `jax.random.key`; decides where the search starts.
      image: `(B, H, W, C)` floating point; values at unknown pixels are never read.
      mask: `(B, H, W, 1)`, 1 where the pixel is KNOWN; another rank or batch broadcasts.
      generate: as `invert` takes it.
      latent: how many numbers it takes.
      starts: for each picture.
      steps: of Adam, from each start.
      sigma: as `invert` takes it.
      spread: how much worse than the best an end may be to count; towards 0 the best counts alone.
      seamless: continue the difference to the known pixels smoothly into the holes, so that no edge is seen.

    Returns:
      `(B, H, W, C)`.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no batch or channel axis, or a mask that doesn't fit.

    Example:
      >>> def bright(z):
      ...     return jnp.broadcast_to(z[:, None, None, :1], (len(z), 4, 4, 1))
      >>> image, mask = jnp.full((1, 4, 4, 1), 0.5), jnp.ones((1, 4, 4, 1)).at[:, 1:3, 1:3].set(0)
      >>> out = fill_by_prior(jax.random.key(0), image * mask, mask, bright, latent=1)
      >>> bool(jnp.allclose(out, 0.5, atol=0.01))
      True
    """
    image = _batch(image)
    known = _known(mask, image)
    _, made, cost, _ = _ends(key, image, known, jnp.float32(sigma), generate, latent, starts, steps)
    weights = jax.nn.softmax(-cost / (2 * jnp.maximum(spread, 1e-3) ** 2), 1)
    mean = jnp.einsum("bs,bshwc->bhwc", weights, made).astype(image.dtype)
    if seamless:
        rest = jnp.where(known, image - mean, jnp.zeros_like(image))
        mean = mean + ops.inpaint_harmonic(rest, known.astype(image.dtype))
    return jnp.where(known, image, jnp.clip(mean, 0, 1))


def _batch(image: Image) -> jax.Array:
    image = check_image(image)
    if image.ndim != 4:
        raise ValueError(f"an image of shape {image.shape}: a batch of pictures (B, H, W, C) is wanted")
    return image


def _known(mask: Mask, image: jax.Array) -> jax.Array:
    """`(B, H, W, 1 or C)` bool."""
    found = check_mask(mask, image) > 0.5
    return jnp.broadcast_to(found, (*image.shape[:-1], found.shape[-1]))
