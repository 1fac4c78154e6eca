"""Facts about template matching beyond its rows."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import skimage.data

from jaximg import ops
from tests.cases_match import METHOD, exact
from tests.op_case import unit

MODES = tuple(METHOD)
normed = pytest.mark.parametrize(
    "mode", [pytest.param(mode, marks=() if mode.endswith("normed") else pytest.mark.slow) for mode in MODES]
)
"""All modes, but in the slow run those that are a part of others: what they are divided by is left out."""


def sizes(mode: str, small: int, large: int) -> tuple[int, ...]:
    """Of a template: both for the mode by default, for the others, which share its correlations, one in turn."""
    return (small, large) if mode == "ccoeff_normed" else ((small, large)[MODES.index(mode) % 2],)


def test_ccorr_is_filter2d_without_its_border(rng):
    image = unit(rng, (20, 23, 1))
    template = rng.standard_normal((5, 7)).astype(np.float32)
    got = ops.match_template(image, template[..., None], mode="ccorr")
    np.testing.assert_allclose(got, ops.filter2d(image, template)[2:-2, 3:-3], atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_exact_match_has_the_best_score(rng, mode):
    image = unit(rng, (40, 50, 3))
    for size in (6, 17):
        scores = ops.match_template(image, image[11 : 11 + size, 20 : 20 + size], mode=mode)
        if mode == "ccorr":  # brightness alone wins here: that is why the others exist
            continue
        best = scores.argmin() if "sqdiff" in mode else scores.argmax()
        assert np.unravel_index(best, scores.shape[:2]) == (11, 20)
        if mode.endswith("normed"):
            np.testing.assert_allclose(scores[11, 20], 0 if "sqdiff" in mode else 1, atol=1e-5)


def test_inverse_scores_minus_one(rng):
    image = unit(rng, (30, 30, 1))
    scores = ops.match_template(image, 1 - image[5:20, 5:20])
    np.testing.assert_allclose(scores[5, 5], -1, atol=1e-5)
    assert scores.min() >= -1 and scores.max() <= 1


PICTURES = ("camera", "coins", "page", "moon", "clock", "text", "astronaut", "coffee")


@pytest.mark.parametrize("scale", [1, 255], ids=["unit", "bytes"])
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if i else ()) for i, name in enumerate(PICTURES)]
)
def test_scores_on_real_pictures_are_exact_and_nearer_the_truth_than_opencv(name, scale):
    image = getattr(skimage.data, name)()
    image = (image.reshape(*image.shape[:2], -1)[100:220, 100:230].astype(np.float32)) * np.float32(scale / 255)
    for size in (9, 24):
        template = image[40 : 40 + size, 50 : 50 + size]
        for mode in MODES:
            want = exact(image, template, mode)
            known = np.isfinite(want)
            known &= ~flat(image, size) if mode == "ccoeff_normed" else True
            got = np.asarray(ops.match_template(image, template, mode=mode))
            unit_of_score = np.abs(want[known]).max()
            error = np.abs(got - want)[known].max() / unit_of_score
            theirs = np.abs(cv2.matchTemplate(image, template, METHOD[mode])[..., None] - want)[known].max()
            assert error <= 1e-5 or error <= theirs / unit_of_score


def flat(image: np.ndarray, size: int) -> np.ndarray:
    """Where a window counts as flat by OpenCV's rule."""
    windows = np.lib.stride_tricks.sliding_window_view(image.astype(np.float64), (size, size), (0, 1))
    energy = windows.var((-2, -1)).sum(-1) * size**2
    return (energy <= np.minimum(0.5, 10 * np.finfo(np.float32).eps * (windows**2).sum((-3, -2, -1))))[..., None]


@pytest.mark.parametrize("value", [0.0, 0.5, *(pytest.param(x, marks=pytest.mark.slow) for x in (0.01, 1.0))])
@pytest.mark.parametrize("mode", MODES)
def test_flat_windows_score_as_in_opencv(rng, mode, value):
    image = np.full((40, 50, 1), value, np.float32)
    image[:, 30:] = unit(rng, (40, 20, 1))
    for size in (5, 16):
        template = unit(rng, (size, size, 1))
        want = cv2.matchTemplate(image, template, METHOD[mode])[..., None]
        got = ops.match_template(image, template, mode=mode)
        scale = 1 if mode.endswith("normed") else size**2
        np.testing.assert_allclose(got[:, : 30 - size], want[:, : 30 - size], atol=1e-5 * scale)
        if mode == "ccoeff_normed":
            assert not got[:, : 31 - size].any()


@pytest.mark.parametrize("mode", MODES)
def test_flat_templates_score_as_in_opencv_where_asked(rng, mode):
    image = unit(rng, (30, 31, 3))
    for value in (0.0, 0.5):
        template = np.full((11, 10, 3), value, np.float32)
        want = cv2.matchTemplate(image, template, METHOD[mode])[..., None]
        got = ops.match_template(image, template, mode=mode, compat="opencv")
        np.testing.assert_allclose(got, want, atol=3e-4)
    if mode == "ccoeff_normed":
        assert (got == 1).all()
        assert (ops.match_template(image, template, mode=mode) == 0).all()


@pytest.mark.parametrize("mode", ["sqdiff_normed", "ccorr_normed", "ccoeff_normed"])
def test_masked_scores_have_opencvs_holes_where_asked(rng, mode):
    image = np.zeros((16, 20, 1), np.float32)
    image[:, 10:] = unit(rng, (16, 10, 1))
    mask = np.tri(5, dtype=np.float32)
    got = ops.match_template(image, unit(rng, (5, 5, 1)), mode=mode, mask=mask, compat="opencv")[..., 0]
    assert not np.isfinite(got[:, :6]).any() and np.isfinite(got[:, 7:]).all()
    flat = 0 * image[:5, :5]
    assert not np.isfinite(ops.match_template(image, flat, mode=mode, mask=mask, compat="opencv")).any()
    assert not np.isfinite(cv2.matchTemplate(image, flat, METHOD[mode], mask=mask)).any()


@pytest.mark.parametrize("channels", [1, 3])
@normed
def test_masked_scores_are_exact(rng, mode, channels):
    image = unit(rng, (40, 43, 3))
    for size in (7, 15):
        template = unit(rng, (size, size, 3))
        mask = (rng.random((size, size, channels)) > 0.4) * rng.random((size, size, channels))
        mask = mask.astype(np.float32)
        want = exact(image, template, mode, mask)
        got = ops.match_template(image, template, mode=mode, mask=mask)
        np.testing.assert_allclose(got, want, atol=2e-5 * np.abs(want).max())


@normed
def test_a_mask_of_ones_changes_nothing(rng, mode):
    image, template = unit(rng, (40, 43, 1)), unit(rng, (12, 12, 1)) * 0.8
    plain = ops.match_template(image, template, mode=mode)
    for mask in (np.ones((12, 12)), np.ones((12, 12, 1), bool)):
        got = ops.match_template(image, template, mode=mode, mask=mask)
        np.testing.assert_allclose(got, plain, atol=2e-5 * float(jnp.abs(plain).max()))


@normed
def test_masked_scores_and_gradients_are_finite_on_flat_windows(rng, mode):
    image = np.full((30, 30, 1), 0.3, np.float32)
    image[:, 20:] = unit(rng, (30, 10, 1))
    image[:15, :15] = 0
    for size in sizes(mode, 4, 11):
        template = jnp.asarray(unit(rng, (size, size, 1)))
        for mask in (np.ones((size, size)), np.zeros((size, size)), np.tri(size)):

            def total(image, template, mask=mask):
                return ops.match_template(image, template, mode=mode, mask=mask).sum()

            for t in (template, 0 * template, 0 * template + 0.5):
                value, gradients = jax.value_and_grad(total, argnums=(0, 1))(image, t)
                assert np.isfinite(value) and all(np.isfinite(g).all() for g in gradients)


@normed
def test_unknown_pixels_of_the_template_do_not_matter(rng, mode):
    image = unit(rng, (30, 30, 1))
    template, mask = image[4:15, 6:17].copy(), np.ones((11, 11, 1), np.float32)
    mask[3:6, 2:9] = 0
    spoilt = np.where(mask > 0, template, 7)
    want = ops.match_template(image, template, mode=mode, mask=mask)
    got = ops.match_template(image, spoilt, mode=mode, mask=mask)
    np.testing.assert_allclose(got, want, atol=1e-5 * float(jnp.abs(want).max()))


@pytest.mark.parametrize("masked", [False, True], ids=["plain", "masked"])
@pytest.mark.parametrize("size", [5, pytest.param(12, marks=pytest.mark.slow)])
@normed
def test_template_gradient_equals_finite_differences_and_is_not_zero(rng, mode, size, masked):
    with jax.enable_x64(True):
        image = jnp.asarray(unit(rng, (20, 22, 2)), "float64")
        template = jnp.asarray(unit(rng, (size, size, 2)), "float64")
        mask = jnp.asarray(rng.random((size, size, 1))) if masked else None
        shape = (21 - size, 23 - size, 1)
        weights = jnp.asarray(rng.standard_normal(shape))
        loss = jax.jit(lambda t: jnp.vdot(ops.match_template(image, t, mode=mode, mask=mask), weights))
        gradient, step = jax.grad(loss)(template), 1e-6 * rng.standard_normal(template.shape)
        slope = (loss(template + step) - loss(template - step)) / 2
        np.testing.assert_allclose(jnp.vdot(gradient, step), slope, rtol=1e-4)
        assert jnp.abs(gradient).max() > 1e-6


@normed
def test_several_templates_at_once_equal_one_by_one(mode):
    images = np.stack([unit(np.random.default_rng(k), (24, 26, 3)) for k in range(2)])
    for size in sizes(mode, 6, 13):
        templates = np.stack([unit(np.random.default_rng(10 + k), (size, size, 3)) for k in range(3)])
        each = np.stack([[ops.match_template(i, t, mode=mode) for i in images] for t in templates])
        loose = {"rtol": 0, "atol": 2e-6 * np.abs(each).max()}
        np.testing.assert_allclose(ops.match_template(images[0], templates, mode=mode), each[:, 0], **loose)
        np.testing.assert_allclose(ops.match_template(images, templates[0], mode=mode), each[0], **loose)
        np.testing.assert_allclose(ops.match_template(images, templates[:, None], mode=mode), each, **loose)
        over = jax.vmap(lambda t: ops.match_template(images[0], t, mode=mode))  # noqa: B023
        np.testing.assert_allclose(over(templates), each[:, 0], **loose)


def test_a_template_as_large_as_the_image_gives_one_score(rng):
    image = unit(rng, (17, 19, 3))
    for mode in MODES:
        got = ops.match_template(image, image, mode=mode)
        assert got.shape == (1, 1, 1)
        np.testing.assert_allclose(got, exact(image, image, mode), atol=1e-4)


def test_any_tiling_of_the_image_gives_the_same_scores(rng):
    for height, width, h, w in ((200, 300, 20, 30), (333, 50, 50, 11), (12, 400, 12, 40), (130, 130, 129, 11)):
        image, template = unit(rng, (height, width, 1)), unit(rng, (h, w, 1))
        want = cv2.matchTemplate(image, template, cv2.TM_CCORR)[..., None]
        got = ops.match_template(image, template, mode="ccorr")
        np.testing.assert_allclose(got, want, atol=2e-6 * np.abs(want).max())


def test_what_does_not_fit_is_refused(rng):
    image = unit(rng, (10, 12, 3))
    with pytest.raises(ValueError, match="larger"):
        ops.match_template(image, image[:, :5].repeat(3, 0))
    with pytest.raises(ValueError, match="channels"):
        ops.match_template(image, image[:4, :4, :1])
    with pytest.raises(ValueError, match="mode"):
        ops.match_template(image, image[:4, :4], mode="ncc")
    with pytest.raises(ValueError, match="compat"):
        ops.match_template(image, image[:4, :4], compat="skimage")
    with pytest.raises(ValueError, match="mask"):
        ops.match_template(image, image[:4, :4], mask=np.ones((3, 4)))
