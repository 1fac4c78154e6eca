"""`jaximg diagnose`: say what is wrong with pictures, changing nothing."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from jaximg.cli import paths, runs, show
from jaximg.cli.parse import Flag, parse

if TYPE_CHECKING:
    from jaximg.correct import Report
    from jaximg.io import Picture

HEAD = ("picture", "size", "noise", "JPEG", "scratched", "missing", "impulses")
SHARES = ("scratches", "missing", "impulses")
"""The findings of a report that are masks."""


@dataclass(frozen=True)
class Options:
    """Say what is wrong with pictures, changing nothing.

    Noise is its standard deviation in 8-bit steps, JPEG its quality setting, scratched, missing and impulses (salt and
    pepper) are shares of the picture; each with how sure the finding is, - where it is none.

    Attributes:
      inputs: pictures, or folders of them.
      recursive: look into folders inside folders.
      json: print JSON instead of a table; its noise_sigma is on the scale [0, 1].
      max_pixels: refuse pictures larger than this: a small file can hold a huge picture.
    """

    inputs: Positional[Annotated[tuple[Path, ...], arg(metavar="IN [IN ...]", help_behavior_hint="")]]
    recursive: Annotated[bool, arg(aliases=["-r"], help_behavior_hint="")] = False
    json: Flag = False
    max_pixels: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None


def main(argv: Sequence[str]) -> int:
    """Prints a row for every picture named.

    Args:
      argv: the words after `jaximg diagnose`.

    Returns:
      0, or 1 where a picture could not be read.
    """
    options = parse(Options, argv, prog="jaximg diagnose")
    found = paths.sources(options.inputs, recursive=options.recursive)
    if any(not source.trouble for source in found):
        runs.compiled_once()
    facts, failed = [], [(source.path, source.trouble) for source in found if source.trouble]
    for source in found:
        if not source.trouble:
            try:
                facts.append(_facts(source.path, options.max_pixels))
            except Exception as error:  # one bad file doesn't stop the rest
                failed.append((source.path, show.reason(error)))
    if options.json:
        troubles = [{"picture": show.printable(str(path)), "error": why} for path, why in failed]
        print(json.dumps([*facts, *troubles], indent=2))
    elif facts:
        show.table(HEAD, [_row(fact) for fact in facts])
    return show.tell(failed, len(found))


def _facts(path: Path, max_pixels: int | None) -> dict[str, Any]:
    from jaximg import correct, io

    picture = io.read(path) if max_pixels is None else io.read(path, max_pixels=max_pixels)
    return {"picture": show.printable(str(path)), **_size(picture), **_findings(correct.diagnose(picture))}


def _size(picture: "Picture") -> dict[str, Any]:
    height, width, channels = picture.pixels.shape
    return {"width": width, "height": height, "channels": channels, "bits": picture.bits}


def _findings(report: "Report") -> dict[str, Any]:
    return {
        "noise_sigma": float(report.noise_sigma),
        "noise_confidence": float(report.noise_confidence),
        "jpeg_quality": report.jpeg_quality,
        "jpeg_confidence": float(report.jpeg_confidence),
        **{f"{name}_share": float(getattr(report, name).mean()) for name in SHARES},
        **{f"{name}_confidence": float(getattr(report, f"{name}_confidence")) for name in SHARES},
    }


def _row(facts: dict[str, Any]) -> list[str]:
    return [
        facts["picture"],
        f"{facts['width']}x{facts['height']}",
        _cell(255 * facts["noise_sigma"], facts["noise_confidence"], ".1f"),
        _cell(facts["jpeg_quality"], facts["jpeg_confidence"], "d"),
        *(_cell(facts[f"{name}_share"], facts[f"{name}_confidence"], ".2%") for name in SHARES),
    ]


def _cell(finding: float | None, confidence: float, how: str) -> str:
    percent = round(100 * confidence)
    return "-" if not finding or not percent else f"{finding:{how}} ({percent}%)"
