"""Looks at a step before it is done (paper, Algorithm 1): may it be done, was it done, did it fail before?"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from robomemory.notes import Failure
from robomemory.planning.domain import Domain, Facts, Step

Condition = str


def condition_of(thing: str, facts: Collection[tuple[str, str, str]]) -> Condition:
    """The state of affairs around ``thing`` in words: two tries in the same one are alike."""
    near = sorted(f"{r} {o}" for s, r, o in facts if s == thing)
    return ", ".join(near) or "unknown"


class StepCritic:
    """Rejects steps that can't work. The steps that were tried are kept until ``reset``.

    The paper's critic is a language model that overlooks what the gripper holds, and lets the same step be
    tried for ever; this one compares preconditions, pairs of state and step, and recorded failures.
    """

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._tried: set[tuple[Facts, Step]] = set()

    def reset(self) -> None:
        """A new attempt begins."""
        self._tried.clear()

    def tried(self, step: Step, facts: Facts) -> None:
        """``step`` is being done while ``facts`` hold."""
        self._tried.add((facts, step))

    def repeats(self, step: Step, facts: Facts) -> bool:
        """Whether the same step was done in the same state before."""
        return (facts, step) in self._tried

    def review(self, step: Step, facts: Facts, failures: Iterable[Failure] = ()) -> str | None:
        """Why ``step`` should not be done now, None if it may; ``failures``: those that are recalled."""
        missing = self._domain.unmet(step, facts)
        if missing:
            subject, relation, thing = missing[0]
            holds = [f"{s} {r} {o}" for s, r, o in sorted(facts) if s == subject and r == relation]
            seen = f"; known: {', '.join(holds)}" if holds else ""
            return f"{subject} {relation} {thing} does not hold{seen}"
        if self.repeats(step, facts):
            return "the same was done in the same state before"
        act, where = self._domain.operator(step.operator).act, condition_of(step.about, facts)
        for failure in failures:
            if (failure.act, failure.about, failure.condition) == (act, step.about, where):
                return f"it failed before in the same state: {failure.cause}"
        return None
