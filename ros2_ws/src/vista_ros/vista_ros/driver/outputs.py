"""What the drivers of an arm and of its cameras publish, with the faults that they were given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, JointState

from vista.types import U8, CameraSpec, RobotSpec, Transport
from vista_ros import conversions as c
from vista_ros.driver.faults import CameraFault, Faults, JointFault, reliability
from vista_ros.node_base import VistaNode

JOINTS_QOS = QoSProfile(depth=5, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE)
# Measured: reliable with depth 1 loses no 256 x 256 image and never queues old ones.
IMAGE_QOS = QoSProfile(depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE)


class DriverOutputs:
    """Publishers of joint states, images and camera_info on the topics of a contract. They take the
    parameters ``joints_reliability`` and ``image_reliability`` of the node."""

    def __init__(self, node: VistaNode, spec: RobotSpec) -> None:
        self._spec, self._node = spec, node
        self._random = np.random.default_rng(0)
        self._joints = self._publisher(JointState, spec.state.topics[0], "joints_reliability", JOINTS_QOS)
        self._images, self._infos, self._kept = {}, {}, {}
        self._messages: dict[str, Image] = {}
        for name, camera in spec.cameras.items():
            channel = camera.channel
            kind, topic = c.image_topic(channel)
            self._images[name] = self._publisher(kind, topic, "image_reliability", IMAGE_QOS)
            self._infos[name] = self._publisher(CameraInfo, channel.info, "image_reliability", IMAGE_QOS)

    def _publisher(self, kind: type, topic: str, parameter: str, qos: QoSProfile):  # type: ignore[no-untyped-def]
        out = self._node.create_publisher(kind, topic, reliability(self._node, parameter, qos))
        return self._node.owns(out, self._node.destroy_publisher)

    def tell_joints(self, reading: c.JointReading, faults: Faults) -> None:
        """Publish the joint states of ``reading``."""
        if faults.joints_silent:
            return
        late = replace(reading, stamp_ns=reading.stamp_ns + round(faults.clock_offset_s * c.NS))
        msg = c.joint_state_to_msg(late, self._spec)
        for name, fault in faults.joints.items():
            at = list(msg.name).index(name)
            if fault is JointFault.NAN:
                msg.position[at] = float("nan")
            else:
                msg.name = [*msg.name[:at], *msg.name[at + 1 :]]
                for values in (msg.position, msg.velocity):
                    del values[at]
        self._joints.publish(msg)

    def tell_images(self, images: Mapping[str, U8], stamp_ns: int, faults: Faults) -> None:
        """Publish ``images`` of one time, each with its camera_info."""
        stamp_ns += round(faults.clock_offset_s * c.NS)
        for name, image in images.items():
            seen = self._seen(name, image, faults.cameras.get(name))
            if seen is None or self._random.random() < faults.dropped:
                continue
            camera = self._spec.cameras[name]
            if camera.channel.transport is Transport.COMPRESSED:
                msg = c.compressed_to_msg(seen)
                msg.header.stamp, msg.header.frame_id = c.time_to_msg(stamp_ns), name
            else:
                msg = c.image_to_msg(seen, stamp_ns, name, self._messages.get(name), faults.encoding)
                self._messages[name] = msg
            self._images[name].publish(msg)
            info = camera_info(camera)
            info.header = msg.header
            self._infos[name].publish(info)

    def _seen(self, name: str, image: U8, fault: CameraFault | None) -> U8 | None:
        if fault is CameraFault.FROZEN:
            return self._kept.setdefault(name, image.copy())
        self._kept.pop(name, None)
        if fault is CameraFault.SILENT:
            return None
        if fault is CameraFault.BLACK:
            return np.zeros_like(image)
        return np.ascontiguousarray(image[::-1, ::-1]) if fault is CameraFault.UPSIDE_DOWN else image


def camera_info(camera: CameraSpec) -> CameraInfo:
    """The intrinsics of the contract, as a driver whose camera has just these tells them."""
    k = [float(v) for v in camera.K.ravel()]
    return CameraInfo(
        width=camera.width, height=camera.height, k=k, distortion_model="plumb_bob", d=[0.0] * 5,
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], p=[*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0],
    )  # fmt: skip
