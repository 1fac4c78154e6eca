"""What `fit` needs to train a network that repairs pictures."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaximg.train import begin, losses
from jaximg.train.check import SHARED_OUT
from jaximg.train.config import Restoration
from jaximg.train.damage import RECIPES, Recipe
from jaximg.train.data import DataError, Dataset
from jaximg.train.data.crops import crops
from jaximg.train.folder import RunError
from jaximg.train.loop import Task
from jaximg.train.state import TrainState, init_restoration_state, variables
from jaximg.train.steps import make_restoration_step
from jaximg.typing import Key

if TYPE_CHECKING:
    from jaximg.train.trained import Trained

SHOWN = 8
LOSSES = {
    "charbonnier": losses.charbonnier,
    "absolute": losses.absolute,
    "squared": losses.squared,
    "logistic": losses.logistic,
}


def datasets(settings: Restoration) -> tuple[Dataset, Dataset]:
    """Crops to train on and crops to test on.

    Args:
      settings: says of which photographs.

    Returns:
      Two data sets.

    Raises:
      DataError: no photographs, or crops that networks and JPEG cannot take.
    """
    side, every = settings.size or 64, round(1 / max(settings.holdout, 1e-3))
    if side % 8:
        raise DataError(f"crops of {side} pixels: choose a multiple of 8")
    return crops(settings.data, "train", side=side, every=every), crops(settings.data, "test", side=side, every=every)


def task(
    settings: Restoration, model: nn.Module, tx: optax.GradientTransformation, sets: tuple[Dataset, Dataset] | None
) -> Task:
    """What `fit` trains.

    Args:
      settings: of the run.
      model: the network.
      tx: its optimizer.
      sets: crops to train and to test on; without them nothing is measured.

    Returns:
      The task.

    Raises:
      RunError: an unknown recipe, or weights to begin with that don't fit.
    """
    recipe, side = _recipe(settings), settings.size or 64
    first = begin.restorer(settings.begin) if settings.begin and sets else None

    def init(key: Key) -> TrainState:
        inputs, _ = recipe(key, jnp.zeros((SHARED_OUT, side, side, 3)))
        state = init_restoration_state(model, tx, key, inputs, ema=settings.ema > 0)
        return state if first is None else begin.begun(state, first, settings.begin)

    def make_step(axis_name: str | None) -> Any:
        return make_restoration_step(
            model,
            tx,
            damage=recipe,
            loss=LOSSES[settings.loss],
            relative=settings.relative,
            shown=_shown(settings),
            each=False,
            axis_name=axis_name,
            ema=settings.ema or None,
            accumulate=settings.optimizer.accumulate,
            compute_dtype=settings.dtype,
            remat=settings.remat,
            skip_nonfinite=settings.patience > 0,
        )

    try_ = _trial(settings, model)

    def look(state: TrainState) -> tuple[jax.Array, ...]:
        return try_(kept(state), state.stats, jnp.asarray(_whole(sets[1].float_images()))) if sets else ()

    def evaluate(state: TrainState) -> dict[str, float]:
        return _figures(*look(state))

    def sample(state: TrainState) -> np.ndarray:
        return np.clip(np.concatenate([np.asarray(x[:: max(1, len(x) // SHOWN)][:SHOWN]) for x in look(state)]), 0, 1)

    return Task(init, make_step, evaluate if sets else None, sample if sets else None, best="test/psnr")


def measured(settings: Restoration, trained: "Trained", test: Dataset) -> dict[str, float]:
    """What `fit` measures, of a network that is trained.

    Args:
      settings: of the run.
      trained: the network and its weights.
      test: crops.

    Returns:
      Figures by name.
    """
    images = jnp.asarray(_whole(test.float_images()))
    stats = trained.variables.get("batch_stats", {})
    return _figures(*_trial(settings, trained.model)(trained.variables["params"], stats, images))


def kept(state: TrainState) -> Any:
    """The parameters that are used: the averaged ones where there is an average."""
    return state.params if state.ema is None else state.ema


def _recipe(settings: Restoration) -> Recipe:
    if settings.recipe not in RECIPES:
        raise RunError(f"no recipe {settings.recipe!r}; there are {', '.join(RECIPES)}")
    return RECIPES[settings.recipe]


def _whole(images: np.ndarray) -> np.ndarray:
    """As many as recipes take, the first ones again at the end where they are too few."""
    return np.resize(images, (-(-len(images) // SHARED_OUT) * SHARED_OUT, *images.shape[1:]))


def _shown(settings: Restoration) -> Callable[[jax.Array], jax.Array]:
    """From what the network answers to a picture, or to a map of probabilities."""
    return jax.nn.sigmoid if settings.loss == "logistic" else lambda x: x


def _trial(settings: Restoration, model: nn.Module) -> Callable[..., tuple[jax.Array, ...]]:
    """`(params, stats, clean) -> (damaged, repaired, target)`."""
    recipe, shown = _recipe(settings), _shown(settings)

    @jax.jit
    def tried(params: Any, stats: Any, clean: jax.Array) -> tuple[jax.Array, ...]:
        inputs, target = recipe(jax.random.key(0), clean)
        out = jnp.asarray(model.apply(variables(params, stats), *inputs))
        return inputs[0], jnp.clip(shown(out), 0, 1), target

    return tried


def _figures(damaged: jax.Array, repaired: jax.Array, target: jax.Array) -> dict[str, float]:
    return {"test/psnr": _psnr(repaired, target), "test/psnr_damaged": _psnr(damaged, target)}


def _psnr(a: jax.Array, b: jax.Array) -> float:
    """Mean over the pictures, in dB."""
    error = jnp.mean(jnp.square(a - b), axis=(1, 2, 3))
    return float(jnp.mean(-10 * jnp.log10(jnp.maximum(error, 1e-10))))
