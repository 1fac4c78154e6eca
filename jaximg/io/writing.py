"""Writes image files, whole or not at all."""

import contextlib
import os
import secrets
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from jaximg.io import metadata, png, tiff
from jaximg.io.picture import Picture, WriteError

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP"}

FULL_CHROMA = 90
"""From this JPEG quality on, chroma is not subsampled."""

ROWS = 256
"""So many rows are rounded at a time: a large picture is not held in memory twice."""

_JPEG_EXIF_LIMIT = 65533


def write(
    path: str | os.PathLike[str], picture: Picture | np.ndarray, *, overwrite: bool = False, quality: int = 95
) -> None:
    """Writes a picture in the format that the suffix names: .png, .jpg, .jpeg, .tif, .tiff or .webp.

    The file appears whole or not at all: it is written beside its place and then renamed. PNG and TIFF keep 16 bits,
    TIFF keeps floats (as they are); other values are clipped to [0, 1] and rounded. The colour profile, EXIF, XMP and
    the resolution go along where they fit.

    Args:
      path: the file to be.
      picture: a `Picture`, or an array `(H, W, C)` in [0, 1], C = 1 to 4 (2 and 4: the last is alpha), for 8 bits.
      overwrite: whether a file that is there may be replaced.
      quality: 1 to 100, of JPEG and WebP. JPEG keeps full chroma from 90 on, 4:2:0 below; WebP is lossless at 100.

    Raises:
      FileExistsError: the file is there, and `overwrite` is False.
      WriteError: an unknown suffix, no such folder, not finite, transparency in a JPEG, a disk that is full ...

    Example:
      >>> import tempfile
      >>> path = Path(tempfile.mkdtemp()) / "grey.png"
      >>> write(path, np.full((4, 6, 1), 0.5, np.float32))
      >>> Image.open(path).getpixel((0, 0))
      128
    """
    path = Path(os.path.realpath(path))
    kind = _format_of(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path}: is there already; choose another name, or pass overwrite=True to replace it")
    picture = _checked(path, picture, kind)
    if not 1 <= quality <= 100:
        raise WriteError(f"quality={quality}; it runs from 1 to 100")
    try:
        _replace_whole(path, _encode(kind, picture, quality))
    except OSError as e:
        raise WriteError(f"{path}: cannot be written ({e.strerror or e}); check the permissions and the disk") from e
    except (ValueError, ArithmeticError, LookupError, TypeError) as e:
        raise WriteError(f"{path}: does not fit a {kind} file ({e}); write PNG or TIFF instead") from e


def _format_of(path: Path) -> str:
    if path.is_dir():
        raise WriteError(f"{path}: a folder; add a file's name to it")
    if not path.parent.is_dir():
        raise WriteError(f"{path}: the folder {path.parent} does not exist; make it first (mkdir -p)")
    if path.suffix.lower() not in FORMATS:
        raise WriteError(f"{path}: the suffix {path.suffix!r} is not written; choose one of {', '.join(FORMATS)}")
    return FORMATS[path.suffix.lower()]


def _checked(path: Path, picture: Picture | np.ndarray, kind: str) -> Picture:
    if not isinstance(picture, Picture):
        picture = _from_array(path, np.asarray(picture))
    pixels, alpha = np.asarray(picture.pixels), picture.alpha
    if pixels.ndim != 3 or pixels.shape[-1] not in (1, 3) or pixels.dtype.kind not in "fV" or 0 in pixels.shape:
        raise WriteError(
            f"{path}: pixels have shape {pixels.shape}, dtype {pixels.dtype}; a file takes (H, W, 1) or (H, W, 3) "
            "floats in [0, 1]: one file for each picture of a batch"
        )
    if alpha is not None and np.shape(alpha) != (*pixels.shape[:2], 1):
        raise WriteError(f"{path}: alpha has shape {np.shape(alpha)}, the pixels {pixels.shape}; it must be (H, W, 1)")
    for name, values in (("pixels", pixels), ("alpha", alpha)):
        if values is not None and not np.isfinite(np.asarray(values, np.float32)).all():
            raise WriteError(
                f"{path}: {name} are not all finite (NaN or infinity); numpy.nan_to_num would replace them"
            )
    if alpha is not None and kind == "JPEG":
        if np.rint(np.asarray(alpha, np.float32) * 255).min() < 255:
            raise WriteError(
                f"{path}: JPEG has no transparency; write PNG, WebP or TIFF, or drop it with "
                "picture.replace(alpha=None)"
            )
        picture = picture.replace(alpha=None)
    return picture


def _from_array(path: Path, array: np.ndarray) -> Picture:
    if array.ndim != 3 or array.shape[-1] not in (1, 2, 3, 4):
        raise WriteError(f"{path}: an array of shape {array.shape} is no picture; pass (H, W, C), C from 1 to 4")
    colours = array.shape[-1] - (array.shape[-1] in (2, 4))
    return Picture(array[..., :colours], alpha=array[..., colours:] if colours < array.shape[-1] else None)


# --- encoding --------------------------------------------------------------------------------------------------------


def _encode(kind: str, picture: Picture, quality: int) -> bytes:
    samples = _to_samples(picture, kind)
    carried = {
        "icc": picture.icc if metadata.profile_fits(picture.icc, picture.pixels.shape[-1]) else None,
        "exif": picture.exif,
        "xmp": picture.xmp,
        "dpi": picture.dpi,
    }
    if kind == "TIFF":
        return tiff.encode(samples, **carried)
    if kind == "PNG" and samples.dtype == np.uint16:
        return png.encode(samples, **carried)
    out = BytesIO()
    image = Image.fromarray(samples[..., 0] if samples.shape[-1] == 1 else samples)
    image.save(out, kind, **_options(kind, quality, **carried))
    return out.getvalue()


def _to_samples(picture: Picture, kind: str) -> np.ndarray:
    """`(H, W, 1..4)` uint8, uint16 or float32, as the format takes them."""
    parts = [np.asarray(part) for part in (picture.pixels, picture.alpha) if part is not None]
    if picture.bits > 16 and kind == "TIFF":
        return np.concatenate(parts, -1, dtype=np.float32)
    deep = picture.bits > 8 and kind in ("PNG", "TIFF")
    white, dtype = (65535, np.uint16) if deep else (255, np.uint8)
    samples = np.empty((*parts[0].shape[:2], sum(part.shape[-1] for part in parts)), dtype)
    for rows in (slice(y, y + ROWS) for y in range(0, len(samples), ROWS)):
        values = np.concatenate([part[rows] for part in parts], -1, dtype=np.float32)
        samples[rows] = np.rint(np.clip(values, 0, 1) * np.float32(white))
    return samples


def _options(kind: str, quality: int, icc: bytes | None, exif: bytes | None, xmp: bytes | None, dpi: Any) -> dict:
    if kind == "JPEG" and exif and len(exif) > _JPEG_EXIF_LIMIT:
        warnings.warn(f"{len(exif)} bytes of EXIF do not fit a JPEG and were left out", stacklevel=4)
        exif = None
    options: dict[str, Any] = {"icc_profile": icc, "exif": exif, "dpi": dpi}
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        if xmp:
            info.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
        options["pnginfo"] = info
    else:
        options |= {"xmp": xmp, "quality": quality}
    if kind == "JPEG":
        options |= {"subsampling": "4:4:4" if quality >= FULL_CHROMA else "4:2:0", "optimize": True}
    if kind == "WEBP":
        options |= {"lossless": quality == 100, "exact": True, "dpi": None}
    return {name: value for name, value in options.items() if value is not None}


def _replace_whole(path: Path, data: bytes) -> None:
    """Puts `data` at `path` in one move; nothing is left behind if that fails, or at Ctrl-C."""
    beside = path.parent / f".jaximg-{secrets.token_hex(6)}.part"
    try:
        with open(beside, "xb") as file:
            file.write(data)
        if path.exists():
            os.chmod(beside, path.stat().st_mode & 0o777)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
