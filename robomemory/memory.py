"""RoboMemory: four memories behind one door, written and asked in parallel (arXiv 2508.01415)."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from robomemory.change_feed import Follower
from robomemory.checks import MAX_TEXT, shown, stamp
from robomemory.embed.embedder import F32, CachedEmbedder, Embedder, default_embedder, embedder_named
from robomemory.errors import (
    InvalidNoteError,
    InvalidQueryError,
    MemoryClosedError,
    RoboMemoryError,
    StoreCorruptError,
)
from robomemory.fusion import collect, merge
from robomemory.graph.entity_merging import names_in
from robomemory.graph.questions import SceneQuestions
from robomemory.graph.spatial import SpatialMemory
from robomemory.helpers import Helpers
from robomemory.longterm import LongTermMemory
from robomemory.names import SAME
from robomemory.records import (
    MemoryKind,
    MemoryRecord,
    MemoryStatus,
    NoteLike,
    Query,
    Recall,
    RecallResult,
    check_k,
    check_kinds,
    record_from_note,
)
from robomemory.store.forgetting import ForgetChoice
from robomemory.store.locks import FairLock
from robomemory.store.opening import checked_path, embedder_of, make_folder, open_store, where_scene_is
from robomemory.store.postgres.address import is_url
from robomemory.temporal import TemporalMemory
from robomemory.timestamps import MOST_AHEAD
from robomemory.update_protocol import Asked, Change, Part, RecordRow, Update
from robomemory.vectors.index import FLAT_LIMIT, Nearest
from robomemory.vectors.index_files import Saved

T = TypeVar("T")
_AGES_S = 9e9  # seconds that fit into 64 bits of nanoseconds


@dataclass(frozen=True, slots=True)
class Options:
    """What benches compare; a robot has no reason to change it. ``parallel``: all memories at once;
    ``validity``: a fact ends when another one contradicts it; ``merging``: two names may be one thing;
    ``revise``: the semantic updater; ``lexical``, ``recency``: fused into the long-term memories' order;
    ``flat_limit``: vectors up to which search is exact."""

    parallel: bool = True
    validity: bool = True
    merging: bool = True
    revise: bool = True
    lexical: bool = True
    recency: bool = True
    flat_limit: int = FLAT_LIMIT


class RoboMemory(SceneQuestions):
    """What a robot has seen and done in one scene, kept in the file ``path``, or in the database that several
    robots share (``path``: ``"postgresql://host/database?scene=kitchen"``).

    ``":memory:"`` keeps nothing after ``close``. ``embedder``: the one that a store was written with, MiniLM
    where it is installed for a new one, unless given; a store can only be opened with the embedder it was
    written with. ``steps``: capacity of the temporal buffer. ``expire_s`` [s]: a fact that was not said for
    so long ends (None: never). ``helpers``: callables that take over where rules are unsure.
    ``clock_ns``: the time of recording [ns]. ``options``: what benches compare. Any number of threads may
    call any method. ``parallel``: whether the memories are updated and asked at once.

    Raises:
        StoreError: the file can't be used (in use, torn, read-only, another version); it says which.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        embedder: Embedder | None = None,
        steps: int = 12,
        expire_s: float | None = None,
        helpers: Helpers | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
        options: Options | None = None,
    ) -> None:
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 2:
            raise InvalidQueryError(f"RoboMemory.steps: {shown(steps)}, expected at least 2")
        if expire_s is not None and not (isinstance(expire_s, int | float) and 0 < expire_s <= _AGES_S):
            raise InvalidQueryError(
                f"RoboMemory.expire_s: {shown(expire_s)} s, expected > 0 and at most {_AGES_S:g}"
            )
        path = checked_path(path)
        self._own_embedder = embedder is None
        self._raw_embedder = _embedder_of(path) if embedder is None else embedder
        self._embedder = CachedEmbedder(self._raw_embedder)
        self._embedder.embed(["warm up"])  # loads the weights now, not within the first recall's deadline
        self._clock_ns = clock_ns
        options = Options() if options is None else options
        self.parallel = options.parallel
        self._closed = False
        self._writing = FairLock()
        store = open_store(path, self._embedder.name, self._embedder.dim)
        self._store = store
        # Threads of its own for each memory: one that hangs keeps only itself waiting.
        pools = {kind: ThreadPoolExecutor(2, f"recall-{kind}") for kind in MemoryKind}
        self._pools: Mapping[MemoryKind, ThreadPoolExecutor] = pools
        self._embedding = ThreadPoolExecutor(2, "embed-query")
        self._updating = ThreadPoolExecutor(len(MemoryKind), "update")
        self._long_term: list[LongTermMemory] = []
        try:
            helpers = Helpers() if helpers is None else helpers
            saved = Saved(":memory:" if store.shared else path, self._embedder.name, self._embedder.dim)
            expire_ns = None if expire_s is None else round(expire_s * 1e9)
            with store.snapshot():  # one state, whatever others write meanwhile
                self._spatial = SpatialMemory(
                    store, helpers, expire_ns, validity=options.validity, merging=options.merging
                )
                self._temporal = TemporalMemory(store, helpers, steps)
                for kind in (MemoryKind.EPISODIC, MemoryKind.SEMANTIC):
                    revise = kind is MemoryKind.SEMANTIC and options.revise
                    part = LongTermMemory(
                        kind, store, saved, helpers, revise=revise, lexical=options.lexical,
                        recency=options.recency, flat_limit=options.flat_limit,
                    )  # fmt: skip
                    self._long_term.append(part)
                self._follower = Follower(store, self._spatial, self._temporal, store.latest().seq)
            self._parts: dict[MemoryKind, Part] = {
                MemoryKind.SPATIAL: self._spatial,
                MemoryKind.TEMPORAL: self._temporal,
                MemoryKind.EPISODIC: self._long_term[0],
                MemoryKind.SEMANTIC: self._long_term[1],
            }
        except RoboMemoryError:
            self.close()
            raise
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            self.close()
            raise StoreCorruptError(f"{store.path}: torn: its tables do not fit together: {error}") from error
        except BaseException:
            self.close()
            raise

    @classmethod
    def for_scene(
        cls, folder: str | os.PathLike[str], scene: str, *, embedder: Embedder | None = None
    ) -> RoboMemory:
        """The memory of ``scene`` in ``folder`` (made if missing), one file per scene; or in the database
        whose URL ``folder`` is.

        Raises:
            InvalidQueryError: ``scene`` can't be a file name: letters, digits, "-", "_" are allowed.
            StoreError: ``folder`` can't be made, or ``scene`` is too long for it.
        """
        if not isinstance(scene, str) or not re.fullmatch(r"[\w-]{1,100}", scene):
            raise InvalidQueryError(
                f"scene {shown(scene)}: allowed are 1 to 100 letters, digits, '-' and '_'"
            )
        if not is_url(folder):
            make_folder(folder, scene)
        return cls(where_scene_is(folder, scene), embedder=embedder)

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
        spatial = [r for r in records if r.kind is MemoryKind.SPATIAL]
        names = [name for r in spatial for name in names_in(r)]
        told = [r.text for r in records if r.kind is not MemoryKind.SPATIAL]
        texts = list(dict.fromkeys([*told, *names]))
        vectors = dict(zip(texts, self._embedder.embed(texts), strict=True))
        with self._writing, self._store.turn():
            self._check_open()
            self._follower.follow()
            self._check_runs(records)
            now = self._now()
            changes = self._plan(records, vectors, now)
            self._follower.commit(changes, now, lambda: self._apply(changes))

    def _check_runs(self, records: Sequence[MemoryRecord]) -> None:
        last = self._store.run + MOST_AHEAD
        for i, record in enumerate(records):
            if record.run is not None and record.run > last:
                raise InvalidNoteError(
                    f"notes[{i}]: run {record.run}, expected at most {last}: the memory is in run"
                    f" {self._store.run}"
                )

    def begin_run(self, start_ns: int) -> int:
        """Begins a run of the robot's clock, which stands at ``start_ns`` [ns], and gives its number, from 1,
        for the notes of that run; notes without one are of the run that was begun last. What is of a later
        run is newer, whatever its stamps say. A wall clock never begins anew: where the run before had one
        (stamps from 10**18 on) and this one has, the number stays, so that robots can share a memory in real
        time.

        Raises:
            InvalidQueryError: ``start_ns`` is no stamp. StoreError: the disk failed. MemoryClosedError.
        """
        start_ns = stamp("begin_run: start_ns", start_ns, InvalidQueryError)
        self._check_open()
        with self._writing, self._store.turn():
            self._check_open()
            self._follower.follow()
            return self._store.begin_run(start_ns, self._now())

    def backup(self, target: str | os.PathLike[str]) -> Path:
        """Copies everything that is committed by now to the new file ``target``, a whole store, while this
        one goes on; a plain copy of an open store lacks its newest records, and says so when it is opened.

        Raises:
            StoreError: ``target`` is there already, or can't be written; or the store is in a database, which
                has its own tools for that. MemoryClosedError.
        """
        self._check_open()
        return self._store.backup(checked_path(target))

    def _run(self) -> int:
        return self._store.latest().run if self._store.shared else self._store.run

    def _placed(self, query: Query) -> Query:
        """``query`` with the run that its span of time is of."""
        return query if query.between is None or query.run is not None else replace(query, run=self._run())

    def _now(self) -> int:
        """The time of recording; later than every one before, even when the computer's clock is set back."""
        return max(self._clock_ns(), self._store.recorded_ns + 1)

    def _plan(
        self, records: Sequence[MemoryRecord], vectors: Mapping[str, F32], now_ns: int
    ) -> dict[MemoryKind, Change]:
        rows: dict[MemoryKind, list[RecordRow]] = {}
        for record in records:
            run = self._store.run if record.run is None else record.run
            row = RecordRow(replace(record, id=self._store.ids.record(), run=run), vectors.get(record.text))
            rows.setdefault(record.kind, []).append(row)
        updates = {kind: Update(mine, vectors, self._store.ids, now_ns) for kind, mine in rows.items()}
        return self._at_once({kind: (self._parts[kind].plan, u) for kind, u in updates.items()})

    def _apply(self, changes: Mapping[MemoryKind, Change]) -> None:
        self._at_once({kind: (self._parts[kind].apply, change) for kind, change in changes.items() if change})

    def _at_once(self, calls: Mapping[MemoryKind, tuple[Callable[[Any], T], Any]]) -> dict[MemoryKind, T]:
        """What each memory's call returns; in parallel. All are waited for, also when one fails."""
        if len(calls) == 1 or not self.parallel:
            return {kind: call(value) for kind, (call, value) in calls.items()}
        jobs = {kind: self._updating.submit(call, value) for kind, (call, value) in calls.items()}
        wait(jobs.values())
        return {kind: job.result() for kind, job in jobs.items()}

    def recall(self, queries: Sequence[str | Query], *, k: int = 5, timeout_s: float = 1.0) -> RecallResult:
        """What fits the queries best, best first, from all memories at once.

        At most ``k`` records a query (or the query's own ``k``): the best one of each memory asked, then
        the best of the rest. A record found by several queries comes once. A memory that misses
        ``timeout_s`` [s] or fails is left out and named in ``missing``.

        Raises:
            InvalidQueryError: an empty text, ``k`` or ``timeout_s`` out of range. MemoryClosedError.
        """
        check_k("recall: k", k)
        if not isinstance(timeout_s, int | float) or not 0 < timeout_s <= threading.TIMEOUT_MAX:
            raise InvalidQueryError(f"recall: timeout_s {shown(timeout_s)}, expected seconds > 0")
        if isinstance(queries, str | Query) or not isinstance(queries, Iterable):
            raise InvalidQueryError(
                f"recall: queries {shown(queries)}, expected a sequence of texts or Query"
            )
        questions = [_question(i, q) for i, q in enumerate(queries)]
        start = time.monotonic()
        deadline = start + timeout_s
        self._check_open()
        if not questions:
            return RecallResult()
        questions = [self._placed(q) for q in questions]
        wanted = {kind for kind in MemoryKind if any(q.asks(kind) for q in questions)}
        texts = [q.text for q in questions]
        embedded = self._submit(self._embedding, self._embedder.embed, texts)
        embedding: dict[MemoryKind, Future[Any]] = dict.fromkeys(wanted, embedded)
        vectors, missing = collect(embedding, deadline, timeout_s, "embedding the queries")
        if missing:
            return RecallResult(missing=missing)
        rows = next(iter(vectors.values()))
        asked = [Asked(q, row, q.k or k) for q, row in zip(questions, rows, strict=True)]
        jobs: dict[MemoryKind, Future[Any]] = {}
        for kind in (kind for kind in MemoryKind if kind in wanted):
            jobs[kind] = self._submit(self._pools[kind], self._ask, kind, asked, start)
            if not self.parallel:
                wait([jobs[kind]], timeout=max(0.0, deadline - time.monotonic()))
        answers, missing = collect(jobs, deadline, timeout_s, "recall")
        return merge(asked, answers, missing)

    def _ask(self, kind: MemoryKind, asked: Sequence[Asked], since: float) -> list[list[Recall]]:
        """The answer of one memory to each query, knowing what was committed before ``since`` [s,
        time.monotonic]; empty where a query does not ask this memory."""
        if kind in (MemoryKind.SPATIAL, MemoryKind.TEMPORAL):
            self._follower.follow(since)
        part = self._parts[kind]
        return [part.recall(a) if a.query.asks(kind) else [] for a in asked]

    def merge(self, name: str, other: str, *, stamp_ns: int = 0, run: int | None = None) -> None:
        """``name`` and ``other`` are the same thing from now on; what is known of both is kept under the
        name known longer, and both names find it. Remembered as a fact "``name`` same as ``other``" at
        ``stamp_ns`` of ``run`` (0: when one of them was seen last).

        Raises:
            InvalidQueryError: one of the names is empty, or means nothing that is known; or a bad time.
        """
        stamp_ns = stamp("merge: stamp_ns", stamp_ns, InvalidQueryError)
        for each in (name, other):
            if self._called(each) is None:
                raise InvalidQueryError(f"merge: nothing known is called {shown(each)}")
        one, two = (self._spatial.called(each) for each in (name, other))
        assert one is not None
        assert two is not None
        text = f"{one.label} is the same thing as {two.label}"[:MAX_TEXT]
        at = max(one.last_seen, two.last_seen)
        if stamp_ns:
            at = self._moment("merge: stamp_ns", stamp_ns, run)
        elif run is not None:
            raise InvalidQueryError(f"merge: run {shown(run)} without stamp_ns, which is a time of it")
        triple = (one.label, SAME, two.label)
        note = MemoryRecord(0, MemoryKind.SPATIAL, at.ns, text, (), None, triple, 1.0, "merge", at.run)
        self.remember([note])

    def forget(
        self,
        *,
        kinds: Collection[str] | None = None,
        before_ns: int | None = None,
        keep: int | None = None,
        query: str | Query | None = None,
        ids: Collection[int] | None = None,
        everything: bool = False,
        run: int | None = None,
    ) -> int:
        """Forgets the records that every given rule chooses and returns how many; see
        :class:`robomemory.store.forgetting.ForgetChoice`. Once this returns they are gone from the disk and
        from every answer. What was drawn from them goes, too: compressed lines, facts, positions.

        Raises:
            InvalidQueryError: no rule is given, one is out of range, or one chooses nothing or everything by
                accident. StoreError: the disk failed; nothing was forgotten. MemoryClosedError.
        """
        asked = Query(query) if isinstance(query, str) else query
        choice = ForgetChoice(kinds, before_ns, keep, asked, ids, everything, run)
        self._check_open()
        with self._writing, self._store.turn():
            self._check_open()
            placed = None if choice.query is None else self._placed(choice.query)
            choice = replace(
                choice, kinds=choice.kinds or None, query=placed,
                run=self._store.run if choice.run is None and choice.before_ns is not None else choice.run,
            )  # fmt: skip
            gone = self._store.forget(choice, self._now())
            self._follower.follow()
            if self._store.shared:
                return len(gone)
            for kind, part in zip((MemoryKind.EPISODIC, MemoryKind.SEMANTIC), self._long_term, strict=True):
                part.drop(gone.ids.get(kind, []))
            if MemoryKind.TEMPORAL in gone.ids:
                self._temporal.load()
            if MemoryKind.SPATIAL in gone.ids:
                self._spatial.load()
            return len(gone)

    def steps(self) -> tuple[MemoryRecord, ...]:
        """The temporal buffer, oldest first."""
        self._up_to_date()
        return self._temporal.steps()

    def records(self, kind: MemoryKind | None = None) -> tuple[MemoryRecord, ...]:
        """Everything in the file, compressed steps too, in the order it came.

        Raises:
            InvalidQueryError: an unknown ``kind``. StoreError: the disk is gone. MemoryClosedError.
        """
        if kind is not None:
            (kind,) = check_kinds("records: kind", (kind,))
        return self._store.records(kind)

    @property
    def where(self) -> str:
        """The file, or the database's host, name and scene; without a password."""
        return self._store.path

    def revision(self) -> int:
        """The number of the last update, others' too: as long as it stays, so does every answer.

        Raises:
            StoreError: the server is gone. MemoryClosedError.
        """
        self._check_open()
        return self._store.latest().seq

    def status(self) -> MemoryStatus:
        """How the memory is doing. Raises as :meth:`revision`."""
        self._check_open()
        with self._store.snapshot():
            latest = self._store.latest()
            records = self._store.counts()
        return MemoryStatus(records, self._store.size_bytes(), latest.seq, latest.recorded_ns)

    def settle(self, timeout_s: float) -> bool:
        """Whether nothing is being built in the background any more within ``timeout_s`` [s]."""
        deadline = time.monotonic() + timeout_s
        return all(part.index.wait(max(0.0, deadline - time.monotonic())) for part in self._long_term)

    def wrap(self, make: Callable[[Part], Part]) -> Callable[[], None]:
        """Puts ``make(memory)`` in the place of each memory, to time it or slow it down; what is returned
        undoes that. Not while others remember."""
        before = dict(self._parts)
        self._parts.update((kind, make(part)) for kind, part in before.items())
        return lambda: self._parts.update(before)

    def index_of(self, kind: MemoryKind) -> Nearest:
        """The vectors of the episodic or semantic memory, for whoever measures them."""
        self._check_open()
        return self._long_term[(MemoryKind.EPISODIC, MemoryKind.SEMANTIC).index(kind)].index

    def vectors_of(self, kind: MemoryKind) -> Iterator[tuple[list[int], F32]]:
        """(keys, unit rows f32 (n, dim)) of the standing records of ``kind``, from the store, in chunks."""
        return self._store.vectors(kind)

    def close(self) -> None:
        """Waits for a running ``remember``, then gives the file back. A second call, and one in a forked
        child, does nothing."""
        if not self._store.owner.here:
            return
        with self._writing:
            if self._closed:
                return
            self._closed = True
            for pool in (*self._pools.values(), self._embedding, self._updating):
                pool.shutdown(wait=False, cancel_futures=True)
            for part in self._long_term:
                part.close()
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
        self._store.owner.check()
        if self._closed:
            raise MemoryClosedError(f"{self._store.path}: the memory is closed")

    def _up_to_date(self) -> None:
        self._check_open()
        self._follower.follow()

    def _submit(self, pool: ThreadPoolExecutor, call: Callable[..., Any], *args: object) -> Future[Any]:
        try:
            return pool.submit(call, *args)
        except RuntimeError as error:  # closed between the check and here
            raise MemoryClosedError(f"{self._store.path}: the memory is closed") from error


def _embedder_of(path: str | os.PathLike[str]) -> Embedder:
    """The embedder that the store at ``path`` was written with; the default one for a new store."""
    name = embedder_of(path)
    found = None if name is None else embedder_named(name)
    return default_embedder() if found is None else found


def _question(index: int, query: object) -> Query:
    if isinstance(query, Query):
        return query
    if not isinstance(query, str):
        raise InvalidQueryError(f"queries[{index}]: {type(query).__name__}, expected a text or a Query")
    try:
        return Query(query)
    except InvalidQueryError as error:
        raise InvalidQueryError(f"queries[{index}]: {error}") from error
