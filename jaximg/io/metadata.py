"""What goes along with the pixels: rotation, EXIF, XMP, colour profiles."""

import contextlib
import re
import struct

import numpy as np
from PIL import Image, TiffImagePlugin

EXIF_PREFIX = b"Exif\0\0"
ORIENTATION = 0x0112
EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
DESCRIPTIVE = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x013C, 0x8298, *range(0x9C9B, 0x9CA0))
"""IFD0's tags that tell of the picture and not of the file: description, camera, software, date, author, copyright."""

_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))([1-8])")


def upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Turns `(H, W, ...)` as EXIF's orientation, 1 to 8, asks.

    Example:
      >>> upright(np.array([[1, 2, 3], [4, 5, 6]]), 6).tolist()
      [[4, 1], [5, 2], [6, 3]]
    """
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array


def reset_orientation(exif: bytes) -> bytes:
    """The same EXIF block, its orientation set to 1 (upright) in place, so that not one other byte changes.

    A block too broken to find the tag in comes back as it is.

    Example:
      >>> block = Image.Exif()
      >>> block[ORIENTATION] = 6
      >>> block.load(reset_orientation(block.tobytes()))
      >>> block[ORIENTATION]
      1
    """
    block = bytearray(exif)
    start = len(EXIF_PREFIX) if exif.startswith(EXIF_PREFIX) else 0
    order = "<" if block[start : start + 2] == b"II" else ">"
    with contextlib.suppress(struct.error):
        ifd = start + struct.unpack_from(order + "I", block, start + 4)[0]
        for i in range(struct.unpack_from(order + "H", block, ifd)[0]):
            entry = ifd + 2 + 12 * i
            if struct.unpack_from(order + "H", block, entry)[0] == ORIENTATION:
                struct.pack_into(order + "HIHH", block, entry + 2, 3, 1, 1, 0)
    return bytes(block)


def find_orientation(image: Image.Image) -> int:
    """EXIF's orientation (or XMP's, where EXIF has none), 1 to 8; 1 where there is none or it makes no sense."""
    value = image.getexif().get(ORIENTATION, 1)
    return value if value in range(1, 9) else 1


def find_exif(image: Image.Image) -> bytes | None:
    """The EXIF block of an opened file, upright, or None."""
    raw = image.info.get("exif")
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        raw = descriptive_exif(image.getexif())
    elif not raw and len(image.getexif()):
        raw = image.getexif().tobytes()
    if not raw:
        return None
    return reset_orientation(raw if raw.startswith(EXIF_PREFIX) else EXIF_PREFIX + raw)


def descriptive_exif(exif: Image.Exif) -> bytes | None:
    """An EXIF block of what a TIFF says of its picture, without what it says of its strips."""
    kept = Image.Exif()
    for tag in DESCRIPTIVE:
        # What tifffile and ImageJ store here describes an array's axes, which may have changed.
        if tag in exif and not str(exif[tag]).startswith(('{"shape"', "ImageJ=")):
            kept[tag] = exif[tag]
    for tag in (EXIF_IFD, GPS_IFD):
        if ifd := exif.get_ifd(tag):
            kept.get_ifd(tag).update({k: v for k, v in ifd.items() if k != INTEROP_IFD})
            kept[tag] = kept.get_ifd(tag)
    return kept.tobytes() if len(kept) else None


def find_xmp(image: Image.Image) -> bytes | None:
    """The XMP packet of an opened file, upright, or None."""
    raw = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    return upright_xmp(raw.encode() if isinstance(raw, str) else raw) if raw else None


def upright_xmp(packet: bytes) -> bytes:
    """The packet, its orientation set to 1.

    Example:
      >>> upright_xmp(b'<rdf tiff:Orientation="6"/>')
      b'<rdf tiff:Orientation="1"/>'
    """
    return _XMP_ORIENTATION.sub(rb"\g<1>1", packet)


def find_dpi(image: Image.Image) -> tuple[float, float] | None:
    """The resolution of an opened file in pixels an inch, or None."""
    return checked_dpi(image.info.get("dpi"))


def upright_dpi(dpi: tuple[float, float] | None, orientation: int) -> tuple[float, float] | None:
    """Across and down, of a picture that EXIF's orientation had lying on its side, once it is upright.

    Example:
      >>> upright_dpi((300.0, 150.0), 6), upright_dpi((300.0, 150.0), 3)
      ((150.0, 300.0), (300.0, 150.0))
    """
    return (dpi[1], dpi[0]) if dpi and orientation in range(5, 9) else dpi


def checked_dpi(dpi: object) -> tuple[float, float] | None:
    """A resolution that makes sense, or None.

    Example:
      >>> checked_dpi((300, 300)), checked_dpi((0, 0))
      ((300.0, 300.0), None)
    """
    with contextlib.suppress(TypeError, ValueError, ArithmeticError):
        x, y = (float(v) for v in dpi)  # pyright: ignore[reportGeneralTypeIssues]
        # 1 is what Pillow says of a TIFF that doesn't say.
        return (x, y) if np.isfinite([x, y]).all() and min(x, y) > 1 else None
    return None


def profile_fits(icc: bytes | None, channels: int) -> bool:
    """Whether a colour profile describes pictures of that many channels.

    Example:
      >>> profile_fits(bytes(16) + b"GRAY", 1), profile_fits(bytes(16) + b"CMYK", 3)
      (True, False)
    """
    return icc is not None and icc[16:20] == {1: b"GRAY", 3: b"RGB "}.get(channels)
