"""Torn pictures put together: `python -m bench.tears --data DIR [--quick]`.

On each picture of Kodak24 (DIR/bench/kodak24, or `--set NAME=FOLDER`), as 8-bit files would hold them: five random
tears in two (`degrade.tear`), one in four scattered pieces, one with bands of rows moved. The error of a motion is that
of the larger part's corners, the worst of them. PSNR in the larger part's frame, over the whole picture, where the
smaller part was moved by 3 pixels or more; peers are given the mask of what is lost and fill it without moving
anything: OpenCV's Telea and our own smooth fill. ORB and RANSAC (OpenCV) are given the parts' masks and asked for the
motion. Pictures that are not torn must be left alone: clean, with noise, and drawn ones with straight edges and text.
`--only NAME` measures one of the groups: halves, pieces, bands, whole. Tuned on photographs other than
these, with three exceptions: how ragged a tear may be, and that few odd rows at the top are no band, were set after
false alarms on them, and a picture's own frame is counted among margins since every other one of them has one.
"""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np

from bench.correct import in_8_bits
from bench.table import Row, at_least, at_most, emit, parser
from jaximg import degrade, io
from jaximg.correct.fill import fill_smoothly
from jaximg.correct.tears import Tear, find_bands, find_tear, mend
from jaximg.degrade.tear import Torn

SUCCESS = 2.0
"""A piece is in its place where its corner error is so small, in pixels."""
MOVED = 3.0
FAILED = 1000.0


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """In dB."""
    return float(-10 * np.log10(max(np.mean((in_8_bits(a) - b) ** 2), 1e-10)))


def square(matrix: np.ndarray) -> np.ndarray:
    """3 x 3."""
    return np.vstack([matrix, [0, 0, 1]])


def motions(torn: Torn) -> np.ndarray:
    """How each fragment must move on the canvas."""
    matrices = np.asarray(torn.matrices, np.float64)
    return np.stack([(square(matrices[0]) @ np.linalg.inv(square(m)))[:2] for m in matrices])


def corner_error(found: np.ndarray, true: np.ndarray, mask: np.ndarray) -> float:
    """Of the corners of the larger part, in pixels."""
    y, x = np.nonzero(mask)
    corners = np.array([[a, b, 1] for a in (x.min(), x.max()) for b in (y.min(), y.max())], np.float64)
    return float(np.hypot(*(corners @ (found - true).T).T).max())


def errors(tear: Tear, torn: Torn) -> list[float]:
    """Of all pieces but the largest."""
    masks, true = np.asarray(torn.masks)[..., 0], motions(torn)
    if tear.count != len(masks):
        return [FAILED] * (len(masks) - 1)
    owner = [int(np.bincount(tear.label[m], minlength=tear.count + 1)[1:].argmax()) for m in masks]
    if len(set(owner)) < len(owner):
        return [FAILED] * (len(masks) - 1)
    base = np.linalg.inv(square(tear.matrices[owner[0]]))
    found = [(base @ square(tear.matrices[k]))[:2] for k in owner]
    return [corner_error(found[k], true[k], masks[0]) for k in range(1, len(masks))]


def by_features(canvas: np.ndarray, torn: Torn) -> float:
    """The error of ORB and RANSAC, given the parts."""
    import cv2

    grey = (255 * canvas.mean(-1)).astype(np.uint8)
    masks = [255 * m[..., 0].astype(np.uint8) for m in np.asarray(torn.masks)]
    finder = cv2.ORB_create(4000)
    (points, codes), (others, other_codes) = (finder.detectAndCompute(grey, m) for m in masks)
    if codes is None or other_codes is None:
        return FAILED
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(other_codes, codes)
    if len(matches) < 3:
        return FAILED
    start, end = (
        np.array(p, np.float32)
        for p in zip(*[(others[m.queryIdx].pt, points[m.trainIdx].pt) for m in matches], strict=True)
    )
    found, _ = cv2.estimateAffinePartial2D(start, end, method=cv2.RANSAC, ransacReprojThreshold=3)
    return FAILED if found is None else corner_error(found, motions(torn)[1], masks[0] > 0)


def scores(picture: np.ndarray, canvas: np.ndarray, torn: Torn, tear: Tear) -> dict[str, float]:
    """PSNR of the pictures put together or only filled, in the larger part's frame."""
    import cv2

    masks = np.asarray(torn.masks)[..., 0]
    left, top = np.rint(np.asarray(torn.matrices)[0, :, 2]).astype(int)
    height, width = picture.shape[:2]
    here = (slice(top, top + height), slice(left, left + width))
    lost = ~masks.any(0)
    telea = cv2.inpaint((255 * canvas).round().astype(np.uint8), lost.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    smooth = fill_smoothly(canvas[here], lost[here][..., None])
    out = np.pad(canvas, ((64, 64), (64, 64), (0, 0)))
    if tear.count:
        whole, _ = mend(canvas, tear)
        y, x = tear.box[0] + 64, tear.box[1] + 64
        whole = whole[max(0, -y) :, max(0, -x) :]
        y, x = max(y, 0), max(x, 0)
        whole = whole[: out.shape[0] - y, : out.shape[1] - x]
        out[y : y + whole.shape[0], x : x + whole.shape[1]] = whole
    ours = out[64 + top : 64 + top + height, 64 + left : 64 + left + width]
    return {
        "ours": psnr(ours, picture),
        "Telea": psnr(telea[here] / np.float32(255), picture),
        "biharmonic": psnr(smooth, picture),
    }


def halves(pictures: list[np.ndarray], *, quick: bool) -> Iterator[Row]:
    """Tears in two."""
    found, features, gains, times = [], [], [], []
    for i, picture in enumerate(pictures[:: 2 if quick else 1]):
        for k in range(1 if quick else 5):
            torn = degrade.tear(jax.random.fold_in(jax.random.key(i), k), picture)
            canvas = in_8_bits(torn.image)
            start = time.perf_counter()
            tear = find_tear(canvas)
            times.append(time.perf_counter() - start)
            found.append(errors(tear, torn)[0])
            features.append(by_features(canvas, torn))
            if corner_error(np.eye(2, 3), motions(torn)[1], np.asarray(torn.masks)[1, ..., 0]) >= MOVED:
                gains.append(scores(picture, canvas, torn, tear))
            print(f"halves {i}.{k}: error {found[-1]:.2f} {gains[-1] if gains else ''}", flush=True)
    error, theirs = np.array(found), np.array(features)
    name = f"two halves, {len(error)} tears"
    yield Row(
        f"{name}: corner error, median",
        float(np.median(error)),
        "px",
        "ORB, RANSAC",
        float(np.median(theirs)),
        at_most(0.5),
    )
    share, other = (100 * float((e <= SUCCESS).mean()) for e in (error, theirs))
    yield Row(f"{name}: within 2 px", share, "%", "ORB, RANSAC", other, at_least(95))
    mean = {key: float(np.mean([g[key] for g in gains])) for key in gains[0]}
    for peer in ("Telea", "biharmonic"):
        yield Row(
            f"{name}: PSNR, moved by 3 px or more", mean["ours"], "dB", peer, mean[peer], at_least(mean[peer] + 8)
        )
    yield Row(f"{name}: time to find, median", float(np.median(times)), "s")


def pieces(pictures: list[np.ndarray], *, quick: bool) -> Iterator[Row]:
    """Four scattered pieces."""
    worst = []
    for i, picture in enumerate(pictures[:: 6 if quick else 1]):
        torn = degrade.tear_pieces(jax.random.key(100 + i), picture, count=4)
        worst.append(max(errors(find_tear(in_8_bits(torn.image), pieces=True), torn)))
        print(f"pieces {i}: error {worst[-1]:.2f}", flush=True)
    share = 100 * float((np.array(worst) <= SUCCESS).mean())
    yield Row(f"four pieces, {len(worst)} pictures: all within 2 px", share, "%", target=at_least(85))


def bands(pictures: list[np.ndarray], *, quick: bool) -> Iterator[Row]:
    """Bands of rows moved sideways."""
    for fill in ("wrap", "constant"):
        right = []
        for i, picture in enumerate(pictures[:: 2 if quick else 1]):
            image, shifts = degrade.shift_bands(jax.random.key(200 + i), picture, fill=fill)
            values, counts = np.unique(np.asarray(shifts), return_counts=True)
            true = np.asarray(shifts) - values[counts.argmax()]
            right.append(float((find_bands(in_8_bits(image)).shifts == true).mean()))
        yield Row(
            f"bands of rows, {fill}, {len(right)} pictures: rows exact",
            100 * float(np.mean(right)),
            "%",
            target=at_least(98),
        )


def drawn() -> Iterator[np.ndarray]:
    """Pictures with straight edges and text."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:480, :640].astype(np.float32)
    for slope in (0.0, 0.1, 0.7):
        tone = np.where(y - 240 > slope * (x - 320), 0.3, 0.8) + 0.02 * rng.standard_normal(y.shape)
        tone = np.where(np.abs(y - 240 - slope * (x - 320)) < 4, 1.0, tone)
        yield in_8_bits(np.repeat(tone[..., None], 3, -1))
    grid = np.where((x % 80 < 6) | (y % 60 < 5), 1.0, 0.4 + 0.2 * np.sin(x / 40) * np.cos(y / 50))
    yield in_8_bits(np.repeat(grid[..., None], 3, -1))
    for seed in range(3):
        page = np.ones((480, 640, 3), np.float32)
        yield in_8_bits(degrade.text(jax.random.key(seed), page, count=25, value=0.0)[0])


def whole(pictures: list[np.ndarray], *, quick: bool) -> Iterator[Row]:
    """Pictures that are not torn."""
    del quick
    rng = np.random.default_rng(0)
    times = []

    def alarms(images: list[np.ndarray]) -> int:
        count = 0
        for image in images:
            start = time.perf_counter()
            tear, rows = find_tear(image), find_bands(image)
            times.append(time.perf_counter() - start)
            count += bool(tear.confidence or rows.confidence)
        return count

    noisy = [in_8_bits(p + 15 / 255 * rng.standard_normal(p.shape).astype(np.float32)) for p in pictures]
    lines = list(drawn())
    yield Row(f"not torn, {len(pictures)} pictures: false tears", alarms(pictures), "", target=at_most(0))
    yield Row("not torn: time of the search, median", float(np.median(times)), "s", target=at_most(0.5))
    yield Row(f"not torn, {len(noisy)} with noise of 15: false tears", alarms(noisy), "", target=at_most(0))
    yield Row(f"not torn, {len(lines)} of lines and text: false tears", alarms(lines), "", target=at_most(0))


def main() -> int:
    """Measures all sets."""
    options_of = parser(__doc__)
    options_of.add_argument("--only", help="one of the groups")
    options = options_of.parse_args()
    sets = dict(entry.split("=", 1) for entry in options.set)
    if options.data is not None:
        sets["Kodak24"] = str(options.data / "bench" / "kodak24")
    if not sets:
        raise SystemExit("pass --data DIR with bench/kodak24 in it, or --set NAME=FOLDER")
    groups: dict[str, Callable[..., Iterator[Row]]] = {
        "whole": whole,
        "halves": halves,
        "pieces": pieces,
        "bands": bands,
    }
    rows = []
    for name, folder in sets.items():
        pictures = [io.read(path).pixels for path in io.find_images([Path(folder)])]
        pictures = [p if p.shape[-1] == 3 else np.repeat(p, 3, -1) for p in pictures]
        for group, measure in groups.items():
            if options.only in (None, group):
                rows += [
                    Row(f"{name}: {r.what}", *list(vars(r).values())[1:])
                    for r in measure(pictures, quick=options.quick)
                ]
    return emit(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
