"""The parts of an arm, from its contract: joints, gripper, end effector, how the hand leaves a place, and its
table in a simulator."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vista import values
from vista.errors import InvalidValueError
from vista.types.arrays import F64, set_field
from vista.types.channels import CommandChannel
from vista.values import Value

CONTINUOUS_RAD = 1e3
"""The limits of a joint without limits [rad]: farther than any arm turns."""
FASTEST = 1e3
"""No joint of an arm is faster [rad/s]."""
UNLIMITED = 1e9
"""An acceleration or a jerk that limits nothing."""


@dataclass(frozen=True, slots=True)
class JointSpec:
    """A joint of the arm. ``name``: in the file of kinematics; ``lower``, ``upper`` [rad]; ``velocity``
    [rad/s]; ``acceleration`` [rad/s2] and ``jerk`` [rad/s3], by default more than any arm has.

    The driver's joint states and commands, the wire, may say it in another way: ``wire``, its name there
    (empty: ``name``); ``degrees``; and position = ``sign`` * position on the wire + ``offset_rad``.
    ``continuous``: it has no limits; ``lower`` and ``upper`` are -1000 and 1000 then.

    Raises:
        InvalidValueError: limits that are no range, a velocity that is not above 0, or a sign that is neither
            1 nor -1.
    """

    name: str
    lower: float
    upper: float
    velocity: float
    continuous: bool = False
    wire: str = ""
    sign: int = 1
    offset_rad: float = 0.0
    degrees: bool = False
    acceleration: float = UNLIMITED
    jerk: float = UNLIMITED

    def __post_init__(self) -> None:
        values.text("JointSpec.name", self.name, empty=False)
        name = f"JointSpec {values.shown(self.name)}"
        values.text(f"{name}: wire", self.wire)
        set_field(self, "wire", self.wire or self.name)
        for flag in ("continuous", "degrees"):
            set_field(self, flag, values.flag(f"{name}: {flag}", getattr(self, flag)))
        if self.continuous:
            set_field(self, "lower", -CONTINUOUS_RAD)
            set_field(self, "upper", CONTINUOUS_RAD)
        for limit in ("lower", "upper", "offset_rad"):
            far = values.number(f"{name}: {limit}", getattr(self, limit), -CONTINUOUS_RAD, CONTINUOUS_RAD)
            set_field(self, limit, far)
        if not self.lower < self.upper:
            raise InvalidValueError(f"{name}: lower {self.lower:g}, expected below upper {self.upper:g} rad")
        set_field(self, "velocity", values.number(f"{name}: velocity", self.velocity, 1e-4, FASTEST))
        for limit in ("acceleration", "jerk"):
            set_field(self, limit, values.number(f"{name}: {limit}", getattr(self, limit), 1e-3, UNLIMITED))
        set_field(self, "sign", values.whole(f"{name}: sign", self.sign, -1, 1, "1 or -1"))
        if self.sign == 0:
            raise InvalidValueError(f"{name}: sign 0, expected 1 or -1")

    def from_wire(self, value: float) -> float:
        """A position on the wire as one of this joint [rad]."""
        return self.rate_from_wire(value) + self.offset_rad

    def to_wire(self, position: float) -> float:
        """A position of this joint [rad] as one on the wire."""
        return self.rate_to_wire(position - self.offset_rad)

    def rate_from_wire(self, value: float) -> float:
        """A velocity on the wire as one of this joint [rad/s]."""
        return self.sign * (float(np.deg2rad(value)) if self.degrees else value)

    def rate_to_wire(self, rate: float) -> float:
        """A velocity of this joint [rad/s] as one on the wire."""
        return self.sign * (float(np.rad2deg(rate)) if self.degrees else rate)


@dataclass(frozen=True, slots=True)
class GripperSpec:
    """The gripper. ``joint``: its joint in the file of kinematics; ``wire``: on the wire (empty: ``joint``);
    ``open``, ``closed``: values of that joint on the wire, in whatever unit the driver has; ``width_m``:
    opening between the pads when it is open [m]; ``command``: how it is told.

    Raises:
        InvalidValueError: ``open`` and ``closed`` are one value, or a width that no gripper has.
    """

    joint: str
    open: float
    closed: float
    width_m: float
    wire: str = ""
    command: CommandChannel = field(default_factory=lambda: CommandChannel(topic="gripper_command"))

    def __post_init__(self) -> None:
        values.text("GripperSpec.joint", self.joint, empty=False)
        values.text("GripperSpec.wire", self.wire)
        set_field(self, "wire", self.wire or self.joint)
        for name in ("open", "closed"):
            set_field(self, name, values.number(f"GripperSpec.{name}", getattr(self, name), -1e4, 1e4))
        if abs(self.open - self.closed) < 1e-6:
            raise InvalidValueError(
                f"GripperSpec: open {self.open:g} and closed {self.closed:g}, expected two values"
            )
        set_field(self, "width_m", values.number("GripperSpec.width_m", self.width_m, 1e-4, 1.0))
        values.instance("GripperSpec.command", self.command, CommandChannel)

    def opening(self, value: float) -> float:
        """A value of the gripper's joint on the wire as an opening, 0 closed to 1 open, not clipped."""
        return (value - self.closed) / (self.open - self.closed)

    def value(self, opening: float) -> float:
        """An opening, 0 closed to 1 open, as a value of the gripper's joint on the wire."""
        return self.closed + opening * (self.open - self.closed)


@dataclass(frozen=True, slots=True, eq=False)
class EndEffector(Value):
    """Where the end effector's frame is in the file of kinematics: at a ``site`` of an MJCF, or at a ``body``
    (a link of a URDF); ``position`` f64 (3,) [m] and ``quat_wxyz`` f64 (4,) in the frame of that."""

    site: str = ""
    body: str = ""
    position: F64 = field(default_factory=lambda: np.zeros(3))
    quat_wxyz: F64 = field(default_factory=lambda: np.array([1.0, 0.0, 0.0, 0.0]))

    def __post_init__(self) -> None:
        values.text("EndEffector.site", self.site)
        values.text("EndEffector.body", self.body)
        if bool(self.site.strip()) == bool(self.body.strip()):
            raise InvalidValueError(
                f"EndEffector: site {values.shown(self.site)}, body {values.shown(self.body)}, expected one"
            )
        set_field(self, "position", values.position("EndEffector.position", self.position))
        quat = values.array("EndEffector.quat_wxyz", self.quat_wxyz, np.float64, (4,))
        norm = float(np.linalg.norm(quat))
        if not abs(norm - 1.0) <= 1e-3:
            raise InvalidValueError(f"EndEffector.quat_wxyz: norm {norm:.4g}, expected 1")
        set_field(self, "quat_wxyz", quat)


@dataclass(frozen=True, slots=True)
class Withdraw:
    """How the hand leaves a place: up to ``height_m`` above the base [m], to ``carry_m`` with a thing in it,
    and ``aside_m`` to a side before it tries again."""

    height_m: float = 0.25
    carry_m: float = 0.15
    aside_m: float = 0.08

    def __post_init__(self) -> None:
        for name, low in (("height_m", 1e-3), ("carry_m", 1e-3), ("aside_m", 0.0)):
            set_field(self, name, values.number(f"Withdraw.{name}", getattr(self, name), low, 5.0))


Box = tuple[tuple[float, ...], tuple[float, ...]]
"""Lower and upper corner [m]."""


@dataclass(frozen=True, slots=True)
class Tabletop:
    """Where a simulator begins, and where it lays things out; only simulators read it. All [m, base frame];
    None: the simulator chooses, from ``home`` and the workspace.

    ``ready``: (x, y, z) of the hand at first, which points down; ``things``: two corners (x, y) of where the
    middles of things and tray are drawn; ``limits``: two corners (x, y) of where a scene of one's own may put
    them; ``starts``: two corners (x, y, z) of where the hand begins in demonstrations; ``most``: as many
    things are drawn at most.

    Raises:
        InvalidValueError: another number of coordinates, corners in the wrong order, or no thing at all.
    """

    ready: tuple[float, ...] | None = None
    things: Box | None = None
    limits: Box | None = None
    starts: Box | None = None
    most: int | None = None

    def __post_init__(self) -> None:
        if self.ready is not None:
            set_field(self, "ready", _point("Tabletop.ready", self.ready, 3))
        for name, count in (("things", 2), ("limits", 2), ("starts", 3)):
            if getattr(self, name) is not None:
                set_field(self, name, _box(f"Tabletop.{name}", getattr(self, name), count))
        if self.most is not None:
            set_field(self, "most", values.whole("Tabletop.most", self.most, 1, 1000))


def _point(name: str, value: object, count: int) -> tuple[float, ...]:
    point = tuple(values.number(name, v, -values.FAR_M, values.FAR_M) for v in values.sequence(name, value))
    if len(point) != count:
        raise InvalidValueError(f"{name}: {values.shown(value)}, expected {count} numbers [m]")
    return point


def _box(name: str, value: object, count: int) -> Box:
    corners = [_point(name, corner, count) for corner in values.sequence(name, value)]
    if len(corners) != 2 or not all(a <= b for a, b in zip(*corners, strict=True)):
        raise InvalidValueError(f"{name}: {values.shown(value)}, expected a lower and a higher corner [m]")
    return corners[0], corners[1]
