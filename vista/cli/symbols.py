"""Facts from positions: which thing lies in which tray or drawer, on the table, or between the fingers.

The words of :data:`robomemory.planning.TABLETOP`. Positions may come from any detector; what the cabinet
looks like is known beforehand, as it is of the robot's own workplace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from robomemory.planning.belief import Observed
from robomemory.planning.goals import HAND
from robomemory.planning.manipulation import CONTAINER, DRAWER, SURFACE, THING
from robomemory.records import Triple
from vista.types import F64
from vista_sim import cabinet

TABLE = "table"
TRAY_HALF_M = 0.06
HELD_M = 0.045
"""So near to the closed fingers a thing is held."""
OPEN_M = 0.1
"""A drawer that is out by more than this is open, and what is in it is in view."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What is seen at ``stamp_ns``: ``things`` and ``trays`` {name: position (3,) [m]}, ``drawers``
    {name: opening [m]}, the ``hand`` (3,) [m] and whether it is told to be ``closed``."""

    stamp_ns: int
    things: Mapping[str, F64]
    hand: F64
    closed: bool
    trays: Mapping[str, F64] = field(default_factory=dict)
    drawers: Mapping[str, float] = field(default_factory=dict)


def drawer_centres(drawers: Mapping[str, float]) -> dict[str, F64]:
    """Middle (2,) of each drawer's ground in the base frame [m], from its opening."""
    rows = zip(drawers.items(), cabinet.DRAWER_Y.get(len(drawers), ()), strict=False)
    return {name: np.array([cabinet.CENTRE_X + opening, y]) for (name, opening), y in rows}


def observed(sight: Sight) -> Observed:
    """``sight`` in facts. A thing is at one place: held, in a tray, in a drawer, else on the table."""
    objects = {
        TABLE: SURFACE,
        **dict.fromkeys(sight.trays, CONTAINER),
        **dict.fromkeys(sight.drawers, DRAWER),
    }
    facts: set[Triple] = {(place, "is", "open") for place in (TABLE, *sight.trays)}
    opened = {name for name, opening in sight.drawers.items() if opening > OPEN_M}
    facts |= {(name, "is", "open" if name in opened else "closed") for name in sight.drawers}
    grounds = {name: (at, cabinet.INNER_X, cabinet.INNER_Y)
               for name, at in drawer_centres(sight.drawers).items()}  # fmt: skip
    grounds |= {name: (at[:2], TRAY_HALF_M, TRAY_HALF_M) for name, at in sight.trays.items()}
    held = ""
    for name, at in sight.things.items():
        objects[name] = THING
        if sight.closed and not held and float(np.linalg.norm(at - sight.hand)) < HELD_M:
            held = name
            facts.add((name, "held by", HAND))
            continue
        inside = (
            n for n, (c, dx, dy) in grounds.items() if abs(at[0] - c[0]) < dx and abs(at[1] - c[1]) < dy
        )
        place = next(inside, None)
        facts.add((name, "on", TABLE) if place is None else (name, "in", place))
    facts.add((HAND, "is", "full" if held else "empty"))
    return Observed(sight.stamp_ns, objects, frozenset(facts), frozenset({TABLE, *sight.trays, *opened}))
