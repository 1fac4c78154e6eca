"""Silhouettes recognised by their nearest neighbour: `python -m bench.shapes --data DIR [--json PATH]`.

Kimia-99 (`shapes_kimia99/`, 9 classes of 11): each silhouette in turn is asked for the nearest of the other 98, which
should be of its class. All 99 x 99 distances come from one compiled call, batched.
"""

import csv
import sys
import time
from pathlib import Path

import cv2
import jax
import jax.numpy as jnp
import numpy as np

from bench.table import Row, at_least, emit, parser
from jaximg import io, ops


def silhouettes(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """All pictures on a common canvas, 1 where the shape is, and their classes from 1."""
    with (folder / "classes.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    grey = [np.asarray(io.read(folder / row["file"]).pixels)[..., :1] for row in rows]
    height, width = (max(x.shape[axis] for x in grey) for axis in (0, 1))
    pictures = np.zeros((len(rows), height, width, 1), np.float32)
    for canvas, x in zip(pictures, grey, strict=True):
        canvas[: x.shape[0], : x.shape[1]] = x < 0.5
    return pictures, np.array([int(row["class"]) for row in rows])


def by_context(pictures: jax.Array, *, inner: bool, mirror: bool) -> jax.Array:
    """The shape-context distance of all pairs."""
    h = ops.shape_context(pictures, inner=inner)
    return ops.shape_context_distance(h[:, None], h[None], mirror=mirror)


def by_outline(pictures: jax.Array) -> jax.Array:
    """The Euclidean distance of all pairs of Fourier descriptors."""
    f = ops.fourier_descriptor(pictures, terms=24)
    return jnp.sqrt(jnp.square(f[:, None] - f[None]).sum(-1))


def by_moments(pictures: jax.Array) -> jax.Array:
    """`match_shapes` of all pairs."""
    return jax.vmap(lambda a: ops.match_shapes(a, pictures))(pictures)


def by_opencv_moments(pictures: np.ndarray) -> np.ndarray:
    """`cv2.matchShapes` of all pairs."""
    planes = pictures[..., 0]
    return np.array([[cv2.matchShapes(a, b, cv2.CONTOURS_MATCH_I1, 0) for b in planes] for a in planes])


def by_opencv_contexts(pictures: np.ndarray) -> np.ndarray:
    """OpenCV's shape-context extractor on all pairs of outlines of 64 points."""
    extractor = cv2.createShapeContextDistanceExtractor()  # pyright: ignore[reportAttributeAccessIssue]
    outlines = np.asarray(ops.contour(pictures, points=64), np.float32)[:, :, None]
    return np.array([[extractor.computeDistance(a, b) for b in outlines] for a in outlines])


def nearest(distance: np.ndarray) -> np.ndarray:
    """The nearest other picture of each."""
    return np.argmin(np.where(np.eye(len(distance), dtype=bool), np.inf, distance), 1)


def confusion(truth: np.ndarray, found: np.ndarray) -> str:
    """A table: a row a class, a column what it was taken for."""
    classes = np.unique(truth)
    lines = ["class  taken for " + " ".join(f"{c:3}" for c in classes)]
    lines += [f"{a:5}            " + " ".join(f"{np.sum(found[truth == a] == b):3}" for b in classes) for a in classes]
    return "\n".join(lines)


def main() -> int:
    """Scores every distance."""
    options = parser(__doc__).parse_args()
    if options.data is None:
        raise SystemExit("bench.shapes needs --data DIR, a folder with shapes_kimia99/ (pictures and classes.tsv)")
    pictures, classes = silhouettes(options.data / "shapes_kimia99")
    ways = {
        "shape context": (lambda x: by_context(x, inner=False, mirror=False), 97),
        "shape context, mirror images equal": (lambda x: by_context(x, inner=False, mirror=True), 97),
        "inner-distance shape context": (lambda x: by_context(x, inner=True, mirror=False), 97),
        "Fourier descriptor": (by_outline, None),
        "Hu moments": (by_moments, None),
    }
    peers = {"cv2.matchShapes": by_opencv_moments}
    if hasattr(cv2, "createShapeContextDistanceExtractor"):
        peers["cv2.ShapeContextDistanceExtractor"] = by_opencv_contexts
    scores = {}
    for name, distance in peers.items():
        begin = time.perf_counter()
        found = classes[nearest(distance(pictures))]
        scores[name] = int(np.sum(found == classes))
        print(f"{name}: {scores[name]} of {len(classes)}, {time.perf_counter() - begin:.1f} s")
    rows, device = [], jax.device_put(pictures)
    for name, (function, target) in ways.items():
        compiled = jax.jit(function).lower(device).compile()
        begin = time.perf_counter()
        distance = np.asarray(compiled(device))
        seconds = time.perf_counter() - begin
        found = classes[nearest(distance)]
        right = int(np.sum(found == classes))
        print(f"\n{name}: {right} of {len(classes)}, {seconds:.2f} s for all pairs\n{confusion(classes, found)}")
        goal = None if target is None else at_least(target)
        rows.append(Row(name, right, f"of {len(classes)}", "matchShapes", scores["cv2.matchShapes"], goal))
        rows.append(Row(f"{name}: all pairs", seconds, "s"))
    return emit(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
