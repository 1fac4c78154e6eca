"""The same global batch gives the same state on one device, on eight, and in two processes of four."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from jaximg.models.compiler import compiler_options
from jaximg.train.parallel import initialise_distributed, placement

ROOT = Path(__file__).parent.parent
RELATIVE = 2e-6
"""Of a leaf's largest entry."""


def start(*arguments: str) -> subprocess.Popen:
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"} | {
        "JAX_PLATFORMS": "cpu",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # compiling is most of the time
    }
    command = [sys.executable, "-W", "error", "-m", "tests.parallel_program", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(*processes: subprocess.Popen) -> None:
    for process in processes:
        text, _ = process.communicate(timeout=280)
        assert process.returncode == 0, text[-3000:]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("localhost", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """All leaves after five steps, `{(mode, task): {leaf: array}}`."""
    folder = tmp_path_factory.mktemp("parallel")
    finish(start(str(folder / "eight.npz"), "jit", "pmap", "mesh", "fsdp"))
    where = [f"--coordinator=localhost:{free_port()}", "--processes=2", "--devices=4"]
    finish(*(start(str(folder / "two.npz"), "pmap", "fsdp", *where, f"--process={i}") for i in range(2)))
    found: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for name in ("eight", "two"):
        with np.load(folder / f"{name}.npz") as file:
            for key, value in file.items():
                mode, task, leaf = key.split("|")
                found.setdefault((mode if name == "eight" else f"2 x {mode}", task), {})[leaf] = value
    return found


TASKS = [(mode, "classifier") for mode in ("pmap", "mesh", "fsdp", "2 x pmap", "2 x fsdp")] + [("pmap", "gan")]


@pytest.mark.parametrize(("mode", "task"), TASKS)
def test_every_leaf_is_the_same_after_five_steps(states, mode, task):
    want, got = states["jit", task], states[mode, task]
    assert want.keys() == got.keys()
    apart = {}
    for leaf in want.keys() - {"held"}:
        assert want[leaf].dtype == got[leaf].dtype and want[leaf].shape == got[leaf].shape, leaf
        if want[leaf].dtype == np.float32 and leaf.startswith("."):
            largest = float(np.max(np.abs(want[leaf]), initial=1e-6))
            apart[leaf] = float(np.max(np.abs(want[leaf] - got[leaf]), initial=0.0)) / largest
        else:
            np.testing.assert_allclose(got[leaf], want[leaf], rtol=1e-5)
    assert max(apart.values()) <= RELATIVE, {k: v for k, v in apart.items() if v > RELATIVE}


def test_steps_moved_the_state_and_fsdp_split_it(states):
    whole, split = states["mesh", "classifier"], states["fsdp", "classifier"]
    assert whole[".step"] == 5
    assert np.abs(whole[".params['dense0']['kernel']"] - whole[".ema['dense0']['kernel']"]).max() > 1e-4
    assert split["held"] * 4 <= whole["held"]


def test_a_batch_that_cannot_be_shared_is_refused_with_the_cure():
    place = placement("mesh")
    assert len(place.devices) == 2
    with pytest.raises(ValueError, match="multiple of 2"):
        place.batch({"image": np.zeros((3, 4, 4, 1))})
    with pytest.raises(ValueError, match="multiple of 2"):
        place.shares(5)
    with pytest.raises(ValueError, match='mode="mesh"'):
        placement("pmap", fsdp=True)
    with pytest.raises(ValueError, match="mode"):
        placement("tpu")  # pyright: ignore[reportArgumentType]


def test_one_process_is_left_alone_and_half_an_address_is_refused(monkeypatch):
    for name in ("SLURM_PROCID", "SLURM_NTASKS", "OMPI_COMM_WORLD_RANK", "TPU_WORKER_HOSTNAMES"):
        monkeypatch.delenv(name, raising=False)
    assert initialise_distributed() is False
    with pytest.raises(ValueError, match="processes, process missing"):
        initialise_distributed(coordinator="localhost:1234")
    monkeypatch.setenv("JAXIMG_PROCESSES", "2")
    with pytest.raises(ValueError, match="coordinator, process missing"):
        initialise_distributed()


def test_the_cpu_option_is_used_only_where_the_compiler_knows_it():
    options = compiler_options(jax.devices())
    assert options is None or jax.jit(lambda x: x * 2, compiler_options=options)(np.float32(1)) == 2
    assert compiler_options([type("Device", (), {"platform": "tpu"})()]) is None
