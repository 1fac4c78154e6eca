"""What the restoration networks are worth, by the papers' protocols: `python -m bench.restore --data DIR [--quick]`.

Gaussian noise: float noise on [0, 1], the input not clipped, `numpy.random.seed(0)` for each picture; the result
clipped and rounded to 8 bits; PSNR on 255 over the whole picture, mean over the pictures. Pictures: DIR/bench/kodak24
and DIR/bench/set12, none of them trained on. Peers run on the same pictures: BM3D (PyPI `bm3d`), OpenCV's non-local
means and Telea, our own biharmonic fill. `--sheet PATH` draws a contact sheet. `--only NAME` measures one of the
groups: gaussian, gray, jpeg, blind, camera, coded, fill, scratches, upscale, clean, patterns, speed. `--ensemble` asks
the networks eight times, the picture turned and mirrored.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import numpy as np

from bench.table import Row, at_least, at_most, emit, parser
from jaximg import degrade, io, ops, report
from jaximg.correct import Report, correct, diagnose, network, upscale
from jaximg.correct.fill import fill_smoothly
from jaximg.correct.holes import fill
from jaximg.ops.dct import jpeg_tables

SLOW = 2
"""So many pictures are given to BM3D, which takes a minute for each."""
GRAY = {15: 32.70, 25: 30.35, 50: 27.15}
COLOUR = {15: 34.5, 25: 32.0, 50: 28.85}


def psnr(out: np.ndarray, clean: np.ndarray) -> float:
    """In dB, both rounded to 8 bits."""
    error = np.mean((rounded(out) - rounded(clean)) ** 2)
    return float(-10 * np.log10(max(error, 1e-10)))


def rounded(image: np.ndarray) -> np.ndarray:
    """As a file would hold it."""
    return np.round(255 * np.clip(image, 0, 1)) / 255


def noisy(clean: np.ndarray, sigma: float) -> np.ndarray:
    """The papers' Gaussian noise."""
    np.random.seed(0)
    return (clean + np.random.normal(0, sigma / 255, clean.shape)).astype(np.float32)


def known_noise(sigma: float) -> Report:
    """What a user who knows the level tells."""
    return Report(noise_sigma=sigma / 255, noise_confidence=1.0)


def bm3d(image: np.ndarray, sigma: float) -> np.ndarray:
    """The peer, grey or colour, sigma of 255."""
    import bm3d as peer

    run = peer.bm3d_rgb if image.shape[-1] == 3 else peer.bm3d
    return np.asarray(run(np.squeeze(image), sigma / 255), np.float32).reshape(image.shape)


def nl_means(image: np.ndarray, sigma: float) -> np.ndarray:
    """OpenCV's non-local means on 8 bits, its strength the one its documentation advises."""
    import cv2

    bits = np.round(255 * np.clip(image, 0, 1)).astype(np.uint8)
    strength = float(sigma)
    if image.shape[-1] == 3:
        out = cv2.fastNlMeansDenoisingColored(bits, None, strength, strength, 7, 21)
    else:
        out = cv2.fastNlMeansDenoising(bits, None, strength, 7, 21)
    return out.reshape(image.shape).astype(np.float32) / 255


class Sets:
    """The pictures, and the repairs as the command line asks for them."""

    def __init__(self, data: Path, quick: bool, ensemble: bool = False) -> None:
        self.data, self.quick = data, quick
        self.correct, self.fill = partial(correct, ensemble=ensemble), partial(fill, ensemble=ensemble)

    def __getitem__(self, name: str) -> list[np.ndarray]:
        pictures = [io.read(path).pixels for path in io.find_images([self.data / "bench" / name])]
        return [p.mean(-1, keepdims=True) if name == "set12" and p.shape[-1] == 3 else p for p in pictures]


Restore = Callable[[np.ndarray], np.ndarray]


def mean(pictures: list[np.ndarray], damage: Restore, repair: Restore) -> float:
    """Mean PSNR of the repaired pictures."""
    return float(np.mean([psnr(repair(damage(clean)), clean) for clean in pictures]))


def gaussian(sets: Sets, name: str, targets: dict[int, float], weights: str) -> Iterator[Row]:
    """Noise of a level that is told; BM3D and non-local means beside it on the first pictures."""
    pictures = sets[name]
    for sigma, target in targets.items():

        def damage(clean: np.ndarray, sigma: int = sigma) -> np.ndarray:
            return noisy(clean, sigma)

        def ours(x: np.ndarray, sigma: int = sigma) -> np.ndarray:
            return sets.correct(x, report=known_noise(sigma), only="denoise")

        aim = at_least(target) if weights in network.names() else None
        yield Row(f"{name}, sigma {sigma}", mean(pictures, damage, ours), "dB", target=aim)
        few = pictures[:: len(pictures) // SLOW][:SLOW]
        for peer, run in {"BM3D": bm3d, "NL-means": nl_means}.items():
            theirs = mean(few, damage, lambda x, run=run, sigma=sigma: run(x, sigma))
            yield Row(
                f"{name}, sigma {sigma}, {SLOW} pictures", mean(few, damage, ours), "dB", peer, theirs, at_least(theirs)
            )


def jpeg(sets: Sets) -> Iterator[Row]:
    """What is gained over a JPEG as Pillow writes it."""
    for quality in (10, 20):
        pairs = [(degrade.jpeg_real(clean, quality), clean) for clean in sets["kodak24"]]
        told = Report(jpeg_quality=quality, jpeg_confidence=1.0)
        gain = np.mean([psnr(sets.correct(x, report=told, only="jpeg"), c) - psnr(x, c) for x, c in pairs])
        yield Row(f"kodak24, JPEG quality {quality}, gain", float(gain), "dB", target=at_least(1.4))


def blind(sets: Sets) -> Iterator[Row]:
    """What is lost where the level is measured and not told; the noisy pictures as 8-bit files."""
    for sigma in (5, 15, 25, 50):
        pairs = [(rounded(noisy(clean, sigma)).astype(np.float32), clean) for clean in sets["kodak24"]]
        told = np.mean([psnr(sets.correct(x, report=known_noise(sigma), only="denoise"), c) for x, c in pairs])
        found = np.mean([psnr(sets.correct(x), c) for x, c in pairs])
        yield Row(
            f"kodak24, sigma {sigma}, blind", float(found), "dB", "level told", float(told), at_least(float(told) - 0.3)
        )


def camera(sets: Sets) -> Iterator[Row]:
    """A camera made otherwise than in training: a Bayer mosaic of Poisson and Gaussian noise, bilinear, then JPEG.

    The truth is what the same camera makes of light without noise, as in SIDD (Abdelhamed et al., CVPR 2018), where it
    is the mean of many shots: the detail that a mosaic costs is no noise.
    """
    pictures = sets["kodak24"][:: 12 if sets.quick else 4]
    ours, theirs = [], []
    for seed, clean in enumerate(pictures):
        shot, truth = (degrade.jpeg_real(bayer(clean, rng), 90) for rng in (np.random.default_rng(seed), None))
        ours.append(psnr(sets.correct(shot), truth))
        theirs.append(max(psnr(bm3d(shot, sigma), truth) for sigma in (5, 10, 15, 20, 30)))
    what = f"kodak24, camera noise, blind, {len(pictures)} pictures"
    best = float(np.mean(theirs))
    yield Row(what, float(np.mean(ours)), "dB", "BM3D at its best", best, at_least(best + 1))


def coded(sets: Sets) -> Iterator[Row]:
    """JPEG files of that camera, with its noise and without: what is gained, blind, and by the JPEG's repair alone.

    The truth is what the camera makes without noise, before it is coded.
    """
    pictures = sets["kodak24"][:: 12 if sets.quick else 4]
    for quality in (90, 75, 60):
        for what, noise, least in (("camera noise", True, 0.0), ("no noise", False, -0.1)):
            blind, alone = [], []
            for seed, clean in enumerate(pictures):
                truth = bayer(clean)
                shot = bayer(clean, np.random.default_rng(seed)) if noise else truth
                file = io.Picture(degrade.jpeg_real(shot, quality), jpeg_tables=tuple(jpeg_tables(quality)))
                found, before = diagnose(file, whole=True), psnr(file.pixels, truth)
                blind.append(psnr(sets.correct(file.pixels, report=found), truth) - before)
                alone.append(psnr(sets.correct(file.pixels, report=found, only="jpeg"), truth) - before)
            theirs = float(np.mean(alone))
            yield Row(
                f"kodak24, {what}, JPEG {quality}, gain, {len(pictures)} pictures",
                float(np.mean(blind)),
                "dB",
                "JPEG's repair alone",
                theirs,
                at_least(theirs + least),
            )


def bayer(clean: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
    """A photograph as a small sensor takes it: photons counted behind a Bayer mosaic; without noise if rng is None."""
    import cv2

    photons, read = 400.0, 0.01
    linear = np.clip(clean, 0, 1) ** 2.2
    height, width = (side // 2 * 2 for side in clean.shape[:2])
    mosaic = linear[..., 1].copy()
    mosaic[0:height:2, 0:width:2] = linear[0:height:2, 0:width:2, 0]
    mosaic[1:height:2, 1:width:2] = linear[1:height:2, 1:width:2, 2]
    if rng is not None:
        mosaic = rng.poisson(mosaic * photons) / photons + read * rng.standard_normal(mosaic.shape)
    raw = np.round(65535 * np.clip(mosaic, 0, 1)).astype(np.uint16)
    rgb = cv2.cvtColor(raw, cv2.COLOR_BayerRGGB2RGB).astype(np.float32) / 65535
    return rgb ** np.float32(1 / 2.2)


def holes(clean: np.ndarray, kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A damaged picture and its mask, 1 where the pixel is known."""
    key = jax.random.key(seed)
    if kind.endswith("%"):
        out = degrade.pixel_dropout(key, clean, fraction=int(kind[:2]) / 100)
    else:
        scratched, first = degrade.scratches(key, clean, count=12, width=3.0, opacity=1.0)
        written, second = degrade.text(key, scratched, count=8)
        out = (written, first * second)
    return np.asarray(out[0]), np.asarray(out[1])


def filling(sets: Sets) -> Iterator[Row]:
    """Missing pixels, against the best classical fill."""
    import cv2

    cases = [("set12", "50%", 1.5), ("set12", "80%", 1.5), ("set12", "text", 1.0), ("kodak24", "text", 1.0)]
    for name, kind, more in cases:
        ours, smooth, telea = [], [], []
        for seed, clean in enumerate(sets[name][:: 3 if sets.quick else 1]):
            damaged, mask = holes(clean, kind, seed)
            missing = mask < 0.5
            ours.append(psnr(sets.correct(damaged, mask=mask, only="inpaint"), clean))
            smooth.append(psnr(fill_smoothly(damaged, missing), clean))
            bits = np.round(255 * np.clip(damaged, 0, 1)).astype(np.uint8)
            filled = cv2.inpaint(np.squeeze(bits), missing[..., 0].astype(np.uint8), 3, cv2.INPAINT_TELEA)
            telea.append(psnr(filled.reshape(clean.shape) / np.float32(255), clean))
        best = float(np.mean(smooth))
        aim = at_least(best + more) if "inpaint" in network.names() else None
        yield Row(f"{name}, missing: {kind}", float(np.mean(ours)), "dB", "biharmonic", best, aim)
        yield Row(f"{name}, missing: {kind}", float(np.mean(ours)), "dB", "Telea", float(np.mean(telea)))


SCRATCHES = {
    "8, 1.5 px, opacity 0.9": {"count": 8},
    "12, 3 px, opacity 1": {"count": 12, "width": 3.0, "opacity": 1.0},
}


def scratched(sets: Sets) -> Iterator[Row]:
    """Scratches that `diagnose` has to find, against the mask given; pictures as 8-bit files."""
    for kind, options in SCRATCHES.items():
        found, given = [], []
        for seed, clean in enumerate(sets["kodak24"][:: 6 if sets.quick else 1]):
            spoilt, known = degrade.scratches(jax.random.key(seed), clean, **options)
            spoilt = rounded(np.asarray(spoilt)).astype(np.float32)
            found.append(psnr(sets.correct(spoilt, only="scratches"), clean))
            given.append(psnr(sets.fill(spoilt, np.asarray(known) < 0.5), clean))
        best = float(np.mean(given))
        yield Row(f"kodak24, scratches: {kind}", float(np.mean(found)), "dB", "mask given", best, at_least(best - 1.5))


def enlarging(sets: Sets) -> Iterator[Row]:
    """Pictures shrunk to half their size by a bicubic kernel, enlarged again; two pixels of border don't count."""
    ours, bicubic = [], []
    for clean in sets["set12"]:
        height, width = (side // 2 for side in clean.shape[:2])
        clean = clean[: 2 * height, : 2 * width]
        small = ops.resize(jax.numpy.asarray(clean), (height, width), method="cubic", antialias=True)
        small = rounded(np.asarray(small)).astype(np.float32)
        scores = [psnr(upscale(small, strength=s)[2:-2, 2:-2], clean[2:-2, 2:-2]) for s in (1.0, 0.0)]
        ours.append(scores[0])
        bicubic.append(scores[1])
    best = float(np.mean(bicubic))
    yield Row("set12, twice the size", float(np.mean(ours)), "dB", "bicubic", best, at_least(best + 2.5))


def clean_pictures(sets: Sets) -> Iterator[Row]:
    """What must not be touched."""
    pictures = sets["kodak24"]
    least = min(psnr(sets.correct(c), c) for c in pictures)
    most = max(100 * float(diagnose(c).scratches.mean()) for c in pictures)
    yield Row("kodak24, clean, to themselves, least", least, "dB", target=at_least(45))
    yield Row("kodak24, clean, flagged as scratches, most", most, "%", target=at_most(0.2))


def patterns(sets: Sets) -> Iterator[Row]:
    """Checkerboards, which no photograph shows: a network may take them for noise. Beside them the noisy picture."""
    y, x = np.mgrid[:64, :64]
    for side in (1, 2, 3, 4, 5, 6, 8):
        plane = (0.2 + 0.6 * ((x // side + y // side) % 2)).astype(np.float32)[..., None]
        for name, clean in {"grey": plane, "colour": plane.repeat(3, -1)}.items():
            spoilt = noisy(clean, 25)
            ours = psnr(sets.correct(spoilt, report=known_noise(25), only="denoise"), clean)
            yield Row(f"squares of {side}, sigma 25, {name}", ours, "dB", "noisy", psnr(spoilt, clean))


def speed(sets: Sets) -> Iterator[Row]:
    """One megapixel of colour, compiled before."""
    clean = np.tile(sets["kodak24"][0], (2, 2, 1))[:1000, :1000]
    x = noisy(clean, 25)
    told = known_noise(25)
    sets.correct(x, report=told, only="denoise")
    times = []
    for _ in range(5):
        start = time.perf_counter()
        sets.correct(x, report=told, only="denoise")
        times.append(time.perf_counter() - start)
    ours = float(np.median(times))
    start = time.perf_counter()
    bm3d(x[:500, :500], 25)
    theirs = 4 * (time.perf_counter() - start)
    yield Row("colour denoising", 1 / ours, "Mpx/s", "BM3D", 1 / theirs, at_least(1.0))
    yield Row("colour denoising, times as fast as BM3D", theirs / ours, "x", target=at_least(30))


def sheet(sets: Sets, path: Path) -> None:
    """Noisy, corrected and true crops side by side."""
    cuts = []
    for clean in sets["kodak24"][::6]:
        x = rounded(noisy(clean, 25)).astype(np.float32)
        coded = degrade.jpeg_real(clean, 10)
        row = (x, sets.correct(x), coded, sets.correct(coded), clean)
        cuts += [np.clip(p[100:356, 200:456], 0, 1) for p in row]
    io.write(path, io.Picture(pixels=report.grid(cuts, columns=5)), overwrite=True)


def main() -> int:
    """Measures what was asked for."""
    options_of = parser(__doc__)
    options_of.add_argument("--only", help="one of the groups")
    options_of.add_argument("--ensemble", action="store_true", help="of the networks, see `correct`")
    options_of.add_argument("--sheet", type=Path, help="write a contact sheet here")
    options = options_of.parse_args()
    if options.data is None:
        raise SystemExit("pass --data DIR with bench/kodak24 and bench/set12 in it")
    sets = Sets(options.data, options.quick, options.ensemble)
    groups: dict[str, Callable[[], Iterator[Row]]] = {
        "gaussian": lambda: gaussian(sets, "kodak24", COLOUR, "denoise_color"),
        "gray": lambda: gaussian(sets, "set12", GRAY, "denoise_gray"),
        "jpeg": lambda: jpeg(sets),
        "blind": lambda: blind(sets),
        "camera": lambda: camera(sets),
        "coded": lambda: coded(sets),
        "fill": lambda: filling(sets),
        "scratches": lambda: scratched(sets),
        "upscale": lambda: enlarging(sets),
        "clean": lambda: clean_pictures(sets),
        "patterns": lambda: patterns(sets),
        "speed": lambda: speed(sets),
    }
    rows = []
    for name, group in groups.items():
        if options.only in (None, name):
            for row in group():
                row = replace(row, what=f"{row.what}, ensemble") if options.ensemble else row
                rows.append(row)
                print(f"{row.what}: {row.value:.3f} {row.unit}", row.peer or "", row.peer_value or "", flush=True)
    if options.sheet:
        sheet(sets, options.sheet)
    return emit(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
