"""A command run in this process, and the pictures it is run on."""

from pathlib import Path

import numpy as np
from PIL import Image

from jaximg.cli import main
from tests.op_case import unit

ORIENTATION = 274
HW = (64, 80)


def scene(channels: int = 3) -> np.ndarray:
    """A picture of 64 x 80, noisy enough to be corrected, as bytes."""
    rng = np.random.default_rng(0)
    noisy = unit(rng, (*HW, channels)) * 0.8 + 0.1 + 0.08 * rng.standard_normal((*HW, channels))
    return np.round(255 * np.clip(noisy, 0, 1)).astype(np.uint8)


def png(path: Path, pixels: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = scene() if pixels is None else pixels
    Image.fromarray(pixels[:, :, 0] if pixels.shape[-1] == 1 else pixels).save(path)
    return path


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def run(capsys, *argv: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main([str(word) for word in argv])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
