"""Linear edge filters: weights that sum to zero, so that flat regions answer with nothing."""

from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np

from jaximg.ops import windows
from jaximg.ops.filters import gaussian_blur, gaussian_taps
from jaximg.typing import Border, Image, Scalar, check_choice, check_image


def sobel(image: Image, dx: int, dy: int, *, size: int = 3, border: Border = "reflect") -> jax.Array:
    """Derivative of a smoothed picture, OpenCV's `Sobel`, not normalised.

        taps(order) = (1 + z)^(size - 1 - order) (z - 1)^order,   kernel = taps(dy) taps(dx)^T

    that is binomial smoothing, with `order` of its factors replaced by differences.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      dx: order of the derivative along x (to the right), static, 0 or more.
      dy: order along y (downwards); `dx + dy` is at least 1.
      size: 1, 3, 5, 7 or any odd number, greater than both orders. 1 is 3 taps along the derivative, with no smoothing
        across.
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".

    Returns:
      `(..., H, W, C)`, the image's dtype: with `size=3` and order 1, eight times the slope in units a pixel.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, an even size, or orders that the size cannot hold.

    Example:
      >>> ramp = jnp.broadcast_to(jnp.arange(6.0)[:, None], (5, 6, 1))
      >>> sobel(ramp, 1, 0)[2, 1:-1, 0].tolist()
      [8.0, 8.0, 8.0, 8.0]

    References:
      I. Sobel and G. Feldman, A 3x3 isotropic gradient operator, 1968. OpenCV, `cv::Sobel`.
    """
    image = check_image(image)
    if size < 1 or size % 2 == 0:
        raise ValueError(f"size={size}; a Sobel kernel has an odd number of taps: 1, 3, 5, 7 ...")
    if min(dx, dy) < 0 or dx + dy < 1 or max(dx, dy) >= max(size, 3):
        raise ValueError(f"dx={dx}, dy={dy}: orders are 0 or more, not both 0, and below the size, {max(size, 3)}")
    return _correlate(image, np.outer(_sobel_taps(dy, size), _sobel_taps(dx, size)), border)


def scharr(image: Image, dx: int, dy: int, *, border: Border = "reflect") -> jax.Array:
    """First derivative with the 3 x 3 kernel that turns best with the picture, OpenCV's `Scharr`, not normalised.

        kernel = (3, 10, 3) across, (-1, 0, 1) along

    Args:
      image: `(..., H, W, C)` floating point, any range.
      dx: 1 for the derivative along x, else 0.
      dy: 1 for the derivative along y, else 0.
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".

    Returns:
      `(..., H, W, C)`, the image's dtype: 32 times the slope in units a pixel.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, or not exactly one of dx and dy equal to 1.

    Example:
      >>> ramp = jnp.broadcast_to(jnp.arange(6.0)[:, None], (5, 6, 1))
      >>> scharr(ramp, 1, 0)[2, 1:-1, 0].tolist()
      [32.0, 32.0, 32.0, 32.0]

    References:
      H. Scharr, Optimal operators in digital image processing, 2000. OpenCV, `cv::Scharr`.
    """
    return _first_derivative(image, dx, dy, (3, 10, 3), border)


def prewitt(image: Image, dx: int, dy: int, *, border: Border = "reflect") -> jax.Array:
    """First derivative averaged over three lines, SciPy's `prewitt`, not normalised.

        kernel = (1, 1, 1) across, (-1, 0, 1) along

    Args:
      image: `(..., H, W, C)` floating point, any range.
      dx: 1 for the derivative along x, else 0.
      dy: 1 for the derivative along y, else 0.
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".

    Returns:
      `(..., H, W, C)`, the image's dtype: 6 times the slope in units a pixel.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, or not exactly one of dx and dy equal to 1.

    Example:
      >>> ramp = jnp.broadcast_to(jnp.arange(6.0)[:, None], (5, 6, 1))
      >>> prewitt(ramp, 1, 0)[2, 1:-1, 0].tolist()
      [6.0, 6.0, 6.0, 6.0]

    References:
      J. Prewitt, Object enhancement and extraction, 1970. SciPy, `scipy.ndimage.prewitt`.
    """
    return _first_derivative(image, dx, dy, (1, 1, 1), border)


def roberts(image: Image, diagonal: str, *, border: Border = "reflect") -> jax.Array:
    """Difference along a diagonal over two by two pixels, Roberts' cross.

        falling: I[y, x] - I[y - 1, x - 1],    rising: I[y, x - 1] - I[y - 1, x]

    Args:
      image: `(..., H, W, C)` floating point, any range.
      diagonal: "falling" (from the upper left to the lower right) or "rising" (from the upper right to the lower left).
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, or another diagonal.

    Example:
      >>> roberts(jnp.arange(6.0).reshape(2, 3, 1), "falling")[1, :, 0].tolist()
      [2.0, 4.0, 4.0]

    References:
      L. Roberts, Machine perception of three-dimensional solids, 1963. scikit-image, `roberts_pos_diag`.
    """
    check_choice(diagonal, ("falling", "rising"), "diagonal")
    kernel = [[-1, 0], [0, 1]] if diagonal == "falling" else [[0, -1], [1, 0]]
    return _correlate(check_image(image), np.array(kernel), border)


def laplacian(image: Image, *, size: int = 1, border: Border = "reflect") -> jax.Array:
    """Sum of the second derivatives, OpenCV's `Laplacian`, not normalised.

        size 1: [[0, 1, 0], [1, -4, 1], [0, 1, 0]];    else sobel(2, 0, size) + sobel(0, 2, size)

    Args:
      image: `(..., H, W, C)` floating point, any range.
      size: 1, 3, 5, 7 or any odd number, static.
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, or an even size.

    Example:
      >>> parabola = jnp.broadcast_to(jnp.arange(6.0)[:, None] ** 2, (5, 6, 1))
      >>> laplacian(parabola)[2, 1:-1, 0].tolist()
      [2.0, 2.0, 2.0, 2.0]

    References:
      OpenCV, `cv::Laplacian`.
    """
    image = check_image(image)
    if size < 1 or size % 2 == 0:
        raise ValueError(f"size={size}; a Laplacian kernel has an odd number of taps: 1, 3, 5, 7 ...")
    second, smooth = _sobel_taps(2, size), _sobel_taps(0, size)
    if size == 1:  # one tap that does not smooth, as wide as the other three
        smooth = np.array([0, 1, 0])
    return _correlate(image, np.outer(second, smooth) + np.outer(smooth, second), border)


def log(image: Image, sigma: Scalar, *, radius: int | None = None, border: Border = "reflect") -> jax.Array:
    """Laplacian of a Gaussian: blobs and the zero crossings of edges, SciPy's `gaussian_laplace`.

        out = (d^2/dx^2 + d^2/dy^2) G_sigma * I,    G'' = (x^2 / sigma^4 - 1 / sigma^2) G

    Negative in a bright blob; `sigma^2 * log(...)` compares blobs of different sizes.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      sigma: standard deviation in pixels, > 0. Traced or concrete.
      radius: half width of the kernel in pixels, static; by default `round(4 sigma)`. A traced sigma needs it given.
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, a negative sigma, or a traced sigma without radius.

    Example:
      >>> spot = jnp.zeros((15, 15, 1)).at[7, 7].set(1.0)
      >>> bool(log(spot, 1.5)[7, 7, 0] < 0)
      True

    References:
      D. Marr and E. Hildreth, Theory of edge detection, 1980. SciPy, `scipy.ndimage.gaussian_laplace`.
    """
    image = check_image(image)
    dtype = windows.wide(image.dtype)
    smooth = gaussian_taps(sigma, radius, dtype)
    variance = jnp.square(jnp.maximum(jnp.asarray(sigma, dtype), 1e-6))
    offsets = jnp.arange(smooth.shape[0], dtype=dtype) - smooth.shape[0] // 2
    second = (jnp.square(offsets) / variance - 1) / variance * smooth
    return _sum_of_separables(image, second.astype(image.dtype), smooth.astype(image.dtype), border)


def dog(
    image: Image,
    low_sigma: Scalar,
    high_sigma: Scalar,
    *,
    radius: int | None = None,
    border: Border = "reflect",
) -> jax.Array:
    """Difference of two Gaussian blurs: a band of frequencies, scikit-image's `difference_of_gaussians`.

        out = G_low * I - G_high * I

    Args:
      image: `(..., H, W, C)` floating point, any range.
      low_sigma: standard deviation of the narrow Gaussian in pixels, >= 0. Traced or concrete.
      high_sigma: of the wide one; 1.6 times the narrow one comes near to `-log`.
      radius: half width of both kernels in pixels, static; by default 4 sigma each. A traced sigma needs it given.
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, a negative sigma, or a traced sigma without radius.

    Example:
      >>> bool(jnp.abs(dog(jnp.ones((9, 9, 1)), 1.0, 1.6)).max() < 1e-6)
      True

    References:
      D. Marr and E. Hildreth, 1980. scikit-image, `skimage.filters.difference_of_gaussians`.
    """
    narrow, wide = (gaussian_blur(image, sigma, radius=radius, border=border) for sigma in (low_sigma, high_sigma))
    return narrow - wide


def _sobel_taps(order: int, size: int) -> np.ndarray:
    """Integer coefficients of `(1 + z)^(size - 1 - order) (z - 1)^order`; with size 1, differences over three taps."""
    if size == 1:
        return np.array([[1], [-1, 0, 1], [1, -2, 1]][order])
    factors = [np.array([1, 1])] * (size - 1 - order) + [np.array([-1, 1])] * order
    return reduce(np.convolve, factors, np.array([1]))


def _first_derivative(image: Image, dx: int, dy: int, smooth: tuple[int, int, int], border: Border) -> jax.Array:
    if sorted((dx, dy)) != [0, 1]:
        raise ValueError(f"dx={dx}, dy={dy}: a first derivative along one axis is dx=1, dy=0 or dx=0, dy=1")
    kernel = np.outer(smooth, (-1, 0, 1))
    return _correlate(check_image(image), kernel if dx else kernel.T, border)


def _correlate(image: jax.Array, kernel: np.ndarray, border: Border) -> jax.Array:
    """One pass over all taps: on a CPU faster than two separable passes up to 7 x 7, and no slower by much beyond."""
    return _correlate_compiled(image, jnp.asarray(kernel, image.dtype), border)


@partial(jax.jit, static_argnums=2)
def _correlate_compiled(image: jax.Array, kernel: jax.Array, border: Border) -> jax.Array:
    return windows.correlate(image, kernel, border)


@partial(jax.jit, static_argnums=3)
def _sum_of_separables(image: jax.Array, a: jax.Array, b: jax.Array, border: Border) -> jax.Array:
    return windows.separable(image, a, b, border) + windows.separable(image, b, a, border)
