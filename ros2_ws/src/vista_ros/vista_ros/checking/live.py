"""Whether the drivers around a robot offer what its contract says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState

from vista.assembly.robot_check import Checked, Finding
from vista.errors import StaleObservationError, VistaError
from vista.types import CommandChannel, CommandKind, RobotSpec
from vista_ros import conversions as c
from vista_ros.checking.heard import Heard
from vista_ros.node_base import VistaNode
from vista_ros.sensing.clock_offset import BEHIND_S
from vista_ros.sensing.observation import ObservationSource

SLOWEST = 0.8
"""Joints or images that come more rarely than this share of ``control_hz`` are too slow to act upon."""
OUTSIDE_RAD = 0.02
OUTSIDE_GRIPPER = 0.1
"""A gripper that is farther outside of open and closed than this share of its travel has other numbers."""


class LiveCheck:
    """Listens from its making on; :meth:`rows` after a while."""

    def __init__(self, node: VistaNode, spec: RobotSpec) -> None:
        self._node, self._spec = node, spec
        self._joints = [Heard(node, JointState, topic) for topic in spec.state.topics]
        self._images, self._infos = {}, {}
        for name, camera in spec.cameras.items():
            kind, topic = c.image_topic(camera.channel)
            self._images[name] = Heard(node, kind, topic)
            if camera.channel.K is None:
                self._infos[name] = Heard(node, CameraInfo, camera.channel.info)
        self._source = ObservationSource(node, spec)

    def rows(self) -> tuple[Checked, ...]:
        """One row a source of data and a command, and one for what the stack would see."""
        return (
            *self._joint_rows(), *self._camera_rows(), self._command_row("arm", self._spec.arm_command),
            *self._gripper_rows(), self._observation_row(),
        )  # fmt: skip

    # --- joints ---
    def _joint_rows(self) -> Iterator[Checked]:
        told: dict[str, float] = {}
        for heard in self._joints:
            what = f"{heard.topic}"
            yield self._stream(what, heard, "sensor_msgs/msg/JointState")
            told |= heard.positions
        if told:
            yield self._named(told)
            yield from self._within(told)

    def _named(self, told: dict[str, float]) -> Checked:
        wanted = [*self._spec.wire_names, self._spec.gripper_wire]
        missing = [name for name in wanted if name not in told]
        if missing:
            there = ", ".join(sorted(told)) or "none"
            return Checked("joints", Finding.WRONG, f"{', '.join(missing)} not told; there are {there}")
        return Checked("joints", Finding.OK, f"all {len(wanted)} are told")

    def _within(self, told: dict[str, float]) -> Iterator[Checked]:
        wrong = []
        for joint, wire in zip(self._spec.joints, self._spec.wire_names, strict=True):
            if wire not in told:
                continue
            at = joint.from_wire(told[wire])
            if not joint.lower - OUTSIDE_RAD <= at <= joint.upper + OUTSIDE_RAD:  # NaN, too
                wrong.append(f"{wire} at {at:.3f}, limits {joint.lower:g} to {joint.upper:g} rad")
        said = f"outside: {'; '.join(wrong)}; are unit, sign and offset right?" if wrong else "inside"
        yield Checked("limits now", Finding.WRONG if wrong else Finding.OK, said)
        gripper = self._spec.gripper
        if self._spec.gripper_wire in told:
            value = told[self._spec.gripper_wire]
            opening = gripper.opening(value)
            right = -OUTSIDE_GRIPPER <= opening <= 1 + OUTSIDE_GRIPPER
            said = (
                f"{value:.4g}, that is {opening:.0%} open (open {gripper.open:g}, closed {gripper.closed:g})"
            )
            yield Checked("gripper now", Finding.OK if right else Finding.WRONG, said)

    # --- cameras ---
    def _camera_rows(self) -> Iterator[Checked]:
        for name, heard in self._images.items():
            kind = "CompressedImage" if heard.topic.endswith("/compressed") else "Image"
            yield self._stream(heard.topic, heard, f"sensor_msgs/msg/{kind}")
            if heard.last is not None:
                yield self._picture(name, heard.last)
            if name in self._infos:
                info = self._infos[name]
                if info.count:
                    size = f"{info.last.width} x {info.last.height}"  # type: ignore[attr-defined]
                    yield Checked(info.topic, Finding.OK, f"intrinsics for {size} px")
                else:
                    yield Checked(
                        info.topic, Finding.WRONG, f"nothing heard{self._who_publishes(info.topic)}"
                    )

    def _picture(self, name: str, msg: Image | CompressedImage) -> Checked:
        what = f"camera {name}"
        try:
            image = c.image_of(msg)
        except VistaError as error:
            return Checked(what, Finding.WRONG, str(error))
        coding = msg.encoding if isinstance(msg, Image) else msg.format
        said = f"{image.shape[1]} x {image.shape[0]} px, {coding}"
        if int(image.max()) - int(image.min()) < 8:
            return Checked(what, Finding.NOTE, f"{said}; all of one colour: is the lens covered?")
        return Checked(what, Finding.OK, said)

    # --- streams ---
    def _stream(self, what: str, heard: Heard, kind: str) -> Checked:
        other = [each for each in self._types(heard.topic) if each != kind]
        if other:
            return Checked(what, Finding.WRONG, f"is of type {', '.join(other)}, expected {kind}")
        if not heard.count:
            return Checked(what, Finding.WRONG, f"nothing heard{self._who_publishes(heard.topic)}")
        said = [f"{heard.rate_hz:.1f} Hz{self._who_publishes(heard.topic)}"]
        finding, ahead = Finding.OK, heard.ahead_s
        if heard.rate_hz < SLOWEST * self._spec.control_hz:
            finding = Finding.WRONG
            said.append(f"too rare for control_hz {self._spec.control_hz:g}")
        if ahead > self._spec.state.max_clock_offset_s:
            finding = Finding.WRONG
            most = self._spec.state.max_clock_offset_s
            said.append(f"stamped {ahead:.3f} s ahead of this computer's clock, at most {most:g} s")
        elif ahead < -BEHIND_S:
            finding = Finding.WRONG
            said.append(f"stamped {-ahead:.3f} s behind this computer's clock, at most {BEHIND_S:g} s")
        else:
            said.append(f"stamps {abs(ahead) * 1e3:.0f} ms {'ahead' if ahead > 0 else 'old'}")
        return Checked(what, finding, "; ".join(said))

    def _types(self, topic: str) -> list[str]:
        full = self._node.resolve_topic_name(topic)
        return dict(self._node.get_topic_names_and_types()).get(full, [])

    def _who_publishes(self, topic: str) -> str:
        """Who publishes ``topic``, and how; each topic has this node's own subscription, too."""
        found = self._node.get_publishers_info_by_topic(self._node.resolve_topic_name(topic))
        if not found:
            return "; nobody publishes it"
        who = ", ".join(
            f"{_name(each)} ({'best effort' if _best_effort(each) else 'reliable'})" for each in found
        )
        return f" from {who}"

    # --- commands ---
    def _command_row(self, what: str, channel: CommandChannel) -> Checked:
        kind = "std_msgs/msg/Float64MultiArray" if channel.kind is CommandKind.FORWARD_POSITION else (
            "trajectory_msgs/msg/JointTrajectory"
        )  # fmt: skip
        full = self._node.resolve_topic_name(channel.topic)
        subscribers = self._node.get_subscriptions_info_by_topic(full)
        if not subscribers:
            return Checked(
                f"{what} command", Finding.WRONG, f"nobody subscribes to {channel.topic!r}{self._like(kind)}"
            )
        other = sorted({each.topic_type for each in subscribers} - {kind})
        if other:
            return Checked(
                f"{what} command", Finding.WRONG, f"{channel.topic!r} takes {', '.join(other)}, not {kind}"
            )
        who = ", ".join(_name(each) for each in subscribers)
        publishers = sorted(
            _name(each) for each in self._node.get_publishers_info_by_topic(full)
            if each.node_name != "guard"
        )  # fmt: skip
        if publishers:
            others = ", ".join(publishers)
            return Checked(f"{what} command", Finding.WRONG, f"{others} commands it, too, beside the guard")
        return Checked(f"{what} command", Finding.OK, f"{channel.topic!r} is taken by {who}")

    def _like(self, kind: str) -> str:
        """Which topics of ``kind`` somebody subscribes to: where the controller may listen."""
        own = self._node.get_fully_qualified_name()
        there = sorted(
            name for name, kinds in self._node.get_topic_names_and_types()
            if kind in kinds
            and any(_name(each) != own for each in self._node.get_subscriptions_info_by_topic(name))
        )  # fmt: skip
        return f"; of that type are taken: {', '.join(there)}" if there else ""

    def _gripper_rows(self) -> Iterator[Checked]:
        channel = self._spec.gripper.command
        if channel.kind is CommandKind.WITH_ARM:
            return
        if not channel.is_action:
            yield self._command_row("gripper", channel)
            return
        action = f"{self._node.resolve_topic_name(channel.topic)}/_action/send_goal"
        served = dict(self._node.get_service_names_and_types())
        wanted = f"control_msgs/action/{c.gripper_action_type(channel).__name__}_SendGoal"
        if action not in served:
            there = [name.removesuffix("/_action/send_goal") for name, kinds in served.items()
                     if any(kind.startswith("control_msgs/action/") for kind in kinds)]  # fmt: skip
            others = f"; there are {', '.join(sorted(there))}" if there else ""
            said = f"nobody serves the action {channel.topic!r}{others}"
            yield Checked("gripper command", Finding.WRONG, said)
        elif wanted not in served[action]:
            kinds = ", ".join(kind.removesuffix("_SendGoal") for kind in served[action])
            said = f"the action {channel.topic!r} is of type {kinds}, not {wanted.removesuffix('_SendGoal')}"
            yield Checked("gripper command", Finding.WRONG, said)
        else:
            yield Checked("gripper command", Finding.OK, f"the action {channel.topic!r} is served")

    # --- all of it ---
    def _observation_row(self) -> Checked:
        try:
            obs = self._source.wait(timeout_s=2.0)
        except StaleObservationError as error:
            return Checked("observation", Finding.WRONG, str(error))
        at = np.round(obs.ee_pose.position, 3).tolist()
        low, high = self._spec.workspace
        inside = bool(((obs.ee_pose.position >= low) & (obs.ee_pose.position <= high)).all())
        where = "" if inside else ", outside the workspace: bring it inside before a task"
        said = f"{', '.join(obs.images) or 'no images'} and joints of one time; the hand is at {at} m{where}"
        return Checked("observation", Finding.OK if inside else Finding.NOTE, said)


def _name(info: Any) -> str:
    return f"{info.node_namespace.rstrip('/')}/{info.node_name}"


def _best_effort(info: Any) -> bool:
    return info.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
