"""Trained weights as small files: half-precision arrays, and the architecture that they belong to."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import flax.linen as nn
import numpy as np
from flax import traverse_util

HEADER = "__model__"
"""The entry that names the architecture."""
RESTORERS = Path(__file__).parents[1] / "correct" / "weights"
"""Where the restoration networks of this package lie, `NAME.npz` each."""


def restorers() -> tuple[str, ...]:
    """The names of these networks.

    Example:
      >>> "denoise_color" in restorers()
      True
    """
    return tuple(sorted(path.stem for path in RESTORERS.glob("*.npz")))


def write_weights(path: Path, variables: dict[str, Any], *, model: str, **config: object) -> None:
    """Writes variables as float16 into an npz file, in one go: whole or not at all.

    Args:
      path: of the file; one that exists is replaced.
      variables: as `module.init` gives them, `{"params": ...}`, perhaps with `"batch_stats"`.
      model: the architecture, a name in `jaximg.models.MODELS`.
      config: the arguments it is made with; plain numbers, strings, and lists of them.

    Raises:
      ValueError: a value that half precision cannot hold.
    """
    flat = traverse_util.flatten_dict(variables, sep="/")
    with np.errstate(over="ignore"):
        halves = {key: np.asarray(value, np.float32).astype(np.float16) for key, value in flat.items()}
    broken = [key for key, value in halves.items() if not np.isfinite(value).all()]
    if broken:
        raise ValueError(f"{broken[0]} has values that float16 cannot hold; these weights are not worth shipping")
    header = json.dumps({"model": model, "config": config})
    draft = path.with_name(f".{path.name}.part")
    with open(draft, "wb") as file:
        np.savez_compressed(file, allow_pickle=False, **{HEADER: np.array(header)}, **halves)
    os.replace(draft, path)


def read_weights(file: Path | BinaryIO) -> tuple[nn.Module, dict[str, Any]]:
    """Reads what `write_weights` has written.

    Args:
      file: path, or an open binary file.

    Returns:
      The module, and its variables in float32.

    Raises:
      ValueError: not such a file, or one for an architecture that this version doesn't know.
    """
    from jaximg.models import MODELS

    try:
        with np.load(file, allow_pickle=False) as arrays:
            header = json.loads(arrays[HEADER].item())
            flat = {key: arrays[key].astype(np.float32) for key in arrays.files if key != HEADER}
    except (KeyError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise ValueError(f"{file} holds no weights of jaximg: {error}") from error
    if header["model"] not in MODELS:
        raise ValueError(f"{file} is of the architecture {header['model']}; this version has {', '.join(MODELS)}")
    config = {key: tuple(x) if isinstance(x, list) else x for key, x in header["config"].items()}
    return MODELS[header["model"]](**config), traverse_util.unflatten_dict(flat, sep="/")
