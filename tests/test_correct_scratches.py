"""Facts about correct/scratches.py and lines.py: which thin lines are scratches, and which belong to the picture."""

from functools import cache

import jax
import numpy as np
import pytest
from PIL import Image, ImageDraw

from jaximg import degrade
from jaximg.correct import correct, diagnose, plan
from jaximg.correct.holes import fill
from jaximg.correct.lines import find_lines
from jaximg.correct.scratch_pixels import touched
from jaximg.correct.scratches import find_scratches
from tests.test_correct import bytes_of, jpeg, noisy, photo, psnr

SIZE = (240, 250)


@cache
def scratched() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A photograph, the same with scratches, and where they are."""
    x = photo(*SIZE)
    spoilt, known = degrade.scratches(jax.random.key(1), x, count=6)
    return x, bytes_of(np.asarray(spoilt)), np.asarray(known) < 0.5


def wire() -> np.ndarray:
    """A photograph with a red line, soft-edged as a lens draws one."""
    canvas = Image.new("L", (4 * SIZE[1], 4 * SIZE[0]))
    ImageDraw.Draw(canvas).line([(36, 36), (920, 396)], fill=255, width=8)
    cover = np.asarray(canvas.resize(SIZE[::-1], Image.Resampling.BOX), np.float32)[..., None] / 255
    return bytes_of(photo(*SIZE) * (1 - cover) + cover * np.float32([0.9, 0.1, 0.1]))


def test_scratches_are_found_with_a_mask_not_much_larger():
    _, y, truth = scratched()
    found = find_scratches(y)
    assert found.confidence > 0.5
    assert (found.mask & truth).sum() > 0.8 * truth.sum()
    assert found.mask.sum() < 2 * truth.sum()


def test_scratches_are_repaired_unasked_nearly_as_well_as_by_a_given_mask():
    x, y, truth = scratched()
    report = diagnose(y)
    assert "scratches" in [step.name for step in plan(report)]
    out = correct(y, report=report, only="scratches")
    assert psnr(out, x) > psnr(y, x) + 6
    assert psnr(out, x) > min(psnr(fill(y, truth), x) - 3, 40)
    untouched = ~report.scratches[..., 0]
    np.testing.assert_array_equal(out[untouched], y[untouched])


@pytest.mark.parametrize("sign", [1, -1])
def test_bright_and_dark_scratches_are_found(sign):
    x, y, truth = scratched()
    part = truth & (sign * (y - x).mean(-1, keepdims=True) > 0.1)
    assert part.sum() > 100
    assert find_scratches(y).mask[part].mean() > 0.8


def test_a_scratch_is_marked_as_wide_and_as_long_as_it_is():
    x = photo(*SIZE)
    truth = np.zeros(SIZE, bool)
    truth[100:103, 40:200] = True
    path = np.stack([np.full(81, 101.0), np.arange(40.0, 202, 2)], 1)
    short = np.concatenate([path[:1] - (0, 2) * np.arange(10, 0, -1)[:, None], path, path[-1:]])
    found, behind = touched(np.where(truth[..., None], np.float32(0.97), x), [(short, 2.0, (10, 1))])
    assert found[truth].mean() > 0.98
    assert found.sum() < 1.8 * truth.sum()
    np.testing.assert_array_equal(behind[:90], x[:90])


def lettering() -> np.ndarray:
    canvas = Image.new("L", SIZE[::-1], 255)
    draw = ImageDraw.Draw(canvas)
    for row in range(6, 230, 14):
        draw.text((8, row), "scratches run, and letters stand", fill=0)
    return np.asarray(canvas, np.float32)[..., None] / 255


def drawing() -> np.ndarray:
    canvas = Image.new("RGB", SIZE[::-1], (255, 255, 255))
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((30, 40, 160, 150), fill=(200, 220, 90))
    for points, fill_ in (((10, 10, 240, 200), (0, 0, 0)), ((20, 220, 230, 30), (90, 90, 90))):
        draw.line(points, fill=fill_, width=2)
    draw.ellipse((60, 60, 200, 200), outline=(0, 0, 0), width=2)
    return np.asarray(canvas, np.float32) / 255


CLEAN = {
    "photograph": lambda: photo(*SIZE),
    "grey photograph": lambda: photo(*SIZE, 1),
    "noise": lambda: noisy(photo(*SIZE), 25),
    "jpeg": lambda: jpeg(photo(*SIZE), 15),
    "lettering": lettering,
    "drawing": drawing,
    "drawing, scanned": lambda: noisy(drawing(), 3),
    "stripes": lambda: np.sin(np.mgrid[:240, :250][1] / 3)[..., None].astype(np.float32) / 2 + 0.5,
    "a coloured wire": wire,
}


@pytest.mark.parametrize("picture", CLEAN)
def test_what_belongs_to_the_picture_is_no_scratch(picture):
    found = find_scratches(CLEAN[picture]())
    assert found.mask.sum() == 0
    assert found.confidence == 0


def test_a_large_picture_is_looked_at_in_half_its_size(monkeypatch):
    y = scratched()[1]
    mask = find_scratches(y).mask
    monkeypatch.setattr("jaximg.correct.scratches.LARGEST", 100_000)
    np.testing.assert_array_equal(find_scratches(y.repeat(2, 0).repeat(2, 1)).mask, mask.repeat(2, 0).repeat(2, 1))


def test_a_line_is_followed_across_a_gap():
    luma = np.full((100, 250), 0.5, np.float32)
    luma[50, 10:110] = luma[50, 120:240] = 1
    ((sign, points),) = find_lines(luma, np.zeros_like(luma))
    assert sign == 1
    assert np.ptp(points[:, 1]) > 220
