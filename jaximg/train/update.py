"""The parts that every step is put together from."""

import inspect
import zlib
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.sharding import PartitionSpec
from jax.typing import DTypeLike

from jaximg.train.precision import cast
from jaximg.train.state import TrainState, Tree, variables
from jaximg.typing import Key

Batch = dict[str, Any]
Metrics = dict[str, jax.Array]
Step = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
Rate = float | Callable[[jax.Array], jax.Array]
"""A number, or a function of the step (an Optax schedule)."""
Call = Callable[..., tuple[jax.Array, Tree]]
"""`(params, stats, key, index, *inputs, **options) -> (answer in float32, new stats)`."""


def caller(model: nn.Module, axis_name: str | None, compute_dtype: DTypeLike) -> Call:
    """How a step runs a model for training.

    `train=True` and `index=` are passed to a model whose call names them, further options (`label`) likewise; a field
    `axis_name` of the model is set, so that batch norms see the global batch. Parameters and floating inputs are cast
    to `compute_dtype`, the answer to float32, running statistics keep their dtype.
    """
    names = inspect.signature(type(model).__call__).parameters
    if axis_name is not None and hasattr(model, "axis_name"):
        model = model.clone(axis_name=axis_name)

    def call(params: Tree, stats: Tree, key: Key, index: jax.Array, *inputs: jax.Array, **options: Any):
        options = {"train": True, "index": index} | options
        options = {name: value for name, value in options.items() if name in names}
        # without the index, dropout draws one mask for what is here: let each device's share have its own
        key = key if "index" in names else jax.random.fold_in(key, index[0].astype(jnp.uint32))
        given = variables(cast(whole(params), compute_dtype), stats)
        with jax.numpy_dtype_promotion("standard"):  # Flax's norms mix their float32 statistics with any other dtype
            out, changed = model.apply(
                given, *cast(inputs, compute_dtype), rngs={"dropout": key}, mutable=["batch_stats"], **options
            )
        new = changed.get("batch_stats", {})
        return out.astype(jnp.float32), jax.tree.map(lambda a, b: a.astype(b.dtype), new, stats)

    return call


def indexed(batch: Batch, axis_name: str | None) -> Batch:
    """The batch with "index": if it has none, each example's position in the global batch."""
    if "index" in batch:
        return batch
    here = jnp.arange(batch["image"].shape[0], dtype=jnp.int32)
    first = 0 if axis_name is None else lax.axis_index(axis_name) * here.size
    return batch | {"index": here + first}


def whole(params: Tree) -> Tree:
    """Parameters that a mesh has split (FSDP), gathered on every device for use; others as they are.

    Without it the partitioner may move pictures and activations instead, which are larger.
    """
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty or mesh.manual_axes or mesh.explicit_axes:
        return params
    return lax.with_sharding_constraint(params, jax.tree.map(lambda _: PartitionSpec(), params))


def named(key: Key, name: str) -> Key:
    """A key for one purpose.

    Example:
      >>> bool(named(jax.random.key(0), "z") == named(jax.random.key(0), "dropout"))
      False
    """
    return jax.random.fold_in(key, zlib.crc32(name.encode()))


def keys_of(key: Key, name: str, index: jax.Array) -> Key:
    """One key for each example, by its global index, for one purpose: `(B,)`."""
    return jax.vmap(jax.random.fold_in, (None, 0))(named(key, name), index.astype(jnp.uint32))


def latents(key: Key, index: jax.Array, size: int) -> jax.Array:
    """Standard normal z, `(B, size)`, each by its example's index.

    Example:
      >>> z = latents(jax.random.key(0), jnp.arange(4), 3)
      >>> bool(jnp.all(z[2:] == latents(jax.random.key(0), jnp.arange(2, 4), 3)))
      True
    """
    return jax.vmap(lambda k: jax.random.normal(k, (size,)))(keys_of(key, "z", index))


def gradients(objective: Callable[..., Any], params: Tree, stats: Tree, key: Key, batch: Batch, parts: int):
    """Gradient, new statistics and metrics of an objective, the batch worked through in `parts` parts.

    A part takes every `parts`-th example: the same ones however the batch is split over devices.
    """
    grad = jax.value_and_grad(objective, has_aux=True)
    if parts == 1:
        (_, (stats, metrics)), grads = grad(params, stats, key, batch)
        return grads, stats, metrics
    size = batch["index"].shape[0]
    if size % parts:
        raise ValueError(f"{size} examples on a device can't be worked through in {parts} equal parts")

    def part(carry: tuple[Tree, Tree], some: Batch) -> tuple[tuple[Tree, Tree], Metrics]:
        total, stats = carry
        (_, (stats, metrics)), grads = grad(params, stats, key, some)
        return (jax.tree.map(jnp.add, total, grads), stats), metrics

    split = jax.tree.map(lambda x: jnp.swapaxes(x.reshape(size // parts, parts, *x.shape[1:]), 0, 1), batch)
    zeros = jax.tree.map(jnp.zeros_like, params)
    (total, stats), metrics = lax.scan(part, (zeros, stats), split)
    mean = jax.tree.map(lambda x: x / parts, total)
    return mean, stats, jax.tree.map(lambda x: jnp.mean(x, 0), metrics)


def average(tree: Tree, axis_name: str | None) -> Tree:
    """The mean over all devices' shares of the batch."""
    return tree if axis_name is None else lax.pmean(tree, axis_name)


def at(rate: Rate, step: jax.Array) -> jax.Array:
    """A scheduled value at a step, float32."""
    return jnp.asarray(rate(step) if callable(rate) else rate, jnp.float32)


def follow(averaged: Tree, params: Tree, decay: Rate | None, step: jax.Array) -> Tree:
    """`decay averaged + (1 - decay) params`: an exponential moving average one step on.

    Example:
      >>> follow(jnp.zeros(1), jnp.ones(1), 0.75, jnp.int32(0)).tolist()
      [0.25]
    """
    if decay is None:
        return averaged
    if averaged is None:
        raise ValueError("the state holds no averaged parameters to follow: make it with ema=True")
    toward = 1.0 - at(decay, step)
    return jax.tree.map(lambda e, p: e + toward.astype(e.dtype) * (p - e), averaged, params)


def descend(tx: optax.GradientTransformation, grads: Tree, opt_state: Tree, params: Tree) -> tuple[Tree, Tree]:
    """Parameters and optimizer after one update."""
    updates, opt_state = tx.update(grads, opt_state, params)
    return optax.apply_updates(params, updates), opt_state


def norm(tree: Tree) -> jax.Array:
    """The root of the sum of all squares, float32: `optax.tree.norm`, summed by columns, which a CPU does faster.

    Example:
      >>> float(norm({"a": jnp.array([[3.0, 0.0]]), "b": jnp.array(4.0)}))
      5.0
    """
    squares = [jnp.sum(jnp.square(x.astype(jnp.float32)), tuple(range(x.ndim - 1))) for x in jax.tree.leaves(tree)]
    return jnp.sqrt(sum((jnp.sum(x) for x in squares), jnp.float32(0.0)))


def close(state: TrainState, new: TrainState, metrics: Metrics, skip_nonfinite: bool) -> tuple[TrainState, Metrics]:
    """The state one step on, metrics as float32 with "finite"; optionally nothing but the step if that is 0."""
    metrics = {name: value.astype(jnp.float32) for name, value in metrics.items()}
    finite = jnp.all(jnp.isfinite(jnp.stack(list(metrics.values()))))
    if skip_nonfinite:
        fields = ("params", "stats", "opt_state", "ema")
        old, now = ([getattr(s, f) for f in fields] for s in (state, new))
        kept = jax.tree.map(lambda a, b: jnp.where(finite, a, b), now, old)
        new = new.replace(**dict(zip(fields, kept, strict=True)))
    return new.replace(step=state.step + 1), metrics | {"finite": finite.astype(jnp.float32)}
