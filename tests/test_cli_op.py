"""`jaximg op`: every operator has a command line, and does there what it does in Python."""

import json

import numpy as np
import pytest

from jaximg import ops
from jaximg.cli.results import visible
from tests.command import HW, png, read, run, scene


def unit_scene(channels: int = 3) -> np.ndarray:
    """What an operator is given of `scene`."""
    return scene(channels).astype(np.float32) / 255


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
    a = png(tmp_path / "a.png")
    assert run(capsys, "op", "gaussian_blur", a, tmp_path / "b.png", "--sigma", "2", "--border", "edge")[0] == 0
    want = ops.gaussian_blur(unit_scene(), 2.0, border="edge")
    np.testing.assert_allclose(read(tmp_path / "b.png"), 255 * np.asarray(want), atol=0.51)


def test_op_takes_a_pair_or_one_number_for_a_size(capsys, tmp_path):
    a = png(tmp_path / "a.png")
    image = unit_scene()
    for words, size in ((["5", "7"], (5, 7)), (["3"], 3)):
        assert run(capsys, "op", "box-blur", a, tmp_path / "b.png", "--size", *words, "--overwrite")[0] == 0
        np.testing.assert_allclose(read(tmp_path / "b.png"), 255 * np.asarray(ops.box_blur(image, size)), atol=0.51)


def test_op_takes_a_kernel_as_numbers_and_as_a_file(capsys, tmp_path):
    a = png(tmp_path / "a.png", scene(1))
    (tmp_path / "k.txt").write_text("0 1 0\n2 -4 3\n0 5 0\n")
    want = ops.filter2d(unit_scene(1), np.array([[0, 1, 0], [2, -4, 3], [0, 5, 0]], np.float32))
    for kernel in ("0 1 0; 2 -4 3; 0 5 0", tmp_path / "k.txt"):
        code, out, _ = run(capsys, "op", "filter2d", a, "-", "--kernel", kernel)
        assert code == 0
        np.testing.assert_allclose(np.array(json.loads(out)), want, atol=1e-5)


def test_op_shows_signed_results_around_middle_grey(capsys, tmp_path):
    a = png(tmp_path / "a.png", scene(1))
    run(capsys, "op", "filter2d", a, tmp_path / "b.png", "--kernel", "-1 0 1; -2 0 2; -1 0 1")
    slope = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)
    want = np.asarray(ops.filter2d(unit_scene(1), slope))[..., 0]
    shown = read(tmp_path / "b.png").reshape(HW)
    assert np.corrcoef(shown.ravel(), want.ravel())[0, 1] > 0.999
    assert 100 < shown[np.abs(want) < 0.01].mean() < 155


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
    want = ops.resize(unit_scene(), (32, 40))
    np.testing.assert_allclose(read(tmp_path / "b.png"), 255 * np.clip(want, 0, 1), atol=0.51)


def test_op_writes_several_arrays_into_no_other_file_than_was_named(capsys, tmp_path):
    a = png(tmp_path / "a.png", scene(1))
    (tmp_path / "o.npz").write_bytes(b"mine")
    code, _, err = run(capsys, "op", "find_peaks", a, tmp_path / "o.npy", "--max-peaks", "3")
    assert (code, "several arrays" in err) == (1, True)
    assert (tmp_path / "o.npz").read_bytes() == b"mine"
    assert not (tmp_path / "o.npy").exists()
    assert run(capsys, "op", "find_peaks", a, tmp_path / "p.npz", "--max-peaks", "3")[0] == 0
    assert len(np.load(tmp_path / "p.npz").files) > 1


@pytest.mark.parametrize(
    ("words", "move"),
    [
        (["flip_left_right"], lambda x: x[:, ::-1]),
        (["rot90"], lambda x: np.rot90(x)),
        (["center_crop", "--height", "20", "--width", "30"], lambda x: x[22:42, 25:55]),
    ],
)
def test_op_moves_transparency_with_the_picture(capsys, tmp_path, words, move):
    pixels = np.concatenate([scene(), scene(1)], -1)
    a = png(tmp_path / "a.png", pixels)
    assert run(capsys, "op", words[0], a, tmp_path / "b.png", *words[1:])[0] == 0
    np.testing.assert_array_equal(read(tmp_path / "b.png"), move(pixels))


def test_op_resizes_transparency_too_and_a_filter_leaves_it(capsys, tmp_path):
    pixels = np.concatenate([scene(), scene(1)], -1)
    a = png(tmp_path / "a.png", pixels)
    assert run(capsys, "op", "resize", a, tmp_path / "b.png", "--size", "32", "40")[0] == 0
    want = ops.resize(pixels[..., 3:].astype(np.float32) / 255, (32, 40))
    np.testing.assert_allclose(read(tmp_path / "b.png")[..., 3:], 255 * np.clip(want, 0, 1), atol=0.51)
    assert run(capsys, "op", "box_blur", a, tmp_path / "c.png", "--size", "3")[0] == 0
    np.testing.assert_array_equal(read(tmp_path / "c.png")[..., 3], pixels[..., 3])


def test_op_writes_exact_numbers(capsys, tmp_path):
    a = png(tmp_path / "a.png")
    assert run(capsys, "op", "gaussian_blur", a, tmp_path / "b.npy", "--sigma", "1")[0] == 0
    want = ops.gaussian_blur(unit_scene(), 1.0)
    np.testing.assert_allclose(np.load(tmp_path / "b.npy"), want, atol=1e-6)


def test_op_gray_makes_one_channel(capsys, tmp_path):
    a = png(tmp_path / "a.png")
    assert run(capsys, "op", "gaussian_blur", a, tmp_path / "b.npy", "--sigma", "1", "--gray")[0] == 0
    want = ops.gaussian_blur(ops.rgb_to_grayscale(unit_scene()), 1.0)
    np.testing.assert_allclose(np.load(tmp_path / "b.npy"), want, atol=1e-5)


def test_op_passes_on_what_the_operator_says(capsys, tmp_path):
    code, _, err = run(capsys, "op", "gaussian_blur", png(tmp_path / "a.png"), tmp_path / "b.png", "--sigma", "-1")
    assert code == 2
    assert "a standard deviation in pixels is not negative" in err


def test_op_does_not_replace_a_file_unless_told(capsys, tmp_path):
    a, b = png(tmp_path / "a.png"), tmp_path / "b.npy"
    b.write_text("mine")
    assert run(capsys, "op", "gaussian_blur", a, b, "--sigma", "1")[0] == 1
    assert b.read_text() == "mine"
