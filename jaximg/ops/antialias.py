"""Jagged edges made smooth: the mean along each edge, and along it only."""

from functools import partial

import jax
import jax.numpy as jnp

from jaximg.ops import windows
from jaximg.typing import Image, Scalar, check_image

RADIUS = 3
ACROSS, ALONG = 0.4, 2.5
CONTRAST = 0.02


def antialias(image: Image, *, strength: Scalar = 1.0) -> jax.Array:
    """Smooths the staircase of a jagged edge by a Gaussian that lies along the edge.

        J = gaussian_blur(sum_c grad I_c grad I_c^T, 1),   n, t = its eigenvectors, across and along the edge
        w(o) = exp(-(o.n)^2 / (2 * 0.4^2) - (o.t)^2 / (2 * 2.5^2)),  |o_x|, |o_y| <= 3
        out = image + strength * g * (sum_o w(o) I(p + o) / sum_o w(o) - image)

    g = coherence^2 * l1 / (l1 + 0.02^2) is 1 on a clear straight edge, 0 on flat ground, at corners and in texture,
    where the picture is left as it is.

    Args:
      image: `(..., H, W, C)` floating point in [0, 1]; all channels share the direction.
      strength: 0 leaves the image, 1 is full. Traced or concrete.

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis.

    Example:
      >>> stairs = jnp.tri(16)[..., None]
      >>> [round(float(v), 1) for v in antialias(stairs)[8, 7:11, 0]]
      [1.0, 0.9, 0.1, 0.0]

    References:
      H. Takeda, S. Farsiu and P. Milanfar, Kernel regression for image processing and reconstruction, 2007 (steering
      kernels). J. Weickert, Coherence-enhancing diffusion filtering, 1999 (structure tensor, coherence).
    """
    image = check_image(image)
    return _antialias(image, jnp.asarray(strength, image.dtype))


@jax.jit
def _antialias(image: jax.Array, strength: jax.Array) -> jax.Array:
    x = image.astype(windows.wide(image.dtype))
    cos2, sin2, gate = windows.apart(_direction)(x)
    smooth = windows.apart(_along)(x, cos2, sin2)
    return image + strength * (gate * (smooth - x)).astype(image.dtype)


def _direction(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Cosine and sine of twice the angle of the edge's normal, and how clear the edge is: each (..., H, W, 1)."""
    slope, mean = jnp.array([-0.5, 0.0, 0.5], x.dtype), jnp.array([0.25, 0.5, 0.25], x.dtype)
    gx, gy = windows.separable(x, mean, slope, "edge"), windows.separable(x, slope, mean, "edge")
    tensor = [(a * b).sum(-1, keepdims=True) for a, b in ((gx, gx), (gx, gy), (gy, gy))]
    taps = jnp.array([0.054489, 0.244201, 0.402620, 0.244201, 0.054489], x.dtype)
    xx, xy, yy = jnp.split(windows.separable(jnp.concatenate(tensor, -1), taps, taps, "edge"), 3, -1)
    gap = jnp.sqrt(jnp.square(xx - yy) + 4 * jnp.square(xy) + 1e-12)
    total = xx + yy
    gate = jnp.square(gap / (total + 1e-6)) * (total + gap) / (total + gap + 2 * CONTRAST**2)
    return (xx - yy) / gap, 2 * xy / gap, gate


def _along(x: jax.Array, cos2: jax.Array, sin2: jax.Array) -> jax.Array:
    h, w = x.shape[-3:-1]
    padded = windows.pad(x, (RADIUS, RADIUS), (RADIUS, RADIUS), "edge")
    weigh = partial(_weight, cos2=cos2, sin2=sin2)
    look = partial(windows.shifted, padded, height=h, width=w)
    total, weight = x, jnp.ones_like(cos2)
    for dy in range(RADIUS + 1):  # what lies opposite weighs as much
        across = range(-RADIUS if dy else 1, RADIUS + 1)
        near = [weigh(dy, dx) for dx in across]
        seen = [look(RADIUS + dy, RADIUS + dx) + look(RADIUS - dy, RADIUS - dx) for dx in across]
        total = total + sum((n * s for n, s in zip(near, seen, strict=True)), jnp.zeros_like(x))
        weight = weight + 2 * sum(near, jnp.zeros_like(cos2))
    return total / weight


def _weight(dy: int, dx: int, cos2: jax.Array, sin2: jax.Array) -> jax.Array:
    """`(o.n)^2 = (|o|^2 + (dx^2 - dy^2) cos 2a + 2 dx dy sin 2a) / 2`, and `(o.t)^2` is the rest of `|o|^2`."""
    length = dx * dx + dy * dy
    across = 0.5 * (length + (dx * dx - dy * dy) * cos2 + 2 * dx * dy * sin2)
    return jnp.exp(-0.5 * (across / ACROSS**2 + (length - across) / ALONG**2))
