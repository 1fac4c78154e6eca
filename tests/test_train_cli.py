"""The commands that train and use models, on real files, by `main(argv)`."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from jaximg.cli import configs, runs
from jaximg.cli.parse import Usage
from jaximg.train import data
from jaximg.train.config import Config
from jaximg.train.folder import read_stats
from jaximg.train.trained import SHIPPED, load, shipped
from tests.command import run as call

PACED = ("conv_digits", "stacked_mnist")
QUICK = ["--set", "steps=8", "optimizer.schedule=constant", "log_every=4", "save_every=4", "sample_every=4"]


@pytest.fixture(autouse=True, scope="module")
def as_users_have_it():
    """Optax counts on JAX's usual promotion of types."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    monkeypatch.setattr(runs, "compiled_once", lambda: None)


def digit(path: Path) -> tuple[Path, int]:
    """A test digit, large and dark on light as somebody would write it, and which it is."""
    test = data.load("digits", "test")
    image = 255 - np.asarray(test.images[500, :, :, 0])
    Image.fromarray(image).resize((140, 140)).save(path)
    return path, int(test.labels[500])


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        return np.asarray(opened)


# --- what comes with the package -------------------------------------------------------------------------------------


def test_a_classifier_and_a_generator_come_with_the_package_and_are_small():
    assert {load(name).kind for name in shipped()} == {"classifier", "generator"}
    assert sum(path.stat().st_size for path in SHIPPED.glob("*.npz")) <= 2 * 2**20
    for name in shipped():
        card = (SHIPPED / f"{name}.md").read_text(encoding="utf-8")
        assert all(word in card for word in ("How good", "Limits", "licence", load(name).digest))


def test_predict_reads_a_digit_of_any_size_dark_on_light(capsys, tmp_path):
    path, number = digit(tmp_path / "digit.png")
    code, out, _ = call(capsys, "predict", "cnn_digits", path)
    assert code == 0
    assert out.startswith(f"{path}  {number} ")
    assert "taken as dark on light" in out


def test_predict_goes_on_past_a_bad_file(capsys, tmp_path):
    path, _ = digit(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    code, out, err = call(capsys, "predict", "cnn_digits", tmp_path)
    assert code == 1
    assert str(path) in out
    assert "b.png" in err


def test_generate_writes_grids_files_and_films_and_replaces_nothing_unasked(capsys, tmp_path):
    grid, folder, film = tmp_path / "grid.png", tmp_path / "each", tmp_path / "film.gif"
    assert call(capsys, "generate", "conv_digits", "--seeds", "0-3", "-o", grid, "--scale", 1)[0] == 0
    assert pixels(grid).shape == (58, 58)
    assert call(capsys, "generate", "conv_digits", "--seeds", "2,9", "-o", folder, "--scale", 1)[0] == 0
    assert sorted(path.name for path in folder.iterdir()) == ["seed000002.png", "seed000009.png"]
    assert np.array_equal(pixels(folder / "seed000002.png"), pixels(grid)[30:58, :28])
    assert call(capsys, "generate", "conv_digits", "--seeds", "0,1", "-o", film, "--frames", 3)[0] == 0
    with Image.open(film) as opened:
        assert opened.n_frames == 6
    for out in (grid, folder, film):
        code, _, err = call(capsys, "generate", "conv_digits", "--seeds", "0,2", "-o", out)
        assert code == 1
        assert "exists; --overwrite replaces it" in err


def test_a_generator_fills_holes_and_says_what_it_would_make_a_picture_from(capsys, tmp_path, monkeypatch):
    from jaximg.correct import prior

    monkeypatch.setattr(prior, "CANDIDATES", 100)
    whole = np.asarray(data.load("digits", "test").images[0])[:, :, 0]
    hole = np.zeros((28, 28), np.uint8)
    hole[8:20, 8:20] = 255
    picture, mask = tmp_path / "x.png", tmp_path / "mask.png"
    Image.fromarray(np.where(hole, 0, whole).astype(np.uint8)).save(picture)
    Image.fromarray(hole).save(mask)
    filled, beside, numbers = tmp_path / "filled.png", tmp_path / "new/beside.png", tmp_path / "z.npy"
    code, out, _ = call(capsys, "correct", "--prior", "conv_digits", "--mask", mask, picture, "-o", filled)
    assert (code, "prior" in out) == (0, True)
    assert np.array_equal(pixels(filled)[hole == 0], whole[hole == 0])
    error = np.abs(pixels(filled).astype(float) - whole)[hole > 0].mean()
    assert error < 0.5 * whole[hole > 0].mean()
    words = ("project", "conv_digits", picture, "-o", beside, "--numbers", numbers, "--steps", 3, "--scale", 1)
    assert call(capsys, *words)[0] == 0
    assert (pixels(beside).shape, np.load(numbers).shape) == ((28, 58), (1, 64))
    Image.fromarray(whole[:20]).save(tmp_path / "small.png")
    code, _, err = call(capsys, "project", "conv_digits", tmp_path / "small.png", "-o", tmp_path / "no.png")
    assert (code, "28 x 20 pixels, conv_digits makes 28 x 28" in err) == (1, True)


def test_truncated_pictures_are_more_alike():
    wide, narrow = (load("conv_digits").samples(range(20), truncation=t) for t in (1.0, 0.3))
    assert narrow.std(0).mean() < wide.std(0).mean()


def test_evaluate_measures_what_comes_with_the_package(capsys, tmp_path):
    code, out, _ = call(capsys, "evaluate", "cnn_digits", "--json", tmp_path / "a.json")
    assert code == 0
    assert json.loads((tmp_path / "a.json").read_text())["accuracy"] > 0.97
    code, out, _ = call(capsys, "evaluate", "conv_digits", "--samples", 400, "--json", tmp_path / "b.json")
    assert code == 0
    found = json.loads((tmp_path / "b.json").read_text())
    assert min(found["classes"]) > 0.02
    assert "real against real" in out
    assert load("cnn_digits").digest in out
    assert all(word in out for word in ("KID", "density", "coverage", "memorisation", "precision", "KL"))
    assert "FID" not in out


def test_a_classifier_is_tested_on_all_pictures_of_other_data_whichever_classes_they_have(capsys, tmp_path):
    digits = data.load("digits", "test")
    for label in (3, 7):
        folder = tmp_path / "some" / str(label)
        folder.mkdir(parents=True)
        for i in np.flatnonzero(digits.labels == label)[:10]:
            Image.fromarray(digits.images[i][:, :, 0]).save(folder / f"{i}.png")
    words = ("evaluate", "cnn_digits", "--data", tmp_path / "some", "--json", tmp_path / "new/a.json")
    assert call(capsys, *words)[0] == 0
    found = json.loads((tmp_path / "new/a.json").read_text())
    assert (found["pictures"], np.sum(found["confusion"], 1).tolist()) == (20, [0, 0, 0, 10, 0, 0, 0, 10, 0, 0])
    assert found["accuracy"] >= 0.9
    assert call(capsys, *words)[0] == 1
    assert call(capsys, *words, "--overwrite")[0] == 0
    (tmp_path / "some" / "7").rename(tmp_path / "some" / "seven")
    code, _, err = call(capsys, "evaluate", "cnn_digits", "--data", tmp_path / "some")
    assert (code, "class seven is not among 0, 1" in err) == (1, True)


# --- training --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "cnn_digits_quick",
        "gan_digits_quick",
        *(pytest.param(f"{name}_quick", marks=pytest.mark.slow) for name in ("dcgan_digits", *PACED)),
    ],
)
def test_a_quick_config_trains_goes_on_and_is_used(capsys, tmp_path, name):
    run = tmp_path / "run"
    code, out, err = call(capsys, "train", name, "--workdir", run, *QUICK)
    assert (code, err) == (0, "")
    assert "step 8 of 8" in out
    # what is paced by the length of a run is made longer by force alone
    force = ["--force"] if name.removesuffix("_quick") in PACED else []
    code, out, _ = call(capsys, "train", name, "--workdir", run, *QUICK[:1], "steps=12", *QUICK[2:], *force)
    assert code == 0
    assert "going on from step 8" in out
    if "cnn" not in name:
        assert (run / "fakes000012.png").is_file()
        assert "<polyline" in (run / "index.html").read_text(encoding="utf-8")
        assert call(capsys, "generate", run, "--seeds", "0-3", "-o", tmp_path / "g.png")[0] == 0
    else:
        assert call(capsys, "predict", run, digit(tmp_path / "d.png")[0])[0] == 0


@pytest.mark.parametrize("name", [name for name in configs.names() if name != "demo"])
def test_every_config_of_a_training_builds_its_models(name):
    from jaximg.train import tasks

    settings = configs.load(name, Config)
    task = tasks.task_of(settings, (28, 28, 1), tuple("0123456789"))
    state = jax.eval_shape(task.init, jax.random.key(0))
    assert jax.tree.leaves(state.params)


def test_the_same_command_goes_on_and_after_the_end_begins_anew(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for wanted in ("00000-cnn_digits_quick", "00001-cnn_digits_quick"):
        code, out, _ = call(capsys, "train", "cnn_digits_quick", "--steps", 2)
        assert code == 0
        assert out.startswith(f"runs/{wanted}: ")


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["train", "gan_digit"], 2, "no config 'gan_digit': there are ambient_digits"),
        (["train", "demo"], 2, "needs config = Config(...)"),
        (["train", "cnn_digits", "--set", "ema"], 2, "--set ema: NAME=VALUE is wanted"),
        (["train", "cnn_digits", "--set", "emma=1", "--set", "steps=2"], 2, "emma: no such setting; there are data"),
        (["train", "cnn_digits", "--steps", "0"], 2, "steps=0: at least 1"),
        (["train", "cnn_digits", "--seed", "-1"], 2, "seed=-1: at least 0"),
        (["train", "cnn_digits", "--size", "0"], 2, "size=0: at least 1"),
        (["train", "cnn_digits", "--set", "log_every=0"], 2, "log_every=0: at least 1"),
        (["train", "cnn_digits", "--set", "ema=1.5"], 2, "ema=1.5: at least 0 and less than 1"),
        (["train", "cnn_digits", "--set", "dtype=bf16"], 2, "dtype='bf16': choose one of 'float32', 'bfloat16'"),
        (["train", "cnn_digits", "--set", "optimizer.schedule=cosin"], 2, "optimizer.schedule='cosin': choose one of"),
        (["train", "cnn_digits", "--set", "optimizer.accumulate=3"], 2, "batch=128: take a multiple of 3"),
        (["train", "gan_digits", "--set", "loss=wgan"], 2, "loss='wgan': choose one of 'nonsaturating', 'hinge'"),
        (["train", "gan_digits", "--set", "augment=adaa"], 2, "augment='adaa': choose one of '', 'ada'"),
        (["train", "gan_digits", "--set", "policy=flp"], 1, "policy: names='flp'; choose one of 'flip'"),
        (["train", "gan_digits", "--set", "judge=nobody", "--dry-run"], 1, "nobody: no folder of a run, and no model"),
        (["train", "gan_digits", "--set", "samples=3"], 2, "samples=3: at least 6"),
        (["train", "gan_digits", "--set", "pack=3"], 2, "batch=64: take a multiple of 3"),
        (
            ["train", "gan_digits", "--set", "discriminator_optimizer.beta1=2"],
            2,
            "discriminator_optimizer.beta1=2.0: at",
        ),
        (["train", "denoise_gray", "--set", "loss=l1"], 2, "loss='l1': choose one of 'charbonnier'"),
        (
            ["train", "denoise_gray", "--set", "optimizer.accumulate=2", "--batch", "8"],
            2,
            "batch=8: take a multiple of 16",
        ),
        (["train", "cnn_digits", "--fsdp"], 2, "fsdp splits the parameters over a mesh"),
        (["train", "gan_digits", "--set", "remat=True"], 2, "a GAN's step keeps what it computes"),
        (["train", "cnn_digits", "--data", "nowhere"], 1, "nowhere: no such file or folder"),
        (["train", "cnn_digits_quick", "--parallel", "pmap", "--batch", "7"], 2, "batch=7: take a multiple of 2"),
        (["generate", "nothing"], 1, "no folder of a run, and no model of that name; there are"),
        (["generate", "cnn_digits"], 1, "is a classifier, and this takes a generator"),
        (["generate", "conv_digits", "--seeds", "9-3"], 2, "A range goes upwards"),
        (["generate", "conv_digits", "--seeds", "all"], 2, "numbers and ranges, with commas"),
        (["generate", "conv_digits", "-o", "a.mp4"], 2, "a grid is .png"),
        (["generate", "conv_digits", "--class", "3"], 2, "was not trained to make pictures to order"),
        (["evaluate", "cnn_digits", "--page", "a.html"], 1, "is no folder of a run"),
        (["correct", "--prior", "conv_digits", "a.png"], 2, "give --mask FILE"),
        (["correct", "--prior", "conv_digits", "--mask", "m.png", "--ensemble", "a.png"], 2, "--ensemble"),
        (["predict", "cnn_digits"], 2, "no picture given"),
        (["predict", "conv_digits", "a.png"], 1, "is a generator, and this takes a classifier"),
        (["evaluate", "conv_digits", "--samples", "2"], 2, "--samples 2: 6 at least"),
        (["evaluate", "nothing"], 1, "no model of that name"),
    ],
)
def test_a_mistake_is_one_line(capsys, tmp_path, monkeypatch, argv, code, said):
    monkeypatch.chdir(tmp_path)
    found, _, err = call(capsys, *argv)
    assert found == code
    assert err.count("\n") == 1
    assert said in err
    assert not (tmp_path / "generated.png").exists()


def test_other_options_are_refused_with_their_difference(capsys, tmp_path):
    run = ["train", "cnn_digits_quick", "--workdir", tmp_path / "run", "--steps", 2]
    assert call(capsys, *run)[0] == 0
    code, _, err = call(capsys, *run, "--batch", 64)
    assert code == 1
    assert "batch: 128 -> 64" in err
    assert call(capsys, *run, "--batch", 64, "--steps", 3, "--force")[0] == 0


def test_a_dry_run_writes_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = call(capsys, "train", "dcgan_digits", "--dry-run")
    assert code == 0
    assert "9000 steps of 64 of 4000 pictures" in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "1-", "-1", "x", "3-1", "0-999999999"])
def test_seeds_that_are_none_are_refused(text):
    with pytest.raises(Usage):
        runs.seeds(text) if text else runs.seeds(" ")


@pytest.mark.slow
def test_a_restorers_run_is_evaluated_by_what_it_repairs(capsys, tmp_path):
    run = tmp_path / "run"
    assert call(capsys, "train", "denoise_color_quick", "--workdir", run, "--set", "steps=2")[0] == 0
    code, out, _ = call(capsys, "evaluate", run, "--json", tmp_path / "a.json", "--page", tmp_path / "page.html")
    assert (code, "PSNR" in out) == (0, True)
    assert "test/psnr" in json.loads((tmp_path / "a.json").read_text())
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count("data:image/png") > 0


@pytest.mark.slow
def test_two_processes_that_are_told_of_each_other_train_as_one(tmp_path):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]

    def start(workdir: Path, *more: object) -> subprocess.Popen:
        words = ["train", "cnn_digits_quick", "--steps", 6, "--batch", 64, "--set", "log_every=2", "--workdir", workdir]
        argv = [sys.executable, "-m", "jaximg", *map(str, [*words, *more])]
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    together = ["--parallel", "mesh", "--coordinator", f"localhost:{port}", "--processes", 2, "--process"]
    children = [start(tmp_path / "two", *together, i) for i in range(2)] + [start(tmp_path / "one")]
    told = [child.communicate(timeout=240)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0, 0], told
    assert "mesh on 4 cpu" in told[0]
    two, one = ([line["loss"] for line in read_stats(tmp_path / name) if "loss" in line] for name in ("two", "one"))
    np.testing.assert_allclose(two, one, rtol=1e-4)
