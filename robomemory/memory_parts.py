"""The four memories side by side: updated at once, asked at once, each on threads of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from robomemory.belief.evidence import Evidence, Told
from robomemory.embed.embedder import Embedder
from robomemory.errors import MemoryClosedError
from robomemory.fusion import collect, merge
from robomemory.graph.removal import GraphWithout
from robomemory.graph.scene import Entity
from robomemory.graph.spatial import SpatialMemory
from robomemory.longterm import LongTermMemory
from robomemory.records import MemoryKind, MemoryRecord, Query, Recall, RecallResult
from robomemory.resolving.provenance import REVISED_BY, voided_by
from robomemory.store.backend import Backend
from robomemory.store.forgetting import Consequences, Forgotten
from robomemory.temporal import TemporalMemory
from robomemory.timestamps import Moment
from robomemory.update_protocol import LIVE, REMOVED, Asked, Change, Ids, MemoryPart, RecordRow, Update
from robomemory.vectors.index import FLAT_LIMIT
from robomemory.vectors.index_files import IndexFiles

T = TypeVar("T")
EVERY = 1_000_000
"""Most records that fit a query without words."""


@dataclass(frozen=True, slots=True)
class PartsContext:
    """What the memories are made from: the ``store`` that they are caches of, where large indices are
    ``saved``, capacity ``steps`` of the temporal buffer, and the time
    ``expire_ns`` [ns] after which a fact that is not said again ends (None: never)."""

    store: Backend
    saved: IndexFiles
    steps: int
    expire_ns: int | None


class MemoryParts:
    """The memories of one store. ``by_kind`` may be changed while nobody remembers, to time a memory or to
    slow it down; ``parallel``: whether all are updated and asked at once."""

    def __init__(
        self,
        store: Backend,
        spatial: SpatialMemory,
        temporal: TemporalMemory,
        episodic: LongTermMemory,
        semantic: LongTermMemory,
    ) -> None:
        self._where, self._store = store.path, store  # the path is for messages
        self.spatial, self.temporal = spatial, temporal
        self.long_term: Mapping[MemoryKind, LongTermMemory] = {
            MemoryKind.EPISODIC: episodic,
            MemoryKind.SEMANTIC: semantic,
        }
        self.by_kind: dict[MemoryKind, MemoryPart] = {
            MemoryKind.SPATIAL: spatial,
            MemoryKind.TEMPORAL: temporal,
            **self.long_term,
        }
        self.parallel = True
        # Threads of its own for each memory: one that hangs keeps only itself waiting.
        self._pools = {kind: ThreadPoolExecutor(2, f"recall-{kind}") for kind in MemoryKind}
        self._embedding = ThreadPoolExecutor(2, "embed-query")
        self._updating = ThreadPoolExecutor(len(MemoryKind), "update")

    @classmethod
    def build(
        cls,
        context: PartsContext,
        *,
        validity: bool = True,
        merging: bool = True,
        revise: bool = True,
        lexical: bool = True,
        recency: bool = True,
        flat_limit: int = FLAT_LIMIT,
    ) -> MemoryParts:
        """The memories that ``context`` holds. A robot has no reason to change the rest, which benches
        compare. ``validity``: a fact ends when another one contradicts it; ``merging``: two names may be one
        thing; ``revise``: the semantic updater; ``lexical``, ``recency``: rare words and age count in the
        order of the long-term memories; ``flat_limit``: vectors up to which search is exact."""
        store = context.store
        spatial = SpatialMemory(store, context.expire_ns, validity=validity, merging=merging)
        temporal = TemporalMemory(store, context.steps)
        long_term: list[LongTermMemory] = []
        try:
            for kind in (MemoryKind.EPISODIC, MemoryKind.SEMANTIC):
                part = LongTermMemory(
                    kind, store, context.saved, revise=revise and kind is MemoryKind.SEMANTIC,
                    lexical=lexical, recency=recency, flat_limit=flat_limit,
                )  # fmt: skip
                long_term.append(part)
        except BaseException:
            for part in long_term:
                part.close()
            raise
        return cls(store, spatial, temporal, *long_term)

    def plan(self, updates: Mapping[MemoryKind, Update]) -> dict[MemoryKind, Change]:
        """The change that each memory makes of its update; nothing is changed yet."""
        return self._at_once({kind: (self.by_kind[kind].plan, u) for kind, u in updates.items()})

    def apply(self, changes: Mapping[MemoryKind, Change]) -> None:
        """Takes changes that were committed into the caches."""
        self._at_once({kind: (self.by_kind[kind].apply, c) for kind, c in changes.items() if c})

    def _at_once(self, calls: Mapping[MemoryKind, tuple[Callable[[Any], T], Any]]) -> dict[MemoryKind, T]:
        """What each memory's call returns. All are waited for, also when one fails."""
        if len(calls) == 1 or not self.parallel:
            return {kind: call(value) for kind, (call, value) in calls.items()}
        jobs = {kind: self._updating.submit(call, value) for kind, (call, value) in calls.items()}
        wait(jobs.values())
        return {kind: job.result() for kind, job in jobs.items()}

    def recall(
        self,
        queries: Sequence[Query],
        k: int,
        timeout_s: float,
        embedder: Embedder,
        follow: Callable[[float], None],
    ) -> RecallResult:
        """See ``RoboMemory.recall``. ``follow`` brings the graph and the steps up to what was committed by a
        moment [s, time.monotonic].

        Raises:
            MemoryClosedError: the memories were closed meanwhile.
        """
        start = time.monotonic()
        deadline = start + timeout_s
        wanted = {kind for kind in MemoryKind if any(q.asks(kind) for q in queries)}
        texts = [q.text or "everything" for q in queries]  # without a text no likeness is asked for
        embedded = self._submit(self._embedding, embedder.embed, texts)
        embedding: dict[MemoryKind, Future[Any]] = dict.fromkeys(wanted, embedded)
        vectors, missing = collect(embedding, deadline, timeout_s, "embedding the queries")
        if missing:
            return RecallResult(missing=missing)
        rows = next(iter(vectors.values()))
        asked = [Asked(q, row, q.k or (k if q.text else EVERY)) for q, row in zip(queries, rows, strict=True)]

        def answer(kind: MemoryKind) -> list[list[Recall]]:
            """The answer of one memory to each query; empty where a query does not ask it."""
            if kind not in self.long_term or self.long_term[kind].follows:
                follow(start)
            part = self.by_kind[kind]
            found = [part.recall(a) if a.query.asks(kind) else [] for a in asked]
            pairs = zip(asked, found, strict=True)
            return [[item for item in items if item.score >= a.query.min_score] for a, items in pairs]

        jobs: dict[MemoryKind, Future[Any]] = {}
        for kind in (kind for kind in MemoryKind if kind in wanted):
            jobs[kind] = self._submit(self._pools[kind], answer, kind)
            if not self.parallel:
                wait([jobs[kind]], timeout=max(0.0, deadline - time.monotonic()))
        answers, missing = collect(jobs, deadline, timeout_s, "recall")
        return self._with_evidence(merge(asked, answers, missing), deadline, timeout_s)

    def _with_evidence(self, found: RecallResult, deadline: float, timeout_s: float) -> RecallResult:
        """``found`` with how each record is known; as it is where that is not counted by ``deadline``."""
        kind, known = MemoryKind.SPATIAL, self.spatial.known
        if not any(item.kind is kind for item in found):  # nothing to count
            return RecallResult(known.told(found), found.missing)
        job = self._submit(self._pools[kind], known.told, found)
        counted, _ = collect({kind: job}, deadline, timeout_s, "counting the evidence")
        return RecallResult(counted[kind], found.missing) if counted else found

    def without(
        self, gone: Forgotten, ids: Ids, now_ns: int, steps: Collection[int] = ()
    ) -> tuple[Consequences, GraphWithout]:
        """What follows in the store, and in the graph, once the records ``gone`` are forgotten, and before
        long the ``steps``."""
        mine = gone.ids.get(MemoryKind.SPATIAL, ())
        graph = self.spatial.forgotten(mine, Update((), {}, ids, now_ns))
        lines, emptied = self.temporal.without(gone.ids.get(MemoryKind.TEMPORAL, ()), steps)
        return Consequences(graph.kept, lines, emptied), graph

    def correction(self, old: MemoryRecord, update: Update) -> Change:
        """What becomes of everything once ``old`` was never true and the one row of ``update``, of the same
        kind, is told instead."""
        (row,) = update.rows
        taken_back = RecordRow(old, None, REMOVED)
        if old.kind is not MemoryKind.SPATIAL:  # it replaces what ``old`` did
            mine = (replace(r, replaced_by=row.record.id) for r in self._store.replaced_by(old.id))
            return Change(rows=(row,), updates=(taken_back, *mine))
        gone = self.retraction(old, update.ids, update.recorded_ns)
        void = self._store.evidence_of([old.id])
        new = self.spatial.plan(replace(update, void=void))
        told = {e.id for e in new.entities}
        rest = {end for e in void for end in (e.subject, e.object)}
        left = {e.id: e for e in gone.entities}
        entities = [_without(e, left.get(e.id), row.record.moment) for e in new.entities]
        mentions = [s for s in gone.sightings if s.position is None]
        updates = [r for r in new.updates if r.record.id != old.id]
        return replace(
            new,
            updates=(*updates, taken_back),
            entities=(*entities, *(e for e in gone.entities if e.id in rest - told)),
            sightings=(*new.sightings, *mentions),
            folds=None,
        )

    def retraction(self, record: MemoryRecord, ids: Ids, now_ns: int) -> Change:
        """What becomes of everything once ``record`` was never true."""
        if record.kind in self.long_term:
            return self.long_term[record.kind].retraction(record)
        taken_back = (RecordRow(record, None, REMOVED),)
        if record.kind is MemoryKind.TEMPORAL:
            drawn = self._store.replaced_by(record.id) if REVISED_BY in record.metadata else ()
            return Change(updates=(*taken_back, *(replace(row, replaced_by=LIVE) for row in drawn)))
        again = self._taken_back_by(record, ids, now_ns)
        graph = self.spatial.without([record.id], Update((), {}, ids, now_ns), retract=True, again=again)
        return replace(graph, updates=taken_back)

    def _taken_back_by(self, record: MemoryRecord, ids: Ids, now_ns: int) -> list[Evidence]:
        """The evidence that the edit ``record`` of a resolver took back, as it counts from ``now_ns`` on."""
        mine = self._store.evidence_of([record.id]) if (keys := voided_by(record)) else []
        if not mine:
            return []
        return [
            replace(e, id=ids.fact(), recorded_ns=now_ns, retracted_ns=None)
            for e in self._store.evidence_of(keys)
            if e.told is Told.HOLDS and e.retracted_ns == mine[0].recorded_ns
        ]

    def retracted(self, record: MemoryRecord, change: Change) -> None:
        """Takes the committed ``change`` of :meth:`retraction` into the caches."""
        if record.kind in self.long_term:
            self.long_term[record.kind].apply(change)
        elif record.kind is MemoryKind.TEMPORAL:
            self.temporal.load()
        else:
            self.spatial.load()

    def drop(self, gone: Mapping[MemoryKind, Sequence[int]], graph: GraphWithout) -> None:
        """Takes records that were forgotten out of the caches."""
        for kind, part in self.long_term.items():
            part.drop(gone.get(kind, []))
        if MemoryKind.TEMPORAL in gone:
            self.temporal.load()
        if MemoryKind.SPATIAL in gone:
            self.spatial.drop(graph)

    def settle(self, timeout_s: float) -> bool:
        """Whether nothing is being built in the background any more within ``timeout_s`` [s]."""
        deadline = time.monotonic() + timeout_s
        parts = self.long_term.values()
        return all(part.index.wait(max(0.0, deadline - time.monotonic())) for part in parts)

    def close(self) -> None:
        """Ends the threads and what runs in the background, and keeps large indices. A call that hangs is not
        waited for."""
        for pool in (*self._pools.values(), self._embedding, self._updating):
            pool.shutdown(wait=False, cancel_futures=True)
        for part in self.long_term.values():
            part.close()

    def _submit(self, pool: ThreadPoolExecutor, call: Callable[..., T], *args: object) -> Future[T]:
        try:
            return pool.submit(call, *args)
        except RuntimeError as error:  # closed between the check and here
            raise MemoryClosedError(f"{self._where}: the memory is closed") from error


def _without(entity: Entity, left: Entity | None, at: Moment) -> Entity:
    """``entity``, which was told of at ``at``, with the times that are ``left`` of it without an error."""
    if left is None:
        return entity
    first, last = (at, at) if left.position_at == Moment(0, 0) and left.position is None else (
        left.first_seen, left.last_seen
    )  # fmt: skip
    return replace(entity, first_seen=min(first, at), last_seen=max(last, at))
