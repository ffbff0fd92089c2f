"""All that follows from a body of evidence, worked out at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from robomemory.belief.evidence import FACTS, Evidence, Slot, Told, of_itself, slot_of
from robomemory.belief.folding import Clock, Names, Spell, place_at
from robomemory.belief.folds import fold_slot, fold_track, grouped, moves, slot_steps
from robomemory.belief.relations import METRIC
from robomemory.records import Position
from robomemory.timestamps import Moment


@dataclass(frozen=True, slots=True)
class WholeBelief:
    """``tracks`` {thing: where it was, oldest first} and ``spells`` {slot: what it held, oldest first}."""

    tracks: dict[int, list[Spell]]
    spells: dict[Slot, list[Spell]]


def believe(
    evidence: Sequence[Evidence], names: Names, clock: Clock, *, validity: bool = True
) -> WholeBelief:
    """What ``evidence`` says, whatever the order it is in. Without ``validity`` nothing contradicts."""
    empty = [e for e in evidence if e.told is Told.EMPTY]
    seen = grouped((e for e in evidence if e.told is Told.SEEN), lambda e: e.subject)
    tracks: dict[int, list[Spell]] = {}
    for key, items in seen.items():
        fold, closed = fold_track([*items, *empty])
        tracks[key] = [*closed, *([] if fold.open is None else [fold.open])]

    def place_of(key: int, at: Moment) -> Position | None:
        spell = place_at(tracks.get(key, ()), at)
        return None if spell is None else spell.position

    def slot(e: Evidence) -> Slot:
        if not validity:
            return f"fact {e.relation}", e.subject, e.object
        return slot_of(e.subject, e.relation, e.object, names(e.object))

    spells: dict[Slot, list[Spell]] = {}
    for where, items in grouped((e for e in evidence if e.told in FACTS and not of_itself(e)), slot).items():
        if where[0] == "place":
            lost = [m for m in moves(tracks.get(where[1], ())) if m[2]]
            steps = slot_steps(items, seen.get(where[1], ()), lost)
        elif validity and items[0].relation in METRIC:
            ends = sorted({end for e in items for end in (e.subject, e.object)})
            steps = slot_steps(items, (), [m for end in ends for m in moves(tracks.get(end, ()))])
        else:
            steps = slot_steps(items, (), ())
        slot_fold, ended = fold_slot(steps, names, clock, place_of)
        tail = slot_fold.seen_by(clock.now, clock)
        spells[where] = [*ended, *([] if tail is None else [tail])]
    return WholeBelief(tracks, spells)
