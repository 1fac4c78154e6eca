"""Connected components: their labels, and the small ones removed."""

from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaximg.ops import windows
from jaximg.typing import Image, Scalar, check_image

BLOCK = {4: (1, 2), 8: (2, 2)}
"""Rows and columns whose pixels, where not zero, all touch one another: they share a label."""

NEIGHBOURS = {4: ((0, -1), (0, 1), (-1, 0), (1, 0)), 8: tuple((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j)}

JUMPS = 3
"""Times that a label is replaced by its label's label in a round."""

CHUNK = 64
"""Flags counted by one row of a matrix product."""


def connected_components(image: Image, *, connectivity: int = 8) -> jax.Array:
    """Numbers the connected regions of pixels that are not zero.

    Blocks of two by two pixels (pairs, for four neighbours) hold one region at most, so each starts as a label of its
    own. In a round, every label takes the smallest among its blocks' neighbours, and then the label of its label; so
    the rounds grow with the logarithm of a region's length, not with the length.

    Args:
      image: `(..., H, W, C)` floating point; channels apart.
      connectivity: 4 (sides) or 8 (corners too).

    Returns:
      `(..., H, W, C)` int32: 0 where the image is 0, else 1, 2, 3 ... in the order in which the regions' first pixels
      come, row by row. Integers have no gradient.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, or another connectivity.

    Example:
      >>> x = jnp.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])[..., None]
      >>> connected_components(x, connectivity=4)[..., 0].tolist()
      [[1, 0, 2], [0, 3, 0]]

    References:
      Y. Shiloach and U. Vishkin, An O(log n) parallel connectivity algorithm, 1982. OpenCV, `cv::connectedComponents`;
      SciPy, `scipy.ndimage.label`.
    """
    image = check_image(image)
    _check_connectivity(connectivity)
    return _components(image, connectivity)


def remove_small_objects(image: Image, size: Scalar, *, connectivity: int = 8) -> jax.Array:
    """Sets connected regions of fewer than `size` pixels to zero.

        out = image where the region of pixels that are not zero has size >= `size`, else 0

    The gradient with respect to the image is that of keeping: 1 where kept, 0 where removed.

    Args:
      image: `(..., H, W, C)` floating point, for instance a picture of zeros and ones; channels apart.
      size: smallest number of pixels to keep; traced or concrete.
      connectivity: 4 (sides) or 8 (corners too).

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, or another connectivity.

    Example:
      >>> remove_small_objects(jnp.array([1.0, 1.0, 0.0, 1.0]).reshape(1, 4, 1), 2)[0, :, 0].tolist()
      [1.0, 1.0, 0.0, 0.0]

    References:
      scikit-image, `skimage.morphology.remove_small_objects`.
    """
    image = check_image(image)
    _check_connectivity(connectivity)
    return _remove(image, jnp.asarray(size, jnp.float32), connectivity)


def _check_connectivity(connectivity: int) -> None:
    if connectivity not in (4, 8):
        raise ValueError(f"connectivity={connectivity}; a pixel has 4 neighbours (sides) or 8 (corners too)")


@partial(jax.jit, static_argnums=1)
def _components(image: jax.Array, connectivity: int) -> jax.Array:
    mask = _planes(image)
    corners = _corners(mask, BLOCK[connectivity])
    roots = _roots(corners, connectivity)
    some, place = _first_pixels(corners)
    none = place.size * len(corners)
    smallest = jnp.full(roots.size, none, jnp.int32)
    smallest = smallest.at[roots.ravel()].min(jnp.where(some, place, none).ravel(), mode="promise_in_bounds")
    first = jnp.where(some, _at(smallest, roots), 0)  # of each block's region, a place of `_first_pixels`
    starts = some & (first == place)
    above = reduce(jnp.logical_or, corners[0])
    rank = _running_count(jnp.stack([starts & above, starts & ~above][: len(corners)], 2))
    last = rank.reshape(len(mask), -1)[:-1, -1]
    before = jnp.concatenate([jnp.zeros(1, jnp.int32), last])  # regions of the planes before
    labels = _at(rank, first) - before[:, None, None]
    return _channels_last(jnp.where(mask, _blocks_to_pixels(labels, mask, connectivity), 0), image)


@partial(jax.jit, static_argnums=2)
def _remove(image: jax.Array, size: jax.Array, connectivity: int) -> jax.Array:
    mask = _planes(image)
    corners = _corners(mask, BLOCK[connectivity])
    roots = _roots(corners, connectivity)
    pixels = reduce(jnp.add, (c.astype(jnp.int32) for row in corners for c in row))
    pixels = jnp.zeros(roots.size, jnp.int32).at[roots.ravel()].add(pixels.ravel(), mode="promise_in_bounds")
    keep = _blocks_to_pixels(_at(pixels, roots).astype(size.dtype) >= size, mask, connectivity) & mask
    return jnp.where(_channels_last(keep, image), image, jnp.zeros_like(image))


def _planes(image: jax.Array) -> jax.Array:
    """Where `(..., H, W, C)` is not zero, one plane for each channel of each image: `(N, H, W)`."""
    planes = jnp.moveaxis(lax.stop_gradient(image), -1, 0)
    return planes.reshape(-1, *planes.shape[-2:]) != 0


def _channels_last(planes: jax.Array, image: jax.Array) -> jax.Array:
    return jnp.moveaxis(planes.reshape(image.shape[-1], *image.shape[:-1]), 0, -1)


# --- blocks ----------------------------------------------------------------------------------------------------------


def _corners(mask: jax.Array, block: tuple[int, int]) -> list[list[jax.Array]]:
    """`(N, H, W)` as blocks `(N, ceil(H / rows), ceil(W / columns))`, an array for each row and column in a block."""
    (rows, columns), (height, width) = block, mask.shape[1:]
    even = jnp.pad(mask, ((0, 0), (0, -height % rows), (0, -width % columns)))
    return [[even[:, i::rows, j::columns] for j in range(columns)] for i in range(rows)]


def _blocks_to_pixels(blocks: jax.Array, mask: jax.Array, connectivity: int) -> jax.Array:
    rows, columns = BLOCK[connectivity]
    height, width = mask.shape[1:]
    return jnp.repeat(jnp.repeat(blocks, rows, 1), columns, 2)[:, :height, :width]


def _first_pixels(corners: list[list[jax.Array]]) -> tuple[jax.Array, jax.Array]:
    """Where a block has a pixel, and a number for the first one, growing in the order of the pixels, row by row.

    All pixels of a block's row share theirs: two regions never do.
    """
    above = reduce(jnp.logical_or, corners[0])
    some = reduce(jnp.logical_or, (c for row in corners for c in row))
    plane, row, column = (lax.broadcasted_iota(jnp.int32, some.shape, axis) for axis in range(3))
    row = (plane * some.shape[1] + row) * len(corners) + jnp.where(above | (len(corners) == 1), 0, 1)
    return some, row * some.shape[2] + column


def _roots(corners: list[list[jax.Array]], connectivity: int) -> jax.Array:
    """For each block `(N, H', W')` the smallest index of a block in its region; of an empty one its own."""
    touches = windows.apart(partial(_touches, connectivity=connectivity))(corners)
    shape = touches.shape
    smallest = windows.apart(partial(_smallest_neighbour, connectivity=connectivity))

    def join(state: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        labels, neighbour, _ = state
        return step(jnp.minimum(labels.at[labels].min(neighbour, mode="promise_in_bounds"), neighbour))

    def step(labels: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        for _ in range(JUMPS):
            labels = _at(labels, labels)
        neighbour = smallest(touches, labels.reshape(shape)).ravel()
        return labels, neighbour, jnp.any(neighbour != labels)

    own = jnp.arange(touches.size, dtype=jnp.int32)
    start = step(smallest(touches, own.reshape(shape)).ravel())
    return lax.while_loop(lambda state: state[2], join, start)[0].reshape(shape)


def _touches(corners: list[list[jax.Array]], *, connectivity: int) -> jax.Array:
    """Which neighbours each block is joined to: a bit for each of `NEIGHBOURS`, uint8."""

    def joined(i: int, j: int) -> jax.Array:
        mine, theirs = _facing(corners, i, j), [_neighbour(c, i, j, False) for c in _facing(corners, -i, -j)]
        if connectivity == 4:
            return reduce(jnp.logical_or, map(jnp.logical_and, mine, theirs))
        return reduce(jnp.logical_or, mine) & reduce(jnp.logical_or, theirs)

    bits = (joined(i, j).astype(jnp.uint8) << jnp.uint8(k) for k, (i, j) in enumerate(NEIGHBOURS[connectivity]))
    return reduce(jnp.bitwise_or, bits)


def _facing(corners: list[list[jax.Array]], i: int, j: int) -> list[jax.Array]:
    """The pixels on the side, or in the corner, that faces neighbour (i, j)."""
    rows = {0: slice(None), -1: slice(1), 1: slice(-1, None)}
    return [c for row in corners[rows[i]] for c in row[rows[j]]]


def _neighbour(blocks: jax.Array, i: int, j: int, beyond: int) -> jax.Array:
    """What each of `(N, H', W')` has i rows below and j columns to the right."""
    padded = jnp.pad(blocks, ((0, 0), (1, 1), (1, 1)), constant_values=beyond)
    return padded[:, 1 + i : 1 + i + blocks.shape[1], 1 + j : 1 + j + blocks.shape[2]]


def _smallest_neighbour(touches: jax.Array, labels: jax.Array, *, connectivity: int) -> jax.Array:
    """The smallest label among each block's own and those it is joined to."""
    smallest = labels
    for k, (i, j) in enumerate(NEIGHBOURS[connectivity]):
        near = jnp.minimum(smallest, _neighbour(labels, i, j, 0))
        smallest = jnp.where(touches & jnp.uint8(1 << k) != 0, near, smallest)
    return smallest


def _running_count(flags: jax.Array) -> jax.Array:
    """How many are set up to each one, itself included, flattened: counted in chunks by a product with ones."""
    chunks = jnp.pad(flags.ravel(), (0, -flags.size % CHUNK)).reshape(-1, CHUNK)
    within = jnp.matmul(chunks.astype(jnp.float32), np.triu(np.ones((CHUNK, CHUNK), np.float32)), precision="highest")
    within = within.astype(jnp.int32)
    before = jnp.cumsum(within[:, -1]) - within[:, -1]
    return (within + before[:, None]).ravel()[: flags.size]


def _at(values: jax.Array, index: jax.Array) -> jax.Array:
    return values.at[index].get(mode="promise_in_bounds", wrap_negative_indices=False)
