"""What tells a scratch from other lines: numbers that fit what is measured, and hold for lines of any kind."""

from dataclasses import replace

import numpy as np

from jaximg.correct import judge
from jaximg.correct.profiles import Line

SCRATCH = Line(
    sign=1,
    points=np.stack([np.linspace(10, 90, 80), np.linspace(5, 165, 80) + np.sin(np.linspace(0, 3, 80)) * 6], 1),
    mixture=(0.7, 0.2),
    length=180.0,
    residual=0.005,
    sides=0.02,
    slant=0.002,
    halo=0.001,
    width=1.5,
    colour=0.01,
    contrast=0.35,
    spread=0.03,
    variety=0.03,
    flat=0.0,
    bent=0.05,
    mapped=(0.999, 0.99, 1.0),
)


def test_the_numbers_are_those_of_the_features_and_the_form_is_triangular():
    mean, deviation, form, kin = judge.numbers()
    assert mean.shape == deviation.shape == SCRATCH.features.shape and form.shape == (len(mean) + 1,) * 2
    assert (deviation > 0).all() and not np.tril(form, -1).any() and kin.shape == (5,) and kin.all()


def test_odds_are_the_sum_over_features_and_their_products(rng):
    mean, deviation, form, _ = judge.numbers()
    x = rng.normal(mean, 3 * deviation, (4, len(mean)))
    z = np.clip((x - mean) / deviation, -judge.FURTHEST, judge.FURTHEST)
    want = [
        form[0, 0]
        + sum(form[0, i + 1] * a for i, a in enumerate(row))
        + sum(form[i + 1, j + 1] * row[i] * row[j] for i in range(len(row)) for j in range(i, len(row)))
        for row in z
    ]
    np.testing.assert_allclose(judge.odds(x, mean, deviation, form), want)


def test_what_the_network_sees_and_the_picture_does_not_explain_is_a_scratch():
    assert judge.probability(SCRATCH) > judge.SURE
    mast = replace(SCRATCH, residual=0.08, sides=0.15, slant=0.1, bent=0.0, mapped=(0.01, 0.001, 0.0))
    assert judge.probability(mast) < 0.05


def test_a_line_that_stands_out_nowhere_has_a_probability_too():
    assert 0 < judge.probability(replace(SCRATCH, width=0.0, contrast=-0.1, mapped=(0.0, 0.0, 0.0))) < 1


def test_a_doubtful_line_is_believed_beside_its_like_and_not_beside_others():
    style = judge.style_of([SCRATCH] * 3, [0.99] * 3)
    assert style is not None and judge.style_of([SCRATCH] * 3, [0.99, 0.99, 0.9]) is None
    alone = 0.6
    other = replace(SCRATCH, width=6.0, residual=0.1)
    assert judge.kindred(other, alone, style) < 0.05 and judge.kindred(SCRATCH, alone, style) > 0.7
    assert judge.kindred(SCRATCH, alone, None) == alone
