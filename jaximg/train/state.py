"""What a training carries from step to step: one pytree, all of it in the checkpoint."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import optax

from jaximg.typing import Key

Tree = Any
"""A pytree of arrays."""


class TrainState(flax.struct.PyTreeNode):
    """Everything that one step reads and the next one needs.

    Attributes:
      step: int32 scalar, steps taken.
      key: the typed key of the run; a step draws from `fold_in(key, step)`, an example from that folded by its index.
      params: the model's tree; for a GAN `{"generator": ..., "discriminator": ...}`, as are `stats` and `opt_state`.
      stats: running statistics (`batch_stats`), `{}` where the model has none.
      opt_state: the optimizer's.
      ema: averaged parameters (of the generator alone in a GAN: `{"generator": ...}`), or None.
      aux: arrays that schedules move: a loss scale, an augmentation's strength.
    """

    step: jax.Array
    key: jax.Array
    params: Tree
    stats: Tree
    opt_state: Tree
    ema: Tree
    aux: dict[str, jax.Array]


def init_state(
    model: nn.Module,
    tx: optax.GradientTransformation,
    key: Key,
    *inputs: jax.Array,
    ema: bool = False,
    aux: Mapping[str, float] | None = None,
    **kwargs: Any,
) -> TrainState:
    """The state of one model before its first step: pure, to be run by `Placement.init`.

    Args:
      model: the module; what it is called with must have the shapes of `inputs` (one example is enough).
      tx: the optimizer.
      key: typed key; parameters come from one half, the steps' randomness from the other.
      *inputs: what the model is called with, `(B, H, W, C)` first.
      ema: whether to keep averaged parameters.
      aux: initial values of scheduled scalars.
      **kwargs: further arguments of the model.

    Returns:
      The state at step 0.

    Example:
      >>> state = init_state(nn.Dense(2), optax.sgd(0.1), jax.random.key(0), jnp.zeros((1, 3)), ema=True)
      >>> state.params["kernel"].shape, state.ema["kernel"].shape, int(state.step)
      ((3, 2), (3, 2), 0)
    """
    key_params, key_run = jax.random.split(key)
    params, stats = _init(model, key_params, *inputs, **kwargs)
    return _state(key_run, params, stats, tx.init(params), _copy(params) if ema else None, aux)


def init_classifier_state(
    model: nn.Module, tx: optax.GradientTransformation, key: Key, example: jax.Array, **options: Any
) -> TrainState:
    """`init_state` for a model of pictures alone, a classifier; `example` is `(B, H, W, C)`, any values."""
    return init_state(model, tx, key, as_float(example[:1]), **options)


def init_restoration_state(
    model: nn.Module, tx: optax.GradientTransformation, key: Key, example: tuple[jax.Array, ...], **options: Any
) -> TrainState:
    """`init_state` for a restorer; `example` is what `damage` gives the model: a tuple `(image, *maps)`."""
    return init_state(model, tx, key, *(x[:1] for x in example), **options)


def init_gan_state(
    generator: nn.Module,
    discriminator: nn.Module,
    tx_g: optax.GradientTransformation,
    tx_d: optax.GradientTransformation,
    key: Key,
    example: jax.Array,
    *,
    latent: int,
    together: int = 1,
    ema: bool = False,
    aux: Mapping[str, float] | None = None,
    **kwargs: Any,
) -> TrainState:
    """The state of a generator and a discriminator before their first step: pure, to be run by `Placement.init`.

    Args:
      generator: from `(B, latent)` to `(B, H, W, C)` in [-1, 1].
      discriminator: from `(B, H, W, C)` in [-1, 1] to `(B,)` or `(B, 1)`.
      tx_g: the generator's optimizer.
      tx_d: the discriminator's.
      key: typed key.
      example: pictures `(B, H, W, C)`; their values don't matter.
      latent: length of z.
      together: how many pictures the discriminator judges as channels of one.
      ema: whether to keep an averaged generator.
      aux: initial values of scheduled scalars.
      **kwargs: further arguments of both models (a `label` of one example).

    Returns:
      The state at step 0.
    """
    key_g, key_d, key_run = jax.random.split(key, 3)
    params_g, stats_g = _init(generator, key_g, jnp.zeros((1, latent)), **kwargs)
    params_d, stats_d = _init(discriminator, key_d, jnp.tile(as_float(example[:1]), (1, 1, 1, together)), **kwargs)
    return _state(
        key_run,
        {"generator": params_g, "discriminator": params_d},
        {"generator": stats_g, "discriminator": stats_d},
        {"generator": tx_g.init(params_g), "discriminator": tx_d.init(params_d)},
        {"generator": _copy(params_g)} if ema else None,
        aux,
    )


def variables(params: Tree, stats: Tree) -> dict[str, Tree]:
    """What a module is applied with: parameters, and statistics where it has some.

    Example:
      >>> variables({"w": 1}, {})
      {'params': {'w': 1}}
    """
    return {"params": params, "batch_stats": stats} if stats else {"params": params}


def as_float(image: jax.Array) -> jax.Array:
    """Pictures in [0, 1]: 8-bit ones are divided by 255, floating ones pass.

    Example:
      >>> as_float(jnp.array([0, 255], jnp.uint8)).tolist()
      [0.0, 1.0]
    """
    if image.dtype == jnp.uint8:
        return image.astype(jnp.float32) / 255.0
    return image.astype(jnp.float32)


def pack(tree: Tree) -> Tree:
    """The same tree with every typed key as its bits (uint32), so that it can be saved or sent.

    Example:
      >>> pack({"key": jax.random.key(3)})["key"].tolist()
      [0, 3]
    """
    return jax.tree.map(lambda x: jax.random.key_data(x) if is_key(x) else x, tree)


def unpack(tree: Tree, like: Tree) -> Tree:
    """The inverse of `pack`: what is a typed key in `like` becomes one again, of the same implementation.

    Example:
      >>> like = {"key": jax.random.key(3)}
      >>> unpack(pack(like), like)["key"] == like["key"]
      Array(True, dtype=bool)
    """

    def one(x: Any, other: Any) -> Any:
        return jax.random.wrap_key_data(x, impl=jax.random.key_impl(other)) if is_key(other) else x

    return jax.tree.map(one, tree, like)


def other_key(state: TrainState, number: int) -> TrainState:
    """The state with another run of random numbers; its key typed, or as the bits that `pack` makes of it."""
    if is_key(state.key):
        return state.replace(key=jax.random.fold_in(state.key, number))
    key = jax.random.fold_in(jax.random.wrap_key_data(jnp.asarray(state.key)), number)
    return state.replace(key=jax.random.key_data(key))


def is_key(x: Any) -> bool:
    """Whether a leaf holds typed keys."""
    return hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def _init(model: nn.Module, key: Key, *inputs: jax.Array, **kwargs: Any) -> tuple[Tree, Tree]:
    variables = model.init({"params": key, "dropout": key}, *inputs, **kwargs)
    return variables["params"], variables.get("batch_stats", {})


def _copy(tree: Tree) -> Tree:
    return jax.tree.map(jnp.copy, tree)


def _state(
    key: Key, params: Tree, stats: Tree, opt_state: Tree, ema: Tree, aux: Mapping[str, float] | None
) -> TrainState:
    scalars = {name: jnp.asarray(value, jnp.float32) for name, value in (aux or {}).items()}
    return TrainState(jnp.zeros((), jnp.int32), key, params, stats, opt_state, ema, scalars)
