"""Measures of classifiers and generators: known values, limits, and real against real."""

import numpy as np
import pytest
from scipy import linalg

from jaximg import evaluate

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
    monkeypatch.setattr(evaluate, "ROWS", 7)
    real, fake = RNG.standard_normal((40, 3)), RNG.standard_normal((30, 3)) + 0.7
    assert evaluate.precision_recall(real, fake) == (brute(fake, real, 3), brute(real, fake, 3))


def test_one_real_picture_repeated_is_precise_and_recalls_little():
    real = RNG.standard_normal((60, 4))
    precision, recall = evaluate.precision_recall(real, np.repeat(real[:1], 60, axis=0))
    assert (precision, recall) == (1.0, 1 / 60)


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
    assert (report.precision, report.recall) == (report.precision_real, report.recall_real)
    assert sum(report.shares) == pytest.approx(1)
