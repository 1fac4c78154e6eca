"""Rows of the operator table on pictures of awkward sizes: a single pixel, thinner than the kernel, constant."""

import zlib
from collections.abc import Iterator

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.op_case import OpCase
from tests.test_ops import KNOWN, of_each, only_array

CONSTANTS = [0.0, 51 / 255, 1.0]
"""On the 8-bit grid, since some oracles work on bytes."""

rows = pytest.mark.parametrize("case", KNOWN, ids=lambda case: case.id)
any_size = st.tuples(st.integers(1, 24), st.integers(1, 24))
small = st.tuples(st.integers(1, 4), st.integers(1, 9))
content = st.one_of(st.none(), st.sampled_from(CONSTANTS))
calm = dict(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)


def holds(case: OpCase, hw: tuple[int, int], seed: int, constant: float | None) -> None:
    """The row equals its oracle on a picture of that size, or of the smallest that it takes."""
    rng = np.random.default_rng(seed)
    hw = max(hw[0], case.smallest), max(hw[1], case.smallest)
    shape = (*hw, case.channels[(seed + 1) % len(case.channels)])
    image, args = case.image(rng, shape), case.args(rng, shape)
    if constant is not None:
        image = np.full_like(image, round(255 * constant) if image.max() > 150 else constant)
    want = np.asarray(case.oracle(image, *args))
    got = np.asarray(only_array(case(image, *args))).reshape(want.shape)
    exact = case.tier == "bit-exact"
    np.testing.assert_allclose(got, want, rtol=0 if exact else 1e-5, atol=0 if exact else 2 * case.atol)


def awkward_sizes(case: OpCase) -> Iterator[tuple[int, int]]:
    """A pixel, and a row, a column or a small picture: others for every row, the same in every run."""
    rng = np.random.default_rng(zlib.crc32(case.id.encode()))
    height, width = (int(n) for n in rng.integers(2, 25, 2))
    yield 1, 1
    yield ((1, width), (height, 1), (height, width))[rng.integers(3)]


@of_each(KNOWN)
def test_some_awkward_pictures(case):
    """Every size twice, with a picture and with a constant, so that a program compiled is used twice."""
    for i, hw in enumerate(awkward_sizes(case)):
        holds(case, hw, i, None)
        holds(case, hw, i, CONSTANTS[i % 3] if case.constant else None)


@pytest.fixture
def few_programs():
    """Two hundred pictures are as many programs: forgotten after each operator, or a process has mapped too many."""
    yield
    jax.clear_caches()


@pytest.mark.slow
@pytest.mark.usefixtures("few_programs")
@rows
@settings(max_examples=200, **calm)
@given(hw=st.one_of(small, any_size), seed=st.integers(0, 99), constant=content)
def test_two_hundred_awkward_pictures(case, hw, seed, constant):
    holds(case, hw, seed, constant if case.constant else None)
