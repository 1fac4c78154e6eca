"""Command lines by tyro: a dataclass is the parser, a mistake is one line."""

import contextlib
import io
import re
from collections.abc import Sequence
from typing import Annotated, TypeAlias, TypeVar

import tyro

Options = TypeVar("Options")
Flag: TypeAlias = Annotated[bool, tyro.conf.arg(help_behavior_hint="")]
CONFIG = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
_RULE = re.compile(r"^[─-]{5,}$", re.MULTILINE)


class Usage(Exception):  # noqa: N818
    """A mistake in the command line: one line to the user, exit code 2."""


class Failure(Exception):  # noqa: N818
    """Something that could not be done: one line to the user, exit code 1."""


def parse(options: type[Options], argv: Sequence[str], *, prog: str) -> Options:
    """Fills a dataclass from the words of a command line; its annotations and docstring are the parser and its help.

    Args:
      options: the dataclass.
      argv: the words.
      prog: how the command is called, for the help.

    Returns:
      An instance of `options`.

    Raises:
      Usage: the words don't fit.
      SystemExit: with code 0, after the help has been printed.
    """
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(options, prog=prog, args=list(argv), config=CONFIG)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise Usage(f"{one_line(complaint.getvalue())} ({prog} --help tells more)") from None


def one_line(box: str) -> str:
    r"""What tyro's framed complaint says before its first rule, and its guess at what was meant.

    Example:
      >>> one_line("╭─ Value error ─╮\n│ Error parsing │\n│ --x: no float │\n│ ───────────── │\n│ Help:         │")
      'Error parsing --x: no float'
    """
    _, *lines = (line.strip("│╭╮╰╯ ") for line in box.strip().splitlines())
    parts = [part.split("\n") for part in _RULE.sub("\0", "\n".join(lines)).strip("\0\n").split("\0")]
    said = " ".join(" ".join(parts[0]).split())
    guess = next((part[2] for part in parts if part[1:2] == ["Perhaps you meant:"]), "")
    return f"{said}: perhaps you meant {guess}" if guess else said
