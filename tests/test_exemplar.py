"""Facts about filling by example: ops/exemplar.py and what correct/ makes of it."""

import jax
import numpy as np
import pytest

from jaximg import ops
from jaximg.correct import correct
from jaximg.correct.example import _choose, find_sources
from jaximg.correct.fill import fill_smoothly
from jaximg.correct.holes import fill


def tiles(height: int, width: int, channels: int = 1) -> np.ndarray:
    """A texture that repeats itself every four rows and six columns."""
    tile = np.random.default_rng(0).random((4, 6, channels)).astype(np.float32)
    return np.tile(tile, (-(-height // 4), -(-width // 6), 1))[:height, :width]


@pytest.fixture(scope="module")
def by_halves():
    return jax.jit(lambda image, mask: ops.inpaint_exemplar(image, mask, patch=5, levels=1))


def test_a_texture_comes_back_exactly_from_coarse_to_fine_and_missing_pixels_are_never_read(by_halves):
    x, mask = tiles(48, 48, 2), np.ones((48, 48, 2), np.float32)
    mask[13:29, 17:31] = 0
    mask[3, 5, 1] = 0
    np.testing.assert_array_equal(by_halves(np.where(mask > 0, x, np.nan), mask), x)


def test_nothing_missing_and_nothing_to_copy_from_are_defined(by_halves):
    x = tiles(48, 48, 2)
    np.testing.assert_array_equal(by_halves(x, np.ones_like(x)), x)
    np.testing.assert_array_equal(by_halves(x, np.zeros_like(x)), np.zeros_like(x))
    dots = (np.indices((48, 48, 2)).sum(0) % 2).astype(np.float32)  # no square is wholly known
    filled = np.asarray(by_halves(x, dots))
    for c in range(2):
        known = dots[..., c] == 1
        np.testing.assert_array_equal(filled[..., c][known], x[..., c][known])
        np.testing.assert_allclose(filled[..., c][~known], x[..., c][known].mean(), rtol=1e-5)


def test_large_holes_are_filled_by_example_and_small_ones_smoothly(monkeypatch):
    monkeypatch.setattr("jaximg.correct.holes.THICK", 16)
    x, large, small = tiles(64, 64), np.zeros((64, 64, 1), bool), np.zeros((64, 64, 1), bool)
    large[20:40, 20:38] = True
    small[50:60, 4:60] = True
    out = fill(np.where(large | small, np.nan, x).astype(np.float32), large | small)
    np.testing.assert_array_equal(out[:45], x[:45])
    np.testing.assert_allclose(out[50:60], fill_smoothly(np.where(small, 0, x), small)[50:60], atol=1e-5)


def test_a_hole_larger_than_half_a_square_is_filled_as_sharply(monkeypatch):
    monkeypatch.setattr("jaximg.correct.example.SIDES", (64,))
    x, missing = tiles(120, 126), np.zeros((120, 126), bool)
    missing[30:78, 36:84] = True
    found = find_sources(np.where(missing[..., None], np.float32(0), x), missing, np.argwhere(missing))
    assert not missing[tuple(found.T)].any()
    np.testing.assert_array_equal(x[tuple(found.T)], x[missing])


def test_pictures_of_many_sizes_take_one_program(monkeypatch):
    monkeypatch.setattr("jaximg.correct.holes.THICK", 16)
    before = _choose._cache_size()
    for size in (50, 57, 64):
        x = tiles(size, size - 3)
        mask = np.ones((size, size - 3))
        mask[15:33, 15:33] = 0
        np.testing.assert_array_equal(correct(x, mask=mask, only="inpaint"), x)
    assert _choose._cache_size() - before <= 1
