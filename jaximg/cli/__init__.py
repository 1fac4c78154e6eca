"""The command `jaximg`: a command a file, each parses, calls, prints, and nothing else.

Nothing here imports JAX before a command has work for it, so that help and mistakes answer at once.
"""

import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence

from jaximg import __version__
from jaximg.cli.parse import Failure, Usage

COMMANDS = {
    "correct": "Find what is wrong with pictures and repair it.",
    "diagnose": "Say what is wrong with pictures, changing nothing.",
    "op": "Run one operator of jaximg.ops on a picture.",
    "demo": "Damage photographs in six ways, correct each, show the difference.",
    "train": "Train a classifier or a generator, or go on where it stopped.",
    "generate": "Make pictures with a trained generator.",
    "evaluate": "Measure a trained model against real pictures.",
    "predict": "Say what a trained classifier sees in pictures.",
    "project": "Find what a trained generator would make pictures from.",
}
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Args:
      argv: the words after `jaximg`; those of the process if None.

    Returns:
      The exit code: 0 when all went well, 1 when something could not be done, 2 for a mistake in the command line,
      130 after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a locale that lacks a letter of a file's name is no reason to stop
            stream.reconfigure(errors="replace")
    try:
        code = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return code
    except Usage as mistake:
        return _say(str(mistake), 2)
    except Failure as failure:
        return _say(str(failure), 1)
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except BrokenPipeError:  # the reader (head, less) has left: nothing more to say to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as stop:  # tyro has printed a command's help
        return int(stop.code or 0)


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(_help())
        return 0 if words else 2
    name, *rest = words
    if name == "--version":
        print(f"jaximg {__version__}")
        return 0
    return _command(name)(rest)


def _command(name: str) -> Callable[[list[str]], int]:
    if name not in COMMANDS:
        raise Usage(f"no command {name!r}: choose one of {', '.join(COMMANDS)} (jaximg --help tells more)")
    return importlib.import_module(f"jaximg.cli.{name}").main


def _say(message: str, code: int) -> int:
    print(f"jaximg: {message}", file=sys.stderr)
    return code


def _help() -> str:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:{width}}  {line}" for name, line in COMMANDS.items())
    return f"""usage: jaximg COMMAND ...

Image correction and generation from the shell.

commands:
{commands}

options:
  -h, --help  this text; after a command, what it takes
  --version   the version

examples:
  jaximg demo
  jaximg correct photo.jpg
  jaximg correct scans/ --recursive -o better/ --compare --report
  jaximg op gaussian_blur photo.jpg soft.jpg --sigma 2
  jaximg generate conv_digits --seeds 0-63 -o grid.png
  jaximg train cnn_digits"""
