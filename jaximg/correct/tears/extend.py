"""Continues a fragment beyond its torn edge by some pixels, along the directions of what it shows.

Coherence transport (Bornemann and Maerz, Fast image inpainting based on coherence transport, 2007): a pixel takes the
mean of the known ones around it, those in the direction of the picture's lines before all. With it goes how wrong the
guess may be: little along strong lines and in flat places, much in texture.
"""

from dataclasses import dataclass

import numpy as np

from jaximg import ops

REACH = 14
"""How far fragments are continued, in pixels."""
RADIUS = 3
SHARP = 2.0
"""How strongly lines are followed."""
SLOPE = 0.8
"""How much of a slope goes on."""
FAR = 1e4
ROOM = 40
"""Farther from a fragment's box, in pixels, distances are this large only."""
SIDES = (128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096)
"""Sides of what is cut out around a fragment, so that few programs get compiled."""
NOISE = 1e-5
"""The variance that is always expected, on [0, 1]."""


@dataclass(frozen=True)
class Field:
    """A fragment and its continuation, on a square frame.

    Attributes:
      image: `(S, S, C)`.
      doubt: `(S, S)`, the variance of the error expected; `FAR` beyond the reach.
      outside: `(S, S)`, distance to the fragment's print in pixels, negative inside.
    """

    image: np.ndarray
    doubt: np.ndarray
    outside: np.ndarray


def extended(image: np.ndarray, known: np.ndarray) -> Field:
    """Continues `image` beyond `known`.

    Args:
      image: `(S, S, C)` float32.
      known: `(S, S)` bool.

    Returns:
      The field.

    Example:
      >>> x, known = np.ones((64, 64, 1), np.float32), np.zeros((64, 64), bool)
      >>> known[:, :32] = True
      >>> bool(np.allclose(extended(x, known).image[:, :40], 1))
      True
    """
    box = _box(known)
    small = _extended(_cut(image, box), _cut(known, box))
    parts = (small.image, 0.0), (small.doubt, FAR), (small.outside, ROOM)
    return Field(*(_pasted(part, known.shape, box, value) for part, value in parts))


def _extended(image: np.ndarray, known: np.ndarray) -> Field:
    outside = signed_distance(known)
    far = outside > REACH
    tensor, slope, ready = _tensor(np.where(known[..., None], image, 0), known)
    state = np.concatenate([np.where(known[..., None], image, 0), tensor, slope], -1).astype(np.float32)
    doubt = np.where(known, np.float32(NOISE), np.float32(0))
    filled, good = known.copy(), ready
    for layer in range(1, REACH + 1):
        at = np.nonzero((outside > 0 if layer == 1 else outside > layer - 1) & (outside <= layer))
        if len(at[0]):
            _add_layer(at, state, doubt, filled, good, image.shape[-1])
    return Field(state[..., : image.shape[-1]], np.where(far | ~filled, np.float32(FAR), doubt), outside)


def signed_distance(known: np.ndarray) -> np.ndarray:
    """Distance to `known` outside of it; inside, minus that to what is outside; border pixels have 1 and -1.

    Exact up to `ROOM`.

    Example:
      >>> signed_distance(np.eye(1, 4, dtype=bool).repeat(4, 0))[0].tolist()
      [-1.0, 1.0, 2.0, 3.0]
    """
    box = _box(known)
    small = _cut(known, box)
    masks = np.stack([~small, small]).astype(np.float32)[..., None]
    outside, inside = np.asarray(ops.distance_transform(masks))[..., 0]
    return _pasted(outside - inside, known.shape, box, ROOM)


def _box(known: np.ndarray) -> tuple[int, int, int]:
    """The corner and the side of a square with room around a fragment, which may leave the frame."""
    y, x = (np.nonzero(known.any(1 - axis))[0] for axis in (0, 1))
    if len(y) == 0:
        return 0, 0, max(known.shape)
    need = max(y[-1] - y[0], x[-1] - x[0]) + 1 + 2 * ROOM
    return int(y[0]) - ROOM, int(x[0]) - ROOM, next((s for s in SIDES if s >= need), int(need))


def _cut(array: np.ndarray, box: tuple[int, int, int]) -> np.ndarray:
    """A square of an array; beyond the array its border goes on."""
    top, left, side = box
    rows, columns = (np.clip(np.arange(k, k + side), 0, n - 1) for k, n in zip((top, left), array.shape, strict=False))
    return array[rows[:, None], columns]


def _pasted(part: np.ndarray, shape: tuple[int, ...], box: tuple[int, int, int], value: float) -> np.ndarray:
    """A square laid back into an array of some value."""
    top, left, side = box
    out = np.full((*shape, *part.shape[2:]), value, part.dtype)
    y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + side, shape[0]), min(left + side, shape[1])
    out[y0:y1, x0:x1] = part[y0 - top : y1 - top, x0 - left : x1 - left]
    return out


def _tensor(image: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The structure tensor (xx, xy, yy) of what is known, smoothed, the slopes, x first, and where there are any."""
    dx, dy = np.zeros_like(image), np.zeros_like(image)
    both_x, both_y = np.zeros(known.shape, bool), np.zeros(known.shape, bool)
    dx[:, 1:-1] = (image[:, 2:] - image[:, :-2]) / 2
    dy[1:-1] = (image[2:] - image[:-2]) / 2
    both_x[:, 1:-1] = known[:, 2:] & known[:, :-2]
    both_y[1:-1] = known[2:] & known[:-2]
    ready = (both_x & both_y).astype(np.float32)
    products = np.stack([(dx * dx).mean(-1), (dx * dy).mean(-1), (dy * dy).mean(-1)], -1) * ready[..., None]
    slopes = np.concatenate([dx, dy], -1) * ready[..., None]
    smooth = np.asarray(ops.gaussian_blur(np.concatenate([products, slopes, ready[..., None]], -1), 2.0))
    total = smooth[..., -1:]
    smooth = smooth[..., :-1] / np.maximum(total, 1e-6)
    return smooth[..., :3], smooth[..., 3:], (total[..., 0] > 0.02) & known


def _add_layer(
    at: tuple[np.ndarray, ...],
    state: np.ndarray,
    doubt: np.ndarray,
    filled: np.ndarray,
    good: np.ndarray,
    channels: int,
) -> None:
    """Gives values to the pixels of one layer, from those before."""
    y, x = at
    offsets = [
        (i, j)
        for i in range(-RADIUS, RADIUS + 1)
        for j in range(-RADIUS, RADIUS + 1)
        if 0 < i * i + j * j <= RADIUS * RADIUS + 1
    ]
    di, dj = np.array(offsets, np.float32).T
    rows = np.clip(y[:, None] + di.astype(int), 0, filled.shape[0] - 1)
    columns = np.clip(x[:, None] + dj.astype(int), 0, filled.shape[1] - 1)
    near = 1 / np.hypot(di, dj)
    values, has = state[rows, columns], good[rows, columns] * near
    weight = has / np.maximum(has.sum(1, keepdims=True), 1e-9)
    carried = np.einsum("nk,nkc->cn", weight, values[..., channels:])
    xx, xy, yy = carried[:3]
    slope_x, slope_y = carried[3 : 3 + channels], carried[3 + channels :]
    strong, weak, (cx, cy) = _eigen(xx, xy, yy)
    across = cy[:, None] * dj - cx[:, None] * di  # distance from the line through the pixel along (cx, cy)
    sure = ((strong - weak) / (strong + weak + 2e-5))[:, None]
    share = filled[rows, columns] * near * np.exp(-((SHARP * sure * across) ** 2) / 2) + 1e-12 * filled[rows, columns]
    total = share.sum(1, keepdims=True)
    share /= np.maximum(total, 1e-30)
    rise = -(slope_x * (share @ dj) + slope_y * (share @ di))  # to here from where the values are taken
    state[y, x, :channels] = np.einsum("nk,nkc->nc", share, values[..., :channels]) + SLOPE * rise.T
    state[y, x, channels:] = carried.T
    doubt[y, x] = (share * doubt[rows, columns]).sum(1) + weak + 0.1 * strong
    good[y, x] = filled[y, x] = total[:, 0] > 0


def _eigen(
    xx: np.ndarray, xy: np.ndarray, yy: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Eigenvalues of structure tensors, and the direction (x, y) of their lines."""
    middle, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    angle = np.arctan2(2 * xy, xx - yy) / 2 + np.pi / 2
    return middle + half, np.maximum(middle - half, 0), (np.cos(angle), np.sin(angle))
