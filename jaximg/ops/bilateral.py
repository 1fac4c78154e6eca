"""Means weighted by nearness in space and in value, and their derivatives.

    out_i = sum_j w_ij x_j / W_i,   W_i = sum_j w_ij
    w_ij = exp(color d_ij^2 + space |i - j|^2),   d_ij = |G_i - G_j|_1

The derivative is another sum over the same disc. With a_i = g_i / W_i for a cotangent g, it is, at a pixel p,

    sum_q w_pq a_q                                                                                 in the image
    sum_q 2 color w_pq d_pq sign(G_p - G_q) (a_q . (x_p - out_q) + a_p . (x_q - out_p))            in the guide

so it costs about as much as the filter itself, and nothing but pictures is kept for it.
"""

import operator
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from jaximg.ops import windows
from jaximg.ops.adjoint import linear_pair
from jaximg.ops.disc import UNROLLED_RADIUS, Planes, Tap, over_disc, planes
from jaximg.ops.primitives import zero_pad
from jaximg.typing import Border, Image, Scalar, check_image, is_traced


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
    return _bilateral(image, *_check_statics(diameter, sigma_color, sigma_space, image), border)


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
    guide = check_guide(guide, image)
    return _joint_bilateral(image, guide, *_check_statics(diameter, sigma_color, sigma_space, image), border)


def check_guide(guide: Image, image: jax.Array) -> jax.Array:
    """The guide with as many axes as the image, or what is wrong with it.

    Example:
      >>> check_guide(jnp.zeros((4, 5, 3)), jnp.zeros((2, 4, 5, 1))).shape
      (1, 4, 5, 3)
    """
    guide = check_image(guide, name="guide")
    if guide.shape[-3:-1] != image.shape[-3:-1] or guide.dtype != image.dtype:
        raise ValueError(
            f"guide is {guide.dtype}{guide.shape}, the image {image.dtype}{image.shape}: they need the same height, "
            "width and dtype"
        )
    return guide.reshape((1,) * (image.ndim - guide.ndim) + guide.shape)


def _check_statics(
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


@partial(jax.jit, static_argnums=(3, 4))
def _bilateral(image: jax.Array, color: jax.Array, space: jax.Array, radius: int, border: Border) -> jax.Array:
    return _own_mean_alone(image.astype(color.dtype), color, space, radius, border).astype(image.dtype)


@partial(jax.jit, static_argnums=(4, 5))
def _joint_bilateral(
    image: jax.Array, guide: jax.Array, color: jax.Array, space: jax.Array, radius: int, border: Border
) -> jax.Array:
    batch = jnp.broadcast_shapes(image.shape[:-3], guide.shape[:-3])
    x, g = (jnp.broadcast_to(v, (*batch, *v.shape[-3:])).astype(color.dtype) for v in (image, guide))
    return _linear(x, g, color, space, radius=radius, border=border).astype(image.dtype)


# --- the sums --------------------------------------------------------------------------------------------------------


def _weighted(
    image: jax.Array,
    guide: jax.Array,
    color: jax.Array,
    space: jax.Array,
    radius: int,
    border: Border,
    unrolled: int = UNROLLED_RADIUS,
) -> tuple[jax.Array, jax.Array]:
    """The mean, and the sum of its weights."""

    def tap(here: list[Planes], there: list[Planes], color: jax.Array, nearness: jax.Array) -> Planes:
        near = _near(_differences(here[0], there[0]), color, nearness)
        return [*(near * v for v in there[1]), near]

    guides = planes(guide, lambda v: windows.pad(v, (radius, radius), (radius, radius), border))
    values = planes(image, lambda v: windows.pad(v, (radius, radius), (radius, radius), border))
    padded = [guides, guides if image is guide else values]
    *totals, weight = over_disc(tap, padded, image.shape[-1] + 1, color, space, radius, unrolled)
    return jnp.concatenate([t / weight for t in totals], -1) if totals else image, weight


def _differences(here: Planes, there: Planes) -> Planes:
    return [p - q for p, q in zip(here, there, strict=True)]


def _near(differences: Planes, color: jax.Array, nearness: jax.Array) -> jax.Array:
    distance = reduce(operator.add, [jnp.abs(d) for d in differences])
    return jnp.exp(color * distance * distance + nearness)


# --- their derivative ------------------------------------------------------------------------------------------------


def _adjoint(
    tap: Tap,
    pictures: list[jax.Array],
    cotangents: list[jax.Array],
    channels: int,
    color: jax.Array,
    space: jax.Array,
    radius: int,
    border: Border,
) -> jax.Array:
    """Each pixel gathers from the disc around it, the border's pixels too; these are then added to their sources.

    Pictures go on beyond the border and cotangents are zero there.
    """
    beyond = 0 if border == "constant" else radius
    around, sides, wider = (beyond, beyond), (radius, radius), (beyond + radius, beyond + radius)

    def border_of(v: jax.Array) -> jax.Array:
        return windows.pad(v, around, around, border)

    padded = [planes(v, lambda v: zero_pad(border_of(v), sides, sides)) for v in pictures]
    padded += [planes(v, lambda v: zero_pad(v, wider, wider)) for v in cotangents]
    sums = jnp.concatenate(over_disc(tap, padded, channels, color, space, radius), -1)
    like = jax.ShapeDtypeStruct((*cotangents[0].shape[:-1], channels), sums.dtype)
    return jax.linear_transpose(border_of, like)(sums)[0]


def _image_adjoint(
    cotangent: jax.Array, guide: jax.Array, color: jax.Array, space: jax.Array, *, radius: int, border: Border
) -> jax.Array:
    _, weight = _weighted(guide[..., :0], guide, color, space, radius, border)

    def tap(here: list[Planes], there: list[Planes], color: jax.Array, nearness: jax.Array) -> Planes:
        near = _near(_differences(here[0], there[0]), color, nearness)
        return [near * a for a in there[1]]

    return _adjoint(tap, [guide], [cotangent / weight], cotangent.shape[-1], color, space, radius, border)


def _image_and_guide_tangent(
    tangent: jax.Array,
    image: jax.Array,
    guide: jax.Array,
    out: jax.Array,
    weight: jax.Array,
    color: jax.Array,
    space: jax.Array,
    *,
    radius: int,
    border: Border,
    both: bool,
) -> jax.Array:
    """Of the guide, and if `both` of the image too, which is then the same picture."""
    del out, weight

    def of(v: jax.Array) -> jax.Array:
        return _weighted(v if both else image, v, color, space, radius, border, 0)[0]

    return jax.jvp(of, (guide,), (tangent,))[1]


def _image_and_guide_adjoint(
    cotangent: jax.Array,
    image: jax.Array,
    guide: jax.Array,
    out: jax.Array,
    weight: jax.Array,
    color: jax.Array,
    space: jax.Array,
    *,
    radius: int,
    border: Border,
    both: bool,
) -> jax.Array:
    def tap(here: list[Planes], there: list[Planes], color: jax.Array, nearness: jax.Array) -> Planes:
        differences = _differences(here[0], there[0])
        near = _near(differences, color, nearness)
        changes = _changes(differences, here[1:], there[1:], color)
        if both:
            changes = [change + a for change, a in zip(changes, there[2], strict=True)]
        return [near * change for change in changes]

    a = cotangent / weight
    cotangents = [a, (a * out).sum(-1, keepdims=True)]
    return _adjoint(tap, [guide, image], cotangents, guide.shape[-1], color, space, radius, border)


def _changes(differences: Planes, here: list[Planes], there: list[Planes], color: jax.Array) -> Planes:
    """What the guide's cotangent gets, but for the weight; the pictures are the image, a and a . out."""
    (x, a, (b,)), (x_there, a_there, (b_there,)) = here, there
    change = reduce(operator.add, [p * q for p, q in zip((*a_there, *a), (*x, *x_there), strict=True)]) - b - b_there
    change = 2 * color * change
    if len(differences) == 1:
        return [change * differences[0]]
    distance = reduce(operator.add, [jnp.abs(d) for d in differences])
    return [change * distance * jnp.sign(d) for d in differences]


_by_guide = linear_pair(
    "bilateral_derivative", _image_and_guide_tangent, _image_and_guide_adjoint, ("radius", "border", "both")
)


@partial(jax.custom_jvp, nondiff_argnums=(4, 5))
def _mean(
    image: jax.Array, guide: jax.Array, color: jax.Array, space: jax.Array, radius: int, border: Border
) -> tuple[jax.Array, jax.Array]:
    return _weighted(image, guide, color, space, radius, border)


@partial(_mean.defjvp, symbolic_zeros=True)
def _mean_jvp(radius: int, border: Border, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    done = _mean(*primals, radius, border)
    return done, _slopes(primals, tangents, done, radius, border, both=False)


_linear = linear_pair(
    "joint_bilateral",
    lambda x, guide, color, space, *, radius, border: _mean(x, guide, color, space, radius, border)[0],
    _image_adjoint,
    ("radius", "border"),
)


@partial(jax.custom_jvp, nondiff_argnums=(3, 4))
def _own_mean(
    image: jax.Array, color: jax.Array, space: jax.Array, radius: int, border: Border
) -> tuple[jax.Array, jax.Array]:
    return _weighted(image, image, color, space, radius, border)


@partial(jax.custom_jvp, nondiff_argnums=(3, 4))
def _own_mean_alone(image: jax.Array, color: jax.Array, space: jax.Array, radius: int, border: Border) -> jax.Array:
    """One result, where no derivative asks for the sum of the weights: one loop, and nothing kept."""
    if radius > UNROLLED_RADIUS:
        return _weighted(image, image, color, space, radius, border)[0]
    height, width, _ = image.shape[-3:]
    padded = windows.materialise(windows.pad(image, (radius, radius), (radius, radius), border))

    def at(row: int, column: int) -> Planes:
        return planes(windows.shifted(padded, radius + row, radius + column, height, width), lambda v: v)

    def add(a: Planes, b: Planes) -> Planes:
        return [p + q for p, q in zip(a, b, strict=True)]

    here, rows = at(0, 0), []
    for row in range(-radius, radius + 1):
        far, parts = int((radius * radius - row * row) ** 0.5), []
        for column in range(-far, far + 1):
            there = at(row, column)
            near = _near(_differences(here, there), color, space * (row * row + column * column))
            parts.append([*(near * v for v in there), near])
        rows.append(reduce(add, parts))
    *totals, weight = reduce(add, rows)
    return jnp.concatenate([t / weight for t in totals], -1)


@_own_mean_alone.defjvp
def _own_mean_alone_jvp(radius: int, border: Border, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    return jax.jvp(lambda *values: _own_mean(*values, radius, border)[0], primals, tangents)


@partial(_own_mean.defjvp, symbolic_zeros=True)
def _own_mean_jvp(radius: int, border: Border, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    done = _own_mean(*primals, radius, border)
    doubled, moved = (primals[0], *primals), (tangents[0], *tangents)
    return done, _slopes(doubled, moved, done, radius, border, both=True)


def _slopes(
    primals: tuple, tangents: tuple, done: tuple, radius: int, border: Border, *, both: bool
) -> tuple[jax.Array, jax.Array]:
    """The tangents of the mean and of the sum of weights; the latter serves second derivatives only."""
    image, guide, *scalars = primals
    static: dict[str, Any] = {"radius": radius, "border": border}
    filled = [
        jnp.zeros(p.shape, p.dtype) if isinstance(t, SymbolicZero) else t
        for p, t in zip(primals, tangents, strict=True)
    ]

    def by_steps(image: jax.Array, guide: jax.Array, color: jax.Array, space: jax.Array) -> tuple[jax.Array, jax.Array]:
        return _weighted(image, guide, color, space, radius, border, 0)

    parts = []
    if not (both or isinstance(tangents[0], SymbolicZero)):
        parts.append(_linear(tangents[0], guide, *scalars, **static))
    if not isinstance(tangents[1], SymbolicZero):
        parts.append(_by_guide(tangents[1], image, guide, *done, *scalars, both=both, **static))
    if not all(isinstance(t, SymbolicZero) for t in tangents[2:]):
        parts.append(jax.jvp(lambda *s: by_steps(image, guide, *s)[0], tuple(scalars), tuple(filled[2:]))[1])
    weight = jax.jvp(lambda *values: by_steps(*values)[1], primals, tuple(filled))[1]
    return reduce(operator.add, parts, jnp.zeros_like(done[0])), weight
