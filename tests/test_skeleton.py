"""Facts about thinning: scikit-image's pixels, neighbourhood by neighbourhood; connectivity kept."""

import numpy as np
import pytest
import scipy.ndimage
import skimage.data
import skimage.morphology

from jaximg import ops


def thin(picture: np.ndarray) -> np.ndarray:
    return np.asarray(ops.skeletonize(picture[..., None].astype(np.float32)))[..., 0] != 0


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9])
def test_skeletons_are_scikit_images_on_noise(rng, share):
    for _ in range(20):
        picture = rng.random((24, 31)) < share
        np.testing.assert_array_equal(thin(picture), skimage.morphology.skeletonize(picture))


def test_skeletons_are_scikit_images_for_each_of_the_256_neighbourhoods():
    ring = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]
    sheet = np.zeros((16 * 6, 16 * 6), bool)
    for code in range(256):
        y, x = 6 * (code // 16) + 2, 6 * (code % 16) + 2
        sheet[y, x] = True
        for i, (dy, dx) in enumerate(ring):
            sheet[y + dy, x + dx] = code >> i & 1
    np.testing.assert_array_equal(thin(sheet), skimage.morphology.skeletonize(sheet))


def test_skeletons_are_scikit_images_on_a_silhouette():
    picture = ~skimage.data.horse()
    np.testing.assert_array_equal(thin(picture), skimage.morphology.skeletonize(picture))


@pytest.mark.parametrize("hw", [(1, 1), (1, 9), (2, 2), (9, 1)])
def test_tiny_pictures(rng, hw):
    for picture in (np.ones(hw, bool), rng.random(hw) < 0.5):
        np.testing.assert_array_equal(thin(picture), skimage.morphology.skeletonize(picture))


def test_a_skeleton_lies_within_its_shape_and_is_its_own_skeleton(rng):
    picture = scipy.ndimage.gaussian_filter(rng.random((60, 80)), 3) > 0.5
    skeleton = thin(picture)
    assert not (skeleton & ~picture).any()
    np.testing.assert_array_equal(thin(skeleton), skeleton)
    eight = np.ones((3, 3))
    assert scipy.ndimage.label(skeleton, eight)[1] == scipy.ndimage.label(picture, eight)[1]
