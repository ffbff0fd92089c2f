"""Which facts and sightings are asked of a store: typed values, which the store writes as a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from robomemory.timestamps import Moment


class FactOrder(Enum):
    """In which order facts come."""

    ANY = auto()
    TOLD = auto()  # as they were told
    TOLD_LAST_FIRST = auto()
    BEGAN_LAST_FIRST = auto()
    ENDED_LAST_FIRST = auto()


class SightingOrder(Enum):
    """In which order sightings come."""

    ANY = auto()
    TIME = auto()
    PLACED_LAST = auto()  # those without a position first, each half by time


@dataclass(frozen=True, slots=True)
class FactFilter:
    """The facts for which every given field holds.

    ``subjects``, ``objects``: keys of entities, one of which is that end. ``known_ns``: believed at that
    moment of recording [ns]; None: believed now. ``ended``: whether it has ended; None: either.
    ``began_after`` (exclusive) and ``began_by`` (inclusive) frame when it began; ``held_after``: it has not
    ended, or later than that; ``ended_by`` (inclusive): it ended until then. ``updated_after``: written by an
    update after that number; whether it is believed is not asked then. At most ``limit`` of them, in
    ``order``.
    """

    subjects: Sequence[int] | None = None
    objects: Sequence[int] | None = None
    known_ns: int | None = None
    ended: bool | None = None
    began_after: Moment | None = None
    began_by: Moment | None = None
    held_after: Moment | None = None
    ended_by: Moment | None = None
    updated_after: int | None = None
    order: FactOrder = FactOrder.ANY
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class SightingFilter:
    """The sightings for which every given field holds.

    ``things``: keys of entities. ``placed``: only those with a position. ``after`` (exclusive) and ``by``
    (inclusive) frame the moment; ``in_force_at``: no later sighting of the thing with a position, up to then
    (inclusive), takes its place, and it was not missed there. ``updated_after``: written by an update after
    that number; whether it is believed is not asked then. They come in ``order``.
    """

    things: Sequence[int] | None = None
    placed: bool = False
    after: Moment | None = None
    by: Moment | None = None
    in_force_at: Moment | None = None
    updated_after: int | None = None
    order: SightingOrder = SightingOrder.ANY
