"""What test_parallel runs in processes of its own: five steps of small nets, wherever it is told to.

python -m tests.parallel_program OUT.npz MODE... [--process I --processes N --coordinator HOST:PORT --devices N]
"""

import argparse

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaximg.models import CNN, MLPDiscriminator, MLPGenerator
from jaximg.train.parallel import Placement, initialise_distributed, placement
from jaximg.train.state import init_classifier_state, init_gan_state
from jaximg.train.steps import make_classifier_step, make_gan_step

STEPS, BATCH, SIDE, LATENT = 5, 16, 6, 6
MODES = {
    "jit": lambda: placement("jit"),
    "pmap": lambda: placement("pmap"),
    "mesh": lambda: placement("mesh"),
    "fsdp": lambda: placement("mesh", fsdp=True, fsdp_min=32),
}


def jitter(key, image):
    return image + 0.1 * jax.random.normal(key, image.shape)


def away(state):
    """Biases begin away from zero, as after training: else a leaf is as small as the steps it has taken."""

    def one(path, x):
        return x + 0.1 * jnp.cos(jnp.arange(x.size, dtype=x.dtype)) if path[-1].key == "bias" else x

    params = jax.tree_util.tree_map_with_path(one, state.params)
    ema = {name: jax.tree.map(jnp.copy, params[name]) for name in state.ema}
    return state.replace(params=params, ema=ema)


def classifier():
    model = CNN(features=(4,), hidden=(16,), dropout=0.5, batch_norm=True)
    tx = optax.sgd(0.1)

    def init(key, example):
        return away(init_classifier_state(model, tx, key, example, ema=True))

    return init, lambda axis: make_classifier_step(
        model, tx, axis_name=axis, augment=jitter, ema=0.5, skip_nonfinite=True
    )


def gan():
    nets = MLPGenerator((SIDE, SIDE, 1), (16,)), MLPDiscriminator((16,), dropout=0.25, batch_norm=False)
    tx = optax.sgd(0.05)

    def init(key, example):
        return away(init_gan_state(*nets, tx, tx, key, example, latent=LATENT, ema=True))

    return init, lambda axis: make_gan_step(
        *nets, tx, tx, latent=LATENT, loss="relativistic", r1=1.0, r2=1.0, axis_name=axis, ema=0.9
    )


def batches(place: Placement):
    """This process's share of each global batch."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 200, (10, SIDE, SIDE, 1), dtype=np.uint8)
    for _ in range(STEPS):
        label = rng.integers(0, 3, BATCH).astype(np.int32)  # of ten: gradients that don't cancel out
        noise = rng.integers(0, 56, (BATCH, SIDE, SIDE, 1), dtype=np.uint8)
        whole = {
            "image": patterns[label] + noise,
            "label": label,
            "index": rng.permutation(1000)[:BATCH].astype(np.int32),
        }
        share = place.shares(BATCH)
        yield {name: x[place.process * share :][:share] for name, x in whole.items()}


def train(place: Placement, task) -> dict[str, np.ndarray]:
    init, make = task()
    state = place.init(init, jax.random.key(0), jnp.zeros((1, SIDE, SIDE, 1)))
    held = max(sum(shard.data.nbytes for shard in x.addressable_shards[:1]) for x in jax.tree.leaves(state.params))
    step = place.compile(make)
    for host in batches(place):
        host = host if task is classifier else {k: v for k, v in host.items() if k != "label"}
        state, metrics = step(state, place.batch(host))
    state = place.put(place.fetch(state), state)
    leaves = jax.tree_util.tree_flatten_with_path(place.fetch(state))[0]
    out = {jax.tree_util.keystr(path): leaf for path, leaf in leaves}
    return out | {f"metric {k}": np.asarray(v) for k, v in metrics.items()} | {"held": np.asarray(held)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("modes", nargs="+")
    parser.add_argument("--devices", type=int, default=8)
    parser.add_argument("--process", type=int)
    parser.add_argument("--processes", type=int)
    parser.add_argument("--coordinator")
    options = parser.parse_args()
    initialise_distributed(
        coordinator=options.coordinator,
        processes=options.processes,
        process=options.process,
        local_devices=options.devices,
    )
    jax.config.update("jax_numpy_dtype_promotion", "strict")
    found = {}
    for mode in options.modes:
        place = MODES[mode]()
        for task in (classifier, gan)[: 2 if mode in ("jit", "pmap") and not options.processes else 1]:
            found |= {f"{mode}|{task.__name__}|{k}": v for k, v in train(place, task).items()}
    if not options.process:
        np.savez(options.out, **found)


if __name__ == "__main__":
    main()
