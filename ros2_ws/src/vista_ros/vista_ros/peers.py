"""Signs of life: who has gone is known within a fraction of a second, whatever it was doing.

Each node keeps a writer whose *liveliness* the middleware asserts from a thread of its own. A killed process
falls silent at once, while a busy Python interpreter does not: no traffic, no timers, few false alarms.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import LivelinessPolicy, QoSProfile
from std_msgs.msg import Empty

# Longer than any pause of a busy machine. The arm does not wait for it: a trajectory lasts at most 0.3 s.
LEASE_S = 1.0


def _qos() -> QoSProfile:
    lease = Duration(seconds=LEASE_S)
    return QoSProfile(depth=1, liveliness=LivelinessPolicy.AUTOMATIC, liveliness_lease_duration=lease)


def show_life(node: Node, name: str) -> None:
    """Let others see that ``name`` is alive for as long as this process is."""
    node.create_publisher(Empty, f"{name}/alive", _qos())


class Peers:
    """Watches ``names``. One that has never been seen is not missed: a real arm has no ``sim``.

    ``on_change(name, alive)`` is called in the node's executor.
    """

    def __init__(
        self, node: Node, names: Sequence[str], on_change: Callable[[str, bool], None] = lambda *_: None
    ) -> None:
        self._lock = threading.Lock()
        self._lost: dict[str, float] = {}
        self._seen: set[str] = set()
        self._on_change = on_change
        self._subscriptions = [self._watch(node, name) for name in names]

    def _watch(self, node: Node, name: str) -> object:
        def changed(event: object) -> None:
            alive = event.alive_count > 0  # type: ignore[attr-defined]
            with self._lock:
                if alive:
                    self._seen.add(name)
                    changes = self._lost.pop(name, None) is not None
                else:
                    changes = name in self._seen and name not in self._lost
                    if changes:
                        self._lost[name] = time.monotonic()
            if changes:
                self._on_change(name, alive)

        events = SubscriptionEventCallbacks(liveliness=changed, use_default_callbacks=False)
        return node.create_subscription(
            Empty, f"{name}/alive", lambda _: None, _qos(), event_callbacks=events
        )

    def lost(self, for_s: float = 0.0) -> str | None:
        """Who has been gone for at least ``for_s`` [s], in words; None when all are there."""
        now = time.monotonic()
        with self._lock:
            names = sorted(name for name, since in self._lost.items() if now - since >= for_s)
        if not names:
            return None
        verb = "is" if len(names) == 1 else "are"
        return f"{', '.join(names)} {verb} gone: no sign of life (killed, crashed or shut down)"

    def alive(self, name: str) -> bool:
        with self._lock:
            return name in self._seen and name not in self._lost
