"""Two virtual CPU devices, strict dtype and rank promotion: what the library promises, the tests demand.

Nearly all of the time goes into compiling. So LLVM optimises nothing, and a program in one part, for there is a test
process for every core; unless `XLA_FLAGS` says how far it should (`bench/ops.py` compares every row with its oracle as
users compile it). And the tests of one row of the operator table run one after the other in one process, each finding
what those before it compiled; `--dist loadgroup` keeps them together where there are several. What one test has
compiled the next one with the same program reads from a folder, each process from its own: a run that is begun again is
the same program in another function. And what tracing leaves behind is looked through for garbage less often.
"""

import atexit
import ctypes
import gc
import os
import tempfile
from contextlib import suppress
from pathlib import Path

os.environ["XLA_FLAGS"] = " ".join(
    (
        "--xla_backend_optimization_level=0 --xla_cpu_parallel_codegen_split_count=1",
        os.environ.get("XLA_FLAGS", ""),
        "--xla_force_host_platform_device_count=2",
    )
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import numpy as np
import pytest

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
COMPILED = tempfile.TemporaryDirectory(prefix="jaximg-compiled-")
atexit.register(COMPILED.cleanup)
jax.config.update("jax_compilation_cache_dir", COMPILED.name)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
gc.set_threshold(50_000, 20, 20)

ROOM = 2.5e9
"""Bytes that a process may take up before it lets go of what it compiled; half as many more before it does so again."""
LIMIT = pytest.StashKey[float]()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def group(item: pytest.Item) -> str:
    """The row of the operator table that a test is about, or its file; an example's package, but for the operators'."""
    case = getattr(item, "callspec", None) and item.callspec.params.get("case")
    if hasattr(case, "oracle"):
        return case.id
    file = item.nodeid.partition("::")[0]
    return file if file.startswith(("tests/", "jaximg/ops/")) else file.rpartition("/")[0]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Rows together, wherever their first test stood; before xdist reads the groups."""
    places: dict[str, int] = {}
    items.sort(key=lambda item: places.setdefault(group(item), len(places)))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    state = item.session.config.stash
    if (nextitem is None or group(item) != group(nextitem)) and resident() > state.get(LIMIT, ROOM):
        jax.clear_caches()
        gc.collect()
        with suppress(AttributeError, OSError, TypeError):  # a C library that keeps what was freed, unless told
            ctypes.CDLL(None).malloc_trim(0)
        state[LIMIT] = max(ROOM, resident() + ROOM / 2)


def resident() -> float:
    """Bytes of memory that this process holds; no end of them where the system doesn't say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return float("inf")
