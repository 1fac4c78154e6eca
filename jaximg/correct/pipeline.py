"""Decides what to repair, and repairs it: `plan` and `correct`."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np

from jaximg.correct import repair
from jaximg.correct.diagnose import SURE, Report, check_pixels, diagnose, worth_deblocking
from jaximg.correct.reference import fill_from
from jaximg.typing import Image, Mask, check_choice, check_mask

Repair = Callable[[np.ndarray, Report, repair.How], np.ndarray]

REPAIRS: dict[str, Repair] = {
    "tear": repair.put_together,
    "bands": repair.put_rows_back,
    "impulses": repair.fill_impulses,
    "inpaint": repair.fill_missing,
    "scratches": repair.fill_scratches,
    "jpeg": repair.deblock,
    "denoise": repair.denoise,
}
STEPS = tuple(REPAIRS)
"""The names of all repairs, in the order in which they are made."""

MOVING = ("tear", "bands")
"""Repairs that put pixels elsewhere; the others are of what comes out of them."""

FILLING = ("inpaint", "scratches")
"""Repairs that a reference helps."""

MASKED = ("impulses", *FILLING)
"""Repairs whose masks are those of the picture put together."""

VISIBLE = 0.5 / 255
"""Weaker noise is left alone."""


@dataclass(frozen=True)
class Step:
    """One repair that `correct` will make.

    Attributes:
      name: one of `STEPS`.
      why: what it is for, for people.
    """

    name: str
    why: str


def plan(report: Report, *, mask: Mask | None = None, only: str | Collection[str] | None = None) -> tuple[Step, ...]:
    """What `correct` will do, in order.

    Args:
      report: what `diagnose` has found.
      mask: `(H, W)` or `(H, W, 1)`, 1 where the pixel is KNOWN; takes the place of `report.missing`.
      only: names from `STEPS`; other repairs are left out, and these are made however unsure the report is.

    Returns:
      The steps; empty where there is nothing to repair.

    Raises:
      ValueError: a name that is not in `STEPS`.

    Example:
      >>> plan(Report(noise_sigma=0.1, noise_confidence=1.0))
      (Step(name='denoise', why='noise of sigma 25.5 of 255'),)
    """
    wanted = _names(only)
    report = _settle(report, mask, trusting=only is not None)
    return tuple(_steps(report, wanted))


def correct(
    image: Image,
    *,
    mask: Mask | None = None,
    report: Report | None = None,
    strength: float = 1.0,
    only: str | Collection[str] | None = None,
    pieces: bool = False,
    reference: Image | None = None,
    ensemble: bool = False,
    donate: bool = False,
) -> np.ndarray:
    """Repairs what is wrong with a picture, and nothing else.

    On the host, in programs of a few sizes: pictures of any size, few compilations. Filling leaves known pixels as
    they are; a clean picture comes back unchanged.

    Args:
      image: `(H, W, 1 or 3)` floating point, nominally [0, 1].
      mask: `(H, W)` or `(H, W, 1)`, 1 where the pixel is KNOWN, 0 where it is to be filled; takes the place of what
        the report says is missing.
      report: what `diagnose` has found; made if not given.
      strength: 0 gives the picture back, 1 repairs in full, between them it mixes the two.
      only: names from `STEPS`: these repairs alone, however unsure the report is.
      pieces: whether the picture shows scattered pieces of one on a plain ground; ignored where a report is given.
      reference: a second picture of the same thing, `(h, w, 1 or 3)`: another scan or frame, of another size and
        exposure, shifted, turned a little. What is missing or scratched is filled from it as far as it shows it.
      ensemble: whether networks see the picture turned and mirrored in all eight ways, and their answers are
        averaged: a little better, eight times as slow.
      donate: whether a very large image may be written over, to save its memory: afterwards it is the caller's no
        more, as a donated argument of `jax.jit` isn't.

    Returns:
      `(H, W, C)` float32, not clipped. A torn picture put together has the size of the whole, in the frame of its
      largest piece.

    Raises:
      TypeError: not an image, or not floating point.
      ValueError: another shape, a mask that doesn't fit, a strength outside [0, 1], an unknown name, a
        reference that shows something else, a report of a picture put together where `only` leaves it apart.

    Example:
      >>> rng = np.random.default_rng(0)
      >>> noisy = 0.5 + 0.1 * rng.standard_normal((64, 64, 1))
      >>> bool(correct(noisy).std() < 0.01)
      True
    """
    pixels = check_pixels(image)
    if not 0 <= strength <= 1:
        raise ValueError(f"strength={strength}; it goes from 0, no repair, to 1")
    if mask is not None:
        mask = np.asarray(check_mask(mask, np.broadcast_to(np.float32(0), pixels.shape)))  # pyright: ignore
    report = report or diagnose(pixels, mask=mask, pieces=pieces, whole=not moves(only))
    steps = plan(report, mask=mask, only=only)
    _check_place(report, steps, mask)
    report = _settle(report, mask, trusting=only is not None)
    if strength == 0:
        return pixels
    out = before = pixels
    other = None if reference is None else _like(pixels, reference)
    for step in steps:
        if other is not None and step.name in FILLING:
            out, report = _fill_from(out, report, steps, other)
            other = None
        ours = donate or not np.may_share_memory(out, pixels)
        out = REPAIRS[step.name](out, report, repair.How(ensemble, donate=ours and strength == 1))
        before = out if step.name in MOVING else before
    return mix(before, out, float(strength))


def mix(image: np.ndarray, repaired: np.ndarray, strength: float) -> np.ndarray:
    """The way from one to the other; exact at both ends.

    Example:
      >>> mix(np.zeros(1), np.ones(1), 0.25).tolist()
      [0.25]
    """
    if strength in (0, 1):
        return repaired if strength else image
    before = np.where(np.isfinite(image), image, repaired)
    return before + np.float32(strength) * (repaired - before)


def _like(pixels: np.ndarray, reference: Image) -> np.ndarray:
    """The reference with as many channels as the picture."""
    other = check_pixels(reference)
    if other.shape[-1] > pixels.shape[-1]:
        other = other.mean(-1, keepdims=True)
    return np.broadcast_to(other, (*other.shape[:2], pixels.shape[-1]))


def _fill_from(
    image: np.ndarray, report: Report, steps: Collection[Step], reference: np.ndarray
) -> tuple[np.ndarray, Report]:
    """Fills what the steps would from the reference; what that doesn't show is left to them."""
    masks = dict(zip(FILLING, (report.missing, report.scratches), strict=True))
    lost = [masks[step.name].any(-1, keepdims=True) for step in steps if step.name in FILLING]
    if any(mask.shape[:2] != image.shape[:2] for mask in lost):
        return image, report  # pieces have been laid elsewhere
    out, still = fill_from(image, np.logical_or.reduce(lost), reference)
    return out, replace(report, missing=report.missing & still, scratches=report.scratches & still)


def moves(only: str | Collection[str] | None) -> bool:
    """Whether pixels may be put elsewhere; where not, `diagnose` has to look at a picture as it lies (`whole`).

    Example:
      >>> moves(None), moves("scratches")
      (True, False)
    """
    return any(name in MOVING for name in _names(only))


def _check_place(report: Report, steps: Collection[Step], mask: Mask | None) -> None:
    """Masks of a picture put together say nothing of one that is not; the user's own is of the picture as it lies."""
    made = [step.name for step in steps]
    masked = [name for name in made if name in MASKED and (mask is None or name != "inpaint")]
    for name, found in zip(MOVING, (report.tear, report.bands), strict=True):
        if found.confidence and masked and name not in made:
            raise ValueError(
                f"only={', '.join(made)}: what the report says of {masked[0]} is of the picture put together; "
                f"ask for {name} too, or give a report of diagnose(image, whole=True)"
            )


def _names(only: str | Collection[str] | None) -> Collection[str]:
    names = STEPS if only is None else (only,) if isinstance(only, str) else tuple(only)
    for name in names:
        check_choice(name, STEPS, "only")
    return names


def _settle(report: Report, mask: Mask | None, *, trusting: bool) -> Report:
    """The report with the user's mask in it, and without doubt where the user has named the repairs."""
    if mask is not None:
        known = np.asarray(mask)
        known = known[..., None] if known.ndim == 2 else known
        if report.tear.confidence:  # what lies between the pieces is filled with them
            label = report.tear.label * (known.min(-1) > 0.5)
            report = replace(report, tear=replace(report.tear, label=label))
        else:
            report = replace(report, missing=known <= 0.5, missing_confidence=1.0)
    if trusting:
        sure = {name: 1.0 for name in ("noise", "jpeg", "scratches", "missing", "impulses")}
        report = replace(report, **{f"{name}_confidence": value for name, value in sure.items()})
    return report


def _steps(report: Report, wanted: Collection[str]) -> Iterator[Step]:
    found = {
        "tear": report.tear.confidence >= SURE,
        "bands": report.bands.confidence >= SURE,
        "impulses": report.impulses_confidence >= SURE and report.impulses.any(),
        "inpaint": report.missing_confidence >= SURE and report.missing.any(),
        "scratches": report.scratches_confidence >= SURE and report.scratches.any(),
        "jpeg": worth_deblocking(report.jpeg_quality, report.jpeg_confidence),
        "denoise": report.noise_confidence * report.noise_sigma >= VISIBLE,
    }
    why = {
        "tear": f"torn into {report.tear.count} pieces",
        "bands": f"{int((report.bands.shifts != 0).sum())} rows lie sideways",
        "impulses": f"salt and pepper on {100 * report.impulses.mean():.2g} % of the values",
        "inpaint": f"{int(report.missing.sum())} missing pixels",
        "scratches": f"scratches over {int(report.scratches.sum())} pixels",
        "jpeg": f"JPEG blocks of quality {report.jpeg_quality}",
        "denoise": f"noise of sigma {255 * report.noise_sigma:.1f} of 255",
    }
    names = [name for name in STEPS if found[name] and name in wanted]
    if repair.one_go(report) and {"jpeg", "denoise"} <= set(names):
        names.remove("jpeg")
        why["denoise"] += f", and {why['jpeg']}"
    yield from (Step(name, why[name]) for name in names)
