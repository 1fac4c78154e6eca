"""What a GAN's run notices by itself: steps that are no numbers, which it survives, and a generator that collapses."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaximg.train import config, folder, tasks
from jaximg.train.alarm import Collapse, DivergedError, Guard
from jaximg.train.data import Dataset
from jaximg.train.loop import Every, NonFiniteError, Task, fit
from jaximg.train.state import as_float

SETTINGS = config.Gan(
    generator="mlp_generator",
    discriminator="mlp_discriminator",
    generator_options={"features": (16,), "batch_norm": False},
    discriminator_options={"features": (16,), "batch_norm": False},
    latent=4,
    steps=12,
    batch=8,
    judge="",
    optimizer=config.Optimizer(learning_rate=1e-2, beta1=0.0),
)


@pytest.fixture(autouse=True, scope="module")
def as_users_have_it():
    """Optax counts on JAX's usual promotion of types."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def pictures() -> Dataset:
    """Plain ones, each of its own brightness."""
    levels = np.random.default_rng(0).integers(0, 256, (40, 1, 1, 1), np.uint8)
    return Dataset("plain", np.broadcast_to(levels, (40, 4, 4, 1)).copy())


TASK = tasks.task_of(SETTINGS, (4, 4, 1), ())
STEP = TASK.make_step(None)


def bad_step(state, batch):
    """One function for all tests, so that it is compiled once: the state says at which steps data are not a number."""
    same = jnp.all(jax.random.key_data(state.key) == state.aux["first"])
    poison = same & ((state.aux["poison"] >> (state.step + 1).astype(jnp.uint32)) & 1 == 1)
    return STEP(state, {**batch, "image": jnp.where(poison, jnp.nan, as_float(batch["image"]))})


def poisoned(*steps: int) -> Task:
    """A GAN whose data are not a number at some steps, as long as its random numbers are those it began with."""
    mask = np.uint32(sum(1 << step for step in steps))

    def init(key):
        state = TASK.init(key)
        return state.replace(aux={"poison": jnp.asarray(mask), "first": jax.random.key_data(state.key)})

    return dataclasses.replace(TASK, init=init, make_step=lambda axis_name: bad_step)


def run(task: Task, path, patience: int, said: list[str], settings: config.Gan = SETTINGS):
    every = Every(log=2, save=4, evaluate=4, sample=100)
    options = {"steps": settings.steps, "batch": 8, "workdir": path, "every": every}
    return fit(task, pictures(), **options, patience=patience, tell=said.append)


def finite(state) -> bool:
    return all(bool(jnp.all(jnp.isfinite(x))) for x in jax.tree.leaves(state.params))


def test_a_step_that_is_no_number_is_left_out_and_the_run_ends_well(tmp_path):
    said: list[str] = []
    result = run(poisoned(6), tmp_path, 2, said)
    assert (result.step, finite(result.state), said) == (12, True, [])
    lines = [line for line in folder.read_stats(tmp_path) if "margin" in line or "skipped" in line]
    assert [line.get("skipped", 0) for line in lines] == [0, 0, 1, 1, 1, 1]


def test_a_run_that_stays_no_number_goes_back_and_is_saved(tmp_path):
    said: list[str] = []
    result = run(poisoned(6, 7, 8), tmp_path, 2, said)
    assert (result.step, finite(result.state)) == (12, True)
    assert said == ["not finite up to step 8: back to step 4, with other random numbers"]
    lines = folder.read_stats(tmp_path)
    assert [line["back_from"] for line in lines if "back_from" in line] == [8]
    assert [line["step"] for line in lines if "loss_d" in line] == [2, 4, 6, 8, 10, 12]


def test_without_patience_it_stops_and_names_the_step():
    with pytest.raises(NonFiniteError, match="at step 6"):
        run(poisoned(6), None, 0, [])


def test_a_run_without_checkpoints_gives_up():
    with pytest.raises(NonFiniteError, match="at step 7"):
        run(poisoned(6, 7), None, 1, [])


def test_patience_is_for_steps_in_a_row():
    guard = Guard(2)
    for step, ok in enumerate([0, 0, 1, 0, 0, 1]):
        guard.look(step, ok)
    guard.look(6, 0)
    guard.look(7, 0)
    with pytest.raises(DivergedError, match="step 8"):
        guard.look(8, 0)


@pytest.mark.parametrize(("rate", "rings"), [(0.0, True), pytest.param(1e-2, False, marks=pytest.mark.slow)])
def test_the_alarm_rings_on_a_collapsing_run_and_on_no_other(tmp_path, rate, rings):
    """A discriminator that doesn't learn has one picture that it likes best; soon the generator makes no other."""
    said: list[str] = []
    slow = config.Optimizer(learning_rate=rate, beta1=0.0)
    settings = dataclasses.replace(SETTINGS, steps=160, discriminator_optimizer=slow)
    every = Every(log=5)
    task = tasks.task_of(settings, (4, 4, 1), ())
    fit(task, pictures(), steps=160, batch=8, workdir=tmp_path, every=every, tell=said.append)
    assert all(x.startswith("ALARM at step ") and x.endswith("the generator collapses") for x in said)
    assert bool(said) == rings
    assert bool(folder.read_stats(tmp_path)[-1].get("alarm")) == rings


def test_coverage_rings_where_modes_are_missing_but_not_before_it_is_time():
    alarm = Collapse(start=10)
    few, many = ({"samples/coverage": x, "samples/coverage_real": 0.9, "loss_d": 1.0} for x in (0.1, 0.5))
    assert "cover 10 %" in alarm(10, few)
    assert not alarm(9, few) and not alarm(10, many)
