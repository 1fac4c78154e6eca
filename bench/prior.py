"""Filling a hole by a generator's knowledge: `python -m bench.prior --data DIR [--quick] [--generator RUN]`.

Test digits lose their middle 12 x 12 of 28 x 28 pixels. Filled harmonically, and by searching what the generator makes
the rest from, how many does the shipped classifier then take for something else? Without `--data` the digits are from
an installed package, and may be among those that the shipped networks learned from.
"""

import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from bench.table import Row, at_least, at_most, emit, parser
from jaximg import correct, ops, report
from jaximg.evaluate import accuracy
from jaximg.train import data
from jaximg.train.trained import load

SIDE = 12
BATCH = 50


def main() -> int:
    """Fills and judges; the exit code is 1 if a target is missed."""
    arguments = parser(__doc__)
    arguments.add_argument("--generator", default="conv_digits", help="a run, or a shipped name")
    arguments.add_argument("--pictures", type=int, help="how many digits")
    arguments.add_argument("--grid", type=Path, help="draw some: whole, holed, harmonic, by the generator")
    options = arguments.parse_args()
    count = options.pictures or (200 if options.quick else 1000)
    test = data.load(str(options.data / "mnist") if options.data else "digits", "test")
    test = test.take(np.random.default_rng(0).permutation(len(test))[:count])
    whole, labels = test.float_images(), np.asarray(test.labels)
    mask = np.ones((*whole.shape[1:3], 1), np.float32)
    first = (whole.shape[1] - SIDE) // 2
    mask[first : first + SIDE, first : first + SIDE] = 0
    holed = whole * mask
    harmonic = np.asarray(ops.inpaint_harmonic(jnp.asarray(holed), jnp.asarray(mask)))
    start = time.perf_counter()
    filled = by_generator(options.generator, holed, mask)
    seconds = time.perf_counter() - start
    judge = load("cnn_digits")
    errors = {
        name: 100 * (1 - accuracy(judge.judge(np.clip(images, 0, 1))[1], labels))
        for name, images in {"whole": whole, "holed": holed, "harmonic": harmonic, "generator": filled}.items()
    }
    if options.grid:
        rows = [x for i in range(12) for x in (whole[i], np.where(mask > 0, whole[i], 0.5), harmonic[i], filled[i])]
        order = [rows[4 * i + j] for j in range(4) for i in range(12)]
        report.save(options.grid, report.grid([x.repeat(2, 0).repeat(2, 1) for x in order], columns=12, gap=4))
    exact = float(np.max(np.abs(np.where(mask > 0, filled - whole, 0))))
    print(f"{len(whole)} digits of {test.name}, judged by {judge.name} ({judge.digest}), filled by {options.generator}")
    table = [Row(f"classifier errors, {name}", value, "%") for name, value in errors.items()]
    ratio = errors["generator"] / max(errors["harmonic"], 1e-9)
    table += [
        Row("errors after inversion over harmonic", ratio, "x", target=at_most(0.5)),
        Row("known pixels that stay exact", float(exact == 0), "", target=at_least(1)),
        Row("inversion", 1000 * seconds / len(whole), "ms a picture"),
    ]
    return emit(table, options.json)


def by_generator(name: str, holed: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The pictures with their holes filled, some at a time."""
    model = load(name)
    make = model.generator()
    parts = []
    for start in range(0, len(holed), BATCH):
        some = np.resize(holed[start : start + BATCH], (BATCH, *holed.shape[1:]))
        key = jax.random.fold_in(jax.random.key(0), start)
        out = correct.fill_by_prior(key, jnp.asarray(some), jnp.asarray(mask), make, latent=model.latent)
        parts.append(np.asarray(out))
    return np.concatenate(parts)[: len(holed)]


if __name__ == "__main__":
    sys.exit(main())
