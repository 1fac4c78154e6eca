"""What alike blocks tell of one another: the second step of BM3D, a Wiener filter over groups of blocks."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaximg.ops.dct import block_basis
from jaximg.typing import Image

BLOCK = 8
STEP = 4
"""A group is gathered about every fourth block along either axis."""
RADIUS = 16
"""How far from a block its like are looked for."""
COUNT = 16
"""Blocks in a group, a power of two."""
TIE = 1e-5
"""A distance counts more by this share for every nearer shift: of two alike blocks, by a mirror say, the nearer."""
REACH = 2 * (RADIUS + BLOCK)
"""How many pixels to each side a pixel of the result depends on."""

_MARGIN = 2 * RADIUS + BLOCK
"""So far beyond its border a picture goes on, mirrored: every group that holds a block of it is gathered."""


def collaborative_wiener(noisy: Image, pilot: Image) -> jax.Array:
    """Removes white noise of unit variance from a grey picture, given a first estimate of what is under it.

    About every fourth block of 8 x 8 pixels the 16 that resemble it most within 16 pixels are stacked; of the stack's
    three-dimensional transform (a DCT of each block, a Haar transform along the stack) every coefficient is shrunk by
    the Wiener filter that the pilot suggests, and the blocks go back to where they came from. They are compared in the
    noisy picture, blurred a little: a pilot that a network made of a part of the picture is not bit for bit what it
    makes of the whole, and where two blocks are alike to a hair another one would be taken.

    Args:
      noisy: `(..., H, W, 1)` floating point, a picture over its noise's standard deviation.
      pilot: the same shape and scale, a network's answer, say.

    Returns:
      `(..., H, W, 1)`, the dtype of `noisy`.

    Example:
      >>> noise = jax.random.normal(jax.random.key(0), (32, 32, 1))
      >>> bool(jnp.std(collaborative_wiener(noise, 0.1 * noise)) < 0.1)
      True

    Raises:
      ValueError: more than one channel, or two shapes.

    References:
      Dabov, Foi, Katkovnik and Egiazarian, Image Denoising by Sparse 3-D Transform-Domain Collaborative Filtering,
      IEEE TIP 2007, section III-B.
    """
    noisy, pilot = jnp.asarray(noisy), jnp.asarray(pilot)
    if noisy.shape[-1] != 1 or noisy.shape != pilot.shape:
        raise ValueError(f"a grey picture (..., H, W, 1) and its pilot, please, not {noisy.shape} and {pilot.shape}")
    pairs = jnp.stack([noisy, pilot], -4).reshape(-1, 2, *noisy.shape[-3:-1])
    return lax.map(_filter, pairs).reshape(noisy.shape)


def _filter(pair: jax.Array) -> jax.Array:
    height, width = pair.shape[1:]
    beyond = [(_MARGIN + 1, _MARGIN + 1 + -size % STEP) for size in (height, width)]
    pair = jnp.pad(pair, [(0, 0), *beyond], mode="symmetric")
    at, pair = _groups(_blurred(pair[0])), pair[:, 1:-1, 1:-1]
    noisy, pilot = (_along(_haar(COUNT), _coefficients(plane)[at]) for plane in pair)
    gain = jnp.square(pilot) / (jnp.square(pilot) + 1)
    weight = 1 / jnp.maximum(jnp.square(gain).sum((0, 2)), 1)
    stack = _along(_haar(COUNT).T, gain * noisy)
    out = _put_back(stack, weight, at, pair.shape[1:])
    return out[_MARGIN : _MARGIN + height, _MARGIN : _MARGIN + width]


def _blurred(plane: jax.Array) -> jax.Array:
    """Binomial over 3 x 3 pixels, without the outermost; by sums that give the same bits in a part of a picture."""
    plane = (plane[:-2] + plane[2:]) / 4 + plane[1:-1] / 2
    return (plane[:, :-2] + plane[:, 2:]) / 4 + plane[:, 1:-1] / 2


def _groups(padded: jax.Array) -> jax.Array:
    """The blocks of each group, `(COUNT, groups)`: their corners' places among those of all blocks in the picture."""
    here = padded[RADIUS:-RADIUS, RADIUS:-RADIUS]
    cells = here.shape[0] // STEP, STEP, here.shape[1] // STEP, STEP
    shifts = _nearby()

    def distance(_: None, rank_and_shift: tuple[jax.Array, jax.Array]) -> tuple[None, jax.Array]:
        rank, shift = rank_and_shift
        there = lax.dynamic_slice(padded, shift + RADIUS, here.shape)
        apart = jnp.square(here - there).reshape(cells).sum((1, 3))
        apart = apart[:-1] + apart[1:]
        return None, (1 + TIE * rank) * (apart[:, :-1] + apart[:, 1:])

    _, distances = lax.scan(distance, None, (jnp.arange(len(shifts), dtype=padded.dtype), jnp.asarray(shifts)))
    _, nearest = lax.top_k(-distances.reshape(len(shifts), -1).T, COUNT)
    wide = padded.shape[1] - BLOCK + 1
    y, x = (RADIUS + np.arange(0, size - BLOCK + 1, STEP) for size in here.shape)
    corners = jnp.asarray((y[:, None] * wide + x).reshape(-1, 1))
    return (corners + jnp.asarray(shifts @ [wide, 1])[nearest]).T


def _nearby() -> np.ndarray:
    """The shifts that are tried, `(shifts, 2)` of rows and columns, the shortest first."""
    shifts = np.indices((2 * RADIUS + 1, 2 * RADIUS + 1), np.int32).reshape(2, -1).T - RADIUS
    return shifts[np.square(shifts).sum(-1).argsort(kind="stable")]


def _coefficients(plane: jax.Array) -> jax.Array:
    """The DCT of every block, `(blocks, BLOCK ** 2)`."""
    kernel = jnp.asarray(block_basis(BLOCK), plane.dtype).T.reshape(BLOCK, BLOCK, 1, -1)
    out = _convolve(plane[None, :, :, None], kernel, padding="VALID")
    return out.reshape(-1, BLOCK**2)


def _put_back(stack: jax.Array, weight: jax.Array, at: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """The mean of all blocks that lie over a pixel, by the weights of their groups."""
    weights = jnp.broadcast_to(weight[:, None], (*stack.shape[:2], 1))
    rows = jnp.concatenate([stack * weights, weights], -1).reshape(-1, BLOCK**2 + 1)
    high, wide = (size - BLOCK + 1 for size in shape)
    sums = jnp.zeros((high * wide, BLOCK**2 + 1), stack.dtype).at[at.reshape(-1)].add(rows)
    blocks = jnp.matmul(sums[:, :-1], jnp.asarray(block_basis(BLOCK), stack.dtype), precision="highest")
    blocks = blocks.reshape(high, wide, BLOCK, BLOCK)
    total = jnp.zeros(shape, stack.dtype)
    for y in range(BLOCK):
        for x in range(BLOCK):
            total = total.at[y : y + high, x : x + wide].add(blocks[:, :, y, x])
    weights = sums[:, -1].reshape(1, high, wide, 1)
    full = (BLOCK - 1, BLOCK - 1)
    cover = _convolve(weights, jnp.ones((BLOCK, BLOCK, 1, 1), stack.dtype), padding=[full, full])[0, :, :, 0]
    return total / jnp.maximum(cover, jnp.finfo(stack.dtype).tiny)


_convolve = partial(
    lax.conv_general_dilated, window_strides=(1, 1), dimension_numbers=("NHWC", "HWIO", "NHWC"), precision="highest"
)


def _along(matrix: np.ndarray, stack: jax.Array) -> jax.Array:
    """A transform along the first axis."""
    flat = stack.reshape(stack.shape[0], -1)
    return jnp.matmul(jnp.asarray(matrix, stack.dtype), flat, precision="highest").reshape(stack.shape)


def _haar(count: int) -> np.ndarray:
    """The orthonormal Haar transform, a wavelet a row."""
    rows = np.ones((1, 1))
    while len(rows) < count:
        rows = np.vstack([np.kron(rows, [1, 1]), np.kron(np.eye(len(rows)), [1, -1])]) / np.sqrt(2)
    return rows
