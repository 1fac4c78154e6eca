"""What a run notices by itself: steps that are not finite, and a generator that makes the same again and again."""

from collections.abc import Mapping
from dataclasses import dataclass

TRIES = 3
"""How often a run goes back to a checkpoint before it gives up."""
NEAR, RARE = 0.25, 0.3
"""Below these shares of what reals have, samples are too much alike, or too little of the data is covered."""
MEMORY = 0.7
"""Of the average of how far apart they are, from one line of statistics to the next."""


class DivergedError(ArithmeticError):
    """More steps in a row than there is patience for were not finite.

    Attributes:
      step: the last of them.
    """

    def __init__(self, step: int) -> None:
        super().__init__(f"not finite at step {step}")
        self.step = step


@dataclass
class Guard:
    """Counts steps that are not finite; the step itself has left the state alone.

    Attributes:
      patience: how many in a row are let pass.
      row: how many in a row there were.
      skipped: how many in all.
      returns: how often the run has gone back.

    Example:
      >>> guard = Guard(1)
      >>> for step, finite in enumerate([1.0, 0.0, 1.0, 0.0]):
      ...     guard.look(step, finite)
      >>> guard.row, guard.skipped
      (1, 2)
    """

    patience: int
    row: int = 0
    skipped: int = 0
    returns: int = 0

    def look(self, step: int, finite: float) -> None:
        """Notes whether a step was finite.

        Args:
          step: its number.
          finite: above 0 if it was.

        Raises:
          DivergedError: patience is at its end.
        """
        if finite > 0:
            self.row = 0
            return
        self.row += 1
        self.skipped += 1
        if self.row > self.patience:
            self.row = 0
            raise DivergedError(step)


@dataclass
class Collapse:
    """Says so where samples are too much alike, or leave most of the data out.

    Attributes:
      start: the step from which on; before, samples are alike and no harm in it.
      near: how far apart samples are, as a share of what reals are, averaged over some lines of statistics: those of
        one batch say little.

    Example:
      >>> alarm = Collapse()
      >>> lines = [alarm(step, {"spread_fake": 0.01, "spread_real": 1.0}) for step in range(6)]
      >>> lines[0], lines[-1]
      ('', 'samples are 13 % as far apart as real pictures: the generator collapses')
      >>> alarm(9, {"samples/coverage": 0.09, "samples/coverage_real": 0.9})
      'samples cover 9 % of the data, real pictures 90 %: the generator collapses'
    """

    start: float = 0.0
    near: float = 1.0

    def __call__(self, step: int, values: Mapping[str, float]) -> str:
        """A line, or an empty one.

        Args:
          step: its number.
          values: `spread_fake` and `spread_real`, the mean squared distance of two pictures of a batch, as a GAN's step
            tells; or `samples/coverage` and `samples/coverage_real`, as an evaluation does.

        Returns:
          What is to be said.
        """
        if step < self.start:
            return ""
        if "samples/coverage" in values:
            return _covered(values["samples/coverage"], values.get("samples/coverage_real", 1.0))
        if values.get("spread_real", 0.0) > 0 and "spread_fake" in values:
            ratio = min(values["spread_fake"] / values["spread_real"], 1.0)
            self.near = MEMORY * self.near + (1 - MEMORY) * ratio
        if self.near < NEAR:
            return f"samples are {100 * self.near:.0f} % as far apart as real pictures: the generator collapses"
        return ""


def _covered(fake: float, real: float) -> str:
    if fake >= RARE * real:
        return ""
    return f"samples cover {100 * fake:.0f} % of the data, real pictures {100 * real:.0f} %: the generator collapses"
