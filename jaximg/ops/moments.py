"""Moments of a picture, Hu's seven invariants of them, and how far two shapes are apart by these."""

from functools import partial
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaximg.ops import windows
from jaximg.typing import Image, check_choice, check_image

ORDERS = [(order - q, q) for order in range(4) for q in range(order + 1)]
"""The powers (of x, of y) of the moments up to the third order."""

Method = Literal["I1", "I2", "I3"]

SMALLEST = 1e-5
"""Invariants that are smaller in either shape are not compared; OpenCV's value."""


def moments(image: Image) -> dict[str, jax.Array]:
    """Moments of a picture up to the third order, raw, central and normalised, under OpenCV's names.

        m_pq  = sum over x, y of x^p y^q I(x, y)
        mu_pq = sum of (x - m10 / m00)^p (y - m01 / m00)^q I(x, y)
        nu_pq = mu_pq / m00^((p + q) / 2 + 1)

    The raw ones say how much and where, the central ones don't change when the shape is moved, the normalised ones
    when it is scaled either. The raw moments are linear in the image.

    Args:
      image: `(..., H, W, 1)` floating point: how much each pixel weighs.

    Returns:
      "m00" ... "m03", "mu20" ... "mu03", "nu20" ... "nu03", each `(...)` in the image's dtype; x and y in pixels from
      the first one. Where m00 is 0, the central moments are taken about (0, 0) and the normalised ones are 0.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis or several channels.

    Example:
      >>> m = moments(jnp.zeros((5, 6, 1)).at[2, 3:5].set(1.0))
      >>> (m["m10"] / m["m00"]).item(), (m["m01"] / m["m00"]).item(), m["mu20"].item()
      (3.5, 2.0, 0.5)

    References:
      OpenCV, `cv::moments`. M.-K. Hu, Visual pattern recognition by moment invariants, 1962.
    """
    return _moments(check_image(image, channels=1))


def hu_moments(image: Image) -> jax.Array:
    """Hu's seven invariants of a picture: they stay when the shape is moved, turned or scaled, OpenCV's `HuMoments`.

        h1 = nu20 + nu02,   h2 = (nu20 - nu02)^2 + 4 nu11^2,   h3 = (nu30 - 3 nu12)^2 + (3 nu21 - nu03)^2, ...

    The seventh changes its sign when the shape is mirrored.

    Args:
      image: `(..., H, W, 1)` floating point: how much each pixel weighs.

    Returns:
      `(..., 7)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis or several channels.

    Example:
      >>> square = jnp.ones((8, 8, 1))  # 2 * (8^4 - 8^2) / 12 / 8^4
      >>> hu_moments(square)[:2].tolist()
      [0.1640625, 0.0]

    References:
      M.-K. Hu, Visual pattern recognition by moment invariants, 1962. OpenCV, `cv::HuMoments`.
    """
    return _hu_moments(check_image(image, channels=1))


def match_shapes(a: Image, b: Image, *, method: Method = "I1") -> jax.Array:
    """How far two shapes are apart by their Hu moments, OpenCV's `matchShapes`.

        m_i = sign(h_i) log10 |h_i|
        I1 = sum |1 / m_i(a) - 1 / m_i(b)|,  I2 = sum |m_i(a) - m_i(b)|,  I3 = max |m_i(a) - m_i(b)| / |m_i(a)|

    over those i for which both |h_i| exceed 1e-5. Where the shapes lie, how they are turned and their size doesn't
    matter.

    Args:
      a: `(..., H, W, 1)` floating point: how much each pixel weighs.
      b: `(..., H', W', 1)`; batch axes broadcast.
      method: "I1", "I2" or "I3".

    Returns:
      `(...)` in [0, inf), `a`'s dtype; 0 for equal shapes. The dtype's largest number where one picture has moments and
      the other none.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis or several channels, or an unknown method.

    Example:
      >>> bar = jnp.zeros((24, 24, 1)).at[2:6, 2:14].set(1.0)
      >>> turned = jnp.rot90(bar)
      >>> match_shapes(bar, turned).item() < 1e-5 < match_shapes(bar, jnp.ones((8, 8, 1))).item()
      True

    References:
      OpenCV, `cv::matchShapes`.
    """
    a, b = check_image(a, name="a", channels=1), check_image(b, name="b", channels=1)
    check_choice(method, get_args(Method), "method")
    return _match_shapes(a, b, method=method)


@jax.jit
def _moments(image: jax.Array) -> dict[str, jax.Array]:
    plane = image[..., 0].astype(windows.wide(image.dtype))
    raw = _sums(plane, jnp.zeros((*plane.shape[:-2], 2), plane.dtype))
    mass = raw[..., :1, 0]
    some = mass != 0
    weight = jnp.where(some, 1 / jnp.where(some, mass, 1), 0)
    central = _sums(plane, jnp.stack([raw[..., 1, 0], raw[..., 0, 1]], -1) * weight)
    square = (weight * weight)[..., None]
    root = jnp.sqrt(jnp.abs(jnp.where(some, weight, 1)))[..., None]
    third = np.add.outer(np.arange(4), np.arange(4)) == 3
    normalised = central * square * jnp.where(jnp.broadcast_to(third, central.shape), root, 1)
    out = {f"m{p}{q}": raw[..., p, q] for p, q in ORDERS}
    out |= {f"mu{p}{q}": central[..., p, q] for p, q in ORDERS[3:]}
    out |= {f"nu{p}{q}": normalised[..., p, q] for p, q in ORDERS[3:]}
    return {name: value.astype(image.dtype) for name, value in out.items()}


def _sums(plane: jax.Array, centre: jax.Array) -> jax.Array:
    """`sum of (x - x0)^p (y - y0)^q` over `(..., H, W)`, about `(..., 2)`: `(..., 4, 4)`, down the columns first."""
    y, x = (
        _powers(jnp.arange(n, dtype=plane.dtype), centre[..., axis : axis + 1])
        for axis, n in zip((1, 0), plane.shape[-2:], strict=True)
    )
    down = jnp.einsum("...qh,...hw->...qw", y, plane, precision=lax.Precision.HIGHEST)
    return jnp.einsum("...qw,...pw->...pq", down, x, precision=lax.Precision.HIGHEST)


def _powers(place: jax.Array, centre: jax.Array) -> jax.Array:
    """`(n,)` and `(..., 1)` to `(..., 4, n)`."""
    off = jnp.broadcast_to(place, (*centre.shape[:-1], *place.shape)) - centre
    return jnp.stack([jnp.ones_like(off), off, off * off, off * off * off], -2)


@jax.jit
def _hu_moments(image: jax.Array) -> jax.Array:
    nu = {name: value for name, value in _moments(image.astype(windows.wide(image.dtype))).items() if name[0] == "n"}
    n20, n11, n02, n30, n21, n12, n03 = (nu[f"nu{p}{q}"] for p, q in ORDERS[3:])
    s, t = n30 + n12, n21 + n03
    d, e = n20 - n02, n30 - 3 * n12
    f = 3 * n21 - n03
    ss, tt = s * s, t * t
    u, v = s * (ss - 3 * tt), t * (3 * ss - tt)
    rows = [n20 + n02, d * d + 4 * n11 * n11, e * e + f * f, ss + tt, e * u + f * v]
    rows += [d * (ss - tt) + 4 * n11 * s * t, f * u - e * v]
    return jnp.stack(rows, -1).astype(image.dtype)


@partial(jax.jit, static_argnames="method")
def _match_shapes(a: jax.Array, b: jax.Array, *, method: Method) -> jax.Array:
    dtype = windows.wide(a.dtype)
    ha, hb = jnp.broadcast_arrays(_hu_moments(a.astype(dtype)), _hu_moments(b.astype(dtype)))
    big_a, big_b = jnp.abs(ha) > SMALLEST, jnp.abs(hb) > SMALLEST
    both = big_a & big_b
    ma, mb = (jnp.sign(h) * jnp.log10(jnp.abs(jnp.where(both, h, 0.1))) for h in (ha, hb))
    if method == "I1":
        out = jnp.where(both, jnp.abs(1 / ma - 1 / mb), 0).sum(-1)
    elif method == "I2":
        out = jnp.where(both, jnp.abs(ma - mb), 0).sum(-1)
    else:
        out = jnp.where(both, jnp.abs((ma - mb) / ma), 0).max(-1)
    incomparable = big_a.any(-1) != big_b.any(-1)
    return lax.select(incomparable, jnp.full_like(out, jnp.finfo(a.dtype).max), out).astype(a.dtype)
