"""Learning clean pictures from damaged ones alone (AmbientGAN).

What has happened to the data happens to the samples too before the discriminator compares them; the generator then has
to make what looks like the data after its damage, and that is clean.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaximg import degrade
from jaximg.train.data import Dataset
from jaximg.train.folder import RunError
from jaximg.typing import Key

Damage = Callable[[Key, jax.Array], jax.Array]
KNOWN = ("noise", "holes", "count")


def damage(recipe: Mapping[str, Any]) -> Damage:
    """The damage that a recipe describes, as a function.

    Args:
      recipe: "noise", the sigma of white noise on the scale [0, 1]; "holes", the share of pixels that are lost and
        black; "count", in how many regions, single pixels without it.

    Returns:
      `(key, picture) -> picture`, `(..., H, W, C)` in [0, 1], clipped as a file is; differentiable in the picture.

    Raises:
      RunError: something else in the recipe.

    Example:
      >>> spoiled = damage({"noise": 0.1, "holes": 0.5})(jax.random.key(0), jnp.ones((64, 64, 1)))
      >>> 0.4 < float(jnp.mean(spoiled == 0)) < 0.6
      True

    References:
      Bora et al., AmbientGAN: generative models from lossy measurements, ICLR 2018.
    """
    unknown = [name for name in recipe if name not in KNOWN]
    if unknown or not recipe:
        raise RunError(f"damage of {', '.join(unknown) or 'nothing'}: there are {', '.join(KNOWN)}")

    def spoil(key: Key, image: jax.Array) -> jax.Array:
        noise, lost = jax.random.split(key)
        if recipe.get("noise"):
            image = degrade.gaussian_noise(noise, image, sigma=recipe["noise"])
        if recipe.get("holes"):
            image = degrade.holes(lost, image, fraction=recipe["holes"], count=recipe.get("count"))[0]
        return jnp.clip(image, 0, 1)

    return spoil


def damaged(dataset: Dataset, recipe: Mapping[str, Any], *, seed: int = 0, rows: int = 1000) -> Dataset:
    """A data set as it would be had its pictures been taken through the damage, each once and for all.

    Args:
      dataset: clean pictures; all are read.
      recipe: of `damage`.
      seed: decides each picture's own.
      rows: pictures at once.

    Returns:
      The same with other pictures, 8 bits as before.
    """
    spoil = jax.jit(jax.vmap(damage(recipe)))
    keys = jax.random.split(jax.random.key(seed), -(-len(dataset) // rows) * rows)
    parts = []
    for start in range(0, len(dataset), rows):
        clean = dataset.float_images(start, start + rows)
        whole = np.resize(clean, (rows, *clean.shape[1:]))
        out = np.asarray(spoil(keys[start : start + rows], jnp.asarray(whole)))[: len(clean)]
        parts.append(np.round(255 * out).astype(np.uint8))
    return replace(dataset, name=f"damaged {dataset.name}", images=np.concatenate(parts))
