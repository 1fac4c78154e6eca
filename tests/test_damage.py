"""What restoration networks learn from: honest maps, honest crops, the same every time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaximg import io
from jaximg.train import damage
from jaximg.train.data import DataError
from jaximg.train.data.crops import Crops, crops


@pytest.fixture(scope="module")
def batch():
    """Of damage; what is estimated from it beforehand is another test's subject, and takes a minute to compile."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("denoised", "deblocked"):
            patch.setattr(f"jaximg.models.estimate.{name}", lambda damaged, level: damaged)
        patch.setattr(damage, "patterned", lambda key, clean: clean)
        return spoilt()


def spoilt():
    clean = jnp.full((16, 32, 32, 3), 0.5)
    (_, damaged, sigma, blocks), target = jax.jit(damage.denoise)(jax.random.key(3), clean)
    return damaged, sigma[:, 0, 0, 0], blocks[:, 0, 0, 0], target


def test_the_level_that_is_told_is_the_level_of_the_noise(batch):
    damaged, sigma, _, target = batch
    np.testing.assert_allclose(jnp.std((damaged - target)[:8], axis=(1, 2, 3)), sigma[:8], rtol=0.1, atol=2e-3)


def test_each_kind_has_its_share_of_the_batch_and_its_map(batch):
    damaged, sigma, blocks, _ = batch
    assert (blocks[:8] == 0).all() and (sigma[12:] == 0).all()
    assert (blocks[12:] > 0).all() and (blocks[8:12:2] > 0).all() and (blocks[9:12:2] == 0).all()
    levels = np.asarray(damaged[8:]) * 255
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-3)


def test_coarse_noise_is_told_by_its_middle_frequencies_and_by_the_brightness():
    noise = 0.1 * jax.random.normal(jax.random.key(0), (2, 64, 64, 3))
    light = jnp.broadcast_to(jnp.linspace(0.0, 1.0, 64)[:, None, None], (2, 64, 64, 3))
    noise = noise * jnp.exp(-light).at[1].set(1.0)
    falling, level = damage.level_map(noise, light + noise)[..., 32, 0]
    np.testing.assert_allclose(falling[8:56], 0.1 * jnp.exp(-light)[0, 8:56, 0, 0], rtol=0.15)
    np.testing.assert_allclose(level, 0.1, rtol=0.2)
    smooth = (noise + jnp.roll(noise, 1, 1) + jnp.roll(noise, (1, 1), (1, 2)) + jnp.roll(noise, 1, 2)) / 2
    assert damage.level_map(smooth, light)[1].mean() > 1.2 * level.mean()


def test_some_pictures_are_taken_in_little_light():
    bright = damage.exposed(jax.random.key(0), jnp.full((400, 1, 1, 1), 0.8)).ravel()
    assert 0.1 < (bright < 0.8 * 0.5).mean() < 0.3 and bright.min() > 0.02


def test_second_answers_are_learned_of_every_kind_of_damage(monkeypatch):
    monkeypatch.setattr(damage, "denoise", lambda key, clean: ((clean, clean, clean, clean), clean))
    monkeypatch.setattr("jaximg.models.estimate.alike", lambda image, first, level: 2 + first)
    again = []
    for seed in range(20):
        (second, _, first, *_), _ = damage.denoise_gray(jax.random.key(seed), jnp.full((8, 8, 8, 3), 0.5))
        again.append(np.asarray(second - first).mean((1, 2, 3)) > 1)
    assert (np.sum(again, 1) == 4).all()
    assert (np.mean(again, 0) > 0).all() and (np.mean(again, 0) < 1).all()


def test_scratches_that_are_to_be_found_run_on_beyond_the_picture():
    clean = jnp.broadcast_to(jnp.asarray([0.6, 0.4, 0.5]), (32, 48, 48, 3))
    (start, seen, ones), where = jax.tree.map(np.asarray, jax.jit(damage.scratches)(jax.random.key(2), clean))
    assert not start.any() and (ones == 1).all()
    assert set(np.unique(where)) == {0.0, 1.0} and not where[16:].any()
    rim = np.ones((48, 48, 1), bool)
    rim[1:-1, 1:-1] = False
    assert (where[:16, rim].any(-1)).mean() > 0.5
    quiet = seen[0:16:2]  # the others are noisy
    touched = np.abs(quiet - np.median(quiet, (1, 2), keepdims=True)).max(-1, keepdims=True) > 0.05
    assert not (touched & (where[0:16:2] == 0)).any() and touched.sum() > 0.7 * where[0:16:2].sum()
    grey = (np.ptp(seen, axis=-1) == 0).all((1, 2))
    middle = np.median(seen, (1, 2))
    coloured = np.ptp(middle, axis=-1) > 0.1 * middle.max(-1)
    assert grey[:16].any() and grey[16:].any() and (coloured == ~grey).all()


def photograph(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height).random((height, width, 3), np.float32)


def test_crops_are_the_same_every_time_and_lie_inside():
    picture = (255 * photograph(20, 30)).astype(np.uint8)
    one, two = Crops([picture], 16), Crops([picture], 16)
    for i in (0, 5, len(one) - 1):
        np.testing.assert_array_equal(one[i], two[i])
        assert one[i].shape == (16, 16, 3)
    with pytest.raises(IndexError):
        one[len(one)]


@pytest.mark.parametrize("every", [4, 7])
def test_a_folder_is_split_into_photographs_to_train_and_to_test_on(tmp_path, every):
    for i in range(4):
        io.write(tmp_path / f"{i}.png", io.Picture(pixels=np.full((64, 80, 3), i / 4, np.float32)))
    test, train = (crops(tmp_path, part, side=16, every=every) for part in ("test", "train"))
    assert len(test) == 1 and test.images[0].max() == 191
    assert {int(train.images[i].max()) for i in range(60)} == {0, 64, 128}


def test_a_folder_without_large_photographs_is_refused(tmp_path):
    io.write(tmp_path / "small.png", io.Picture(pixels=photograph(40, 40)))
    with pytest.raises(DataError, match="at least 64 pixels"):
        crops(tmp_path, side=32)
