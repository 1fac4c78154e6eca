"""Stripes, checks and gratings: regular, of all widths, and no more of them than asked for."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaximg.train import patterns


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    keys = jax.random.split(jax.random.key(1), 400)
    return np.asarray(jax.jit(jax.vmap(lambda key: patterns.regular(key, (48, 40, 3))))(keys))


def test_checkerboards_of_whole_pixels_are_among_them(drawn):
    found = set()
    for picture in drawn:
        for side in (1, 2, 3, 4, 5, 6, 8):
            shifted, back = picture[side:, :-side], picture[:-side, side:]
            twice = np.allclose(picture[2 * side :], picture[: -2 * side], atol=1e-5)
            other = abs(picture[side:] - picture[:-side]).min() > 0.1
            if twice and other and np.allclose(shifted, back, atol=1e-5):
                found.add(side)
    assert found >= {1, 2, 3, 4, 5}


def test_some_are_grey_some_upright_some_smooth_and_all_in_range(drawn):
    assert drawn.min() >= 0 and drawn.max() <= 1
    grey = (np.ptp(drawn, axis=-1) < 1e-6).all((1, 2))
    striped = (np.ptp(drawn, axis=1) < 1e-5).all((1, 2)) | (np.ptp(drawn, axis=2) < 1e-5).all((1, 2))
    sharp = np.array([len(np.unique(x[..., 0].round(4))) == 2 for x in drawn])
    for kind in (grey, striped, sharp):
        assert 0.05 < kind.mean() < 0.8


def test_the_share_is_kept_and_the_others_are_left_alone():
    image = jnp.full((800, 4, 4, 1), 2.0)
    out = np.asarray(jax.jit(partial(patterns.patterned, share=0.25))(jax.random.key(0), image))
    replaced = (out <= 1).all((1, 2, 3))
    assert 0.2 < replaced.mean() < 0.3
    assert (out[~replaced] == 2).all()
