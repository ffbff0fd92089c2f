"""The planner and critic over memory as parts of the loop: ``--planner memory``.

What is seen becomes facts (:mod:`vista.cli.symbols`), a step of the plan becomes a subtask, and the loop's
next question tells how the last subtask went.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from robomemory.planning.belief import Observed
from robomemory.planning.domain import Step
from robomemory.planning.engine import UnifiedEngine
from robomemory.planning.errors import InstructionUnclear
from robomemory.planning.manipulation import TABLETOP
from robomemory.planning.planner import Finished, MemoryPlanner, Settings, Stuck
from robomemory.planning.recollection import PlanningMemory
from vista.cli.symbols import Sight, observed
from vista.errors import ConfigError
from vista.protocols import Detector, MemoryItem
from vista.types import Done, Impossible, Observation, Subtask
from vista_sim import cabinet


@cache
def engine() -> UnifiedEngine:
    """The process's one classical planner, with its cache of plans."""
    return UnifiedEngine()


class RememberingPlanner:
    """A ``Planner`` and its own ``Critic`` over a memory; ``why`` explains the last subtask in words.

    Args:
        memory: RoboMemory, here or behind the graph. finder: The detector whose objects it plans with.

    Raises:
        ConfigError: there is no detector.
    """

    def __init__(self, memory: PlanningMemory | None, finder: Detector | None) -> None:
        if finder is None:
            raise ConfigError("planner 'memory' plans with what is seen: it needs a detector")
        self._finder = finder
        # The executors know one way to grasp; whoever adds a gentle one takes the whole domain.
        usual = tuple(o for o in TABLETOP.operators if o.effort == 0)
        self._core = MemoryPlanner(replace(TABLETOP, operators=usual), engine(), memory, Settings())
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
        now = self._look(obs)
        failed, self._new_plan = self._new_plan, False
        if self._pending is not None and self._before is not None:
            cause = recall[0].text if failed and recall else ""
            self._core.result(self._pending, not failed, cause, self._before, now)
        self._pending = None
        if instruction != self._instruction:
            if self._instruction:
                self._core.finish(False, "another instruction came", now.stamp_ns)
            try:
                self._core.begin(instruction, now)
            except InstructionUnclear as error:
                return Impossible(str(error))
            self._instruction, self._index = instruction, 0
        step = self._core.propose(now)
        if isinstance(step, Step):
            self._pending, self._before = step, now
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
        objection = self._core.review(step, self._look(obs))
        if objection is not None:
            self._core.reject(step, objection)
            self._pending = None
        return objection

    def _look(self, obs: Observation) -> Observed:
        things, trays, drawers = {}, {}, {}
        known = {name: i for names in cabinet.DRAWER_NAMES.values() for i, name in enumerate(names)}
        for each in self._finder.detect(obs):
            if each.label in known:
                drawers[each.label] = float(each.position[0]) - cabinet.CENTRE_X - cabinet.FRONT
            elif each.label.endswith("tray"):
                trays[each.label] = np.asarray(each.position)
            else:
                things[each.label] = np.asarray(each.position)
        ordered = dict(sorted(drawers.items(), key=lambda item: known[item[0]]))
        hand, closed = np.asarray(obs.ee_pose.position), obs.gripper_command < 0.5
        return observed(Sight(obs.stamp_ns, things, hand, closed, trays, ordered))
