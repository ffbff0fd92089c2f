"""Attempt after attempt at one scenario, with the memory kept, and with parts of it left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from robomemory.embed.embedder import Embedder
from robomemory.graph.scene import SceneGraph
from robomemory.memory import RoboMemory
from robomemory.notes import Note
from robomemory.planning.domain import Step
from robomemory.planning.engine import Engine
from robomemory.planning.manipulation import TABLETOP
from robomemory.planning.planner import Finished, MemoryPlanner, PlanningSettings
from robomemory.planning.recollection import PlanningMemory, Remembered
from robomemory.records import MemoryKind
from vista_bench.lifelong.scenarios import Errand, Scenario
from vista_bench.lifelong.stage import Stage

MEMORY, CRITIC = "memory", "critic"
LEFT_OUT: Mapping[str, str] = {
    f"no-{part}": part for part in ("spatial", "temporal", "episodic", "semantic", CRITIC, MEMORY)
}
"""{method: what it leaves out}: one of the four memories, the critic, or the memory as a whole."""
METHODS = ("full", *LEFT_OUT)
ATTEMPTS = 3
_DAY_NS = 86_400 * 10**9


class Without:
    """A memory without one of its four: notes of ``kind`` are not kept."""

    def __init__(self, memory: PlanningMemory, kind: MemoryKind) -> None:
        self._memory, self._kind = memory, kind

    def remember(self, notes: Sequence[Note]) -> None:
        kept = [note for note in notes if note.kind != self._kind]
        if kept:
            self._memory.remember(kept)

    def recall(self, queries: Sequence[str], *, k: int = 5, timeout_s: float = 1.0) -> Sequence[Remembered]:
        return self._memory.recall(queries, k=k, timeout_s=timeout_s)

    def scene(self) -> SceneGraph:
        return self._memory.scene()


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt: ``success`` by the simulator's truth, the ``steps`` taken, and how it ended."""

    success: bool
    steps: tuple[str, ...]
    cause: str


@dataclass(frozen=True, slots=True)
class Trial:
    """All attempts at one scenario, then an ``unseen`` errand in the same scene, with the memory kept and
    with an empty memory (``fresh``)."""

    attempts: tuple[Try, ...]
    unseen: Try
    fresh: Try


def run_trial(
    scenario: Scenario,
    stage: Stage,
    method: str,
    engine: Engine,
    embedder: Embedder,
    attempts: int = ATTEMPTS,
) -> Trial:
    """Try ``scenario`` ``attempts`` times, then the unseen errand. ``method``: one of :data:`METHODS`."""

    def one(memory: RoboMemory, number: int, errand: Errand) -> Try:
        left_out = LEFT_OUT.get(method)
        seen: PlanningMemory | None = memory
        if left_out == MEMORY:
            seen = None
        elif left_out not in (None, CRITIC):
            seen = Without(memory, MemoryKind(left_out))
        settings = PlanningSettings(seed=scenario.seed * 16 + number, critic=left_out != CRITIC)
        planner = MemoryPlanner(TABLETOP, engine, seen, settings)
        return attempt(planner, stage, scenario, errand, number * _DAY_NS)

    with RoboMemory(":memory:", embedder=embedder) as memory:
        tries = tuple(one(memory, number, scenario.errand) for number in range(attempts))
        unseen = one(memory, attempts, scenario.unseen)
    with RoboMemory(":memory:", embedder=embedder) as empty:
        return Trial(tries, unseen, one(empty, attempts, scenario.unseen))


def attempt(planner: MemoryPlanner, stage: Stage, scenario: Scenario, errand: Errand, base_ns: int) -> Try:
    """One attempt at ``errand`` from the scene's first state; its clock begins at ``base_ns`` [ns]."""
    now = stage.reset()
    taken: list[str] = []
    cause = ""
    ticks = base_ns
    for sentence in errand.says:
        view = replace(now, stamp_ns=ticks)
        planner.begin(sentence, view)
        while True:
            step = planner.next(view)
            if not isinstance(step, Step):
                cause = step.reason if isinstance(step, Finished) else step.cause
                break
            if len(taken) >= errand.steps:
                cause = f"budget: {errand.steps} steps taken, {step.text!r} is left"
                break
            taken.append(step.text)
            outcome = stage.do(step)
            ticks += 10**10
            after = replace(outcome.seen, stamp_ns=ticks)
            planner.result(step, outcome.reached, outcome.cause, view, after)
            now = outcome.later
            view = replace(now, stamp_ns=ticks + 10**9)
        finished = isinstance(step, Finished)
        ticks += 10**9
        planner.finish(finished, cause, ticks)
        if not finished:
            break
    if scenario.tells:
        planner.hear(scenario.tells, ticks + 10**9)
    return Try(errand.wanted <= now.facts, tuple(taken), cause)
