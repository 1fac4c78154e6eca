"""`jaximg demo`: damage a photograph in several ways, correct each, show the difference."""

import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import arg

from jaximg.cli import configs, runs, show
from jaximg.cli.parse import Failure, parse

if TYPE_CHECKING:
    import jax
    import numpy as np

MARK = ".jaximg-demo"
"""This file in a folder says that a demo made it and may write it again."""
HEAD = ("damage", "PSNR before", "after", "SSIM before", "after", "seconds", "repair")


@dataclass(frozen=True)
class Options:
    """Damage a photograph in several ways, correct each, and show the difference.

    Writes index.html with before and after, and the PNG files beside it.

    Attributes:
      output: the folder to write.
      config: the settings, by name or as the path of a .py file.
    """

    output: Annotated[Path, arg(aliases=["-o"], metavar="DIR")] = Path("jaximg-demo")
    config: Annotated[str, arg(metavar="NAME|FILE")] = "demo"


@dataclass(frozen=True)
class Damage:
    """One way to spoil the photograph.

    Attributes:
      name: the heading.
      text: what has been done to the photograph.
      spoil: `spoil(key, image)`: the spoilt image, or that and a mask, 1 where the pixel is known; or a torn picture,
        `degrade.tear`'s.
      masked: whether the correction is given the mask; otherwise it has to find the damage.
      pieces: whether the correction is told that it sees scattered pieces.
    """

    name: str
    text: str
    spoil: "Callable[[jax.Array, np.ndarray], Any]"
    masked: bool = False
    pieces: bool = False


@dataclass(frozen=True)
class Demo:
    """What `jaximg demo` does.

    Attributes:
      photograph: a file that comes with scikit-image.
      credit: who took it.
      damages: what is done to it.
      seed: of all randomness.
    """

    photograph: str
    credit: str
    damages: tuple[Damage, ...]
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """A damage and its repair: `(H, W, C)` pictures as 8-bit files hold them, and scores against the photograph."""

    damage: Damage
    damaged: "np.ndarray"
    corrected: "np.ndarray"
    psnr: tuple[float, float]
    ssim: tuple[float, float]
    done: tuple[str, ...]
    seconds: float

    @property
    def slug(self) -> str:
        """The beginning of its files' names."""
        return self.damage.name.lower().replace(" ", "-")

    @property
    def cells(self) -> list[str]:
        """Its row of the table."""
        scores = [f"{value:.2f}" for value in self.psnr] + [f"{value:.3f}" for value in self.ssim]
        names = ", ".join(line.partition(":")[0] for line in self.done) or "none"
        return [self.damage.name, *scores, f"{self.seconds:.1f}", names]


def main(argv: Sequence[str]) -> int:
    """Runs the demo and prints its table.

    Args:
      argv: the words after `jaximg demo`.

    Returns:
      0.

    Raises:
      Failure: the folder is somebody's own.
    """
    options = parse(Options, argv, prog="jaximg demo")
    claim(options.output)
    config = configs.load(options.config, Demo)
    runs.compiled_once()
    with show.waiting(f"damaging and correcting a photograph {len(config.damages)} times"):
        photograph, outcomes = run(config)
    write(options.output, config, photograph, outcomes)
    show.table(HEAD, [outcome.cells for outcome in outcomes])
    print(f"\n{options.output / 'index.html'} shows before and after")
    return 0


def claim(folder: Path) -> None:
    """Makes the folder, or takes one that an earlier demo made; raises Failure where it is somebody's own."""
    mine = (folder / MARK).exists()
    if folder.exists() and not mine and (not folder.is_dir() or any(folder.iterdir())):
        raise Failure(f"{folder} exists and no demo made it: choose another with -o")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).touch()
    except OSError as error:
        raise Failure(f"{folder}: {show.reason(error)}") from None


def run(config: Demo) -> "tuple[np.ndarray, list[Outcome]]":
    """Damages and corrects, two at a time: most of it is compiling, which keeps one core busy.

    Args:
      config: what to do.

    Returns:
      The photograph `(H, W, 3)`, and an outcome for each damage.
    """
    import jax

    from jaximg import io

    photograph = io.read(find(config.photograph)).pixels
    key = jax.random.key(config.seed)
    keys = [jax.random.fold_in(key, i) for i in range(len(config.damages))]
    with ThreadPoolExecutor(2) as pool:
        return photograph, list(pool.map(_one, config.damages, keys, [photograph] * len(keys)))


def find(name: str) -> Path:
    """The path of a photograph inside scikit-image, which is not imported: its own finder may go to the network."""
    spec = importlib.util.find_spec("skimage")
    folders = spec.submodule_search_locations if spec else None
    paths = [Path(folder) / "data" / name for folder in folders or ()]
    for path in paths:
        if path.is_file():
            return path
    raise Failure(f"{name} is not among scikit-image's pictures: pip install scikit-image, or choose another")


def _one(damage: Damage, key: "jax.Array", photograph: "np.ndarray") -> Outcome:
    import numpy as np

    from jaximg import correct
    from jaximg.degrade.tear import Torn

    start = time.perf_counter()
    spoilt = damage.spoil(key, photograph)
    torn = isinstance(spoilt, Torn)
    spoilt_at = spoilt.matrices[0] if torn else None
    spoilt, mask = spoilt[:2] if isinstance(spoilt, tuple) else (spoilt, None)
    mask = mask if damage.masked else None
    damaged = _in_8_bits(spoilt)
    report = correct.diagnose(damaged, mask=mask, pieces=damage.pieces)
    steps = correct.plan(report, mask=mask)
    corrected = _in_8_bits(correct.correct(damaged, mask=mask, report=report))
    seconds = time.perf_counter() - start
    done = tuple(f"{step.name}: {step.why}" for step in steps)
    seen = damaged, corrected
    if torn:
        left, top = np.rint(np.asarray(spoilt_at)[:, 2]).astype(int)
        seen = (
            _cut(damaged, top, left, photograph),
            _cut(corrected, top - report.tear.box[0], left - report.tear.box[1], photograph),
        )
        corrected = _cut(corrected, -report.tear.box[0], -report.tear.box[1], damaged, beyond=1.0)
    psnr, ssim = _scores(photograph, *seen)
    return Outcome(damage, damaged, corrected, psnr, ssim, done, seconds)


def _cut(image: "np.ndarray", top: int, left: int, like: "np.ndarray", beyond: float | None = None) -> "np.ndarray":
    """A box as large as another picture, which may leave this one: into its border's colours, or one."""
    import numpy as np

    places = [np.arange(n) + first for n, first in zip(like.shape[:2], (top, left), strict=True)]
    rows, columns = (np.clip(p, 0, n - 1) for p, n in zip(places, image.shape[:2], strict=True))
    out = image[np.ix_(rows, columns)]
    if beyond is not None:
        out[rows != places[0]] = beyond
        out[:, columns != places[1]] = beyond
    return out


def _in_8_bits(pixels: Any) -> "np.ndarray":
    """As a PNG file will hold it, so that the scores are those of the files."""
    import numpy as np

    return np.round(255 * np.clip(np.asarray(pixels, np.float32), 0, 1)) / np.float32(255)


Pair = tuple[float, float]


def _scores(truth: "np.ndarray", damaged: "np.ndarray", corrected: "np.ndarray") -> tuple[Pair, Pair]:
    from jaximg import quality

    psnr = (float(quality.psnr(damaged, truth)), float(quality.psnr(corrected, truth)))
    ssim = (float(quality.ssim(damaged, truth)), float(quality.ssim(corrected, truth)))
    return psnr, ssim


def write(folder: Path, config: Demo, photograph: "np.ndarray", outcomes: Sequence[Outcome]) -> None:
    """Writes the pictures, and index.html last.

    Args:
      folder: where to.
      config: what was done.
      photograph: `(H, W, 3)`.
      outcomes: what came out.
    """
    from jaximg import report

    report.save(folder / "photograph.png", photograph)
    for outcome in outcomes:
        report.save(folder / f"{outcome.slug}-damaged.png", outcome.damaged)
        report.save(folder / f"{outcome.slug}-corrected.png", outcome.corrected)
    html = report.page(
        "jaximg demo",
        f"One photograph, damaged in {len(outcomes)} ways and corrected. Photograph: {config.credit}.",
        list(_comparisons(outcomes)),
        head=HEAD,
        rows=[outcome.cells for outcome in outcomes],
    )
    (folder / "index.html").write_text(html, encoding="utf-8")


def _comparisons(outcomes: Sequence[Outcome]) -> "Iterator[Any]":
    from jaximg import report

    for outcome in outcomes:
        before, after = (f"{outcome.slug}-{kind}.png" for kind in ("damaged", "corrected"))
        (p0, p1), (s0, s1) = outcome.psnr, outcome.ssim
        given = "correct was given the mask" if outcome.damage.masked else "correct was given nothing but the picture"
        yield report.Comparison(
            outcome.damage.name,
            before,
            after,
            names=("damaged", "corrected"),
            size=(outcome.damaged.shape[1], outcome.damaged.shape[0]),
            text=outcome.damage.text,
            notes=[
                f"PSNR {p0:.2f} -> {p1:.2f} dB, SSIM {s0:.3f} -> {s1:.3f}",
                *(f"repair: {line}" for line in outcome.done),
                given,
            ],
            links={"damaged": before, "corrected": after, "the photograph": "photograph.png"},
        )
