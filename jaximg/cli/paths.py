"""Which files a command reads and which it writes: nothing here opens one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jaximg.cli.parse import Failure, Usage


@dataclass(frozen=True)
class Source:
    """A picture to read.

    Attributes:
      path: the file.
      within: its place inside the folder it was found in; its bare name if it was named outright.
      trouble: why there is nothing to read here; empty if there may be.
    """

    path: Path
    within: Path
    trouble: str = ""


@dataclass(frozen=True)
class Job:
    """A picture to read, and what to write.

    Attributes:
      source: the picture.
      target: the file for the result.
      compare: the file for before and after, side by side.
    """

    source: Source
    target: Path
    compare: Path


def sources(inputs: Sequence[Path], *, recursive: bool, skip: Path | None = None) -> list[Source]:
    """The pictures that the inputs name: files as they are, folders by their contents, in order of name.

    Args:
      inputs: files and folders.
      recursive: whether to go into folders inside folders.
      skip: a folder not to look into: what an earlier run wrote there is no input.

    Returns:
      Each picture once. An input where there is none is there too, with its `trouble`.

    Raises:
      Usage: no inputs.
    """
    if not inputs:
        raise Usage("no picture given")
    found: dict[Path, Source] = {}
    for path in inputs:
        for source in _folder(path, recursive, skip) if path.is_dir() else [Source(path, Path(path.name))]:
            found.setdefault(source.path.resolve(), source)
    return list(found.values())


def _folder(folder: Path, recursive: bool, skip: Path | None) -> list[Source]:
    from jaximg.io import find_images

    old = skip.resolve() if skip is not None and folder.resolve() in skip.resolve().parents else None
    pictures = [path for path in find_images(folder, recursive=recursive) if old not in path.resolve().parents]
    if pictures:
        return [Source(path, path.relative_to(folder)) for path in pictures]
    hint = "" if recursive else "; --recursive looks into its folders"
    return [Source(folder, Path(), trouble=f"no picture in this folder{hint}")]


def jobs(inputs: Sequence[Path], output: Path | None, found: Iterable[Source]) -> list[Job]:
    """Gives each source a name of its own to write to, so that no two results meet.

    Args:
      inputs: what the user named.
      output: where to: a file for one file, a folder otherwise; beside the inputs if None.
      found: the sources, those without trouble.

    Returns:
      One job a source.

    Raises:
      Usage: a file as the output of several pictures, or a target that is another source, which would be lost before
        it is read.
    """
    found, taken = list(found), set()
    check_output(inputs, output)
    read = {source.path.resolve(): source for source in found}
    planned = []
    for source in found:
        target = _free(_target(source, inputs, output), taken)
        victim = read.get(target.resolve(), source)
        if victim is not source:
            raise Usage(f"the result of {source.path} would replace {victim.path}, an input too: choose another -o")
        compare = _free(target.with_name(f"{target.stem}-compare.png"), taken, target.suffix)
        while compare.resolve() in read:
            compare = _free(compare, taken, "sheet")
        planned.append(Job(source, target, compare))
    return planned


def check_output(inputs: Sequence[Path], output: Path | None) -> None:
    """Raises Usage where the output's kind doesn't fit the inputs: a file for one file, a folder otherwise."""
    from jaximg.io.writing import FORMATS

    if output is None or output.is_dir():
        return
    one = len(inputs) == 1 and not inputs[0].is_dir()
    if not one and (output.is_file() or output.suffix.lower() in FORMATS):
        raise Usage(f"{output} is a file; several pictures need a folder to go to")
    if one and (output.is_file() or output.suffix) and output.suffix.lower() not in FORMATS:
        raise Usage(f"{output}: its suffix says which format to write; choose one of {' '.join(FORMATS)}")


def _target(source: Source, inputs: Sequence[Path], output: Path | None) -> Path:
    """Where a result goes; one that came in a format that is read but not written becomes PNG."""
    from jaximg.io.writing import FORMATS

    if output is not None and output.suffix.lower() in FORMATS and not output.is_dir():
        return output
    if output is not None:
        place = output / source.within
    elif source.path in inputs:
        place = source.path.with_stem(f"{source.path.stem}-corrected")
    else:
        folder = source.path.parents[len(source.within.parts) - 1].resolve()
        place = folder.with_name(f"{folder.name}-corrected") / source.within
    return place if place.suffix.lower() in FORMATS else place.with_suffix(".png")


def _free(path: Path, taken: set[str], *hints: str) -> Path:
    """The path, or one like it that no other result has; there are file systems that don't tell A from a."""
    marks = ["", *(f"-{hint.lstrip('.')}" for hint in hints), *(f"-{n}" for n in range(2, len(taken) + 3))]
    names = (path.with_name(f"{path.stem}{mark}{path.suffix}") for mark in marks)
    choice = next(name for name in names if str(name.resolve()).casefold() not in taken)
    taken.add(str(choice.resolve()).casefold())
    return choice


def refuse_existing(files: Iterable[Path], overwrite: bool) -> None:
    """Raises Failure where a result would replace a file and nobody said that it may."""
    for file in files:
        if not overwrite and file.exists():
            raise Failure(f"{file} exists; --overwrite replaces it")
