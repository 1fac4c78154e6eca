"""Filling large holes with texture: every square of the fill looks like some square of the known picture.

From coarse to fine. At the coarsest level structures are continued into the hole by Criminisi's priorities; then, at
every level, each square that touches the hole looks for its likest wholly known one (all of them are tried at the
coarsest level; PatchMatch, the neighbours' finds and random ones, at finer levels), and those found vote on each pixel.
At last every missing pixel is copied from the square that fits best.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaximg.ops import patches, windows
from jaximg.ops.priority import fill_by_priority
from jaximg.typing import Image, Mask, check_image, check_mask, check_size

COARSEST = 64
"""The picture is halved as long as its shorter side keeps so many pixels."""
ROUGHNESS = 3.0
"""What a difference in roughness counts, against one in colour."""
FADING = 1.2
"""A pixel counts by so much less with each pixel that it lies further inside the hole."""
DEEPEST = 32
"""Pixels that lie deeper count as if they lay so many pixels deep."""
DECISION = 0.5
"""A square whose misfit is above the best one's by so large a share of the mean misfit has 1 / e of its vote."""
SWEEPS = 3
"""So often neighbours' finds and random ones are tried between two votes."""
GUESSES = 6
"""So many random places are tried in each sweep, in rings from the whole picture's size down by halves."""


class _Level(NamedTuple):
    """One picture of the pyramid, and what follows from its mask.

    Attributes:
      image: `(H, W, C + 2)`, the colours and the roughness along both axes; 0 where missing.
      known: `(H, W)` bool.
      whole: `(H, W)` bool, the square around the pixel is wholly known and within the picture.
      touched: `(H, W)` bool, a missing pixel lies within the square around the pixel.
      trust: `(H, W)`, 1 where known, less the deeper the pixel lies in the hole.
    """

    image: jax.Array
    known: jax.Array
    whole: jax.Array
    touched: jax.Array
    trust: jax.Array


class _Match(NamedTuple):
    """For each square that touches the hole, by its middle: `place` `(H, W, 2)`, its likest; `misfit` `(H, W)`."""

    place: jax.Array
    misfit: jax.Array


def inpaint_exemplar(
    image: Image, mask: Mask, *, patch: int = 7, levels: int | None = None, rounds: int = 3
) -> jax.Array:
    r"""Fills large holes with texture and structure copied from the rest of the picture.

        min over the fill of  sum_q min_s  sum_o w(q + o) |fill(q + o) - image(s + o)|^2

    over all `patch x patch` squares q that touch the hole, s over those wholly known, o over a square's pixels; w falls
    with the depth in the hole. Local roughness counts as two more channels. Found from coarse to fine, by turns of
    search and vote, from a start by Criminisi's priorities. Sharp where `inpaint_biharmonic` blurs; nearer to the truth
    only where something known looks like what is lost. Thin gaps are better filled smoothly.

    The same picture gives the same fill: there is randomness in the search, of a fixed seed. The gradient is that of
    copying; which pixel is copied has none. No gradient in the mask.

    Args:
      image: `(..., H, W, C)` floating point, nominally in [0, 1]. Values at missing pixels are never looked at.
      mask: `(..., H, W)`, `(..., H, W, 1)` or `(..., H, W, C)`, above 0.5 where the pixel is KNOWN; a pixel that lacks
        a channel is no example for others.
      patch: the squares' side in pixels, odd, static.
      levels: how often to halve the picture, static; by default while 64 pixels are left of its shorter side.
      rounds: turns of search and vote at the finest level, static; coarser ones get more.

    Returns:
      `(..., H, W, C)`, the image's dtype; known pixels bit by bit as they were. The channel's mean where no
      square of the picture is wholly known.

    Raises:
      TypeError: an image that is not floating point, a mask that is not an array.
      ValueError: no channel axis, a mask that doesn't fit, an even patch.

    Example:
      >>> y, x = jnp.mgrid[:24, :24]
      >>> stripes = ((x + y) % 4 < 2).astype(jnp.float32)[..., None]
      >>> mask = jnp.ones((24, 24)).at[8:16, 9:17].set(0)
      >>> bool((inpaint_exemplar(stripes * mask[..., None], mask) == stripes).all())
      True

    References:
      Criminisi, Perez and Toyama, Region filling and object removal by exemplar-based image inpainting, IEEE TIP 2004.
      Wexler, Shechtman and Irani, Space-time completion of video, IEEE PAMI 2007. Barnes et al., PatchMatch, SIGGRAPH
      2009. Newson et al., Non-local patch-based image inpainting, IPOL 2017 (roughness, equation 4).
    """
    image = check_image(image)
    mask = check_mask(mask, image)
    patch, _ = check_size(patch, "patch", odd=True)
    rounds, _ = check_size(rounds, "rounds")
    if levels is None:
        levels = max(0, int(np.log2(min(image.shape[-3:-1]) / COARSEST)))
    return _inpaint(image, mask, patch, levels, rounds)


@partial(jax.jit, static_argnames=("patch", "levels", "rounds"))
def _inpaint(image: jax.Array, mask: jax.Array, patch: int, levels: int, rounds: int) -> jax.Array:
    shape = jnp.broadcast_shapes(image.shape, (1,) * (image.ndim - mask.ndim) + mask.shape)
    image, known = (
        jnp.broadcast_to(image, shape),
        jnp.broadcast_to(mask.reshape((1,) * (len(shape) - mask.ndim) + mask.shape) > 0.5, shape),
    )

    def one(pair: tuple[jax.Array, jax.Array]) -> jax.Array:
        return _fill(*pair, patch, levels, rounds)

    values = jnp.where(known, image, 0).astype(windows.wide(image.dtype))
    flat = values.reshape(-1, *shape[-3:]), known.reshape(-1, *shape[-3:])
    filled = one((flat[0][0], flat[1][0])) if len(flat[0]) == 1 else lax.map(one, flat)
    return jnp.where(known, image, filled.reshape(shape).astype(image.dtype))


def _fill(image: jax.Array, known: jax.Array, patch: int, levels: int, rounds: int) -> jax.Array:
    """One picture; where it is missing it is 0."""
    everything = known.all(-1)
    source, possible = choose_sources(lax.stop_gradient(image), everything, patch, levels, rounds)
    copied = jnp.take(image.reshape(-1, image.shape[-1]), source, axis=0, mode="clip")
    return jnp.where(possible, copied, _mean(image, known))


def choose_sources(
    image: jax.Array, known: jax.Array, patch: int, levels: int, rounds: int
) -> tuple[jax.Array, jax.Array]:
    """Which pixel each missing one is best copied from.

    Args:
      image: `(H, W, C)`, 0 where missing.
      known: `(H, W)` bool.
      patch: as in `inpaint_exemplar`.
      levels: the same.
      rounds: the same.

    Returns:
      `(H, W)` flat indices, known pixels' own where they are known; and whether there was a square to copy from.

    Example:
      >>> x = jnp.tile(jnp.asarray([0.0, 1.0, 2.0]), (9, 4))[..., None]
      >>> known = jnp.ones((9, 12), bool).at[4, 6].set(False)
      >>> choose = jax.jit(choose_sources, static_argnums=(2, 3, 4))
      >>> source, possible = choose(jnp.where(known[..., None], x, 0), known, 3, 0, 2)
      >>> source[4, 6].item() % 3, possible.item()
      (0, True)
    """
    pyramid = [_level(image, known, patch)]
    for _ in range(levels):
        image, known = _halve(image, known)
        pyramid.append(_level(image, known, patch))
    coarsest = pyramid[-1]
    guess = jnp.where(coarsest.known[..., None], coarsest.image, _mean(coarsest.image, coarsest.known[..., None]))
    if min(known.shape) >= patch:
        guess = fill_by_priority(guess, coarsest.known, coarsest.whole, patch)
    guess, match = _settle_coarsest(guess, coarsest, patch, rounds + 2 * levels - 1)
    for n in reversed(range(levels)):
        guess, match = _settle(guess, match, pyramid[n], patch, rounds + n)
    return _sources(pyramid[0], match, patch), jnp.any(pyramid[0].whole)


def _mean(image: jax.Array, known: jax.Array) -> jax.Array:
    """The mean of each channel's known pixels, 0 where there is none; the others are 0."""
    count = known.astype(image.dtype).sum((0, 1), keepdims=True)
    return image.sum((0, 1), keepdims=True) / jnp.maximum(count, 1)


# --- the pyramid -----------------------------------------------------------------------------------------------------


def _halve(image: jax.Array, known: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The mean of each four pixels, known if all are; a last odd row or column stands for two."""
    after = [(0, size % 2) for size in known.shape]
    x, k = jnp.pad(image, [*after, (0, 0)], mode="edge"), jnp.pad(known, after, mode="edge")
    fours = [(slice(i, None, 2), slice(j, None, 2)) for i in (0, 1) for j in (0, 1)]
    known = k[fours[0]] & k[fours[1]] & k[fours[2]] & k[fours[3]]
    mean = (x[fours[0]] + x[fours[1]] + x[fours[2]] + x[fours[3]]) / 4
    return jnp.where(known[..., None], mean, 0), known


def _level(image: jax.Array, known: jax.Array, patch: int) -> _Level:
    r = patch // 2
    inside = jnp.pad(known, r)[..., None].astype(image.dtype)
    missing = jnp.pad(~known, r)[..., None].astype(image.dtype)
    return _Level(
        jnp.concatenate([image, _roughness(image, known, patch + 2)], -1),
        known,
        windows.sliding_min(inside, patch, patch)[..., 0] > 0,
        windows.sliding_max(missing, patch, patch)[..., 0] > 0,
        FADING ** -_depth(known, image.dtype),
    )


def _depth(known: jax.Array, dtype: jnp.dtype) -> jax.Array:
    """How many steps to a neighbour, up, down or sideways, a pixel lies from a known one; `DEEPEST` at most."""

    def deeper(i: jax.Array, state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        reached, depth = state
        p = jnp.pad(reached, 1)
        reached = reached | p[:-2, 1:-1] | p[2:, 1:-1] | p[1:-1, :-2] | p[1:-1, 2:]
        return reached, depth + (~reached).astype(dtype)

    return lax.fori_loop(0, DEEPEST, deeper, (known, (~known).astype(dtype)))[1]


def _roughness(image: jax.Array, known: jax.Array, size: int) -> jax.Array:
    """The mean absolute slope of the known pixels around, along both axes."""
    grey, sums = image.mean(-1), []
    for axis in (0, 1):
        after = [(0, int(axis == k)) for k in (0, 1)]
        both = [lax.slice_in_dim(known, i, known.shape[axis] - 1 + i, axis=axis) for i in (0, 1)]
        pairs = (both[0] & both[1]).astype(image.dtype)
        sums += [jnp.pad(jnp.abs(jnp.diff(grey, axis=axis)) * pairs, after), jnp.pad(pairs, after)]
    total = windows.slide(windows.sliding_sum, jnp.stack(sums, -1), (size, size), "constant")
    mean = total[..., ::2] / jnp.maximum(total[..., 1::2], 1)
    return jnp.where(known[..., None], ROUGHNESS * mean, 0)


# --- search ----------------------------------------------------------------------------------------------------------


def _settle_coarsest(guess: jax.Array, level: _Level, patch: int, rounds: int) -> tuple[jax.Array, _Match]:
    start = _Match(patches.places(level.known.shape), jnp.full(level.known.shape, jnp.inf, guess.dtype))
    everything = _framed(level.image, patch // 2)
    squares = patches.cut(everything, patches.places(level.known.shape).reshape(-1, 2), patch)
    squares = squares.reshape(len(squares), patch * patch, -1)

    def turn(_: int, state: tuple[jax.Array, _Match]) -> tuple[jax.Array, _Match]:
        match = _search_all(state[0], level, squares, patch, state[1])
        return _vote(state[0], level, match, patch), match

    return lax.fori_loop(0, rounds, turn, (guess, start))


def _settle(guess: jax.Array, match: _Match, level: _Level, patch: int, rounds: int) -> tuple[jax.Array, _Match]:
    """Takes the finds of half the size over, then votes and searches by turns."""
    height, width = level.known.shape
    double = [jnp.repeat(jnp.repeat(v, 2, 0), 2, 1)[:height, :width] for v in (guess, *match)]
    match = _Match(2 * double[1] + patches.places((height, width)) % 2, double[2])
    guess = jnp.where(level.known[..., None], level.image, double[0])

    def turn(i: jax.Array, state: tuple[jax.Array, _Match]) -> tuple[jax.Array, _Match]:
        guess = _vote(state[0], level, state[1], patch)
        return guess, _search_near(guess, level, patch, state[1], i)

    return lax.fori_loop(0, rounds, turn, (guess, match))


def _framed(image: jax.Array, r: int) -> jax.Array:
    return jnp.pad(image, ((r, r), (r, r), (0, 0)))


def _squares(guess: jax.Array, level: _Level, place: jax.Array, patch: int) -> tuple[jax.Array, jax.Array]:
    """The squares around places and what their pixels count, in all 1; nothing beyond the picture."""
    both = jnp.concatenate([guess, level.trust[..., None]], -1)
    found = patches.cut(_framed(both, patch // 2), place, patch)
    weight = found[..., -1:]
    return found[..., :-1], weight / weight.sum((-3, -2, -1), keepdims=True)


def _search_all(guess: jax.Array, level: _Level, squares: jax.Array, patch: int, match: _Match) -> _Match:
    """The best of all whole squares: `sum w t^2 - 2 sum w t s + sum w s^2`, two products of matrices."""
    energy, width = jnp.square(squares).sum(-1), level.known.shape[1]

    def step(index: jax.Array, place: jax.Array, match: _Match) -> _Match:
        target, weight = _squares(guess, level, place, patch)
        weighted = (target * weight).reshape(len(index), -1)
        cross = jnp.matmul(weighted, squares.reshape(len(squares), -1).T, precision="highest")
        own = (weighted * target.reshape(len(index), -1)).sum(-1, keepdims=True)
        misfit = own - 2 * cross + jnp.matmul(weight.reshape(len(index), -1), energy.T, precision="highest")
        misfit = jnp.where(level.whole.reshape(1, -1), misfit, jnp.inf)
        best = misfit.argmin(-1).astype(jnp.int32)
        found = jnp.stack([best // width, best % width], -1)
        least = jnp.maximum(misfit.min(-1), 0)
        return _Match(patches.put(match.place, index, found), patches.put(match.misfit, index, least))

    return patches.for_each(level.touched, step, match)


def _search_near(guess: jax.Array, level: _Level, patch: int, match: _Match, turn: jax.Array) -> _Match:
    """The best of what was found before, what the neighbours found, and random places around."""
    source, hw = _framed(level.image, patch // 2), level.known.shape

    def better(target: jax.Array, weight: jax.Array, candidates: jax.Array) -> tuple[jax.Array, jax.Array]:
        inside = patches.within(candidates, hw)
        allowed = (inside == candidates).all(-1) & patches.at(level.whole, inside)
        misfit = (jnp.square(patches.cut(source, inside, patch) - target[None]) * weight[None]).sum((-3, -2, -1))
        misfit = jnp.where(allowed, misfit, jnp.inf)
        best = misfit.argmin(0)
        return jnp.take_along_axis(inside, best[None, :, None], 0)[0], misfit.min(0)

    def sweep(k: jax.Array, match: _Match) -> _Match:
        jump = jnp.where(k % 2 == 0, 1, patch // 2 + 1)

        def step(index: jax.Array, place: jax.Array, match: _Match) -> _Match:
            target, weight = _squares(guess, level, place, patch)
            beside = patches.within(place[None] + jump * jnp.asarray(NEIGHBOURS, jnp.int32)[:, None], hw)
            found, misfit = better(target, weight, patches.at(match.place, beside) + place[None] - beside)
            tries = found[None] + _anywhere(index, turn * SWEEPS + k, max(hw))
            tried, other = better(target, weight, tries)
            found = jnp.where((other < misfit)[:, None], tried, found)
            misfit = jnp.minimum(other, misfit)
            return _Match(patches.put(match.place, index, found), patches.put(match.misfit, index, misfit))

        return patches.for_each(level.touched, step, match)

    return lax.fori_loop(0, SWEEPS, sweep, match)


NEIGHBOURS = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))


def _anywhere(index: jax.Array, turn: jax.Array, reach: int) -> jax.Array:
    """Random shifts `(GUESSES, n, 2)`, each up to half as far as the one before; a hash of index and turn."""
    number = lax.broadcasted_iota(jnp.uint32, (GUESSES, len(index), 2), 0) * 2
    number = number + lax.broadcasted_iota(jnp.uint32, number.shape, 2)
    salt = number + jnp.uint32(2 * GUESSES) * turn.astype(jnp.uint32)
    x = index.astype(jnp.uint32)[None, :, None] * jnp.uint32(0x9E3779B1) + salt * jnp.uint32(0x85EBCA77)
    for shift, factor in ((15, 0x2C1B3C6D), (12, 0x297A2D39)):
        x = (x ^ (x >> shift)) * jnp.uint32(factor)
    unit = (x >> 8).astype(jnp.float32) * np.float32(2**-23) - 1
    radius = (reach * 0.5 ** np.arange(GUESSES, dtype=np.float32)).reshape(-1, 1, 1)
    return jnp.round(unit * radius).astype(jnp.int32)


# --- vote ------------------------------------------------------------------------------------------------------------


def _voices(level: _Level, match: _Match, place: jax.Array, patch: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """What the squares over each place say: the pixel to copy, their misfit and their trust, `(patch^2, n)` each."""
    r, (height, width) = patch // 2, level.known.shape
    offsets = jnp.asarray(np.moveaxis(np.mgrid[-r : r + 1, -r : r + 1], 0, -1).reshape(-1, 1, 2), jnp.int32)
    middle = patches.within(place[None] + offsets, (height, width))
    inside = (middle == place[None] + offsets).all(-1)
    source = patches.within(patches.at(match.place, middle) - offsets, (height, width))
    misfit = jnp.where(inside, patches.at(match.misfit, middle), jnp.inf)
    return source[..., 0] * width + source[..., 1], misfit, patches.at(level.trust, middle)


def _vote(guess: jax.Array, level: _Level, match: _Match, patch: int) -> jax.Array:
    """Each missing pixel's mean over the squares that cover it; the guess where none has found anything."""
    colours = level.image.reshape(-1, guess.shape[-1])

    def step(index: jax.Array, place: jax.Array, guess: jax.Array) -> jax.Array:
        source, misfit, trust = _voices(level, match, place, patch)
        able = jnp.isfinite(misfit)
        mean = jnp.where(able, misfit, 0).sum(0) / jnp.maximum(able.astype(misfit.dtype).sum(0), 1)
        least = jnp.where(able.any(0), misfit.min(0), 0)
        weight = jnp.where(able, trust * jnp.exp((least[None] - misfit) / (DECISION * mean[None] + 1e-7)), 0)
        total = weight.sum(0)[:, None]
        voted = (weight[..., None] * jnp.take(colours, source, axis=0, mode="clip")).sum(0)
        voted = jnp.where(total > 0, voted / jnp.where(total > 0, total, 1), patches.at(guess, place))
        return patches.put(guess, index, voted)

    return patches.for_each(~level.known, step, guess)


def _sources(level: _Level, match: _Match, patch: int) -> jax.Array:
    """The pixel to copy for each missing one: what the square of the least misfit says."""

    def step(index: jax.Array, place: jax.Array, out: jax.Array) -> jax.Array:
        source, misfit, _ = _voices(level, match, place, patch)
        return patches.put(out, index, jnp.take_along_axis(source, misfit.argmin(0)[None], 0)[0])

    return patches.for_each(
        ~level.known, step, jnp.arange(level.known.size, dtype=jnp.int32).reshape(level.known.shape)
    )
