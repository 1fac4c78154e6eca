"""What XLA should be told about programs that differentiate convolutions."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp

CPU = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT,LIBRARY_FUSION_TYPE_REDUCE"}
"""The default but for convolutions: that library is faster forth, far slower back. It sums more exactly: by halves."""


def compiler_options(devices: Sequence[Any]) -> dict[str, Any] | None:
    """Options of `jax.jit` for programs that differentiate convolutions: on CPUs, no library for these.

    A training step of convolutions is up to twice as fast; a network that is only applied, a tenth slower. The option
    depends on the version.

    Args:
      devices: the `jax.Device`s that the program is for.

    Returns:
      What to pass as `compiler_options`; None where there is nothing to say, or this version doesn't know it.

    Example:
      >>> options = compiler_options(jax.devices())
      >>> jax.jit(lambda x: x + 1, compiler_options=options)(jnp.zeros(())).item()
      1.0
    """
    if any(device.platform != "cpu" for device in devices):
        return None
    return dict(CPU) if _accepted(tuple(CPU.items())) else None


@lru_cache
def _accepted(option: tuple[tuple[str, str], ...]) -> bool:
    try:
        jax.jit(lambda x: x + 1, compiler_options=dict(option))(jnp.zeros(()))
    except Exception:  # a version that doesn't know it raises its own kind of error
        return False
    return True
