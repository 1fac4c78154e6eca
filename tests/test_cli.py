"""The command line, on real files: `main(argv)` in this process, its exit code and what it leaves on disk."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaximg.cli import COMMANDS, main, paths
from jaximg.cli.parse import Usage
from jaximg.cli.results import visible
from tests.op_case import unit

ORIENTATION = 274
HW = (64, 80)


def scene(channels: int = 3) -> np.ndarray:
    """A picture of 64 x 80, noisy enough to be corrected, as bytes."""
    rng = np.random.default_rng(0)
    noisy = unit(rng, (*HW, channels)) * 0.8 + 0.1 + 0.08 * rng.standard_normal((*HW, channels))
    return np.round(255 * np.clip(noisy, 0, 1)).astype(np.uint8)


def png(path: Path, pixels: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = scene() if pixels is None else pixels
    Image.fromarray(pixels[:, :, 0] if pixels.shape[-1] == 1 else pixels).save(path)
    return path


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def run(capsys, *argv: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main([str(word) for word in argv])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# --- the command itself ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["--help"], ["correct", "--help"], ["diagnose", "-h"], ["demo", "--help"]])
def test_help_answers_without_jax(words):
    code = f"import sys; from jaximg.cli import main; code = main({words}); assert 'jax' not in sys.modules; exit(code)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: jaximg")


def test_help_takes_less_than_half_a_second():
    def once() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "jaximg", "--help"], check=True, capture_output=True)
        return time.perf_counter() - start

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
        (["demo", "--config", "nothing", "-o", "d"], "no config 'nothing': there are demo"),
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


# --- jaximg correct --------------------------------------------------------------------------------------------------


def test_corrects_one_picture_beside_it_and_leaves_it_alone(capsys, tmp_path):
    a = png(tmp_path / "a.png")
    before = a.read_bytes()
    code, out, err = run(capsys, "correct", a)
    assert (code, err) == (0, "")
    assert f"{a} -> {tmp_path / 'a-corrected.png'}  denoise" in out
    assert a.read_bytes() == before
    after = read(tmp_path / "a-corrected.png")
    assert after.shape == (*HW, 3)
    assert (after != read(a)).any()


def test_does_not_replace_a_file_unless_told(capsys, tmp_path):
    a, b = png(tmp_path / "a.png"), tmp_path / "b.png"
    b.write_text("mine")
    code, _, err = run(capsys, "correct", a, "-o", b)
    assert (code, err) == (1, f"jaximg: {a}: {b} exists; --overwrite replaces it\n")
    assert b.read_text() == "mine"
    assert run(capsys, "correct", a, "-o", b, "--overwrite")[0] == 0
    assert read(b).shape == (*HW, 3)


def test_a_picture_can_be_corrected_in_place_when_told(capsys, tmp_path):
    a = png(tmp_path / "a.png")
    assert run(capsys, "correct", a, "-o", a)[0] == 1
    assert run(capsys, "correct", a, "-o", a, "--overwrite")[0] == 0
    assert (read(a) != scene()).any()


def test_one_bad_file_does_not_stop_the_rest(capsys, tmp_path):
    good = [png(tmp_path / "in" / "a.png"), png(tmp_path / "in" / "z.png")]
    (tmp_path / "in" / "empty.png").touch()
    (tmp_path / "in" / "corrupt.jpg").write_bytes(b"\xff\xd8\xff" + bytes(500))
    (tmp_path / "in" / "cut.png").write_bytes(good[0].read_bytes()[:2000])
    (tmp_path / "in" / "text.tif").write_text("no picture at all")
    code, out, err = run(capsys, "correct", tmp_path / "in", tmp_path / "missing.png", "-o", tmp_path / "out")
    assert code == 1
    assert out.count(" -> ") == 2
    assert files(tmp_path / "out") == ["a.png", "z.png"]
    lines = err.splitlines()
    assert lines[0] == "jaximg: 5 failed"
    for name in ("corrupt.jpg", "cut.png", "empty.png", "text.tif", "missing.png"):
        assert sum(name in line for line in lines) == 1


def test_an_empty_folder_is_said_and_code_1(capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    code, out, err = run(capsys, "correct", tmp_path / "empty")
    assert (code, out) == (1, "")
    assert "no picture in this folder" in err


def test_siblings_of_one_stem_keep_their_suffixes_and_comparisons_apart(capsys, tmp_path):
    png(tmp_path / "in" / "a.png")
    png(tmp_path / "in" / "a.jpg")
    code, _, err = run(capsys, "correct", tmp_path / "in", "-o", tmp_path / "out", "--compare")
    assert (code, err) == (0, "")
    assert files(tmp_path / "out") == ["a-compare-jpg.png", "a-compare.png", "a.jpg", "a.png"] or files(
        tmp_path / "out"
    ) == ["a-compare-png.png", "a-compare.png", "a.jpg", "a.png"]


def test_compare_writes_before_and_after_side_by_side(capsys, tmp_path):
    a = png(tmp_path / "a.png")
    assert run(capsys, "correct", a, "-o", tmp_path / "b.png", "--compare")[0] == 0
    both = read(tmp_path / "b-compare.png")
    np.testing.assert_array_equal(both[:, : HW[1]], read(a))
    np.testing.assert_array_equal(both[:, -HW[1] :], read(tmp_path / "b.png"))


def test_report_says_what_was_found_and_what_was_done(capsys, tmp_path):
    a = png(tmp_path / "a.png")
    plain = run(capsys, "correct", a, "-o", tmp_path / "1.png")[1]
    full = run(capsys, "correct", a, "-o", tmp_path / "2.png", "--report")[1]
    assert len(full.splitlines()) > len(plain.splitlines()) == 1
    assert "    denoise: " in full
    assert "noise" in full.lower()


def test_names_with_spaces_and_letters_of_all_kinds(capsys, tmp_path):
    a = png(tmp_path / "Fotos & Co" / "Größe 東京 [1].png")
    assert run(capsys, "correct", a.parent, "-o", tmp_path / "out put")[0] == 0
    assert files(tmp_path / "out put") == ["Größe 東京 [1].png"]


def test_strength_zero_gives_the_picture_back(capsys, tmp_path):
    a = png(tmp_path / "a.png")
    assert run(capsys, "correct", a, "-o", tmp_path / "b.png", "--strength", "0")[0] == 0
    np.testing.assert_array_equal(read(tmp_path / "b.png"), read(a))


def test_only_what_is_named_is_repaired(capsys, tmp_path):
    a = png(tmp_path / "a.png")
    code, out, _ = run(capsys, "correct", a, "-o", tmp_path / "b.png", "--only", "jpeg")
    assert code == 0
    assert "denoise" not in out


def test_white_in_a_mask_file_is_filled_in(capsys, tmp_path):
    clean = np.full((*HW, 3), 120, np.uint8)
    hurt = clean.copy()
    hurt[20:28, 30:40] = 255
    mask = np.zeros((*HW, 1), np.uint8)
    mask[20:28, 30:40] = 255
    a, m = png(tmp_path / "a.png", hurt), png(tmp_path / "m.png", mask)
    code, out, _ = run(capsys, "correct", a, "--mask", m, "-o", tmp_path / "b.png", "--only", "inpaint")
    assert code == 0
    assert "inpaint" in out
    assert np.abs(read(tmp_path / "b.png").astype(int) - clean).max() <= 2


def test_a_mask_of_another_size_is_refused(capsys, tmp_path):
    a, m = png(tmp_path / "a.png"), png(tmp_path / "m.png", np.zeros((5, 7, 1), np.uint8))
    code, _, err = run(capsys, "correct", a, "--mask", m)
    assert code == 1
    assert "m.png: the mask is 7 x 5 pixels, the picture 80 x 64" in err


def test_a_missing_mask_is_one_line(capsys, tmp_path):
    code, _, err = run(capsys, "correct", png(tmp_path / "a.png"), "--mask", tmp_path / "none.png")
    assert code == 1
    assert err.count("\n") == 1
    assert "none.png" in err


def test_a_rotated_jpeg_comes_back_upright(capsys, tmp_path):
    a = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[271] = "Maker"
    Image.fromarray(scene()).save(a, exif=exif, quality=95)
    assert run(capsys, "correct", a, "-o", tmp_path / "b.jpg")[0] == 0
    with Image.open(tmp_path / "b.jpg") as after:
        assert after.size == HW
        assert after.getexif().get(ORIENTATION, 1) == 1
        assert after.getexif()[271] == "Maker"


def test_a_16_bit_grey_png_stays_one(capsys, tmp_path):
    a = tmp_path / "scan.png"
    deep = scene(1)[:, :, 0].astype(np.uint16) * 40 + 20000
    Image.fromarray(deep).save(a)
    assert run(capsys, "correct", a, "-o", tmp_path / "b.png")[0] == 0
    with Image.open(tmp_path / "b.png") as after:
        assert after.mode.startswith("I;16") or after.mode == "I"
        assert np.any(np.asarray(after) % 40)


def test_transparency_is_kept(capsys, tmp_path):
    a = tmp_path / "a.png"
    alpha = np.linspace(0, 255, HW[1]).astype(np.uint8) * np.ones((*HW, 1), np.uint8)[:, :, 0]
    Image.fromarray(np.dstack([scene(), alpha])).save(a)
    assert run(capsys, "correct", a, "-o", tmp_path / "b.png", "--compare")[0] == 0
    np.testing.assert_array_equal(read(tmp_path / "b.png")[:, :, 3], alpha)
    assert read(tmp_path / "b-compare.png").shape[2] == 3


def test_a_picture_larger_than_max_pixels_is_refused(capsys, tmp_path):
    code, _, err = run(capsys, "correct", png(tmp_path / "a.png"), "--max-pixels", "1000")
    assert code == 1
    assert "a.png" in err
    assert not (tmp_path / "a-corrected.png").exists()


def test_a_folder_that_cannot_be_written_is_said(capsys, tmp_path):
    a, locked = png(tmp_path / "a.png"), tmp_path / "locked"
    locked.mkdir(mode=0o500)
    if os.access(locked, os.W_OK):  # root may write anywhere: a file in the folder's place stops it too
        locked.rmdir()
        locked.write_text("")
        locked = locked / "deeper"
    code, _, err = run(capsys, "correct", a, "-o", locked)
    assert code == 1
    assert err.count("\n") == 1


def test_a_failed_write_leaves_nothing_behind(capsys, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    a = png(tmp_path / "in" / "a.png")
    monkeypatch.setattr(os, "replace", full)
    code, _, err = run(capsys, "correct", a, "-o", tmp_path / "out" / "b.png")
    assert code == 1
    assert "No space left on device" in err
    assert files(tmp_path / "out") == []


def test_ctrl_c_while_writing_leaves_no_half_file(capsys, tmp_path, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    a = png(tmp_path / "in" / "a.png")
    monkeypatch.setattr(os, "replace", interrupted)
    assert run(capsys, "correct", a, "-o", tmp_path / "out" / "b.png")[0] == 130
    assert files(tmp_path / "out") == []


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


# --- jaximg op -------------------------------------------------------------------------------------------------------


def test_op_lists_operators_with_a_line_each(capsys):
    code, out, _ = run(capsys, "op", "--list")
    assert code == 0
    assert "gaussian_blur  " in out
    assert all(len(line.split(maxsplit=1)) == 2 for line in out.splitlines())


def test_every_operator_on_images_has_a_command_line(capsys):
    from tests.test_api import FUNCTIONS, ON_IMAGES, OURS

    for name in FUNCTIONS:
        if name in ON_IMAGES or name not in OURS:
            code, out, err = run(capsys, "op", name, "--help")
            assert (code, err) == (0, ""), name
            assert out.startswith(f"usage: jaximg op {name} ")


def test_op_help_shows_the_operators_arguments_and_the_scale(capsys):
    code, out, _ = run(capsys, "op", "gaussian_blur", "--help")
    assert code == 0
    assert "--sigma FLOAT" in out
    assert "--border {reflect,symmetric,edge,constant,wrap}" in out
    assert "[0, 1]" in out


def test_op_does_what_the_operator_does(capsys, tmp_path):
    from jaximg import ops

    a = png(tmp_path / "a.png")
    assert run(capsys, "op", "gaussian_blur", a, tmp_path / "b.png", "--sigma", "2", "--border", "edge")[0] == 0
    want = ops.gaussian_blur(scene().astype(np.float32) / 255, 2.0, border="edge")
    np.testing.assert_allclose(read(tmp_path / "b.png"), 255 * np.asarray(want), atol=0.51)


def test_op_takes_a_pair_or_one_number_for_a_size(capsys, tmp_path):
    from jaximg import ops

    a = png(tmp_path / "a.png")
    image = scene().astype(np.float32) / 255
    for words, size in ((["5", "7"], (5, 7)), (["3"], 3)):
        assert run(capsys, "op", "box-blur", a, tmp_path / "b.png", "--size", *words, "--overwrite")[0] == 0
        np.testing.assert_allclose(read(tmp_path / "b.png"), 255 * np.asarray(ops.box_blur(image, size)), atol=0.51)


def test_op_takes_a_kernel_as_numbers_and_as_a_file(capsys, tmp_path):
    a = png(tmp_path / "a.png", scene(1))
    (tmp_path / "k.txt").write_text("0 1 0\n1 -4 1\n0 1 0\n")
    for kernel in ("0 1 0; 1 -4 1; 0 1 0", tmp_path / "k.txt"):
        code, out, _ = run(capsys, "op", "filter2d", a, "-", "--kernel", kernel)
        assert code == 0
        values = np.array(json.loads(out))
        assert values.shape == (*HW, 1)
        assert abs(values[1:-1, 1:-1].mean()) < 0.01


def test_op_shows_signed_results_around_middle_grey(capsys, tmp_path):
    a = png(tmp_path / "a.png", scene(1))
    run(capsys, "op", "filter2d", a, tmp_path / "b.png", "--kernel", "-1 0 1; -2 0 2; -1 0 1")
    assert 100 < read(tmp_path / "b.png").mean() < 155


def test_whole_numbers_become_colours_and_equal_ones_the_same():
    out = visible(np.array([[[0], [1], [2], [1]]], np.int32))
    assert out.shape == (1, 4, 3)
    assert not out[0, 0].any()
    assert (out[0, 1] == out[0, 3]).all()
    assert np.abs(out[0, 1] - out[0, 2]).max() > 0.3


def test_what_exceeds_one_is_stretched_and_a_little_overshoot_is_cut():
    assert visible(np.array([[[0.0], [5.0], [10.0]]]))[0, :, 0].tolist() == [0.0, 0.5, 1.0]
    assert visible(np.array([[[-0.01], [0.5], [1.01]]]))[0, :, 0].tolist() == [0.0, 0.5, 1.0]


def test_op_fills_in_what_is_white_in_a_mask_file(capsys, tmp_path):
    mask = np.zeros((*HW, 1), np.uint8)
    mask[20:28, 30:40] = 255
    a, m = png(tmp_path / "a.png"), png(tmp_path / "m.png", mask)
    assert run(capsys, "op", "inpaint_harmonic", a, tmp_path / "b.png", "--mask", m)[0] == 0
    changed = (read(tmp_path / "b.png") != read(a)).any(-1)
    assert changed[20:28, 30:40].mean() > 0.9
    assert not changed[mask[:, :, 0] == 0].any()


def test_op_says_what_is_missing_when_a_file_is_not_there(capsys, tmp_path):
    code, _, err = run(capsys, "op", "inpaint_harmonic", png(tmp_path / "a.png"), "-", "--mask", tmp_path / "m.png")
    assert code == 2
    assert "m.png: neither a file that can be read nor numbers" in err


def test_op_resizes(capsys, tmp_path):
    a = png(tmp_path / "a.png")
    assert run(capsys, "op", "resize", a, tmp_path / "b.png", "--size", "32", "40")[0] == 0
    assert read(tmp_path / "b.png").shape == (32, 40, 3)


def test_op_writes_exact_numbers(capsys, tmp_path):
    a = png(tmp_path / "a.png")
    assert run(capsys, "op", "gaussian_blur", a, tmp_path / "b.npy", "--sigma", "1")[0] == 0
    assert np.load(tmp_path / "b.npy").shape == (*HW, 3)


def test_op_gray_makes_one_channel(capsys, tmp_path):
    a = png(tmp_path / "a.png")
    assert run(capsys, "op", "gaussian_blur", a, tmp_path / "b.npy", "--sigma", "1", "--gray")[0] == 0
    assert np.load(tmp_path / "b.npy").shape == (*HW, 1)


def test_op_passes_on_what_the_operator_says(capsys, tmp_path):
    code, _, err = run(capsys, "op", "gaussian_blur", png(tmp_path / "a.png"), tmp_path / "b.png", "--sigma", "-1")
    assert code == 2
    assert "a standard deviation in pixels is not negative" in err


def test_op_does_not_replace_a_file_unless_told(capsys, tmp_path):
    a, b = png(tmp_path / "a.png"), tmp_path / "b.npy"
    b.write_text("mine")
    assert run(capsys, "op", "gaussian_blur", a, b, "--sigma", "1")[0] == 1
    assert b.read_text() == "mine"


# --- jaximg demo -----------------------------------------------------------------------------------------------------


def test_demo_refuses_a_folder_that_is_not_its_own(capsys, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    code, _, err = run(capsys, "demo", "-o", tmp_path)
    assert (code, err) == (1, f"jaximg: {tmp_path} exists and no demo made it: choose another with -o\n")
    assert files(tmp_path) == ["mine.txt"]


def test_demo_writes_a_page_and_its_pictures_twice(capsys, tmp_path):
    folder = tmp_path / "demo"
    code, out, err = run(capsys, "demo", "-o", folder)
    assert (code, err) == (0, "")
    assert len(list(folder.glob("*-damaged.png"))) == len(list(folder.glob("*-corrected.png"))) == 4
    html = (folder / "index.html").read_text()
    assert all(path.name in html for path in folder.glob("*.png"))
    assert out.splitlines()[0].startswith("damage")
    assert str(folder / "index.html") in out
    (folder / "index.html").unlink()
    assert run(capsys, "demo", "-o", folder)[0] == 0
    assert (folder / "index.html").exists()
