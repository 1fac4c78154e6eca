"""Files are written whole and as asked, and nothing is lost on the way."""

import os

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from jaximg import io
from tests.op_case import unit
from tests.picture_files import as_ints, noise


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_lossless_round_trip_is_bit_exact(tmp_path, rng, channels, bits, suffix):
    samples = noise(rng, 150, 34, channels, bits=bits)
    samples[70:] = (np.arange(34)[:, None] * 100 * np.ones((80, 1, 1))).astype(samples.dtype)
    whole = samples / np.float32(2**bits - 1)
    pixels, alpha = (whole, None) if channels in (1, 3) else (whole[..., :-1], whole[..., -1:])
    io.write(tmp_path / f"x{suffix}", io.Picture(pixels, alpha, bits=bits))
    again = io.read(tmp_path / f"x{suffix}")
    assert again.bits == bits
    assert np.array_equal(as_ints(again), samples)
    if bits == 8 or channels != 2:
        others = cv2.imread(str(tmp_path / f"x{suffix}"), cv2.IMREAD_UNCHANGED)
        assert others.dtype == samples.dtype
        if channels in (1, 3):
            assert np.array_equal(others.reshape(samples.shape)[..., ::-1], samples)
    if suffix == ".tif":
        assert np.array_equal(tifffile.imread(tmp_path / "x.tif").reshape(samples.shape), samples)


def test_webp_is_lossless_at_quality_100(tmp_path, rng):
    samples = noise(rng, 20, 34, 4)
    io.write(tmp_path / "x.webp", samples / np.float32(255), quality=100)
    assert np.array_equal(as_ints(io.read(tmp_path / "x.webp")), samples)


@pytest.mark.parametrize("name", ["x.png", "x.tif"])
def test_every_value_of_sixteen_bits_survives(tmp_path, name):
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    io.write(tmp_path / name, io.Picture(values.astype(np.float32) / 65535, bits=16))
    assert np.array_equal(as_ints(io.read(tmp_path / name)).reshape(values.shape), values)


def test_values_outside_the_unit_range_are_clipped_and_rounded(tmp_path):
    io.write(tmp_path / "x.png", np.array([[-1, 0.501, 2, 0.5 / 255 + 1e-4]], np.float32)[..., None])
    assert np.asarray(Image.open(tmp_path / "x.png")).tolist() == [[0, 128, 255, 1]]


def test_nothing_is_overwritten_unless_asked(tmp_path, rng):
    picture = io.Picture(unit(rng, (9, 12, 3)))
    io.write(tmp_path / "x.png", picture)
    before = (tmp_path / "x.png").read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        io.write(tmp_path / "x.png", picture.replace(pixels=1 - picture.pixels))
    assert (tmp_path / "x.png").read_bytes() == before
    io.write(tmp_path / "x.png", picture.replace(pixels=1 - picture.pixels), overwrite=True)
    assert (tmp_path / "x.png").read_bytes() != before


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_no_remains(tmp_path, rng, monkeypatch, failure):
    picture = io.Picture(unit(rng, (9, 12, 3)))
    io.write(tmp_path / "x.png", picture)
    before = (tmp_path / "x.png").read_bytes()

    def fail(*args):
        raise failure

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(io.WriteError if isinstance(failure, OSError) else KeyboardInterrupt):
        io.write(tmp_path / "x.png", picture.replace(pixels=1 - picture.pixels), overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]
    assert (tmp_path / "x.png").read_bytes() == before


def test_files_get_the_permissions_that_the_umask_says_and_keep_those_they_had(tmp_path, rng):
    picture = io.Picture(unit(rng, (9, 12, 3)))
    old = os.umask(0o027)
    try:
        io.write(tmp_path / "x.png", picture)
    finally:
        os.umask(old)
    assert (tmp_path / "x.png").stat().st_mode & 0o777 == 0o640
    (tmp_path / "x.png").chmod(0o604)
    io.write(tmp_path / "x.png", picture, overwrite=True)
    assert (tmp_path / "x.png").stat().st_mode & 0o777 == 0o604


def test_a_link_is_followed_not_replaced(tmp_path, rng):
    (tmp_path / "target.png").write_bytes(b"old")
    (tmp_path / "link.png").symlink_to("target.png")
    io.write(tmp_path / "link.png", io.Picture(unit(rng, (9, 12, 3))), overwrite=True)
    assert (tmp_path / "link.png").is_symlink()
    assert io.read(tmp_path / "target.png").pixels.shape == (9, 12, 3)


def test_transparency_in_a_jpeg_is_refused_unless_everything_is_opaque(tmp_path, rng):
    picture = io.Picture(unit(rng, (9, 12, 3)), alpha=np.full((9, 12, 1), 0.5, np.float32))
    with pytest.raises(io.WriteError, match="PNG.*alpha=None"):
        io.write(tmp_path / "x.jpg", picture)
    io.write(tmp_path / "x.jpg", picture.replace(alpha=np.ones((9, 12, 1), np.float32)))


@pytest.mark.parametrize(
    ("name", "pixels", "cure"),
    [
        ("x.xyz", np.zeros((4, 4, 3), np.float32), "png"),
        ("x", np.zeros((4, 4, 3), np.float32), "choose one of"),
        ("no/such/x.png", np.zeros((4, 4, 3), np.float32), "mkdir"),
        ("", np.zeros((4, 4, 3), np.float32), "folder"),
        ("x.png", np.full((4, 4, 3), np.nan, np.float32), "nan_to_num"),
        ("x.png", np.zeros((4, 4, 5), np.float32), "C from 1 to 4"),
        ("x.png", np.zeros((4, 4), np.float32), "C from 1 to 4"),
        ("x.png", np.zeros((4, 4, 3), np.uint8), "floats"),
        ("x.png", np.zeros((0, 4, 3), np.float32), "shape"),
        ("x.webp", np.zeros((4, 17000, 3), np.float32), "PNG or TIFF"),
    ],
)
def test_what_cannot_be_written_says_why_and_the_cure(tmp_path, name, pixels, cure):
    with pytest.raises(io.WriteError, match=cure):
        io.write(tmp_path / name, pixels)
    assert list(tmp_path.iterdir()) == []


def test_wrong_quality_and_wrong_alpha_are_refused(tmp_path, rng):
    with pytest.raises(io.WriteError, match="100"):
        io.write(tmp_path / "x.jpg", unit(rng, (4, 4, 3)), quality=101)
    with pytest.raises(io.WriteError, match="alpha"):
        io.write(tmp_path / "x.png", io.Picture(unit(rng, (4, 4, 3)), alpha=np.ones((4, 5, 1), np.float32)))


def test_exif_too_long_for_a_jpeg_is_left_out_with_a_warning(tmp_path, rng):
    exif = Image.Exif()
    exif[0x010E] = "x" * 70000
    with pytest.warns(UserWarning, match="EXIF"):
        io.write(tmp_path / "x.jpg", io.Picture(unit(rng, (4, 4, 3)), exif=exif.tobytes()))


def test_a_name_as_long_as_the_file_system_takes_is_written(tmp_path):
    path = tmp_path / ("\u540d" * 80 + ".png")
    io.write(path, np.zeros((2, 3, 1), np.float32))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
