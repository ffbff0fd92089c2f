"""How a node keeps count of itself: rates, latencies, the last error, and the one cause of a stop."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from vista.messages.plain_text import plain

T = TypeVar("T")

_WINDOW_S = 5.0


class Latch:
    """Keeps the first cause it is given, until it is released. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cause: str | None = None

    def set(self, cause: str) -> str:
        """Keep ``cause`` unless there is one; returns the one that is kept."""
        with self._lock:
            self._cause = self._cause or cause or "stopped"
            return self._cause

    def release(self) -> None:
        with self._lock:
            self._cause = None

    @property
    def cause(self) -> str | None:
        with self._lock:
            return self._cause


class Mailbox(Generic[T]):
    """One slot that holds the newest item: a slow reader skips what is old and never falls behind."""

    def __init__(self) -> None:
        self._ready = threading.Condition()
        self._item: T | None = None

    def put(self, item: T) -> None:
        with self._ready:
            self._item = item
            self._ready.notify_all()

    def take(self, timeout_s: float) -> T | None:
        """The newest item, which is then gone from the slot; None when none came within ``timeout_s`` [s]."""
        with self._ready:
            self._ready.wait_for(lambda: self._item is not None, timeout_s)
            item, self._item = self._item, None
            return item


class Meter:
    """Counts events of each name and how long they took, over the last seconds. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: dict[str, deque[tuple[float, float]]] = {}

    def add(self, name: str, seconds: float = 0.0) -> None:
        """One event that took ``seconds`` [s] and has just ended."""
        with self._lock:
            self._events.setdefault(name, deque(maxlen=2000)).append((time.monotonic(), seconds))

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self.add(name, time.monotonic() - start)

    def rate_hz(self, name: str) -> float:
        """Events per second of late."""
        with self._lock:
            times = [t for t, _ in self._events.get(name, ()) if t > time.monotonic() - _WINDOW_S]
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else 0.0

    def values(self) -> dict[str, str]:
        """For people and monitors: rate [Hz], median and slowest latency [ms] of each name."""
        with self._lock:
            kept = {name: list(events) for name, events in self._events.items()}
        out = {}
        for name, events in kept.items():
            out[f"{name} rate [Hz]"] = f"{self.rate_hz(name):.1f}"
            took = sorted(s for t, s in events if t > time.monotonic() - _WINDOW_S)
            if took and took[-1] >= 1e-4:
                out[f"{name} median [ms]"] = f"{took[len(took) // 2] * 1e3:.1f}"
                out[f"{name} slowest [ms]"] = f"{took[-1] * 1e3:.1f}"
        return out


def status(name: str, values: dict[str, str], *, error: str = "", warning: str = "") -> DiagnosticStatus:
    """One status: ``error`` or ``warning`` in words decides its level.

    What ROS cannot carry is escaped: a status that is never sent leaves everybody waiting.
    """
    level = DiagnosticStatus.ERROR if error else DiagnosticStatus.WARN if warning else DiagnosticStatus.OK
    return DiagnosticStatus(
        level=level,
        name=name,
        message=plain(error or warning or "ok"),
        hardware_id="vista",
        values=[KeyValue(key=plain(key), value=plain(value)) for key, value in values.items()],
    )
