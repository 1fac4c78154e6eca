"""Training steps a second, ours beside PyTorch, Keras and stock Flax: `python -m bench.train [--quick] [--only cnn]`.

The CNN, the GAN and the restoration U-Net, forward, backward and Adam, float32, two threads for all, the same malloc
settings for all (set by starting itself anew), in turns, medians. A turn begins with a step that isn't timed, in which
the threads of who was before go to sleep. PyTorch runs in its fastest form here: channels last, fused Adam. Keras runs
on TensorFlow, in a process of its own: `--keras PYTHON` names an interpreter that has both, if this one hasn't. Stock
Flax is the same step with `flax.linen`'s layers and Optax's Adam, with the compiler's defaults. Figures are images a
second; a ratio above 1 means that we are faster than the faster of PyTorch and Keras.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import numpy as np

from bench.table import Row, at_least, emit, parser, same_malloc

THREADS = 2
STEPS = 4
"""That are timed in a turn."""
Turn = Callable[[int], list[float]]
"""Seconds of so many steps."""
TARGETS = {"CNN": 0.95, "GAN": 1.3, "U-Net": 0.75}
LATENT = 100


def main() -> int:
    """Times each network's step."""
    arguments = parser(__doc__)
    arguments.add_argument("--only", default="", help="networks whose name contains this")
    arguments.add_argument("--keras", metavar="PYTHON", help="an interpreter that has Keras and TensorFlow")
    options = arguments.parse_args()
    same_malloc("bench.train", OMP_NUM_THREADS=str(THREADS))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    python = options.keras or (sys.executable if find_spec("tensorflow") and find_spec("keras") else None)
    if python is None:
        print("Keras: not installed here, and no --keras PYTHON; PyTorch is the only peer")
    rows: list[Row] = []
    for name, (size, runs) in TASKS.items():
        if options.only.lower() in name.lower():
            times = _measured(name, runs(), python, budget_s=8 if options.quick else 40)
            rows += _rows(name, size, dict(times))
            print(f"{name}: " + ", ".join(f"{k} {v * 1e3:.1f} ms" for k, v in times.items()), flush=True)
    return emit(rows, options.json)


def _measured(
    name: str, runs: dict[str, Callable[[], object]], python: str | None, *, budget_s: float
) -> dict[str, float]:
    """Median seconds of a step of each, taken in turns, so that a slow minute slows all alike."""
    with ExitStack() as stack:
        turns = {who: _turn(run) for who, run in runs.items()}
        if python is not None:
            turns["Keras"] = stack.enter_context(_keras(python, name))
        times: dict[str, list[float]] = {who: [] for who in turns}
        start = time.perf_counter()
        while time.perf_counter() - start < budget_s:
            for who, turn in turns.items():
                times[who] += turn(STEPS)
    return {who: statistics.median(t) for who, t in times.items()}


def _turn(run: Callable[[], object]) -> Turn:
    def turn(steps: int) -> list[float]:
        run()
        times = []
        for _ in range(steps):
            begin = time.perf_counter()
            run()
            times.append(time.perf_counter() - begin)
        return times

    return turn


@contextmanager
def _keras(python: str, name: str) -> Iterator[Turn]:
    """The network in Keras, in a process that waits while others have their turns."""
    command = [python, str(Path(__file__).with_name("train_keras.py")), name.lower()]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        given, told = child.stdin, child.stdout
        if given is None or told is None or not told.readline():
            raise SystemExit(f"{python}: no Keras and TensorFlow that run there")

        def turn(steps: int) -> list[float]:
            given.write(f"{steps}\n")
            given.flush()
            return [float(word) for word in told.readline().split()]

        yield turn
        given.close()


def _rows(name: str, size: int, times: dict[str, float]) -> list[Row]:
    ours = size / times.pop("jaximg")
    rows = [Row(f"{name}, batch {size}", ours, "images/s", peer, size / t) for peer, t in times.items()]
    fastest = min(("torch", *[p for p in times if p != "stock Flax"]), key=times.__getitem__)
    ratio = ours * times[fastest] / size
    return [*rows, Row(f"{name}, over the fastest peer", ratio, "x", fastest, 1.0, at_least(TARGETS[name]))]


def _cnn() -> dict[str, Callable[[], object]]:
    import optax

    from jaximg.models import CNN
    from jaximg.train.state import init_classifier_state
    from jaximg.train.steps import make_classifier_step

    rng = np.random.default_rng(0)
    batch = {
        "image": rng.random((128, 28, 28, 1), np.float32),
        "label": rng.integers(0, 10, 128).astype(np.int32),
    }
    tx = optax.adam(1e-3)

    def make(model):
        return lambda key: init_classifier_state(model, tx, key, batch["image"]), make_classifier_step(model, tx)

    return {
        "jaximg": _ours(make(CNN()), batch),
        "stock Flax": _stock(make(_stock_cnn()), batch),
        "torch": peers().cnn(batch, THREADS),
    }


def _gan() -> dict[str, Callable[[], object]]:
    import optax

    from jaximg.models import MLPDiscriminator, MLPGenerator
    from jaximg.train.state import init_gan_state
    from jaximg.train.steps import make_gan_step

    batch = {"image": np.random.default_rng(0).random((128, 28, 28, 1), np.float32)}
    nets, tx = (MLPGenerator(), MLPDiscriminator()), optax.adam(2e-4, b1=0.5)
    made = (
        lambda key: init_gan_state(*nets, tx, tx, key, batch["image"], latent=LATENT),
        make_gan_step(*nets, tx, tx, latent=LATENT),
    )
    return {
        "jaximg": _ours(made, batch),
        "stock Flax": _stock(made, batch),
        "torch": peers().gan(batch, LATENT, THREADS),
    }


def _unet() -> dict[str, Callable[[], object]]:
    import jax.numpy as jnp
    import optax

    from jaximg.models.restorer import Restorer
    from jaximg.train.losses import absolute
    from jaximg.train.state import init_restoration_state
    from jaximg.train.steps import make_restoration_step

    rng = np.random.default_rng(0)
    batch = {"image": rng.random((16, 64, 64, 3), np.float32)}
    noise = 0.1 * rng.standard_normal((1, 64, 64, 3)).astype(np.float32)
    model, tx = Restorer(), optax.adam(1e-3)
    level = jnp.full((1, 64, 64, 1), 0.1)

    def damage(key, clean):
        return (clean + noise, level), clean

    made = (
        lambda key: init_restoration_state(model, tx, key, (jnp.zeros((1, 64, 64, 3)), level)),
        make_restoration_step(model, tx, damage=damage, loss=absolute),
    )
    return {
        "jaximg": _ours(made, batch),
        "stock Flax": _stock(made, batch),
        "torch": peers().unet(batch, noise, model.features, model.blocks, THREADS),
    }


def peers():
    """The same networks in PyTorch; imported late, after the malloc settings."""
    from bench import train_torch

    return train_torch


def _ours(made: tuple[Callable, Callable], batch: dict[str, np.ndarray]) -> Callable[[], object]:
    from jaximg.train.parallel import placement

    place = placement("jit")
    return _stepping(place.compile(lambda axis_name: made[1]), made[0], place.batch(batch))


def _stock(made: tuple[Callable, Callable], batch: dict[str, np.ndarray]) -> Callable[[], object]:
    """The same step, traced with Flax's own layers, compiled without options."""
    import jax

    with _stock_layers():
        return _stepping(jax.jit(made[1], donate_argnums=0), made[0], jax.device_put(batch))


def _stepping(step: Callable, init: Callable, batch: object) -> Callable[[], object]:
    import jax

    held = [jax.jit(init)(jax.random.key(0))]
    held[0], _ = step(held[0], batch)

    def run() -> object:
        held[0], metrics = step(held[0], batch)
        return jax.block_until_ready((held[0].params, metrics))

    return run


@contextmanager
def _stock_layers() -> Iterator[None]:
    import flax.linen as nn

    from jaximg.models import restorer

    with mock.patch.object(restorer, "Conv", nn.Conv):
        yield


def _stock_cnn():
    """The CNN as one writes it."""
    import flax.linen as nn

    class StockCNN(nn.Module):
        @nn.compact
        def __call__(self, x):
            for i, width in enumerate((32, 64, 64)):
                x = nn.max_pool(x, (2, 2), (2, 2)) if i else x
                x = nn.relu(nn.Conv(width, (3, 3), padding="VALID")(x))
            x = nn.relu(nn.Dense(64)(x.reshape(x.shape[0], -1)))
            return nn.Dense(10)(x)

    return StockCNN()


TASKS: dict[str, tuple[int, Callable[[], dict[str, Callable[[], object]]]]] = {
    "CNN": (128, _cnn),
    "GAN": (128, _gan),
    "U-Net": (16, _unet),
}

if __name__ == "__main__":
    sys.exit(main())
