"""Facts about ops/register.py beyond its rows."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import skimage.data

from jaximg import ops
from tests.cases_register import AFFINE, view

WARPS = {
    "translation": np.asarray([[1, 0, 12.3], [0, 1, 9.6], [0, 0, 1]]),
    "euclidean": np.asarray([[np.cos(0.06), -np.sin(0.06), 14.0], [np.sin(0.06), np.cos(0.06), 8.0], [0, 0, 1]]),
    "affine": np.asarray([[1.04, 0.03, 9.0], [-0.05, 0.97, 13.0], [0, 0, 1]]),
    "homography": np.asarray([[1.04, 0.03, 9.0], [-0.05, 0.97, 13.0], [2e-4, -1e-4, 1]]),
}


def corners(matrix: np.ndarray, height: int, width: int) -> np.ndarray:
    points = np.asarray([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1]]).T
    whole = np.eye(3)
    whole[: matrix.shape[0]] = matrix
    moved = whole @ points
    return moved[:2] / moved[2]


@pytest.mark.parametrize(
    "motion", ["euclidean", "homography", *(pytest.param(m, marks=pytest.mark.slow) for m in ("translation", "affine"))]
)
def test_ecc_finds_a_warp_as_opencv_does(rng, motion):
    image = (skimage.data.camera()[100:228, 180:308] / 255).astype(np.float32)
    image = cv2.GaussianBlur(image, (0, 0), 1)
    template = cv2.warpPerspective(image, WARPS[motion], (96, 90), flags=cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR)
    template = (0.6 * template + 0.2 + 0.003 * rng.standard_normal(template.shape)).astype(np.float32)
    start = np.eye(3, dtype=np.float32)
    start[:2, 2] = 12, 10
    rows = 3 if motion == "homography" else 2
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-8)
    kind = getattr(cv2, f"MOTION_{motion.upper()}")
    coefficient, want = cv2.findTransformECC(template, image, start[:rows].copy(), kind, criteria)
    got = ops.ecc(template[..., None], image[..., None], motion=motion, start=start[:rows], levels=1, steps=10)
    assert got.matrix.shape == (rows, 3)
    theirs, truth, ours = (corners(np.asarray(m), *template.shape) for m in (want, WARPS[motion], got.matrix))
    np.testing.assert_allclose(ours, theirs, atol=0.01)
    np.testing.assert_allclose(ours, truth, atol=0.3)  # the noise on so small a crop; OpenCV's is as far
    np.testing.assert_allclose(got.coefficient, coefficient, atol=2e-4)


def test_levels_carry_ecc_across_a_shift_that_one_level_does_not():
    far = np.asarray([[1, 0, 9.0], [0, 1, 0.0], [0, 0, 1]])
    first, second = view((64, 72, 1), np.eye(3)), view((64, 72, 1), far, seed=1)
    found = ops.ecc(second, first, motion="translation", levels=2, steps=10)
    np.testing.assert_allclose(found.matrix, far[:2], atol=0.1)
    assert found.coefficient > 0.98


def test_ecc_has_a_gradient_in_both_pictures_at_the_identity():
    image = view((20, 24, 1), np.eye(3), noise=0.0)
    run = jax.jit(lambda t, i: ops.ecc(t, i, motion="translation", steps=2, levels=0).matrix[0, 2])
    np.testing.assert_allclose(run(image, image), 0, atol=1e-4)
    gradients = jax.grad(run, argnums=(0, 1))(image, image)
    moved = np.gradient(image, axis=1)  # the picture moved by a pixel to the left: its place moves by one
    for gradient, sign in zip(gradients, (1, -1), strict=True):
        assert np.abs(gradient).max() > 1e-3
        np.testing.assert_allclose(sign * np.vdot(gradient, moved), 1, atol=0.2)


def test_what_the_mask_hides_does_not_matter():
    template, image = view((32, 40, 1), np.eye(3)), view((32, 40, 1), np.linalg.inv(AFFINE), seed=3)
    mask = np.ones((32, 40), np.float32)
    mask[12:18, 14:22] = 0
    spoilt = np.where(mask[..., None] > 0, image, np.nan)
    options = {"steps": 8, "levels": 0, "mask": mask}
    got, want = (ops.ecc(template, x, **options) for x in (spoilt, image))
    np.testing.assert_array_equal(got.matrix, want.matrix)
    np.testing.assert_allclose(got.matrix, AFFINE[:2], atol=0.08)


def test_flat_and_unrelated_pictures_give_finite_answers(rng):
    flat = np.full((20, 24, 1), 0.5, np.float32)
    noise = rng.random((20, 24, 1)).astype(np.float32)
    for a, b in ((flat, flat), (noise, flat), (noise, 1 - noise)):
        found = ops.ecc(a, b, motion="translation", steps=2, levels=0)
        assert np.isfinite(found.matrix).all() and np.isfinite(found.coefficient)
    assert ops.ecc(flat, flat, motion="translation", steps=2, levels=0).coefficient == 0


@pytest.mark.parametrize("size", [(40, 48), (41, 47)])
def test_a_hann_window_is_opencvs(rng, size):
    big = cv2.GaussianBlur(rng.random((70, 70)).astype(np.float32), (0, 0), 1)
    a, b = big[8 : 8 + size[0], 9 : 9 + size[1]].copy(), big[10 : 10 + size[0], 6 : 6 + size[1]].copy()
    hann = cv2.createHanningWindow(size[::-1], cv2.CV_32F)
    shift, response = cv2.phaseCorrelate(a.copy(), b.copy(), hann)  # it writes into its arguments
    got = ops.phase_correlation(a[..., None], b[..., None], window="hann")
    half = [0.5 * (cv2.getOptimalDFTSize(n) % 2) for n in size[::-1]]
    np.testing.assert_allclose(got.shift, np.asarray(shift) - half, atol=2e-3)
    np.testing.assert_allclose(got.response, response, atol=1e-3)
    own = ops.phase_correlation(a[..., None], b[..., None], window=hann)
    np.testing.assert_allclose(own.shift, got.shift, atol=2e-3)


def test_equal_pictures_have_no_shift_and_full_response(rng):
    x = rng.random((2, 27, 25, 3)).astype(np.float32)  # odd: OpenCV says half a pixel
    found = ops.phase_correlation(x, x)
    np.testing.assert_allclose(found.shift, np.zeros((2, 2)), atol=1e-4)
    np.testing.assert_allclose(found.response, np.ones(2), atol=1e-4)


def test_what_does_not_fit_is_refused():
    x = jnp.zeros((20, 24, 1))
    with pytest.raises(ValueError, match="same height"):
        ops.phase_correlation(x, x[:10])
    with pytest.raises(ValueError, match="window"):
        ops.phase_correlation(x, x, window=np.ones((3, 3)))
    with pytest.raises(ValueError, match="motion"):
        ops.ecc(x, x, motion="similarity")
    with pytest.raises(ValueError, match="start"):
        ops.ecc(x, x, start=np.eye(2))
    with pytest.raises(ValueError, match="mask"):
        ops.ecc(x, x, mask=np.ones((3, 3)))
