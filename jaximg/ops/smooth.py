"""Smoothing that respects edges: weights that fall with the difference of values."""

from functools import partial

import jax
import jax.numpy as jnp

from jaximg.ops import windows
from jaximg.typing import Border, Image, Scalar, check_image, is_traced


def bilateral_filter(
    image: Image, diameter: int, sigma_color: Scalar, sigma_space: Scalar, *, border: Border = "reflect"
) -> jax.Array:
    """Mean over a disc, weighted by nearness in space and in colour, OpenCV's `bilateralFilter`.

        out(p) = sum_q w(p, q) I(q) / sum_q w(p, q),
        w = exp(-|p - q|^2 / (2 sigma_space^2) - |I(p) - I(q)|_1^2 / (2 sigma_color^2)),  |p - q| <= diameter // 2

    Args:
      image: `(..., H, W, C)` floating point; differences of colour are summed over the channels.
      diameter: of the disc, in pixels, static; 0 or less takes `2 round(1.5 sigma_space) + 1` from a concrete sigma.
      sigma_color: in the image's units (0.1 on [0, 1], 25 on 0..255), > 0. Traced or concrete.
      sigma_space: in pixels, > 0. Traced or concrete.
      border: "reflect", "symmetric", "edge", "constant" (zero) or "wrap".

    Returns:
      `(..., H, W, C)`, the image's dtype.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, or a diameter of 0 with a traced sigma_space.

    Example:
      >>> step = jnp.where(jnp.arange(8) < 4, 0.0, 1.0).reshape(1, 8, 1)
      >>> bool(jnp.abs(bilateral_filter(step, 5, 0.1, 2.0) - step).max() < 1e-6)
      True

    References:
      C. Tomasi and R. Manduchi, Bilateral filtering for gray and color images, ICCV 1998. OpenCV, `bilateralFilter`.
    """
    image = check_image(image)
    if diameter <= 0:
        if is_traced(sigma_space):
            raise ValueError("diameter=0 takes the size from sigma_space, which is traced: pass a static diameter")
        radius = max(1, round(1.5 * float(sigma_space)))
    else:
        radius = max(1, diameter // 2)
    dtype = windows.wide(image.dtype)
    slopes = [-0.5 / jnp.square(jnp.asarray(s, dtype)) for s in (sigma_color, sigma_space)]
    return _bilateral(image, *slopes, radius, border)


@partial(jax.jit, static_argnums=(3, 4))
def _bilateral(image: jax.Array, color: jax.Array, space: jax.Array, radius: int, border: Border) -> jax.Array:
    h, w, channels = image.shape[-3:]
    padded = windows.materialise(windows.pad(image, (radius, radius), (radius, radius), border))
    planes = [padded[..., c : c + 1].astype(color.dtype) for c in range(channels)]
    centre = [windows.shifted(p, radius, radius, h, w) for p in planes]
    zero = jnp.zeros_like(centre[0])
    total, weight = [zero] * channels, zero
    for dy in range(-radius, radius + 1):
        row_total, row_weight = [zero] * channels, zero
        for dx in range(-radius, radius + 1):
            if dy * dy + dx * dx > radius * radius:
                continue
            seen = [windows.shifted(p, radius + dy, radius + dx, h, w) for p in planes]
            distance = sum((jnp.abs(s - c) for s, c in zip(seen, centre, strict=True)), zero)
            near = jnp.exp(color * distance * distance + space * (dy * dy + dx * dx))
            row_total = [t + near * s for t, s in zip(row_total, seen, strict=True)]
            row_weight = row_weight + near
        total = [t + r for t, r in zip(total, row_total, strict=True)]
        weight = weight + row_weight
    return jnp.concatenate([t / weight for t in total], -1).astype(image.dtype)
