"""What a step costs at every scale, read from its compiled programs: `python -m bench.scale [--quick]`.

No step is run: two cores can't show how a pod behaves, but the program for it can be compiled and read. A CNN with
batch norm, 64 pictures a device, is compiled for 1, 2, 4 and 8 CPU devices, and for real TPU slices (v5e:4x4 and
v5e:16x16) through the `libtpu` wheel (`pip install libtpu`; skipped without it), with the state whole on every device
(DP) or split (FSDP). Reported a device: floating point operations, what collectives move, memory of the arguments.

Under weak scaling the operations stay, the gradients all-reduced weigh as much as the parameters, and FSDP's state
shrinks.
"""

import os

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")

import importlib.util
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from bench.table import Row, at_least, at_most, emit, parser
from jaximg.models import CNN
from jaximg.train.parallel import MeshPlacement
from jaximg.train.state import init_classifier_state
from jaximg.train.steps import make_classifier_step

EACH = 64
"""Pictures a device."""
TPUS = ("v5e:4x4", "v5e:16x16")
MODEL = CNN(features=(32, 64), hidden=(256,), batch_norm=True, dropout=0.5)
"""Its largest leaf has an axis that 256 devices can share: others stay whole on each."""
TX = optax.adam(1e-3)
SIZES = {"f32": 4, "s32": 4, "u32": 4, "bf16": 2, "f16": 2, "pred": 1, "u8": 1, "s8": 1, "f64": 8, "s64": 8, "u64": 8}
COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "collective-permute", "all-to-all")


@dataclass(frozen=True)
class Program:
    """What a compiled step says of itself, a device."""

    flops: float
    arguments: float
    temporary: float
    moved: dict[str, float]
    count: dict[str, int]


def main() -> int:
    """Compiles, reads, compares."""
    options = parser(__doc__).parse_args()
    slices = {f"cpu x {n}": jax.devices()[:n] for n in (1, 2, 4, 8)}
    rows = _scaled(slices)
    if importlib.util.find_spec("libtpu") is None:
        print("libtpu is not installed (pip install libtpu): TPU slices are skipped")
    else:
        rows += _scaled({f"TPU {name}": _topology(name) for name in TPUS[: 1 if options.quick else 2]})
    return emit(rows, options.json)


def _topology(name: str) -> list[Any]:
    from jax.experimental import topologies

    return list(topologies.get_topology_desc(platform="tpu", topology_name=name).devices)


def _scaled(slices: dict[str, Sequence[Any]]) -> list[Row]:
    """The rows of one family of devices, small to large."""
    rows: list[Row] = []
    found = {}
    for name, devices in slices.items():
        for kind in ("DP", "FSDP"):
            if len(devices) > 1 or kind == "DP":
                found[name, kind] = program = read(devices, fsdp=kind == "FSDP")
                rows += _show(f"{name} {kind}", program)
    names = list(slices)
    several = [n for n in names if len(slices[n]) > 1]
    flops = [found[n, "DP"].flops for n in names]
    what = f"{names[0]} to {names[-1]} DP: operations a device, largest over smallest"
    rows.append(Row(what, max(flops) / min(flops), "x", target=at_most(1.02)))
    weight = _bytes_of_params()
    for n in several:
        ratio = found[n, "DP"].moved.get("all-reduce", 0.0) / weight
        rows.append(Row(f"{n} DP: bytes all-reduced over parameter bytes", ratio, "x", target=at_most(1.01)))
        rows.append(Row(f"{n} DP: the same, at least", ratio, "x", target=at_least(1.0)))
    held = [found[n, "FSDP"].arguments for n in several]
    falls = all(b < a for a, b in zip([found[several[0], "DP"].arguments, *held], held, strict=False))
    rows.append(Row(f"{several[0]} to {several[-1]}: FSDP memory falls", float(falls), "", target=at_least(1.0)))
    return rows


def _show(name: str, p: Program) -> list[Row]:
    moved = ", ".join(f"{p.count[k]} {k} {v / 1024:.0f} KiB" for k, v in p.moved.items()) or "nothing moved"
    print(f"{name:22} {p.flops / 1e6:9.1f} MFLOP  arguments {p.arguments / 1024:8.0f} KiB  {moved}", flush=True)
    return [
        Row(f"{name}: operations a device", p.flops / 1e6, "MFLOP"),
        Row(f"{name}: arguments a device", p.arguments / 1024, "KiB"),
        Row(f"{name}: temporaries a device", p.temporary / 1024, "KiB"),
        Row(f"{name}: moved a device", sum(p.moved.values()) / 1024, "KiB"),
    ]


def read(devices: Sequence[Any], *, fsdp: bool) -> Program:
    """Compiles a classifier's step for these devices, present or not, and reads the program."""
    place = MeshPlacement(devices, fsdp)
    state, batch = place.abstract(_init, jax.random.key(0)), _batch(EACH * len(devices))
    compiled = place.lower(lambda axis: make_classifier_step(MODEL, TX, axis_name=axis), state, batch).compile()
    cost, memory = compiled.cost_analysis(), compiled.memory_analysis()
    moved, count = collectives(compiled.as_text())
    return Program(float(cost["flops"]), memory.argument_size_in_bytes, memory.temp_size_in_bytes, moved, count)


def collectives(text: str) -> tuple[dict[str, float], dict[str, int]]:
    """Bytes and number of the collectives in an HLO text, by kind; an asynchronous one counts where it starts."""
    text = re.sub(r"/\*.*?\*/", "", text)
    moved: dict[str, float] = {}
    count: dict[str, int] = {}
    kinds = "|".join(COLLECTIVES)
    for shapes, kind, start in re.findall(rf"= (\(.*?\)|\S+) ({kinds})(-start)?\(", text):
        size = sum(
            SIZES.get(dtype, 4) * int(np.prod([int(n) for n in dims.split(",") if n] or [1]))
            for dtype, dims in re.findall(r"(\w+)\[([\d,]*)\]", shapes)
        )
        halved = 2 if start and kind in ("all-gather", "collective-permute") else 1  # operand and result are listed
        moved[kind] = moved.get(kind, 0.0) + size / halved
        count[kind] = count.get(kind, 0) + 1
    return moved, count


def _init(key: jax.Array):
    return init_classifier_state(MODEL, TX, key, jnp.zeros((1, 28, 28, 1)))


def _batch(size: int) -> dict[str, jax.ShapeDtypeStruct]:
    return {
        "image": jax.ShapeDtypeStruct((size, 28, 28, 1), jnp.uint8),
        "label": jax.ShapeDtypeStruct((size,), jnp.int32),
        "index": jax.ShapeDtypeStruct((size,), jnp.int32),
    }


def _bytes_of_params() -> int:
    params = jax.eval_shape(_init, jax.random.key(0)).params
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(params))


if __name__ == "__main__":
    sys.exit(main())
