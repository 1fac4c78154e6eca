"""What the settings of a GAN say about its data: few of them, damaged, augmented; as arguments of its step."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jaximg.train import ambient, augment
from jaximg.train.config import Gan
from jaximg.train.data import Dataset
from jaximg.train.data.few import few, hold_back
from jaximg.train.folder import RunError

POLICIES = {"": (), "ada": tuple(n for n in augment.NAMES if n != "flip"), "diffaugment": augment.DIFFAUGMENT}
"""What each way of augmenting changes unless the settings say otherwise."""


def training_set(settings: Gan, whole: Dataset) -> Dataset:
    """The pictures that a GAN is trained on.

    Args:
      settings: say how many of each class, what is kept back, and how they are damaged first.
      whole: all that there are.

    Returns:
      Some of them; those kept back are its `held`.
    """
    train = few(whole, settings.per_class) if settings.per_class else whole
    if settings.augment == "ada":
        train = hold_back(train, settings.held)
    if settings.spoil:
        held = train.held and ambient.damaged(train.held, settings.spoil, seed=settings.seed + 1)
        train = replace(ambient.damaged(train, settings.spoil, seed=settings.seed), held=held)
    return train


def aux(settings: Gan) -> dict[str, float] | None:
    """What the state holds of the augmentation before the first step."""
    return augment.START if settings.augment == "ada" else None


def step_options(settings: Gan, train: Dataset | None) -> dict[str, Any]:
    """Arguments of `make_gan_step`.

    Args:
      settings: of the run.
      train: what `training_set` gave; adaptive augmentation looks at those that it keeps back.

    Returns:
      A dict.

    Raises:
      RunError: no such change, or nothing kept back.
    """
    options: dict[str, Any] = {}
    if settings.damage:
        options["damage"] = ambient.damage(settings.damage)
    if settings.policy or settings.augment:
        change = policy(settings.policy, POLICIES[settings.augment])
    if settings.augment:
        options["augment"] = change
    if settings.augment == "ada":
        held = train.held if train is not None else None
        if held is None:
            raise RunError("adaptive augmentation needs pictures that are kept back: take what tasks.datasets gives")
        labels = {} if held.labels is None else {"label": held.labels}
        options["held"] = {"image": (255 * held.float_images()).round().astype("uint8"), **labels}
        options["schedule"] = augment.adaptive(
            target=settings.target, per_step=settings.batch / settings.augment_images, most=settings.strongest
        )
    return options


def policy(told: str, usual: Sequence[str] = ()) -> augment.Change:
    """The changes that some settings name.

    Args:
      told: names with commas between them.
      usual: those for none.

    Returns:
      As `augment.augmentation`.

    Raises:
      RunError: no such change.
    """
    names = [name.strip() for name in told.split(",") if name.strip()]
    try:
        return augment.augmentation(names or usual)
    except ValueError as error:
        raise RunError(f"policy: {error}") from None
