"""The restoration network: its size, its homogeneity, its reach, and pictures inside larger frames."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaximg.models.restorer import Restorer, shuffle, unshuffle

SMALL = Restorer(features=(8, 16), blocks=1)


@pytest.fixture(scope="module")
def params():
    x = jnp.zeros((1, 16, 16, 3))
    shapes = jax.eval_shape(SMALL.init, jax.random.key(0), x, x[..., :1])["params"]
    leaves, tree = jax.tree.flatten(shapes)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    return jax.tree.unflatten(tree, [0.15 * jax.random.normal(k, s.shape) for k, s in zip(keys, leaves, strict=True)])


@pytest.fixture(scope="module")
def run(params):
    return jax.jit(lambda x, m, inside=None: SMALL.apply({"params": params}, x, m, inside=inside))


def picture(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, np.float32)


def test_the_parameters_are_as_many_as_counted_by_hand():
    x = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    maps = jax.ShapeDtypeStruct((1, 64, 64, 2), jnp.float32)
    shapes = jax.eval_shape(Restorer().init, jax.random.key(0), x, maps)
    blocks = 2 * 9 * (4 * 32**2 + 4 * 64**2 + 2 * 128**2)
    joints = (4 * 32 * 64 + 4 * 64 * 128) * 2
    ends = 9 * 20 * 32 + 9 * 32 * 12
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == blocks + joints + ends == 1_049_600


def test_a_fresh_network_gives_the_picture_back():
    x = picture(1, 12, 20, 3)
    variables = SMALL.init(jax.random.key(0), x)
    np.testing.assert_array_equal(SMALL.apply(variables, x), x)


@pytest.mark.parametrize("scale", [0.25, 3.0])
def test_scaling_picture_and_noise_scales_the_answer(run, scale):
    x, m = picture(1, 16, 16, 3), picture(1, 16, 16, 1)
    np.testing.assert_allclose(run(scale * x, scale * m), scale * run(x, m), rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("hw", [(1, 1), (3, 17), (30, 22)])
def test_any_size_comes_back_in_its_size(run, hw):
    assert run(picture(2, *hw, 3), picture(2, *hw, 1)).shape == (2, *hw, 3)


def test_a_picture_in_a_frame_is_answered_as_if_alone(run):
    x, m = picture(1, 24, 16, 3), picture(1, 24, 16, 1)
    framed = [np.pad(a, [(0, 0), (0, 16), (0, 24), (0, 0)]) for a in (x, m, np.ones_like(m))]
    np.testing.assert_allclose(run(*framed)[:, :24, :16], run(x, m), atol=1e-5)


def test_a_pixel_depends_on_nothing_beyond_reach(run):
    side = 8 * (SMALL.reach // 4)
    x, m = picture(1, side, 4, 3), picture(1, side, 4, 1)
    other = x.copy()
    other[:, 0] += 1
    moved = np.abs(run(other, m) - run(x, m)).max((0, 2, 3))
    assert moved[1] > 0
    assert moved[SMALL.reach + 1 :].max() == 0


def test_shuffling_undoes_unshuffling():
    x = picture(2, 6, 8, 3)
    np.testing.assert_array_equal(shuffle(unshuffle(x)), x)
    np.testing.assert_array_equal(unshuffle(x)[0, 1, 2], x[0, 2:4, 4:6].reshape(-1))
