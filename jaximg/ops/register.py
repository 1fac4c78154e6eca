"""Registration: by how much one picture is shifted or warped against another."""

import operator
from functools import partial, reduce
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaximg.ops import windows
from jaximg.ops.correlation import smooth_length
from jaximg.ops.primitives import root
from jaximg.ops.sampling import sample
from jaximg.typing import Image, Mask, check_choice, check_image, check_mask, check_size

Window = Literal["hann"]


class Shift(NamedTuple):
    """What `phase_correlation` found.

    Attributes:
      shift: `(..., 2)`, by how many pixels the second picture's content is moved, (x, y).
      response: `(...)`, how much of the correlation is in the peak, about 1 for a mere shift.
    """

    shift: jax.Array
    response: jax.Array


class Alignment(NamedTuple):
    """What `ecc` found.

    Attributes:
      matrix: `(..., 2, 3)`, or `(..., 3, 3)` for a homography: maps places (x, y) in the template to the image's.
      coefficient: `(...)`, the correlation coefficient of the template and the image warped onto it, in [-1, 1].
    """

    matrix: jax.Array
    coefficient: jax.Array


# --- a shift, by phases ----------------------------------------------------------------------------------------------


def phase_correlation(a: Image, b: Image, *, window: Window | Image | None = None) -> Shift:
    """The shift between two pictures by the phases of their spectra, OpenCV's `phaseCorrelate`.

        c = IFFT(A conj(B) / |A conj(B)|),   shift = the centroid of the 5 x 5 pixels about the peak of c

    The pictures are padded with zeros to lengths without a prime factor above 5. OpenCV adds half a pixel where such a
    length is odd; this doesn't. Channels are added up. Differentiable, but for where the peak is.

    Args:
      a: `(..., H, W, C)` floating point, any range.
      b: the same shape; batch axes broadcast.
      window: weights for both pictures: None, "hann" (OpenCV's `createHanningWindow`) against the jump between
        opposite borders, or `(H, W)` of them.

    Returns:
      `Shift`, at least float32; `b` is about `a` moved by it.

    Raises:
      TypeError: pictures that are not floating point.
      ValueError: pictures of different sizes, or a window of another shape.

    Example:
      >>> x = jax.random.uniform(jax.random.key(0), (32, 40, 1))
      >>> found = phase_correlation(x, jnp.roll(x, (3, -2), (0, 1)))
      >>> found.shift.round(1).tolist()
      [-2.0, 3.0]

    References:
      Kuglin and Hines, The phase correlation image alignment method, 1975. OpenCV, `cv::phaseCorrelate`.
    """
    a = check_image(a, name="a")
    b = check_image(b, name="b", channels=a.shape[-1])
    size = a.shape[-3], a.shape[-2]
    if b.shape[-3:] != a.shape[-3:]:
        raise ValueError(f"a is {a.shape}, b {b.shape}: both need the same height and width; resize, crop or pad one")
    if isinstance(window, str):
        check_choice(window, ("hann",), "window")
        down, across = (np.sin(np.pi * np.arange(n) / max(1, n - 1)) for n in size)
        weights = jnp.asarray(np.outer(down, across))
    else:
        weights = jnp.ones(size) if window is None else jnp.asarray(window)
    if weights.shape != size:
        raise ValueError(f"window has shape {weights.shape}; it is 'hann', None, or weights of shape {size}")
    return _phase_correlation(a, b.astype(a.dtype), weights.astype(windows.wide(a.dtype)))


@jax.jit
def _phase_correlation(a: jax.Array, b: jax.Array, weights: jax.Array) -> Shift:
    batch = jnp.broadcast_shapes(a.shape[:-3], b.shape[:-3])
    pictures = [jnp.broadcast_to(x, (*batch, *x.shape[-3:])).reshape(-1, *x.shape[-3:]) for x in (a, b)]
    shift, response = jax.vmap(lambda a, b: _shift(a, b, weights))(*(x.astype(weights.dtype) for x in pictures))
    return Shift(shift.reshape(*batch, 2), response.reshape(batch))


def _shift(a: jax.Array, b: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
    size = tuple(smooth_length(n) for n in weights.shape)
    one, two = (jnp.fft.rfft2(x * weights[..., None], s=size, axes=(0, 1)) for x in (a, b))
    cross = (one * jnp.conj(two)).sum(-1)
    energy = jnp.square(cross.real) + jnp.square(cross.imag)
    over = root(energy) / (energy + float(jnp.finfo(weights.dtype).eps))  # OpenCV's: what is weak counts less
    phases = lax.complex(cross.real * over, cross.imag * over)
    peak_map = jnp.roll(jnp.fft.irfft2(phases, s=size), [n // 2 for n in size], (0, 1))
    peak = jnp.unravel_index(lax.stop_gradient(peak_map).argmax(), size)
    padded = jnp.pad(peak_map, 2)
    around = lax.dynamic_slice(padded, peak, (5, 5))
    total = around.sum()
    offsets = jnp.arange(-2, 3, dtype=weights.dtype)
    known = jnp.abs(total) > float(jnp.finfo(weights.dtype).eps)
    centroid = [around.sum(1 - axis) @ offsets / jnp.where(known, total, 1) for axis in (0, 1)]
    y, x = (n // 2 - p.astype(c.dtype) - c for n, p, c in zip(size, peak, centroid, strict=True))
    return jnp.stack([x, y]), total


# --- a warp, by the enhanced correlation coefficient -----------------------------------------------------------------

Motion = Literal["translation", "euclidean", "affine", "homography"]
MOTIONS: tuple[Motion, ...] = ("translation", "euclidean", "affine", "homography")

SMALLEST = 16
"""Pictures are not halved below so many pixels."""
REACH = 3
"""How far the blur and the slopes look: what is unknown counts as so many pixels wider."""
BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
"""The blur before gradients are taken (OpenCV's default for `findTransformECC`), and before a picture is halved."""


def ecc(
    template: Image,
    image: Image,
    *,
    motion: Motion = "affine",
    steps: int = 20,
    levels: int = 2,
    start: Image | None = None,
    mask: Mask | None = None,
) -> Alignment:
    r"""The warp under which an image correlates best with a template, OpenCV's `findTransformECC`.

        max_p  <t, w(p)> / (|t| |w(p)|),   w(p)[x, y] = image(M(p) (x, y)),   t and w less their means where w is known

    by Gauss-Newton steps, `dp = H^-1 G' (lambda t - w)`, `H = G' G`, G the slope of w in p, lambda of equation (15),
    on pyramids from coarse to fine. Contrast and brightness of the two may differ. Unlike OpenCV, which stops with an
    error where the pictures don't correlate, this answers whatever came of so many steps: look at the coefficient.

    Differentiable in both pictures and in `start`, at the identity too; each step is computed again on the way back, so
    that a gradient needs the memory of one. Channels count as more pixels.

    Args:
      template: `(..., h, w, C)` floating point, any range.
      image: `(..., H, W, C)`, of any size and contrast; batch axes broadcast against the template's.
      motion: "translation", "euclidean" (and a turn), "affine" or "homography".
      steps: at each level, static.
      levels: how often to halve, static; fewer where less than 16 pixels of a picture would be left.
      start: `(..., 2, 3)` or `(..., 3, 3)` to start from, in pixels; the identity by default. For "translation" and
        "euclidean" its linear part should be a rotation.
      mask: `(..., H, W)` or `(..., H, W, 1)`, above 0.5 where the image's pixel is KNOWN; others are never looked at.

    Returns:
      `Alignment`, at least float32. `warp_affine(image, matrix, shape=(h, w), inverse=True)` (`warp_perspective` for a
      homography) lays the image onto the template.

    Raises:
      TypeError: pictures that are not floating point.
      ValueError: channels that differ, an unknown motion, a start or a mask of another shape.

    Example:
      >>> y, x = jnp.meshgrid(jnp.arange(48.0) / 8, jnp.arange(56.0) / 8, indexing="ij")
      >>> image = (jnp.sin(x) * jnp.cos(y) + jnp.sin(0.7 * y))[..., None]
      >>> found = ecc(image[2:42, 3:51], image, motion="translation")
      >>> found.matrix.round(1).tolist()
      [[1.0, 0.0, 3.0], [0.0, 1.0, 2.0]]

    References:
      Evangelidis and Psarakis, Parametric image alignment using enhanced correlation coefficient maximization, 2008.
      OpenCV, `cv::findTransformECC`.
    """
    template = check_image(template, name="template")
    image = check_image(image, channels=template.shape[-1])
    check_choice(motion, MOTIONS, "motion")
    steps, _ = check_size(steps, "steps")
    dtype = windows.wide(template.dtype)
    known = None if mask is None else check_mask(mask, image) > 0.5
    if known is not None and known.shape[-1] != 1:
        raise ValueError(f"mask has shape {known.shape}; a warp has one mask for all channels, (..., H, W, 1)")
    matrix = jnp.eye(3, dtype=dtype) if start is None else jnp.asarray(start).astype(dtype)
    if matrix.shape[-2:] not in ((2, 3), (3, 3)):
        raise ValueError(f"start has shape {matrix.shape}; pass (..., 2, 3) or (..., 3, 3)")
    while levels and min(template.shape[-3:-1] + image.shape[-3:-1]) >> levels < SMALLEST:
        levels -= 1
    return _ecc(template.astype(dtype), image.astype(dtype), matrix, known, motion, steps, levels)


@partial(jax.jit, static_argnames=("motion", "steps", "levels"))
def _ecc(
    template: jax.Array,
    image: jax.Array,
    start: jax.Array,
    known: jax.Array | None,
    motion: Motion,
    steps: int,
    levels: int,
) -> Alignment:
    if start.shape[-2] == 2:
        last = jnp.asarray([[0, 0, 1]], start.dtype)
        start = jnp.concatenate([start, jnp.broadcast_to(last, (*start.shape[:-2], 1, 3))], -2)
    if known is None:
        weight = jnp.ones((*image.shape[-3:-1], 1), image.dtype)
    else:
        whole = jnp.broadcast_shapes(image.shape, known.shape)
        known = jnp.broadcast_to(known, (*whole[:-1], 1))
        image = jnp.where(jnp.broadcast_to(known, whole), jnp.broadcast_to(image, whole), 0)
        weight = _narrower(known.astype(image.dtype), 2 * REACH + 1)
    parts = [(template, 3), (image, 3), (start, 2), (weight, 3)]
    batch = jnp.broadcast_shapes(*(x.shape[:-n] for x, n in parts))
    flat = [jnp.broadcast_to(x, (*batch, *x.shape[-n:])).reshape(-1, *x.shape[-n:]) for x, n in parts]
    run = jax.vmap(lambda t, i, m, k: _align(t, i, m, k, motion, steps, levels))
    matrix, coefficient = run(flat[0], flat[1], flat[2], flat[3])
    rows = matrix if motion == "homography" else matrix[:, :2]
    return Alignment(rows.reshape(*batch, *rows.shape[1:]), coefficient.reshape(batch))


class _Frame(NamedTuple):
    """Coordinates that run over about [-1, 1]: (pixel - centre) / scale.

    At every level the same warp has the same matrix in them, and the normal equations are well conditioned.
    """

    x: float
    y: float
    scale: float


def _align(
    template: jax.Array, image: jax.Array, start: jax.Array, known: jax.Array, motion: Motion, steps: int, levels: int
) -> tuple[jax.Array, jax.Array]:
    height, width = template.shape[:2]
    frame = _Frame((width - 1) / 2, (height - 1) / 2, max(1.0, (max(height, width) - 1) / 2))
    into = jnp.asarray(
        [[1 / frame.scale, 0, -frame.x / frame.scale], [0, 1 / frame.scale, -frame.y / frame.scale], [0, 0, 1]],
        start.dtype,
    )
    out = jnp.asarray([[frame.scale, 0, frame.x], [0, frame.scale, frame.y], [0, 0, 1]], start.dtype)
    matrix = _unit_corner(_times(_times(into, start), out))
    pyramid = [(_blur(template), _blur(image), known)]
    for _ in range(levels):
        template, image, known = pyramid[-1][0][::2, ::2], pyramid[-1][1][::2, ::2], pyramid[-1][2]
        pyramid.append((_blur(template), _blur(image), _narrower(known, 2 * REACH + 1)[::2, ::2]))
    for level in reversed(range(levels + 1)):
        own = _Frame(*(v / 2**level for v in frame))
        smooth, signal = pyramid[level][0], _signal(*pyramid[level][1:])

        @jax.checkpoint
        def step(matrix: jax.Array, _: None, smooth=smooth, signal=signal, own=own):
            moved, coefficient = _step(matrix, smooth, signal, own, motion)
            return moved, (matrix, coefficient)

        matrix, before = lax.scan(step, matrix, length=steps + (level == 0))  # the last only tells the coefficient
    matrix, coefficient = (v[-1] for v in before)
    return _unit_corner(_times(_times(out, matrix), into)), coefficient


def _times(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.matmul(a, b, precision="highest")


def _unit_corner(matrix: jax.Array) -> jax.Array:
    corner = matrix[2:, 2:]
    return matrix / jnp.where(corner == 0, 1, corner)


def _blur(image: jax.Array) -> jax.Array:
    """By plain slices, which compile faster than `windows.separable`: every level has two of them."""
    height, width = image.shape[:2]
    padded = windows.pad(image, (2, 2), (2, 2), "reflect")
    lines = reduce(operator.add, (tap * padded[k : k + height] for k, tap in enumerate(BINOMIAL)))
    return reduce(operator.add, (tap * lines[:, k : k + width] for k, tap in enumerate(BINOMIAL)))


def _narrower(known: jax.Array, size: int) -> jax.Array:
    return windows.slide(windows.sliding_min, known, (size, size), "edge")


def _signal(image: jax.Array, known: jax.Array) -> jax.Array:
    """The image, its slope along x and its slope along y, and what is known of it, as channels."""
    padded = windows.pad(image, (1, 1), (1, 1), "reflect")
    slopes = padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1]
    return jnp.concatenate([image, *(slope / 2 for slope in slopes), known], -1)


def _step(
    matrix: jax.Array, template: jax.Array, signal: jax.Array, frame: _Frame, motion: Motion
) -> tuple[jax.Array, jax.Array]:
    """One Gauss-Newton step, and the coefficient before it."""
    v, u = (lax.broadcasted_iota(matrix.dtype, template.shape[:2], axis) for axis in (0, 1))
    u, v = (u - frame.x) / frame.scale, (v - frame.y) / frame.scale
    x, y, z = (row[0] * u + (row[1] * v + row[2]) for row in matrix)
    over = 1 / jnp.where(jnp.abs(z) < 1e-6, 1e-6, z)
    x, y = x * over, y * over
    column, row = x * frame.scale + frame.x, y * frame.scale + frame.y
    *warped, known = jnp.split(
        sample(signal, row, column, method="linear", border="edge"), template.shape[-1] * np.arange(1, 4), -1
    )
    inside = (column >= 0) & (column <= signal.shape[1] - 1) & (row >= 0) & (row <= signal.shape[0] - 1)
    weight = inside[..., None] & (known > 0.999)
    value, slope_x, slope_y = warped
    columns = [
        (slope_x * dx[..., None] + slope_y * dy[..., None]) * frame.scale
        for dx, dy in _motions(u, v, x, y, over, motion)
    ]
    change, coefficient = _newton(jnp.stack([template, value, *columns]), weight.astype(template.dtype))
    return _moved(matrix, change, motion), coefficient


def _motions(
    u: jax.Array, v: jax.Array, x: jax.Array, y: jax.Array, over: jax.Array, motion: Motion
) -> list[tuple[jax.Array, jax.Array]]:
    """By how much (x, y) changes with each parameter."""
    zero, one = jnp.zeros_like(u), over
    if motion == "translation":
        return [(one, zero), (zero, one)]
    if motion == "euclidean":
        return [(one, zero), (zero, one), (-y, x)]
    linear = [(u * over, zero), (v * over, zero), (one, zero), (zero, u * over), (zero, v * over), (zero, one)]
    if motion == "affine":
        return linear
    return [*linear, (-x * u * over, -y * u * over), (-x * v * over, -y * v * over)]


def _moved(matrix: jax.Array, change: jax.Array, motion: Motion) -> jax.Array:
    if motion in ("translation", "euclidean"):
        if motion == "euclidean":  # about the origin, whatever the turn before
            cos, sin = jnp.cos(change[2]), jnp.sin(change[2])
            turn = jnp.stack([jnp.stack([cos, -sin]), jnp.stack([sin, cos])])
            matrix = matrix.at[:2].set(_times(turn, matrix[:2]))
        return matrix.at[:2, 2].add(change[:2])
    if motion == "affine":
        return matrix.at[:2].add(change.reshape(2, 3))
    return matrix + jnp.pad(change, (0, 1)).reshape(3, 3)


def _newton(rows: jax.Array, weight: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The change `H^-1 G' (lambda t - w)`, and the coefficient, of t, w and the columns of G, one behind the other."""
    total, weight = weight.sum(), weight[None]
    rows = windows.materialise(rows)
    rows = rows - (weight * rows).sum((1, 2), keepdims=True) / jnp.where(total > 0, total, 1)
    lines = [x.swapaxes(0, 1).reshape(x.shape[1], x.shape[0], -1) for x in (weight * rows, rows)]
    products = jnp.matmul(lines[0], lines[1].swapaxes(1, 2), precision="highest").sum(0)  # lines: rounding stays small
    tt, tw, ww = products[0, 0], products[0, 1], products[1, 1]
    hessian, projected = products[2:, 2:], products[2:, :2]
    solved = _solve(hessian, projected)
    inner = jnp.matmul(projected.T, solved, precision="highest")  # t' P t, t' P w; w' P t, w' P w
    change = _lambda(tw, ww, inner) * solved[:, 0] - solved[:, 1]
    norm = root(tt) * root(ww)
    return change, tw / jnp.where(norm > 0, norm, 1)


def _lambda(tw: jax.Array, ww: jax.Array, inner: jax.Array) -> jax.Array:
    """Equation (15), or (19) where the two would otherwise not correlate."""
    numerator, denominator = ww - inner[1, 1], tw - inner[0, 1]
    good = denominator > 0
    own = jnp.where(inner[0, 0] > 0, inner[0, 0], 1)
    other = jnp.maximum(root(inner[1, 1] / own), -denominator / own)
    return jnp.where(good, numerator / jnp.where(good, denominator, 1), other)


def _solve(matrix: jax.Array, right: jax.Array) -> jax.Array:
    """Gauss and Jordan's elimination of a small positive semidefinite system, with a little added to the diagonal."""
    n, eps = matrix.shape[0], float(jnp.finfo(matrix.dtype).eps)
    diagonal = jnp.diagonal(matrix) * 8 * eps + 1e-12

    def eliminate(rows: jax.Array, k: jax.Array) -> tuple[jax.Array, None]:
        pivot = (rows[k] / rows[k, k])[None]
        return jnp.where(jnp.arange(n)[:, None] == k, pivot, rows - rows[:, k][:, None] * pivot), None

    rows, _ = lax.scan(eliminate, jnp.concatenate([matrix + jnp.diag(diagonal), right], 1), jnp.arange(n))
    return rows[:, n:]
