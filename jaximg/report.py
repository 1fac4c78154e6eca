"""What people look at: grids of pictures, contact sheets, pages with before and after.

Pictures are numpy arrays `(H, W, 1 or 3)` on the scale [0, 1]. Pages are plain HTML without a line from elsewhere.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from jaximg.evaluate.pictures import grid

__all__ = ["Comparison", "contact_sheet", "curve", "film", "grid", "label", "page", "run_page", "save"]

CAPTION = 20
"""Height of a line of text under a picture, in pixels."""


def label(image: np.ndarray, text: str) -> np.ndarray:
    """The picture with a line of text under it, black on white, cut where the picture ends.

    Args:
      image: `(H, W, 1 or 3)` in [0, 1].
      text: one line.

    Returns:
      `(H + 20, W, 1 or 3)` float32.

    Example:
      >>> label(np.zeros((10, 30, 3)), "a").shape
      (30, 30, 3)
    """
    strip = Pil.new("L", (image.shape[1], CAPTION), 255)
    ImageDraw.Draw(strip).text((2, 3), text, fill=0, font=ImageFont.load_default(CAPTION - 7))
    ink = np.asarray(strip, np.float32)[:, :, None] / 255
    return np.concatenate([image, np.broadcast_to(ink, (*ink.shape[:2], image.shape[2]))]).astype(np.float32)


def contact_sheet(
    images: Sequence[np.ndarray], names: Sequence[str], *, columns: int | None = None, cell: int = 256
) -> np.ndarray:
    """Many pictures at a glance: each shrunk into a cell with its name below.

    Args:
      images: `(H, W, 1 or 3)` each, in [0, 1].
      names: one for each.
      columns: how many side by side; by default about as many as there are rows.
      cell: the longer side of a picture on the sheet, in pixels; smaller ones stay as they are.

    Returns:
      `(H', W', 1 or 3)` float32.

    Raises:
      ValueError: no pictures, or not as many names.

    Example:
      >>> contact_sheet([np.zeros((300, 600, 3))] * 2, ["a", "b"], columns=2, cell=100).shape
      (70, 208, 3)
    """
    labelled = [label(_shrunk(image, cell), name) for image, name in zip(images, names, strict=True)]
    return grid(labelled, columns=columns)


def save(path: str | Path, image: np.ndarray) -> None:
    """Writes a picture in [0, 1] as an 8-bit file, clipped and rounded.

    Args:
      path: where to; the suffix says which format.
      image: `(H, W, 1 or 3)`.
    """
    _pil(image).save(path)


def film(path: str | Path, images: Sequence[np.ndarray], *, milliseconds: int = 60) -> None:
    """Writes pictures of one size as an animated GIF that begins anew at its end.

    Args:
      path: where to; ends in .gif.
      images: `(H, W, 1 or 3)` each, in [0, 1].
      milliseconds: that each is shown.
    """
    first, *others = map(_pil, images)
    first.save(path, save_all=True, append_images=others, duration=milliseconds, loop=0)


def _pil(image: np.ndarray) -> Pil.Image:
    bytes_ = np.round(255 * np.clip(np.asarray(image, np.float32), 0, 1)).astype(np.uint8)
    return Pil.fromarray(bytes_[:, :, 0] if bytes_.shape[2] == 1 else bytes_)


def _shrunk(image: np.ndarray, longest: int) -> np.ndarray:
    if max(image.shape[:2]) <= longest:
        return image
    small = _pil(image)
    small.thumbnail((longest, longest), Pil.Resampling.LANCZOS)
    return np.asarray(small, np.float32).reshape(small.height, small.width, -1) / 255


# --- pages -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """One section of a page: two pictures under a slider, and what there is to say about them.

    Attributes:
      title: the heading.
      before: address of the picture on the left, relative to the page.
      after: address of the one on the right.
      names: what the two are called on the slider.
      size: `(width, height)` in pixels.
      text: a sentence or two.
      notes: lines below.
      links: other files, name -> address.
    """

    title: str
    before: str
    after: str
    names: tuple[str, str] = ("before", "after")
    size: tuple[int, int] | None = None
    text: str = ""
    notes: Sequence[str] = ()
    links: Mapping[str, str] = field(default_factory=dict)


def page(
    title: str,
    lead: str,
    comparisons: Sequence[Comparison],
    *,
    head: Sequence[str] = (),
    rows: Sequence[Sequence[str]] = (),
) -> str:
    """A page of comparisons below a table, complete in itself but for the pictures.

    Args:
      title: the heading and the window's title.
      lead: a paragraph below it.
      comparisons: the sections.
      head: names of the table's columns.
      rows: its cells; columns of numbers are set to the right.

    Returns:
      HTML. All text is escaped.

    Example:
      >>> "&lt;b&gt;" in page("<b>", "", [])
      True
    """
    table = _table(head, rows) if rows else ""
    sections = "\n".join(map(_section, comparisons))
    return _PAGE.format(title=escape(title), lead=escape(lead), table=table, sections=sections)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    kinds = [
        "" if all(cell[-1:].isdigit() for cell in column) else ' class="text"' for column in zip(*rows, strict=True)
    ]
    names = _cells("th", head, kinds)
    lines = "\n".join(f"<tr>{_cells('td', row, kinds)}</tr>" for row in rows)
    return f'<div class="wide"><table>\n<thead><tr>{names}</tr></thead>\n<tbody>\n{lines}\n</tbody></table></div>'


def _cells(tag: str, cells: Sequence[str], kinds: Sequence[str]) -> str:
    pairs = zip(cells, kinds, strict=True)
    return "".join(f"<{tag}{kind}>{escape(cell)}</{tag}>" for cell, kind in pairs)


def _section(comparison: Comparison) -> str:
    notes = "".join(f"<li>{escape(note)}</li>" for note in comparison.notes)
    links = " · ".join(f'<a href="{escape(to)}">{escape(name)}</a>' for name, to in comparison.links.items())
    return f"""<section>
{_slider(comparison)}
<div>
<h2>{escape(comparison.title)}</h2>
<p>{escape(comparison.text)}</p>
{f"<ul>{notes}</ul>" if notes else ""}
<p class="links">{links}</p>
</div>
</section>"""


def _slider(comparison: Comparison) -> str:
    before, after = (escape(name) for name in comparison.names)
    size = f' width="{comparison.size[0]}" height="{comparison.size[1]}"' if comparison.size else ""
    title = escape(comparison.title)
    return f"""<figure class="slider">
<img src="{escape(comparison.before)}" alt="{title}: {before}"{size}>
<img src="{escape(comparison.after)}" alt="{title}: {after}"{size} class="over">
<span class="left">{before}</span><span class="right">{after}</span>
<input type="range" min="0" max="100" step="0.1" value="50" aria-label="{title}: {before} left, {after} right"
 oninput="this.parentNode.style.setProperty('--at', this.value + '%')">
</figure>"""


# --- pages on trainings ----------------------------------------------------------------------------------------------

CURVE = (360, 150)
"""Width and height of a curve's picture, in pixels."""
LEFT, BELOW, ABOVE = 8, 20, 24
POINTS = 400
"""Of a curve, so many are drawn at most."""


def curve(title: str, points: Sequence[tuple[float, float]]) -> str:
    """A line through points, with its smallest, largest and last value in figures.

    Args:
      title: what it is of.
      points: `(x, y)` in order of x; those that are not finite are left out.

    Returns:
      A drawing (SVG) to put into a page.

    Example:
      >>> curve("loss", [(0, 2.0), (10, 1.0)]).count("<polyline")
      1
    """
    finite = [(x, y) for x, y in points if np.isfinite(y)]
    shown = [*finite[: -1 : max(1, len(finite) // POINTS)], *finite[-1:]]
    (width, height), ys = CURVE, [y for _, y in shown] or [0.0]
    low, high, first, last = min(ys), max(ys), *(shown[i][0] if shown else 0 for i in (0, -1))
    across, up = (width - 2 * LEFT) / ((last - first) or 1), (height - ABOVE - BELOW) / ((high - low) or 1)
    line = " ".join(f"{LEFT + (x - first) * across:.1f},{height - BELOW - (y - low) * up:.1f}" for x, y in shown)
    told = f"{low:.4g} to {high:.4g}, at last {ys[-1]:.4g}"
    return f"""<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">
<title>{escape(title)}: {told}</title>
<text x="{LEFT}" y="14" class="name">{escape(title)}</text>
<text x="{width - LEFT}" y="14" text-anchor="end">{told}</text>
<polyline points="{line}"/>
<text x="{LEFT}" y="{height - 5}">{first:g}</text>
<text x="{width - LEFT}" y="{height - 5}" text-anchor="end">{last:g}</text>
</svg>"""


def run_page(
    title: str,
    lead: str,
    curves: Mapping[str, Sequence[tuple[float, float]]],
    pictures: Mapping[str, Path],
    *,
    head: Sequence[str] = (),
    rows: Sequence[Sequence[str]] = (),
    settings: Mapping[str, str] | None = None,
) -> str:
    """A page on a training, complete in itself: figures, curves, snapshots, settings.

    Args:
      title: the heading and the window's title.
      lead: a paragraph below it.
      curves: by name, `(step, value)` each.
      pictures: PNG files by caption, in the order in which they are shown.
      head: names of the columns of figures.
      rows: their cells.
      settings: names and values, for a table at the end.

    Returns:
      HTML. All text is escaped.
    """
    drawn = "\n".join(curve(name, points) for name, points in curves.items())
    shown = "\n".join(map(_figure, pictures, pictures.values()))
    told = _table(("setting", "value"), list(settings.items())) if settings else ""
    sections = f"""<div class="curves">
{drawn}
</div>
<div class="curves">
{shown}
</div>
<details><summary>Settings</summary>
{told}
</details>"""
    table = _table(head, rows) if rows else ""
    return _PAGE.format(title=escape(title), lead=escape(lead), table=table, sections=sections)


def _figure(caption: str, path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f"""<figure><img src="data:image/png;base64,{data}" alt="{escape(caption)}">
<figcaption>{escape(caption)}</figcaption></figure>"""


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="jaximg">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --line: #8886; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.6rem; margin-bottom: 0; }}
h2 {{ font-size: 1.2rem; margin: .4rem 0 .25rem; }}
p {{ margin: .4rem 0; }}
.wide {{ overflow-x: auto; margin: 1.2rem 0; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: right; padding: .3rem .8rem; border-bottom: 1px solid var(--line); white-space: nowrap; }}
.text {{ text-align: left; }}
th:first-child, td:first-child {{ padding-left: 0; }}
section {{ display: flex; flex-wrap: wrap; gap: 0 1.5rem; margin: 2rem 0; }}
section > div {{ flex: 1 1 16rem; }}
.slider {{ --at: 50%; position: relative; display: inline-block; margin: .6rem 0; line-height: 0; max-width: 100%;
 align-self: start; }}
.slider img {{ max-width: 100%; height: auto; user-select: none; }}
.slider .over {{ position: absolute; inset: 0; clip-path: inset(0 0 0 var(--at)); }}
.slider::after {{ content: ""; position: absolute; inset: 0 auto 0 var(--at); width: 2px; margin-left: -1px;
 background: #fff; box-shadow: 0 0 3px #000; pointer-events: none; }}
.slider span {{ position: absolute; top: .5rem; padding: .1rem .5rem; font-size: .8rem; line-height: 1.5; color: #fff;
 background: #000a; border-radius: .25rem; pointer-events: none; }}
.slider .left {{ left: .5rem; }}
.slider .right {{ right: .5rem; }}
.slider input {{ position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize; }}
.slider:focus-within {{ outline: 2px solid Highlight; outline-offset: 2px; }}
ul {{ margin: .4rem 0; padding-left: 1.2rem; }}
.links {{ font-size: .9rem; }}
.curves {{ display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.2rem 0; }}
.curves figure {{ margin: 0; }}
.curves img {{ max-width: 100%; image-rendering: pixelated; }}
figcaption {{ font-size: .9rem; }}
svg {{ max-width: 100%; height: auto; border-bottom: 1px solid var(--line); }}
svg text {{ font-size: 11px; fill: currentColor; opacity: .7; }}
svg .name {{ font-weight: 600; opacity: 1; }}
polyline {{ fill: none; stroke: #2a7de1; stroke-width: 1.5; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{lead}</p>
{table}
{sections}
</body>
</html>
"""
