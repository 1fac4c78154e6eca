"""How strong is the noise? Read from the smoothest blocks of a picture.

In a block without texture everything that is left at high frequencies is noise. So the smoothest blocks are taken,
judged by their low frequencies alone, and the noise is the typical energy of their high ones, which the choice hasn't
touched (Ponomarenko et al.). Pixels at 0 and 1 have been cut off: their noise is smaller than it was, by a factor that
follows from how many there are.

A JPEG's coder takes the high frequencies away, and a camera's noise has few of them: there the middle ones tell.
"""

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from jaximg.correct.levels import BETWEEN, EVEN, SIDE, find_levels
from jaximg.ops.dct import block_basis, dct_matrix

SMOOTHEST = 0.03
"""The share of the blocks that is looked at."""
FEWEST = 300
"""But at least so many blocks."""
MOST = 60_000
"""More blocks than these are not tried: every picture takes about the same time."""
SURELY, FINE = 3 / 255, 25.0
"""Noise of so much at middle frequencies is believed in a JPEG, and more below this quality, in proportion;"""
UNCODED = 8 / 255
"""of so much in a picture that is none, and may be meant as it is."""
COLOURED, STILL = 0.3, 0.012
"""Sensors see colours apart: noise has so much of its strength in its colours, texture less; and so much in a JPEG."""
TELLING = (0.05, 0.15)
"""Where less of the picture tells the noise by its brightness it is texture; where more does, noise."""
MANY = 3000
"""Of so many blocks some are smooth, in nearly every picture."""
CLIPPED = 0.3
"""Blocks with a larger share of cut-off pixels are avoided."""

_DOWN, _ACROSS = np.divmod(np.arange(SIDE * SIDE), SIDE)
HIGH = _DOWN + _ACROSS >= 9
LOW = (_DOWN + _ACROSS < 7) & (_DOWN + _ACROSS > 0)
_DCT = block_basis(SIDE).astype(np.float32)


@dataclass(frozen=True)
class Noise:
    """White noise found in a picture.

    Attributes:
      sigma: standard deviation in the picture's units, the root mean square over the channels.
      planes: the same for each channel after an orthonormal DCT of the channels (for RGB: grey, red - blue, green -
        magenta); equal where the channels' noise is independent, and large in the first alone where they share it.
      confidence: 0 to 1; low where it may be fine texture, which is not white.
      middle: of each plane at middle frequencies, where noise is strong that is not white, or has been coded; empty for
        pictures of less than some 170 x 170 pixels.
      whiteness: about 1.3 for white noise, a third of that for texture.
      levels: the first plane's at middle frequencies by the brightness, as `levels.find_levels` tells it; empty for
        pictures as small.
      telling: the share of the picture whose shades tell `levels`: near 1 where there is noise all over.
    """

    sigma: float = 0.0
    planes: tuple[float, ...] = ()
    confidence: float = 0.0
    middle: tuple[float, ...] = ()
    whiteness: float = 0.0
    levels: tuple[float, ...] = ()
    telling: float = 0.0


def find_noise(image: np.ndarray, known: np.ndarray | None = None) -> Noise:
    """Measures the noise of `image`.

    Args:
      image: `(H, W, C)` floating point, nominally [0, 1].
      known: `(H, W)` bool, False where pixels are damaged and must not be looked at; all known by default.

    Returns:
      What was found; nothing for a picture smaller than a block.

    Example:
      >>> noisy = 0.5 + 0.1 * np.random.default_rng(0).standard_normal((64, 64, 1))
      >>> round(find_noise(noisy).sigma, 2)
      0.1
    """
    height, width, channels = image.shape
    if min(height, width) < SIDE:
        return Noise()
    corners = _corners(height, width)
    pixels = _blocks(image, corners)
    blocks = pixels.astype(np.float32) @ dct_matrix(channels).T.astype(np.float32)
    clipped = ((pixels == 0) | (pixels == 1)).mean((1, 2), dtype=np.float32)
    sound = np.ones(len(blocks), bool) if known is None else _blocks(known[..., None], corners).all((1, 2))
    usable = sound & (clipped <= CLIPPED)
    if usable.sum() < FEWEST:  # a dark or a bright picture
        usable = sound & (clipped <= 0.7)
    if usable.sum() < 16:
        return Noise()
    energies = [np.square(blocks[usable, :, c] @ _DCT.T) for c in range(channels)]
    readings = [_read(energy, clipped[usable]) for energy in energies]
    sigmas = tuple(sigma for sigma, _ in readings)
    sigma = float(np.sqrt(np.mean(np.square(sigmas))))
    white = float(np.average([whiteness for _, whiteness in readings], weights=np.square(sigmas) + 1e-12))
    confidence = _confidence(sigma, white, int(usable.sum()))
    if usable.sum() < MANY:
        return Noise(sigma, sigmas, confidence, whiteness=white)
    told = find_levels(pixels.mean((1, 2))[usable], energies[0])
    return Noise(sigma, sigmas, confidence, tuple(map(_middle, energies)), white, *told)


def of_camera(noise: Noise, quality: float | None = None) -> Noise:
    """A camera's noise, which is not white: told from texture by its middle frequencies.

    A lens leaves smooth places in nearly every picture, and there one without noise has hardly any middle frequencies.
    Where all is texture they are strong, but stronger in one place than in the next: no shade tells `levels`. And
    what is the same all over but has no colours is a surface's grain, or a film's.

    Args:
      noise: what `find_noise` found in an RGB picture.
      quality: of the JPEG, 1 to 100, whose coarse steps leave grains of their own, and whose coder takes high
        frequencies away; None of what is none.

    Returns:
      The same with the strength of what is left and how sure it is; the planes are still those at high frequencies.
      Without levels where it is not sure.

    Example:
      >>> noise = Noise(0.001, (0.002, 0.0005, 0.0005), middle=(0.02, 0.005, 0.005), levels=(0.02,) * 21, telling=0.9)
      >>> of_camera(noise, 80).confidence, of_camera(replace(noise, telling=0.02), 80).confidence
      (1.0, 0.0)
    """
    if not noise.middle:
        return noise
    grey, *colours = noise.middle
    grain = UNCODED if quality is None else SURELY * max(1.0, FINE / quality)
    colour = COLOURED if quality is None else STILL
    surely = _about(grey, grain) * _about(min(colours) / max(grey, 1e-6), colour) * _rise(noise.telling, *TELLING)
    sigma = float(np.sqrt(np.mean(np.square(noise.middle))))
    levels = noise.levels if surely >= 0.5 else ()
    return replace(noise, sigma=max(sigma, noise.sigma), confidence=max(surely, noise.confidence), levels=levels)


def _confidence(sigma: float, whiteness: float, blocks: int) -> float:
    """White, and stronger than the eight bits' own rounding and the finest grain of a good photograph."""
    return float(_rise(whiteness, 0.55, 0.9) * _rise(255 * sigma, 0.5, 3.0) * min(1.0, blocks / 100))


def _about(x: float, middle: float) -> float:
    """From half of `middle` to half as much again."""
    return _rise(x, 0.5 * middle, 1.5 * middle)


def _rise(x: float, low: float, high: float) -> float:
    """0 below `low`, 1 above `high`, smooth between."""
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)


def _corners(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = height - SIDE + 1, width - SIDE + 1
    step = max(1, min(3, min(rows, columns) // 8), int(np.ceil(np.sqrt(rows * columns / MOST))))
    y, x = np.meshgrid(np.arange(0, rows, step), np.arange(0, columns, step), indexing="ij")
    return y.ravel(), x.ravel()


def _blocks(planes: np.ndarray, corners: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(blocks, 64, planes)."""
    windows = np.lib.stride_tricks.sliding_window_view(planes, (SIDE, SIDE), (0, 1))
    return np.moveaxis(windows[corners], 1, -1).reshape(len(corners[0]), SIDE * SIDE, -1)


def _read(energy: np.ndarray, clipped: np.ndarray) -> tuple[float, float]:
    """The noise of one plane, and how white it is: about 1.3 for noise, less for texture."""
    loss = np.interp(clipped, *_LOSS)
    low = energy[:, LOW].mean(1) / loss
    smoothest = _smoothest(low)
    variance = float(np.median(energy[smoothest][:, HIGH].mean(0)) / np.interp(clipped[smoothest].mean(), *_LOSS))
    return np.sqrt(variance), np.sqrt(variance / max(float(low[smoothest].mean()), 1e-12))


def _middle(energy: np.ndarray) -> float:
    """The root mean square at middle frequencies, of blocks `(blocks, 64)` chosen by the even ones, all over."""
    smoothest = _smoothest(energy[:, EVEN].mean(1))
    return float(np.sqrt(energy[smoothest][:, BETWEEN].mean()))


def _smoothest(activity: np.ndarray) -> np.ndarray:
    count = min(len(activity), max(FEWEST, int(SMOOTHEST * len(activity))))
    return np.argpartition(activity, count - 1)[:count]


def _variance_left(share: float) -> float:
    """The variance of unit noise of which `share` has been cut off on one side."""
    if share <= 0:
        return 1.0
    normal = NormalDist()
    t = normal.inv_cdf(share)
    mean = t * share + normal.pdf(t)
    return t * t * share + (1 - share) + t * normal.pdf(t) - mean * mean


_SHARES = np.linspace(0, 0.95, 39)
_LOSS = (_SHARES, np.array([_variance_left(float(share)) for share in _SHARES]))
