"""Salt and pepper: single pixels thrown to black or white.

Noise that has been cut off at 0 and 1, stars, lettering and dithered pictures hold isolated black and white pixels
too. Salt and pepper are both there, both isolated, and hardly a pixel lies between them and their surroundings.
"""

from dataclasses import dataclass

import numpy as np

SAMPLE = 100_000
"""So many values are looked at at a time, or tried;"""
MANY = 4_000_000
"""of more than these the places are not listed."""
STEP = 0.25
"""A pixel this far from the median of its surroundings stands out."""
_AROUND = [(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3) if (dy, dx) != (0, 0)]
_NEXT = [i for i, (dy, dx) in enumerate(_AROUND) if max(abs(dy), abs(dx)) == 1]


@dataclass(frozen=True)
class Impulses:
    """Salt-and-pepper noise.

    Attributes:
      mask: `(H, W, C)` bool, True where a value has been lost.
      share: the share of such values.
      confidence: 0 to 1.
    """

    mask: np.ndarray
    share: float = 0.0
    confidence: float = 0.0


def find_impulses(image: np.ndarray) -> Impulses:
    """Finds values thrown to 0 or 1.

    Args:
      image: `(H, W, C)`, [0, 1].

    Returns:
      What was found.

    Example:
      >>> x = np.full((64, 64, 1), 0.5)
      >>> x[::8, ::8], x[4::8, 4::8] = 0, 1
      >>> int(find_impulses(x).mask.sum())
      128
    """
    mask = np.zeros(image.shape, bool)
    extreme = (image == 0) | (image == 1)
    if min(image.shape[:2]) < 5 or not 2e-4 < extreme.mean() < 0.7:
        return Impulses(mask)
    confidence = _confidence(image, extreme)
    if confidence <= 0:
        return Impulses(mask)
    rows = max(1, SAMPLE // image[0].size)
    for top in range(0, len(image), rows):
        y, x, c = np.nonzero(extreme[top : top + rows])
        step, alike = _surroundings(image, extreme, (y + top, x, c))
        mask[y + top, x, c] = (step >= 0.06) & (alike <= 4)
    return Impulses(mask, float(mask.mean()), confidence)


def _confidence(image: np.ndarray, extreme: np.ndarray) -> float:
    """From a sample of the extreme values and one of the others."""
    rng = np.random.default_rng(0)
    ends, others = (_pick(rng, chosen) for chosen in (extreme, ~extreme))
    step, alike = _surroundings(image, extreme, ends)
    alone = (step >= STEP) & (alike <= 1)
    white = image[ends] == 1
    total = extreme.mean()
    salt, pepper = (float(total * (alone & chosen).mean()) for chosen in (white, ~white))
    between = float((1 - total) * (_surroundings(image, extreme, others)[0] >= STEP).mean())
    if min(salt, pepper) < 1e-4 or max(salt, pepper) > 5 * min(salt, pepper):
        return 0.0
    out_of_place = float(total * (step >= STEP).mean())
    crowded = out_of_place * (1 - (alone.sum() / max((step >= STEP).sum(), 1)))
    # By chance alone, so many extremes would have two or more of their own kind beside them.
    likely = out_of_place * (1 - (1 - out_of_place / 2) ** 8)
    if crowded > 2 * likely + 0.3 * out_of_place:
        return 0.0
    return float(np.clip((salt + pepper) / max(between, 1e-6) / 2 - 0.5, 0, 1))


def _pick(rng: np.random.Generator, chosen: np.ndarray) -> tuple[np.ndarray, ...]:
    """Some of the places that are chosen; of very many by trying any, for a list of them needs memory."""
    count = int(np.count_nonzero(chosen))
    if count > MANY:
        tried = rng.integers(0, chosen.size, 2 * SAMPLE * chosen.size // count)
        return np.unravel_index(tried[chosen.ravel()[tried]][:SAMPLE], chosen.shape)
    places = np.nonzero(chosen)
    if count <= SAMPLE:
        return places
    some = rng.integers(0, count, SAMPLE)
    return tuple(axis[some] for axis in places)


def _surroundings(
    image: np.ndarray, extreme: np.ndarray, places: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """How far each place stands out from its surroundings, and how many of the 8 values next to it equal its own.

    The surroundings are the median of those of the 24 values around it that are not extreme; with less than five of
    them nothing stands out.
    """
    y, x, c = places
    height, width = image.shape[:2]
    rows = [np.clip(y + dy, 0, height - 1) for dy, _ in _AROUND]
    columns = [np.clip(x + dx, 0, width - 1) for _, dx in _AROUND]
    values = np.stack([image[r, k, c] for r, k in zip(rows, columns, strict=True)])
    usable = np.stack([~extreme[r, k, c] for r, k in zip(rows, columns, strict=True)])
    ordered = np.sort(np.where(usable, values, np.inf), axis=0)
    count = usable.sum(0)
    middle = np.take_along_axis(ordered, np.maximum(count - 1, 0)[None] // 2, axis=0)[0]
    step = np.where(count >= 5, np.abs(image[places] - np.where(np.isfinite(middle), middle, 0)), 0)
    alike = (values[_NEXT] == image[places]).sum(0)
    return step, alike
