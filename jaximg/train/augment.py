"""Augmentation of all that a discriminator sees, so that it can't learn few pictures by heart.

`augmentation(names)` makes the pure function that a GAN's step calls, `(key, picture, strength) -> picture` on one
picture in [-1, 1], differentiable. Each change named is made with probability `strength`, so that below 1 the generator
can't pass off changed pictures as real ones (it doesn't leak). `adaptive` moves the strength by how much the
discriminator overfits.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from jaximg import ops
from jaximg.degrade import gaussian_noise
from jaximg.typing import Key, check_choice

Change = Callable[[Key, jax.Array, jax.Array], jax.Array]
Aux = dict[str, jax.Array]

GEOMETRY = ("flip", "translate", "scale", "stretch", "rotate")
COLOUR = ("brightness", "contrast", "saturation")
NAMES: tuple[str, ...] = (*GEOMETRY, *COLOUR, "cutout", "noise")
"""What can be changed, in the order in which it is."""

DIFFAUGMENT = ("translate", "brightness", "contrast", "cutout")
"""DiffAugment's policy, for grey pictures and coloured ones alike."""

SHIFT, TURN, ZOOM = 0.125, 12.0, 0.15
"""Up to an eighth of the side, degrees, and the sigma of the logarithm of the scale and of a stretch."""
LIGHT, SPREAD, TINT, CUT, NOISE = 0.2, 0.4, 0.8, 0.4, 0.1
"""Sigma of the brightness, of the logarithm of contrast and of saturation, a cutout's side, the noise's sigma."""
MEMORY = 0.98
"""Of the averages that the overfitting is measured by, a step."""


def augmentation(names: Sequence[str]) -> Change:
    """The function that makes the changes named.

    Args:
      names: of `NAMES`. Flip only what may be seen in a mirror: no digits.

    Returns:
      `(key, picture, strength) -> picture`: `(H, W, C)` in [-1, 1], and the probability of each change, 0 to 1.

    Raises:
      ValueError: an unknown name.

    Example:
      >>> change = augmentation(["translate", "cutout"])
      >>> x = jnp.ones((8, 8, 1))
      >>> bool(jnp.all(change(jax.random.key(0), x, jnp.float32(0)) == x))
      True

    References:
      Karras et al., Training GANs with limited data (ADA), NeurIPS 2020, section 2 and appendix B; Zhao et al.,
      Differentiable augmentation (DiffAugment), NeurIPS 2020.
    """
    for name in names:
        check_choice(name, NAMES, "names")
    wanted = [name for name in NAMES if name in names]
    moves = [name for name in wanted if name in GEOMETRY]
    others = [name for name in wanted if name not in GEOMETRY]

    def change(key: Key, image: jax.Array, strength: jax.Array) -> jax.Array:
        keys = dict(zip(NAMES, jax.random.split(key, len(NAMES)), strict=True))
        if moves:
            matrix = _matrix({name: keys[name] for name in moves}, image.shape, strength)
            # linear interpolation would blur: digits that were turned and read linearly are told from real ones
            image = ops.warp_affine(image, matrix, border="reflect", method="cubic", inverse=True)
        for name in others:
            image = CHANGES[name](keys[name], image, strength)
        return image

    return change


def _matrix(keys: dict[str, Key], shape: tuple[int, ...], strength: jax.Array) -> jax.Array:
    """`(2, 3)`, from places in the result to places in the picture; whole pixels where it is only moved."""
    height, width = shape[:2]
    x, y = (width - 1) / 2, (height - 1) / 2
    mirror = _drawn(keys.get("flip"), strength, lambda k: jnp.where(jax.random.bernoulli(k), -1.0, 1.0), 1.0)
    zoom = _drawn(keys.get("scale"), strength, lambda k: jnp.exp(ZOOM * jax.random.normal(k)), 1.0)
    pull = _drawn(keys.get("stretch"), strength, _stretch, jnp.eye(2))
    turn = _drawn(keys.get("rotate"), strength, lambda k: jax.random.uniform(k, minval=-TURN, maxval=TURN), 0.0)
    reach = jnp.asarray([round(SHIFT * width), round(SHIFT * height)], jnp.float32)
    shift = _drawn(
        keys.get("translate"),
        strength,
        lambda k: jnp.round(reach * jax.random.uniform(k, (2,), minval=-1.0)),
        jnp.zeros(2),
    )
    cosine, sine = jnp.cos(jnp.deg2rad(turn)) * zoom, jnp.sin(jnp.deg2rad(turn)) * zoom
    turned = jnp.stack([jnp.stack([cosine * mirror, -sine * mirror]), jnp.stack([sine, cosine])])
    (a, b), (c, d) = jnp.matmul(turned, pull, precision="highest")
    return jnp.stack(
        [
            jnp.stack([a, b, x - a * x - b * y + shift[0]]),
            jnp.stack([c, d, y - c * x - d * y + shift[1]]),
        ]
    )


def _stretch(key: Key) -> jax.Array:
    """Longer in a direction at random and as much shorter across it."""
    size, direction = jax.random.split(key)
    by, angle = ZOOM * jax.random.normal(size), 2 * jnp.pi * jax.random.uniform(direction)
    slant = jnp.sinh(by) * jnp.sin(angle)
    longer, shorter = (jnp.cosh(by) + side * jnp.sinh(by) * jnp.cos(angle) for side in (1, -1))
    return jnp.stack([jnp.stack([longer, slant]), jnp.stack([slant, shorter])])


def _drawn(
    key: Key | None, strength: jax.Array, draw: Callable[[Key], jax.Array], idle: float | jax.Array
) -> jax.Array:
    """What is drawn, with the probability given; else what changes nothing."""
    if key is None:
        return jnp.asarray(idle, jnp.float32)
    do, how = jax.random.split(key)
    return jnp.where(jax.random.uniform(do) < strength, draw(how), jnp.asarray(idle, jnp.float32))


def _brightness(key: Key, image: jax.Array, strength: jax.Array) -> jax.Array:
    return image + _drawn(key, strength, lambda k: LIGHT * jax.random.normal(k), 0.0)


def _contrast(key: Key, image: jax.Array, strength: jax.Array) -> jax.Array:
    factor = _drawn(key, strength, lambda k: jnp.exp(SPREAD * jax.random.normal(k)), 1.0)
    return jnp.asarray(ops.adjust_contrast(image * 0.5 + 0.5, factor)) * 2.0 - 1.0


def _saturation(key: Key, image: jax.Array, strength: jax.Array) -> jax.Array:
    if image.shape[-1] != 3:
        return image
    factor = _drawn(key, strength, lambda k: jnp.exp(TINT * jax.random.normal(k)), 1.0)
    grey = ops.rgb_to_grayscale(image)
    return grey + factor * (image - grey)


def _cutout(key: Key, image: jax.Array, strength: jax.Array) -> jax.Array:
    """A square of middle grey somewhere, perhaps partly outside."""
    height, width = image.shape[:2]
    do, row, column = jax.random.split(key, 3)
    here = jnp.where(jax.random.uniform(do) < strength, 0.5 * CUT, 0.0)
    rows = jnp.abs(jnp.arange(height, dtype=image.dtype) + 0.5 - height * jax.random.uniform(row)) < here * height
    columns = jnp.abs(jnp.arange(width, dtype=image.dtype) + 0.5 - width * jax.random.uniform(column)) < here * width
    return jnp.where((rows[:, None] & columns[None, :])[..., None], jnp.zeros_like(image), image)


def _noise(key: Key, image: jax.Array, strength: jax.Array) -> jax.Array:
    draw, how = jax.random.split(key)
    sigma = _drawn(draw, strength, lambda k: 2 * NOISE * jnp.abs(jax.random.normal(k)), 0.0)
    return gaussian_noise(how, image, sigma=sigma)


CHANGES: dict[str, Change] = {
    "brightness": _brightness,
    "contrast": _contrast,
    "saturation": _saturation,
    "cutout": _cutout,
    "noise": _noise,
}

START = {"strength": 0.0, "overfitting": 0.0, "held_gap": 0.0, "fake_gap": 0.0}
"""What `adaptive` keeps in the state's `aux`, before the first step."""


def adaptive(*, target: float, per_step: float, most: float) -> Callable[[Aux, Aux], Aux]:
    """Moves the strength: up while the discriminator overfits more than it should, down while less.

        r = (E D_train - E D_held) / (E D_train - E D_fake),    p <- clip(p + per_step sign(r - target), 0, most)

    r is 0 while pictures that are held back look as real as those trained on, and 1 when they look like fakes. It is
    a ratio of differences: a relativistic discriminator's scores may drift together. The differences are averaged
    over some fifty steps.

    Args:
      target: where r is held.
      per_step: what the strength is moved by.
      most: what the strength never exceeds; above 0.8 or so changes begin to leak into the samples.

    Returns:
      `(aux, metrics) -> aux`, for `make_gan_step`'s `schedule`.

    Example:
      >>> aux = {name: jnp.float32(value) for name, value in START.items()}
      >>> move = adaptive(target=0.5, per_step=0.25, most=0.8)
      >>> aux = move(aux, {"held_margin": jnp.float32(3.0), "margin": jnp.float32(4.0)})
      >>> float(aux["strength"]), float(aux["overfitting"])
      (0.25, 0.75)

    References:
      Karras et al., NeurIPS 2020, equation 1 (r_v) and section 3.1.
    """

    def move(aux: Aux, metrics: Aux) -> Aux:
        fresh = {"held_gap": metrics["held_margin"], "fake_gap": metrics["margin"]}
        gaps = {name: MEMORY * aux[name] + (1 - MEMORY) * value for name, value in fresh.items()}
        apart = gaps["fake_gap"] > 1e-3  # a discriminator that can't tell has learned nothing by heart
        ratio = jnp.where(apart, gaps["held_gap"] / jnp.where(apart, gaps["fake_gap"], 1.0), 0.0)
        strength = jnp.clip(aux["strength"] + per_step * jnp.sign(ratio - target), 0.0, most)
        return aux | gaps | {"overfitting": ratio, "strength": strength}

    return move
