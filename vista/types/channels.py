"""How the drivers of an arm are spoken to over ROS, from the contract; only the ROS side reads it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self

import numpy as np

from vista import values
from vista.errors import InvalidValueError
from vista.types.arrays import F64, set_field
from vista.values import Value


class CommandKind(StrEnum):
    """What a controller takes: a ``trajectory_msgs/JointTrajectory``; positions as a
    ``std_msgs/Float64MultiArray``; or, for a gripper, the last column of the arm's own command, or a goal of
    one of the actions ``GripperCommand`` and ``ParallelGripperCommand`` of ``control_msgs``."""

    JOINT_TRAJECTORY = "joint_trajectory"
    FORWARD_POSITION = "forward_position"
    WITH_ARM = "with_arm"
    GRIPPER_COMMAND = "gripper_command"
    PARALLEL_GRIPPER_COMMAND = "parallel_gripper_command"


ACTIONS = frozenset((CommandKind.GRIPPER_COMMAND, CommandKind.PARALLEL_GRIPPER_COMMAND))
"""The kinds that are an action."""


@dataclass(frozen=True, slots=True)
class CommandChannel:
    """Where commands go: to ``topic``, which of an action is its name. ``velocities``: the points of a
    trajectory carry velocities, so that the controller does not change its speed in steps. ``max_effort``:
    of an action's goals, in the driver's unit [N or N m]; 0 leaves it to the driver."""

    kind: CommandKind = CommandKind.JOINT_TRAJECTORY
    topic: str = "joint_trajectory"
    velocities: bool = False
    max_effort: float = 0.0

    def __post_init__(self) -> None:
        set_field(self, "kind", values.word("CommandChannel.kind", self.kind, CommandKind))
        values.text("CommandChannel.topic", self.topic, empty=self.kind is CommandKind.WITH_ARM)
        set_field(self, "velocities", values.flag("CommandChannel.velocities", self.velocities))
        effort = values.number("CommandChannel.max_effort", self.max_effort, 0.0, 1e4)
        set_field(self, "max_effort", effort)

    @property
    def is_action(self) -> bool:
        """Whether commands are goals of an action."""
        return self.kind in ACTIONS


@dataclass(frozen=True, slots=True)
class StateChannel:
    """Where the joints are told. ``topics``: of ``sensor_msgs/JointState``, whose joints are merged by name;
    ``max_clock_offset_s``: a stamp that is farther than this ahead of the clock of the node [s] holds the
    arm."""

    topics: tuple[str, ...] = ("joint_states",)
    max_clock_offset_s: float = 0.3

    def __post_init__(self) -> None:
        topics = values.sequence("StateChannel.topics", self.topics)
        told = tuple(values.text("StateChannel.topics", topic, empty=False) for topic in topics)
        if not told:
            raise InvalidValueError("StateChannel.topics: none, expected at least one")
        set_field(self, "topics", told)
        offset = values.number("StateChannel.max_clock_offset_s", self.max_clock_offset_s, 1e-3, 60.0)
        set_field(self, "max_clock_offset_s", offset)


class Transport(StrEnum):
    """How images come: as ``sensor_msgs/Image``, or as ``CompressedImage`` on ``<image>/compressed``."""

    RAW = "raw"
    COMPRESSED = "compressed"


@dataclass(frozen=True, slots=True, eq=False)
class CameraChannel(Value):
    """Where a camera's images come from. ``image``, ``info``: topics (empty: ``<camera>/image_raw`` and
    ``<camera>/camera_info``). The driver's images are brought to the size and ``K`` of the contract by the
    driver's own intrinsics: those of ``info``, or, where no driver tells them, ``K`` f64 (3, 3) [px] for
    images of ``width`` x ``height`` with ``distortion`` f64 (n,) (plumb_bob or rational_polynomial)."""

    image: str = ""
    info: str = ""
    transport: Transport = Transport.RAW
    width: int = 0
    height: int = 0
    K: F64 | None = None
    distortion: F64 = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        for name in ("image", "info"):
            values.text(f"CameraChannel.{name}", getattr(self, name))
        set_field(self, "transport", values.word("CameraChannel.transport", self.transport, Transport))
        if self.K is not None:
            for side in ("width", "height"):
                set_field(self, side, values.whole(f"CameraChannel.{side}", getattr(self, side), 1, 65_536))
            set_field(self, "K", values.array("CameraChannel.K", self.K, np.float64, (3, 3)))
        distortion = values.array("CameraChannel.distortion", self.distortion, np.float64, (None,))
        set_field(self, "distortion", distortion)

    def named(self, camera: str) -> Self:
        """This channel with the topics of ``camera`` where none are told."""
        return replace(
            self, image=self.image or f"{camera}/image_raw", info=self.info or f"{camera}/camera_info"
        )
