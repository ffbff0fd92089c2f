"""The planner and critic over memory as parts of the loop: ``--planner memory``, ``fresh`` and ``fixed``.

:mod:`vista.planner.symbolic.scene_observer` turns an observation into facts, a step of the plan becomes a
skill, and the next question of the loop tells how the last subtask ended. ``memory`` follows a plan until
something is not as foreseen, ``fresh`` makes a new plan after each subtask, ``fixed`` makes one at the start
and looks no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Protocol

from robomemory.planning.belief import Belief, Observed
from robomemory.planning.domain import Domain, Step
from robomemory.planning.engine import UnifiedEngine
from robomemory.planning.foresight import foresee
from robomemory.planning.manipulation import BENCHTOP
from robomemory.planning.planner import Finished, MemoryPlanner, PlanningSettings, Stuck
from robomemory.planning.recollection import PlanningMemory
from vista.errors import ConfigError
from vista.planner.instruction.understanding import Reading, understand
from vista.planner.instruction.values import AnyGoal
from vista.planner.scripted import ScriptedPlanner
from vista.planner.symbolic.answering import Answerer
from vista.planner.symbolic.intentions import InstructionReader, Intentions, Purpose
from vista.planner.symbolic.scene_observer import SceneObserver
from vista.protocols import Detector, MemoryItem
from vista.skill import Relation, Skill, Verb
from vista.types import Done, Impossible, NextStep, Observation, Place, Subtask, SubtaskResult

MAX_PLANS = 32
"""Of one instruction, where every subtask is followed by a new plan."""


@cache
def engine() -> UnifiedEngine:
    """The process's one classical planner, with its cache of plans."""
    return UnifiedEngine()


@cache
def skills() -> Domain:
    """The domain of the executors that ship: they know one way to grasp. An executor with a gentle one needs
    the whole domain."""
    return replace(BENCHTOP, operators=tuple(o for o in BENCHTOP.operators if o.effort == 0))


def skill_of(step: Step) -> Skill:
    """The skill that carries out ``step``. A grasp is the same wherever the thing is."""
    verb = Verb(step.verb)
    if verb is not Verb.PLACE:
        return Skill(verb, step.thing)
    return Skill(verb, step.thing, Relation(step.relation), step.place)


def steps_of(skill: Skill, belief: Belief) -> list[Step]:
    """The steps that ``skill`` may be where things are as in ``belief``."""
    place = skill.place or belief.place_of(skill.thing) or ""
    found = []
    for operator in skills().operators:
        arguments = (skill.thing, place)[: len(operator.parameters)]
        if operator.verb == skill.verb and operator.relation == (skill.relation or "") and all(arguments):
            found.append(skills().step(operator.name, *arguments))
    return found


def _observer(detector: Detector | None, places: Mapping[str, Place], planner: str) -> SceneObserver:
    if detector is None:
        raise ConfigError(f"planner {planner!r} plans with what is seen: it needs a detector")
    return SceneObserver(detector, places)


class SkillProposer(Protocol):
    """Proposes the next skill from the image, such as VISTA's planner head."""

    def propose(self, obs: Observation, instruction: str) -> Skill | None: ...


class RememberingPlanner:
    """A ``Planner`` and its own ``Critic`` over a memory. Each subtask says why the planner chose it.

    Args:
        memory: RoboMemory, in this process or behind the graph; None plans without one.
        detector: Sees the things that it plans with.
        places: Containers and drawers of the workplace, from the robot's contract.
        fresh: Whether each subtask is followed by a new plan.
        head: Proposes the next skill; it is taken where it leads to the goal as fast as the plan does.
        answerer: Answers questions about the scene; None: they are answered from what is believed.
        reader: Reads instructions.

    Raises:
        ConfigError: there is no detector, or the memory has no scene.
    """

    def __init__(
        self,
        memory: PlanningMemory | None,
        detector: Detector | None,
        places: Mapping[str, Place],
        *,
        fresh: bool = False,
        head: SkillProposer | None = None,
        answerer: Answerer | None = None,
        reader: InstructionReader = understand,
    ) -> None:
        self._observer, self._fresh = _observer(detector, places, "fresh" if fresh else "memory"), fresh
        assert detector is not None
        if memory is not None and not isinstance(memory, PlanningMemory):
            raise ConfigError(
                f"planner: a memory of type {type(memory).__name__} has no scene() to plan with; "
                "RoboMemory has one"
            )
        settings = PlanningSettings(max_plans=MAX_PLANS) if fresh else PlanningSettings()
        self._core = MemoryPlanner(skills(), engine(), memory, settings)
        self._intentions = Intentions(self._core, detector, self._observer, answerer, reader)
        self._head, self._instruction = head, ""
        self._later: tuple[AnyGoal, ...] = ()
        self._pending: Step | None = None
        self._before: Observed | None = None
        self._new_plan, self._index = False, 0

    def reset(self) -> None:
        """A new plan begins: the last subtask failed, was rejected, or there was none."""
        self._new_plan = True

    def reading(self, obs: Observation, instruction: str) -> Reading:
        """What ``instruction`` says in the scene of ``obs``; nothing is planned."""
        return self._intentions.reading(instruction, obs)[0]

    def next(
        self,
        obs: Observation,
        instruction: str,
        recall: Sequence[MemoryItem],
        last: SubtaskResult | None = None,
    ) -> NextStep:
        """The next subtask; what is not understood, or unclear, is said before the first one."""
        if instruction != self._instruction and self._pending is None:
            self._observer.reset(())
        now = self._observer.look(obs)
        failed, self._new_plan = self._new_plan, False
        if self._pending is not None and self._before is not None:
            cause = _cause(last) if failed else ""
            self._core.result(self._pending, not failed, cause, self._before, now)
        self._pending = None
        if instruction != self._instruction:
            if self._instruction:
                self._core.finish(False, "another instruction came", now.stamp_ns)
                self._instruction = ""
            task = self._intentions.understand(instruction, obs)
            if not isinstance(task, Purpose):
                return task
            now, self._later = self._intentions.begin(instruction, task, obs)
            self._instruction, self._index = instruction, 0
        elif self._fresh:
            self._core.replan()
        step = self._step(obs, now)
        if isinstance(step, Step):
            self._pending, self._before = step, now
            skill = skill_of(step)
            if skill.verb is Verb.GRASP:
                self._observer.grasped = skill.thing
            self._index += 1
            return Subtask(skill, self._index - 1, self._core.why)
        self._instruction = ""
        if isinstance(step, Finished):
            self._core.finish(True, step.reason, now.stamp_ns)
            return Done(step.reason)
        self._core.finish(False, step.cause, now.stamp_ns)
        return Impossible(step.cause)

    def _step(self, obs: Observation, now: Observed) -> Step | Finished | Stuck:
        """The step to take now; where the goals that were planned for are reached, towards those left."""
        step = self._core.propose(now)
        while isinstance(step, Finished) and self._later:
            self._core.finish(True, step.reason, now.stamp_ns)
            now, self._later = self._intentions.begin(self._instruction, Purpose(self._later, ()), obs)
            step = self._core.propose(now)
        if not isinstance(step, Step) or self._head is None:
            return step
        return self._proposed(obs, step, now)

    def _proposed(self, obs: Observation, step: Step, now: Observed) -> Step:
        """The step that the head proposes for what ``step`` leads to, if the plan may begin with it."""
        goal = self._core.placing
        if self._head is None or goal is None:
            return step
        thing, relation, place = goal
        skill = self._head.propose(obs, f"put the {thing} {relation} the {place}")
        for each in steps_of(skill, self._core.belief(now)) if skill is not None else ():
            if self._core.prefer(each, now):
                return each
        return step

    def review(
        self, obs: Observation, instruction: str, subtask: Subtask, recall: Sequence[MemoryItem]
    ) -> str | None:
        """Why the subtask that was proposed last should not be tried; None: it may."""
        step = self._pending
        if step is None or skill_of(step) != subtask.skill:
            return None
        objection = self._core.review(step, self._observer.look(obs))
        if objection is not None:
            self._core.reject(step, objection)
            self._pending = None
        return objection


def _cause(last: SubtaskResult | None) -> str:
    """Why the last subtask failed, in words: the memory keeps it for people."""
    return "another critic rejected it" if last is None else f"{last.text!r} {last.state}: {last.reason}"


class FixedPlanner:
    """A ``Planner`` that plans once, at the start; a subtask that failed is tried again.

    Args:
        detector, places: As for :class:`RememberingPlanner`.

    Raises:
        ConfigError: there is no detector.
    """

    def __init__(self, detector: Detector | None, places: Mapping[str, Place]) -> None:
        self._observer = _observer(detector, places, "fixed")
        assert detector is not None
        self._detector = detector
        self._plan: ScriptedPlanner | None = None
        self._instruction = ""

    def reset(self) -> None:
        """The last subtask failed, or there was none."""
        if self._plan is not None:
            self._plan.reset()

    def next(
        self,
        obs: Observation,
        instruction: str,
        recall: Sequence[MemoryItem],
        last: SubtaskResult | None = None,
    ) -> NextStep:
        """The next subtask of the plan; what is not understood, or unclear, is said before the first one."""
        if self._plan is None or instruction != self._instruction:
            core = MemoryPlanner(skills(), engine(), None, PlanningSettings(max_plans=MAX_PLANS))
            intentions = Intentions(core, self._detector, self._observer)
            task = intentions.understand(instruction, obs)
            if not isinstance(task, Purpose):
                return task
            now, _ = intentions.begin(instruction, task, obs)
            steps = foresee(core, skills(), now)
            if isinstance(steps, Stuck):
                return Impossible(steps.cause)
            if not steps:
                return Done("everything asked for holds")
            self._plan, self._instruction = ScriptedPlanner([skill_of(step) for step in steps]), instruction
        step = self._plan.next(obs, instruction, recall, last)
        if isinstance(step, Done):
            self._plan = None
        return step
