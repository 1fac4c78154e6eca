"""A run's folder: its options, what was measured, grids of samples; and which folder a command means."""

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaximg import io
from jaximg.evaluate.pictures import curves_picture, grid
from jaximg.train import config

OPTIONS, STATS, CHECKPOINTS = "options.json", "stats.jsonl", "checkpoints"
TIMES = ("seconds", "images_per_second")
"""What two runs of the same numbers differ in."""


class RunError(ValueError):
    """A folder that this run can't use; the message says why and what to do."""


class Folder:
    """Where a run writes.

    Args:
      path: made if it isn't there.
      options: what decides the run's numbers; kept in options.json and compared when the run goes on.
      force: go on although they differ.
      tell: called with a line to print.
      writes: whether this process looks after the folder; of several, one does.

    Raises:
      RunError: it holds a run of other options, or is somebody's own folder.
    """

    def __init__(
        self,
        path: Path,
        options: Mapping[str, Any],
        *,
        force: bool = False,
        tell: Callable[[str], None] = print,
        writes: bool = True,
    ) -> None:
        self.path, self.options, self.writes = path, options, writes
        self._tensorboard: Any = None
        if writes:
            self._claim(force, tell)

    def _claim(self, force: bool, tell: Callable[[str], None]) -> None:
        path = self.path
        if (path / OPTIONS).exists():
            self._compare(read_options(path), self.options, force, tell)
            return
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunError(f"{path} exists and is not the folder of a run: choose another")
        path.mkdir(parents=True, exist_ok=True)
        self._write_options()

    def _write_options(self) -> None:
        _write(self.path / OPTIONS, json.dumps(self.options, indent=1, sort_keys=True) + "\n")

    def _compare(self, old: dict, new: Mapping[str, Any], force: bool, tell: Callable[[str], None]) -> None:
        changed = config.differences(old, new)
        if not changed:
            return
        listed = "\n  ".join(["", *changed])
        if not force:
            raise RunError(
                f"{self.path} holds a run with other options; --force goes on with the new ones, another --workdir "
                f"begins anew:{listed}"
            )
        tell(f"going on with other options:{listed}")

    @property
    def checkpoints(self) -> Path:
        """Where its checkpoints are."""
        return self.path / CHECKPOINTS

    def rewind(self, step: int) -> None:
        """Drops what was noted and drawn after a step: the run goes on from there, with the options that it has now."""
        if not self.writes:
            return
        self._write_options()
        lines = [line for line in read_stats(self.path) if line["step"] <= step]
        if (self.path / STATS).exists():
            _write(self.path / STATS, "".join(json.dumps(line) + "\n" for line in lines))
        for file in self.path.glob("fakes*.png"):
            if int(file.stem.removeprefix("fakes") or 0) > step:
                file.unlink()

    def note(self, step: int, values: Mapping[str, float]) -> None:
        """Adds a line to stats.jsonl, and a point to each of TensorBoard's curves."""
        if not self.writes:
            return
        with open(self.path / STATS, "a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        for name, value in values.items():
            self._writer(step).add_scalar(name, value, step)

    def draw(self, name: str, images: np.ndarray) -> None:
        """Writes a grid of pictures as NAME.png: `(N, H, W, C)` in [0, 1]."""
        if self.writes:
            io.write(self.path / f"{name}.png", grid(list(np.clip(images, 0, 1)), gap=2), overwrite=True)

    def conclude(self, pictures: Mapping[str, np.ndarray]) -> None:
        """Writes each picture as NAME.png, and what stats.jsonl has as curves.png, a plot for each figure."""
        if not self.writes:
            return
        curves = curves_of(self.path)
        if curves:
            pictures = {**pictures, "curves": curves_picture(curves)}
        for name, picture in pictures.items():
            io.write(self.path / f"{name}.png", picture, overwrite=True)

    def close(self) -> None:
        """Writes what TensorBoard has not written yet."""
        if self._tensorboard is not None:
            self._tensorboard.close()

    def _writer(self, step: int) -> Any:
        if self._tensorboard is None:
            from tensorboardX import SummaryWriter

            self._tensorboard = SummaryWriter(str(self.path / "tensorboard"), purge_step=step)
        return self._tensorboard


def read_options(path: Path) -> dict[str, Any]:
    """A run's options.json.

    Raises:
      RunError: there is none, or it can't be read.
    """
    try:
        return json.loads((path / OPTIONS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is no folder of a run: no {OPTIONS} that can be read ({error})") from None


def read_stats(path: Path) -> list[dict[str, Any]]:
    """The lines of a run's stats.jsonl; one that was cut short by a crash is left out.

    Args:
      path: the run's folder.

    Returns:
      A dict a line, each with its "step".
    """
    file = path / STATS
    lines = []
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines


def curves_of(path: Path, *, without: Sequence[str] = TIMES) -> dict[str, list[tuple[float, float]]]:
    """What a run's stats.jsonl says of each figure, as `(step, value)`.

    Args:
      path: the run's folder.
      without: figures that are left out.

    Returns:
      A list for each name.
    """
    curves: dict[str, list[tuple[float, float]]] = {}
    for line in read_stats(path):
        for name, value in line.items():
            if name not in ("step", *without):
                curves.setdefault(name, []).append((line["step"], value))
    return curves


def choose(root: Path, name: str, options: Mapping[str, Any], *, finished: Callable[[Path], bool]) -> Path:
    """The numbered folder that a command means: the newest with its options if that isn't finished, or a new one.

    Args:
      root: where the folders are.
      name: of the config.
      options: those of this run.
      finished: whether a run has nothing left to do.

    Returns:
      `root/00007-name`; it may not be there yet.
    """
    numbered = _numbered(root)
    named = (path for _, path in sorted(numbered, reverse=True) if path.name.partition("-")[2] == name)
    begun = (path for path in named if (path / OPTIONS).exists())
    newest = next((path for path in begun if not config.differences(read_options(path), options)), None)
    if newest is not None and not finished(newest):
        return newest
    return root / f"{max([number for number, _ in numbered], default=-1) + 1:05d}-{name}"


def _numbered(root: Path) -> Sequence[tuple[int, Path]]:
    folders = [path for path in root.glob("*-*") if path.is_dir()] if root.is_dir() else []
    return [(int(match[1]), path) for path in folders if (match := re.match(r"(\d{5})-", path.name))]


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
