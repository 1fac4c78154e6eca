"""How strong is the noise where the picture is dark, and where it is bright?

A camera's noise changes with the light, by a factor of two or three in one picture, and it has few of the high
frequencies that tell white noise. So blocks are sorted by their brightness, and of each shade the smoothest are taken,
judged by every other frequency; those between, the middle ones, tell. Where there are smooth places, the smoothest
blocks and the next ones have the same noise; where all is texture, the next ones have more, and such a shade tells
nothing: what is said of it comes from its neighbours.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaximg import ops
from jaximg.correct.tiles import tiled
from jaximg.models.restorer import MIDDLE, SHADE

SIDE = 8
KNOTS = np.linspace(0, 1, 21)
"""The brightnesses that a level is given for."""
SHADES, FEWEST = 10, 700
"""So many shades are told apart; one of fewer blocks is left out."""
SMOOTHEST, NEXT = (0.0, 0.03), (0.06, 0.12)
"""The shares of a shade's blocks, in the order of their smoothness, that are compared."""
FLAT = 1.15
"""What the next blocks have may be so many times what the smoothest have."""
FALL = 0.4
"""Beyond the brightest shade that tells, noise falls with this power of the brightness: photons, behind a gamma."""

_SUM = np.add.outer(np.arange(SIDE), np.arange(SIDE)).ravel()
EVEN = (_SUM % 2 == 0) & (_SUM > 0)
BETWEEN = MIDDLE.ravel()


def find_levels(brightness: np.ndarray, energy: np.ndarray) -> tuple[tuple[float, ...], float]:
    """The noise at each of `KNOTS`, and how much of the picture tells it.

    Args:
      brightness: `(N,)`, means of blocks.
      energy: `(N, 64)`, squares of the coefficients of their 8 x 8 DCT.

    Returns:
      Standard deviations, one for each of `KNOTS`, none where no shade tells; and the share of the blocks that have a
      shade which tells.

    Example:
      >>> rng = np.random.default_rng(0)
      >>> levels, share = find_levels(rng.random(9000), 0.01 * rng.standard_normal((9000, 64)) ** 2)
      >>> len(levels), f"{np.mean(levels):.2f}", share
      (21, '0.10', 1.0)
    """
    shade = np.minimum((SHADES * np.clip(brightness, 0, 1)).astype(int), SHADES - 1)
    groups = [np.flatnonzero(shade == i) for i in range(SHADES)]
    groups = [group for group in groups if len(group) >= FEWEST]
    if not groups:
        return (), 0.0
    light = np.array([brightness[group].mean() for group in groups])
    smooth, after = np.array([_compared(energy[group]) for group in groups]).T
    tells = after < FLAT * smooth
    if not tells.any():
        return (), 0.0
    told = np.exp(np.interp(light, light[tells], np.log(smooth[tells])))
    last = np.flatnonzero(tells)[-1]
    told[last + 1 :] *= (light[last + 1 :] / light[last]) ** -FALL
    levels = np.interp(KNOTS, light, np.minimum(told, smooth))
    share = sum(len(group) for group, tell in zip(groups, tells, strict=True) if tell) / len(brightness)
    return tuple(float(level) for level in levels), share


def _compared(energy: np.ndarray) -> tuple[float, float]:
    """What the smoothest blocks have at middle frequencies, and the next."""
    order = np.argsort(energy[:, EVEN].sum(1))
    middle = energy[:, BETWEEN].mean(1)[order]
    cuts = ([int(share * len(order)) for share in shares] for shares in (SMOOTHEST, NEXT))
    smooth, after = (float(np.sqrt(middle[start:stop].mean())) for start, stop in cuts)
    return max(smooth, 1e-6), max(after, 1e-6)


def level_map(image: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    """The noise at each pixel of a picture.

    Args:
      image: `(H, W, C)` float32.
      levels: one for each of `KNOTS`.

    Returns:
      `(H, W, 1)` float32.

    Example:
      >>> dark_to_bright = tuple(np.linspace(0.2, 0.1, 21))
      >>> f"{level_map(np.full((64, 64, 3), 0.5, np.float32), dark_to_bright).mean():.2f}"
      '0.15'
    """
    at = jnp.asarray(levels, jnp.float32)
    bright = image.mean(-1, keepdims=True, dtype=np.float32)
    return tiled(lambda cut: _level_map(cut, at), bright, rim=int(4 * SHADE))


@jax.jit
def _level_map(bright: jax.Array, levels: jax.Array) -> jax.Array:
    return jnp.interp(ops.gaussian_blur(bright, SHADE), jnp.asarray(KNOTS, bright.dtype), levels)
