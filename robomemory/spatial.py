"""The spatial memory: a directed knowledge graph of things and places, with positions and times."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from robomemory.embedding import F32
from robomemory.names import METRIC, PLACE, content, mentions, normal_name, normal_triple
from robomemory.parts import Asked, Change, Ids, Row, weighed, within
from robomemory.records import MemoryRecord, Query, Recall
from robomemory.rules import SceneState, SceneUpdate
from robomemory.scene import Entity, Fact, Scene, SceneFact, SceneObject, Whereabouts
from robomemory.vectors import VectorIndex

SEEDS = 3  # vertices the search starts from (paper: N = 3)
HOPS = 2  # edges it follows from there (paper: K = 2)
_MENTIONED = 0.95
_HOP_WEIGHT = 0.8


class SpatialMemory:
    """Things, where they were seen, and facts between them; ``dim``: length of a name's vector."""

    def __init__(self, dim: int) -> None:
        self._lock = threading.RLock()
        self._state = SceneState()
        self._records: dict[int, MemoryRecord] = {}
        self._names = VectorIndex(dim)

    def plan(self, rows: Sequence[Row], vectors: Mapping[str, F32], ids: Ids) -> Change:
        """The change that keeps ``rows``; see :mod:`robomemory.rules`."""
        with self._lock:
            return SceneUpdate(self._state, vectors, ids).run(rows)

    def apply(self, change: Change) -> None:
        with self._lock:
            self._records.update((row.record.id, row.record) for row in change.rows)
            new = [(e.id, v) for e, v in change.entities if e.id not in self._state.entities]
            if new:
                self._names.put([key for key, _ in new], [vector for _, vector in new])
            for entity, vector in change.entities:
                self._state.put_entity(entity, vector)
            for fact in change.facts:
                self._state.put_fact(fact)
            for sighting in change.sightings:
                record = self._records.get(sighting.record_id)
                if record is not None:
                    self._state.put_sighting(record, sighting.entity_id)

    def recall(self, asked: Asked) -> list[Recall]:
        """Records of the things around those the query names (paper, Algorithm 2, steps 1 to 3 and 5):
        the most similar names are seeds, facts are followed ``HOPS`` times in both directions, and the
        facts and positions among the things found come back, the nearer to a seed the better."""
        with self._lock:
            reach = self._reach(asked)
            best: dict[int, float] = {}
            for key, similarity in reach.items():
                for record in self._positions(key, asked.query):
                    score = weighed(similarity, record.confidence)
                    best[record.id] = max(best.get(record.id, 0.0), score)
                for fact in self._facts_of(key, asked.query.between):
                    if not self._near(fact, asked.query):
                        continue
                    other = reach.get(fact.object if fact.subject == key else fact.subject, 0.0)
                    score = weighed(max(similarity, other), fact.confidence)
                    best[fact.record_id] = max(best.get(fact.record_id, 0.0), score)
            found = [Recall(self._records[i], s) for i, s in best.items() if s > 0 and i in self._records]
        found.sort(key=lambda r: (-r.score, -r.record.stamp_ns))
        return found[: asked.k]

    def _reach(self, asked: Asked) -> dict[int, float]:
        """{entity: similarity}, seeds and what lies within ``HOPS`` facts, which weigh less per hop."""
        seeds = dict(self._names.search(asked.vector, SEEDS))
        for name, keys in self._state.by_name.items():  # vectors blur "blue mug" and "red mug"; words do not
            if mentions(asked.query.text, name):
                seeds.update((key, max(_MENTIONED, seeds.get(key, 0.0))) for key in keys)
        reach = {key: similarity for key, similarity in seeds.items() if similarity > 0}
        edge = list(reach)
        for _ in range(HOPS):
            grown: list[int] = []
            for key in edge:
                for fact in self._facts_of(key, asked.query.between):
                    other = fact.object if fact.subject == key else fact.subject
                    score = reach[key] * _HOP_WEIGHT
                    if score > reach.get(other, 0.0):
                        reach[other] = score
                        grown.append(other)
            edge = grown
        return reach

    def _facts_of(self, key: int, between: tuple[int, int] | None) -> list[Fact]:
        return [fact for fact in self._state.facts_at(key) if fact.holds(between)]

    def _near(self, fact: Fact, query: Query) -> bool:
        ends = (self._state.entities[fact.subject], self._state.entities[fact.object])
        return query.near is None or any(within(query, e.position) for e in ends)

    def _positions(self, key: int, query: Query) -> list[MemoryRecord]:
        """The record of where a thing is; those of where it was, if the query names a time."""
        track = self._state.sightings.get(key, [])
        if query.between is None:
            found = track[-1:]
        else:
            first, last = query.between
            ends = [r.stamp_ns for r in track[1:]] + [2**63]
            spans = zip(track, ends, strict=False)  # an empty track has one end too many
            found = [r for r, end in spans if r.stamp_ns <= last and end > first]
        return [r for r in found if within(query, r.position) and self._true(key, r, query.between)]

    def _true(self, key: int, record: MemoryRecord, between: tuple[int, int] | None) -> bool:
        """Whether what ``record`` says besides a position holds: "mug in tray" may have been ended."""
        if record.triple is None:
            return True
        said = normal_triple(*record.triple)
        facts = self._facts_of(key, between)
        return any(said == (self._name(f.subject), f.relation, self._name(f.object)) for f in facts)

    def _name(self, key: int) -> str:
        return self._state.entities[key].name

    def where_is(self, name: str) -> Whereabouts | None:
        """Where the thing called ``name`` is; None if nothing known bears that name. The exact name is
        looked for first, then names that hold all its words ("mug" finds "blue mug"); of several the one
        seen last. A thing inside another that was never seen itself has the position of its holder."""
        with self._lock:
            entity = self._called(name)
            if entity is None:
                return None
            said = self._outwards(entity)
            holders = [(f, self._state.entities[f.object]) for f in said if f.relation in PLACE]
            lines = tuple(" ".join(self._words(f)) for f in said)
            if entity.position is not None:
                return Whereabouts(entity.label, entity.position, entity.position_ns, lines)
            for _, holder in holders:
                if holder.position is not None:
                    return Whereabouts(entity.label, holder.position, holder.position_ns, lines, holder.label)
            return Whereabouts(entity.label, None, entity.last_seen_ns, lines)

    def _called(self, name: str) -> Entity | None:
        wanted = normal_name(name)
        everything = self._state.entities.values()
        exact = [e for e in everything if wanted in (e.name, e.label)]
        words = set(content(wanted))
        held = [e for e in everything if words and words <= set(content(e.name))]
        return max(exact or held, key=lambda e: (e.last_seen_ns, -e.ordinal), default=None)

    def _outwards(self, entity: Entity) -> list[Fact]:
        """The facts that say where ``entity`` is, then where its holder is, and so on."""
        said: list[Fact] = []
        visited = {entity.id}
        here: int | None = entity.id
        while here is not None:
            facts = [f for f in self._facts_of(here, None) if f.subject == here]
            said += [f for f in facts if f.relation in PLACE | METRIC]
            holder = next((f.object for f in facts if f.relation in PLACE), None)
            here = holder if holder not in visited else None
            visited.update(() if here is None else (here,))
        return said

    def snapshot(self) -> Scene:
        """Things, facts that hold and facts that were ended, as one consistent picture."""
        with self._lock:
            objects = [
                SceneObject(e.label, e.position, e.first_seen_ns, e.last_seen_ns, e.confidence)
                for e in sorted(self._state.entities.values(), key=lambda e: (e.name, e.ordinal))
            ]
            facts = [self._scene_fact(f) for f in self._state.facts.values()]
        return Scene(
            tuple(objects),
            tuple(f for f in facts if f.valid_until_ns is None),
            tuple(f for f in facts if f.valid_until_ns is not None),
        )

    def _words(self, fact: Fact) -> tuple[str, str, str]:
        entities = self._state.entities
        return entities[fact.subject].label, fact.relation, entities[fact.object].label

    def _scene_fact(self, fact: Fact) -> SceneFact:
        return SceneFact(*self._words(fact), fact.valid_from_ns, fact.valid_until_ns, fact.confidence)
