"""When subtasks were truly done and when they were called done: a switcher judged by events in time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

TOLERANCE_S = 0.5


@dataclass(frozen=True, slots=True)
class Switch:
    """One subtask: ``said_s`` [s] when it was called reached, ``true_s`` [s] when it truly was, or None."""

    verb: str
    said_s: float | None
    true_s: float | None

    @property
    def hit(self) -> bool:
        """Both happened, no more than :data:`TOLERANCE_S` apart."""
        if self.said_s is None or self.true_s is None:
            return False
        return abs(self.said_s - self.true_s) <= TOLERANCE_S + 1e-9


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of ``said`` calls and ``true`` moments ``hits`` are no more than :data:`TOLERANCE_S` apart."""

    hits: int
    said: int
    true: int

    @property
    def precision(self) -> float:
        """Share of the calls that are right; 1 where nothing was called."""
        return self.hits / self.said if self.said else 1.0

    @property
    def recall(self) -> float:
        """Share of the true moments that were called; 1 where there were none."""
        return self.hits / self.true if self.true else 1.0


def agreement(switches: Iterable[Switch]) -> Agreement:
    """Count calls, true moments and hits."""
    every = list(switches)
    return Agreement(
        sum(s.hit for s in every),
        sum(s.said_s is not None for s in every),
        sum(s.true_s is not None for s in every),
    )


class Moments:
    """Collects what is true since when, and which subtask ran from when to when. Times in [s]."""

    def __init__(self) -> None:
        self._since: dict[str, float | None] = {}
        self._rises: list[tuple[str, float, float]] = []  # what, when it became true, when it ceased
        self._ran: list[tuple[str, float, float, bool]] = []
        self._running: tuple[str, float] | None = None

    def look(self, what: str, true: bool, now_s: float) -> None:
        """``what`` is, or is not, true ``now_s``."""
        since = self._since.get(what)
        if true and since is None:
            self._since[what] = now_s
        elif not true and since is not None:
            self._rises.append((what, since, now_s))
            self._since[what] = None

    def begin(self, text: str, now_s: float) -> None:
        """The subtask ``text`` starts; one that picks an object up and puts it down is done when it lies."""
        verb = text.split(" ", 1)[0]
        self._running = ("grasp" if verb == "grasp" else "place", now_s)

    def end(self, reached: bool, now_s: float) -> None:
        """The subtask ends, called reached or not."""
        if self._running is not None:
            self._ran.append((*self._running, now_s, reached))
            self._running = None

    def switches(self) -> list[Switch]:
        """Every subtask that ran; what becomes true shortly after its end still counts for it."""
        rises = self._rises + [(w, s, float("inf")) for w, s in self._since.items() if s is not None]
        found = []
        for verb, start, end, reached in self._ran:
            times = [
                max(rise, start)
                for what, rise, fall in rises
                if what == verb and rise <= end + TOLERANCE_S and fall > start
            ]
            found.append(
                Switch(verb, round(end, 3) if reached else None, round(min(times), 3) if times else None)
            )
        return found
