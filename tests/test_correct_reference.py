"""Facts about filling from a second picture of the same thing: correct/align.py and correct/reference.py."""

import numpy as np
import pytest

from jaximg import io, ops
from jaximg.correct import correct
from jaximg.correct.align import align, lay
from jaximg.correct.reference import fill_from
from tests.command import run

HW = 170, 200


def scene(seed: int = 0, channels: int = 3) -> np.ndarray:
    """Blobs of all sizes."""
    rng = np.random.default_rng(seed)
    layers = [a * rng.standard_normal((*HW, channels)).astype(np.float32) for a in (1.0, 4.0, 14.0)]
    waves = sum(
        np.asarray(ops.gaussian_blur(w, s, radius=30)) for w, s in zip(layers, np.float32([1, 3, 9]), strict=True)
    )
    return np.clip(0.5 + 0.25 * waves, 0.02, 0.98).astype(np.float32)


def turned(degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    """From places in a picture to those in the other, about the middle."""
    cos, sin = scale * np.cos(np.deg2rad(degrees)), scale * np.sin(np.deg2rad(degrees))
    middle = np.array([(HW[1] - 1) / 2, (HW[0] - 1) / 2])
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.vstack([np.c_[linear, middle - linear @ middle + shift], [[0, 0, 1]]])


MATRIX = turned(4.0, 1.05, (6.0, -4.5))


def second(x: np.ndarray) -> np.ndarray:
    """Turned, scaled, shifted, of another exposure in each channel."""
    seen = lay(x, np.linalg.inv(MATRIX), HW)[0]
    return np.clip(seen * np.float32([0.8, 0.9, 1.0]) + np.float32([0.1, 0.0, -0.05]), 0, 1).astype(np.float32)


@pytest.fixture
def few(monkeypatch):
    """It takes a minute to try all ways to lie."""
    for name, values in (("TURNS", (0, 4)), ("SCALES", (1.0,)), ("BEST", 1), ("SMALL", 128), ("COARSE", 64)):
        monkeypatch.setattr(f"jaximg.correct.align.{name}", values)


@pytest.fixture(scope="module")
def lost() -> np.ndarray:
    missing = np.zeros((*HW, 1), bool)
    missing[60:110, 80:140] = True
    missing[::31, 20:180] = True
    return missing


@pytest.mark.usefixtures("few")
def test_what_is_missing_is_filled_from_it_and_nothing_else_moves(lost):
    x = scene()
    out = correct(np.where(lost, np.nan, x).astype(np.float32), mask=~lost, reference=second(x), only="inpaint")
    known = ~lost[..., 0]
    np.testing.assert_array_equal(out[known], x[known])
    assert np.sqrt(np.mean((out - x)[~known] ** 2)) < 0.02


@pytest.mark.usefixtures("few")
def test_what_it_does_not_show_is_missing_still(lost):
    x = scene()
    out, still = fill_from(np.where(lost, np.nan, x).astype(np.float32), lost, np.clip(0.9 * x[:, :120], 0, 1))
    assert still[lost].mean() == pytest.approx(lost[:, 120:].sum() / lost.sum(), abs=0.05)
    assert np.sqrt(np.mean((out - x)[lost[..., 0] & ~still[..., 0]] ** 2)) < 0.02


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_what_is_transparent_in_it_is_not_taken_for_black(lost, tmp_path, capsys):
    x, other = scene(), second(scene())
    clear = np.zeros((*HW, 1), bool)
    clear[50:100, 60:110] = True
    out, still = fill_from(x, lost, np.where(clear, np.nan, other).astype(np.float32))
    filled = lost & ~still
    assert still.any() and filled.any()
    assert np.abs(out - x)[filled[..., 0]].mean() < 0.03
    io.write(tmp_path / "x.png", np.where(lost, 0, x).astype(np.float32))
    io.write(tmp_path / "mask.png", lost.astype(np.float32))
    io.write(tmp_path / "other.png", io.Picture(np.where(clear, 0, other).astype(np.float32), 1 - np.float32(clear)))
    words = ("correct", tmp_path / "x.png", "--mask", tmp_path / "mask.png", "--reference", tmp_path / "other.png")
    assert run(capsys, *words, "-o", tmp_path / "out.png", "--only", "inpaint")[0] == 0
    assert np.abs(io.read(tmp_path / "out.png").pixels - x)[lost[..., 0]].mean() < 0.1


def test_all_ways_to_lie_are_tried(rng):
    x = np.asarray(ops.gaussian_blur(rng.random((150, 160, 1), np.float32), np.float32(2.0)))
    found = align(x[5:], np.ones((145, 160), bool), x)
    np.testing.assert_allclose(found.matrix, [[1, 0, 0], [0, 1, 5], [0, 0, 1]], atol=0.5)
    assert found.agreement > 0.9


@pytest.mark.slow
def test_a_picture_of_something_else_is_refused(lost, tmp_path, capsys):
    x = scene()
    for name, pixels in (("a", np.where(lost, 0, x)), ("m", np.repeat(lost, 3, -1)), ("b", scene(1))):
        io.write(tmp_path / f"{name}.png", io.Picture(pixels=pixels.astype(np.float32)))
    words = ["correct", tmp_path / "a.png", "--mask", tmp_path / "m.png", "--only", "inpaint", "--reference"]
    code, _, err = run(capsys, *words, tmp_path / "b.png")
    assert code == 1
    assert "does not match" in err
    assert not (tmp_path / "a-corrected.png").exists()
    code, _, err = run(capsys, *words, tmp_path / "none.png")
    assert code != 0
    assert "no such file" in err
