"""What a JPEG has stored: read back from its pixels, and an answer held near it."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaximg import degrade, ops
from jaximg.correct.classical import hold
from jaximg.correct.jpeg import find_halved
from jaximg.models.stored import as_stored, near_stored


def colourful(height: int = 150, width: int = 170) -> np.ndarray:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    planes = [np.sin(y / 7 + x / 9), np.cos(x / 11 - y / 23), np.sin(y / 13)]
    return (0.5 + 0.3 * np.stack(planes, -1)).astype(np.float32)


def error(x: object, y: object) -> float:
    return float(np.sqrt(np.mean(np.square(np.asarray(x) - np.asarray(y)))))


@pytest.mark.parametrize("quality", [10, 40])
@pytest.mark.parametrize("corner", [(0, 0), (8, 0), (0, 8), (8, 8)])
def test_where_halved_chroma_begins_is_found(quality, corner):
    coded = degrade.jpeg_real(colourful(), quality)[corner[0] :, corner[1] :]
    assert find_halved(coded, quality) == corner


def test_nothing_is_said_of_chroma_that_was_not_halved_or_not_there():
    assert find_halved(degrade.jpeg_real(colourful(), 20, sampling="4:4:4"), 20) is None
    assert find_halved(degrade.jpeg_real(colourful().mean(-1, keepdims=True).repeat(3, -1), 20), 20) is None
    assert find_halved(colourful(), 20) is None


def test_libjpeg_s_doubling_is_undone():
    coded = degrade.jpeg_real(colourful(160, 176), 30)
    chroma = as_stored(ops.rgb_to_ycbcr(jnp.asarray(coded))[..., 1:])
    again = ops.resize(chroma, (160, 176), method="linear")
    assert error(again, ops.rgb_to_ycbcr(jnp.asarray(coded))[..., 1:]) < 0.7 / 255


@pytest.mark.parametrize("quality", [10, 50, 90])
def test_an_answer_comes_nearer_to_the_truth_and_the_truth_stays_there(quality):
    clean = colourful(160, 176)
    coded, ones = degrade.jpeg_real(clean, quality), jnp.ones((160, 176, 1))
    pale = 0.5 + 0.5 * (clean - 0.5)
    held, kept = (near_stored(jnp.asarray(x), coded, quality, whole=ones, halved=ones) for x in (pale, clean))
    assert error(held, clean) < 0.5 * error(pale, clean)
    assert error(kept, clean) < 0.5 * error(coded, clean)


def test_only_what_the_coder_saw_whole_is_held():
    clean = colourful(150, 170)
    coded, answer = degrade.jpeg_real(clean, 10), np.full_like(clean, 0.5)
    held = hold(answer, coded, 10, find_halved(coded, 10))
    assert held.shape == clean.shape
    assert error(held[:144, :168], clean[:144, :168]) < 0.5 * error(answer, clean)
    np.testing.assert_allclose(held[144:, :], 0.5, atol=1e-5)
    np.testing.assert_allclose(held[:, 168:], 0.5, atol=1e-5)


def test_a_cropped_jpeg_is_held_as_the_whole_is():
    clean = colourful(160, 176)
    coded, answer = degrade.jpeg_real(clean, 10), np.full_like(clean, 0.5)
    whole = hold(answer, coded, 10, (0, 0))
    part = hold(answer[8:, 8:], coded[8:, 8:], 10, find_halved(coded[8:, 8:], 10))
    np.testing.assert_allclose(part[40:, 40:], whole[48:, 48:], atol=2e-3)
