import cv2
import numpy as np

from jaximg import ops

SUPER = 8


def scene(seed: int, size: int = 160) -> tuple[np.ndarray, np.ndarray]:
    """Discs, polygons and lines: as one sample a pixel draws them, and as 64 samples do."""
    rng = np.random.default_rng(seed)
    big = size * SUPER
    canvas = np.full((big, big, 3), 255 * rng.random(3))

    def point():
        return tuple(int(v) for v in rng.integers(0, big, 2))

    for shape in range(12):
        colour = tuple(255 * rng.random(3))
        if shape % 3 == 0:
            cv2.circle(canvas, point(), int(rng.integers(SUPER * 8, SUPER * 40)), colour, -1)
        elif shape % 3 == 1:
            cv2.fillPoly(canvas, [rng.integers(0, big, (4, 2)).astype(np.int32)], colour)
        else:
            cv2.line(canvas, point(), point(), colour, int(rng.integers(SUPER * 2, SUPER * 6)))
    canvas /= 255
    jagged = canvas[SUPER // 2 :: SUPER, SUPER // 2 :: SUPER]
    smooth = canvas.reshape(size, SUPER, size, SUPER, 3).mean((1, 3))
    return jagged.astype(np.float32), smooth.astype(np.float32)


def psnr(a, b):
    return -10 * np.log10(np.mean((np.asarray(a) - b) ** 2))


def test_jagged_scenes_gain_four_decibels_and_beat_the_best_blur_by_one():
    for seed in range(3):
        jagged, smooth = scene(seed)
        ours = psnr(ops.antialias(jagged), smooth)
        blurred = max(psnr(ops.gaussian_blur(jagged, sigma), smooth) for sigma in (0.4, 0.5, 0.6))
        assert ours > psnr(jagged, smooth) + 4
        assert ours > blurred + 1


def test_an_edge_along_the_grid_and_flat_ground_stay(rng):
    step = np.zeros((24, 24, 1), np.float32)
    step[:, 12:] = 0.7
    np.testing.assert_allclose(ops.antialias(step), step, atol=0.035)
    np.testing.assert_allclose(ops.antialias(step + 1)[:, :8], step[:, :8] + 1, atol=1e-6)


def test_strength_interpolates():
    jagged, _ = scene(0, 40)
    full, half = ops.antialias(jagged), ops.antialias(jagged, strength=0.5)
    np.testing.assert_allclose(half, (np.asarray(full) + jagged) / 2, atol=1e-6)
