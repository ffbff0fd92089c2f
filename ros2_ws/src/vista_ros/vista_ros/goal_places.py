"""Places for the goals that an action server works on at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class GoalPlaces:
    """Places for goals, taken and given back under one lock: no two goals can both find the last one free.

    A goal callback takes a place (:meth:`reserve`), the goal that is then executed fills it (:meth:`begin`)
    and gives it back (:meth:`end`). A place that nobody fills is free again after ``lapse_s`` [s]: a client
    that dies right after its goal was accepted leaves a goal that is never executed.
    """

    def __init__(
        self, places: int = 1, lapse_s: float = 5.0, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._lock = threading.Lock()
        self._places, self._lapse_s, self._now_s = places, lapse_s, now_s
        self._filled = 0
        self._reserved: list[float] = []

    def reserve(self) -> bool:
        """Take a place; False when there is none."""
        with self._lock:
            self._forget()
            if self._filled + len(self._reserved) >= self._places:
                return False
            self._reserved.append(self._now_s())
            return True

    def begin(self) -> bool:
        """Fill the place that was reserved first; False when the reservation has lapsed and the place is
        taken."""
        with self._lock:
            self._forget()
            if self._reserved:
                self._reserved.pop(0)
            elif self._filled >= self._places:
                return False
            self._filled += 1
            return True

    def end(self) -> None:
        """Give a filled place back."""
        with self._lock:
            self._filled = max(0, self._filled - 1)

    @property
    def taken(self) -> bool:
        """Whether no place is free."""
        with self._lock:
            self._forget()
            return self._filled + len(self._reserved) >= self._places

    def _forget(self) -> None:
        limit = self._now_s() - self._lapse_s
        self._reserved = [since for since in self._reserved if since > limit]
