"""`jaximg predict`: what a trained classifier sees in pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from jaximg.cli import paths, runs, show
from jaximg.cli.parse import Usage, parse

if TYPE_CHECKING:
    import numpy as np

    from jaximg.train.trained import Trained

TOP = 3


@dataclass(frozen=True)
class Options:
    """Say what a trained classifier sees in pictures, with its probabilities.

    RUN is the folder of a run, or a model that comes with jaximg: cnn_digits. Pictures of any size are brought to the
    size that it knows, the middle square of them.

    Attributes:
      run: a folder, or a name.
      inputs: pictures, or folders of them.
      recursive: look into folders inside folders.
      invert: dark on light, where it knows light on dark: yes, no, or by the border of each picture.
    """

    run: Positional[Annotated[str, arg(metavar="RUN")]]
    inputs: Positional[Annotated[tuple[Path, ...], arg(metavar="IN [IN ...]", help_behavior_hint="")]]
    recursive: Annotated[bool, arg(aliases=["-r"], help_behavior_hint="")] = False
    invert: Literal["auto", "yes", "no"] = "auto"


def main(argv: Sequence[str]) -> int:
    """Looks at every picture named.

    Args:
      argv: the words after `jaximg predict`.

    Returns:
      0, or 1 where a picture could not be read.
    """
    options = parse(Options, argv, prog="jaximg predict")
    if not options.inputs:
        raise Usage("no picture given")
    found = paths.sources(options.inputs, recursive=options.recursive)
    failures = [(source.path, source.trouble) for source in found if source.trouble]
    sources = [source for source in found if not source.trouble]
    runs.compiled_once()
    work = _worker(options) if sources else str
    return show.each(sources, work, path=lambda source: source.path, failures=failures)


def _worker(options: Options) -> Callable[[paths.Source], str]:
    import numpy as np

    from jaximg import io

    model = runs.trained(options.run, "classifier")

    def work(source: paths.Source) -> str:
        picture = io.read(source.path)
        image, inverted = _prepared(picture.on_white, model, options.invert)
        shares = model.probabilities(image[None])[0]
        best = np.argsort(-shares)[:TOP]
        told = "  ".join(f"{model.classes[i]} {shares[i]:.1%}" for i in best)
        return f"{source.path}  {told}{'  (taken as dark on light)' if inverted else ''}"

    return work


def _prepared(pixels: "np.ndarray", model: "Trained", invert: str) -> "tuple[np.ndarray, bool]":
    """The picture as the model knows pictures, and whether light and dark were exchanged."""
    import numpy as np

    from jaximg.train.data.resize import square, with_channels

    height, _, channels = model.shape
    image = square(with_channels(pixels, channels), height)
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    light = channels == 1 and float(np.median(border)) > 0.5
    inverted = invert == "yes" or invert == "auto" and light
    return (1 - image if inverted else image).astype(np.float32), inverted
