"""Rows of ops/denoise.py."""

from itertools import product

import cv2
import numpy as np
from scipy.fft import dctn, idctn
from skimage.restoration import denoise_tv_chambolle, denoise_wavelet

from jaximg import ops
from tests.op_case import OpCase


def _value(value: float):
    return lambda rng, shape: (np.float32(value),)


def _kept(c: np.ndarray, sigma: float) -> np.ndarray:
    strong = np.abs(c) > 2.7 * sigma
    return strong if strong.mean() > 0.02 else np.abs(c) > 3.5 * sigma


def _shrink(x: np.ndarray, guide: np.ndarray | None, sigma: float, blocks: dict[int, int]) -> np.ndarray:
    """One pass of the sliding DCT on one channel, block by block."""
    num, den = np.zeros_like(x), np.zeros_like(x)
    for n, overlap in blocks.items():
        reach = [(n - 1, 2 * n), (n - 1, 2 * n)]
        padded, guided = (np.pad(p, reach, "symmetric") for p in (x, x if guide is None else guide))
        for y, z in product(*(range(0, side + n - 1, n // overlap) for side in x.shape)):
            c = dctn(padded[y : y + n, z : z + n], norm="ortho")
            g = dctn(guided[y : y + n, z : z + n], norm="ortho")
            k = _kept(g, sigma).astype(x.dtype) if guide is None else g**2 / (g**2 + sigma**2)
            k[0, 0] = 1
            w = n * n / max(1, (k**2).sum())
            top, left = max(0, n - 1 - y), max(0, n - 1 - z)
            there = np.s_[y + top - n + 1 : y + 1, z + left - n + 1 : z + 1]
            here = num[there].shape
            num[there] += w * idctn(k * c, norm="ortho")[top : top + here[0], left : left + here[1]]
            den[there] += w
    return num / den


def dct_denoise(
    image: np.ndarray, sigma: float, blocks: tuple[int, ...] = (4, 8), overlap: tuple[int, ...] = (4, 2)
) -> np.ndarray:
    x = dctn(image.astype(np.float64), axes=-1, norm="ortho")
    sizes = dict(zip(blocks, overlap, strict=True))
    first = [_shrink(x[..., c], None, sigma, sizes) for c in range(x.shape[-1])]
    second = [_shrink(x[..., c], first[c], sigma, sizes) for c in range(x.shape[-1])]
    return idctn(np.stack(second, -1), axes=-1, norm="ortho")


def nl_means(image: np.ndarray, h: float, sigma: float = 0.05, patch: int = 3, search: int = 7) -> np.ndarray:
    """The definition, shift by shift."""
    (height, width, _), q, r = image.shape, patch // 2, search // 2
    padded = np.pad(image.astype(np.float64), ((q + r, q + r), (q + r, q + r), (0, 0)), "reflect")
    num, den = 0.0, 0.0
    here = padded[r : r + height + 2 * q, r : r + width + 2 * q]
    for dy in range(-r, r + 1):
        for dx in range(-r, r + 1):
            there = padded[r + dy :, r + dx :][: height + 2 * q, : width + 2 * q]
            square = ((here - there) ** 2).mean(-1, keepdims=True)
            rows = sum(square[i : i + height] for i in range(2 * q + 1))
            d = sum(rows[:, i : i + width] for i in range(2 * q + 1)) / patch**2
            w = np.exp(-np.maximum(d - 2 * sigma**2, 0) / h**2)
            num, den = num + w * padded[q + r + dy :, q + r + dx :][:height, :width], den + w
    return num / den


CASES = [
    OpCase(
        ops.dct_denoise,
        dct_denoise,
        "SciPy",
        args=_value(0.1),
        kwargs={"blocks": (4, 8), "overlap": (4, 2)},
        loose=2e-5,
        bench_hw=None,
        why="a hard threshold: the row's picture has no coefficient on it",
    ),
    OpCase(
        ops.nl_means,
        nl_means,
        "NumPy",
        args=_value(0.08),
        kwargs={"sigma": 0.05, "patch": 3, "search": 7},
        traced=("sigma",),
        bench_hw=None,
    ),
    OpCase(
        ops.nl_means,
        lambda image, h: nl_means(image, h, sigma=0.0, patch=7, search=21),
        "NumPy",
        args=_value(0.1),
        bench_oracle=lambda image, h: cv2.fastNlMeansDenoising(
            (255 * image).astype(np.uint8), None, 255 * float(h), 7, 21
        ),
        label="7 in 21",
        bench_hw=(512, 512),
    ),
    OpCase(
        ops.tv_denoise,
        lambda image, weight: denoise_tv_chambolle(
            image.astype(np.float64), weight=float(weight), eps=0, max_num_iter=31, channel_axis=-1
        ),
        "scikit-image",
        args=_value(0.1),
        kwargs={"iterations": 30, "implicit": False},
    ),
    OpCase(
        ops.wavelet_denoise,
        lambda image: denoise_wavelet(image.astype(np.float64), wavelet="db2", wavelet_levels=2, channel_axis=-1),
        "scikit-image",
        kwargs={"wavelet": "db2", "levels": 2},
        constant=False,
        smallest=16,
        bench_hw=None,
    ),
    OpCase(
        ops.wavelet_denoise,
        lambda image: denoise_wavelet(
            image.astype(np.float64), sigma=0.05, wavelet="haar", wavelet_levels=1, channel_axis=-1
        ),
        "scikit-image",
        kwargs={"wavelet": "haar", "levels": 1, "sigma": 0.05},
        smallest=4,
        bench_hw=None,
        label="told",
    ),
]
