"""What is thin is filled by the network, what is broad is not; known pixels stay."""

import numpy as np
import pytest
from skimage import data

from jaximg import degrade, quality
from jaximg.correct import network
from jaximg.correct.fill import fill_smoothly
from jaximg.correct.holes import BROAD, fill, fill_finely, opened


@pytest.fixture(scope="module")
def photograph():
    return data.astronaut()[40:168, 180:308].astype(np.float32) / 255


@pytest.fixture(scope="module")
def written(photograph):
    import jax

    spoilt, known = degrade.text(jax.random.key(1), photograph, count=6, size=20)
    return np.asarray(spoilt), np.asarray(known) < 0.5


def test_letters_are_filled_better_than_by_a_thin_plate_and_known_pixels_stay(photograph, written):
    spoilt, lost = written
    out = fill(spoilt, lost)
    np.testing.assert_array_equal(out[~lost[..., 0]], spoilt[~lost[..., 0]])
    gain = quality.psnr(out, photograph) - quality.psnr(fill_smoothly(spoilt, lost), photograph)
    assert gain > 0.5


def test_values_at_missing_pixels_are_never_read(written):
    spoilt, lost = written
    np.testing.assert_array_equal(fill(np.where(lost, np.nan, spoilt), lost), fill(spoilt, lost))


def test_only_the_channels_in_which_a_pixel_is_missing_are_filled(photograph):
    lost = np.zeros(photograph.shape, bool)
    lost[20:40:3, 30:50, 1] = True
    out = fill_finely(photograph, lost)
    np.testing.assert_array_equal(out[~lost], photograph[~lost])
    assert (out[lost] != photograph[lost]).mean() > 0.9


def test_it_is_the_same_whether_the_network_sees_the_picture_or_a_part(photograph, monkeypatch):
    tall = np.concatenate([photograph, photograph, photograph])
    lost = np.zeros((*tall.shape[:2], 1), bool)
    lost[180:184, 20:100] = True
    part = fill_finely(tall, lost)
    monkeypatch.setattr("jaximg.correct.network.reach", lambda name: 500)
    np.testing.assert_allclose(part, fill_finely(tall, lost), atol=1e-5)


def test_what_is_broad_is_filled_smoothly(photograph):
    lost = np.zeros((*photograph.shape[:2], 1), bool)
    lost[40 : 40 + BROAD + 6, 50 : 50 + BROAD + 6] = True
    np.testing.assert_array_equal(fill(photograph, lost), fill_smoothly(photograph, lost))


@pytest.mark.parametrize("shape", [(3, 3), (12, 5), (30, 41)])
def test_opened_is_the_morphological_opening(shape):
    from skimage.morphology import opening

    mask = np.random.default_rng(0).random(shape) < 0.9
    padded = np.pad(mask, 4)
    want = opening(padded, np.ones((4, 4)))[4:-4, 4:-4]
    np.testing.assert_array_equal(opened(mask, 4), want)


def test_the_network_says_how_far_it_sees():
    assert network.reach("inpaint") == network.reach("denoise_color") == 104
