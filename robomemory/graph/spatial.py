"""The spatial memory: a directed knowledge graph of things and places, with positions and times."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from robomemory.belief.confirmations import Confirmations
from robomemory.belief.evidence import Evidence
from robomemory.embed.embedder import F32
from robomemory.graph.current_graph import SceneState
from robomemory.graph.entity_merging import Rules
from robomemory.graph.finding import SceneFinding
from robomemory.graph.history import History
from robomemory.graph.lookups import SceneLookups
from robomemory.graph.note_rules import SceneUpdate
from robomemory.graph.removal import GraphWithout, Removal
from robomemory.graph.scene import (
    Fact,
)
from robomemory.graph.views import SceneViews
from robomemory.names import name_key, said_of
from robomemory.records import MemoryRecord, Query, Recall
from robomemory.resolving.gathering import Raised, edges_among, gather
from robomemory.resolving.local_graph import LocalGraph
from robomemory.store.filters import FactFilter, FactOrder
from robomemory.store.queries import StoreReader
from robomemory.timestamps import Moment
from robomemory.update_protocol import Asked, Change, Update, weighed, within
from robomemory.vectors.index import VectorIndex

SEEDS = 3  # vertices the search starts from (paper: N = 3)
HOPS = 2  # edges it follows from there (paper: K = 2)
REACH = 400  # most vertices looked at
_MENTIONED = 0.95
_HOP_WEIGHT = 0.8


class _Found(NamedTuple):
    """A record that may answer: for the thing ``key``; ``checked`` if what it says is known to hold."""

    score: float
    record_id: int
    key: int
    checked: bool


class SpatialMemory(SceneLookups, SceneViews, SceneFinding):
    """Things, where they were seen, and facts between them, over ``store``. A fact that was not said for
    ``expire_ns`` [ns] ends (None: never). Without ``validity`` facts never end, without ``merging`` every
    name is another thing: for benches."""

    def __init__(
        self,
        store: StoreReader,
        expire_ns: int | None = None,
        *,
        validity: bool = True,
        merging: bool = True,
    ) -> None:
        self._rules = Rules(validity, merging, expire_ns)
        self._lock = threading.RLock()
        self._store = store
        self.past = History(store, self._rules)
        self.known = Confirmations(store)
        self.load()

    def load(self) -> None:
        """Builds the graph from the store: what holds now, and where each thing was seen last."""
        self.known.clear()
        state, names = SceneState(), VectorIndex(self._store.dim)
        entities = self._store.entities()
        for entity, _ in entities:
            state.put_entity(entity)
        for start in range(0, len(entities), 4096):
            part = entities[start : start + 4096]
            names.put([e.id for e, _ in part], [vector for _, vector in part])
        for entity in self._store.merged_things():
            state.put_merged(entity)
        state.put_claims(self._store.claims(), self._store.links())
        for name, key in self._store.aliases():
            if (by := state.who.of(key)) in state.entities:
                state.put_alias(name, by)
        for sighting in self._store.last_sightings():
            if sighting.entity_id in state.entities:
                state.put_sighting(sighting)
        for fact in self._store.facts(FactFilter(ended=False, order=FactOrder.TOLD)):
            state.put_fact(fact)
        state.folds.empty = self._store.empty_balls()
        with self._lock:
            self._state, self._names = state, names
            self._applied_ns = self._store.believed_ns()

    def plan(self, update: Update) -> Change:
        """The change that keeps the rows; see :mod:`robomemory.graph.note_rules`. It takes no lock: the one
        writer is the only one that changes the graph, and planning must hold up no recall."""
        return SceneUpdate(self._state, update, self, self._rules).run()

    def apply(self, change: Change) -> None:
        if change.regroups:  # rare, and it touches the past of every fact of the two
            self.load()
            return
        with self._lock:
            if change.names:
                self._names.put([key for key, _ in change.names], [vector for _, vector in change.names])
            for entity in change.entities:
                if entity.merged_into is None:
                    self._state.put_entity(entity)
                else:
                    self._state.put_merged(entity)
            for fact in sorted(change.facts, key=lambda f: f.open):
                self._state.put_fact(fact)
            for sighting in sorted(change.sightings, key=lambda s: s.expired_ns is None):
                self._state.put_sighting(sighting)
            folds = self._state.folds
            if change.folds is None:
                folds.clear()
                folds.empty = self._store.empty_balls()
            else:
                folds.slots |= change.folds.slots
                folds.tracks |= change.folds.tracks
                void = {e.id for e in change.evidence if e.retracted_ns is not None}
                kept = [e for e in folds.empty if e.id not in void] if void else folds.empty
                folds.empty = sorted([*kept, *change.folds.empty], key=lambda e: e.at)
            known = [t for f in change.facts for t in (f.recorded_ns, f.expired_ns) if t is not None]
            if known:
                self._applied_ns = max(self._applied_ns, *known)
            if self._rules.expire_ns is not None and change.entities:
                run, newest = max(e.last_seen for e in change.entities)
                self._state.forget_ages(Moment(run, newest - self._rules.expire_ns))

    def without(
        self,
        ids: Collection[int],
        update: Update,
        *,
        retract: bool = False,
        again: Sequence[Evidence] = (),
    ) -> Change:
        """What the graph becomes once the records ``ids`` are forgotten, or (``retract``) were never true;
        ``again`` is evidence that they had taken back."""
        return Removal(self._state, self, self._rules, ids, update, again).run(retract=retract).kept

    def forgotten(self, ids: Collection[int], update: Update) -> GraphWithout:
        """What becomes of the graph once the records ``ids`` are forgotten."""
        return Removal(self._state, self, self._rules, ids, update).run(retract=False)

    def drop(self, without: GraphWithout) -> None:
        """Takes what was forgotten out of the graph."""
        self.known.clear()
        with self._lock:
            self.apply(without.graph)
            if without.graph.regroups:
                return
            for key, mention in without.mentions.items():
                self._state.put_mention(key, mention)
            # What was retracted, or another one stands for, stays in the store while it tells of the past.
            may_be = {*without.lost, *self._state.unknown} & self._state.entities.keys()
            kept = {entity.id for entity in self._store.entities_of(sorted(may_be))}
            lost = sorted(may_be - kept)
            for key in lost:
                self._state.remove(key)
            self._names.remove(lost)
            if without.newest is not None:
                self._state.newest = dict(without.newest)

    def local_graph(self, raised: Raised) -> LocalGraph | None:
        """The local graph around what was ``raised`` (paper, Algorithm 2, steps 1 to 5); None: nothing of it
        stands."""
        with self._lock:
            return gather(self._state, self._names, self._grown, raised, SEEDS)

    def stands(self, local: LocalGraph, touched: Collection[int]) -> bool:
        """Whether the things ``touched`` and their edges in ``local`` are still as they were."""
        with self._lock:
            known = self._state.entities
            if any(key not in known or known[key].label != local.vertex[key].label for key in touched):
                return False
            now = edges_among(self._state, local.vertex.keys())
            before = {e.key for e in local.edges if {e.subject, e.object} & set(touched)}
            return before == {f.id for f in now.values() if {f.subject, f.object} & set(touched)}

    def address(self, key: int) -> str:
        """A name that means the thing ``key`` and no other one."""
        with self._lock:
            entity = self._state.entities[key]
            alone = len(self._state.by_name.get(name_key(entity.name), ())) <= 1
            return entity.label if alone else f"{entity.name} #{entity.ordinal}"

    def name_vector(self, key: int) -> F32 | None:
        """The unit vector f32 (dim,) of the name of the thing ``key``."""
        return self._names.vector(key)

    def recall(self, asked: Asked) -> list[Recall]:
        """Records of the things around those the query names (paper, Algorithm 2, steps 1 to 3 and 5):
        the most similar names are seeds, facts are followed ``HOPS`` times in both directions, and the
        facts and positions among the things found come back, the nearer to a seed the better."""
        query = asked.query
        if not query.text:
            return [Recall(record, 1.0) for record in self.fitting(query, asked.k)]
        if query.filtered:
            return self.alike(asked)
        inside = frozenset[int]()
        with self._lock:
            seeds = self._seeds(asked)
            if query.region is not None and query.span is None:  # all that is there, whatever it is called
                inside = frozenset(self.places_in(query))
                seeds = {**{key: self._likeness(key, asked) for key in inside}, **seeds}
        found = (
            self._now(seeds, query, inside) if query.span is None else self._then(seeds, *query.span, query)
        )
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

    def _likeness(self, key: int, asked: Asked) -> float:
        """How like the name of the thing ``key`` is to the query's text, 0.01 at least."""
        vector = self._names.vector(key)
        return 0.01 if vector is None else max(0.01, float(vector @ asked.vector))

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

    def _now(self, seeds: dict[int, float], query: Query, inside: frozenset[int]) -> Iterable[_Found]:
        """What is known now of ``seeds`` and what is around them; ``inside`` the query's region, if it has
        one, are the things that are there or were carried there."""
        with self._lock:
            state, reach = self._state, self._grown(seeds)
            found: list[_Found] = []
            for key, similarity in reach.items():
                entity = state.entities.get(key)
                if entity is None:
                    continue
                last, mention = state.last.get(key), state.mentions.get(key)
                if last is not None and (key in inside or query.region is None):
                    found.append(_Found(weighed(similarity, entity.confidence), last.record_id, key, False))
                if mention is not None and query.region is None:
                    score = weighed(similarity, entity.confidence)
                    found.append(_Found(score, mention.record_id, key, True))
                for fact in state.facts_at(key):
                    if query.region is None or inside & {fact.subject, fact.object}:
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
        return query.region is None or any(e is not None and within(query, e.position) for e in ends)

    def _true(self, key: int, record: MemoryRecord, query: Query) -> bool:
        """Whether what ``record`` says besides a position holds: "mug in tray" may have been ended."""
        if record.triple is None:
            return True
        *said, denied = said_of(*record.triple)
        if (span := query.span) is not None:
            facts = self.past.facts_of([key], *span)
        else:
            with self._lock:
                facts = self._state.facts_at(key)
        return denied != any(
            f.relation == said[1]
            and self._may_mean(said[0], f.subject, key)
            and self._may_mean(said[2], f.object, key)
            for f in facts
        )

    def _may_mean(self, name: str, end: int, key: int) -> bool:
        """Whether ``name``, in a record about the thing ``key``, may mean the thing ``end``."""
        entity = self._state.entities.get(end)
        alike = self._state.by_name.get(name_key(name), ())
        if entity is None or name_key(name) == name_key(entity.name) or end in alike:
            return entity is not None
        return end == key and not alike  # it had another name then


def _spread(reach: dict[int, float], fact: Fact, key: int, grown: list[int]) -> None:
    other = fact.object if fact.subject == key else fact.subject
    score = reach[key] * _HOP_WEIGHT
    if score > reach.get(other, 0.0):
        reach[other] = score
        grown.append(other)


def _found(fact: Fact, key: int, reach: dict[int, float]) -> _Found:
    near = max(reach.get(fact.subject, 0.0), reach.get(fact.object, 0.0))
    return _Found(weighed(near, fact.confidence), fact.record_id, key, True)
