"""Rows for a controller that has no time of its own: the ways between them, many times a second."""

from __future__ import annotations

import threading
import time

import numpy as np

from vista.types import F64

PERIOD_S = 0.02
FORGOTTEN_S = 0.5
"""After so long [s] the last row says nothing about where the arm is."""


class RowStream:
    """The row that is due now, on the straight line from one to the next. A stream ends with its last row;
    nothing is due after it. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times, self._rows = np.zeros(0), np.zeros((0, 0))
        self._last: F64 | None = None
        self._last_s = -1e9

    def replace(self, rows: F64, dt_s: float, here: F64, now_s: float | None = None) -> None:
        """Go through ``rows`` (T, n), ``dt_s`` [s] apart, instead of what was to come: from the row that was
        due last, or from ``here`` (n,) where that is too long ago."""
        now = time.monotonic() if now_s is None else now_s
        with self._lock:
            known = self._last is not None and now - self._last_s < FORGOTTEN_S
            start = self._last if known else here
            self._rows = np.vstack([start, rows])
            self._times = now + dt_s * np.arange(len(rows) + 1)

    def clear(self) -> None:
        """Nothing more is due."""
        with self._lock:
            self._times, self._rows = np.zeros(0), np.zeros((0, 0))

    def due(self, now_s: float | None = None) -> F64 | None:
        """The row (n,) of now; None: nothing is to be sent."""
        now = time.monotonic() if now_s is None else now_s
        with self._lock:
            if not len(self._times):
                return None
            row = np.array([np.interp(now, self._times, column) for column in self._rows.T])
            if now >= self._times[-1]:
                self._times, self._rows = np.zeros(0), np.zeros((0, 0))
            self._last, self._last_s = row, now
            return row
