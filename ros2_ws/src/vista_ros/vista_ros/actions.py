"""rclpy's action client and server, without two of their races, and what all action servers here share.

* A request is sent by one thread while the executor takes its answer in another. rclpy writes the number of
  a request down after it was sent; an answer that is taken in between is "unexpected" and lost
  (ros2/rclpy#1123). :class:`OrderedClient` takes nothing while it sends.
* A waitable that is destroyed while the executor is about to take from it raises ``InvalidHandle`` in a task
  that nobody asks for its exception. Here there is simply nothing to take any more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rclpy.action import ActionClient, ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.exceptions import InvalidHandle

from vista_ros.conversions import wire
from vista_ros.goal_places import GoalPlaces
from vista_ros.node_base import VistaNode


class OrderedClient(ActionClient):
    """An action client whose answers never overtake the bookkeeping of their requests.

    It has a callback group of its own, in which one answer at a time is worked off: rclpy's handling of the
    status of goals is not made for two threads.
    """

    def __init__(self, node: Any, kind: Any, name: str) -> None:
        self._sending = threading.RLock()
        super().__init__(node, kind, name, callback_group=MutuallyExclusiveCallbackGroup())

    # The three kinds of request; rclpy's goal handles call the two with an underscore.
    def send_goal_async(self, *args: Any, **options: Any) -> Any:
        with self._sending:
            return super().send_goal_async(*args, **options)

    def _cancel_goal_async(self, *args: Any, **options: Any) -> Any:
        with self._sending:
            return super()._cancel_goal_async(*args, **options)

    def _get_result_async(self, *args: Any, **options: Any) -> Any:
        with self._sending:
            return super()._get_result_async(*args, **options)

    def take_data(self) -> dict[str, Any]:
        try:
            with self._sending:
                return super().take_data()
        except InvalidHandle:
            return {}


class CalmServer(ActionServer):
    """An action server that may be destroyed while requests arrive."""

    def take_data(self) -> dict[str, Any]:
        try:
            return super().take_data()
        except InvalidHandle:
            return {}

    async def execute(self, taken_data: dict[str, Any]) -> None:
        try:
            await super().execute(taken_data)
        except InvalidHandle:  # destroyed before it could answer; the client learns it by its deadline
            return


def serve_goals(
    node: VistaNode,
    kind: Any,
    name: str,
    execute: Callable[[Any], Any],
    *,
    places: GoalPlaces,
    described: Callable[[Any], str],
    busy: Callable[[], str],
) -> None:
    """Serve the action ``name`` until ``node`` is cleaned up. Every cancel request is accepted.

    A goal is rejected while the node is not active, and while ``places`` has none free for it; the log says
    why. ``execute`` has to begin and to end its place.

    Args:
        described: A goal in words, for the log.
        busy: Why there is no place, for the log.
    """

    def accept(goal: Any) -> GoalResponse:
        why = "" if node.active else f"{node.get_name()} is not active"
        if not why and not places.reserve():
            why = busy()
        if why:
            node.get_logger().warning(f"{name}: goal {wire(described(goal))!r} rejected: {why}")
        return GoalResponse.REJECT if why else GoalResponse.ACCEPT

    server = CalmServer(
        node, kind, name, execute, callback_group=node.group, goal_callback=accept,
        cancel_callback=lambda _: CancelResponse.ACCEPT,
    )  # fmt: skip
    node.owns(server, lambda each: each.destroy())


def conclude(handle: Any, *, succeeded: bool) -> None:
    """Give the goal of ``handle`` its status: succeeded, cancelled where that was asked for, else aborted."""
    if succeeded:
        handle.succeed()
    elif handle.is_cancel_requested:
        handle.canceled()
    else:
        handle.abort()
