"""A memory that is waited for, for benches in lockstep: what it recalls does not depend on a busy machine."""

from __future__ import annotations

from collections.abc import Sequence

from robomemory.planning.lessons import Note
from robomemory.planning.recollection import PlanningMemory, Remembered
from robomemory.scene import Scene
from vista.clock import FAR_S


class Patient:
    """``memory`` with deadlines that only what hangs misses; a planner's own are for a live robot."""

    def __init__(self, memory: PlanningMemory) -> None:
        self._memory = memory

    def remember(self, notes: Sequence[Note]) -> None:
        self._memory.remember(notes)

    def recall(self, queries: Sequence[str], *, k: int = 5, timeout_s: float = 1.0) -> Sequence[Remembered]:
        return self._memory.recall(queries, k=k, timeout_s=max(timeout_s, FAR_S))

    def scene(self) -> Scene:
        return self._memory.scene()
