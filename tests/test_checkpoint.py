"""Checkpoints: what was written comes back bit for bit, or not at all."""

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaximg.train.checkpoint import Checkpoints, MismatchError, _fingerprints


def tree(value: float = 1.0) -> dict:
    rng = np.random.default_rng(0)
    return {
        "step": jnp.asarray(3),
        "key": jax.random.key(5),
        "params": {
            "w": jnp.asarray(value * rng.standard_normal((64, 32)), jnp.float32),
            "b": jnp.zeros(8, jnp.bfloat16),
        },
    }


def plain(state: dict) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves({**state, "key": jax.random.key_data(state["key"])})]


def same(a: dict, b: dict) -> bool:
    return all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in zip(plain(a), plain(b), strict=True))


@pytest.fixture
def folder(tmp_path) -> Path:
    """Checkpoints 1, 2 and 3, of which 2 is the best."""
    with Checkpoints(tmp_path / "c", keep=3) as checkpoints:
        for step in (1, 2, 3):
            checkpoints.save(step, tree(step), told={"seen": 10 * step}, metrics={"score": float(step == 2)})
    return tmp_path / "c"


def restored(folder: Path, like: dict | None = None) -> tuple:
    said: list[str] = []
    with Checkpoints(folder, tell=said.append) as checkpoints:
        return checkpoints.restore(like or tree(0)), said


def largest(folder: Path) -> Path:
    return max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def test_what_was_written_comes_back_bit_for_bit(folder):
    found, said = restored(folder)
    assert (found.step, found.told, said) == (3, {"seen": 30}, [])
    assert same(found.state, tree(3))


def test_the_newest_and_the_best_stay(tmp_path):
    with Checkpoints(tmp_path, keep=1, best="score") as checkpoints:
        for step, score in enumerate((0.1, 0.9, 0.2, 0.3)):
            checkpoints.save(step, tree(), metrics={"score": score})
        checkpoints.wait()
        assert checkpoints.steps() == [1, 3]
    with Checkpoints(tmp_path, keep=1, best="score") as again:
        assert again.best("score") == 1
        again.save(4, tree())
        again.wait()
        assert again.steps() == [1, 4]


def test_who_only_looks_leaves_alone_what_is_being_written(folder):
    unfinished = folder / "9.orbax-checkpoint-tmp"
    unfinished.mkdir()
    path = largest(folder / "3")
    path.write_bytes(path.read_bytes()[::-1])
    with Checkpoints(folder, read=True, tell=lambda line: None) as checkpoints:
        found = checkpoints.restore(tree(0))
    assert found is not None and found.step == 2
    assert unfinished.exists() and (folder / "3").exists()


@pytest.mark.parametrize("place", np.linspace(0.02, 0.98, 6))
def test_a_flipped_bit_is_found_and_the_step_before_taken(folder, place):
    path = largest(folder / "3")
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= 8
    path.write_bytes(data)
    found, said = restored(folder)
    assert same(found.state, tree(found.step))
    assert found.step == 3 or (found.step == 2 and "checkpoint 3" in said[0])


def test_a_flipped_bit_in_what_was_restored_never_passes():
    array = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
    flipped = array.copy()
    flipped.view(np.uint32)[2, 3] ^= 1 << 30
    one, other, swapped = _fingerprints([array, flipped, array[::-1]])
    assert len({one, other, swapped}) == 3


@pytest.mark.parametrize("harm", ["truncate", "empty folder", "empty state", "no list"])
def test_damage_is_told_set_aside_and_stepped_over(folder, harm):
    if harm == "truncate":
        os.truncate(largest(folder / "3"), largest(folder / "3").stat().st_size // 2)
        newest = 3
    elif harm == "empty folder":
        (folder / "9").mkdir()
        newest = 9
    elif harm == "empty state":
        for path in sorted((folder / "3" / "state").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        newest = 3
    else:
        (folder / "3" / "told" / "metadata").write_text("{}")
        newest = 3
    found, said = restored(folder)
    assert found.step == (3 if newest == 9 else 2)
    assert same(found.state, tree(found.step))
    assert len(said) == 1
    assert f"checkpoint {newest}" in said[0]
    assert (folder.with_name("c-damaged") / str(newest)).is_dir()
    with Checkpoints(folder) as checkpoints:
        checkpoints.save(newest, tree(7))
        assert same(checkpoints.restore(tree(0)).state, tree(7))


def test_nothing_sound_is_nothing(tmp_path):
    (tmp_path / "c" / "4").mkdir(parents=True)
    found, said = restored(tmp_path / "c")
    assert found is None
    assert len(said) == 1


def test_another_model_is_an_error_and_not_damage(folder):
    other = {**tree(), "params": {"w": jnp.zeros((64, 31)), "b": jnp.zeros(8, jnp.bfloat16)}}
    with pytest.raises(MismatchError, match=r"params/w is float32\[64, 32\] there and float32\[64, 31\] here"):
        restored(folder, other)
    assert (folder / "3").is_dir()


def test_it_comes_back_on_another_number_of_devices(folder, tmp_path):
    mesh = Mesh(np.array(jax.devices()[:2]), ("data",))
    split = NamedSharding(mesh, PartitionSpec("data"))
    like = tree(0)
    like["params"]["w"] = jax.device_put(like["params"]["w"], split)
    found, _ = restored(folder, like)
    assert same(found.state, tree(3))
    assert found.state["params"]["w"].sharding == split
    with Checkpoints(tmp_path / "d") as checkpoints:
        checkpoints.save(1, found.state)
    back, said = restored(tmp_path / "d")
    assert said == []
    assert same(back.state, tree(3))
