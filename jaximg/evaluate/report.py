"""All that a judge says of a generator, beside what it says of real pictures."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jaximg.evaluate.classes import class_histogram, class_kl
from jaximg.evaluate.distances import frechet_distance, kernel_distance
from jaximg.evaluate.neighbours import Cloud, memorisation_ratio, overlap

Judge = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class GeneratorReport:
    """What a judge says of samples, and of as many real pictures that it compares with other real ones.

    Attributes:
      samples: how many of each.
      frechet: squared Frechet distance of the judge's features, samples to reals.
      frechet_real: reals to other reals.
      kid: kernel distance (KID, cubic kernel), unbiased, so that it can be negative.
      kid_real: reals to other reals.
      precision: share of samples that lie where reals do.
      precision_real: share of other reals that do.
      recall: share of reals that lie where samples do.
      recall_real: share of reals that lie where other reals do.
      density: how many reals' neighbourhoods a sample lies in, over what one of their kind would.
      density_real: the same of other reals.
      coverage: share of reals with a sample in their neighbourhood.
      coverage_real: share with another real in it.
      memorisation: distance from samples to the nearest picture trained on, over that to the nearest of as many others;
        1 where nothing is remembered, 0 for copies.
      memorisation_real: the same of real pictures.
      shares: of each class among the samples, as the judge sees them.
      shares_real: among the reals.
      kl: of the first to the second.
      kl_real: of the shares among other reals to the second.
    """

    samples: int
    frechet: float
    frechet_real: float
    kid: float
    kid_real: float
    precision: float
    precision_real: float
    recall: float
    recall_real: float
    density: float
    density_real: float
    coverage: float
    coverage_real: float
    memorisation: float
    memorisation_real: float
    shares: tuple[float, ...]
    shares_real: tuple[float, ...]
    kl: float
    kl_real: float

    @property
    def pairs(self) -> dict[str, tuple[float, float]]:
        """Each figure that has a counterpart, by a name for people: of the samples, and of reals against reals."""
        return {name: (getattr(self, field), getattr(self, f"{field}_real")) for field, name in FIGURES.items()}


FIGURES = {
    "frechet": "Frechet classifier distance",
    "kid": "KID (cubic kernel, unbiased: can be negative)",
    "precision": "precision (k = 3)",
    "recall": "recall (k = 3)",
    "density": "density (k = 5)",
    "coverage": "coverage (k = 5)",
    "kl": "KL of the shares of classes",
    "memorisation": "memorisation ratio (1 none, 0 copies)",
}
"""Fields that have a `_real` beside them, and what they are called."""


def judge_generator(
    judge: Judge, fake: np.ndarray, real: np.ndarray, other: np.ndarray, *, train: np.ndarray | None = None
) -> GeneratorReport:
    """Compares samples with real pictures, and real pictures with other real ones at the same numbers.

    Args:
      judge: pictures `(N, H, W, C)` to features `(N, D)` and logits `(N, classes)`.
      fake: the samples.
      real: real pictures.
      other: other real pictures, which the generator has not seen.
      train: what the generator was trained on, if not `real`.

    Returns:
      The report; of each kind as many are taken as there are of the fewest.

    Raises:
      ValueError: not more than five of each.

    Example:
      >>> x = np.random.default_rng(0).random((60, 2, 2, 1), np.float32)
      >>> judge_generator(lambda x: (x.reshape(-1, 4), x.reshape(-1, 4)), x[:20], x[20:40], x[40:]).samples
      20
    """
    count = min(len(fake), len(real), len(other))
    (a, logits), (b, truth), (c, others) = (judge(images[:count]) for images in (fake, real, other))
    shares, shares_real, shares_other = (
        class_histogram(np.argmax(x, -1), logits.shape[-1]) for x in (logits, truth, others)
    )
    samples, reals, unseen = Cloud(a), Cloud(b), Cloud(c)
    found, floor = overlap(reals, samples), overlap(reals, unseen)
    memory, memory_real = _memory(a, b if train is None else judge(train)[0], c)
    return GeneratorReport(
        samples=count,
        frechet=frechet_distance(b, a),
        frechet_real=frechet_distance(b, c),
        kid=kernel_distance(b, a),
        kid_real=kernel_distance(b, c),
        **found._asdict(),
        **{f"{name}_real": value for name, value in floor._asdict().items()},
        memorisation=memory,
        memorisation_real=memory_real,
        shares=tuple(shares.tolist()),
        shares_real=tuple(shares_real.tolist()),
        kl=class_kl(shares, shares_real),
        kl_real=class_kl(shares_other, shares_real),
    )


def _memory(fake: np.ndarray, train: np.ndarray, unseen: np.ndarray) -> tuple[float, float]:
    """The memorisation ratio of samples, and of one half of the unseen reals, both against the other half."""
    half = len(unseen) // 2
    return memorisation_ratio(fake, train, unseen[:half]), memorisation_ratio(unseen[half:], train, unseen[:half])
