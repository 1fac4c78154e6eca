"""What filling large holes is worth: `python -m bench.fill [--data DIR] [--quick] [--sheet PATH] [--only NAME]`.

On Kodak24 (DIR/bench/kodak24, or `--set NAME=FOLDER`), which nothing was tuned on, cut to 512x512; without either on
four pictures that scikit-image brings along:

by example   a hole of 64x64. A fill should look like its surroundings: the mean gradient in the hole over that of a
             ring of 24 pixels around, in octaves (0 is right, the truth's own is told too), and how far apart the
             histograms of both gradients are (the earth mover's distance, in 255ths). Ours, biharmonic, Telea; time.
reference    a hole of 96x96 and scratches, filled from a second view: turned, scaled, shifted and seen a little from
             the side, of another exposure in each channel, with noise. PSNR where it was missing. And a wrong picture
             for a reference, which must be refused.

`--sheet PATH` draws hole, biharmonic, Telea, ours and the truth side by side. `--only` measures `example` or
`reference` alone.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.table import Row, at_least, at_most, emit, parser
from jaximg import io, ops, report
from jaximg.correct import correct
from jaximg.correct.align import align
from jaximg.correct.fill import fill_smoothly
from jaximg.correct.holes import fill
from jaximg.correct.reference import TRUSTED, fill_from

SIZE, HOLE, RING = 512, 64, 24


def psnr(a: np.ndarray, b: np.ndarray, where: np.ndarray) -> float:
    """In dB, where something was missing."""
    return float(-10 * np.log10(max(np.mean((a - b)[where] ** 2), 1e-10)))


def telea(image: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """OpenCV's."""
    import cv2

    bits = np.round(255 * np.clip(np.where(missing, 0, image), 0, 1)).astype(np.uint8)
    return cv2.inpaint(np.squeeze(bits), missing[..., 0].astype(np.uint8), 3, cv2.INPAINT_TELEA) / np.float32(255)


FILLS = {"ours": fill, "biharmonic": fill_smoothly, "Telea": telea}


def gradients(image: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Lengths of the grey picture's gradients, in 255ths."""
    grey = 255 * image.mean(-1)
    down, across = np.diff(grey, axis=0)[:, :-1], np.diff(grey, axis=1)[:-1]
    return np.hypot(down, across)[where[:-1, :-1]]


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """The earth mover's distance of two samples: the mean distance of their quantiles."""
    steps = np.linspace(0, 1, 201)
    return float(np.abs(np.quantile(a, steps) - np.quantile(b, steps)).mean())


def square_hole(seed: int, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`(SIZE, SIZE, 1)` bool, one square missing; its inside and a ring around, `(SIZE, SIZE)` bool."""
    y, x = np.random.default_rng(seed).integers(RING + 1, SIZE - side - RING - 1, 2)
    missing, ring = (np.zeros((SIZE, SIZE), bool) for _ in range(2))
    missing[y : y + side, x : x + side] = True
    ring[y - RING : y + side + RING, x - RING : x + side + RING] = True
    ring[y - 1 : y + side + 1, x - 1 : x + side + 1] = False
    inside = np.zeros_like(missing)
    inside[y : y + side - 1, x : x + side - 1] = True
    return missing[..., None], inside, ring


def by_example(name: str, pictures: list[np.ndarray], cells: list[np.ndarray]) -> Iterator[Row]:
    """Looks, and time."""
    octaves, distance, level = ({way: [] for way in (*FILLS, "the truth")} for _ in range(3))
    for seed, clean in enumerate(pictures):
        missing, inside, ring = square_hole(seed, HOLE)
        spoilt = np.where(missing, np.float32(np.nan), clean)
        filled = {way: one(spoilt, missing) for way, one in FILLS.items()} | {"the truth": clean}
        around = gradients(clean, ring)
        for way, picture in filled.items():
            own = gradients(picture, inside)
            octaves[way].append(np.log2((own.mean() + 0.1) / (around.mean() + 0.1)))
            distance[way].append(apart(own, around))
            level[way].append(psnr(picture, clean, missing[..., 0]))
        cells += _sheet_row(np.where(missing, 0, clean), filled, missing)
    ours = octaves["ours"]
    for way in ("biharmonic", "Telea", "the truth"):
        aim = at_least(-0.5) if way == "biharmonic" else None
        what = f"{name}: gradients, hole over ring"
        yield Row(what, float(np.mean(ours)), "octaves", way, float(np.mean(octaves[way])), aim)
        what = f"{name}: gradients, hole from ring, histograms"
        theirs = float(np.mean(distance[way]))
        aim = at_most(theirs) if way in FILLS else None
        yield Row(what, float(np.mean(distance["ours"])), "of 255", way, theirs, aim)
    for way in ("biharmonic", "Telea"):
        yield Row(f"{name}: PSNR in the hole", float(np.mean(level["ours"])), "dB", way, float(np.mean(level[way])))


def _sheet_row(hole: np.ndarray, filled: dict[str, np.ndarray], missing: np.ndarray) -> list[np.ndarray]:
    first = np.clip(np.argwhere(missing[..., 0]).min(0) - 48, 0, SIZE - 160)
    cut = (slice(first[0], first[0] + 160), slice(first[1], first[1] + 160))
    pictures = [hole, *(filled[way] for way in ("biharmonic", "Telea", "ours", "the truth"))]
    return [np.clip(picture[cut], 0, 1) for picture in pictures]


def speed(clean: np.ndarray) -> Iterator[Row]:
    """Seconds, the first call with its compilation and a later one."""
    missing = square_hole(0, HOLE)[0]
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        np.asarray(ops.inpaint_exemplar(clean, ~missing))
        seconds.append(time.perf_counter() - start)
    yield Row("inpaint_exemplar, 64x64 at 512x512, compiled", min(seconds[1:]), "s", target=at_most(5))
    yield Row("inpaint_exemplar, 64x64 at 512x512, first call", seconds[0], "s")


def second_view(clean: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Another picture of the same thing, and the matrix that maps places in the first to it."""
    import cv2

    rng = np.random.default_rng(seed)
    turn, scale, shift = rng.uniform(-6, 6), np.exp(rng.uniform(-0.1, 0.1)), rng.uniform(-15, 15, 2)
    middle = (SIZE - 1) / 2
    matrix = np.vstack([cv2.getRotationMatrix2D((middle, middle), turn, scale), [0, 0, 1]])
    matrix[:2, 2] += shift
    tilt = np.eye(3)
    tilt[2, :2] = rng.uniform(-5e-5, 5e-5, 2)
    matrix = tilt @ matrix
    seen = cv2.warpPerspective(clean, matrix, (SIZE, SIZE), flags=cv2.INTER_CUBIC)
    seen = seen.reshape(clean.shape) * rng.uniform(0.7, 1.2, 3) + rng.uniform(-0.08, 0.08, 3)
    seen = seen + rng.normal(0, 3 / 255, seen.shape)
    return (np.round(255 * np.clip(seen, 0, 1)) / 255).astype(np.float32), matrix


def corner_error(found: np.ndarray, true: np.ndarray) -> float:
    """The largest distance of a corner from where it should be, in pixels."""
    last = SIZE - 1
    corners = np.array([[0, 0, 1], [last, 0, 1], [0, last, 1], [last, last, 1]]).T
    ours, theirs = (m @ corners for m in (found, true))
    return float(np.hypot(*(ours[:2] / ours[2] - theirs[:2] / theirs[2])).max())


def by_reference(name: str, pictures: list[np.ndarray]) -> Iterator[Row]:
    """PSNR, and what is refused."""
    ours, smooth, errors, wrong = [], [], [], []
    for seed, clean in enumerate(pictures):
        missing = square_hole(seed, 96)[0]
        missing[100:400:50, 60:460] = True
        spoilt = np.where(missing, np.float32(np.nan), clean)
        view, matrix = second_view(clean, seed)
        empty = np.where(missing, np.float32(0), clean)
        found = align(empty, ~missing[..., 0], view)
        errors.append(corner_error(found.matrix, matrix))
        wrong.append(align(empty, ~missing[..., 0], pictures[(seed + 1) % len(pictures)]).agreement)
        smooth.append(psnr(fill_smoothly(spoilt, missing), clean, missing[..., 0]))
        if found.agreement < TRUSTED:
            ours.append(smooth[-1])
            continue
        out, still = fill_from(spoilt, missing, view)
        out = correct(out, mask=~still, only="inpaint") if still.any() else out
        ours.append(psnr(out, clean, missing[..., 0]))
    best = float(np.mean(smooth))
    yield Row(f"{name}: from a second view", float(np.mean(ours)), "dB", "biharmonic", best, at_least(best + 8))
    yield Row(f"{name}: from a second view, least gain", float(np.min(np.subtract(ours, smooth))), "dB")
    yield Row(f"{name}: corners of the second view, median", float(np.median(errors)), "px", target=at_most(0.5))
    yield Row(f"{name}: corners within 2 px", 100 * float(np.mean(np.array(errors) <= 2)), "%")
    yield Row(
        f"{name}: a wrong reference refused", 100 * float(np.mean(np.array(wrong) < TRUSTED)), "%", target=at_least(100)
    )
    yield Row(f"{name}: a wrong reference's agreement, most", float(np.max(wrong)), "")


def main() -> int:
    """Measures all sets."""
    cli = parser(__doc__)
    cli.add_argument("--sheet", type=Path, help="draw pictures here")
    cli.add_argument("--only", choices=("example", "reference"), help="measure one of the two")
    options = cli.parse_args()
    sets = dict(entry.split("=", 1) for entry in options.set)
    if options.data is not None:
        sets["kodak24"] = str(options.data / "bench" / "kodak24")
    rows, cells = [], []
    for name in sets or ("scikit-image",):
        paths = io.find_images([Path(sets[name])])[:: 6 if options.quick else 1] if sets else ()
        pictures = [io.read(path).pixels for path in paths] or _bundled()
        cuts = [_middle(x) for x in pictures if min(x.shape[:2]) >= SIZE]
        if options.only != "reference":
            rows += by_example(name, cuts, cells)
            rows += speed(cuts[0])
        if options.only != "example":
            rows += by_reference(name, cuts)
    if options.sheet is not None and cells:
        io.write(options.sheet, io.Picture(pixels=report.grid(cells, columns=5)), overwrite=True)
    return emit(rows, options.json)


def _bundled() -> list[np.ndarray]:
    from skimage import data

    pictures = data.astronaut(), data.brick(), data.grass(), data.gravel()
    return [np.broadcast_to(np.atleast_3d(x), (*x.shape[:2], 3)).astype(np.float32) / 255 for x in pictures]


def _middle(image: np.ndarray) -> np.ndarray:
    top, left = ((n - SIZE) // 2 for n in image.shape[:2])
    return image[top : top + SIZE, left : left + SIZE]


if __name__ == "__main__":
    sys.exit(main())
