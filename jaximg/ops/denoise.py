"""Denoising: by transform (sliding DCT) and by variation (Rudin-Osher-Fatemi)."""

import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaximg.ops import windows
from jaximg.ops.blocks import hard_gain, shrunk, wiener_gain
from jaximg.ops.dct import dct_matrix
from jaximg.typing import Image, Scalar, check_image, check_size, is_traced

TAU = 0.25
"""The step of the projections."""


# --- sliding DCT -----------------------------------------------------------------------------------------------------


def dct_denoise(
    image: Image,
    sigma: Scalar,
    *,
    blocks: Sequence[int] = (4, 8, 16),
    overlap: int | Sequence[int] = 4,
    decorrelate: bool = True,
) -> jax.Array:
    r"""Removes white Gaussian noise by shrinking the DCT of overlapping blocks, twice.

    Blocks of n x n pixels, n in `blocks`, are laid over the picture at every `overlap`-th part of their side. With
    `c = DCT(B)` the orthonormal transform of a block, its gain `k` (1 for the mean `c[0, 0]`) and its weight are

        first pass:   k = 1 where |c| > t sigma, else 0; t = 2.7, or 3.5 in a block where no more than 2 % exceed 2.7
        second pass:  k = g^2 / (g^2 + sigma^2), with g the DCT of the first pass's result at the same place (Wiener)
        w = n^2 / max(1, sum k^2)

    and a pass answers `sum w IDCT(k c) / sum w` over all the blocks that cover a pixel, whatever their size. Small
    blocks suit texture and edges, large ones smooth areas; the weight, an inverse variance, finds which. The picture
    is continued by "symmetric" mirroring.

    The selection of the first pass is a hard decision (its derivative is zero); everything else is differentiated
    exactly. Memory: one block position's, or where blocks of 4 or less lie at every pixel, some pictures for each of
    their coefficients.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      sigma: the noise's standard deviation in the image's units, >= 0: a scalar, or `(C,)` for each channel after
        decorrelation. Traced or concrete. At 0 the image comes back but for rounding.
      blocks: sides of the blocks in pixels, static, multiples of their `overlap`.
      overlap: how many blocks of a size lie over a pixel along each axis, static, one number or one for each size; the
        time grows with its square.
      decorrelate: whether the channels are first turned by an orthonormal DCT among themselves, which for RGB is the
        usual opponent space (grey, red - blue, green - magenta).

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, a negative sigma, no block, or a side that is not a multiple of its `overlap`.

    Example:
      >>> noisy = 0.1 * jax.random.normal(jax.random.key(0), (32, 32, 3))
      >>> bool(jnp.std(dct_denoise(noisy, 0.1)) < 0.02)
      True

    References:
      Yu and Sapiro, DCT Image Denoising, IPOL 2011. Foi, Katkovnik and Egiazarian, Pointwise Shape-Adaptive DCT, IEEE
      TIP 2007. Dabov et al., Image Denoising by Sparse 3-D Transform-Domain Collaborative Filtering, IEEE TIP 2007,
      section III (the two passes and the weights).
    """
    image = check_image(image)
    blocks = tuple(blocks)
    overlaps = (overlap,) * len(blocks) if isinstance(overlap, int | np.integer) else tuple(overlap)
    if not blocks or len(overlaps) != len(blocks) or not all(map(_fits, blocks, overlaps)):
        raise ValueError(
            f"blocks={blocks!r}, overlap={overlap!r}; pass sides in pixels that are multiples of their overlap, "
            "for example blocks=(8,), overlap=4"
        )
    if not is_traced(sigma) and np.any(np.asarray(sigma) < 0):
        raise ValueError(f"sigma={sigma}; a standard deviation is not negative")
    sigma = jnp.asarray(sigma, windows.wide(image.dtype))
    if sigma.shape not in ((), (1,), (image.shape[-1],)):
        raise ValueError(f"sigma has shape {sigma.shape}; pass a scalar or ({image.shape[-1]},)")
    return _dct_denoise(image, sigma, blocks, overlaps, decorrelate and image.shape[-1] > 1)


def _fits(block: int, overlap: int) -> bool:
    """Whether a block's side is a whole number of steps."""
    whole = all(isinstance(n, int | np.integer) and n > 0 for n in (block, overlap))
    return whole and block % overlap == 0


@partial(jax.jit, static_argnames=("blocks", "overlap", "decorrelate"))
def _dct_denoise(
    image: jax.Array, sigma: jax.Array, blocks: tuple[int, ...], overlap: tuple[int, ...], decorrelate: bool
) -> jax.Array:
    wide = windows.wide(image.dtype)
    x = image.astype(wide)
    colours = jnp.asarray(dct_matrix(image.shape[-1]), wide)
    if decorrelate:
        x = jnp.einsum("...c,kc->...k", x, colours, precision="highest")
    planes = jnp.moveaxis(x, -1, -3)
    variance = jnp.broadcast_to(jnp.square(sigma), planes.shape[:-2]).reshape(-1, 1, 1)
    planes = planes.reshape(-1, *planes.shape[-2:])
    first = shrunk(planes, planes, variance, blocks, overlap, hard_gain)
    second = shrunk(planes, first, variance, blocks, overlap, wiener_gain)
    out = jnp.moveaxis(second.reshape(*image.shape[:-3], image.shape[-1], *image.shape[-3:-1]), -3, -1)
    if decorrelate:
        out = jnp.einsum("...k,kc->...c", out, colours, precision="highest")
    return out.astype(image.dtype)


# --- total variation -------------------------------------------------------------------------------------------------


def tv_denoise(image: Image, weight: Scalar, *, iterations: int = 100, implicit: bool = True) -> jax.Array:
    r"""Total-variation denoising by Chambolle's projections, each channel for itself.

        min_u  1/2 sum |u - image|^2 + weight * sum |grad u|,   grad by forward differences, zero across the border

    solved in its dual, whose step is p <- weight (p + tau g) / (weight + tau |g|), g = grad(image + div p),
    tau = 1/4; the result is u = image + div p. This is scikit-image's `denoise_tv_chambolle(eps=0,
    max_num_iter=iterations + 1)`.

    The derivative is that of the limit p = step(p), by as many steps of the adjoint iteration at the last p: its memory
    does not grow with the iterations, and it is as near to the limit's as they brought p to it.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      weight: strength in the image's units, >= 0; near the noise's sigma is a good start. Traced or concrete; at 0 the
        image comes back.
      iterations: number of steps, static.
      implicit: False differentiates these very steps instead; a gradient then keeps two pictures a step.

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point, or iterations that is not a static integer.
      ValueError: no channel axis, or iterations below 1.

    Example:
      >>> noisy = 0.1 * jax.random.normal(jax.random.key(0), (16, 16, 1))
      >>> bool(jnp.std(tv_denoise(noisy, 0.2)) < 0.05)
      True

    References:
      Rudin, Osher and Fatemi, Nonlinear Total Variation Based Noise Removal, Physica D 1992. Chambolle, An Algorithm
      for Total Variation Minimization and Applications, JMIV 2004, equation (9).
    """
    image = check_image(image)
    iterations, _ = check_size(iterations, "iterations")
    return _tv_denoise(image, jnp.asarray(weight, windows.wide(image.dtype)), iterations, implicit)


Field: TypeAlias = tuple[jax.Array, jax.Array]
"""Down and along."""


@partial(jax.jit, static_argnames=("iterations", "implicit"))
def _tv_denoise(image: jax.Array, weight: jax.Array, iterations: int, implicit: bool) -> jax.Array:
    x = jnp.moveaxis(image.astype(windows.wide(image.dtype)), -1, -3)
    weight = jnp.maximum(weight, 1e-12)

    p = (_limit if implicit else _iterate)(x, weight, iterations)
    return jnp.moveaxis(x + _divergence(*p), -3, -1).astype(image.dtype)


def _step(x: jax.Array, weight: jax.Array, p: Field) -> Field:
    u = x + _divergence(*p)
    g = _difference(u, -2), _difference(u, -1)
    gain = weight / (weight + TAU * _norm(g))
    return gain * (p[0] + TAU * g[0]), gain * (p[1] + TAU * g[1])


def _norm(g: Field) -> jax.Array:
    square = jnp.square(g[0]) + jnp.square(g[1])
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)


def _iterate(x: jax.Array, weight: jax.Array, iterations: int) -> Field:
    @jax.checkpoint
    def once(p: Field, _: None) -> tuple[Field, None]:
        return _step(x, weight, p), None

    return lax.scan(once, (jnp.zeros_like(x), jnp.zeros_like(x)), length=iterations)[0]


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _limit(x: jax.Array, weight: jax.Array, iterations: int) -> Field:
    return _iterate(x, weight, iterations)


@_limit.defjvp
def _limit_jvp(iterations: int, primals: tuple, tangents: tuple) -> tuple[Field, Field]:
    """That of the solution of p = step(p): dp = J dp + (what the step changes at this p), by repetition too.

    With the gain c, e = g / |g| and f = p / weight:  J q = c (q + tau (1 - f e^T) grad div q).
    """
    x, weight = primals
    p = _limit(x, weight, iterations)
    u = x + _divergence(*p)
    g = _difference(u, -2), _difference(u, -1)
    norm = _norm(g)
    ey, ex = (jnp.where(norm > 0, v / jnp.where(norm > 0, norm, 1), 0) for v in g)
    gain, fy, fx = weight / (weight + TAU * norm), p[0] / weight, p[1] / weight

    def forth(q: Field) -> Field:
        v = _divergence(*q)
        v = _difference(v, -2), _difference(v, -1)
        along = ey * v[0] + ex * v[1]
        return gain * (q[0] + TAU * (v[0] - fy * along)), gain * (q[1] + TAU * (v[1] - fx * along))

    def across(gain: jax.Array, ey: jax.Array, ex: jax.Array, fy: jax.Array, fx: jax.Array, q: Field) -> Field:
        along = fy * q[0] + fx * q[1]
        return TAU * gain * (q[0] - ey * along), TAU * gain * (q[1] - ex * along)

    def back(q: Field) -> Field:
        v = windows.apart(_divergence)(*windows.apart(across)(gain, ey, ex, fy, fx, q))
        return gain * q[0] + _difference(v, -2), gain * q[1] + _difference(v, -1)

    def repeat(apply: Callable[[Field], Field], right: Field) -> Field:
        def once(_: jax.Array, q: Field) -> Field:
            return jax.tree.map(operator.add, apply(q), right)

        return lax.fori_loop(0, iterations, once, jax.tree.map(jnp.zeros_like, right))

    right = jax.jvp(lambda x, weight: _step(x, weight, p), primals, tangents)[1]
    slope = lax.custom_linear_solve(
        lambda q: jax.tree.map(operator.sub, q, forth(q)),
        right,
        lambda _, right: repeat(forth, right),
        transpose_solve=lambda _, right: repeat(back, (right[0].at[..., -1, :].set(0), right[1].at[..., -1].set(0))),
    )
    return p, slope


def _difference(u: jax.Array, axis: int) -> jax.Array:
    """Forward differences, 0 at the end of the axis."""
    zero = [(0, 0)] * u.ndim
    zero[axis] = (0, 1)
    return jnp.pad(jnp.diff(u, axis=axis), zero)


def _divergence(py: jax.Array, px: jax.Array) -> jax.Array:
    """The negative adjoint of the forward differences; `p` is 0 at the end of its axis."""
    return jnp.diff(py, axis=-2, prepend=0) + jnp.diff(px, axis=-1, prepend=0)
