"""What goes wrong with pictures: noise, blur, JPEG, scratches, holes, text, tears.

Functions take `(key, image, *, ...)`, the image `(..., H, W, C)` nominally in [0, 1], and answer with the image, or
with `(image, mask)` where pixels get lost: mask `(..., H, W, 1)`, 1 where the pixel is known. One key serves a whole
batch: each of its pictures is damaged independently. Strengths may be traced, counts are static. Everything is safe
under jit, vmap and grad but `jpeg_real`, `text` and the tears (`tear`, `tear_pieces`, `shift_bands`), which work on the
host; a tear moves what it tears, so it answers with where everything went.
"""

from jaximg.degrade.blur import blur
from jaximg.degrade.jpeg import jpeg, jpeg_real
from jaximg.degrade.loss import holes, pixel_dropout, scratches
from jaximg.degrade.noise import camera_noise, gaussian_noise, mosaic, mosaic_noise, poisson_noise, salt_and_pepper
from jaximg.degrade.tear import shift_bands, tear, tear_pieces
from jaximg.degrade.writing import text

__all__ = [
    "blur",
    "camera_noise",
    "gaussian_noise",
    "holes",
    "jpeg",
    "jpeg_real",
    "mosaic",
    "mosaic_noise",
    "pixel_dropout",
    "poisson_noise",
    "salt_and_pepper",
    "scratches",
    "shift_bands",
    "tear",
    "tear_pieces",
    "text",
]
