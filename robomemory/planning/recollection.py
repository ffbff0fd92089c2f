"""The part of a memory that planning reads and writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from robomemory.graph.scene import SceneGraph
from robomemory.notes import Failure, Note, StepDone, Triple
from robomemory.planning.deadline import FAR_S
from robomemory.planning.lessons import Lesson, Lessons, lesson_of
from robomemory.timestamps import Moment

K = 10
PAUSE_NS = 3600 * 10**9
"""A longer pause between two steps [ns] ends what belongs together."""


class Recorded(Protocol):
    """The fields of a record that are read; ``MemoryRecord`` and ``Note`` have them."""

    @property
    def kind(self) -> str: ...
    @property
    def stamp_ns(self) -> int: ...
    @property
    def run(self) -> int | None: ...
    @property
    def triple(self) -> Triple | None: ...
    @property
    def step(self) -> StepDone | None: ...
    @property
    def failures(self) -> tuple[Failure, ...]: ...


class Remembered(Protocol):
    """The slice of a recalled item that is read; RoboMemory's ``Recall`` satisfies it."""

    @property
    def record(self) -> Recorded: ...


@runtime_checkable
class PlanningMemory(Protocol):
    """The slice of a memory that planning needs; ``RoboMemory`` satisfies it."""

    def remember(self, notes: Sequence[Note]) -> object: ...
    def recall(
        self, queries: Sequence[str], *, k: int = 5, timeout_s: float = 1.0
    ) -> Sequence[Remembered]: ...
    def scene(self) -> SceneGraph: ...


class Recollection:
    """Everything that was recalled for one instruction: lessons, failures, the last steps and the graph.

    It waits for the memory, so that a busy machine makes the same plan; ``timeout_s`` [s] only ends a call
    that hangs. A memory behind a network has its own deadline.
    """

    def __init__(self, memory: PlanningMemory | None, timeout_s: float = FAR_S) -> None:
        self._memory, self._timeout_s = memory, timeout_s
        self.lessons = Lessons()
        self.failures: list[Failure] = []
        self.steps: tuple[StepDone, ...] = ()

    def scene(self) -> SceneGraph:
        """The graph now; empty without a memory."""
        return SceneGraph((), ()) if self._memory is None else self._memory.scene()

    def gather(self, instruction: str, names: Iterable[str], user: str) -> None:
        """Ask the memory about ``instruction`` and what it names, anew."""
        self.lessons, self.failures, self.steps = Lessons(), [], ()
        if self._memory is None:
            return
        queries = [instruction, f"lesson: {user} stands for the"]
        queries += [f"lesson: {name} failed step" for name in dict.fromkeys(names)]
        found = list(reversed(self._memory.recall(queries, k=K, timeout_s=self._timeout_s)))  # best last
        records = sorted((item.record for item in found), key=_moment)
        lessons = (lesson_of(record.triple) for record in records if record.kind == "semantic")
        self.lessons = Lessons(lesson for lesson in lessons if lesson is not None)
        told = [failure for record in records if record.kind == "episodic" for failure in record.failures]
        self.failures = list(dict.fromkeys(told))
        self.steps = _since_the_last_pause([record for record in records if record.kind == "temporal"])

    def write(self, notes: Sequence[Note]) -> None:
        """Have ``notes`` remembered."""
        if self._memory is not None and notes:
            self._memory.remember(notes)

    def lessons_about(self, lessons: Iterable[Lesson]) -> list[tuple[Lesson, str]]:
        """Which of ``lessons`` are news, with what each changes; all are known afterwards."""
        changes = [(each, str(self.lessons.learn(each))) for each in lessons]
        return [(lesson, change) for lesson, change in changes if change != "noop"]


def _since_the_last_pause(records: Sequence[Recorded]) -> tuple[StepDone, ...]:
    """The steps of ``records`` (oldest first) that belong together: "first" is not the first of all days."""
    recent: list[StepDone] = []
    before = Moment(0, 0)
    for record in records:
        moment = _moment(record)
        if moment.run == before.run and moment.ns - before.ns > PAUSE_NS:  # else nobody knows how long
            recent.clear()
        if record.step is not None:
            recent.append(record.step)
        before = moment
    return tuple(recent)


def _moment(record: Recorded) -> Moment:
    """When what a record says was so."""
    return Moment(record.run or 0, record.stamp_ns)
