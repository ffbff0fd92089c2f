"""The planner and critic over memory as parts of the loop: ``--planner memory``, ``fresh`` and ``fixed``.

What is seen becomes facts (:mod:`vista.planner.symbolic.scene_observer`), a step of the plan becomes a subtask, and the loop's
next question tells how the last subtask went. ``memory`` follows a plan until something is not as foreseen,
``fresh`` makes a new one after each subtask, ``fixed`` makes one at the start and looks no more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from robomemory.errors import InstructionUnclear
from robomemory.planning.belief import Observed
from robomemory.planning.domain import Domain, Step
from robomemory.planning.engine import UnifiedEngine
from robomemory.planning.foresight import foresee
from robomemory.planning.manipulation import BENCHTOP
from robomemory.planning.planner import Finished, MemoryPlanner, PlanningSettings, Stuck
from robomemory.planning.recollection import PlanningMemory
from vista.errors import ConfigError
from vista.planner.scripted import ScriptedPlanner
from vista.planner.symbolic.scene_observer import Looker
from vista.protocols import Detector, MemoryItem
from vista.types import Done, Impossible, Observation, Subtask

MAX_PLANS = 32
"""Of one instruction, where every subtask is followed by a new plan."""


@cache
def engine() -> UnifiedEngine:
    """The process's one classical planner, with its cache of plans."""
    return UnifiedEngine()


@cache
def skills() -> Domain:
    """What the executors know: one way to grasp; whoever adds a gentle one takes the whole domain."""
    return replace(BENCHTOP, operators=tuple(o for o in BENCHTOP.operators if o.effort == 0))


def _looker(finder: Detector | None, planner: str) -> Looker:
    if finder is None:
        raise ConfigError(f"planner {planner!r} plans with what is seen: it needs a detector")
    return Looker(finder)


class RememberingPlanner:
    """A ``Planner`` and its own ``Critic`` over a memory; ``why`` explains the last subtask in words.

    Args:
        memory: RoboMemory, here or behind the graph. finder: The detector whose objects it plans with.
        fresh: Whether each subtask is followed by a new plan.

    Raises:
        ConfigError: there is no detector.
    """

    def __init__(
        self, memory: PlanningMemory | None, finder: Detector | None, *, fresh: bool = False
    ) -> None:
        self._looker, self._fresh = _looker(finder, "fresh" if fresh else "memory"), fresh
        settings = PlanningSettings(max_plans=MAX_PLANS) if fresh else PlanningSettings()
        self._core = MemoryPlanner(skills(), engine(), memory, settings)
        self._instruction = ""
        self._pending: Step | None = None
        self._before: Observed | None = None
        self._new_plan, self._index = False, 0

    @property
    def why(self) -> str:
        return self._core.why

    def reset(self) -> None:
        """A new plan begins: the last subtask failed, was rejected, or there was none."""
        self._new_plan = True

    def next(
        self, obs: Observation, instruction: str, recall: Sequence[MemoryItem]
    ) -> Subtask | Done | Impossible:
        """The next subtask; Impossible also for an instruction that is not understood."""
        if instruction != self._instruction and self._pending is None:
            self._looker.reset(())
        now = self._looker.look(obs)
        failed, self._new_plan = self._new_plan, False
        if self._pending is not None and self._before is not None:
            cause = recall[0].text if failed and recall else ""
            self._core.result(self._pending, not failed, cause, self._before, now)
        self._pending = None
        if instruction != self._instruction:
            if self._instruction:
                self._core.finish(False, "another instruction came", now.stamp_ns)
            try:
                now = begin(self._core, self._looker, instruction, obs)
            except InstructionUnclear as error:
                return Impossible(str(error))
            self._instruction, self._index = instruction, 0
        elif self._fresh:
            self._core.replan()
        step = self._core.propose(now)
        if isinstance(step, Step):
            self._pending, self._before = step, now
            if step.operator.startswith("grasp"):
                self._looker.grasped = step.about
            self._index += 1
            return Subtask(step.text, self._index - 1, self.why)
        self._instruction = ""
        if isinstance(step, Finished):
            self._core.finish(True, step.reason, now.stamp_ns)
            return Done(step.reason)
        assert isinstance(step, Stuck)
        self._core.finish(False, step.cause, now.stamp_ns)
        return Impossible(step.cause)

    def review(
        self, obs: Observation, instruction: str, subtask: Subtask, recall: Sequence[MemoryItem]
    ) -> str | None:
        """Why the subtask that was proposed last should not be tried; None: it may."""
        step = self._pending
        if step is None or step.text != subtask.text:
            return None
        objection = self._core.review(step, self._looker.look(obs))
        if objection is not None:
            self._core.reject(step, objection)
            self._pending = None
        return objection


_BETWEEN = re.compile(r"[,.;]|\b(?:in|into|on|onto|to|from|and|then|of|out)\b")
_ARTICLE = re.compile(r".*\b(?:the|a|an|my) ")


def phrases(instruction: str) -> list[str]:
    """What ``instruction`` may name in more than one word, such as "red cube" and "orange box"."""
    parts = (part.strip() for part in _BETWEEN.split(instruction.lower()))
    return [found for part in parts if _ARTICLE.match(part) and " " in (found := _ARTICLE.sub("", part))]


def begin(core: MemoryPlanner, looker: Looker, instruction: str, obs: Observation) -> Observed:
    """Have ``instruction`` understood, and look again for what it names.

    Raises:
        InstructionUnclear: it is not understood.
    """
    looker.reset(())
    try:
        intent = core.begin(instruction, looker.look(obs))
    except InstructionUnclear:
        # A place that a detector misnames is known once it is looked for by its name.
        looker.reset(phrases(instruction))
        intent = core.begin(instruction, looker.look(obs))
    looker.reset([name for name in intent.about if core.is_thing(name)])
    return looker.look(obs)


class FixedPlanner:
    """A ``Planner`` that plans once, at the start; a subtask that failed is tried again.

    Raises:
        ConfigError: there is no detector.
    """

    def __init__(self, finder: Detector | None) -> None:
        self._looker = _looker(finder, "fixed")
        self._plan: ScriptedPlanner | None = None
        self._instruction = ""

    def reset(self) -> None:
        """The last subtask failed, or there was none."""
        if self._plan is not None:
            self._plan.reset()

    def next(
        self, obs: Observation, instruction: str, recall: Sequence[MemoryItem]
    ) -> Subtask | Done | Impossible:
        """The next subtask of the plan; Impossible also for an instruction that is not understood."""
        if self._plan is None or instruction != self._instruction:
            core = MemoryPlanner(skills(), engine(), None, PlanningSettings(max_plans=MAX_PLANS))
            try:
                steps = foresee(core, skills(), begin(core, self._looker, instruction, obs))
            except InstructionUnclear as error:
                return Impossible(str(error))
            if isinstance(steps, Stuck):
                return Impossible(steps.cause)
            if not steps:
                return Done("everything asked for holds")
            self._plan, self._instruction = ScriptedPlanner([step.text for step in steps]), instruction
        step = self._plan.next(obs, instruction, recall)
        if isinstance(step, Done):
            self._plan = None
        return step
