"""Ships a trained model: `python -m bench.ship RUN NAME --data DIR` writes half-precision weights and their card.

The figures on the card are measured here, of the file as it is shipped.
"""

import argparse
import json
from pathlib import Path

import jax
import numpy as np

from bench import modes
from jaximg.evaluate import accuracy, class_histogram
from jaximg.train import data, tasks
from jaximg.train.begin import ship_discriminator
from jaximg.train.folder import read_options, read_stats
from jaximg.train.trained import Trained, load, ship

SAMPLES = 10_000
LICENCE = """MNIST (LeCun, Cortes, Burges; modified from NIST's special databases 1 and 3), which its copies state
to be under CC-BY-SA-3.0. The weights are under Apache-2.0, as jaximg is."""


def main() -> None:
    """Writes NAME.npz, NAME.json and NAME.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the folder of a run")
    parser.add_argument("name", help="what it is to be called")
    parser.add_argument("--data", required=True, help="the data that it was trained on, with its test part")
    parser.add_argument("--discriminator", action="store_true", help="ship it too, for runs that begin with both")
    parser.add_argument("--hardware", default="two CPU cores", help="what it was trained on")
    args = parser.parse_args()
    path = ship(load(args.run), args.name)
    if args.discriminator:
        print(ship_discriminator(args.run, args.name))
    shipped = load(args.name)
    sets = data.load(args.data), data.load(args.data, "test")
    if shipped.kind == "classifier":
        lines = _classifier(shipped, sets[1])
    else:
        lines = _generator(shipped, sets) if shipped.shape[-1] == 1 else _stacked(shipped)
    text = _card(shipped, args.run, path, args.hardware, len(sets[0]), lines)
    path.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def _classifier(model: Trained, test: data.Dataset) -> list[str]:
    share = accuracy(model.judge(test.float_images())[1], np.asarray(test.labels))
    return [
        f"{share:.2%} of MNIST's {len(test)} test pictures right (`jaximg evaluate {model.name} --data DIR`). The",
        "small digits that `jaximg evaluate` takes without `--data` may be among the pictures it was trained on.",
    ]


def _generator(model: Trained, sets: tuple[data.Dataset, data.Dataset]) -> list[str]:
    judge = load("cnn_digits")
    fake = model.samples(range(SAMPLES))
    shares = class_histogram(judge.judge(fake)[1].argmax(-1), len(judge.classes))
    found = tasks.judged(judge, fake, sets, SAMPLES)
    return [
        f"Of {found.samples} samples (seeds 0 and up), by the features of `cnn_digits` ({judge.digest}), beside what",
        "as many training pictures score against test pictures:",
        "",
        "| | samples | real against real |",
        "|---|---|---|",
        f"| Frechet classifier distance | {found.frechet:.3f} | {found.frechet_real:.3f} |",
        f"| precision (k = 3) | {found.precision:.3f} | {found.precision_real:.3f} |",
        f"| recall (k = 3) | {found.recall:.3f} | {found.recall_real:.3f} |",
        "",
        f"Shares of the classes 0 to 9: {' '.join(f'{share:.3f}' for share in shares)}.",
    ]


def _stacked(model: Trained) -> list[str]:
    found, kl = modes.scores(modes.of(model), modes.DRAWS)
    return [
        f"Each channel is a digit, so there are 1000 modes. Of {modes.DRAWS} draws of {modes.SAMPLES:,} samples each,",
        f"`cnn_digits` ({load('cnn_digits').digest}) sees at least {found:.0f} of them in every one; KL to evenly",
        f"many of each: {kl.mean():.3f} nats (standard deviation {kl.std():.3f}); as many real",
        f"digits have {modes.REAL_KL:.3f}.",
    ]


def _card(model: Trained, run: Path, path: Path, hardware: str, pictures_of: int, figures: list[str]) -> str:
    options = read_options(run)
    count = sum(leaf.size for leaf in jax.tree.leaves(model.variables["params"]))
    seconds = sum(line.get("seconds", 0) for line in read_stats(run) if line["step"] <= model.step)
    shown = {k: v for k, v in options.items() if k not in ("facts", "dataset", "data", "profile", "workers")}
    does = "tells" if model.kind == "classifier" else "makes"
    use = f"jaximg predict {path.stem} picture.png" if does == "tells" else f"jaximg generate {path.stem} -o grid.png"
    pictures = " x ".join(map(str, model.shape))
    return "\n".join(
        [
            f"# {path.stem}",
            "",
            f"A {model.kind} that {does} handwritten digits, light on dark, {pictures}: `{use}`.",
            "",
            f"- `{model.architecture}` with {json.dumps(model.arguments)}: {count:,} parameters, float16 in the file",
            f"  ({path.stat().st_size / 1024:.0f} KiB), float32 in use; weights' digest {model.digest}",
            f"- trained on the {pictures_of:,} pictures of MNIST's training part, {model.step} steps of",
            f"  {options['batch']}, {seconds / 60:.0f} minutes on {hardware} that other work shared",
            "",
            "## How good",
            "",
            *figures,
            "",
            "## Limits",
            "",
            "Digits in the middle of the picture, as MNIST has them; nothing else is known to it, and it",
            "doesn't say so when it sees something else. Writers were American census workers and students.",
            "",
            "## Data and licence",
            "",
            LICENCE,
            "",
            "## Settings",
            "",
            "```json",
            json.dumps(shown, indent=1, sort_keys=True),
            "```",
            "",
        ]
    )


if __name__ == "__main__":
    main()
