"""Chamfer matching: where in a picture the edges of a template lie nearest to its own."""

import jax
import jax.numpy as jnp

from jaximg.ops import windows
from jaximg.ops.correlation import correlate_template
from jaximg.ops.distance import distance_transform
from jaximg.typing import Image, Scalar, check_image


def chamfer_match(image: Image, template: Image, *, limit: Scalar | None = None) -> jax.Array:
    """Mean distance from a template's edges to the picture's, at every place of the template.

        D(p) = min(limit, distance from p to the nearest pixel of the image that is not zero)
        out[y, x] = sum_ij template[i, j] D[y + i, x + j] / sum_ij template[i, j]

    Edges need not lie upon each other to count: the score falls steadily as they come nearer, where a correlation of
    edges is zero up to the last pixel. Both pictures are edges, `canny`'s for example. Linear in the template's
    weights but for the sum; the gradient with respect to the image, whose edges are decided, is zero.

    Args:
      image: `(..., H, W, 1)` floating point, not zero where there is an edge.
      template: `(..., h, w, 1)`, `h <= H` and `w <= W`: how much each of its pixels weighs; batch axes broadcast.
      limit: the largest distance that counts, in pixels, so that what is hidden doesn't decide; traced or concrete.
        None: no limit.

    Returns:
      `(..., H - h + 1, W - w + 1, 1)` mean distances in pixels, the image's dtype; 0 is perfect. Entry (y, x) is the
      window whose first pixel is (y, x). 0 everywhere for a template of zeros.

    Raises:
      TypeError: an image or template that is not floating point.
      ValueError: no channel axis or several channels, or a template larger than the image.

    Example:
      >>> edges = jnp.zeros((9, 9, 1)).at[2:6, 4].set(1.0)
      >>> chamfer_match(edges, jnp.ones((4, 1, 1)))[2, :, 0].tolist()
      [4.0, 3.0, 2.0, 1.0, 0.0, 1.0, 2.0, 3.0, 4.0]

    References:
      H. Barrow et al., Parametric correspondence and chamfer matching, 1977. G. Borgefors, Hierarchical chamfer
      matching, 1988.
    """
    image, template = check_image(image, channels=1), check_image(template, name="template", channels=1)
    if any(t > i for t, i in zip(template.shape[-3:-1], image.shape[-3:-1], strict=True)):
        raise ValueError(f"template has shape {template.shape}, larger than the image {image.shape}: crop or shrink it")
    return _chamfer_match(image, template, None if limit is None else jnp.asarray(limit, windows.wide(image.dtype)))


@jax.jit
def _chamfer_match(image: jax.Array, template: jax.Array, limit: jax.Array | None) -> jax.Array:
    dtype = windows.wide(image.dtype)
    distance = distance_transform((image == 0).astype(dtype))
    distance = distance if limit is None else jnp.minimum(distance, limit)
    weights = template.astype(dtype)
    total = weights.sum((-3, -2), keepdims=True)
    weights = weights / jnp.where(total == 0, 1, total)
    axes = max(distance.ndim, weights.ndim)
    distance, weights = (x.reshape((1,) * (axes - x.ndim) + x.shape) for x in (distance, weights))
    return correlate_template(distance, weights, total=True).astype(image.dtype)
