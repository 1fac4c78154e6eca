"""Picture files and their samples, as the tests of jaximg.io make and compare them."""

from functools import cache

import cv2
import numpy as np
from PIL import Image, ImageCms

from jaximg.io import metadata
from tests.op_case import unit

LOSSLESS = [".png", ".tif", ".webp"]


def noise(rng, *shape, bits=8):
    return rng.integers(0, 2**bits, shape, dtype=np.uint8 if bits == 8 else np.uint16)


def as_ints(picture):
    parts = [picture.pixels] if picture.alpha is None else [picture.pixels, picture.alpha]
    white = {8: 255, 16: 65535}[picture.bits]
    return np.rint(np.concatenate(parts, -1) * white).astype(np.uint16 if picture.bits == 16 else np.uint8)


def save_png16(path, samples):
    """By OpenCV, an encoder that isn't ours."""
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(samples.shape[-1], [0])
    assert cv2.imwrite(str(path), samples[..., order])


def photo(rng, height=40, width=56):
    return np.round(unit(rng, (height, width, 3)) * 255).astype(np.uint8)


def exif_block(orientation=1):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x8298] = "(c) Somebody"
    exif[metadata.ORIENTATION] = orientation
    exif.get_ifd(metadata.EXIF_IFD)[0x9003] = "2024:01:02 03:04:05"
    exif.get_ifd(metadata.EXIF_IFD)[0x829A] = 0.5
    exif.get_ifd(metadata.GPS_IFD)[1] = "N"
    return exif.tobytes()


@cache
def sRGB():
    """One profile for all: each that is made bears the second of its making."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'
