"""Rows of the operator table on pictures of awkward sizes: a single pixel, thinner than the kernel, constant."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.op_case import OpCase
from tests.op_cases import CASES
from tests.test_ops import only_array

ROWS = [case for case in CASES if case.oracle is not None]
rows = pytest.mark.parametrize("case", ROWS, ids=lambda case: case.id)
sizes = st.tuples(st.integers(1, 24), st.integers(1, 24))
small = st.tuples(st.integers(1, 4), st.integers(1, 9))
content = st.one_of(st.none(), st.sampled_from([0.0, 0.25, 1.0]))
calm = dict(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)


def holds(case: OpCase, hw: tuple[int, int], seed: int, constant: float | None) -> None:
    """The row equals its oracle on a picture of that size."""
    rng = np.random.default_rng(seed)
    shape = (*hw, case.channels[seed % len(case.channels)])
    if min(hw) < case.smallest:
        return
    image, args = case.image(rng, shape), case.args(rng, shape)
    if constant is not None:
        image = np.full_like(image, constant)
    want = np.asarray(case.oracle(image, *args))
    got = np.asarray(only_array(case(image, *args))).reshape(want.shape)
    exact = case.tier == "bit-exact"
    np.testing.assert_allclose(got, want, rtol=0 if exact else 1e-5, atol=0 if exact else 2 * case.atol)


@rows
@settings(max_examples=12, **calm)
@given(hw=st.one_of(small, sizes), seed=st.integers(0, 99), constant=content)
def test_a_dozen_awkward_pictures(case, hw, seed, constant):
    holds(case, hw, seed, constant)


@pytest.mark.slow
@rows
@settings(max_examples=200, **calm)
@given(hw=st.one_of(small, sizes), seed=st.integers(0, 99), constant=content)
def test_two_hundred_awkward_pictures(case, hw, seed, constant):
    holds(case, hw, seed, constant)
