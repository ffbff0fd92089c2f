"""The arm's joints over the last second, from one topic of joint states or from several."""

from __future__ import annotations

import bisect

import numpy as np
from sensor_msgs.msg import JointState

from vista.errors import InvalidValueError
from vista.types import RobotSpec
from vista_ros import conversions as c

KEPT_NS = 1_000_000_000
APART_NS = 500_000_000
"""Parts of a reading that were told farther apart than this [ns] make none: one of them is silent."""


class JointHistory:
    """Readings of the joints in the order of their stamps. Not for several threads at once.

    The arm and the gripper may be told in messages of their own: a reading is made when each joint of the
    contract has been told, with the stamp of its oldest part.
    """

    def __init__(self, spec: RobotSpec) -> None:
        self._spec = spec
        self._wanted = (*spec.wire_names, spec.gripper_wire)
        self._parts: dict[str, tuple[int, float, float]] = {}
        self._told_ns: dict[str, int] = {}
        self._readings: list[c.JointReading] = []

    def add(self, msg: JointState) -> bool:
        """Take a message; whether it made a new reading.

        Raises:
            InvalidValueError: positions that do not fit the names, or numbers that are none.
        """
        self._note(msg)
        if set(self._wanted) <= set(msg.name):
            self._keep(c.joint_state_from_msg(msg, self._spec))
            return True
        if len(msg.position) != len(msg.name):
            raise InvalidValueError(
                f"joint state of {self._spec.name}: {len(msg.position)} positions for {list(msg.name)}"
            )
        stamp_ns = c.time_from_msg(msg.header.stamp)
        rates = msg.velocity if len(msg.velocity) == len(msg.name) else [0.0] * len(msg.name)
        told = {
            n: (stamp_ns, float(p), float(r)) for n, p, r in zip(msg.name, msg.position, rates, strict=True)
        }
        told = {name: part for name, part in told.items() if name in self._wanted}
        if not told:
            return False
        self._parts |= told
        if len(self._parts) < len(self._wanted):
            return False
        parts = [self._parts[name] for name in self._wanted]
        oldest = min(part[0] for part in parts)
        if max(part[0] for part in parts) - oldest > APART_NS:
            return False
        if self._readings and oldest <= self._readings[-1].stamp_ns and oldest + APART_NS > stamp_ns:
            return False  # the slower topic has said nothing new
        whole = JointState(name=list(self._wanted))
        whole.header.stamp = c.time_to_msg(oldest)
        whole.position = [part[1] for part in parts]
        whole.velocity = [part[2] for part in parts]
        self._keep(c.joint_state_from_msg(whole, self._spec))
        return True

    def _note(self, msg: JointState) -> None:
        stamp_ns = c.time_from_msg(msg.header.stamp)
        if stamp_ns < max(self._told_ns.values(), default=0) - KEPT_NS:
            self._told_ns.clear()  # the robot's clock was set back
        self._told_ns |= {name: stamp_ns for name in msg.name if name in self._wanted}

    def missing(self) -> list[str]:
        """The joints, by their names on the wire, that no message has told, or none of late."""
        late_ns = max(self._told_ns.values(), default=0) - APART_NS
        return [name for name in self._wanted if self._told_ns.get(name, -1) < max(late_ns, 0)]

    def newest(self) -> c.JointReading | None:
        """The last reading; None: there is none yet."""
        return self._readings[-1] if self._readings else None

    def at(self, stamp_ns: int, apart_ns: int) -> c.JointReading | None:
        """The joints at ``stamp_ns`` [ns]: between two readings on the line from one to the other, else the
        nearest; None: none is within ``apart_ns``."""
        stamps = [reading.stamp_ns for reading in self._readings]
        i = bisect.bisect_left(stamps, stamp_ns)
        near = min(
            self._readings[max(i - 1, 0) : i + 1], key=lambda r: abs(r.stamp_ns - stamp_ns), default=None
        )
        if near is None or abs(near.stamp_ns - stamp_ns) > apart_ns:
            return None
        if near.stamp_ns == stamp_ns or not 0 < i < len(stamps):
            return near
        return _between(self._readings[i - 1], self._readings[i], stamp_ns)

    def _keep(self, reading: c.JointReading) -> None:
        if self._readings and reading.stamp_ns < self._readings[-1].stamp_ns:
            self._readings.clear()  # the robot's clock was set back
        self._readings.append(reading)
        while reading.stamp_ns - self._readings[0].stamp_ns > KEPT_NS:
            del self._readings[0]


def _between(one: c.JointReading, other: c.JointReading, stamp_ns: int) -> c.JointReading:
    share = np.float32((stamp_ns - one.stamp_ns) / (other.stamp_ns - one.stamp_ns))
    return c.JointReading(
        stamp_ns,
        one.position + share * (other.position - one.position),
        one.velocity + share * (other.velocity - one.velocity),
        float(one.gripper + share * (other.gripper - one.gripper)),
        float(one.gripper_vel + share * (other.gripper_vel - one.gripper_vel)),
    )
