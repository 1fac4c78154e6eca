"""Rows of ops/match.py."""

import cv2
import numpy as np

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


CASES = [
    *(_row(mode, 16, 14, bench=mode == "ccoeff_normed") for mode in METHOD),
    *(_row(mode, 5, 4, bench=mode == "ccoeff_normed") for mode in ("sqdiff_normed", "ccoeff_normed")),
    *(_row(mode, 12, 13, masked=True, bench=mode == "ccoeff_normed") for mode in METHOD),
]
