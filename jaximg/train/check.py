"""Whether a run can be as its config says: told before anything is read, compiled or written."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from jaximg.evaluate.neighbours import FURTHEST
from jaximg.train.config import Config, Gan, Restoration
from jaximg.train.folder import RunError

SHARED_OUT = 8
"""Recipes of damage share out multiples of this."""
FEWEST = FURTHEST + 1
"""Samples of which each has so many neighbours as are looked at."""
LEAST = {
    **dict.fromkeys(("evaluate_every", "sample_every", "save_every", "workers", "profile", "patience", "seed"), 0),
    **dict.fromkeys(("shift", "per_class", "warmup", "weight_decay", "clip", "learning_rate", "r1", "r2"), 0),
    **dict.fromkeys(("steps", "batch", "size", "log_every", "keep", "accumulate", "latent", "stack", "pack"), 1),
    **dict.fromkeys(("penalise_every", "augment_images"), 1),
    "samples": FEWEST,
}
SHARES = ("hold", "final", "ramp", "ema_share", "strongest")
"""From 0 to 1."""
BELOW_ONE = ("ema", "beta1", "beta2", "holdout", "held")
"""From 0 to 1, but not 1."""


def check(settings: Config, *, devices: int = 1) -> None:
    """Says what of a config can't be.

    Args:
      settings: of a run.
      devices: that share a batch.

    Raises:
      RunError: a value that there isn't, a number out of its range, or settings that don't go together; the message
        names the setting and what it may be.

    Example:
      >>> check(Gan(seed=-1))
      Traceback (most recent call last):
      jaximg.train.folder.RunError: seed=-1: at least 0
    """
    for wrong in (*_values(settings), *_batch(settings, devices), *_together(settings)):
        raise RunError(wrong)


def _values(owner: Any, prefix: str = "") -> Iterator[str]:
    hints = get_type_hints(type(owner))
    for name in (field.name for field in fields(owner)):
        value, hint = getattr(owner, name), hints[name]
        if is_dataclass(value):
            yield from _values(value, f"{prefix}{name}.")
        elif get_origin(hint) is Literal and value not in get_args(hint):
            yield f"{prefix}{name}={value!r}: choose one of {', '.join(map(repr, get_args(hint)))}"
        elif value is not None:
            for one in value if isinstance(value, tuple) else (value,):
                yield from (f"{prefix}{name}={value!r}: {wanted}" for wanted in _range(name, one))


def _range(name: str, value: Any) -> Iterator[str]:
    """What a number should be and isn't; NaN is in no range."""
    if name not in (*LEAST, *SHARES, *BELOW_ONE):
        return
    if not isinstance(value, int | float):
        yield "a number is wanted"
    elif name in LEAST and not value >= LEAST[name]:
        yield f"at least {LEAST[name]}"
    elif name in SHARES and not 0 <= value <= 1:
        yield "from 0 to 1"
    elif name in BELOW_ONE and not 0 <= value < 1:
        yield "at least 0 and less than 1"


def _batch(settings: Any, devices: int) -> Iterator[str]:
    parts = settings.optimizer.accumulate
    together = SHARED_OUT if isinstance(settings, Restoration) else getattr(settings, "pack", 1)
    whole = devices * parts * together
    if settings.batch % whole:
        why = f"{devices} device(s), optimizer.accumulate={parts}, {together} picture(s) that belong together"
        yield f"batch={settings.batch}: take a multiple of {whole} ({why})"


def _together(settings: Config) -> Iterator[str]:
    if not isinstance(settings, Gan):
        return
    if settings.conditional and settings.pack > 1:
        yield "pictures of several classes can't be judged together: pack=1 with conditional=True"
    if settings.remat:
        yield "a GAN's step keeps what it computes: no remat; optimizer.accumulate=2 takes half the memory"
    for_d, parts = settings.discriminator_optimizer, settings.optimizer.accumulate
    if for_d is not None and for_d.accumulate not in (1, parts):
        yield (
            f"the networks of a GAN share their batches: discriminator_optimizer.accumulate={for_d.accumulate} "
            f"beside optimizer.accumulate={parts}; set the latter alone"
        )
