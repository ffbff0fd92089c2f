"""Facts from positions: which thing lies in which container or drawer, on the table, or between the fingers.

The facts use the words of :data:`robomemory.planning.TABLETOP`. Positions may come from any detector. The
sizes of containers and the places of drawers are those of the robot's contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from robomemory.planning.belief import Observed
from robomemory.planning.goals import HAND
from robomemory.planning.manipulation import CONTAINER, DRAWER, SURFACE, THING
from robomemory.records import Triple
from vista.planner.containers import RIM_M, half_m
from vista.types import F64, Place

TABLE = "table"
OVER_M, RISEN_M = 0.025, 0.02
"""A thing is on another when its centre is so near to the other's, seen from above, and so much higher."""
HELD_M = 0.045
"""So near to the closed fingers a thing is held."""
OPEN_M = 0.1
"""A drawer that is out by more than this is open, and things in it are in view."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The positions at ``stamp_ns`` [ns], in the base frame: ``things`` and ``containers`` {name: position
    (3,) [m]}, ``drawers`` {name: opening [m]}, the ``hand`` (3,) [m] and whether it is told to be ``closed``.

    ``places``: the containers and drawers of the workplace by name, from the contract; a drawer that is not
    among them has no ground. ``margin_m``: a thing that seems to be so far beyond the ground of a container
    or drawer [m] still lies in it. ``whole``: everything on the table or in a container is among ``things``;
    False for a detector that overlooks some. ``upon`` {thing: thing below it}: known otherwise than by
    height. ``hidden``: drawers that may hold things which are not seen. ``plain``: things and containers that
    are seen so well that nothing stands on them, or lies in them, unseen.
    """

    stamp_ns: int
    things: Mapping[str, F64]
    hand: F64
    closed: bool
    containers: Mapping[str, F64] = field(default_factory=dict)
    drawers: Mapping[str, float] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)
    margin_m: float = 0.0
    whole: bool = True
    upon: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()


def drawer_centres(drawers: Mapping[str, float], places: Mapping[str, Place]) -> dict[str, F64]:
    """The middle (2,) of the ground of each drawer that ``places`` knows [m, base frame], from its opening
    [m]. A drawer slides along x."""
    centres = {}
    for name, opening in drawers.items():
        place = places.get(name)
        if place is not None and place.position is not None:
            x, y = place.position
            centres[name] = np.array([x + opening, y])
    return centres


def observed(sight: Sight) -> Observed:
    """``sight`` in facts. A thing is at one place: held, in a container, in a drawer, else on the table."""
    objects = {
        TABLE: SURFACE,
        **dict.fromkeys(sight.containers, CONTAINER),
        **dict.fromkeys(sight.drawers, DRAWER),
    }
    facts: set[Triple] = {(place, "is", "open") for place in (TABLE, *sight.containers)}
    opened = {name for name, opening in sight.drawers.items() if opening > OPEN_M}
    facts |= {(name, "is", "open" if name in opened else "closed") for name in sight.drawers}
    grounds = {name: (at, half_m(sight.places, name) + sight.margin_m)
               for name, at in drawer_centres(sight.drawers, sight.places).items()}  # fmt: skip
    grounds |= {name: (at[:2], half_m(sight.places, name, RIM_M) + sight.margin_m)
                for name, at in sight.containers.items()}  # fmt: skip
    held = ""
    for name, at in sight.things.items():
        objects[name] = THING
        if sight.closed and not held and float(np.linalg.norm(at - sight.hand)) < HELD_M:
            held = name
            facts.add((name, "held by", HAND))
            continue
        inside = (n for n, (centre, half) in grounds.items() if bool((np.abs(at[:2] - centre) < half).all()))
        place = next(inside, None)
        if place is None:
            facts.add((name, "on", sight.upon.get(name) or _below(at, sight.things) or TABLE))
        else:
            facts.add((name, "in", place))
    facts.add((HAND, "is", "full" if held else "empty"))
    visible = {TABLE, *sight.containers, *opened} if sight.whole else opened
    return Observed(
        sight.stamp_ns, objects, frozenset(facts), (frozenset(visible) - sight.hidden) | sight.plain
    )


def _below(at: F64, things: Mapping[str, F64]) -> str | None:
    """The thing that one at ``at`` (3,) [m] stands on."""
    for name, other in things.items():
        if at[2] - other[2] > RISEN_M and float(np.hypot(*(at[:2] - other[:2]))) < OVER_M:
            return name
    return None
