"""Shape contexts: how a shape looks from each point of its outline, and how far two shapes are apart by that."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaximg.ops import windows
from jaximg.ops.contour import check_points, largest, sampled
from jaximg.typing import Image, Scalar, check_image

INNERMOST, OUTERMOST = 0.125, 2.0
"""Radii of the first and the last ring, in mean distances; the rings between are spaced by their logarithm."""


def shape_context(
    image: Image, *, points: int = 64, rings: int = 5, angles: int = 12, inner: bool = False
) -> jax.Array:
    """Shape contexts: for each point of an outline, where the other points lie, as a histogram in log-polar bins.

        out[i, r, a] = mean over j != i of w(r - ring(d_ij)) w(a - angles theta_ij / 2 pi),   w(t) = max(0, 1 - |t|)

    with `ring` the logarithm of the distance `d_ij` over its mean, and `theta_ij` the direction from point i to point j
    against the outline's own direction at i. So it stays when the shape is moved, scaled or turned. A point counts for
    the two nearest rings and sectors, by nearness.

    Args:
      image: `(..., H, W, 1)` floating point; what is not zero belongs to a shape, of which the largest counts.
      points: samples of the outline, static; see `contour`.
      rings: bins of distance, static, from 1/8 to twice the mean one; what is nearer or farther counts for the
        first or last.
      angles: bins of direction, static, an even number.
      inner: `d_ij` is the length of the shortest way that stays inside the shape, and `theta_ij` the direction in which
        it sets out: they hardly change when the shape bends at its joints.

    Returns:
      `(..., points, rings, angles)`, the image's dtype; each point's histogram sums to 1. Zeros where there is no
      shape. The gradient is zero, as `contour`'s.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis or several channels, too few points, rings or angles, or an odd number of these.

    Example:
      >>> shape_context(jnp.ones((8, 8, 1)), points=16).shape
      (16, 5, 12)

    References:
      S. Belongie, J. Malik and J. Puzicha, Shape matching and object recognition using shape contexts, 2002. H. Ling
      and D. Jacobs, Shape classification using the inner-distance, 2007.
    """
    image = check_image(image, channels=1)
    check_points(points)
    if rings < 2 or angles < 2 or angles % 2:
        raise ValueError(f"rings={rings}, angles={angles}; both must be at least 2, and angles even")
    return _shape_context(image, points=int(points), rings=int(rings), angles=int(angles), inner=bool(inner))


def shape_context_distance(
    a: jax.Array, b: jax.Array, *, penalty: Scalar = 0.3, starts: int = 8, mirror: bool = False
) -> jax.Array:
    """How far two shapes are apart: the cost of the best matching of their outlines' points in order.

        c_ij = 1 - sum over bins of sqrt(a_i b_j)
        out  = min over matchings of (sum of c_ij over the matched pairs + penalty / 2 for each point left out) / n

    A matching goes around both outlines in the same order; so a part that one shape lacks costs its points' penalty
    and no more. The best one is found by dynamic programming over the anti-diagonals of `c`, from several first
    points, all at once.

    Args:
      a: `(..., n, rings, angles)` shape contexts.
      b: the same, another shape; batch axes broadcast, so that `(N, 1, ...)` and `(1, M, ...)` give all N x M.
      penalty: what a pair of points costs at most, in [0, 2]; traced or concrete.
      starts: how many points of `b`, equally far apart, are tried as the partner of `a`'s first one, static.
      mirror: whether a shape equals its mirror image.

    Returns:
      `(...)` in [0, penalty], `a`'s dtype.

    Raises:
      ValueError: contexts of other shapes, or a number of starts not in 1..n.

    Example:
      >>> square, bar = (shape_context(jnp.zeros((16, 16, 1)).at[:, :w].set(1.0), points=16) for w in (16, 4))
      >>> shape_context_distance(square, square).item() < 1e-5 < shape_context_distance(square, bar).item()
      True

    References:
      H. Ling and D. Jacobs, Shape classification using the inner-distance, 2007, section 4. The cost is Hellinger's
      in place of chi-squared, which makes it one product of matrices.
    """
    if a.ndim < 3 or a.shape[-3:] != b.shape[-3:]:
        raise ValueError(
            f"a has shape {a.shape}, b {b.shape}; both must be (..., points, rings, angles), the last equal"
        )
    if not 1 <= starts <= a.shape[-3]:
        raise ValueError(f"starts={starts}; it must be in 1..{a.shape[-3]}, the number of points")
    penalty = jnp.asarray(penalty, windows.wide(a.dtype))
    return _distance(jnp.asarray(a), jnp.asarray(b), penalty, starts=int(starts), mirror=bool(mirror))


# --- what a shape looks like from a point ----------------------------------------------------------------------------


@partial(jax.jit, static_argnames=("points", "rings", "angles", "inner"))
def _shape_context(image: jax.Array, *, points: int, rings: int, angles: int, inner: bool) -> jax.Array:
    mask = largest(image)
    outline = sampled(mask, points=points, dtype=windows.wide(image.dtype))
    one = partial(_context, rings=rings, angles=angles, inner=inner)
    out = jax.vmap(one)(outline.reshape(-1, points, 2), mask.reshape(-1, *mask.shape[-2:]))
    return out.reshape(*image.shape[:-3], points, rings, angles).astype(image.dtype)


def _context(outline: jax.Array, mask: jax.Array, *, rings: int, angles: int, inner: bool) -> jax.Array:
    """(n, 2), (H, W) -> (n, rings, angles)."""
    n, dtype = len(outline), outline.dtype
    gap = outline[None] - outline[:, None]
    distance = jnp.sqrt(jnp.square(gap).sum(-1))
    direction = jnp.arctan2(gap[..., 1], gap[..., 0])
    if inner:
        distance, first = _inner_distance(distance, _sees(outline, mask))
        direction = jnp.take_along_axis(direction, first, 1)
    along = jnp.roll(outline, -1, 0) - jnp.roll(outline, 1, 0)
    turn = direction - jnp.arctan2(along[:, 1], along[:, 0])[:, None]

    mean = jnp.maximum(distance.sum() / (n * (n - 1)), jnp.finfo(dtype).tiny)
    share = jnp.maximum(distance / mean, INNERMOST)
    ring = (rings - 1) / math.log(OUTERMOST / INNERMOST) * jnp.log(share / INNERMOST)
    off_ring = jnp.minimum(ring, rings - 1)[..., None] - jnp.arange(rings, dtype=dtype)[None, None]
    off_angle = (turn * (angles / (2 * math.pi)))[..., None] - jnp.arange(angles, dtype=dtype)[None, None]
    off_angle = off_angle - angles * jnp.round(off_angle / angles)
    other = jnp.asarray(~np.eye(n, dtype=bool) / (n - 1), dtype) * mask.any().astype(dtype)
    in_ring = jnp.maximum(1 - jnp.abs(off_ring), 0) * other[..., None]
    in_angle = jnp.maximum(1 - jnp.abs(off_angle), 0)
    return jnp.einsum("ijr,ija->ira", in_ring, in_angle, precision=lax.Precision.HIGHEST)


def _sees(outline: jax.Array, mask: jax.Array) -> jax.Array:
    """Whether the straight line between two points stays in the shape, give or take a pixel: (n, n)."""
    samples = max(16, max(mask.shape) // 2)
    share = (np.arange(samples) + 0.5) / samples
    padded = jnp.pad(mask, 2)
    near = windows.sliding_max(padded[..., None].astype(outline.dtype), 3, 3)[..., 0] > 0
    start, end = outline[:, None, None], outline[None, :, None]
    place = start + jnp.asarray(share, outline.dtype)[None, None, :, None] * (end - start)
    index = jnp.round(place).astype(jnp.int32) + 1
    return near[index[..., 1], index[..., 0]].all(-1)


def _inner_distance(distance: jax.Array, sees: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Shortest ways over points that see each other, by Floyd and Warshall; and the first point on each way."""
    n = len(distance)
    apart = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    edge = sees | jnp.asarray(np.minimum(apart, n - apart) <= 1)
    length = jnp.where(edge, distance, jnp.asarray(1e9, distance.dtype))
    first = jnp.broadcast_to(jnp.arange(n, dtype=jnp.int32), (n, n))

    def through(k: jax.Array, state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        length, first = state
        other = length[:, k, None] + length[None, k]
        shorter = other < length * (1 - 1e-6)
        return jnp.where(shorter, other, length), jnp.where(shorter, first[:, k, None], first)

    return lax.fori_loop(0, n, through, (length, first))


# --- how far two shapes are apart ------------------------------------------------------------------------------------

TOGETHER = 16
"""Pairs of shapes aligned at a time: their tables stay in the cache."""


@partial(jax.jit, static_argnames=("starts", "mirror"))
def _distance(a: jax.Array, b: jax.Array, penalty: jax.Array, *, starts: int, mirror: bool) -> jax.Array:
    dtype = windows.wide(a.dtype)
    batch = jnp.broadcast_shapes(a.shape[:-3], b.shape[:-3])
    place = [_places(x.shape[:-3], batch) for x in (a, b)]
    a, b = (_root(x.astype(dtype)).reshape(-1, *x.shape[-3:]) for x in (a, b))
    views = [b, jnp.roll(b[:, ::-1, :, ::-1], 1 + b.shape[-1] // 2, -1)] if mirror else [b]
    others = jnp.stack([x.reshape(*x.shape[:2], -1) for x in views], 1)
    a = a.reshape(*a.shape[:2], -1)

    def pair(index: tuple[jax.Array, jax.Array]) -> jax.Array:
        likeness = jnp.einsum("ik,mjk->mij", a[index[0]], others[index[1]], precision=lax.Precision.HIGHEST)
        return jax.vmap(partial(_alignment, penalty=penalty, starts=starts))(jnp.maximum(1 - likeness, 0)).min()

    out = lax.map(pair, tuple(place), batch_size=TOGETHER)
    return out.reshape(batch).astype(a.dtype)


def _places(shape: tuple[int, ...], batch: tuple[int, ...]) -> jax.Array:
    """For each element of `batch`, flattened, which element of `shape` broadcasts to it."""
    return jnp.asarray(np.broadcast_to(np.arange(math.prod(shape)).reshape(shape), batch).ravel(), jnp.int32)


def _root(x: jax.Array) -> jax.Array:
    """The square root, with slope 0 where it is infinite."""
    some = x > 0
    return jnp.where(some, jnp.sqrt(jnp.where(some, x, 1)), 0)


def _alignment(cost: jax.Array, *, penalty: jax.Array, starts: int) -> jax.Array:
    """The best matching in order, over (n, n) costs, a point: the table's anti-diagonals one after another.

    `D[i, j] = min(D[i - 1, j - 1] + cost[i - 1, j - 1 + start], D[i - 1, j] + gap, D[i, j - 1] + gap)`, and `v_d[i]`
    is `D[i, d - i]`. Costs are laid out by diagonals, cyclic in j, so that another start is another row.
    """
    n, dtype = len(cost), cost.dtype
    i = np.arange(n)
    diagonals = cost[i[None], (i[:, None] - i[None]) % n]
    start = jnp.asarray(np.arange(starts) * n // starts, jnp.int32)
    gap, none = penalty / 2, jnp.full((starts, 1), jnp.inf, dtype)
    row = jnp.asarray(np.arange(n + 1), jnp.int32)

    def step(state: tuple[jax.Array, jax.Array], d: jax.Array) -> tuple[tuple[jax.Array, jax.Array], None]:
        last_but_one, last = state
        matched = last_but_one[:, :-1] + diagonals[(d - 2 + start) % n]
        left_out = jnp.minimum(jnp.concatenate([none, last[:, :-1]], 1), last) + gap
        new = jnp.minimum(jnp.concatenate([none, matched], 1), left_out)
        inside = (row >= d - n) & (row <= d)
        return (last, jnp.where(inside[None], new, jnp.inf)), None

    origin = jnp.broadcast_to(jnp.where(row == 0, 0, jnp.inf).astype(dtype), (starts, n + 1))
    sides = jnp.broadcast_to(jnp.where(row < 2, gap, jnp.inf).astype(dtype), (starts, n + 1))
    (_, last), _ = lax.scan(step, (origin, sides), jnp.arange(2, 2 * n + 1, dtype=jnp.int32))
    return last[:, n].min() / n
