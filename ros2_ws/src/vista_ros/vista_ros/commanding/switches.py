"""The switches in a person's hand: a stop, and a dead man's switch."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool

from vista_ros.node_base import VistaNode

SWITCH_QOS = QoSProfile(depth=20, reliability=ReliabilityPolicy.BEST_EFFORT)


class SafetySwitches:
    """Hears the switches that parameters of the node name, both ``std_msgs/Bool``.

    ``stop_topic``: true stops the arm until it is released, and while nobody publishes it nothing is sent; a
    guard that was started anew has forgotten a stop. ``dead_man_topic``: true, told again at least
    every ``dead_man_s`` [s], is what lets the arm move. An empty name: there is no such switch.
    """

    def __init__(self, node: VistaNode, stop: Callable[[str], object]) -> None:
        self._node, self._stop, self._pressed_s = node, stop, -1e9
        self._stop_topic = node.param("stop_topic", "")
        self._dead_man_topic = node.param("dead_man_topic", "")
        self._dead_man_s = node.param("dead_man_s", 0.5)
        if self._stop_topic:
            node.subscribe(Bool, self._stop_topic, self._on_stop, SWITCH_QOS)
        if self._dead_man_topic:
            node.subscribe(Bool, self._dead_man_topic, self._on_dead_man, SWITCH_QOS)

    def _on_stop(self, msg: Bool) -> None:
        if msg.data:
            self._stop(f"the switch on {self._stop_topic!r}")

    def _on_dead_man(self, msg: Bool) -> None:
        self._pressed_s = time.monotonic() if msg.data else -1e9

    def unheard(self) -> str | None:
        """Why a stop could not be heard: nobody publishes the switch; None where somebody does, or there is
        none."""
        topic = self._stop_topic
        if not topic or self._node.count_publishers(self._node.resolve_topic_name(topic)):
            return None
        return f"nobody publishes the stop switch {self._stop_topic!r}"

    def released(self) -> str | None:
        """Why the dead man's switch lets nothing move; None where it is pressed, or there is none."""
        silent_s = time.monotonic() - self._pressed_s
        if not self._dead_man_topic or silent_s <= self._dead_man_s:
            return None
        return f"the dead man's switch on {self._dead_man_topic!r} is not pressed"
