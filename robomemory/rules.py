"""What a spatial note changes in the graph, decided by rule.

The paper asks a language model to resolve conflicts inside the retrieved neighbourhood (arXiv 2508.01415,
Algorithm 2, step 6). Here rules do: which thing is meant follows from name and distance, and a fact that
contradicts another one closes it. Nothing is erased.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import networkx as nx  # type: ignore[import-untyped, unused-ignore]

from robomemory.embedding import F32
from robomemory.names import METRIC, exclusive, normal_name, normal_triple
from robomemory.parts import Change, Ids, Row
from robomemory.records import MemoryRecord, Position
from robomemory.scene import Entity, Fact, Sighting

SAME_PLACE_M = 0.02
"""Within this distance of its last record a thing has not moved; cameras jitter by less."""

TWO_THINGS_M = 0.05
"""Things of one name seen at one time farther apart than this are two."""


class SceneState:
    """The graph's content: ``graph`` has a node per entity and an edge per fact (its key), open or ended;
    beside it the records of where each thing was."""

    def __init__(self) -> None:
        self.graph = nx.MultiDiGraph()
        self.entities: dict[int, Entity] = {}
        self.facts: dict[int, Fact] = {}
        self.by_name: dict[str, list[int]] = defaultdict(list)
        self.vectors: dict[str, F32] = {}
        self.sightings: dict[int, list[MemoryRecord]] = defaultdict(list)

    def put_entity(self, entity: Entity, vector: F32) -> None:
        if entity.id not in self.entities:
            self.by_name[entity.name].append(entity.id)
            self.vectors[entity.name] = vector
            self.graph.add_node(entity.id)
        self.entities[entity.id] = entity

    def put_fact(self, fact: Fact) -> None:
        self.facts[fact.id] = fact
        self.graph.add_edge(fact.subject, fact.object, key=fact.id)

    def put_sighting(self, record: MemoryRecord, entity_id: int) -> None:
        track = self.sightings[entity_id]
        track.append(record)
        track.sort(key=lambda r: r.stamp_ns)  # nearly sorted already: notes rarely come late

    def facts_at(self, key: int) -> list[Fact]:
        """The facts that ``key`` is an end of, ended ones too."""
        if key not in self.graph:
            return []
        edges = [k for *_, k in self.graph.out_edges(key, keys=True)]
        edges += [k for other, _, k in self.graph.in_edges(key, keys=True) if other != key]
        return [self.facts[k] for k in edges]


class SceneUpdate:
    """One update, worked out on top of ``state`` without touching it. ``vectors`` holds the unit vector
    f32 (dim,) of every name in the notes."""

    def __init__(self, state: SceneState, vectors: Mapping[str, F32], ids: Ids) -> None:
        self._state = state
        self._vectors = vectors
        self._ids = ids
        self._entities: dict[int, Entity] = {}
        self._facts: dict[int, Fact] = {}
        self._rows: list[Row] = []
        self._sightings: list[Sighting] = []
        self._last: dict[int, MemoryRecord] = {}

    def run(self, rows: Sequence[Row]) -> Change:
        """What keeping ``rows`` changes; a sighting that shows nothing new adds no record."""
        meant = self._match_frames(rows)
        for i, row in enumerate(rows):
            self._note(row, meant.get(i))
        known = {**self._state.vectors, **self._vectors}
        entities = tuple((e, known[e.name]) for e in self._entities.values())
        return Change(tuple(self._rows), entities, tuple(self._facts.values()), tuple(self._sightings))

    def _match_frames(self, rows: Sequence[Row]) -> dict[int, int]:
        """{index of the row: entity} for rows with a position: in one frame each thing is seen once, so
        things and sightings of a name are paired one to one, the nearest pair first."""
        frames: dict[tuple[int, str], list[int]] = defaultdict(list)
        for i, row in enumerate(rows):
            if row.record.position is not None:
                frames[row.record.stamp_ns, primary_name(row.record)].append(i)
        meant: dict[int, int] = {}
        for (stamp, name), members in sorted(frames.items()):
            spots = {i: rows[i].record.position or (0.0, 0.0, 0.0) for i in members}
            pairs = sorted(
                (0.0 if e.position is None else math.dist(e.position, spot), i, e.id)
                for i, spot in spots.items()
                for e in self._meant(name)
                if _may_be(e, spot, stamp)
            )
            taken: set[int] = set()
            for _, i, key in pairs:
                if i not in meant and key not in taken:
                    meant[i] = key
                    taken.add(key)
            for i in members:
                if i not in meant:
                    meant[i] = self._add(name, rows[i].record).id
                self._move(meant[i], rows[i])
        return meant

    def _note(self, row: Row, located: int | None) -> None:
        record = row.record
        keep = located is None and record.triple is None
        for name in map(normal_name, record.entities):
            if located is None or name != primary_name(record):
                self._touch(self._find(name, record), record)
        if record.triple is not None:
            subject, relation, obj = normal_triple(*record.triple)
            source = self._find(subject, record).id
            target = self._find(obj, record).id
            if located is not None:
                source, target = (located, target) if subject == primary_name(record) else (source, located)
            for end in (source, target):
                self._touch(self._get(end), record)
            keep = self._relate(source, relation, target, record) or keep
        seen_anew = any(s.record_id == record.id for s in self._sightings)
        if keep or seen_anew:
            self._rows.append(row)

    def _move(self, key: int, row: Row) -> None:
        record, entity = row.record, self._get(key)
        before = self._last.get(key) or next(reversed(self._state.sightings.get(key, [])), None)
        late = entity.position is not None and record.stamp_ns < entity.position_ns
        if not late:
            moved = replace(entity, position=record.position, position_ns=record.stamp_ns)
            self._entities[key] = replace(moved, confidence=record.confidence)
        self._touch(self._get(key), record)
        step = math.inf
        if before is not None and before.position is not None and record.position is not None:
            step = math.dist(before.position, record.position)
        if step > SAME_PLACE_M or late:
            self._sightings.append(Sighting(record.id, key))
            if not late:
                self._last[key] = record
        if not late and SAME_PLACE_M < step < math.inf:
            for fact in self._open_facts(key):
                if fact.relation in METRIC and fact.valid_from_ns < record.stamp_ns:
                    self._facts[fact.id] = replace(fact, valid_until_ns=record.stamp_ns)

    def _relate(self, subject: int, relation: str, obj: int, record: MemoryRecord) -> bool:
        """Whether this is news. Closes what it contradicts; a note that comes late closes itself."""
        until: int | None = None
        group = exclusive(relation)
        for fact in self._open_facts(subject):
            if fact.subject != subject:
                continue
            if (fact.relation, fact.object) == (relation, obj):
                self._facts[fact.id] = replace(
                    fact,
                    confidence=max(fact.confidence, record.confidence),
                    valid_from_ns=min(fact.valid_from_ns, record.stamp_ns),
                )
                return False
            if fact.relation in group:
                if fact.valid_from_ns <= record.stamp_ns:
                    self._facts[fact.id] = replace(fact, valid_until_ns=record.stamp_ns)
                else:
                    until = fact.valid_from_ns
        key = self._ids.fact()
        self._facts[key] = Fact(
            key, subject, relation, obj, record.stamp_ns, until, record.confidence, record.id
        )
        return True

    def _get(self, key: int) -> Entity:
        return self._entities.get(key) or self._state.entities[key]

    def _named(self, name: str) -> list[Entity]:
        known = list(self._state.by_name.get(name, ()))
        known += [k for k, e in self._entities.items() if e.name == name and k not in self._state.entities]
        return [self._get(k) for k in known]

    def _meant(self, name: str) -> list[Entity]:
        """The things called ``name``, which may be a label such as "red block #2"."""
        if label := re.fullmatch(r"(.+) #(\d+)", name):
            numbered = [e for e in self._named(label[1]) if e.ordinal == int(label[2])]
            return numbered or self._named(name)
        return self._named(name)

    def _find(self, name: str, record: MemoryRecord) -> Entity:
        """The thing that ``name`` means without a position: of several the one seen last."""
        known = self._meant(name)
        if known:
            return max(known, key=lambda e: (e.last_seen_ns, -e.ordinal))
        return self._add(name, record)

    def _add(self, name: str, record: MemoryRecord) -> Entity:
        stamp = record.stamp_ns
        ordinal = len(self._named(name)) + 1
        key = self._ids.entity()
        self._entities[key] = Entity(key, name, ordinal, None, 0, stamp, stamp, record.confidence)
        return self._entities[key]

    def _touch(self, entity: Entity, record: MemoryRecord) -> None:
        first = min(entity.first_seen_ns, record.stamp_ns)
        last = max(entity.last_seen_ns, record.stamp_ns)
        self._entities[entity.id] = replace(entity, first_seen_ns=first, last_seen_ns=last)

    def _open_facts(self, key: int) -> list[Fact]:
        known = {f.id: f for f in self._state.facts_at(key)}
        known.update({i: f for i, f in self._facts.items() if key in (f.subject, f.object)})
        return [f for f in known.values() if f.valid_until_ns is None]


def primary_name(record: MemoryRecord) -> str:
    """The name that ``record.position`` belongs to: the triple's subject, else the first entity."""
    if record.triple is not None:
        return normal_name(record.triple[0])
    return normal_name(record.entities[0])


def names_in(record: MemoryRecord) -> tuple[str, ...]:
    """All names a spatial record holds, in one spelling."""
    triple = normal_triple(*record.triple) if record.triple is not None else None
    ends = () if triple is None else (triple[0], triple[2])
    return (*map(normal_name, record.entities), *ends)


def _may_be(entity: Entity, spot: Position, stamp_ns: int) -> bool:
    """A thing can't be at two places at one time."""
    if entity.position is None or entity.position_ns != stamp_ns:
        return True
    return math.dist(entity.position, spot) <= TWO_THINGS_M
