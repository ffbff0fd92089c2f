"""Rotations (scipy), for the guard and other code that must not need the simulator's library to work.

Matrices are f64 (3, 3) or (N, 3, 3), rotation vectors f64 (3,) or (N, 3) [rad].
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from vista.types import F64


def from_quat(quat_wxyz: F64) -> F64:
    """(3, 3) of a unit quaternion (4,), w x y z."""
    w, x, y, z = quat_wxyz
    return np.asarray(Rotation.from_quat([x, y, z, w]).as_matrix(), np.float64)


def from_rotvec(rotvec: F64) -> F64:
    """(3, 3) of a rotation vector (3,), or (N, 3, 3) of N of them (N, 3)."""
    return np.asarray(Rotation.from_rotvec(rotvec).as_matrix(), np.float64)


def to_rotvec(rotation: F64) -> F64:
    """Rotation vector (3,) of a (3, 3) rotation, angle at most pi."""
    return np.asarray(Rotation.from_matrix(rotation).as_rotvec(), np.float64)
