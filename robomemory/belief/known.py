"""What is known, with the update that is being worked out: evidence and rows in the order of their moments.

Both are read as far as they are asked for: a thing that is in view all day has a piece of evidence for every
frame, and none of them is looked at again without need.
"""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from robomemory.belief.evidence import FACTS, Evidence, Slot, Told, of_itself, slot_of
from robomemory.belief.folding import Clock, Names, Spell
from robomemory.belief.folds import Folds, Move
from robomemory.belief.relations import PLACE, STATE, opposite
from robomemory.belief.sources import EvidenceSource, Settled, Writing
from robomemory.graph.scene import Fact, Sighting
from robomemory.records import Position
from robomemory.timestamps import FOREVER, Moment


class Known:
    """What ``source`` and ``folds`` know, with the evidence of one update. Folds are not touched."""

    def __init__(
        self,
        folds: Folds,
        source: EvidenceSource,
        names: Names,
        clock: Clock,
        writing: Writing,
        *,
        validity: bool = True,
    ) -> None:
        self._folds, self._source, self._names, self._clock = folds, source, names, clock
        self._writing, self._validity = writing, validity
        self._out = Settled()
        self._new: list[Evidence] = []
        self._balls: list[Evidence] = []  # new ones
        self._fresh: set[int] = set()
        self._without: Callable[[Evidence], bool] = lambda _: False
        self._gone: Collection[int] = ()  # records that do not count
        self._rows: dict[int, dict[int, Sighting]] = defaultdict(dict)  # of this update, by thing
        self._last_told: dict[int, Moment | None] = {}
        self._stops: dict[int, tuple[Moment, Moment, Sighting | None]] = {}  # the last one asked for

    # Things

    def _keys(self, key: int) -> tuple[int, ...]:
        """``key``, if anything may be stored of it."""
        return () if key in self._fresh else (key,)

    # Evidence

    def _told(
        self, things: Sequence[int], since: Moment, told: Collection[Told]
    ) -> Iterator[tuple[Moment, list[Evidence]]]:
        """What is ``told`` so of ``things`` as subjects, moment by moment, from ``since`` on."""
        streams: list[Iterable[Evidence]] = [
            self._source.evidence_from(key, since, told, self._gone)
            for thing in things
            for key in self._keys(thing)
        ]
        stored = (e for e in heapq.merge(*streams, key=lambda e: e.at) if not self._without(e))
        mine = (e for e in self._new if e.subject in things and e.at >= since and e.told in told)
        new = sorted(mine, key=lambda e: e.at)
        for at, items in itertools.groupby(heapq.merge(stored, new, key=lambda e: e.at), lambda e: e.at):
            if found := [e for e in items if not of_itself(e)]:
                yield at, found

    def _balls_from(self, since: Moment) -> list[Evidence]:
        """The balls that were empty at ``since`` or later, in the order of time."""
        known = self._folds.empty
        found = known[bisect_left(known, since, key=lambda e: e.at) :]
        found = [e for e in found if not self._without(e)]
        found += [e for e in self._balls if e.at >= since]
        return sorted(found, key=lambda e: e.at)

    def _newest(self, things: Iterable[int]) -> Moment | None:
        """The newest moment at which anything is stored of ``things`` as subjects."""
        found: list[Moment] = []
        for key in (key for thing in things for key in self._keys(thing)):
            if key not in self._last_told:
                self._last_told[key] = self._source.newest_told(key)
            if (last := self._last_told[key]) is not None:
                found.append(last)
        return max(found, default=None)

    def _related(self, key: int) -> set[tuple[int, str, int]]:
        """The (subject, relation, object) that anything was ever said of, with ``key`` as an end."""
        found = [t for each in self._keys(key) for t in self._source.related(each)]
        found += [(e.subject, e.relation, e.object) for e in self._new if e.told in FACTS]
        return {t for t in found if key in (t[0], t[2])}

    # Tracks

    def _put_row(self, row: Sighting) -> None:
        self._out.sightings[row.id] = row
        self._rows[row.entity_id][row.id] = row
        self._stops.pop(row.entity_id, None)

    def _track_back(self, key: int, at: Moment, most: int) -> list[Sighting]:
        """The last ``most`` believed places of ``key`` that began at ``at`` or before, the newest first."""
        mine = self._rows.get(key, {})
        rows = {
            r.id: r for each in self._keys(key) for r in self._source.track_back(each, at, most + len(mine))
        }
        found = [r for r in (rows | mine).values() if r.expired_ns is None and r.at <= at]
        return sorted(found, key=lambda r: (r.at, r.id), reverse=True)[:most]

    def _track_from(self, key: int, since: Moment, *, missed: bool = False) -> Iterator[Sighting]:
        """The believed places of ``key`` that began at ``since`` or later, oldest first; ``missed``: at least
        those where it was missed."""
        mine = self._rows.get(key, {})
        streams = [self._source.track_from(each, since, missed=missed) for each in self._keys(key)]
        stored = (r for r in heapq.merge(*streams, key=lambda r: r.at) if r.id not in mine)
        new = sorted((r for r in mine.values() if r.expired_ns is None and r.at >= since), key=lambda r: r.at)
        return heapq.merge(stored, new, key=lambda r: r.at)

    def _missed_from(self, key: int, since: Moment) -> Iterator[Move]:
        """As :meth:`_moves_from`, only where ``key`` was missed."""
        before = self._track_back(key, Moment(since.run, since.ns - 1), 1)
        for row in itertools.chain(before, self._track_from(key, since, missed=True)):
            if row.until is not None and row.until >= since:
                yield Move(row.until, self._lost_by(row), True)

    def _moves_from(self, key: int, since: Moment) -> Iterator[Move]:
        """Each change of place of ``key`` from ``since`` on, oldest first."""
        before = self._track_back(key, Moment(since.run, since.ns - 1), 1)
        if before and before[0].until is not None and before[0].until >= since:
            yield Move(before[0].until, self._lost_by(before[0]), True)
        first = not before
        for row in self._track_from(key, since):
            if not first:
                yield Move(row.at, row.record_id, False)
            first = False
            if row.until is not None:
                yield Move(row.until, self._lost_by(row), True)

    def _lost_by(self, row: Sighting) -> int:
        """The record that missed a thing where it was."""
        assert row.until is not None
        found = (b for b in self._balls_from(row.until) if b.at <= row.until)
        return next((b.record_id for b in found), row.record_id)

    def place_of(self, key: int, at: Moment) -> Position | None:
        """Where ``key`` was at ``at`` [m]."""
        fold = self._out.folds.tracks.get(key) or self._folds.tracks.get(key)
        if fold is not None and fold.open is not None and fold.open.began <= at:
            return fold.open.position
        known = self._stops.get(key)
        if known is None or not known[0] <= at < known[1]:
            back = self._track_back(key, at, 1)
            later = next(self._track_from(key, Moment(at.run, at.ns + 1)), None)
            began = back[0].at if back else Moment(0, 0)
            known = (began, FOREVER if later is None else later.at, back[0] if back else None)
            self._stops[key] = known
        row = known[2]
        return None if row is None or (row.until is not None and row.until <= at) else row.position

    def _ever_placed(self, thing: int) -> bool:
        """Whether ``thing`` has a place at any time, or had one before this update."""
        return bool(self._rows.get(thing)) or bool(self._track_back(thing, FOREVER, 1))

    def _weighs_places(self, slot: Slot) -> bool:
        """Whether it bears on ``slot`` where its subject is seen: something that it may be in has a place."""
        if not is_place(slot):
            return False
        holders = {
            obj
            for subject, relation, obj in self._related(slot[1])
            if subject == slot[1] and relation == "in"
        }
        return any(self._ever_placed(each) for each in holders)

    def _restored(self, row: Sighting) -> Spell:
        """The spell that ``row`` holds, as it was when it was last said."""
        spell = Spell(
            row.entity_id, "", 0, row.at, None, row.seen, row.times, row.confidence, row.confidence,
            row.record_id, row.newest_id, row.sources, row.position, row.position,
        )  # fmt: skip
        for at, seen in self._told((row.entity_id,), row.seen, (Told.SEEN,)):
            if at == row.seen:
                sure = max(seen, key=lambda e: (e.confidence, e.position or (), -e.note_id))
                spell = replace(spell, measured=sure.position, surety=sure.confidence)
            break
        return spell

    # Slots

    def slot(self, e: Evidence) -> Slot:
        """The slot that ``e`` is about."""
        return self._slot(e.subject, e.relation, e.object)

    def _slot(self, subject: int, relation: str, obj: int) -> Slot:
        if not self._validity:  # nothing contradicts anything
            return f"fact {relation}", subject, obj
        return slot_of(subject, relation, obj, self._names(obj))

    def _slot_of(self, fact: Fact) -> Slot:
        return self._slot(fact.subject, fact.relation, fact.object)

    def _slot_back(self, slot: Slot, at: Moment, most: int) -> list[Fact]:
        """The last ``most`` facts of ``slot`` that are believed and began at ``at`` or before, the newest
        first."""
        ends, relations = ends_of(slot), self._relations(slot)
        keys = [key for end in ends for key in self._keys(end)]
        size, found = 4 * most, list[Fact]()
        while keys:
            rows = self._source.facts_back(keys, relations, keys if len(ends) > 1 else None, at, size)
            found = [f for f in rows if self._slot_of(f) == slot]
            if len(found) >= most or len(rows) < size:
                break
            size *= 8
        return found[:most]

    def _slot_from(self, slot: Slot, since: Moment) -> Iterator[Fact]:
        """The facts of ``slot`` that are believed and began at ``since`` or later, oldest first."""
        streams = [self._source.facts_from(key, since) for end in ends_of(slot) for key in self._keys(end)]
        rows = heapq.merge(*streams, key=lambda f: f.valid_from)
        return (f for f in rows if self._slot_of(f) == slot)

    def _relations(self, slot: Slot) -> tuple[str, ...]:
        """The relations that facts of ``slot`` have."""
        if is_place(slot):
            return tuple(sorted(PLACE))
        if isinstance(slot[2], str):
            return tuple(sorted(STATE))
        relation = slot[0] if self._validity else slot[0].removeprefix("fact ")
        other = opposite(relation)
        return (relation, other) if other else (relation,)


def is_place(slot: Slot) -> bool:
    """Whether ``slot`` says what a thing is in, on or held by."""
    return slot[0] == "place" and slot[2] == 0


def ends_of(slot: Slot) -> tuple[int, ...]:
    """The things whose evidence may bear on ``slot``."""
    other = slot[2]
    return (slot[1], other) if isinstance(other, int) and other not in (0, slot[1]) else (slot[1],)


def spell_of(row: Fact) -> Spell:
    """The spell that ``row`` holds, as it was before it ended."""
    return Spell(
        row.subject, row.relation, row.object, row.valid_from, None, row.seen, row.times, row.confidence,
        row.confidence, row.record_id, row.newest_id, row.sources,
    )  # fmt: skip


def words_of_fact(f: Fact) -> tuple[object, ...]:
    """What a row says, and since when."""
    return f.subject, f.relation, f.object, f.valid_from


def words_of_spell(s: Spell) -> tuple[object, ...]:
    """As :func:`words_of_fact`."""
    return s.subject, s.relation, s.object, s.began
