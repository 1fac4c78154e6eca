"""Text over a picture, as dates and captions are, drawn by Pillow on the host."""

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from jaximg.typing import Image, Key, Scalar, check_image, is_traced

WORDS = ("the quick brown fox", "jumps over", "a lazy dog", "1987-06-05", "No. 42", "holiday", "sample")


def text(
    key: Key,
    image: Image,
    *,
    count: int = 6,
    size: int | None = None,
    words: tuple[str, ...] = WORDS,
    value: Scalar = 1.0,
) -> tuple[jax.Array, jax.Array]:
    """Writes over a picture with Pillow's own font: on the host, not jittable.

        out = (1 - a) image + a value,  a the ink's cover of the pixel

    The gradient with respect to the image passes, as long as the image is not traced.

    Args:
      key: of `jax.random.key`; one for a batch, whose pictures get texts of their own.
      image: `(..., H, W, C)` floating point, nominally in [0, 1].
      count: how many texts, at random places, some of them cut by the rim.
      size: of the letters in pixels; by default a tenth of the shorter side, at least 8.
      words: what is written, drawn at random.
      value: the colour of the ink.

    Returns:
      The image `(..., H, W, C)`, and the mask `(..., H, W, 1)` in its dtype, 1 where no ink is.

    Raises:
      TypeError: an image that is not floating point, or one that is traced.
      ValueError: no channel axis, or a count below 1.

    Example:
      >>> out, mask = text(jax.random.key(0), jnp.zeros((64, 96, 3)))
      >>> 0.5 < mask.mean().item() < 1
      True

    References:
      Bertalmio et al., Image inpainting, SIGGRAPH 2000 (text removal).
    """
    if is_traced(key, image, value):
        raise TypeError("text is drawn on the host, outside jit, vmap and grad; draw it before, and pass its mask in")
    image = check_image(image)
    if count < 1:
        raise ValueError(f"count={count}; at least one text")
    height, width = image.shape[-3:-1]
    letters = size or max(8, min(height, width) // 10)
    batch = image.shape[:-3]
    seeds = jax.random.split(key, int(np.prod(batch))) if batch else key[None]
    inks = np.stack([_ink(seed, (height, width), count, letters, words) for seed in seeds])
    ink = jnp.asarray(inks.reshape(*batch, height, width, 1), image.dtype)
    return image + ink * (jnp.asarray(value, image.dtype) - image), (ink == 0).astype(image.dtype)


def _ink(key: Key, hw: tuple[int, int], count: int, size: int, words: tuple[str, ...]) -> np.ndarray:
    """How much of every pixel the ink covers, `(H, W)` in [0, 1]."""
    rng = np.random.default_rng(np.asarray(jax.random.bits(key, (4,), "uint32")))
    page = PillowImage.new("L", (hw[1], hw[0]))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(size)
    for _ in range(count):
        word = words[rng.integers(len(words))]
        at = (rng.uniform(-0.1, 0.7) * hw[1], rng.uniform(0, 1) * hw[0] - size / 2)
        pen.text(at, word, fill=255, font=font)
    return np.asarray(page, np.float32) / 255
