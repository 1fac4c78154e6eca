"""The one language of the benchmarks: rows with targets, a table, a JSON file, the command line they share."""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "jax",
    "jaxlib",
    "flax",
    "numpy",
    "opencv-python-headless",
    "scikit-image",
    "scipy",
    "torch",
    "kornia",
    "dm-pix",
)


@dataclass(frozen=True)
class Row:
    """One figure: what was measured, of whom, and what it should be."""

    what: str
    value: float
    unit: str = ""
    peer: str | None = None
    peer_value: float | None = None
    target: dict[str, Any] | None = None

    @property
    def ok(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.target is None:
            return None
        value = self.target["value"]
        return bool(
            {">=": self.value >= value, "<=": self.value <= value, "==": self.value == value}[self.target["op"]]
        )


MALLOC = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=100000000000"
"""Saves page faults on large arrays, of all that are timed; glibc reads it at start-up."""

REST, SHORT = 0.01, 0.02
"""Seconds between two timed functions, and below which one runs once unmeasured."""


def same_malloc(module: str, **environment: str) -> None:
    """Starts `python -m module` once more if it runs without the settings that all who are timed share.

    Args:
      module: the benchmark's name, `bench.ops`.
      **environment: more settings that are read at start-up.
    """
    if os.environ.get("GLIBC_TUNABLES") != MALLOC:
        os.environ |= {"GLIBC_TUNABLES": MALLOC} | environment
        os.execv(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]])


def at_least(value: float) -> dict[str, Any]:
    """The target `>= value`."""
    return {"op": ">=", "value": value}


def at_most(value: float) -> dict[str, Any]:
    """The target `<= value`."""
    return {"op": "<=", "value": value}


def parser(doc: str | None) -> argparse.ArgumentParser:
    """The command line that every benchmark takes."""
    out = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    out.add_argument("--data", type=Path, help="folder with mnist/, photos/, bench/kodak24/ ...")
    out.add_argument("--set", action="append", default=[], metavar="NAME=FOLDER", help="a picture set of your own")
    out.add_argument("--quick", action="store_true", help="a few minutes")
    out.add_argument("--json", type=Path, help="write the rows here")
    return out


def hardware() -> str:
    """One line on the machine."""
    names = [x.split(":")[1].strip() for x in _cpuinfo() if x.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, {platform.system()}"


def versions() -> dict[str, str]:
    """Versions of what was measured."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def emit(rows: Sequence[Row], path: Path | None = None) -> int:
    """Prints the rows as a table, writes them as JSON, returns 1 if a target is missed."""
    width = max([len(r.what) for r in rows], default=4)
    print(f"\n{hardware()}\n{'what':{width}}  {'value':>10} {'unit':8} {'peer':>14} {'its value':>10}  target")
    for r in rows:
        peer_value = "" if r.peer_value is None else f"{r.peer_value:.4g}"
        target = "" if r.target is None else f"{r.target['op']} {r.target['value']:g} {'ok' if r.ok else 'MISSED'}"
        print(f"{r.what:{width}}  {r.value:>10.4g} {r.unit:8} {r.peer or '':>14} {peer_value:>10}  {target}")
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        body = {"hardware": hardware(), "versions": versions(), "rows": [asdict(r) | {"ok": r.ok} for r in rows]}
        path.write_text(json.dumps(body, indent=1, default=float) + "\n")
    return int(any(r.ok is False for r in rows))


def interleaved(functions: dict[str, Callable[[], object]], *, rounds: int, budget_s: float = 4.0) -> dict[str, float]:
    """Median seconds of each function, taken in turns after a warm-up, so that a slow minute slows all alike.

    Between two of them is a rest: the threads of a library wait for more work by spinning, on the cores of the next.
    What is short runs once unmeasured after it, since its own threads have gone to sleep by then.
    """
    for f in functions.values():
        f()
    seconds = {name: _measure(f) for name, f in functions.items()}
    times: dict[str, list[float]] = {name: [] for name in functions}
    start = time.perf_counter()
    for _ in range(rounds):
        for name, f in functions.items():
            time.sleep(REST)
            if seconds[name] < SHORT:
                f()
            seconds[name] = _measure(f)
            times[name].append(seconds[name])
        if time.perf_counter() - start > budget_s:
            break
    return {name: statistics.median(t) for name, t in times.items()}


def _measure(f: Callable[[], object]) -> float:
    begin = time.perf_counter()
    f()
    return time.perf_counter() - begin


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
