"""Which stretches of two outlines fit each other: rigid motions to begin with.

Outlines are walked clockwise, so a tear is walked in opposite directions. Every stretch of one is laid upon every
stretch of the other, as well as a rigid motion can (Procrustes): one product of matrices of complex numbers.
"""

import numpy as np

from jaximg import ops

STEP = 4.0
"""Distance of an outline's points, in pixels."""
LENGTHS = (192, 96)
"""Of the stretches, in pixels."""
POINTS = 2048
SQUARE = 0.08
"""So far from a turn that is known stretches may be, in radians."""
JAGGED = 0.8
"""Straighter stretches, in pixels from a line, are not looked at, and those that fit better fit no better."""


def outline(mask: np.ndarray) -> np.ndarray:
    """Points around a fragment, `STEP` apart, smoothed: `(n,)` complex, x + i y.

    Example:
      >>> bool(abs(outline(np.pad(np.ones((40, 40), bool), 12))).max() < 100)
      True
    """
    points = np.asarray(ops.contour(mask.astype(np.float32)[..., None], points=POINTS))
    z = points[:, 0] + 1j * points[:, 1]
    length = np.abs(np.diff(z, append=z[:1])).sum()
    n = max(8, round(length / STEP))
    sigma = 3.0 * POINTS / length  # smooths over 3 pixels
    frequency = np.fft.fftfreq(POINTS)
    z = np.fft.ifft(np.fft.fft(z) * np.exp(-2 * (np.pi * frequency * sigma) ** 2))
    place = np.arange(n) * (POINTS / n)
    low = place.astype(int)
    return z[low] + (place - low) * (z[(low + 1) % POINTS] - z[low])


def candidates(
    a: np.ndarray,
    b: np.ndarray,
    most: int = 12,
    turn: float = np.pi,
    square: float | None = None,
    lengths: tuple[int, ...] = LENGTHS,
    jagged: float = JAGGED,
) -> list[np.ndarray]:
    """Rigid 2 x 3 matrices that lay a stretch of the outline `b` upon one of `a`, the best first.

    Args:
      a: `(n,)` complex, clockwise.
      b: `(m,)` complex, clockwise.
      most: how many.
      turn: no larger turns, in radians.
      square: only turns by so much and some right angles, about.
      lengths: of the stretches, in pixels.
      jagged: how far they must be from a line, in pixels.

    Returns:
      The matrices.
    """
    found: list[tuple[float, complex, complex]] = []
    for length in lengths:
        n = int(length / STEP)
        if n <= min(len(a), len(b)) // 2:
            found += _stretches(a, b[::-1], n, 4 * most, (turn, square, jagged))
    found.sort(key=lambda f: f[0])
    kept: list[tuple[complex, complex]] = []
    middle = b.mean()
    for _, turned, shift in found:
        place = turned * middle + shift
        if all(abs(place - t * middle - s) + 200 * abs(turned - t) > 12 for t, s in kept):
            kept.append((turned, shift))
    return [np.array([[t.real, -t.imag, s.real], [t.imag, t.real, s.imag]]) for t, s in kept[:most]]


def _stretches(
    a: np.ndarray, b: np.ndarray, n: int, most: int, options: tuple[float, float | None, float]
) -> list[tuple[float, complex, complex]]:
    turn, square, least = options
    windows_a, mean_a, energy_a, jag_a = windows(a, n)
    windows_b, mean_b, energy_b, jag_b = windows(b, n)
    product = windows_a @ windows_b.conj().T
    size = np.abs(product)
    rms = np.sqrt(np.maximum(energy_a[:, None] + energy_b[None] - 2 * size, 0) / n)
    jagged = np.minimum(jag_a[:, None], jag_b[None])
    cost = np.log(rms + least) - np.log(jagged + 0.3) - 0.5 * np.log(n)
    cost = np.where((jagged < least) | (np.abs(np.angle(product)) > turn), np.inf, cost)
    if square is not None:
        away = np.angle((product / np.maximum(size, 1e-9)) ** 4 * np.exp(-4j * square))
        cost = np.where(np.abs(away) > 4 * SQUARE, np.inf, cost)
    best = np.argsort(cost, axis=None)[: 40 * most]
    out: list[tuple[float, complex, complex]] = []
    taken, around = np.zeros(cost.shape, bool), np.arange(-3, 4)
    for flat in best:
        i, j = divmod(int(flat), len(b))
        if not np.isfinite(cost[i, j]) or len(out) >= most:
            break
        if not taken[i, j]:
            taken[np.ix_((i + around) % len(a), (j + around) % len(b))] = True
            turned = product[i, j] / max(size[i, j], 1e-9)
            out.append((float(cost[i, j]), complex(turned), complex(mean_a[i] - turned * mean_b[j])))
    return out


def windows(z: np.ndarray, n: int) -> tuple[np.ndarray, ...]:
    """All stretches of `n` points about their middles, the middles, the energies, how far they are from a line.

    Example:
      >>> windows(np.arange(8) + 0j, 4)[3][0]
      np.float64(0.0)
    """
    around = z[(np.arange(len(z))[:, None] + np.arange(n)[None]) % len(z)]
    mean = around.mean(1)
    centred = around - mean[:, None]
    energy = (np.abs(centred) ** 2).sum(1)
    stretch = np.abs((centred**2).sum(1))
    return centred, mean, energy, np.sqrt(np.maximum(energy - stretch, 0) / (2 * n))
