"""Reads image files, masks and folders."""

import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from jaximg.io import metadata, tiff
from jaximg.io.picture import Picture, ReadError

Path_ = str | os.PathLike[str]

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".gif", ".bmp", ".pgm", ".ppm")
"""What `find_images` takes for an image."""

MAX_PIXELS = 200_000_000

# Their own classes, not Image.open: that one has a limit of its own, global to the process.
_OPENERS = (
    (b"\x89PNG\r\n\x1a\n", PngImagePlugin.PngImageFile),
    (b"\xff\xd8\xff", JpegImagePlugin.jpeg_factory),
    (b"II*\0", TiffImagePlugin.TiffImageFile),
    (b"MM\0*", TiffImagePlugin.TiffImageFile),
    (b"II+\0", TiffImagePlugin.TiffImageFile),
    (b"MM\0+", TiffImagePlugin.TiffImageFile),
    (b"RIFF", WebPImagePlugin.WebPImageFile),
    (b"GIF8", GifImagePlugin.GifImageFile),
    (b"BM", BmpImagePlugin.BmpImageFile),
    (b"P", PpmImagePlugin.PpmImageFile),
)

_DAMAGED = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, AttributeError, struct.error,
    zlib.error, ImageCms.PyCMSError,
)  # fmt: skip
"""What Pillow and tifffile raise on files that are cut short or damaged."""


def read(path: Path_, *, max_pixels: int | None = MAX_PIXELS) -> Picture:
    """Reads an image file: PNG, JPEG, TIFF, WebP, GIF, BMP or PNM, told by its contents and not by its name.

    Sixteen-bit files give their sixteen bits, also for colour. EXIF's rotation is applied. Palettes become RGB, one bit
    becomes grey, transparency in whatever form becomes `alpha`. CMYK and Lab become sRGB, by the file's colour profile
    where it has one, else naively. Of several frames or pages the first is read. `notes` says what was done.

    Args:
      path: the file.
      max_pixels: the largest height times width that is decoded, a guard against decompression bombs; None for any.

    Returns:
      A `Picture`, `pixels` float32 in [0, 1]. Written to a lossless format it gives the same integers again.

    Raises:
      ReadError: missing, empty, a folder, no permission, not an image, damaged, too large, or of a kind that isn't
        supported. A ValueError; the message names the file and the cure.

    Example:
      >>> import tempfile, os
      >>> path = os.path.join(tempfile.mkdtemp(), "grey.png")
      >>> Image.new("L", (6, 4), 255).save(path)
      >>> read(path)
      Picture(6 x 4, grey, 8 bits, PNG)
      >>> read(path).pixels.max()
      np.float32(1.0)
    """
    data = _read_bytes(Path(path))
    opener = next((factory for magic, factory in _OPENERS if data.startswith(magic)), None)
    if opener is None:
        raise ReadError(f"{path}: {_what_it_is(data)}; convert it to PNG, JPEG, TIFF or WebP first")
    try:
        if opener is TiffImagePlugin.TiffImageFile and (picture := tiff.decode(data, _guard(path, max_pixels))):
            return picture
        return _decode(opener(BytesIO(data)), data, _guard(path, max_pixels))
    except ReadError as e:
        raise (e if str(e).startswith(str(path)) else ReadError(f"{path}: {e}")) from e.__cause__
    except Image.DecompressionBombError as e:  # of WebP and GIF, which have Pillow's limit built in
        raise ReadError(f"{path}: {e}; if you trust the file, raise PIL.Image.MAX_IMAGE_PIXELS") from e
    except _DAMAGED as e:
        raise ReadError(
            f"{path}: damaged, cut short or not an image ({str(e).strip() or type(e).__name__}); copy it again from "
            "its source, or open it in a viewer to see what is left of it"
        ) from e


def _read_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ReadError(f"{path}: no such file; check the name (the working folder is {Path.cwd()})") from None
    except IsADirectoryError:
        raise ReadError(f"{path}: a folder; pass a file of it (jaximg.io.find_images lists its images)") from None
    except PermissionError:
        raise ReadError(f"{path}: no permission to read it; chmod u+r, or copy it to a place of your own") from None
    except (OSError, ValueError) as e:
        raise ReadError(f"{path}: cannot be read ({e}); check the name and the disk") from e
    if not data:
        raise ReadError(f"{path}: empty (0 bytes); copy it again from its source")
    return data


def _what_it_is(data: bytes) -> str:
    if data[4:8] == b"ftyp":
        return "a HEIC, AVIF or video file, which is not read here"
    known = {b"%PDF": "a PDF", b"<svg": "an SVG drawing", b"<?xm": "XML, perhaps an SVG drawing", b"8BPS": "a PSD file"}
    return known.get(data[:4], "not an image that is read here")


class _guard:
    """Refuses a picture of more than so many pixels before it is decoded."""

    def __init__(self, path: Path_, max_pixels: int | None):
        self.path, self.max_pixels = path, max_pixels

    def __call__(self, width: int, height: int) -> None:
        if self.max_pixels is not None and width * height > self.max_pixels:
            raise ReadError(
                f"{self.path}: {width} x {height} = {width * height / 1e6:.0f} million pixels, more than the limit of "
                f"{self.max_pixels / 1e6:.0f}; if you trust the file, raise it with max_pixels={width * height} or None"
            )


# --- by Pillow -------------------------------------------------------------------------------------------------------


def _decode(image: ImageFile.ImageFile, data: bytes, guard: _guard) -> Picture:
    guard(*image.size)
    frames = getattr(image, "n_frames", 1)
    mode, kind = image.mode, image.format or ""
    # A PNG's EXIF may stand after its pixels; a TIFF is turned upright by Pillow while its pixels are loaded.
    before = metadata.find_orientation(image) if kind == "TIFF" else None
    array, notes = _samples(image, data)
    orientation = before or metadata.find_orientation(image)
    if frames > 1:
        notes = (*notes, f"{frames} frames or pages in the file: the first was read")
    array = array if before else metadata.upright(array, orientation)
    pixels, alpha = split_alpha(array)
    icc = image.info.get("icc_profile") or None
    return Picture(
        pixels=pixels,
        alpha=alpha,
        bits={"u1": 8, "u2": 16}.get(array.dtype.str[1:], 32),
        icc=icc if metadata.profile_fits(icc, pixels.shape[-1]) else None,
        exif=metadata.find_exif(image),
        xmp=metadata.find_xmp(image),
        dpi=metadata.upright_dpi(metadata.find_dpi(image), orientation),
        orientation=orientation,
        mode=mode,
        format="JPEG" if kind == "MPO" else kind,
        notes=notes,
        **_jpeg_facts(image),
    )


def split_alpha(array: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """`(H, W)` or `(H, W, 1..4)` samples as pixels and alpha, float32, integers scaled to [0, 1].

    Example:
      >>> split_alpha(np.full((2, 3, 2), 255, np.uint8))[1].shape
      (2, 3, 1)
    """
    array = array if array.ndim == 3 else array[..., None]
    values = array.astype(np.float32)
    if array.dtype.kind == "u":
        values /= np.float32(np.iinfo(array.dtype).max)
    colours = array.shape[-1] - (array.shape[-1] in (2, 4))
    pixels, alpha = np.ascontiguousarray(values[..., :colours]), values[..., colours:]
    return pixels, np.ascontiguousarray(alpha) if alpha.size else None


def _samples(image: ImageFile.ImageFile, data: bytes) -> tuple[np.ndarray, tuple[str, ...]]:
    """The samples of an opened file, `(H, W)` or `(H, W, C)`, as they are stored, and what had to be done."""
    if (deep := _sixteen_bits(image, data)) is not None:
        return _with_colour_key(deep, image, data), ()
    image.load()
    if image.mode in ("CMYK", "LAB"):
        return _to_srgb(image)
    if image.mode in ("P", "PA", "La", "RGBa", "YCbCr"):
        target = {"La": "LA", "PA": "RGBA", "RGBa": "RGBA"}.get(image.mode, "RGB")
        return np.asarray(image.convert("RGBA" if "transparency" in image.info else target)), ()
    if image.mode == "I" and image.format == "PPM":
        return np.asarray(image).astype(np.uint16), ()
    if image.mode == "1":
        return _with_colour_key(np.asarray(image.convert("L")), image, data), ()
    if image.mode in ("L", "LA", "RGB", "RGBA", "I;16", "I;16B", "I;16L", "F"):
        array = np.asarray(image)
        return _with_colour_key(array.astype(array.dtype.newbyteorder("=")), image, data), ()
    raise ReadError(
        f"samples of the kind {image.mode!r} have no agreed white; convert it to 8 or 16 bits, or to a float TIFF "
        "in [0, 1]"
    )


def _sixteen_bits(image: ImageFile.ImageFile, data: bytes) -> np.ndarray | None:
    """Colour, or grey with alpha, at 16 bits, which Pillow would cut to 8; None for anything else.

    Pillow can decode such a file to the first or the last byte of each sample, depending on the byte order that it is
    told. So it is told one, then the other.
    """
    tiles = image.tile
    names = {_raw_mode(tile) for tile in tiles}
    if len(names) != 1 or not (name := names.pop()).endswith((";16B", ";16L", ";16N")):
        return None
    if name == "LA;16B":
        image.tile = [tile._replace(args="RGBA") for tile in tiles]
        grey_and_alpha = np.asarray(image).astype(np.uint16)
        return grey_and_alpha[..., 0::2] << 8 | grey_and_alpha[..., 1::2]
    if not name.startswith("RGB") or name.startswith("RGBa"):
        return None
    native = ";16L" if np.little_endian else ";16B"
    order = name[-4:] if name[-1] != "N" else native
    swapped = {";16B": ";16L", ";16L": ";16B"}[order]
    other = type(image)(BytesIO(data))
    other.tile = [_with_raw_mode(tile, name[:-4] + swapped) for tile in other.tile]
    return np.asarray(image).astype(np.uint16) << 8 | np.asarray(other)


def _raw_mode(tile: tuple) -> str:
    args = tile[3]
    return args if isinstance(args, str) else str(args[0]) if args else ""


def _with_raw_mode(tile: ImageFile._Tile, name: str) -> ImageFile._Tile:
    return tile._replace(args=name if isinstance(tile.args, str) else (name, *(tile.args or ())[1:]))


def _with_colour_key(array: np.ndarray, image: Image.Image, data: bytes) -> np.ndarray:
    """Adds the alpha channel that a PNG's or GIF's one transparent colour means."""
    key = image.info.get("transparency")
    if key is None or isinstance(key, bytes) or array.dtype.kind != "u" or image.mode in ("LA", "RGBA"):
        return array
    array = array if array.ndim == 3 else array[..., None]
    white = np.iinfo(array.dtype).max
    if image.format == "PNG" and image.mode == "L" and data[24] < 8:
        key = key * 255 // (2 ** data[24] - 1)
    opaque = (array != np.asarray(key, array.dtype)).any(-1, keepdims=True)
    return np.concatenate([array, opaque.astype(array.dtype) * white], -1)


def _to_srgb(image: Image.Image) -> tuple[np.ndarray, tuple[str, ...]]:
    """CMYK or Lab to RGB by the embedded profile (Lab has its own), else naively, (1 - c)(1 - k)."""
    icc = image.info.get("icc_profile")
    source = None
    if image.mode == "LAB":
        source = ImageCms.createProfile("LAB")
    elif icc and icc[16:20] == b"CMYK":
        source = ImageCms.getOpenProfile(BytesIO(icc))
    if source is not None:
        target = ImageCms.createProfile("sRGB")
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        turned = ImageCms.profileToProfile(image, source, target, intent, outputMode="RGB")
        if turned is not None:
            return np.asarray(turned), (f"{image.mode} converted to sRGB by its colour profile; written as RGB",)
    return np.asarray(image.convert("RGB")), (f"{image.mode} without a profile converted naively; written as RGB",)


def _jpeg_facts(image: Image.Image) -> dict:
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        return {}
    order = list(dict.fromkeys(layer[3] for layer in image.layer)) or sorted(image.quantization)
    tables = tuple(np.asarray(image.quantization[i], np.int32).reshape(8, 8) for i in order if i in image.quantization)
    sampling = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}.get(JpegImagePlugin.get_sampling(image))
    return {"jpeg_tables": tables, "jpeg_sampling": sampling if len(image.layer) > 1 else None}


# --- masks and folders -----------------------------------------------------------------------------------------------


def read_mask(path: Path_, shape: Sequence[int], *, max_pixels: int | None = MAX_PIXELS) -> np.ndarray:
    """Reads a mask file, white where the picture is to be filled, as a mask in this library's convention.

    Colours are averaged to grey, transparent counts as black, and half white or more is white.

    Args:
      path: the mask file, in any format that `read` takes.
      shape: the picture's `(H, W)` or `(..., H, W, C)`.
      max_pixels: as in `read`.

    Returns:
      `(H, W, 1)` float32: 1 where the pixel is known, 0 where it is to be filled.

    Raises:
      ReadError: as in `read`; another size than the picture's; or grey without any white, as label images have it.

    Example:
      >>> import tempfile, os
      >>> path = os.path.join(tempfile.mkdtemp(), "mask.png")
      >>> Image.fromarray(np.array([[0, 255, 0]], np.uint8)).save(path)
      >>> read_mask(path, (1, 3))[..., 0].tolist()
      [[1.0, 0.0, 1.0]]
    """
    picture = read(path, max_pixels=max_pixels)
    height, width = shape if len(shape) == 2 else shape[-3:-1]
    if picture.pixels.shape[:2] != (height, width):
        own = f"{picture.pixels.shape[1]} x {picture.pixels.shape[0]}"
        raise ReadError(
            f"{path}: the mask is {own} pixels, the picture {width} x {height} (width x height, upright); "
            "a mask has its picture's size: crop or resize it"
        )
    white = picture.pixels.mean(-1, keepdims=True)
    if picture.alpha is not None:
        white = white * picture.alpha
    if 0 < white.max() < 0.5:
        raise ReadError(
            f"{path}: nothing in it is white, the brightest pixel is {white.max() * 255:.3g} of 255; a mask is white "
            "where the picture is to be filled and black elsewhere: multiply a mask of 0 and 1 by 255"
        )
    return (white < 0.5).astype(np.float32)


def find_images(paths: Path_ | Iterable[Path_], *, recursive: bool = False) -> list[Path]:
    """The image files among `paths` and in the folders among them, each once.

    A file that is named is taken whatever its name. In a folder, files are told by their suffix (whatever its case),
    sorted by name; hidden ones and hidden folders are left out.

    Args:
      paths: a file, a folder, or several of them.
      recursive: whether folders within folders are walked too.

    Returns:
      The files, in the order of `paths`.

    Raises:
      ReadError: one of `paths` does not exist.

    Example:
      >>> import tempfile, pathlib
      >>> folder = pathlib.Path(tempfile.mkdtemp())
      >>> for name in ("b.JPG", "a.png", ".hidden.png", "notes.txt"):
      ...     (folder / name).touch()
      >>> [path.name for path in find_images(folder)]
      ['a.png', 'b.JPG']
    """
    found: dict[Path, None] = {}
    for path in map(Path, [paths] if isinstance(paths, str | os.PathLike) else paths):
        if path.is_dir():
            found.update(dict.fromkeys(_images_in(path, recursive)))
        elif path.exists():
            found[path] = None
        else:
            raise ReadError(f"{path}: no such file or folder; check the name (the working folder is {Path.cwd()})")
    return list(found)


def _images_in(folder: Path, recursive: bool) -> list[Path]:
    candidates = folder.rglob("*") if recursive else folder.iterdir()
    return sorted(
        path
        for path in candidates
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )
