"""What a picture from a file is, in memory: its pixels, and what has to be carried over to the next file."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from jaximg.ops.dct import jpeg_tables


class ReadError(ValueError):
    """A file could not be read as a picture; the message names the file and the cure."""


class WriteError(ValueError):
    """A picture could not be written; the message names the file and the cure."""


@dataclass(frozen=True, eq=False)
class Picture:
    r"""The pixels of an image file, and what must be carried over when they are written again.

    Attributes:
      pixels: `(H, W, C)` float32 in [0, 1], C = 1 (grey) or 3 (RGB), upright: EXIF's rotation has been applied.
      alpha: `(H, W, 1)` float32 in [0, 1], 1 where opaque, or None. Not multiplied into the pixels.
      bits: 8, 16, or 32 for a floating-point TIFF (whose values are kept as they are, also outside [0, 1]).
      icc: the colour profile that the pixels are in, or None.
      exif: the EXIF block, beginning with `Exif\0\0`, its orientation reset to upright, or None.
      xmp: the XMP packet, its orientation reset to upright, or None.
      dpi: resolution along x and y in pixels an inch, or None.
      jpeg_tables: the JPEG's quantisation tables, `(8, 8)` integers each, luma first, as they stand in the file (before
        its rotation); empty for other formats.
      jpeg_sampling: the JPEG's chroma sampling, "4:4:4", "4:2:2" or "4:2:0"; None where unknown or grey.
      orientation: EXIF's orientation, 1 to 8, that was applied.
      mode: Pillow's name of the pixel layout in the file, "RGB", "P", "CMYK" ...
      format: "PNG", "JPEG", "TIFF", "WEBP" ...; empty for a picture that never was a file.
      notes: what the reader should know: frames that were left out, a conversion that was made.

    Example:
      >>> Picture(np.zeros((4, 6, 3), np.float32))
      Picture(6 x 4, RGB, 8 bits)
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    bits: int = 8
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    jpeg_tables: tuple[np.ndarray, ...] = ()
    jpeg_sampling: str | None = None
    orientation: int = 1
    mode: str = ""
    format: str = ""
    notes: tuple[str, ...] = ()

    def replace(self, **changes: Any) -> Self:
        """The same picture with some of its fields changed, as `dataclasses.replace`.

        Example:
          >>> Picture(np.zeros((4, 6, 3), np.float32)).replace(bits=16).bits
          16
        """
        return dataclasses.replace(self, **changes)

    @property
    def on_white(self) -> np.ndarray:
        """The pixels `(H, W, C)` as a viewer shows them where they are transparent, on a white page.

        Example:
          >>> Picture(np.zeros((1, 1, 3)), np.full((1, 1, 1), 0.25)).on_white[0, 0].tolist()
          [0.75, 0.75, 0.75]
        """
        return self.pixels if self.alpha is None else self.pixels * self.alpha + (1 - self.alpha)

    @property
    def jpeg_quality(self) -> int | None:
        """The quality, 1 to 100, that libjpeg would have needed for these quantisation tables; None if not a JPEG.

        Exact for tables that libjpeg scaled; for those of cameras and other encoders the nearest by mean absolute log
        ratio.
        """
        return nearest_quality(self.jpeg_tables) if self.jpeg_tables else None

    def __repr__(self) -> str:
        height, width, channels = self.pixels.shape
        colour = {1: "grey", 3: "RGB"}.get(channels, f"{channels} channels")
        parts = [f"{width} x {height}", colour + (" with alpha" if self.alpha is not None else ""), f"{self.bits} bits"]
        return f"Picture({', '.join(parts + ([self.format] if self.format else []))})"


def nearest_quality(tables: tuple[np.ndarray, ...]) -> int:
    """The libjpeg quality, 1 to 100, whose tables are nearest to `tables` (luma, then chroma).

    Example:
      >>> nearest_quality(jpeg_tables(83))
      83
    """
    found = np.log(np.maximum(np.stack(tables[:2]), 1).astype(np.float64))
    standard = np.log(np.stack([np.stack(jpeg_tables(q)[: len(found)]) for q in range(1, 101)]).astype(np.float64))
    # Backwards, so that of equal tables (1 to 3 differ little) the better quality wins.
    return 100 - int(np.argmin(np.abs(standard - found).mean((1, 2, 3))[::-1]))
