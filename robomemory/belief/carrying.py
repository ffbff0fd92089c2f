"""Contents move with what holds them: where a thing is, from where it and its holders were seen."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from robomemory.belief.folding import HOLDER_M, SAME_PLACE_M
from robomemory.records import Position
from robomemory.timestamps import Moment


class CarriedPlace(NamedTuple):
    """A ``position`` [m] as of the moment ``at``; ``via`` the thing it was seen with (the thing itself: its
    own)."""

    position: Position
    at: Moment
    via: int


class Scenery(NamedTuple):
    """What is known of a time: where a thing was ``seen`` last, since when which other one holds it
    (``holder``), and where it was at an earlier moment (``then``)."""

    seen: Callable[[int], tuple[Position, Moment] | None]
    holder: Callable[[int], tuple[int, Moment] | None]
    then: Callable[[int, Moment], Position | None]


def carried(key: int, scenery: Scenery, visited: frozenset[int] = frozenset()) -> CarriedPlace | None:
    """Where the thing ``key`` is: where it was seen, moved by as much as its holder has moved since; where
    its holder is, if it came there after it was seen last, or never was seen."""
    own = scenery.seen(key)
    mine = None if own is None else CarriedPlace(own[0], own[1], key)
    held = scenery.holder(key)
    if held is None or held[0] in visited or held[0] == key:
        return mine
    there = carried(held[0], scenery, visited | {key})
    if there is None or mine is None:
        return mine if there is None else there
    since = max(mine.at, held[1])
    came_later = mine.at < held[1]
    if there.at <= since:
        far = came_later and math.dist(mine.position, there.position) > HOLDER_M
        return there if far else mine
    before = scenery.then(held[0], since)
    if before is None:
        return mine if math.dist(mine.position, there.position) <= HOLDER_M else there
    if came_later and math.dist(mine.position, before) > HOLDER_M:
        return there
    if math.dist(before, there.position) <= SAME_PLACE_M:
        return mine
    x, y, z = (m + t - b for m, t, b in zip(mine.position, there.position, before, strict=True))
    return CarriedPlace((x, y, z), there.at, there.via)
