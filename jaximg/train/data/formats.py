"""Reads the formats that data sets come in; which one it is, the files themselves tell."""

import gzip
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from jaximg import io
from jaximg.train.data import records
from jaximg.train.data.dataset import IN_MEMORY, DataError, Dataset
from jaximg.train.data.resize import sample

TEST = ("test", "t10k", "val", "validation")
RECORDS = ("*.array_record*", "*.arrayrecord*")
IDX = ("*-idx[1-4]-ubyte*", "*.idx[1-4]-ubyte*")
Read = tuple[Dataset, bool]
"""The data, and whether it is the part that was asked for (else all of it, in one piece)."""


def read(path: Path, part: str, *, size: int | None, channels: int | None) -> Read:
    """Reads what is at a path.

    Args:
      path: a file or a folder.
      part: "train" or "test".
      size: pixels a side that pictures in files are brought to.
      channels: 1 or 3, or None.

    Returns:
      The data, and whether it is that part already.

    Raises:
      DataError: not a format that it knows, or damaged.
    """
    if path.is_file():
        return _file(path, part, size, channels)
    for patterns, reader in ((IDX, _idx_folder), (("*.npz",), _npz_folder), (("*.bin",), _cifar)):
        found = sorted({file for pattern in patterns for file in path.glob(pattern)})
        if found:
            return reader(path, found, part)
    if found := sorted({file for pattern in RECORDS for file in path.glob(pattern)}):
        return _records(path, found, part, size, channels)
    return _pictures(path, part, size, channels)


def _file(path: Path, part: str, size: int | None, channels: int | None) -> Read:
    if path.suffix == ".npz":
        return npz(path, part)
    if "array_record" in path.name or "arrayrecord" in path.name:
        return _records(path, [path], part, size, channels)
    raise DataError(
        f"{path}: a file of data is .npz or ArrayRecord; for idx files, CIFAR's and pictures, pass their folder"
    )


def _of_part(files: Sequence[Path], part: str) -> tuple[list[Path], bool]:
    """The files of a part by their names, and whether the names tell parts apart."""
    test = [file for file in files if any(word in file.name.lower() for word in TEST)]
    train = [file for file in files if file not in test]
    if not test or not train:
        return list(files), False
    return (test if part == "test" else train), True


# --- arrays ----------------------------------------------------------------------------------------------------------


def idx(path: Path) -> np.ndarray:
    """Reads one file of MNIST's format, packed or not.

    Args:
      path: the file.

    Returns:
      uint8, of the shape that the file states.

    Raises:
      DataError: not such a file, or cut short.
    """
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        zero, kind, axes = struct.unpack(">HBB", data[:4])
        shape = struct.unpack(f">{axes}I", data[4 : 4 + 4 * axes])
    except (OSError, EOFError, struct.error, zlib.error) as error:
        raise DataError(f"{path}: damaged or no idx file ({error})") from None
    if zero or kind != 8:
        raise DataError(f"{path}: an idx file of bytes begins with 0 0 8, this one with {data[0]} {data[1]} {data[2]}")
    if len(data) != 4 + 4 * axes + math.prod(shape):
        raise DataError(f"{path}: it states {shape} but holds {len(data) - 4 - 4 * axes} bytes: copy it again")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _idx_folder(folder: Path, files: list[Path], part: str) -> Read:
    files, parted = _of_part(files, part)
    arrays = [idx(file) for file in files]
    images = [array for array in arrays if array.ndim > 1]
    labels = [array for array in arrays if array.ndim == 1]
    if len(images) != 1 or len(labels) > 1:
        names = ", ".join(file.name for file in files)
        raise DataError(f"{folder}: {part} needs one idx file of pictures and at most one of labels; found {names}")
    return Dataset(folder.name, _bytes(images[0], folder), labels[0].astype(np.int32) if labels else None), parted


def npz(path: Path, part: str) -> Read:
    """Reads an .npz file: pictures named x, images, image or x_train, labels y, labels, label or y_train.

    Args:
      path: the file.
      part: "train" or "test".

    Returns:
      The data, and whether it is that part.

    Raises:
      DataError: no such arrays.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name.lower(): file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: damaged or no .npz file of plain arrays ({error})") from None
    parted = f"x_{part}" in arrays or f"{part}_images" in arrays
    x, y = ((f"x_{part}", f"{part}_images"), (f"y_{part}", f"{part}_labels")) if parted else (_X, _Y)
    images = next((arrays[name] for name in x if name in arrays), None)
    labels = next((arrays[name] for name in y if name in arrays), None)
    if images is None:
        raise DataError(f"{path}: pictures are to be named x or images (or x_train, x_test); it has {list(arrays)}")
    classes = tuple(map(str, arrays["classes"])) if "classes" in arrays else ()
    labels = None if labels is None else labels.reshape(-1).astype(np.int32)
    return Dataset(path.stem, _bytes(images, path), labels, classes), parted


_X = ("x", "images", "image", "arr_0")
_Y = ("y", "labels", "label", "arr_1")


def _npz_folder(folder: Path, files: list[Path], part: str) -> Read:
    files, parted = _of_part(files, part)
    if len(files) != 1:
        names = ", ".join(file.name for file in files)
        raise DataError(f"{folder}: which one? {names}; name the file, or one *_train.npz and one *_test.npz")
    dataset, inside = npz(files[0], part)
    return dataset, parted or inside


def _cifar(folder: Path, files: list[Path], part: str) -> Read:
    """CIFAR-10's binary files: a byte of label and 3 x 32 x 32 bytes a picture; CIFAR-100's have two bytes first."""
    files, parted = _of_part(files, part)
    head = 2 if any(file.name == "train.bin" for file in folder.glob("*.bin")) else 1
    rows = []
    for file in files:
        data = np.frombuffer(file.read_bytes(), np.uint8)
        if len(data) == 0 or len(data) % (3072 + head):
            raise DataError(f"{file}: {len(data)} bytes are no whole number of CIFAR's pictures of {3072 + head}")
        rows.append(data.reshape(-1, 3072 + head))
    table = np.concatenate(rows)
    images = np.ascontiguousarray(table[:, head:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    names = next(iter(sorted(folder.glob("*meta.txt"), reverse=True)), None)
    classes = tuple(names.read_text().split()) if names and head == 1 else ()
    return Dataset(folder.name, images, table[:, head - 1].astype(np.int32), classes), parted


def _bytes(images: np.ndarray, path: Path) -> np.ndarray:
    """`(N, H, W, C)` uint8 of an array that may lack the channel axis or lie in [0, 1]."""
    images = images[..., None] if images.ndim == 3 else images
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4):
        raise DataError(f"{path}: pictures of shape {images.shape}; they are (N, H, W) or (N, H, W, 1 or 3)")
    if images.dtype == np.uint8:
        return images
    if np.issubdtype(images.dtype, np.floating) and images.size and 0 <= images.min() and images.max() <= 1:
        return np.round(255 * images).astype(np.uint8)
    raise DataError(f"{path}: pictures of {images.dtype}; they are uint8, or floating point in [0, 1]")


# --- files of pictures -----------------------------------------------------------------------------------------------


def _pictures(folder: Path, part: str, size: int | None, channels: int | None) -> Read:
    """A folder of pictures, or of a folder for each class; perhaps below train/ and test/."""
    below = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()}
    test = next((below[name] for name in TEST if name in below), None)
    parted = "train" in below and test is not None
    if parted and test is not None:
        folder = below["train"] if part == "train" else test
    files = io.find_images(folder, recursive=True)
    if not files:
        raise DataError(f"{folder}: no pictures, and no other data that can be read (idx, .npz, CIFAR, ArrayRecord)")
    loose = any(file.parent == folder for file in files)
    classes = () if loose else tuple(sorted({file.relative_to(folder).parts[0] for file in files}))
    number = {name: i for i, name in enumerate(classes)}
    labels = None if loose else np.array([number[file.relative_to(folder).parts[0]] for file in files], np.int32)

    def one(i: int) -> np.ndarray:
        return _sample(files[i], size, channels)

    return _kept(Dataset(folder.name, Reader(len(files), one), labels, classes)), parted


def _sample(path: Path, size: int | None, channels: int | None) -> np.ndarray:
    try:
        pixels = io.read(path).on_white
    except io.ReadError as error:
        raise DataError(str(error)) from None
    return sample(pixels, size, channels)


def _records(path: Path, files: list[Path], part: str, size: int | None, channels: int | None) -> Read:
    files, parted = _of_part(files, part)
    source = records.open_files(files)
    labels = records.labels(source)

    def one(i: int) -> np.ndarray:
        return sample(records.pixels(source[i], f"{path}, record {i}"), size, channels)

    return _kept(Dataset(path.name, Reader(len(source), one), labels)), parted


class Reader(Sequence):
    """Pictures that are read when asked for, all of the first one's shape."""

    def __init__(self, size: int, read: Callable[[int], np.ndarray]) -> None:
        self.size, self.read = size, read
        self.shape = read(0).shape if size else ()

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, i: int) -> np.ndarray:
        if not 0 <= i < self.size:
            raise IndexError(i)
        picture = self.read(i)
        if picture.shape != self.shape:
            raise DataError(
                f"picture {i} is {picture.shape} and the first one {self.shape}: --size N brings them to N x N pixels "
                "(and they must all be grey or all in colour)"
            )
        return picture


def _kept(dataset: Dataset) -> Dataset:
    """The pictures themselves, where they fit into memory."""
    if len(dataset) * math.prod(dataset.shape) > IN_MEMORY:
        return dataset
    return Dataset(dataset.name, np.stack(list(dataset.images)), dataset.labels, dataset.classes)
