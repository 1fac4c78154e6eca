"""What a run has to do with the process that it is in: signals, and traces of its steps."""

import contextlib
import signal
from collections.abc import Iterator
from typing import Any

import jax

from jaximg.train.folder import Folder

FIRST_PROFILED = 10


class Profiler:
    """Traces some early steps, once they are warm."""

    def __init__(self, folder: Folder | None, first: int, count: int) -> None:
        self.path = folder.path / "profile" if folder and count else None
        self.start, self.end = first + FIRST_PROFILED, first + FIRST_PROFILED + count
        self.on = False

    def at(self, step: int) -> None:
        """Before each step."""
        if self.path is None:
            return
        if step == self.start:
            jax.profiler.start_trace(str(self.path))
            self.on = True
        elif step == self.end:
            self.stop()

    def stop(self) -> None:
        """After the last one."""
        if self.on:
            jax.profiler.stop_trace()
            self.on = False


@contextlib.contextmanager
def signals() -> Iterator[list[int]]:
    """Collects SIGTERM and Ctrl-C in place of dying of them; a second Ctrl-C is obeyed at once."""
    seen: list[int] = []
    old: dict[int, Any] = {}

    def handler(number: int, frame: object) -> None:
        if seen and number == signal.SIGINT:
            raise KeyboardInterrupt
        seen.append(number)

    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            old[number] = signal.signal(number, handler)
    except ValueError:  # not the main thread: whoever is there has to decide
        pass
    try:
        yield seen
    finally:
        for number, before in old.items():
            signal.signal(number, before)
