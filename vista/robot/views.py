"""What a camera sees: where it looks, and its pinhole matrix."""

from __future__ import annotations

import numpy as np

from vista.errors import InvalidValueError
from vista.types import F64


def look_at(position: F64, target: F64) -> F64:
    """Rotation (3, 3) of an optical frame (z forward, x right, y down) at ``position`` facing ``target``.

    Raises:
        InvalidValueError: both are the same point.
    """
    z = np.asarray(target, np.float64) - np.asarray(position, np.float64)
    if not np.linalg.norm(z) > 1e-9:
        raise InvalidValueError(f"look_at: position and target are both {np.asarray(target).tolist()}")
    z /= np.linalg.norm(z)
    x = np.cross(z, [0.0, 0.0, 1.0])
    if np.linalg.norm(x) < 1e-6:
        # Straight down or up: the image's right is the base frame's -y, as when looking ahead along x.
        x = np.array([0.0, -1.0, 0.0])
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], axis=1)


def intrinsics(width: int, height: int, fovy_deg: float) -> F64:
    """Pinhole matrix (3, 3) [px] of a camera with square pixels and a vertical field of view."""
    f = height / 2 / np.tan(np.deg2rad(fovy_deg) / 2)
    return np.array([[f, 0, width / 2], [0, f, height / 2], [0, 0, 1.0]])
