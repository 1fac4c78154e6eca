"""Facts about morphology beyond the table: OpenCV's bits for every element, duality, limits, gradients at ties."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaximg import ops

SHAPES = {"rectangle": cv2.MORPH_RECT, "cross": cv2.MORPH_CROSS, "ellipse": cv2.MORPH_ELLIPSE}


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (2, 2), (3, 5), (8, 9), (16, 17), (33, 40)])
@pytest.mark.parametrize("shape", SHAPES)
def test_erosion_and_dilation_have_opencvs_bits_for_every_element(rng, shape, size):
    image = rng.standard_normal((37, 45, 3)).astype(np.float32)
    element = cv2.getStructuringElement(SHAPES[shape], size[::-1])
    np.testing.assert_array_equal(ops.erode(image, element), cv2.erode(image, element))
    np.testing.assert_array_equal(ops.dilate(image, element), cv2.dilate(image, element))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_random_elements_have_opencvs_bits(seed):
    """With holes, several runs a row, and without their anchor."""
    rng = np.random.default_rng(seed)
    element = (rng.random(rng.integers(1, 14, 2)) < rng.random()).astype(np.uint8)
    element.flat[rng.integers(element.size)] = 1
    image = rng.random((20, 16, 1)).astype(np.float32)
    np.testing.assert_array_equal(ops.dilate(image, element)[..., 0], cv2.dilate(image, element))


@pytest.mark.parametrize("hw", [(1, 1), (1, 7), (2, 3), (5, 1)])
def test_elements_larger_than_the_picture_reach_all_of_it(rng, hw):
    image = rng.random((*hw, 1)).astype(np.float32)
    np.testing.assert_array_equal(ops.dilate(image, 15), np.full_like(image, image.max()))
    np.testing.assert_array_equal(ops.erode(image, 31), np.full_like(image, image.min()))


def test_erosion_is_the_dilation_of_the_negative(rng):
    image = rng.random((20, 30, 1)).astype(np.float32)
    np.testing.assert_array_equal(ops.erode(image, (3, 5)), -ops.dilate(-image, (3, 5)))


def test_opening_and_closing_twice_change_nothing_more(rng):
    image = rng.random((40, 30, 1)).astype(np.float32)
    for op in (ops.opening, ops.closing):
        once = op(image, 5)
        np.testing.assert_array_equal(op(once, 5), once)
    assert (ops.opening(image, 5) <= image).all()
    assert (ops.closing(image, 5) >= image).all()


def test_a_negative_or_a_16_bit_picture_is_as_welcome(rng):
    image = rng.standard_normal((20, 30, 1)).astype(np.float32) * 1e30
    np.testing.assert_array_equal(
        ops.closing(image, 3)[..., 0], cv2.morphologyEx(image, cv2.MORPH_CLOSE, np.ones((3, 3)))
    )
    half = jnp.asarray(image / 1e30, jnp.bfloat16)
    np.testing.assert_array_equal(ops.erode(half, 3).astype(jnp.float32), ops.erode(half.astype(jnp.float32), 3))


def test_the_gradient_of_a_dilation_counts_the_windows_that_each_maximum_wins(rng):
    image = jnp.asarray(rng.random((12, 9, 1)), jnp.float32)
    gradient = jax.grad(lambda x: ops.dilate(x, 3).sum())(image)
    wins = np.zeros(image.shape)
    for y in range(12):
        for x in range(9):
            box = np.asarray(image)[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2, 0]
            i, j = np.unravel_index(box.argmax(), box.shape)
            wins[max(y - 1, 0) + i, max(x - 1, 0) + j] += 1
    np.testing.assert_array_equal(gradient, wins)


@pytest.mark.parametrize("element", [3, (4, 9), np.eye(11)])
def test_at_ties_the_gradient_is_finite_and_nothing_of_it_is_lost(element):
    for op in (ops.erode, ops.dilate, ops.soft_erode, ops.soft_dilate):
        gradient = jax.grad(lambda x, op=op: op(x, element).sum())(jnp.full((16, 12, 1), 0.5))
        assert np.isfinite(gradient).all()
        np.testing.assert_allclose(gradient.sum(), 16 * 12, rtol=1e-5)


@pytest.mark.parametrize("element", [5, (2, 7), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))])
@pytest.mark.parametrize("soft, hard", [(ops.soft_erode, ops.erode), (ops.soft_dilate, ops.dilate)])
def test_soft_morphology_becomes_hard_as_the_temperature_goes_to_zero_and_a_mean_as_it_grows(rng, soft, hard, element):
    image = rng.random((25, 31, 3)).astype(np.float32)
    pixels = int(np.sum(element)) if isinstance(element, np.ndarray) else int(np.prod(np.broadcast_to(element, 2)))
    for temperature in (0.3, 0.03, 1e-3, 1e-5):
        gap = np.abs(soft(image, element, temperature=temperature) - hard(image, element)).max()
        assert gap <= temperature * np.log(pixels) + 1e-6
    kernel = element if isinstance(element, np.ndarray) else np.ones(np.broadcast_to(element, 2))
    inside = [
        cv2.filter2D(v, cv2.CV_64F, kernel.astype(np.float64), borderType=cv2.BORDER_CONSTANT)
        for v in (image.astype(np.float64), np.ones(image.shape))
    ]
    np.testing.assert_allclose(soft(image, element, temperature=1e3), inside[0] / inside[1], atol=1e-3)


def test_soft_morphology_has_a_finite_gradient_at_every_temperature(rng):
    image = jnp.asarray(rng.random((9, 9, 1)), jnp.float32)
    for temperature in (1e-6, 1e-3, 1.0, 1e4):
        value, gradients = jax.value_and_grad(lambda x, t: ops.soft_dilate(x, 5, temperature=t).sum(), argnums=(0, 1))(
            image, temperature
        )
        assert np.isfinite(value)
        assert all(np.isfinite(g).all() for g in gradients)


@pytest.mark.parametrize("anchor_free", [[[1, 1], [-1, 0]], [[0, 1, 0], [-1, 0, -1], [0, -1, 0]], [[1, 0, 1]]])
def test_hit_or_miss_has_opencvs_pixels(rng, anchor_free):
    picture = (rng.random((30, 40)) < 0.5).astype(np.uint8)
    want = cv2.morphologyEx(picture * 255, cv2.MORPH_HITMISS, np.array(anchor_free, np.int32)) / 255
    np.testing.assert_array_equal(ops.hit_or_miss(picture[..., None].astype(np.float32), anchor_free)[..., 0], want)


@pytest.mark.parametrize("bad", [0, (3, 0), np.zeros((3, 3)), np.ones((2, 2, 2))])
def test_rejects_elements_without_a_pixel_or_a_box(bad):
    with pytest.raises(ValueError, match="element"):
        ops.erode(np.zeros((5, 5, 1), np.float32), bad)


def test_rejects_a_traced_element_and_a_fractional_size():
    image = np.zeros((5, 5, 1), np.float32)
    with pytest.raises(TypeError, match="traced"):
        jax.jit(ops.dilate)(image, jnp.ones((3, 3)))
    with pytest.raises(TypeError, match="static"):
        ops.dilate(image, 2.5)
