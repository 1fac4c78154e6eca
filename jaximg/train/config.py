"""What a run is: frozen dataclasses of plain values, so that a config is read, compared and stored without JAX."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

Parallel = Literal["jit", "pmap", "mesh"]
GanLoss = Literal["nonsaturating", "hinge", "least_squares", "wasserstein", "relativistic"]
Ramped = float | tuple[float, float]
"""A number, or two: the run begins with the first and comes to the second."""
RAMPED = ("r1", "r2", "beta2")
AnyConfig = TypeVar("AnyConfig", bound="Config")
FREE = (
    "log_every",
    "evaluate_every",
    "sample_every",
    "save_every",
    "keep",
    "parallel",
    "fsdp",
    "workers",
    "profile",
    "patience",
    "remat",
)
"""What may differ when a run goes on: it changes where and how often, not what is computed."""


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """An Optax optimizer and its schedule.

    Attributes:
      name: "adam", "adamw", "sgd", or "muon", which makes the step of each matrix and convolution orthogonal and leaves
        the rest to Adam: restorers get further with as many steps.
      learning_rate: after the warmup.
      schedule: "constant", or "cosine": down to `final` of it at the last step.
      warmup: steps of a linear rise from 0.
      hold: the share of the run (after the warmup) before the cosine begins.
      final: what the cosine ends at, as a share of `learning_rate`.
      beta1: of Adam; the momentum of SGD and Muon.
      beta2: of Adam; of two the second is reached when `hold` is over.
      weight_decay: of AdamW and Muon.
      clip: the largest norm of a gradient; 0 for any.
      accumulate: parts that a batch is worked through in, one after the other, to save memory; their gradients are
        averaged before one update. A GAN's is that of `optimizer`, for both networks.
    """

    name: Literal["adam", "adamw", "sgd", "muon"] = "adam"
    learning_rate: float = 1e-3
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: int = 0
    hold: float = 0.0
    final: float = 0.0
    beta1: float = 0.9
    beta2: Ramped = 0.999
    weight_decay: float = 0.0
    clip: float = 0.0
    accumulate: int = 1


@dataclass(frozen=True, kw_only=True)
class Config:
    """What every run has.

    Attributes:
      data: a name ("digits", "mnist", "fashion_mnist", "cifar10") or the path of a file or folder.
      size: pictures are brought to this many pixels a side; None takes them as they are.
      holdout: the share that is kept for the test where the data has no test set of its own.
      steps: how many in all.
      batch: pictures in a step, over all devices and processes together.
      seed: of everything random.
      log_every: steps between two lines of stats.jsonl.
      evaluate_every: steps between two evaluations; 0 for one at the end.
      sample_every: steps between two grids of samples; 0 for one at the end.
      save_every: steps between two checkpoints; 0 for one at the end.
      keep: how many checkpoints stay: the newest ones, and the best besides.
      parallel: "jit" on one device, "pmap" over the local ones, "mesh" over all of all processes.
      fsdp: whether the mesh splits parameters too.
      workers: threads that read pictures which don't fit into memory.
      profile: the number of steps to profile, from the tenth on; 0 for none.
      patience: how many steps in a row may be not finite before the run goes back to a checkpoint, with other random
        numbers; 0 stops at the first one.
      dtype: in which networks compute; parameters stay float32. "bfloat16" is for accelerators: slower on a CPU.
      remat: whether the backward pass computes anew what is cheap, to save memory; not for a GAN.
    """

    data: str = "digits"
    size: int | None = None
    holdout: float = 0.2
    steps: int = 1000
    batch: int = 128
    seed: int = 0
    log_every: int = 50
    evaluate_every: int = 0
    sample_every: int = 0
    save_every: int = 0
    keep: int = 2
    parallel: Parallel = "jit"
    fsdp: bool = False
    workers: int = 2
    profile: int = 0
    patience: int = 0
    dtype: Literal["float32", "bfloat16"] = "float32"
    remat: bool = False


@dataclass(frozen=True, kw_only=True)
class Classifier(Config):
    """A run that trains a classifier.

    Attributes:
      model: a name of `jaximg.models.MODELS`.
      options: what the model is built with, beside the number of classes.
      optimizer: how it is trained.
      ema: decay of the average of the weights that is evaluated and kept; 0 for the weights themselves.
      shift: pictures are moved by up to this many pixels each way, at random.
      policy: other changes at random, of `jaximg.train.augment.NAMES` with commas between them.
      instances: every picture is a class of its own, known however it is changed: features without labels, of which
        none is held out.
    """

    model: str = "cnn"
    options: Mapping[str, Any] = field(default_factory=dict)
    optimizer: Optimizer = Optimizer()
    ema: float = 0.0
    shift: int = 0
    policy: str = ""
    instances: bool = False


@dataclass(frozen=True, kw_only=True)
class Gan(Config):
    """A run that trains a generator against a discriminator.

    Attributes:
      generator: a name of `jaximg.models.MODELS`.
      discriminator: another.
      generator_options: what the generator is built with.
      discriminator_options: what the discriminator is built with.
      begin: weights in place of random ones: the folder of a run, or a shipped generator that has its discriminator
        beside it ("stacked_mnist").
      latent: numbers that a sample is made from.
      loss: a name of `jaximg.train.losses.GAN_LOSSES`.
      r1: weight of the penalty on the discriminator's gradient at real pictures; of two the second is reached when
        `ramp` is over.
      r2: the same at generated ones.
      penalise_every: both look at every so manieth picture of a batch alone: less work a step.
      ramp: the share of the run over which weights and the half-life of the average change.
      pack: how many pictures the discriminator judges together, as channels of one; 1 for each by itself.
      conditional: whether both networks are told the class.
      stack: how many grey pictures, drawn independently, are the channels of one; 1 for the pictures themselves.
      optimizer: the generator's.
      discriminator_optimizer: the discriminator's; None for the same.
      ema: decay of the average of the generator's weights, which is what makes the samples.
      ema_share: in place of `ema` the half-life of that average, as a share of the run; it grows up to there.
      judge: a shipped or trained classifier that measures the samples; "" for none.
      samples: how many are measured.
      per_class: so many training pictures of each class and no more; 0 for all.
      augment: what the discriminator sees is changed at random, so that it can't learn few pictures by heart: "ada" by
        as much as it overfits, "diffaugment" always, "" never.
      policy: the changes, of `jaximg.train.augment.NAMES` with commas between them; "" for all but flips ("ada"), or
        DiffAugment's.
      target: of the overfitting, under "ada": 0 for none, 1 when unseen pictures look like fakes.
      augment_images: so many pictures it takes "ada" to raise its strength from 0 to 1.
      strongest: what that never exceeds.
      held: the share of the training pictures that "ada" keeps back to see the overfitting.
      damage: what has happened to the data, and is done to samples before the discriminator sees them: "noise" (sigma),
        "holes" (share), "count" (of regions; single pixels without it). The samples themselves are then clean.
      spoil: the same, done to clean training pictures first, once each: to try it.
    """

    generator: str = "mlp_generator"
    discriminator: str = "mlp_discriminator"
    generator_options: Mapping[str, Any] = field(default_factory=dict)
    discriminator_options: Mapping[str, Any] = field(default_factory=dict)
    begin: str = ""
    latent: int = 100
    loss: GanLoss = "nonsaturating"
    r1: Ramped = 0.0
    r2: Ramped = 0.0
    penalise_every: int = 1
    ramp: float = 0.2
    pack: int = 1
    conditional: bool = False
    stack: int = 1
    optimizer: Optimizer = Optimizer(learning_rate=2e-4, beta1=0.5)
    discriminator_optimizer: Optimizer | None = None
    ema: float = 0.999
    ema_share: float = 0.0
    judge: str = "cnn_digits"
    samples: int = 2000
    patience: int = 5
    per_class: int = 0
    augment: Literal["", "ada", "diffaugment"] = ""
    policy: str = ""
    target: float = 0.5
    augment_images: int = 50_000
    strongest: float = 0.8
    held: float = 0.1
    damage: Mapping[str, Any] = field(default_factory=dict)
    spoil: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Restoration(Config):
    """A run that trains a network to repair pictures.

    Attributes:
      data: a folder of photographs; "photographs" are a few that an installed package brings along.
      size: pixels a side of the crops that a step sees, a multiple of 8.
      model: a name of `jaximg.models.MODELS`.
      options: what the model is built with.
      begin: weights in place of random ones: the name of a network that `jaximg correct` runs, or a file that
        `jaximg.train.trained.ship` has written.
      recipe: what is done to the pictures, a name of `jaximg.train.damage.RECIPES`.
      loss: "charbonnier", "absolute", "squared", or "logistic" for maps of 0 and 1: then it answers with log odds.
      relative: take the loss of each picture in proportion to what it is before the repair (`losses.relative`).
      optimizer: how it is trained.
      ema: decay of the average of the weights that is evaluated and kept; 0 for the weights themselves.
    """

    data: str = "photographs"
    size: int | None = 64
    batch: int = 16
    model: str = "restorer"
    options: Mapping[str, Any] = field(default_factory=dict)
    begin: str = ""
    recipe: str = "denoise"
    loss: Literal["charbonnier", "absolute", "squared", "logistic"] = "charbonnier"
    relative: bool = False
    optimizer: Optimizer = Optimizer(
        learning_rate=1.5e-3, schedule="cosine", warmup=300, final=0.01, beta2=0.99, clip=0.5
    )
    ema: float = 0.998
    holdout: float = 0.14
    steps: int = 60_000
    log_every: int = 100
    evaluate_every: int = 2000
    sample_every: int = 2000
    save_every: int = 1000


KINDS: dict[str, type[Config]] = {"Classifier": Classifier, "Gan": Gan, "Restoration": Restoration}


def as_dict(config: Config) -> dict[str, Any]:
    """The config as plain values for a JSON file, its kind among them.

    Example:
      >>> as_dict(Classifier(steps=5))["steps"], as_dict(Gan())["kind"]
      (5, 'Gan')
    """
    return {"kind": type(config).__name__, **dataclasses.asdict(config)}


def from_dict(values: Mapping[str, Any]) -> Config:
    """The config that `as_dict` was given.

    Args:
      values: what `as_dict` answered, perhaps by way of a JSON file.

    Returns:
      The config.

    Raises:
      ValueError: no such kind, or a field that this version doesn't know.

    Example:
      >>> from_dict(as_dict(Gan(steps=7))) == Gan(steps=7)
      True
    """
    fields = dict(values)
    kind = KINDS.get(fields.pop("kind", ""))
    if kind is None:
        raise ValueError(f"options of kind {values.get('kind')!r}; there are {', '.join(KINDS)}")
    for name in ("optimizer", "discriminator_optimizer"):
        if isinstance(fields.get(name), Mapping):
            fields[name] = Optimizer(**_paired(fields[name]))
    try:
        return kind(**_paired(fields))
    except TypeError as error:
        raise ValueError(f"options that this version doesn't know: {error}") from None


def _paired(fields: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has lists for tuples."""
    return {k: tuple(v) if k in RAMPED and isinstance(v, list) else v for k, v in fields.items()}


def replaced(config: AnyConfig, changes: Mapping[str, str]) -> AnyConfig:
    """The config with some fields set from the words of a command line.

    Args:
      config: what to start from.
      changes: field (`optimizer.learning_rate` for one inside another) and value, as text.

    Returns:
      A new config.

    Raises:
      ValueError: no such field, or a value that doesn't fit it.

    Example:
      >>> replaced(Classifier(), {"optimizer.learning_rate": "1e-4", "batch": "64"}).optimizer.learning_rate
      0.0001
    """
    for name, text in changes.items():
        config = _with(config, name.split("."), text, name)
    return config


def _with(owner: Any, names: list[str], text: str, whole: str) -> Any:
    if isinstance(owner, Mapping):
        return {**owner, names[0]: _literal(text)}
    if not dataclasses.is_dataclass(owner) or names[0] not in (known := [f.name for f in dataclasses.fields(owner)]):
        known = known if dataclasses.is_dataclass(owner) else []
        raise ValueError(f"{whole}: no such setting; there are {', '.join(known)}")
    told: Any = owner
    old = getattr(told, names[0])
    if old is None and names[0] == "discriminator_optimizer" and len(names) > 1:
        old = told.optimizer
    if len(names) > 1:
        new = _with(old, names[1:], text, whole)
    else:
        new = _value(old, text, whole)
    return dataclasses.replace(told, **{names[0]: new})


def _value(old: Any, text: str, name: str) -> Any:
    """The text as the type that the field has now."""
    if isinstance(old, str):
        return text
    new = _literal(text)
    if isinstance(old, float) and isinstance(new, int) and not isinstance(new, bool):
        new = float(new)
    if name.rpartition(".")[2] in RAMPED and isinstance(new, float | int | tuple):
        return tuple(map(float, new)) if isinstance(new, tuple) else float(new)
    if old is not None and type(new) is not type(old):
        raise ValueError(f"{name}={text}: that should be like {old!r}")
    return new


def _literal(text: str) -> Any:
    import ast

    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What another config changes about a run, a line each; nothing where it only changes where or how often.

    A run may be made longer if its learning rate doesn't depend on how long it is.

    Args:
      old: what the run was started with, from `as_dict`.
      new: what it is to go on with.

    Returns:
      Lines like `batch: 128 -> 64`.

    Example:
      >>> differences(as_dict(Gan()), as_dict(Gan(batch=64, steps=5000, log_every=1)))
      ['batch: 128 -> 64']
    """
    before, after = _flat(old), _flat(new)
    free = [*FREE, *([] if _paced(before) or _paced(after) else ["steps"])]
    names = [name for name in {**before, **after} if name not in free and before.get(name) != after.get(name)]
    return [f"{name}: {before.get(name)} -> {after.get(name)}" for name in names]


def _paced(flat: Mapping[str, Any]) -> bool:
    """Whether what a step does depends on how many there are to be."""
    pairs = any(isinstance(value, list) for name, value in flat.items() if name.rpartition(".")[2] in RAMPED)
    return pairs or "cosine" in flat.values() or bool(flat.get("ema_share"))


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        inner = isinstance(value, Mapping)
        flat |= _flat(value, f"{prefix}{name}.") if inner else {prefix + name: _listed(value)}
    return flat


def _listed(value: Any) -> Any:
    """As JSON gives it back: tuples are lists there."""
    return [_listed(part) for part in value] if isinstance(value, tuple | list) else value
