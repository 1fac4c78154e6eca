"""Models that are trained: those that come with the package, and those of a run's folder."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaximg.evaluate import in_batches
from jaximg.models import MODELS
from jaximg.models.weights import read_weights, write_weights
from jaximg.train import config
from jaximg.train.checkpoint import Checkpoints
from jaximg.train.folder import CHECKPOINTS, OPTIONS, RunError, read_options
from jaximg.train.gan import make_sampler
from jaximg.train.state import TrainState

SHIPPED = Path(__file__).parents[1] / "weights"


@dataclass(frozen=True)
class Trained:
    """A model and its weights.

    Attributes:
      name: a shipped name, or the run's folder.
      kind: "classifier" or "generator".
      model: the module.
      variables: `{"params": ...}`, perhaps with `"batch_stats"`.
      architecture: its name in `jaximg.models.MODELS`.
      arguments: what it was built with.
      shape: `(H, W, C)` of a picture.
      classes: names of the classes that a classifier tells apart.
      latent: how many numbers a generator makes a picture from.
      step: how long it was trained.
    """

    name: str
    kind: str
    model: nn.Module
    variables: dict[str, Any]
    architecture: str
    arguments: dict[str, Any]
    shape: tuple[int, int, int]
    classes: tuple[str, ...] = ()
    latent: int = 0
    step: int = 0

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits of the weights."""
        told = hashlib.sha256()
        for leaf in jax.tree.leaves(self.variables):
            told.update(np.asarray(leaf, np.float16).tobytes())
        return told.hexdigest()[:8]

    def judge(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A classifier's features and logits of pictures `(N, H, W, C)` in [0, 1]."""
        if self.kind != "classifier":
            raise RunError(f"{self.name} is a {self.kind}: it takes a classifier to look at pictures")
        look = partial(_look(self.model), self.variables)
        both = in_batches(lambda x: np.asarray(look(jnp.asarray(x))), np.asarray(images, np.float32))
        return both[:, : -len(self.classes)], both[:, -len(self.classes) :]

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """A classifier's probabilities `(N, classes)` of pictures `(N, H, W, C)` in [0, 1]."""
        return np.asarray(jax.nn.softmax(jnp.asarray(self.judge(images)[1]), axis=-1))

    @property
    def to_order(self) -> bool:
        """Whether a generator is told which class to make."""
        return self.kind == "generator" and bool(self.arguments.get("classes"))

    def generator(self) -> Callable[[jax.Array], jax.Array]:
        """A differentiable function from `(N, numbers)` to pictures `(N, H, W, C)` about [0, 1].

        The numbers are z, standard normal, `latent` of them; where pictures are made to order, the class follows.
        """
        if self.kind != "generator":
            raise RunError(f"{self.name} is a {self.kind}: it makes no pictures")
        make, params, stats = _make(self.model), self.variables["params"], self.variables.get("batch_stats", {})
        if not self.to_order:
            return lambda z: make(params, stats, z)
        return lambda z: make(params, stats, z[:, :-1], label=z[:, -1].astype(jnp.int32))

    def from_latents(self, z: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """A generator's pictures `(N, H, W, C)` in [0, 1] of `(N, latent)`, and of classes `(N,)` if made to order."""
        make, numbers = self.generator(), np.asarray(z, np.float32)
        if self.to_order:
            if labels is None:
                raise RunError(f"{self.name} makes pictures to order: it has to be told the class of each")
            numbers = np.concatenate([numbers, np.asarray(labels, np.float32)[:, None]], 1)
        return np.clip(in_batches(lambda x: np.asarray(make(jnp.asarray(x))), numbers, batch=250), 0, 1)

    def samples(self, seeds: Sequence[int], *, label: int | None = None, truncation: float = 1.0) -> np.ndarray:
        """A generator's pictures, one for each seed, whatever other seeds there are.

        Args:
          seeds: numbers.
          label: the class of all; if made to order without one, that of a seed is its remainder.
          truncation: z is multiplied by it: below 1 pictures are more typical, and more alike.

        Returns:
          `(N, H, W, C)` in [0, 1].
        """
        labels = np.asarray(seeds) % max(len(self.classes), 1) if label is None else np.full(len(seeds), label)
        return self.from_latents(truncation * latents(seeds, self.latent), labels)


def latents(seeds: Sequence[int], size: int) -> np.ndarray:
    """Standard normal numbers `(N, size)`, a row for each seed, whatever other seeds there are.

    Example:
      >>> bool(np.all(latents([3, 4], 5)[1] == latents([4], 5)[0]))
      True
    """
    draw = jax.vmap(lambda seed: jax.random.normal(jax.random.key(seed), (size,)))
    return np.asarray(draw(jnp.asarray(list(seeds), jnp.uint32)))


@lru_cache(maxsize=16)
def _look(model: nn.Module) -> Callable[..., jax.Array]:
    """Features, which are what the last dense layer takes in, and logits, side by side."""

    @jax.jit
    def look(variables: dict[str, Any], images: jax.Array) -> jax.Array:
        taken: list[jax.Array] = []

        def note(call: Callable, args: tuple, kwargs: dict, context: Any) -> Any:
            if isinstance(context.module, nn.Dense) and context.method_name == "__call__":
                taken.append(args[0])
            return call(*args, **kwargs)

        with nn.intercept_methods(note):
            logits = model.apply(variables, images)
        return jnp.concatenate([taken[-1], jnp.asarray(logits)], axis=-1)

    return look


@lru_cache(maxsize=16)
def _make(model: nn.Module) -> Callable[..., jax.Array]:
    return jax.jit(make_sampler(model))


# --- where they are --------------------------------------------------------------------------------------------------


def shipped() -> list[str]:
    """The names of the models that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.npz"))


def load(name: str | Path) -> Trained:
    """Finds a trained model.

    Args:
      name: a name of `shipped()`, or the folder of a run (a folder of that name wins).

    Returns:
      The model, of a run the best checkpoint that it kept, or else the newest.

    Raises:
      RunError: neither, or nothing sound in the folder.
    """
    path = Path(name)
    if (path / OPTIONS).is_file():
        return _from_run(path)
    if str(name) in shipped():
        return _from_weights(str(name))
    raise RunError(f"{name}: no folder of a run, and no model of that name; there are {', '.join(shipped()) or 'none'}")


def _from_weights(name: str) -> Trained:
    model, variables = read_weights(SHIPPED / f"{name}.npz")
    facts = json.loads((SHIPPED / f"{name}.json").read_text(encoding="utf-8"))
    facts |= {"shape": tuple(facts["shape"]), "classes": tuple(facts["classes"])}
    return Trained(name=name, model=model, variables=variables, **facts)


def _from_run(path: Path) -> Trained:
    from jaximg.train import tasks

    settings, state = state_of(path)
    return tasks.trained(settings, state, *_facts(path), name=str(path))


def state_of(path: Path) -> tuple[config.Config, TrainState]:
    """The config that a run was started with, and the best checkpoint that it kept, or else the newest.

    Args:
      path: the run's folder.

    Returns:
      Both.

    Raises:
      RunError: nothing sound in the folder.
    """
    from jaximg.train import tasks

    settings = settings_of(path)
    task = tasks.task_of(settings, *_facts(path))
    like = jax.jit(task.init)(jax.random.key(0))
    with Checkpoints(path / CHECKPOINTS, keep=settings.keep, read=True) as store:
        found = store.restore(like, step=store.best(task.best, task.mode)) or store.restore(like)
    if found is None:
        raise RunError(f"{path}: no checkpoint yet that can be read")
    return settings, found.state


def _facts(path: Path) -> tuple[Any, Any]:
    """Of a run's data: the shape of a picture, and the names of the classes."""
    facts = read_options(path)["facts"]
    return tuple(facts["shape"]), tuple(facts["classes"])


def settings_of(path: Path) -> config.Config:
    """The config that a run was started with.

    Args:
      path: the run's folder.

    Returns:
      The config.

    Raises:
      RunError: its options don't say.
    """
    options = read_options(path)
    try:
        if not {"shape", "classes"} <= set(options["facts"]):
            raise KeyError("facts")
        return config.from_dict({k: v for k, v in options.items() if k not in ("dataset", "facts")})
    except (KeyError, ValueError) as error:
        raise RunError(f"{path}: its options don't say what was trained ({error})") from None


def ship(model: Trained, name: str, folder: Path = SHIPPED) -> Path:
    """Writes a model as a shipped one: half-precision weights, and the facts that go with them.

    Args:
      model: what.
      name: as what.
      folder: where to.

    Returns:
      The file of the weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.npz"
    write_weights(path, model.variables, model=model.architecture, **model.arguments)
    facts = ("kind", "architecture", "arguments", "shape", "classes", "latent", "step")
    text = json.dumps({fact: getattr(model, fact) for fact in facts}, indent=1)
    path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    return path


def build(architecture: str, arguments: dict[str, Any]) -> nn.Module:
    """A module by its name.

    Args:
      architecture: a name of `jaximg.models.MODELS`.
      arguments: what it is built with; lists become tuples.

    Returns:
      The module.

    Raises:
      RunError: no such name, or an argument it doesn't take.
    """
    if architecture not in MODELS:
        raise RunError(f"no model {architecture!r}; there are {', '.join(MODELS)}")
    try:
        return MODELS[architecture](**{k: tuple(v) if isinstance(v, list) else v for k, v in arguments.items()})
    except TypeError as error:
        raise RunError(f"{architecture}: {error}") from None
