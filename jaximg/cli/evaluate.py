"""`jaximg evaluate`: how good a trained model is, on pictures that it was not trained on."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from jaximg.cli import paths, runs, show
from jaximg.cli.parse import Failure, parse

if TYPE_CHECKING:
    from jaximg.train.data import Dataset
    from jaximg.train.trained import Trained


@dataclass(frozen=True)
class Options:
    """Measure a trained model: a classifier's accuracy and confusions, a generator's samples against real pictures.

    RUN is the folder of a run, or a model that comes with jaximg: cnn_digits, dcgan_digits. Beside each number of a
    generator stands what real pictures score against other real ones.

    Attributes:
      run: a folder, or a name.
      data: test pictures; a run's own data by default, else the small digits.
      judge: the classifier whose features tell samples from reals.
      samples: how many a generator is asked for.
      json: write the numbers to a file too.
    """

    run: Positional[Annotated[str, arg(metavar="RUN")]]
    data: Annotated[str | None, arg(metavar="PATH|NAME", help_behavior_hint="")] = None
    judge: Annotated[str, arg(metavar="RUN")] = "cnn_digits"
    samples: Annotated[int, arg(metavar="N")] = 10_000
    json: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None


def main(argv: Sequence[str]) -> int:
    """Measures.

    Args:
      argv: the words after `jaximg evaluate`.

    Returns:
      0.
    """
    options = parse(Options, argv, prog="jaximg evaluate")
    if options.json:
        paths.refuse_existing([options.json], False)
    runs.compiled_once()
    from jaximg.train.trained import load

    with runs.plainly():
        model = load(options.run)
        measured = _classifier(options, model) if model.kind == "classifier" else _generator(options, model)
    if options.json:
        with show.file(options.json):
            options.json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    return 0


def _data(options: Options, model: "Trained", part: Literal["train", "test"]) -> "Dataset":
    from jaximg.train import data
    from jaximg.train.folder import read_options

    stored = read_options(Path(options.run)) if (Path(options.run) / "options.json").is_file() else {}
    name = options.data or stored.get("data", "digits")
    found = data.load(name, part, holdout=stored.get("holdout", 0.2), size=stored.get("size"), channels=model.shape[-1])
    if found.shape != model.shape:
        raise Failure(f"{name}: pictures of {found.shape}, and {model.name} is for {model.shape}")
    return found


def _classifier(options: Options, model: "Trained") -> dict:
    import numpy as np

    from jaximg.evaluate import accuracy, confusion_matrix

    test = _data(options, model, "test")
    if test.labels is None:
        raise Failure(f"{test.name} has no labels to compare with")
    logits = model.judge(test.float_images())[1]
    share = accuracy(logits, test.labels)
    table = confusion_matrix(np.argmax(logits, -1), test.labels, len(model.classes))
    print(f"{model.name}: {share:.2%} of {len(test)} pictures of {test.name} right\n")
    rows = [[name, *map(str, row)] for name, row in zip(model.classes, table.tolist(), strict=True)]
    show.table(["true / taken for", *model.classes], rows)
    return {"accuracy": share, "pictures": len(test), "confusion": table.tolist()}


def _generator(options: Options, model: "Trained") -> dict:
    from dataclasses import asdict

    from jaximg.evaluate import class_histogram, judge_generator
    from jaximg.train import tasks

    judge = runs.trained(options.judge, "classifier")
    if judge.shape != model.shape:
        raise Failure(f"{judge.name} looks at {judge.shape}, and {model.name} makes {model.shape}: another --judge")
    train, test = _data(options, model, "train"), _data(options, model, "test")
    fake = model.samples(range(options.samples))
    shares = class_histogram(judge.judge(fake)[1].argmax(-1), len(judge.classes))
    found = judge_generator(judge.judge, fake, *tasks.reals((train, test), options.samples))
    print(f"{model.name}, {found.samples} samples, by {judge.name} ({judge.digest}) on {train.name}\n")
    rows = [
        ["Frechet classifier distance", f"{found.frechet:.3f}", f"{found.frechet_real:.3f}"],
        ["precision (k = 3)", f"{found.precision:.3f}", f"{found.precision_real:.3f}"],
        ["recall (k = 3)", f"{found.recall:.3f}", f"{found.recall_real:.3f}"],
    ]
    show.table(["", "samples", "real against real"], rows)
    print(f"\nclasses among {options.samples} samples:")
    show.table(["", *judge.classes], [["share", *(f"{share:.3f}" for share in shares)]])
    return {**asdict(found), "classes": shares.tolist(), "of": options.samples}
