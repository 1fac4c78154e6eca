"""Checkpoints that are verified when they are read: a fingerprint of every array, and a walk back past damaged steps.

Orbax writes them, asynchronously and from all processes. It would restore a flipped bit without a word, and take an
empty folder for the newest step; so every leaf's fingerprint is stored beside it and compared.
"""

import contextlib
import gc
import hashlib
import json
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from jax import lax

Tree = Any
STATE, TOLD = "state", "told"
DAMAGED = "damaged"


class MismatchError(ValueError):
    """A sound checkpoint of another model or optimizer; the message says what differs."""


class _DamageError(Exception):
    """A checkpoint that isn't what was written."""


@dataclass(frozen=True)
class Restored:
    """What a checkpoint held.

    Attributes:
      step: its number.
      state: the tree, on the devices that were asked for.
      told: what was stored with it.
    """

    step: int
    state: Tree
    told: dict[str, Any]


class Checkpoints:
    """The checkpoints in a folder.

    Args:
      folder: theirs alone; made if it isn't there.
      keep: how many of the newest ones stay.
      best: the metric whose best checkpoint stays besides; "" for none.
      mode: "max" or "min", whichever is best.
      tell: called with a line where a checkpoint is found to be damaged.
      read: only look: what another process may be writing is left alone, and damaged checkpoints stay where they are.

    Example:
      >>> import tempfile
      >>> with Checkpoints(tempfile.mkdtemp()) as checkpoints:
      ...     checkpoints.save(7, {"w": jnp.ones(3)})
      ...     checkpoints.restore({"w": jnp.zeros(3)}).state["w"].tolist()
      [1.0, 1.0, 1.0]
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        keep: int = 2,
        best: str = "",
        mode: str = "max",
        tell: Callable[[str], None] = print,
        read: bool = False,
    ) -> None:
        logging.getLogger("absl").setLevel(logging.ERROR)
        self.folder, self.tell, self.read = Path(folder).absolute(), tell, read
        self.folder.mkdir(parents=True, exist_ok=True)
        options = ocp.CheckpointManagerOptions(
            preservation_policy=_Kept(keep, best, 1 if mode == "max" else -1),
            cleanup_tmp_directories=not read,
            best_fn=lambda metrics: 0.0,  # without one Orbax writes no metrics; what stays is the policy's choice
            enable_async_checkpointing=True,
        )
        self._manager = ocp.CheckpointManager(self.folder, options=options)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def steps(self) -> list[int]:
        """The steps there are, oldest first; that they are sound is not said."""
        return sorted(self._manager.all_steps(read=True))

    def best(self, metric: str, mode: str = "max") -> int | None:
        """The step of the best checkpoint by a metric; None where none has it."""
        scored = []
        for step in self.steps():
            with contextlib.suppress(Exception):  # a damaged one has no score
                scored.append((float((self._manager.metrics(step) or {})[metric]), step))
        return (max if mode == "max" else min)(scored)[1] if metric and scored else None

    def save(
        self,
        step: int,
        state: Tree,
        *,
        told: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Begins to write a checkpoint and returns as soon as the state may change again.

        Args:
          step: its number; one that is there already is left alone.
          state: a tree of arrays, typed keys among them.
          told: what else is to be known, as JSON can hold it.
          metrics: by which the best is chosen.
        """
        if step in self._manager.all_steps():
            return
        leaves = _leaves(state)
        prints = [f"{print_:016x}" for print_ in _fingerprints(list(leaves.values()))]
        arrays = {
            name: {"shape": list(leaf.shape), "dtype": str(leaf.dtype), "print": print_}
            for (name, leaf), print_ in zip(leaves.items(), prints, strict=True)
        }
        body = {"arrays": arrays, "told": dict(told or {})}
        args = ocp.args.Composite(
            state=ocp.args.StandardSave(_numbered(leaves)), told=ocp.args.JsonSave({**body, "digest": _digest(body)})
        )
        self._manager.save(step, args=args, metrics=dict(metrics) if metrics else None)

    def restore(self, like: Tree, *, step: int | None = None) -> Restored | None:
        """Reads the newest sound checkpoint; damaged ones are set aside with a message, and the one before is taken.

        Args:
          like: a tree of arrays (or of `jax.ShapeDtypeStruct` with a sharding) of the shapes, types and devices that
            are wanted; the devices may be others than those it was written from.
          step: this one alone, in place of the newest.

        Returns:
          What it held; None if there is no sound checkpoint.

        Raises:
          MismatchError: a sound checkpoint, of another model.
        """
        self._manager.wait_until_finished()
        for number in reversed(self.steps()) if step is None else [step]:
            try:
                return self._read(number, like)
            except _DamageError as damage:
                why = str(damage)
            _forget()
            self._set_aside(number, why)
        return None

    def drop_after(self, step: int) -> None:
        """Deletes the checkpoints after a step: the run goes on from there."""
        for number in self.steps():
            if number > step:
                self._manager.delete(number)

    def wait(self) -> None:
        """Returns when all that was begun is written."""
        self._manager.wait_until_finished()

    def close(self) -> None:
        """Waits, and lets go."""
        self._manager.wait_until_finished()
        self._manager.close()

    def _read(self, step: int, like: Tree) -> Restored:
        leaves = _leaves(like)
        body = self._told(step)
        _same_arrays(body["arrays"], leaves)
        target = _numbered({name: _struct(leaf) for name, leaf in leaves.items()})
        try:
            args = ocp.args.Composite(state=ocp.args.StandardRestore(target))
            read = self._manager.restore(step, args=args)[STATE]
        except Exception as error:  # whatever Orbax and what it stands on say of broken files
            raise _DamageError(f"cannot be read ({_first_line(error)})") from None
        arrays = [read[number] for number in target]
        for (name, told), print_ in zip(body["arrays"].items(), _fingerprints(arrays), strict=True):
            if told["print"] != f"{print_:016x}":
                raise _DamageError(f"{name} is not what was written")
        return Restored(step, _like(like, arrays), body["told"])

    def _told(self, step: int) -> dict[str, Any]:
        try:
            args = ocp.args.Composite(told=ocp.args.JsonRestore())
            body = self._manager.restore(step, args=args)[TOLD]
            digest = body.pop("digest")
        except Exception as error:  # as above
            raise _DamageError(f"cannot be read ({_first_line(error)})") from None
        if digest != _digest(body):
            raise _DamageError("its list of arrays is not what was written")
        return body

    def _set_aside(self, step: int, why: str) -> None:
        if self.read:
            self.tell(f"checkpoint {step} in {self.folder} {why}: left out")
            return
        place = self.folder.parent / f"{self.folder.name}-{DAMAGED}"
        target = place / str(step)
        number = 1
        while target.exists():
            number += 1
            target = place / f"{step}-{number}"
        self.tell(f"checkpoint {step} in {self.folder} {why}: moved to {target}, going back to the one before")
        if jax.process_index() == 0:
            place.mkdir(exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                (self.folder / str(step)).rename(target)
        self._manager.reload()


class _Kept:
    """Which checkpoints stay: the newest, and the best."""

    def __init__(self, newest: int, metric: str, sign: int) -> None:
        self.newest, self.metric, self.sign = max(newest, 1), metric, sign

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> Sequence[bool]:
        """Orbax asks this after every save."""
        scored = [(self._score(info), i) for i, info in enumerate(checkpoints) if self.metric in (info.metrics or {})]
        best = max(scored)[1] if scored else None
        return [i >= len(checkpoints) - self.newest or i == best for i in range(len(checkpoints))]

    def _score(self, info: Any) -> float:
        return self.sign * float(info.metrics[self.metric])


def _forget() -> None:
    """Collects what a failed read has left, of which Python would warn that it was never awaited."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160]


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


# --- trees -----------------------------------------------------------------------------------------------------------


def _leaves(tree: Tree) -> dict[str, Any]:
    """The arrays by name; typed keys as the integers they are made of."""
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): _plain(leaf) for path, leaf in flat}


def _numbered(leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Named by their place, since their own names may hold anything."""
    return {f"{i:05d}": leaf for i, leaf in enumerate(leaves.values())}


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _plain(leaf: Any) -> Any:
    leaf = leaf if hasattr(leaf, "dtype") else np.asarray(leaf)
    if not _is_key(leaf):
        return leaf
    if isinstance(leaf, jax.ShapeDtypeStruct):
        data = jax.eval_shape(jax.random.key_data, leaf)
        return jax.ShapeDtypeStruct(data.shape, data.dtype, sharding=leaf.sharding)
    return jax.random.key_data(leaf)


def _struct(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=getattr(leaf, "sharding", None))


def _like(like: Tree, arrays: Sequence[jax.Array]) -> Tree:
    leaves, tree = jax.tree.flatten(like)

    def typed(leaf: Any, array: jax.Array) -> jax.Array:
        key = hasattr(leaf, "dtype") and _is_key(leaf)
        return jax.random.wrap_key_data(array, impl=jax.random.key_impl(leaf)) if key else array

    return jax.tree.unflatten(tree, [typed(leaf, array) for leaf, array in zip(leaves, arrays, strict=True)])


def _same_arrays(stored: Mapping[str, Mapping[str, Any]], wanted: Mapping[str, Any]) -> None:
    def told(name: str) -> str:
        entry = stored.get(name)
        return f"{entry['dtype']}{list(entry['shape'])}" if entry else "nothing"

    def asked(name: str) -> str:
        return f"{wanted[name].dtype}{list(wanted[name].shape)}" if name in wanted else "nothing"

    wrong = [name for name in {**stored, **wanted} if told(name) != asked(name)]
    if wrong:
        lines = [f"{name} is {told(name)} there and {asked(name)} here" for name in wrong[:3]]
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise MismatchError(f"the checkpoint is of another model or optimizer: {'; '.join(lines)}{more}")
    if list(stored) != list(wanted):
        raise MismatchError("the checkpoint has the same arrays in another order: it is of another version")


# --- fingerprints ----------------------------------------------------------------------------------------------------


def _fingerprints(arrays: Sequence[Any]) -> list[int]:
    """Sixty-four bits of each array, the same however it lies on devices.

    Every element's bits are mixed with its place by a bijection and summed modulo 2^32, twice: one flipped bit always
    changes the sum, and sums of integers do not depend on their order.
    """
    together: dict[Any, list[int]] = {}
    for i, array in enumerate(arrays):
        devices = frozenset(array.sharding.device_set) if isinstance(array, jax.Array) else None
        together.setdefault(devices, []).append(i)
    prints = [0] * len(arrays)
    for places in together.values():
        pairs = np.asarray(_prints([arrays[i] for i in places]))
        for i, (high, low) in zip(places, pairs, strict=True):
            prints[i] = (int(high) << 32) | int(low)
    return prints


@jax.jit
def _prints(arrays: list[jax.Array]) -> jax.Array:
    return jnp.stack([jnp.stack([_print(array, seed) for seed in (0x9E3779B9, 0x85EBCA77)]) for array in arrays])


def _print(array: jax.Array, seed: int) -> jax.Array:
    bits = _bits(array)
    place = jnp.full(bits.shape, seed, jnp.uint32)
    stride = 1
    for axis in reversed(range(bits.ndim)):
        place = place + lax.broadcasted_iota(jnp.uint32, bits.shape, axis) * jnp.uint32(stride % 2**32)
        stride *= bits.shape[axis]
    return jnp.sum(_mix(bits ^ _mix(place)), dtype=jnp.uint32)


def _bits(array: jax.Array) -> jax.Array:
    if array.dtype == jnp.bool_:
        return array.astype(jnp.uint32)
    width = jnp.dtype(array.dtype).itemsize
    kind = {1: jnp.uint8, 2: jnp.uint16}.get(width, jnp.uint32)
    return lax.bitcast_convert_type(array, kind).astype(jnp.uint32)


@partial(jax.jit, inline=True)
def _mix(x: jax.Array) -> jax.Array:
    """Murmur3's last step, a bijection of 32 bits."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)
