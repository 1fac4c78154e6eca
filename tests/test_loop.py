"""`fit`: cut off and gone on, it is bit for bit the run that was never cut off."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaximg.models import CNN
from jaximg.train import config, folder
from jaximg.train.checkpoint import Checkpoints, MismatchError
from jaximg.train.data import Dataset
from jaximg.train.loop import Every, NonFiniteError, RunError, Task, fit
from jaximg.train.parallel import placement
from jaximg.train.state import init_classifier_state, pack
from jaximg.train.steps import make_classifier_step

EVERY = Every(log=2, evaluate=4, sample=4, save=4)


@pytest.fixture(autouse=True, scope="module")
def as_users_have_it():
    """Optax counts on JAX's usual promotion of types."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


NET = CNN(features=(4,), hidden=(8,), classes=3, dropout=0.3, batch_norm=True)


def pictures(count: int = 22) -> Dataset:
    rng = np.random.default_rng(0)
    return Dataset(
        "noise", rng.integers(0, 256, (count, 4, 4, 1), np.uint8), rng.integers(0, 3, count).astype(np.int32)
    )


def task() -> Task:
    model, tx, data = NET, optax.sgd(0.1, momentum=0.9), pictures()

    def evaluate(state) -> dict[str, float]:
        logits = model.apply({"params": state.params, "batch_stats": state.stats}, jnp.asarray(data.float_images()))
        return {"test/accuracy": float(np.mean(np.argmax(logits, -1) == data.labels))}

    def sample(state) -> np.ndarray:
        return np.asarray(state.params["conv0"]["kernel"]).transpose(3, 0, 1, 2) + 0.5

    example = jnp.zeros((1, 4, 4, 1))
    return Task(
        init=lambda key: init_classifier_state(model, tx, key, example),
        make_step=lambda axis_name: make_classifier_step(model, tx, axis_name=axis_name),
        evaluate=evaluate,
        sample=sample,
        best="test/accuracy",
    )


def run(workdir: Path | None, steps: int, tell: Callable[[str], None] = lambda line: None, **options):
    return fit(task(), pictures(), steps=steps, batch=4, workdir=workdir, every=EVERY, tell=tell, **options)


def same(a, b) -> bool:
    pairs = zip(jax.tree.leaves(pack(a)), jax.tree.leaves(pack(b)), strict=True)
    return all(np.array_equal(np.asarray(x), np.asarray(y)) for x, y in pairs)


def stats(path: Path) -> list[dict]:
    """The lines but for times."""
    return [{k: v for k, v in line.items() if k not in folder.TIMES} for line in folder.read_stats(path)]


def pngs(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.glob("*.png")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of twelve steps, and its folder."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    return run(path, 12), path


def test_a_run_leaves_options_stats_grids_and_checkpoints(whole):
    result, path = whole
    assert result.step == 12
    assert json.loads((path / "options.json").read_text())["batch"] == 4
    assert [line["step"] for line in stats(path) if "loss" in line] == [2, 4, 6, 8, 10, 12]
    assert sorted(pngs(path)) == ["curves.png", *(f"fakes{n:06d}.png" for n in (4, 8, 12)), "reals.png"]
    assert {"8", "12"} <= {file.name for file in (path / "checkpoints").iterdir()}
    assert any((path / "tensorboard").iterdir())


@pytest.mark.parametrize("cut", [6, 8])
def test_cut_off_and_gone_on_is_bit_equal_to_never_cut_off(whole, tmp_path, cut):
    result, path = whole
    said: list[str] = []
    run(tmp_path / "r", cut)
    again = run(tmp_path / "r", 12, said.append)
    assert said == [f"going on from step {cut}"]
    assert same(again.state, result.state)
    ours, theirs = ([line for line in stats(p) if line["step"] != cut] for p in (tmp_path / "r", path))
    assert ours == theirs
    ours = pngs(tmp_path / "r")
    assert all(ours[name] == data for name, data in pngs(path).items() if name != "curves.png")  # has the cut's line


def test_a_finished_run_does_nothing_again(whole):
    result, path = whole
    before = stats(path)
    again = run(path, 12)
    assert same(again.state, result.state)
    assert stats(path) == before


@pytest.mark.parametrize("mode", ["pmap", pytest.param("mesh", marks=pytest.mark.slow)])
def test_a_run_goes_on_in_another_placement(whole, tmp_path, mode):
    result, _ = whole
    run(tmp_path / "r", 8)
    again = run(tmp_path / "r", 12, place=placement(mode, devices=jax.devices()[:2], fsdp=mode == "mesh"))
    state = jax.tree.map(np.asarray, placement("jit").fetch(result.state))
    other = placement(mode, devices=jax.devices()[:2]).fetch(again.state)
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5, rtol=2e-4)
    assert run(tmp_path / "r", 12).step == 12


def test_other_options_are_refused_by_name_unless_forced(tmp_path):
    run(tmp_path, 2, options={"optimizer": {"rate": 0.1}})
    with pytest.raises(RunError, match=r"optimizer.rate: 0.1 -> 0.2"):
        run(tmp_path, 4, options={"optimizer": {"rate": 0.2}})
    said: list[str] = []
    assert run(tmp_path, 4, said.append, options={"optimizer": {"rate": 0.2}}, force=True).step == 4
    assert "optimizer.rate: 0.1 -> 0.2" in said[0]
    assert json.loads((tmp_path / "options.json").read_text())["optimizer"] == {"rate": 0.2}


def test_options_that_do_not_fit_the_checkpoint_are_not_kept_even_if_forced(tmp_path):
    run(tmp_path, 2, options={"width": 4})
    kept = (tmp_path / "options.json").read_bytes()
    wider = CNN(features=(6,), hidden=(8,), classes=3)
    other = Task(
        init=lambda key: init_classifier_state(wider, optax.sgd(0.1, momentum=0.9), key, jnp.zeros((1, 4, 4, 1))),
        make_step=task().make_step,
    )
    with pytest.raises(MismatchError, match="another model"):
        fit(other, pictures(), steps=4, batch=4, workdir=tmp_path, options={"width": 6}, force=True)
    assert (tmp_path / "options.json").read_bytes() == kept
    assert run(tmp_path, 4, options={"width": 4}).step == 4


def test_somebodys_own_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(RunError, match="not the folder of a run"):
        run(tmp_path, 2)


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_step(tmp_path):
    def poisoned(axis_name):
        step = task().make_step(axis_name)

        def bad(state, batch):
            state, metrics = step(state, batch)
            return state, {**metrics, "finite": jnp.where(state.step == 6, 0.0, metrics["finite"])}

        return bad

    broken = Task(task().init, poisoned)
    with pytest.raises(NonFiniteError, match="at step 6; the checkpoint of step 4 is sound"):
        fit(broken, pictures(), steps=12, batch=4, workdir=tmp_path, every=EVERY)
    assert "6" not in {file.name for file in (tmp_path / "checkpoints").iterdir()}


def test_a_damaged_checkpoint_is_stepped_over(whole, tmp_path):
    result, _ = whole
    said: list[str] = []
    run(tmp_path / "r", 8)
    largest = max((tmp_path / "r/checkpoints/8").rglob("*"), key=lambda file: file.is_file() and file.stat().st_size)
    os.truncate(largest, largest.stat().st_size // 2)
    again = run(tmp_path / "r", 12, said.append)
    assert "checkpoint 8" in said[0]
    assert said[1] == "going on from step 4"
    assert same(again.state, result.state)


def test_sigterm_saves_and_a_second_run_goes_on(whole, tmp_path):
    result, _ = whole

    def stop(progress) -> None:
        if progress.step == 6:
            os.kill(os.getpid(), signal.SIGTERM)

    cut = run(tmp_path / "r", 12, progress=stop)
    assert (cut.step, cut.stopped) == (6, signal.SIGTERM)
    with Checkpoints(tmp_path / "r/checkpoints", read=True) as kept:
        assert (kept.steps(), kept.best("test/accuracy")) == ([4, 6], 4)  # 6 was not evaluated
    assert same(run(tmp_path / "r", 12).state, result.state)


KILLED = """
import sys
from pathlib import Path
from tests.test_loop import run, EVERY
import time
run(Path(sys.argv[1]), 400, print, progress=lambda p: time.sleep(0.01))
"""


def killed_at_random_moments(path: Path, times: int) -> list[int]:
    """Kills a run again and again, when it has a checkpoint; the steps from which it went on."""
    rng = np.random.default_rng(1)
    found = []
    root = Path(__file__).parents[1]
    for _ in range(times):
        child = subprocess.Popen(
            [sys.executable, "-u", "-c", KILLED, str(path)], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        start = time.monotonic()
        before = len(stats(path))
        while time.monotonic() - start < 60 and child.poll() is None:
            if len(stats(path)) > before and any(file.name.isdigit() for file in path.glob("checkpoints/*")):
                break
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 0.6))
        child.kill()
        out, _ = child.communicate()
        assert b"damaged" not in out
        found += [int(word) for line in out.decode().splitlines() for word in line.split()[-1:] if "going on" in line]
    return found


def reaches_the_same_end(path: Path, tmp_path: Path) -> None:
    last = max([line["step"] for line in stats(path)])
    end = last + 4 - last % 4
    assert same(run(path, end).state, run(tmp_path / "reference", end).state)
    assert stats(path) == stats(tmp_path / "reference")


@pytest.mark.slow
def test_killed_twenty_times_it_always_goes_on_from_a_sound_step(tmp_path):
    found = killed_at_random_moments(tmp_path / "r", 20)
    assert len(found) == 19 and found == sorted(found)
    reaches_the_same_end(tmp_path / "r", tmp_path)


def test_killed_it_goes_on_from_a_sound_step(tmp_path):
    assert len(killed_at_random_moments(tmp_path / "r", 2)) == 1
    reaches_the_same_end(tmp_path / "r", tmp_path)


# --- folders ---------------------------------------------------------------------------------------------------------


def test_the_same_command_means_the_unfinished_folder_and_else_a_new_one(tmp_path):
    options = config.as_dict(config.Gan(steps=10))

    def chosen(finished: bool = False, **changed) -> str:
        return folder.choose(tmp_path, "gan", {**options, **changed}, finished=lambda path: finished).name

    assert chosen() == "00000-gan"
    folder.Folder(tmp_path / "00000-gan", options)
    (tmp_path / "00004-other").mkdir()
    assert chosen() == "00000-gan"
    assert chosen(finished=True) == "00005-gan"
    assert chosen(batch=3) == "00005-gan"
    folder.Folder(tmp_path / "00005-gan", {**options, "batch": 3})
    assert (chosen(), chosen(batch=3)) == ("00000-gan", "00005-gan")


def test_options_survive_json():
    for each in (config.Gan(generator_options={"features": (3, 4)}), config.Classifier(steps=3)):
        back = config.from_dict(json.loads(json.dumps(config.as_dict(each))))
        assert config.differences(config.as_dict(each), config.as_dict(back)) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bach": "3"}, "bach: no such setting; there are data, size"),
        ({"batch": "many"}, "batch=many: that should be like 128"),
        ({"optimizer.rate": "3"}, "optimizer.rate: no such setting; there are name, learning_rate"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(changes, said):
    with pytest.raises(ValueError, match=said):
        config.replaced(config.Classifier(), changes)
