"""Two virtual CPU devices, strict dtype and rank promotion: what the library promises, the tests demand."""

import os

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import numpy as np
import pytest

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def bounded_memory(request):
    """A thousand small programs are kept for nobody: each compiled one holds on to its memory."""
    yield
    request.session.config.tests_run = getattr(request.session.config, "tests_run", 0) + 1
    if request.session.config.tests_run % 100 == 0:
        jax.clear_caches()
