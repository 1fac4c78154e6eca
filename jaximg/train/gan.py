"""The adversarial step: a discriminator down its loss, then its generator down its own."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import DTypeLike

from jaximg.train.losses import (
    GAN_LOSSES,
    Adversarial,
    input_gradients,
    mixture,
    one_centred,
    uniform_mix,
    zero_centred,
)
from jaximg.train.state import TrainState, Tree, as_float, variables
from jaximg.train.update import (
    Batch,
    Metrics,
    Rate,
    Step,
    at,
    average,
    caller,
    close,
    descend,
    follow,
    gradients,
    indexed,
    keys_of,
    latents,
    named,
    norm,
)
from jaximg.typing import Key, check_choice

Augment = Callable[[Key, jax.Array, jax.Array], jax.Array]
Damage = Callable[[Key, jax.Array], jax.Array]
TOLD = ("strength", "overfitting")
"""Of what a schedule moves, these are among the metrics."""


def make_gan_step(
    generator: nn.Module,
    discriminator: nn.Module,
    tx_g: optax.GradientTransformation,
    tx_d: optax.GradientTransformation,
    *,
    latent: int,
    loss: str | Adversarial = "nonsaturating",
    r1: Rate = 0.0,
    r2: Rate = 0.0,
    penalise_every: int = 1,
    gradient_penalty: float = 0.0,
    augment: Augment | None = None,
    damage: Damage | None = None,
    held: Batch | None = None,
    axis_name: str | None = None,
    ema: Rate | None = None,
    compute_dtype: DTypeLike = jnp.float32,
    skip_nonfinite: bool = False,
    accumulate: int = 1,
    pack: int = 1,
    told: Mapping[str, Rate] | None = None,
    schedule: Callable[[dict[str, jax.Array], Metrics], dict[str, jax.Array]] | None = None,
) -> Step:
    """A step of a discriminator, then of its generator, each down its own loss.

        D:  mean loss_D(D(x), D(G(z))) + r1 |grad D(x)|^2 / 2 + r2 |grad D(G(z))|^2 / 2
        G:  mean loss_G(D(x), D(G(z'))),    z' fresh, D as just updated

    Networks see and make pictures in [-1, 1]; the batch is in [0, 1] and is mapped here (`make_sampler` maps back).

    Args:
      generator: `(B, latent) -> (B, H, W, C)`. `train`, `index`, `label` are passed where a model names them.
      discriminator: `(B, H, W, C) -> (B,)` or `(B, 1)`.
      tx_g: the generator's optimizer.
      tx_d: the discriminator's.
      latent: length of z, standard normal.
      loss: a name in `losses.GAN_LOSSES`, or a pair of functions.
      r1: weight of the penalty on reals, a number or a schedule.
      r2: weight of the penalty on fakes.
      penalise_every: at each step both look at every so manieth pair of a real and a fake alone, of a device's share of
        the batch, or of a part of it: penalties are half of a step's work. Of pairs judged together, at all or none.
      gradient_penalty: weight of WGAN-GP's penalty (10 in the paper).
      augment: `(key, picture, strength) -> picture` on one `(H, W, C)` in [-1, 1], differentiable, on all that the
        discriminator sees; strength is `state.aux["strength"]`, 1 if missing.
      damage: `(key, picture) -> picture` on one `(H, W, C)` in [0, 1], differentiable: what has happened to the reals,
        and now happens to the fakes before the discriminator sees them (AmbientGAN).
      held: `{"image": (V, H, W, C)}`, and "label" where there are labels: pictures that are never trained on. How much
        lower the discriminator rates them than reals is the metric `held_margin`.
      axis_name: the axis that `pmap` or `shard_map` splits the batch over.
      ema: decay of the averaged generator a step, a number or a schedule; needs `state.ema`.
      compute_dtype: dtype inside the networks.
      skip_nonfinite: leave the state alone (but for its step) where a loss or gradient is not finite.
      accumulate: how many parts each half of the step works its batch through in, one after the other, to save memory,
        as in `make_step`. The gradient is the whole batch's where networks treat pictures one by one; a batch norm has
        the statistics of a part, and its running ones take a step a part.
      pack: how many pictures the discriminator judges together, as channels of one, against mode collapse (PacGAN).
      told: scheduled values to be among the metrics, as "schedule/NAME".
      schedule: `(aux, metrics) -> aux` after each step, to move the strength; not after one that is not finite.

    Returns:
      The step; its metrics are loss_d, loss_g, margin (mean of D(x) - D(G(z))), sign (how often it is positive), r1, r2
      and gradient_penalty (unweighted, where on), held_margin, strength and overfitting (where there), spread_real and
      spread_fake (mean squared distance of two pictures), grad_norm_d, grad_norm_g, schedule/NAME,
      finite. `batch["fresh"]`, if there, are the
      reals of G's half of the step.

    Raises:
      ValueError: an unknown loss; at the first step, a penalty on a discriminator with batch statistics.

    References:
      Goodfellow et al., NeurIPS 2014, algorithm 1; Huang et al., R3GAN, NeurIPS 2024; Lin et al., PacGAN, NeurIPS 2018.
    """
    if isinstance(loss, str):
        check_choice(loss, tuple(GAN_LOSSES), "loss")
    pair = GAN_LOSSES[loss] if isinstance(loss, str) else loss
    make = caller(generator, axis_name, compute_dtype)
    judge = partial(_scores, caller(discriminator, axis_name, compute_dtype), augment, pack)
    given: dict[str, Rate] = {"r1": r1, "r2": r2, "gradient_penalty": gradient_penalty}
    weights = {name: weight for name, weight in given.items() if callable(weight) or weight}

    def d_side(params: Tree, stats: Tree, key: Key, batch: Batch, *, made_by: tuple[Tree, Tree], step, strength):
        if stats and weights:
            raise ValueError(
                f"{', '.join(weights)}: the gradient of one picture's score is not defined where batch statistics "
                "couple the pictures; use a discriminator without batch norm, or no penalty"
            )
        real = _signed(batch["image"])
        fake, _ = make(*made_by, key, batch["index"], _z(key, batch, latent), **_label(batch))
        fake = _damaged(damage, key, batch, fake)
        batch = batch | {"strength": strength}
        scores = partial(judge, params, batch=batch)
        on_real, on_fake, stats, penalties = _compare(
            scores, stats, key, batch, real, fake, weights, pack, penalise_every
        )
        if "gradient_penalty" in weights:
            mixed = mixture(real, fake, uniform_mix(keys_of(key, "mix", batch["index"])))
            gradient = input_gradients(lambda x: scores(stats, key=key, image=x)[0], mixed)[1]
            penalties["gradient_penalty"] = jnp.mean(one_centred(_together(gradient, pack)))
        value = jnp.mean(pair.discriminator(on_real, on_fake))
        total = value + sum((at(weights[n], step) * p for n, p in penalties.items()), jnp.float32(0.0))
        sign = jnp.mean((on_real > on_fake).astype(jnp.float32))
        penalties |= _held_margin(partial(judge, jax.lax.stop_gradient(params), stats), held, key, batch, on_real)
        penalties |= _spread("real", real) | _spread("fake", fake)
        return total, (stats, {"loss_d": value, "margin": jnp.mean(on_real - on_fake), "sign": sign} | penalties)

    def g_side(params: Tree, stats: Tree, key: Key, batch: Batch, *, judged_by: tuple[Tree, Tree], strength):
        real = _signed(batch.get("fresh", batch["image"]))
        fake, stats = make(params, stats, key, batch["index"], _z(key, batch, latent), **_label(batch))
        fake = _damaged(damage, key, batch, fake)
        scores = partial(judge, *judged_by, batch=batch | {"strength": strength})
        # where the loss ignores the reals' scores, the compiler drops them
        on_real = jax.lax.stop_gradient(scores(key=named(key, "real"), image=real)[0])
        on_fake = scores(key=named(key, "fake"), image=fake)[0]
        value = jnp.mean(pair.generator(on_real, on_fake))
        return value, (stats, {"loss_g": value})

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        key = jax.random.fold_in(state.key, state.step)
        batch, strength = indexed(batch, axis_name), state.aux.get("strength", jnp.float32(1.0))
        params, stats, opt = state.params, state.stats, state.opt_state
        g, d = "generator", "discriminator"

        side = partial(d_side, made_by=(params[g], stats[g]), step=state.step, strength=strength)
        found = gradients(side, params[d], stats[d], named(key, d), batch, accumulate)
        grads_d, stats_d, metrics = average(found, axis_name)
        params_d, opt_d = descend(tx_d, grads_d, opt[d], params[d])

        side = partial(g_side, judged_by=(params_d, stats_d), strength=strength)
        found = gradients(side, params[g], stats[g], named(key, g), batch, accumulate)
        grads_g, stats_g, more = average(found, axis_name)
        params_g, opt_g = descend(tx_g, grads_g, opt[g], params[g])

        metrics |= more | {"grad_norm_d": norm(grads_d), "grad_norm_g": norm(grads_g)}
        new = state.replace(
            params={g: params_g, d: params_d},
            stats={g: stats_g, d: stats_d},
            opt_state={g: opt_g, d: opt_d},
            ema=follow(state.ema, {g: params_g}, ema, state.step),
        )
        new, metrics = close(state, new, metrics, skip_nonfinite)
        metrics |= _scheduled(told or {}, state.step)
        if schedule is not None:
            new = new.replace(aux=_moved(schedule, state.aux, metrics))
        return new, metrics | {name: new.aux[name] for name in TOLD if name in new.aux}

    return step


@jax.jit
def distances(before: Tree, state: TrainState) -> Metrics:
    """How far a GAN's step moved its networks, and how far the generator is from its average.

    Not among the metrics of every step: it would have to keep the old parameters beside the new ones.

    Args:
      before: the parameters before the step.
      state: after it.

    Returns:
      update_norm_d, update_norm_g, and ema_distance where there is an average.
    """
    pairs = {f"update_norm_{name[0]}": (old, state.params[name]) for name, old in before.items()}
    if state.ema is not None:
        pairs["ema_distance"] = (state.params["generator"], state.ema["generator"])
    copies = state.step.size**0.5  # under `pmap` every device has its own
    return {name: norm(jax.tree.map(jnp.subtract, a, b)) / copies for name, (a, b) in pairs.items()}


def make_sampler(generator: nn.Module) -> Callable[..., jax.Array]:
    """`sample(params, stats, z, **options) -> (B, H, W, C)` in [0, 1]: the generator in use, not in training.

    Example:
      >>> from jaximg.models import MODELS
      >>> net = MODELS["mlp_generator"](shape=(4, 4, 1), features=(8,))
      >>> variables = net.init(jax.random.key(0), jnp.zeros((1, 5)))
      >>> make_sampler(net)(variables["params"], variables["batch_stats"], jnp.zeros((2, 5))).shape
      (2, 4, 4, 1)
    """

    def sample(params: Tree, stats: Tree, z: jax.Array, **options: Any) -> jax.Array:
        out = generator.apply(variables(params, stats), z, **options)
        return (jnp.asarray(out) + 1.0) * 0.5

    return sample


def _signed(image: jax.Array) -> jax.Array:
    return as_float(image) * 2.0 - 1.0


def _z(key: Key, batch: Batch, size: int) -> jax.Array:
    return latents(key, batch["index"], size)


def _label(batch: Batch) -> Batch:
    return {"label": batch["label"]} if "label" in batch else {}


def _damaged(damage: Damage | None, key: Key, batch: Batch, fake: jax.Array) -> jax.Array:
    """Samples in [-1, 1] with what has happened to the data."""
    if damage is None:
        return fake
    return _signed(jax.vmap(damage)(keys_of(key, "damage", batch["index"]), (fake + 1.0) * 0.5))


def _held_margin(scores: Callable[..., Any], held: Batch | None, key: Key, batch: Batch, on_real: jax.Array) -> Metrics:
    """How much higher than pictures held back, one for each example, the reals are rated."""
    if held is None:
        return {}
    among = len(held["image"])
    which = jax.vmap(lambda k: jax.random.randint(k, (), 0, among))(keys_of(key, "unseen", batch["index"]))
    unseen = {name: jnp.asarray(held[name])[which] for name in ("image", "label") if name in held}
    on_held = scores(key=named(key, "held"), image=_signed(unseen["image"]), batch=batch | unseen)[0]
    return {"held_margin": jnp.mean(on_real) - jnp.mean(on_held)}


def _moved(schedule: Callable[..., Any], aux: dict[str, jax.Array], metrics: Metrics) -> dict[str, jax.Array]:
    """What the schedule makes of it, or, after a step that is not finite, as it was."""
    new = schedule(aux, metrics)
    return jax.tree.map(lambda a, b: jnp.where(metrics["finite"] > 0, a, b), new, aux)


def _spread(name: str, image: jax.Array) -> Metrics:
    """The mean squared distance of neighbouring pictures: small where all look the same."""
    pairs = image[: image.shape[0] // 2 * 2].reshape(-1, 2, image[0].size)
    return {f"spread_{name}": jnp.mean(jnp.square(pairs[:, 0] - pairs[:, 1]))} if len(pairs) else {}


def _scheduled(told: Mapping[str, Rate], step: jax.Array) -> Metrics:
    return {f"schedule/{name}": at(rate, step) for name, rate in told.items()}


def _together(image: jax.Array, pack: int, copies: int = 1) -> jax.Array:
    """Pictures of `pack` neighbouring examples as channels of one; of `copies` kinds, side by side, each by itself."""
    if pack == 1:
        return image
    if image.shape[0] % (pack * copies):
        raise ValueError(f"{image.shape[0] // copies} pictures on a device can't be judged {pack} at a time")
    sets = image.reshape(-1, pack, copies, *image.shape[1:])
    return jnp.moveaxis(sets, 1, -2).reshape(-1, *image.shape[1:3], pack * image.shape[3])


def _scores(
    call: Callable[..., Any], augment: Augment | None, pack: int, params: Tree, stats: Tree, *, key, batch, image
):
    """Scores `(B / pack,)` and new statistics; `image` may hold two pictures for each example, side by side."""
    copies = image.shape[0] // batch["index"].shape[0]
    index, label = batch["index"], _label(batch)
    if copies > 1:
        # distinct keys for an example's pictures; interleaved, so that a split batch stays where it is
        index = jnp.stack([index, -1 - index], 1).reshape(-1)
        label = {name: jnp.repeat(x, copies) for name, x in label.items()}
    if augment is not None:
        image = jax.vmap(augment, (0, 0, None))(keys_of(key, "augment", index), image, batch["strength"])
    image = _together(image, pack, copies)
    first = {} if pack > 1 else label  # those that are judged together may be of several classes
    out, stats = call(params, stats, key, index[: len(image)], image, **first)
    return out.reshape(image.shape[0]), stats


def _compare(
    scores: Callable[..., Any],
    stats: Tree,
    key: Key,
    batch: Batch,
    real: jax.Array,
    fake: jax.Array,
    weights: Any,
    pack: int,
    every: int,
):
    """Scores of reals and fakes, new statistics, and the penalties asked for.

    Without statistics both go through in one pass, whose one vjp gives both penalties; where few are penalised, the
    others in one of their own.
    """
    if stats:
        on_real, stats = scores(stats, key=named(key, "real"), image=real)
        on_fake, stats = scores(stats, key=named(key, "fake"), image=fake)
        return on_real, on_fake, stats, {}

    def judged(batch: Batch, real: jax.Array, fake: jax.Array, *, penalised: bool):
        both = jnp.stack([real, fake], 1).reshape(-1, *real.shape[1:])

        def one(x: jax.Array) -> jax.Array:
            return scores(stats, key=key, image=x, batch=batch)[0]

        if not penalised:
            return one(both).reshape(-1, 2), {}
        out, gradient = input_gradients(one, both)
        squares = jnp.mean(zero_centred(_together(gradient, pack, 2)).reshape(-1, 2), 0)
        return out.reshape(-1, 2), {name: squares[i] for i, name in enumerate(("r1", "r2")) if name in weights}

    wanted = bool({"r1", "r2"} & set(weights))
    if every == 1 or not wanted:
        pairs, penalties = judged(batch, real, fake, penalised=wanted)
    else:
        some, others = (partial(_taken, which) for which in _split(len(real), pack, every))
        pairs, penalties = judged(*some((batch, real, fake)), penalised=True)
        pairs = jnp.concatenate([pairs, judged(*others((batch, real, fake)), penalised=False)[0]])
    return pairs[:, 0], pairs[:, 1], stats, penalties


def _split(count: int, pack: int, every: int) -> tuple[np.ndarray, np.ndarray]:
    """Which examples are penalised and which aren't; those that are judged together go the same way."""
    sets = np.arange(count).reshape(-1, pack)
    return sets[::every].reshape(-1), np.delete(sets, np.s_[::every], 0).reshape(-1)


def _taken(which: np.ndarray, tree: Any) -> Any:
    """These examples of all that has a batch axis."""
    return jax.tree.map(lambda x: x[which] if x.ndim else x, tree)
