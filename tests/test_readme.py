"""The README's Python runs, its shell lines name what exists, its tables are those of the tests."""

import re
import shlex
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from jaximg.cli import COMMANDS, main
from tests.test_layers import LAYERS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def commands() -> list[list[str]]:
    lines = "\n".join(blocks("sh")).splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("jaximg ")]


def test_python_blocks_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save("photo.jpg")
    names: dict = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    assert np.isfinite(names["value"])
    for name, gradient in names["gradient"].items():
        assert any(np.any(leaf) for leaf in jax.tree.leaves(gradient)), f"no gradient reaches {name}"
    assert np.any(names["direction"])
    assert names["first"].shape == names["augmented"][:2].shape
    np.testing.assert_allclose(names["kernel"], np.outer([1, 2, 1], [-1, 0, 1]), atol=0.01)


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_shell_lines_parse(words, capsys):
    assert words[0] in COMMANDS
    options = [word for word in words if word.startswith("--")]
    helped = [*words[:2], "--help"] if words[0] == "op" and words[1] != "--list" else [words[0], "--help"]
    assert main(helped) == 0
    out = capsys.readouterr().out
    assert [option for option in options if option not in out] == []


def test_the_table_of_rooms_is_that_of_the_layers():
    section = TEXT.partition("## How it is built")[2].partition("\n## ")[0]
    rooms = re.findall(r"`(\w+)/?`", "".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)))
    known = [room for layer in LAYERS for room in layer]
    assert rooms == [room for room in known if room in rooms]
    assert {"typing", "ops", "degrade", "quality", "io", "correct", "report", "cli"} <= set(rooms)


def test_the_two_commands_stand_on_lines_of_their_own():
    """`.ci/run` takes the second one from here."""
    start = "python3 -m venv .venv && . .venv/bin/activate && "
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith(start)]
    assert [line.removeprefix(start) for line in lines] == [
        "pip install . && jaximg demo",
        "pip install -e '.[test]' && pytest -n 2 --dist loadgroup",
    ]
