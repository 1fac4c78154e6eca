"""Rotation, EXIF, profiles, XMP, resolution and JPEG's facts go along, and fit."""

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps, PngImagePlugin

from jaximg import io
from jaximg.io import metadata
from tests.op_case import unit
from tests.picture_files import XMP, as_ints, exif_block, noise, photo, sRGB


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_rotation_is_applied_once_and_its_tag_is_reset(tmp_path, rng, orientation, suffix):
    image = Image.fromarray(photo(rng, 24, 40))
    image.save(tmp_path / f"x{suffix}", exif=exif_block(orientation))
    picture = io.read(tmp_path / f"x{suffix}")
    want = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / f"x{suffix}")))
    assert np.array_equal(as_ints(picture), want)
    assert picture.orientation == orientation
    for out in ("y.png", "y.jpg", "y.tif", "y.webp"):
        io.write(tmp_path / out, picture, overwrite=True, quality=100)
        again = io.read(tmp_path / out)
        assert again.orientation == 1
        assert again.pixels.shape == picture.pixels.shape
        gap = np.abs(as_ints(again).astype(int) - want)
        assert gap.max() == 0 if out != "y.jpg" else gap.mean() < 12


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize(("orientation", "dpi"), [(1, (300, 150)), (3, (300, 150)), (6, (150, 300)), (8, (150, 300))])
def test_resolution_is_turned_with_the_picture(tmp_path, rng, suffix, orientation, dpi):
    Image.fromarray(photo(rng, 24, 40)).save(tmp_path / f"x{suffix}", exif=exif_block(orientation), dpi=(300, 150))
    assert io.read(tmp_path / f"x{suffix}").dpi == pytest.approx(dpi, abs=0.1)


def test_sixteen_bit_colour_is_rotated_too(tmp_path, rng):
    samples = noise(rng, 6, 9, 3, bits=16)
    tifffile.imwrite(tmp_path / "x.tif", samples, photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    assert np.array_equal(as_ints(io.read(tmp_path / "x.tif")), np.rot90(samples, -1))


@pytest.mark.parametrize("source", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("target", [".jpg", ".png", "-16.png", ".tif", "-16.tif", ".webp"])
def test_exif_profile_xmp_and_resolution_are_carried_over(tmp_path, rng, source, target):
    options = {"exif": exif_block(6), "icc_profile": sRGB(), "dpi": (300, 300)}
    if source == ".png":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options["pnginfo"] = info
    elif source == ".tif":
        exif = Image.Exif()
        exif.load(exif_block(6))
        exif[700] = XMP
        options["exif"] = exif
    else:
        options["xmp"] = XMP
    Image.fromarray(photo(rng)).save(tmp_path / f"x{source}", **options)
    picture = io.read(tmp_path / f"x{source}")
    io.write(tmp_path / f"y{target}", picture.replace(bits=16 if "16" in target else 8))
    written = Image.open(tmp_path / f"y{target}")
    written.load()
    exif = written.getexif()
    assert exif[0x010F] == "Maker" and exif[0x8298] == "(c) Somebody"
    assert exif.get(metadata.ORIENTATION, 1) == 1
    assert exif.get_ifd(metadata.EXIF_IFD)[0x9003] == "2024:01:02 03:04:05"
    assert float(exif.get_ifd(metadata.EXIF_IFD)[0x829A]) == 0.5
    assert exif.get_ifd(metadata.GPS_IFD)[1] == "N"
    assert written.info["icc_profile"] == sRGB()
    again = io.read(tmp_path / f"y{target}")
    assert again.xmp == XMP.replace(b'"6"', b'"1"')
    assert again.bits == (16 if "16" in target else 8)
    if "webp" not in source + target:
        assert again.dpi == pytest.approx((300, 300), abs=0.1)


def test_exif_of_a_jpeg_changes_in_its_orientation_alone(tmp_path, rng):
    block = exif_block(6)
    Image.fromarray(photo(rng)).save(tmp_path / "x.jpg", exif=block)
    carried = io.read(tmp_path / "x.jpg").exif
    assert len(carried) == len(block)
    assert sum(a != b for a, b in zip(carried, block, strict=True)) == 1


def test_a_profile_of_other_colours_is_not_carried_over(tmp_path, rng):
    picture = io.Picture(unit(rng, (9, 12, 1)), icc=sRGB())
    io.write(tmp_path / "x.png", picture)
    with Image.open(tmp_path / "x.png") as written:
        assert "icc_profile" not in written.info


@pytest.mark.parametrize("quality", [10, 35, 50, 75, 83, 92, 95, 100])
@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_jpeg_tables_quality_and_sampling_are_found(tmp_path, rng, quality, sampling):
    Image.fromarray(photo(rng)).save(tmp_path / "x.jpg", quality=quality, subsampling=sampling)
    picture = io.read(tmp_path / "x.jpg")
    assert picture.jpeg_quality == quality
    assert picture.jpeg_sampling == sampling
    assert [table.shape for table in picture.jpeg_tables] == [(8, 8), (8, 8)]


def test_other_formats_have_no_jpeg_facts(tmp_path, rng):
    Image.fromarray(photo(rng)).save(tmp_path / "x.png")
    picture = io.read(tmp_path / "x.png")
    assert picture.jpeg_quality is None and picture.jpeg_tables == () and picture.jpeg_sampling is None
