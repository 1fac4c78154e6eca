"""Rows of ops/match.py."""

import cv2
import numpy as np
import scipy.ndimage

from jaximg import ops
from tests.op_case import OpCase

METHOD = {
    "sqdiff": cv2.TM_SQDIFF,
    "sqdiff_normed": cv2.TM_SQDIFF_NORMED,
    "ccorr": cv2.TM_CCORR,
    "ccorr_normed": cv2.TM_CCORR_NORMED,
    "ccoeff": cv2.TM_CCOEFF,
    "ccoeff_normed": cv2.TM_CCOEFF_NORMED,
}


def exact(image: np.ndarray, template: np.ndarray, mode: str, mask: np.ndarray | None = None) -> np.ndarray:
    """The definition, in float64; NaN where it divides by zero."""
    h, w, _ = template.shape
    windows = np.lib.stride_tricks.sliding_window_view(image.astype(np.float64), (h, w), (0, 1))
    windows = windows.transpose(0, 1, 3, 4, 2)
    weight = np.broadcast_to(1.0 if mask is None else mask, template.shape).astype(np.float64)
    template = template.astype(np.float64)
    if mode.startswith("ccoeff"):
        template = template - (weight * template).sum((0, 1)) / weight.sum((0, 1))
        windows = windows - ((weight * windows).sum((2, 3)) / weight.sum((0, 1)))[:, :, None, None]
    square = weight**2
    product = (windows - template) ** 2 if mode.startswith("sqdiff") else windows * template
    score = (square * product).sum((2, 3, 4))
    if mode.endswith("normed"):
        with np.errstate(invalid="ignore", divide="ignore"):
            score /= np.sqrt((square * windows**2).sum((2, 3, 4)) * (square * template**2).sum())
    if mode == "sqdiff_normed" and mask is None:
        score = np.minimum(score, 1)
    return score[..., None]


def _template(h: int, w: int):
    def make(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[np.ndarray]:
        y, x = np.mgrid[:h, :w] / max(h, w)
        wave = 0.5 + 0.3 * np.sin(5 * x + 3 * y)[..., None] + 0.1 * np.arange(shape[2])
        return ((wave + 0.1 * rng.standard_normal((h, w, shape[2]))).astype(np.float32),)

    return make


def _mask(h: int, w: int, channels: int = 1) -> np.ndarray:
    y, x = np.mgrid[:h, :w]
    disc = np.hypot(y - (h - 1) / 2, x - (w - 1) / 2) < min(h, w) / 2
    return np.repeat((disc * (0.5 + 0.5 * (x > 1)))[..., None], channels, -1).astype(np.float32)


def _row(mode: str, h: int, w: int, *, masked: bool = False, bench: bool = True) -> OpCase:
    mask = _mask(h, w) if masked else None
    scale = 1 if mode.endswith("normed") else h * w

    def oracle(image: np.ndarray, template: np.ndarray) -> np.ndarray:
        if mode.startswith("ccoeff"):  # the score is the same, and OpenCV rounds a tenth as much
            image, template = image - image.mean((0, 1)), template - template.mean((0, 1))
        score = cv2.matchTemplate(image, template, METHOD[mode], mask=None if mask is None else mask[..., 0])
        return np.where(np.isfinite(score), score, float(mode == "sqdiff_normed"))  # NaN on flat windows, if masked

    return OpCase(
        ops.match_template,
        oracle,
        "OpenCV",
        args=_template(h, w),
        kwargs={"mode": mode} | ({} if mask is None else {"mask": mask}),
        atol=1e-5 * scale,
        loose=1e-5 * scale,
        same_size=False,
        smallest=max(h, w),
        bench_hw=(1024, 1024) if bench else None,
        label=f"{mode}-{h}x{w}" + ("-masked" if masked else ""),
    )


def _parabola(score: np.ndarray, y: int, x: int) -> tuple[float, float, float]:
    """The summit near (y, x), between the pixels."""
    best, place = score[y, x], [float(y), float(x)]
    height = float(best)
    for axis, n in enumerate(score.shape):
        step = np.eye(2, dtype=int)[axis]
        if 0 < (y, x)[axis] < n - 1:
            a, c = (score[tuple(np.add((y, x), s * step))] for s in (-1, 1))
            shift = 0.5 * (a - c) / (a - 2 * best + c)
            place[axis] += shift
            height -= 0.25 * (a - c) * shift
    return place[0], place[1], height


def _peaks(image: np.ndarray, count: int) -> np.ndarray:
    """Local maxima of a 5 x 5 window by SciPy, best first."""
    score = image[..., 0].astype(np.float64)
    peaks = np.argwhere(score == scipy.ndimage.maximum_filter(score, 5, mode="constant", cval=-np.inf))
    peaks = sorted(peaks.tolist(), key=lambda p: -score[tuple(p)])[:count]
    found = np.asarray([_parabola(score, *p) for p in peaks]).reshape(-1, 3)
    rows = np.full((count, 4), [-1.0, -1, 0, 0])
    rows[: len(found)] = np.c_[found, np.ones(len(found))]
    return rows.T


def _search(image: np.ndarray, template: np.ndarray) -> np.ndarray:
    score = exact(image, template, "ccoeff_normed")[..., 0]
    y, x, height = _parabola(score, *np.unravel_index(score.argmax(), score.shape))
    middle = (np.asarray(template.shape[:2]) - 1) / 2
    return np.asarray([y + middle[0], x + middle[1], 1, 0, 0, height, 1])


CASES = [
    *(_row(mode, 16, 14, bench=mode == "ccoeff_normed") for mode in METHOD),
    *(_row(mode, 5, 4, bench=mode == "ccoeff_normed") for mode in ("sqdiff_normed", "ccoeff_normed")),
    *(_row(mode, 12, 13, masked=True, bench=mode == "ccoeff_normed") for mode in METHOD),
    OpCase(
        ops.find_peaks,
        _peaks,
        "SciPy",
        args=lambda rng, shape: (5,),
        atol=1e-4,
        channels=(1,),
        same_size=False,
        coordinates=True,
        smallest=3,
        constant=False,
    ),
    OpCase(
        ops.match_search,
        _search,
        "NumPy",
        args=_template(5, 4),
        atol=2e-4,
        channels=(1,),
        same_size=False,
        coordinates=True,
        smallest=5,
        bench_hw=None,
        constant=False,
    ),
]
