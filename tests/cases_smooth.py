"""Rows of ops/smooth.py."""

import cv2
import numpy as np

from jaximg import ops
from tests.op_case import OpCase, unit


def _static(*values):
    return lambda rng, shape: values


def _bilateral(diameter: int) -> OpCase:
    return OpCase(
        ops.bilateral_filter,
        lambda image, d, color, space: cv2.bilateralFilter(image, d, float(color), float(space)),
        "OpenCV",
        args=_static(diameter, np.float32(0.2), np.float32(2.5)),
        atol=2e-5,
        label=f"d{diameter}",
    )


def _guide(channels: int):
    return lambda rng, shape: unit(rng, (*shape[:2], channels))


def _joint_oracle(image, guide, diameter, color, space):
    r = diameter // 2
    pad = ((r, r), (r, r), (0, 0))
    values, guides = (np.pad(x.astype(np.float64), pad, mode="reflect") for x in (image, guide))
    h, w = image.shape[:2]
    total, weight = 0.0, 0.0
    for dy in range(2 * r + 1):
        for dx in range(2 * r + 1):
            square = (dy - r) ** 2 + (dx - r) ** 2
            if square > r * r:
                continue
            distance = np.abs(guides[dy : dy + h, dx : dx + w] - guide).sum(-1, keepdims=True)
            near = np.exp(-square / (2 * space**2) - distance**2 / (2 * color**2))
            total, weight = total + near * values[dy : dy + h, dx : dx + w], weight + near
    return total / weight


def _guided_oracle(image, guide, radius, eps):
    """He et al., a linear system solved at each pixel."""
    size = (2 * radius + 1,) * 2
    image, guide = image.astype(np.float64), guide.astype(np.float64)
    h, w = image.shape[:2]

    def mean(v):
        return cv2.blur(np.ascontiguousarray(v), size).reshape(h, w, -1)

    pairs = (guide[..., :, None] * guide[..., None, :]).reshape(h, w, -1)
    centre, count = mean(guide), guide.shape[-1]
    spread = mean(pairs).reshape(h, w, count, count) - centre[..., :, None] * centre[..., None, :]
    out = []
    for c in range(image.shape[-1]):
        plane = image[..., c : c + 1]
        shared = mean(guide * plane) - centre * mean(plane)
        slope = np.linalg.solve(spread + eps * np.eye(count), shared[..., None])[..., 0]
        offset = mean(plane)[..., 0] - (slope * centre).sum(-1)
        out.append((mean(slope) * guide).sum(-1) + mean(offset)[..., 0])
    return np.stack(out, -1)


def _diffusion_oracle(image, iterations, kappa=0.1, step=0.2):
    x = image.astype(np.float64)
    for _ in range(iterations):
        p = np.pad(x, ((1, 1), (1, 1), (0, 0)), mode="edge")
        differences = [p[:-2, 1:-1] - x, p[2:, 1:-1] - x, p[1:-1, :-2] - x, p[1:-1, 2:] - x]
        x = x + step * sum(d * np.exp(-((d / kappa) ** 2)) for d in differences)
    return x


CASES = [
    _bilateral(5),
    _bilateral(9),
    OpCase(
        ops.joint_bilateral_filter,
        _joint_oracle,
        "NumPy",
        args=lambda rng, shape: (_guide(3)(rng, shape), 5, np.float32(0.3), np.float32(2.0)),
        linear=True,
        bench_hw=None,
    ),
    OpCase(
        ops.guided_filter,
        _guided_oracle,
        "NumPy",
        args=lambda rng, shape: (_guide(1)(rng, shape), 3, np.float32(0.01)),
        linear=True,
        atol=2e-5,
        bench_hw=None,
        label="grey guide",
    ),
    OpCase(
        ops.guided_filter,
        _guided_oracle,
        "NumPy",
        args=lambda rng, shape: (_guide(3)(rng, shape), 2, np.float32(0.01)),
        linear=True,
        atol=5e-5,
        bench_hw=None,
        label="colour guide",
    ),
    OpCase(ops.anisotropic_diffusion, _diffusion_oracle, "NumPy", args=_static(5), bench_hw=None),
]
