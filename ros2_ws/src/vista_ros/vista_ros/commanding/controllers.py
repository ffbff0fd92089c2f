"""The controllers of the arm and of its gripper, as the guard speaks to them."""

from __future__ import annotations

from typing import Any

import numpy as np

from vista.types import F32, ActionChunk, ActionSpace, CommandChannel, CommandKind, RobotSpec
from vista_ros import conversions as c
from vista_ros.commanding.gripper_action import GripperAction
from vista_ros.commanding.streaming import PERIOD_S, RowStream
from vista_ros.node_base import VistaNode


class Controllers:
    """Sends chunks on the channels of the contract. ``others``: who else does, in words, or None."""

    def __init__(self, node: VistaNode, spec: RobotSpec) -> None:
        self._node, self._spec = node, spec
        channel = spec.gripper.command
        self._arm = self._publisher(spec.arm_command)
        self._action = GripperAction(node, spec) if channel.is_action else None
        alone = not channel.is_action and channel.kind is not CommandKind.WITH_ARM
        self._gripper = self._publisher(channel) if alone else None
        self.others: str | None = None
        self._stream = RowStream() if spec.arm_command.kind is CommandKind.FORWARD_POSITION else None
        if self._stream is not None:
            node.every(PERIOD_S, self._tell_due, "forward positions")

    def _publisher(self, channel: CommandChannel) -> Any:
        out = self._node.create_publisher(c.command_type(channel), channel.topic, 1)
        return self._node.owns(out, self._node.destroy_publisher)

    def look_around(self) -> None:
        """Look who else commands the arm; :attr:`others` says it, None while nobody does."""
        own = self._node.get_fully_qualified_name()
        found = []
        for out in (self._arm, self._gripper):
            if out is None or self._node.count_publishers(out.topic_name) < 2:
                continue
            names = sorted(
                f"{each.node_namespace.rstrip('/')}/{each.node_name}"
                for each in self._node.get_publishers_info_by_topic(out.topic_name)
            )
            names.remove(own)
            found.append(f"{', '.join(names)} commands {out.topic_name!r}, too")
        self.others = "; ".join(found) or None

    def missing(self) -> str | None:
        """Which controllers are not there, by their topics or actions; None when all are."""
        missing = []
        for name, out in (("arm", self._arm), ("gripper", self._gripper)):
            if out is not None and not out.get_subscription_count():
                missing.append(f"nobody subscribes to {out.topic_name!r}, the command of the {name}")
        if self._action is not None and not self._action.ready():
            missing.append(f"nobody serves the action {self._action.name!r} of the gripper")
        return "; ".join(missing) or None

    def send(self, chunk: ActionChunk, here: F32, *, gripper_action: bool = True) -> None:
        """Send ``chunk`` (JOINT_POSITION) to an arm at ``here`` (J,) [rad]. A forward controller gets the
        ways between its rows, :data:`PERIOD_S` apart, until the last one; an action is told of the first
        opening, when it is another one, unless ``gripper_action`` is False."""
        arm, gripper = c.controller_commands(chunk, self._spec)
        if self._stream is not None:
            start = np.append(here.astype(np.float64), chunk.actions[0, -1])
            self._stream.replace(chunk.actions.astype(np.float64), chunk.dt_s, start)
        else:
            self._arm.publish(arm)
        if self._gripper is not None:
            self._gripper.publish(gripper)
        if self._action is not None and gripper_action:
            self._action.send(float(chunk.actions[0, -1]))

    def _tell_due(self) -> None:
        assert self._stream is not None
        row = self._stream.due()
        if row is not None:
            one = ActionChunk(row[None], PERIOD_S, ActionSpace.JOINT_POSITION, self._node.now_ns())
            self._arm.publish(c.controller_commands(one, self._spec)[0])

    def halt(self) -> None:
        """End what goes on without a further command: the ways of a forward controller, and the goal of a
        gripper's action that is under way. One that holds a thing goes on holding it."""
        if self._stream is not None:
            self._stream.clear()
        if self._action is not None:
            self._action.halt()
