"""Whole pipelines under one jit against the same calls of OpenCV in a loop: `python -m bench.pipelines [--quick]`.

Sixteen pictures of 512 x 512 in float32, two threads and the same malloc settings for both, in turns, medians; results
compared before the timing. A pipeline's intermediate pictures together exceed the 32 MB that glibc keeps: without
those settings they are fresh pages at every call, which takes as long as the work. Each pipeline runs plainly, picture
after picture (`lax.map`), and with the batch split over two devices, a thread each, in vectors of 512 bits.
"""

import sys
from collections.abc import Callable

import cv2
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from bench.table import Row, at_most, emit, interleaved, parser, same_malloc
from jaximg import ops
from tests.op_case import unit

BATCH, SIZE, THREADS = 16, 512, 2
OPTIONS = {"xla_cpu_prefer_vector_width": 512, "xla_cpu_multi_thread_eigen": False}
"""Wide vectors; and no threads within a device, since each device has one."""
CROSS = np.ones((3, 3), np.uint8)


def edges(image: jax.Array) -> jax.Array:
    """Gaussian, Sobel, threshold, opening."""
    slope = ops.sobel(ops.gaussian_blur(image, 1.5), 1, 0)
    return ops.opening((jnp.abs(slope) > 0.2).astype(image.dtype), 3)


def edges_opencv(image: np.ndarray) -> np.ndarray:
    """The same by OpenCV."""
    slope = cv2.Sobel(cv2.GaussianBlur(image, (13, 13), 1.5), -1, 1, 0)
    return cv2.morphologyEx((np.abs(slope) > 0.2).astype(np.float32), cv2.MORPH_OPEN, CROSS)


def outlines(image: jax.Array) -> jax.Array:
    """Median, unsharp mask, Sobel, dilation."""
    sharp = ops.unsharp_mask(ops.median_blur(image, 3), 1.5, amount=0.7)
    return ops.dilate(ops.sobel(sharp, 0, 1), 3)


def outlines_opencv(image: np.ndarray) -> np.ndarray:
    """The same by OpenCV."""
    smooth = cv2.medianBlur(image, 3)
    sharp = smooth + 0.7 * (smooth - cv2.GaussianBlur(smooth, (13, 13), 1.5))
    return cv2.dilate(cv2.Sobel(sharp, -1, 0, 1), CROSS)


def ways(pipeline: Callable[[jax.Array], jax.Array], batch: np.ndarray) -> dict[str, Callable[[], jax.Array]]:
    """The pipeline compiled in each way, bound to the batch where that way wants it."""
    mesh = jax.make_mesh((THREADS,), ("batch",))
    spec = PartitionSpec("batch")
    plain, halves = jax.device_put(batch), jax.device_put(batch, NamedSharding(mesh, spec))
    split = jax.shard_map(pipeline, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)
    compiled = {
        "": (jax.jit(pipeline).lower(plain).compile(), plain),
        ", picture by picture": (jax.jit(lambda x: jax.lax.map(pipeline, x)).lower(plain).compile(), plain),
        ", split over the cores": (jax.jit(split).lower(halves).compile(compiler_options=OPTIONS), halves),
    }
    return {name: lambda f=f, x=x: jax.block_until_ready(f(x)) for name, (f, x) in compiled.items()}


def main() -> int:
    """Times both pipelines."""
    options = parser(__doc__).parse_args()
    same_malloc("bench.pipelines", JAX_NUM_CPU_DEVICES=str(THREADS))
    cv2.setNumThreads(THREADS)
    rng = np.random.default_rng(0)
    batch = np.stack([unit(rng, (SIZE, SIZE, 1)) for _ in range(BATCH)])
    rows = []
    for name, ours, theirs in (
        ("gaussian, sobel, threshold, opening", edges, edges_opencv),
        ("median, unsharp, sobel, dilate", outlines, outlines_opencv),
    ):
        calls = ways(ours, batch)
        want = np.stack([theirs(x[..., 0]) for x in batch])
        for way, call in calls.items():
            wrong = np.abs(np.asarray(call())[..., 0] - want) > 1e-4
            if wrong.mean() > 1e-4:
                raise AssertionError(f"{name}{way}: {wrong.mean():.2%} of the pixels differ")
        peer = {"OpenCV": lambda f=theirs: [f(x[..., 0]) for x in batch]}
        times = interleaved(calls | peer, rounds=10 if options.quick else 40, budget_s=10)
        for way in calls:
            target = at_most(0.5) if way.endswith("cores") else None
            rows.append(Row(name + way, times[way] / times["OpenCV"], "x", "OpenCV", 1.0, target))
        print(f"{name}: " + ", ".join(f"{way.strip(', ') or 'plain'} {t * 1e3:.2f} ms" for way, t in times.items()))
    return emit(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
