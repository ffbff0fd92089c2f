"""The spatial memory: a directed knowledge graph of things and places, with positions and times."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from robomemory.embed.embedder import F32
from robomemory.graph.current_graph import SceneState
from robomemory.graph.entity_merging import Rules
from robomemory.graph.history import History
from robomemory.graph.note_rules import SceneUpdate
from robomemory.graph.scene import Entity, Fact, SceneFact, SceneGraph, SceneObject, Whereabouts, scene_fact
from robomemory.helpers import Helpers
from robomemory.names import METRIC, PLACE, content, normal_name, normal_triple
from robomemory.records import MemoryRecord, Position, Query, Recall
from robomemory.store.filters import FactFilter, FactOrder
from robomemory.store.queries import StoreReader
from robomemory.timestamps import Moment
from robomemory.update_protocol import Asked, Change, Update, weighed, within
from robomemory.vectors.index import VectorIndex

SEEDS = 3  # vertices the search starts from (paper: N = 3)
HOPS = 2  # edges it follows from there (paper: K = 2)
REACH = 400  # most vertices looked at
PAST = 1_000  # most facts that ended in a scene
_MENTIONED = 0.95
_HOP_WEIGHT = 0.8


class _Found(NamedTuple):
    """A record that may answer: for the thing ``key``; ``checked`` if what it says is known to hold."""

    score: float
    record_id: int
    key: int
    checked: bool


class SpatialMemory:
    """Things, where they were seen, and facts between them, over ``store``. A fact that was not said for
    ``expire_ns`` [ns] ends (None: never). Without ``validity`` facts never end, without ``merging`` every
    name is another thing: for benches."""

    def __init__(
        self,
        store: StoreReader,
        helpers: Helpers,
        expire_ns: int | None = None,
        *,
        validity: bool = True,
        merging: bool = True,
    ) -> None:
        self._rules = Rules(validity, merging, expire_ns)
        self._lock = threading.RLock()
        self._store = store
        self._helpers = helpers
        self.past = History(store)
        self.load()

    def load(self) -> None:
        """Builds the graph from the store: what holds now, and where each thing was seen last."""
        state, names = SceneState(), VectorIndex(self._store.dim)
        entities = self._store.entities()
        for entity, _ in entities:
            state.put_entity(entity)
        for start in range(0, len(entities), 4096):
            part = entities[start : start + 4096]
            names.put([e.id for e, _ in part], [vector for _, vector in part])
        for name, key in self._store.aliases():
            if key in state.entities:
                state.put_alias(name, key)
        for sighting in self._store.last_sightings():
            if sighting.entity_id in state.entities:
                state.put_sighting(sighting)
        for fact in self._store.facts(FactFilter(ended=False, order=FactOrder.TOLD)):
            state.put_fact(fact)
        with self._lock:
            self._state, self._names = state, names
            self._applied_ns = 2**63 - 1

    def plan(self, update: Update) -> Change:
        """The change that keeps the rows; see :mod:`robomemory.graph.note_rules`. It takes no lock: the one
        writer is the only one that changes the graph, and a slow helper must hold up no recall."""
        return SceneUpdate(self._state, update, self, self._helpers, self._rules).run()

    def apply(self, change: Change) -> None:
        if change.merges:  # rare, and it touches the past of every fact of the two
            self.load()
            return
        with self._lock:
            if change.names:
                self._names.put([key for key, _ in change.names], [vector for _, vector in change.names])
            for entity in change.entities:
                self._state.put_entity(entity)
            for fact in change.facts:
                self._state.put_fact(fact)
            for name, key in change.aliases:
                self._state.put_alias(name, key)
            for sighting in change.sightings:
                self._state.put_sighting(sighting)
            known = [t for f in change.facts for t in (f.recorded_ns, f.expired_ns) if t is not None]
            if known:
                self._applied_ns = max(known)
            if self._rules.expire_ns is not None and change.entities:
                run, newest = max(e.last_seen for e in change.entities)
                self._state.forget_ages(Moment(run, newest - self._rules.expire_ns))

    def name_vector(self, key: int) -> F32 | None:
        """The unit vector f32 (dim,) of the name of the thing ``key``."""
        return self._names.vector(key)

    def text_of(self, record_id: int) -> str:
        """The text of a record; empty if it is not kept any more."""
        found = self._store.by_id([record_id])
        return found[record_id].text if record_id in found else ""

    def began_ns(self, run: int) -> int:
        """The stamp at which ``run`` began [ns]; 0 where that is unknown."""
        return self._store.run_start(run) or 0

    def history(self, subject: int) -> list[Fact]:
        """The facts of ``subject`` that have ended."""
        return self._store.facts(FactFilter(subjects=(subject,), ended=True))

    def around(self, names: Sequence[str]) -> tuple[str, ...]:
        """The facts within ``HOPS`` of the things called ``names`` or alike, in words (paper, Algorithm 2,
        steps 1 to 5: the local graph)."""
        with self._lock:
            seeds = {key: 1.0 for name in names for key in self._state.by_name.get(name, ())}
            reach = self._grown(seeds)
            facts = {f.id: f for key in reach for f in self._state.facts_at(key)}
            return tuple(" ".join(self._words(f)) for f in facts.values())

    def recall(self, asked: Asked) -> list[Recall]:
        """Records of the things around those the query names (paper, Algorithm 2, steps 1 to 3 and 5):
        the most similar names are seeds, facts are followed ``HOPS`` times in both directions, and the
        facts and positions among the things found come back, the nearer to a seed the better."""
        query = asked.query
        with self._lock:
            seeds = self._seeds(asked)
        found = self._now(seeds, query) if query.span is None else self._then(seeds, *query.span, query)
        best: dict[int, _Found] = {}
        for item in found:
            if item.record_id not in best or best[item.record_id].score < item.score:
                best[item.record_id] = item
        ranked = sorted(best.values(), key=lambda f: (-f.score, -f.record_id))
        answer: list[Recall] = []
        for start in range(0, len(ranked), 4 * asked.k + 16):
            part = [f for f in ranked[start : start + 4 * asked.k + 16] if f.score > 0]
            records = self._store.by_id([f.record_id for f in part])
            for item in part:
                record = records.get(item.record_id)
                if record is not None and (item.checked or self._true(item.key, record, query)):
                    answer.append(Recall(record, item.score))
            if len(answer) >= asked.k:
                break
        answer.sort(key=lambda r: (r.score, r.record.moment), reverse=True)
        return answer[: asked.k]

    def _seeds(self, asked: Asked) -> dict[int, float]:
        seeds = dict(self._names.search(asked.vector, SEEDS))
        for _, keys in self._state.mentioned(asked.query.text):
            # Vectors blur "blue mug" and "red mug"; words do not.
            seeds.update((key, max(_MENTIONED, seeds.get(key, 0.0))) for key in keys)
        return {k: s for k, s in seeds.items() if s > 0}

    def _grown(self, seeds: dict[int, float]) -> dict[int, float]:
        """{entity: similarity}, seeds and what lies within ``HOPS`` facts, which weigh less per hop."""
        reach = dict(seeds)
        edge = list(reach)
        for _ in range(HOPS):
            grown: list[int] = []
            for key in edge:
                for fact in self._state.facts_at(key):
                    _spread(reach, fact, key, grown)
                if len(reach) >= REACH:
                    break
            edge = grown
        return reach

    def _now(self, seeds: dict[int, float], query: Query) -> Iterable[_Found]:
        with self._lock:
            state, reach = self._state, self._grown(seeds)
            found: list[_Found] = []
            for key, similarity in reach.items():
                entity = state.entities.get(key)
                if entity is None:
                    continue
                last, mention = state.last.get(key), state.mentions.get(key)
                if last is not None and within(query, last.position):
                    found.append(_Found(weighed(similarity, entity.confidence), last.record_id, key, False))
                if mention is not None and query.near is None:
                    score = weighed(similarity, entity.confidence)
                    found.append(_Found(score, mention.record_id, key, True))
                for fact in state.facts_at(key):
                    if query.near is None or self._near(fact, query):
                        found.append(_found(fact, key, reach))
            return found

    def _then(self, seeds: dict[int, float], first: Moment, last: Moment, query: Query) -> Iterable[_Found]:
        """As :meth:`_now`, of a span of time: from the store, as the graph holds the present only."""
        reach, edge, facts = dict(seeds), list(seeds), dict[int, Fact]()
        for _ in range(HOPS + 1):
            grown: list[int] = []
            for fact in self.past.facts_of(edge, first, last):
                facts[fact.id] = fact
                if len(reach) < REACH:
                    for key in (fact.subject, fact.object):
                        if key in reach:
                            _spread(reach, fact, key, grown)
            edge = grown
        found = [_found(f, f.subject, reach) for f in facts.values() if self._near(f, query)]
        for seen in self.past.sightings_of(list(reach), first, last):
            if within(query, seen.position):
                found.append(_Found(reach[seen.entity_id], seen.record_id, seen.entity_id, False))
        return found

    def _near(self, fact: Fact, query: Query) -> bool:
        ends = (self._state.entities.get(fact.subject), self._state.entities.get(fact.object))
        return query.near is None or any(e is not None and within(query, e.position) for e in ends)

    def _true(self, key: int, record: MemoryRecord, query: Query) -> bool:
        """Whether what ``record`` says besides a position holds: "mug in tray" may have been ended."""
        if record.triple is None:
            return True
        said = normal_triple(*record.triple)
        if (span := query.span) is not None:
            facts = self.past.facts_of([key], *span)
        else:
            with self._lock:
                facts = self._state.facts_at(key)
        return any(
            f.relation == said[1]
            and self._may_mean(said[0], f.subject, key)
            and self._may_mean(said[2], f.object, key)
            for f in facts
        )

    def _may_mean(self, name: str, end: int, key: int) -> bool:
        """Whether ``name``, in a record about the thing ``key``, may mean the thing ``end``."""
        entity = self._state.entities.get(end)
        if entity is None or name == entity.name or end in self._state.by_name.get(name, ()):
            return entity is not None
        return end == key and not self._state.by_name.get(name)  # it had another name then

    def where_is(self, name: str) -> Whereabouts | None:
        """Where the thing called ``name`` is; None if nothing known bears that name. The exact name is
        looked for first, then names that hold all its words ("mug" finds "blue mug"); of several the one
        seen last. A thing inside another that was never seen itself has the position of its holder."""
        with self._lock:
            entity = self.called(name)
            if entity is None:
                return None
            said = self._outwards(entity)
            holders = [self._state.entities[f.object] for f in said if f.relation in PLACE]
            lines = tuple(" ".join(self._words(f)) for f in said)
            if entity.position is not None:
                return _whereabouts(entity, entity.position, entity.position_at, lines)
            for holder in holders:
                if holder.position is not None:
                    return _whereabouts(entity, holder.position, holder.position_at, lines, holder.label)
            return _whereabouts(entity, None, entity.last_seen, lines)

    def called(self, name: str) -> Entity | None:
        """The thing that ``name`` means, as :meth:`where_is` looks for it."""
        wanted = normal_name(name)
        with self._lock:
            state = self._state
            plain, _, number = wanted.rpartition(" #")
            keys = list(state.by_name.get(wanted, ()))
            if plain and number.isdecimal():
                keys += [k for k in state.by_name.get(plain, ()) if state.entities[k].ordinal == int(number)]
            keys = keys or [k for n in state.names_holding(content(wanted)) for k in state.by_name[n]]
            found = [state.entities[k] for k in keys]
        return max(found, key=lambda e: (e.last_seen, -e.ordinal), default=None)

    def inside(self, name: str) -> list[str]:
        """Labels of the things in the thing called ``name`` now, and of the things in those, by nearness."""
        with self._lock:
            entity = self.called(name)
            found: dict[int, str] = {}
            edge = [] if entity is None else [entity.id]
            while edge:
                facts = (f for key in edge for f in self._state.facts_at(key, len(self._state.facts) + 1))
                inner = [f.subject for f in facts if f.relation == "in" and f.object in edge]
                edge = [key for key in dict.fromkeys(inner) if key not in found]
                found.update((key, self._state.entities[key].label) for key in edge)
            if entity is not None:
                found.pop(entity.id, None)
            return list(found.values())

    def _outwards(self, entity: Entity) -> list[Fact]:
        """The facts that say where ``entity`` is, then where its holder is, and so on."""
        said: list[Fact] = []
        visited = {entity.id}
        here: int | None = entity.id
        while here is not None:
            facts = self._state.out_of(here)
            said += [f for f in facts if f.relation in PLACE | METRIC]
            holder = next((f.object for f in facts if f.relation in PLACE), None)
            here = holder if holder not in visited else None
            visited.update(() if here is None else (here,))
        return said

    def snapshot(self) -> SceneGraph:
        """Things, facts that hold and facts that were ended, as one consistent picture."""
        with self._lock:
            state = self._state
            known = sorted((state.entities[k] for k in state.graph), key=lambda e: (e.name, e.ordinal))
            facts = tuple(self._scene_fact(f) for _, f in sorted(state.facts.items()))
            applied = self._applied_ns
        objects = tuple(
            SceneObject(e.label, e.position, e.first_seen.ns, e.last_seen.ns, e.confidence, e.last_seen.run)
            for e in known
        )
        return SceneGraph(objects, facts, self.past.ended(applied, PAST))

    def _words(self, fact: Fact) -> tuple[str, str, str]:
        entities = self._state.entities
        return entities[fact.subject].label, fact.relation, entities[fact.object].label

    def _scene_fact(self, f: Fact) -> SceneFact:
        subject, _, obj = self._words(f)
        return scene_fact(f, subject, obj)


def _whereabouts(
    entity: Entity, position: Position | None, at: Moment, lines: tuple[str, ...], via: str = ""
) -> Whereabouts:
    return Whereabouts(entity.label, position, at.ns, lines, via, at.run)


def _spread(reach: dict[int, float], fact: Fact, key: int, grown: list[int]) -> None:
    other = fact.object if fact.subject == key else fact.subject
    score = reach[key] * _HOP_WEIGHT
    if score > reach.get(other, 0.0):
        reach[other] = score
        grown.append(other)


def _found(fact: Fact, key: int, reach: dict[int, float]) -> _Found:
    near = max(reach.get(fact.subject, 0.0), reach.get(fact.object, 0.0))
    return _Found(weighed(near, fact.confidence), fact.record_id, key, True)
