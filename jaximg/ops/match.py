"""Template matching: how well a small picture fits at every place of a large one."""

from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from jaximg.ops import windows
from jaximg.ops.correlation import correlate_template, window_moments
from jaximg.ops.primitives import root
from jaximg.typing import Image, Mask, check_choice, check_image, check_mask

Mode = Literal["sqdiff", "sqdiff_normed", "ccorr", "ccorr_normed", "ccoeff", "ccoeff_normed"]
MODES: tuple[Mode, ...] = ("sqdiff", "sqdiff_normed", "ccorr", "ccorr_normed", "ccoeff", "ccoeff_normed")

FLAT = 3e-6
"""A masked window with less than this share of the picture's mean energy a pixel counts as flat: below is rounding."""


Compat = Literal["finite", "opencv"]
COMPATS: tuple[Compat, ...] = ("finite", "opencv")


def match_template(
    image: Image,
    template: Image,
    *,
    mode: Mode = "ccoeff_normed",
    mask: Mask | None = None,
    compat: Compat = "finite",
) -> jax.Array:
    r"""Compares a template with every window of an image, OpenCV's `matchTemplate`.

    The sum is `filter2d`'s, `sum_ij w_ij I(x + i, y + j)`, with a template `T` for weights; all channels are added up.
    With `I` the window, `I' = I - mean(I)` and `T' = T - mean(T)`, channel by channel:

        ccorr           sum I T                ccorr_normed    sum I T / sqrt(sum I^2 sum T^2)
        sqdiff          sum (I - T)^2          sqdiff_normed   sum (I - T)^2 / sqrt(sum I^2 sum T^2), at most 1
        ccoeff          sum I' T'              ccoeff_normed   sum I' T' / sqrt(sum I'^2 sum T'^2), in [-1, 1]

    Where a window is flat (for "ccoeff_normed") or black, the normalised scores are OpenCV's: 0, and 1 for
    "sqdiff_normed". With a mask `m`, every product is weighted by `m^2` and the means by `m`, as OpenCV has it, and
    "sqdiff_normed" may pass 1. A flat template fits nowhere: "ccoeff_normed" is 0. With `compat="opencv"` it is 1
    everywhere without a mask, and with one, flat windows and templates score NaN (infinity in "sqdiff_normed"), as
    OpenCV divides by nought or by its rounding there.

    Differentiable in image, template and mask; where a score is one of those constants its gradient is zero. Small
    templates are summed directly, others through the FFT; the error follows the picture's contrast, about 1e-6 of the
    score's scale.

    Args:
      image: `(..., H, W, C)` floating point, any range.
      template: `(..., h, w, C)`, no larger than the image; batch axes broadcast against the image's, so several
        templates are compared at once.
      mode: one of the six above. The best match is the minimum of the "sqdiff" modes, the maximum of the others.
      mask: `(..., h, w)` or `(..., h, w, 1 or C)`, 1 where the template's pixel counts, 0 where it is unknown; weights
        between are allowed.
      compat: "finite", or "opencv" for OpenCV's own answers where there is nothing to divide by.

    Returns:
      `(..., H - h + 1, W - w + 1, 1)` scores in the image's dtype; entry (y, x) is the window whose first pixel is
      (y, x).

    Raises:
      TypeError: an image or template that is not floating point.
      ValueError: a template larger than the image, other channels, an unknown mode or compat, a mask that doesn't fit.

    Example:
      >>> x = jnp.arange(20.0).reshape(4, 5, 1) ** 2
      >>> jnp.unravel_index(match_template(x, x[1:3, 2:4]).argmax(), (3, 4))
      (Array(1, dtype=int32), Array(2, dtype=int32))

    References:
      OpenCV, `cv::matchTemplate`. Lewis, Fast normalized cross-correlation, 1995.
    """
    image = check_image(image)
    template = check_image(template, name="template", channels=image.shape[-1])
    check_choice(mode, MODES, "mode")
    check_choice(compat, COMPATS, "compat")
    if template.shape[-3] > image.shape[-3] or template.shape[-2] > image.shape[-2]:
        raise ValueError(
            f"the template, {template.shape}, is larger than the image, {image.shape}: crop it or pad those"
        )
    if mask is None:
        return _match(image, template.astype(image.dtype), mode, compat)
    mask = check_mask(mask, template).astype(image.dtype)
    return _match_masked(image, template.astype(image.dtype), mask, mode, compat)


def _same_rank(*arrays: jax.Array) -> list[jax.Array]:
    rank = max(a.ndim for a in arrays)
    dtype = windows.wide(arrays[0].dtype)
    return [a.astype(dtype).reshape(*[1] * (rank - a.ndim), *a.shape) for a in arrays]


def _mean(image: jax.Array, weight: jax.Array | float = 1.0, total: jax.Array | float | None = None) -> jax.Array:
    """Mean over height and width, channel by channel; rows first, which keeps the rounding small."""
    total = image.shape[-3] * image.shape[-2] if total is None else total
    return _sum(image * weight) / total


def _sum(image: jax.Array) -> jax.Array:
    return windows.materialise(image.sum(-2, keepdims=True)).sum(-3, keepdims=True)


def _channels(scores: jax.Array) -> jax.Array:
    return scores.sum(-1, keepdims=True)


@partial(jax.jit, static_argnames=("mode", "compat"))
def _match(image: jax.Array, template: jax.Array, mode: Mode, compat: Compat) -> jax.Array:
    dtype, pixels = image.dtype, template.shape[-3] * template.shape[-2]
    image, template = _same_rank(image, template)
    mean = _mean(template)
    shape = template - mean
    shape = shape - _mean(shape)  # what rounding left
    score = correlate_template(image, shape, total=True)
    if mode == "ccoeff":
        return score.astype(dtype)
    if mode.startswith("ccorr"):
        return _correlation(image, template, mean, score, mode).astype(dtype)
    total, deviation = window_moments(image, template.shape[-3], template.shape[-2])
    template_energy = _channels(_sum(shape * shape))
    energy = _channels(deviation + total * total / pixels)
    if mode == "ccoeff_normed":
        score = _normalised(score, _channels(deviation), energy, template_energy, 0.0)
        flat_template = template_energy < float(jnp.finfo(jnp.float64).eps) * pixels
        return jnp.where(flat_template, float(compat == "opencv"), score).astype(dtype)
    gap = total / pixels - mean
    score = _channels(deviation) + pixels * _channels(gap * gap) - 2 * score + template_energy
    score = jnp.maximum(score, 0)
    if mode == "sqdiff":
        return score.astype(dtype)
    return _normalised(score, energy, energy, _channels(_sum(template * template)), 1.0).astype(dtype)


def _correlation(image: jax.Array, template: jax.Array, mean: jax.Array, score: jax.Array, mode: Mode) -> jax.Array:
    """What the template's mean adds to the score of its shape; and the energies."""
    size = template.shape[-3], template.shape[-2]
    score = score + _channels(windows.sliding_sum(image, *size) * mean)
    if mode == "ccorr":
        return score
    energy = windows.sliding_sum(_channels(image * image), *size)
    return _normalised(score, energy, energy, _channels(_sum(template * template)), 0.0)


def _normalised(
    score: jax.Array, energy: jax.Array, brightness: jax.Array, template_energy: jax.Array, default: float
) -> jax.Array:
    """OpenCV's rules: no energy, no score; an excess of up to an eighth is rounding; what is beyond has no meaning."""
    flat = energy <= jnp.minimum(0.5, 10 * float(jnp.finfo(jnp.float32).eps) * brightness)
    bound = root(jnp.where(flat, 0, energy) * template_energy)
    ratio = score / jnp.where(bound == 0, 1, bound)
    size = jnp.abs(score)
    nearly = jnp.where(size < 1.125 * bound, jnp.sign(lax.stop_gradient(score)), default)
    return jnp.where(size < bound, ratio, nearly)


@partial(jax.jit, static_argnames=("mode", "compat"))
def _match_masked(image: jax.Array, template: jax.Array, mask: jax.Array, mode: Mode, compat: Compat) -> jax.Array:
    dtype = image.dtype
    image, template, mask = _same_rank(image, template, mask)
    mask = jnp.broadcast_to(mask, (*mask.shape[:-1], image.shape[-1]))
    square = mask * mask
    count, weight = _sum(mask), _sum(square)
    if mode.startswith("ccoeff"):
        flat_score = jnp.nan if compat == "opencv" else 0.0
        return _masked_ccoeff(image, template, mask, square, count, mode, flat_score).astype(dtype)
    score = correlate_template(image, square * template, total=True)
    if mode == "ccorr":
        return score.astype(dtype)
    energy = correlate_template(image * image, square, total=True)
    template_energy = _channels(_sum(square * template * template))
    if mode.startswith("sqdiff"):
        score = jnp.maximum(energy - 2 * score + template_energy, 0)
    if mode == "sqdiff":
        return score.astype(dtype)
    least = FLAT * _channels(weight * lax.stop_gradient(_mean(image * image)))
    nothing = {"sqdiff_normed": (1.0, jnp.inf), "ccorr_normed": (0.0, jnp.nan)}[mode][compat == "opencv"]
    return _over(score, energy, least, template_energy, nothing).astype(dtype)


def _masked_ccoeff(
    image: jax.Array,
    template: jax.Array,
    mask: jax.Array,
    square: jax.Array,
    count: jax.Array,
    mode: Mode,
    flat_score: float,
) -> jax.Array:
    """One kernel gives `sum m^2 (I - mean_m I) (T - mean_m T)`; the window's own energy takes three more."""
    known = jnp.where(count == 0, 1, count)
    shape = template - _sum(mask * template) / known
    shape = shape - _sum(mask * shape) / known
    kernel = square * shape
    kernel = kernel - mask * (_sum(kernel) / known)
    score = correlate_template(image, kernel, total=True)
    if mode == "ccoeff":
        return score
    image = image - lax.stop_gradient(_mean(image))
    mean = correlate_template(image, mask, total=False) / known
    cross = correlate_template(image, square, total=False)
    energy = _channels(mean * (mean * _sum(square) - 2 * cross))
    energy = energy + correlate_template(image * image, square, total=True)
    least = FLAT * _channels(_sum(square) * lax.stop_gradient(_mean(image * image)))
    template_energy = _channels(_sum(square * shape * shape))
    flat_template = template_energy < float(jnp.finfo(jnp.float64).eps) * _channels(_sum(square))
    return jnp.where(flat_template, flat_score, _over(score, energy, least, template_energy, flat_score))


def _over(
    score: jax.Array, energy: jax.Array, least: jax.Array, template_energy: jax.Array, default: float
) -> jax.Array:
    bound = root(jnp.where(energy <= least, 0, energy) * template_energy)
    return jnp.where(bound == 0, default, score / jnp.where(bound == 0, 1, bound))
