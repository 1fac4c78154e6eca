"""Finds configs by name or path: a config is a Python file whose `config` is a frozen dataclass."""

import runpy
from pathlib import Path
from typing import TypeVar

import jaximg
from jaximg.cli.parse import Usage

Config = TypeVar("Config")
PACKAGE = Path(jaximg.__file__).parent


def folder() -> Path:
    """Where the configs are: inside the package once it is installed, beside it in a checkout."""
    return next(path for path in (PACKAGE / "configs", PACKAGE.parent / "configs") if path.is_dir())


def names() -> list[str]:
    """The names of the configs that come with the package."""
    return sorted(path.stem for path in folder().glob("[!_]*.py"))


def load(name: str, kind: type[Config]) -> Config:
    """Runs a config file and returns its `config`.

    Args:
      name: a name of `names()`, or the path of a file of one's own that ends in .py.
      kind: the dataclass that the command needs.

    Returns:
      The file's `config`.

    Raises:
      Usage: no such config, or one of another kind.

    Example:
      >>> load("nothing", object)
      Traceback (most recent call last):
      jaximg.cli.parse.Usage: no config 'nothing': there are ..., cnn_digits, ... or pass the path of a .py file
    """
    path = Path(name) if name.endswith(".py") else folder() / f"{name}.py"
    if not path.is_file():
        raise Usage(f"no config {name!r}: there are {', '.join(names())}, or pass the path of a .py file")
    config = runpy.run_path(str(path)).get("config")
    if not isinstance(config, kind):
        wanted = f"config = {kind.__name__}(...)"
        raise Usage(f"{path} is no config for this command: it needs {wanted}")
    return config
