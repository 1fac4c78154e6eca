"""What changes along a run, as functions of the step."""

from typing import Any

import jax.numpy as jnp
import optax

from jaximg.train.config import Optimizer, Ramped


def learning_rate(settings: Optimizer, steps: int) -> Any:
    """The learning rate, a number or an Optax schedule, of a run of so many steps."""
    rate: Any = settings.learning_rate
    held = settings.warmup + round(settings.hold * steps)
    if settings.schedule == "cosine":
        rate = optax.cosine_decay_schedule(rate, max(steps - held, 1), alpha=settings.final)
    if not held:
        return rate
    after: Any = rate if callable(rate) else optax.constant_schedule(rate)
    rise = optax.linear_schedule(
        0.0 if settings.warmup else settings.learning_rate, settings.learning_rate, max(settings.warmup, 1)
    )
    return optax.join_schedules([rise, after], [held])


def ramped(value: Ramped, over: float) -> Any:
    """A number as it is; of two, a schedule from the first to the second, along half a cosine, `over` steps.

    Example:
      >>> [round(float(ramped((10.0, 2.0), 4)(step)), 3) for step in (0, 2, 4, 9)]
      [10.0, 6.0, 2.0, 2.0]

    References:
      Huang et al., R3GAN, NeurIPS 2024, appendix (burn-in).
    """
    if not isinstance(value, tuple):
        return value
    start, end = value
    return lambda step: end + (start - end) * 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.minimum(step / max(over, 1e-9), 1.0)))


def half_life(share: float, steps: int, ramp: float) -> Any:
    """Decay of an average, by step, whose half-life grows to `share` of the run in the first `ramp` of it.

    Example:
      >>> [round(float(half_life(0.01, 1000, 0.2)(step)), 3) for step in (0, 100, 200, 999)]
      [0.0, 0.871, 0.933, 0.933]
    """

    def decay(step: Any) -> Any:
        life = share * steps * jnp.minimum(step / max(ramp * steps, 1e-9), 1.0)
        return jnp.exp2(-1.0 / jnp.maximum(life, 1e-3))

    return decay
