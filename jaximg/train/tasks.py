"""From a config, plain values, to what `fit` needs: models, optimizers, pure steps, and what is measured."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from optax.contrib import MuonDimensionNumbers, muon

from jaximg.evaluate import (
    GeneratorReport,
    accuracy,
    channel_classes,
    confusion_matrix,
    confusion_picture,
    density_coverage,
    judge_generator,
    mode_statistics,
)
from jaximg.train import begin, data, little, restoration
from jaximg.train.alarm import Collapse
from jaximg.train.check import FEWEST, check
from jaximg.train.config import Classifier, Config, Gan, Optimizer, Restoration
from jaximg.train.data import Dataset
from jaximg.train.folder import RunError
from jaximg.train.gan import distances, make_gan_step
from jaximg.train.loop import GRID, Task
from jaximg.train.schedules import half_life, learning_rate, ramped
from jaximg.train.state import TrainState, init_classifier_state, init_gan_state, variables
from jaximg.train.steps import make_classifier_step
from jaximg.train.trained import Trained, build, load
from jaximg.typing import Key

Shape = tuple[int, int, int]
COVERED = 2000
"""Stacked pictures whose coverage is measured."""
DRAWN = 100
"""Classes of a confusion matrix that can be looked at."""
MEASURED = ("frechet", "kid", "precision", "recall", "density", "coverage", "kl", "memorisation")
"""Figures of a generator that stats.jsonl has, beside those of real pictures."""


def datasets(settings: Config) -> tuple[Dataset, Dataset]:
    """The pictures to train on and those to test on.

    Args:
      settings: says which.

    Returns:
      Two data sets.

    Raises:
      DataError: not there, or unreadable; a classifier without labels, or to be tested on other classes.
    """
    if isinstance(settings, Restoration):
        return restoration.datasets(settings)
    if isinstance(settings, Classifier) and settings.instances:
        whole = data.instances(data.load(settings.data, holdout=0.0, size=settings.size))
        return whole, whole
    both = [data.load(settings.data, part, holdout=settings.holdout, size=settings.size) for part in ("train", "test")]
    if isinstance(settings, Classifier) or getattr(settings, "conditional", False):
        both = [part.numbered_as(both[0].classes) for part in both]
    if isinstance(settings, Gan) and settings.stack > 1:
        both = [data.stacked(part, settings.stack) for part in both]
    if isinstance(settings, Gan):
        return little.training_set(settings, both[0]), both[1]
    return both[0], both[1]


def facts_of(dataset: Dataset) -> dict[str, Any]:
    """What a model has to know of its data."""
    return {"shape": list(dataset.shape), "classes": list(dataset.classes)}


def task_of(
    settings: Config, shape: Shape, classes: tuple[str, ...], *, sets: tuple[Dataset, Dataset] | None = None
) -> Task:
    """What `fit` trains.

    Args:
      settings: of the run.
      shape: of a picture.
      classes: their names.
      sets: what is measured on: training and test pictures; without them nothing is measured.

    Returns:
      The task.

    Raises:
      RunError: settings that can't be, or no model, judge or weights of that name.
    """
    check(settings)
    if isinstance(settings, Classifier):
        return _classifier(settings, shape, classes, sets)
    if isinstance(settings, Gan):
        return _gan(settings, shape, classes, sets)
    if isinstance(settings, Restoration):
        model = build(settings.model, dict(settings.options))
        return restoration.task(settings, model, optimizer(settings.optimizer, settings.steps), sets)
    raise RunError(f"no task for a {type(settings).__name__}")


def trained(settings: Config, state: TrainState, shape: Shape, classes: tuple[str, ...], *, name: str) -> Trained:
    """The model that is to be used of a state: the averaged one where there is an average.

    Args:
      settings: of the run.
      state: its arrays on one device or of numpy.
      shape: of a picture.
      classes: their names.
      name: what to call it.

    Returns:
      The model.
    """
    step = int(state.step)
    if isinstance(settings, Classifier):
        arguments = _arguments(settings, classes)
        params = state.params if state.ema is None else state.ema
        found = variables(params, state.stats)
        model = build(settings.model, arguments)
        return Trained(name, "classifier", model, found, settings.model, arguments, shape, classes, 0, step)
    if isinstance(settings, Restoration):
        found = variables(restoration.kept(state), state.stats)
        arguments = dict(settings.options)
        model = build(settings.model, arguments)
        return Trained(name, "restorer", model, found, settings.model, arguments, shape, (), 0, step)
    if not isinstance(settings, Gan):
        raise RunError(f"no model of a {type(settings).__name__}")
    arguments = _generator_arguments(settings, shape, classes)
    params = (state.params if state.ema is None else state.ema)["generator"]
    found = variables(params, state.stats["generator"])
    model = build(settings.generator, arguments)
    return Trained(
        name, "generator", model, found, settings.generator, arguments, shape, classes, settings.latent, step
    )


def optimizer(settings: Optimizer, steps: int) -> optax.GradientTransformation:
    """The Optax optimizer of some settings.

    Args:
      settings: which.
      steps: of the run, where a schedule ends.

    Returns:
      The transformation.
    """
    rate = learning_rate(settings, steps)
    beta2 = ramped(settings.beta2, settings.hold * steps)
    if settings.name == "sgd":
        tx = optax.sgd(rate, momentum=settings.beta1 or None)
    elif settings.name == "muon":
        tx = _muon(settings, rate)
    elif settings.name == "adamw":
        tx = _adam(optax.adamw, rate, beta2, b1=settings.beta1, weight_decay=settings.weight_decay)
    else:
        tx = _adam(optax.adam, rate, beta2, b1=settings.beta1)
    return optax.chain(optax.clip_by_global_norm(settings.clip), tx) if settings.clip else tx


def _adam(make: Any, rate: Any, beta2: Any, **options: Any) -> optax.GradientTransformation:
    if callable(beta2):
        return optax.inject_hyperparams(make)(rate, b2=beta2, **options)
    return make(rate, b2=beta2, **options)


def _muon(settings: Optimizer, rate: Any) -> optax.GradientTransformation:
    """Muon; a kernel `(height, width, inputs, outputs)` is a matrix from all that it sees to its outputs.

    References:
      Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024.
    """

    def matrices(params: Any) -> Any:
        def one(x: jax.Array) -> Any:
            before = tuple(range(x.ndim - 1))
            return MuonDimensionNumbers(before, x.ndim - 1) if x.ndim in (2, 4) else None

        return jax.tree.map(one, params)

    return muon(
        rate,
        beta=settings.beta1,
        weight_decay=settings.weight_decay,
        adam_b2=settings.beta2[-1] if isinstance(settings.beta2, tuple) else settings.beta2,
        muon_weight_dimension_numbers=matrices,
    )


def shifted(key: Key, image: jax.Array, *, reach: int) -> jax.Array:
    """The picture moved by up to `reach` pixels each way; what comes in is black.

    Args:
      key: decides how far.
      image: `(H, W, C)`.
      reach: in pixels.

    Returns:
      `(H, W, C)`.

    Example:
      >>> shifted(jax.random.key(0), jnp.ones((4, 4, 1)), reach=1).shape
      (4, 4, 1)
    """
    wide = jnp.pad(image, ((reach, reach), (reach, reach), (0, 0)))
    corner = jax.random.randint(key, (2,), 0, 2 * reach + 1)
    return jax.lax.dynamic_slice(wide, (corner[0], corner[1], jnp.zeros_like(corner[0])), image.shape)


# --- classifiers -----------------------------------------------------------------------------------------------------


def _arguments(settings: Classifier, classes: tuple[str, ...]) -> dict[str, Any]:
    return {"classes": len(classes), **settings.options}


def _changes(settings: Classifier) -> Callable[[Key, jax.Array], jax.Array] | None:
    """What is done to a training picture `(H, W, C)` in [0, 1]."""
    if not settings.policy:
        return partial(shifted, reach=settings.shift) if settings.shift else None
    policy = little.policy(settings.policy)

    def change(key: Key, image: jax.Array) -> jax.Array:
        image = 0.5 * policy(key, 2.0 * image - 1.0, jnp.float32(1)) + 0.5
        return shifted(jax.random.fold_in(key, 1), image, reach=settings.shift) if settings.shift else image

    return change


def _classifier(
    settings: Classifier, shape: Shape, classes: tuple[str, ...], sets: tuple[Dataset, Dataset] | None
) -> Task:
    model, tx = build(settings.model, _arguments(settings, classes)), optimizer(settings.optimizer, settings.steps)
    augment = _changes(settings)

    def init(key: Key) -> TrainState:
        return init_classifier_state(model, tx, key, jnp.zeros((1, *shape)), ema=settings.ema > 0)

    def make_step(axis_name: str | None) -> Any:
        return make_classifier_step(
            model,
            tx,
            axis_name=axis_name,
            augment=augment,
            ema=settings.ema or None,
            skip_nonfinite=settings.patience > 0,
            accumulate=settings.optimizer.accumulate,
            compute_dtype=settings.dtype,
            remat=settings.remat,
        )

    if sets is None:
        return Task(init, make_step, best="test/accuracy")
    test = sets[1]

    def logits(state: TrainState) -> np.ndarray:
        return trained(settings, state, shape, classes, name="").judge(test.float_images())[1]

    def evaluate(state: TrainState) -> dict[str, float]:
        return {"test/accuracy": accuracy(logits(state), np.asarray(test.labels))}

    def drawings(state: TrainState) -> dict[str, np.ndarray]:
        if len(classes) > DRAWN:
            return {}
        table = confusion_matrix(np.argmax(logits(state), -1), np.asarray(test.labels), len(classes))
        return {"confusion": confusion_picture(table, classes)}

    return Task(init, make_step, evaluate, best="test/accuracy", drawings=drawings)


# --- generators ------------------------------------------------------------------------------------------------------


def _generator_arguments(settings: Gan, shape: Shape, classes: tuple[str, ...]) -> dict[str, Any]:
    return {"shape": list(shape), **_told(settings, classes), **settings.generator_options}


def _told(settings: Gan, classes: tuple[str, ...]) -> dict[str, Any]:
    return {"classes": len(classes)} if settings.conditional else {}


def _gan(settings: Gan, shape: Shape, classes: tuple[str, ...], sets: tuple[Dataset, Dataset] | None) -> Task:
    generator = build(settings.generator, _generator_arguments(settings, shape, classes))
    discriminator = build(settings.discriminator, {**_told(settings, classes), **settings.discriminator_options})
    if getattr(discriminator, "batch_norm", False) and (settings.r1 or settings.r2):
        raise RunError(
            "r1 and r2 need a discriminator whose pictures are apart: discriminator_options.batch_norm=False"
        )
    for_d = settings.discriminator_optimizer or settings.optimizer
    tx_g, tx_d = (optimizer(which, settings.steps) for which in (settings.optimizer, for_d))
    rates = _rates(settings)
    told: dict[str, Any] = {name: rate for name, rate in {**rates, **_paces(settings)}.items() if callable(rate)}
    label = {"label": jnp.zeros(1, jnp.int32)} if settings.conditional else {}
    first = begin.gan(settings.begin) if settings.begin and sets else None

    def init(key: Key) -> TrainState:
        state = init_gan_state(
            generator,
            discriminator,
            tx_g,
            tx_d,
            key,
            jnp.zeros((1, *shape)),
            latent=settings.latent,
            together=settings.pack,
            ema=rates["ema"] is not None,
            aux=little.aux(settings),
            **label,
        )
        return state if first is None else begin.begun(state, first, settings.begin)

    def make_step(axis_name: str | None) -> Any:
        return make_gan_step(
            generator,
            discriminator,
            tx_g,
            tx_d,
            latent=settings.latent,
            loss=settings.loss,
            pack=settings.pack,
            penalise_every=settings.penalise_every,
            accumulate=settings.optimizer.accumulate,
            axis_name=axis_name,
            skip_nonfinite=settings.patience > 0,
            compute_dtype=settings.dtype,
            told=told,
            **rates,
            **little.step_options(settings, sets[0] if sets else None),
        )

    def sample(state: TrainState) -> np.ndarray:
        return trained(settings, state, shape, classes, name="").samples(range(GRID))

    judge = _judge(settings, shape) if sets and len(sets[1]) >= 2 * FEWEST else None

    def evaluate(state: TrainState) -> dict[str, float]:
        if sets is None or judge is None:
            return {}
        fake = trained(settings, state, shape, classes, name="").samples(range(settings.samples))
        if settings.stack > 1:
            found = mode_statistics(channel_classes(judge.judge, fake), classes=len(judge.classes))
            return {"samples/modes": found.found, "samples/mode_kl": found.kl, **stacked_coverage(judge, fake, sets)}
        report = judged(judge, fake, sets, settings.samples)
        names = [both for name in MEASURED for both in (name, f"{name}_real")]
        measured = {f"samples/{name}": getattr(report, name) for name in names}
        return {**measured, "samples/rarest_class": min(report.shares)}

    best = "samples/mode_kl" if settings.stack > 1 else "samples/frechet"
    alarm = Collapse(settings.ramp * settings.steps)
    measure = evaluate if judge else None
    return Task(init, make_step, measure, sample, best, "min", alarm=alarm, compare=distances)


def stacked_coverage(judge: Trained, fake: np.ndarray, sets: tuple[Dataset, Dataset]) -> dict[str, float]:
    """Coverage of stacked training pictures by samples, and by as many stacked test pictures.

    Args:
      judge: a classifier of grey pictures; its features of all channels are taken together.
      fake: samples.
      sets: training and test pictures, stacked.

    Returns:
      samples/coverage and samples/coverage_real.
    """
    count = min(COVERED, len(fake), *map(len, sets))

    def features(images: np.ndarray) -> np.ndarray:
        grey = np.moveaxis(images, -1, 1).reshape(-1, *images.shape[1:3], 1)
        return judge.judge(grey)[0].reshape(len(images), -1)

    samples, train, test = (features(x) for x in (fake[:count], *(part.float_images(0, count) for part in sets)))
    found, real = (density_coverage(train, x)[1] for x in (samples, test))
    return {"samples/coverage": found, "samples/coverage_real": real}


def _rates(settings: Gan) -> dict[str, Any]:
    """What of a step changes along the run: weights of penalties, decay of the average."""
    over = settings.ramp * settings.steps
    ema = half_life(settings.ema_share, settings.steps, settings.ramp) if settings.ema_share else settings.ema or None
    return {"r1": ramped(settings.r1, over), "r2": ramped(settings.r2, over), "ema": ema}


def _paces(settings: Gan) -> dict[str, Any]:
    """What of the generator's optimizer does."""
    told = settings.optimizer
    beta2 = ramped(told.beta2, told.hold * settings.steps)
    return {"learning_rate": learning_rate(told, settings.steps), "beta2": beta2}


def judged(judge: Trained, fake: np.ndarray, sets: tuple[Dataset, Dataset], count: int) -> GeneratorReport:
    """What a classifier says of samples, beside what it says of real pictures.

    The samples are compared with training pictures, and these with test pictures. Where those trained on are few or
    damaged, the samples are compared with one half of the test pictures, and these with the other.

    Args:
      judge: the classifier.
      fake: the samples.
      sets: training and test pictures.
      count: how many real ones at most, of either kind.

    Returns:
      The report.
    """
    orders = [np.random.default_rng(0).permutation(len(part)) for part in sets]
    train = sets[0].take(orders[0][:count]).float_images()
    test = sets[1].take(orders[1][: 2 * count]).float_images()
    if sets[0].name.startswith("damaged") or len(train) < min(count, len(test) // 2):
        half = len(test) // 2
        return judge_generator(judge.judge, fake, test[:half], test[half:], train=train)
    return judge_generator(judge.judge, fake, train, test[:count])


def _judge(settings: Gan, shape: Shape) -> Trained | None:
    """The classifier that measures samples; none where the shipped one doesn't fit the pictures."""
    if not settings.judge:
        return None
    judge = load(settings.judge)
    looked_at = (*shape[:2], 1) if settings.stack > 1 else tuple(shape)
    return judge if judge.shape == looked_at and judge.kind == "classifier" else None
