"""A whole plan beforehand: what a planner would do if every step went as it should."""

from __future__ import annotations

from robomemory.planning.belief import Observed
from robomemory.planning.domain import Domain, Step
from robomemory.planning.planner import MemoryPlanner, Stuck

LONGEST = 32


def foresee(planner: MemoryPlanner, domain: Domain, observed: Observed) -> tuple[Step, ...] | Stuck:
    """All steps of the instruction that was begun, from what is seen now; nothing is looked at in between.

    A thing whose place is not known is taken to be in the first place that is looked into.
    """
    steps: list[Step] = []
    now = observed
    while len(steps) < LONGEST:
        step = planner.propose(now)
        if isinstance(step, Stuck):
            return step
        if not isinstance(step, Step):
            return tuple(steps)
        steps.append(step)
        facts, objects = set(domain.after(step, now.facts)), dict(now.objects)
        thing = planner.looking_for
        opened = {s for s, r, o in facts - now.facts if (r, o) == ("is", "open")}
        if thing and step.about in opened:
            objects[thing] = domain.movable
            facts.add((thing, "in", step.about))
        after = Observed(now.stamp_ns + 1, objects, frozenset(facts), now.visible | opened)
        planner.result(step, True, "", now, after)
        now = after
    return Stuck(f"no end after {LONGEST} steps")
