"""What a spatial note changes in the graph, decided by rule.

The paper asks a language model to resolve conflicts inside the retrieved neighbourhood (arXiv 2508.01415,
Algorithm 2, step 6). Here rules do: which thing is meant follows from name and distance, and a fact that
contradicts another one closes it. Only what no rule settles is put to a helper. Nothing is erased.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from robomemory.graph.beliefs import Beliefs
from robomemory.graph.current_graph import SceneState
from robomemory.graph.entity_merging import Identities, Lookup, Rules, primary_name
from robomemory.graph.scene import Entity, Sighting
from robomemory.helpers import Helpers
from robomemory.names import METRIC, SAME, normal_name, normal_triple
from robomemory.records import MemoryRecord, Position
from robomemory.timestamps import Moment
from robomemory.update_protocol import Change, RecordRow, Update

SAME_PLACE_M = 0.02
"""Within this distance of its last record a thing has not moved; cameras jitter by less."""

TWO_THINGS_M = 0.05
"""Things of one name seen at one time farther apart than this are two."""


class SceneUpdate:
    """One update, worked out on top of ``state`` without touching it."""

    def __init__(
        self, state: SceneState, update: Update, lookup: Lookup, helpers: Helpers, rules: Rules
    ) -> None:
        self._rules = rules
        self._state = state
        self._update = update
        self._lookup = lookup
        self._who = Identities(state, update, lookup, helpers, rules)
        self._rows: list[RecordRow] = []
        self._sightings: list[Sighting] = []
        self._last: dict[int, Sighting] = {}
        self._mentions: dict[int, Sighting] = {}
        self._beliefs = Beliefs(state, update, lookup.history, ends=rules.validity)

    def run(self) -> Change:
        """What keeping the rows changes; a sighting that shows nothing new adds no record. Old facts end
        wherever in the graph they are."""
        rows, expire_ns = self._update.rows, self._rules.expire_ns
        if expire_ns is not None and rows:
            newest = max(row.record.moment for row in rows)
            began_ns = self._lookup.began_ns(newest.run)
            for fact in self._state.older_than(Moment(newest.run, newest.ns - expire_ns)):
                if fact.seen.run == newest.run:
                    self._beliefs.end(fact, Moment(newest.run, fact.seen.ns + expire_ns), 0)
                elif newest.ns - expire_ns >= began_ns:  # it was not said in all the time of this run
                    self._beliefs.end(fact, Moment(newest.run, began_ns + expire_ns), 0)
        meant = self._match_frames(rows)
        for i, row in enumerate(rows):
            self._note(row, meant.get(i))
        vectors = self._update.vectors
        return Change(
            rows=tuple(self._rows),
            entities=tuple(self._who.entities.values()),
            names=tuple((k, vectors[self._who.entities[k].name]) for k in sorted(self._who.named_now)),
            facts=tuple(self._beliefs.facts.values()),
            sightings=tuple(self._sightings),
            aliases=tuple(self._who.aliases.items()),
            merges=tuple(self._who.merges.items()),
        )

    def _match_frames(self, rows: Sequence[RecordRow]) -> dict[int, int]:
        """{index of the row: entity} for rows with a position: in one frame each thing is seen once, so
        things and sightings of a name are paired one to one, the nearest pair first."""
        frames: dict[tuple[Moment, str], list[int]] = defaultdict(list)
        named: dict[Moment, set[str]] = defaultdict(set)
        for i, row in enumerate(rows):
            if row.record.position is not None:
                frames[row.record.moment, primary_name(row.record)].append(i)
                named[row.record.moment].add(primary_name(row.record))
        meant: dict[int, int] = {}
        for (moment, name), members in sorted(frames.items()):
            spots = {i: rows[i].record.position or (0.0, 0.0, 0.0) for i in members}
            pairs = sorted(
                (0.0 if e.position is None else math.dist(e.position, spot), i, e.id)
                for i, spot in spots.items()
                for e in self._who.meant(name)
                if _may_be(e, spot, moment)
            )
            taken: set[int] = set()
            for _, i, key in pairs:
                if i not in meant and key not in taken:
                    meant[i] = key
                    taken.add(key)
            for i in members:
                if i not in meant:
                    twin = self._who.twin(name, rows[i].record, named[moment])
                    meant[i] = twin if twin is not None else self._who.add(name, rows[i].record).id
                self._move(meant[i], rows[i])
        return meant

    def _note(self, row: RecordRow, located: int | None) -> None:
        record = row.record
        keep = False
        located = None if located is None else self._who.get(located).id
        for name in map(normal_name, record.entities):
            if located is None or name != primary_name(record):
                entity = self._who.find(name, record)
                self._who.touch(entity, record)
                if located is None and record.triple is None:
                    keep = self._mention(entity.id, record) or keep
        if record.triple is not None:
            subject, relation, obj = normal_triple(*record.triple)
            source = self._who.find(subject, record).id
            target = self._who.find(obj, record).id
            if located is not None:
                source, target = (located, target) if subject == primary_name(record) else (source, located)
            for end in (source, target):
                self._who.touch(self._who.get(end), record)
            if relation == SAME:
                keep = self._merge(source, target, record) or keep
            else:
                keep = self._relate(source, relation, target, record) or keep
        seen_anew = any(s.record_id == record.id for s in self._sightings)
        if keep or seen_anew:
            self._rows.append(row)

    def _relate(self, subject: int, relation: str, obj: int, record: MemoryRecord) -> bool:
        rival = self._beliefs.rival(subject, relation, obj)
        ends = frozenset[int]()
        if rival is not None:
            said = f"{self._who.get(subject).label} {rival.relation} {self._who.get(obj).label}"
            new = f"{self._who.get(subject).label} {relation} {self._who.get(obj).label}"
            choices = ("both hold", "the new one replaces the old one")
            if self._who.settle(f"Known: {said}. New: {new}. Do both hold?", choices, record) == choices[1]:
                ends = frozenset({rival.id})
        return self._beliefs.say(subject, relation, obj, record, ends)

    def _mention(self, key: int, record: MemoryRecord) -> bool:
        """A record that only names a thing: whether it says something else than the one before."""
        before = self._mentions.get(key) or self._state.mentions.get(key)
        if before is not None and record.text == self._text_of(before):
            return False
        self._see(Sighting(record.id, key, record.moment, None, self._update.recorded_ns))
        return True

    def _text_of(self, sighting: Sighting) -> str:
        mine = next((r.record.text for r in self._update.rows if r.record.id == sighting.record_id), None)
        return self._lookup.text_of(sighting.record_id) if mine is None else mine

    def _see(self, sighting: Sighting) -> None:
        self._sightings.append(sighting)
        kept, known = (self._last, self._state.last)
        if sighting.position is None:
            kept, known = self._mentions, self._state.mentions
        before = kept.get(sighting.entity_id) or known.get(sighting.entity_id)
        if before is None or before.at <= sighting.at:
            kept[sighting.entity_id] = sighting

    def _move(self, key: int, row: RecordRow) -> None:
        record, entity = row.record, self._who.get(key)
        before = self._last.get(key) or self._state.last.get(key)
        late = entity.position is not None and record.moment < entity.position_at
        if not late:
            moved = replace(entity, position=record.position, position_at=record.moment)
            self._who.entities[key] = replace(moved, confidence=record.confidence)
        self._who.touch(self._who.get(key), record)
        step = math.inf
        if before is not None and before.position is not None and record.position is not None:
            step = math.dist(before.position, record.position)
        if step > SAME_PLACE_M or late:
            self._see(Sighting(record.id, key, record.moment, record.position, self._update.recorded_ns))
        if not late and SAME_PLACE_M < step < math.inf:
            for fact in self._beliefs.open_at(key):
                if fact.relation in METRIC and fact.valid_from < record.moment:
                    self._beliefs.end(fact, record.moment, record.id)

    def _merge(self, one: int, other: int, record: MemoryRecord) -> bool:
        """Two things turn out to be one; the one known longer stays. Whether that is news."""
        if one == other or not self._rules.merging:
            return False
        kept, gone = sorted((one, other))
        a, b = self._who.get(kept), self._who.get(gone)
        newer = max((a, b), key=lambda e: (e.position is not None, e.position_at))
        self._who.entities[kept] = replace(
            a,
            position=newer.position,
            position_at=newer.position_at,
            first_seen=min(a.first_seen, b.first_seen),
            last_seen=max(a.last_seen, b.last_seen),
        )
        self._who.entities[gone] = replace(b, merged_into=kept)
        self._who.aliases[b.label] = kept
        self._who.merges[gone] = kept
        self._beliefs.merge(gone, kept, record)
        return True


def _may_be(entity: Entity, spot: Position, moment: Moment) -> bool:
    """A thing can't be at two places at one time."""
    if entity.position is None or entity.position_at != moment:
        return True
    return math.dist(entity.position, spot) <= TWO_THINGS_M
