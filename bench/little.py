"""Learning from 300 digits: `python -m bench.little --data DIR [--quick] [--arm none,ada] [--grid FILE.png]`.

The config `little_digits` with and without adaptive augmentation, the same networks, pictures seen and seed. Each arm
is scored as often as the config says, by the Frechet distance of its averaged generator to test digits in the features
of the shipped classifier, and its best moment counts; more samples are then taken of that one. A part of the 300 is
kept back by ADA. Without `--data` the digits are the 5,000 of an installed package. `--quick` trains a few steps, to
see that all works.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.table import Row, at_most, emit, parser
from jaximg import report
from jaximg.cli import configs
from jaximg.evaluate import frechet_distance, memorisation_ratio, precision_recall
from jaximg.train import config, data, tasks
from jaximg.train.loop import Every, fit
from jaximg.train.state import TrainState
from jaximg.train.trained import Trained, load

QUICK = 12
"""Steps of a quick run."""
FEW, MANY = 1000, 10_000
"""Samples at each look, and of the best moment."""


class Scorer:
    """Keeps the generator of the best moment; what it is compared with is looked at once."""

    def __init__(self, settings: config.Gan, sets: tuple[data.Dataset, data.Dataset], few: int) -> None:
        self.settings, self.sets, self.few = settings, sets, few
        self.judge = load(settings.judge)
        self.test = self.judge.judge(sets[1].float_images())[0]
        self.best: tuple[float, int, Any] = (float("inf"), 0, None)
        self.last: Any = None

    def model(self, state: TrainState) -> Trained:
        """The averaged generator."""
        train = self.sets[0]
        return tasks.trained(self.settings, state, train.shape, train.classes, name="")

    def distance(self, many: int) -> float:
        """Of many samples of the last generator."""
        return frechet_distance(self.test, self.judge.judge(self.last.samples(range(many)))[0])

    def look(self, state: TrainState) -> dict[str, float]:
        """What `fit` calls."""
        self.last = model = self.model(state)
        found = frechet_distance(self.test, self.judge.judge(model.samples(range(self.few)))[0])
        if found < self.best[0]:
            self.best = (found, int(state.step), model)
        strength = float(state.aux.get("strength", 0))
        told = f"  strength {strength:.2f}  overfitting {float(state.aux['overfitting']):.2f}" if state.aux else ""
        print(f"  step {int(state.step)}: Frechet {found:.2f}{told}  {time.process_time():.0f} CPU s", flush=True)
        return {"frechet": found}


def arm(settings: config.Gan, quick: bool) -> Scorer:
    """Trains one way."""
    sets = tasks.datasets(settings)
    scorer = Scorer(settings, sets, 300 if quick else FEW)
    task = replace(tasks.task_of(settings, sets[0].shape, sets[0].classes, sets=sets), evaluate=scorer.look, best="")
    every = Every(log=10**9, evaluate=settings.steps // 2 if quick else settings.evaluate_every)
    fit(
        task,
        sets[0],
        steps=settings.steps,
        batch=settings.batch,
        seed=settings.seed,
        every=every,
        tell=lambda line: None,
    )
    return scorer


def rows(name: str, scorer: Scorer, many: int) -> list[Row]:
    """What the best moment of an arm is worth."""
    model = scorer.best[2]
    fake = scorer.judge.judge(model.samples(range(many)))[0]
    train = scorer.judge.judge(tasks.datasets(replace(scorer.settings, augment=""))[0].float_images())[0]
    count = min(len(fake), len(scorer.test), 5000)
    precision, recall = precision_recall(scorer.test[:count], fake[:count])
    return [
        Row(f"{name}: Frechet classifier distance, best checkpoint", frechet_distance(scorer.test, fake)),
        Row(f"{name}: at step", scorer.best[1]),
        Row(f"{name}: precision", precision),
        Row(f"{name}: recall", recall),
        Row(f"{name}: memorisation ratio (1 none, 0 copies)", memorisation_ratio(fake, train, scorer.test)),
    ]


def floor(scorer: Scorer) -> list[Row]:
    """What real pictures score: others of the data's training part."""
    settings = scorer.settings
    others = data.load(settings.data, "train")
    real = scorer.judge.judge(others.take(range(len(others) - min(len(others) // 2, MANY), len(others))).float_images())
    train = scorer.judge.judge(scorer.sets[0].float_images())[0]
    return [
        Row("real digits: Frechet classifier distance", frechet_distance(scorer.test, real[0])),
        Row("real digits: memorisation ratio", memorisation_ratio(real[0], train, scorer.test)),
    ]


def asked(about: str, name: str, arms: str, drawn: str) -> tuple[argparse.Namespace, config.Gan]:
    """The command line of a benchmark that trains a config's run in several ways, and the config as it asks.

    Args:
      about: the benchmark's docstring.
      name: the config's.
      arms: the ways that are trained by default.
      drawn: what `--grid` draws.
    """
    arguments = parser(about)
    arguments.add_argument("--arm", default=arms, help="which to train, with commas between them")
    arguments.add_argument("--grid", type=Path, help=f"draw {drawn}")
    arguments.add_argument("--steps", type=int, help="in place of the config's")
    options = arguments.parse_args()
    base = configs.load(name, config.Gan)
    where = str(options.data / "mnist") if options.data else "digits"
    return options, replace(base, data=where, steps=options.steps or (QUICK if options.quick else base.steps))


def main() -> int:
    """Trains both arms and compares them; `--arm diffaugment` is a third."""
    options, base = asked(__doc__ or "", "little_digits", "none,ada", "samples of each arm's best moment")
    found: dict[str, Scorer] = {}
    for name in options.arm.split(","):
        print(f"{name}:", flush=True)
        found[name] = arm(replace(base, augment="" if name == "none" else name), options.quick)
    judge = next(iter(found.values())).judge
    print(f"by the features of {judge.name} ({judge.digest}); {len(next(iter(found.values())).test)} test digits")
    many = 300 if options.quick else MANY
    table = [row for name, scorer in found.items() for row in rows(name, scorer, many)]
    table += floor(next(iter(found.values())))
    first = {name: next(row.value for row in table if row.what.startswith(f"{name}:")) for name in found}
    if {"none", "ada"} <= set(first):
        target = None if options.quick else at_most(0.5)
        table.append(Row("Frechet distance with ADA over without", first["ada"] / first["none"], "x", target=target))
    if options.grid:
        images = [image for s in found.values() for image in s.best[2].samples(range(40))]
        report.save(options.grid, report.grid([np.repeat(np.repeat(i, 2, 0), 2, 1) for i in images], columns=20, gap=2))
    return emit(table, options.json)


if __name__ == "__main__":
    sys.exit(main())
