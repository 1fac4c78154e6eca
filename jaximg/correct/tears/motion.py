"""Rigid motions of a fragment, and values at places between pixels.

A motion is (angle, x, y): places p go to R(angle) (p - c) + c + (x, y), c the middle of the fragment.
"""

import numpy as np


def matrix_of(motion: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The 2 x 3 matrix of a motion.

    Example:
      >>> matrix_of(np.zeros(3), np.ones(2)).tolist()
      [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    cos, sin = np.cos(motion[0]), np.sin(motion[0])
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.concatenate([turn, (centre - turn @ centre + motion[1:])[:, None]], 1) + 0.0


def motion_of(matrix: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The motion of a rigid 2 x 3 matrix.

    Example:
      >>> motion_of(matrix_of(np.array([0.1, 2, 3]), np.ones(2)), np.ones(2)).round(6).tolist()
      [0.1, 2.0, 3.0]
    """
    angle = np.arctan2(matrix[1, 0], matrix[0, 0])
    return np.array([angle, *(matrix[:, :2] @ centre + matrix[:, 2] - centre)])


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Places after a motion.

    Example:
      >>> moved(np.ones((1, 2)), np.eye(2, 3)).tolist()
      [[1.0, 1.0]]
    """
    return points @ matrix[:, :2].T + matrix[:, 2]


def sampled(field: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Values of `(S, S)` or `(S, S, C)` at places (x, y), linearly.

    Example:
      >>> sampled(np.arange(4.0).reshape(2, 2), np.array([[0.5, 0.5]])).tolist()
      [1.5]
    """
    x, y = (np.clip(points[:, i], 0, field.shape[1 - i] - 1.001) for i in (0, 1))
    left, top = x.astype(int), y.astype(int)
    u, v = x - left, y - top
    if field.ndim == 3:
        u, v = u[:, None], v[:, None]
    upper = field[top, left] * (1 - u) + field[top, left + 1] * u
    return upper * (1 - v) + (field[top + 1, left] * (1 - u) + field[top + 1, left + 1] * u) * v


def inverse(matrix: np.ndarray) -> np.ndarray:
    """Of a rigid 2 x 3 matrix.

    Example:
      >>> inverse(np.array([[1.0, 0, 3], [0, 1, 0]]))[0].tolist()
      [1.0, 0.0, -3.0]
    """
    turn = matrix[:, :2].T
    return np.concatenate([turn, -(turn @ matrix[:, 2:])], 1)
