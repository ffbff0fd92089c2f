"""Goals of an instruction as facts to be planned for, and which of them no executor can reach yet."""

from __future__ import annotations

from collections.abc import Sequence

from robomemory.names import PLACE
from robomemory.planning.belief import Belief
from robomemory.planning.domain import Goal
from robomemory.planning.goals import HAND
from robomemory.planning.manipulation import DRAWER, SURFACE, THING
from robomemory.records import Triple
from vista.planner.instruction.values import (
    AnyGoal,
    ClearGoal,
    CloseGoal,
    GraspGoal,
    MoveGoal,
    OpenGoal,
    PlaceGoal,
)
from vista.planner.symbolic.facts import TABLE
from vista.types.spatial import Spatial

POSSIBLE = frozenset({Spatial.IN, Spatial.ON})
"""The relations that the executors can bring about. Others, and moves by a distance, end at a free point of
the table: they are understood, and then refused. This set and :data:`MOVES` are the one place to say so."""
MOVES = False


def not_yet(goals: Sequence[AnyGoal]) -> str:
    """Why ``goals`` are understood, but can't be reached yet; empty: they can."""
    for goal in goals:
        if isinstance(goal, MoveGoal) and not MOVES:
            return f"to move the {goal.thing} {goal.direction} is understood, but not possible yet"
        if isinstance(goal, PlaceGoal) and goal.relation not in POSSIBLE:
            where = " and the ".join(goal.places)
            said = f"{goal.relation.words} the {where}"
            if goal.relation in (Spatial.CORNER, Spatial.SIDE):
                said = f"at the {where} {goal.relation} of the table"
            return f"to put the {goal.things[0]} {said} is understood, but not possible yet"
    return ""


def about(goals: Sequence[AnyGoal]) -> tuple[str, ...]:
    """All names that ``goals`` speak of, in their order."""
    names: list[str] = []
    for goal in goals:
        if isinstance(goal, PlaceGoal):
            names += [*goal.things, *goal.places]
        else:
            names.append(goal.place if isinstance(goal, ClearGoal) else goal.thing)
    return tuple(dict.fromkeys(names))


def foreseeable(goals: Sequence[AnyGoal]) -> int:
    """How many of ``goals`` can be planned for now: what has to leave a place that is to be cleared is known
    only when the goals before it are reached."""
    later = (i for i, goal in enumerate(goals) if isinstance(goal, ClearGoal) and i)
    return next(later, len(goals))


def opened_first(goals: Sequence[AnyGoal], belief: Belief) -> tuple[AnyGoal, ...]:
    """``goals`` with the opening of each closed drawer before it is cleared."""
    out: list[AnyGoal] = []
    for goal in goals:
        if isinstance(goal, ClearGoal) and belief.state.objects.get(goal.place) == DRAWER:
            out.append(OpenGoal(goal.place))
        out.append(goal)
    return tuple(out)


def facts_of(goal: AnyGoal, belief: Belief) -> Goal | None:
    """``goal`` as facts; None: nothing is to be done for it."""
    facts: set[Triple] = set()
    if isinstance(goal, PlaceGoal):
        facts = {(thing, str(goal.relation), goal.places[0]) for thing in goal.things}
    elif isinstance(goal, GraspGoal):
        facts = {(goal.thing, "held by", HAND)}
    elif isinstance(goal, OpenGoal | CloseGoal):
        facts = {(goal.thing, "is", "open" if isinstance(goal, OpenGoal) else "closed")}
    elif isinstance(goal, ClearGoal):
        inside = [s for s, r, o in belief.state.facts if r in PLACE and o == goal.place]
        movable = [name for name in inside if belief.state.objects.get(name) == THING]
        if belief.state.objects.get(goal.place) != SURFACE:
            facts = {(name, "on", TABLE) for name in movable}
    return Goal(frozenset(facts)) if facts else None
