"""Runs that begin with the weights of another: of a file, of a run, or of a model that comes with the package."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jaximg.models.weights import RESTORERS, read_weights, restorers, write_weights
from jaximg.train.config import Gan
from jaximg.train.folder import OPTIONS, RunError
from jaximg.train.state import TrainState, variables
from jaximg.train.trained import SHIPPED, load, state_of

DISCRIMINATORS = SHIPPED / "discriminators"
"""Of generators that come with the package, by the same names."""
Weights = tuple[Any, Any]
"""Parameters and statistics, as a `TrainState` has them."""


def restorer(name: str) -> Weights:
    """Those of a file, or of a network that `jaximg correct` runs.

    Args:
      name: the file's path, or the network's name.

    Returns:
      Its weights.

    Raises:
      RunError: neither, or not such a file.
    """
    path = Path(name) if Path(name).is_file() else RESTORERS / f"{name}.npz"
    if not path.is_file():
        raise RunError(f"begin={name}: neither a file of weights nor a network; there are {', '.join(restorers())}")
    found = _read(path, name)
    return found["params"], found.get("batch_stats", {})


def gan(name: str) -> Weights:
    """Those of a generator, as it makes samples, and of the discriminator that it was trained against.

    Args:
      name: the folder of a run, or a generator that comes with the package.

    Returns:
      Their weights, `{"generator": ..., "discriminator": ...}` both.

    Raises:
      RunError: neither, or a run of another kind.
    """
    if (Path(name) / OPTIONS).is_file():
        settings, state = state_of(Path(name))
        if not isinstance(settings, Gan):
            raise RunError(f"begin={name}: a {type(settings).__name__}'s run; a GAN begins with another GAN")
        return {**state.params, **(state.ema or {})}, state.stats
    path = DISCRIMINATORS / f"{name}.npz"
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in DISCRIMINATORS.glob("*.npz")))
        raise RunError(f"begin={name}: neither a run's folder nor a generator and its discriminator; there are {there}")
    both = {"generator": load(name).variables, "discriminator": _read(path, name)}
    return ({k: x["params"] for k, x in both.items()}, {k: x.get("batch_stats", {}) for k, x in both.items()})


def begun(state: TrainState, weights: Weights, name: str) -> TrainState:
    """The state before the first step, with other weights than those drawn at random.

    Args:
      state: as it was drawn.
      weights: in their place.
      name: what they are called in an error.

    Returns:
      The state.

    Raises:
      RunError: weights of another architecture.
    """
    if jax.tree.map(jnp.shape, weights) != jax.tree.map(jnp.shape, (state.params, state.stats)):
        raise RunError(f"begin={name}: weights of another architecture; set models, their options and recipe to theirs")
    params, stats = jax.tree.map(jnp.asarray, weights)
    ema = None if state.ema is None else jax.tree.map(jnp.copy, {name: params[name] for name in state.ema})
    return state.replace(params=params, stats=stats, ema=ema)


def ship_discriminator(run: Path, name: str, folder: Path = DISCRIMINATORS) -> Path:
    """Writes the discriminator of a run beside a generator that comes with the package, for runs to begin with.

    Args:
      run: the folder of a GAN's run.
      name: of the generator.
      folder: where to.

    Returns:
      The file.

    Raises:
      RunError: a run of another kind.
    """
    settings, state = state_of(run)
    if not isinstance(settings, Gan) or settings.conditional:
        raise RunError(f"{run}: only discriminators that are told no class are shipped")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.npz"
    found = variables(state.params["discriminator"], state.stats["discriminator"])
    write_weights(path, found, model=settings.discriminator, **settings.discriminator_options)
    return path


def _read(path: Path, name: str) -> Any:
    try:
        return read_weights(path)[1]
    except ValueError as error:
        raise RunError(f"begin={name}: {error}") from None
