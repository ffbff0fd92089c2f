"""What a spatial note changes in the graph, decided by rule.

Which thing is meant follows from name and distance, and what is believed follows from all evidence
(:mod:`robomemory.belief.folding`). A resolver may edit the neighbourhood afterwards, off the write lock
(arXiv 2508.01415, Algorithm 2, step 6; :mod:`robomemory.resolving`). Nothing is erased.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from robomemory.belief.believing import Believing
from robomemory.belief.evidence import ALONE, Evidence, Told
from robomemory.belief.folding import SAME_PLACE_M, Clock, Spell
from robomemory.belief.relations import SAME
from robomemory.belief.sources import EvidenceSource, Settled, Writing
from robomemory.graph.current_graph import SceneState
from robomemory.graph.entity_merging import Identities, Lookup, Rules, primary_name
from robomemory.graph.scene import Entity, Sighting
from robomemory.graph.standing import Standing
from robomemory.names import said_of, thing_name
from robomemory.places.regions import Box, box_from_numbers
from robomemory.records import MemoryRecord, Position
from robomemory.timestamps import WALL_NS, Moment
from robomemory.update_protocol import Change, RecordRow, Update

_log = logging.getLogger(__name__)

_ORIGIN = (0.0, 0.0, 0.0)
TWO_THINGS_M = 0.05
"""Things of one name seen at one time farther apart than this are two."""

FAR_AHEAD_NS = 86_400 * 10**9
"""A stamp so far beyond the computer's clock [ns] is no time at which anything was seen."""


class SceneLookup(Lookup, EvidenceSource, Protocol):
    """What an update asks beyond the graph as it stands."""

    def records_of(self, ids: Sequence[int]) -> Mapping[int, MemoryRecord]:
        """The records of ``ids`` that stand."""
        ...

    def seen_within(self, center: Position, radius_m: float) -> Sequence[int]:
        """The things that were ever seen in the box around that ball."""
        ...


class SceneUpdate:
    """One update, worked out on top of ``state`` without touching it."""

    def __init__(self, state: SceneState, update: Update, lookup: SceneLookup, rules: Rules) -> None:
        self._rules = rules
        self._state = state
        self._update = update
        self._lookup = lookup
        self._who = Identities(state, update, rules)
        self._evidence: list[Evidence] = []
        self._kept = {row.record.id for row in update.rows if row.picture is not None}
        """Notes that are records of their own whatever they say: pictures, mentions, merges."""
        self._mentions: list[Sighting] = []
        self._last_mention: dict[int, Sighting] = {}

    def run(self) -> Change:
        """What keeping the rows changes; a sighting that shows nothing new adds no record. Old facts end
        wherever in the graph they are."""
        rows = [row for row in self._update.rows if not self._far_ahead(row)]
        meant = self._match_frames(rows)
        for i, row in enumerate(rows):
            self._note(row, meant.get(i))
        newest = dict(self._state.newest)
        for row in rows:
            run, ns = row.record.moment
            newest[run] = max(newest.get(run, 0), ns)
        clock = Clock(self._rules.expire_ns, newest, self._lookup.began_ns)
        settled = self._settle(clock, bool(rows))
        standing = Standing(self._evidence, settled, self._kept, self._final, self._mentioned)
        records, updates = standing.records(self._update.rows, self._lookup.records_of)
        facts = tuple(replace(f, newest_id=standing.of(f.newest_id)) for f in settled.facts.values())
        seen = tuple(replace(s, newest_id=standing.of(s.newest_id)) for s in settled.sightings.values())
        kept = {row.record.id for row in (*records, *updates)}
        vectors = self._update.vectors
        return Change(
            rows=records,
            updates=updates,
            entities=tuple(self._who.entities.values()),
            names=tuple((k, vectors[self._who.entities[k].name]) for k in sorted(self._who.named_now)),
            facts=facts,
            sightings=(*seen, *self._mentions),
            aliases=tuple(self._who.aliases.items()),
            merges=tuple(self._who.merges.items()),
            evidence=(*standing.final(kept), *self._void()),
            folds=settled.folds,
            stands=standing.stands_for,
        )

    def _void(self) -> list[Evidence]:
        """What the update says to count no longer."""
        return [replace(e, retracted_ns=self._update.recorded_ns) for e in self._update.void]

    def _far_ahead(self, row: RecordRow) -> bool:
        now, stamp = self._update.recorded_ns, row.record.stamp_ns
        if now < WALL_NS or stamp <= now + FAR_AHEAD_NS:
            return False
        _log.warning("a note is of %d ns, far beyond the clock's %d ns; it is set aside", stamp, now)
        return True

    def _settle(self, clock: Clock, told: bool) -> Settled:
        old = []
        if clock.expire_ns is not None and told:
            run, ns = clock.now
            old = self._state.older_than(Moment(run, ns - clock.expire_ns))
        writing = Writing(self._update.ids.fact, self._update.recorded_ns)
        believing = Believing(
            self._state.folds, self._lookup, self._named, clock, writing, validity=self._rules.validity
        )
        fresh = [key for key in self._who.entities if key not in self._state.entities]
        balls = [e for e in (*self._evidence, *self._update.void) if e.told is Told.EMPTY]
        looked = {
            key for ball in balls for key in self._lookup.seen_within(ball.position or _ORIGIN, ball.radius_m)
            if key in self._state.entities
        }  # fmt: skip
        void = {e.id for e in self._update.void}
        ends = {end for e in self._update.void for end in (e.subject, e.object)}
        settled = believing.run(
            self._evidence, merged=self._who.merges, stale=ends & self._state.entities.keys(), fresh=fresh,
            old=old, without=(lambda e: e.id in void) if void else None, removed=self._update.void,
            looked=looked,
        )  # fmt: skip
        for key, fold in settled.folds.tracks.items():
            self._who.entities[key] = placed(self._who.get(key), fold.open)
        return settled

    def _named(self, key: int) -> str:
        return self._who.get(key).label if key else ""

    def _final(self, key: int) -> int:
        return self._who.get(key).id if key else 0

    def _match_frames(self, rows: Sequence[RecordRow]) -> dict[int, int]:
        """{index of the row: entity} for rows with a position: in one frame each thing is seen once, so
        things and sightings of a name are paired one to one, the nearest pair first."""
        frames: dict[tuple[Moment, str], list[int]] = defaultdict(list)
        named: dict[Moment, set[str]] = defaultdict(set)
        for i, row in enumerate(rows):
            if row.record.position is not None and not _of_no_thing(row.record):
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
                    again = (
                        m for m in members if m in meant and math.dist(spots[m], spots[i]) <= SAME_PLACE_M
                    )
                    if (other := next(again, None)) is not None:  # two cameras, or a note that came twice
                        meant[i] = meant[other]
                if i not in meant:
                    twin = self._who.twin(name, rows[i].record, named[moment])
                    meant[i] = twin if twin is not None else self._who.add(name, rows[i].record).id
                self._see(meant[i], rows[i].record)
        return meant

    def _note(self, row: RecordRow, located: int | None) -> None:
        record = row.record
        if _of_no_thing(record):
            self._empty(record)
            self._kept.add(record.id)
            return
        located = None if located is None else self._who.get(located).id
        for name in map(thing_name, record.entities):
            if located is None or name != primary_name(record):
                entity = self._who.find(name, record)
                self._who.touch(entity, record)
                alone = located is None and record.triple is None
                self._tell(Told.NAMED, record, entity.id, ALONE if alone else "")
                if alone:
                    self._mention(entity.id, record)
        if record.triple is None:
            return
        subject, relation, obj, denied = said_of(*record.triple)
        source = self._who.find(subject, record).id
        target = self._who.find(obj, record).id
        if located is not None:
            source, target = (located, target) if subject == primary_name(record) else (source, located)
        for end in (source, target):
            self._who.touch(self._who.get(end), record)
        if relation == SAME:
            if not denied and self._merge(source, target, record):
                self._kept.add(record.id)
            return
        self._tell(Told.DENIED if denied else Told.HOLDS, record, source, relation, target)

    def _empty(self, record: MemoryRecord) -> None:
        """A region shows nothing but what was seen in it."""
        box = _box(record)
        center, radius = (record.position, _radius(record)) if box is None else box.ball
        self._tell(Told.EMPTY, record, position=center, radius_m=radius, box=box)

    def _tell(
        self,
        told: Told,
        record: MemoryRecord,
        subject: int = 0,
        relation: str = "",
        obj: int = 0,
        position: Position | None = None,
        radius_m: float = 0.0,
        box: Box | None = None,
    ) -> None:
        self._evidence.append(
            Evidence(
                self._update.ids.fact(),
                record.id,
                record.id,
                told,
                subject,
                relation,
                obj,
                record.moment,
                position,
                radius_m,
                record.confidence,
                record.source,
                self._update.recorded_ns,
                box=box,
            )
        )

    def _mention(self, key: int, record: MemoryRecord) -> None:
        """A record that only names a thing: kept if it says something else than the one before."""
        before = self._last_mention.get(key) or self._state.mentions.get(key)
        if before is not None and record.text == self._text_of(before):
            return
        now = self._update.recorded_ns
        number = self._update.ids.fact()
        said = Sighting(number, record.id, key, record.moment, None, now, seen=record.moment)
        self._kept.add(record.id)
        self._mentions.append(said)
        if before is None or before.at <= said.at:
            self._last_mention[key] = said

    def _mentioned(self, key: int) -> int:
        """The record that only named the thing ``key`` last; 0: none."""
        last = self._last_mention.get(key) or self._state.mentions.get(key)
        return 0 if last is None else last.record_id

    def _text_of(self, sighting: Sighting) -> str:
        mine = next((r.record.text for r in self._update.rows if r.record.id == sighting.record_id), None)
        return self._lookup.text_of(sighting.record_id) if mine is None else mine

    def _see(self, key: int, record: MemoryRecord) -> None:
        entity = self._who.get(key)
        if entity.position is None or record.moment >= entity.position_at:  # as the next frame finds it
            moved = replace(entity, position=record.position, position_at=record.moment)
            self._who.entities[entity.id] = moved
        self._who.touch(self._who.get(key), record)
        self._tell(Told.SEEN, record, entity.id, position=record.position)

    def _merge(self, gone: int, kept: int, record: MemoryRecord) -> bool:
        """Two things turn out to be one, ``kept``. Whether that is news."""
        if gone == kept or not self._rules.merging:
            return False
        a, b = self._who.get(kept), self._who.get(gone)
        self._who.entities[kept] = replace(
            a,
            first_seen=min(a.first_seen, b.first_seen),
            last_seen=max(a.last_seen, b.last_seen),
            confidence=max(a.confidence, b.confidence),
        )
        self._who.entities[gone] = replace(b, merged_into=kept)
        self._who.aliases[b.label] = kept
        self._who.merges[gone] = kept
        for end in (kept, gone):
            self._tell(Told.NAMED, record, end)
        return True


def placed(entity: Entity, last: Spell | None) -> Entity:
    """``entity`` where ``last`` says that it was seen last."""
    if last is None:
        return replace(entity, position=None, position_at=Moment(0, 0))
    return replace(entity, position=last.measured, position_at=last.seen, confidence=last.surety)


def _may_be(entity: Entity, spot: Position, moment: Moment) -> bool:
    """A thing can't be at two places at one time."""
    if entity.position is None or entity.position_at != moment:
        return True
    return math.dist(entity.position, spot) <= TWO_THINGS_M


EMPTY_RELATION = "shows nothing else within"
"""What the triple of a record says that found a ball empty: ("the view", this, "0.5 m")."""


EMPTY_BOX = "shows nothing else in the box"
"""The same of a box: the object is its numbers, see :attr:`robomemory.places.regions.Box.numbers`."""


def _of_no_thing(record: MemoryRecord) -> bool:
    if record.triple is None or record.position is None:
        return False
    return record.triple[1] == EMPTY_RELATION or _box(record) is not None


def _box(record: MemoryRecord) -> Box | None:
    """The box that ``record`` found empty."""
    if record.triple is None or record.triple[1] != EMPTY_BOX:
        return None
    try:
        return box_from_numbers([float(number) for number in record.triple[2].split()])
    except ValueError:
        return None


def _radius(record: MemoryRecord) -> float:
    assert record.triple is not None
    try:
        radius = float(record.triple[2].removesuffix(" m"))
    except ValueError:
        return 0.0
    return radius if math.isfinite(radius) and radius > 0 else 0.0
