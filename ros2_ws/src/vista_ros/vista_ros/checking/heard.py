"""What a subscription hears in a while: how often, how late, and the last message."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

import numpy as np
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState

from vista_ros import conversions as c
from vista_ros.node_base import VistaNode

LISTEN_QOS = QoSProfile(depth=50, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)
AT_ONCE_S = 1e-4
"""Messages that come nearer to each other [s] are several of one moment, not a rate."""


class Heard:
    """Listens to ``topic`` from now on. ``positions``: of joint states, the last of each joint by name."""

    def __init__(self, node: VistaNode, kind: Any, topic: str) -> None:
        self.topic, self._node = topic, node
        self._lock = threading.Lock()
        self.count, self.last = 0, None
        self.positions: dict[str, float] = {}
        self._first_s = self._last_s = 0.0
        self._ahead: deque[float] = deque(maxlen=200)
        node.subscribe(kind, topic, self._hear, LISTEN_QOS)

    def _hear(self, msg: Any) -> None:
        ahead = (c.time_from_msg(msg.header.stamp) - self._node.now_ns()) / c.NS
        with self._lock:
            self._last_s = time.monotonic()
            self._first_s = self._first_s or self._last_s
            self.count, self.last = self.count + 1, msg
            if isinstance(msg, JointState):  # arm and gripper may speak in turn
                self.positions |= dict(zip(msg.name, msg.position, strict=False))
            self._ahead.append(ahead)

    @property
    def rate_hz(self) -> float:
        """How often it comes [Hz]; 0 for fewer than two messages."""
        span = self._last_s - self._first_s
        return (self.count - 1) / span if self.count > 1 and span > AT_ONCE_S else 0.0

    @property
    def ahead_s(self) -> float:
        """How far the stamps usually are ahead of this computer's clock when they arrive [s]; below 0:
        behind."""
        with self._lock:
            return float(np.median(self._ahead)) if self._ahead else 0.0
