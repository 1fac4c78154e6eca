"""Stacked digits, packing, schedules and the residual networks' own parts."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaximg.models import ConvDiscriminator, ConvGenerator
from jaximg.models.conv_gan import PRESETS, DenseResidual, Residual, grown, halved, plan
from jaximg.train import config, data, tasks
from jaximg.train.data import DataError, Dataset
from jaximg.train.folder import RunError
from jaximg.train.gan import make_gan_step
from jaximg.train.schedules import half_life, learning_rate, ramped
from jaximg.train.state import init_gan_state

GREY = Dataset("grey", np.arange(30, dtype=np.uint8).reshape(30, 1, 1, 1), np.arange(30, dtype=np.int32) % 10)


# --- data ------------------------------------------------------------------------------------------------------------


def test_every_channel_shows_each_digit_once_an_epoch_in_an_order_of_its_own():
    stacked = data.stacked(GREY)
    found = [next(data.batches(stacked, 10, seed=3, start=step)) for step in range(3)]
    whole = np.concatenate([batch["image"] for batch in found]).reshape(30, 3)
    assert all(sorted(channel) == list(range(30)) for channel in whole.T)
    assert not any(np.array_equal(whole[:, i], whole[:, j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    modes = np.concatenate([batch["label"] for batch in found])
    assert np.array_equal(modes, (whole % 10) @ np.array([100, 10, 1]))


def test_a_stacked_batch_is_a_function_of_its_number_and_of_no_other():
    stacked = data.stacked(GREY)
    batches = data.batches(stacked, 10, seed=3)
    later = [next(batches) for _ in range(5)][4]
    alone = next(data.batches(stacked, 10, seed=3, start=4))
    assert np.array_equal(later["image"], alone["image"])
    halves = [next(data.batches(stacked, 10, seed=3, start=4, process=p, processes=2))["image"] for p in (0, 1)]
    assert np.array_equal(np.concatenate(halves), alone["image"])
    assert not np.array_equal(next(data.batches(stacked, 10, seed=4, start=4))["image"], alone["image"])


def test_stacked_pictures_to_look_at_are_always_the_same():
    stacked = data.stacked(GREY)
    assert stacked.shape == (1, 1, 3) and len(stacked.classes) == 1000
    few = stacked.take([4, 7])
    np.testing.assert_array_equal(few.float_images(), stacked.float_images()[[4, 7]])
    assert stacked.digest == data.stacked(GREY).digest
    with pytest.raises(DataError, match="only grey pictures"):
        data.stacked(Dataset("colour", np.zeros((4, 1, 1, 3), np.uint8)))


# --- schedules -------------------------------------------------------------------------------------------------------


def test_the_rate_rises_is_held_and_falls():
    told = config.Optimizer(learning_rate=1.0, schedule="cosine", warmup=10, hold=0.2, final=0.1)
    rate = learning_rate(told, 100)
    np.testing.assert_allclose([float(rate(i)) for i in (0, 5, 10, 29, 30, 65, 100)], [0, 0.5, 1, 1, 1, 0.55, 0.1])
    plain = learning_rate(config.Optimizer(learning_rate=0.5), 100)
    assert plain == 0.5


def test_a_pair_is_a_ramp_a_number_is_itself_and_the_average_grows_longer():
    gamma = ramped((10.0, 1.0), 20)
    np.testing.assert_allclose([float(gamma(i)) for i in (0, 10, 20, 90)], [10, 5.5, 1, 1])
    assert ramped(3.0, 20) == 3.0
    decay = half_life(0.05, 1000, 0.2)
    np.testing.assert_allclose([float(decay(i)) ** 50 for i in (200, 900)], [0.5, 0.5], rtol=1e-4)
    assert float(decay(100)) < float(decay(150))


def test_what_a_run_s_length_decides_is_told_and_pairs_survive_json_and_the_command_line():
    pair = config.Gan(r1=(10.0, 1.0))
    listed = {k: list(v) if isinstance(v, tuple) else v for k, v in config.as_dict(pair).items()}
    assert config.from_dict(listed) == pair
    assert config.replaced(config.Gan(), {"r1": "10,1", "optimizer.beta2": "0.9,0.99"}).r1 == (10.0, 1.0)
    longer = config.as_dict(dataclasses.replace(pair, steps=7))
    assert config.differences(listed, longer) == ["steps: 1000 -> 7"]
    assert config.differences(config.as_dict(config.Gan()), config.as_dict(config.Gan(steps=7))) == []


# --- networks --------------------------------------------------------------------------------------------------------


def test_a_residual_block_begins_as_the_identity():
    x = jax.random.normal(jax.random.key(0), (1, 3, 3, 4))
    assert jnp.array_equal(Residual(2, 3).init_with_output(jax.random.key(1), x)[0], x)
    assert jnp.array_equal(DenseResidual(3).init_with_output(jax.random.key(1), x[0, 0])[0], x[0, 0])


def test_dense_blocks_stand_where_a_picture_is_one_vector():
    few, sizes = {"features": (8, 4), "blocks": 1, "patch": 4}, {}
    for dense in (0, 2):
        nets = ConvGenerator(**few, dense=dense), ConvDiscriminator(**few, dense=dense)
        made, g = nets[0].init_with_output(jax.random.key(0), jnp.ones((2, 5)))
        g, d = g["params"], nets[1].init(jax.random.key(0), made)["params"]
        sizes[dense] = [sum(x.size for x in jax.tree.leaves(p)) for p in (g, d)]
    assert {"dense0", "dense1"} <= g.keys() & d.keys()
    assert np.array_equal(np.subtract(sizes[2], sizes[0]), [2 * (8 * 8 + 8 + 8 * 8)] * 2)


@pytest.mark.parametrize("side", PRESETS)
def test_presets_make_pictures_of_their_side_and_score_them(side):
    nets = ConvGenerator((side, side, 3), classes=10), ConvDiscriminator(classes=10)
    z, label = jax.ShapeDtypeStruct((2, 64), jnp.float32), jax.ShapeDtypeStruct((2,), jnp.int32)
    out = jax.eval_shape(lambda z, c: nets[0].init_with_output(jax.random.key(0), z, c)[0], z, label)
    assert out.shape == (2, side, side, 3)
    assert jax.eval_shape(lambda x, c: nets[1].init_with_output(jax.random.key(0), x, c)[0], out, label).shape == (2,)


def test_sides_are_halved_by_means_and_doubled_between_pixels():
    x = jax.random.uniform(jax.random.key(0), (1, 7, 7, 2))
    wide = jnp.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge")
    np.testing.assert_allclose(halved(x, 4), wide.reshape(1, 4, 2, 4, 2, 2).mean((2, 4)), atol=1e-6)
    assert halved(x, 7) is x and grown(x, 7) is x
    np.testing.assert_allclose(grown(jnp.full((1, 4, 4, 1), 0.3), 7), jnp.full((1, 7, 7, 1), 0.3), rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "features", "said"),
    [((30, 30, 1), None, "a power of two"), ((28, 32, 1), None, "squares"), ((28, 28, 1), (8, 8), "as many features")],
)
def test_sides_out_of_reach_are_refused(shape, features, said):
    with pytest.raises(ValueError, match=said):
        plan(shape, features, 1)


# --- packing ---------------------------------------------------------------------------------------------------------


class Linear(nn.Module):
    """A score that shows which pictures were judged together."""

    @nn.compact
    def __call__(self, image):
        weights = self.param("weights", jax.nn.initializers.ones, (image.shape[-1],))
        return jnp.sum(image * (jnp.arange(1.0, image.shape[-1] + 1) * weights)[None, None, None, :], (1, 2, 3))


class Fixed(nn.Module):
    """Grey pictures of one shade."""

    @nn.compact
    def __call__(self, z):
        shade = self.param("shade", jax.nn.initializers.constant(0.25), ())
        return jnp.ones((z.shape[0], 2, 2, 1)) * shade


def test_packed_pictures_are_neighbours_judged_as_one_and_fakes_and_reals_apart():
    tx = optax.sgd(0.0)
    image = jnp.arange(4.0).reshape(4, 1, 1, 1) * jnp.ones((4, 2, 2, 1)) / 4
    state = init_gan_state(Fixed(), Linear(), tx, tx, jax.random.key(0), image, latent=1, together=2)
    step = make_gan_step(Fixed(), Linear(), tx, tx, latent=1, loss="wasserstein", r1=1.0, r2=1.0, pack=2)
    _, metrics = jax.jit(step)(state, {"image": image})
    signed = 2 * image[:, 0, 0, 0] - 1
    real = 4 * (signed[0] + 2 * signed[1]), 4 * (signed[2] + 2 * signed[3])
    fake = 4 * (0.25 + 2 * 0.25)
    np.testing.assert_allclose(metrics["margin"], (real[0] + real[1]) / 2 - fake, rtol=1e-5)
    np.testing.assert_allclose(metrics["r1"], 0.5 * 4 * (1 + 4), rtol=1e-5)


class Energy(nn.Module):
    """A score whose gradient is the picture itself."""

    @nn.compact
    def __call__(self, image):
        weight = self.param("weight", jax.nn.initializers.ones, ())
        return weight * jnp.sum(jnp.square(image), (1, 2, 3)) / 2


@pytest.mark.parametrize("pack", [1, 2])
def test_penalties_of_some_pictures_look_at_every_other_set_and_scores_at_all(pack):
    tx = optax.sgd(0.0)
    image = jnp.arange(8.0).reshape(8, 1, 1, 1) * jnp.ones((8, 2, 2, 1)) / 8
    state = init_gan_state(Fixed(), Energy(), tx, tx, jax.random.key(0), image, latent=1, together=pack)
    batch = {"image": image}

    def metrics(every: int) -> dict[str, jax.Array]:
        options = dict(latent=1, loss="relativistic", r1=1.0, r2=1.0, pack=pack, penalise_every=every)
        return jax.jit(make_gan_step(Fixed(), Energy(), tx, tx, **options))(state, batch)[1]

    whole, half = metrics(1), metrics(2)
    squares = jnp.sum(jnp.square(2 * image - 1), (1, 2, 3)).reshape(-1, pack).sum(1) / 2
    np.testing.assert_allclose(whole["r1"], squares.mean(), rtol=1e-5)
    np.testing.assert_allclose(half["r1"], squares[::2].mean(), rtol=1e-5)
    np.testing.assert_allclose(half["r2"], whole["r2"], rtol=1e-5)
    for name in ("loss_d", "margin", "sign"):
        np.testing.assert_allclose(half[name], whole[name], rtol=1e-5)


def test_penalties_of_no_pictures_are_refused():
    settings = config.Gan(generator="conv_generator", discriminator="conv_discriminator", penalise_every=0)
    with pytest.raises(RunError, match="penalise_every"):
        tasks.task_of(settings, (28, 28, 1), tuple("0123456789"))


def test_classes_and_packing_do_not_go_together():
    settings = config.Gan(generator="conv_generator", discriminator="conv_discriminator", conditional=True, pack=2)
    with pytest.raises(RunError, match="can't be judged together"):
        tasks.task_of(settings, (28, 28, 1), tuple("0123456789"))
