"""Bad files are named with a cure; masks and folders are read as they are meant."""

import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from jaximg import io
from tests.op_case import unit
from tests.picture_files import as_ints, exif_block, noise, photo, save_png16, sRGB

# --- bad files -------------------------------------------------------------------------------------------------------


def test_missing_empty_folder_and_foreign_files_are_named_with_a_cure(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")
    for name, cure in [
        ("none.png", "check the name"),
        ("empty.png", "copy"),
        ("text.png", "convert"),
        ("phone.heic", "HEIC"),
    ]:
        with pytest.raises(io.ReadError, match=f"{name}.*{cure}"):
            io.read(tmp_path / name)
    with pytest.raises(io.ReadError, match="find_images"):
        io.read(tmp_path)


def test_no_permission_is_named(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(io.ReadError, match="permission"):
        io.read(tmp_path / "x.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", "-16.png", "-16.tif", "-lzw.tif", ".gif"])
def test_damaged_files_give_a_read_error_or_a_picture_and_nothing_else(tmp_path, rng, suffix):
    path = tmp_path / f"x{suffix}"
    picture = io.Picture(unit(rng, (24, 40, 3)), exif=exif_block(6), icc=sRGB(), bits=16 if "16" in suffix else 8)
    if suffix == "-lzw.tif":
        cv2.imwrite(str(path), noise(rng, 24, 40, 3, bits=16))
    elif suffix == ".gif":
        Image.fromarray(photo(rng)).save(path)
    else:
        io.write(path, picture)
    whole = path.read_bytes()
    cuts = [whole[:n] for n in np.linspace(1, len(whole) - 1, 60).astype(int)]
    flips = []
    for _ in range(120):
        broken = bytearray(whole)
        for at in rng.integers(4, min(len(whole), rng.choice([60, 400, len(whole)])), 4):
            broken[at] = rng.integers(256)
        flips.append(bytes(broken))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        refused = 0
        for data in cuts + flips:
            path.write_bytes(data)
            try:
                read = io.read(path, max_pixels=1_000_000)
                assert read.pixels.dtype == np.float32
            except io.ReadError as e:
                assert path.name in str(e)
                refused += 1
    assert refused > 30


def test_a_picture_cut_short_is_refused(tmp_path, rng):
    for suffix in (".png", ".jpg", ".tif", ".webp"):
        io.write(tmp_path / f"x{suffix}", unit(rng, (64, 64, 3)))
        data = (tmp_path / f"x{suffix}").read_bytes()
        (tmp_path / f"x{suffix}").write_bytes(data[: len(data) * 2 // 3])
        with pytest.raises(io.ReadError, match="damaged|cut short"):
            io.read(tmp_path / f"x{suffix}")


def test_decompression_bombs_are_refused_and_the_limit_can_be_raised(tmp_path):
    Image.new("1", (20000, 20000)).save(tmp_path / "bomb.png")
    Image.new("1", (20000, 20000)).save(tmp_path / "bomb.tif", compression="group4")
    for name in ("bomb.png", "bomb.tif"):
        with pytest.raises(io.ReadError, match="max_pixels=400000000"):
            io.read(tmp_path / name)
    Image.new("L", (100, 100)).save(tmp_path / "small.png")
    with pytest.raises(io.ReadError, match="10000"):
        io.read(tmp_path / "small.png", max_pixels=9999)
    assert io.read(tmp_path / "small.png", max_pixels=10000).pixels.shape == (100, 100, 1)
    assert Image.MAX_IMAGE_PIXELS is not None, "Pillow's own limit is others' to set"


@pytest.mark.parametrize("dtype", [np.int16, np.uint32, np.int8, np.complex64])
def test_samples_without_an_agreed_white_are_refused(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "x.tif", np.ones((9, 12), dtype))
    with pytest.raises(io.ReadError, match="float"):
        io.read(tmp_path / "x.tif")


# --- masks and folders -----------------------------------------------------------------------------------------------


def test_white_in_a_mask_file_is_what_is_not_known(tmp_path):
    Image.fromarray(np.array([[0, 127, 128, 255]], np.uint8)).save(tmp_path / "m.png")
    mask = io.read_mask(tmp_path / "m.png", (1, 4))
    assert mask.shape == (1, 4, 1) and mask.dtype == np.float32
    assert mask.ravel().tolist() == [1, 1, 0, 0]
    assert np.array_equal(io.read_mask(tmp_path / "m.png", (7, 1, 4, 3)), mask)


def test_transparent_parts_of_a_mask_are_black(tmp_path):
    samples = np.array([[[255, 255, 255, 0], [255, 255, 255, 255], [0, 0, 0, 255]]], np.uint8)
    Image.fromarray(samples).save(tmp_path / "m.png")
    assert io.read_mask(tmp_path / "m.png", (1, 3)).ravel().tolist() == [1, 0, 1]


def test_a_mask_of_another_size_names_both(tmp_path):
    Image.new("1", (30, 20)).save(tmp_path / "m.png")
    with pytest.raises(io.ReadError, match="30 x 20.*40 x 25"):
        io.read_mask(tmp_path / "m.png", (25, 40, 3))


def test_a_mask_of_zeros_and_ones_is_refused_and_an_empty_one_is_not(tmp_path):
    Image.fromarray(np.array([[0, 1]], np.uint8)).save(tmp_path / "m.png")
    with pytest.raises(io.ReadError, match="255"):
        io.read_mask(tmp_path / "m.png", (1, 2))
    Image.new("L", (2, 1)).save(tmp_path / "m.png")
    assert io.read_mask(tmp_path / "m.png", (1, 2)).min() == 1


def test_folders_are_walked_sorted_without_hidden_files(tmp_path):
    for name in ("b.JPG", "a.png", "c.txt", ".d.png", "sub/e.TIFF", ".git/f.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [path.relative_to(tmp_path).as_posix() for path in io.find_images(tmp_path)]
    assert names == ["a.png", "b.JPG"]
    names = [path.relative_to(tmp_path).as_posix() for path in io.find_images(tmp_path, recursive=True)]
    assert names == ["a.png", "b.JPG", "sub/e.TIFF"]
    assert io.find_images([tmp_path / "c.txt", tmp_path, tmp_path / "a.png"]) == [
        tmp_path / "c.txt", tmp_path / "a.png", tmp_path / "b.JPG",
    ]  # fmt: skip
    with pytest.raises(io.ReadError, match="no such"):
        io.find_images(tmp_path / "nothing")


def test_reading_in_threads_gives_every_file_its_own_pixels(tmp_path, rng):
    from concurrent.futures import ThreadPoolExecutor

    samples = [noise(rng, 40, 50, 3, bits=16) for _ in range(8)]
    for i, array in enumerate(samples):
        save_png16(tmp_path / f"{i}.png", array)
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(io.read, [tmp_path / f"{i}.png" for i in range(8)]))
    assert all(np.array_equal(as_ints(picture), array) for picture, array in zip(read, samples, strict=True))
