"""Training a restoration network by the engine, as a user does."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaximg.cli import main, runs
from jaximg.models.weights import RESTORERS, read_weights
from jaximg.train import config, folder, tasks, trained
from jaximg.train.checkpoint import Checkpoints


@pytest.fixture(autouse=True, scope="module")
def as_users_have_it():
    """Optax counts on JAX's usual promotion of types."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photographs")
    y, x = np.mgrid[:160, :200] / 15
    for i in range(4):
        waves = np.stack([np.sin(x + i * y), np.cos(y), np.sin(x - y)], -1)
        Image.fromarray((127 + 100 * waves).astype(np.uint8)).save(folder / f"{i}.png")
    return folder


def train(monkeypatch, *words: object) -> int:
    monkeypatch.setattr(runs, "compiled_once", lambda: None)
    return main(["train", "denoise_color_quick", *map(str, words)])


@pytest.mark.parametrize(("recipe", "gain"), [("inpaint", 0.15), pytest.param("denoise", 0.3, marks=pytest.mark.slow)])
def test_a_run_learns_to_repair_and_its_network_can_be_shipped(monkeypatch, photographs, tmp_path, recipe, gain):
    run, words = tmp_path / "run", ("--steps", 160, "--set", f"recipe={recipe}")
    assert train(monkeypatch, "--data", photographs, "--workdir", run, *words) == 0
    measured = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()][-1]
    assert measured["test/psnr"] > measured["test/psnr_damaged"] + gain
    assert (run / "fakes000160.png").is_file()
    model = trained.load(run)
    assert model.kind == "restorer"
    path = trained.ship(model, "mine", tmp_path)
    again, variables = trained.read_weights(path)
    assert again == model.model
    assert jax.tree.structure(variables) == jax.tree.structure(model.variables)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--size", 30], "multiple of 8"),
        (["--batch", 12], "take a multiple of 8"),
        (["--set", "recipe=tears"], "denoise"),
        (["--set", "begin=nobody"], "denoise_gray"),
        (["--set", "begin=denoise_gray"], "another architecture"),
        (["--data", "."], "no photograph"),
    ],
)
def test_what_cannot_be_trained_is_told_in_one_line(monkeypatch, capsys, photographs, tmp_path, words, told):
    empty = tmp_path / "empty"
    empty.mkdir()
    words = [empty if word == "." else word for word in words]
    given = [] if "--data" in words else ["--data", photographs]
    assert train(monkeypatch, *given, *words, "--workdir", tmp_path / "run") != 0
    err = capsys.readouterr().err
    assert told in err and "Traceback" not in err


SMALL = config.Restoration(options={"features": (8,), "blocks": 1}, size=16, batch=8, patience=3)


def test_the_best_checkpoint_is_read_and_the_newest_where_that_one_is_damaged(tmp_path):
    shape = (16, 16, 3)
    folder.Folder(tmp_path, {**config.as_dict(SMALL), "facts": {"shape": shape, "classes": ()}})
    state = jax.jit(tasks.task_of(SMALL, shape, ()).init)(jax.random.key(0))
    with Checkpoints(tmp_path / "checkpoints") as store:
        for step, psnr in ((1, 30.0), (2, 20.0)):
            store.save(step, state.replace(step=state.step + step), metrics={"test/psnr": psnr})
    assert trained.state_of(tmp_path)[1].step == 1
    files = [path for path in (tmp_path / "checkpoints/1").rglob("*") if path.is_file()]
    largest = max(files, key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[::-1])
    assert trained.state_of(tmp_path)[1].step == 2


def test_with_patience_a_step_that_is_no_number_leaves_the_weights_alone():
    task = tasks.task_of(SMALL, (16, 16, 3), ())
    state = jax.jit(task.init)(jax.random.key(0))
    state = state.replace(params=jax.tree.map(lambda x: x + 1e30, state.params))
    new, metrics = jax.jit(task.make_step(None))(state, {"image": jnp.full((8, 16, 16, 3), 0.5)})
    assert metrics["finite"] == 0
    jax.tree.map(np.testing.assert_array_equal, new.params, state.params)


def test_a_run_begins_with_the_weights_that_it_is_told(photographs):
    settings = config.Restoration(data=str(photographs), begin="denoise_color", holdout=0.34)
    sets = tasks.datasets(settings)
    task = tasks.task_of(settings, sets[0].shape, sets[0].classes, sets=sets)
    state = jax.jit(task.init)(jax.random.key(0))
    weights = read_weights(RESTORERS / "denoise_color.npz")[1]["params"]
    for tree in (state.params, state.ema):
        jax.tree.map(np.testing.assert_array_equal, tree, weights)


def test_muon_moves_a_kernel_equally_far_in_every_direction(rng):
    tx = tasks.optimizer(config.Optimizer(name="muon", learning_rate=1.0, beta1=0.95), 10)
    steep = rng.standard_normal((3, 3, 4, 8)) * np.logspace(-2, 0, 8)
    gradient = {"kernel": jnp.asarray(steep, jnp.float32), "bias": jnp.ones(8)}
    step, _ = tx.update(gradient, tx.init(gradient), gradient)
    values = np.linalg.svd(np.asarray(step["kernel"]).reshape(36, 8), compute_uv=False)
    assert values.max() < 2 * values.min()
    assert np.linalg.cond(steep.reshape(36, 8)) > 50
    assert (step["bias"] < -0.5).all()
