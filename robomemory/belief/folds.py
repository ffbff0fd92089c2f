"""Whole folds: of a track, of a slot, and those that a memory keeps at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from robomemory.belief.evidence import Evidence, Slot, Told
from robomemory.belief.folding import Clock, Names, PlaceOf, SlotFold, SlotStep, Spell, TrackFold, TrackStep
from robomemory.graph.scene import Sighting
from robomemory.timestamps import Moment

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class Folds:
    """The folds of slots and tracks that are at hand; ``empty``: the balls that were said to be empty, in the
    order of time."""

    slots: dict[Slot, SlotFold] = field(default_factory=dict)
    tracks: dict[int, TrackFold] = field(default_factory=dict)
    empty: list[Evidence] = field(default_factory=list)

    def clear(self) -> None:
        self.slots.clear()
        self.tracks.clear()


def fold_track(evidence: Iterable[Evidence]) -> tuple[TrackFold, list[Spell]]:
    """Where one thing was, from what ``evidence`` says of it and of empty balls: the fold with the last
    spell, and those that ended."""
    fold, closed = TrackFold(), list[Spell]()
    steps = grouped((e for e in evidence if e.told in (Told.SEEN, Told.EMPTY)), lambda e: e.at)
    for at in sorted(steps):
        seen = [e for e in steps[at] if e.told is Told.SEEN]
        empty = [e for e in steps[at] if e.told is Told.EMPTY]
        if seen or fold.open is not None:
            closed += fold.add(at, TrackStep(seen, empty))
    return fold, closed


def fold_slot(
    steps: Mapping[Moment, SlotStep], names: Names, clock: Clock, place_of: PlaceOf
) -> tuple[SlotFold, list[Spell]]:
    """What a slot held, from all that bears on it: the fold with the last spell, and those that ended."""
    fold, closed = SlotFold(), list[Spell]()
    for at in sorted(steps):
        closed += fold.add(at, steps[at], names, clock, place_of)
    return fold, closed


def slot_steps(
    said: Iterable[Evidence], seen: Iterable[Evidence], moved: Iterable[Move]
) -> dict[Moment, SlotStep]:
    """{moment: what bears on a slot}."""
    told, looked = grouped(said, lambda e: e.at), grouped(seen, lambda e: e.at)
    gone = {at: record for at, record, lost in moved if lost}
    went = {at: record for at, record, lost in moved if not lost}
    return {
        at: SlotStep(told.get(at, ()), looked.get(at, ()), went.get(at, 0), gone.get(at, 0))
        for at in {*told, *looked, *gone, *went}
    }


class Move(NamedTuple):
    """A change of place at the moment ``at``, by the record ``record``; ``lost``: it was missed there."""

    at: Moment
    record: int
    lost: bool


def moves(track: Sequence[Spell]) -> list[Move]:
    """Each change of place in ``track``."""
    found = [Move(s.began, s.record_id, False) for s in track[1:]]
    for place, s in enumerate(track):
        following = track[place + 1].began if place + 1 < len(track) else None
        if (until := lost_at(s.until, following)) is not None:
            found.append(Move(until, s.ended_by or s.record_id, True))
    return found


def track_of(rows: Iterable[Sighting]) -> list[Spell]:
    """The track that believed ``rows`` of one thing hold."""
    placed = sorted((r for r in rows if r.position is not None), key=lambda r: r.at)
    ends = [r.at for r in placed[1:]]
    return [
        Spell(
            r.entity_id, "", 0, r.at, r.until or end, r.seen, r.times, r.confidence, r.confidence,
            r.record_id, r.newest_id, r.sources, r.position, r.position,
        )
        for r, end in zip(placed, [*ends, None], strict=False)
    ]  # fmt: skip


def lost_at(until: Moment | None, following: Moment | None) -> Moment | None:
    """When a thing was missed where it had been; None: it was next seen somewhere else."""
    return None if until == following else until


def grouped(items: Iterable[V], key: Callable[[V], K]) -> dict[K, list[V]]:
    """{key: the items that have it}, in the order they come."""
    found: dict[K, list[V]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


def begins(spell: Spell | None, at: Moment, record: int) -> bool:
    """Whether ``spell`` began at ``at`` by the record ``record``."""
    return spell is not None and spell.began == at and spell.record_id == record
