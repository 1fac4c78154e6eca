"""What the commands print: one line a picture, a bar over many, tables, failures at the end."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from jaximg.cli.parse import Failure

Job = TypeVar("Job")
Trouble = tuple[Path, str]
EXPECTED = (OSError, ValueError, Failure)
"""What a bad file raises; anything else is named by its type, so that it can be reported."""


def each(
    jobs: Sequence[Job], work: Callable[[Job], str], *, path: Callable[[Job], Path], failures: Iterable[Trouble] = ()
) -> int:
    """Does one job after the other and prints what each says; what fails is told at the end.

    Args:
      jobs: what is to be done.
      work: does one and answers with the line to print; raises where it can't.
      path: the file that a job is about.
      failures: what has failed before.

    Returns:
      The exit code: 1 if anything failed.
    """
    console = Console(highlight=False)
    failed = list(failures)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    quiet = len(jobs) < 2 or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task("", total=len(jobs))
        for job in jobs:
            progress.update(task, description=printable(path(job).name))
            try:
                line(console, work(job))
            except Exception as error:  # one bad file doesn't stop the rest
                failed.append((path(job), reason(error)))
            progress.advance(task)
    return tell(failed, len(jobs))


def tell(failed: Sequence[Trouble], jobs: int) -> int:
    """Prints what failed to stderr.

    Args:
      failed: the files and the reasons.
      jobs: how many were tried.

    Returns:
      The exit code: 1 if anything failed.
    """
    if len(failed) > 1 or jobs > 1 and failed:
        print(f"jaximg: {len(failed)} failed", file=sys.stderr)
    for path, why in failed:
        print(printable(f"jaximg: {why}" if str(path) in why else f"jaximg: {path}: {why}"), file=sys.stderr)
    return 1 if failed else 0


def reason(error: Exception) -> str:
    """An exception in one line for the user."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = " ".join(str(error).split())
    return said if isinstance(error, EXPECTED) and said else f"{type(error).__name__}: {said}"


@contextmanager
def file(path: Path) -> Iterator[None]:
    """Turns what goes wrong with a file inside into a Failure that names it."""
    try:
        yield
    except (OSError, ValueError) as error:
        why = reason(error)
        raise Failure(why if str(path) in why else f"{path}: {why}") from error


def make_folders(files: Iterable[Path | None]) -> None:
    """Makes the folders that files are to be written into, where they aren't there yet."""
    for path in filter(None, files):
        with file(path):
            path.parent.mkdir(parents=True, exist_ok=True)


def line(console: Console, text: str) -> None:
    """Prints text as it is: not wrapped, no markup, whatever a file name holds."""
    console.print(Text(printable(text)), soft_wrap=True)


def printable(text: str) -> str:
    r"""The text with what no terminal can print (bytes of a file name that are no UTF-8) as question marks.

    Example:
      >>> printable("caf\udce9.png")
      'caf?.png'
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows under a head, a line each whatever its length; columns of numbers are set to the right.

    Args:
      head: names of the columns.
      rows: cells, as many as the head has.
    """
    texts = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*texts, strict=True)]
    right = [all(cell[-1:] in "0123456789%)-" for cell in column[1:]) for column in zip(*texts, strict=True)]
    for row in texts:
        spaces = [" " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        columns = zip(row, spaces, right, strict=True)
        print("  ".join(space + cell if number else cell + space for cell, space, number in columns).rstrip())


def pairs(rows: Sequence[tuple[str, str]]) -> None:
    """Prints names and what they mean, a line each.

    Args:
      rows: name and meaning.
    """
    width = max(len(name) for name, _ in rows)
    for name, meaning in rows:
        print(f"{name:{width}}  {meaning}")


def waiting(text: str) -> AbstractContextManager[object]:
    """A spinner on a terminal while something takes its time; nothing elsewhere.

    Args:
      text: what takes its time.

    Returns:
      A context manager.
    """
    console = Console(stderr=True)
    return console.status(text) if console.is_terminal else nullcontext()
