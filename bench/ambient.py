"""Clean samples from damaged data: `python -m bench.ambient --data DIR [--quick] [--arm plain,ambient] [--grid FILE]`.

The config `ambient_digits` (noise of sigma 0.25 on [0, 1], holes over 30 %), and the same networks as a plain GAN on
the same damaged digits. The Frechet distance of their samples to clean test digits, in the features of the shipped
classifier, at equal budget; the last moment of both counts. Without `--data` the digits are the 5,000 of an installed
package. `--quick` trains a few steps, to see that all works.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.little import MANY, Scorer, arm
from bench.table import Row, at_most, emit, parser
from jaximg import report
from jaximg.cli import configs
from jaximg.evaluate import frechet_distance
from jaximg.train import config

TIMES = 12


def main() -> int:
    """Trains both and compares them."""
    arguments = parser(__doc__)
    arguments.add_argument("--arm", default="plain,ambient", help="of plain, ambient")
    arguments.add_argument("--grid", type=Path, help="draw data, and samples of each arm")
    arguments.add_argument("--steps", type=int, help="in place of the config's")
    options = arguments.parse_args()
    base = configs.load("ambient_digits", config.Gan)
    where = str(options.data / "mnist") if options.data else "digits"
    base = replace(base, data=where, steps=options.steps or (TIMES if options.quick else base.steps))
    found: dict[str, Scorer] = {}
    for name in options.arm.split(","):
        print(f"{name}:", flush=True)
        found[name] = arm(replace(base, damage={} if name == "plain" else base.damage), options.quick)
    first = next(iter(found.values()))
    print(f"by the features of {first.judge.name} ({first.judge.digest}); {len(first.test)} clean test digits")
    many = 300 if options.quick else MANY
    distances = {name: one.distance(many) for name, one in found.items()}
    table = [Row(f"{name}: Frechet distance to clean digits", value) for name, value in distances.items()]
    data = first.judge.judge(first.sets[0].float_images(0, many))[0]
    table.append(Row("the damaged data themselves", frechet_distance(first.test, data)))
    if {"plain", "ambient"} <= set(distances):
        target = None if options.quick else at_most(1 / 3)
        ratio = distances["ambient"] / distances["plain"]
        table.append(Row("Frechet distance, ambient over plain", ratio, "x", target=target))
    if options.grid:
        images = [*first.sets[0].float_images(0, 20)]
        images += [image for one in found.values() for image in one.last.samples(range(40))]
        report.save(options.grid, report.grid([np.repeat(np.repeat(i, 2, 0), 2, 1) for i in images], columns=20, gap=2))
    return emit(table, options.json)


if __name__ == "__main__":
    sys.exit(main())
