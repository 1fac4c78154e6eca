"""`jaximg generate`: pictures from a trained generator."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from jaximg.cli import paths, runs, show
from jaximg.cli.parse import Flag, Usage, parse

if TYPE_CHECKING:
    import numpy as np

    from jaximg.train.trained import Trained

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")


@dataclass(frozen=True)
class Options:
    """Make pictures with a trained generator: a grid, a file each, or a film from one to the next.

    Of a generator that makes pictures to order, each seed has the class of its last figure, or all have --class.

    RUN is the folder of a run, or a model that comes with jaximg: conv_digits.

    Attributes:
      run: a folder, or a name.
      seeds: which pictures, numbers and ranges with commas between them. A seed is always the same picture.
      label: the class of all pictures: its name, or its number.
      truncation: below 1, pictures that are more typical and more alike.
      correct: pass each picture through `jaximg correct`.
      output: FILE.png for a grid, FILE.gif for a film from each seed to the next, a folder for a file each.
      frames: of a film, from one seed to the next.
      scale: enlarge each picture so many times.
      columns: of a grid.
      overwrite: replace files that exist.
    """

    run: Positional[Annotated[str, arg(metavar="RUN")]]
    seeds: Annotated[str, arg(metavar="A-B,C")] = "0-63"
    label: Annotated[str | None, arg(name="class", metavar="NAME", help_behavior_hint="")] = None
    truncation: Annotated[float, arg(metavar="0..1")] = 1.0
    correct: Flag = False
    output: Annotated[Path, arg(aliases=["-o"], metavar="OUT")] = Path("generated.png")
    frames: Annotated[int, arg(metavar="N")] = 12
    scale: Annotated[int, arg(metavar="N")] = 2
    columns: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None
    overwrite: Flag = False


def main(argv: Sequence[str]) -> int:
    """Makes pictures.

    Args:
      argv: the words after `jaximg generate`.

    Returns:
      0.
    """
    options = parse(Options, argv, prog="jaximg generate")
    numbers = runs.seeds(options.seeds)
    if min(options.frames, options.scale, options.columns or 1) < 1:
        raise Usage("--frames, --scale and --columns are 1 at least")
    if not 0 <= options.truncation <= 2:
        raise Usage(f"--truncation {options.truncation:g}: from 0, all alike, to 1, all that there is")
    suffix = options.output.suffix.lower()
    if suffix and suffix not in (*SUFFIXES, ".gif") and not options.output.is_dir():
        raise Usage(f"{options.output}: a grid is {' '.join(SUFFIXES)}, a film .gif, and a folder has no suffix")
    if suffix == ".gif" and len(numbers) < 2:
        raise Usage("a film goes from one seed to the next: two at least")
    if suffix in (*SUFFIXES, ".gif"):
        paths.refuse_existing([options.output], options.overwrite)
    runs.compiled_once()
    generator = runs.trained(options.run, "generator")
    with show.file(options.output):
        print(_write(options, generator, numbers, suffix))
    return 0


def _write(options: Options, generator: "Trained", numbers: list[int], suffix: str) -> str:
    from jaximg import report

    if suffix == ".gif":
        return _film(options, generator, numbers)
    label = _label(options, generator)
    made = generator.samples(numbers, label=label, truncation=options.truncation)
    images = _enlarged(_finished(options, made), options.scale)
    if suffix and not options.output.is_dir():
        options.output.parent.mkdir(parents=True, exist_ok=True)
        report.save(options.output, report.grid(list(images), columns=options.columns, gap=2 * options.scale))
        return f"{options.output}  {len(numbers)} pictures"
    files = [options.output / f"seed{number:06d}.png" for number in numbers]
    paths.refuse_existing(files, options.overwrite)
    options.output.mkdir(parents=True, exist_ok=True)
    for file, image in zip(files, images, strict=True):
        report.save(file, image)
    return f"{options.output}  {len(files)} files"


def _film(options: Options, generator: "Trained", numbers: list[int]) -> str:
    import numpy as np

    from jaximg import report
    from jaximg.train.trained import latents

    z = latents([*numbers, numbers[0]], generator.latent)
    steps = [
        _between(a, b, t / options.frames) for a, b in zip(z[:-1], z[1:], strict=True) for t in range(options.frames)
    ]
    label = _label(options, generator)
    of = np.array([*numbers, numbers[0]]) % max(len(generator.classes), 1) if label is None else label
    labels = np.broadcast_to(of, len(z))[:-1].repeat(options.frames)
    made = generator.from_latents(options.truncation * np.stack(steps).astype(np.float32), labels)
    images = _enlarged(_finished(options, made), options.scale)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    report.film(options.output, list(images))
    return f"{options.output}  {len(images)} frames"


def _label(options: Options, generator: "Trained") -> int | None:
    if options.label is None:
        return None
    if not generator.to_order:
        raise Usage(f"--class {options.label}: {options.run} was not trained to make pictures to order")
    names = list(generator.classes)
    if options.label not in names and not (options.label.isdigit() and int(options.label) < len(names)):
        raise Usage(f"--class {options.label}: there are {', '.join(names[:20])}{' ...' if names[20:] else ''}")
    return names.index(options.label) if options.label in names else int(options.label)


def _finished(options: Options, images: "np.ndarray") -> "np.ndarray":
    """The pictures, corrected if that is wanted."""
    if not options.correct:
        return images
    import numpy as np

    from jaximg import correct

    return np.clip(np.stack([correct.correct(image) for image in images]), 0, 1)


def _between(a: "np.ndarray", b: "np.ndarray", t: float) -> "np.ndarray":
    """On the arc from one to the other: a straight line would pass too near to zero."""
    import numpy as np

    angle = np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))
    if angle < 1e-6:
        return a
    return (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)


def _enlarged(images: "np.ndarray", times: int) -> "np.ndarray":
    return images.repeat(times, axis=1).repeat(times, axis=2)
