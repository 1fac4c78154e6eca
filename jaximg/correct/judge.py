"""How probable it is that a line is a scratch: by itself, and beside those that surely are.

The first is a logistic regression over what is measured of a line and the products of any two of these: a faint line
may be one where the network sees it and the background is plain, a bent one where it is narrow. `python -m bench.lines`
fits its numbers.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from jaximg.correct.profiles import Line

SURE = 0.97
"""A line so probably a scratch counts."""
KIN = 3
"""So many sure scratches show what a picture's scratches are like."""
FURTHEST = 4.0
"""What is measured counts to so many standard deviations from its mean."""
NUMBERS = Path(__file__).parent / "weights" / "scratch_lines.txt"
"""Rows of means, of standard deviations, of a triangular form, and, in the last, those of `kindred`."""


def probability(line: Line) -> float:
    """That a line is a scratch, judged by itself."""
    mean, deviation, form, _ = numbers()
    return float(sigmoid(odds(line.features, mean, deviation, form)))


def odds(features: np.ndarray, mean: np.ndarray, deviation: np.ndarray, form: np.ndarray) -> np.ndarray:
    """The log odds `x F x` of features, standardised and led by a one.

    Args:
      features: `(..., n)`, `Line.features`.
      mean: `(n,)`, of the features over many lines.
      deviation: `(n,)`, likewise.
      form: `(n + 1, n + 1)`.

    Returns:
      `(...)`.

    Example:
      >>> odds(np.array([3.0]), np.ones(1), np.ones(1), np.array([[0.5, 1.0], [0.0, 0.25]])).item()
      3.5
    """
    x = standardised(features, mean, deviation)
    return np.einsum("...i,ij,...j->...", x, form, x)


def standardised(features: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """A one, and the features in standard deviations from their mean, `(..., n + 1)`."""
    x = np.clip((features - mean) / deviation, -FURTHEST, FURTHEST)
    return np.concatenate([np.ones_like(x[..., :1]), x], -1)


@lru_cache
def numbers() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Means, standard deviations and form, as `odds` takes them; and the numbers of `kindred`."""
    mean, deviation, *form, kin = np.loadtxt(NUMBERS)
    return mean[1:], deviation[1:], np.array(form), kin[:5]


def style_of(lines: Sequence[Line], probabilities: Sequence[float]) -> np.ndarray | None:
    """What sure scratches are like, the logarithms of width and residual; None where there are too few."""
    sure = [looks(line)[:2] for line, p in zip(lines, probabilities, strict=True) if p > SURE]
    return np.median(sure, 0) if len(sure) >= KIN else None


def looks(line: Line) -> np.ndarray:
    """The logarithms of a line's width, of its residual, and of how bent it is."""
    return np.array([line.terms[name] for name in ("width", "residual", "bent")])


def kindred(line: Line, alone: float, style: np.ndarray | None) -> float:
    """The probability that a line is a scratch, `alone` by itself, beside the picture's sure ones.

    A logistic regression over its own log odds, how far its width is from theirs, how far its residual is above
    theirs, and how bent it is.
    """
    if style is None:
        return alone
    return float(sigmoid(likeness(line, alone, style) @ numbers()[-1]))


def likeness(line: Line, alone: float, style: np.ndarray) -> np.ndarray:
    """What `kindred` weighs, `(5,)`."""
    width, residual, bent = looks(line)
    own = np.log(max(alone, 1e-9) / max(1 - alone, 1e-9))
    return np.array([1, own, abs(width - style[0]), max(residual - style[1], 0), bent])


def sigmoid(odds: np.ndarray) -> np.ndarray:
    """The probabilities of log odds, however large."""
    return 0.5 + 0.5 * np.tanh(0.5 * odds)
