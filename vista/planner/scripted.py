"""A planner that follows a given plan."""

from __future__ import annotations

from collections.abc import Sequence

from vista.protocols import MemoryItem
from vista.robot.gripper import is_open
from vista.skill import Skill, Verb
from vista.types import Done, Impossible, Observation, Subtask, SubtaskResult

_HELD = 0.1
"""Fingers that were told to close and are further open than this [share of full opening] still hold a
thing."""


def plan_of(instruction: str) -> tuple[Skill, ...]:
    """The skills of "put the <thing> in the <place>": to grasp it, and to place it. Empty for any other
    sentence."""
    words = instruction.strip()
    if words[:7].lower() == "please ":
        words = words[7:]
    skill = Skill.find(words)
    if skill is None or skill.verb is not Verb.PLACE:
        return ()
    # A name has no punctuation: "the mug in the tray, quickly" is more than one.
    if not all(c.isalnum() or c in " -_" for c in skill.thing + skill.place):
        return ()
    return Skill(Verb.GRASP, skill.thing), skill


class ScriptedPlanner:
    """Goes through a plan in order. After a failure it repeats the failed skill; with an empty hand it goes
    back to the last skill that is no placing.

    Args:
        skills: The plan; without it the plan follows from the instruction (see :func:`plan_of`).
    """

    def __init__(self, skills: Sequence[Skill] = ()) -> None:
        self._given = tuple(skills)
        self._at, self._restart, self._instruction = 0, True, ""

    def reset(self) -> None:
        """A new plan begins: the last subtask failed, or there was none."""
        self._restart = True

    def next(
        self,
        obs: Observation,
        instruction: str,
        recall: Sequence[MemoryItem],
        last: SubtaskResult | None = None,
    ) -> Subtask | Done | Impossible:
        """The next skill of the plan; Impossible for an instruction from which no plan follows."""
        steps = self._given or plan_of(instruction)
        if not steps:
            return Impossible(f"{instruction!r} is not understood; say 'put the blue mug in the tray'")
        if instruction != self._instruction:
            self._instruction, self._at, self._restart = instruction, 0, False
        elif self._restart:
            # The failed skill is the one before the next; an empty hand has nothing to place.
            self._at, self._restart = max(0, self._at - 1), False
            holding = not is_open(obs) and obs.gripper > _HELD
            while self._at > 0 and steps[self._at].verb is Verb.PLACE and not holding:
                self._at -= 1
        if self._at >= len(steps):
            self._instruction = ""
            return Done("all steps of the plan are done")
        self._at += 1
        return Subtask(steps[self._at - 1], self._at - 1)
