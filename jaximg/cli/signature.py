"""From an operator's signature to a command line, and back to its arguments."""

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Collection, Mapping
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
from tyro.conf import arg

from jaximg.cli.parse import Usage

NUMBERS = "FILE|NUMBERS"
MASK = "a picture of the same size, white where the operator shall work"
Read = Callable[[str, Path], np.ndarray]
"""Reads the picture file that an option names: `read(option, path)`."""


@dataclasses.dataclass(frozen=True)
class Signature:
    """How an operator is called from a command line.

    Attributes:
      function: the operator.
      fields: `(name, type, default)` of each option, for `dataclasses.make_dataclass`.
      arrays: the options that are text here and arrays to the operator; True where a size does as well.
      whole: the options that may be whole numbers or not, and are counts of pixels where they are whole.
      keyed: whether it takes a random key first; `--seed` makes one.
    """

    function: Callable[..., Any]
    fields: tuple[tuple[str, Any, Any], ...]
    arrays: Mapping[str, bool]
    whole: Collection[str]
    keyed: bool

    @classmethod
    def of(cls, function: Callable[..., Any]) -> "Signature | None":
        """Reads a signature; None where its first argument is no image, or the command line can't say one it needs."""
        parameters = list(inspect.signature(function).parameters.values())
        hints = typing.get_type_hints(function)
        keyed = bool(parameters) and parameters[0].name == "key"
        first, *rest = parameters[1:] if keyed else parameters
        if not _is_array(hints.get(first.name)):
            return None
        fields, arrays = [], {}
        for parameter in rest:
            hint = hints.get(parameter.name, Any)
            option = _option(hint)
            if option is None and parameter.default is inspect.Parameter.empty:
                return None
            if parameter.name == "mask" and "template" not in hints:
                option = Annotated[option, arg(metavar="FILE", help=MASK, help_behavior_hint="")]
            if option is not None:
                fields.append((parameter.name, option, _default(parameter, tuple[int, ...] in _members(option))))
                if _is_array(hint):
                    arrays[parameter.name] = int in _members(hint)
        whole = {name for name, hint in hints.items() if {int, float} <= {*_members(hint)}}
        return cls(function, tuple(fields), arrays, whole, keyed)

    def call(self, image: np.ndarray, options: Mapping[str, Any], *, seed: int, read: Read) -> Any:
        """Calls the operator.

        Args:
          image: `(H, W, C)`.
          options: what the command line says, by name.
          seed: for the key, where it takes one.
          read: reads a picture file that an option names.

        Returns:
          What the operator returns.

        Raises:
          Usage: an option whose text is neither a file nor numbers.
        """
        arguments = {name: self._argument(name, options[name], read) for name, _, _ in self.fields}
        first = (jax.random.key(seed), image) if self.keyed else (image,)
        positional, named = [], {}
        for parameter in list(inspect.signature(self.function).parameters.values())[len(first) :]:
            if parameter.name not in arguments:
                continue
            if parameter.kind is parameter.POSITIONAL_ONLY:
                positional.append(arguments[parameter.name])
            else:
                named[parameter.name] = arguments[parameter.name]
        return self.function(*first, *positional, **named)

    def _argument(self, name: str, value: Any, read: Read) -> Any:
        if name in self.arrays and isinstance(value, str):
            value = array(name, value, read, size=self.arrays[name])
        if name in self.whole and isinstance(value, float) and value.is_integer():
            return int(value)
        return value[0] if isinstance(value, tuple) and len(value) == 1 else value


def array(name: str, text: str, read: Read, *, size: bool = False) -> Any:
    """An array from a picture, from a file of numbers (.npy, .txt, .csv), or from numbers: "0 1 0; 1 -4 1; 0 1 0".

    Args:
      name: the option's name, for the message.
      text: what the command line says.
      read: reads a picture file.
      size: whether one or two whole numbers are a size in pixels, and no array.

    Returns:
      `(H, W, C)` from a picture, otherwise as many axes as the numbers have, or a size.

    Raises:
      Usage: neither a file nor numbers.

    Example:
      >>> array("kernel", "0 1; 1 0", read=None).tolist()
      [[0.0, 1.0], [1.0, 0.0]]
      >>> array("size_or_element", "3 5", read=None, size=True)
      (3, 5)
    """
    path = Path(text)
    if path.is_file() and path.suffix not in (".npy", ".txt", ".csv"):
        return read(name, path)
    try:
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False).astype(np.float32)
        if path.suffix in (".txt", ".csv"):
            return np.loadtxt(path, np.float32, delimiter="," if path.suffix == ".csv" else None, ndmin=2)
        return _numbers(text, size)
    except (OSError, ValueError) as error:
        raise Usage(f"--{name.replace('_', '-')} {text}: neither a file that can be read nor numbers") from error


def _numbers(text: str, size: bool) -> Any:
    words = text.replace(",", " ").split()
    if size and len(words) <= 2 and all(word.isdigit() for word in words):
        return tuple(map(int, words))
    rows = [[float(word) for word in row.replace(",", " ").split()] for row in text.split(";")]
    return np.array(rows if len(rows) > 1 else rows[0], np.float32)


def _default(parameter: inspect.Parameter, pair: bool) -> Any:
    if parameter.default is inspect.Parameter.empty:
        return dataclasses.MISSING
    return (parameter.default,) if pair and isinstance(parameter.default, int) else parameter.default


def _option(hint: Any) -> Any:
    """The type that the command line reads for a parameter's annotation; None if there is none."""
    members = _members(hint)
    kind, metavar = _kind([member for member in members if member is not type(None)])
    if kind is None:
        return None
    if type(None) in members:
        return Annotated[kind | None, arg(metavar=metavar or kind.__name__.upper(), help_behavior_hint="")]
    return Annotated[kind, arg(metavar=metavar)] if metavar else kind


def _kind(members: list[Any]) -> tuple[Any, str | None]:
    literals = [member for member in members if typing.get_origin(member) is typing.Literal]
    if literals:
        return reduce(or_, literals), None
    if float in members:
        return float, None
    if any(_is_ndarray(member) for member in members):
        return str, NUMBERS
    tuples = [member for member in members if typing.get_origin(member) is tuple]
    if tuples and (int in members or Ellipsis in typing.get_args(tuples[0])):
        return tuple[int, ...], "N [N]"
    plain = [member for member in (*tuples, bool, int, str) if member in members]
    return (plain[0] if plain else None), None


def _members(hint: Any) -> list[Any]:
    if typing.get_origin(hint) is Annotated:
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return [inner for member in typing.get_args(hint) for inner in _members(member)]
    return [hint]


def _is_ndarray(member: Any) -> bool:
    return isinstance(member, type) and issubclass(member, np.ndarray | jax.Array)


def _is_array(hint: Any) -> bool:
    members = _members(hint)
    return float not in members and any(map(_is_ndarray, members))
