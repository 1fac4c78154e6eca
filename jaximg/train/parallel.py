"""Where a step runs: one device, all local devices, or a mesh over many processes. Nothing else knows.

    place = placement("mesh", fsdp=True)
    state = place.init(lambda key: init_classifier_state(model, tx, key, example), key)
    step = place.compile(lambda axis_name: make_classifier_step(model, tx, axis_name=axis_name))
    for host_batch in ...:
        state, metrics = step(state, place.batch(host_batch))
    params = place.fetch(state.params)

The three give the same numbers for the same global batch: gradients and statistics are averaged over all of it, and
randomness hangs on the step and the example's global index.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaximg.models.compiler import compiler_options
from jaximg.train.state import Tree, is_key, pack, unpack
from jaximg.typing import check_choice

Mode = Literal["jit", "pmap", "mesh"]
Device: TypeAlias = Any
"""A `jax.Device`."""
Batch = Mapping[str, Any]
Step = Callable[[Any, Any], tuple[Any, dict[str, jax.Array]]]

AXIS = "data"
"""The name of the axis over which a global batch is split."""


class Placement(ABC):
    """One way of running a step. Made by `placement`.

    Attributes:
      devices: the devices that work together, over all processes.
      processes: how many processes there are.
      process: which of them this is.
    """

    def __init__(self, devices: Sequence[Device]):
        self.devices = list(devices)
        self.processes = len({d.process_index for d in self.devices})
        self.process = jax.process_index()

    @abstractmethod
    def init(self, init_fn: Callable[..., Tree], *args: Any) -> Tree:
        """`init_fn(*args)`, a pure function, computed where its result will live."""

    @abstractmethod
    def compile(self, make_step: Callable[[str | None], Step]) -> Step:
        """The step of `make_step(axis_name)` on these devices: `(state, batch) -> (state, metrics)`.

        The state that goes in is given up (donated). Metrics come out as scalars, the same on every process.
        """

    @abstractmethod
    def batch(self, host_batch: Batch) -> Batch:
        """This process's share of a global batch, put where the step wants it.

        Args:
          host_batch: arrays whose first axis is the global batch size divided by `processes`; shares follow each
            other in the order of the processes.

        Returns:
          The same names on the devices.

        Raises:
          ValueError: the batch can't be split evenly over the devices.
        """

    @abstractmethod
    def fetch(self, tree: Tree) -> Tree:
        """A tree on the devices as numpy arrays, whole, on every process; typed keys as their bits (uint32).

        All processes must call it: sharded leaves are gathered.
        """

    @abstractmethod
    def put(self, tree: Tree, like: Tree) -> Tree:
        """The inverse of `fetch`: host arrays laid out as `like`, a state made by this placement's `init`."""

    def shares(self, global_batch: int) -> int:
        """How many examples of a global batch this process brings.

        Raises:
          ValueError: the devices can't share `global_batch` evenly.
        """
        if global_batch % len(self.devices):
            raise ValueError(
                f"a global batch of {global_batch} can't be shared by {len(self.devices)} devices: "
                f"take a multiple of {len(self.devices)}"
            )
        return global_batch // self.processes

    def _check(self, host_batch: Batch) -> None:
        local = len(self.devices) // self.processes
        for name, x in host_batch.items():
            if np.shape(x)[0] % local:
                raise ValueError(
                    f"batch[{name!r}] has {np.shape(x)[0]} examples, which {local} devices can't share evenly: "
                    f"take a multiple of {local}"
                )


def placement(
    mode: Mode = "jit", *, fsdp: bool = False, devices: Sequence[Device] | None = None, fsdp_min: int = 1024
) -> Placement:
    """Says where steps run.

    Args:
      mode: "jit" on one device, "pmap" over all devices, "mesh": `jit` over all devices, sharded.
      fsdp: mesh only: parameters, optimizer and averages are split over the devices too, each leaf along its longest
        axis that divides evenly; otherwise every device holds all of them.
      devices: which; the first local one for "jit", else all devices of all processes.
      fsdp_min: leaves with fewer entries are not worth splitting.

    Returns:
      The placement.

    Raises:
      ValueError: an unknown mode, or `fsdp` outside a mesh.

    Example:
      >>> import jax.numpy as jnp
      >>> place = placement("jit")
      >>> state = place.init(lambda x: {"w": x}, jnp.ones(2))
      >>> step = place.compile(lambda axis_name: lambda s, b: ({"w": s["w"] * b["x"].sum()}, {}))
      >>> state, metrics = step(state, place.batch({"x": np.ones(3, np.float32)}))
      >>> place.fetch(state)["w"].tolist()
      [3.0, 3.0]
    """
    check_choice(mode, ("jit", "pmap", "mesh"), "mode")
    if fsdp and mode != "mesh":
        raise ValueError(
            f'fsdp splits the parameters over a mesh; with mode "{mode}" every device holds all: mode="mesh"'
        )
    if mode == "jit":
        return _OneDevice((devices or jax.local_devices())[:1])
    if mode == "pmap":
        return _Pmapped(devices or jax.devices())
    return MeshPlacement(devices or jax.devices(), fsdp, fsdp_min)


def initialise_distributed(
    *,
    coordinator: str | None = None,
    processes: int | None = None,
    process: int | None = None,
    local_devices: int | None = None,
) -> bool:
    """Joins this process to the others, where there are others. Call it before anything touches a device.

    Explicit arguments come first, then the environment (`JAXIMG_COORDINATOR`, `JAXIMG_PROCESSES`, `JAXIMG_PROCESS`),
    then what `jax.distributed` knows by itself: SLURM (`srun`), TPU pods, Open MPI.

    Args:
      coordinator: `host:port` of process 0.
      processes: how many there are.
      process: which one this is, from 0.
      local_devices: how many virtual CPU devices this process brings (for trials on one machine).

    Returns:
      Whether there are several processes.

    Raises:
      ValueError: some but not all of `coordinator`, `processes`, `process` are known.
    """
    if local_devices is not None:
        jax.config.update("jax_num_cpu_devices", local_devices)
    coordinator = coordinator or os.environ.get("JAXIMG_COORDINATOR")
    processes = _number(processes, "JAXIMG_PROCESSES")
    process = _number(process, "JAXIMG_PROCESS")
    given = {"coordinator": coordinator, "processes": processes, "process": process}
    missing = [name for name, value in given.items() if value is None]
    if not missing:
        jax.distributed.initialize(coordinator, processes, process)
        return (processes or 1) > 1
    if len(missing) < len(given):
        raise ValueError(f"{', '.join(missing)} missing: several processes need coordinator, processes and process")
    if not _managed():
        return False
    jax.distributed.initialize()
    return jax.process_count() > 1


def _number(value: int | None, name: str) -> int | None:
    return int(os.environ[name]) if value is None and name in os.environ else value


def _managed() -> bool:
    """Whether a cluster manager that `jax.distributed` understands started several of us."""
    tasks = int(os.environ.get("SLURM_NTASKS", os.environ.get("OMPI_COMM_WORLD_SIZE", "1")))
    hosts = os.environ.get("TPU_WORKER_HOSTNAMES", "")
    pod = "," in hosts and " " not in hosts  # libtpu puts a sentence there where it finds none
    return ("SLURM_PROCID" in os.environ or "OMPI_COMM_WORLD_RANK" in os.environ) and tasks > 1 or pod


class _OneDevice(Placement):
    """`jax.jit` on one device."""

    def init(self, init_fn: Callable[..., Tree], *args: Any) -> Tree:
        with jax.default_device(self.devices[0]):
            state = jax.jit(init_fn)(*args)
        return jax.device_put(state, self.devices[0])  # as a step binds its answer: else it compiles anew

    def compile(self, make_step: Callable[[str | None], Step]) -> Step:
        return jax.jit(make_step(None), donate_argnums=0, compiler_options=compiler_options(self.devices))

    def batch(self, host_batch: Batch) -> Batch:
        return jax.device_put(dict(host_batch), self.devices[0])

    def fetch(self, tree: Tree) -> Tree:
        return jax.tree.map(np.asarray, pack(tree))

    def put(self, tree: Tree, like: Tree) -> Tree:
        return unpack(jax.device_put(tree, self.devices[0]), like)


class _Pmapped(Placement):
    """`jax.pmap`: every device holds the whole state and a share of the batch; the step averages over `AXIS`."""

    def __init__(self, devices: Sequence[Device]):
        super().__init__(devices)
        self.local = [d for d in self.devices if d.process_index == self.process]

    def init(self, init_fn: Callable[..., Tree], *args: Any) -> Tree:
        start = jax.pmap(lambda _: init_fn(*args), axis_name=AXIS, devices=self._devices())
        return start(np.zeros(len(self.local), np.int32))

    def compile(self, make_step: Callable[[str | None], Step]) -> Step:
        step = make_step(AXIS)
        return jax.pmap(step, axis_name=AXIS, out_axes=(0, None), donate_argnums=0, devices=self._devices())

    def batch(self, host_batch: Batch) -> Batch:
        self._check(host_batch)
        n = len(self.local)
        return {k: np.reshape(x, (n, np.shape(x)[0] // n, *np.shape(x)[1:])) for k, x in host_batch.items()}

    def fetch(self, tree: Tree) -> Tree:
        return jax.tree.map(_first, pack(tree))

    def put(self, tree: Tree, like: Tree) -> Tree:
        spread = jax.pmap(lambda x: x, devices=self._devices())
        stacked = jax.tree.map(lambda x: np.broadcast_to(x, (len(self.local), *np.shape(x))), tree)
        return unpack(spread(stacked), like)

    def _devices(self) -> list[Device] | None:
        return None if self.processes > 1 else self.devices


class MeshPlacement(Placement):
    """`jax.jit` over a mesh: the batch is split; the state is whole on every device, or split too (FSDP)."""

    def __init__(self, devices: Sequence[Device], fsdp: bool = False, fsdp_min: int = 1024):
        super().__init__(devices)
        self.mesh = Mesh(np.asarray(self.devices), (AXIS,), axis_types=(AxisType.Auto,))
        self.fsdp, self.fsdp_min = fsdp, fsdp_min
        self.whole = NamedSharding(self.mesh, PartitionSpec())
        self.split = NamedSharding(self.mesh, PartitionSpec(AXIS))

    def init(self, init_fn: Callable[..., Tree], *args: Any) -> Tree:
        """As in `Placement`; each device makes its own part."""
        shardings = self.shardings(jax.eval_shape(init_fn, *args))
        return jax.jit(lambda: init_fn(*args), out_shardings=shardings)()

    def compile(self, make_step: Callable[[str | None], Step]) -> Step:
        """As in `Placement`; `axis_name` is None: the partitioner finds the sums over devices."""
        step, compiled = make_step(None), {}

        def run(state: Tree, batch: Batch) -> tuple[Tree, dict[str, jax.Array]]:
            if not compiled:
                compiled["step"] = self._jit(step, state)
            with jax.set_mesh(self.mesh):
                return compiled["step"](state, batch)

        return run

    def _jit(self, step: Step, state: Tree) -> Any:
        out = (jax.tree.map(lambda x: x.sharding, state), self.whole)
        return jax.jit(step, out_shardings=out, donate_argnums=0, compiler_options=compiler_options(self.devices))

    def abstract(self, init_fn: Callable[..., Tree], *args: Any) -> Tree:
        """Shapes and shardings of what `init` would make: nothing is computed, the devices may be far away."""
        shapes = jax.eval_shape(init_fn, *args)
        return jax.tree.map(_with_sharding, shapes, self.shardings(shapes))

    def lower(self, make_step: Callable[[str | None], Step], state: Tree, batch: Batch) -> jax.stages.Lowered:
        """The step for `state` from `abstract` and a global batch of shapes, ready to compile ahead of time."""
        batch = {name: _with_sharding(x, self.split) for name, x in batch.items()}
        with jax.set_mesh(self.mesh):
            return self._jit(make_step(None), state).lower(state, batch)

    def batch(self, host_batch: Batch) -> Batch:
        """As in `Placement`."""
        self._check(host_batch)
        return {k: jax.make_array_from_process_local_data(self.split, np.asarray(x)) for k, x in host_batch.items()}

    def fetch(self, tree: Tree) -> Tree:
        """As in `Placement`."""
        tree = pack(tree)
        gather = jax.jit(lambda x: x, out_shardings=jax.tree.map(lambda _: self.whole, tree))
        return jax.tree.map(lambda x: np.asarray(x.addressable_data(0)), gather(tree))

    def put(self, tree: Tree, like: Tree) -> Tree:
        """As in `Placement`."""

        def one(x: Any, other: Any) -> jax.Array:
            sharding = self.whole if is_key(other) else other.sharding
            return jax.make_array_from_callback(np.shape(x), sharding, lambda index: np.asarray(x)[index])

        return unpack(jax.tree.map(one, tree, like), like)

    def shardings(self, shapes: Tree) -> Tree:
        """How a tree of arrays, or of their shapes, is laid out."""
        return jax.tree.map(lambda x: NamedSharding(self.mesh, self._spec(x)), shapes)

    def _spec(self, x: Any) -> PartitionSpec:
        n = len(self.devices)
        if not self.fsdp or is_key(x) or x.size < self.fsdp_min:
            return PartitionSpec()
        sizes = [size if size % n == 0 else 0 for size in x.shape]
        longest = int(np.argmax(sizes))
        return (
            PartitionSpec(*[AXIS if axis == longest else None for axis in range(x.ndim)])
            if max(sizes)
            else PartitionSpec()
        )


def _with_sharding(x: Any, sharding: NamedSharding) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding)


def _first(x: jax.Array) -> np.ndarray:
    return np.asarray(x.addressable_shards[0].data)[0]
