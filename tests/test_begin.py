"""Runs that begin with the weights of another: both networks of a GAN, and nothing that doesn't fit."""

from dataclasses import replace
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from jaximg.cli import configs
from jaximg.train import begin, config, tasks
from jaximg.train.data import Dataset
from jaximg.train.folder import OPTIONS, RunError

NARROW = {"features": (4, 4, 4), "blocks": 1}
SETTINGS = config.Gan(
    generator="conv_generator",
    discriminator="conv_discriminator",
    generator_options=NARROW,
    discriminator_options=NARROW,
    latent=5,
    judge="",
)


def drawn(settings, seed, shape=(28, 28, 1)):
    zeros = Dataset("zeros", np.zeros((4, *shape), np.uint8))
    with jax.numpy_dtype_promotion("standard"):  # Optax counts on it
        return jax.jit(tasks.task_of(settings, shape, (), sets=(zeros, zeros)).init)(jax.random.key(seed))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The folder of a run whose averaged generator is another than the last one."""
    state = drawn(SETTINGS, 1)
    state = state.replace(ema=jax.tree.map(lambda x: x + 0.5, state.ema))
    (tmp_path / OPTIONS).write_text("{}")
    monkeypatch.setattr(begin, "state_of", lambda path: (SETTINGS, state))
    return SimpleNamespace(path=tmp_path, state=state)


def equal(tree, other, **near):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **near), tree, other)


def test_a_gan_begins_with_both_networks_of_a_run(run):
    settings = config.replaced(SETTINGS, {"begin": str(run.path)})
    state = drawn(settings, 2)
    equal(state.params["generator"], run.state.ema["generator"], rtol=0)
    equal(state.ema["generator"], run.state.ema["generator"], rtol=0)
    equal(state.params["discriminator"], run.state.params["discriminator"], rtol=0)


def test_a_gan_begins_with_what_was_shipped(run, monkeypatch):
    folder = run.path / "shipped"
    begin.ship_discriminator(run.path, "mine", folder)
    generator = SimpleNamespace(variables={"params": run.state.ema["generator"]})
    monkeypatch.setattr(begin, "DISCRIMINATORS", folder)
    monkeypatch.setattr(begin, "load", lambda name: generator)
    params, _ = begin.gan("mine")
    equal(params["generator"], run.state.ema["generator"], rtol=0)
    equal(params["discriminator"], run.state.params["discriminator"], atol=1e-3)
    with pytest.raises(RunError, match="there are mine"):
        begin.gan("yours")


def test_what_does_not_fit_is_refused(run):
    wider = {"features": (8, 4, 4), "blocks": 1}
    settings = config.replaced(SETTINGS, {"begin": str(run.path), "generator_options": str(wider)})
    with pytest.raises(RunError, match="another architecture"):
        drawn(settings, 2)


def test_every_shipped_discriminator_has_its_generator():
    names = [path.stem for path in begin.DISCRIMINATORS.glob("*.npz")]
    assert names
    for name in names:
        state = drawn(replace(configs.load(name, config.Gan), begin=name, judge=""), 0, begin.load(name).shape)
        params, _ = begin.gan(name)
        equal(state.params, {key: params[key] for key in ("discriminator", "generator")}, rtol=0)
