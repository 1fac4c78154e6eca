"""Mathematical morphology: minima and maxima over a structuring element, and what is built from them."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaximg.ops import windows
from jaximg.ops.element import Element, check_element, concrete, extreme, soft_maximum
from jaximg.typing import Image, Scalar, check_image


def erode(image: Image, element: Element) -> jax.Array:
    """Minimum over a structuring element, OpenCV's `erode`, bit for bit.

        out[y, x] = min of image[y + i - h // 2, x + j - w // 2] over the pixels (i, j) of the h x w element

    Pixels outside the picture don't count. The gradient goes to the first pixel that attains the minimum;
    `soft_erode` shares it out.

    Args:
      image: `(..., H, W, C)` floating point, any range; channels apart.
      element: an int for a square, `(height, width)` for a rectangle, or a 2-D array, nonzero where the element has a
        pixel (`cv2.getStructuringElement` makes some). Static; even sizes are anchored at `size // 2`.

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point, or a traced element.
      ValueError: no channel axis, or an element without a pixel.

    Example:
      >>> erode(jnp.array([3.0, 1.0, 2.0, 4.0, 5.0]).reshape(1, 5, 1), 3)[0, :, 0].tolist()
      [1.0, 1.0, 1.0, 2.0, 4.0]

    References:
      J. Serra, Image analysis and mathematical morphology, 1982. OpenCV, `cv::erode`.
    """
    return extreme(check_image(image), check_element(element), largest=False)


def dilate(image: Image, element: Element) -> jax.Array:
    """Maximum over a structuring element, OpenCV's `dilate`, bit for bit.

        out[y, x] = max of image[y + i - h // 2, x + j - w // 2] over the pixels (i, j) of the h x w element

    Pixels outside the picture don't count. The element is not reflected. The gradient goes to a pixel that attains the
    maximum; `soft_dilate` shares it out.

    Args:
      image: `(..., H, W, C)` floating point, any range; channels apart.
      element: an int for a square, `(height, width)` for a rectangle, or a 2-D array, nonzero where the element has a
        pixel. Static; even sizes are anchored at `size // 2`.

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point, or a traced element.
      ValueError: no channel axis, or an element without a pixel.

    Example:
      >>> dilate(jnp.array([3.0, 1.0, 2.0, 4.0, 5.0]).reshape(1, 5, 1), 3)[0, :, 0].tolist()
      [3.0, 3.0, 4.0, 5.0, 5.0]

    References:
      J. Serra, Image analysis and mathematical morphology, 1982. OpenCV, `cv::dilate`.
    """
    return extreme(check_image(image), check_element(element), largest=True)


def opening(image: Image, element: Element) -> jax.Array:
    """Erosion, then dilation: removes what is bright and smaller than the element, OpenCV's `MORPH_OPEN`.

        out = dilate(erode(image))

    As in OpenCV the element is not reflected in between: one that is not symmetric (an even size, say) shifts the
    picture.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      element: see `erode`.

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point, or a traced element.
      ValueError: no channel axis, or an element without a pixel.

    Example:
      >>> opening(jnp.array([0.0, 1.0, 0.0, 1.0, 1.0, 1.0]).reshape(1, 6, 1), (1, 3))[0, :, 0].tolist()
      [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]

    References:
      J. Serra, 1982. OpenCV, `cv::morphologyEx`.
    """
    return dilate(erode(image, element), element)


def closing(image: Image, element: Element) -> jax.Array:
    """Dilation, then erosion: fills what is dark and smaller than the element, OpenCV's `MORPH_CLOSE`.

        out = erode(dilate(image))

    Args:
      image: `(..., H, W, C)` floating point, any range.
      element: see `erode`; as in `opening` it is not reflected.

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point, or a traced element.
      ValueError: no channel axis, or an element without a pixel.

    Example:
      >>> closing(jnp.array([1.0, 0.0, 1.0, 0.0, 0.0, 0.0]).reshape(1, 6, 1), (1, 3))[0, :, 0].tolist()
      [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]

    References:
      J. Serra, 1982. OpenCV, `cv::morphologyEx`.
    """
    return erode(dilate(image, element), element)


def top_hat(image: Image, element: Element) -> jax.Array:
    """What an opening removes: bright details smaller than the element, OpenCV's `MORPH_TOPHAT`.

        out = image - opening(image)

    Args:
      image: `(..., H, W, C)` floating point, any range.
      element: see `erode`.

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point, or a traced element.
      ValueError: no channel axis, or an element without a pixel.

    Example:
      >>> top_hat(jnp.array([0.0, 1.0, 0.0, 1.0, 1.0, 1.0]).reshape(1, 6, 1), (1, 3))[0, :, 0].tolist()
      [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]

    References:
      F. Meyer, 1979. OpenCV, `cv::morphologyEx`.
    """
    image = check_image(image)
    return image - opening(image, element)


def black_hat(image: Image, element: Element) -> jax.Array:
    """What a closing fills: dark details smaller than the element, OpenCV's `MORPH_BLACKHAT`.

        out = closing(image) - image

    Args:
      image: `(..., H, W, C)` floating point, any range.
      element: see `erode`.

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point, or a traced element.
      ValueError: no channel axis, or an element without a pixel.

    Example:
      >>> black_hat(jnp.array([1.0, 0.0, 1.0, 0.0, 0.0, 0.0]).reshape(1, 6, 1), (1, 3))[0, :, 0].tolist()
      [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]

    References:
      F. Meyer, 1979. OpenCV, `cv::morphologyEx`.
    """
    image = check_image(image)
    return closing(image, element) - image


def morphological_gradient(image: Image, element: Element) -> jax.Array:
    """Dilation less erosion: how much the picture changes within the element, OpenCV's `MORPH_GRADIENT`.

        out = dilate(image) - erode(image)

    Args:
      image: `(..., H, W, C)` floating point, any range.
      element: see `erode`.

    Returns:
      `(..., H, W, C)`, the image's dtype, not negative.

    Raises:
      TypeError: an image that is not floating point, or a traced element.
      ValueError: no channel axis, or an element without a pixel.

    Example:
      >>> morphological_gradient(jnp.array([0.0, 0.0, 0.0, 1.0, 1.0]).reshape(1, 5, 1), 3)[0, :, 0].tolist()
      [0.0, 0.0, 1.0, 1.0, 0.0]

    References:
      J.-F. Rivest et al., Morphological gradients, 1993. OpenCV, `cv::morphologyEx`.
    """
    return dilate(image, element) - erode(image, element)


def hit_or_miss(image: Image, element: np.ndarray | jax.Array | Sequence[Sequence[int]]) -> jax.Array:
    """Finds a small pattern of bright and dark pixels, OpenCV's `MORPH_HITMISS`.

        out = max(0, min over the 1s of the image - max over the -1s of the image)

    that is 1 in a picture of zeros and ones where the 1s of the pattern lie on ones and its -1s on zeros, and the
    contrast between them in a grey one. What lies outside the picture fits.

    Args:
      image: `(..., H, W, C)`, zeros and ones, or grey in [0, 1].
      element: 2-D pattern: 1 bright, -1 dark, 0 either; static.

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point, or a traced element.
      ValueError: no channel axis, an element without a 1, or one that is not 2-D.

    Example:
      >>> corner = [[0, -1, -1], [1, 1, -1], [0, 1, 0]]
      >>> square = jnp.zeros((5, 5, 1)).at[1:4, 1:4].set(1.0)
      >>> np.argwhere(hit_or_miss(square, corner)[..., 0]).tolist()  # its upper right corner
      [[1, 3]]

    References:
      J. Serra, 1982. P. Soille, Morphological image analysis, 2003, section 5.1 (grey pictures). OpenCV,
      `cv::morphologyEx`.
    """
    image = check_image(image)
    pattern = concrete(element)
    if pattern.ndim != 2:
        raise ValueError(f"element has shape {pattern.shape}; a pattern is 2-D: 1 bright, -1 dark, 0 either")
    bright = extreme(image, check_element(pattern > 0), largest=False)
    if not (pattern < 0).any():
        return bright
    dark = extreme(image, check_element(pattern < 0), largest=True)
    return jnp.maximum(jnp.minimum(bright, 1) - jnp.maximum(dark, 0), 0)


def soft_erode(image: Image, element: Element, *, temperature: Scalar = 0.05) -> jax.Array:
    """Smooth minimum over a structuring element: `erode` with a gradient for every pixel.

        out = -t log(mean over the element of exp(-image / t))

    It lies between the minimum (t -> 0) and the mean (t -> infinity), and leaves flat regions as they are.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      element: see `erode`.
      temperature: t, in the image's units, > 0; traced or concrete.

    Returns:
      `(..., H, W, C)`, the image's dtype; not more than `t log(pixels of the element)` above `erode`.

    Raises:
      TypeError: an image that is not floating point, or a traced element.
      ValueError: no channel axis, or an element without a pixel.

    Example:
      >>> x = jnp.array([0.0, 0.0, 1.0, 1.0]).reshape(1, 4, 1)
      >>> bool(jnp.abs(soft_erode(x, 3, temperature=1e-3) - erode(x, 3)).max() < 2e-3)
      True

    References:
      S. Boyd and L. Vandenberghe, Convex optimization, 2004, section 3.1.5.
    """
    return -soft_dilate(-check_image(image), element, temperature=temperature)


def soft_dilate(image: Image, element: Element, *, temperature: Scalar = 0.05) -> jax.Array:
    """Smooth maximum over a structuring element: `dilate` with a gradient for every pixel.

        out = t log(mean over the element of exp(image / t))

    It lies between the maximum (t -> 0) and the mean (t -> infinity), and leaves flat regions as they are.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      element: see `erode`.
      temperature: t, in the image's units, > 0; traced or concrete.

    Returns:
      `(..., H, W, C)`, the image's dtype; not more than `t log(pixels of the element)` below `dilate`.

    Raises:
      TypeError: an image that is not floating point, or a traced element.
      ValueError: no channel axis, or an element without a pixel.

    Example:
      >>> x = jnp.array([0.0, 0.0, 1.0, 1.0]).reshape(1, 4, 1)
      >>> bool(jnp.abs(soft_dilate(x, 3, temperature=1e-3) - dilate(x, 3)).max() < 2e-3)
      True

    References:
      S. Boyd and L. Vandenberghe, Convex optimization, 2004, section 3.1.5.
    """
    image = check_image(image)
    return soft_maximum(image, check_element(element), jnp.asarray(temperature, windows.wide(image.dtype)))
