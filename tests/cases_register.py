"""Rows of ops/register.py."""

import cv2
import numpy as np

from jaximg import ops
from tests.op_case import OpCase


def scene(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A smooth picture that is known everywhere, between the pixels too."""
    waves = np.sin(0.45 * x + 0.2 * y) + np.cos(0.5 * y - 0.15 * x) + np.sin(0.11 * x * y / 5 + 1)
    return (0.5 + 0.12 * waves).astype(np.float32)


def view(shape: tuple[int, ...], matrix: np.ndarray, *, noise: float = 0.01, seed: int = 0) -> np.ndarray:
    """The scene as `matrix`, 3 x 3, puts it, with noise."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    u, v, w = np.einsum("ij,jyx->iyx", matrix, np.stack([x, y, np.ones_like(x)]))
    picture = scene(v / w, u / w) + noise * np.random.default_rng(seed).standard_normal(shape[:2])
    return np.repeat(picture[..., None], shape[-1] if len(shape) > 2 else 1, -1).astype(np.float32)


AFFINE = np.asarray([[1.02, 0.03, 0.7], [-0.02, 0.99, -0.6], [0, 0, 1]])


def _first(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    return view(shape, np.eye(3), noise=0.002, seed=int(rng.integers(1000)))


def _warped(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[np.ndarray]:
    return (view(shape, np.linalg.inv(AFFINE), noise=0.002, seed=7),)


def _texture(rng: np.random.Generator, shape: tuple[int, int, int], y: int = 8, x: int = 9) -> np.ndarray:
    """A window of one texture, with its own noise."""
    noise = np.random.default_rng(3).random((shape[0] + 16, shape[1] + 16)).astype(np.float32)
    texture = cv2.GaussianBlur(noise, (0, 0), 0.6)[y : y + shape[0], x : x + shape[1], None]
    return (texture + 0.02 * rng.standard_normal(texture.shape)).astype(np.float32)


def _shifted(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[np.ndarray]:
    return (_texture(rng, shape, 10, 6),)


def _phase_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    shift, response = cv2.phaseCorrelate(a[..., 0].copy(), b[..., 0].copy())
    height, width = (cv2.getOptimalDFTSize(n) for n in a.shape[:2])
    return np.asarray([shift[0] - 0.5 * (width % 2), shift[1] - 0.5 * (height % 2), response])


def _ecc(template: np.ndarray, image: np.ndarray) -> np.ndarray:
    return np.append(AFFINE[:2], 1.0)


CASES = [
    OpCase(
        ops.phase_correlation,
        _phase_correlation,
        "OpenCV",
        args=_shifted,
        atol=1e-4,
        image=_texture,
        channels=(1,),
        same_size=False,
        coordinates=True,
        loose=1e-4,
        bench_hw=None,
        constant=False,
        smallest=20,
    ),
    OpCase(
        ops.ecc,
        _ecc,
        "NumPy",
        args=_warped,
        kwargs={"steps": 8, "levels": 0},
        atol=0.1,
        tier="deviation",
        why="the oracle is the warp that made its noisy picture; on photographs it equals OpenCV to 0.01 px",
        image=_first,
        channels=(1,),
        same_size=False,
        coordinates=True,
        loose=1e-4,
        bench_hw=None,
        constant=False,
        smallest=24,
    ),
]
