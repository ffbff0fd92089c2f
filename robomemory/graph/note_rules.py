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
from robomemory.belief.evidence import ALONE, CLAIMS, Evidence, Told
from robomemory.belief.folding import SAME_PLACE_M, Clock, Spell
from robomemory.belief.folds import Folds
from robomemory.belief.identity import WhoIsWho
from robomemory.belief.relations import SAME
from robomemory.belief.sources import EvidenceSource, Settled, Writing
from robomemory.graph.current_graph import SceneState
from robomemory.graph.entity_merging import Identities, Lookup, Regrouping, Rules, primary_name, regrouped
from robomemory.graph.scene import Entity, Sighting
from robomemory.graph.standing import Standing
from robomemory.names import name_key, said_of, thing_name
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

    def evidence(self, things: Sequence[int]) -> Sequence[Evidence]:
        """What counts of ``things``, as subject or object, and what says that a ball was empty."""
        ...

    def mentions(self, thing: int) -> Sequence[Sighting]:
        """What only named ``thing``, as it is believed."""
        ...

    def evidence_of(self, records: Sequence[int]) -> Sequence[Evidence]:
        """What ``records`` stand for."""
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
        self._whose: WhoIsWho = state.who

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
        anew = self._regroup()
        self._evidence = [self._whose.moved(e) for e in self._evidence]
        settled = self._settle(clock, bool(rows), anew)
        standing = Standing(self._evidence, settled, self._kept, self._mentioned, self._told_alike)
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
            sightings=(*seen, *self._mentions_now(anew)),
            moves=() if anew is None else anew.moves,
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

    def _regroup(self) -> Regrouping | None:
        """What changes because other things than before are one."""
        fresh = self._who.entities.keys() - self._state.entities.keys() - self._state.merged.keys()
        void = self._update.void
        anew = regrouped(self._state, self._lookup, self._who.thing, self._evidence, void, fresh)
        if anew is not None:
            self._whose = anew.who
            self._who.entities.update(anew.things)
        return anew

    def _mentions_now(self, anew: Regrouping | None) -> list[Sighting]:
        mine = [replace(row, entity_id=self._whose.of(row.entity_id)) for row in self._mentions]
        return mine if anew is None else [*anew.mentions, *mine]

    def _settle(self, clock: Clock, told: bool, anew: Regrouping | None) -> Settled:
        old = []
        if clock.expire_ns is not None and told:
            run, ns = clock.now
            old = self._state.older_than(Moment(run, ns - clock.expire_ns))
        writing = Writing(self._update.ids.fact, self._update.recorded_ns)
        source = self._lookup if anew is None else anew.source
        believing = Believing(
            self._state.folds if anew is None else Folds(empty=self._state.folds.empty), source, self._named,
            clock, writing, validity=self._rules.validity,
        )  # fmt: skip
        known = self._state.entities.keys() | (anew.stale if anew is not None else set())
        fresh = [key for key in self._who.entities if key not in known and self._whose.of(key) == key]
        balls = [e for e in (*self._evidence, *self._update.void) if e.told is Told.EMPTY]
        looked = {
            key for ball in balls for key in self._lookup.seen_within(ball.position or _ORIGIN, ball.radius_m)
            if key in self._state.entities
        }  # fmt: skip
        void = {e.id for e in self._update.void}
        ends = {end for e in self._update.void for end in (e.subject, e.object)}
        stale = ends & self._state.entities.keys() | (anew.stale if anew is not None else frozenset())
        settled = believing.run(
            [e for e in self._evidence if e.told not in CLAIMS], stale=stale, fresh=fresh, old=old,
            without=(lambda e: e.id in void) if void else None, removed=self._update.void, looked=looked,
        )  # fmt: skip
        for key, fold in settled.folds.tracks.items():
            self._who.entities[key] = placed(self._who.thing(key), fold.open)
        return settled

    def _named(self, key: int) -> str:
        known = key in self._who.entities or key in self._state  # else nothing of it counts any more
        return name_key(self._who.thing(key).label) if known else ""

    def _told_alike(self, e: Evidence, record: int) -> bool:
        """Whether ``record`` says what it says of the things that ``e`` is told of, by their own names."""
        if not {e.subject, e.object} & self._whose.kept.keys():
            return True
        ends = {e.subject_told, e.object_told}
        found = [*(x for x in self._evidence if x.note_id == record), *self._lookup.evidence_of([record])]
        return any(ends <= {x.subject_told, x.object_told} for x in found)

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
        void = {(e.at, e.subject) for e in self._update.void if e.told is Told.SEEN}
        for (moment, name), members in sorted(frames.items()):
            spots = {i: rows[i].record.position or (0.0, 0.0, 0.0) for i in members}
            pairs = sorted(
                (0.0 if e.position is None else math.dist(e.position, spot), i, e.id)
                for i, spot in spots.items()
                for e in self._who.meant(name)
                if (moment, e.id) in void or _may_be(e, spot, moment)
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
        triple = None if record.triple is None else said_of(*record.triple)
        for name in map(thing_name, record.entities):
            if located is None or name != primary_name(record):
                key = self._called(name, record)
                self._who.touch(key, name, record)
                if triple is None or name not in (triple[0], triple[2]):
                    alone = located is None and triple is None
                    self._tell(Told.NAMED, record, key, ALONE if alone else "")
                    if alone:
                        self._mention(key, record)
        if triple is None:
            return
        subject, relation, obj, denied = triple
        source, target = self._called(subject, record), self._called(obj, record)
        if located is not None:
            key = self._who.told(primary_name(record), located)
            source, target = (key, target) if subject == primary_name(record) else (source, key)
        if relation == SAME:
            self._claim(source, target, (subject, obj), denied, record)
            return
        for end, name in ((source, subject), (target, obj)):
            self._who.touch(end, name, record)
        self._tell(Told.DENIED if denied else Told.HOLDS, record, source, relation, target)

    def _called(self, name: str, record: MemoryRecord) -> int:
        """The thing that ``name`` means, by its own name."""
        return self._who.told(name, self._who.find(name, record).id)

    def _claim(
        self, one: int, other: int, names: tuple[str, str], denied: bool, record: MemoryRecord
    ) -> None:
        """``record`` says that two things are one, or (``denied``) two."""
        if not self._rules.merging:
            return
        one, other = self._who.claim(one, other, names, denied, record)
        if one != other:
            for end, name in ((one, names[0]), (other, names[1])):
                self._who.touch(end, name, record)
            self._kept.add(record.id)
            self._tell(Told.APART if denied else Told.SAME, record, one, SAME, other)

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
                None,
                subject,
                obj,
                box,
            )
        )

    def _mention(self, key: int, record: MemoryRecord) -> None:
        """A record that only names a thing: kept if it says something else than the one before."""
        before = self._mention_before(key)
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
        last = self._mention_before(key)
        return 0 if last is None else last.record_id

    def _mention_before(self, key: int) -> Sighting | None:
        """The last mention of the thing ``key`` by its own name."""
        if key in self._last_mention:
            return self._last_mention[key]
        last = self._state.mentions.get(self._state.who.of(key))
        if last is None or key not in self._state.who.kept:
            return last
        told = self._lookup.evidence_of([last.record_id])
        return last if any(e.subject_told == key for e in told) else None

    def _text_of(self, sighting: Sighting) -> str:
        mine = next((r.record.text for r in self._update.rows if r.record.id == sighting.record_id), None)
        return self._lookup.text_of(sighting.record_id) if mine is None else mine

    def _see(self, key: int, record: MemoryRecord) -> None:
        entity = self._who.get(key)
        if entity.position is None or record.moment >= entity.position_at:  # as the next frame finds it
            moved = replace(entity, position=record.position, position_at=record.moment)
            self._who.entities[entity.id] = moved
        name = primary_name(record)
        told = self._who.told(name, entity.id)
        self._who.touch(told, name, record)
        self._tell(Told.SEEN, record, told, position=record.position)


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
