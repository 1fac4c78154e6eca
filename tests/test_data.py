"""Data: many formats to one kind of set, and an order that the seed and the step alone decide."""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaximg.train import data
from jaximg.train.data import DataError, Dataset, public, records
from jaximg.train.data.dataset import split

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (20, 6, 5, 1), np.uint8)
LABELS = (np.arange(20) % 4).astype(np.int32)


def write_idx(path: Path, array: np.ndarray, *, packed: bool) -> None:
    content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if packed else content)


def same(dataset: Dataset, images: np.ndarray, labels: np.ndarray | None) -> bool:
    ours = np.stack(list(dataset.images))
    told = dataset.labels is None if labels is None else np.array_equal(dataset.labels, labels)
    return ours.dtype == np.uint8 and np.array_equal(ours, images) and told


def pictures(folder: Path, images: np.ndarray, labels: np.ndarray | None = None) -> None:
    for i, image in enumerate(images):
        place = folder if labels is None else folder / f"class {labels[i]}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[:, :, 0] if image.shape[-1] == 1 else image).save(place / f"{i:03d}.png")


# --- formats ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [True, False])
def test_idx_files_with_their_own_test_part(tmp_path, packed):
    end = ".gz" if packed else ""
    for part, which in (("train", slice(0, 15)), ("t10k", slice(15, 20))):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte{end}", IMAGES[which, :, :, 0], packed=packed)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte{end}", LABELS[which].astype(np.uint8), packed=packed)
    assert same(data.load(tmp_path), IMAGES[:15], LABELS[:15])
    assert same(data.load(tmp_path, "test"), IMAGES[15:], LABELS[15:])


@pytest.mark.parametrize("names", [("x", "y"), ("images", "labels")])
def test_an_npz_file_in_one_piece_is_split_the_same_way_every_time(tmp_path, names):
    path = tmp_path / "all.npz"
    np.savez(path, **dict(zip(names, (IMAGES, LABELS), strict=True)))
    train, test = (data.load(path, part, holdout=0.2) for part in ("train", "test"))
    assert np.bincount(test.labels).tolist() == [1, 1, 1, 1]
    both = np.concatenate([train.images, test.images])
    assert sorted(map(bytes, both)) == sorted(map(bytes, IMAGES))
    assert same(data.load(path, "test", holdout=0.2), test.images, test.labels)


def test_npz_files_and_arrays_by_part(tmp_path):
    np.savez(tmp_path / "x_train.npz", x=IMAGES[:15], y=LABELS[:15])
    np.savez(tmp_path / "x_test.npz", x=IMAGES[15:], y=LABELS[15:])
    assert same(data.load(tmp_path, "test"), IMAGES[15:], LABELS[15:])
    one = tmp_path / "one"
    one.mkdir()
    np.savez(one / "all.npz", x_train=IMAGES[:15] / 255, x_test=IMAGES[15:] / 255)
    assert same(data.load(one / "all.npz", "test"), IMAGES[15:], None)


def test_cifar(tmp_path):
    pixels = RNG.integers(0, 256, (3, 32, 32, 3), np.uint8)
    rows = [bytes([7]) + image.transpose(2, 0, 1).tobytes() for image in pixels]
    (tmp_path / "data_batch_1.bin").write_bytes(b"".join(rows[:2]))
    (tmp_path / "test_batch.bin").write_bytes(rows[2])
    (tmp_path / "batches.meta.txt").write_text("\n".join("abcdefghij"))
    train = data.load(tmp_path)
    assert same(train, pixels[:2], np.array([7, 7]))
    assert train.classes == tuple("abcdefghij")
    assert same(data.load(tmp_path, "test"), pixels[2:], np.array([7]))


def test_folders_of_pictures_a_class_each_or_none(tmp_path):
    pictures(tmp_path / "a" / "train", IMAGES[:8], LABELS[:8])
    pictures(tmp_path / "a" / "test", IMAGES[8:12], LABELS[8:12])
    test = data.load(tmp_path / "a", "test")
    assert same(test, IMAGES[8:12], LABELS[8:12])
    assert test.classes == ("class 0", "class 1", "class 2", "class 3")
    pictures(tmp_path / "b", IMAGES)
    assert same(data.load(tmp_path / "b", "train", holdout=0), IMAGES, None)


def test_pictures_of_several_sizes_need_one_and_are_brought_to_it(tmp_path):
    pictures(tmp_path, IMAGES[:3])
    Image.fromarray(np.full((9, 12, 3), 77, np.uint8)).save(tmp_path / "z.png")
    with pytest.raises(DataError, match="--size N brings them"):
        data.load(tmp_path, holdout=0)
    small = data.load(tmp_path, holdout=0, size=4, channels=3)
    assert small.shape == (4, 4, 3)
    assert np.all(small.images[3] == 77)


def test_arrays_are_brought_to_a_size_and_to_channels_too(tmp_path):
    np.savez(tmp_path / "all.npz", x=np.repeat(IMAGES, 2, 1).repeat(2, 2))
    small = data.load(tmp_path / "all.npz", holdout=0, size=5, channels=3)
    assert small.shape == (5, 5, 3)
    pictures(tmp_path / "files", np.repeat(IMAGES, 2, 1).repeat(2, 2))
    assert same(small, np.stack(list(data.load(tmp_path / "files", holdout=0, size=5, channels=3).images)), None)
    assert data.load("digits", "test", size=14).shape == (14, 14, 1)


@pytest.mark.parametrize(
    ("classes", "others", "places"),
    [
        (("ape", "cat", "dog"), ("cat", "dog"), [1, 2]),
        (("ape", "cat", "dog"), (), [0, 1]),
        (("0", "2", "5"), ("2", "5"), [1, 2]),
    ],
)
def test_classes_of_other_pictures_are_those_of_the_same_name(classes, others, places):
    there = Dataset("x", IMAGES[:2], np.arange(2, dtype=np.int32), others).numbered_as(classes)
    assert (there.labels.tolist(), there.classes) == (places, classes)


@pytest.mark.parametrize(
    ("classes", "others", "strange"), [(("ape",), ("ape", "cat"), "cat"), (("0", "2"), (), "1"), (("ape",), (), "1")]
)
def test_a_class_that_is_not_there_is_named(classes, others, strange):
    with pytest.raises(DataError, match=f"class {strange} is not among {', '.join(classes)}"):
        Dataset("x", IMAGES[:2], np.arange(2, dtype=np.int32), others).numbered_as(classes)


def test_transparent_pictures_lie_on_white(tmp_path):
    half = np.array([[[10, 20, 30, 0], [10, 20, 30, 255]]], np.uint8)
    Image.fromarray(half).save(tmp_path / "a.png")
    assert data.load(tmp_path, holdout=0).images[0].tolist() == [[[255, 255, 255], [10, 20, 30]]]


def record(label: int, picture: bytes) -> bytes:
    """A tf.train.Example with "image" and "label"."""

    def field(number: int, content: bytes) -> bytes:
        length = len(content)
        size = bytes([length]) if length < 128 else bytes([length % 128 + 128, length // 128])
        return bytes([8 * number + 2]) + size + content

    image = field(1, b"image") + field(2, field(1, field(1, picture)))
    number = field(1, b"label") + field(2, field(3, field(1, bytes([label]))))
    return field(1, field(1, image) + field(1, number))


def test_array_records_of_examples_and_of_picture_files(tmp_path):
    module = pytest.importorskip("array_record.python.array_record_module")
    pictures(tmp_path / "png", IMAGES)
    files = [path.read_bytes() for path in sorted((tmp_path / "png").iterdir())]
    contents = {"a": [record(int(y), f) for f, y in zip(files, LABELS, strict=True)], "b": files}
    for name, lines in contents.items():
        (tmp_path / name).mkdir()
        writer = module.ArrayRecordWriter(str(tmp_path / name / "train.array_record"), "group_size:1")
        for line in lines:
            writer.write(line)
        writer.close()
    assert same(data.load(tmp_path / "a", holdout=0), IMAGES, LABELS)
    assert same(data.load(tmp_path / "b" / "train.array_record", holdout=0), IMAGES, None)
    assert records.example(record(5, b"\x89PNG")) == {"image": [b"\x89PNG"], "label": [5]}


def test_the_digits_need_no_network():
    train, test = data.load("digits"), data.load("digits", "test")
    assert (len(train), len(test), train.shape) == (4000, 1000, (28, 28, 1))
    assert np.bincount(test.labels).tolist() == [100] * 10


# --- mistakes --------------------------------------------------------------------------------------------------------


def cut_short(folder: Path) -> None:
    write_idx(folder / "train-images-idx3-ubyte", IMAGES[:, :, :, 0], packed=False)
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-7])


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda folder: folder.rmdir(), "no such file or folder, and no set of that name; there are digits, mnist"),
        (lambda folder: None, "no pictures, and no other data"),
        (cut_short, "it states (20, 6, 5) but holds 593 bytes"),
        (lambda folder: np.savez(folder / "a.npz", z=IMAGES), "pictures are to be named x or images"),
        (lambda folder: (folder / "a.npz").write_bytes(b"PK\3\4 no"), "damaged or no .npz file"),
        (lambda folder: np.savez(folder / "a.npz", x=IMAGES, y=LABELS[:3]), "20 pictures but 3 labels"),
        (lambda folder: np.savez(folder / "a.npz", x=IMAGES * 1.5), "pictures of float64"),
        (lambda folder: (folder / "data_batch_1.bin").write_bytes(b"123"), "no whole number of CIFAR's pictures"),
        (lambda folder: (folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n"), "a.png: damaged"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_cure(tmp_path, prepare, said):
    folder = tmp_path / "data"
    folder.mkdir()
    prepare(folder)
    with pytest.raises(DataError) as caught:
        data.load(folder)
    assert said in str(caught.value)


def test_a_public_set_without_a_network_says_what_to_do(tmp_path, monkeypatch):
    def no_network(*_, **__):
        raise OSError("no network")

    monkeypatch.setenv("JAXIMG_DATA", str(tmp_path))
    monkeypatch.setattr(public.urllib.request, "urlopen", no_network)
    with pytest.raises(DataError, match="can't be downloaded .no network.: put train-images-idx3-ubyte.gz from https"):
        data.load("mnist")


def test_a_download_that_is_not_the_file_is_not_kept(tmp_path, monkeypatch):
    class Answer:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def read(self):
            return gzip.compress(b"something else")

    monkeypatch.setenv("JAXIMG_DATA", str(tmp_path))
    monkeypatch.setattr(public.urllib.request, "urlopen", lambda *_, **__: Answer())
    with pytest.raises(DataError, match="not the file it should be"):
        data.load("mnist")
    assert list(tmp_path.rglob("*")) == []


def test_a_checksum_is_of_the_content_however_it_is_packed():
    digest = hashlib.sha256(b"pixels").hexdigest()
    assert [public.wrong(gzip.compress(b"pixels", level), digest) for level in (1, 9)] == ["", ""]
    assert public.wrong(gzip.compress(b"pixelz"), digest)


# --- order -----------------------------------------------------------------------------------------------------------


def taken(dataset: Dataset, count: int, **options) -> list[dict]:
    stream = data.batches(dataset, 6, seed=3, **options)
    return [next(stream) for _ in range(count)]


def equal(a: list[dict], b: list[dict]) -> bool:
    return all(x.keys() == y.keys() and all(np.array_equal(x[k], y[k]) for k in x) for x, y in zip(a, b, strict=True))


class Lazy:
    """Pictures that are not in memory."""

    def __len__(self) -> int:
        return len(IMAGES)

    def __getitem__(self, i: int) -> np.ndarray:
        return IMAGES[i]


HELD, LAZY = Dataset("held", IMAGES, LABELS), Dataset("lazy", Lazy(), LABELS)


@pytest.mark.parametrize("dataset", [HELD, LAZY], ids=["held", "lazy"])
def test_batch_i_depends_on_the_seed_and_i_alone(dataset):
    whole = taken(dataset, 6)
    assert equal(taken(HELD, 6), whole)
    assert equal(taken(dataset, 3, start=3), whole[3:])
    assert not equal([next(data.batches(dataset, 6, seed=4))], whole[:1])


@pytest.mark.parametrize("dataset", [HELD, LAZY], ids=["held", "lazy"])
def test_processes_share_each_batch_in_order(dataset):
    parts = [taken(dataset, 2, process=p, processes=3) for p in range(3)]
    joined = [{k: np.concatenate([part[i][k] for part in parts]) for k in parts[0][i]} for i in range(2)]
    assert equal(joined, taken(HELD, 2))
    assert joined[1]["index"].tolist() == list(range(6))


def test_a_batch_larger_than_the_set_repeats_it():
    assert sorted(np.bincount(data.indices(4, 10, 0, seed=0))) == [2, 2, 3, 3]


def test_a_batch_that_processes_cannot_share_is_refused():
    with pytest.raises(DataError, match="a batch of 6 can't be shared by 4 processes"):
        next(data.batches(HELD, 6, seed=0, processes=4))


def test_what_is_too_small_to_split_says_so():
    with pytest.raises(DataError, match="too few"):
        split(Dataset("one", IMAGES[:1]), "test", 0.2)
