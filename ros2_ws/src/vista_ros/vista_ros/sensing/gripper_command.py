"""Which opening the gripper was told, from the commands to its controller."""

from __future__ import annotations

import threading
from collections import deque

from vista.types import RobotSpec
from vista_ros import conversions as c


class GripperCommand:
    """The opening that is commanded at any time.

    A point of a trajectory holds from the one before it until it is due; the last one goes on.
    """

    def __init__(self) -> None:
        self._points: deque[tuple[int, float]] = deque(maxlen=100)
        self._lock = threading.Lock()

    def add(self, arrived_ns: int, msg: c.ControllerCommand, spec: RobotSpec) -> None:
        """Raises InvalidValueError for a command that is none of this gripper's; nothing is kept of it."""
        told = c.gripper_points(msg, spec)
        points = [
            (arrived_ns + round(due_s * c.NS), float(opening))
            for due_s, opening in zip(told.due_s, told.rows[:, 0], strict=True)
        ]
        with self._lock:  # a new command replaces the rest of the last one
            kept = [(due, value) for due, value in self._points if due <= arrived_ns]
            self._points = deque([*kept, *points], maxlen=100)

    def at(self, stamp_ns: int) -> float | None:
        """The opening commanded at ``stamp_ns``; None before the first command."""
        with self._lock:
            for due, value in self._points:
                if due >= stamp_ns:
                    return value
            return self._points[-1][1] if self._points else None
