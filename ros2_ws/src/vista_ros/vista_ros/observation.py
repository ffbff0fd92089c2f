"""Puts observations together from images and joint states, and names the silent sources."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import numpy as np
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image, JointState
from trajectory_msgs.msg import JointTrajectory

from vista.errors import StaleObservationError
from vista.robot.kinematics import Kinematics, matrix_to_pose
from vista.types import F32, CommandKind, Observation, RobotSpec
from vista_ros import conversions as c
from vista_ros.node_base import VistaNode

# Measured: reliable with depth 1 loses no 256 x 256 image and never queues old ones.
IMAGE_QOS = QoSProfile(depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE)
# An image without joints this near in time [ns] belongs to no known pose.
_APART_NS = 100_000_000


class GripperCommand:
    """The opening that is commanded at any time, from the trajectories for the gripper's controller.

    A point holds from the one before it until it is due; the last one goes on.
    """

    def __init__(self) -> None:
        self._points: deque[tuple[int, float]] = deque(maxlen=100)
        self._lock = threading.Lock()

    def add(self, arrived_ns: int, msg: c.ControllerCommand, spec: RobotSpec) -> None:
        """Raises InvalidValueError for a command that is none of this gripper's; nothing is kept of it."""
        told = c.gripper_points(msg, spec)
        points = [
            (arrived_ns + round(due_s * c.NS), float(opening))
            for due_s, opening in zip(told.due_s, told.rows[:, 0], strict=True)
        ]
        with self._lock:  # a new trajectory replaces the rest of the last one
            kept = [(due, value) for due, value in self._points if due <= arrived_ns]
            self._points = deque([*kept, *points], maxlen=100)

    def at(self, stamp_ns: int) -> float | None:
        """The opening commanded at ``stamp_ns``; None before the first command."""
        with self._lock:
            for due, value in self._points:
                if due >= stamp_ns:
                    return value
            return self._points[-1][1] if self._points else None


class ObservationSource:
    """The newest images, joints and gripper command of one robot, as an :class:`Observation` on demand.

    Args:
        node: Whose subscriptions these are; they end with it.
        lost: Who is gone, in words, or None: ``Peers.lost``.
        cameras: False for those who need the joints only.
    """

    def __init__(
        self,
        node: VistaNode,
        spec: RobotSpec,
        lost: Callable[[], str | None] = lambda: None,
        *,
        cameras: bool = True,
    ) -> None:
        self.spec, self._node, self._lost = spec, node, lost
        self._kinematics = Kinematics(spec)
        self._solving = threading.Lock()
        self._ready = threading.Condition()
        self._images: dict[str, Image] = {}
        self._joints: deque[c.JointReading] = deque(maxlen=50)
        self._command = GripperCommand()
        self._cameras = tuple(spec.cameras) if cameras else ()
        self._names = {"joint states": f"joint states on {', '.join(map(repr, spec.state.topics))}"} | {
            camera: f"image from camera {camera!r} on {spec.cameras[camera].channel.image!r}"
            for camera in self._cameras
        }
        self._arrived = dict.fromkeys(self._names, -1e9)
        for topic in spec.state.topics:
            node.subscribe(JointState, topic, self._on_joints, 10)
        with_arm = spec.gripper.command.kind is CommandKind.WITH_ARM
        command = spec.arm_command if with_arm else spec.gripper.command
        node.subscribe(c.command_type(command), command.topic, self._on_command, 10)
        for camera in self._cameras:
            topic = spec.cameras[camera].channel.image
            node.subscribe(Image, topic, lambda msg, name=camera: self._on_image(name, msg), IMAGE_QOS)

    def _on_joints(self, msg: JointState) -> None:
        reading = c.joint_state_from_msg(msg, self.spec)
        with self._ready:
            if self._joints and reading.stamp_ns < self._joints[-1].stamp_ns:
                self._joints.clear()  # the robot's clock was set back
            self._joints.append(reading)
            self._arrived["joint states"] = time.monotonic()
            self._ready.notify_all()

    def _on_image(self, camera: str, msg: Image) -> None:
        with self._ready:
            self._images[camera] = msg
            self._arrived[camera] = time.monotonic()
            self._ready.notify_all()

    def _on_command(self, msg: c.ControllerCommand) -> None:
        if not isinstance(msg, JointTrajectory) or msg.points:
            self._command.add(self._node.now_ns(), msg, self.spec)

    def _pick(self, newer_than_ns: int) -> tuple[c.JointReading, dict[str, Image]] | None:
        """Images and the joints nearest to them, all newer than ``newer_than_ns``; the lock is held."""
        if not self._joints:
            return None
        if not self._cameras:
            last = self._joints[-1]
            return (last, {}) if last.stamp_ns > newer_than_ns else None
        if len(self._images) < len(self._cameras):
            return None
        stamps = [c.time_from_msg(image.header.stamp) for image in self._images.values()]
        if min(stamps) <= newer_than_ns or max(stamps) - min(stamps) > _APART_NS:
            return None
        near = min(self._joints, key=lambda reading: abs(reading.stamp_ns - stamps[0]))
        return (near, dict(self._images)) if abs(near.stamp_ns - stamps[0]) <= _APART_NS else None

    def wait(self, newer_than_ns: int = -1, timeout_s: float = 1.0) -> Observation:
        """The newest observation, newer than ``newer_than_ns`` [ns].

        Raises:
            StaleObservationError: none came within ``timeout_s`` [s]; who is gone and the silent sources are
                named.
        """
        deadline = time.monotonic() + timeout_s
        self._node.clock_stalled_s()  # looks at the clock, so that its standstill is known from here on
        with self._ready:
            while (found := self._pick(newer_than_ns)) is None or self.silent(timeout_s):
                left = deadline - time.monotonic()
                if left <= 0:
                    # Where a node is gone, what it leaves undone is not the cause.
                    why, lost = self._why(timeout_s), self._lost()
                    raise StaleObservationError(f"{lost}; {why}" if lost else why)
                self._ready.wait(left)
        return self._assemble(*found)

    def joints(self) -> c.JointReading:
        """The newest joints.

        Raises:
            StaleObservationError: there are none yet.
        """
        with self._ready:
            if not self._joints:
                raise StaleObservationError(f"no {self._names['joint states']} yet")
            return self._joints[-1]

    def silent(self, for_s: float) -> str | None:
        """Which sources have said nothing for ``for_s`` [s]; None when all speak."""
        return ", ".join(self._silent_names(for_s)) or None

    def _silent_names(self, for_s: float) -> list[str]:
        now = time.monotonic()
        return [self._names[k] for k, t in self._arrived.items() if now - t >= for_s]

    def _why(self, timeout_s: float) -> str:
        silent = self._silent_names(timeout_s) or self._silent_names(timeout_s / 2)
        if not silent:
            return f"no fresh observation for {timeout_s:g} s: images and joint states are not of one time"
        missing = f"no {', '.join(silent)} for {timeout_s:g} s"
        if len(silent) == len(self._names) and (stalled := self._node.clock_stalled_s()) > 0.5:
            # Everything at once: not a cable, but the robot (or its simulator) itself.
            return f"{missing}; the robot's clock stands still since {stalled:.1f} s"
        return missing

    def _assemble(self, joints: c.JointReading, images: dict[str, Image]) -> Observation:
        stamp = min(
            (c.time_from_msg(image.header.stamp) for image in images.values()), default=joints.stamp_ns
        )
        command = self._command.at(stamp)
        if command is None:
            command = float(joints.gripper > 0.5)
        return Observation(
            stamp_ns=stamp,
            images={name: c.image_from_msg(image) for name, image in images.items()},
            joint_pos=joints.position,
            joint_vel=joints.velocity,
            gripper=joints.gripper,
            ee_pose=matrix_to_pose(self.forward(joints.position), self.spec.base_frame),
            gripper_command=command,
            gripper_vel=joints.gripper_vel,
        )

    def forward(self, joints: F32) -> np.ndarray:
        """End-effector pose (4, 4) in the base frame. Safe from any thread."""
        with self._solving:
            return self._kinematics.forward(np.asarray(joints, np.float64))
