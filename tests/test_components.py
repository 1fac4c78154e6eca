"""Facts about connected components: SciPy's labels, long paths, batches counted apart."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from jaximg import ops

STRUCTURE = {4: scipy.ndimage.generate_binary_structure(2, 1), 8: scipy.ndimage.generate_binary_structure(2, 2)}
neighbours = pytest.mark.parametrize("connectivity", [4, 8])


def labels(picture: np.ndarray, connectivity: int) -> np.ndarray:
    return np.asarray(ops.connected_components(picture[..., None].astype(np.float32), connectivity=connectivity))[
        ..., 0
    ]


@neighbours
@pytest.mark.parametrize("share", [0.1, 0.41, 0.6, 0.9])
def test_labels_are_scipys_numbers_in_raster_order(rng, connectivity, share):
    picture = rng.random((57, 83)) < share
    np.testing.assert_array_equal(
        labels(picture, connectivity), scipy.ndimage.label(picture, STRUCTURE[connectivity])[0]
    )


@neighbours
def test_labels_make_opencvs_partition(rng, connectivity):
    picture = (rng.random((57, 83)) < 0.5).astype(np.uint8)
    count, theirs = cv2.connectedComponents(picture, connectivity=connectivity)
    pairs = set(zip(labels(picture, connectivity).ravel().tolist(), theirs.ravel().tolist(), strict=True))
    assert len(pairs) == count


@neighbours
def test_a_path_that_winds_through_the_whole_picture_is_one_region(connectivity):
    picture = np.zeros((81, 81), bool)
    picture[::4] = True
    picture[2::8, -1] = picture[1::8, -1] = picture[3::8, -1] = True
    picture[6::8, 0] = picture[5::8, 0] = picture[7::8, 0] = True
    assert labels(picture, connectivity).max() == 1


@pytest.mark.parametrize("hw", [(1, 1), (1, 9), (9, 1), (2, 2)])
def test_tiny_pictures(rng, hw):
    for _ in range(10):
        picture = rng.random(hw) < 0.5
        np.testing.assert_array_equal(labels(picture, 8), scipy.ndimage.label(picture, STRUCTURE[8])[0])


def test_each_channel_of_each_picture_counts_from_one(rng):
    batch = (rng.random((2, 3, 20, 30, 2)) < 0.4).astype(np.float32)
    out = np.asarray(ops.connected_components(batch))
    assert out.dtype == np.int32
    for i, j, c in np.ndindex(2, 3, 2):
        np.testing.assert_array_equal(out[i, j, ..., c], scipy.ndimage.label(batch[i, j, ..., c], STRUCTURE[8])[0])


def test_flat_pictures_are_one_region_or_none():
    assert (labels(np.ones((6, 7)), 4) == 1).all()
    assert (labels(np.zeros((6, 7)), 4) == 0).all()


def test_remove_small_objects_keeps_values_and_passes_their_gradient(rng):
    picture = np.zeros((9, 12, 1), np.float32)
    picture[1, 1:3] = 0.3
    picture[4:7, 4:8] = 0.7
    np.testing.assert_array_equal(
        ops.remove_small_objects(picture, 3), np.where(picture == np.float32(0.7), picture, 0)
    )
    gradient = jax.grad(lambda x: ops.remove_small_objects(x, 3).sum())(jnp.asarray(picture))
    np.testing.assert_array_equal(gradient, picture == np.float32(0.7))


def test_rejects_six_neighbours():
    for call in (ops.connected_components, lambda x, **k: ops.remove_small_objects(x, 3, **k)):
        with pytest.raises(ValueError, match="connectivity"):
            call(np.zeros((4, 4, 1), np.float32), connectivity=6)
