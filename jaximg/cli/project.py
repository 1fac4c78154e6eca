"""`jaximg project`: what a generator would make a picture from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from tyro.conf import Positional, arg

from jaximg.cli import paths, runs, show
from jaximg.cli.parse import Failure, Flag, Usage, parse

if TYPE_CHECKING:
    from jaximg.io import Picture
    from jaximg.train.trained import Trained


@dataclass(frozen=True)
class Options:
    """Find what a generator would make pictures from: each one beside its likeness, and the numbers that make it.

    Attributes:
      run: the folder of a run, or a generator that comes with jaximg: conv_digits.
      inputs: pictures of the size that the generator makes.
      output: FILE.png, a row for each picture: as it is, and what the generator makes of it.
      numbers: write the numbers too, a row for each picture: FILE.npy.
      steps: of the search.
      seed: where it starts.
      scale: enlarge each picture so many times.
      overwrite: replace files that exist.
    """

    run: Positional[Annotated[str, arg(metavar="RUN")]]
    inputs: Positional[Annotated[tuple[Path, ...], arg(metavar="IN [IN ...]", help_behavior_hint="")]]
    output: Annotated[Path, arg(aliases=["-o"], metavar="FILE")] = Path("projected.png")
    numbers: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    steps: Annotated[int, arg(metavar="N")] = 200
    seed: Annotated[int, arg(metavar="N")] = 0
    scale: Annotated[int, arg(metavar="N")] = 2
    overwrite: Flag = False


def main(argv: Sequence[str]) -> int:
    """Projects.

    Args:
      argv: the words after `jaximg project`.

    Returns:
      0.
    """
    options = parse(Options, argv, prog="jaximg project")
    if options.steps < 1 or options.scale < 1:
        raise Usage("--steps and --scale are 1 at least")
    if options.output.suffix.lower() != ".png" or options.numbers and options.numbers.suffix != ".npy":
        raise Usage("-o is FILE.png, and --numbers FILE.npy")
    found = paths.sources(options.inputs, recursive=False, skip=None)
    for source in found:
        if source.trouble:
            raise Failure(f"{source.path}: {source.trouble}")
    paths.refuse_existing([file for file in (options.output, options.numbers) if file], options.overwrite)
    runs.compiled_once()
    generator = runs.trained(options.run, "generator")
    images = np.stack([_read(source.path, generator) for source in found])
    show.make_folders([options.output, options.numbers])
    with show.file(options.output):
        _project(options, generator, [source.path for source in found], images)
    return 0


def _read(path: Path, generator: "Trained") -> np.ndarray:
    from jaximg import io

    with show.file(path):
        return fitting(io.read(path), generator, path)


def fitting(picture: "Picture", generator: "Trained", path: Path) -> np.ndarray:
    """The picture with as many channels as the generator makes.

    Args:
      picture: any.
      generator: says of what size it has to be.
      path: the picture's, for the message.

    Returns:
      `(H, W, C)` float32.

    Raises:
      Failure: another size, or colours where the generator makes none.
    """
    pixels, (height, width, channels) = picture.pixels, generator.shape
    if pixels.shape[:2] != (height, width):
        raise Failure(
            f"{path} has {pixels.shape[1]} x {pixels.shape[0]} pixels, {generator.name} makes {width} x {height}"
        )
    if pixels.shape[2] == 3 and channels == 1:
        if np.ptp(pixels, axis=-1).max() > 0:
            raise Failure(f"{path} has colours, and {generator.name} makes grey pictures")
        return pixels[:, :, :1]
    return np.broadcast_to(pixels, generator.shape).copy() if pixels.shape[2] < channels else pixels


def _project(options: Options, generator: "Trained", files: Sequence[Path], images: np.ndarray) -> None:
    import jax
    import jax.numpy as jnp

    from jaximg import correct, report

    key, known = jax.random.key(options.seed), jnp.ones((*generator.shape[:2], 1))
    make = runs.unordered(generator)
    found = correct.invert(key, jnp.asarray(images), known, make, latent=generator.latent, steps=options.steps)
    for file, error in zip(files, np.asarray(found.error), strict=True):
        print(f"{file}  {error:.3f} from what {generator.name} makes (root mean square)")
    pairs = [x for pair in zip(images, np.clip(np.asarray(found.image), 0, 1), strict=True) for x in pair]
    larger = [np.asarray(x).repeat(options.scale, 0).repeat(options.scale, 1) for x in pairs]
    report.save(options.output, report.grid(larger, columns=2, gap=2 * options.scale))
    if options.numbers:
        np.save(options.numbers, np.asarray(found.z))
    print(options.output)
