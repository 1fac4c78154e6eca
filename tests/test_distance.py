"""Facts about distance transforms: exact squares, pictures without background, the soft one's limit."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from jaximg import ops


def squares(picture: np.ndarray) -> np.ndarray:
    return np.rint(np.square(scipy.ndimage.distance_transform_edt(picture)))


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("hw", [(1, 40), (40, 1), (33, 70), (120, 90)])
def test_squared_distances_are_scipys_whole_numbers(rng, hw, share):
    for _ in range(3):
        picture = (rng.random(hw) < share).astype(np.float32)
        picture.flat[rng.integers(picture.size)] = 0
        np.testing.assert_array_equal(
            ops.distance_transform(picture[..., None], squared=True)[..., 0], squares(picture)
        )


def test_distances_are_opencvs_on_a_silhouette():
    picture = np.zeros((200, 300), np.uint8)
    cv2.ellipse(picture, (150, 100), (120, 60), 20, 0, 360, 1, -1)
    want = cv2.distanceTransform(picture, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    np.testing.assert_allclose(ops.distance_transform(picture[..., None].astype(np.float32))[..., 0], want, atol=1e-5)


def test_without_background_every_pixel_is_farther_than_any_could_be():
    assert (ops.distance_transform(np.ones((5, 7, 1), np.float32)) == 12).all()
    assert (ops.distance_transform(np.zeros((5, 7, 1), np.float32)) == 0).all()


def test_a_picture_without_background_leaves_its_batch_alone(rng):
    picture = (rng.random((20, 30, 1)) < 0.9).astype(np.float32)
    batch = ops.distance_transform(np.stack([picture, np.ones_like(picture)]))
    np.testing.assert_array_equal(batch[0], ops.distance_transform(picture))
    assert (batch[1] == 50).all()


def test_rejects_pictures_whose_squares_overflow():
    with pytest.raises(ValueError, match="tiles"):
        ops.distance_transform(np.ones((1, 30000, 1), np.float32))


def test_distance_has_zero_gradient(rng):
    picture = jnp.asarray(rng.random((9, 9, 1)) < 0.8, jnp.float32)
    assert not np.any(jax.grad(lambda x: ops.distance_transform(x).sum())(picture))


def test_soft_distance_becomes_the_distance_up_to_its_radius(rng):
    picture = (rng.random((40, 50, 1)) < 0.97).astype(np.float32)
    want = np.minimum(ops.distance_transform(picture), 6)
    gaps = []
    for temperature in (2.0, 0.3, 0.03, 1e-3):
        soft = ops.soft_distance_transform(picture, radius=6, temperature=temperature)
        gaps.append(np.abs(soft - want).max())
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 2e-3


def test_soft_distance_of_a_flat_picture_is_flat_up_to_its_border():
    for value, want in ((0.0, 0.0), (0.25, 4.0), (1.0, 8.0)):
        out = ops.soft_distance_transform(np.full((20, 30, 1), value, np.float32), radius=8, temperature=1.0)
        np.testing.assert_allclose(out, want, atol=0.05)


def test_soft_distance_has_a_finite_gradient_that_pulls_background_nearer():
    picture = jnp.ones((9, 15, 1)).at[4, 2].set(0.0)
    for temperature in (1e-4, 0.5, 50.0):
        gradient = jax.grad(lambda x, t=temperature: ops.soft_distance_transform(x, radius=8, temperature=t)[4, 6, 0])(
            picture
        )
        assert np.isfinite(gradient).all()
        assert gradient[4, 2, 0] > 0


def test_soft_distance_rejects_a_radius_below_one():
    with pytest.raises(ValueError, match="radius"):
        ops.soft_distance_transform(np.ones((4, 4, 1), np.float32), radius=0)
