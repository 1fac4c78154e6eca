"""What the commands about trained models share: seeds, the panel of progress, mistakes in one line."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jaximg.cli.parse import Failure, Usage

if TYPE_CHECKING:
    import jax

    from jaximg.train.trained import Trained

MOST = 100_000
"""Seeds in one command."""
LAST = 2**32
SNAPSHOTS = 6
"""Grids of samples on a run's page."""


@contextmanager
def plainly() -> Iterator[None]:
    """Turns what is wrong with data, folders and options inside into one line for the user."""
    from jaximg.train.checkpoint import MismatchError
    from jaximg.train.data import DataError
    from jaximg.train.folder import RunError
    from jaximg.train.loop import NonFiniteError

    try:
        yield
    except (DataError, RunError, MismatchError, NonFiniteError) as error:
        raise Failure(str(error)) from error


def trained(name: str, kind: str) -> "Trained":
    """Loads a shipped model or one of a run.

    Args:
      name: a shipped name or a folder.
      kind: "classifier" or "generator"; what the command needs.

    Returns:
      The model.

    Raises:
      Failure: there is none, or it is of the other kind.
    """
    from jaximg.train.trained import load, shipped

    with plainly():
        model = load(name)
    if model.kind != kind:
        others = [other for other in shipped() if load(other).kind == kind]
        hint = f"; of those that come with jaximg, {', '.join(others)} is one" if others else ""
        raise Failure(f"{name} is a {model.kind}, and this takes a {kind}{hint}")
    return model


def unordered(model: "Trained") -> Callable[["jax.Array"], "jax.Array"]:
    """A generator's function from z to pictures, to search with.

    Raises:
      Failure: it has to be told a class too.
    """
    if model.to_order:
        raise Failure(f"{model.name} makes pictures to order; this takes a generator that is told no class")
    return model.generator()


def is_run(name: str) -> bool:
    """Whether a folder of a run has this name."""
    return (Path(name) / "options.json").is_file()


def write_page(folder: Path, file: Path, *, figures: Sequence[Sequence[str]] = ()) -> None:
    """Writes a page on a run: curves, snapshots, settings.

    Args:
      folder: the run's.
      file: where to.
      figures: rows of a table: name, and of the model and of what it is compared with.
    """
    from jaximg import report
    from jaximg.train.folder import curves_of, read_options

    options, curves = read_options(folder), curves_of(folder, without=("seconds",))
    grids = sorted(folder.glob("fakes*.png"))
    which = sorted({round(k * (len(grids) - 1) / (SNAPSHOTS - 1)) for k in range(SNAPSHOTS)}) if grids else ()
    shown = {f"samples at step {int(path.stem.removeprefix('fakes'))}": path for path in (grids[i] for i in which)}
    others = {"what was taken for what": "confusion.png", "pictures to learn from": "reals.png"}
    shown |= {caption: folder / name for caption, name in others.items() if (folder / name).is_file()}
    settings = {name: str(value) for name, value in options.items() if name != "facts"}
    kind, steps, pictures = (options.get(name) for name in ("kind", "steps", "batch"))
    page = report.run_page(
        folder.resolve().name,
        f"{kind}: {steps} steps of {pictures} pictures of {options.get('data')}",
        curves,
        shown,
        head=("figure", "of the model", "beside it"),
        rows=figures,
        settings=settings,
    )
    file.write_text(page, encoding="utf-8")


def seeds(text: str) -> list[int]:
    """Numbers and ranges with commas between them.

    Args:
      text: like "0-3,7".

    Returns:
      The numbers, in that order.

    Raises:
      Usage: not like that.

    Example:
      >>> seeds("0-3,7")
      [0, 1, 2, 3, 7]
    """
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise Usage(f"--seeds {text}: numbers and ranges, with commas between them: 0-63 or 1,5,8-9")
        low, high = int(first), int(last or first)
        if high < low or high - low >= MOST or high >= LAST:
            raise Usage(f"--seeds {text}: from {low} to {high}? A range goes upwards, of {MOST} at most, below 2^32")
        found += range(low, high + 1)
    return found


class Bar:
    """What is seen of a training: a bar with the time left and the losses, or now and then a line."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.console = Console(highlight=False)
        text = TextColumn("{task.fields[told]}")
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), text)
        self.bar = Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal)
        self.task = self.bar.add_task("", total=steps, told="compiling")
        self.next = 0

    def __enter__(self) -> "Bar":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def say(self, line: str) -> None:
        """Prints a line above the bar."""
        self.console.print(line, markup=False, soft_wrap=True)

    def __call__(self, progress: Any) -> None:
        """Shows how far it is."""
        shown = [name for name in ("loss", "accuracy", "loss_d", "loss_g", "margin") if name in progress.metrics]
        told = "  ".join(f"{name} {progress.metrics[name]:.3f}" for name in shown)
        told = f"{progress.images_per_second:,.0f} images/s  {told}"
        self.bar.update(self.task, completed=progress.step, told=told)
        if not self.console.is_terminal and (progress.step >= self.next or progress.step == self.steps):
            self.next = progress.step + max(self.steps // 10, 1)
            self.say(f"step {progress.step} of {self.steps}  {told}")


def compiled_once() -> None:
    """Keeps compiled programs for the next time, unless somebody has chosen otherwise."""
    import jax

    if not getattr(jax.config, "jax_compilation_cache_dir", None):
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        jax.config.update("jax_compilation_cache_dir", str(Path(home) / "jaximg" / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)


def on_one_line(words: Sequence[float], digits: int = 3) -> str:
    """Numbers with spaces between them."""
    return " ".join(f"{word:.{digits}f}" for word in words)
