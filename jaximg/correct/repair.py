"""One function for each kind of damage: (image, report, how) -> image, on the host, pictures of any size."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from jaximg.correct import classical, network
from jaximg.correct.diagnose import Report
from jaximg.correct.fill import fill_smoothly
from jaximg.correct.holes import fill
from jaximg.correct.jpeg import find_halved
from jaximg.correct.levels import level_map
from jaximg.correct.tears import mend, put_back
from jaximg.correct.tiles import in_parts
from jaximg.models.restorer import coarseness

NETWORKS = {1: "denoise_gray", 3: "denoise_color"}
"""The denoiser for so many channels."""
ALIKE = 5.0
"""The network has learned noise that the channels don't share, and a camera's: planes may differ by this factor."""
MORE = 1.25
"""A coder takes some of the noise away, and so the level that is read at high frequencies is too low."""

TURNED = network.VIEWS[1]
"""How the grey network sees a picture for its first answer: what it makes of both has fewer of the errors of one."""
RIM, WIDE = {1: 368, 3: 176}, {1: 1760, 3: 1840}
"""A part of a large picture sees so many pixels around it, by channels: as far as an estimate, a network and `hold`
look together, or the two estimates and answers of a grey one; with them it is two of the largest squares wide."""


Level = float | tuple[float, ...]
"""The noise's standard deviation, or one for each of `levels.KNOTS`."""


@dataclass(frozen=True)
class How:
    """How repairs go about it, as far as it concerns them.

    Attributes:
      ensemble: whether networks see the picture in all eight ways (`network.restore`).
      donate: whether the answer may be written over the image, where that saves memory (`tiles.in_parts`).
    """

    ensemble: bool = False
    donate: bool = False


USUAL = How()


def put_together(image: np.ndarray, report: Report, how: How = USUAL) -> np.ndarray:
    """Lays the pieces of a torn picture where they belong."""
    del how
    return mend(image, report.tear)[0]


def put_rows_back(image: np.ndarray, report: Report, how: How = USUAL) -> np.ndarray:
    """Moves bands of rows back."""
    del how
    return fill_smoothly(*put_back(image, report.bands.shifts))


def fill_missing(image: np.ndarray, report: Report, how: How = USUAL) -> np.ndarray:
    """Continues the picture into `report.missing`."""
    return fill(image, report.missing, how.ensemble)


def fill_scratches(image: np.ndarray, report: Report, how: How = USUAL) -> np.ndarray:
    """Continues the picture into `report.scratches`."""
    return fill(image, report.scratches, how.ensemble)


def fill_impulses(image: np.ndarray, report: Report, how: How = USUAL) -> np.ndarray:
    """Continues each channel into its `report.impulses`; what is missing or no number there is told nothing by."""
    lost = report.impulses | report.missing | ~np.isfinite(image)
    return np.where(report.impulses, fill(image, lost, how.ensemble), image)


def denoise(image: np.ndarray, report: Report, how: How = USUAL) -> np.ndarray:
    """Removes noise of `report.noise_sigma`, as far as the report is sure of it; in `one_go` with a JPEG's blocks."""
    if report.noise_levels or one_go(report):
        level = report.noise_levels or MORE * float(np.sqrt(np.mean(np.square(report.noise_planes))))
        return _denoise_camera(image, report, level, how)
    planes = report.noise_planes if len(report.noise_planes) == image.shape[-1] else (report.noise_sigma,)
    sigma = np.broadcast_to(report.noise_confidence * np.asarray(planes, np.float32), image.shape[-1:])
    if len(sigma) in NETWORKS and sigma.max() <= ALIKE * sigma.min():
        level = float(np.sqrt(np.mean(np.square(sigma))))
        return _denoised(image, level, 0.0, how)
    return classical.denoise(image, sigma)


def deblock(image: np.ndarray, report: Report, how: How = USUAL) -> np.ndarray:
    """Removes the blocks and ringing of a JPEG of `report.jpeg_quality`; in colour by a trained network."""
    quality = report.jpeg_quality
    if quality is None:
        return image
    if image.shape[-1] == 1:
        return _aligned(image, report, lambda x: classical.deblock(x, quality))

    def deblocked(x: np.ndarray) -> np.ndarray:
        halved = find_halved(x, quality)

        def one(part: np.ndarray) -> np.ndarray:
            out = _network(classical.deblock(part, quality), part, 0.0, _coarseness(quality), ensemble=how.ensemble)
            return classical.hold(out, part, quality, halved)

        return _large(x, one, how)

    return _aligned(image, report, deblocked)


def one_go(report: Report) -> bool:
    """Whether `denoise` takes a JPEG's blocks away together with the noise: in colour pictures that were diagnosed.

    The coder has bent the noise of such a picture: it is neither white nor as strong as it was. The network knows.

    Example:
      >>> one_go(Report(jpeg_quality=90, noise_planes=(0.1, 0.1, 0.1))), one_go(Report(noise_planes=(0.1, 0.1, 0.1)))
      (True, False)
    """
    return report.jpeg_quality is not None and len(report.noise_planes) == 3


def _denoise_camera(image: np.ndarray, report: Report, level: Level, how: How) -> np.ndarray:
    coarse = _coarseness(report.jpeg_quality) if report.jpeg_quality else 0.0
    return _aligned(image, report, lambda x: _denoised(x, level, coarse, how))


def _denoised(image: np.ndarray, level: Level, coarse: float, how: How) -> np.ndarray:
    def one(part: np.ndarray) -> np.ndarray:
        sigma = level_map(part, level) if isinstance(level, tuple) else level
        begun = classical.estimate(part, sigma)
        if part.shape[-1] > 1:
            return _network(begun, part, sigma, coarse, ensemble=how.ensemble)
        first = _network(begun, part, begun, sigma, coarse, view=TURNED)
        return _network(classical.estimate_again(part, first, sigma), part, first, sigma, coarse, ensemble=how.ensemble)

    return _large(image, one, how)


def _large(image: np.ndarray, repair: Callable[[np.ndarray], np.ndarray], how: How) -> np.ndarray:
    rim = RIM[image.shape[-1]]
    return in_parts(repair, image, rim=rim, side=WIDE[image.shape[-1]] - 2 * rim, donate=how.donate)


def _coarseness(quality: float) -> float:
    return float(coarseness(quality))


def _network(begun: np.ndarray, *maps: np.ndarray | float, **seen: Any) -> np.ndarray:
    """A denoiser's answer; a number is a map that is the same everywhere. `seen`: as for `network.restore`."""
    *size, channels = begun.shape
    whole = (x if isinstance(x, np.ndarray) else np.full((*size, 1), x, np.float32) for x in maps)
    return network.restore(NETWORKS[channels], begun, *whole, **seen)


def _aligned(image: np.ndarray, report: Report, repair: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Repairs a picture whose JPEG blocks begin elsewhere (it has been cropped) or lie on their sides as if not."""
    if report.jpeg_turned:
        upright = replace(report, jpeg_turned=False, jpeg_corner=report.jpeg_corner[::-1])
        return np.swapaxes(_aligned(np.swapaxes(image, 0, 1), upright, repair), 0, 1)
    before = [(-corner) % 8 for corner in report.jpeg_corner]
    if report.jpeg_quality is None or not any(before):
        return repair(image)
    return repair(np.pad(image, [(n, 0) for n in before] + [(0, 0)], mode="symmetric"))[before[0] :, before[1] :]
