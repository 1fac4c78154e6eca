"""Clean samples from damaged data: `python -m bench.ambient --data DIR [--quick] [--arm plain,ambient] [--grid FILE]`.

The config `ambient_digits` (noise of sigma 0.25 on [0, 1], holes over 30 %), and the same networks as a plain GAN on
the same damaged digits. The Frechet distance of their samples to clean test digits, in the features of the shipped
classifier, at equal budget; the last moment of both counts. Without `--data` the digits are the 5,000 of an installed
package. `--quick` trains a few steps, to see that all works.
"""

import sys
from dataclasses import replace

import numpy as np

from bench.little import MANY, Scorer, arm, asked
from bench.table import Row, at_most, emit
from jaximg import report
from jaximg.evaluate import frechet_distance


def main() -> int:
    """Trains both and compares them."""
    options, base = asked(__doc__ or "", "ambient_digits", "plain,ambient", "data, and samples of each arm")
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
