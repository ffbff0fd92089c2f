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
from vista_sim.model import cabinet

TABLE = "table"
TRAY_HALF_M = 0.06
OVER_M, RISEN_M = 0.025, 0.02
"""A thing is on another when its centre is so near to the other's, seen from above, and so much higher."""
HELD_M = 0.045
"""So near to the closed fingers a thing is held."""
OPEN_M = 0.1
"""A drawer that is out by more than this is open, and what is in it is in view."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What is seen at ``stamp_ns``: ``things`` and ``trays`` {name: position (3,) [m]}, ``drawers``
    {name: opening [m]}, the ``hand`` (3,) [m] and whether it is told to be ``closed``.

    ``margin_m``: how much further than its ground reaches a thing may seem to be and still lie in a tray or
    drawer. ``whole``: everything that stands on the table or in a tray is among ``things``; a detector that
    overlooks some says False. ``upon`` {thing: thing below it} where that is known otherwise than by height,
    ``hidden``: drawers of which not all is seen that lies in them, ``plain``: things that are seen so well
    that nothing stands on them, and trays that are seen to be empty."""

    stamp_ns: int
    things: Mapping[str, F64]
    hand: F64
    closed: bool
    trays: Mapping[str, F64] = field(default_factory=dict)
    drawers: Mapping[str, float] = field(default_factory=dict)
    margin_m: float = 0.0
    whole: bool = True
    upon: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()


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
    margin, half = sight.margin_m, TRAY_HALF_M + sight.margin_m
    grounds = {name: (at, cabinet.INNER_X + margin, cabinet.INNER_Y + margin)
               for name, at in drawer_centres(sight.drawers).items()}  # fmt: skip
    grounds |= {name: (at[:2], half, half) for name, at in sight.trays.items()}
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
        if place is None:
            facts.add((name, "on", sight.upon.get(name) or _below(at, sight.things) or TABLE))
        else:
            facts.add((name, "in", place))
    facts.add((HAND, "is", "full" if held else "empty"))
    visible = {TABLE, *sight.trays, *opened} if sight.whole else opened
    return Observed(
        sight.stamp_ns, objects, frozenset(facts), (frozenset(visible) - sight.hidden) | sight.plain
    )


def _below(at: F64, things: Mapping[str, F64]) -> str | None:
    """The thing that one at ``at`` (3,) stands on."""
    for name, other in things.items():
        if at[2] - other[2] > RISEN_M and float(np.hypot(*(at[:2] - other[:2]))) < OVER_M:
            return name
    return None
