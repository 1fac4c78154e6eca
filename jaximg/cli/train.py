"""`jaximg train`: train a model as a config says, or go on where an earlier run stopped."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, UseAppendAction, arg

from jaximg.cli import configs, runs
from jaximg.cli.parse import Flag, Usage, parse

if TYPE_CHECKING:
    from jaximg.train.config import Config
    from jaximg.train.loop import Result

Word = Annotated[str, arg(metavar="NAME|FILE")]
Repeated = UseAppendAction[tuple[tuple[str, ...], ...]]


@dataclass(frozen=True)
class Options:
    """Train a model as a config says: cnn_digits, gan_digits, denoise_color ..., or a .py file of one's own.

    Writes options.json, stats.jsonl, TensorBoard's files, reals.png and fakesNNNNNN.png, checkpoints, and at the end
    curves.png, confusion.png of a classifier, and index.html, a page with curves and samples. The same command again
    goes on where it was cut off, bit for bit. Ctrl-C and SIGTERM save first.

    Attributes:
      config: a name, or the path of a .py file.
      data: digits, mnist, fashion_mnist, cifar10, or a file or folder: idx, .npz, CIFAR, ArrayRecord, pictures.
      size: bring pictures to so many pixels a side.
      steps: how many, in place of the config's.
      batch: pictures in a step, over all devices.
      seed: of everything random.
      parallel: jit on one device, pmap over the local ones, mesh over all of all processes.
      fsdp: let the mesh split parameters and optimizer too.
      set: another setting of the config: --set optimizer.learning_rate=1e-4 ema=0.99
      workdir: the run's folder. Default: the next number in --runs, or the newest one there that this command began.
      runs: where numbered folders are.
      force: go on although the options differ from those that the run began with.
      profile: trace so many steps into WORKDIR/profile.
      coordinator: HOST:PORT of process 0, where there are several that no SLURM or TPU pod has started.
      processes: how many there are.
      process: which one this is, from 0.
      dry_run: say what would be done, and do nothing.
    """

    config: Positional[Word]
    data: Annotated[str | None, arg(metavar="PATH|NAME", help_behavior_hint="")] = None
    size: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None
    steps: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None
    batch: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None
    seed: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None
    parallel: Annotated[str | None, arg(metavar="jit|pmap|mesh", help_behavior_hint="")] = None
    fsdp: Flag = False
    set: Annotated[Repeated, arg(metavar="NAME=VALUE ...")] = ()
    workdir: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    runs: Annotated[Path, arg(metavar="DIR")] = Path("runs")
    force: Flag = False
    profile: Annotated[int, arg(metavar="N", help_behavior_hint="")] = 0
    coordinator: Annotated[str | None, arg(metavar="HOST:PORT", help_behavior_hint="")] = None
    processes: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None
    process: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None
    dry_run: Flag = False


def main(argv: Sequence[str]) -> int:
    """Trains.

    Args:
      argv: the words after `jaximg train`.

    Returns:
      0; 130 or 143 where a signal ended it, after it was saved.
    """
    options = parse(Options, argv, prog="jaximg train")
    settings = _settings(options)
    runs.compiled_once()
    with runs.plainly():
        result = _train(options, settings)
    return 128 + result.stopped if result and result.stopped else 0


def _settings(options: Options) -> "Config":
    from dataclasses import replace

    from jaximg.train import config

    settings = configs.load(options.config, config.Config)
    if type(settings).__name__ not in config.KINDS:
        raise Usage(f"{options.config}: its config is to be one of {', '.join(config.KINDS)}")
    names = ("data", "size", "steps", "batch", "seed", "parallel")
    given = {name: value for name in names if (value := getattr(options, name)) is not None}
    if "data" in given and Path(given["data"]).exists():
        given["data"] = str(Path(given["data"]).resolve())
    given |= {name: value for name in ("fsdp", "profile") if (value := getattr(options, name))}
    settings = replace(settings, **given)
    words = [word for some in options.set for word in some]
    for word in words:
        if "=" not in word:
            raise Usage(f"--set {word}: NAME=VALUE is wanted")
    try:
        settings = config.replaced(settings, dict(word.split("=", 1) for word in words))
    except ValueError as error:
        raise Usage(f"--set {error}") from None
    return settings


def _train(options: Options, settings: "Config") -> "Result | None":
    from jaximg.train import config, folder, tasks
    from jaximg.train.check import check
    from jaximg.train.loop import Every, fit
    from jaximg.train.parallel import initialise_distributed, placement

    try:
        initialise_distributed(coordinator=options.coordinator, processes=options.processes, process=options.process)
        place = placement(settings.parallel, fsdp=settings.fsdp)
        check(settings, devices=len(place.devices))
    except ValueError as error:
        raise Usage(str(error)) from None
    train, test = sets = tasks.datasets(settings)
    facts = tasks.facts_of(train)
    told = {**config.as_dict(settings), "dataset": train.digest, "facts": facts}
    name = Path(options.config).stem
    workdir = options.workdir or folder.choose(
        options.runs, name, told, finished=lambda path: _finished(path, settings.steps)
    )
    first = place.process == 0
    with runs.Bar(settings.steps) as bar:
        say = bar.say if first else lambda line: None
        kind = "" if settings.data == train.name else f" from {settings.data}"
        say(
            f"{workdir}: {settings.steps} steps of {settings.batch} of {len(train)} pictures {train.shape}{kind}, "
            f"{len(test)} to test on; {settings.parallel} on {len(place.devices)} {place.devices[0].platform}"
        )
        task = tasks.task_of(settings, train.shape, train.classes, sets=sets)
        if options.dry_run:
            return None
        every = Every(
            log=settings.log_every,
            evaluate=settings.evaluate_every,
            sample=settings.sample_every,
            save=settings.save_every,
        )
        result = fit(
            task,
            train,
            steps=settings.steps,
            batch=settings.batch,
            seed=settings.seed,
            workdir=workdir,
            place=place,
            every=every,
            keep=settings.keep,
            options=told,
            force=options.force,
            workers=settings.workers,
            profile=settings.profile,
            patience=settings.patience,
            tell=say,
            progress=bar if first else lambda progress: None,
        )
        _tell(result, settings.steps, workdir, say)
        if first:
            runs.write_page(workdir, workdir / "index.html")
    return result


def _finished(path: Path, steps: int) -> bool:
    from jaximg.train.folder import CHECKPOINTS

    done = [int(step.name) for step in (path / CHECKPOINTS).glob("*") if step.name.isdigit()]
    return max(done, default=0) >= steps


def _tell(result: "Result", steps: int, workdir: Path, say) -> None:
    for name, value in result.evaluation.items():
        say(f"{name} {value:.4f}")
    if result.stopped:
        say(f"stopped and saved at step {result.step} of {steps}: the same command goes on from there")
    else:
        say(f"done: {workdir}")
