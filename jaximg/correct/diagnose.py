"""What is wrong with this picture?"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from jaximg import io
from jaximg.correct.impulses import find_impulses
from jaximg.correct.jpeg import Jpeg, find_jpeg
from jaximg.correct.missing import find_missing
from jaximg.correct.noise import Noise, find_noise, of_camera
from jaximg.correct.scratches import find_scratches
from jaximg.correct.tears import Bands, Tear, find_bands, find_tear, mend, put_back
from jaximg.typing import Image, Mask, check_image, check_mask

SURE = 0.5
"""What has been found is taken for true where its finder is at least so sure."""
GOOD_JPEG = 92
"""A JPEG of a better quality is left alone."""


@dataclass(frozen=True, eq=False)
class Report:
    """What has been found in a picture; every finding with how sure it is, 0 to 1.

    A finding of confidence 0 is none. The masks are True where the picture is DAMAGED.

    Attributes:
      noise_sigma: standard deviation of the noise, [0, 1] scale; root mean square over the channels. Of a colour JPEG:
        what the coder has left of it.
      noise_confidence: low where it may be fine texture.
      noise_planes: the noise of each channel after an orthonormal DCT of the channels (grey, red - blue, green -
        magenta); empty: the same in all.
      noise_levels: of a camera's noise in a colour picture: what it is where the picture is as bright as each of
        `levels.KNOTS`, from black to white; empty: the same everywhere.
      jpeg_quality: 1 to 100, or None where the picture never was a JPEG.
      jpeg_confidence: 1 where the file says so itself.
      jpeg_corner: row and column, 0 to 7, where JPEG's first whole block begins.
      jpeg_turned: whether rows are columns since: the picture has been turned by a quarter, as portraits are.
      scratches: `(H, W, 1)` bool: thin bright or dark lines.
      scratches_confidence: how sure.
      missing: `(H, W, 1)` bool: holes, transparent pixels, not-a-numbers.
      missing_confidence: how sure.
      impulses: `(H, W, C)` bool: salt and pepper.
      impulses_confidence: how sure.
      tear: the pieces of a torn picture and where they belong. All other findings, and their masks, are then those of
        the picture put together.
      bands: bands of rows that have been moved sideways; the other findings are those of the picture put right.

    Example:
      >>> Report(noise_sigma=0.1, noise_confidence=1.0).noise_sigma
      0.1
    """

    noise_sigma: float = 0.0
    noise_confidence: float = 0.0
    noise_planes: tuple[float, ...] = ()
    noise_levels: tuple[float, ...] = field(default=(), repr=False)
    jpeg_quality: int | None = None
    jpeg_confidence: float = 0.0
    jpeg_corner: tuple[int, int] = (0, 0)
    jpeg_turned: bool = False
    scratches: np.ndarray = field(default_factory=lambda: np.zeros((1, 1, 1), bool), repr=False)
    scratches_confidence: float = 0.0
    missing: np.ndarray = field(default_factory=lambda: np.zeros((1, 1, 1), bool), repr=False)
    missing_confidence: float = 0.0
    impulses: np.ndarray = field(default_factory=lambda: np.zeros((1, 1, 1), bool), repr=False)
    impulses_confidence: float = 0.0
    tear: Tear = field(default_factory=Tear, repr=False)
    bands: Bands = field(default_factory=Bands, repr=False)

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
        if self.tear.confidence:
            rows.insert(0, ("tear", f"{self.tear.count} pieces", self.tear.confidence))
        if self.bands.confidence:
            rows.insert(0, ("bands", f"{int((self.bands.shifts != 0).sum())} rows", self.bands.confidence))
        return "\n".join(f"{name:<10} {found:<24} confidence {sure:.2f}" for name, found, sure in rows)


def _area(mask: np.ndarray) -> str:
    if not mask.any():
        return "none"
    share = 100 * mask.mean()
    return f"{int(mask.sum())} pixels, {share:.2g} %" if mask.shape[-1] == 1 else f"{share:.2g} % of the values"


def diagnose(
    image: Image | io.Picture, *, mask: Mask | None = None, pieces: bool = False, whole: bool = False
) -> Report:
    """Looks for tears, noise, JPEG compression, scratches, missing regions, and salt and pepper.

    Works on the host. In doubt it finds nothing: a clean picture made worse is the one mistake that nobody forgives.

    Args:
      image: `(H, W, 1 or 3)` floating point, nominally [0, 1]; or a picture that `jaximg.io.read` has read, whose
        transparency and JPEG tables say more than its pixels do.
      mask: `(H, W)` or `(H, W, 1)`, 1 where the pixel is KNOWN; where the others part the picture, they are taken for a
        tear if its parts fit once they are moved. Nothing else is made of it.
      pieces: whether the picture shows scattered pieces of one on a plain ground.
      whole: whether to take for granted that all lies where it belongs: no tears and bands are looked for, and what
        else is found is told of the picture as it is.

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
    pixels, alpha = check_pixels(picture.pixels), picture.alpha
    tables = picture.jpeg_tables if picture.orientation == 1 else ()
    if whole:
        return _damage(pixels, alpha, tables)
    with ThreadPoolExecutor(1) as beside:  # two compilers at once
        displaced = beside.submit(_displaced, pixels, alpha, mask, pieces)
        report = _damage(pixels, alpha, tables)
        tear, bands = displaced.result()
    if tear.confidence:
        report = _damage(mend(pixels, tear)[0], None, ())
    elif bands.confidence:
        report = _damage(put_back(pixels, bands.shifts)[0], alpha, tables)
    return replace(report, tear=tear, bands=bands)


def worth_deblocking(quality: int | None, confidence: float) -> bool:
    """Whether a JPEG of that quality, which one is so sure of, is repaired.

    Example:
      >>> worth_deblocking(50, 1.0), worth_deblocking(95, 1.0), worth_deblocking(None, 0.0)
      (True, False, False)
    """
    return quality is not None and quality <= GOOD_JPEG and confidence >= SURE


def _damage(pixels: np.ndarray, alpha: np.ndarray | None, tables: Sequence[np.ndarray]) -> Report:
    """What is wrong with a picture whose parts lie where they belong."""
    missing = find_missing(pixels, alpha)
    if not np.isfinite(pixels).all():
        pixels = np.where(np.isfinite(pixels), pixels, np.float32(0.5))
    impulses = find_impulses(pixels)
    scratches = find_scratches(pixels) if impulses.confidence == 0 else None
    known = ~(missing.mask[..., 0] | impulses.mask.any(-1) | (scratches.mask[..., 0] if scratches else False))
    jpeg = _jpeg(pixels, tables)
    noise = _noise(pixels, known, jpeg)
    nothing = np.zeros((*pixels.shape[:2], 1), bool)
    return Report(
        noise_sigma=noise.sigma,
        noise_confidence=noise.confidence,
        noise_planes=noise.planes,
        noise_levels=noise.levels,
        jpeg_quality=jpeg.quality,
        jpeg_confidence=jpeg.confidence,
        jpeg_corner=jpeg.corner,
        jpeg_turned=jpeg.turned,
        scratches=scratches.mask if scratches else nothing,
        scratches_confidence=scratches.confidence if scratches else 0.0,
        missing=missing.mask,
        missing_confidence=missing.confidence,
        impulses=impulses.mask,
        impulses_confidence=impulses.confidence,
    )


def _jpeg(pixels: np.ndarray, tables: Sequence[np.ndarray]) -> Jpeg:
    """What a file says of itself; where that is harmless, a coarser JPEG that it may have been made from."""
    jpeg = find_jpeg(pixels, tables)
    if not tables or worth_deblocking(jpeg.quality, jpeg.confidence):
        return jpeg
    older = find_jpeg(pixels)
    return older if worth_deblocking(older.quality, older.confidence) else jpeg


def _noise(pixels: np.ndarray, known: np.ndarray, jpeg: Jpeg) -> Noise:
    """Noise that is white, or that a camera has made, or a coder has left."""
    noise = find_noise(pixels, known)
    coded = worth_deblocking(jpeg.quality, jpeg.confidence)
    if len(noise.planes) == 3 and (coded or noise.confidence < SURE):
        return of_camera(noise, jpeg.quality if coded else None)
    return replace(noise, levels=())


def _displaced(pixels: np.ndarray, alpha: np.ndarray | None, mask: Mask | None, pieces: bool) -> tuple[Tear, Bands]:
    """What lies out of place: the pieces of a torn picture, or bands of its rows."""
    lost = None
    if mask is not None:
        lost = np.asarray(check_mask(mask, np.broadcast_to(np.float32(0), pixels.shape)))[..., 0] <= 0.5  # pyright: ignore
    elif alpha is not None and (alpha <= 0).any():
        lost = alpha[..., 0] <= 0
    tear = find_tear(np.where(lost[..., None], 0, pixels) if lost is not None else pixels, lost=lost, pieces=pieces)
    return tear, Bands() if tear.confidence else find_bands(pixels)


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
