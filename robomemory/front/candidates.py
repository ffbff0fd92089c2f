"""What a name may mean: each thing with its place, and how that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from robomemory.graph.scene import Entity, Whereabouts
from robomemory.memory import RoboMemory
from robomemory.records import Position
from robomemory.store.past.tellings import Telling
from robomemory.timestamps import Moment


@dataclass(frozen=True, slots=True)
class Candidate:
    """A thing that a name may mean.

    ``position`` (3,) [m, in ``frame``; empty: the memory's own], None if unknown, as of ``stamp_ns`` [ns] of
    ``run``; ``via`` the holder whose place it is (empty: its own); ``facts`` such as "mug in tray", from the
    thing outwards; ``age_s`` [s] since it was last seen or told of, None if that was in another run of the
    clock; ``confidence`` [0, 1] of its place. The evidence: ``first_seen_ns`` and ``last_seen_ns`` [ns],
    ``times`` in all, the ``sources`` and the records ``record_ids``, the newest first.
    """

    name: str
    position: Position | None
    stamp_ns: int
    run: int
    via: str
    facts: tuple[str, ...]
    age_s: float | None
    confidence: float
    first_seen_ns: int
    last_seen_ns: int
    times: int
    sources: tuple[str, ...]
    record_ids: tuple[int, ...]
    frame: str = ""


def candidates_of(memory: RoboMemory, name: str) -> tuple[Candidate, ...]:
    """Every thing of ``memory`` that ``name`` may mean: those of that name, then those whose names say
    more ("my mug" of "mug"), seen last first.

    Raises:
        InvalidQueryError: ``name`` is empty.
    """
    return tuple(candidate_of(thing, *memory.told_of(thing)) for thing in memory.candidates(name))


def candidate_of(
    entity: Entity, now: Moment, place: Whereabouts, told: Sequence[Telling], records: Sequence[int]
) -> Candidate:
    """``entity`` at ``place``, with who ``told`` of it and the ``records`` behind that, the newest first;
    ``now``: the newest moment known of."""
    last = entity.last_seen
    return Candidate(
        entity.label,
        place.position,
        place.stamp_ns,
        place.run,
        place.via,
        place.facts,
        (now.ns - last.ns) / 1e9 if now.run == last.run else None,
        entity.confidence,
        entity.first_seen.ns,
        last.ns,
        sum(t.saw + t.said for t in told),
        tuple(sorted({t.source for t in told if t.source})),
        tuple(records),
    )
