"""A region made unrecognisable: a face, a number plate, a name."""

import jax
import jax.numpy as jnp

from jaximg.ops import windows
from jaximg.ops.filters import gaussian_blur
from jaximg.typing import Border, Image, Mask, Scalar, check_image, check_mask, check_size


def pixelate(image: Image, size: int | tuple[int, int], *, mask: Mask | None = None) -> jax.Array:
    """Mosaic: each block of pixels is replaced by its mean, where the mask says so.

        out = mask * image + (1 - mask) * mean over the block

    Blocks start at the top left corner; the last ones may be cut and then average what there is of them.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      size: block in pixels, one int or `(height, width)`, static.
      mask: `(..., H, W, 1)`, 1 where the picture stays as it is, 0 where it is concealed; None conceals all of it.

    Returns:
      `(..., H, W, C)`, the image's dtype; unchanged where the mask is 1.

    Raises:
      TypeError: an image that is not floating point, or a size that is not a static integer.
      ValueError: no channel axis, a size below 1, or a mask that doesn't fit.

    Example:
      >>> pixelate(jnp.arange(4.0).reshape(1, 4, 1), (1, 2))[0, :, 0].tolist()
      [0.5, 0.5, 2.5, 2.5]

    References:
      S. Hill, Z. Zhou, L. Saul and H. Shacham, On the (in)effectiveness of mosaicing and blurring as tools for document
      redaction, PoPETs 2016: what is short and in a known font can be read back from either.
    """
    image = check_image(image)
    height, width = check_size(size, "size")
    blocks = _blocks(image, height, width) / _blocks(jnp.ones_like(image), height, width)
    rows = jnp.repeat(blocks.astype(image.dtype), height, axis=-3)[..., : image.shape[-3], :, :]
    return _conceal(image, jnp.repeat(rows, width, axis=-2)[..., : image.shape[-2], :], mask)


def blur_region(
    image: Image, sigma: Scalar, *, mask: Mask | None = None, radius: int | None = None, border: Border = "reflect"
) -> jax.Array:
    """Gaussian blur where the mask says so.

        out = mask * image + (1 - mask) * gaussian_blur(image, sigma)

    A blur of a few pixels can be undone in part; to hide writing, `pixelate` with blocks larger than its strokes.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      sigma: of the blur, in pixels. Traced or concrete.
      mask: `(..., H, W, 1)`, 1 where the picture stays as it is, 0 where it is concealed; None conceals all of it.
      radius: as in `gaussian_blur`.
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".

    Returns:
      `(..., H, W, C)`, the image's dtype; unchanged where the mask is 1.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, a mask that doesn't fit, or a traced sigma without radius.

    Example:
      >>> x = jnp.zeros((8, 8, 1)).at[4, 4].set(1.0)
      >>> bool((blur_region(x, 2.0, mask=jnp.ones((8, 8, 1))) == x).all())
      True

    References:
      S. Hill, Z. Zhou, L. Saul and H. Shacham, On the (in)effectiveness of mosaicing and blurring as tools for document
      redaction, PoPETs 2016: what is short and in a known font can be read back from either.
    """
    image = check_image(image)
    return _conceal(image, gaussian_blur(image, sigma, radius=radius, border=border), mask)


def _conceal(image: jax.Array, hidden: jax.Array, mask: Mask | None) -> jax.Array:
    if mask is None:
        return hidden
    known = check_mask(mask, image)
    known = known.reshape((1,) * (image.ndim - known.ndim) + known.shape)
    return jnp.where(known > 0.5, image, hidden)


def _blocks(image: jax.Array, height: int, width: int) -> jax.Array:
    """The sums of `height x width` blocks, in at least float32: (..., ceil(H / height), ceil(W / width), C)."""
    h, w, channels = image.shape[-3:]
    wide = image.astype(windows.wide(image.dtype))
    padded = windows.pad(wide, (0, -h % height), (0, -w % width), "constant")
    rows, columns = padded.shape[-3] // height, padded.shape[-2] // width
    return padded.reshape(*image.shape[:-3], rows, height, columns, width, channels).sum((-4, -2))
