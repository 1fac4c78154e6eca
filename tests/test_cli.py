"""The command line, on real files: `main(argv)` in this process, its exit code and what it leaves on disk."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaximg.cli import COMMANDS, main, paths
from jaximg.cli.parse import Usage
from tests.command import HW, files, png, run

# --- the command itself ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [["--help"], *([name, "--help"] for name in ("correct", "diagnose", "demo", "train", "generate", "predict"))],
)
def test_help_answers_without_jax(words):
    code = f"import sys; from jaximg.cli import main; code = main({words}); assert 'jax' not in sys.modules; exit(code)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: jaximg")


def test_help_takes_less_than_half_a_second():
    """Of the processor's time, so that it holds on a busy machine."""

    def once() -> float:
        before = os.times()
        subprocess.run([sys.executable, "-m", "jaximg", "--help"], check=True, capture_output=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(once() for _ in range(5)) < 0.5


def test_help_names_every_command(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert all(f"\n  {name} " in out for name in COMMANDS)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["corect"], "no command 'corect': choose one of correct, diagnose, op, demo"),
        (["correct"], "no picture given"),
        (["correct", "x.png", "--strenth", "1"], "perhaps you meant --strength"),
        (["correct", "x.png", "--strength", "much"], "could not convert string to float"),
        (["correct", "x.png", "--strength", "2"], "--strength is 2; it goes from 0 to 1"),
        (["correct", "x.png", "--only", "denoise,iron"], "--only iron: no such repair; there are"),
        (["correct", "a.png", "b.png", "-o", "c.png"], "c.png is a file; several pictures need a folder to go to"),
        (["diagnose"], "no picture given"),
        (["op", "gausian_blur", "a", "b"], "perhaps gaussian_blur"),
        (["op", "gaussian_blur", "a.png", "b.png"], "--sigma"),
        (["demo", "--config", "nothing", "-o", "d"], "no config 'nothing': there are ambient_digits, cnn_digits"),
    ],
)
def test_a_mistake_is_one_line_and_code_2(capsys, tmp_path, monkeypatch, argv, said):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *argv)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert said in err


def test_ctrl_c_answers_130(capsys, monkeypatch):
    def interrupted(argv):
        raise KeyboardInterrupt

    monkeypatch.setattr("jaximg.cli.diagnose.main", interrupted)
    code, _, err = run(capsys, "diagnose", "x")
    assert (code, err) == (130, "jaximg: interrupted\n")


# --- which files -----------------------------------------------------------------------------------------------------


def plan(inputs: list[Path], output: Path | None, recursive: bool = False) -> dict[str, str]:
    found = paths.sources(inputs, recursive=recursive, skip=output)
    return {str(job.source.path): str(job.target) for job in paths.jobs(inputs, output, found)}


def test_without_output_the_result_goes_beside_the_picture(tmp_path):
    a = png(tmp_path / "a.png")
    assert plan([a], None) == {str(a): str(tmp_path / "a-corrected.png")}


def test_without_output_a_folders_results_go_beside_the_folder(tmp_path):
    a = png(tmp_path / "in" / "sub" / "a.png")
    assert plan([tmp_path / "in"], None, True) == {str(a): str(tmp_path / "in-corrected" / "sub" / "a.png")}


def test_a_folder_is_looked_through_and_recursion_mirrors_it(tmp_path):
    names = ["b.jpg", "a.png", "sub/c.TIFF", "sub/.hidden.png", ".git/d.png", "notes.txt"]
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    assert list(plan([tmp_path / "in"], tmp_path / "out").values()) == [
        str(tmp_path / "out" / name) for name in ("a.png", "b.jpg")
    ]
    assert str(tmp_path / "out" / "sub" / "c.TIFF") in plan([tmp_path / "in"], tmp_path / "out", True).values()
    assert len(plan([tmp_path / "in"], tmp_path / "out", True)) == 3


def test_an_output_folder_inside_the_input_is_no_input(tmp_path):
    a = png(tmp_path / "a.png")
    png(tmp_path / "out" / "old.png")
    assert list(plan([tmp_path], tmp_path / "out", True)) == [str(a)]


def test_pictures_of_one_name_from_two_folders_do_not_meet(tmp_path):
    inputs = [png(tmp_path / "x" / "a.png"), png(tmp_path / "y" / "A.png")]
    assert list(plan(inputs, tmp_path / "out").values()) == [
        str(tmp_path / "out" / "a.png"),
        str(tmp_path / "out" / "A-2.png"),
    ]


def test_a_file_named_twice_is_done_once(tmp_path):
    a = png(tmp_path / "a.png")
    assert len(plan([a, tmp_path, a], tmp_path / "out")) == 1


def test_a_result_may_not_replace_another_input(tmp_path):
    a, b = png(tmp_path / "a.png"), png(tmp_path / "a-corrected.png")
    with pytest.raises(Usage, match="an input too"):
        plan([a, b], None)


def test_an_output_without_suffix_is_a_folder(tmp_path):
    a = png(tmp_path / "a.png")
    assert plan([a], tmp_path / "new") == {str(a): str(tmp_path / "new" / "a.png")}


# --- jaximg diagnose -------------------------------------------------------------------------------------------------


def test_diagnose_prints_a_row_a_picture(capsys, tmp_path):
    png(tmp_path / "a.png")
    png(tmp_path / "b.png")
    code, out, err = run(capsys, "diagnose", tmp_path)
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == 3
    assert "80x64" in out


def test_diagnose_json_is_json_with_failures_in_it(capsys, tmp_path):
    png(tmp_path / "a.png")
    (tmp_path / "b.png").touch()
    code, out, _ = run(capsys, "diagnose", tmp_path, "--json")
    good, bad = json.loads(out)
    assert code == 1
    assert good["width"] == HW[1]
    assert 0.02 < good["noise_sigma"] < 0.2
    assert 0 <= good["noise_confidence"] <= 1
    assert bad["picture"].endswith("b.png")
    assert bad["error"]


# --- jaximg demo -----------------------------------------------------------------------------------------------------


def test_demo_refuses_a_folder_that_is_not_its_own(capsys, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    code, _, err = run(capsys, "demo", "-o", tmp_path)
    assert (code, err) == (1, f"jaximg: {tmp_path} exists and no demo made it: choose another with -o\n")
    assert files(tmp_path) == ["mine.txt"]


TWO_DAMAGES = """
from jaximg import degrade
from jaximg.cli.demo import Damage, Demo

impulses = Damage("Noise", "Salt and pepper.", lambda key, image: degrade.salt_and_pepper(key, image, amount=0.01))
hole = Damage("A hole", "One.", lambda key, image: degrade.holes(key, image, count=1, fraction=0.001), masked=True)
config = Demo(photograph="microaneurysms.png", credit="Decenciere et al.", damages=(impulses, hole))
"""


def test_demo_writes_a_page_and_its_pictures_twice(capsys, tmp_path):
    folder, config = tmp_path / "demo", tmp_path / "two.py"
    config.write_text(TWO_DAMAGES)
    code, out, err = run(capsys, "demo", "-o", folder, "--config", config)
    assert (code, err) == (0, "")
    assert files(folder) == [
        ".jaximg-demo",
        *("a-hole-corrected.png", "a-hole-damaged.png", "index.html", "noise-corrected.png", "noise-damaged.png"),
        "photograph.png",
    ]
    html = (folder / "index.html").read_text()
    assert all(path.name in html for path in folder.glob("*.png"))
    assert out.splitlines()[0].startswith("damage")
    assert str(folder / "index.html") in out
    (folder / "index.html").unlink()
    assert run(capsys, "demo", "-o", folder, "--config", config)[0] == 0
    assert (folder / "index.html").exists()


def test_a_letter_that_the_locale_lacks_stops_nothing(tmp_path, monkeypatch):
    names = png(tmp_path / "bild \u00fc 1.png"), png(tmp_path / "b.png")
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert main(["diagnose", *map(str, names)]) == 0
    assert b"bild ? 1.png" in written.getvalue() and b"b.png" in written.getvalue()
