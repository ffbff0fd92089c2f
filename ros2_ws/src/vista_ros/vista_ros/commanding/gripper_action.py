"""A gripper whose controller serves an action of control_msgs."""

from __future__ import annotations

import threading
import time
from typing import Any

from vista.errors import VistaError
from vista.types import RobotSpec
from vista_ros import conversions as c
from vista_ros.actions import OrderedClient
from vista_ros.node_base import VistaNode

APART = 0.02
"""Openings [0, 1] that are nearer than this to the last goal are that goal."""
ANSWER_S = 3.0
"""A controller that has not taken a goal after so long [s] is asked again."""
AGAIN_S = 0.5
"""So long [s] after a goal that was refused or failed, the next one is sent."""


class GripperAction:
    """Turns openings that are commanded ten times a second into goals: one for each change.

    A goal that ends because something is between the fingers is no failure: the controllers of ROS 2 abort it
    with ``stalled`` and go on holding.
    """

    def __init__(self, node: VistaNode, spec: RobotSpec) -> None:
        channel = spec.gripper.command
        self._node, self._spec, self.name = node, spec, channel.topic
        self._client = OrderedClient(node, c.gripper_action_type(channel), channel.topic)
        node.owns(self._client, lambda each: each.destroy())
        self._lock = threading.Lock()
        self._goal: float | None = None
        self._number, self._sent_s, self._taken = 0, -1e9, False
        self._not_before_s = -1e9
        self._handle: Any = None

    def ready(self) -> bool:
        """Whether the controller is there. One that went away has forgotten its goal."""
        if self._client.server_is_ready():
            return True
        with self._lock:
            self._forget()
        return False

    def send(self, opening: float) -> None:
        """Have the gripper go to ``opening`` [0, 1], unless that is its goal already."""
        now = time.monotonic()
        with self._lock:
            waiting = self._goal is not None and not self._taken
            if waiting and now - self._sent_s > ANSWER_S:
                self._node.note_error(
                    self.name, VistaError(f"the gripper did not answer to its goal within {ANSWER_S:g} s")
                )
                self._forget()
            same = self._goal is not None and abs(opening - self._goal) < APART
            if same or now < self._not_before_s:
                return
            self._goal, self._sent_s, self._taken, self._handle = opening, now, False, None
            self._number += 1
            number = self._number
        sent = self._client.send_goal_async(c.gripper_goal(self._spec, opening))
        sent.add_done_callback(lambda future: self._on_answer(number, future))

    def halt(self) -> None:
        """Cancel the goal that is under way; the next opening is a new one."""
        with self._lock:
            handle = self._handle
            self._forget()
        if handle is not None:
            handle.cancel_goal_async()

    def _forget(self) -> None:
        self._goal, self._handle, self._taken = None, None, False
        self._number += 1

    def _on_answer(self, number: int, future: Any) -> None:
        try:
            handle = future.result()
        except Exception as error:
            self._failed(number, f"its goal could not be sent: {error}")
            return
        if not handle.accepted:
            self._failed(number, "the gripper's controller rejected its goal")
            return
        with self._lock:
            if current := number == self._number:
                self._taken, self._handle = True, handle
        if not current:  # stopped before the controller answered: nobody wants this goal any more
            with self._lock:
                replaced = self._goal is not None
            if not replaced:
                handle.cancel_goal_async()
            return
        handle.get_result_async().add_done_callback(lambda result: self._on_result(number, result))

    def _on_result(self, number: int, future: Any) -> None:
        try:
            answer = future.result()
            well = c.gripper_goal_ended_well(answer.status, answer.result)
        except Exception as error:
            self._failed(number, f"no result: {error}")
            return
        with self._lock:
            if number == self._number:
                self._handle = None
        if not well:
            self._failed(number, "the gripper's controller gave its goal up")

    def _failed(self, number: int, why: str) -> None:
        with self._lock:
            if number != self._number:
                return  # a newer goal replaced it
            self._forget()
            self._not_before_s = time.monotonic() + AGAIN_S
        self._node.note_error(self.name, VistaError(why))
