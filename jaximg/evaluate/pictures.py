"""What is looked at while a model is judged: pictures side by side, confusion matrices, curves.

Numpy arrays `(H, W, 1 or 3)` on the scale [0, 1].
"""

from collections.abc import Mapping, Sequence
from math import ceil, sqrt
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

CELL = 34
"""Pixels a side of a confusion matrix's cell."""
PLOT = (360, 200)
"""Width and height of one curve's picture."""
EDGES = (54, 26, 12, 24)
"""Left, above, right, below: between the edge of a curve's picture and its axes."""
INK, PALE = (32, 80, 160), (200, 200, 200)
Point = tuple[float, float]


def grid(
    images: Sequence[np.ndarray], *, columns: int | None = None, gap: int = 8, background: float = 1.0
) -> np.ndarray:
    """Pictures in rows and columns, each in the middle of its cell; two in two columns are before and after.

    Args:
      images: `(H, W, 1 or 3)` each, in [0, 1]; sizes may differ, and a grey one among coloured ones turns RGB.
      columns: how many side by side; by default about as many as there are rows.
      gap: pixels between pictures.
      background: grey of the gaps, in [0, 1].

    Returns:
      `(H', W', 1 or 3)` float32.

    Raises:
      ValueError: no pictures, or fewer than one column.

    Example:
      >>> grid([np.zeros((4, 5, 1)), np.ones((4, 5, 3))], columns=2, gap=2).shape
      (4, 12, 3)
    """
    if len(images) == 0 or (columns is not None and columns < 1):
        raise ValueError(f"a grid of {len(images)} pictures in {columns} columns: it needs one of each at least")
    columns = min(columns or ceil(sqrt(len(images))), len(images))
    rows = ceil(len(images) / columns)
    height, width = (max(image.shape[axis] for image in images) for axis in (0, 1))
    channels = max(image.shape[2] for image in images)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, channels)
    canvas = np.full(shape, background, np.float32)
    for i, image in enumerate(images):
        top = i // columns * (height + gap) + (height - image.shape[0]) // 2
        left = i % columns * (width + gap) + (width - image.shape[1]) // 2
        canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
    return canvas


def confusion_picture(table: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """A confusion matrix with its figures: a row for each true class, darker the larger its share of the row.

    Args:
      table: `(classes, classes)`, how often a picture of class i was taken for class j.
      names: of the classes.

    Returns:
      `(H, W, 3)` float32.

    Raises:
      ValueError: not as many names as rows.

    Example:
      >>> confusion_picture(np.eye(3), ["a", "b", "c"]).shape[2]
      3
    """
    if len(names) != len(table) or table.shape != (len(names), len(names)):
        raise ValueError(f"a table of {table.shape} for {len(names)} classes")
    font = ImageFont.load_default(11)
    margin = 12 + ceil(max(font.getlength(name) for name in names))
    cell = max(CELL, 8 + ceil(font.getlength(str(int(table.max(initial=0))))))
    side = len(names) * cell
    image = Image.new("RGB", (margin + side + 8, 44 + side + 8), "white")
    draw = ImageDraw.Draw(image)
    draw.text((margin, 6), "across: taken for; down: what it is", fill="black", font=font)
    shares = table / np.maximum(table.sum(1, keepdims=True), 1)
    for i, name in enumerate(names):
        middle = 44 + (i + 0.5) * cell
        draw.text((margin - 6, middle), name, fill="black", font=font, anchor="rm")
        short = name if font.getlength(name) <= cell else name[:3]
        draw.text((margin + (i + 0.5) * cell, 36), short, fill="black", font=font, anchor="mm")
        for j in range(len(names)):
            _cell(draw, (margin + j * cell, 44 + i * cell), cell, int(table[i, j]), float(shares[i, j]), font)
    return np.asarray(image, np.float32) / 255


def _cell(draw: ImageDraw.ImageDraw, corner: Point, side: int, count: int, share: float, font: Any) -> None:
    (x, y), depth = corner, sqrt(share)  # the few mistakes are what one looks for
    fill = tuple(round(255 + (ink - 255) * depth) for ink in INK)
    draw.rectangle((x, y, x + side - 1, y + side - 1), fill=fill, outline=PALE)
    if count:
        colour = "white" if depth > 0.6 else "black"
        draw.text((x + side / 2, y + side / 2), str(count), fill=colour, font=font, anchor="mm")


def curves_picture(curves: Mapping[str, Sequence[Point]], *, columns: int = 3) -> np.ndarray:
    """Lines through points, a small plot each, with smallest, largest and last value in figures.

    Args:
      curves: by name, `(x, y)` in order of x; points that are not finite are left out.
      columns: plots side by side.

    Returns:
      `(H, W, 3)` float32.

    Raises:
      ValueError: no curves.

    Example:
      >>> curves_picture({"loss": [(0, 2.0), (10, 1.0)]}).shape
      (200, 360, 3)
    """
    return grid([_plot(name, points) for name, points in curves.items()], columns=columns)


def _plot(name: str, points: Sequence[Point]) -> np.ndarray:
    (width, height), (left, above, right, below) = PLOT, EDGES
    image, font = Image.new("RGB", PLOT, "white"), ImageFont.load_default(11)
    draw = ImageDraw.Draw(image)
    draw.rectangle((left, above, width - right, height - below), outline=PALE)
    shown = np.array([(x, y) for x, y in points if np.isfinite(y)], float).reshape(-1, 2)
    last = f", at last {shown[-1, 1]:.4g}" if len(shown) else ""
    draw.text((left, above / 2), name + last, fill="black", font=font, anchor="lm")
    if not len(shown):
        return np.asarray(image, np.float32) / 255
    low, high = shown.min(0), shown.max(0)
    span = np.where(high > low, high - low, 1)
    size = np.array([width - right - left, above + below - height])
    placed = (shown - low) / span * size + [left, height - below]
    draw.line([tuple(p) for p in placed], fill=INK, width=2)
    for value, at in ((low[1], height - below), (high[1], above)):
        draw.text((left - 4, at), f"{value:.3g}", fill="black", font=font, anchor="rm")
    for value, at, anchor in ((low[0], left, "la"), (high[0], width - right, "ra")):
        draw.text((at, height - below + 5), f"{value:g}", fill="black", font=font, anchor=anchor)
    return np.asarray(image, np.float32) / 255
