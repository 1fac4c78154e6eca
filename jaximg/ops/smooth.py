"""Smoothing that respects edges: weights that fall with the difference of values."""

from functools import partial
from typing import Literal, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

from jaximg.ops import windows
from jaximg.ops.adjoint import linear_pair
from jaximg.ops.bilateral import check_guide
from jaximg.typing import Border, Image, Scalar, check_choice, check_image, check_size

Conductance: TypeAlias = Literal["exp", "quadratic"]


def guided_filter(image: Image, guide: Image, radius: int, eps: Scalar, *, border: Border = "reflect") -> jax.Array:
    """The guide's local linear model of the image: smooth where the guide is, sharp where it has an edge.

        in each window:  a = (var(G) + eps)^-1 cov(G, I),  b = mean(I) - a . mean(G)
        out = mean(a) . G + mean(b), means over (2 radius + 1)^2 windows

    Args:
      image: `(..., H, W, C)` floating point.
      guide: `(..., H, W, 1 or 3)`, the same dtype; the image itself for plain edge-preserving smoothing.
      radius: of the window, in pixels, static, >= 1.
      eps: in the guide's units squared: detail whose variance is below it is smoothed. Traced or concrete.
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image or guide that is not floating point.
      ValueError: no channel axis, a guide of another size or with neither 1 nor 3 channels, or a radius below 1.

    Example:
      >>> x = jnp.ones((8, 8, 3))
      >>> bool(jnp.allclose(guided_filter(x, x, 2, 1e-3), x))
      True

    References:
      K. He, J. Sun and X. Tang, Guided image filtering, ECCV 2010, equations 5, 6, 8 and 14.
    """
    image = check_image(image)
    guide = check_guide(check_image(guide, name="guide", channels=(1, 3)), image)
    size = check_size(2 * radius + 1, "2 * radius + 1")
    return _guided(image, guide, jnp.asarray(eps, windows.wide(image.dtype)), size, border)


def anisotropic_diffusion(
    image: Image, iterations: int, *, kappa: Scalar = 0.1, step: Scalar = 0.2, conductance: Conductance = "exp"
) -> jax.Array:
    """Perona-Malik diffusion: heat that stops at edges.

        I <- I + step * sum over 4 neighbours of g(d) d,   d = neighbour - I
        g(d) = exp(-(d / kappa)^2)  or  1 / (1 + (d / kappa)^2)

    Args:
      image: `(..., H, W, C)` floating point; each channel by itself.
      iterations: static, >= 0.
      kappa: the difference that counts as an edge, in the image's units, > 0. Traced or concrete.
      step: at most 0.25 for stability. Traced or concrete.
      conductance: "exp" prefers high-contrast edges, "quadratic" wide regions.

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, an unknown conductance, or negative iterations.

    Example:
      >>> anisotropic_diffusion(jnp.ones((4, 4, 1)), 5)[0, 0, 0].item()
      1.0

    References:
      P. Perona and J. Malik, Scale-space and edge detection using anisotropic diffusion, PAMI 1990, equations 7 and 8.
    """
    image = check_image(image)
    check_choice(conductance, ("exp", "quadratic"), "conductance")
    if iterations < 0:
        raise ValueError(f"iterations={iterations}; it must not be negative")
    dtype = windows.wide(image.dtype)
    return _diffuse(image, jnp.asarray(kappa, dtype), jnp.asarray(step, dtype), iterations, conductance)


@partial(jax.jit, static_argnums=(3, 4))
def _guided(image: jax.Array, guide: jax.Array, eps: jax.Array, size: tuple[int, int], border: Border) -> jax.Array:
    x, g = image.astype(eps.dtype), guide.astype(eps.dtype)
    x, g = jnp.broadcast_arrays(x[..., None, :], g[..., None])  # (..., H, W, G, C)
    *_, count, channels = x.shape

    def mean(v: jax.Array) -> jax.Array:
        flat = v.reshape(*v.shape[:-2], -1)
        return windows.slide(windows.sliding_sum, flat, size, border).reshape(v.shape) / (size[0] * size[1])

    guides = [g[..., i : i + 1, :1] for i in range(count)]
    centre = [mean(v) for v in guides]
    pairs = list(zip(guides, centre, strict=True))
    spread = [[mean(a * b) - mean_a * mean_b for b, mean_b in pairs] for a, mean_a in pairs]
    middle = mean(x[..., :1, :])
    shared = [mean(v * x[..., :1, :]) - m * middle for v, m in pairs]
    slopes = _solve(spread, shared, eps)
    offset = middle - sum(a * m for a, m in zip(slopes, centre, strict=True))
    out = sum(mean(a) * v for a, v in zip(slopes, guides, strict=True)) + mean(offset)
    return out.reshape(*image.shape[:-1], channels).astype(image.dtype)


def _solve(spread: list[list[jax.Array]], shared: list[jax.Array], eps: jax.Array) -> list[jax.Array]:
    """`(spread + eps)^-1 shared` by Cramer's rule, for one or three unknowns."""
    m = [[v + eps if i == j else v for j, v in enumerate(row)] for i, row in enumerate(spread)]
    if len(m) == 1:
        return [shared[0] / m[0][0]]
    minor = [[_minor(m, i, j) for j in range(3)] for i in range(3)]
    determinant = m[0][0] * minor[0][0] + m[0][1] * minor[0][1] + m[0][2] * minor[0][2]
    columns = [[minor[i][j] * shared[i] for i in range(3)] for j in range(3)]
    return [(a + b + c) / determinant for a, b, c in columns]


def _minor(m: list[list[jax.Array]], i: int, j: int) -> jax.Array:
    (i1, i2), (j1, j2) = ((k + 1) % 3 for k in (i, i + 1)), ((k + 1) % 3 for k in (j, j + 1))
    return m[i1][j1] * m[i2][j2] - m[i1][j2] * m[i2][j1]


@partial(jax.jit, static_argnums=(3, 4))
def _diffuse(
    image: jax.Array, kappa: jax.Array, step: jax.Array, iterations: int, conductance: Conductance
) -> jax.Array:
    def once(x: jax.Array, _: None) -> tuple[jax.Array, None]:
        return _diffuse_once(x, kappa, step, conductance), None

    return lax.scan(once, image.astype(kappa.dtype), length=iterations)[0].astype(image.dtype)


def _diffuse_plainly(x: jax.Array, kappa: jax.Array, step: jax.Array, conductance: Conductance) -> jax.Array:
    def flow(difference: jax.Array) -> jax.Array:
        square = jnp.square(difference / kappa)
        return difference * (jnp.exp(-square) if conductance == "exp" else 1 / (1 + square))

    return x + step * sum(flow(n - x) for n in _neighbours(x))


_diffuse_once = jax.custom_jvp(_diffuse_plainly, nondiff_argnums=(3,))


def _neighbours(x: jax.Array) -> list[jax.Array]:
    padded = windows.pad(x, (1, 1), (1, 1), "edge")
    return [windows.shifted(padded, dy, dx, *x.shape[-3:-1]) for dy, dx in ((0, 1), (1, 0), (1, 2), (2, 1))]


def _diffused_tangent(
    tangent: jax.Array, x: jax.Array, kappa: jax.Array, step: jax.Array, *, conductance: Conductance
) -> jax.Array:
    """Its own adjoint, since what a pixel gives its neighbour depends on their difference alone."""

    def slope(difference: jax.Array) -> jax.Array:
        square = jnp.square(difference / kappa)
        if conductance == "exp":
            return jnp.exp(-square) * (1 - 2 * square)
        return (1 - square) / jnp.square(1 + square)

    pairs = zip(_neighbours(x), _neighbours(tangent), strict=True)
    return tangent + step * sum(slope(n - x) * (t - tangent) for n, t in pairs)


_derivative = linear_pair("diffusion_derivative", _diffused_tangent, _diffused_tangent, ("conductance",))


@partial(_diffuse_once.defjvp, symbolic_zeros=True)
def _diffuse_once_jvp(conductance: Conductance, primals: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
    x, kappa, step = primals
    out = _diffuse_once(*primals, conductance)
    slope = jnp.zeros_like(out)
    if not isinstance(tangents[0], SymbolicZero):
        slope = _derivative(tangents[0], *primals, conductance=conductance)
    if not all(isinstance(t, SymbolicZero) for t in tangents[1:]):
        filled = tuple(jnp.zeros_like(kappa) if isinstance(t, SymbolicZero) else t for t in tangents[1:])
        by_scalars = jax.jvp(lambda kappa, step: _diffuse_plainly(x, kappa, step, conductance), (kappa, step), filled)[
            1
        ]
        slope = slope + by_scalars
    return out, slope
