"""Filling missing pixels smoothly, by partial differential equations solved to the end.

Both fills are the solution of one linear system over the missing pixels. Conjugate gradients solve it, preconditioned
by a pyramid of quadratic B-splines (Bramble, Pasciak and Xu): some 30 iterations for the harmonic and some 150 for the
biharmonic one, whether single pixels are missing or holes of hundreds. Gradients solve the same system once more
(implicit differentiation), so they cost no memory for the iterations.
"""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaximg.ops import windows
from jaximg.ops.windows import materialise
from jaximg.typing import Image, Mask, Scalar, check_image, check_mask, check_size

COARSEST = 4
"""The pyramid ends where the picture is this many pixels long."""


def inpaint_harmonic(image: Image, mask: Mask, *, tolerance: Scalar = 1e-6, iterations: int = 500) -> jax.Array:
    r"""Fills missing pixels like a membrane fixed at the known ones.

        L u = 0 where the pixel is missing,  u = image where it is known;  L u = 4 u - (sum of the 4 neighbours)

    with the picture mirrored at its border ("symmetric", no slope across it). The fill lies between the smallest and
    the largest known value around it: the safest choice for noisy surroundings, but it carries no slope into a hole;
    see `inpaint_biharmonic`. Linear in the image, with an exact adjoint; the mask has no gradient.

    Args:
      image: `(..., H, W, C)` floating point, any range. Values at missing pixels are never looked at, NaN included.
      mask: `(..., H, W)`, `(..., H, W, 1)` or `(..., H, W, C)`, above 0.5 where the pixel is KNOWN.
      tolerance: stop when the error, in the energy norm, has fallen by this factor. Traced or concrete.
      iterations: largest number of iterations, static.

    Returns:
      `(..., H, W, C)`, the image's dtype; known pixels bit by bit as they were. Zero where a channel has no known
      pixel at all.

    Raises:
      TypeError: an image that is not floating point, a mask that is not an array.
      ValueError: no channel axis, or a mask that doesn't fit.

    Example:
      >>> x = jnp.arange(5.0).reshape(1, 5, 1)
      >>> mask = jnp.asarray([1, 0, 0, 0, 1]).reshape(1, 5, 1)
      >>> [round(float(v), 3) for v in inpaint_harmonic(x.at[0, 1:4].set(jnp.nan), mask)[0, :, 0]]
      [0.0, 1.0, 2.0, 3.0, 4.0]

    References:
      Bramble, Pasciak and Xu, Parallel Multilevel Preconditioners, Mathematics of Computation 1990.
    """
    return _checked(image, mask, tolerance, iterations, 1)


def inpaint_biharmonic(image: Image, mask: Mask, *, tolerance: Scalar = 1e-6, iterations: int = 500) -> jax.Array:
    r"""Fills missing pixels like a thin plate clamped at the known ones: values and slopes go on into the hole.

        L L u = 0 where the pixel is missing,  u = image where it is known;  L u = 4 u - (sum of the 4 neighbours)

    that is, the fill of least `sum (L u)^2`, with the picture mirrored at its border ("symmetric"). On natural
    pictures half a decibel to a decibel better than `inpaint_harmonic`, and than Telea's or the Navier-Stokes method
    by one to three; it may overshoot the range of its surroundings. Linear in the image, with an exact adjoint; the
    mask has no gradient.

    Args:
      image: `(..., H, W, C)` floating point, any range. Values at missing pixels are never looked at, NaN included.
      mask: `(..., H, W)`, `(..., H, W, 1)` or `(..., H, W, C)`, above 0.5 where the pixel is KNOWN.
      tolerance: stop when the error, in the energy norm, has fallen by this factor. Traced or concrete.
      iterations: largest number of iterations, static.

    Returns:
      `(..., H, W, C)`, the image's dtype; known pixels bit by bit as they were. Zero where a channel has no known
      pixel at all.

    Raises:
      TypeError: an image that is not floating point, a mask that is not an array.
      ValueError: no channel axis, or a mask that doesn't fit.

    Example:
      >>> x = (jnp.arange(9.0) ** 2).reshape(1, 9, 1)
      >>> mask = jnp.ones((1, 9, 1)).at[0, 3:6].set(0.0)
      >>> [round(float(v), 2) for v in inpaint_biharmonic(x, mask)[0, 3:6, 0]]  # a parabola's fourth derivative is zero
      [9.0, 16.0, 25.0]

    References:
      Chui and Mhaskar, MRA Contextual-Recovery Extension of Smooth Functions on Manifolds, ACHA 2010. scikit-image,
      `inpaint_biharmonic`. Bramble, Pasciak and Xu, Parallel Multilevel Preconditioners, Math. Comp. 1990.
    """
    return _checked(image, mask, tolerance, iterations, 2)


def _checked(image: Image, mask: Mask, tolerance: Scalar, iterations: int, order: int) -> jax.Array:
    image = check_image(image)
    mask = check_mask(mask, image)
    iterations, _ = check_size(iterations, "iterations")
    return _inpaint(image, mask, jnp.asarray(tolerance, windows.wide(image.dtype)), iterations, order)


@partial(jax.jit, static_argnames=("iterations", "order"))
def _inpaint(image: jax.Array, mask: jax.Array, tolerance: jax.Array, iterations: int, order: int) -> jax.Array:
    shape = jnp.broadcast_shapes(image.shape, (1,) * (image.ndim - mask.ndim) + mask.shape)
    image = jnp.broadcast_to(image, shape)
    known = jnp.broadcast_to(mask.reshape((1,) * (len(shape) - mask.ndim) + mask.shape) > 0.5, shape)
    values = _planes(jnp.where(known, image, 0).astype(windows.wide(image.dtype)))
    inside = _planes(known).astype(values.dtype)
    count = inside.sum((1, 2), keepdims=True)
    # A plane without a known pixel counts as known everywhere, and zero: its system would be singular.
    missing = (inside == 0) & (count > 0)
    mean = values.sum((1, 2), keepdims=True) / jnp.maximum(count, 1)
    centred = jnp.where(inside > 0, values - mean, 0)
    fill = mean + _solve(centred, missing, tolerance, iterations, order)
    return jnp.where(known, image, _images(fill, shape).astype(image.dtype))


def _planes(x: jax.Array) -> jax.Array:
    """(..., H, W, C) as (N, H, W): rows of pixels, not of colours, fill the vector lanes."""
    return jnp.moveaxis(x, -1, -3).reshape(-1, *x.shape[-3:-1])


def _images(planes: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return jnp.moveaxis(planes.reshape(*shape[:-3], shape[-1], *shape[-3:-1]), -3, -1)


def _solve(values: jax.Array, missing: jax.Array, tolerance: jax.Array, iterations: int, order: int) -> jax.Array:
    """The u with `A u = 0` at missing pixels that is 0 at known ones, but for `values`, which are 0 at missing ones."""
    precondition = _pyramid(missing, order)

    def matvec(x: jax.Array) -> jax.Array:
        return jnp.where(missing, _energy_gradient(jnp.where(missing, x, 0), order), x)

    def solve(matvec, b: jax.Array) -> jax.Array:
        inner = _conjugate_gradients(matvec, precondition, jnp.where(missing, b, 0), tolerance, iterations)
        return jnp.where(missing, inner, b)

    b = jnp.where(missing, -_energy_gradient(values, order), 0)
    return lax.custom_linear_solve(matvec, b, solve, symmetric=True)


def _energy_gradient(u: jax.Array, order: int) -> jax.Array:
    """L u, or L L u."""
    for _ in range(order):
        u = _laplacian(u)
    return u


def _laplacian(u: jax.Array) -> jax.Array:
    """4 u - (the 4 neighbours), mirrored at the border: a neighbour across it is the pixel itself."""
    height, width = u.shape[1:]
    neighbours = sum(_border(height, 1, 1.0, -1.0)) + sum(_border(width, 2, 1.0, -1.0))
    p = materialise(jnp.pad(u, ((0, 0), (1, 1), (1, 1))))
    across = p[:, 1:-1, :-2] + p[:, 1:-1, 2:]
    return materialise(jnp.asarray(neighbours, u.dtype) * u - p[:, :-2, 1:-1] - p[:, 2:, 1:-1] - across)


def _border(size: int, axis: int, weight: float, extra: float) -> tuple[np.ndarray, np.ndarray]:
    """`weight` along an axis, with `extra` added at its first pixel, and the same with it at its last."""
    both = np.full((2, size), weight)
    both[0, 0] += extra
    both[1, -1] += extra
    shape = (1, size, 1) if axis == 1 else (1, 1, size)
    return both[0].reshape(shape), both[1].reshape(shape)


# --- conjugate gradients ---------------------------------------------------------------------------------------------


def _conjugate_gradients(matvec, precondition, b: jax.Array, tolerance: jax.Array, iterations: int) -> jax.Array:
    """Solves `A x = b` for each of the `(N, H, W)` planes, until all have converged."""

    def dot(x: jax.Array, y: jax.Array) -> jax.Array:
        return (x * y).sum((1, 2), keepdims=True)

    def ratio(x: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.where(y > 0, x / jnp.where(y > 0, y, 1), 0)

    def unfinished(state) -> jax.Array:
        count, _, _, _, energy = state
        return (count < iterations) & jnp.any(energy > goal)

    def step(state):
        count, x, r, p, energy = state
        q = materialise(matvec(p))
        length = ratio(energy, dot(p, q))
        x, r = materialise((x + length * p, r - length * q))
        z = precondition(r)
        after = dot(r, z)
        return count + 1, x, r, materialise(z + ratio(after, energy) * p), after

    z = precondition(b)
    energy = dot(b, z)
    goal = jnp.square(tolerance) * energy
    return lax.while_loop(unfinished, step, (jnp.int32(0), jnp.zeros_like(b), b, z, energy))[1]


def _pyramid(missing: jax.Array, order: int):
    """The preconditioner r -> sum over levels and B-splines s within the hole of s (s . r) / energy(s)."""
    levels = max(0, int(np.ceil(np.log2(max(missing.shape[1:]) / COARSEST))))
    free = [missing]
    for _ in range(levels):
        free.append(materialise(_shrink((~free[-1]).astype(jnp.float32)) == 0))
    energies = _energies(order, levels + 1)

    def apply(r: jax.Array) -> jax.Array:
        rest = [r]
        for _ in range(levels):
            rest.append(_shrink(rest[-1]))
        z = jnp.zeros_like(rest[-1])
        for level in reversed(range(levels + 1)):
            own = jnp.where(free[level], rest[level] * jnp.asarray(1 / energies[level], r.dtype), 0)
            z = materialise(own + (_grow(z, own.shape[1:]) if level < levels else z))
        return z

    return apply


def _grow(coarse: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Twice the size by quadratic B-splines, weights (3/4, 1/4), mirrored at the border; cropped to `shape`."""
    n, height, width = coarse.shape
    p = materialise(jnp.pad(coarse, ((0, 0), (1, 1), (1, 1))))
    first, last = _near(height, 1, coarse.dtype)
    rows = first * p[:, 1:-1] + 0.25 * p[:, :-2], last * p[:, 1:-1] + 0.25 * p[:, 2:]
    p = materialise(jnp.stack(rows, 2).reshape(n, 2 * height, width + 2)[:, : shape[0]])
    first, last = _near(width, 2, coarse.dtype)
    columns = first * p[..., 1:-1] + 0.25 * p[..., :-2], last * p[..., 1:-1] + 0.25 * p[..., 2:]
    return jnp.stack(columns, 3).reshape(n, shape[0], 2 * width)[..., : shape[1]]


def _shrink(fine: jax.Array) -> jax.Array:
    """The adjoint of `_grow`: half the size, rounded up."""
    for axis in (1, 2):
        size = fine.shape[axis]
        first, last = _near(-(-size // 2), axis, fine.dtype)
        pads = [(0, 0)] * 3
        pads[axis] = (1, 1 + size % 2)
        p = materialise(jnp.pad(fine, pads))
        far, near, next_near, next_far = (_every_second(p, i, first.size, axis) for i in range(4))
        fine = materialise(0.25 * (far + next_far) + first * near + last * next_near)
    return fine


def _every_second(x: jax.Array, start: int, count: int, axis: int) -> jax.Array:
    return lax.slice_in_dim(x, start, start + 2 * count - 1, 2, axis)


def _near(size: int, axis: int, dtype: jnp.dtype) -> list[jax.Array]:
    return [jnp.asarray(weight, dtype) for weight in _border(size, axis, 0.75, 0.25)]


@lru_cache
def _energies(order: int, levels: int) -> tuple[float, ...]:
    """The energy of the B-spline of each level: `s . L s`, or `L s . L s`, with s the product of two 1-D splines."""
    spline, energies = np.ones(1), []
    for _ in range(levels):
        bent = np.convolve(spline, [-1, 2, -1])
        own, cross, bending = spline @ spline, spline @ bent[1:-1], bent @ bent
        energies.append(2 * own * cross if order == 1 else 2 * own * bending + 2 * cross**2)
        spline = np.convolve(np.repeat(spline, 2), [0.25, 0.5, 0.25])
    return tuple(energies)
