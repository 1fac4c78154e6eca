"""Torn pictures: what tears do to them, that they are found, put together, and never seen where there are none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import data

from jaximg import correct, degrade, io
from jaximg.correct.tears import Bands, bands, find, find_bands, find_tear, mend, put_back
from jaximg.correct.tears.assemble import Placed
from jaximg.correct.tears.borders import borders
from jaximg.correct.tears.extend import signed_distance
from jaximg.correct.tears.fit import downhill, rim
from jaximg.correct.tears.outline import candidates, outline
from jaximg.correct.tears.plain import Fragments
from tests.command import run

KEY = jax.random.key


def photograph(height: int = 240, width: int = 320) -> np.ndarray:
    return (data.astronaut()[30 : 30 + height, 60 : 60 + width] / 255).astype(np.float32)


def bytes_of(image) -> np.ndarray:
    return (np.round(255 * np.clip(np.asarray(image, np.float32), 0, 1)) / 255).astype(np.float32)


def square(matrix) -> np.ndarray:
    return np.vstack([np.asarray(matrix, np.float64), [0, 0, 1]])


def errors(tear, torn) -> list[float]:
    """By how many pixels the corners of the largest part are off, for each of the others."""
    masks = np.asarray(torn.masks)[..., 0]
    owner = [int(np.bincount(tear.label[m], minlength=tear.count + 1)[1:].argmax()) for m in masks]
    y, x = np.nonzero(masks[0])
    corners = np.array([[a, b, 1] for a in (x.min(), x.max()) for b in (y.min(), y.max())], float)
    base = np.linalg.inv(square(tear.matrices[owner[0]]))
    found = [base @ square(tear.matrices[k]) for k in owner]
    true = [square(torn.matrices[0]) @ np.linalg.inv(square(m)) for m in torn.matrices]
    return [float(np.hypot(*((f - t) @ corners.T)[:2]).max()) for f, t in zip(found[1:], true[1:], strict=True)]


# --- tearing ---------------------------------------------------------------------------------------------------------


def test_a_tear_moves_the_smaller_part_over_nothing_and_says_where():
    x = photograph()
    torn = degrade.tear(KEY(1), x)
    masks, matrices = np.asarray(torn.masks)[..., 0], np.asarray(torn.matrices)
    assert not (masks[0] & masks[1]).any()
    assert masks[0].sum() > masks[1].sum() > 0.1 * x[..., 0].size
    left, top = matrices[0, :, 2].astype(int)
    here = np.asarray(torn.image)[top : top + x.shape[0], left : left + x.shape[1]]
    seen = masks[0][top : top + x.shape[0], left : left + x.shape[1]]
    np.testing.assert_allclose(here[seen], x[seen], atol=1e-5)
    assert abs(np.degrees(np.arctan2(matrices[1, 1, 0], matrices[1, 0, 0]))) <= 4
    lost = 1 - masks.sum() / x[..., 0].size
    assert 0.002 < lost < 0.06
    assert (np.asarray(degrade.tear(KEY(1), x).image) == np.asarray(torn.image)).all()


def test_pieces_lie_apart_on_the_ground():
    torn = degrade.tear_pieces(KEY(0), photograph(), count=4, ground=(0.2, 0.4, 0.3))
    masks = np.asarray(torn.masks)[..., 0]
    assert masks.sum(0).max() == 1
    sizes = masks.sum((1, 2))
    assert (np.diff(sizes) <= 0.02 * sizes[0]).all()
    np.testing.assert_allclose(np.asarray(torn.image)[0, 0], (0.2, 0.4, 0.3), atol=1e-6)


@pytest.mark.parametrize("fill", ["wrap", "constant"])
def test_bands_are_rows_moved_by_whole_pixels(fill):
    x = photograph()
    out, shifts = degrade.shift_bands(KEY(2), x, fill=fill, value=0.5)
    for y in (0, 60, 120, 239):
        moved = np.roll(x[y], shifts[y], 0)
        kept = slice(max(0, int(shifts[y])), x.shape[1] + min(0, int(shifts[y])))
        np.testing.assert_array_equal(np.asarray(out)[y, kept], moved[kept])
    assert len(set(np.asarray(shifts).tolist())) > 2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: degrade.tear(KEY(0), x[None]), ValueError, "one picture"),
        (lambda x: degrade.tear(KEY(0), x[:16]), ValueError, "32 pixels"),
        (lambda x: degrade.tear_pieces(KEY(0), x, count=1), ValueError, "at least 2"),
        (lambda x: degrade.shift_bands(KEY(0), x, count=0), ValueError, "one band"),
        (lambda x: degrade.shift_bands(KEY(0), x, fill="mirror"), ValueError, "wrap"),
        (lambda x: jax.jit(lambda y: degrade.tear(KEY(0), y).image)(jnp.asarray(x)), TypeError, "host"),
    ],
)
def test_what_cannot_be_torn_is_said(call, error, message):
    with pytest.raises(error, match=message):
        call(photograph(64, 64))


# --- putting together ------------------------------------------------------------------------------------------------


def looks_like(whole: np.ndarray, picture: np.ndarray) -> bool:
    """Apart from a rim and a shift of up to four pixels, most of `whole` is the picture."""
    height, width = (min(a, b) - 8 for a, b in zip(whole.shape[:2], picture.shape[:2], strict=True))
    inner = np.asarray(picture)[4 : height + 4, 4 : width + 4]
    shifts = [(y, x) for y in range(9) for x in range(9) if y + height <= len(whole) and x + width <= whole.shape[1]]
    return min(np.median(np.abs(whole[y : y + height, x : x + width] - inner)) for y, x in shifts) < 0.02


@pytest.mark.parametrize("seed", [3, pytest.param(6, marks=pytest.mark.slow), pytest.param(7, marks=pytest.mark.slow)])
def test_two_halves_are_put_together_by_correct_itself(seed):
    x = photograph()
    torn = degrade.tear(KEY(seed), x)
    canvas = bytes_of(torn.image)
    report = correct.diagnose(canvas)
    assert "tear       2 pieces" in str(report)
    assert [step.name for step in correct.plan(report)][0] == "tear"
    assert max(errors(report.tear, torn)) < 2
    whole = correct.correct(canvas, report=report, only="tear")
    left, top = np.rint(np.asarray(torn.matrices)[0, :, 2]).astype(int)
    assert np.abs(np.array(whole.shape[:2]) - x.shape[:2]).max() <= 2
    assert np.abs(np.array(report.tear.box[:2]) - [top, left]).max() <= 1
    assert looks_like(whole, x)


@pytest.mark.parametrize("seed", [4, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_a_scan_with_an_uneven_core_a_shadow_and_jpeg_on_a_coloured_ground_is_put_together(seed):
    torn = degrade.tear(
        KEY(seed), photograph(), core=(0.93, 0.91, 0.86), ground=(0.3, 0.42, 0.5), uneven=0.03, shadow=0.35
    )
    scan = degrade.jpeg_real(bytes_of(torn.image), 88)
    tear = find_tear(scan)
    assert tear.count == 2
    assert max(errors(tear, torn)) < 2


def test_two_scattered_pieces_are_put_together():
    torn = degrade.tear_pieces(KEY(2), photograph(160, 200), count=2)
    tear = find_tear(bytes_of(torn.image), pieces=True)
    assert tear.count == 2
    assert max(errors(tear, torn)) < 2


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "count"), [(0, 3), (1, 3), (2, 3), (3, 4), (4, 4), (5, 5)])
def test_some_scattered_pieces_are_put_together(seed, count):
    torn = degrade.tear_pieces(KEY(seed), photograph(300, 400), count=count)
    tear = find_tear(bytes_of(torn.image), pieces=True)
    assert tear.count == count
    assert max(errors(tear, torn)) < 2


@pytest.mark.slow
def test_pieces_put_together_are_the_picture_but_for_the_tears():
    torn = degrade.tear_pieces(KEY(2), photograph(200, 260), count=3)
    tear = find_tear(bytes_of(torn.image), pieces=True)
    whole, filled = mend(bytes_of(torn.image), tear)
    assert np.abs(np.array(whole.shape[:2]) - (200, 260)).max() <= 4
    assert filled.mean() < 0.1
    assert looks_like(whole, np.asarray(photograph(200, 260)))


def test_a_mask_shows_where_a_tear_runs():
    torn = degrade.tear(KEY(1), photograph())
    known = np.asarray(torn.masks).any(0)
    image = np.where(known, np.asarray(torn.image), 0.5).astype(np.float32)
    report = correct.diagnose(image, mask=known)
    assert max(errors(report.tear, torn)) < 2


def test_a_mask_that_parts_a_picture_which_is_whole_tears_nothing():
    x = photograph()
    known = np.ones(x.shape[:2])
    known[:, 150:154] = 0
    assert [step.name for step in correct.plan(correct.diagnose(x, mask=known), mask=known)][0] == "inpaint"


@pytest.mark.parametrize("fill", ["wrap", "constant"])
def test_bands_are_found(fill):
    x = photograph()
    image, shifts = degrade.shift_bands(KEY(5), x, fill=fill)
    shifts = np.asarray(shifts)
    values, counts = np.unique(shifts, return_counts=True)
    found = find_bands(np.asarray(image))
    np.testing.assert_array_equal(found.shifts, shifts - values[counts.argmax()])
    assert correct.plan(correct.diagnose(np.asarray(image)))[0].name == "bands"


def test_what_is_told_of_a_picture_put_right_is_not_repaired_in_place():
    x, moved = photograph(64, 80), np.zeros(64, int)
    moved[20:30] = 5
    line = np.zeros((64, 80, 1), bool)
    line[:, 40] = True
    report = correct.Report(bands=Bands(moved, 1.0), scratches=line, scratches_confidence=1.0)
    with pytest.raises(ValueError, match=r"ask for bands too, or give a report of diagnose\(image, whole=True\)"):
        correct.correct(x, report=report, only="scratches")


@pytest.mark.slow
def test_what_is_repaired_in_place_is_found_in_place():
    x = photograph()
    scratched, known = degrade.scratches(KEY(1), x, count=3, width=3.0, opacity=1.0)
    image = np.asarray(degrade.shift_bands(KEY(5), scratched)[0])
    report, mended = correct.diagnose(image), correct.correct(image, only="scratches")
    assert report.bands.confidence == 1
    changed = (mended != image).any(-1, keepdims=True)
    assert changed.any() and changed.mean() < 0.2
    assert not (changed & ~correct.diagnose(image, whole=True).scratches).any()
    with pytest.raises(ValueError, match=r"ask for bands too, or give a report of diagnose\(image, whole=True\)"):
        correct.correct(image, report=report, only="scratches")


@pytest.mark.parametrize("fill", ["wrap", "constant"])
def test_rows_put_back_are_where_they_were(fill):
    x = photograph(64, 80)
    image, shifts = degrade.shift_bands(KEY(5), x, fill=fill)
    back, lost = put_back(np.asarray(image), np.asarray(shifts))
    np.testing.assert_array_equal(back[~lost[..., 0]], x[~lost[..., 0]])
    assert lost.sum() == (0 if fill == "wrap" else np.abs(shifts).sum())


# --- leaving alone ---------------------------------------------------------------------------------------------------


def lines() -> np.ndarray:
    y, x = np.mgrid[:200, :260].astype(np.float32)
    return bytes_of(np.where(np.abs(y - 100 - 0.2 * x) < 4, 1.0, 0.4 + 0.2 * np.sin(x / 30))[..., None].repeat(3, -1))


def horizon() -> np.ndarray:
    rng = np.random.default_rng(0)
    y = np.mgrid[:200, :260][0]
    return bytes_of(np.where(y > 90, 0.3, 0.8)[..., None] + 0.02 * rng.standard_normal((200, 260, 3)))


def page() -> np.ndarray:
    return bytes_of(degrade.text(KEY(0), np.ones((200, 260, 3), np.float32), value=0.0)[0])


def slopes(seed: int) -> np.ndarray:
    """A smooth sky as a JPEG leaves it: moved by a block, its rows look alike."""
    y, x = np.mgrid[:256, :320].astype(np.float32)
    rng = np.random.default_rng(seed)
    a, wide = rng.uniform(-1, 1, 6), rng.uniform(30, 200, 3)
    sky = 0.4 + 0.25 * np.tanh((a[0] * x + a[1] * y - 100 * a[2]) / wide[0])
    sky += 0.1 * np.sin((a[3] * x + a[4] * y) / wide[1]) + rng.uniform(0, 0.01) * rng.standard_normal(x.shape)
    return degrade.jpeg_real(np.clip(sky, 0, 1)[..., None].repeat(3, -1).astype(np.float32), 50)


@pytest.mark.parametrize("seed", [6, 41])
def test_blocks_of_a_jpeg_in_a_sky_are_no_bands(seed, monkeypatch):
    assert find_bands(slopes(seed)).confidence == 0
    monkeypatch.setattr(bands, "MENDED", -9.0)
    assert find_bands(slopes(seed)).confidence == 1  # but for what the rows are like once they are put back


def test_rows_that_are_put_elsewhere_must_be_more_alike_there():
    x = photograph(96, 128)
    moved, shifts = degrade.shift_bands(KEY(3), x, count=2)
    assert bands.mended(np.asarray(moved), np.asarray(shifts)) > bands.MENDED > 0 > bands.mended(x, np.asarray(shifts))


def test_parts_without_print_are_no_parts():
    x = np.zeros((64, 96, 3), np.float32)
    label = np.zeros((64, 96), int)
    label[:, :40], label[:, 50:] = 1, 2
    assert find._printed(np.where(label[..., None] > 0, 0.5, x), label)
    assert not find._printed(np.where(label[..., None] == 1, 0.5, x + 3 / 255 * (label[..., None] == 2)), label)


@pytest.mark.parametrize("picture", [photograph, lines, horizon, page])
def test_pictures_that_are_not_torn_are_left_alone(picture):
    assert find_tear(picture()).count == 0
    assert find_bands(picture()).confidence == 0


# --- how -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("contact", "cost", "torn"), [(100, 0.8, True), (50, 0.8, False), (50, 0.5, True)])
def test_edges_that_touch_along_a_short_stretch_must_agree_better(contact, cost, torn):
    label = np.ones((100, 150), int)
    label[:, 75:] = 2
    still = np.eye(2, 3)
    placed = [Placed(still, 0, 0, 0), Placed(still, contact, 0, cost, ragged=1.0)]
    assert find._torn(Fragments(label, 2, 2), placed, told=False) == torn


def test_an_outline_finds_itself_turned():
    rng = np.random.default_rng(0)
    z = np.cumsum(np.exp(1j * (np.linspace(0, 2 * np.pi, 400) + 0.4 * rng.standard_normal(400)))) * 4
    turn = np.exp(0.5j)
    found = candidates(z[::-1], z * turn + 7)[0]
    np.testing.assert_allclose(found[0, 0] + 1j * found[1, 0], 1 / turn, atol=0.02)


def test_borders_are_placed_within_the_pixel():
    y, x = np.mgrid[:160, :160].astype(np.float32)
    cover = np.clip(x - 39.8 + 0.5, 0, 1) * np.clip(119.7 - x + 0.5, 0, 1) * ((y > 40) & (y < 120))
    found = borders(cover[..., None], outline(cover > 0.01))
    sides = sorted(float(b.ends[:, 0].mean()) for b in found if abs(b.direction[1]) > 0.9)
    np.testing.assert_allclose(sides, [39.8, 119.7], atol=0.15)


def test_some_of_an_outline_are_taken_on_all_sides():
    places, _ = rim(signed_distance(np.pad(np.ones((700, 60), bool), 4)))
    assert abs((places[:, 0] < 34).mean() - 0.5) < 0.05


def test_the_simplex_finds_the_bottom():
    found = downhill(lambda p: float((p[0] - 2) ** 2 + 3 * (p[1] + 1) ** 2), np.zeros(2), np.eye(2), 120)
    np.testing.assert_allclose(found, [2, -1], atol=0.05)


@pytest.mark.slow
def test_the_command_puts_pieces_together(capsys, tmp_path):
    torn = degrade.tear_pieces(KEY(2), photograph(200, 260), count=3)
    io.write(tmp_path / "pieces.png", io.Picture(bytes_of(torn.image)))
    code, out, err = run(capsys, "correct", tmp_path / "pieces.png", "-o", tmp_path / "whole.png", "--pieces")
    assert (code, err) == (0, "")
    assert "tear" in out
    assert np.abs(np.array(io.read(tmp_path / "whole.png").pixels.shape[:2]) - (200, 260)).max() <= 6
