"""What `correct` is worth, blind, on pictures never tuned on: `python -m bench.correct --data DIR [--quick]`.

On each picture of Kodak24 (DIR/bench/kodak24, or `--set NAME=FOLDER`): Gaussian noise of sigma 25 of 255, rounded to 8
bits as a file would be; PSNR of the blind correction against that of the best single Gaussian blur, its sigma chosen
with the truth in hand; and how far a clean picture comes back from itself. The worst picture decides.
"""

import sys
import time
from pathlib import Path

import numpy as np

from bench.table import Row, at_least, at_most, emit, parser
from jaximg import io, ops
from jaximg.correct import correct, diagnose

SIGMA = 25 / 255
BLURS = np.arange(0.5, 2.05, 0.1)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """In dB, of pictures in [0, 1]; 100 where they are equal."""
    return float(-10 * np.log10(max(np.mean((a - b) ** 2), 1e-10)))


def in_8_bits(image: np.ndarray) -> np.ndarray:
    """As a file would hold it."""
    return (np.round(255 * np.clip(np.asarray(image, np.float32), 0, 1)) / 255).astype(np.float32)


def one(path: Path, seed: int) -> dict[str, float]:
    """All figures of one picture."""
    clean = io.read(path).pixels
    noise = SIGMA * np.random.default_rng(seed).standard_normal(clean.shape).astype(np.float32)
    noisy = in_8_bits(clean + noise)
    blurred = max(psnr(in_8_bits(np.asarray(ops.gaussian_blur(noisy, float(s)))), clean) for s in BLURS)
    start = time.perf_counter()
    ours = psnr(in_8_bits(correct(noisy)), clean)
    seconds = time.perf_counter() - start
    same = psnr(in_8_bits(correct(clean)), clean)
    report = diagnose(clean)
    found = {"sigma": abs(diagnose(noisy).noise_sigma - SIGMA) * 255, "scratched": 100 * float(report.scratches.mean())}
    return {"noisy": psnr(noisy, clean), "blurred": blurred, "ours": ours, "same": same, "s": seconds, **found}


def rows(name: str, folder: Path, *, quick: bool) -> list[Row]:
    """The rows of one set."""
    paths = io.find_images([folder])[:: 4 if quick else 1]
    figures = []
    for seed, path in enumerate(paths):
        figures.append(one(path, seed))
        print(f"{path.name}: " + ", ".join(f"{k} {v:.2f}" for k, v in figures[-1].items()), flush=True)

    def all_of(key: str) -> np.ndarray:
        return np.array([f[key] for f in figures])

    gain = all_of("ours") - all_of("blurred")
    return [
        Row(
            f"{name}: blind correct, sigma 25, mean", all_of("ours").mean(), "dB", "best blur", all_of("blurred").mean()
        ),
        Row(f"{name}: gain over the best blur, least", gain.min(), "dB", target=at_least(0.5)),
        Row(f"{name}: clean pictures to themselves, least", all_of("same").min(), "dB", target=at_least(45)),
        Row(f"{name}: scratches seen on clean pictures, most", all_of("scratched").max(), "%", target=at_most(0.2)),
        Row(f"{name}: error of the noise level, mean", all_of("sigma").mean(), "of 255"),
        Row(f"{name}: time of one correction, median", float(np.median(all_of("s"))), "s"),
    ]


def main() -> int:
    """Measures all sets."""
    options = parser(__doc__).parse_args()
    sets = dict(entry.split("=", 1) for entry in options.set)
    if options.data is not None:
        sets["Kodak24"] = str(options.data / "bench" / "kodak24")
    if not sets:
        raise SystemExit("pass --data DIR with bench/kodak24 in it, or --set NAME=FOLDER")
    found = [row for name, folder in sets.items() for row in rows(name, Path(folder), quick=options.quick)]
    return emit(found, options.json)


if __name__ == "__main__":
    sys.exit(main())
