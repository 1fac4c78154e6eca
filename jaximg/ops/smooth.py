"""Smoothing that respects edges: weights that fall with the difference of values."""

from functools import partial
from typing import Literal, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax

from jaximg.ops import windows
from jaximg.typing import Border, Image, Scalar, check_choice, check_image, check_size, is_traced

Conductance: TypeAlias = Literal["exp", "quadratic"]


def bilateral_filter(
    image: Image, diameter: int, sigma_color: Scalar, sigma_space: Scalar, *, border: Border = "reflect"
) -> jax.Array:
    """Mean over a disc, weighted by nearness in space and in colour, OpenCV's `bilateralFilter`.

        out(p) = sum_q w(p, q) I(q) / sum_q w(p, q),
        w = exp(-|p - q|^2 / (2 sigma_space^2) - |I(p) - I(q)|_1^2 / (2 sigma_color^2)),  |p - q| <= diameter // 2

    Args:
      image: `(..., H, W, C)` floating point; differences of colour are summed over the channels.
      diameter: of the disc, in pixels, static; 0 or less takes `2 round(1.5 sigma_space) + 1` from a concrete sigma.
      sigma_color: in the image's units (0.1 on [0, 1], 25 on 0..255), > 0. Traced or concrete.
      sigma_space: in pixels, > 0. Traced or concrete.
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, or a diameter of 0 with a traced sigma_space.

    Example:
      >>> step = jnp.where(jnp.arange(8) < 4, 0.0, 1.0).reshape(1, 8, 1)
      >>> bool(jnp.abs(bilateral_filter(step, 5, 0.1, 2.0) - step).max() < 1e-6)
      True

    References:
      C. Tomasi and R. Manduchi, Bilateral filtering for gray and color images, ICCV 1998. OpenCV, `bilateralFilter`.
    """
    image = check_image(image)
    return _bilateral(image, image, *_bilateral_statics(diameter, sigma_color, sigma_space, image), border)


def joint_bilateral_filter(
    image: Image,
    guide: Image,
    diameter: int,
    sigma_color: Scalar,
    sigma_space: Scalar,
    *,
    border: Border = "reflect",
) -> jax.Array:
    """Bilateral filter whose weights come from another picture: a clean guide decides which pixels belong together.

        out(p) = sum_q w(p, q) I(q) / sum_q w(p, q),
        w = exp(-|p - q|^2 / (2 sigma_space^2) - |G(p) - G(q)|_1^2 / (2 sigma_color^2)),  |p - q| <= diameter // 2

    Args:
      image: `(..., H, W, C)` floating point, any range.
      guide: `(..., H, W, G)`, the same dtype; a flash photograph, a depth map's colours, a denoised copy.
      diameter: of the disc, in pixels, static; 0 or less takes `2 round(1.5 sigma_space) + 1` from a concrete sigma.
      sigma_color: in the guide's units, > 0. Traced or concrete.
      sigma_space: in pixels, > 0. Traced or concrete.
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image or guide that is not floating point.
      ValueError: no channel axis, a guide of another size, or a diameter of 0 with a traced sigma_space.

    Example:
      >>> x = jnp.ones((8, 8, 1))
      >>> joint_bilateral_filter(x, jnp.ones((8, 8, 3)), 5, 0.1, 2.0).shape
      (8, 8, 1)

    References:
      G. Petschnigg et al., Digital photography with flash and no-flash image pairs, SIGGRAPH 2004.
    """
    image = check_image(image)
    guide = _check_guide(guide, image)
    return _joint_bilateral(image, guide, *_bilateral_statics(diameter, sigma_color, sigma_space, image), border)


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
    guide = _check_guide(check_image(guide, name="guide", channels=(1, 3)), image)
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


def _check_guide(guide: Image, image: jax.Array) -> jax.Array:
    guide = check_image(guide, name="guide")
    if guide.shape[-3:-1] != image.shape[-3:-1] or guide.dtype != image.dtype:
        raise ValueError(
            f"guide is {guide.dtype}{guide.shape}, the image {image.dtype}{image.shape}: they need the same height, "
            "width and dtype"
        )
    return guide.reshape((1,) * (image.ndim - guide.ndim) + guide.shape)


def _bilateral_statics(
    diameter: int, sigma_color: Scalar, sigma_space: Scalar, image: jax.Array
) -> tuple[jax.Array, jax.Array, int]:
    if diameter <= 0:
        if is_traced(sigma_space):
            raise ValueError("diameter=0 takes the size from sigma_space, which is traced: pass a static diameter")
        radius = max(1, round(1.5 * float(sigma_space)))
    else:
        radius = max(1, diameter // 2)
    color, space = (-0.5 / jnp.square(jnp.asarray(s, windows.wide(image.dtype))) for s in (sigma_color, sigma_space))
    return color, space, radius


@partial(jax.jit, static_argnums=(4, 5))
def _joint_bilateral(
    image: jax.Array, guide: jax.Array, color: jax.Array, space: jax.Array, radius: int, border: Border
) -> jax.Array:
    h, w = image.shape[-3:-1]
    values, guides = (_planes(x, radius, border, color.dtype) for x in (image, guide))
    centre = [windows.shifted(p, radius, radius, h, w) for p in guides]
    zero = jnp.zeros_like(windows.shifted(values[0], 0, 0, h, w))
    total, weight = [zero] * len(values), jnp.zeros_like(centre[0])
    for dy in range(-radius, radius + 1):
        row_total, row_weight = [zero] * len(values), jnp.zeros_like(centre[0])
        for dx in range(-radius, radius + 1):
            if dy * dy + dx * dx > radius * radius:
                continue
            seen = [windows.shifted(p, radius + dy, radius + dx, h, w) for p in guides]
            distance = sum(jnp.abs(s - c) for s, c in zip(seen, centre, strict=True))
            near = jnp.exp(color * distance * distance + space * (dy * dy + dx * dx))
            seen = [windows.shifted(p, radius + dy, radius + dx, h, w) for p in values]
            row_total = [t + near * s for t, s in zip(row_total, seen, strict=True)]
            row_weight = row_weight + near
        total = [t + r for t, r in zip(total, row_total, strict=True)]
        weight = weight + row_weight
    return jnp.concatenate([t / weight for t in total], -1).astype(image.dtype)


_bilateral_at_once = jax.custom_jvp(_joint_bilateral, nondiff_argnums=(4, 5))
"""Where the guide is differentiated too."""


@_bilateral_at_once.defjvp
def _bilateral_jvp(radius: int, border: Border, primals: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
    """The tangent of one pixel of the disc after the other: at once, the adjoint would keep dozens of pictures."""
    out = _bilateral_at_once(*primals, radius, border)
    return out, jax.jvp(partial(_bilateral_in_steps, radius=radius, border=border), primals, tangents)[1]


_bilateral = jax.jit(_bilateral_at_once, static_argnums=(4, 5))


def _bilateral_in_steps(
    image: jax.Array, guide: jax.Array, color: jax.Array, space: jax.Array, *, radius: int, border: Border
) -> jax.Array:
    h, w = image.shape[-3:-1]
    sides = (radius, radius), (radius, radius)
    values, guides = (windows.pad(x.astype(color.dtype), *sides, border) for x in (image, guide))
    centre = windows.shifted(guides, radius, radius, h, w)

    def at(x: jax.Array, place: jax.Array) -> jax.Array:
        start = [jnp.int32(0)] * (x.ndim - 3) + [place[0], place[1], jnp.int32(0)]
        return lax.dynamic_slice(x, start, (*x.shape[:-3], h, w, x.shape[-1]))

    @jax.checkpoint
    def one(place: jax.Array) -> tuple[jax.Array, jax.Array]:
        distance = jnp.abs(at(guides, place) - centre).sum(-1, keepdims=True)
        square = jnp.square(place - radius).sum().astype(color.dtype)
        near = jnp.exp(color * distance * distance + space * square)
        return near * at(values, place), near

    def add(sums: tuple[jax.Array, jax.Array], place: jax.Array) -> tuple[tuple[jax.Array, jax.Array], None]:
        total, weight = one(place)
        return (sums[0] + total, sums[1] + weight), None

    reach = range(-radius, radius + 1)
    disc = [(radius + y, radius + x) for y in reach for x in reach if y * y + x * x <= radius * radius]
    start = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(one, jnp.zeros(2, jnp.int32)))
    (total, weight), _ = lax.scan(add, start, jnp.asarray(disc, jnp.int32))
    return (total / weight).astype(image.dtype)


def _planes(image: jax.Array, radius: int, border: Border, dtype: jnp.dtype) -> list[jax.Array]:
    padded = windows.materialise(windows.pad(image, (radius, radius), (radius, radius), border))
    return [padded[..., c : c + 1].astype(dtype) for c in range(image.shape[-1])]


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
def _diffuse(image: jax.Array, kappa: jax.Array, step: jax.Array, iterations: int, conductance: str) -> jax.Array:
    def flow(difference: jax.Array) -> jax.Array:
        square = jnp.square(difference / kappa)
        return difference * (jnp.exp(-square) if conductance == "exp" else 1 / (1 + square))

    def once(x: jax.Array, _: None) -> tuple[jax.Array, None]:
        h, w = x.shape[-3:-1]
        padded = windows.pad(x, (1, 1), (1, 1), "edge")
        neighbours = [windows.shifted(padded, dy, dx, h, w) for dy, dx in ((0, 1), (1, 0), (1, 2), (2, 1))]
        return x + step * sum(flow(n - x) for n in neighbours), None

    return lax.scan(once, image.astype(kappa.dtype), length=iterations)[0].astype(image.dtype)
