"""Wall time of every stage, collected while a task runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager


class Timings:
    """Wall seconds per stage, one entry per call, in the order of the calls.

    A stage inside another one is named with a dot (``pursue.predict``), so that a reader knows not to add
    the two up. ``current`` names the stage that is running, or the one in which an exception was raised.

    Args:
        clock: Returns seconds; replaced in tests.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._seconds: dict[str, list[float]] = {}
        self.current = ""

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Time a block as one call of ``stage``; a block that raises is timed too."""
        outer, self.current = self.current, stage
        start = self._clock()
        try:
            yield
            self.current = outer
        finally:
            self.add(stage, self._clock() - start)

    def add(self, stage: str, seconds: float) -> None:
        """Record one call of ``stage`` that took ``seconds`` [s]."""
        self._seconds.setdefault(stage, []).append(seconds)

    def last(self, stage: str) -> float:
        """Seconds of the latest call of ``stage`` [s]."""
        return self._seconds[stage][-1]

    def as_mapping(self) -> Mapping[str, tuple[float, ...]]:
        """A copy: {stage: wall seconds of each call}."""
        return {stage: tuple(values) for stage, values in self._seconds.items()}
