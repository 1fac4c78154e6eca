"""What `jaximg correct` costs as a command, start-up and compilation included: `python -m bench.large [--quick]`.

A photograph of scikit-image's, tiled, with noise of sigma 15 of 255, as a PNG: one megapixel in colour, seconds, and
again with what the first run has compiled; a hundred megapixels, grey and in colour (`--quick`: 25, in colour),
gigabytes of memory at most.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from bench.table import Row, at_most, emit, parser

SIGMA = 15


def picture(side: int, channels: int) -> np.ndarray:
    """`(side, side)` or `(side, side, 3)` bytes, made a few rows at a time."""
    tile = data.astronaut() if channels == 3 else data.camera()
    wide = np.concatenate([tile] * (side // len(tile) + 1), 1)[:, :side]
    out = np.empty((side, *wide.shape[1:]), np.uint8)
    rng = np.random.default_rng(0)
    for y in range(0, side, len(tile)):
        rows = wide[: side - y] + SIGMA * rng.standard_normal(wide[: side - y].shape, np.float32)
        out[y : y + len(tile)] = np.rint(rows.clip(0, 255))
    return out


def run(folder: Path, pixels: np.ndarray) -> tuple[float, float]:
    """Seconds, and gigabytes at the most, of one command."""
    source, target = folder / "in.png", folder / "out.png"
    Image.fromarray(pixels).save(source, compress_level=1)
    command = [sys.executable, "-m", "jaximg", "correct", str(source), "-o", str(target), "--overwrite", "--max-pixels"]
    start = time.perf_counter()
    elsewhere = os.environ | {"XDG_CACHE_HOME": str(folder)}  # for what is compiled: the first run finds nothing there
    child = os.posix_spawn(sys.executable, [*command, str(pixels.size)], elsewhere)
    _, status, used = os.wait4(child, 0)
    if status:
        raise SystemExit(f"jaximg correct failed: {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - start, used.ru_maxrss / 1e6


def main() -> int:
    """Runs the commands, one after the other."""
    options = parser(__doc__).parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        small = picture(1000, 3)
        rows.append(Row("one megapixel in colour, cold", run(Path(folder), small)[0], "s", target=at_most(15)))
        rows.append(Row("the same once more", run(Path(folder), small)[0], "s"))
        for side, channels in [(5000, 3)] if options.quick else [(10_000, 1), (10_000, 3)]:
            seconds, memory = run(Path(folder), picture(side, channels))
            what = f"{side**2 // 1_000_000} megapixels, {'colour' if channels == 3 else 'grey'}"
            rows.append(Row(f"{what}: memory", memory, "GB", target=at_most(3)))
            rows.append(Row(f"{what}: time", seconds, "s"))
    return emit(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
