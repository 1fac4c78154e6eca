"""Flips, quarter turns, crops and patches: the same pixels in other places. dm-pix's, and what its manner lacks."""

import dm_pix
import jax
import jax.numpy as jnp
from dm_pix import (
    center_crop,
    depth_to_space,
    flip_left_right,
    flip_up_down,
    pad_to_size,
    random_flip_left_right,
    random_flip_up_down,
    rot90,
    space_to_depth,
)

from jaximg.ops import windows
from jaximg.typing import Image, Key, check_image, check_size

__all__ = [
    "center_crop",
    "depth_to_space",
    "extract_patches",
    "flip_left_right",
    "flip_up_down",
    "pad_to_size",
    "random_crop",
    "random_flip_left_right",
    "random_flip_up_down",
    "rot90",
    "space_to_depth",
]


def random_crop(key: Key, image: Image, size: int | tuple[int, int]) -> jax.Array:
    """A window at a random place, dm-pix's `random_crop` with the size of the window alone.

    A batch is cropped at one place; `jax.vmap` over keys gives every picture its own.

    Args:
      key: of `jax.random.key`.
      image: `(..., H, W, C)` floating point.
      size: height and width of the window in pixels, one int or `(height, width)`, static.

    Returns:
      `(..., height, width, C)`.

    Raises:
      TypeError: an image that is not floating point, a size that is not static.
      ValueError: no channel axis, a window larger than the image.

    Example:
      >>> random_crop(jax.random.key(0), jnp.zeros((8, 9, 3)), (4, 5)).shape
      (4, 5, 3)

    References:
      `dm_pix.random_crop`, `tf.image.random_crop`.
    """
    image = check_image(image)
    height, width = check_size(size, "size")
    if height > image.shape[-3] or width > image.shape[-2]:
        raise ValueError(f"size={(height, width)} is larger than the image {image.shape}; pad_to_size enlarges it")
    pictures = image.reshape(-1, *image.shape[-3:])
    cropped = jax.vmap(lambda x: jnp.asarray(dm_pix.random_crop(key, x, (height, width, x.shape[-1]))))(pictures)
    return cropped.reshape(*image.shape[:-3], *cropped.shape[1:])


def extract_patches(image: Image, size: int | tuple[int, int], *, stride: int | tuple[int, int] = 1) -> jax.Array:
    """All windows of a size, each as the channels of one pixel; `dm_pix.extract_patches` by slices.

        out[y, x, (i * width + j) * C + c] = image[y * stride + i, x * stride + j, c]

    Linear; its adjoint adds the patches up where they came from.

    Args:
      image: `(..., H, W, C)` floating point.
      size: of the window in pixels, one int or `(height, width)`, static.
      stride: from one window to the next in pixels, one int or `(down, right)`, static.

    Returns:
      `(..., (H - height) // down + 1, (W - width) // right + 1, height * width * C)`.

    Raises:
      TypeError: an image that is not floating point, a size that is not static.
      ValueError: no channel axis, a window larger than the image.

    Example:
      >>> extract_patches(jnp.arange(9.0).reshape(3, 3, 1), 2)[0, 0].tolist()
      [0.0, 1.0, 3.0, 4.0]

    References:
      `tf.image.extract_patches`.
    """
    image = check_image(image)
    (height, width), (down, right) = check_size(size, "size"), check_size(stride, "stride")
    if height > image.shape[-3] or width > image.shape[-2]:
        raise ValueError(f"size={(height, width)} is larger than the image {image.shape}; pad_to_size enlarges it")
    rows, columns = image.shape[-3] - height + 1, image.shape[-2] - width + 1
    shifts = [(i, j) for i in range(height) for j in range(width)]
    return jnp.concatenate([windows.shifted(image, *at, rows, columns)[..., ::down, ::right, :] for at in shifts], -1)
