"""Facts about correct/: what it finds, what it repairs, and above all what it leaves alone."""

import io as stdlib_io
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaximg import degrade, io, ops
from jaximg.correct import STEPS, Report, correct, diagnose, plan
from jaximg.correct.fill import fill_smoothly
from jaximg.correct.jpeg import find_jpeg, quality_of
from jaximg.correct.missing import components
from jaximg.correct.noise import find_noise
from jaximg.correct.tiles import tiled
from jaximg.ops.dct import jpeg_tables
from tests.op_case import unit


def photo(height: int = 160, width: int = 200, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth areas, soft edges and a patch of texture, in 8 bits, never quite black or white."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 100
    tone = 0.5 + 0.25 * np.sin(3 * x + 2 * y + np.arange(channels)[:, None, None]) + 0.15 * (x + 0.3 * y > 1)
    tone[:, (y > 0.8) & (x < 0.6)] += 0.1 * rng.standard_normal(((y > 0.8) & (x < 0.6)).sum())
    soft = np.asarray(ops.gaussian_blur(np.moveaxis(tone, 0, -1).astype(np.float32), 1.0))
    return bytes_of(np.clip(soft, 0.02, 0.98))


def bytes_of(image: np.ndarray) -> np.ndarray:
    return (np.round(255 * np.clip(image, 0, 1)) / 255).astype(np.float32)


def noisy(image: np.ndarray, sigma: float, *, clip: bool = True) -> np.ndarray:
    spoilt = image + sigma / 255 * np.random.default_rng(1).standard_normal(image.shape)
    return bytes_of(spoilt) if clip else spoilt.astype(np.float32)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    pixels = np.round(255 * image).astype(np.uint8)
    buffer = stdlib_io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(buffer, "JPEG", quality=quality)
    back = np.asarray(Image.open(buffer), np.float32) / 255
    return back if back.ndim == 3 else back[..., None]


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean(np.square(np.asarray(a, np.float64) - b))))


# --- it leaves alone what is not wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_a_clean_picture_comes_back_bit_by_bit(channels):
    x = photo(channels=channels)
    assert plan(diagnose(x)) == ()
    np.testing.assert_array_equal(correct(x), x)


def flat_graphic() -> np.ndarray:
    x = np.ones((120, 160, 3), np.float32)
    x[20:60, 20:90] = (1, 0, 0)
    x[40:100, 70:140] = (0, 0, 1)
    x[70:74] = 0
    return x


def stars() -> np.ndarray:
    rng = np.random.default_rng(0)
    x = np.zeros((200, 200, 1), np.float32)
    x[tuple(rng.integers(0, 200, (2, 150)))] = 1
    return bytes_of(np.asarray(ops.gaussian_blur(x, 0.5)) + x)


def dithered() -> np.ndarray:
    y, x = np.mgrid[:128, :128]
    return (x[..., None] / 128 > np.random.default_rng(0).random((128, 128, 1))).astype(np.float32)


def black_bars() -> np.ndarray:
    x = photo()
    x[:20] = x[-20:] = 0
    return x


def blown_out() -> np.ndarray:
    y, x = np.mgrid[:160, :200]
    glow = 1.6 * np.exp(-((x - 90) ** 2 + (y - 70) ** 2) / 4000)
    return bytes_of(np.maximum(photo(channels=1), glow[..., None].astype(np.float32)))


@pytest.mark.parametrize("picture", [flat_graphic, stars, dithered, black_bars, blown_out])
def test_what_is_meant_to_be_black_or_white_or_flat_is_not_corrected(picture):
    x = picture()
    np.testing.assert_array_equal(correct(x), x)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (1, 300), (40, 7), (64, 64)])
def test_flat_and_tiny_pictures_are_left_alone(size, value):
    for channels in (1, 3):
        x = np.full((*size, channels), value, np.float32)
        np.testing.assert_array_equal(correct(x), x)


# --- noise -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("sigma", "clip"),
    [
        *((5, True), (15, False), (25, True), (50, True), (50, False)),
        *(pytest.param(*words, marks=pytest.mark.slow) for words in ((5, False), (15, True), (25, False))),
    ],
)
def test_noise_is_measured_within_a_tenth(sigma, clip, channels):
    report = diagnose(noisy(photo(channels=channels), sigma, clip=clip), whole=True)
    assert abs(255 * report.noise_sigma - sigma) < 0.1 * sigma + 0.2
    assert report.noise_confidence > 0.8


def test_noise_in_the_dark_is_measured_although_half_of_it_has_been_cut_off():
    black = np.zeros((100, 120, 1), np.float32)
    assert abs(255 * find_noise(noisy(black, 25)).sigma - 25) < 4


def test_noise_that_the_channels_share_is_found_in_grey_alone():
    grey = noisy(photo(channels=1), 20, clip=False) - photo(channels=1)
    planes = find_noise(photo() + grey).planes
    assert planes[0] > 10 * max(planes[1:])


@pytest.mark.parametrize(
    ("channels", "clip"),
    [(1, False), (3, True), *(pytest.param(*words, marks=pytest.mark.slow) for words in ((1, True), (3, False)))],
)
def test_noise_is_removed_better_than_by_the_best_blur(channels, clip):
    x = photo(channels=channels)
    y = noisy(x, 25, clip=clip)
    blurred = max(psnr(ops.gaussian_blur(y, s, radius=10), x) for s in np.float32([0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5]))
    assert psnr(correct(y), x) > blurred + 0.5


def test_the_dark_is_black_again():
    black = np.zeros((96, 96, 1), np.float32)
    assert correct(noisy(black, 25)).mean() < 2.5 / 255 < noisy(black, 25).mean()


# --- JPEG ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quality", [10, 30, 60, 85])
@pytest.mark.parametrize("corner", [(0, 0), (3, 5)])
def test_jpeg_quality_is_read_from_the_pixels_also_when_cropped(quality, corner):
    cropped = jpeg(photo(256, 320), quality)[corner[0] :, corner[1] :]
    found = find_jpeg(cropped)
    assert abs(found.quality - quality) <= 1
    assert found.corner == tuple(-c % 8 for c in corner)


@pytest.mark.parametrize("corner", [(0, 0), (3, 5)])
def test_a_jpeg_that_has_been_turned_is_repaired_as_it_would_be_upright(corner):
    upright = jpeg(photo(256, 320), 10)[corner[0] :, corner[1] :]
    lying = np.ascontiguousarray(np.swapaxes(upright, 0, 1))
    found, other = diagnose(lying, whole=True), diagnose(upright, whole=True)
    assert (found.jpeg_quality, found.jpeg_corner) == (other.jpeg_quality, other.jpeg_corner[::-1])
    assert (found.jpeg_turned, other.jpeg_turned) == (True, False)
    here, there = (correct(x, report=r, only="jpeg") for x, r in ((lying, found), (upright, other)))
    np.testing.assert_allclose(np.swapaxes(here, 0, 1), there, atol=1e-6)


def test_impulses_are_not_filled_from_what_is_no_number(rng):
    x = photo()
    shot = np.where(rng.random(x.shape) < 0.04, rng.integers(0, 2, x.shape), x).astype(np.float32)
    shot[20:24, 20:24] = np.nan
    report = diagnose(shot)
    assert report.impulses_confidence > 0
    assert np.isfinite(correct(shot, report=report)).all()
    only = correct(shot, report=report, only="impulses")
    np.testing.assert_array_equal(np.isnan(only), np.isnan(shot))


@pytest.mark.parametrize(("first", "second"), [(10, 93), (40, 98)])
def test_a_jpeg_saved_again_at_a_high_quality_is_known_by_its_old_blocks(first, second):
    tables = (jpeg_tables(second)[0],)
    again = diagnose(io.Picture(jpeg(jpeg(photo(256, 320), first), second), jpeg_tables=tables))
    assert (again.jpeg_quality, again.jpeg_confidence) == (first, 1.0)
    once = diagnose(io.Picture(jpeg(photo(256, 320), second), jpeg_tables=tables))
    assert once.jpeg_quality == second


def test_a_report_is_itself_and_no_other():
    report = diagnose(photo(64, 64))
    assert report == report and report in {report}
    assert report != diagnose(photo(64, 64))


def test_a_files_own_tables_are_believed():
    picture = io.Picture(photo(), jpeg_tables=(jpeg_tables(42)[0],))
    report = diagnose(picture)
    assert (report.jpeg_quality, report.jpeg_confidence) == (42, 1.0)
    assert [quality_of(jpeg_tables(q)[0]) for q in (5, 50, 90)] == [5, 50, 90]


@pytest.mark.parametrize(
    ("quality", "channels"),
    [
        *((10, 3), (30, 1), (70, 3)),
        *(pytest.param(*words, marks=pytest.mark.slow) for words in ((10, 1), (30, 3), (70, 1))),
    ],
)
def test_deblocking_brings_a_jpeg_nearer_to_the_truth(quality, channels):
    x = photo(256, 320, channels)
    y = jpeg(x, quality)
    report = diagnose(y, whole=True)
    assert [step.name for step in plan(report)] == ["jpeg"]
    assert psnr(correct(y, report=report), x) > psnr(y, x) + 0.3


def test_noise_and_blocks_of_a_jpeg_go_together_in_one_step():
    x = photo(256, 320)
    y = jpeg(noisy(x, 10), 90)
    report = diagnose(y, whole=True)
    assert [step.name for step in plan(report)] == ["denoise"]
    assert [step.name for step in plan(report, only="jpeg")] == ["jpeg"]
    assert psnr(correct(y, report=report), x) > psnr(correct(y, report=report, only="jpeg"), x) + 2


def stored(image: np.ndarray, quality: int | None) -> io.Picture:
    """As a JPEG file of that quality, or as a PNG."""
    if quality is None:
        return io.Picture(bytes_of(image))
    return io.Picture(jpeg(image, quality), jpeg_tables=(jpeg_tables(quality)[0],))


@pytest.mark.parametrize(("quality", "gain"), [(60, 2.0), (90, 3.0)])
def test_a_cameras_noise_is_found_in_a_jpeg_although_it_is_not_white(quality, gain):
    """Of photons behind a mosaic; the coder takes most of its high frequencies away."""
    x = photo(256, 320)
    spoilt = np.asarray(degrade.mosaic_noise(jax.random.key(0), x, photons=400.0, read=0.01))
    picture = stored(spoilt, quality)
    report = diagnose(picture, whole=True)
    assert [step.name for step in plan(report)] == ["denoise"]
    assert psnr(correct(picture.pixels, report=report), x) > psnr(picture.pixels, x) + gain


def test_strong_noise_of_a_camera_is_found_where_no_jpeg_has_been():
    x = photo(256, 320)
    picture = stored(np.asarray(degrade.mosaic_noise(jax.random.key(0), x, photons=100.0, read=0.01)), None)
    assert [step.name for step in plan(diagnose(picture, whole=True))] == ["denoise"]
    assert psnr(correct(picture.pixels), x) > psnr(picture.pixels, x) + 8


@pytest.mark.parametrize("quality", [60, 90, 96, None])
def test_texture_is_no_noise(quality):
    grains = 0.5 + 0.1 * np.random.default_rng(0).standard_normal((256, 320, 1))
    texture = np.asarray(ops.gaussian_blur(grains, 0.7)).astype(np.float32)
    for tint in ((1.0, 1.0, 1.0), (0.9, 1.0, 0.8)):
        report = diagnose(stored(texture * np.float32(tint), quality), whole=True)
        assert "denoise" not in [step.name for step in plan(report)]


# --- lost pixels -----------------------------------------------------------------------------------------------------


def with_holes(x: np.ndarray, value: float) -> tuple[np.ndarray, np.ndarray]:
    hole = np.zeros((*x.shape[:2], 1), bool)
    hole[20:50, 30:70] = hole[90:100, 120:160] = True
    return np.where(hole, np.float32(value), x), hole


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan])
def test_holes_are_found_and_filled_and_nothing_else_moves(value):
    x = photo()
    x = bytes_of(x + 0.02 * np.asarray(unit(np.random.default_rng(3), x.shape)))
    y, hole = with_holes(x, value)
    report = diagnose(y)
    np.testing.assert_array_equal(report.missing, hole)
    out = correct(y, report=report, only="inpaint")
    known = ~hole[..., 0]
    np.testing.assert_array_equal(out[known], x[known])
    assert psnr(out, x) > 25


def test_transparent_pixels_are_missing():
    alpha = np.ones((160, 200, 1), np.float32)
    alpha[40:60, 50:90] = 0
    np.testing.assert_array_equal(diagnose(io.Picture(photo(), alpha=alpha)).missing, alpha == 0)


@pytest.mark.parametrize("shape", [(160, 200), (160, 200, 1)])
def test_a_mask_of_known_pixels_is_obeyed(shape):
    x, mask = photo(), np.ones(shape)
    mask[40:60, 50:90] = 0
    y = np.where(mask.reshape(*mask.shape[:2], 1) == 0, np.float32(0.3), x)
    out = correct(y, mask=mask)
    changed = (out != y).any(-1)
    assert changed[40:60, 50:90].mean() > 0.9
    assert psnr(out, x) > psnr(y, x) + 6
    changed[40:60, 50:90] = False
    assert not changed.any()
    assert [step.name for step in plan(diagnose(x), mask=mask)] == ["inpaint"]


def test_salt_and_pepper_is_found_and_filled():
    x = photo()
    rng = np.random.default_rng(2)
    y = np.where(rng.random(x.shape) < 0.04, rng.integers(0, 2, x.shape), x).astype(np.float32)
    report = diagnose(y)
    lost = report.impulses
    assert report.impulses_confidence > 0.5
    assert (y != x)[~lost].mean() < 1e-3
    out = correct(y, report=report, only="impulses")
    np.testing.assert_array_equal(out[~lost], y[~lost])
    assert psnr(out, x) > psnr(y, x) + 12


def test_a_hole_larger_than_a_tile_is_filled_as_if_there_were_no_tiles(monkeypatch):
    x = photo(100, 120, 1)
    hole = np.zeros((100, 120, 1), bool)
    hole[15:85, 20:100] = True
    whole = fill_smoothly(x, hole)
    monkeypatch.setattr("jaximg.correct.fill.SIDES", (64,))
    monkeypatch.setattr("jaximg.correct.fill.RIM", 16)
    np.testing.assert_allclose(fill_smoothly(x, hole), whole, atol=0.03)


def test_components_are_those_that_touch():
    mask = np.array([[1, 1, 0, 1], [0, 1, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]], bool)
    assert sorted(len(rows) for rows, _ in components(mask)) == [3, 8]
    assert components(np.zeros((3, 4), bool)) == []


# --- the interface ---------------------------------------------------------------------------------------------------


def test_strength_interpolates_between_the_picture_and_its_repair():
    y = noisy(photo(), 25)
    full = correct(y)
    np.testing.assert_array_equal(correct(y, strength=0), y)
    np.testing.assert_allclose(correct(y, strength=0.3), y + 0.3 * (full - y), atol=1e-6)
    np.testing.assert_array_equal(correct(y, strength=1), full)


def test_only_the_named_repairs_are_made_and_made_without_doubt():
    y = noisy(photo(), 2)
    sure = replace(diagnose(y), noise_confidence=0.0)
    assert plan(sure) == ()
    assert [step.name for step in plan(sure, only=["denoise", "jpeg"])] == ["denoise"]
    assert (correct(y, report=sure, only="denoise") != y).any()
    np.testing.assert_array_equal(correct(noisy(photo(), 25), only=["jpeg"]), noisy(photo(), 25))


def test_the_report_can_be_read():
    text = str(diagnose(noisy(photo(), 25)))
    assert "noise" in text
    assert "sigma 2" in text
    assert len(text.splitlines()) == 5
    assert str(Report()).count("none") == 4


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: correct(x[..., 0]), ValueError, "None"),
        (lambda x: correct(x[None]), ValueError, "one picture"),
        (lambda x: correct(x[..., :2]), ValueError, "1 or 3"),
        (lambda x: correct((255 * x).astype(np.uint8)), TypeError, "to_float"),
        (lambda x: correct(x, strength=1.5), ValueError, "strength"),
        (lambda x: correct(x, mask=np.ones((3, 3))), ValueError, "mask"),
        (lambda x: correct(x, only="iron"), ValueError, "denoise"),
        (lambda x: diagnose(x.tolist()), TypeError, "array"),
    ],
)
def test_bad_input_is_answered_with_the_cure(call, error, message):
    with pytest.raises(error, match=message):
        call(photo(16, 16))


def test_all_dtypes_come_back_as_float32_of_the_same_shape():
    for x in (noisy(photo(), 25).astype(np.float64), jnp.asarray(noisy(photo(), 25))):
        out = correct(x)
        assert (out.dtype, out.shape) == (np.float32, x.shape)
    assert STEPS[-1] == "denoise"


# --- any size, few programs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(140, 213), (96, 90), (208, 70)])
def test_squares_are_the_whole_to_its_border(size):
    y = noisy(photo(*size), 25)
    smooth = jax.jit(lambda cut: ops.dct_denoise(cut, 0.1, blocks=(8,)))
    np.testing.assert_allclose(tiled(smooth, y, rim=16, sides=(96,)), smooth(y), atol=1e-5)


@pytest.mark.parametrize("pictures", [6, pytest.param(15, marks=pytest.mark.slow)])
def test_pictures_of_different_sizes_compile_few_programs(pictures):
    compiled = 0

    def count(event: str, duration: float, **_: object) -> None:
        nonlocal compiled
        compiled += event == "/jax/core/compile/backend_compile_duration"

    rng = np.random.default_rng(0)
    for size in ((60, 60), (90, 200)):  # the programs of two sizes of tiles
        correct(noisy(photo(*size), 25))
    jax.monitoring.register_event_duration_secs_listener(count)
    for _ in range(pictures):
        correct(noisy(photo_of_noise(rng), 25))
    assert compiled == 0


def photo_of_noise(rng: np.random.Generator) -> np.ndarray:
    height, width = rng.integers(20, 130, 2)
    return np.full((height, width, 3), rng.uniform(0.3, 0.7), np.float32)
