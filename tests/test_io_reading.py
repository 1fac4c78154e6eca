"""What is read from a file is what stands in it, whatever its format and depth."""

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from jaximg import io
from tests.op_case import unit
from tests.picture_files import as_ints, noise, photo, save_png16

MODES = {
    ".png": ("L", "RGB", "RGBA", "LA"),
    ".tif": ("L", "RGB", "RGBA", "LA"),
    ".webp": ("RGB", "RGBA"),
    ".bmp": ("L", "RGB"),
}


@pytest.mark.parametrize(("suffix", "mode"), [(suffix, mode) for suffix, modes in MODES.items() for mode in modes])
def test_eight_bits_are_read_as_pillow_reads_them(tmp_path, rng, suffix, mode):
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
