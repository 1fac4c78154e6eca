"""Facts about edge filters beyond the table: Canny's exactness, its limits, and the soft twin's."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
import skimage.data

from jaximg import ops

PICTURES = ("camera", "coins", "page", "text", "clock", "brick", "astronaut", "chelsea")
THRESHOLDS = [(50, 150), (10, 30), (150, 50), (0, 0), (-5, 100), (50.5, 150.25), (20.9, 21), (300, 700), (5000, 9000)]
norms = pytest.mark.parametrize("l2_gradient", [False, True], ids=["l1", "l2"])


def opencv(picture: np.ndarray, low: float, high: float, l2_gradient: bool) -> np.ndarray:
    return cv2.Canny(np.ascontiguousarray(picture), low, high, L2gradient=l2_gradient) > 0


def canny(picture: np.ndarray, low: float, high: float, l2_gradient: bool, scale: float = 1.0) -> np.ndarray:
    """In the picture's 8-bit units, or those divided by `scale`."""
    image = picture.astype(np.float32).reshape(*picture.shape[:2], -1) / np.float32(scale)
    edges = ops.canny(image, low / scale, high / scale, l2_gradient=l2_gradient)
    return np.asarray(edges)[..., 0] > 0


@norms
@pytest.mark.parametrize("name", PICTURES)
def test_canny_has_opencvs_pixels_on_real_pictures_at_any_thresholds(name, l2_gradient):
    picture = getattr(skimage.data, name)()
    for low, high in THRESHOLDS:
        assert (canny(picture, low, high, l2_gradient) != opencv(picture, low, high, l2_gradient)).sum() == 0


@norms
@pytest.mark.parametrize("channels", [1, 3])
def test_canny_has_opencvs_pixels_on_noise_with_many_ties(rng, channels, l2_gradient):
    for levels in (2, 3, 7, 256):
        picture = (rng.integers(0, levels, (97, 131, channels)) * (255 // (levels - 1))).astype(np.uint8)
        for low, high in [(100, 300), (30, 900), (0, 1)]:
            assert (canny(picture, low, high, l2_gradient) != opencv(picture, low, high, l2_gradient)).sum() == 0


@norms
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (3, 2), (33, 5), (64, 3)])
def test_canny_has_opencvs_pixels_on_tiny_pictures(rng, shape, l2_gradient):
    for _ in range(20):
        picture = rng.integers(0, 256, shape, dtype=np.uint8)
        assert (canny(picture, 100, 400, l2_gradient) != opencv(picture, 100, 400, l2_gradient)).sum() == 0


@pytest.mark.parametrize("name", PICTURES)
def test_canny_of_a_picture_divided_by_255_has_the_same_pixels(name):
    picture = getattr(skimage.data, name)()
    for low, high in [(50, 150), (100, 200), (20, 60)]:
        assert (canny(picture, low, high, False, scale=255) != opencv(picture, low, high, False)).sum() == 0


def test_canny_follows_a_path_as_long_as_the_picture_is_large():
    """A faint line that winds through the picture, strong at one end."""
    picture = np.full((300, 300), 100, np.uint8)
    for row in range(10, 290, 10):
        cv2.line(picture, (10, row), (290, row), 120, 5)
        turn = 290 if row // 10 % 2 else 10
        cv2.line(picture, (turn, row), (turn, min(row + 10, 280)), 120, 5)
    picture[8:13, 10:110] = 120 + np.arange(100, 0, -1) // 2
    want = opencv(picture, 30, 200, False)
    assert want.sum() > 5000
    assert (canny(picture, 30, 200, False) != want).sum() == 0


def test_canny_does_not_change_with_a_power_of_two_of_scale(rng):
    image = rng.random((40, 50, 3)).astype(np.float32)
    np.testing.assert_array_equal(ops.canny(image, 0.5, 1.5), ops.canny(image / 64, 0.5 / 64, 1.5 / 64))


def test_canny_has_zero_gradient_in_the_picture_and_in_the_thresholds(rng):
    image = jnp.asarray(rng.random((20, 20, 1)), jnp.float32)
    gradients = jax.grad(lambda *args: ops.canny(*args).sum(), argnums=(0, 1, 2))(image, 0.5, 1.5)
    assert all(not np.any(g) for g in gradients)


def test_canny_maps_over_thresholds(rng):
    image = jnp.asarray(rng.random((20, 33, 1)), jnp.float32)
    highs = jnp.asarray([0.5, 1.5, 2.5])
    mapped = jax.vmap(lambda high: ops.canny(image, 0.4, high))(highs)
    np.testing.assert_array_equal(mapped, np.stack([ops.canny(image, 0.4, high) for high in highs]))
    assert len(set(np.asarray(mapped).sum((1, 2, 3)))) == 3


@norms
def test_soft_canny_becomes_canny_as_the_temperature_goes_to_zero(rng, l2_gradient):
    with jax.enable_x64(True):
        image = 4 * scipy.ndimage.gaussian_filter(rng.random((60, 70, 1)), (1.5, 1.5, 0))
        hard = ops.canny(image, 0.3, 0.9, l2_gradient=l2_gradient)
        assert 100 < hard.sum() < 2000
        off = []
        for temperature in (1e-1, 1e-2, 1e-3, 1e-6):
            soft = ops.soft_canny(image, 0.3, 0.9, temperature=temperature, steps=80, l2_gradient=l2_gradient)
            off.append(float(jnp.abs(soft - hard).mean()))
    assert off == sorted(off, reverse=True)
    assert off[-1] < 1e-3


def test_soft_canny_learns_the_threshold_that_makes_given_edges(rng):
    image = scipy.ndimage.gaussian_filter(rng.random((48, 48, 1)), (2, 2, 0)).astype(np.float32)
    image = (image - image.min()) / (image.max() - image.min())
    target = ops.soft_canny(image, 0.8, 0.8)

    @jax.jit
    @jax.grad
    def slope(threshold):
        return jnp.mean(jnp.square(ops.soft_canny(image, threshold, threshold) - target))

    threshold = jnp.float32(0.4)
    for i in range(100):
        threshold -= 0.02 * 0.97**i * jnp.sign(slope(threshold))
    np.testing.assert_allclose(threshold, 0.8, atol=0.02)


@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_sobel_has_opencvs_kernels_of_every_order(size):
    spot = np.zeros((15, 15, 1), np.float32)
    spot[7, 7] = 1
    for dx in range(max(size, 3)):
        for dy in range(max(size, 3)):
            if dx + dy == 0 or (size == 1 and dx * dy):  # OpenCV has no mixed derivative without smoothing
                continue
            np.testing.assert_array_equal(
                ops.sobel(spot, dx, dy, size=size)[..., 0], cv2.Sobel(spot, -1, dx, dy, ksize=size)
            )


def test_derivatives_of_whole_numbers_are_exact(rng):
    image = rng.integers(0, 256, (40, 50)).astype(np.float32)
    for size in (1, 3, 5):
        np.testing.assert_array_equal(
            ops.sobel(image[..., None], 1, 0, size=size)[..., 0], cv2.Sobel(image, -1, 1, 0, ksize=size)
        )
        np.testing.assert_array_equal(
            ops.laplacian(image[..., None], size=size)[..., 0], cv2.Laplacian(image, -1, ksize=size)
        )
    np.testing.assert_array_equal(ops.scharr(image[..., None], 0, 1)[..., 0], cv2.Scharr(image, -1, 0, 1))


@pytest.mark.parametrize(
    "bad", [{"dx": 0, "dy": 0}, {"dx": 3, "dy": 0}, {"dx": -1, "dy": 1}, {"dx": 1, "dy": 0, "size": 4}]
)
def test_sobel_rejects_orders_that_the_size_cannot_hold(bad):
    with pytest.raises(ValueError, match="size"):
        ops.sobel(np.zeros((5, 5, 1), np.float32), **bad)


def test_first_derivatives_take_one_axis():
    for op in (ops.scharr, ops.prewitt):
        with pytest.raises(ValueError, match="dx=1, dy=0"):
            op(np.zeros((5, 5, 1), np.float32), 1, 1)


def test_log_is_zero_on_planes_and_two_on_a_parabola():
    x = np.arange(41.0) - 20
    image = np.broadcast_to((x * x)[:, None] + 3 * x[None, :], (41, 41))[..., None]
    with jax.enable_x64(True):
        out = ops.log(image, 1.5, radius=12)
    np.testing.assert_allclose(out[14:-14, 14:-14], 2, atol=1e-3)
