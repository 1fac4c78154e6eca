"""Measures of classifiers and generators: known values, limits, and real against real."""

import numpy as np
import pytest
from scipy import linalg

from jaximg import evaluate
from jaximg.evaluate import distances, neighbours

RNG = np.random.default_rng(0)


def test_frechet_distance_is_that_of_the_matrix_root():
    a, b = RNG.standard_normal((400, 6)), RNG.standard_normal((300, 6)) @ RNG.standard_normal((6, 6)) + 1
    one, two = np.cov(a.T), np.cov(b.T)
    cross = np.trace(linalg.sqrtm(one @ two).real)
    wanted = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(one) + np.trace(two) - 2 * cross
    assert evaluate.frechet_distance(a, b) == pytest.approx(wanted, rel=1e-8)


def test_frechet_distance_of_a_cloud_on_a_plane_is_finite():
    flat = np.concatenate([RNG.standard_normal((50, 2)), np.zeros((50, 3))], axis=1)
    assert abs(evaluate.frechet_distance(flat, flat)) < 1e-9


def brute(points: np.ndarray, cloud: np.ndarray, k: int) -> float:
    among = np.sort(np.linalg.norm(cloud[:, None] - cloud[None], axis=-1), axis=1)[:, k]
    return float(np.mean(np.any(np.linalg.norm(points[:, None] - cloud[None], axis=-1) <= among, axis=1)))


def test_precision_and_recall_are_those_of_the_definition(monkeypatch):
    monkeypatch.setattr(neighbours, "ROWS", 7)
    real, fake = RNG.standard_normal((40, 3)), RNG.standard_normal((30, 3)) + 0.7
    assert evaluate.precision_recall(real, fake) == (brute(fake, real, 3), brute(real, fake, 3))


def test_one_real_picture_repeated_is_precise_and_recalls_little():
    real = RNG.standard_normal((60, 4))
    precision, recall = evaluate.precision_recall(real, np.repeat(real[:1], 60, axis=0))
    assert (precision, recall) == (1.0, 1 / 60)


def test_density_and_coverage_are_those_of_the_definition(monkeypatch):
    monkeypatch.setattr(neighbours, "ROWS", 7)
    real, fake = RNG.standard_normal((40, 3)), RNG.standard_normal((30, 3)) + 0.7
    reach = np.sort(np.linalg.norm(real[:, None] - real[None], axis=-1), axis=1)[:, 5]
    inside = np.linalg.norm(fake[:, None] - real[None], axis=-1) <= reach
    density, coverage = evaluate.density_coverage(real, fake)
    assert density == pytest.approx(inside.sum() / (5 * 30))
    assert coverage == inside.any(0).mean()


def test_one_outlier_among_the_reals_makes_fakes_precise_but_not_dense():
    real = np.concatenate([RNG.standard_normal((60, 4)), np.full((1, 4), 40.0)])
    fake = np.full((50, 4), 20.0) + RNG.standard_normal((50, 4))
    assert evaluate.precision_recall(real, fake)[0] == 1.0
    assert evaluate.density_coverage(real, fake)[0] < 0.25


def test_frechet_distance_of_two_gaussians_comes_near_its_closed_form():
    a = RNG.standard_normal((40_000, 2)) * [1.0, 2.0]
    b = RNG.standard_normal((40_000, 2)) * [3.0, 2.0] + [0.0, 1.0]
    assert evaluate.frechet_distance(a, b) == pytest.approx(1.0 + (3.0 - 1.0) ** 2, rel=0.03)


def test_kernel_distance_is_that_of_the_definition(monkeypatch):
    monkeypatch.setattr(distances, "ROWS", 7)
    a, b = RNG.standard_normal((20, 3)), RNG.standard_normal((31, 3)) + 0.5

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return (x @ y / 3 + 1) ** 3

    within = [np.mean([kernel(x, y) for i, x in enumerate(c) for j, y in enumerate(c) if i != j]) for c in (a, b)]
    across = np.mean([kernel(x, y) for x in a for y in b])
    assert evaluate.kernel_distance(a, b) == pytest.approx(sum(within) - 2 * across)


def test_kernel_distance_of_clouds_of_one_kind_is_nought_on_average_and_takes_either_sign():
    found = [evaluate.kernel_distance(*RNG.standard_normal((2, 50, 4))) for _ in range(60)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(60)
    assert min(found) < 0 < max(found)


def test_kernel_distance_of_gaussians_apart_is_that_of_their_moments():
    # k = (xy + 1)^3 of one dimension sees moments 1 to 3 with weights 3, 3, 1: of N(1, 1) 1, 2, 4, of N(0, 1) 0, 1, 0
    a, b = RNG.standard_normal((2, 40_000, 1))
    assert evaluate.kernel_distance(a[:3000], b[:3000] + 1) == pytest.approx(3 + 3 + 16, rel=0.25)


def test_copies_are_told_from_samples_as_good_that_are_none():
    train, other, fresh = RNG.standard_normal((3, 200, 4))
    assert evaluate.memorisation_ratio(train[:50], train, other) == 0
    assert evaluate.memorisation_ratio(train + 0.1, train, other) < 0.5
    assert evaluate.memorisation_ratio(fresh, train, other) == pytest.approx(1, abs=0.15)


def test_memorisation_takes_as_many_pictures_of_either_kind():
    train, fresh = RNG.standard_normal((200, 4)), RNG.standard_normal((50, 4))
    few = RNG.standard_normal((20, 4))
    assert evaluate.memorisation_ratio(fresh, train, few) == evaluate.memorisation_ratio(fresh, train[:20], few)


def test_modes_are_counted_as_the_definition_has_it():
    labels = RNG.integers(0, 10, (500, 3))
    triples = {tuple(row): 0 for row in labels.tolist()}
    for row in labels.tolist():
        triples[tuple(row)] += 1
    shares = np.array(list(triples.values())) / 500
    found = evaluate.mode_statistics(labels)
    assert (found.found, found.samples) == (len(triples), 500)
    assert found.kl == pytest.approx(np.sum(shares * np.log(1000 * shares)))


def test_even_labels_score_the_floor_of_sampling_and_one_mode_the_logarithm():
    even = evaluate.mode_statistics(RNG.integers(0, 10, (26_000, 3)))
    assert even.found == 1000
    assert even.kl == pytest.approx(999 / 52_000, rel=0.15)
    assert evaluate.mode_statistics(np.full((10, 3), 4)) == (1, pytest.approx(np.log(1000)), 10)


def test_each_channel_has_its_class():
    images = RNG.random((7, 2, 5, 3), np.float32)

    def judge(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return grey, grey[:, 0, :, 0]

    found = evaluate.channel_classes(judge, images, batch=3)
    assert np.array_equal(found, images[:, 0].argmax(1))


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match="needs more than 3 of each"):
        evaluate.precision_recall(np.zeros((3, 2)), np.zeros((9, 2)))


def test_a_missing_class_shows_in_the_histogram_and_its_divergence():
    shares = evaluate.class_histogram(np.array([0, 0, 1, 1]), 4)
    assert evaluate.class_kl(shares, np.full(4, 0.25)) == pytest.approx(np.log(2))
    assert evaluate.class_kl(np.full(4, 0.25), shares) == np.inf


def test_reals_for_samples_score_as_reals_against_reals():
    pictures = RNG.random((90, 3, 3, 1), np.float32)

    def judge(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return images.reshape(-1, 9), images.reshape(-1, 9)[:, :4]

    report = evaluate.judge_generator(judge, pictures[:30], pictures[30:60], pictures[:30])
    assert report.frechet == report.frechet_real
    assert set(report.pairs) == set(evaluate.report.FIGURES.values())
    assert (report.precision, report.recall) == (report.precision_real, report.recall_real)
    assert (report.density, report.kid, report.kl) == (report.density_real, report.kid_real, report.kl_real)
    assert sum(report.shares) == pytest.approx(1)


def test_a_report_has_the_figures_of_its_functions():
    fake, real, other = (RNG.random((40, 3, 3, 1), np.float32) ** power for power in (1, 2, 3))

    def judge(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return images.reshape(-1, 9), images.reshape(-1, 9)[:, :4]

    report = evaluate.judge_generator(judge, fake, real, other)
    a, b, c = (judge(images)[0] for images in (fake, real, other))
    assert report.frechet == pytest.approx(evaluate.frechet_distance(b, a))
    assert report.frechet_real == pytest.approx(evaluate.frechet_distance(b, c))
    assert (report.precision, report.recall) == pytest.approx(evaluate.precision_recall(b, a))
    assert (report.precision_real, report.recall_real) == pytest.approx(evaluate.precision_recall(b, c))
    shares = [evaluate.class_histogram(np.argmax(x[:, :4], -1), 4) for x in (a, b, c)]
    assert report.shares == pytest.approx(tuple(shares[0]))
    assert report.kl == pytest.approx(evaluate.class_kl(shares[0], shares[1]))
    assert report.kl_real == pytest.approx(evaluate.class_kl(shares[2], shares[1]))
    assert len({report.memorisation, report.memorisation_real, report.kid, report.kid_real}) == 4
