"""Distances to the background: the exact Euclidean transform, and a soft one that can be differentiated."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaximg.ops import windows
from jaximg.typing import Image, Scalar, check_image

STRIDE = 16
"""Offsets along the rows between two looks at whether a farther one can still be nearer."""

LARGEST = 23170
"""Height plus width up to which all squared distances, and one more beyond them, fit into 32 bits."""


def distance_transform(image: Image, *, squared: bool = False) -> jax.Array:
    """Euclidean distance from each pixel to the nearest one that is zero, exact.

        out(p) = min over q with image(q) = 0 of |p - q|

    Squares are whole numbers and worked as such: first `g`, the distance within the column, then
    `min_k g(x + k)^2 + k^2` along the row, for `k` as far as the largest distance found. The gradient is zero;
    `soft_distance_transform` has a useful one.

    Args:
      image: `(..., H, W, C)` floating point; channels apart.
      squared: the squared distance, which is a whole number.

    Returns:
      `(..., H, W, C)` distances in pixels, the image's dtype; 0 where the image is. `H + W`, farther than any pixel
      can be, where no pixel of the image is zero.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, or a height and width above 23170 together.

    Example:
      >>> distance_transform(jnp.ones((3, 5, 1)).at[1, 1].set(0.0))[1, :, 0].tolist()
      [1.0, 0.0, 1.0, 2.0, 3.0]

    References:
      T. Saito and J. Toriwaki, New algorithms for Euclidean distance transformation, 1994. OpenCV,
      `cv::distanceTransform` with `DIST_MASK_PRECISE`; SciPy, `distance_transform_edt`.
    """
    image = check_image(image)
    if sum(image.shape[-3:-1]) > LARGEST:
        raise ValueError(
            f"image has shape {image.shape}; height and width may be {LARGEST} together: cut it into tiles"
        )
    return _distance_transform(image, squared=bool(squared))


@partial(jax.jit, static_argnames="squared")
def _distance_transform(image: jax.Array, *, squared: bool) -> jax.Array:
    planes = jnp.moveaxis(lax.stop_gradient(image), -1, 0)
    down = _column_distance(planes.reshape(-1, *planes.shape[-2:]) == 0)
    square = _nearest_along_rows(down * down).reshape(planes.shape)
    out = square.astype(windows.wide(image.dtype))
    return jnp.moveaxis(out if squared else jnp.sqrt(out), 0, -1).astype(image.dtype)


def _column_distance(zero: jax.Array) -> jax.Array:
    """Distance to the nearest True above or below: `(B, H, W)` bool to int32, `H + W` where the column has none."""
    rows = jnp.moveaxis(zero, 1, 0)
    none = jnp.full(rows.shape[1:], sum(zero.shape[1:]), jnp.int32)

    def step(distance: jax.Array, row: jax.Array) -> tuple[jax.Array, jax.Array]:
        distance = jnp.where(row, 0, jnp.minimum(distance + 1, none))
        return distance, distance

    above, below = (lax.scan(step, none, rows, reverse=reverse)[1] for reverse in (False, True))
    return jnp.moveaxis(jnp.minimum(above, below), 0, 1)


def _nearest_along_rows(square: jax.Array) -> jax.Array:
    """`min_k square[x + k] + k^2` in `(B, H, W)`; no `k` beyond the root of the largest minimum can lower any."""
    width = square.shape[2]
    margin = width + STRIDE
    padded = jnp.pad(square, ((0, 0), (0, 0), (margin, margin)), constant_values=LARGEST * LARGEST)

    def nearer(state: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        first, best, _ = state
        for k in (first + j for j in range(STRIDE)):
            left, right = (lax.dynamic_slice_in_dim(padded, margin + d, width, axis=2) for d in (-k, k))
            best = jnp.minimum(best, jnp.minimum(left, right) + k * k)
        return first + STRIDE, best, jnp.max(best)

    def goes_on(state: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        first, _, largest = state
        return (first * first < largest) & (first < width)

    return lax.while_loop(goes_on, nearer, (jnp.int32(1), square, jnp.max(square)))[1]


def soft_distance_transform(image: Image, *, radius: int = 16, temperature: Scalar = 0.5) -> jax.Array:
    """Smooth distance to the background: `distance_transform` with a gradient for every pixel within reach.

        d^2(p) = -t log(mean over q of w(p - q) exp(-radius^2 image(q) / t)),    w(k) = exp(-|k|^2 / t)

    A pixel of value v counts as background at a price of `radius^2 v`: zero costs nothing, one as much as going to
    the end of the reach. As the temperature goes to zero, a picture of zeros and ones has its exact distances, up to
    `radius`, where they stay. Separable, in the domain of logarithms, so that nothing underflows.

    Args:
      image: `(..., H, W, C)` in [0, 1], how much a pixel is foreground; channels apart.
      radius: largest distance told apart, in pixels, static; the work grows with it.
      temperature: t, in square pixels, > 0; traced or concrete.

    Returns:
      `(..., H, W, C)` distances in pixels in [0, radius], the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, or a radius below 1.

    Example:
      >>> dot = jnp.ones((3, 5, 1)).at[1, 1].set(0.0)
      >>> soft_distance_transform(dot, radius=4, temperature=1e-3)[1, :, 0].round(2).tolist()
      [1.0, 0.0, 1.0, 2.0, 3.0]

    References:
      P. Felzenszwalb and D. Huttenlocher, Distance transforms of sampled functions, 2012. C. Karam et al., Fast
      convolutional distance transform, 2019.
    """
    image = check_image(image)
    if radius < 1:
        raise ValueError(f"radius={radius}; it must be at least 1 pixel")
    return _soft_distance(image, jnp.asarray(temperature, windows.wide(image.dtype)), radius=int(radius))


@partial(jax.jit, static_argnames="radius")
def _soft_distance(image: jax.Array, temperature: jax.Array, *, radius: int) -> jax.Array:
    price = radius * radius * image.astype(temperature.dtype)
    for axis in (-3, -2):
        price = _soft_nearest(price, image.ndim + axis, radius, temperature)
    tiny = 1e-3 * temperature  # rounds the root off at zero, where its slope is infinite
    price = jnp.maximum(price, 0)  # below by rounding only
    return (jnp.sqrt(price + tiny) - jnp.sqrt(tiny)).astype(image.dtype)


def _soft_nearest(price: jax.Array, axis: int, radius: int, temperature: jax.Array) -> jax.Array:
    """`-t log(mean of exp(-price / t))` along an axis, weighted by `exp(-k^2 / t)`; outside doesn't count."""
    length = price.shape[axis]
    reach = min(radius, length - 1)
    offsets = range(-reach, reach + 1)
    # Outside: dearer than anything inside by far, and yet finite, as its derivative is needed.
    far = lax.stop_gradient(price.max()) + radius * radius + 128 * temperature
    config = [(0, 0, 0)] * price.ndim
    config[axis] = (reach, reach, 0)
    padded = windows.materialise(lax.pad(price, far, config))
    seen = [lax.slice_in_dim(padded, reach + k, reach + k + length, axis=axis) + float(k * k) for k in offsets]
    least = windows.materialise(lax.stop_gradient(jnp.stack(seen).min(0)))
    total = sum((jnp.exp((least - v) / temperature) for v in seen), jnp.zeros_like(least))
    weight = _weight(length, reach, temperature).reshape([-1 if i == axis else 1 for i in range(price.ndim)])
    return least - temperature * (jnp.log(total) - jnp.log(weight))


def _weight(length: int, reach: int, temperature: jax.Array) -> jax.Array:
    """The sum of `exp(-k^2 / t)` over the offsets that stay inside: `(length,)`."""
    k = np.arange(-reach, reach + 1)
    place = np.arange(length)[:, None] + k[None, :]
    inside = jnp.asarray((place >= 0) & (place < length), temperature.dtype)
    squares = jnp.asarray(np.square(k), temperature.dtype)
    return jnp.sum(inside * jnp.exp(-squares / temperature)[None, :], 1)
