"""What is wrong with this picture?"""

from dataclasses import dataclass, field

import numpy as np

from jaximg import io
from jaximg.correct.impulses import find_impulses
from jaximg.correct.jpeg import find_jpeg
from jaximg.correct.missing import find_missing
from jaximg.correct.noise import find_noise
from jaximg.correct.scratches import find_scratches
from jaximg.typing import Image, check_image


@dataclass(frozen=True)
class Report:
    """What has been found in a picture; every finding with how sure it is, 0 to 1.

    A finding of confidence 0 is none. The masks are True where the picture is DAMAGED.

    Attributes:
      noise_sigma: standard deviation of the noise, [0, 1] scale; root mean square over the channels.
      noise_confidence: low where it may be fine texture.
      noise_planes: the noise of each channel after an orthonormal DCT of the channels (grey, red - blue, green -
        magenta); empty: the same in all.
      jpeg_quality: 1 to 100, or None where the picture never was a JPEG.
      jpeg_confidence: 1 where the file says so itself.
      jpeg_corner: row and column, 0 to 7, where JPEG's first whole block begins.
      scratches: `(H, W, 1)` bool: thin bright or dark lines.
      scratches_confidence: how sure.
      missing: `(H, W, 1)` bool: holes, transparent pixels, not-a-numbers.
      missing_confidence: how sure.
      impulses: `(H, W, C)` bool: salt and pepper.
      impulses_confidence: how sure.

    Example:
      >>> Report(noise_sigma=0.1, noise_confidence=1.0).noise_sigma
      0.1
    """

    noise_sigma: float = 0.0
    noise_confidence: float = 0.0
    noise_planes: tuple[float, ...] = ()
    jpeg_quality: int | None = None
    jpeg_confidence: float = 0.0
    jpeg_corner: tuple[int, int] = (0, 0)
    scratches: np.ndarray = field(default_factory=lambda: np.zeros((1, 1, 1), bool), repr=False)
    scratches_confidence: float = 0.0
    missing: np.ndarray = field(default_factory=lambda: np.zeros((1, 1, 1), bool), repr=False)
    missing_confidence: float = 0.0
    impulses: np.ndarray = field(default_factory=lambda: np.zeros((1, 1, 1), bool), repr=False)
    impulses_confidence: float = 0.0

    def __str__(self) -> str:
        """One line a kind of damage."""
        jpeg = "none" if self.jpeg_quality is None else f"quality {self.jpeg_quality}"
        rows = [
            ("noise", f"sigma {255 * self.noise_sigma:.1f} of 255", self.noise_confidence),
            ("jpeg", jpeg, self.jpeg_confidence),
            ("scratches", _area(self.scratches), self.scratches_confidence),
            ("missing", _area(self.missing), self.missing_confidence),
            ("impulses", _area(self.impulses), self.impulses_confidence),
        ]
        return "\n".join(f"{name:<10} {found:<24} confidence {sure:.2f}" for name, found, sure in rows)


def _area(mask: np.ndarray) -> str:
    if not mask.any():
        return "none"
    share = 100 * mask.mean()
    return f"{int(mask.sum())} pixels, {share:.2g} %" if mask.shape[-1] == 1 else f"{share:.2g} % of the values"


def diagnose(image: Image | io.Picture) -> Report:
    """Looks for noise, JPEG compression, scratches, missing regions, and salt and pepper.

    Works on the host. In doubt it finds nothing: a clean picture made worse is the one mistake that nobody forgives.

    Args:
      image: `(H, W, 1 or 3)` floating point, nominally [0, 1]; or a picture that `jaximg.io.read` has read, whose
        transparency and JPEG tables say more than its pixels do.

    Returns:
      The report; print it.

    Raises:
      TypeError: not an image, or not floating point.
      ValueError: not `(H, W, 1 or 3)`.

    Example:
      >>> noisy = 0.5 + 0.1 * np.random.default_rng(0).standard_normal((64, 64, 1))
      >>> print(str(diagnose(noisy)).splitlines()[0])
      noise      sigma 25.7 of 255        confidence 1.00
    """
    picture = image if isinstance(image, io.Picture) else io.Picture(pixels=check_pixels(image))
    pixels = check_pixels(picture.pixels)
    missing = find_missing(pixels, picture.alpha)
    hole = missing.mask[..., 0]
    pixels = np.where(missing.mask & ~np.isfinite(pixels), np.float32(0.5), pixels)
    impulses = find_impulses(pixels)
    scratches = find_scratches(pixels) if impulses.confidence == 0 else None
    known = ~(hole | impulses.mask.any(-1) | (scratches.mask[..., 0] if scratches else False))
    noise = find_noise(pixels, known)
    tables = picture.jpeg_tables if picture.orientation == 1 else ()
    jpeg = find_jpeg(pixels, tables)
    nothing = np.zeros((*pixels.shape[:2], 1), bool)
    return Report(
        noise_sigma=noise.sigma,
        noise_confidence=noise.confidence,
        noise_planes=noise.planes,
        jpeg_quality=jpeg.quality,
        jpeg_confidence=jpeg.confidence,
        jpeg_corner=jpeg.corner,
        scratches=scratches.mask if scratches else nothing,
        scratches_confidence=scratches.confidence if scratches else 0.0,
        missing=missing.mask,
        missing_confidence=missing.confidence,
        impulses=impulses.mask,
        impulses_confidence=impulses.confidence,
    )


def check_pixels(image: Image) -> np.ndarray:
    """One picture as a float32 array on the host, or an error that names the cure.

    Example:
      >>> check_pixels(np.zeros((2, 3, 1))).dtype
      dtype('float32')
    """
    if getattr(image, "ndim", 3) > 3:
        raise ValueError(f"image has shape {image.shape}; this takes one picture, (H, W, 1 or 3), at a time")
    check_image(image[:1, :1] if getattr(image, "ndim", 0) == 3 and image.size else image, channels=(1, 3))
    return np.asarray(image, np.float32)
