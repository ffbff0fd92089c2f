"""A planner whose every skill is asked of the guard's policy before the arm moves."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from vista.guard.policy import GuardPolicy, Permit, Ruling, concerned
from vista.protocols import Detector, MemoryItem, Planner
from vista.skill import Skill
from vista.types import (
    F64,
    Answered,
    Ask,
    Done,
    Impossible,
    NextStep,
    Observation,
    Option,
    Question,
    Refusal,
    Subtask,
    SubtaskResult,
)

SURE = 0.3
"""What a detector is less sure of may lie anywhere."""

_log = logging.getLogger(__name__)


class PolicedPlanner:
    """Hands on what ``planner`` says, unless ``policy`` forbids it (a refusal) or has it asked (a question
    whose one option is the rule that asks). Each ruling that is not free is logged with its rule.

    ``approved``: names of the rules to whose question a person has said yes; set it anew for each task.
    """

    def __init__(self, planner: Planner, policy: GuardPolicy, detector: Detector | None) -> None:
        self._planner, self._policy, self._detector = planner, policy, detector
        self.approved: frozenset[str] = frozenset()

    def reset(self) -> None:
        self._planner.reset()

    def next(
        self,
        obs: Observation,
        instruction: str,
        recall: Sequence[MemoryItem],
        last: SubtaskResult | None = None,
    ) -> NextStep:
        """The planner's next step, as far as the policy lets it."""
        step = self._planner.next(obs, instruction, recall, last)
        if isinstance(step, Done | Impossible | Question | Answered):
            return step
        ruling = self._ruling(obs, step)
        if ruling.permit is Permit.ALLOW:
            return step
        rule = f"rule {ruling.rule!r}"
        _log.warning("policy: %s: %s %s: %s", step.text, ruling.permit, rule, ruling.why)
        if ruling.permit is Permit.FORBID:
            told = f"{step.text!r} is forbidden by {rule}: {ruling.why}"
            return Impossible(told, Refusal.FORBIDDEN)
        told = f"{rule} asks before {step.text!r}: {ruling.why}. Approve it?"
        return Question(Ask.APPROVAL, step.text, told, (Option(ruling.rule),))

    def _ruling(self, obs: Observation, step: Subtask) -> Ruling:
        where = {} if step.skill is None else self._where(obs, step.skill)
        return self._policy.judge(step.skill, where, self.approved)

    def _where(self, obs: Observation, skill: Skill) -> dict[str, F64 | None]:
        """Where the thing and the place of ``skill`` are; None for what is not surely seen."""
        found: dict[str, F64 | None] = dict.fromkeys(concerned(skill))
        for name in found:
            seen = None if self._detector is None else self._detector.find(obs, name)
            if seen is not None and seen.score >= SURE:
                found[name] = seen.position
        if skill.at is not None:
            found[skill.place] = np.array([*skill.at, np.nan])
        return found
