"""RoboMemory: four memories behind one interface, written and asked in parallel (arXiv 2508.01415)."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from robomemory.checks import shown, stamp
from robomemory.embed.embedder import CachedEmbedder, ClosableEmbedder, Embedder
from robomemory.embed.pictures import PictureEmbedder
from robomemory.errors import (
    InvalidQueryError,
    MemoryClosedError,
    RoboMemoryError,
    StoreCorruptError,
)
from robomemory.front.amending import Amending
from robomemory.front.frames import Frames, KnownFrames
from robomemory.front.noting import Noting, listed, rows_of, updates_of
from robomemory.front.pictures import PictureAnswers
from robomemory.graph.answers import SceneAnswers
from robomemory.graph.entity_merging import names_in
from robomemory.graph.questions import SceneQuestions
from robomemory.helpers import Helpers
from robomemory.memory_parts import MemoryParts, PartsContext
from robomemory.notes import NoteLike
from robomemory.records import (
    MemoryKind,
    MemoryRecord,
    MemoryStatus,
    Query,
    RecallResult,
    check_k,
    check_kinds,
    check_runs,
    queries_from,
    records_from,
)
from robomemory.resolving.swap_back import SwapBack
from robomemory.resolving.worker import HelperWorker
from robomemory.retention.forgetter import Forgetter
from robomemory.retention.keeper import RetentionKeeper
from robomemory.retention.rules import rules_from
from robomemory.store.change_feed import Follower
from robomemory.store.forgetting import ForgetChoice
from robomemory.store.locks import FairLock
from robomemory.store.opening import checked_path, embedder_for, open_store, reads_only, scene_path
from robomemory.update_protocol import stands_for
from robomemory.vectors.index_files import IndexFiles

_AGES_S = 9e9  # seconds that fit into 64 bits of nanoseconds
MakeParts = Callable[[PartsContext], MemoryParts]


class RoboMemory(SceneAnswers, Amending, PictureAnswers, Noting):
    """The memory of a robot in one scene: what it has seen and done. Any number of threads may call any
    method.

    Args:
        path: A file; ``":memory:"``, which keeps nothing after ``close``; or a database that several robots
            share, ``"postgresql://host/database?scene=kitchen"``.
        embedder: By default the one that the store was written with, for a new store MiniLM where it is
            installed. A store can only be opened with the embedder that it was written with.
        steps: Capacity of the temporal buffer.
        expire_s: A fact that was not said for so long [s] ends; None: never.
        helpers: Callables that are asked in the background where rules are unsure.
        pictures: What makes the vectors of pictures; None: they are kept without one.
        clock_ns: The time of recording [ns].
        mode: "rw"; or "r", which only reads, beside the process that writes.
        frame: What positions are in, kept in the store (None: what it was made with, for a new one "base").
        frames: Poses of other frames in it: {name: Pose}, or a callable (frame, stamp_ns) -> Pose or None.
        make_parts: Makes the four memories; ``functools.partial(MemoryParts.build, merging=False)`` leaves
            a rule out, for benches.

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
        pictures: PictureEmbedder | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
        mode: str = "rw",
        frame: str | None = None,
        frames: KnownFrames | None = None,
        make_parts: MakeParts = MemoryParts.build,
    ) -> None:
        read_only = reads_only(mode)
        self.frames = Frames(frame, frames)
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 2:
            raise InvalidQueryError(f"RoboMemory.steps: {shown(steps)}, expected at least 2")
        if expire_s is not None and not (isinstance(expire_s, int | float) and 0 < expire_s <= _AGES_S):
            raise InvalidQueryError(
                f"RoboMemory.expire_s: {shown(expire_s)} s, expected > 0 and at most {_AGES_S:g}"
            )
        path = checked_path(path)
        self._encode_with(pictures)
        self._own_embedder: ClosableEmbedder | None = None
        if embedder is None:
            embedder = self._own_embedder = embedder_for(path, read_only=read_only)
        self._embedder = CachedEmbedder(embedder)
        self._embedder.embed(["warm up"])  # loads the weights now, not within the first recall's deadline
        self._clock_ns = clock_ns
        self._closed = False
        self._writing = FairLock()
        store = open_store(path, embedder.name, embedder.dim, frame=frame, read_only=read_only)
        self._store, self.frames.own = store, store.frame
        try:
            where = ":memory:" if store.shared else path
            saved = IndexFiles(where, embedder.name, embedder.dim, store.about("store_id") or "")
            expire_ns = None if expire_s is None else round(expire_s * 1e9)
            with store.snapshot():  # one state, whatever others write meanwhile
                seq = store.latest().seq
                parts = make_parts(PartsContext(store, saved, steps, expire_ns))
        except BaseException as error:
            store.close()
            self._close_embedder()
            torn = isinstance(error, LookupError | TypeError | ValueError | AttributeError)
            if torn and not isinstance(error, RoboMemoryError):
                raise StoreCorruptError(
                    f"{store.path}: torn: its tables do not fit together: {error}"
                ) from error
            raise
        self._parts = parts
        self._follower = Follower(store, parts.spatial, parts.temporal, seq, parts.long_term.values())
        self._questions = SceneQuestions(parts.spatial, self._run, self._up_to_date)
        self._forgetter = Forgetter(store, parts, self._follower, self._writing, self._now, self._check_open)
        self._keeper = None if read_only else RetentionKeeper(store, self._forgetter)
        bench = SwapBack(store, parts, self._follower, self._writing, self._now, self._embedder)
        self._worker = HelperWorker(helpers, bench) if helpers and not read_only else None

    @classmethod
    def for_scene(
        cls, folder: str | os.PathLike[str], scene: str, *, embedder: Embedder | None = None,
        helpers: Helpers | None = None,
    ) -> RoboMemory:  # fmt: skip
        """The memory of ``scene`` in ``folder`` (made if missing), one file per scene; or in the database
        whose URL ``folder`` is.

        Raises:
            InvalidQueryError: ``scene`` can't be a file name: letters, digits, "-", "_" are allowed.
            StoreError: ``folder`` can't be made, or ``scene`` is too long for it.
        """
        return cls(scene_path(folder, scene), embedder=embedder, helpers=helpers)

    def remember(self, notes: Sequence[NoteLike]) -> list[int]:
        """Keeps ``notes``, all or none. They are on the disk, and recalled, once this returns. Gives the key
        of the record that stands for each, in their order: its own, or that of what it says again; 0 for one
        that tells nothing.

        Raises:
            InvalidNoteError: a note breaks the contract of ``MemoryRecord``; it and its field are named.
            EmbeddingError: the embedder failed. StoreError: the disk did. MemoryClosedError.
        """
        self._check_open()
        self._store.check_writable()
        notes = listed(notes)
        records = records_from(notes, self.frames.placed)
        if not records:
            return []
        pictures = self._pictured(notes)
        spatial = [r for r in records if r.kind is MemoryKind.SPATIAL]
        names = [name for r in spatial for name in names_in(r)]
        told = [r.text for r in records if r.kind is not MemoryKind.SPATIAL]
        texts = list(dict.fromkeys([*told, *names]))
        vectors = dict(zip(texts, self._embedder.embed(texts), strict=True))
        with self._writing, self._store.turn():
            self._check_open()
            self._follower.follow()
            check_runs(records, self._store.run)
            now = self._now()
            rows = rows_of(records, vectors, pictures, self._store)
            changes = self._parts.plan(updates_of(rows, vectors, self._store, now))
            self._follower.commit(changes, now, lambda: self._parts.apply(changes))
        if self._worker is not None:
            self._worker.offer(changes)
        return [stands_for(row.record.id, changes[row.record.kind]) for row in rows]

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

    def clock_ns(self) -> int:
        """What the computer's clock says [ns]."""
        return self._clock_ns()

    def _run(self) -> int:
        return self._store.latest().run if self._store.shared else self._store.run

    def _placed(self, query: Query) -> Query:
        """``query`` with the run that its span of time is of."""
        return query if query.between is None or query.run is not None else replace(query, run=self._run())

    def _now(self) -> int:
        """The time of recording; later than every one before, even when the computer's clock is set back."""
        return max(self._clock_ns(), self._store.recorded_ns + 1)

    def recall(self, queries: Sequence[str | Query], *, k: int = 5, timeout_s: float = 1.0) -> RecallResult:
        """What fits the queries best, best first, from all memories at once.

        At most ``k`` records a query (or the query's own ``k``): the best one of each memory asked, then
        the best of the rest. A record found by several queries comes once. A memory that misses
        ``timeout_s`` [s] or fails is left out and named in ``missing``.

        Raises:
            InvalidQueryError: an empty text, ``k`` or ``timeout_s`` out of range. MemoryClosedError.
        """
        k = check_k("recall: k", k)
        if not isinstance(timeout_s, int | float) or not 0 < timeout_s <= threading.TIMEOUT_MAX:
            raise InvalidQueryError(f"recall: timeout_s {shown(timeout_s)}, expected seconds > 0")
        questions = queries_from(queries)
        self._check_open()
        if not questions:
            return RecallResult()
        placed = [self._placed(q) for q in questions]
        return self._parts.recall(placed, k, timeout_s, self._embedder, self._follower.follow)

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
        from every answer. So is what was derived from them: compressed lines, facts, positions.

        Raises:
            InvalidQueryError: no rule is given, one is out of range, or one chooses nothing or everything by
                accident. StoreError: the disk failed, and a part was forgotten at most. MemoryClosedError.
        """
        asked = Query(query) if isinstance(query, str) else query
        choice = ForgetChoice(kinds, before_ns, keep, asked, ids, everything, run)
        self._check_open()
        placed = None if choice.query is None else self._placed(choice.query)
        choice = replace(choice, kinds=choice.kinds or None, query=placed)
        return self._forgetter.forget(choice)

    def retain(self, **rules: str | int | None) -> dict[str, str | int]:
        """Sets how long, or how many, records of each memory are kept from now on, and gives all rules:
        ``retain(temporal="7d", episodic=10_000)``; None lifts one. Times are text ("90s", "30m", "12h",
        "7d", "2w") by the robot's clock; see :class:`robomemory.retention.keeper.RetentionKeeper`. The store
        keeps the rules, and a thread forgets by them while others write.

        Raises:
            InvalidQueryError: an unknown memory, or no time or count. StoreError. MemoryClosedError.
        """
        given = rules_from(rules)
        self._check_open()
        if given:
            self._store.check_writable()
        if given and self._keeper is not None:
            with self._writing, self._store.turn():
                self._check_open()
                self._follower.follow()
                self._keeper.change(given)
        return {} if self._keeper is None else self._keeper.rules

    def steps(self) -> tuple[MemoryRecord, ...]:
        """The temporal buffer, oldest first."""
        self._up_to_date()
        return self._parts.temporal.steps()

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
        """Whether within ``timeout_s`` [s] nothing is being built in the background any more, and the helpers
        have answered all that they were to be asked."""
        deadline = time.monotonic() + timeout_s
        asked = self._worker is None or self._worker.settle(timeout_s)
        kept = self._keeper is None or self._keeper.settle(max(0.0, deadline - time.monotonic()))
        return self._parts.settle(max(0.0, deadline - time.monotonic())) and asked and kept

    def close(self) -> None:
        """Waits for a running ``remember``, then gives the file back; what helpers were still to be asked is
        dropped. A second call, and one in a forked child, does nothing."""
        if not self._store.owner.is_current:
            return
        if self._worker is not None:
            self._worker.close()
        if self._keeper is not None:
            self._keeper.close()
        with self._writing:
            if self._closed:
                return
            self._closed = True
            self._parts.close()
            self._store.close()
        self._close_embedder()

    def _close_embedder(self) -> None:
        if self._own_embedder is not None:
            self._own_embedder.close()

    def __enter__(self) -> RoboMemory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_open(self) -> None:
        self._store.owner.check()
        if self._closed:
            raise MemoryClosedError(f"{self._store.path}: the memory is closed")

    def _up_to_date(self) -> None:
        self._check_open()
        self._follower.follow()
