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
from vista.types.body import EndEffector, GripperSpec, JointSpec, Tabletop, Withdraw
from vista.types.channels import CameraChannel, CommandChannel, CommandKind, StateChannel
from vista.types.pose import Pose
from vista.types.zone import KeepOut
from vista.values import Value


@dataclass(frozen=True, slots=True, eq=False)
class CameraSpec(Value):
    """One camera of a robot.

    ``K`` f64 (3, 3) pinhole intrinsics [px] at ``width`` x ``height``; ``pose`` of the camera in frame
    ``base`` (fixed) or ``hand`` (mounted); optical convention: z forward, x right, y down. ``channel``: where
    the driver's images come from, and how they are brought to this size and ``K``.
    """

    name: str
    width: int
    height: int
    K: F64
    pose: Pose
    channel: CameraChannel = field(default_factory=CameraChannel)

    def __post_init__(self) -> None:
        values.text("CameraSpec.name", self.name, empty=False)
        name = f"camera {values.shown(self.name)}"
        for side in ("width", "height"):
            set_field(self, side, values.whole(f"{name}: {side}", getattr(self, side), 1, 65_536))
        set_field(self, "K", values.array(f"{name}: K", self.K, np.float64, (3, 3)))
        if not (self.K[0, 0] > 0 and self.K[1, 1] > 0 and self.K[2, 2] > 0):
            raise InvalidValueError(f"{name}: K {self.K.tolist()}, expected focal lengths > 0")
        values.instance(f"{name}: pose", self.pose, Pose)
        values.instance(f"{name}: channel", self.channel, CameraChannel)
        set_field(self, "channel", self.channel.named(self.name))


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


ARM_COMMANDS = frozenset((CommandKind.JOINT_TRAJECTORY, CommandKind.FORWARD_POSITION))
"""What an arm's controller may take; a gripper's may take any kind."""

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

    ``joints``: the J joints of the arm in the order of all arrays; ``home`` f64 (J,) [rad]; ``workspace`` f64
    (2, 3): lower and upper corner of the end effector in the base frame [m]; ``control_hz``: rate of the rows
    of a chunk; ``kinematics``: path of the MJCF or URDF file; ``end_effector``: its frame in that file;
    ``ik_orientation_weight``: what a radian of error counts against a metre in inverse kinematics;
    ``ros_prefix``: stands before each joint's name on the wire; ``arm_command``, ``state``: ROS channels,
    read by the ROS side only; ``places`` {name: containers and drawers of its workplace}; ``withdraw``: how
    the hand leaves a place; ``keep_out``: zones that its links stay out of; ``tabletop``: its table in a
    simulator; ``accepts_models_of``: names of other contracts of the same arm, whose models may move this
    one, too.

    Derived: ``joint_names``; ``joint_lower``, ``joint_upper`` f64 (J,) [rad] (a continuous joint: -1000 and
    1000), ``joint_velocity`` f64 (J,) [rad/s], ``joint_acceleration`` [rad/s2], ``joint_jerk`` [rad/s3].
    """

    name: str
    joints: tuple[JointSpec, ...]
    gripper: GripperSpec
    home: F64
    workspace: F64
    cameras: Mapping[str, CameraSpec]
    action_space: ActionSpace
    control_hz: float
    kinematics: str
    end_effector: EndEffector
    base_frame: str = "base"
    ros_prefix: str = ""
    arm_command: CommandChannel = field(default_factory=CommandChannel)
    state: StateChannel = field(default_factory=StateChannel)
    ik_orientation_weight: float = 0.3
    places: Mapping[str, Place] = field(default_factory=dict)
    withdraw: Withdraw = field(default_factory=Withdraw)
    keep_out: tuple[KeepOut, ...] = ()
    tabletop: Tabletop = field(default_factory=Tabletop)
    accepts_models_of: tuple[str, ...] = ()
    joint_names: tuple[str, ...] = field(init=False, repr=False)
    joint_lower: F64 = field(init=False, repr=False)
    joint_upper: F64 = field(init=False, repr=False)
    joint_velocity: F64 = field(init=False, repr=False)
    joint_acceleration: F64 = field(init=False, repr=False)
    joint_jerk: F64 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("name", "base_frame"):
            values.text(f"RobotSpec.{name}", getattr(self, name), empty=False)
        for name in ("kinematics", "ros_prefix"):
            values.text(f"RobotSpec.{name}", getattr(self, name))
        kinds = (("gripper", GripperSpec), ("end_effector", EndEffector), ("arm_command", CommandChannel),
                 ("state", StateChannel), ("withdraw", Withdraw), ("tabletop", Tabletop))  # fmt: skip
        for name, kind in kinds:
            values.instance(f"RobotSpec.{name}", getattr(self, name), kind)
        self._check_joints()
        set_field(self, "workspace", values.array("RobotSpec.workspace", self.workspace, np.float64, (2, 3)))
        if not (self.workspace[0] < self.workspace[1]).all() or np.abs(self.workspace).max() > values.FAR_M:
            raise InvalidValueError(
                f"RobotSpec.workspace: {self.workspace.tolist()}, expected a lower and a higher corner [m]"
            )
        for name, low, high in (("control_hz", 0.01, 10_000.0), ("ik_orientation_weight", 0.0, 100.0)):
            set_field(self, name, values.number(f"RobotSpec.{name}", getattr(self, name), low, high))
        set_field(self, "action_space", values.word("RobotSpec.action_space", self.action_space, ActionSpace))
        if self.arm_command.kind not in ARM_COMMANDS:
            allowed = " or ".join(sorted(ARM_COMMANDS))
            raise InvalidValueError(f"RobotSpec.arm_command: {self.arm_command.kind}, expected {allowed}")
        cameras = values.entries("RobotSpec.cameras", self.cameras)
        for name, camera in cameras:
            values.instance(f"RobotSpec.cameras[{values.shown(name)}]", camera, CameraSpec)
        places = values.entries("RobotSpec.places", self.places)
        for name, place in places:
            values.instance(f"RobotSpec.places[{values.shown(name)}]", place, Place)
        set_field(self, "places", values.read_only(dict(places)))
        set_field(self, "cameras", values.read_only(dict(cameras)))
        zones = tuple(
            values.instance("RobotSpec.keep_out", zone, KeepOut)
            for zone in values.sequence("RobotSpec.keep_out", self.keep_out)
        )
        if len({zone.name for zone in zones}) < len(zones):
            raise InvalidValueError("RobotSpec.keep_out: a name stands twice, expected each once")
        set_field(self, "keep_out", zones)
        others = values.sequence("RobotSpec.accepts_models_of", self.accepts_models_of)
        names = tuple(values.text("RobotSpec.accepts_models_of", other, empty=False) for other in others)
        set_field(self, "accepts_models_of", names)

    def _check_joints(self) -> None:
        joints = tuple(values.sequence("RobotSpec.joints", self.joints))
        names = tuple(values.instance("RobotSpec.joints", joint, JointSpec).name for joint in joints)
        if not names or len(set(names)) < len(names):
            raise InvalidValueError(
                f"RobotSpec.joints: {values.shown(names)}, expected at least one, each once"
            )
        wires = [*(joint.wire for joint in joints), self.gripper.wire]
        if len(set(wires)) < len(wires):
            raise InvalidValueError(
                f"RobotSpec.joints: names on the wire {values.shown(wires)}, expected each once"
            )
        set_field(self, "joints", joints)
        set_field(self, "joint_names", names)
        for name in ("lower", "upper", "velocity", "acceleration", "jerk"):
            limits = np.array([getattr(joint, name) for joint in joints], np.float64)
            limits.setflags(write=False)
            set_field(self, f"joint_{name}", limits)
        set_field(self, "home", values.array("RobotSpec.home", self.home, np.float64, (len(names),)))
        if not ((self.home >= self.joint_lower - 1e-6) & (self.home <= self.joint_upper + 1e-6)).all():
            raise InvalidValueError(f"RobotSpec.home: {self.home.tolist()}, expected within the joint limits")

    @property
    def wire_names(self) -> tuple[str, ...]:
        """The names of the arm's joints on the wire, in the order of ``joints``."""
        return tuple(self.ros_prefix + joint.wire for joint in self.joints)

    @property
    def gripper_wire(self) -> str:
        """The name of the gripper's joint on the wire."""
        return self.ros_prefix + self.gripper.wire
