"""What an arm on a table can do: open drawers, take things out of places or off a table, put them down."""

from __future__ import annotations

from dataclasses import replace

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
        verb="grasp",
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
        relation=relation,
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

BENCHTOP = replace(
    TABLETOP,
    name="benchtop",
    types={**TABLETOP.types, THING: PLACE},
    operators=(
        *TABLETOP.operators,
        Operator(
            "close",
            (Parameter("place", DRAWER),),
            (("?place", "is", "open"), _EMPTY),
            (("?place", "is", "closed"),),
            (("?place", "is", "open"),),
            "close the {place}",
        ),
        Operator(
            "grasp, off",
            (Parameter("thing", THING), Parameter("place", THING)),
            (("?thing", "on", "?place"), _EMPTY),
            (_CARRIED, _FULL),
            (("?thing", "on", "?place"), _EMPTY),
            "grasp the {thing}",
            act="grasp",
        ),
        Operator(
            "place, upon",
            (Parameter("thing", THING), Parameter("place", THING)),
            (_CARRIED,),
            (("?thing", "on", "?place"), _EMPTY),
            (_CARRIED, _FULL),
            "place the {thing} on the {place}",
            act="place",
            relation="on",
        ),
    ),
)
"""The same, with things that stand on things, and drawers that can be shut."""
