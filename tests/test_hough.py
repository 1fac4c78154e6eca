"""Facts about Hough transforms: OpenCV's lines, circles where they were drawn, scores that count."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import skimage.data

from jaximg import ops


def canvas(height: int = 120, width: int = 160) -> np.ndarray:
    return np.zeros((height, width), np.uint8)


def lines(picture: np.ndarray, **options) -> np.ndarray:
    return np.asarray(ops.hough_lines(picture[..., None].astype(np.float32), **options))


def circles(picture: np.ndarray, radii, **options) -> np.ndarray:
    return np.asarray(ops.hough_circles(picture[..., None].astype(np.float32), radii, **options))


def test_lines_on_a_photograph_are_opencvs():
    edges = cv2.Canny(skimage.data.camera(), 100, 300) // 255
    theirs = cv2.HoughLinesWithAccumulator(edges, 1, np.pi / 180, 100).reshape(-1, 3)[:12]
    ours = lines(edges, count=40, threshold=90)
    found = [np.abs(ours - line).max(1).argmin() for line in theirs]
    off = np.abs(ours[found] - theirs)
    assert (off[:, 0] <= 1).all()
    assert (off[:, 1] < 0.018).all()
    assert (off[:, 2] <= 4).all()  # a vote or two on either side of a half


@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 135, 179])
def test_a_drawn_line_is_the_first_and_has_its_pixels_votes(degrees):
    picture = canvas(150, 150)
    theta = np.deg2rad(degrees)
    centre, along = np.array([75, 75]), np.array([-np.sin(theta), np.cos(theta)])
    ends = [tuple(np.rint(centre + s * 60 * along).astype(int).tolist()) for s in (-1, 1)]
    cv2.line(picture, *ends, 1)
    rho, angle, votes = lines(picture, count=1)[0]
    assert abs(rho - centre @ [np.cos(angle), np.sin(angle)]) < 1.5
    turn = abs(angle - theta)
    assert min(turn, np.pi - turn) < np.deg2rad(1.5)
    assert votes > 0.5 * picture.sum()


def test_lines_weigh_their_pixels():
    picture = canvas().astype(np.float32)
    picture[20], picture[90] = 0.25, 1.0
    found = lines(picture, count=20, threshold=30)
    np.testing.assert_allclose(found[0], [90, np.pi / 2, 160], atol=1e-4)
    faint = found[np.abs(found[:, 0] - 20).argmin()]
    np.testing.assert_allclose(faint, [20, np.pi / 2, 40], atol=1e-4)


def test_missing_lines_and_circles_are_rows_of_zeros():
    assert (lines(canvas(), count=5) == 0).all()
    assert (circles(canvas(), [5, 6], count=5) == 0).all()
    picture = canvas()
    picture[40] = 1
    found = lines(picture, count=3, threshold=100)
    assert found[0, 2] == 160
    assert (found[1:] == 0).all()


def test_a_count_above_the_number_of_pixels_is_filled_with_zeros():
    assert circles(np.ones((2, 3)), [1], count=20).shape == (20, 4)


def test_drawn_circles_are_found_with_their_centres_and_radii():
    picture = canvas()
    drawn = [(40, 50, 20), (100, 70, 33), (130, 30, 12)]
    for x, y, r in drawn:
        cv2.circle(picture, (x, y), r, 1)
    found = circles(picture, range(8, 40), count=3)
    found = found[np.argsort(found[:, 0])]
    assert np.abs(found[:, :3] - sorted(drawn)).max() <= 1  # OpenCV's rings are not those of the formula
    assert (found[:, 3] > 0.4).all()


def test_the_score_is_the_share_of_the_ring_that_is_edge(rng):
    picture = rng.random((40, 50)) < 0.3
    (x, y, radius, score), *_ = circles(picture, [7], count=1)
    near = np.hypot(*(np.mgrid[:40, :50] - np.array([y, x])[:, None, None]))
    ring = np.abs(near - radius) <= 0.5
    whole = np.abs(np.hypot(*np.mgrid[-9:10, -9:10]) - radius) <= 0.5
    np.testing.assert_allclose(score, (picture & ring).sum() / whole.sum(), atol=1e-5)


def test_a_circle_cut_by_the_border_keeps_its_share_and_no_votes_come_around():
    picture = canvas()
    cv2.circle(picture, (0, 60), 25, 1)
    x, y, radius, score = circles(picture, range(20, 31), count=1)[0]
    assert (abs(x) <= 1, abs(y - 60) <= 1, abs(radius - 25) <= 1) == (True, True, True)
    assert 0.35 < score < 0.65
    assert circles(picture, [25], count=16)[:, 0].max() < 80


def test_hough_transforms_have_zero_gradient(rng):
    picture = jnp.asarray(rng.random((20, 20, 1)), jnp.float32)
    for op in (ops.hough_lines, lambda x: ops.hough_circles(x, [4, 5])):
        assert not np.any(jax.grad(lambda x, op=op: op(x).sum())(picture))


def test_rejects_colour_and_counts_below_one():
    grey, colour = np.zeros((5, 5, 1), np.float32), np.zeros((5, 5, 3), np.float32)
    with pytest.raises(ValueError, match="channels"):
        ops.hough_lines(colour)
    with pytest.raises(ValueError, match="count"):
        ops.hough_lines(grey, count=0)
    for radii in ([], [0, 3]):
        with pytest.raises(ValueError, match="radii"):
            ops.hough_circles(grey, radii)
