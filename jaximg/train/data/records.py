"""ArrayRecord files, by grain: each record is a picture file, or a tf.train.Example as TensorFlow Datasets has it."""

import struct
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np

from jaximg import io
from jaximg.train.data.dataset import DataError

IMAGES = ("image", "image/encoded", "image_raw")
LABELS = ("label", "image/class/label")
Field = bytes | int


def open_files(files: Sequence[Path]) -> Sequence[bytes]:
    """The records of ArrayRecord files, read when asked for.

    Args:
      files: the shards, in order.

    Returns:
      A sequence of bytes.

    Raises:
      DataError: grain can't open them here.
    """
    import grain

    try:
        return cast(Sequence[bytes], grain.sources.ArrayRecordDataSource([str(file) for file in files]))
    except (ImportError, ValueError, RuntimeError, OSError) as error:
        raise DataError(f"{files[0]}: can't be opened as ArrayRecord ({error})") from None


def labels(source: Sequence[bytes]) -> np.ndarray | None:
    """The labels of all records; None where the first has none.

    Args:
      source: the records.

    Returns:
      `(N,)` int32 or None.
    """
    if len(source) == 0 or _label(source[0]) is None:
        return None
    return np.array([_label(source[i]) or 0 for i in range(len(source))], np.int32)


def pixels(record: bytes, name: str) -> np.ndarray:
    """The picture in a record.

    Args:
      record: its bytes.
      name: what to call it in a message.

    Returns:
      `(H, W, C)` float32 in [0, 1].

    Raises:
      DataError: there is none.
    """
    if not _is_example(record):
        return _decoded(record, name)
    fields = example(record)
    data = next((fields[key][0] for key in IMAGES if fields.get(key)), b"")
    if not isinstance(data, bytes) or not data:
        raise DataError(
            f"{name}: an Example without a picture; one of {', '.join(IMAGES)} is needed, not {list(fields)}"
        )
    return _decoded(data, name)


def _decoded(data: bytes, name: str) -> np.ndarray:
    with tempfile.NamedTemporaryFile() as file:  # jaximg.io reads paths
        file.write(data)
        file.flush()
        try:
            return io.read(file.name).pixels
        except io.ReadError as error:
            raise DataError(str(error).replace(file.name, name)) from None


def _is_example(record: bytes) -> bool:
    """An Example begins with field 1, of the very length of what follows; no picture file does."""
    try:
        (number, value), *rest = _fields(record)
    except (ValueError, IndexError):
        return False
    return number == 1 and isinstance(value, bytes) and not rest


def _label(record: bytes) -> int | None:
    if not _is_example(record):
        return None
    fields = example(record)
    found = next((fields[key][0] for key in LABELS if fields.get(key)), None)
    return found if isinstance(found, int) else None


def example(record: bytes) -> dict[str, list[Field]]:
    """The bytes and integers of a serialised tf.train.Example, by name; floats are left out.

    Args:
      record: its bytes.

    Returns:
      Name to values.

    Example:
      >>> example(bytes.fromhex("0a10 0a0e 0a05 6c6162656c 1205 1a03 0a0107"))
      {'label': [7]}
    """
    named: dict[str, list[Field]] = {}
    for _, features in _fields(record):
        for _, entry in _fields(_as_bytes(features)):
            parts = dict(_fields(_as_bytes(entry)))
            named[_as_bytes(parts.get(1, b"")).decode("utf-8", "replace")] = _values(_as_bytes(parts.get(2, b"")))
    return named


def _values(feature: bytes) -> list[Field]:
    """Field 1 holds a list of bytes, 2 of floats, 3 of integers (packed, or one by one)."""
    values: list[Field] = []
    for kind, content in _fields(feature):
        for _, value in _fields(_as_bytes(content)) if kind in (1, 3) else ():
            packed = kind == 3 and isinstance(value, bytes)
            values += list(_varints(_as_bytes(value))) if packed else [value]
    return values


def _as_bytes(value: Field) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a number where a message should be")
    return value


def _fields(data: bytes) -> Iterator[tuple[int, Field]]:
    """The fields of a protocol buffer: number and value."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        length, at = _varint(data, at) if kind == 2 else ({1: 8, 5: 4}.get(kind, -1), at)
        if length < 0 or at + length > len(data):
            raise ValueError("no protocol buffer, or cut short")
        yield (
            tag >> 3,
            data[at : at + length]
            if kind == 2
            else struct.unpack("<q" if kind == 1 else "<i", data[at : at + length])[0],
        )
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value
