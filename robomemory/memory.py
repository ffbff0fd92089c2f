"""RoboMemory: four memories behind one door, written and asked in parallel (arXiv 2508.01415)."""

from __future__ import annotations

import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from robomemory.embedding import F32, CachedEmbedder, Embedder, default_embedder
from robomemory.errors import InvalidNoteError, InvalidQueryError, MemoryClosedError
from robomemory.fusion import collect, merge
from robomemory.longterm import LongTermMemory
from robomemory.parts import Asked, Change, Part, Row
from robomemory.records import (
    MemoryKind,
    MemoryRecord,
    NoteLike,
    Query,
    Recall,
    RecallResult,
    check_k,
    record_from_note,
)
from robomemory.rules import names_in
from robomemory.scene import Scene, Whereabouts
from robomemory.spatial import SpatialMemory
from robomemory.store import Store
from robomemory.temporal import TemporalMemory


class RoboMemory:
    """What a robot has seen and done in one scene, kept in the file ``path``.

    ``":memory:"`` keeps nothing after ``close``. ``embedder``: MiniLM where it is installed unless given; a
    store can only be opened with the embedder it was written with. ``steps``: capacity of the temporal
    buffer. Any number of threads may call any method.

    Raises:
        StoreError: the file can't be used (in use, torn, read-only, another version); it says which.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, embedder: Embedder | None = None, steps: int = 12
    ) -> None:
        if steps < 2:
            raise InvalidQueryError(f"RoboMemory.steps: {steps}, expected at least 2")
        self._own_embedder = embedder is None
        self._raw_embedder = default_embedder() if embedder is None else embedder
        self._embedder = CachedEmbedder(self._raw_embedder)
        self._embedder.embed(["warm up"])  # loads the weights now, not within the first recall's deadline
        self._store = Store(path, self._embedder.name, self._embedder.dim)
        self._closed = False
        self._writing = threading.Lock()
        dim = self._embedder.dim
        self._spatial = SpatialMemory(dim)
        self._temporal = TemporalMemory(steps)
        self._parts: dict[MemoryKind, Part] = {
            MemoryKind.SPATIAL: self._spatial,
            MemoryKind.TEMPORAL: self._temporal,
            MemoryKind.EPISODIC: LongTermMemory(dim, merge=False),
            MemoryKind.SEMANTIC: LongTermMemory(dim, merge=True),
        }
        # Threads of its own for each memory: one that hangs keeps only itself waiting.
        pools = {kind: ThreadPoolExecutor(2, f"recall-{kind}") for kind in MemoryKind}
        self._pools: Mapping[MemoryKind, ThreadPoolExecutor] = pools
        self._embedding = ThreadPoolExecutor(2, "embed-query")
        self._applying = ThreadPoolExecutor(len(MemoryKind), "apply")
        try:
            self._ids = self._store.ids()
            self._apply(_by_kind(self._store.load()))
        except BaseException:
            self.close()
            raise

    @classmethod
    def for_scene(
        cls, folder: str | os.PathLike[str], scene: str, *, embedder: Embedder | None = None
    ) -> RoboMemory:
        """The memory of ``scene`` in ``folder`` (made if missing), one file per scene.

        Raises:
            InvalidQueryError: ``scene`` can't be a file name: letters, digits, "-", "_" are allowed.
        """
        if not re.fullmatch(r"[\w-]{1,100}", scene):
            raise InvalidQueryError(f"scene {scene!r}: allowed are 1 to 100 letters, digits, '-' and '_'")
        Path(folder).mkdir(parents=True, exist_ok=True)
        return cls(Path(folder) / f"{scene}.sqlite3", embedder=embedder)

    def remember(self, notes: Sequence[NoteLike]) -> None:
        """Keeps ``notes``, all or none. They are on the disk, and recalled, once this returns.

        Raises:
            InvalidNoteError: a note breaks the contract of ``MemoryRecord``; it and its field are named.
            EmbeddingError: the embedder failed. StoreError: the disk did. MemoryClosedError.
        """
        if isinstance(notes, str) or not isinstance(notes, Iterable):
            raise InvalidNoteError(f"remember: {type(notes).__name__}, expected a sequence of notes")
        records = [record_from_note(note, i) for i, note in enumerate(notes)]
        self._check_open()
        if not records:
            return
        names = [name for r in records if r.kind is MemoryKind.SPATIAL for name in names_in(r)]
        texts = list(dict.fromkeys([r.text for r in records] + names))
        vectors = dict(zip(texts, self._embedder.embed(texts), strict=True))
        with self._writing:
            self._check_open()
            changes = self._plan(records, vectors)
            self._store.commit(list(changes.values()))
            self._apply(changes)

    def _plan(self, records: Sequence[MemoryRecord], vectors: Mapping[str, F32]) -> dict[MemoryKind, Change]:
        rows: dict[MemoryKind, list[Row]] = {}
        for record in records:
            row = Row(replace(record, id=self._ids.record()), vectors[record.text])
            rows.setdefault(record.kind, []).append(row)
        return {kind: self._parts[kind].plan(mine, vectors, self._ids) for kind, mine in rows.items()}

    def _apply(self, changes: Mapping[MemoryKind, Change]) -> None:
        pool, parts = self._applying, self._parts
        jobs = [pool.submit(parts[kind].apply, change) for kind, change in changes.items() if change]
        for job in jobs:
            job.result()

    def recall(self, queries: Sequence[str | Query], *, k: int = 5, timeout_s: float = 1.0) -> RecallResult:
        """What fits the queries best, best first, from all memories at once.

        At most ``k`` records a query (or the query's own ``k``): the best one of each memory asked, then
        the best of the rest. A record found by several queries comes once. A memory that misses
        ``timeout_s`` [s] or fails is left out and named in ``missing``.

        Raises:
            InvalidQueryError: an empty text, ``k`` or ``timeout_s`` out of range. MemoryClosedError.
        """
        check_k("recall: k", k)
        if not isinstance(timeout_s, int | float) or not math.isfinite(timeout_s) or timeout_s <= 0:
            raise InvalidQueryError(f"recall: timeout_s {timeout_s!r}, expected seconds > 0")
        if isinstance(queries, str | Query) or not isinstance(queries, Iterable):
            raise InvalidQueryError(f"recall: queries {queries!r}, expected a sequence of texts or Query")
        questions = [_question(i, q) for i, q in enumerate(queries)]
        deadline = time.monotonic() + timeout_s
        self._check_open()
        if not questions:
            return RecallResult()
        wanted = {kind for kind in MemoryKind if any(q.asks(kind) for q in questions)}
        texts = [q.text for q in questions]
        embedded = self._submit(self._embedding, self._embedder.embed, texts)
        embedding: dict[MemoryKind, Future[Any]] = dict.fromkeys(wanted, embedded)
        vectors, missing = collect(embedding, deadline, timeout_s, "embedding the queries")
        if missing:
            return RecallResult(missing=missing)
        rows = next(iter(vectors.values()))
        asked = [Asked(q, row, q.k or k) for q, row in zip(questions, rows, strict=True)]
        jobs: dict[MemoryKind, Future[Any]] = {
            kind: self._submit(self._pools[kind], self._ask, kind, asked)
            for kind in MemoryKind
            if kind in wanted
        }
        answers, missing = collect(jobs, deadline, timeout_s, "recall")
        return merge(asked, answers, missing)

    def _ask(self, kind: MemoryKind, asked: Sequence[Asked]) -> list[list[Recall]]:
        """The answer of one memory to each query; empty where a query does not ask this memory."""
        part = self._parts[kind]
        return [part.recall(a) if a.query.asks(kind) else [] for a in asked]

    def scene(self) -> Scene:
        """What is known of the scene now: things with positions, facts that hold, facts that ended."""
        self._check_open()
        return self._spatial.snapshot()

    def where_is(self, name: str) -> Whereabouts | None:
        """Where the thing called ``name`` is, None if none is known; see ``SpatialMemory.where_is``.

        Raises:
            InvalidQueryError: ``name`` is empty.
        """
        self._check_open()
        return self._spatial.where_is(Query(name).text)

    def steps(self) -> tuple[MemoryRecord, ...]:
        """The temporal buffer, oldest first."""
        self._check_open()
        return self._temporal.steps()

    def records(self, kind: MemoryKind | None = None) -> tuple[MemoryRecord, ...]:
        """Everything in the file, compressed steps too, in the order it came."""
        return self._store.records(kind)

    def close(self) -> None:
        """Waits for a running ``remember``, then gives the file back. A second call does nothing."""
        with self._writing:
            if self._closed:
                return
            self._closed = True
            for pool in (*self._pools.values(), self._embedding, self._applying):
                pool.shutdown(wait=False, cancel_futures=True)
            self._store.close()
        closer = getattr(self._raw_embedder, "close", None)
        if self._own_embedder and callable(closer):
            closer()

    def __enter__(self) -> RoboMemory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise MemoryClosedError(f"{self._store.path}: the memory is closed")

    def _submit(self, pool: ThreadPoolExecutor, call: Callable[..., Any], *args: object) -> Future[Any]:
        try:
            return pool.submit(call, *args)
        except RuntimeError as error:  # closed between the check and here
            raise MemoryClosedError(f"{self._store.path}: the memory is closed") from error


def _question(index: int, query: object) -> Query:
    if isinstance(query, Query):
        return query
    if not isinstance(query, str):
        raise InvalidQueryError(f"queries[{index}]: {type(query).__name__}, expected a text or a Query")
    try:
        return Query(query)
    except InvalidQueryError as error:
        raise InvalidQueryError(f"queries[{index}]: {error}") from error


def _by_kind(loaded: Change) -> dict[MemoryKind, Change]:
    rows: dict[MemoryKind, list[Row]] = {kind: [] for kind in MemoryKind}
    for row in loaded.rows:
        if not row.retired:
            rows[row.record.kind].append(row)
    changes = {kind: Change(rows=tuple(mine)) for kind, mine in rows.items()}
    return changes | {MemoryKind.SPATIAL: replace(loaded, rows=tuple(rows[MemoryKind.SPATIAL]))}
