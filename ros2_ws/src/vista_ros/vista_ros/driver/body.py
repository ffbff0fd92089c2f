"""What the drivers move and look through: a simulated world, or an arm without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from vista.types import F64, U8, RobotSpec
from vista_ros.conversions.arm import JointReading

CLOSING_S = 0.5
"""The gripper takes so long from open to closed [s]."""


class Body(Protocol):
    """An arm with its gripper and cameras. One thread."""

    tick_s: float

    @property
    def time_s(self) -> float:
        """Its own time [s]."""
        ...

    def advance(self, joints: F64, opening: float) -> None:
        """Go on by one tick, at the end of which ``joints`` (J,) [rad] and ``opening`` [0, 1] are wanted."""
        ...

    def reading(self, stamp_ns: int) -> JointReading:
        """The joints as they are measured."""
        ...

    def images(self) -> Mapping[str, U8]:
        """What each camera sees, u8 (H, W, 3) RGB in the size of the contract."""
        ...


class KinematicBody:
    """An arm without physics: it goes where it is told, as fast as its contract allows. Its cameras see bars
    of colour, and before them a mark for each joint, one below the other."""

    tick_s = 0.01

    def __init__(self, spec: RobotSpec) -> None:
        self._spec = spec
        self._at, self._rate = spec.home.copy(), np.zeros(len(spec.home))
        self._opening, self._gripper_rate = 1.0, 0.0
        self._ticks = 0

    @property
    def time_s(self) -> float:
        return self._ticks * self.tick_s

    def advance(self, joints: F64, opening: float) -> None:
        most = self._spec.joint_velocity * self.tick_s
        wanted = np.clip(joints, self._spec.joint_lower, self._spec.joint_upper)
        step = np.clip(wanted - self._at, -most, most)
        grip = float(np.clip(opening - self._opening, -self.tick_s / CLOSING_S, self.tick_s / CLOSING_S))
        self._at, self._rate = self._at + step, step / self.tick_s
        self._opening, self._gripper_rate = self._opening + grip, grip / self.tick_s
        self._ticks += 1

    def reading(self, stamp_ns: int) -> JointReading:
        return JointReading(
            stamp_ns, self._at.astype(np.float32), self._rate.astype(np.float32), self._opening,
            self._gripper_rate,
        )  # fmt: skip

    def images(self) -> Mapping[str, U8]:
        return {name: self._bars(camera.height, camera.width) for name, camera in self._spec.cameras.items()}

    def _bars(self, height: int, width: int) -> U8:
        columns = np.arange(width) * 8 // width
        image = np.stack([columns % 2 * 200, columns // 2 % 2 * 200, columns // 4 * 200], -1).astype(np.uint8)
        image = np.repeat(image[None], height, axis=0)
        edges = np.linspace(0, height, len(self._at) + 1).astype(int)
        for joint, at, top, end in zip(self._spec.joints, self._at, edges, edges[1:], strict=False):
            low, high = max(joint.lower, -np.pi), min(joint.upper, np.pi)
            column = float(np.clip((at - low) / (high - low), 0.0, 1.0)) * (width - 1)
            image[top:end, max(0, int(column) - 2) : int(column) + 3] = 255
            image[top:end, int(column)] = round(column % 1 * 255)  # less than a pixel is seen, too
        return image
