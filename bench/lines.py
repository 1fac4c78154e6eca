"""Fits what tells a scratch from other lines: `python -m bench.lines --data DIR --set mine=FOLDER ... [--out FILE]`.

The photographs of DIR/photos and all pictures of the folders are left clean and scratched in four ways. Every line in
them is measured as `jaximg correct` does; one that lies on scratches for more than half is one. Printed are figures of
pictures left out in turn: scratches missed, and false lines, both in per cent of the length of all scratches. `--out
FILE` gets the numbers fitted to all pictures, as `jaximg/correct/weights/scratch_lines.txt` holds them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from rich.progress import track

from bench.table import Row, emit, parser
from jaximg import degrade, io
from jaximg.correct import judge
from jaximg.correct.profiles import Line
from jaximg.correct.scratches import LIKELY, measured_lines, scratch_map
from jaximg.train.data.crops import shrunk

SHAPE = 512, 768
"""The middle of a picture that is looked at."""


def _any(rng: np.random.Generator) -> dict:
    count = int(rng.integers(4, 14))
    return {"count": count, "width": float(rng.uniform(1, 4)), "opacity": float(rng.uniform(0.6, 1))}


KINDS: dict[str, Callable[[np.random.Generator], dict] | None] = {
    "clean": None,
    "thin": lambda _: {"count": 8},
    "wide": lambda _: {"count": 12, "width": 3.0, "opacity": 1.0},
    "any": _any,
    "any more": _any,
}
FOLDS = 6
RIDGE, KIN_RIDGE = 30.0, 0.3
"""What the squares of coefficients cost, in lines of a hundred pixels."""


@dataclass(frozen=True)
class Seen:
    """The lines of one picture.

    Attributes:
      picture: its number; whether it stays `clean`.
      lines: in it.
      true: of each, whether it lies on a scratch.
    """

    picture: int
    clean: bool
    lines: list[Line]
    true: np.ndarray


def main() -> int:
    """Measures, fits, prints."""
    arguments = parser(__doc__)
    arguments.add_argument("--out", type=Path, help="write the fitted numbers here")
    args = arguments.parse_args()
    folders = [Path(text.partition("=")[2]) for text in args.set]
    pictures = middles(args.data, folders)[:: 8 if args.quick else 1]
    seen = [look(i, x, kind) for i, x in enumerate(track(pictures)) for kind in KINDS]
    alone = left_out(seen)
    beside = left_out_again(seen, alone)
    if args.out:
        write(args.out, *fitted(seen), kinship(seen, alone))
    return emit([*rows("by itself", seen, alone), *rows("beside sure ones", seen, beside)], args.json)


def middles(data: Path, folders: Sequence[Path]) -> list[np.ndarray]:
    """The middle of every photograph, shrunk, and of every picture of the folders, `(H, W, 3)`."""
    photos = io.find_images([data / "photos"], recursive=True)
    own = [path for folder in folders for path in io.find_images([folder], recursive=True)]
    return [middle(shrunk(path) / np.float32(255)) for path in photos] + [middle(io.read(path).pixels) for path in own]


def middle(pixels: np.ndarray) -> np.ndarray:
    """As much as is looked at."""
    y, x = (max(0, (have - want) // 2) for have, want in zip(pixels.shape, SHAPE, strict=False))
    return np.ascontiguousarray(pixels[y : y + SHAPE[0], x : x + SHAPE[1]], np.float32)


def look(number: int, clean: np.ndarray, kind: str) -> Seen:
    """The lines of a picture, scratched in one of the ways."""
    image, mask = clean, np.zeros(clean.shape[:2], bool)
    seed = [number, list(KINDS).index(kind)]
    if (options := KINDS[kind]) is not None:
        key = jax.random.key(1000 * seed[0] + seed[1])
        scratched, known = degrade.scratches(key, clean, **options(np.random.default_rng(seed)))
        image, mask = np.round(np.asarray(scratched) * 255).astype(np.float32) / 255, np.asarray(known)[..., 0] < 0.5
    lines = measured_lines(image, scratch_map(image))
    on = [mask[tuple(np.rint(line.points).astype(int).T.clip(0, np.array(mask.shape)[:, None] - 1))] for line in lines]
    return Seen(number, kind == "clean", lines, np.array([x.mean() > 0.5 for x in on], bool))


def left_out(seen: Sequence[Seen]) -> list[np.ndarray]:
    """The probabilities of all lines by themselves, by numbers fitted without their picture."""
    folds = [fitted([s for s in seen if s.picture % FOLDS != fold]) for fold in range(FOLDS)]
    return [judged(s, *folds[s.picture % FOLDS]) for s in seen]


def left_out_again(seen: Sequence[Seen], alone: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The same beside sure ones."""

    def kin(fold: int) -> np.ndarray:
        others = [(s, p) for s, p in zip(seen, alone, strict=True) if s.picture % FOLDS != fold]
        return kinship(*zip(*others, strict=True))

    folds = [kin(fold) for fold in range(FOLDS)]
    return [_beside(s, p, folds[s.picture % FOLDS]) for s, p in zip(seen, alone, strict=True)]


def fitted(seen: Sequence[Seen]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, deviations and form, as `judge.odds` takes them."""
    features, true, weight = _features(seen), np.concatenate([s.true for s in seen]), _lengths(seen) / 100
    mean, deviation = features.mean(0), features.std(0)
    x = judge.standardised(features, mean, deviation)
    form = np.zeros((x.shape[1], x.shape[1]))
    upper = np.triu_indices(len(form))
    form[upper] = regression(x[:, upper[0]] * x[:, upper[1]], true, weight, RIDGE)
    return mean, deviation, form


def kinship(seen: Sequence[Seen], alone: Sequence[np.ndarray]) -> np.ndarray:
    """The numbers of `judge.kindred`, of those pictures that have a style."""
    styles = [judge.style_of(s.lines, p) for s, p in zip(seen, alone, strict=True)]
    some = [(s, p, style) for s, p, style in zip(seen, alone, styles, strict=True) if style is not None]
    x = np.concatenate([_like(*one) for one in some])
    true, weight = np.concatenate([s.true for s, *_ in some]), _lengths([s for s, *_ in some]) / 100
    return regression(x, true, weight, KIN_RIDGE)


def judged(seen: Seen, *numbers: np.ndarray) -> np.ndarray:
    """The probabilities of a picture's lines."""
    if not seen.lines:
        return np.zeros(0)
    return judge.sigmoid(judge.odds(_features([seen]), *numbers))


def regression(x: np.ndarray, true: np.ndarray, weight: np.ndarray, ridge: float) -> np.ndarray:
    """Weighted logistic regression by Newton's method; the first column is constant, and free of charge."""
    scale = np.where(x.std(0) > 1e-9, x.std(0), 1)
    x, cost, out = x / scale, np.full(x.shape[1], ridge), np.zeros(x.shape[1])
    cost[0] = 0
    for _ in range(50):
        p = judge.sigmoid(x @ out)
        slope = x.T @ (weight * (p - true)) + cost * out
        step = np.linalg.solve((x.T * (weight * np.maximum(p * (1 - p), 1e-6))) @ x + np.diag(cost + 1e-9), slope)
        out = out - step
        if np.abs(step).max() < 1e-8:
            break
    return out / scale


def write(path: Path, mean: np.ndarray, deviation: np.ndarray, form: np.ndarray, kin: np.ndarray) -> None:
    """A row of numbers each, as wide as the form."""
    last = np.zeros(len(form))
    last[: len(kin)] = kin
    table = np.stack([np.append(0, mean), np.append(1, deviation), *form, last])
    np.savetxt(path, table, fmt="%.4g", header="means, deviations, form and kinship: python -m bench.lines")


def rows(name: str, seen: Sequence[Seen], probabilities: Sequence[np.ndarray]) -> list[Row]:
    """What is missed, and what is false."""
    true, p, length = np.concatenate([s.true for s in seen]), np.concatenate(probabilities), _lengths(seen)
    clean = np.concatenate([np.full(len(s.lines), s.clean) for s in seen])

    def share(which: np.ndarray) -> float:
        return 100 * float(length[which].sum() / length[true].sum())

    return [
        Row(f"{name}: scratches missed", share(true & (p <= LIKELY)), "%"),
        Row(f"{name}: false lines in scratched pictures", share(~true & ~clean & (p > LIKELY)), "%"),
        Row(f"{name}: sure scratches", share(true & (p > judge.SURE)), "%"),
        Row(f"{name}: surely false in scratched pictures", share(~true & ~clean & (p > judge.SURE)), "%"),
        Row(f"{name}: surely false in clean ones", share(clean & (p > judge.SURE)), "%"),
    ]


def _features(seen: Sequence[Seen]) -> np.ndarray:
    return np.array([line.features for s in seen for line in s.lines])


def _lengths(seen: Sequence[Seen]) -> np.ndarray:
    return np.array([line.length for s in seen for line in s.lines])


def _beside(seen: Seen, alone: np.ndarray, kin: np.ndarray) -> np.ndarray:
    style = judge.style_of(seen.lines, alone)
    if style is None:
        return alone
    return judge.sigmoid(_like(seen, alone, style) @ kin)


def _like(seen: Seen, alone: np.ndarray, style: np.ndarray) -> np.ndarray:
    return np.array([judge.likeness(line, p, style) for line, p in zip(seen.lines, alone, strict=True)])


if __name__ == "__main__":
    raise SystemExit(main())
