"""Facts about peaks and about searching over scales and angles."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import skimage.data

from jaximg import ops
from tests.op_case import unit


def bumps(*centres: tuple[float, float, float], shape: tuple[int, int] = (40, 60), sigma: float = 2.0) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    total = sum(h * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * sigma**2)) for cy, cx, h in centres)
    return np.asarray(total, np.float32)[..., None]


def test_peaks_between_the_pixels_come_best_first():
    peaks = ops.find_peaks(bumps((10.3, 20.4, 0.8), (30.25, 44.7, 1.0)), 2, radius=4)
    np.testing.assert_allclose(peaks.y, [30.25, 10.3], atol=0.03)
    np.testing.assert_allclose(peaks.x, [44.7, 20.4], atol=0.03)
    np.testing.assert_allclose(peaks.score, [1.0, 0.8], atol=0.01)
    assert peaks.found.all()


def test_missing_peaks_are_marked_and_a_threshold_leaves_peaks_out():
    response = bumps((10, 20, 0.8), (30, 44, 1.0))
    peaks = ops.find_peaks(response, 4, radius=4, threshold=0.5)
    assert peaks.found.tolist() == [True, True, False, False]
    assert peaks.y[2:].tolist() == [-1, -1]
    assert ops.find_peaks(response, 2, threshold=0.9).found.tolist() == [True, False]
    low = ops.find_peaks(-response, 2, radius=4, threshold=-0.9, lowest=True)
    assert low.found.tolist() == [True, False]
    np.testing.assert_allclose(low.score[0], -1, atol=1e-3)


def test_the_flank_of_a_peak_is_no_peak():
    peaks = ops.find_peaks(bumps((20, 30, 1.0), sigma=8.0), 3, radius=2, threshold=1e-3)
    assert peaks.found.tolist() == [True, False, False]


def test_a_plateau_is_one_peak_and_a_flat_response_has_finite_gradients():
    response = np.zeros((9, 9, 1), np.float32)
    response[4:6, 4:6] = 1
    assert ops.find_peaks(response, 3, threshold=0.5).found.tolist() == [True, False, False]
    for picture in (response, 0 * response):
        gradient = jax.grad(lambda r: sum(jnp.sum(v) for v in ops.find_peaks(r, 3)[:3]))(picture)
        assert np.isfinite(gradient).all()


def test_infinities_and_nans_are_no_peaks():
    response = bumps((20, 30, 1.0))
    response[5, 5], response[6, 8] = -np.inf, np.nan
    peaks = ops.find_peaks(response, 1)
    assert (peaks.y.item(), peaks.x.item()) == (20, 30)


def test_place_is_differentiable():
    def place(shift):
        x, y = jnp.meshgrid(jnp.arange(20.0), jnp.arange(20.0))
        return ops.find_peaks(jnp.exp(-((x - 9.2 - shift) ** 2 + (y - 8.0) ** 2) / 8)[..., None], 1).x[0]

    np.testing.assert_allclose(jax.grad(place)(0.1), 1, atol=0.1)


@pytest.mark.parametrize(
    ("mode", "levels"), [("ccoeff_normed", 2), pytest.param("sqdiff_normed", 0, marks=pytest.mark.slow)]
)
def test_finds_a_turned_and_shrunk_template_in_a_photograph(mode, levels):
    photograph = (skimage.data.camera()[::2, ::2, None] / 255).astype(np.float32)[:128, 40:200]
    template = photograph[20:61, 60:101]
    matrix = cv2.getRotationMatrix2D((80, 40), 20, 0.8)
    scene = cv2.warpAffine(photograph, matrix, (160, 128))[..., None]
    found = ops.match_search(scene, template, scales=(0.65, 0.8, 1.0), angles=(-20, 0, 20), mode=mode, levels=levels)
    np.testing.assert_allclose([found.y[0], found.x[0]], [40, 80], atol=0.3)
    assert (round(float(found.scale[0]), 2), float(found.angle[0])) == (0.8, 20)
    assert found.found[0]
    assert found.score[0] < 0.05 if "sqdiff" in mode else found.score[0] > 0.97


def test_several_copies_of_several_templates_are_found_and_no_place_twice(rng):
    scene, templates = unit(rng, (80, 90, 1)), rng.random((2, 11, 13, 1)).astype(np.float32)
    places = [(10, 8), (40, 60), (69, 20)]  # the last one touches the edge
    for k, (y, x) in enumerate(places):
        noise = 0.02 * k * rng.standard_normal(templates[0].shape)
        scene[y : y + 11, x : x + 13] = templates[k % 2] + noise
    found = ops.match_search(scene, templates, scales=(1.0, 0.9), max_peaks=4, threshold=0.7)
    assert found.found.tolist() == [True] * 3 + [False]
    assert found.which[:3].tolist() == [0, 1, 0]
    np.testing.assert_allclose(found.y[:3], [15, 45, 74], atol=0.1)
    np.testing.assert_allclose(found.x[:3], [14, 66, 26], atol=0.1)
    assert (found.y[3], found.x[3], found.score[3]) == (-1, -1, 0)


@pytest.mark.slow
def test_scores_have_a_gradient_in_the_template(rng):
    scene = unit(rng, (40, 42, 1))
    template = jnp.asarray(scene[10:20, 12:24]) + 0.05
    noisy = template + 0.05 * rng.standard_normal(template.shape).astype(np.float32)
    options = {"angles": (-5.0, 0.0, 5.0)}
    gradient = jax.jit(jax.grad(lambda t: ops.match_search(scene, t, **options).score[0]))(noisy)
    assert np.isfinite(gradient).all() and jnp.abs(gradient).max() > 1e-4
    better = noisy + 0.1 * gradient / jnp.linalg.norm(gradient)
    assert ops.match_search(scene, better, **options).score[0] > ops.match_search(scene, noisy, **options).score[0]


def test_what_makes_no_sense_is_refused(rng):
    image = unit(rng, (20, 20, 1))
    with pytest.raises(ValueError, match="max_peaks"):
        ops.find_peaks(image, 0)
    with pytest.raises(ValueError, match="channels"):
        ops.find_peaks(unit(rng, (20, 20, 3)), 1)
    with pytest.raises(ValueError, match="scales"):
        ops.match_search(image, image[:5, :5], scales=())
    with pytest.raises(ValueError, match="larger"):
        ops.match_search(image, image[:15, :15], scales=(2.0,))
