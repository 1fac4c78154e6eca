"""Mode collapse on Stacked MNIST: `python -m bench.modes --data DIR [--quick] [--run RUN] [--only fc] [--sweep FILE]`.

Three random digits of MNIST's 60,000 are the channels of a 28 x 28 x 3 picture: 1000 modes. Of 26,000 samples each
channel is classified by the shipped CNN, which no GAN is trained with; counted are the distinct triples, and
KL = sum q ln(1000 q). Means of five draws; beside them what real digits score, which is not 0: sampling, and MNIST's
own imbalance. Classes are not balanced, and no generator makes its channels apart.

Rows: real digits; the conv nets (`--run RUN`, the folder of a run of the config stacked_mnist, or else the generator
that is shipped); the article's dense nets with the vanilla loss, and the same nets with the relativistic one, R1 and R2
(their discriminator without batch norm), each at the same number of pictures (`--pictures`). `--sweep FILE` trains
narrower conv nets with five seeds at three learning rates, 300,000 pictures each: hours, in as many goes as one likes.
"""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.table import Row, at_least, at_most, emit, parser
from jaximg.cli import configs
from jaximg.evaluate import channel_classes, mode_statistics
from jaximg.train import config, data, tasks
from jaximg.train.data.load import Part
from jaximg.train.loop import Every, NonFiniteError, Progress, fit
from jaximg.train.trained import Trained, load, shipped

SAMPLES, MANY, DRAWS = 26_000, 240_000, 5
SHIPPED = "stacked_mnist"
REAL_KL = 0.0235
"""Of as many real digits; the group "real" measures it."""
RATES = (1e-3, 2e-3, 3e-3)
"""With as many pictures 3e-4 is too slow (681 modes), and at 8e-3 the margin grows beyond all bounds."""
NARROW: dict[str, Any] = {"features": (96, 96, 32), "blocks": 1}
SWEEP: dict[str, Any] = {
    "generator_options": NARROW,
    "discriminator_options": NARROW,
    "batch": 8,
    "penalise_every": 1,
}
"""What the sweep changes of the config: half the work a picture, and eight times as many steps for as many pictures."""
DENSE: dict[str, Any] = {
    "stack": 3,
    "generator": "mlp_generator",
    "discriminator": "mlp_discriminator",
    "latent": 100,
    "batch": 128,
    "judge": "",
}
FC = {
    "vanilla": config.Gan(**DENSE, optimizer=config.Optimizer(learning_rate=2e-4, beta1=0.5), ema=0.0),
    "relativistic + R1 + R2": config.Gan(
        **DENSE,
        loss="relativistic",
        discriminator_options={"batch_norm": False, "slope": 0.2},
        r1=(10.0, 1.0),
        r2=(10.0, 1.0),
        optimizer=config.Optimizer(
            learning_rate=5e-4, schedule="cosine", hold=0.2, final=0.05, beta1=0.0, beta2=(0.9, 0.99)
        ),
        ema_share=0.05,
    ),
}


def main() -> int:
    """Measures the rows."""
    arguments = parser(__doc__)
    arguments.add_argument("--run", help="the conv nets' run: a folder, or a shipped name")
    arguments.add_argument("--only", default="", help="groups of rows whose name contains this: real, conv, fc, sweep")
    arguments.add_argument("--pictures", type=int, help="that the dense nets see; 1,000,000, or 100,000 if quick")
    arguments.add_argument("--seeds", type=int, nargs="+", default=range(5), help="of the sweep")
    arguments.add_argument("--rates", type=float, nargs="+", default=RATES, help="of the sweep")
    arguments.add_argument("--many", action="store_true", help="the conv nets' figures at 240,000 samples too")
    arguments.add_argument("--sweep", type=Path, help="keeps there what each run scored; goes on where it stopped")
    options = arguments.parse_args()
    if options.data is None:
        print("--data DIR, please: a folder with mnist/ in it")
        return 2
    groups: dict[str, Callable[[Namespace], Iterator[Row]]] = {"real": _real, "conv": _conv, "fc": _fc}
    if options.sweep:
        groups["sweep"] = _sweep
    rows: list[Row] = []
    for name, group in groups.items():
        if options.only in name:
            for row in group(options):
                print(f"  {row.what}: {row.value:.4g} {row.unit}", flush=True)
                rows.append(row)
    return emit(rows, options.json)


def scores(pictures: Callable[[int, int], np.ndarray], draws: int, samples: int = SAMPLES) -> tuple[float, np.ndarray]:
    """Modes (the fewest of all draws) and KL of each draw.

    Args:
      pictures: `(draw, samples) -> (samples, 28, 28, 3)`.
      draws: how many.
      samples: in each.

    Returns:
      The modes, and the KL `(draws,)`.
    """
    judge = load("cnn_digits")
    found = [mode_statistics(channel_classes(judge.judge, pictures(i, samples))) for i in range(draws)]
    return min(x.found for x in found), np.array([x.kl for x in found])


def of(model: Trained) -> Callable[[int, int], np.ndarray]:
    """A generator's draws, all of different samples."""
    return lambda draw, count: model.samples(range(draw * count, (draw + 1) * count))


def digits(options: Namespace, part: Part = "train") -> data.Dataset:
    """MNIST's digits, grey."""
    return data.load(options.data / "mnist" if (options.data / "mnist").is_dir() else options.data, part)


def _rows(name: str, scored: tuple[float, np.ndarray], *, modes: float | None, kl: float | None) -> Iterator[Row]:
    found, values = scored
    yield Row(f"{name}: modes of 1000", found, "", None, None, None if modes is None else at_least(modes))
    yield Row(f"{name}: KL", float(values.mean()), "nats", "real digits", REAL_KL, None if kl is None else at_most(kl))
    yield Row(f"{name}: sd of KL, {len(values)} draws", float(values.std()), "nats")


def _real(options: Namespace) -> Iterator[Row]:
    test = digits(options, "test")
    judge = load("cnn_digits")
    right = np.argmax(judge.judge(test.float_images())[1], -1) == test.labels
    yield Row(f"judge cnn_digits ({judge.digest}): test accuracy", float(right.mean()), "", None, None, at_least(0.99))
    train = digits(options)

    def pictures(draw: int, count: int) -> np.ndarray:
        which = np.random.default_rng([7, draw]).integers(0, len(train), (3, count))
        return np.concatenate([train.take(row).float_images() for row in which], -1)

    draws = 2 if options.quick else DRAWS
    yield from _rows("real digits", scores(pictures, draws), modes=1000, kl=0.03)


def _conv(options: Namespace) -> Iterator[Row]:
    name = options.run or (SHIPPED if SHIPPED in shipped() else None)
    if name is None:
        print("  no --run and no shipped generator: the conv nets are left out")
        return
    model = load(name)
    label = f"conv nets ({model.step} steps)"
    draws = 2 if options.quick else DRAWS
    yield from _rows(label, scores(of(model), draws), modes=1000, kl=0.06)
    if options.many:
        yield from _rows(f"{label}, {MANY} samples", scores(of(model), 1, MANY), modes=None, kl=None)


def _fc(options: Namespace) -> Iterator[Row]:
    budget = options.pictures or (100_000 if options.quick else 1_000_000)
    for name, settings in FC.items():
        model, seconds = trained(settings, options, budget)
        label = f"article's dense nets, {name}, {budget} pictures"
        yield from _rows(label, scores(of(model), 1 if options.quick else DRAWS), modes=None, kl=None)
        yield Row(f"{label}: time", seconds, "s")


def _sweep(options: Namespace) -> Iterator[Row]:
    base = replace(configs.load("stacked_mnist", config.Gan), **SWEEP, judge="", patience=0)
    budget = options.pictures or 300_000
    widths = "-".join(map(str, NARROW["features"]))
    cells = {
        f"{widths}, batch {base.batch}, rate {rate:g}, seed {seed}, {budget} pictures": (rate, seed)
        for seed in options.seeds
        for rate in options.rates
    }
    finished: list[list[float]] = []
    for name, (rate, seed) in cells.items():
        if name not in _swept(options.sweep):
            moved = replace(base.optimizer, learning_rate=rate, accumulate=1)
            score = _run(replace(base, optimizer=moved, seed=seed), options, budget)
            options.sweep.write_text(json.dumps(_swept(options.sweep) | {name: score}, indent=1) + "\n")
        if score := _swept(options.sweep)[name]:
            finished.append(score)
            yield Row(f"conv nets, {name}: modes", score[0], "", "KL", score[1])
    yield Row(f"runs of {len(cells)} that finish", len(finished), "", None, None, at_least(len(cells)))
    yield Row("fewest modes of any", min((found for found, _ in finished), default=0), "", None, None, at_least(900))


def _swept(file: Path) -> dict[str, list[float]]:
    """What is done; read each time, since others may sweep other seeds beside."""
    return json.loads(file.read_text()) if file.is_file() else {}


def _run(settings: config.Gan, options: Namespace, budget: int) -> list[float]:
    """Modes and KL of one run; nothing where it ends in numbers that are none."""
    try:
        model, _ = trained(settings, options, budget)
    except NonFiniteError as error:
        print(f"  {error}")
        return []
    found, kl = scores(of(model), 1)
    return [float(found), float(kl[0])]


def trained(settings: config.Gan, options: Namespace, pictures: int) -> tuple[Trained, float]:
    """A generator trained on so many stacked digits, and the seconds that it took."""
    settings = replace(settings, steps=max(pictures // settings.batch, 1))
    train = data.stacked(digits(options), settings.stack)
    task = tasks.task_of(settings, train.shape, train.classes)
    start = time.perf_counter()

    def progress(told: Progress) -> None:
        print(f"    step {told.step} of {told.steps}  margin {told.metrics['margin']:.2f}", file=sys.stderr)

    every = Every(log=max(settings.steps // 5, 1))
    result = fit(
        task, train, steps=settings.steps, batch=settings.batch, seed=settings.seed, every=every, progress=progress
    )
    seconds = time.perf_counter() - start
    model = tasks.trained(settings, result.state, train.shape, train.classes, name="")
    return model, seconds


if __name__ == "__main__":
    sys.exit(main())
