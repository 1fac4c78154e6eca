"""Rows of ops/moments.py, ops/contour.py, ops/shape_context.py and ops/chamfer.py."""

import math

import cv2
import numpy as np
import scipy.ndimage
import scipy.signal
import skimage.measure

from jaximg import ops
from tests.cases_distance import blobs
from tests.op_case import OpCase


def _moments(image):
    return np.concatenate([[value] for _, value in sorted(cv2.moments(image[..., 0]).items())])


def _another(rng, shape):
    """A bar, turned, of another brightness."""
    y, x = np.mgrid[: shape[0], : shape[1]] / max(shape[:2])
    bar = (np.abs(x - y) < 0.3) & (x + y < 0.9) & (x > 0.1)
    return ((0.1 + 0.8 * bar)[..., None].astype(np.float32),)


def outline(image: np.ndarray, points: int) -> np.ndarray:
    """The largest region's outline by scikit-image's marching squares, resampled by length."""
    labels, count = scipy.ndimage.label(image[..., 0] != 0, np.ones((3, 3)))
    mask = labels == 1 + np.argmax([(labels == k + 1).sum() for k in range(count)])
    top, left = np.argwhere(mask)[0]
    for loop in skimage.measure.find_contours(np.pad(mask, 1).astype(float), 0.5, fully_connected="high"):
        yx = loop[:-1] - 1
        first = np.flatnonzero((yx == (top - 0.5, left)).all(1))
        if len(first):
            break
    yx = np.roll(yx, -first[0], 0)
    yx = yx if yx[1, 1] > yx[0, 1] else np.roll(yx[::-1], 1, 0)  # clockwise: first to the right
    closed = np.concatenate([yx, yx[:1]])
    place = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    at = np.arange(points) * place[-1] / points
    return np.stack([np.interp(at, place, closed[:, axis]) for axis in (1, 0)], -1)


def _descriptor(image):
    z = np.fft.fft(outline(image, 128) @ [1, 1j])
    order = [1, -1, 2, -2, 3, -3, 4, -4]
    return np.abs(z[order]) / np.linalg.norm(z[1:])


def _context(image, points=32, rings=5, angles=12):
    xy = outline(image, points)
    out = np.zeros((points, rings, angles))
    gaps = np.hypot(*(xy[:, None] - xy[None]).T).T
    mean = gaps.sum() / points / (points - 1)
    for i in range(points):
        along = xy[(i + 1) % points] - xy[i - 1]
        for j in set(range(points)) - {i}:
            dx, dy = xy[j] - xy[i]
            ring = np.clip(np.log(gaps[i, j] / mean * 8) / np.log(16), 0, 1) * (rings - 1)
            sector = (math.atan2(dy, dx) - math.atan2(along[1], along[0])) / 2 / np.pi * angles
            r, a = int(ring), math.floor(sector)
            for rr, rw in ((r, 1 - ring + r), (min(r + 1, rings - 1), ring - r)):
                for aa, aw in ((a, 1 - sector + a), (a + 1, sector - a)):
                    out[i, rr, aa % angles] += rw * aw / (points - 1)
    return out


def _edges(rng, shape):
    return ((rng.random((7, 5, 1)) < 0.3).astype(np.float32),)


def _chamfer(image, template):
    distance = np.minimum(scipy.ndimage.distance_transform_edt(image[..., 0] == 0), 4.0)
    return scipy.signal.correlate2d(distance, template[..., 0], "valid") / template.sum()


def _shape(op, oracle, source, **options) -> OpCase:
    return OpCase(op, oracle, source, channels=(1,), same_size=False, **options)


CASES = [
    _shape(
        ops.moments,
        _moments,
        "OpenCV",
        tier="deviation",
        why="not normalised: values of millions, where 1 is 1e-6 of them",
        atol=1.0,
        loose=1.0,
    ),
    _shape(ops.hu_moments, lambda image: cv2.HuMoments(cv2.moments(image[..., 0])).ravel(), "OpenCV"),
    _shape(
        ops.match_shapes,
        lambda a, b: np.float64(cv2.matchShapes(a[..., 0], b[..., 0], cv2.CONTOURS_MATCH_I1, 0)),
        "OpenCV",
        args=_another,
        atol=5e-5,
        constant=False,
    ),
    _shape(
        ops.contour,
        lambda image: outline(image, 32),
        "scikit-image",
        image=blobs,
        kwargs={"points": 32},
        differentiable=False,
        bench_hw=None,
        constant=False,
        smallest=8,
    ),
    _shape(
        ops.fourier_descriptor,
        _descriptor,
        "scikit-image",
        image=blobs,
        kwargs={"terms": 8},
        differentiable=False,
        bench_hw=None,
        constant=False,
        smallest=8,
    ),
    _shape(
        ops.shape_context,
        _context,
        "NumPy",
        image=blobs,
        kwargs={"points": 32},
        differentiable=False,
        bench_hw=None,
        constant=False,
        smallest=8,
    ),
    _shape(
        ops.chamfer_match,
        _chamfer,
        "SciPy",
        args=_edges,
        image=lambda rng, shape: (rng.random(shape) < 0.05).astype(np.float32),
        kwargs={"limit": 4.0},
        traced=("limit",),
        differentiable=False,
        smallest=7,
        bench_hw=None,
        constant=False,
    ),
]
