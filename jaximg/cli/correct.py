"""`jaximg correct`: find what is wrong with pictures and repair it."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from jaximg.cli import paths, runs, show
from jaximg.cli.parse import Failure, Flag, Usage, parse

if TYPE_CHECKING:
    import numpy as np

    from jaximg.correct import Report, Step
    from jaximg.io import Picture


@dataclass(frozen=True)
class Options:
    """Find what is wrong with pictures and repair it: noise, JPEG blocks, scratches, tears, missing regions.

    Format, bit depth, transparency, colour profile and metadata stay as they are. Transparent pixels are filled in, and
    opaque then, where --mask says so or --only inpaint asks for it.

    Attributes:
      inputs: pictures, or folders of them.
      output: a file for one picture, a folder for more. Default: IN-corrected beside IN.
      recursive: look into folders inside folders; the output mirrors them.
      mask: a picture of the same size, white where pixels are to be filled in.
      prior: fill in what this generator would put there, the folder of a run or a name, and do nothing else.
      reference: another picture of the same thing, another scan or frame, to fill in from.
      only: do these repairs alone, with commas between them: denoise,inpaint
      pieces: the pictures show scattered pieces of one on a plain ground: put them together.
      upscale: then double its pixels a side.
      strength: 0 leaves the picture as it is, 1 corrects in full.
      ensemble: show networks the picture turned and mirrored too: a little better, up to eight times as slow.
      compare: write before and after side by side too, as OUT-compare.png.
      report: print what was found and what was done.
      overwrite: replace files that exist.
      max_pixels: refuse pictures larger than this: a small file can hold a huge picture.
    """

    inputs: Positional[Annotated[tuple[Path, ...], arg(metavar="IN [IN ...]", help_behavior_hint="")]]
    output: Annotated[Path | None, arg(aliases=["-o"], metavar="OUT", help_behavior_hint="")] = None
    recursive: Annotated[bool, arg(aliases=["-r"], help_behavior_hint="")] = False
    mask: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    prior: Annotated[str | None, arg(metavar="RUN", help_behavior_hint="")] = None
    reference: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    only: Annotated[str, arg(metavar="NAMES", help_behavior_hint="")] = ""
    pieces: Flag = False
    upscale: Flag = False
    strength: Annotated[float, arg(metavar="0..1")] = 1.0
    ensemble: Flag = False
    compare: Flag = False
    report: Flag = False
    overwrite: Flag = False
    max_pixels: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None


def main(argv: Sequence[str]) -> int:
    """Corrects every picture named; what fails is told at the end and doesn't stop the rest.

    Args:
      argv: the words after `jaximg correct`.

    Returns:
      0, or 1 where a picture could not be corrected.
    """
    options = parse(Options, argv, prog="jaximg correct")
    if not 0 <= options.strength <= 1:
        raise Usage(f"--strength is {options.strength:g}; it goes from 0 to 1")
    others = options.only or options.reference or options.pieces or (options.ensemble and not options.upscale)
    if options.prior and (options.mask is None or others):
        raise Usage(
            "--prior fills in what --mask says, and does nothing else: "
            "give --mask FILE, and no --only, --reference, --pieces or --ensemble"
        )
    found = paths.sources(options.inputs, recursive=options.recursive, skip=options.output)
    jobs = paths.jobs(options.inputs, options.output, [source for source in found if not source.trouble])
    failures = [(source.path, source.trouble) for source in found if source.trouble]
    work = _worker(options) if jobs else str
    return show.each(jobs, work, path=lambda job: job.source.path, failures=failures)


@dataclass(frozen=True)
class _Done:
    """Repaired pixels, what was done to them, what else to tell, and where they were filled in, `(H, W, 1)` bool."""

    pixels: "np.ndarray"
    steps: "tuple[Step, ...]"
    filled: "np.ndarray"
    notes: tuple[str, ...] = ()
    report: "Report | None" = None


_Repair = Callable[["Picture", "np.ndarray | None", Path], _Done]
"""Of a picture, a mask of what is known of it, or none, and its file's name."""


def _worker(options: Options) -> Callable[[paths.Job], str]:
    """Loads what all pictures need, then answers with the function that corrects one."""
    from jaximg import correct, io

    runs.compiled_once()
    limit = {} if options.max_pixels is None else {"max_pixels": options.max_pixels}
    if options.mask is not None and not options.mask.is_file():
        raise Failure(f"{options.mask}: no such file to take as a mask")
    repair = _by_prior(options.prior, options.strength) if options.prior else _by_diagnosis(options, limit)

    def work(job: paths.Job) -> str:
        start = time.perf_counter()
        paths.refuse_existing([job.target, job.compare] if options.compare else [job.target], options.overwrite)
        before = io.read(job.source.path, **limit)
        known = None if options.mask is None else io.read_mask(options.mask, before.pixels.shape, **limit)
        done = repair(before, known, job.source.path)
        after, steps = _with_pixels(before, done, options.strength), done.steps if options.strength else ()
        if options.upscale:
            after = _upscaled(after, options.strength, options.ensemble)
            steps = (*steps, correct.Step("upscale", "twice the pixels a side"))
        job.target.parent.mkdir(parents=True, exist_ok=True)
        io.write(job.target, after, overwrite=options.overwrite)
        if options.compare:
            io.write(job.compare, _compared(before, after), overwrite=options.overwrite)
        told = [*before.notes, *done.notes, *(_in_full(done.report, steps) if options.report else [])]
        names = ", ".join(step.name for step in steps) or "nothing to correct"
        head = f"{job.source.path} -> {job.target}  {names}  {time.perf_counter() - start:.1f} s"
        return "\n    ".join([head, *told])

    return work


def _by_diagnosis(options: Options, limit: dict[str, int]) -> _Repair:
    """Finds what is wrong, and repairs that."""
    from jaximg import correct, io
    from jaximg.correct.pipeline import moves

    only = _names(options.only, correct.STEPS)
    if options.pieces and only and "tear" not in only:
        raise Usage("--pieces puts a torn picture together, which --only leaves out: add tear to it")
    if options.reference is not None and not options.reference.is_file():
        raise Failure(f"{options.reference}: no such file to take as a reference")
    other = None if options.reference is None else _shown(io.read(options.reference, **limit))

    def repair(picture: "Picture", known: "np.ndarray | None", path: Path) -> _Done:
        del path
        report = correct.diagnose(picture, mask=known, pieces=options.pieces, whole=not moves(only))
        notes = ()
        if known is None and not report.tear.confidence and "inpaint" not in (only or ()):
            report, notes = _transparent_left(report, picture.alpha)
        steps = correct.plan(report, mask=known, only=only)
        pixels = correct.correct(
            picture.pixels,
            mask=known,
            report=report,
            strength=options.strength,
            only=only,
            reference=other,
            ensemble=options.ensemble,
            donate=not options.compare,
        )
        filled = report.missing if known is None else known < 0.5
        return _Done(pixels, steps, filled & ("inpaint" in [step.name for step in steps]), notes, report)

    return repair


def _by_prior(run: str, strength: float) -> _Repair:
    """Fills by a generator's knowledge; known pixels stay as they are."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from jaximg import correct
    from jaximg.cli.project import fitting
    from jaximg.correct.pipeline import mix

    generator = runs.trained(run, "generator")
    make = runs.unordered(generator)

    def fill(picture: "Picture", known: "np.ndarray | None", path: Path) -> _Done:
        assert known is not None  # `main` sees to that
        image, mask = (jnp.asarray(x)[None] for x in (fitting(picture, generator, path), known))
        filled = correct.fill_by_prior(jax.random.key(0), image, mask, make, latent=generator.latent)
        pixels = mix(picture.pixels, np.where(known > 0.5, picture.pixels, np.asarray(filled[0])), strength)
        lost = known < 0.5
        return _Done(pixels, (correct.Step("prior", f"{int(lost.sum())} pixels to fill in"),), lost)

    return fill


def _transparent_left(report: "Report", alpha: "np.ndarray | None") -> "tuple[Report, tuple[str, ...]]":
    """The report without pixels that are transparent, and a word on them."""
    if alpha is None or not (clear := alpha <= 0).any():
        return report, ()
    missing = report.missing & ~clear
    report = replace(report, missing=missing, missing_confidence=report.missing_confidence * bool(missing.any()))
    return report, (f"{int(clear.sum())} transparent pixels are left so; --only inpaint fills them in",)


def _with_pixels(picture: "Picture", done: _Done, strength: float) -> "Picture":
    """What was made of a picture: opaque where it was filled in, and all of it where it was put together of pieces."""
    import numpy as np

    from jaximg.correct.tears import put_back

    alpha = picture.alpha
    if alpha is not None and done.report is not None and any(step.name == "bands" for step in done.steps):
        alpha = put_back(alpha, done.report.bands.shifts)[0]
    if alpha is not None:
        there = done.pixels.shape[:2] == alpha.shape[:2]
        alpha = np.maximum(alpha, np.float32(strength) * done.filled) if there else None
    return picture.replace(pixels=np.asarray(done.pixels), alpha=alpha)


def _upscaled(picture: "Picture", strength: float, ensemble: bool) -> "Picture":
    """Twice the pixels a side, transparency and resolution too."""
    import numpy as np

    from jaximg import correct, ops
    from jaximg.correct.fill import fill_smoothly
    from jaximg.correct.upscale import bicubic

    pixels, alpha, dpi = picture.pixels, picture.alpha, picture.dpi
    if alpha is not None:
        pixels = fill_smoothly(pixels, alpha <= 0, ops.inpaint_harmonic)  # or what is hidden would show at the edge
        alpha = np.clip(bicubic(alpha), 0, 1)
    pixels = correct.upscale(pixels, strength=strength, ensemble=ensemble)
    return picture.replace(pixels=pixels, alpha=alpha, dpi=None if dpi is None else (2 * dpi[0], 2 * dpi[1]))


def _shown(picture: "Picture") -> "np.ndarray":
    """The pixels, NaN where a picture is transparent."""
    import numpy as np

    return picture.pixels if picture.alpha is None else np.where(picture.alpha > 0, picture.pixels, np.float32("nan"))


def _names(text: str, allowed: Sequence[str]) -> tuple[str, ...] | None:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in allowed:
            raise Usage(f"--only {name}: no such repair; there are {', '.join(allowed)}")
    if text and not names:
        raise Usage(f"--only {text}: names of repairs; there are {', '.join(allowed)}")
    return names or None


def _compared(before: "Picture", after: "Picture") -> "Picture":
    import numpy as np

    from jaximg import report

    pair = [np.nan_to_num(picture.on_white, nan=1.0) for picture in (before, after)]
    size = [max(picture.shape[axis] for picture in pair) for axis in (0, 1)]
    more = [[(0, n - picture.shape[axis]) for axis, n in enumerate(size)] + [(0, 0)] for picture in pair]
    pair = [np.pad(picture, m, constant_values=1.0) for picture, m in zip(pair, more, strict=True)]
    return before.replace(pixels=report.grid(pair, columns=2), alpha=None, bits=8)


def _in_full(report: "Report | None", steps: "Sequence[Step]") -> Iterator[str]:
    if report is not None:
        yield from str(report).splitlines()
    yield from (f"{step.name}: {step.why}" for step in steps)
