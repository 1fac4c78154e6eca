"""TIFF beyond what Pillow knows: 16-bit colour, floats, planes, BigTIFF."""

import contextlib
import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import numpy as np
import tifffile
from PIL import Image, TiffImagePlugin, TiffTags

from jaximg.io import metadata
from jaximg.io.picture import Picture, ReadError

COMPRESSED_STRIP = 1 << 20
"""Bytes of a strip before compression, about."""

_NO_CODEC = "imagecodecs"


def decode(data: bytes, guard: Callable[[int, int], None]) -> Picture | None:
    """Grey, RGB, with or without alpha, of 8 or 16 bits or floats; None for what Pillow must read.

    Args:
      data: the file.
      guard: called with width and height before anything is decoded.

    Returns:
      The first page, or None if its colours (palette, CMYK, YCbCr), its bits or its compression are left to Pillow.

    Raises:
      ReadError: samples that cannot be taken for a picture.
      Exception: whatever tifffile and Pillow raise on a damaged file.
    """
    with tifffile.TiffFile(BytesIO(data)) as file:
        page = file.pages[0]
        if not isinstance(page, tifffile.TiffPage):
            return None
        guard(page.imagewidth, page.imagelength)
        if page.photometric not in (0, 1, 2) or page.bitspersample not in (8, 16, 32, 64) or page.imagedepth != 1:
            return None
        _check_samples(page)
        try:
            array = page.asarray()
        except ValueError as e:
            if _NO_CODEC not in str(e):
                raise
            return _left_to_pillow(page)
        notes = (f"{len(file.pages)} pages in the file: the first was read",) if len(file.pages) > 1 else ()
        return _picture(array, page, data, notes)


def _left_to_pillow(page: tifffile.TiffPage) -> None:
    """Pillow has codecs that tifffile lacks, but knows fewer layouts."""
    if page.dtype is not None and page.dtype.kind == "f" and page.samplesperpixel > 1:
        raise ReadError(
            f"floating-point colour compressed by {page.compression!r}; pip install imagecodecs, or save it "
            "uncompressed"
        )


def _check_samples(page: tifffile.TiffPage) -> None:
    if page.dtype is None or page.dtype.kind not in "uf" or (page.dtype.kind == "u" and page.dtype.itemsize > 2):
        raise ReadError(
            f"TIFF samples of type {page.dtype} have no agreed white; convert them to uint8, uint16 or float32 in "
            "[0, 1] (signed values: add an offset first)"
        )


def _picture(array: np.ndarray, page: tifffile.TiffPage, data: bytes, notes: tuple[str, ...]) -> Picture:
    samples = page.samplesperpixel
    array = array if samples == 1 else np.moveaxis(array, 0, -1) if page.planarconfig == 2 else array
    array = array.reshape(page.imagelength, page.imagewidth, samples)
    colours = 3 if page.photometric == 2 else 1
    if samples > colours + 1:
        notes += (f"{samples - colours} extra channels in the file: the first is taken for alpha",)
    pixels, alpha = _to_float(array, colours, page)
    orientation = int(page.tags.valueof(274, 1) or 1)
    turn = orientation if orientation in range(1, 9) else 1
    icc = page.tags.valueof(34675)
    return Picture(
        pixels=np.ascontiguousarray(metadata.upright(pixels, turn)),
        alpha=None if alpha is None else np.ascontiguousarray(metadata.upright(alpha, turn)),
        bits={1: 8, 2: 16}[array.dtype.itemsize] if array.dtype.kind == "u" else 32,
        icc=icc if metadata.profile_fits(icc, colours) else None,
        orientation=turn,
        mode=(
            "RGB" if colours == 3 else "L" if array.dtype == np.uint8 else "I;16" if array.dtype == np.uint16 else "F"
        )
        + ("A" if alpha is not None else ""),
        format="TIFF",
        notes=notes + _range_note(pixels),
        **_described(data, page),
    )


def _to_float(array: np.ndarray, colours: int, page: tifffile.TiffPage) -> tuple[np.ndarray, np.ndarray | None]:
    values = array.astype(np.float32)
    white = np.float32(np.iinfo(array.dtype).max if array.dtype.kind == "u" else 1)
    values /= white
    pixels, alpha = values[..., :colours], values[..., colours : colours + 1]
    if page.photometric == 0:
        pixels = 1 - pixels
    if not alpha.size:
        return pixels, None
    if page.extrasamples and page.extrasamples[0] == 1:  # colours multiplied by alpha
        pixels = np.where(alpha > 0, pixels / np.maximum(alpha, 1e-6), 0)
    return pixels, alpha


def _range_note(pixels: np.ndarray) -> tuple[str, ...]:
    low, high = np.nanmin(pixels), np.nanmax(pixels)
    if low < 0 or high > 1:
        return (f"values run from {low:.4g} to {high:.4g}: pictures are in [0, 1]; scale them",)
    return ()


def _described(data: bytes, page: tifffile.TiffPage) -> dict:
    """EXIF, XMP and resolution of a page."""
    exif = None
    with contextlib.suppress(OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error):
        block = Image.Exif()
        block.load_from_fp(
            BytesIO(data)
        )  # Pillow parses the tags, also where it does not know the layout of the pixels
        exif = metadata.descriptive_exif(block)
    xmp = page.tags.valueof(700)
    return {
        "exif": exif,
        "xmp": metadata.upright_xmp(bytes(xmp)) if isinstance(xmp, bytes) else None,
        "dpi": metadata.upright_dpi(metadata.checked_dpi(_resolution(page)), int(page.tags.valueof(274, 1) or 1)),
    }


def _resolution(page: tifffile.TiffPage) -> tuple[float, float] | None:
    unit = {2: 1.0, 3: 2.54}.get(int(page.tags.valueof(296, 2)))
    x, y = page.tags.valueof(282), page.tags.valueof(283)
    if unit is None or not x or not y or not x[1] or not y[1]:
        return None
    return unit * x[0] / x[1], unit * y[0] / y[1]


# --- writing ---------------------------------------------------------------------------------------------------------


def encode(
    samples: np.ndarray, *, icc: bytes | None, exif: bytes | None, xmp: bytes | None, dpi: tuple | None
) -> bytes:
    r"""A TIFF of `(H, W, 1..4)` uint8, uint16 or float32 samples, compressed without loss, with its EXIF.

    Example:
      >>> encode(np.zeros((2, 3, 3), np.uint16), icc=None, exif=None, xmp=None, dpi=None)[:4]
      b'II*\x00'
    """
    height, width, channels = samples.shape
    rows = max(1, COMPRESSED_STRIP // (width * channels * samples.dtype.itemsize))
    strips = [_compressed(samples[y : y + rows]) for y in range(0, height, rows)]
    sizes = tuple(map(len, strips))
    ifd = TiffImagePlugin.ImageFileDirectory_v2(ifh=b"II\x2a\x00\x08\x00\x00\x00")
    if exif:
        _describe(ifd, exif)
    ifd[254] = 0
    ifd[256], ifd[257], ifd[277], ifd[278] = width, height, channels, rows
    ifd[258] = (samples.dtype.itemsize * 8,) * channels
    ifd[259], ifd[262], ifd[284] = 8, 1 if channels < 3 else 2, 1
    ifd[273], ifd[279] = tuple(int(v) for v in np.cumsum((0, *sizes[:-1]))), sizes
    ifd.tagtype[273] = ifd.tagtype[279] = TiffTags.LONG
    ifd[274] = 1
    if samples.dtype.kind == "u":
        ifd[317] = 2
    ifd[339] = ({"u": 1, "f": 3}[samples.dtype.kind],) * channels
    if channels in (2, 4):
        ifd[338] = 2
    if dpi:
        ifd[282], ifd[283], ifd[296] = *dpi, 2
    for tag, kind, value in ((34675, TiffTags.UNDEFINED, icc), (700, TiffTags.BYTE, xmp)):
        if value:
            ifd[tag] = value
            ifd.tagtype[tag] = kind
    out = BytesIO()
    ifd.save(out)
    return b"".join((out.getvalue(), *strips))


def _compressed(rows: np.ndarray) -> bytes:
    rows = rows.astype(rows.dtype.newbyteorder("<"))
    if rows.dtype.kind == "u":  # the horizontal predictor: each sample minus the one to its left
        rows = np.concatenate([rows[:, :1], rows[:, 1:] - rows[:, :-1]], axis=1)
    return zlib.compress(np.ascontiguousarray(rows).tobytes(), 6)


def _describe(ifd: TiffImagePlugin.ImageFileDirectory_v2, exif: bytes) -> None:
    block = Image.Exif()
    block.load(exif)
    for tag in metadata.DESCRIPTIVE:
        if tag in block:
            ifd[tag] = block[tag]
    for tag in (metadata.EXIF_IFD, metadata.GPS_IFD):
        if inner := {k: v for k, v in block.get_ifd(tag).items() if k != metadata.INTEROP_IFD}:
            ifd[tag] = inner
            ifd.tagtype[tag] = TiffTags.LONG
