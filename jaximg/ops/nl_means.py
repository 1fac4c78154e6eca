"""Denoising by likeness: non-local means, and their derivative.

    out_p = sum_t w_pt x_{p+t} / W_p,   W_p = sum_t w_pt,   w_pt = exp(-scale max(0, d_pt - 2 sigma^2))

where d is the box mean of squared differences. A cotangent g, with a = g / W, moves the weight of the pair u, u + t by

    m_ut = a_u . (x_{u+t} - out_u) + a_{u+t} . (x_u - out_{u+t})

and so the squared difference at v by s_v = -scale / n sum of w m over the box around v, n the number of its values;
the pixels get +-2 s_v (x_v - x_{v+t}) and, from the mean itself, w a. All shift by shift, in the windows of forward.
"""

import operator
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import SymbolicZero

from jaximg.ops import windows
from jaximg.ops.adjoint import linear_pair
from jaximg.ops.blocks import add_at, window_at
from jaximg.ops.primitives import zero_pad
from jaximg.typing import Image, Scalar, check_image, check_size


def nl_means(image: Image, h: Scalar, *, sigma: Scalar = 0.0, patch: int = 7, search: int = 21) -> jax.Array:
    r"""Non-local means: every pixel becomes a mean of the pixels around it whose neighbourhoods look like its own.

        out[p] = sum_t w[p, p + t] image[p + t] / sum_t w[p, p + t],  t in a `search x search` window
        w[p, q] = exp(-max(0, d[p, q] - 2 sigma^2) / h^2)
        d[p, q] = mean over a `patch x patch` window and the channels of (image[p + o] - image[q + o])^2

    The picture is continued by "reflect". A weight serves the pair both ways, so half of the shifts are computed.
    This is the exact sum; OpenCV's `fastNlMeansDenoising` is the same at sigma = 0, rounded to bytes.

    Args:
      image: `(..., H, W, C)` floating point, any range. The channels share their weights.
      h: how unlike patches may be, in the image's units, >= 0; about 0.8 sigma if sigma is given, else about sigma.
        Traced or concrete.
      sigma: the noise's standard deviation in the image's units; traced or concrete.
      patch: side of the patches compared, in pixels, odd, static.
      search: side of the window searched, in pixels, odd, static.

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point, or a side that is not a static integer.
      ValueError: no channel axis, or an even side.

    Example:
      >>> noisy = 0.1 * jax.random.normal(jax.random.key(0), (16, 16, 1))
      >>> bool(jnp.std(nl_means(noisy, 0.08, sigma=0.1)) < 0.05)
      True

    References:
      Buades, Coll and Morel, Non-Local Means Denoising, IPOL 2011. Darbon et al., Fast Nonlocal Filtering Applied to
      Electron Cryomicroscopy, ISBI 2008. OpenCV, `cv::fastNlMeansDenoising`.
    """
    image = check_image(image)
    patch, _ = check_size(patch, "patch", odd=True)
    search, _ = check_size(search, "search", odd=True)
    dtype = windows.wide(image.dtype)
    scale = 1 / jnp.maximum(jnp.square(jnp.asarray(h, dtype)), 1e-12)
    return _nl_means(image, scale, jnp.asarray(sigma, dtype), patch // 2, search // 2)


@partial(jax.jit, static_argnames=("q", "r"))
def _nl_means(image: jax.Array, scale: jax.Array, sigma: jax.Array, q: int, r: int) -> jax.Array:
    """`q` and `r` are the half sides of the patch and of the search window."""
    return _mean(image.astype(scale.dtype), scale, sigma, q, r)[0].astype(image.dtype)


# --- the sums --------------------------------------------------------------------------------------------------------


def _weighted(x: jax.Array, scale: jax.Array, sigma: jax.Array, q: int, r: int) -> tuple[jax.Array, jax.Array]:
    """The mean `(..., H, W, C)`, and the sum of its weights `(..., H, W, 1)`."""
    height, width, _ = x.shape[-3:]
    planes = _planes(_padded(x, q, r))

    @jax.checkpoint
    def one(t: jax.Array) -> tuple[jax.Array, jax.Array]:
        """What the shifts t and -t give; weights are needed at p and at p - t, so on `r` more pixels around."""
        w = _near(planes, t, scale, sigma, q, r)
        ahead, behind = window_at(w, r, r, height, width), window_at(w, r - t[0], r - t[1], height, width)
        top, left = r + q, 2 * r + q
        x_ahead = window_at(planes, top + t[0], left + t[1], height, width)
        x_behind = window_at(planes, top - t[0], left - t[1], height, width)
        return ahead[:, None] * x_ahead + behind[:, None] * x_behind, ahead + behind

    def body(sums: tuple[jax.Array, jax.Array], t: jax.Array) -> tuple[tuple[jax.Array, jax.Array], None]:
        total, weight = one(t)
        return (sums[0] + total, sums[1] + weight), None

    centre = _planes(x)
    (total, weight), _ = lax.scan(body, (centre, jnp.ones_like(centre[:, 0])), _half(r))
    return _pictures(total / weight[:, None], x.shape), _pictures(weight[:, None], (*x.shape[:-1], 1))


def _near(planes: jax.Array, t: jax.Array, scale: jax.Array, sigma: jax.Array, q: int, r: int) -> jax.Array:
    """The weights of all pairs u, u + t with a pixel in the picture: `(N, H + r, W + 2 r)` from (-r, -r) on."""
    channels, side = planes.shape[1], 2 * q + 1
    d = windows.sliding_sum(_squares(planes, t, r), side, side)[..., 0] / (channels * side**2) - 2 * jnp.square(sigma)
    return jnp.exp(-jnp.maximum(d, 0) * scale)


def _squares(planes: jax.Array, t: jax.Array, r: int) -> jax.Array:
    """Squared differences of the pixels u and u + t, summed over the channels, with a last axis of one."""
    channels, height, width = planes.shape[1:]
    size = height - r, width - 2 * r
    gaps = jnp.square(window_at(planes, 0, r, *size) - window_at(planes, t[0], r + t[1], *size))
    return reduce(operator.add, [gaps[:, c, :, :, None] for c in range(channels)])


def _padded(x: jax.Array, q: int, r: int) -> jax.Array:
    return windows.pad(x, (r + q, r + q), (2 * r + q, 2 * r + q), "reflect")


def _planes(x: jax.Array) -> jax.Array:
    """(..., H, W, C) as (N, C, H, W)."""
    return windows.materialise(jnp.moveaxis(x.reshape(-1, *x.shape[-3:]), -1, 1))


def _pictures(planes: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return jnp.moveaxis(planes, 1, -1).reshape(shape)


def _half(r: int) -> jax.Array:
    """Of each pair of opposite shifts one."""
    half = [(dy, dx) for dy in range(r + 1) for dx in range(-r, r + 1) if (dy, dx) > (0, 0)]
    return jnp.asarray(np.array(half, np.int32).reshape(-1, 2))


def _weights(planes: jax.Array, t: jax.Array, scale: jax.Array, sigma: jax.Array, q: int, r: int) -> jax.Array:
    """The weights of all pairs u, u + t of which one pixel is in the picture, negative where d is below its floor.

    `(N, H + r, W + 2 r)`, from u = (-r, -r) on; more if the planes are wider.
    """
    channels, side = planes.shape[1], 2 * q + 1

    def down(planes: jax.Array, t: jax.Array) -> jax.Array:
        return windows.sliding_sum(_squares(planes, t, r), side, 1)

    def along(rows: jax.Array, scale: jax.Array, sigma: jax.Array) -> jax.Array:
        d = windows.sliding_sum(rows, 1, side)[..., 0] / (channels * side**2) - 2 * jnp.square(sigma)
        w = jnp.exp(-jnp.maximum(d, 0) * scale)
        return jnp.where(d > 0, w, -w)

    return windows.apart(along)(windows.apart(down)(planes, t), scale, sigma)


# --- their derivative ------------------------------------------------------------------------------------------------


def _tangent(
    tangent: jax.Array,
    x: jax.Array,
    out: jax.Array,
    weight: jax.Array,
    scale: jax.Array,
    sigma: jax.Array,
    *,
    q: int,
    r: int,
) -> jax.Array:
    del out, weight
    return jax.jvp(lambda x: _weighted(x, scale, sigma, q, r)[0], (x,), (tangent,))[1]


def _adjoint(
    cotangent: jax.Array,
    x: jax.Array,
    out: jax.Array,
    weight: jax.Array,
    scale: jax.Array,
    sigma: jax.Array,
    *,
    q: int,
    r: int,
) -> jax.Array:
    """`both`, a and a . out, is 0 beyond the picture; 2 q pixels more around make the sums' borders so too."""
    (height, width, channels), side, more = x.shape[-3:], 2 * q + 1, (2 * q, 2 * q)
    a = cotangent / weight
    both = jnp.concatenate([a, (a * out).sum(-1, keepdims=True)], -1)
    both = _planes(zero_pad(both, (r + 3 * q, r + 3 * q), (2 * r + 3 * q, 2 * r + 3 * q)))
    planes = _planes(zero_pad(_padded(x, q, r), more, more))
    size = height + r + 2 * q, width + 2 * r + 2 * q

    def change(w: jax.Array, planes: jax.Array, both: jax.Array, t: jax.Array) -> jax.Array:
        places, shape = [(q, r + q), (q + t[0], r + q + t[1])], w.shape[-2:]
        here, there = (window_at(planes, *place, *shape) for place in places)
        a, a_there = (window_at(both, *place, *shape) for place in places)
        change = (a[:, :-1] * there).sum(1) - a[:, -1] + (a_there[:, :-1] * here).sum(1) - a_there[:, -1]
        return jnp.where(w > 0, w * change, 0)[..., None]

    def body(total: jax.Array, t: jax.Array) -> tuple[jax.Array, None]:
        """The first pixels of the pairs get their parts, and the second ones."""
        w = _weights(planes, t, scale, sigma, q, r)
        spread = windows.apart(change)(w, planes, both, t)
        spread = windows.apart(lambda v: windows.sliding_sum(v, side, 1))(spread)
        spread = windows.apart(lambda v: windows.sliding_sum(v, 1, side))(spread)
        corner = jnp.asarray([2 * q, r + 2 * q], jnp.int32)
        here, there = (window_at(planes, place[0], place[1], *size) for place in (corner, corner + t))
        slope = spread[:, None, ..., 0] * (-2 * scale / (channels * side**2)) * (here - there)
        w = jnp.abs(window_at(w, q, q, *size))[:, None]
        for sign, place, other in ((1, corner, corner + t), (-1, corner + t, corner)):
            direct = w * window_at(both, other[0], other[1], *size)[:, :-1]
            total = add_at(total, direct + sign * slope, place)
        return total, None

    inside = both[:, :-1]  # the shift by nothing, of weight 1
    total, _ = lax.scan(jax.checkpoint(body), inside, _half(r))
    total = total[..., 2 * q : total.shape[-2] - 2 * q, 2 * q : total.shape[-1] - 2 * q]
    shape = (*x.shape[:-3], *total.shape[-2:], channels)
    return jax.linear_transpose(lambda v: _padded(v, q, r), x)(_pictures(total, shape))[0]


_derivative = linear_pair("nl_means_derivative", _tangent, _adjoint, ("q", "r"))


@partial(jax.custom_jvp, nondiff_argnums=(3, 4))
def _mean(x: jax.Array, scale: jax.Array, sigma: jax.Array, q: int, r: int) -> tuple[jax.Array, jax.Array]:
    return _weighted(x, scale, sigma, q, r)


@partial(_mean.defjvp, symbolic_zeros=True)
def _mean_jvp(q: int, r: int, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    """Of the sum of weights by JAX itself: it serves second derivatives only. So do those of scale and sigma."""
    x, *scalars = primals
    done = _mean(*primals, q, r)
    filled = tuple(
        jnp.zeros(p.shape, p.dtype) if isinstance(t, SymbolicZero) else t
        for p, t in zip(primals, tangents, strict=True)
    )

    def by_steps(x: jax.Array, scale: jax.Array, sigma: jax.Array) -> tuple[jax.Array, jax.Array]:
        return _weighted(x, scale, sigma, q, r)

    weight = jax.jvp(lambda *values: by_steps(*values)[1], primals, filled)[1]
    parts = []
    if not isinstance(tangents[0], SymbolicZero):
        parts.append(_derivative(tangents[0], x, *done, *scalars, q=q, r=r))
    if not all(isinstance(t, SymbolicZero) for t in tangents[1:]):
        parts.append(jax.jvp(lambda *s: by_steps(x, *s)[0], tuple(scalars), filled[1:])[1])
    return done, (reduce(operator.add, parts, jnp.zeros_like(done[0])), weight)
