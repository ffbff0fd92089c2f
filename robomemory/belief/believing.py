"""What an update makes of what is believed: new evidence is folded in, and what changed is written as rows.

What is newer than all that a slot has seen is one step further. What comes late, or is taken out, has its
slot folded anew from the last spell that began before, and only until a spell begins as it did before: from
there on everything is as it was.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from robomemory.belief.evidence import FACTS, Evidence, Slot, Told, of_itself
from robomemory.belief.folding import SlotFold, SlotStep, Spell, TrackFold, TrackStep
from robomemory.belief.folds import Move, begins, grouped, lost_at, slot_steps
from robomemory.belief.known import Known, ends_of, is_place, spell_of, words_of_fact, words_of_spell
from robomemory.belief.relations import METRIC
from robomemory.belief.sources import Settled
from robomemory.belief.windows import ALWAYS, RowsInOrder, Window, state_before, widen
from robomemory.graph.scene import Fact, Sighting
from robomemory.records import Position
from robomemory.timestamps import FOREVER, Moment


class Believing(Known):
    """Folds evidence into what is known."""

    def run(
        self,
        new: Sequence[Evidence],
        *,
        stale: Iterable[int] = (),
        fresh: Iterable[int] = (),
        old: Iterable[Fact] = (),
        without: Callable[[Evidence], bool] | None = None,
        gone: Collection[int] = (),
        removed: Iterable[Evidence] = (),
        looked: Collection[int] = (),
    ) -> Settled:
        """What ``new`` evidence changes. ``stale``: things to be folded anew from their beginning; ``fresh``:
        things nothing was known of; ``old``: facts that may have got too old. ``without``: known evidence
        that no longer counts, with all that the records ``gone`` stand for, and what of it is ``removed``
        now (of what was seen or said, the first and the last are enough); ``looked``: the things that were
        ever seen in a ball that is among the new or the removed evidence."""
        self._without, self._gone = without or self._without, gone
        self._new = [e for e in new if not of_itself(e)]
        self._fresh = set(fresh)
        self._balls = self._out.folds.empty = [e for e in self._new if e.told is Told.EMPTY]
        self._tracks: dict[int, Window] = {}
        self._slots: dict[Slot, Window] = {}
        for key in set(stale):
            self._tracks[key] = ALWAYS
            for end in self._related(key):
                self._slots[self._slot(*end)] = ALWAYS
        taken = [e for e in removed if not of_itself(e)]
        self._take_out(taken, looked)
        moved: dict[Slot, list[Move]] = defaultdict(list)
        seen = grouped((e for e in self._new if e.told is Told.SEEN), lambda e: e.subject)
        self._place(seen, looked, moved)
        self._settle_slots(seen, moved, old)
        return self._out

    def _take_out(self, removed: Iterable[Evidence], looked: Collection[int]) -> None:
        weighs: dict[Slot, bool] = {}
        for e in removed:
            slot: Slot = ("place", e.subject, 0)
            if e.told is Told.SEEN:
                widen(self._tracks, e.subject, e.at, e.at)
                if slot not in weighs:
                    weighs[slot] = self._weighs_places(slot)
                if weighs[slot]:
                    widen(self._slots, slot, e.at, e.at)
            elif e.told in FACTS:
                widen(self._slots, self.slot(e), e.at, e.at)
            elif e.told is Told.EMPTY:
                for key in looked:
                    widen(self._tracks, key, e.at, e.at)

    # Tracks

    def _place(
        self,
        seen: Mapping[int, list[Evidence]],
        looked: Collection[int],
        moved: dict[Slot, list[Move]],
    ) -> None:
        """Where things were, and what depends on it."""
        changed: dict[int, tuple[Window, bool]] = {}
        near = set(looked) if self._balls else set()
        for key in (*seen, *sorted(near - seen.keys())):
            items = seen.get(key, [])
            balls = self._balls if key in near else []
            if key in self._tracks or not self._extend_track(key, items, balls, changed):
                times = [e.at for e in (*items, *balls)]
                widen(self._tracks, key, min(times), max(times))
        for key, window in self._tracks.items():
            if (differs := self._retrack(key, window)) is not None:
                changed[key] = differs
        for key, (span, missed) in changed.items():
            self._follow_moves(key, span, missed, moved)

    def _track_fold(self, key: int) -> TrackFold:
        """The fold of ``key`` as it was before this update."""
        fold = self._folds.tracks.get(key)
        if fold is not None:
            return fold
        back = self._track_back(key, FOREVER, 1)
        fold = TrackFold(last=self._newest((key,)))
        if back and back[0].until is None:
            fold.open, fold.row = self._restored(back[0]), back[0]
        elif back and back[0].until is not None:
            fold.last = max(back[0].until, fold.last or back[0].until)
        return fold

    def _extend_track(
        self,
        key: int,
        items: Sequence[Evidence],
        balls: Sequence[Evidence],
        changed: dict[int, tuple[Window, bool]],
    ) -> bool:
        fold = replace(self._track_fold(key))
        last = fold.last
        if last is not None and any(e.at <= last for e in (*items, *balls)):
            return False
        times = [e.at for e in (*items, *balls)]
        later = self._balls_from(min(times) if last is None else last)
        steps = grouped((*items, *(b for b in later if last is None or b.at > last)), lambda e: e.at)
        closed: list[Spell] = []
        for at in sorted(steps):
            was = fold.open
            looks = [e for e in steps[at] if e.told is Told.EMPTY]
            if not items and was is None:
                continue
            closed += fold.add(at, TrackStep([e for e in steps[at] if e.told is Told.SEEN], looks))
            if (None if was is None else was.began) != (None if fold.open is None else fold.open.began):
                changed.setdefault(key, (Window(at, FOREVER), True))
        self._write_track(key, fold, closed)
        return True

    def _write_track(self, key: int, fold: TrackFold, closed: Sequence[Spell]) -> None:
        spells = [*closed, *([] if fold.open is None else [fold.open])]
        row = fold.row
        fold.row = None
        for place, spell in enumerate(spells):
            following = spells[place + 1].began if place + 1 < len(spells) else None
            mine = row if row is not None and row.at == spell.began else None
            new = self._sighting(key, spell, lost_at(spell.until, following), mine)
            if new != mine:
                self._put_row(new)
            if spell is fold.open:
                fold.row = new
        self._out.folds.tracks[key] = fold
        self._out.spells[key] = spells

    def _track_steps(self, key: int, since: Moment) -> Iterator[tuple[Moment, TrackStep]]:
        told = ((at, e) for at, items in self._told((key,), since, (Told.SEEN,)) for e in items)
        balls = ((e.at, e) for e in self._balls_from(since))
        for at, found in groupby(heapq.merge(told, balls, key=lambda pair: pair[0]), lambda pair: pair[0]):
            items = [e for _, e in found]
            empty = [e for e in items if e.told is Told.EMPTY]
            yield at, TrackStep([e for e in items if e.told is Told.SEEN], empty)

    def _retrack(self, key: int, window: Window) -> tuple[Window, bool] | None:
        """Folds the places of ``key`` anew that ``window`` bears on. Gives from when until when they differ,
        and whether they may in where it was missed; None: they do not."""
        fold = TrackFold()
        start, fold.open = self._resume_track(key, window.first)
        began = start if fold.open is None else fold.open.began
        rows = RowsInOrder(self._track_from(key, began), lambda r: r.at)
        closed, same = list[Spell](), None
        for at, step in self._track_steps(key, start):
            if step.seen or fold.open is not None:
                closed += fold.add(at, step)
            row = rows.at(at)
            if at > window.last and row is not None and begins(fold.open, row.at, row.record_id):
                assert fold.open is not None
                if row.position == fold.open.position:
                    same = row
                    break
        wanted = [*closed, *([] if fold.open is None or same is not None else [fold.open])]
        before = rows.taken if same is not None else rows.all()
        known = {(r.at, r.position, r.until): r for r in before}
        kept: set[int] = set()
        now: set[tuple[Moment, Position | None, Moment | None]] = set()
        for place, spell in enumerate(wanted):
            after = wanted[place + 1].began if place + 1 < len(wanted) else None if same is None else same.at
            until = lost_at(spell.until, after)
            now.add((spell.began, spell.position, until))
            row = known.get((spell.began, spell.position, until))
            new = self._sighting(key, spell, until, row)
            kept.update(() if row is None else (row.id,))
            if new != row:
                self._put_row(new)
            if spell is fold.open:
                fold.row = new
        for row in before:
            if row.id not in kept:
                self._put_row(replace(row, expired_ns=self._writing.now_ns))
        self._out.spells[key] = wanted
        if same is None:
            if fold.last is None:
                fold.last = self._newest((key,))
            self._out.folds.tracks[key] = fold
        else:
            self._out.folds.tracks[key] = replace(self._track_fold(key), trail=())
        differ = now ^ known.keys()
        if window == ALWAYS:
            return ALWAYS, True
        if not differ:
            return None
        span = Window(min(at for at, *_ in differ), FOREVER if same is None else same.at)
        return span, any(until is not None for *_, until in differ)

    def _resume_track(self, key: int, first: Moment) -> tuple[Moment, Spell | None]:
        """From when on ``key`` is folded anew if something changed at ``first``, and the spell that was open
        before."""
        fold = self._folds.tracks.get(key)
        if fold is not None and (state := state_before(fold.trail, first)) is not None:
            return first, state[1]
        back = self._track_back(key, first, 2)
        if not back or (back[0].until is not None and back[0].until < first):
            return first, None
        before = self._restored(back[1]) if len(back) > 1 and back[1].until is None else None
        return back[0].at, before

    def _sighting(self, key: int, s: Spell, until: Moment | None, row: Sighting | None) -> Sighting:
        number, since = (
            (self._writing.number(), self._writing.now_ns) if row is None else (row.id, row.recorded_ns)
        )
        return Sighting(
            number, s.record_id, key, s.began, s.position, since, until, None, s.seen, s.times, s.confidence,
            s.newest_id, s.sources,
        )  # fmt: skip

    def _follow_moves(self, key: int, span: Window, missed: bool, moved: dict[Slot, list[Move]]) -> None:
        """What depends on where ``key`` was within ``span``; ``missed``: and when it was missed."""
        own = ("place", key, 0)
        slots: dict[Slot, bool] = {own: False} if missed else {}  # {slot: whether it is held by key}
        for subject, relation, obj in sorted(self._related(key)):
            slot = self._slot(subject, relation, obj)
            if is_place(slot) and obj == key:
                slots[slot] = True
            elif self._validity and relation in METRIC:
                slots.setdefault(slot, False)
        for slot, holder in slots.items():
            late = span.last != FOREVER or slot in self._slots or span == ALWAYS
            if not late and (last := self._slot_fold(slot).last) is not None:
                late = last >= span.first
            if late:
                widen(self._slots, slot, *span)
            elif not holder:
                moved[slot] += (m for m in self._moves_from(key, span.first) if m.lost or slot != own)

    # Slots

    def _slot_fold(self, slot: Slot) -> SlotFold:
        """The fold of ``slot`` as it was before this update."""
        fold = self._folds.slots.get(slot)
        if fold is not None:
            return fold
        fold = SlotFold(last=self._newest(ends_of(slot)))
        for end in ends_of(slot):
            lost = self._track_back(end, FOREVER, 1)
            if lost and lost[0].until is not None:
                fold.last = max(lost[0].until, fold.last or lost[0].until)
        back = self._slot_back(slot, FOREVER, 1)
        if back:
            row, until = back[0], back[0].valid_until
            if until is None or self._clock.end_of(row.seen, self._clock.now) == until:
                fold.open, fold.row = spell_of(row), row
        return fold

    def _settle_slots(
        self, seen: Mapping[int, list[Evidence]], moved: dict[Slot, list[Move]], old: Iterable[Fact]
    ) -> None:
        said = grouped((e for e in self._new if e.told in FACTS), self.slot)
        for slot in (*(("place", key, 0) for key in seen), *moved):
            said.setdefault(slot, [])
        for slot, items in sorted(said.items(), key=lambda pair: str(pair[0])):
            mine = seen.get(slot[1], []) if is_place(slot) else []
            steps = slot_steps(items, mine, moved.get(slot, ()))
            if steps and (slot in self._slots or not self._extend_slot(slot, steps)):
                widen(self._slots, slot, min(steps), max(steps))
        for fact in old:
            slot = self._slot_of(fact)
            if slot not in self._slots and slot not in self._out.folds.slots:
                self._write_slot(slot, replace(self._slot_fold(slot)), [])
        for slot in sorted(self._slots, key=str):
            self._reslot(slot, self._slots[slot])

    def _extend_slot(self, slot: Slot, steps: Mapping[Moment, SlotStep]) -> bool:
        fold = replace(self._slot_fold(slot))
        if fold.last is not None and min(steps) <= fold.last:
            return False
        closed: list[Spell] = []
        for at in sorted(steps):
            closed += fold.add(at, steps[at], self._names, self._clock, self.place_of)
        self._write_slot(slot, fold, closed)
        return True

    def _write_slot(self, slot: Slot, fold: SlotFold, closed: Sequence[Spell]) -> None:
        before = [] if fold.row is None else [fold.row]
        self._put_facts(slot, fold, closed, before)

    def _slot_steps(self, slot: Slot, since: Moment, seen_too: bool) -> Iterator[tuple[Moment, SlotStep]]:
        ends = sorted(ends_of(slot))
        kinds = (*FACTS, Told.SEEN) if seen_too else FACTS
        told = ((at, e) for at, items in self._told(ends, since, kinds) for e in items)
        tracks: list[Iterable[tuple[Moment, Move]]] = []
        if is_place(slot):
            tracks = [((m.at, m) for m in self._missed_from(slot[1], since))]
        elif self._validity and slot[0] in METRIC:
            tracks = [((m.at, m) for m in self._moves_from(end, since)) for end in ends]
        merged: Iterator[tuple[Moment, Evidence | Move]] = heapq.merge(told, *tracks, key=lambda p: p[0])
        for at, found in groupby(merged, lambda pair: pair[0]):
            items = [each for _, each in found]
            evidence = [e for e in items if isinstance(e, Evidence)]
            said = [e for e in evidence if e.told in FACTS and self.slot(e) == slot]
            seen = [e for e in evidence if e.told is Told.SEEN]
            steps = slot_steps(said, seen, [m for m in items if isinstance(m, Move)])
            if steps:
                yield at, steps[at]

    def _reslot(self, slot: Slot, window: Window) -> None:
        """Folds ``slot`` anew where ``window`` bears on it."""
        fold = SlotFold()
        start, fold.open = self._resume_slot(slot, window.first)
        began = start if fold.open is None else fold.open.began
        rows = RowsInOrder(self._slot_from(slot, began), lambda f: f.valid_from)
        closed, same = list[Spell](), None
        seen_too = self._weighs_places(slot)
        for at, step in self._slot_steps(slot, start, seen_too):
            closed += fold.add(at, step, self._names, self._clock, self.place_of)
            row = rows.at(at)
            if at > window.last and row is not None and begins(fold.open, row.valid_from, row.record_id):
                assert fold.open is not None
                if words_of_fact(row) == words_of_spell(fold.open):
                    same = row
                    break
        if same is None:
            if fold.last is None or not seen_too:
                times = (fold.last, self._newest(ends_of(slot)), *(e.at for e in self._new))
                fold.last = max((at for at in times if at is not None), default=None)
            self._put_facts(slot, fold, closed, rows.all())
            return
        spare = SlotFold(last=fold.last)
        self._put_facts(slot, spare, closed, rows.taken)
        del self._out.folds.slots[slot]
        if slot in self._folds.slots:
            self._out.folds.slots[slot] = replace(self._folds.slots[slot], trail=())

    def _resume_slot(self, slot: Slot, first: Moment) -> tuple[Moment, Spell | None]:
        """As :meth:`_resume_track`."""
        fold = self._folds.slots.get(slot)
        if fold is not None and (state := state_before(fold.trail, first)) is not None:
            return first, state[1]
        back = self._slot_back(slot, first, 2)
        if not back or (back[0].valid_until is not None and back[0].valid_until < first):
            return first, None
        before = spell_of(back[1]) if len(back) > 1 and back[1].valid_until == back[0].valid_from else None
        return back[0].valid_from, before

    def _put_facts(self, slot: Slot, fold: SlotFold, closed: Sequence[Spell], rows: Sequence[Fact]) -> None:
        """Has the rows say what the spells of ``fold`` say, in the place of ``rows``."""
        tail = fold.seen_by(self._clock.now, self._clock)
        spells = [*closed, *([] if tail is None else [tail])]
        left: dict[tuple[object, ...], list[Fact]] = {}
        for row in rows:
            left.setdefault(words_of_fact(row), []).append(row)
        fold.row = None
        for spell in spells:
            alike = left.get(words_of_spell(spell), [])
            mine = next((r for r in alike if r.valid_until == spell.until), None)
            if mine is not None:
                alike.remove(mine)
            new = self._fact(spell, mine)
            if new != mine:
                self._out.facts[new.id] = new
            if spell is tail:
                fold.row = new
        for row in (row for alike in left.values() for row in alike):
            self._out.facts[row.id] = replace(row, expired_ns=self._writing.now_ns)
        self._out.folds.slots[slot] = fold
        self._out.spells[slot] = spells

    def _fact(self, s: Spell, row: Fact | None) -> Fact:
        """``s`` as a row: in place of ``row``, if only how often it was said differs."""
        number = self._writing.number() if row is None else row.id
        since = self._writing.now_ns if row is None else row.recorded_ns
        return Fact(
            number, s.subject, s.relation, s.object, s.began, s.until, since, None, s.seen, s.confidence,
            s.record_id, s.ended_by, s.times, s.newest_id, s.sources,
        )  # fmt: skip
