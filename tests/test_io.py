"""What files are promised: read as they are meant, written whole, nothing lost on the way."""

import os
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from jaximg import io
from jaximg.io import metadata
from tests.op_case import unit

LOSSLESS = [".png", ".tif", ".webp"]


def noise(rng, *shape, bits=8):
    return rng.integers(0, 2**bits, shape, dtype=np.uint8 if bits == 8 else np.uint16)


def as_ints(picture):
    parts = [picture.pixels] if picture.alpha is None else [picture.pixels, picture.alpha]
    white = {8: 255, 16: 65535}[picture.bits]
    return np.rint(np.concatenate(parts, -1) * white).astype(np.uint16 if picture.bits == 16 else np.uint8)


def save_png16(path, samples):
    """By OpenCV, an encoder that isn't ours."""
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(samples.shape[-1], [0])
    assert cv2.imwrite(str(path), samples[..., order])


def photo(rng, height=40, width=56):
    return np.round(unit(rng, (height, width, 3)) * 255).astype(np.uint8)


# --- the pixels are the file's ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".bmp"])
def test_eight_bits_are_read_as_pillow_reads_them(tmp_path, rng, mode, suffix):
    if (suffix, mode) in {(".bmp", "LA"), (".webp", "LA"), (".webp", "L"), (".bmp", "RGBA")}:
        pytest.skip("the format has no such mode")
    samples = noise(rng, 13, 17, len(mode))
    Image.fromarray(samples.squeeze()).save(tmp_path / f"x{suffix}", lossless=True, exact=True)
    picture = io.read(tmp_path / f"x{suffix}")
    assert picture.bits == 8 and picture.pixels.dtype == np.float32
    assert np.array_equal(as_ints(picture), samples)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bit_png_keeps_its_sixteen_bits(tmp_path, rng, channels):
    samples = noise(rng, 21, 34, channels, bits=16)
    save_png16(tmp_path / "x.png", samples)
    picture = io.read(tmp_path / "x.png")
    assert picture.bits == 16
    assert np.array_equal(as_ints(picture), samples)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_sixteen_bit_tiff_keeps_its_sixteen_bits(tmp_path, rng, channels, compression, byteorder):
    samples = noise(rng, 21, 34, channels, bits=16)
    tifffile.imwrite(
        tmp_path / "x.tif",
        samples.squeeze(),
        photometric="minisblack" if channels < 3 else "rgb",
        planarconfig="contig" if channels > 1 else None,
        extrasamples=["unassalpha"] if channels in (2, 4) else None,
        compression=compression,
        byteorder=byteorder,
    )
    picture = io.read(tmp_path / "x.tif")
    assert picture.bits == 16 and picture.notes == ()
    assert np.array_equal(as_ints(picture), samples)


def test_sixteen_bit_tiff_by_lzw_which_tifffile_alone_cannot_read(tmp_path, rng):
    samples = noise(rng, 21, 34, 3, bits=16)
    cv2.imwrite(str(tmp_path / "x.tif"), samples[..., ::-1])  # LZW with a predictor
    assert np.array_equal(as_ints(io.read(tmp_path / "x.tif")), samples)


def test_planes_tiles_and_bigtiff_are_read(tmp_path, rng):
    samples = noise(rng, 32, 48, 3, bits=16)
    tifffile.imwrite(tmp_path / "planes.tif", np.moveaxis(samples, -1, 0), photometric="rgb", planarconfig="separate")
    tifffile.imwrite(tmp_path / "tiles.tif", samples, photometric="rgb", tile=(16, 16))
    tifffile.imwrite(tmp_path / "big.tif", samples, photometric="rgb", bigtiff=True)
    for name in ("planes", "tiles", "big"):
        assert np.array_equal(as_ints(io.read(tmp_path / f"{name}.tif")), samples), name


def test_a_grey_medical_scan_of_sixteen_bits_survives_reading_and_writing(tmp_path, rng):
    scan = (4095 * unit(rng, (31, 27, 1))).astype(np.uint16)
    Image.fromarray(scan[..., 0]).save(tmp_path / "scan.png")
    tifffile.imwrite(tmp_path / "scan.tif", scan[..., 0])
    for name in ("scan.png", "scan.tif"):
        picture = io.read(tmp_path / name)
        assert picture.pixels.shape == (31, 27, 1) and picture.bits == 16
        for suffix in (".png", ".tif"):
            out = tmp_path / f"out-{name}{suffix}"
            io.write(out, picture)
            assert np.array_equal(np.asarray(Image.open(out)), scan[..., 0])


def test_interlaced_sixteen_bit_colour_is_read(tmp_path, rng):
    """Written by hand, one pass after the other, since no encoder at hand interlaces sixteen bits."""
    import struct
    import zlib

    samples = noise(rng, 11, 13, 3, bits=16)
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    rows = b"".join(
        b"\0" + row.astype(">u2").tobytes() for y, x, dy, dx in passes for row in samples[y::dy, x::dx] if row.size
    )

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 13, 11, 16, 2, 0, 0, 1)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "x.png").write_bytes(data)
    assert np.array_equal(as_ints(io.read(tmp_path / "x.png")), samples)


def test_sixteen_bit_grey_with_alpha_is_read(tmp_path, rng):
    samples = noise(rng, 9, 12, 2, bits=16)
    io.write(tmp_path / "x.png", io.Picture(samples[..., :1] / 65535, samples[..., 1:] / 65535, bits=16))
    assert np.array_equal(as_ints(io.read(tmp_path / "x.png")), samples)


@pytest.mark.parametrize("colours", ["L", "RGB"])
def test_white_is_zero_tiffs_come_out_the_right_way_round(tmp_path, rng, colours):
    samples = noise(rng, 9, 12, bits=16)
    tifffile.imwrite(tmp_path / "x.tif", samples, photometric="miniswhite")
    assert np.array_equal(as_ints(io.read(tmp_path / "x.tif"))[..., 0], 65535 - samples)


def test_floats_are_kept_as_they_are_and_named_where_they_leave_the_unit_range(tmp_path, rng):
    for shape, colours in (((9, 12), "minisblack"), ((9, 12, 3), "rgb")):
        values = rng.normal(0.5, 1, shape).astype(np.float32)
        tifffile.imwrite(tmp_path / "x.tif", values, photometric=colours)
        picture = io.read(tmp_path / "x.tif")
        assert picture.bits == 32 and "scale" in picture.notes[0]
        assert np.array_equal(picture.pixels.squeeze(), values)
        io.write(tmp_path / "y.tif", picture, overwrite=True)
        assert np.array_equal(tifffile.imread(tmp_path / "y.tif").squeeze(), values)
        io.write(tmp_path / "y.png", picture, overwrite=True)
        assert io.read(tmp_path / "y.png").bits == 16


def test_palettes_one_bit_and_low_depths_are_read(tmp_path, rng):
    colours = Image.fromarray(photo(rng)).quantize(20)
    colours.save(tmp_path / "p.png")
    colours.save(tmp_path / "p.gif")
    for name in ("p.png", "p.gif"):
        assert np.array_equal(as_ints(io.read(tmp_path / name)), np.asarray(colours.convert("RGB")))
    bits = rng.integers(0, 2, (9, 12)).astype(bool)
    Image.fromarray(bits).save(tmp_path / "b.png")
    Image.fromarray(bits).save(tmp_path / "b.tif", compression="group4")
    for name in ("b.png", "b.tif"):
        assert np.array_equal(io.read(tmp_path / name).pixels[..., 0], bits)
    cv2.imwrite(str(tmp_path / "one.png"), 255 * bits.astype(np.uint8), [cv2.IMWRITE_PNG_BILEVEL, 1])
    assert np.array_equal(io.read(tmp_path / "one.png").pixels[..., 0], bits)


def test_transparent_palettes_and_colour_keys_become_alpha(tmp_path, rng):
    paletted = Image.fromarray(photo(rng)).quantize(20)
    paletted.save(tmp_path / "p.png", transparency=bytes([0, 128] + [255] * 18))
    assert np.array_equal(
        as_ints(io.read(tmp_path / "p.png")), np.asarray(Image.open(tmp_path / "p.png").convert("RGBA"))
    )
    grey = noise(rng, 9, 12)
    grey[0, :3] = 7
    Image.fromarray(grey).save(tmp_path / "l.png", transparency=7)
    assert np.array_equal(io.read(tmp_path / "l.png").alpha[..., 0], (grey != 7).astype(np.float32))
    colour = noise(rng, 9, 12, 3)
    colour[0, :3] = 1, 2, 3
    Image.fromarray(colour).save(tmp_path / "rgb.png", transparency=(1, 2, 3))
    assert np.array_equal(io.read(tmp_path / "rgb.png").alpha[..., 0], (colour != (1, 2, 3)).any(-1).astype(np.float32))
    deep = noise(rng, 9, 12, bits=16)
    deep[0, :3] = 300
    Image.fromarray(deep).save(tmp_path / "deep.png", transparency=300)
    assert np.array_equal(io.read(tmp_path / "deep.png").alpha[..., 0], (deep != 300).astype(np.float32))


def test_colours_multiplied_by_alpha_are_divided_again(tmp_path, rng):
    straight, alpha = rng.random((9, 12, 3)), rng.uniform(0.3, 1, (9, 12, 1))
    samples = np.rint(np.concatenate([straight * alpha, alpha], -1) * 65535).astype(np.uint16)
    tifffile.imwrite(tmp_path / "x.tif", samples, photometric="rgb", extrasamples=["assocalpha"])
    np.testing.assert_allclose(io.read(tmp_path / "x.tif").pixels, straight, atol=5e-5)


def test_cmyk_and_lab_become_srgb_by_their_profile_and_say_so(tmp_path, rng):
    colour = Image.fromarray(photo(rng))
    colour.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    naive = io.read(tmp_path / "cmyk.jpg")
    assert naive.pixels.shape[-1] == 3 and naive.mode == "CMYK" and "naively" in naive.notes[0]
    assert np.abs(as_ints(naive).astype(int) - np.asarray(Image.open(tmp_path / "cmyk.jpg").convert("RGB"))).max() == 0
    lab = ImageCms.profileToProfile(
        colour, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    lab.save(tmp_path / "lab.tif")
    picture = io.read(tmp_path / "lab.tif")
    assert "profile" in picture.notes[0]
    assert np.abs(picture.pixels * 255 - np.asarray(colour)).mean() < 1.5


def test_the_first_of_several_pages_or_frames_is_read_and_said_so(tmp_path, rng):
    pages = noise(rng, 3, 20, 30)
    tifffile.imwrite(tmp_path / "x.tif", pages, photometric="minisblack")
    frames = [Image.fromarray(page) for page in pages]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "x.webp", save_all=True, append_images=frames[1:], lossless=True)
    for name in ("x.tif", "x.gif", "x.webp"):
        picture = io.read(tmp_path / name)
        assert np.array_equal(as_ints(picture)[..., 0], pages[0])
        assert picture.notes[0].startswith("3 ")


# --- what goes along -------------------------------------------------------------------------------------------------


def exif_block(orientation=1):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x8298] = "(c) Somebody"
    exif[metadata.ORIENTATION] = orientation
    exif.get_ifd(metadata.EXIF_IFD)[0x9003] = "2024:01:02 03:04:05"
    exif.get_ifd(metadata.EXIF_IFD)[0x829A] = 0.5
    exif.get_ifd(metadata.GPS_IFD)[1] = "N"
    return exif.tobytes()


def sRGB():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'


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


# --- writing ---------------------------------------------------------------------------------------------------------


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


def test_every_value_of_sixteen_bits_survives():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    assert np.array_equal(np.rint(values.astype(np.float32) / np.float32(65535) * np.float32(65535)), values)


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
