"""Image files in and out, with nothing lost on the way: `read`, `write`, `read_mask`, `find_images`.

    picture = io.read("photo.jpg")
    better = picture.replace(pixels=correct(picture.pixels))
    io.write("photo-better.png", better)

Reads PNG, JPEG, TIFF, WebP (and GIF, BMP, PNM); writes PNG, JPEG, TIFF, WebP. Sixteen bits stay sixteen, also for
colour; transparency, the colour profile, EXIF, XMP and the resolution are carried over; EXIF's rotation is applied,
once.
"""

from jaximg.io.picture import Picture, ReadError, WriteError
from jaximg.io.reading import find_images, read, read_mask
from jaximg.io.writing import write

__all__ = ["Picture", "ReadError", "WriteError", "find_images", "read", "read_mask", "write"]
