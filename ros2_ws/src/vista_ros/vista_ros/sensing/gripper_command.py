"""Which opening the gripper was told, from what the guard sends."""

from __future__ import annotations

import threading
from collections import deque

from vista.types import ActionChunk


class GripperCommand:
    """The opening that is commanded at any time.

    A row holds from the one before it until it is due; the last one goes on.
    """

    def __init__(self) -> None:
        self._points: deque[tuple[int, float]] = deque(maxlen=100)
        self._lock = threading.Lock()

    def add(self, arrived_ns: int, sent: ActionChunk) -> None:
        """The guard sent ``sent`` (JOINT_POSITION), which arrived at ``arrived_ns``."""
        points = [
            (arrived_ns + round(t * sent.dt_s * 1e9), float(opening))
            for t, opening in enumerate(sent.actions[:, -1], start=1)
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
