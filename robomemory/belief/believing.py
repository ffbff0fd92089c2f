"""What an update makes of what is believed: new evidence is folded in, and what changed is written as rows.

What is newer than all that a slot has seen is one step further; what comes late has the things that it bears
on folded anew, from all their evidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from robomemory.belief.evidence import FACTS, Evidence, Slot, Told, of_itself, slot_of
from robomemory.belief.folding import Clock, Names, SlotFold, Spell, TrackFold, TrackStep, place_at
from robomemory.belief.folds import (
    Folds,
    fold_slot,
    fold_track,
    grouped,
    lost_at,
    moves,
    slot_steps,
    track_of,
)
from robomemory.belief.relations import METRIC
from robomemory.belief.sources import EvidenceSource, Settled, Writing
from robomemory.graph.scene import Fact, Sighting
from robomemory.records import Position
from robomemory.timestamps import Moment


class Believing:
    """Folds ``new`` evidence into ``folds`` (not touched) over what ``source`` knows. ``stale``: things to be
    folded anew whatever comes; ``fresh``: things nothing was known of."""

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
        self._tracks: dict[int, list[Spell]] = {}
        self._without: Callable[[Evidence], bool] = lambda _: False

    def run(
        self,
        new: Sequence[Evidence],
        *,
        stale: Iterable[int] = (),
        fresh: Iterable[int] = (),
        old: Iterable[Fact] = (),
        without: Callable[[Evidence], bool] | None = None,
    ) -> Settled:
        """What ``new`` changes. ``old``: facts that may have got too old; ``without``: known evidence that no
        longer counts."""
        self._without = without or self._without
        self._new = [e for e in new if not of_itself(e)]
        self._fresh = set(fresh)
        retrack = set(stale)
        reslot = set(retrack)
        self._out.folds.empty = [e for e in self._new if e.told is Told.EMPTY]
        seen = grouped(self._new, lambda e: e.subject if e.told is Told.SEEN else 0)
        seen.pop(0, None)
        before = {key: self._track_last(key) for key in seen}
        changed: dict[int, Moment] = {}
        for key, items in seen.items():
            if key not in retrack and not self._extend_track(key, items, changed):
                retrack.add(key)
        reslot |= retrack
        for key in retrack:
            self._retrack(key)
            changed[key] = Moment(0, 0)
        moved: dict[Slot, list[tuple[Moment, int, bool]]] = defaultdict(list)
        for key, since in changed.items():
            self._follow_moves(key, since, reslot, moved)
        said = grouped([e for e in self._new if e.told in FACTS], self.slot)
        for key in seen:
            slot: Slot = ("place", key, 0)
            if slot in self._folds.slots and slot not in said:
                said[slot] = []
        for slot in moved:
            said.setdefault(slot, [])
        for slot, items in said.items():
            if slot[1] not in reslot and not self._extend_slot(slot, items, seen, moved[slot], before):
                reslot.add(slot[1])
        for fact in old:
            slot = self._slot(fact.subject, fact.relation, fact.object)
            if slot[1] not in reslot and slot not in self._out.folds.slots:
                fold = self._folds.slots.get(slot)
                if fold is None:
                    reslot.add(slot[1])
                else:
                    self._write_slot(slot, replace(fold), [])
        if reslot:
            self._reslot(sorted(reslot))
        self._out.folds.whole |= reslot | self._fresh
        return self._out

    # Tracks

    def _track_last(self, key: int) -> Moment | None:
        fold = self._folds.tracks.get(key)
        return None if fold is None else fold.last

    def _extend_track(self, key: int, items: list[Evidence], changed: dict[int, Moment]) -> bool:
        fold = self._folds.tracks.get(key)
        if fold is None and key not in self._folds.whole and key not in self._fresh:
            return False
        fold = TrackFold() if fold is None else replace(fold)
        moments = grouped(items, lambda e: e.at)
        empty = [*self._folds.empty, *self._out.folds.empty]
        if fold.last is not None and min(moments) <= fold.last:
            return False
        if any(fold.last is None or e.at > fold.last for e in empty):
            return False
        closed: list[Spell] = []
        for at in sorted(moments):
            was = fold.open
            closed += fold.add(at, TrackStep(moments[at]))
            if fold.open is not None and (was is None or fold.open.began != was.began):
                changed.setdefault(key, at)
        self._write_track(key, fold, closed)
        return True

    def _retrack(self, key: int) -> None:
        evidence = self._evidence(key)
        fold, closed = fold_track(e for e in evidence if e.subject in (key, 0))
        rows = [] if key in self._fresh else self._source.believed_track(key)
        wanted = [*closed, *([] if fold.open is None else [fold.open])]
        self._tracks[key] = wanted
        known = {(r.at, r.position, lost_at(r.until, None)): r for r in rows}
        kept: set[int] = set()
        for place, spell in enumerate(wanted):
            following = wanted[place + 1].began if place + 1 < len(wanted) else None
            until = lost_at(spell.until, following)
            row = known.get((spell.began, spell.position, until))
            new = self._sighting(key, spell, until, row)
            if row is not None:
                kept.add(row.id)
            if new != row:
                self._out.sightings[new.id] = new
            if spell is fold.open:
                fold.row = new
        for row in rows:
            if row.id not in kept:
                self._out.sightings[row.id] = replace(row, expired_ns=self._writing.now_ns)
        self._out.folds.tracks[key] = fold
        self._out.spells[key] = wanted

    def _write_track(self, key: int, fold: TrackFold, closed: Sequence[Spell]) -> None:
        spells = [*closed, *([] if fold.open is None else [fold.open])]
        row = fold.row
        for place, spell in enumerate(spells):
            following = spells[place + 1].began if place + 1 < len(spells) else None
            mine = row if row is not None and row.at == spell.began else None
            new = self._sighting(key, spell, lost_at(spell.until, following), mine)
            if new != mine:
                self._out.sightings[new.id] = new
            if spell is fold.open:
                fold.row = new
        self._out.folds.tracks[key] = fold
        self._out.spells[key] = spells

    def _sighting(self, key: int, s: Spell, until: Moment | None, row: Sighting | None) -> Sighting:
        number, since = (
            (self._writing.number(), self._writing.now_ns) if row is None else (row.id, row.recorded_ns)
        )
        return Sighting(
            number, s.record_id, key, s.began, s.position, since, until, None, s.seen, s.times, s.confidence,
            s.newest_id, s.sources,
        )  # fmt: skip

    def track(self, key: int) -> list[Spell]:
        """Where ``key`` was, with this update."""
        if key not in self._tracks:
            rows = {} if key in self._fresh else {r.id: r for r in self._source.believed_track(key)}
            rows |= {i: r for i, r in self._out.sightings.items() if r.entity_id == key}
            self._tracks[key] = track_of(r for r in rows.values() if r.expired_ns is None)
        return self._tracks[key]

    def place_of(self, key: int, at: Moment) -> Position | None:
        """Where ``key`` was at ``at`` [m]."""
        fold = self._out.folds.tracks.get(key) or self._folds.tracks.get(key)
        if fold is not None and fold.open is not None and fold.open.began <= at:
            return fold.open.position
        spell = place_at(self.track(key), at)
        return None if spell is None else spell.position

    def _follow_moves(
        self, key: int, since: Moment, reslot: set[int], moved: dict[Slot, list[tuple[Moment, int, bool]]]
    ) -> None:
        """What depends on where ``key`` was from ``since`` on."""
        related = [] if key in self._fresh else list(self._source.related(key))
        related += [(e.subject, e.relation, e.object) for e in self._new if e.told in FACTS]
        for subject, relation, obj in set(related):
            slot = self._slot(subject, relation, obj)
            holder = slot[0] == "place" and obj == key
            metric = self._validity and relation in METRIC
            if not holder and not (metric and key in (subject, obj)):
                continue
            fold = self._folds.slots.get(slot)
            known = fold is not None or slot[1] in self._fresh or slot[1] in self._folds.whole
            if not known or since == Moment(0, 0) or (fold is not None and (fold.last or since) >= since):
                reslot.add(slot[1])
            elif fold is not None and not holder:
                moved[slot] += [m for m in moves(self.track(key)) if m[0] >= since]

    # Slots

    def slot(self, e: Evidence) -> Slot:
        """The slot that ``e`` is about."""
        return self._slot(e.subject, e.relation, e.object)

    def _slot(self, subject: int, relation: str, obj: int) -> Slot:
        if not self._validity:  # nothing contradicts anything
            return f"fact {relation}", subject, obj
        return slot_of(subject, relation, obj, self._names(obj))

    def _extend_slot(
        self,
        slot: Slot,
        items: list[Evidence],
        seen: Mapping[int, list[Evidence]],
        moved: Sequence[tuple[Moment, int, bool]],
        before: Mapping[int, Moment | None],
    ) -> bool:
        owner = slot[1]
        fold = self._folds.slots.get(slot)
        if fold is None and owner not in self._folds.whole and owner not in self._fresh:
            return False
        mine = seen.get(owner, []) if slot[0] == "place" else []
        steps = slot_steps(items, mine, moved)
        if not steps:
            return True
        first = min(steps)
        if fold is None:
            fold = SlotFold()
            for end in {owner, *(x for e in items for x in (e.subject, e.object))}:
                last = before[end] if end in before else self._track_last(end)
                unknown = end not in self._folds.whole and end not in self._fresh
                if unknown or (last is not None and last >= first) or (slot[0] != "place" and end in seen):
                    return False
        elif fold.last is not None and first <= fold.last:
            return False
        fold = replace(fold)
        closed: list[Spell] = []
        for at in sorted(steps):
            closed += fold.add(at, steps[at], self._names, self._clock, self.place_of)
        self._write_slot(slot, fold, closed)
        return True

    def _write_slot(self, slot: Slot, fold: SlotFold, closed: Sequence[Spell]) -> None:
        tail = fold.seen_by(self._clock.now, self._clock)
        spells = [*closed, *([] if tail is None else [tail])]
        row, fold.row, used = fold.row, None, False
        for spell in spells:
            mine = row if row is not None and _words(row) == _words_of(spell) else None
            used = used or mine is not None
            new = self._fact(spell, mine)
            if new != mine:
                self._put_fact(mine, new)
            if spell is tail:
                fold.row = self._out.facts.get(new.id, new)
        if row is not None and not used:
            self._out.facts[row.id] = replace(row, expired_ns=self._writing.now_ns)
        self._out.folds.slots[slot] = fold
        self._out.spells[slot] = spells

    def _fact(self, s: Spell, row: Fact | None) -> Fact:
        """``s`` as a row: in place of ``row``, if only how often it was said differs."""
        same = row is not None and row.valid_until == s.until
        number = row.id if row is not None and same else self._writing.number()
        since = row.recorded_ns if row is not None and same else self._writing.now_ns
        return Fact(
            number, s.subject, s.relation, s.object, s.began, s.until, since, None, s.seen, s.confidence,
            s.record_id, s.ended_by, s.times, s.newest_id, s.sources,
        )  # fmt: skip

    def _put_fact(self, before: Fact | None, now: Fact) -> None:
        if before is not None and before.id != now.id:
            self._out.facts[before.id] = replace(before, expired_ns=self._writing.now_ns)
        self._out.facts[now.id] = now

    def _reslot(self, owners: Sequence[int]) -> None:
        for owner in owners:
            if owner not in self._out.folds.tracks and owner not in self._folds.tracks:
                self._retrack(owner)
        every = [e for owner in owners for e in self._evidence(owner)]
        facts = {e.id: e for e in every if e.told in FACTS and self.slot(e)[1] in owners}
        seen = grouped({e.id: e for e in every if e.told is Told.SEEN}.values(), lambda e: e.subject)
        slots = grouped(facts.values(), self.slot)
        keys = [owner for owner in owners if owner not in self._fresh]
        rows = self._source.believed_facts(keys) if keys else ()
        known = grouped(rows, lambda f: self._slot(f.subject, f.relation, f.object))
        for slot in sorted({*slots, *(s for s in known if s[1] in owners)}, key=str):
            fold, closed = self._refold(slot, slots.get(slot, []), seen)
            tail = fold.seen_by(self._clock.now, self._clock)
            spells = [*closed, *([] if tail is None else [tail])]
            left = {(_words(f), f.valid_until): f for f in known.get(slot, ())}
            extra = [f for f in known.get(slot, ()) if left[_words(f), f.valid_until] is not f]
            for spell in spells:
                mine = left.pop((_words_of(spell), spell.until), None)
                new = self._fact(spell, mine)
                if new != mine:
                    self._out.facts[new.id] = new
                if spell is tail:
                    fold.row = new
            for row in (*left.values(), *extra):
                self._out.facts[row.id] = replace(row, expired_ns=self._writing.now_ns)
            self._out.folds.slots[slot] = fold
            self._out.spells[slot] = spells

    def _refold(
        self, slot: Slot, items: Sequence[Evidence], seen: Mapping[int, Sequence[Evidence]]
    ) -> tuple[SlotFold, list[Spell]]:
        ends = {x for e in items for x in (e.subject, e.object)} if items else set()
        if slot[0] == "place":
            events = [m for m in moves(self.track(slot[1])) if m[2]]
            steps = slot_steps(items, seen.get(slot[1], ()), events)
        elif self._validity and items and items[0].relation in METRIC:
            steps = slot_steps(items, (), [m for end in sorted(ends) for m in moves(self.track(end))])
        else:
            steps = slot_steps(items, (), ())
        return fold_slot(steps, self._names, self._clock, self.place_of)

    # What is known

    def _evidence(self, key: int) -> list[Evidence]:
        found: dict[int, Evidence] = {}
        if key not in self._fresh:
            found = {e.id: e for e in self._source.evidence([key]) if not self._without(e)}
        else:
            found = {e.id: e for e in self._folds.empty}
        mine = (e for e in self._new if key in (e.subject, e.object) or e.told is Told.EMPTY)
        found.update((e.id, e) for e in mine)
        return [e for e in found.values() if not of_itself(e)]


def _words(f: Fact) -> tuple[object, ...]:
    return f.subject, f.relation, f.object, f.valid_from


def _words_of(s: Spell) -> tuple[object, ...]:
    return s.subject, s.relation, s.object, s.began
