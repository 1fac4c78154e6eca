"""Operators against OpenCV, scikit-image, kornia and dm-pix: `python -m bench.ops [--quick] [--only canny]`.

The rows are those of the tests. Each is run at 1024 x 1024 x 1 and 512 x 512 x 3 in float32, kernels and templates
passed as arguments, results compared with the oracle before they are timed, two threads and the same malloc settings
for all, in turns, medians.
A figure is our time over the peer's: below 1 we are faster.
"""

import statistics
import sys
import warnings
from collections import defaultdict

import cv2
import jax
import numpy as np

from bench.peers import PEERS
from bench.table import Row, at_most, emit, interleaved, parser, same_malloc
from tests.op_case import OpCase
from tests.op_cases import CASES
from tests.test_ops import bind, only_array

THREADS = 2
POINTWISE = ("adjust", "color", "layout", "moments")
"""Rooms of `jaximg.ops` whose operators look at no neighbours: not among the windowed, matching and warping ones."""
TARGETS = {
    "OpenCV": at_most(1.5),
    "OpenCV, windowed, matching and warping": at_most(1.0),
    "kornia and dm-pix": at_most(1 / 20),
    "scikit-image": at_most(1 / 5),
}
"""Of the geometric means."""
MOST = {"OpenCV": 3.0, "OpenCV (serial)": 10.0, "kornia": 1.0, "dm-pix": 1.0}
"""Of a single operator."""


def main() -> int:
    """Times every row that has a size."""
    arguments = parser(__doc__)
    arguments.add_argument("--only", help="rows whose name contains this")
    arguments.add_argument("--opencv", action="store_true", help="against OpenCV alone")
    options = arguments.parse_args()
    same_malloc("bench.ops", OMP_NUM_THREADS=str(THREADS))
    _set_threads()
    cases = [c for c in CASES if c.bench_hw is not None and (options.only or "") in c.id]
    rows: list[Row] = []
    ratios: dict[str, list[float]] = defaultdict(list)
    for case in cases:
        for shape in _shapes(case)[:1] if options.quick else _shapes(case):
            times = _time(case, shape, quick=options.quick, peers=not options.opencv)
            ours = times.pop("jaximg")
            for peer, theirs in times.items():
                rows.append(_row(case, shape, ours / theirs, peer))
                print(f"{rows[-1].what:44} {ours * 1e3:9.2f} ms  {ours / theirs:8.3f} x {peer}", flush=True)
                for group in _groups(case, peer):
                    ratios[group].append(ours / theirs)
    return emit(rows + [_mean(*group) for group in sorted(ratios.items())], options.json)


def _groups(case: OpCase, peer: str) -> list[str]:
    """The means that a row goes into."""
    if peer in ("kornia", "dm-pix"):
        return [peer, "kornia and dm-pix"]
    if peer != "OpenCV":
        return [peer]
    if case.serial:
        return ["OpenCV (serial)"]
    looks_around = case.op.__module__.rsplit(".", 1)[-1] not in POINTWISE
    return [peer] + ["OpenCV, windowed, matching and warping"] * looks_around


def _mean(group: str, values: list[float]) -> Row:
    what = f"geometric mean of {len(values)}"
    return Row(what, statistics.geometric_mean(values), "x", group, 1.0, TARGETS.get(group))


def _row(case: OpCase, shape: tuple[int, int, int], ratio: float, peer: str) -> Row:
    name = f"{case.id} {'x'.join(map(str, shape))}"
    most = MOST.get(f"{peer} (serial)" if case.serial else peer)
    return Row(name, ratio, "x", peer, 1.0, None if most is None else at_most(most))


def _shapes(case: OpCase) -> list[tuple[int, int, int]]:
    h, w = case.bench_hw or (0, 0)
    shapes = {1: (h, w, 1), 3: (h // 2, w // 2, 3)}
    return [shapes[c] for c in case.channels if c in shapes]


def _time(case: OpCase, shape: tuple[int, int, int], *, quick: bool, peers: bool) -> dict[str, float]:
    rng = np.random.default_rng(0)
    image, args = case.image(rng, shape), case.args(rng, shape)
    call, arrays = bind(case, args)
    jitted = jax.jit(call)
    device = jax.device_put((image, *arrays))
    runs = {"jaximg": lambda: jax.block_until_ready(jitted(*device))}
    oracle = case.bench_oracle or (case.oracle if case.source == "OpenCV" else None)
    if oracle is not None:
        squeezed = image[..., 0] if shape[-1] == 1 else image
        runs["OpenCV"] = lambda: oracle(squeezed if case.bench_oracle else image, *args)
    if case.oracle is not None:
        got = np.asarray(only_array(jitted(*device)))
        want = np.asarray(case.oracle(image, *args)).reshape(got.shape)
        _demand_equal(case, got, want)
    times = interleaved(runs, rounds=10 if quick else 40, budget_s=1.0 if quick else 4.0)
    reference = {"jaximg": runs["jaximg"]}
    for peer, prepare in PEERS.get(case.op.__name__, {}).items() if peers else ():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pair = interleaved(
                {**reference, peer: prepare(image, args, dict(case.kwargs))},
                rounds=3 if quick else 7,
                budget_s=0.2 if quick else 4.0,
            )
        times[peer] = times["jaximg"] * pair[peer] / pair["jaximg"]
    return times


def _demand_equal(case: OpCase, got: np.ndarray, want: np.ndarray) -> None:
    """A megapixel's coordinates have fewer digits than a test picture's: a warp may be off by more, at few pixels."""
    error, limit = np.abs(got - want), max(case.atol, 1e-5 * float(np.abs(want).max(initial=1)))
    if error.mean() > limit or error.max() > 100 * limit:
        raise AssertionError(f"{case.id}: differs from its oracle by {error.max():.2g}, {error.mean():.2g} in the mean")


def _set_threads() -> None:
    import torch

    cv2.setNumThreads(THREADS)
    torch.set_num_threads(THREADS)


if __name__ == "__main__":
    sys.exit(main())
