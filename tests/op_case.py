"""What one row of the operator table says, and the pictures that rows are tried on."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

Args = Callable[[np.random.Generator, tuple[int, int, int]], tuple]


KEY = jax.random.key(0)
"""What random operators get first."""


def no_args(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple:
    return ()


def unit(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A smooth picture with an edge and noise, in [0, 1] and without ties."""
    h, w, c = shape
    y, x = np.mgrid[:h, :w] / max(h, w)
    waves = np.sin(7 * x + 3 * y)[..., None] * np.cos(5 * y[..., None] - np.arange(c))
    smooth = 0.4 + 0.2 * waves + 0.2 * (x + y > 0.8)[..., None]
    return (smooth + 0.03 * rng.standard_normal(shape)).astype(np.float32)


def bytes_as_float(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """An 8-bit picture held in float32: integer values 0..255."""
    return np.round(255 * unit(rng, shape)).astype(np.float32)


@dataclass(frozen=True)
class OpCase:
    """One row: an operator, how it is called, who says what is right, and what is promised.

    Attributes:
      op: the public function, `op(image, *args, **kwargs)`.
      oracle: `oracle(image, *args)` in numpy, one `(H, W, C)` image in and the result out; None where none exists
        (then `why` must say so).
      source: who the oracle is: "OpenCV", "scikit-image", "SciPy", "dm-pix", "NumPy".
      args: `args(rng, (H, W, C)) -> tuple` of further positional arguments; arrays are passed traced.
      kwargs: keyword arguments, static unless named in `traced`.
      traced: keyword names whose value may change without a retrace.
      atol: largest absolute difference to the oracle, in the picture's units.
      tier: "bit-exact", "1e-5" or "deviation"; `why` gives a deviation's reason.
      image: makes the picture from `(rng, shape)`.
      channels: numbers of channels to try.
      linear: the adjoint identity is tested, at more than one border if the op has one.
      differentiable: gradients of one that is not linear are compared with finite differences; where False they must
        still be finite.
      same_size: output `(H, W)` equals the input's.
      coordinates: what it returns are places or matrices, which 16 bits cannot hold: float32 at least.
      constant: whether the oracle has an answer for a picture of one value.
      smallest: the smallest side of a picture that the row's arguments allow (a template's size, say).
      bench_hw: the size for `bench/ops.py`, None leaves the row out.
      bench_oracle: what is timed, if not the oracle itself.
      serial: slow by nature, reported apart.
      loose: absolute tolerance of jit against eager, batched against vmapped.
    """

    op: Callable[..., Any]
    oracle: Callable[..., np.ndarray] | None
    source: str
    args: Args = no_args
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    traced: tuple[str, ...] = ()
    atol: float = 1e-5
    tier: str = "1e-5"
    why: str = ""
    image: Callable[..., np.ndarray] = unit
    channels: tuple[int, ...] = (1, 3)
    linear: bool = False
    differentiable: bool = True
    same_size: bool = True
    coordinates: bool = False
    constant: bool = True
    smallest: int = 1
    bench_hw: tuple[int, int] | None = (1024, 1024)
    bench_oracle: Callable[..., Any] | None = None
    serial: bool = False
    loose: float = 1e-5
    label: str = ""

    @property
    def id(self) -> str:
        return self.op.__name__ + (f"-{self.label}" if self.label else "")

    @property
    def keyed(self) -> bool:
        return next(iter(inspect.signature(self.op).parameters)) == "key"

    def __call__(self, image: Any, *args: Any, **overrides: Any) -> Any:
        key = (KEY,) if self.keyed else ()
        return self.op(*key, image, *args, **{**self.kwargs, **overrides})
