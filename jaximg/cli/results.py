"""What an operator answers, as a picture that can be looked at, or as numbers."""

import colorsys
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from jaximg.cli.parse import Failure

if TYPE_CHECKING:
    from jaximg.io import Picture

Show: TypeAlias = Literal["auto", "clip", "stretch", "signed", "labels"]
NUMBERS = (".json", ".npy", ".npz")
SHARE = 0.1
"""A result of which more than this share lies below 0, or above 1, is no picture in [0, 1]."""
GOLDEN = 0.618034
"""Steps of this size round the colour wheel keep neighbours apart, however many there are."""


def parts(result: Any) -> dict[str, np.ndarray]:
    """The arrays of an answer by name; "" where there is one alone.

    Example:
      >>> list(parts((np.zeros(2), np.ones(3))))
      ['1', '2']
    """
    if hasattr(result, "_asdict"):
        named = result._asdict()
    elif dataclasses.is_dataclass(result):
        named = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    elif isinstance(result, dict):
        named = result
    elif isinstance(result, tuple | list):
        named = {str(i): part for i, part in enumerate(result, 1)}
    else:
        named = {"": result}
    return {name: np.asarray(part) for name, part in named.items()}


def is_picture(array: np.ndarray) -> bool:
    """Whether an array is `(H, W, 1 or 3)`."""
    return array.ndim == 3 and array.shape[2] in (1, 3)


def visible(array: np.ndarray, show: Show = "auto") -> np.ndarray:
    """The array on the scale [0, 1], so that what is in it can be seen.

    Args:
      array: `(H, W, 1 or 3)`, any dtype.
      show: "clip" cuts at 0 and 1; "stretch" maps the smallest value to black and the largest to white; "signed" maps
        0 to middle grey; "labels" gives each whole number a colour. "auto" takes labels for whole numbers, signed
        where a good part lies below 0, stretch where a good part lies above 1, and clip otherwise. Samples of 8 and
        16 bits are what they are.

    Returns:
      `(H, W, 1 or 3)` float32.

    Example:
      >>> visible(np.array([[[-2.0], [0.0], [1.0]]]))[0, :, 0].tolist()
      [0.0, 0.5, 0.75]
    """
    if array.dtype in (np.uint8, np.uint16):
        return (array / np.float32(np.iinfo(array.dtype).max)).astype(np.float32)
    values = np.nan_to_num(array.astype(np.float64))
    show = _kind(array.dtype, values) if show == "auto" else show
    if show == "labels":
        return _labels(values)
    if show == "signed":
        return (0.5 + values / (2 * np.abs(values).max() or 1)).astype(np.float32)
    if show == "stretch":
        low, high = values.min(), values.max()
        return ((values - low) / ((high - low) or 1)).astype(np.float32)
    return np.clip(values, 0, 1).astype(np.float32)


def _kind(dtype: np.dtype, values: np.ndarray) -> Show:
    if np.issubdtype(dtype, np.integer):
        return "labels"
    total = np.abs(values).sum() * SHARE
    if -values[values < 0].sum() > total:
        return "signed"
    return "stretch" if (values - 1)[values > 1].sum() > total else "clip"


def _labels(values: np.ndarray) -> np.ndarray:
    numbers, where = np.unique(values[:, :, 0].astype(np.int64), return_inverse=True)
    colours = [colorsys.hsv_to_rgb(i * GOLDEN % 1, 0.65, 0.95) if i else (0.0, 0.0, 0.0) for i in numbers.tolist()]
    return np.array(colours, np.float32)[where.reshape(values.shape[:2])]


def write(result: Any, out: str, source: "Picture", *, show: Show, overwrite: bool) -> Iterator[str]:
    """Writes an answer: as pictures, as numbers (.json, .npy, .npz), or prints it (out is "-").

    Args:
      result: what the operator returned.
      out: where to.
      source: the picture it came from; format, bit depth and profile follow it.
      show: how a picture that is not in [0, 1] is made visible.
      overwrite: whether files may be replaced.

    Yields:
      The lines to print.

    Raises:
      Failure: numbers, but a picture file to write them to.
    """
    answer, path = parts(result), Path(out)
    if out == "-":
        yield json.dumps(_plain(answer))
    elif path.suffix in NUMBERS:
        _write_numbers(path, answer)
        yield out
    elif not any(map(is_picture, answer.values())):
        shapes = ", ".join(str(array.shape) for array in answer.values())
        raise Failure(f"the answer is numbers {shapes}, no picture: write FILE.json or FILE.npy, or - to print them")
    else:
        yield from _write_pictures(path, answer, source, show, overwrite)


def _plain(answer: dict[str, np.ndarray]) -> Any:
    lists = {name: array.tolist() for name, array in answer.items()}
    return lists.get("", lists)


def _write_numbers(path: Path, answer: dict[str, np.ndarray]) -> None:
    if path.suffix == ".json":
        path.write_text(json.dumps(_plain(answer)) + "\n")
    elif path.suffix == ".npz":
        named: dict[str, Any] = {name or "result": array for name, array in answer.items()}
        np.savez(path, **named)
    elif len(answer) > 1:
        raise Failure(f"{path}: the answer is several arrays, {', '.join(answer)}: write FILE.npz or FILE.json")
    else:
        np.save(path, answer[""])


def _write_pictures(
    path: Path, answer: dict[str, np.ndarray], source: "Picture", show: Show, overwrite: bool
) -> Iterator[str]:
    from jaximg import io

    for name, array in answer.items():
        if not is_picture(array):
            yield f"{name}: {json.dumps(array.tolist())}"
            continue
        target = path.with_name(f"{path.stem}-{name}{path.suffix}") if name else path
        same = source.alpha is not None and source.alpha.shape[:2] == array.shape[:2]
        alpha = source.alpha if same else None
        io.write(target, source.replace(pixels=visible(array, show), alpha=alpha), overwrite=overwrite)
        yield str(target)
