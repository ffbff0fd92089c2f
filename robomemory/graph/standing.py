"""Which notes become records of their own, and which records stand for the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from robomemory.belief.evidence import Evidence, Told, turned
from robomemory.belief.folding import Spell, Trail
from robomemory.belief.sources import Settled
from robomemory.records import MemoryRecord
from robomemory.update_protocol import RecordRow

Rows = tuple[RecordRow, ...]


class Standing:
    """Of ``evidence``, and of what ``settled`` made of it. ``kept``: notes that are records of their own in
    any case; ``mentioned`` gives the record that named a thing last (0: none), ``alike`` whether a record
    says what it says of the very things that a piece of evidence is told of.

    ``stands_for`` {note: the record that stands for it}: of the notes that only say again what a record says.
    """

    def __init__(
        self,
        evidence: Sequence[Evidence],
        settled: Settled,
        kept: Collection[int],
        mentioned: Callable[[int], int],
        alike: Callable[[Evidence, int], bool],
    ) -> None:
        self._evidence, self._settled, self._kept = evidence, settled, frozenset(kept)
        self._alike = alike
        self.stands_for = self._find(mentioned)
        for slot in settled.folds.slots.values():
            slot.row = None if slot.row is None else replace(slot.row, newest_id=self.of(slot.row.newest_id))
            slot.open, slot.trail = self._known(slot.open), self._trail(slot.trail)
        for track in settled.folds.tracks.values():
            row = track.row
            track.row = None if row is None else replace(row, newest_id=self.of(row.newest_id))
            track.open, track.trail = self._known(track.open), self._trail(track.trail)

    def _known(self, spell: Spell | None) -> Spell | None:
        """``spell`` with the record that stands for what said it last."""
        if spell is None or spell.newest_id not in self.stands_for:
            return spell
        return replace(spell, newest_id=self.of(spell.newest_id))

    def _trail(self, trail: Trail) -> Trail:
        return tuple((at, self._known(spell)) for at, spell in trail)

    def of(self, note: int) -> int:
        """The record that stands for ``note``."""
        return self.stands_for.get(note, note)

    def _find(self, mentioned: Callable[[int], int]) -> dict[int, int]:
        spells = [s for found in self._settled.spells.values() for s in found]
        pinned = {key for s in spells for key in (s.record_id, s.ended_by)}
        began: dict[int, set[int]] = defaultdict(set)
        news = set(self._kept)
        where: dict[tuple[int, str, int], list[Spell]] = defaultdict(list)
        for s in spells:
            where[s.fact if s.position is None else (s.subject, "", 0)].append(s)
        for e in self._evidence:
            if e.told is Told.NAMED:
                continue
            spell = self._spell_of(e, where)
            if spell is None or spell.record_id == e.note_id or not self._alike(e, spell.record_id):
                news.add(e.note_id)
            else:
                began[e.note_id].add(spell.record_id)
        for e in self._evidence:
            if e.told is Told.NAMED and e.note_id not in news and not began[e.note_id]:
                began[e.note_id].add(mentioned(e.subject_told) or e.note_id)
        return {note: min(by) for note, by in began.items() if note not in news | pinned and note not in by}

    def _spell_of(self, e: Evidence, where: Mapping[tuple[int, str, int], Sequence[Spell]]) -> Spell | None:
        """The spell that ``e`` says again; None if it is not believed, or denies something."""
        if e.told is Told.SEEN:
            known = where.get((e.subject, "", 0), ())
        elif e.told is Told.HOLDS:
            known = where.get(turned(e.subject, e.relation, e.object), ())
        else:
            return None
        return next((s for s in known if s.began <= e.at <= s.seen), None)

    def records(
        self, told: Sequence[RecordRow], known: Callable[[Sequence[int]], Mapping[int, MemoryRecord]]
    ) -> tuple[Rows, Rows]:
        """(the rows of ``told`` to keep, ``known`` ones that were said again, as new as what said so)."""
        again: dict[int, list[MemoryRecord]] = defaultdict(list)
        with_evidence = {e.note_id for e in self._evidence}
        speaking = {e.note_id for e in self._evidence if e.told is not Told.NAMED} | self._kept
        rows: dict[int, RecordRow] = {}
        for row in told:
            key = row.record.id
            if key in self.stands_for:
                again[self.stands_for[key]].append(row.record)
            elif key in speaking or key not in with_evidence:  # without: it was set aside
                rows[key] = row
        before = known([key for key in again if key not in rows])
        updates = []
        for key, records in again.items():
            stands = rows[key].record if key in rows else before.get(key)
            if stands is None:
                continue
            run, ns = max(r.moment for r in (stands, *records))
            sure = max(r.confidence for r in (stands, *records))
            newer = replace(stands, run=run, stamp_ns=ns, confidence=sure)
            if key in rows:
                rows[key] = replace(rows[key], record=newer)
            else:
                updates.append(RecordRow(newer, None))
        return tuple(rows.values()), tuple(updates)

    def final(self, kept: Collection[int]) -> tuple[Evidence, ...]:
        """The evidence with the records that stand for it; a name alone counts only where one of the records
        ``kept`` has it."""
        return tuple(
            replace(e, record_id=self.of(e.note_id))
            for e in self._evidence
            if e.told is not Told.NAMED or self.of(e.note_id) in kept
        )
