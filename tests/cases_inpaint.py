"""Rows of ops/inpaint.py and ops/exemplar.py."""

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import spsolve

from jaximg import ops
from tests.op_case import OpCase


def laplacian(height: int, width: int) -> sparse.csr_array:
    """4 u - (the 4 neighbours), mirrored at the border."""

    def second(n: int) -> sparse.dia_array:
        slope = sparse.diags_array([-np.ones(n), np.ones(n - 1)], offsets=[0, 1], shape=(max(n - 1, 0), n))
        return slope.T @ slope

    eye = sparse.eye_array
    return (sparse.kron(second(height), eye(width)) + sparse.kron(eye(height), second(width))).tocsr()


def solve(image: np.ndarray, mask: np.ndarray, order: int) -> np.ndarray:
    """The same system, factorised."""
    height, width, channels = image.shape
    matrix = laplacian(height, width)
    matrix = (matrix @ matrix).tocsr() if order == 2 else matrix
    out = image.astype(np.float64)
    mask = np.broadcast_to(mask > 0.5, image.shape)
    for c in range(channels):
        missing = ~mask[..., c].ravel()
        plane = np.where(missing, 0.0, out[..., c].ravel())
        if missing.any() and not missing.all():
            plane[missing] = spsolve(matrix[missing][:, missing].tocsc(), -(matrix @ plane)[missing])
        out[..., c] = plane.reshape(height, width)
    return out


def _holes(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple:
    """A rectangle, a corner and single pixels."""
    mask = (rng.random((*shape[:2], 1)) > 0.2).astype(np.float32)
    mask[5:14, 8:20] = 0
    mask[-6:, -5:] = 0
    return (mask,)


def _holes_of_each_channel(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple:
    return ((rng.random(shape) > 0.6).astype(np.float32),)


def _tiles(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """A texture that repeats itself every four rows and five columns."""
    height, width, channels = shape
    tile = rng.random((4, 5, channels)).astype(np.float32)
    return np.tile(tile, (-(-height // 4), -(-width // 5), 1))[:height, :width]


def _one_hole(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple:
    mask = np.ones((*shape[:2], 1), np.float32)
    mask[7:14, 9:17] = 0
    return (mask,)


CASES = [
    OpCase(
        op,
        lambda image, mask, order=order: solve(image, mask, order),
        "SciPy",
        args=args,
        kwargs={"tolerance": tolerance},
        atol=1e-4,
        linear=True,
        tier="deviation",
        why="an iteration stopped at a tolerance",
        loose=1e-4,
        bench_hw=None,
        label=label,
    )
    for order, op, tolerance in ((1, ops.inpaint_harmonic, 1e-8), (2, ops.inpaint_biharmonic, 1e-8))
    for args, label in ((_holes, ""), (_holes_of_each_channel, "a mask a channel"))
] + [
    OpCase(
        ops.inpaint_exemplar,
        lambda image, mask: image,
        "the picture",
        args=_one_hole,
        kwargs={"patch": 3},
        image=_tiles,
        channels=(1,),
        tier="deviation",
        why="a search that can't try all; a texture that repeats itself is restored exactly",
        differentiable=False,
        smallest=24,
        bench_hw=None,
    )
]
