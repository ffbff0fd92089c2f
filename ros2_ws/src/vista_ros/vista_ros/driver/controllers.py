"""The controllers of an arm and of its gripper, as they take commands over ROS."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from control_msgs.action import GripperCommand
from rclpy.action import CancelResponse, GoalResponse

from vista.errors import VistaError
from vista.types import CommandKind, RobotSpec
from vista_ros import conversions as c
from vista_ros.actions import CalmServer
from vista_ros.driver.following import CommandFollower, GripperEnd, GripperGoalWatch
from vista_ros.node_base import VistaNode

LOOK_S = 0.02


class DriverControllers:
    """Takes the commands on the channels of a contract.

    Args:
        node: Whose subscriptions and servers these are.
        spec: The contract.
        follower: The one that follows now, its time [s], and the joints as they are measured.
        epoch_ns: What the driver's time 0 is on the robot's clock [ns].
    """

    def __init__(
        self,
        node: VistaNode,
        spec: RobotSpec,
        follower: Callable[[], tuple[CommandFollower, float, c.JointReading]],
        epoch_ns: Callable[[], int],
    ) -> None:
        self._node, self._spec, self._follower, self._epoch_ns = node, spec, follower, epoch_ns
        self._lock, self._goal = threading.Lock(), 0
        arm, gripper = spec.arm_command, spec.gripper.command
        self._with_arm = gripper.kind is CommandKind.WITH_ARM
        elsewhere = "_elsewhere" if node.param("wrong_topic", False) else ""
        node.subscribe(c.command_type(arm), arm.topic + elsewhere, self._on_arm, 10)
        if gripper.is_action:
            server = CalmServer(
                node, c.gripper_action_type(gripper), gripper.topic, self._execute,
                callback_group=node.group, goal_callback=self._accept,
                cancel_callback=lambda _: CancelResponse.ACCEPT,
            )  # fmt: skip
            node.owns(server, lambda each: each.destroy())
        elif not self._with_arm:
            node.subscribe(c.command_type(gripper), gripper.topic, self._on_gripper, 10)

    def _on_arm(self, msg: c.ControllerCommand) -> None:
        points = c.arm_points(msg, self._spec)
        follower, now_s, _ = self._follower()
        start_s = (points.start_ns - self._epoch_ns()) / c.NS if points.start_ns else None
        follower.move(points, now_s, start_s)
        if self._with_arm:
            self._on_gripper(msg)

    def _on_gripper(self, msg: c.ControllerCommand) -> None:
        points = c.gripper_points(msg, self._spec)
        follower, now_s, _ = self._follower()
        if len(points.due_s):
            follower.grip(points.rows[:, 0], points.due_s, now_s)

    # --- the gripper's action ---
    def _accept(self, goal: c.GripperGoal) -> GoalResponse:
        try:
            if not self._node.active:
                raise VistaError(f"{self._node.get_name()} is not active")
            c.gripper_goal_opening(goal, self._spec)
        except VistaError as error:
            self._node.note_error(self._spec.gripper.command.topic, error)
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _execute(self, handle: Any) -> Any:
        """One goal: it ends when it is reached, held up, replaced by a newer one, or cancelled. As in ROS 2's
        controllers, one that is held up by a thing is aborted, and the fingers go on pressing."""
        opening = c.gripper_goal_opening(handle.request, self._spec)
        with self._lock:
            self._goal += 1
            number = self._goal
        follower, now_s, _ = self._follower()
        follower.grip(np.array([opening]), np.array([0.0]), now_s)
        watch, ended = GripperGoalWatch(opening, now_s), None
        while ended is None and self._node.active and number == self._goal:
            follower, now_s, reading = self._follower()
            ended = watch.ended(now_s, reading.gripper, reading.gripper_vel)
            if ended is None and handle.is_cancel_requested:
                follower.grip(np.array([reading.gripper]), np.array([0.0]), now_s)
                handle.canceled()
                return self._result(reading, None)
            if ended is None:
                time.sleep(LOOK_S)
        reading = self._follower()[2]
        if ended is GripperEnd.REACHED:
            handle.succeed()
        else:
            handle.abort()
        return self._result(reading, ended)

    def _result(self, reading: c.JointReading, ended: GripperEnd | None) -> Any:
        at = self._spec.gripper.value(reading.gripper)
        reached, stalled = ended is GripperEnd.REACHED, ended is GripperEnd.STALLED
        kind = c.gripper_action_type(self._spec.gripper.command)
        if kind is GripperCommand:
            return GripperCommand.Result(position=at, stalled=stalled, reached_goal=reached)
        result = kind.Result(stalled=stalled, reached_goal=reached)
        result.state.name, result.state.position = [self._spec.gripper_wire], [at]
        return result
