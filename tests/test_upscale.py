"""Twice the size: the bicubic kernel's picture, and detail that brings it nearer to the truth."""

import jax.numpy as jnp
import numpy as np
import pytest
from skimage import data

from jaximg import io, ops, quality
from jaximg.cli import main
from jaximg.correct import upscale
from jaximg.correct.jpeg import luminance
from jaximg.correct.upscale import bicubic


@pytest.fixture(scope="module")
def photograph():
    return data.astronaut()[20:212, 150:342].astype(np.float32) / 255


@pytest.fixture(scope="module")
def small(photograph):
    shrunk = ops.resize(jnp.asarray(photograph), (96, 96), method="cubic", antialias=True)
    return np.round(255 * np.clip(np.asarray(shrunk), 0, 1)).astype(np.float32) / 255


def test_the_kernel_is_that_of_resize(small):
    want = ops.resize(jnp.asarray(small[:, :50]), (192, 100), method="cubic", antialias=True)
    np.testing.assert_allclose(bicubic(small[:, :50])[4:-4, 4:-4], want[4:-4, 4:-4], atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_shrunk_photograph_comes_back_nearer_than_by_the_kernel(photograph, small, channels):
    truth, less = (x if channels == 3 else luminance(x)[..., None] for x in (photograph, small))
    gain = quality.psnr(upscale(less), truth) - quality.psnr(bicubic(less), truth)
    assert gain > 1.0


def test_colours_are_those_of_the_kernel_and_strength_mixes(small):
    smooth, full, half = bicubic(small), upscale(small), upscale(small, strength=0.5)
    np.testing.assert_array_equal(upscale(small, strength=0.0), smooth)
    np.testing.assert_allclose(half, (smooth + full) / 2, atol=1e-6)
    added = full - smooth
    np.testing.assert_allclose(added, added.mean(-1, keepdims=True).repeat(3, -1), atol=1e-6)
    with pytest.raises(ValueError, match="strength=2"):
        upscale(small, strength=2)


def test_any_size_down_to_one_pixel():
    for hw in ((1, 1), (1, 7), (9, 2)):
        np.testing.assert_allclose(
            upscale(np.full((*hw, 1), 0.5, np.float32)), np.full((2 * hw[0], 2 * hw[1], 1), 0.5), atol=0.02
        )


def test_the_command_doubles_transparency_too_and_says_so(capsys, tmp_path, small):
    alpha = np.ones((96, 96, 1), np.float32)
    alpha[:40] = 0
    io.write(tmp_path / "a.png", io.Picture(pixels=small, alpha=alpha))
    assert main(["correct", str(tmp_path / "a.png"), "-o", str(tmp_path / "b.png"), "--upscale"]) == 0
    assert "upscale" in capsys.readouterr().out
    large = io.read(tmp_path / "b.png")
    assert large.pixels.shape == (192, 192, 3)
    assert large.alpha is not None and large.alpha[:78].max() == 0 and large.alpha[84:].min() == 1
