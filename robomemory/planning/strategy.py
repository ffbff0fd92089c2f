"""Which steps to take next: towards the goal where all it needs is known, else towards finding that out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from robomemory.names import PLACE
from robomemory.notes import Failure
from robomemory.planning.belief import Belief
from robomemory.planning.critic import condition_of
from robomemory.planning.domain import Domain, Facts, Goal, Step, seen
from robomemory.planning.engine import Avoided, Engine
from robomemory.planning.explore import likely_places
from robomemory.planning.lessons import LessonRelation
from robomemory.planning.recollection import Recollection


@dataclass(frozen=True, slots=True)
class Course:
    """``steps`` to take and ``why`` in words; ``looking_for``: the thing that they shall find, if any;
    ``cause``: why there are none."""

    steps: tuple[Step, ...] = ()
    why: str = ""
    looking_for: str = ""
    cause: str = ""


class Strategy:
    """Makes plans with ``engine`` from a belief and what was ``recalled``."""

    def __init__(self, domain: Domain, engine: Engine, recalled: Recollection, rng: random.Random) -> None:
        self._domain, self._engine, self._recalled, self._rng = domain, engine, recalled, rng

    def decide(self, goal: Goal, belief: Belief, failures: Sequence[Failure]) -> Course:
        """The course towards ``goal``. A thing whose place nobody knows is looked for first."""
        needed = goal.open(belief.state.facts)
        things = sorted(goal.find | {subject for subject, _, _ in needed})
        for thing in things:
            kind = belief.state.objects.get(thing, "")
            if self._domain.is_a(kind, self._domain.movable) and belief.place_of(thing) is None:
                return self._explore(thing, belief)
        steps, avoided = self._solve(belief, goal.facts, self._avoided(belief, things, failures))
        if steps is None:
            wanted = "; ".join(" ".join(triple) for triple in sorted(needed))
            return Course(cause=f"no steps lead to: {wanted}")
        why = [
            f"the {s} is {r} the {o}, as far as is remembered"
            for s, r, o in sorted(belief.remembered)
            if s in things and r in PLACE
        ]
        why += [f"not {act} for the {thing}: {reason}" for (act, thing), reason in avoided.items()]
        return Course(steps, "; ".join(why) or "everything it needs is seen")

    def after(self, step: Step, goal: Goal, belief: Belief) -> tuple[Step, ...] | None:
        """The steps that lead to ``goal`` once ``step`` is done; None where it can't be done now, or where
        there are none."""
        facts = belief.state.facts
        known = all(name in belief.state.objects for name in step.arguments)
        if not known or self._domain.unmet(step, facts):
            return None
        state = replace(belief.state, facts=self._domain.after(step, facts))
        plan = self._engine.solve(self._domain, state, goal.facts, {})
        return None if plan is None else plan.steps

    def _explore(self, thing: str, belief: Belief) -> Course:
        places = [
            name
            for name, kind in sorted(belief.state.objects.items())
            if self._domain.lookable(kind) and seen(name) not in belief.state.facts
        ]
        self._rng.shuffle(places)  # a guess should not always be the first of the alphabet
        for each in likely_places(thing, places, self._recalled.scene(), self._recalled.lessons):
            steps, _ = self._solve(belief, frozenset({seen(each.place)}), {})
            if steps is not None:
                reason = each.why or "nothing is known of where it is"
                why = f"the {thing} may be in the {each.place} ({each.probability:.0%}): {reason}"
                return Course(steps, why, thing)
        return Course(cause=f"the {thing} is not seen, and there is no place left to look into")

    def _solve(
        self, belief: Belief, goal: Facts, avoided: dict[Avoided, str]
    ) -> tuple[tuple[Step, ...] | None, dict[Avoided, str]]:
        """Steps by acts of the least effort that are not known to fail. Where every way failed, the one of
        the most effort is tried again before the others. Also what was avoided, with the reasons."""
        easier = frozenset[str]().union(*(self._domain.easier(o.act) for o in self._domain.operators))
        careful = {(act, thing): why for (act, thing), why in avoided.items() if act in easier}
        for banned in (avoided, careful, {}) if avoided else ({},):
            for limit in sorted({o.effort for o in self._domain.operators}):
                operators = tuple(o for o in self._domain.operators if o.effort <= limit)
                domain = replace(self._domain, operators=operators)
                plan = self._engine.solve(domain, belief.state, goal, banned)
                if plan is not None:
                    return plan.steps, banned
        return None, {}

    def _avoided(
        self, belief: Belief, things: Sequence[str], failures: Sequence[Failure]
    ) -> dict[Avoided, str]:
        """{(act, thing): why} of what lessons, and failures in the same state, speak against."""
        avoided: dict[Avoided, str] = {}
        for thing in things:
            act = self._recalled.lessons.value(thing, LessonRelation.NEEDS)
            for easier in sorted(self._domain.easier(act)) if act else ():
                avoided[easier, thing] = f"it is known to need this: {act}"
            where = condition_of(thing, belief.state.facts)
            for failure in failures:
                if failure.about == thing and failure.condition == where:
                    avoided.setdefault((failure.act, thing), f"that failed before, {failure.cause}")
        return avoided
