"""What `fit` costs over the bare compiled step: `python -m bench.fit`.

The same steps of the article's CNN and GAN, interleaved in one process: those of `fit`, with the order of the pictures,
statistics, TensorBoard and a sound checkpoint at its end, and those of a loop that does nothing else.
"""

import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np

from bench.table import Row, at_most, emit, parser
from jaximg.train import config, data, tasks
from jaximg.train.loop import Every, Progress, Task, fit
from jaximg.train.parallel import placement

ROUNDS = 3
STEPS = 100
MOST = 3.0
"""Per cent that fit may cost."""


def rows() -> list[Row]:
    """A row for each model."""
    train = data.load("digits")
    settings = {
        "the article's CNN, batch 128": config.Classifier(steps=10_000),
        "the article's GAN, batch 128": config.Gan(
            generator="mlp_generator", discriminator="mlp_discriminator", steps=10_000, judge=""
        ),
    }
    return [_row(name, one, train) for name, one in settings.items()]


def _row(name: str, settings: config.Classifier | config.Gan, train: data.Dataset) -> Row:
    task = tasks.task_of(settings, train.shape, train.classes)
    times = [(_fitted(task, train), _bare(task, train)) for _ in range(ROUNDS)]
    fitted, bare = (float(np.median(column)) for column in zip(*times, strict=True))
    print(f"{name}: {fitted:.2f} ms a step in fit, {bare:.2f} bare; rounds {np.round(times, 2).tolist()}")
    return Row(f"fit over the bare step, {name}", 100 * (fitted / bare - 1), "%", target=at_most(MOST))


def _fitted(task: Task, train: data.Dataset) -> float:
    """Milliseconds a step, from the first line of statistics to the last."""
    clock: dict[int, float] = {}

    def note(progress: Progress) -> None:
        clock[progress.step] = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder:
        steps, every = 2 * STEPS, Every(log=50)
        fit(task, train, steps=steps, batch=128, workdir=Path(folder) / "run", every=every, tell=str, progress=note)
    return 1000 * (clock[150] - clock[50]) / STEPS


def _bare(task: Task, train: data.Dataset) -> float:
    place = placement("jit")
    state = place.init(task.init, jax.random.key(0))
    step = place.compile(task.make_step)
    stream = data.batches(train, 128, seed=0)
    batches = [place.batch(next(stream)) for _ in range(8)]
    for i in range(50):
        state, metrics = step(state, batches[i % 8])
    jax.block_until_ready(metrics)
    start = time.perf_counter()
    for i in range(STEPS):
        state, metrics = step(state, batches[i % 8])
    jax.block_until_ready(metrics)
    return 1000 * (time.perf_counter() - start) / STEPS


def main() -> int:
    """Measures both models; the exit code is 1 if a target is missed."""
    options = parser(__doc__).parse_args()
    return emit(rows(), options.json)


if __name__ == "__main__":
    sys.exit(main())
