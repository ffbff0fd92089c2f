"""Poses of frames: positions from one frame into another."""

from __future__ import annotations

import math
from dataclasses import dataclass

from robomemory import checks
from robomemory.errors import InvalidNoteError

Position = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

_UNIT = 1e-3  # how far the length of a quaternion may be from 1


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a frame is in another one: ``translation`` (3,) [m] of its origin, and ``rotation``, the unit
    quaternion (x, y, z, w) that turns its axes.

    Raises:
        InvalidNoteError: these are no such numbers, or the quaternion's length is not 1.
    """

    translation: Position = (0.0, 0.0, 0.0)
    rotation: Quaternion = (0.0, 0.0, 0.0, 1.0)

    def __post_init__(self) -> None:
        err = InvalidNoteError
        object.__setattr__(
            self, "translation", checks.position("Pose.translation [m]", self.translation, err)
        )
        x, y, z, w = checks.numbers("Pose.rotation (x, y, z, w)", self.rotation, 4, err)
        length = math.sqrt(x * x + y * y + z * z + w * w)
        if abs(length - 1.0) > _UNIT:
            raise err(
                f"Pose.rotation: {(x, y, z, w)} has the length {length:g}, expected a unit quaternion"
                " (x, y, z, w)"
            )
        if abs(length - 1.0) > 1e-12:  # a unit within rounding stays as it is, so that a copy is equal
            x, y, z, w = x / length, y / length, z / length, w / length
        object.__setattr__(self, "rotation", (x, y, z, w))

    def out_of(self, spot: Position) -> Position:
        """``spot`` [m], given in the frame of this pose, in the frame that the pose is in."""
        x, y, z = _turned(self.rotation, spot)
        dx, dy, dz = self.translation
        return x + dx, y + dy, z + dz

    def into(self, spot: Position) -> Position:
        """``spot`` [m], given in the frame that the pose is in, in the frame of this pose."""
        x, y, z, w = self.rotation
        dx, dy, dz = self.translation
        return _turned((-x, -y, -z, w), (spot[0] - dx, spot[1] - dy, spot[2] - dz))


def _turned(q: Quaternion, v: Position) -> Position:
    x, y, z, w = q
    # v + 2 w (u x v) + 2 u x (u x v), u the vector part
    cx, cy, cz = y * v[2] - z * v[1], z * v[0] - x * v[2], x * v[1] - y * v[0]
    return (
        v[0] + 2.0 * (w * cx + y * cz - z * cy),
        v[1] + 2.0 * (w * cy + z * cx - x * cz),
        v[2] + 2.0 * (w * cz + x * cy - y * cx),
    )
