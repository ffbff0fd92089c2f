"""Rotations in plain numpy: the guard must not need the simulator to be safe.

Matrices are f64 (..., 3, 3), rotation vectors f64 (..., 3) [rad].
"""

from __future__ import annotations

import numpy as np

from vista.types import F64


def from_quat(quat_wxyz: F64) -> F64:
    """(3, 3) of a unit quaternion (4,), w x y z."""
    w, x, y, z = quat_wxyz
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def from_rotvec(rotvec: F64) -> F64:
    """(..., 3, 3) of rotation vectors (..., 3) (Rodrigues)."""
    angle = np.linalg.norm(rotvec, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(np.asarray(rotvec, np.float64), -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*x.shape, 3, 3)
    # sinc is smooth at zero, where sin(a)/a and (1-cos(a))/a^2 are not.
    first = np.sinc(angle / np.pi)
    second = 0.5 * np.sinc(angle / (2 * np.pi)) ** 2
    return np.asarray(np.eye(3) + first * cross + second * (cross @ cross), np.float64)


def to_rotvec(rotation: F64) -> F64:
    """Rotation vector (3,) of a (3, 3) matrix, angle at most pi."""
    skew = np.array(
        [rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]]
    )
    sine, cosine = float(np.linalg.norm(skew)) / 2, (float(np.trace(rotation)) - 1) / 2
    angle = float(np.arctan2(sine, cosine))
    if sine > 1e-6:
        return np.asarray(skew * (angle / (2 * sine)), np.float64)
    if cosine > 0:
        return np.asarray(skew / 2, np.float64)
    # Half a turn: the axis is the column of R + 1 that is longest.
    columns = rotation + np.eye(3)
    axis = columns[:, int(np.argmax(np.linalg.norm(columns, axis=0)))]
    return np.asarray(axis / np.linalg.norm(axis) * angle, np.float64)
