"""One update, a pure function `step(state, batch) -> (state, metrics)`, for each objective.

A batch is a dict: "image" `(B, H, W, C)`, 8-bit or floating in [0, 1]; "label" `(B,)` where there are classes; "index"
`(B,)` int32, each example's position in the global batch or data set (its position here if missing). Randomness hangs
on `fold_in(state.key, state.step)` and that index alone, so a step gives the same numbers wherever it runs.

Metrics are float32 scalars, averaged over the global batch: the losses, "grad_norm", and "finite", which is 1 where all
of them are; with `skip_nonfinite=True` an update that is not leaves everything but the step's number alone.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from jaximg.train import losses
from jaximg.train.gan import make_gan_step, make_sampler
from jaximg.train.state import Tree, as_float
from jaximg.train.update import (
    Batch,
    Metrics,
    Rate,
    Step,
    average,
    caller,
    close,
    descend,
    follow,
    gradients,
    indexed,
    keys_of,
    named,
    norm,
)
from jaximg.typing import Key

__all__ = ["make_classifier_step", "make_gan_step", "make_restoration_step", "make_sampler", "make_step"]

Objective = Callable[[Tree, Tree, Key, Batch], tuple[jax.Array, tuple[Tree, Metrics]]]
"""`(params, stats, key, batch) -> loss, (new stats, metrics)`."""


def make_classifier_step(
    model: nn.Module,
    tx: optax.GradientTransformation,
    *,
    axis_name: str | None = None,
    augment: Callable[[Key, jax.Array], jax.Array] | None = None,
    smoothing: float = 0.0,
    compute_dtype: DTypeLike = jnp.float32,
    **options: Any,
) -> Step:
    """A step of a classifier: cross-entropy of `model(image)` against `batch["label"]`.

    Args:
      model: from `(B, H, W, C)` in [0, 1] to logits `(B, classes)`; gets `train=True` and `index=` if it names them.
      tx: the optimizer.
      axis_name: the axis that `pmap` or `shard_map` splits the batch over.
      augment: `(key, picture) -> picture` on one `(H, W, C)`, run inside the step, a key an example.
      smoothing: of the labels.
      compute_dtype: dtype inside the network; the state keeps its own.
      **options: those of `make_step`: accumulate, ema, remat, skip_nonfinite.

    Returns:
      The step; its metrics are loss, accuracy, grad_norm, finite.
    """
    call = caller(model, axis_name, compute_dtype)

    def objective(params: Tree, stats: Tree, key: Key, batch: Batch) -> tuple[jax.Array, tuple[Tree, Metrics]]:
        image, index = as_float(batch["image"]), batch["index"]
        if augment is not None:
            image = jax.vmap(augment)(keys_of(key, "augment", index), image)
        logits, stats = call(params, stats, key, index, image)
        loss = jnp.mean(losses.cross_entropy(logits, batch["label"], smoothing=smoothing))
        right = jnp.argmax(logits, -1) == batch["label"]
        return loss, (stats, {"loss": loss, "accuracy": jnp.mean(right.astype(jnp.float32))})

    return make_step(objective, tx, axis_name=axis_name, **options)


def make_restoration_step(
    model: nn.Module,
    tx: optax.GradientTransformation,
    *,
    damage: Callable[[Key, jax.Array], tuple[tuple[jax.Array, ...], jax.Array]],
    loss: Callable[[jax.Array, jax.Array], jax.Array] = losses.charbonnier,
    relative: bool = False,
    shown: Callable[[jax.Array], jax.Array] = lambda x: x,
    axis_name: str | None = None,
    each: bool = True,
    compute_dtype: DTypeLike = jnp.float32,
    **options: Any,
) -> Step:
    """A step of a network that repairs: pictures are damaged on the device, inside the step.

    Args:
      model: called with `*inputs`, answers with a picture.
      tx: the optimizer.
      damage: `(key, clean) -> (inputs, target)`; `clean` is `(B, H, W, C)` in [0, 1], `inputs` a tuple of arrays.
      loss: `(answer, target) -> (B,)`.
      relative: take it in proportion to that of the first of `inputs` (`losses.relative`), which is a picture then.
      shown: from an answer to a picture, of which the PSNR is told.
      axis_name: the axis that `pmap` or `shard_map` splits the batch over.
      each: call `damage` on batches of one, a key an example, so that the same example is damaged alike wherever it
        runs. False passes the whole local batch and one key; its answer then depends on how the batch is split.
      compute_dtype: dtype inside the network; the state keeps its own.
      **options: those of `make_step`: accumulate, ema, remat, skip_nonfinite.

    Returns:
      The step; its metrics are loss, psnr (of the batch's mean squared error, in dB), grad_norm, finite.
    """
    call = caller(model, axis_name, compute_dtype)

    def one(key: Key, image: jax.Array) -> tuple[tuple[jax.Array, ...], jax.Array]:
        return jax.tree.map(lambda x: x[0], damage(key, image[None]))

    def objective(params: Tree, stats: Tree, key: Key, batch: Batch) -> tuple[jax.Array, tuple[Tree, Metrics]]:
        image, index = as_float(batch["image"]), batch["index"]
        if each:
            inputs, target = jax.vmap(one)(keys_of(key, "damage", index), image)
        else:
            inputs, target = damage(jax.random.fold_in(named(key, "damage"), index[0].astype(jnp.uint32)), image)
        out, stats = call(params, stats, key, index, *inputs)
        value = loss(out, target)
        value = jnp.mean(losses.relative(value, loss(inputs[0], target)) if relative else value)
        return value, (stats, {"loss": value, "mse": jnp.mean(jnp.square(shown(out) - target))})

    def finish(metrics: Metrics) -> Metrics:
        psnr = -10.0 * jnp.log10(jnp.maximum(metrics["mse"], 1e-10))
        return {"loss": metrics["loss"], "psnr": psnr}

    return make_step(objective, tx, axis_name=axis_name, finish=finish, **options)


def make_step(
    objective: Objective,
    tx: optax.GradientTransformation,
    *,
    axis_name: str | None = None,
    accumulate: int = 1,
    ema: Rate | None = None,
    remat: bool | Callable[..., bool] = False,
    skip_nonfinite: bool = False,
    finish: Callable[[Metrics], Metrics] = dict,
) -> Step:
    """A step of any objective: bring your own loss.

    Args:
      objective: `(params, stats, key, batch) -> loss, (new stats, metrics)`: the mean over the batch it is given.
      tx: the optimizer; chain `optax.clip_by_global_norm` before it to clip.
      axis_name: the axis that `pmap` or `shard_map` splits the batch over; gradients and metrics are averaged over it.
      accumulate: how many parts the batch is worked through in, one after the other, to save memory; a part takes every
        `accumulate`-th example, so that it is the same whatever the placement.
      ema: decay of the averaged parameters a step, a number or a schedule; needs `state.ema`.
      remat: gradient checkpointing: True keeps what convolutions and dots answer and computes the rest again in the
        backward pass; a policy of `jax.checkpoint_policies` says what to keep. (`flax.linen.remat` does it by block.)
      skip_nonfinite: leave the state alone (but for its step) where loss or gradient is not finite.
      finish: turns averaged metrics into those to report.

    Returns:
      The step.

    Example:
      >>> from jaximg.train.state import init_state
      >>> tx = optax.sgd(0.5)
      >>> def objective(params, stats, key, batch):
      ...     loss = jnp.mean(jnp.square(params["kernel"][0, 0] * batch["image"] - 1.0))
      ...     return loss, (stats, {"loss": loss})
      >>> state = init_state(nn.Dense(1), tx, jax.random.key(0), jnp.ones((1, 1)))
      >>> state, metrics = make_step(objective, tx)(state, {"image": jnp.ones(4)})
      >>> round(float(state.params["kernel"][0, 0]), 6), int(state.step)
      (1.0, 1)
    """
    if remat:
        objective = jax.checkpoint(
            objective, policy=remat if callable(remat) else jax.checkpoint_policies.dots_saveable
        )

    def step(state, batch):
        key = jax.random.fold_in(state.key, state.step)
        batch = indexed(batch, axis_name)
        found = gradients(objective, state.params, state.stats, key, batch, accumulate)
        grads, stats, metrics = average(found, axis_name)
        params, opt_state = descend(tx, grads, state.opt_state, state.params)
        averaged = follow(state.ema, params, ema, state.step)
        new = state.replace(params=params, stats=stats, opt_state=opt_state, ema=averaged)
        return close(state, new, finish(metrics) | {"grad_norm": norm(grads)}, skip_nonfinite)

    return step
