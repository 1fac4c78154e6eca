"""Linear and rank filters: every one looks at a window of the picture and answers with one value."""

import jax
import jax.numpy as jnp

from jaximg.ops import windows
from jaximg.ops.color import rgb_to_grayscale
from jaximg.typing import Border, Image, Scalar, check_image, check_size, is_traced

F32 = jnp.dtype(jnp.float32)


def filter2d(image: Image, kernel: Image, *, border: Border = "reflect") -> jax.Array:
    r"""Weighted correlation of an image with a kernel, OpenCV's `filter2D`.

        out[y, x, c] = sum_ij kernel[i, j, c] * image[y + i - kh // 2, x + j - kw // 2, c]

    Filtering, edge detection, shape matching and template matching are this one sum with other weights `w`, written
    `sum_ij w_ij I(x + i, y + j)`:

    * a *filter* takes `w` as given: 1/n^2 is a box blur, `exp(-(i^2 + j^2) / 2 sigma^2)` a Gaussian one;
    * an *edge* takes weights that sum to zero: `[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]` is `sobel`, so
      `filter2d(x, sobel_x)` equals `sobel(x, 1, 0)`;
    * a *shape* takes polynomials in the coordinates, `w_ij = i^p j^q`: the image's moments;
    * a *template* takes another picture: `match_template(x, t, mode="ccorr")` is `filter2d(x, t)` without its border,
      and the other five modes normalise that sum.

    Linear in both arguments, with an exact adjoint for each, so kernels can be learned.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      kernel: `(kh, kw)`, or `(kh, kw, C)` for a kernel of its own for each channel. Its values may be traced.
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".

    Returns:
      `(..., H, W, C)`, the image's dtype, not clipped.

    Raises:
      TypeError: an image or kernel that is not floating point.
      ValueError: an image without a channel axis, or a kernel of another shape.

    Example:
      >>> x = jnp.zeros((5, 5, 1)).at[2, 2].set(1.0)
      >>> filter2d(x, jnp.arange(9.0).reshape(3, 3))[1:4, 1:4, 0].tolist()  # correlation: the kernel, turned
      [[8.0, 7.0, 6.0], [5.0, 4.0, 3.0], [2.0, 1.0, 0.0]]

    References:
      OpenCV, `cv::filter2D`. Gonzalez and Woods, Digital Image Processing, section 3.4.
    """
    image = check_image(image)
    kernel = jnp.asarray(kernel, image.dtype)
    if kernel.ndim not in (2, 3) or (kernel.ndim == 3 and kernel.shape[-1] not in (1, image.shape[-1])):
        raise ValueError(f"kernel has shape {kernel.shape}; pass (kh, kw) or (kh, kw, {image.shape[-1]})")
    return windows.correlate(image, kernel, border)


def sep_filter2d(image: Image, kernel_x: Image, kernel_y: Image, *, border: Border = "reflect") -> jax.Array:
    """Weighted correlation with a separable kernel, OpenCV's `sepFilter2D`.

        out = filter2d(image, outer(kernel_y, kernel_x)), in kh + kw products a pixel instead of kh * kw

    Args:
      image: `(..., H, W, C)` floating point, any range.
      kernel_x: `(kw,)` horizontal taps; their values may be traced.
      kernel_y: `(kh,)` vertical taps.
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, or taps that are not one-dimensional.

    Example:
      >>> x = jnp.zeros((3, 3, 1)).at[1, 1].set(1.0)
      >>> sep_filter2d(x, jnp.array([1.0, 2.0, 1.0]), jnp.ones(1), border="constant")[..., 0].tolist()
      [[0.0, 0.0, 0.0], [1.0, 2.0, 1.0], [0.0, 0.0, 0.0]]

    References:
      OpenCV, `cv::sepFilter2D`.
    """
    image = check_image(image)
    kx, ky = (jnp.asarray(k, image.dtype) for k in (kernel_x, kernel_y))
    if kx.ndim != 1 or ky.ndim != 1:
        raise ValueError(f"kernel_x has shape {kx.shape}, kernel_y {ky.shape}; pass (kw,) and (kh,)")
    return windows.separable(image, ky, kx, border)


def gaussian_blur(image: Image, sigma: Scalar, *, radius: int | None = None, border: Border = "reflect") -> jax.Array:
    """Gaussian blur, OpenCV's `GaussianBlur`.

        g[i] = exp(-i^2 / (2 sigma^2)) / sum, for |i| <= radius, down the columns and along the rows.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      sigma: standard deviation in pixels, >= 0; at 0 the image comes back unchanged. Traced or concrete.
      radius: half width of the kernel in pixels, static. By default `round(4 sigma)`, OpenCV's rule for floats; a
        traced sigma needs it given.
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, a negative sigma, or a traced sigma without radius.

    Example:
      >>> gaussian_blur(jnp.ones((8, 8, 3)), 1.5).shape
      (8, 8, 3)

    References:
      OpenCV, `cv::GaussianBlur` and `getGaussianKernel`.
    """
    image = check_image(image)
    taps = gaussian_taps(sigma, radius, windows.wide(image.dtype)).astype(image.dtype)
    return windows.separable(image, taps, taps, border)


def gaussian_taps(sigma: Scalar, radius: int | None = None, dtype: jnp.dtype = F32) -> jax.Array:
    """The normalised taps of a Gaussian, `(2 * radius + 1,)`; see `gaussian_blur` for sigma and radius.

    Example:
      >>> gaussian_taps(1.0).shape
      (9,)
    """
    if radius is None:
        if is_traced(sigma):
            raise ValueError(
                "a traced sigma cannot set the kernel's size: pass radius=, for example 4 times its maximum"
            )
        # OpenCV's rule for floats: size = round(8 sigma + 1) | 1.
        radius = (round(float(sigma) * 8 + 1) | 1) // 2
    if not is_traced(sigma) and float(sigma) < 0:
        raise ValueError(f"sigma={sigma}; a standard deviation in pixels is not negative")
    offsets = jnp.arange(-radius, radius + 1, dtype=dtype)
    sigma = jnp.maximum(jnp.asarray(sigma, dtype), 1e-6)
    weights = jnp.exp(-0.5 * jnp.square(offsets / sigma))
    return weights / weights.sum()


def box_blur(image: Image, size: int | tuple[int, int], *, border: Border = "reflect") -> jax.Array:
    """Mean over a window, OpenCV's `blur`.

        out = sum over the window / (height * width)

    Args:
      image: `(..., H, W, C)` floating point, any range.
      size: window in pixels, one int or `(height, width)`, static; even sizes are anchored at `size // 2`.
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point, or a size that is not a static integer.
      ValueError: no channel axis, or a size below 1.

    Example:
      >>> box_blur(jnp.arange(5.0).reshape(1, 5, 1), (1, 3))[0, 1:4, 0].tolist()
      [1.0, 2.0, 3.0]

    References:
      OpenCV, `cv::blur`.
    """
    image = check_image(image)
    height, width = check_size(size, "size")
    total = windows.slide(windows.sliding_sum, image, (height, width), border)
    return total * jnp.asarray(1 / (height * width), image.dtype)


def unsharp_mask(
    image: Image,
    sigma: Scalar,
    *,
    amount: Scalar = 1.0,
    radius: int | None = None,
    border: Border = "reflect",
    luminance: bool = False,
) -> jax.Array:
    """Sharpening by what a blur takes away, scikit-image's `unsharp_mask`, not clipped.

        out = image + amount * (image - gaussian_blur(image, sigma))

    With `luminance`, the grey picture's detail is added to all channels alike, which leaves colours at edges as they
    are: `out = image + amount * (grey - gaussian_blur(grey, sigma))`, `grey = rgb_to_grayscale(image)`.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      sigma: of the blur, in pixels: the scale of the detail that is raised. Traced or concrete.
      amount: how much of it is added; 0 leaves the image, negative values soften. Traced or concrete.
      radius: as in `gaussian_blur`.
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".
      luminance: sharpen the luminance of an RGB picture alone.

    Returns:
      `(..., H, W, C)`, the image's dtype; it overshoots the input's range at edges.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, a negative sigma, a traced sigma without radius, or `luminance` without three
        channels.

    Example:
      >>> unsharp_mask(jnp.ones((8, 8, 3)), 2.0, amount=0.5).shape
      (8, 8, 3)

    References:
      scikit-image, `skimage.filters.unsharp_mask`.
    """
    image = check_image(image, channels=3 if luminance else None)
    source = rgb_to_grayscale(image) if luminance else image
    detail = source - gaussian_blur(source, sigma, radius=radius, border=border)
    return image + jnp.asarray(amount, image.dtype) * jnp.broadcast_to(detail, image.shape)
