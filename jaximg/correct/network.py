"""The trained networks: `load` hands one out to embed anywhere, `restore` runs one over a picture of any size."""

from functools import lru_cache, partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaximg.correct.tiles import tiled
from jaximg.models.weights import RESTORERS, read_weights, restorers

SIDES = (256, 512, 1024)
"""Sides of the squares a network sees: a wide rim wants large ones."""
View = tuple[int, bool]
VIEWS: tuple[View, ...] = tuple((turns, mirrored) for mirrored in (False, True) for turns in range(4))
"""The eight symmetries of a square: quarter turns, and whether a mirror image is taken then."""


def names() -> tuple[str, ...]:
    """The networks that the package carries.

    Example:
      >>> "denoise_color" in names()
      True
    """
    return restorers()


@lru_cache
def load(name: str) -> tuple[nn.Module, Any]:
    """A trained network and its parameters, to embed in a pipeline of one's own: differentiable, jittable.

    Args:
      name: one of `names()`; "denoise_color" takes what `models.estimate` makes of an RGB picture (`denoised`, or
        `deblocked` where there is no noise but a JPEG's), the picture, its noise level as a map (standard deviation on
        the [0, 1] scale), and how coarse its JPEG is (`models.restorer.coarseness`, 0 for none); "denoise_gray" the
        same of a grey one, and before the level what was made of the picture so far: the estimate again, or its own
        first answer, to the picture turned by a quarter (`jnp.rot90`) and turned back, where the estimate is what
        `models.estimate.alike` makes of that; "inpaint" takes a grey picture, filled by `ops.inpaint_harmonic`, and a
        map of what is known; "upscale" a grey picture, enlarged to twice its size by a bicubic kernel; "scratches"
        zeros, a picture in three channels (the same thrice if grey) and ones, `(B, H, W, 1)` the others, and answers
        with the log odds of each pixel to lie on a scratch.

    Returns:
      A linen module and its parameters, float32: `module.apply({"params": params}, image, *maps)` with a batch of
      images `(B, H, W, C)` in [0, 1] and maps `(B, H, W, 1)`. Don't write into the parameters: they are shared.

    Raises:
      ValueError: an unknown name.

    Example:
      >>> from jaximg.models import estimate
      >>> net, params = load("denoise_color")
      >>> noisy, level, blocks = jnp.zeros((1, 32, 32, 3)), jnp.full((1, 32, 32, 1), 0.1), jnp.zeros((1, 32, 32, 1))
      >>> net.apply({"params": params}, estimate.denoised(noisy, level), noisy, level, blocks).shape
      (1, 32, 32, 3)
    """
    if name not in names():
        raise ValueError(f"no network {name!r} in this package; there are {', '.join(names()) or 'none'}")
    module, variables = read_weights(RESTORERS / f"{name}.npz")
    return module, jax.tree.map(jnp.asarray, variables["params"])


def restore(
    name: str, image: np.ndarray, *maps: np.ndarray, ensemble: bool = False, view: View = VIEWS[0]
) -> np.ndarray:
    """Runs a network over one picture of any size, square by square, as if it had seen it whole.

    Args:
      name: as for `load`.
      image: `(H, W, C)` float32: what the network begins with.
      maps: `(H, W, C)` or `(H, W, 1)` float32 each.
      ensemble: whether it sees the picture in all eight `VIEWS`; the answer is then the mean of eight.
      view: how it sees the picture otherwise, one of `VIEWS`.

    Returns:
      `(H, W, C)` float32.

    References:
      Timofte, Rothe and Van Gool, Seven ways to improve example-based single image super resolution, CVPR 2016: the
      mean over turned and mirrored pictures.
    """
    side, (height, width) = stride(name), image.shape[:2]
    more = [(0, -height % side), (0, -width % side), (0, 0)]
    inputs = [np.pad(x, more, mode="symmetric") for x in (image, *maps)]
    inside = np.ones((*inputs[0].shape[:2], 1), np.float32)
    step = partial(_program(), *load(name))

    def answer(turns: int, mirrored: bool) -> np.ndarray:
        seen = (_seen(x, turns, mirrored) for x in (*inputs, inside))
        return _seen_back(tiled(step, *seen, rim=reach(name), sides=SIDES, beyond="zero"), turns, mirrored)

    first, *others = VIEWS if ensemble else (view,)
    out = answer(*first)
    for other in others:
        out += answer(*other)
    return (out / (1 + len(others)))[:height, :width]


def reach(name: str) -> int:
    """How many pixels to each side a pixel of the network's answer depends on.

    Example:
      >>> reach("denoise_color")
      104
    """
    return load(name)[0].reach  # pyright: ignore[reportAttributeAccessIssue]


def stride(name: str) -> int:
    """The network sees a picture in squares of so many pixels a side.

    Example:
      >>> stride("denoise_color")
      8
    """
    return load(name)[0].stride  # pyright: ignore[reportAttributeAccessIssue]


def _seen(image: np.ndarray, turns: int, mirrored: bool) -> np.ndarray:
    turned = np.rot90(image, turns)
    return turned[:, ::-1] if mirrored else turned


def _seen_back(image: np.ndarray, turns: int, mirrored: bool) -> np.ndarray:
    return np.rot90(image[:, ::-1] if mirrored else image, -turns)


@lru_cache
def _program() -> Any:
    return jax.jit(_apply, static_argnums=0)


def _apply(module: nn.Module, params: Any, image: jax.Array, *rest: jax.Array) -> jax.Array:
    *maps, inside = (x[None] for x in rest)
    out = module.apply({"params": params}, image[None], *maps, inside=inside)
    return jnp.asarray(out)[0]
