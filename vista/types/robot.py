"""The arm: poses, cameras, and what its contract says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

import numpy as np

from vista import values
from vista.errors import InvalidValueError
from vista.types.arrays import F64, set_field
from vista.values import Value


@dataclass(frozen=True, slots=True, eq=False)
class Pose(Value):
    """A pose in a named frame: ``position`` f64 (3,) [m], ``quat_wxyz`` f64 (4,) of unit norm."""

    position: F64
    quat_wxyz: F64
    frame: str = "base"

    def __post_init__(self) -> None:
        set_field(self, "position", values.position("Pose.position", self.position))
        quat = values.array("Pose.quat_wxyz", self.quat_wxyz, np.float64, (4,))
        with np.errstate(over="ignore"):
            norm = float(np.linalg.norm(quat))
        if abs(norm - 1.0) > 1e-3:
            told = f"{norm:.4f}" if norm < 1e4 else f"{norm:.3g}"
            raise InvalidValueError(f"Pose.quat_wxyz: norm {told}, expected 1")
        # To divide once more would change the last bit of some: what another pose holds stays as it is.
        held = isinstance(self.quat_wxyz, np.ndarray) and not self.quat_wxyz.flags.writeable
        unit = quat if held and abs(norm - 1.0) <= 1e-15 else quat / norm
        set_field(self, "quat_wxyz", values.array("Pose.quat_wxyz", unit, np.float64, (4,)))
        values.text("Pose.frame", self.frame)


@dataclass(frozen=True, slots=True, eq=False)
class CameraSpec(Value):
    """One camera of a robot.

    ``K`` f64 (3, 3) pinhole intrinsics [px] at ``width`` x ``height``; ``pose`` of the camera in frame
    ``base`` (fixed) or ``hand`` (mounted); optical convention: z forward, x right, y down.
    """

    name: str
    width: int
    height: int
    K: F64
    pose: Pose

    def __post_init__(self) -> None:
        values.text("CameraSpec.name", self.name, empty=False)
        name = f"camera {values.shown(self.name)}"
        for side in ("width", "height"):
            set_field(self, side, values.whole(f"{name}: {side}", getattr(self, side), 1, 65_536))
        set_field(self, "K", values.array(f"{name}: K", self.K, np.float64, (3, 3)))
        if not (self.K[0, 0] > 0 and self.K[1, 1] > 0 and self.K[2, 2] > 0):
            raise InvalidValueError(f"{name}: K {self.K.tolist()}, expected focal lengths > 0")
        values.instance(f"{name}: pose", self.pose, Pose)


class ActionSpace(StrEnum):
    """How the rows of an :class:`vista.types.ActionChunk` are read.

    ``EE_DELTA`` (A = 7): translation [m], rotation vector [rad], gripper [0 closed, 1 open]; row t is the
    target pose relative to the measured pose at ``start_stamp_ns``, in the hand frame (cumulative).
    ``JOINT_POSITION`` (A = J + 1): joint positions [rad], gripper last.
    """

    EE_DELTA = "ee_delta"
    JOINT_POSITION = "joint_position"


class ObjectKind(StrEnum):
    """What a seen thing is to the arm: something to move, something that holds things, or a drawer's
    handle."""

    THING = "thing"
    CONTAINER = "container"
    HANDLE = "handle"


@dataclass(frozen=True, slots=True)
class Place:
    """A container, or a drawer, of the robot's workplace, from its contract.

    ``half_size_m`` (x, y): half of the ground that things lie on [m]. Of a drawer (``drawer``): ``position``
    (x, y), the middle of its ground when it is closed [m, base frame]; ``handle_m``, how far its handle is
    from there along x [m]. ``cabinet``: drawers with one value belong to one cabinet; at most one cabinet
    stands there.
    """

    name: str
    half_size_m: tuple[float, float]
    drawer: bool = False
    position: tuple[float, float] | None = None
    handle_m: float = 0.0
    cabinet: str = ""

    def __post_init__(self) -> None:
        values.text("Place.name", self.name, empty=False)
        name = f"place {values.shown(self.name)}"
        set_field(self, "half_size_m", _pair(f"{name}: half_size_m", self.half_size_m, 1e-3))
        set_field(self, "drawer", values.flag(f"{name}: drawer", self.drawer))
        if self.position is not None:
            set_field(self, "position", _pair(f"{name}: position", self.position, -values.FAR_M))
        if self.drawer and self.position is None:
            raise InvalidValueError(
                f"{name}: a drawer without position, expected where it is when closed [m]"
            )
        set_field(
            self, "handle_m", values.number(f"{name}: handle_m", self.handle_m, -values.FAR_M, values.FAR_M)
        )
        values.text(f"{name}: cabinet", self.cabinet)


NO_PLACES: Mapping[str, Place] = MappingProxyType({})
"""For a workplace of which nothing is known."""


def _pair(name: str, value: object, low: float) -> tuple[float, float]:
    both = [values.number(name, each, low, values.FAR_M) for each in values.sequence(name, value)]
    if len(both) != 2:
        raise InvalidValueError(f"{name}: {values.shown(value)}, expected two numbers (x, y) [m]")
    return both[0], both[1]


@dataclass(frozen=True, slots=True, eq=False)
class RobotSpec(Value):
    """What a robot is, from its contract (``config/robots/*.yaml``); known while disconnected.

    ``joint_lower``, ``joint_upper`` f64 (J,) [rad]; ``joint_velocity`` f64 (J,) [rad/s];
    ``home`` f64 (J,) [rad]; ``workspace`` f64 (2, 3): lower and upper corner of the end effector in
    the base frame [m]; ``gripper_width_m``: opening of the fully open gripper; ``control_hz``: rate
    of the rows of a chunk; ``kinematics``: path of the MJCF file with the arm's kinematics;
    ``topics``: ROS names of this arm, read by the ROS side only; ``places`` {name: containers and drawers of
    its workplace}.
    """

    name: str
    joint_names: tuple[str, ...]
    gripper_joint: str
    gripper_width_m: float
    joint_lower: F64
    joint_upper: F64
    joint_velocity: F64
    home: F64
    workspace: F64
    cameras: Mapping[str, CameraSpec]
    action_space: ActionSpace
    control_hz: float
    kinematics: str
    ee_site: str
    base_frame: str = "base"
    topics: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("name", "gripper_joint", "ee_site", "base_frame"):
            values.text(f"RobotSpec.{name}", getattr(self, name), empty=False)
        values.text("RobotSpec.kinematics", self.kinematics)
        self._check_joints()
        set_field(self, "workspace", values.array("RobotSpec.workspace", self.workspace, np.float64, (2, 3)))
        if not (self.workspace[0] < self.workspace[1]).all() or np.abs(self.workspace).max() > values.FAR_M:
            raise InvalidValueError(
                f"RobotSpec.workspace: {self.workspace.tolist()}, expected a lower and a higher corner [m]"
            )
        for name, low, high in (("gripper_width_m", 1e-4, 10.0), ("control_hz", 0.01, 10_000.0)):
            set_field(self, name, values.number(f"RobotSpec.{name}", getattr(self, name), low, high))
        set_field(self, "action_space", values.word("RobotSpec.action_space", self.action_space, ActionSpace))
        cameras = values.entries("RobotSpec.cameras", self.cameras)
        for name, camera in cameras:
            values.instance(f"RobotSpec.cameras[{values.shown(name)}]", camera, CameraSpec)
        topics = values.entries("RobotSpec.topics", self.topics)
        for name, topic in topics:
            values.text(f"RobotSpec.topics[{values.shown(name)}]", topic)
        places = values.entries("RobotSpec.places", self.places)
        for name, place in places:
            values.instance(f"RobotSpec.places[{values.shown(name)}]", place, Place)
        set_field(self, "places", values.read_only(dict(places)))
        set_field(self, "cameras", values.read_only(dict(cameras)))
        set_field(self, "topics", values.read_only(dict(topics)))

    def _check_joints(self) -> None:
        given = values.sequence("RobotSpec.joint_names", self.joint_names)
        names = tuple(values.text("RobotSpec.joint_names", name, empty=False) for name in given)
        if not names or len(set(names)) < len(names):
            raise InvalidValueError(
                f"RobotSpec.joint_names: {values.shown(names)}, expected at least one, each once"
            )
        set_field(self, "joint_names", names)
        for name in ("joint_lower", "joint_upper", "joint_velocity", "home"):
            limits = values.array(f"RobotSpec.{name}", getattr(self, name), np.float64, (len(names),))
            set_field(self, name, limits)
        if not (self.joint_lower < self.joint_upper).all():
            raise InvalidValueError("RobotSpec: joint_lower must be below joint_upper for every joint")
        if max(np.abs(self.joint_lower).max(), np.abs(self.joint_upper).max()) > 1e3:
            raise InvalidValueError("RobotSpec: joint limits, expected at most 1000 rad")
        if not ((self.joint_velocity >= 1e-4) & (self.joint_velocity <= 1e3)).all():
            raise InvalidValueError(
                f"RobotSpec.joint_velocity: {self.joint_velocity.tolist()}, expected 0.0001 to 1000 rad/s"
            )
        if not ((self.home >= self.joint_lower - 1e-6) & (self.home <= self.joint_upper + 1e-6)).all():
            raise InvalidValueError(f"RobotSpec.home: {self.home.tolist()}, expected within the joint limits")
