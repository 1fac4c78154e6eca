"""Connected components: their labels, and the small ones removed."""

from functools import partial, reduce

import jax
import jax.numpy as jnp
from jax import lax

from jaximg.ops import windows
from jaximg.typing import Image, Scalar, check_image

JUMPS = 3
"""Times that a label is replaced by its label's label in a round."""


def connected_components(image: Image, *, connectivity: int = 8) -> jax.Array:
    """Numbers the connected regions of pixels that are not zero.

    Each pixel starts as a label of its own. In a round, every label takes the smallest among its pixels' neighbours,
    and then the label of its label; so the rounds grow with the logarithm of a region's length, not with the length.

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
    roots = _roots(mask, connectivity)
    first = mask.ravel() & (roots == jnp.arange(mask.size, dtype=jnp.int32))
    rank = jnp.cumsum(first, dtype=jnp.int32).reshape(mask.shape)
    before = jnp.concatenate([jnp.zeros(1, jnp.int32), rank[:-1, -1, -1]])  # regions of the planes before
    labels = jnp.where(mask, _at(rank.ravel(), roots).reshape(mask.shape) - before[:, None, None], 0)
    return _channels_last(labels, image)


@partial(jax.jit, static_argnums=2)
def _remove(image: jax.Array, size: jax.Array, connectivity: int) -> jax.Array:
    mask = _planes(image)
    roots = _roots(mask, connectivity)
    pixels = jnp.zeros(mask.size, jnp.int32).at[roots].add(1, mode="promise_in_bounds")
    keep = mask & (_at(pixels, roots).reshape(mask.shape).astype(size.dtype) >= size)
    return jnp.where(_channels_last(keep, image), image, jnp.zeros_like(image))


def _planes(image: jax.Array) -> jax.Array:
    """Where `(..., H, W, C)` is not zero, one plane for each channel of each image: `(N, H, W)`."""
    planes = jnp.moveaxis(lax.stop_gradient(image), -1, 0)
    return planes.reshape(-1, *planes.shape[-2:]) != 0


def _channels_last(planes: jax.Array, image: jax.Array) -> jax.Array:
    return jnp.moveaxis(planes.reshape(image.shape[-1], *image.shape[:-1]), 0, -1)


def _roots(mask: jax.Array, connectivity: int) -> jax.Array:
    """For each pixel of `(N, H, W)`, flattened, the index of its region's first pixel; off the mask its own."""
    index = jnp.arange(mask.size, dtype=jnp.int32)
    smallest = windows.apart(partial(_smallest_neighbour, connectivity=connectivity))

    def join(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        labels, _ = state
        neighbour = smallest(mask, labels)
        new = jnp.minimum(labels.at[labels].min(neighbour, mode="promise_in_bounds"), neighbour)
        for _ in range(JUMPS):
            new = _at(new, new)
        return new, jnp.any(new != labels)

    return lax.while_loop(lambda state: state[1], join, (index, jnp.array(True)))[0]


def _smallest_neighbour(mask: jax.Array, labels: jax.Array, *, connectivity: int) -> jax.Array:
    """The smallest label in each pixel's neighbourhood, itself included; `mask.size`, which is none, off the mask."""
    none = mask.size
    inside = jnp.where(mask, labels.reshape(mask.shape), none)
    padded = jnp.pad(inside, ((0, 0), (1, 1), (1, 1)), constant_values=none)
    height, width = mask.shape[1:]
    taps = [(i, j) for i in range(3) for j in range(3) if connectivity == 8 or 1 in (i, j)]
    smallest = reduce(jnp.minimum, (padded[:, i : i + height, j : j + width] for i, j in taps))
    return jnp.where(mask, smallest, none).ravel()


def _at(values: jax.Array, index: jax.Array) -> jax.Array:
    return values.at[index].get(mode="promise_in_bounds")
