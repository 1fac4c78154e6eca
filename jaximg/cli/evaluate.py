"""`jaximg evaluate`: how good a trained model is, on pictures that it was not trained on."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from jaximg.cli import paths, runs, show
from jaximg.cli.parse import Failure, Flag, Usage, parse

if TYPE_CHECKING:
    from jaximg.train.config import Config
    from jaximg.train.data import Dataset
    from jaximg.train.trained import Trained

    Sets = tuple[Dataset, Dataset]

MODES = 26_000
"""Samples that the modes of stacked pictures are counted among, by convention."""


@dataclass(frozen=True)
class Options:
    """Measure a trained model: a classifier's accuracy, a generator's samples, a restorer's repairs.

    RUN is the folder of a run, or a model that comes with jaximg: cnn_digits, conv_digits. Beside each number of a
    generator stands what real pictures score against other real ones.

    Attributes:
      run: a folder, or a name.
      data: test pictures; a run's own data by default, else the small digits. Other data than the run's that are in one
        piece are all for the test of a classifier.
      judge: the classifier whose features tell samples from reals.
      samples: how many a generator is asked for.
      json: write the numbers to a file too.
      page: write a page on the run too, with curves and samples: FILE.html
      overwrite: replace these two files if they are there.
    """

    run: Positional[Annotated[str, arg(metavar="RUN")]]
    data: Annotated[str | None, arg(metavar="PATH|NAME", help_behavior_hint="")] = None
    judge: Annotated[str, arg(metavar="RUN")] = "cnn_digits"
    samples: Annotated[int, arg(metavar="N")] = 10_000
    json: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    page: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    overwrite: Flag = False


def main(argv: Sequence[str]) -> int:
    """Measures.

    Args:
      argv: the words after `jaximg evaluate`.

    Returns:
      0.
    """
    options = parse(Options, argv, prog="jaximg evaluate")
    paths.refuse_existing([file for file in (options.json, options.page) if file], options.overwrite)
    from jaximg.train.check import FEWEST

    if options.samples < FEWEST:
        raise Usage(f"--samples {options.samples}: {FEWEST} at least, for each has to have five neighbours")
    if options.page and not runs.is_run(options.run):
        raise Failure(f"{options.run} is no folder of a run: there are no curves to make a page of")
    runs.compiled_once()
    from jaximg.train.trained import load

    with runs.plainly():
        model = load(options.run)
        settings = _settings(options)
        measured = KINDS[model.kind](options, model, settings)
    show.make_folders([options.json, options.page])
    if options.json:
        with show.file(options.json):
            options.json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    if options.page:
        with show.file(options.page):
            runs.write_page(Path(options.run), options.page, figures=measured.get("rows", ()))
        print(f"\n{options.page}")
    return 0


def _settings(options: Options) -> "Config | None":
    """Those of the run, on the data asked for; None for what comes with the package."""
    from dataclasses import replace

    from jaximg.train.trained import settings_of

    if not runs.is_run(options.run):
        return None
    settings = settings_of(Path(options.run))
    return replace(settings, data=options.data) if options.data else settings


def _data(options: Options, model: "Trained", settings: "Config | None") -> "Sets":
    from jaximg.train import data, tasks

    if settings is not None:
        sets = tasks.datasets(settings)
    else:
        name, channels = options.data or "digits", model.shape[-1]
        sets = data.load(name, "train", channels=channels), data.load(name, "test", channels=channels)
    return sets[0], _fitting(sets[1], model)


def _test(options: Options, model: "Trained", settings: "Config | None") -> "Dataset":
    """What a classifier is tested on: of its own data the test part, of others all where they have no such part."""
    from jaximg.train import data
    from jaximg.train.trained import settings_of

    own = settings_of(Path(options.run)).data if settings else "digits"
    if not options.data or options.data == own or Path(options.data).resolve() == Path(own).resolve():
        return _data(options, model, settings)[1]
    size = settings.size if settings else None
    return data.load(options.data, "test", holdout=1.0, size=size, channels=model.shape[-1])


def _fitting(test: "Dataset", model: "Trained") -> "Dataset":
    if test.shape != model.shape:
        raise Failure(f"{test.name}: pictures of {test.shape}, and {model.name} is for {model.shape}")
    return test


def _classifier(options: Options, model: "Trained", settings: "Config | None") -> dict:
    import numpy as np

    from jaximg.evaluate import accuracy, confusion_matrix

    test = _fitting(_test(options, model, settings), model).numbered_as(model.classes)
    labels = np.asarray(test.labels)
    logits = model.judge(test.float_images())[1]
    share = accuracy(logits, labels)
    table = confusion_matrix(np.argmax(logits, -1), labels, len(model.classes))
    print(f"{model.name}: {share:.2%} of {len(test)} pictures of {test.name} right\n")
    rows = [[name, *map(str, row)] for name, row in zip(model.classes, table.tolist(), strict=True)]
    show.table(["true / taken for", *model.classes], rows)
    return {"accuracy": share, "pictures": len(test), "confusion": table.tolist()}


def _restorer(options: Options, model: "Trained", settings: "Config | None") -> dict:
    from jaximg.train import restoration, tasks

    if settings is None:
        raise Failure(
            f"{model.name} repairs pictures: python -m bench.restore measures it, and so does the run's folder"
        )
    test = tasks.datasets(settings)[1]
    found = restoration.measured(settings, model, test)  # pyright: ignore[reportArgumentType]
    print(f"{model.name}, {len(test)} crops of {test.shape[0]} pixels of {test.name} that it was not trained on\n")
    rows = [["PSNR, dB", f"{found['test/psnr']:.2f}", f"{found['test/psnr_damaged']:.2f}"]]
    show.table(["", "repaired", "damaged"], rows)
    return {**found, "pictures": len(test), "rows": rows}


def _generator(options: Options, model: "Trained", settings: "Config | None") -> dict:
    judge = runs.trained(options.judge, "classifier")
    stacked = model.shape[-1] > 1 and judge.shape == (*model.shape[:2], 1)
    if judge.shape != model.shape and not stacked:
        raise Failure(f"{judge.name} looks at {judge.shape}, and {model.name} makes {model.shape}: another --judge")
    sets = _data(options, model, settings)
    return (_modes if stacked else _samples)(options, model, judge, sets)


def _samples(options: Options, model: "Trained", judge: "Trained", sets: "Sets") -> dict:
    from dataclasses import asdict

    from jaximg.evaluate import class_histogram
    from jaximg.train import tasks

    fake = model.samples(range(options.samples))
    shares = class_histogram(judge.judge(fake)[1].argmax(-1), len(judge.classes))
    found = tasks.judged(judge, fake, sets, options.samples)
    print(f"{model.name}, {found.samples} samples, by {judge.name} ({judge.digest}) on {sets[0].name}\n")
    rows = [[name, f"{ours:.3f}", f"{real:.3f}"] for name, (ours, real) in found.pairs.items()]
    show.table(["", "samples", "real against real"], rows)
    print(f"\nclasses among {options.samples} samples:")
    show.table(["", *judge.classes], [["share", *(f"{share:.3f}" for share in shares)]])
    about = {"judge": judge.name, "judge_digest": judge.digest, "data": sets[0].name}
    return {**asdict(found), "classes": shares.tolist(), "of": options.samples, **about, "rows": rows}


def _modes(options: Options, model: "Trained", judge: "Trained", sets: "Sets") -> dict:
    """Grey pictures in the channels of one, each with its class."""
    import numpy as np

    from jaximg.evaluate import channel_classes, mode_statistics

    classes = len(judge.classes)
    grey = sets[0].float_images(0, MODES)
    rng = np.random.default_rng(0)
    real = np.stack([channel[rng.integers(0, len(grey), MODES)] for channel in channel_classes(judge.judge, grey).T], 1)
    fake = channel_classes(judge.judge, model.samples(range(MODES)))
    ours, floor = (mode_statistics(labels, classes=classes) for labels in (fake, real))
    print(f"{model.name}, {MODES} samples, by {judge.name} ({judge.digest}) on {sets[0].name}\n")
    rows = [
        [f"modes of {classes ** model.shape[-1]}", str(ours.found), str(floor.found)],
        ["KL of their shares", f"{ours.kl:.4f}", f"{floor.kl:.4f}"],
    ]
    show.table(["", "samples", "real"], rows)
    about = {"judge": judge.name, "judge_digest": judge.digest, "data": sets[0].name}
    return {"modes": ours.found, "mode_kl": ours.kl, "modes_real": floor.found, "mode_kl_real": floor.kl, **about} | {
        "samples": MODES,
        "rows": rows,
    }


KINDS = {"classifier": _classifier, "generator": _generator, "restorer": _restorer}
