"""`fit`: steps, what is measured and drawn on the way, checkpoints, and the same again where it was cut off.

    result = fit(task, digits, steps=600, batch=128, workdir="runs/mine")

Run again it goes on from the last sound checkpoint, bit for bit as if it had never stopped. SIGTERM and Ctrl-C save
first. A loss that is not finite stops it, by name and step.
"""

import contextlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaximg.train import data as data_
from jaximg.train.alarm import TRIES, DivergedError, Guard
from jaximg.train.checkpoint import Checkpoints, Restored
from jaximg.train.data import Dataset
from jaximg.train.folder import Folder, RunError
from jaximg.train.parallel import Placement, Step, placement
from jaximg.train.process import Profiler, signals
from jaximg.train.state import TrainState, other_key

__all__ = ["Every", "NonFiniteError", "Progress", "Result", "RunError", "Task", "fit"]

GRID = 64
"""Pictures on a grid."""


class NonFiniteError(ArithmeticError):
    """A loss or gradient is not a finite number; the message names the step."""


@dataclass(frozen=True)
class Task:
    """What is trained: pure functions, and two that look at the result.

    Attributes:
      init: `key -> TrainState`, pure.
      make_step: `axis_name -> step`, as `jaximg.train.steps` makes them; `step(state, batch) -> (state, metrics)`.
      evaluate: what is measured, as numbers by name; the state is of numpy arrays then,
        without what only steps need (`opt_state`, `key`).
      sample: pictures `(N, H, W, C)` in [0, 1] of a fixed randomness; the state as above.
      best: the number by which the best checkpoint is kept; "" for none.
      mode: "max" or "min", whichever is best.
      drawings: pictures `(H, W, 1 or 3)` in [0, 1] by name, drawn once the last step is done; the state as above.
      alarm: `(step, numbers) -> line`: what is to be said of a line of statistics or an evaluation; mostly nothing, "".
      compare: `(params before a step, state after it) -> numbers` that a line of statistics has besides.
    """

    init: Callable[[jax.Array], TrainState]
    make_step: Callable[[str | None], Step]
    evaluate: Callable[[TrainState], Mapping[str, float]] | None = None
    sample: Callable[[TrainState], np.ndarray] | None = None
    best: str = ""
    mode: str = "max"
    drawings: Callable[[TrainState], Mapping[str, np.ndarray]] | None = None
    alarm: Callable[[int, Mapping[str, float]], str] | None = None
    compare: Callable[[Any, TrainState], Mapping[str, jax.Array]] | None = None


@dataclass(frozen=True, kw_only=True)
class Every:
    """After how many steps something is done; 0 for at the end alone.

    Attributes:
      log: a line of stats.jsonl.
      evaluate: the task's `evaluate`.
      sample: a grid of samples.
      save: a checkpoint.
    """

    log: int = 50
    evaluate: int = 0
    sample: int = 0
    save: int = 0


@dataclass(frozen=True)
class Progress:
    """What can be told while it runs.

    Attributes:
      step: steps taken.
      steps: steps in all.
      images_per_second: since the last time.
      metrics: of this step.
    """

    step: int
    steps: int
    images_per_second: float
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Result:
    """What came of it.

    Attributes:
      state: the last one, where the placement has it.
      step: steps taken.
      evaluation: the last one.
      stopped: the signal that ended it early, or 0.
    """

    state: TrainState
    step: int
    evaluation: Mapping[str, float]
    stopped: int = 0


def fit(
    task: Task,
    dataset: Dataset,
    *,
    steps: int,
    batch: int,
    seed: int = 0,
    workdir: str | Path | None = None,
    place: Placement | None = None,
    every: Every | None = None,
    keep: int = 2,
    options: Mapping[str, Any] | None = None,
    force: bool = False,
    workers: int = 2,
    profile: int = 0,
    patience: int = 0,
    tell: Callable[[str], None] = print,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Result:
    """Trains, or goes on training.

    Args:
      task: what.
      dataset: on what.
      steps: how many in all, those of earlier runs in the same folder included.
      batch: pictures in a step, over all devices and processes.
      seed: of the order of the pictures and of all else.
      workdir: the run's folder; None writes nothing.
      place: where it runs; one device by default.
      every: how often what.
      keep: how many of the newest checkpoints stay, besides the best.
      options: what else decides the numbers; it is stored, and a run with others is refused.
      force: go on although they differ.
      workers: threads that read pictures which are not in memory.
      profile: how many steps to profile, from the tenth on, into `workdir/profile`.
      patience: how many steps in a row may be not finite (and leave the state alone: `skip_nonfinite`) before the run
        goes back to a checkpoint, with other random numbers, three times at most; 0 stops at the first one.
      tell: called with a line to print.
      progress: called after each line of statistics.

    Returns:
      What came of it.

    Raises:
      RunError: the folder holds a run of other options.
      NonFiniteError: a loss or gradient is not finite.
    """
    place = place or placement("jit")
    folder = None
    if workdir is not None:
        told = {"steps": steps, "batch": batch, "seed": seed, "dataset": dataset.digest, **(options or {})}
        folder = Folder(Path(workdir), told, force=force, tell=tell, writes=place.process == 0)
        _await_others(place)  # none is to write into a folder that isn't claimed yet
    run = _Run(task, dataset, place, steps, batch, seed, every or Every(), folder, tell, progress, Guard(patience))
    with contextlib.ExitStack() as stack:
        if folder is not None:
            stack.callback(folder.close)
            store = Checkpoints(folder.checkpoints, keep=keep, best=task.best, mode=task.mode, tell=tell)
            run.store = stack.enter_context(store)
        run.signals = stack.enter_context(signals())
        return run.go(workers, profile)


@dataclass
class _Run:
    """One call of `fit`."""

    task: Task
    dataset: Dataset
    place: Placement
    steps: int
    batch: int
    seed: int
    every: Every
    folder: Folder | None
    tell: Callable[[str], None]
    progress: Callable[[Progress], None]
    guard: Guard
    alarmed: bool = False
    store: Checkpoints | None = None
    signals: list[int] = field(default_factory=list)
    evaluation: dict[str, float] = field(default_factory=dict)
    evaluated_at: int | None = None
    unchecked: list[tuple[int, jax.Array]] = field(default_factory=list)

    def go(self, workers: int, profile: int) -> Result:
        check_batch(self.place, self.batch)
        state = self.place.init(self.task.init, jax.random.key(self.seed))
        state, step = self._resume(state)
        begun = step
        compiled = self.place.compile(self.task.make_step)
        tracer = Profiler(self.folder, step, profile)
        while True:
            try:
                state, step = self._steps(state, step, compiled, workers, tracer)
                return self._finish(begun, step, state)
            except DivergedError as error:
                state, step = self._back(error.step)

    def _steps(
        self, state: TrainState, step: int, compiled: Step, workers: int, tracer: Profiler
    ) -> tuple[TrainState, int]:
        batches = data_.batches(
            self.dataset,
            self.batch,
            seed=self.seed,
            start=step,
            process=self.place.process,
            processes=self.place.processes,
            workers=workers,
        )
        first, clock, noted = step, time.perf_counter(), step
        while step < self.steps and not self._stopped(step):
            tracer.at(step)
            before = _copied(state.params) if self.task.compare is not None and self._noted(step + 1) else None
            with jax.profiler.StepTraceAnnotation("train", step_num=step):
                state, metrics = compiled(state, self.place.batch(next(batches)))
            step += 1
            self._remember(step, metrics)
            if self._noted(step) or step == first + 1:
                if before is not None and self.task.compare is not None:
                    metrics = {**metrics, **self.task.compare(before, state)}
                values = self._check(step, metrics)
                seconds, clock = time.perf_counter() - clock, time.perf_counter()
                speed, noted = self.batch * (step - noted) / seconds, step
                if self._noted(step):
                    self._note(step, {**values, "seconds": seconds, "images_per_second": speed})
                    self._listen(step, values)
                self.progress(Progress(step, self.steps, speed, values))
            if self._look(step, state):
                clock, noted = time.perf_counter(), step
        tracer.stop()
        return state, step

    # --- beginning and end -------------------------------------------------------------------------------------------

    def _resume(self, state: TrainState) -> tuple[TrainState, int]:
        if self.store is None or self.folder is None:
            return state, 0
        found = self.store.restore(self._portable_like(state))
        self.folder.rewind(found.step if found else 0)
        if found is None:
            self.folder.draw("reals", self.dataset.float_images(0, GRID))
            return state, 0
        if found.step < self.steps:
            self.tell(f"going on from step {found.step}")
        self.evaluation = dict(found.told.get("evaluation", {}))
        return self._from_portable(found, state), found.step

    def _finish(self, begun: int, step: int, state: TrainState) -> Result:
        stopped = self.signals[0] if self.signals and step < self.steps else 0
        if self.unchecked:
            self._check(step, {})
        if self.store is not None:
            self._save(step, state)
            self.store.wait()
        if self.folder is not None and begun < step == self.steps:
            drawn = self.task.drawings(self._whole(state)) if self.task.drawings is not None else {}
            self.folder.conclude(drawn)
        return Result(state, step, self.evaluation, stopped)

    def _stopped(self, step: int) -> bool:
        """Whether a signal has come; several processes agree on that when they log, and stop at the same step."""
        if self.place.processes == 1:
            return bool(self.signals)
        if step % self.every.log:
            return False
        from jax.experimental.multihost_utils import process_allgather

        others = np.asarray(process_allgather(np.array(self.signals[0] if self.signals else 0)))
        if others.any():
            self.signals[:] = [int(others.max())]
        return bool(self.signals)

    # --- after a step ------------------------------------------------------------------------------------------------

    def _remember(self, step: int, metrics: Mapping[str, jax.Array]) -> None:
        if "finite" in metrics:
            self.unchecked.append((step, metrics["finite"]))

    def _check(self, step: int, metrics: Mapping[str, jax.Array]) -> dict[str, float]:
        """The numbers of a step, once it is sure that all since the last time are numbers."""
        unchecked, self.unchecked = self.unchecked, []
        host, unchecked = jax.device_get((dict(metrics), unchecked))
        values = {name: float(value) for name, value in host.items()}
        for number, finite in unchecked:
            self.guard.look(number, float(finite))
        if self.guard.skipped:
            values["skipped"] = self.guard.skipped
        return {name: value for name, value in values.items() if name != "finite" and math.isfinite(value)}

    def _listen(self, step: int, values: Mapping[str, float]) -> None:
        """Tells once that something is wrong; the statistics go on saying so."""
        line = self.task.alarm(step, values) if self.task.alarm is not None else ""
        if line:
            self._note(step, {"alarm": 1.0})
        if line and not self.alarmed:
            self.tell(f"ALARM at step {step}: {line}")
        self.alarmed = bool(line)

    def _back(self, step: int) -> tuple[TrainState, int]:
        """The state of an earlier step, with other random numbers from there on."""
        self.guard.returns += 1
        if self.store is not None:
            self.store.wait()
        saved = self.store.steps() if self.store is not None else []
        if not self.guard.patience or not saved or self.store is None or self.guard.returns > TRIES:
            self._not_finite(step)
        self.unchecked.clear()
        before = saved[-min(self.guard.returns, len(saved))]
        state = self.place.init(self.task.init, jax.random.key(self.seed))
        found = self.store.restore(self._portable_like(state), step=before)
        if found is None:
            self._not_finite(step)
        self.store.drop_after(before)
        self.tell(f"not finite up to step {step}: back to step {before}, with other random numbers")
        if self.folder is not None:
            self.folder.rewind(before)
        self._note(before, {"back_from": step})
        found = replace(found, state=other_key(found.state, self.guard.returns))
        return self._from_portable(found, state), before

    def _not_finite(self, step: int) -> NoReturn:
        saved: list[int] = []
        if self.store is not None:
            self.store.wait()
            saved = self.store.steps()
        kept = f"; the checkpoint of step {saved[-1]} is sound" if saved else ""
        raise NonFiniteError(
            f"the loss or its gradient is not finite at step {step}{kept}. A lower learning rate, clipping "
            "(--set optimizer.clip=1) or, for a GAN, a larger r1 and r2 help most often"
        )

    def _look(self, step: int, state: TrainState) -> bool:
        """Evaluates, draws and saves where it is time to; whether anything was done."""
        sample = self.task.sample is not None and self._due(step, self.every.sample)
        evaluate = self.task.evaluate is not None and self._due(step, self.every.evaluate)
        save = self.store is not None and self._due(step, self.every.save)
        if not (sample or evaluate or save):
            return False
        if self.unchecked:
            self._check(step, {})
        if sample or evaluate:
            self._show(step, self._whole(state), sample, evaluate)
        if save:
            self._save(step, state)
        return True

    def _noted(self, step: int) -> bool:
        """Whether a step gets a line of statistics."""
        return step % self.every.log == 0 or step == self.steps

    def _due(self, step: int, every: int) -> bool:
        return step == self.steps or every > 0 and step % every == 0

    def _show(self, step: int, state: TrainState, sample: bool, evaluate: bool) -> None:
        if sample and self.task.sample is not None and self.folder is not None:
            self.folder.draw(f"fakes{step:06d}", self.task.sample(state))
        if evaluate and self.task.evaluate is not None:
            self.evaluation = {name: float(value) for name, value in self.task.evaluate(state).items()}
            self.evaluated_at = step
            self._note(step, self.evaluation)
            self._listen(step, self.evaluation)

    def _note(self, step: int, values: Mapping[str, float]) -> None:
        if self.folder is not None:
            self.folder.note(step, values)

    # --- the state, outside its devices ------------------------------------------------------------------------------

    def _whole(self, state: TrainState) -> TrainState:
        """The state as numpy arrays, without what only steps need."""
        return self.place.fetch(replace(state, opt_state=(), key=()))

    def _save(self, step: int, state: TrainState) -> None:
        if self.store is None:
            return
        evaluated = {name: value for name, value in self.evaluation.items() if np.isfinite(value)}
        metrics = evaluated if step == self.evaluated_at else None
        self.store.save(step, self._portable(state), told={"evaluation": evaluated}, metrics=metrics)

    def _stacked(self, state: TrainState) -> bool:
        """Whether each device has a copy of its own, along a leading axis, as under `pmap`."""
        return np.ndim(state.step) == 1

    def _portable(self, state: TrainState) -> Any:
        """The state as any number of devices can take it up again."""
        return self.place.fetch(state) if self._stacked(state) else state

    def _portable_like(self, state: TrainState) -> Any:
        if not self._stacked(state):
            return state
        whole = NamedSharding(Mesh(np.asarray(self.place.devices), ("data",)), PartitionSpec())
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=whole), self.place.fetch(state))

    def _from_portable(self, found: Restored, state: TrainState) -> TrainState:
        if not self._stacked(state):
            return found.state
        return self.place.put(jax.tree.map(lambda x: np.asarray(x.addressable_data(0)), found.state), state)


def _await_others(place: Placement) -> None:
    if place.processes > 1:
        from jax.experimental.multihost_utils import sync_global_devices

        sync_global_devices("jaximg: the run's folder is claimed")


@jax.jit
def _copied(tree: Any) -> Any:
    return jax.tree.map(jax.numpy.copy, tree)


def check_batch(place: Placement, batch: int) -> None:
    """Raises RunError where the devices can't share a batch evenly."""
    devices = len(place.devices)
    if batch % devices:
        raise RunError(f"a batch of {batch} can't be shared by {devices} devices: take a multiple of {devices}")
