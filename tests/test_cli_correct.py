"""`jaximg correct` on real files: what it writes, where, and what it says of those it can't."""

import os

import numpy as np
import pytest
import tifffile
from PIL import Image

from jaximg.cli import runs
from tests.command import HW, ORIENTATION, files, png, read, run, scene


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


def test_what_was_compiled_is_kept_for_the_next_command(capsys, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(runs, "compiled_once", lambda: asked.append("kept"))
    a = png(tmp_path / "a.png")
    for count, words in enumerate((["correct", a, "--only", "inpaint"], ["diagnose", a]), 1):
        assert run(capsys, *words)[0] == 0
        assert len(asked) == count


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


def test_a_comparison_is_never_written_over_an_input(capsys, tmp_path):
    first, second = png(tmp_path / "a.png"), png(tmp_path / "a-compare.png", scene(1))
    before = read(second)
    words = ("correct", first, second, "-o", tmp_path, "--compare", "--overwrite", "--only", "scratches")
    assert run(capsys, *words)[0] == 0
    assert read(second).shape == before.shape
    assert (tmp_path / "a-compare-sheet.png").exists()


def test_two_spellings_of_a_folder_are_one(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.open(png(tmp_path / "a.png")).save(tmp_path / "a.gif")
    code, out, _ = run(capsys, "correct", "a.gif", tmp_path / "a.png", "--only", "scratches")
    assert code == 0
    assert len([path for path in tmp_path.iterdir() if "corrected" in path.name]) == 2


def test_a_folder_above_the_pictures_takes_their_results(capsys, tmp_path, monkeypatch):
    png(tmp_path / "scans" / "a.png")
    monkeypatch.chdir(tmp_path)
    assert run(capsys, "correct", "scans", "-o", ".", "--only", "scratches")[0] == 0
    assert (tmp_path / "a.png").exists()


def test_a_comparison_is_made_of_a_picture_with_holes_that_are_no_number(capsys, tmp_path):
    x = scene().astype(np.float32) / 255
    x[20:30, 20:30] = np.nan
    tifffile.imwrite(tmp_path / "x.tif", x, photometric="rgb")
    assert run(capsys, "correct", tmp_path / "x.tif", "-o", tmp_path / "y.png", "--compare")[0] == 0
    assert (read(tmp_path / "y-compare.png")[20:30, 20:30] == 255).all()


def test_transparency_is_moved_with_the_rows_of_a_band(capsys, tmp_path):
    y, x = np.mgrid[:200, :160]
    shade = 128 + 60 * np.sin(x / 9 + y / 23) + 50 * np.cos(x / 17 - y / 11)
    whole = np.stack([shade, 255 - shade, shade / 2, np.where((x > 40) & (y > 30), 255, 90)], -1)
    whole = np.round(whole).astype(np.uint8)
    torn = whole.copy()
    torn[60:110] = np.roll(torn[60:110], 17, 1)
    Image.fromarray(torn).save(tmp_path / "a.png")
    assert "bands" in run(capsys, "correct", tmp_path / "a.png", "-o", tmp_path / "b.png", "--only", "bands")[1]
    inner = (slice(None), slice(20, -20))
    np.testing.assert_array_equal(read(tmp_path / "b.png")[inner], whole[inner])


def test_what_is_not_done_is_not_said_to_be(capsys, tmp_path):
    words = ("correct", png(tmp_path / "a.png"), "-o", tmp_path / "b.png", "--only", "denoise", "--strength", "0")
    assert "nothing to correct" in run(capsys, *words)[1]
    np.testing.assert_array_equal(read(tmp_path / "b.png"), scene())


@pytest.mark.parametrize(
    ("words", "said"), [(["--only", ","], "names of repairs"), (["--only", "jpeg", "--pieces"], "add tear to it")]
)
def test_options_that_say_nothing_are_refused(capsys, tmp_path, words, said):
    code, _, err = run(capsys, "correct", png(tmp_path / "a.png"), *words)
    assert (code, said in err) == (2, True)


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
    np.testing.assert_array_equal(read(tmp_path / "b.png"), read(a))


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
        assert len(np.unique(np.asarray(after))) > 256


def test_transparency_is_kept(capsys, tmp_path):
    a = tmp_path / "a.png"
    alpha = np.linspace(0, 255, HW[1]).astype(np.uint8) * np.ones((*HW, 1), np.uint8)[:, :, 0]
    Image.fromarray(np.dstack([scene(), alpha])).save(a)
    assert run(capsys, "correct", a, "-o", tmp_path / "b.png", "--compare")[0] == 0
    np.testing.assert_array_equal(read(tmp_path / "b.png")[:, :, 3], alpha)
    assert read(tmp_path / "b-compare.png").shape[2] == 3


def test_transparent_pixels_are_filled_in_and_opaque_then_where_it_is_asked_for(capsys, tmp_path):
    a, b, m = (tmp_path / f"{name}.png" for name in "abm")
    alpha = np.full(HW, 255, np.uint8)
    alpha[20:26, 30:40] = 0
    hole = alpha == 0
    Image.fromarray(np.dstack([np.where(hole[..., None], 0, scene()).astype(np.uint8), alpha])).save(a)
    Image.fromarray(255 * hole.astype(np.uint8)).save(m)
    _, out, _ = run(capsys, "correct", a, "-o", b)
    assert "60 transparent pixels are left so" in out and "inpaint  " not in out
    assert (read(b)[..., 3] == alpha).all()
    for words in ((), ("--mask", m)):
        assert run(capsys, "correct", a, "-o", b, "--overwrite", "--only", "inpaint", *words)[0] == 0
        assert (read(b)[..., 3] == 255).all()
        assert np.abs(read(b)[hole][:, :3] - scene()[hole].astype(int)).mean() < 40
        assert (read(b)[~hole] == read(a)[~hole]).all()


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
