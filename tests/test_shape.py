"""Facts about shapes: outlines, what stays when a shape is moved, turned or scaled, and which shapes are near."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaximg import ops

SIDE, POINTS = 72, 48
METHODS = {"I1": cv2.CONTOURS_MATCH_I1, "I2": cv2.CONTOURS_MATCH_I2, "I3": cv2.CONTOURS_MATCH_I3}


def star(tips: int, depth: float, *, radius: float = 25.0, turn: float = 0.0) -> np.ndarray:
    """A star; of depth 0 a disk."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    edge = radius * (1 - depth * (0.5 + 0.5 * np.cos(tips * (np.arctan2(y, x) - turn))))
    return (np.hypot(x, y) < edge)[..., None].astype(np.float32)


def bars(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    picture = np.zeros((SIDE, SIDE, 1), np.float32)
    for top, left, height, width in boxes:
        picture[top : top + height, left : left + width] = 1
    return picture


SQUARE = bars((16, 16, 40, 40))
FLAG = bars((8, 20, 56, 10), (8, 20, 20, 34))
STRAIGHT = bars((30, 4, 10, 64))
BENT = bars((30, 4, 10, 32), (30, 30, 36, 10))
SHAPES = {
    "square": [SQUARE, bars((4, 20, 30, 30))],
    "star": [star(5, 0.6), star(5, 0.6, turn=0.3), star(5, 0.6, radius=33.0)],
    "disk": [star(1, 0.0), star(1, 0.0, radius=14.0)],
    "flag": [FLAG, np.rot90(FLAG).copy(), FLAG[:, ::-1].copy()],
}


def contexts(pictures, **options) -> jax.Array:
    """One by one, so that one compilation serves all."""
    return jnp.stack([ops.shape_context(picture, points=POINTS, **options) for picture in pictures])


@pytest.mark.parametrize("method", METHODS)
def test_shapes_differ_as_opencv_says(method):
    for other in (FLAG, SQUARE, BENT):
        want = cv2.matchShapes(FLAG[..., 0], other[..., 0], METHODS[method], 0)
        assert ops.match_shapes(FLAG, other, method=method) == pytest.approx(want, abs=1e-4)


def test_a_picture_without_moments_is_like_another_such_and_like_nothing_else():
    nothing = np.zeros((9, 9, 1), np.float32)
    assert ops.match_shapes(nothing, nothing) == 0
    assert ops.match_shapes(nothing, SQUARE) == np.finfo(np.float32).max


def test_the_seventh_invariant_tells_mirror_images_apart_and_the_others_do_not():
    here, there = (ops.hu_moments(picture) for picture in (FLAG, FLAG[:, ::-1].copy()))
    np.testing.assert_allclose(here[:6], there[:6], rtol=1e-3, atol=1e-9)
    assert here[6] * there[6] < 0


@pytest.mark.parametrize("picture", [FLAG, np.rot90(FLAG).copy(), FLAG[:, ::-1].copy()])
def test_each_of_the_hu_moments_is_opencv_s_however_small(picture):
    want = cv2.HuMoments(cv2.moments(picture[..., 0])).ravel()
    np.testing.assert_allclose(ops.hu_moments(picture), want, rtol=1e-3)


def test_hu_moments_stay_when_a_shape_is_moved_turned_and_doubled():
    want = ops.hu_moments(FLAG)
    doubled = FLAG.repeat(2, 0).repeat(2, 1)
    for other in (np.roll(FLAG, (5, -9), (0, 1)), np.rot90(FLAG), doubled):
        np.testing.assert_allclose(ops.hu_moments(other.copy()), want, rtol=2e-2, atol=1e-6)


def test_an_outline_runs_along_the_shape_in_equal_steps():
    xy = np.asarray(ops.contour(star(1, 0.0), points=POINTS))
    radius = np.hypot(*(xy - (SIDE - 1) / 2).T)
    assert (np.abs(radius - 25) < 1).all()
    steps = np.hypot(*np.diff(xy, axis=0, append=xy[:1]).T)
    assert steps.max() / steps.min() < 1.2


def test_an_outline_is_opencvs_pixels_half_a_pixel_farther_out():
    picture = star(5, 0.6)
    (found,), _ = cv2.findContours(picture[..., 0].astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    ours = np.asarray(ops.contour(picture, points=POINTS))
    gaps = np.hypot(*np.moveaxis(ours[:, None] - found[None, :, 0], -1, 0))
    assert gaps.min(1).max() < 0.8


def test_the_largest_shape_is_outlined_and_its_holes_are_not():
    ring = SQUARE - bars((24, 24, 20, 20))
    speck = bars((2, 2, 3, 3))
    np.testing.assert_array_equal(ops.contour(ring + speck, points=POINTS), ops.contour(SQUARE, points=POINTS))


def test_no_shape_has_no_outline_no_descriptor_and_no_context():
    nothing = jnp.zeros((SIDE, SIDE, 1))
    for out in (
        ops.contour(nothing, points=POINTS),
        ops.fourier_descriptor(nothing, points=POINTS),
        contexts([nothing]),
    ):
        assert (out == 0).all()


def test_shapes_at_the_border_and_of_one_pixel_have_outlines():
    full = np.asarray(ops.contour(jnp.ones((5, 7, 1)), points=16))
    assert full.min() == -0.5
    assert full[:, 0].max() == 6.5
    dot = np.asarray(ops.contour(jnp.zeros((5, 7, 1)).at[4, 6].set(1.0), points=16))
    np.testing.assert_allclose(np.abs(dot - [6, 4]).sum(-1), 0.5, atol=1e-6)


@pytest.mark.parametrize("descriptor", ["fourier", "context", "inner"])
def test_copies_moved_turned_and_scaled_are_nearer_than_other_shapes(descriptor):
    names = [name for name, copies in SHAPES.items() for _ in copies]
    pictures = [picture for copies in SHAPES.values() for picture in copies]
    if descriptor == "fourier":
        f = np.stack([ops.fourier_descriptor(picture, points=POINTS) for picture in pictures])
        apart = np.linalg.norm(f[:, None] - f[None], axis=-1)
    else:
        h = contexts(pictures, inner=descriptor == "inner")
        apart = np.array(ops.shape_context_distance(h[:, None], h[None], mirror=True))
    np.fill_diagonal(apart, np.inf)
    assert [names[k] for k in apart.argmin(1)] == names


def test_a_mirror_image_is_the_same_shape_only_where_asked_for():
    here, there = contexts([FLAG, FLAG[:, ::-1].copy()])
    assert ops.shape_context_distance(here, there, mirror=True) < 0.02
    assert ops.shape_context_distance(here, there) > 0.03


def test_a_bend_moves_the_inner_distance_less():
    gaps = [
        float(ops.shape_context_distance(*contexts([STRAIGHT, BENT], inner=inner), mirror=True))
        for inner in (True, False)
    ]
    assert gaps[0] < 0.8 * gaps[1]


def test_a_convex_shape_has_its_straight_distances_for_inner_ones():
    plain, inner = (contexts([SQUARE], inner=inner) for inner in (False, True))
    np.testing.assert_allclose(inner, plain, atol=0.03)


def test_histograms_sum_to_one():
    np.testing.assert_allclose(contexts([FLAG]).sum((-2, -1)), 1, atol=1e-5)


def slow_alignment(cost: np.ndarray, penalty: float, starts: int) -> float:
    n, best = len(cost), np.inf
    for start in np.arange(starts) * n // starts:
        table = np.add.outer(np.arange(n + 1), np.arange(n + 1)) * penalty / 2
        for i in range(n):
            for j in range(n):
                skip = min(table[i, j + 1], table[i + 1, j]) + penalty / 2
                table[i + 1, j + 1] = min(table[i, j] + cost[i, (j + start) % n], skip)
        best = min(best, table[n, n])
    return best / n


@pytest.mark.parametrize("starts", [1, 5])
def test_the_alignment_is_the_textbooks_table(rng, starts):
    a, b = rng.dirichlet(np.ones(12), (2, 14)).astype(np.float32)
    got = ops.shape_context_distance(a.reshape(14, 3, 4), b.reshape(14, 3, 4), penalty=0.3, starts=starts)
    assert got == pytest.approx(slow_alignment(1 - np.sqrt(a) @ np.sqrt(b).T, 0.3, starts), abs=1e-6)


def test_the_distance_has_a_finite_gradient_where_bins_are_empty():
    here, there = contexts([FLAG, SQUARE])
    gradient = jax.grad(lambda h: ops.shape_context_distance(h, there))(here)
    assert np.isfinite(gradient).all()
    assert np.any(gradient)


def test_a_template_of_edges_is_found_where_it_was_cut_out_though_half_is_missing():
    edges = jnp.asarray(cv2.Canny(star(5, 0.6).astype(np.uint8) * 255, 100, 200)[..., None] / np.float32(255))
    template = edges[10:40, 12:48]
    hidden = edges.at[:, 30:40].set(0)
    scores = ops.chamfer_match(hidden, template, limit=5.0)[..., 0]
    assert np.unravel_index(np.argmin(scores), scores.shape) == (10, 12)
    assert ops.chamfer_match(edges, template)[10, 12, 0] == pytest.approx(0, abs=1e-4)
    assert np.any(jax.grad(lambda t: ops.chamfer_match(edges, t).sum())(template))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.contour(SQUARE, points=2), "at least 3"),
        (lambda: ops.fourier_descriptor(SQUARE, terms=9, points=8), "below the number"),
        (lambda: ops.shape_context(SQUARE, angles=7), "even"),
        (lambda: ops.shape_context_distance(jnp.ones((4, 2, 2)), jnp.ones((5, 2, 2))), "the last equal"),
        (lambda: ops.shape_context_distance(jnp.ones((4, 2, 2)), jnp.ones((4, 2, 2))), r"1\.\.4"),
        (lambda: ops.match_shapes(SQUARE, SQUARE, method="I4"), "'I2'"),
        (lambda: ops.chamfer_match(SQUARE[:4, :4], SQUARE), "larger"),
        (lambda: ops.moments(jnp.ones((4, 4, 3))), "rgb_to_grayscale"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
