"""Facts about colours, samples and layouts that the table of operators doesn't hold."""

import dm_pix
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaximg import ops
from tests.op_case import unit


@pytest.fixture
def picture(rng):
    return unit(rng, (21, 26, 3))


def relaxed(function, *args, **kwargs):
    """dm-pix, which fails under strict dtype promotion."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return np.asarray(function(*args, **kwargs))


# --- samples ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "back"), [(np.uint8, ops.to_uint8), (np.uint16, ops.to_uint16)])
def test_integers_survive_the_way_to_floats_and_back(dtype, back):
    values = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(-1, 16, 1)
    floats = ops.to_float(values)
    assert floats.dtype == jnp.float32 and floats.min() == 0 and floats.max() == 1
    np.testing.assert_array_equal(back(floats), values)


def test_to_float_takes_bools_and_leaves_floats_alone():
    assert ops.to_float(np.array([True, False])).tolist() == [1, 0]
    assert ops.to_float(jnp.full(3, 7.0, jnp.bfloat16)).dtype == jnp.bfloat16
    assert ops.to_float(jnp.full(3, 7.0)).tolist() == [7, 7, 7]


def test_to_float_refuses_integers_without_an_agreed_white():
    with pytest.raises(TypeError, match="white"):
        ops.to_float(np.zeros(3, np.int32))


# --- against dm-pix where ours takes its place -----------------------------------------------------------------------


def test_grey_is_dm_pix_s_but_for_its_rounded_weights(picture):
    np.testing.assert_allclose(ops.rgb_to_grayscale(picture), dm_pix.rgb_to_grayscale(picture), atol=1.1e-4)
    assert ops.rgb_to_grayscale(jnp.ones((1, 1, 3))).item() == 1


@pytest.mark.parametrize("name", ["rgb_to_hsv", "rgb_to_hsl"])
def test_hue_saturation_and_value_are_dm_pix_s(picture, name):
    np.testing.assert_allclose(getattr(ops, name)(picture), relaxed(getattr(dm_pix, name), picture), atol=2e-6)


@pytest.mark.parametrize(
    ("name", "value"), [("adjust_hue", 0.3), ("adjust_hue", -0.9), ("adjust_saturation", 0.4), ("adjust_gamma", 1.7)]
)
def test_adjustments_are_dm_pix_s(picture, name, value):
    got = getattr(ops, name)(picture, value)
    np.testing.assert_allclose(got, relaxed(getattr(dm_pix, name), picture, value), atol=2e-6)


def test_patches_are_dm_pix_s(picture):
    want = dm_pix.extract_patches(picture[None], (1, 4, 3, 1), (1, 2, 5, 1), (1, 1, 1, 1))[0]
    np.testing.assert_allclose(ops.extract_patches(picture, (4, 3), stride=(2, 5)), want, atol=1e-6)


# --- there and back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "back"),
    [
        (ops.rgb_to_ycbcr, ops.ycbcr_to_rgb),
        (ops.rgb_to_linear, ops.linear_to_rgb),
        (ops.rgb_to_lab, ops.lab_to_rgb),
        (ops.rgb_to_hsv, ops.hsv_to_rgb),
        (ops.rgb_to_hsl, ops.hsl_to_rgb),
        (lambda x: ops.space_to_depth(x, 4), lambda x: ops.depth_to_space(x, 4)),
    ],
    ids=["ycbcr", "linear", "lab", "hsv", "hsl", "depth"],
)
def test_there_and_back_is_the_identity_on_all_colours(there, back):
    cube = np.stack(np.meshgrid(*[np.linspace(0, 1, 16)] * 3), -1).reshape(64, 64, 3).astype(np.float32)
    np.testing.assert_allclose(back(there(cube)), cube, atol=2e-5)


def test_the_cosine_transform_and_its_inverse_are_the_identity(rng):
    x = rng.random((2, 16, 24, 3)).astype(np.float32)
    np.testing.assert_allclose(ops.block_idct(ops.block_dct(x)), x, atol=1e-6)


def test_ycbcr_is_pillow_s_to_a_level():
    colours = np.stack(np.meshgrid(*[np.arange(0, 256, 17)] * 3), -1).reshape(64, 64, 3).astype(np.uint8)
    want = np.asarray(Image.fromarray(colours).convert("YCbCr")).astype(float)
    assert np.abs(np.asarray(ops.rgb_to_ycbcr(ops.to_float(colours))) * 255 - want).max() < 1.01


# --- gradients where others have none --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rgb_to_hsv", "rgb_to_hsl", "rgb_to_lab", "rgb_to_linear", "linear_to_rgb"])
@pytest.mark.parametrize("level", [0.0, 1e-8, 0.5, 1.0])
def test_gradients_on_grey_black_and_white_are_finite(name, level):
    gradient = jax.jacobian(getattr(ops, name))(jnp.full((1, 1, 3), level))
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() < 1e4 or name in ("rgb_to_hsv", "rgb_to_hsl")


def test_gamma_below_one_has_a_finite_gradient_at_black():
    gradient = jax.grad(lambda x: ops.adjust_gamma(x, 0.4).sum())(jnp.zeros((2, 2, 3)))
    assert np.isfinite(gradient).all()


def test_values_outside_the_gamut_are_kept():
    lab = jnp.array([[[90.0, -120.0, 100.0]]])
    rgb = ops.lab_to_rgb(lab)
    assert rgb.min() < 0
    assert np.isfinite(ops.rgb_to_linear(jnp.array([[[-0.2, 1.3, 0.0]]]))).all()


# --- crops -----------------------------------------------------------------------------------------------------------


def test_random_crops_come_from_everywhere_and_follow_the_key(picture):
    coordinates = jnp.asarray(np.stack(np.mgrid[:21, :26], -1), jnp.float32)
    corners = jax.vmap(lambda key: ops.random_crop(key, coordinates, (8, 9))[0, 0])(
        jax.random.split(jax.random.key(0), 400)
    )
    assert corners.min(0).tolist() == [0, 0] and corners.max(0).tolist() == [13, 17]
    key = jax.random.key(3)
    np.testing.assert_array_equal(ops.random_crop(key, picture, 8), ops.random_crop(key, picture, 8))


@pytest.mark.parametrize(
    "op", [lambda x: ops.random_crop(jax.random.key(0), x, 30), lambda x: ops.extract_patches(x, 30)]
)
def test_windows_larger_than_the_picture_are_refused(picture, op):
    with pytest.raises(ValueError, match="larger than the image"):
        op(picture)


def test_sides_that_are_no_multiple_of_eight_are_refused():
    with pytest.raises(ValueError, match="multiples of 8"):
        ops.block_dct(jnp.zeros((9, 8, 1)))
