"""A planner that follows a given plan."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vista.protocols import MemoryItem
from vista.types import (
    Done,
    Impossible,
    Observation,
    Subtask,
)

_PUT = re.compile(
    r"(?:please )?put the (?P<thing>[\w -]+?) (?P<where>(?:in|on)(?:to)? the [\w -]+)[.!]?", re.I
)


def plan_of(instruction: str) -> tuple[str, ...]:
    """The subtasks of "put the <thing> in the <place>"; empty for any other sentence."""
    match = _PUT.fullmatch(instruction.strip())
    if match is None:
        return ()
    thing = match["thing"].lower()
    return f"grasp the {thing}", f"place the {thing} {match['where'].lower()}"


class ScriptedPlanner:
    """Goes through a plan in order; after a failure it tries again, from the grasp if the hand is empty.

    ``subtasks``: the plan; without it the plan follows from the instruction (see :func:`plan_of`).
    """

    def __init__(self, subtasks: Sequence[str] = ()) -> None:
        self._given = tuple(subtasks)
        self._at, self._restart, self._instruction = 0, True, ""

    def reset(self) -> None:
        self._restart = True

    def next(
        self, obs: Observation, instruction: str, recall: Sequence[MemoryItem]
    ) -> Subtask | Done | Impossible:
        steps = self._given or plan_of(instruction)
        if not steps:
            return Impossible(f"{instruction!r} is not understood; say 'put the blue mug in the tray'")
        if instruction != self._instruction:
            self._instruction, self._at, self._restart = instruction, 0, False
        elif self._restart:
            # What failed is the step before the next one; an empty hand has nothing to place.
            self._at, self._restart = max(0, self._at - 1), False
            holding = obs.gripper_command < 0.5 and obs.gripper > 0.1
            while self._at > 0 and steps[self._at].startswith("place") and not holding:
                self._at -= 1
        if self._at >= len(steps):
            self._instruction = ""
            return Done("all steps of the plan are done")
        self._at += 1
        return Subtask(steps[self._at - 1], self._at - 1)
