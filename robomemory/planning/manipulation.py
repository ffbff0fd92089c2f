"""What an arm on a table can do: open drawers, take things out of places or off a table, put them down."""

from __future__ import annotations

from robomemory.planning.domain import ROBOT, SEEN, Domain, Operator, Parameter
from robomemory.planning.goals import HAND

THING, PLACE, CONTAINER, DRAWER, SURFACE = "thing", "place", "container", "drawer", "surface"

_EMPTY, _FULL = (HAND, "is", "empty"), (HAND, "is", "full")
_CARRIED = ("?thing", "held by", HAND)


def _grasp(act: str, relation: str, kind: str, effort: int) -> Operator:
    return Operator(
        f"{act}, {relation}",
        (Parameter("thing", THING), Parameter("place", kind)),
        (("?thing", relation, "?place"), ("?place", "is", "open"), _EMPTY),
        (_CARRIED, _FULL),
        (("?thing", relation, "?place"), _EMPTY),
        f"{act.replace('grasp', 'grasp the {thing}')}",
        effort,
        act,
    )


def _place(relation: str, kind: str) -> Operator:
    return Operator(
        f"place, {relation}",
        (Parameter("thing", THING), Parameter("place", kind)),
        (_CARRIED, ("?place", "is", "open")),
        (("?thing", relation, "?place"), _EMPTY),
        (_CARRIED, _FULL),
        f"place the {{thing}} {relation} the {{place}}",
        act="place",
    )


TABLETOP = Domain(
    "tabletop",
    {THING: "", PLACE: "", CONTAINER: PLACE, DRAWER: CONTAINER, SURFACE: PLACE},
    (
        Operator(
            "open",
            (Parameter("place", DRAWER),),
            (("?place", "is", "closed"), _EMPTY),
            (("?place", "is", "open"), (ROBOT, SEEN, "?place")),
            (("?place", "is", "closed"),),
            "open the {place}",
        ),
        *(
            _grasp(act, relation, kind, effort)
            for effort, act in enumerate(("grasp", "grasp gently"))
            for relation, kind in (("in", CONTAINER), ("on", SURFACE))
        ),
        _place("in", CONTAINER),
        _place("on", SURFACE),
    ),
)
"""Things lie in containers and on surfaces; a tray, like a table, "is open" always. What is grasped gently is
also carried slowly."""
