"""What gradients and memory cost: `python -m bench.cost [--only blur]`.

The backward pass of each operator that looks around itself, over its forward pass, on a megapixel; and the temporary
memory of the compiled forward pass, in pictures. The rows are those of the tests.
"""

import statistics
import sys
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from bench.ops import POINTWISE
from bench.table import Row, at_most, emit, interleaved, parser, same_malloc
from tests.op_case import OpCase
from tests.op_cases import CASES
from tests.test_ops import bind, only_array

MOST_TIME, MOST_MEMORY = 3.0, 6.0
SEARCHES = ("match_search", "inpaint_biharmonic", "inpaint_harmonic", "inpaint_exemplar", "ecc")
"""Not windows: iterations, or tables of many pictures by nature."""
ALSO = ("joint_bilateral_filter", "guided_filter-grey guide", "anisotropic_diffusion", "richardson_lucy", "wiener")
"""Rows without a peer to be timed against, and so without a size."""


def main() -> int:
    """Measures every row that has a size."""
    arguments = parser(__doc__)
    arguments.add_argument("--only", default="", help="rows whose name contains this")
    options = arguments.parse_args()
    same_malloc("bench.cost")
    times, memories = [], []
    for case in (c for c in _cases() if options.only in c.id):
        memory, time = _measure(case, quick=options.quick)
        memories.append(Row(f"{case.id}, temporary memory", memory, "pictures", target=at_most(MOST_MEMORY)))
        print(f"{case.id:44} {memory:6.2f} pictures" + (f"  {time:6.2f} x forward" if time else ""), flush=True)
        if time:
            times.append(Row(f"{case.id}, backward", time, "x", "forward", 1.0, at_most(MOST_TIME)))
    if times:
        mean = statistics.geometric_mean(row.value for row in times)
        times.append(Row(f"backward, geometric mean of {len(times)}", mean, "x", "forward", 1.0, at_most(MOST_TIME)))
    return emit([*times, *memories], options.json)


def _cases() -> list[OpCase]:
    """Every windowed row, some on a megapixel here alone, and total variation as it is by default."""
    also = [replace(c, bench_hw=(1024, 1024)) for c in CASES if c.id in ALSO]
    large = [
        replace(c, args=lambda rng, shape: (31, 0.2, 5.0), label="d31") for c in CASES if c.id == "bilateral_filter-d9"
    ]
    implicit = [replace(c, kwargs={"iterations": 30}, label="implicit") for c in CASES if c.id == "tv_denoise"]
    return [c for c in CASES if _windowed(c)] + also + large + implicit


def _windowed(case: OpCase) -> bool:
    room = case.op.__module__.rsplit(".", 1)[-1]
    return (
        case.bench_hw is not None
        and case.same_size
        and not case.serial
        and room not in POINTWISE
        and case.op.__name__ not in SEARCHES
    )


def _measure(case: OpCase, *, quick: bool) -> tuple[float, float | None]:
    """Pictures of temporary memory, and the backward pass over the forward one where there is a gradient."""
    rng = np.random.default_rng(0)
    shape = (*(case.bench_hw or (0, 0)), case.channels[0])
    image, args = case.image(rng, shape), case.args(rng, shape)
    call, arrays = bind(case, args)
    device = jax.device_put((image, *arrays))

    def forward(x: jax.Array, *rest: jax.Array) -> jax.Array:
        return only_array(call(x, *rest))

    def backward(g: jax.Array, x: jax.Array, *rest: jax.Array) -> jax.Array:
        return jax.vjp(lambda x: forward(x, *rest), x)[1](g)[0]

    ours = jax.jit(forward).lower(*device).compile()
    pictures = max(a.nbytes for a in (image, *arrays))
    memory = ours.memory_analysis().temp_size_in_bytes / pictures
    out = ours(*device)
    if not case.differentiable or not jnp.issubdtype(out.dtype, jnp.floating):
        return memory, None
    theirs, ones = jax.jit(backward), jnp.ones_like(out)
    runs = {
        "forward": lambda: jax.block_until_ready(ours(*device)),
        "backward": lambda: jax.block_until_ready(theirs(ones, *device)),
    }
    times = interleaved(runs, rounds=3 if quick else 10, budget_s=0.3 if quick else 0.8)
    return memory, times["backward"] / times["forward"]


if __name__ == "__main__":
    sys.exit(main())
