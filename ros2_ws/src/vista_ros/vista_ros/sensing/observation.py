"""Puts observations together from images and joint states, and names the silent sources."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState
from trajectory_msgs.msg import JointTrajectory

from vista.errors import InvalidValueError, StaleObservationError
from vista.robot.kinematics import Kinematics, matrix_to_pose
from vista.types import F32, U8, Observation, RobotSpec
from vista_ros import conversions as c
from vista_ros.node_base import VistaNode
from vista_ros.sensing.clock_offset import ClockOffsets
from vista_ros.sensing.gripper_command import GripperCommand
from vista_ros.sensing.joint_states import JointHistory
from vista_ros.sensing.picture_health import PictureHealth
from vista_ros.sensing.rectify import Rectifier, given_intrinsics, intrinsics_from_msg

# Best effort hears publishers of both kinds; most drivers of cameras publish best effort.
SENSOR_QOS = QoSProfile(depth=2, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)
JOINTS_QOS = QoSProfile(depth=20, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)
# An image without joints this near in time [ns] belongs to no known pose.
_APART_NS = 100_000_000


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
        self._images: dict[str, Image | CompressedImage] = {}
        self._joints = JointHistory(spec)
        self._rectifiers: dict[str, Rectifier] = {}
        self._command = GripperCommand()
        self._cameras = tuple(spec.cameras) if cameras else ()
        self._health = {camera: PictureHealth() for camera in self._cameras}
        self._names = {"joint states": f"joint states on {', '.join(map(repr, spec.state.topics))}"} | {
            camera: f"image from camera {camera!r} on {spec.cameras[camera].channel.image!r}"
            for camera in self._cameras
        }
        self._arrived = dict.fromkeys(self._names, -1e9)
        self._clocks = ClockOffsets(self._names, spec.state.max_clock_offset_s)
        for topic in spec.state.topics:
            node.subscribe(JointState, topic, self._on_joints, JOINTS_QOS)
        node.subscribe(JointTrajectory, "guard/command", self._on_sent, 10)
        for camera in self._cameras:
            self._listen_to(camera)

    def _listen_to(self, camera: str) -> None:
        channel = self.spec.cameras[camera].channel
        kind, topic = c.image_topic(channel)
        self._node.subscribe(kind, topic, lambda msg: self._on_image(camera, msg), SENSOR_QOS)
        given = given_intrinsics(self.spec.cameras[camera])
        if given is not None:
            self._rectifiers[camera] = Rectifier(given, self.spec.cameras[camera])
        else:
            self._node.subscribe(CameraInfo, channel.info, lambda msg: self._on_info(camera, msg), SENSOR_QOS)

    def _on_joints(self, msg: JointState) -> None:
        stamp_ns, now_ns = c.time_from_msg(msg.header.stamp), self._node.now_ns()
        with self._ready:
            if self._joints.add(msg):
                self._clocks.note("joint states", stamp_ns, now_ns)
                self._arrived["joint states"] = time.monotonic()
                self._ready.notify_all()

    def _on_image(self, camera: str, msg: Image | CompressedImage) -> None:
        now_ns = self._node.now_ns()
        with self._ready:
            self._images[camera] = msg
            self._clocks.note(camera, c.time_from_msg(msg.header.stamp), now_ns)
            self._arrived[camera] = time.monotonic()
            self._ready.notify_all()

    def _on_info(self, camera: str, msg: CameraInfo) -> None:
        found = intrinsics_from_msg(msg, camera)
        with self._ready:
            known = self._rectifiers.get(camera)
            if known is None or not known.source.same(found):
                self._rectifiers[camera] = Rectifier(found, self.spec.cameras[camera])
                self._ready.notify_all()

    def _on_sent(self, msg: JointTrajectory) -> None:
        self._command.add(self._node.now_ns(), c.chunk_from_msg(msg, self.spec))

    def _pick(self, newer_than_ns: int) -> tuple[c.JointReading, dict[str, Image | CompressedImage]] | None:
        """Images and the joints at their time, all newer than ``newer_than_ns``; the lock is held."""
        last, now_ns = self._joints.newest(), self._node.now_ns()
        if last is None:
            return None
        if not self._cameras:
            fresh = last.stamp_ns > newer_than_ns and not self._clocks.too_far_ahead(last.stamp_ns, now_ns)
            return (last, {}) if fresh else None
        if len(self._images) < len(self._cameras) or len(self._rectifiers) < len(self._cameras):
            return None
        stamps = [c.time_from_msg(image.header.stamp) for image in self._images.values()]
        if min(stamps) <= newer_than_ns or max(stamps) - min(stamps) > _APART_NS:
            return None
        near = self._joints.at(stamps[0], _APART_NS)
        if near is None or self._clocks.too_far_ahead(max(*stamps, near.stamp_ns), now_ns):
            return None
        return near, dict(self._images)

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
            if (last := self._joints.newest()) is None:
                raise StaleObservationError(f"no {self._names['joint states']} yet")
            return last

    def clocks(self) -> str | None:
        """Which drivers' clocks are not this node's, and by how much; None: all are."""
        with self._ready:
            return self._clocks.told()

    def silent(self, for_s: float) -> str | None:
        """Which sources have said nothing for ``for_s`` [s]; None when all speak."""
        return ", ".join(self._silent_names(for_s)) or None

    def _silent_names(self, for_s: float) -> list[str]:
        now = time.monotonic()
        silent = [self._told(key) for key, at in self._arrived.items() if now - at >= for_s]
        infos = (
            self.spec.cameras[name].channel.info for name in self._cameras if name not in self._rectifiers
        )
        return [*silent, *(f"camera_info on {info!r}" for info in infos)]

    def _told(self, key: str) -> str:
        """The source ``key`` in words, with the joints that it has not told."""
        missing = self._joints.missing() if key == "joint states" else []
        partly = 0 < len(missing) <= len(self.spec.joints)
        return f"{self._names[key]} of {', '.join(missing)}" if partly else self._names[key]

    def _why(self, timeout_s: float) -> str:
        silent = self._silent_names(timeout_s) or self._silent_names(timeout_s / 2)
        if not silent and (offset := self.clocks()) is not None:
            return f"no fresh observation for {timeout_s:g} s: {offset}"
        if not silent:
            return f"no fresh observation for {timeout_s:g} s: images and joint states are not of one time"
        missing = f"no {', '.join(silent)} for {timeout_s:g} s"
        if len(silent) == len(self._names) and (stalled := self._node.clock_stalled_s()) > 0.5:
            # Everything at once: not a cable, but the robot (or its simulator) itself.
            return f"{missing}; the robot's clock stands still since {stalled:.1f} s"
        return missing

    def _image(self, camera: str, msg: Image | CompressedImage, joints: c.JointReading) -> U8:
        try:
            made = self._rectifiers[camera](c.image_of(msg))
        except InvalidValueError as error:
            raise StaleObservationError(f"camera {camera!r}: {error}") from error
        with self._ready:
            wrong = self._health[camera].wrong(made, joints.position, c.time_from_msg(msg.header.stamp))
        if wrong is not None:
            raise StaleObservationError(f"camera {camera!r} {wrong}")
        return made

    def _assemble(self, joints: c.JointReading, images: dict[str, Image | CompressedImage]) -> Observation:
        stamp = min(
            (c.time_from_msg(image.header.stamp) for image in images.values()), default=joints.stamp_ns
        )
        command = self._command.at(stamp)
        if command is None:
            command = float(joints.gripper > 0.5)
        return Observation(
            stamp_ns=stamp,
            images={name: self._image(name, image, joints) for name, image in images.items()},
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
