"""Geometric transforms: every one says where in the picture each pixel of the result comes from, and reads it there."""

from functools import partial

import jax
import jax.numpy as jnp

from jaximg.ops import windows
from jaximg.ops.sampling import METHODS, Method, sample
from jaximg.typing import BORDERS, Border, Image, Scalar, check_choice, check_image, check_size


def remap(
    image: Image,
    x: Image,
    y: Image,
    *,
    border: Border = "constant",
    value: Scalar = 0.0,
    method: Method = "linear",
) -> jax.Array:
    """Reads an image at given places, OpenCV's `remap`.

        out[v, u, c] = image(x[v, u], y[v, u], c), interpolated between the pixels around

    Differentiable in the image and in the places; at a pixel's centre the slope is the one towards larger
    coordinates, so a registration can start from the identity.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      x: `(..., H', W')` columns to read, in pixels, 0 at the first pixel's centre; broadcasts against the image's
        batch axes.
      y: `(..., H', W')` rows to read.
      border: what lies beyond the edge: "reflect", "symmetric", "edge", "wrap", or "constant", which blends into
        `value` over one pixel.
      value: the constant border's colour in the image's units, a number or `(C,)`.
      method: "nearest" (halves go to the even pixel; no gradient in x and y), "linear", or "cubic" (Keys' kernel,
        a = -0.75, overshoots at edges).

    Returns:
      `(..., H', W', C)`, the image's dtype.

    Raises:
      TypeError: an image, x or y that is not a floating-point array.
      ValueError: no channel axis, x and y of different shapes, an unknown border or method.

    Example:
      >>> ramp = jnp.arange(12.0).reshape(3, 4, 1)
      >>> remap(ramp, jnp.full((1, 1), 1.25), jnp.full((1, 1), 0.5)).item()
      3.25

    References:
      OpenCV, `cv::remap` (version 5, which interpolates exactly). Keys, 1981.
    """
    image = check_image(image)
    for name, places in (("x", x), ("y", y)):
        if not hasattr(places, "dtype") or not jnp.issubdtype(places.dtype, jnp.floating):
            raise TypeError(f"{name} must be a floating-point array of places in pixels, (..., height, width)")
    if x.shape != y.shape or x.ndim < 2:
        raise ValueError(f"x has shape {x.shape}, y {y.shape}; both are (..., height, width) of the result")
    _check(border, method)
    return _remap(image, jnp.asarray(x), jnp.asarray(y), _colour(value, image), border, method)


def warp_affine(
    image: Image,
    matrix: Image,
    *,
    shape: int | tuple[int, int] | None = None,
    border: Border = "constant",
    value: Scalar = 0.0,
    method: Method = "linear",
    inverse: bool = False,
) -> jax.Array:
    """Moves, turns, scales and shears an image, OpenCV's `warpAffine`.

        out(A (x, y) + t) = image(x, y),   matrix = [A | t]

    Differentiable in the image and in the matrix, at the identity too. A matrix that cannot be inverted reads the
    first pixel everywhere.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      matrix: `(..., 2, 3)`, maps a place (x, y) in the image to one in the result, pixels; may be traced. A batch of
        matrices broadcasts against a batch of images.
      shape: `(height, width)` of the result, or one int for a square; the image's by default. Static.
      border: as in `remap`.
      value: the constant border's colour, a number or `(C,)`.
      method: "nearest", "linear" or "cubic".
      inverse: the matrix maps the result to the image (OpenCV's WARP_INVERSE_MAP).

    Returns:
      `(..., height, width, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, a matrix of another shape, an unknown border or method.

    Example:
      >>> shift = jnp.asarray([[1.0, 0, 1], [0, 1, 0]])  # one pixel to the right
      >>> warp_affine(jnp.asarray([[[1.0], [2.0], [3.0]]]), shift)[0, :, 0].tolist()
      [0.0, 1.0, 2.0]

    References:
      OpenCV, `cv::warpAffine`.
    """
    image, matrix, size = _warp_arguments(image, matrix, (2, 3), shape, border, method)
    return _warp_affine(image, matrix, _colour(value, image), size, border, method, inverse)


def warp_perspective(
    image: Image,
    matrix: Image,
    *,
    shape: int | tuple[int, int] | None = None,
    border: Border = "constant",
    value: Scalar = 0.0,
    method: Method = "linear",
    inverse: bool = False,
) -> jax.Array:
    """Projects an image as a plane seen from elsewhere, OpenCV's `warpPerspective`.

        out(X / Z, Y / Z) = image(x, y),   (X, Y, Z) = matrix (x, y, 1)

    Differentiable in the image and in the matrix, at the identity too. Places at the horizon (Z = 0) read the first
    pixel.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      matrix: `(..., 3, 3)`, maps a place (x, y, 1) in the image to one in the result; its scale doesn't matter. May
        be traced. A batch of matrices broadcasts against a batch of images.
      shape: `(height, width)` of the result, or one int for a square; the image's by default. Static.
      border: as in `remap`.
      value: the constant border's colour, a number or `(C,)`.
      method: "nearest", "linear" or "cubic".
      inverse: the matrix maps the result to the image (OpenCV's WARP_INVERSE_MAP).

    Returns:
      `(..., height, width, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, a matrix of another shape, an unknown border or method.

    Example:
      >>> zoom = jnp.diag(jnp.asarray([2.0, 2.0, 1.0]))
      >>> warp_perspective(jnp.asarray([[[1.0], [3.0]]]), zoom, shape=(1, 3))[0, :, 0].tolist()
      [1.0, 2.0, 3.0]

    References:
      OpenCV, `cv::warpPerspective`. Hartley and Zisserman, Multiple View Geometry, section 2.3.
    """
    image, matrix, size = _warp_arguments(image, matrix, (3, 3), shape, border, method)
    return _warp_perspective(image, matrix, _colour(value, image), size, border, method, inverse)


def rotation_matrix(center: tuple[Scalar, Scalar], degrees: Scalar, *, scale: Scalar = 1.0) -> jax.Array:
    """The matrix for `warp_affine` that turns about a point, OpenCV's `getRotationMatrix2D`.

        [a, b, (1 - a) x - b y; -b, a, b x + (1 - a) y],   a = scale cos(degrees), b = scale sin(degrees)

    Args:
      center: `(x, y)` in pixels, the point that stays.
      degrees: counterclockwise as seen on the screen; traced or concrete, any batch shape.
      scale: isotropic, broadcast against `degrees`.

    Returns:
      `(..., 2, 3)`, float32 (float64 for float64 angles).

    Example:
      >>> rotation_matrix((1.0, 1.0), 0.0, scale=2.0).tolist()
      [[2.0, 0.0, -1.0], [-0.0, 2.0, -1.0]]

    References:
      OpenCV, `cv::getRotationMatrix2D`.
    """
    degrees, scale = jnp.asarray(degrees, float), jnp.asarray(scale, float)
    x, y = (jnp.asarray(v, degrees.dtype) for v in center)
    shape = jnp.broadcast_shapes(degrees.shape, scale.shape, x.shape, y.shape)
    degrees, scale, x, y = (jnp.broadcast_to(v, shape) for v in (degrees, scale, x, y))
    angle = degrees * (jnp.pi / 180)
    a, b = scale * jnp.cos(angle), scale * jnp.sin(angle)
    rows = [jnp.stack([a, b, (1 - a) * x - b * y], -1), jnp.stack([-b, a, b * x + (1 - a) * y], -1)]
    return jnp.stack(rows, -2)


def rotate(
    image: Image,
    degrees: Scalar,
    *,
    border: Border = "constant",
    value: Scalar = 0.0,
    method: Method = "linear",
) -> jax.Array:
    """Turns an image about its middle, keeping its size: `warp_affine` with a `rotation_matrix`.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      degrees: counterclockwise as seen on the screen; traced or concrete, a number or one an image.
      border: as in `remap`.
      value: the constant border's colour, a number or `(C,)`.
      method: "nearest", "linear" or "cubic".

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, an unknown border or method.

    Example:
      >>> rotate(jnp.asarray([[[1.0], [2.0], [3.0]]]), 180.0, method="nearest")[0, :, 0].tolist()
      [3.0, 2.0, 1.0]

    References:
      OpenCV, `cv::warpAffine` and `getRotationMatrix2D`.
    """
    image = check_image(image)
    middle = (image.shape[-2] - 1) / 2, (image.shape[-3] - 1) / 2
    return warp_affine(image, rotation_matrix(middle, degrees), border=border, value=value, method=method)


# --- inside ----------------------------------------------------------------------------------------------------------


def _check(border: Border, method: Method) -> None:
    check_choice(border, BORDERS, "border")
    check_choice(method, METHODS, "method")


def _colour(value: Scalar, image: jax.Array) -> jax.Array | None:
    """None where the border is black: its blend is free."""
    black = isinstance(value, int | float) and value == 0
    return None if black else jnp.asarray(value, windows.wide(image.dtype))


def _warp_arguments(
    image: Image,
    matrix: Image,
    matrix_shape: tuple[int, int],
    shape: int | tuple[int, int] | None,
    border: Border,
    method: Method,
) -> tuple[jax.Array, jax.Array, tuple[int, int]]:
    image = check_image(image)
    _check(border, method)
    matrix = jnp.asarray(matrix, windows.wide(image.dtype))
    if matrix.shape[-2:] != matrix_shape:
        raise ValueError(f"matrix has shape {matrix.shape}; pass (..., {matrix_shape[0]}, {matrix_shape[1]})")
    size = (image.shape[-3], image.shape[-2]) if shape is None else check_size(shape, "shape")
    return image, matrix, size


@partial(jax.jit, static_argnames=("border", "method"))
def _remap(
    image: jax.Array, x: jax.Array, y: jax.Array, value: jax.Array | None, border: Border, method: Method
) -> jax.Array:
    return sample(image, y, x, method=method, border=border, value=value)


@partial(jax.jit, static_argnames=("size", "border", "method", "inverse"))
def _warp_affine(
    image: jax.Array,
    matrix: jax.Array,
    value: jax.Array | None,
    size: tuple[int, int],
    border: Border,
    method: Method,
    inverse: bool,
) -> jax.Array:
    (a, b, c), (d, e, f) = _entries(matrix if inverse else _inverse_affine(matrix))
    v, u = _pixels(size, matrix)
    return sample(image, d * u + (e * v + f), a * u + (b * v + c), method=method, border=border, value=value)


@partial(jax.jit, static_argnames=("size", "border", "method", "inverse"))
def _warp_perspective(
    image: jax.Array,
    matrix: jax.Array,
    value: jax.Array | None,
    size: tuple[int, int],
    border: Border,
    method: Method,
    inverse: bool,
) -> jax.Array:
    (a, b, c), (d, e, f), (g, h, i) = _entries(matrix if inverse else _inverse_perspective(matrix))
    v, u = _pixels(size, matrix)
    x, y, z = (p * u + (q * v + r) for p, q, r in ((a, b, c), (d, e, f), (g, h, i)))
    horizon = z == 0
    over_z = jnp.where(horizon, 0, 1 / jnp.where(horizon, 1, z))
    return sample(image, y * over_z, x * over_z, method=method, border=border, value=value)


def _entries(matrix: jax.Array) -> list[list[jax.Array]]:
    """The entries, row by row, each `(..., 1, 1)`."""
    rows, cols = matrix.shape[-2:]
    return [[matrix[..., r, c][..., None, None] for c in range(cols)] for r in range(rows)]


def _pixels(size: tuple[int, int], matrix: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Row and column of every pixel, `(1, ..., height, width)` of the matrix's rank."""
    shape = (*[1] * (matrix.ndim - 2), *size)
    v, u = (jax.lax.broadcasted_iota(matrix.dtype, shape, len(shape) - k) for k in (2, 1))
    return v, u


def _inverse_affine(matrix: jax.Array) -> jax.Array:
    a, b, c, d, e, f = jnp.moveaxis(matrix.reshape(*matrix.shape[:-2], 6), -1, 0)
    determinant = a * e - b * d
    singular = determinant == 0
    k = jnp.where(singular, 0, 1 / jnp.where(singular, 1, determinant))
    rows = [e * k, -b * k, (b * f - e * c) * k, -d * k, a * k, (d * c - a * f) * k]
    return jnp.stack(rows, -1).reshape(matrix.shape)


def _inverse_perspective(matrix: jax.Array) -> jax.Array:
    """The adjugate, whose scale doesn't matter, brought to the matrix's own size."""
    rows = [matrix[..., k, :] for k in range(3)]
    columns = [jnp.cross(rows[1], rows[2]), jnp.cross(rows[2], rows[0]), jnp.cross(rows[0], rows[1])]
    adjugate = jnp.stack(columns, -1)
    largest = jnp.max(jnp.abs(adjugate), axis=(-2, -1), keepdims=True)
    return adjugate / jax.lax.stop_gradient(jnp.where(largest == 0, 1, largest))
