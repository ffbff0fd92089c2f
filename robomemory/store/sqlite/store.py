"""The truth: one SQLite file per scene, written in one durable transaction per update.

Write-ahead log with synchronous=FULL, so that an update is on the disk once ``commit`` returns. Everything
else (vectors, graph, buffers) is a cache built from here. One process holds a file at a time.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from robomemory.checks import shown
from robomemory.errors import RoboMemoryError, StoreCorruptError, StoreError, StoreVersionError
from robomemory.records import MemoryKind
from robomemory.store.backend import OWN_FRAME
from robomemory.store.forgetting import Consequences, ForgetChoice, Forgotten
from robomemory.store.forks import check_not_inherited, inherit, keep_for_ever, unwatch, watch
from robomemory.store.sqlite import integrity, schema
from robomemory.store.sqlite.copying import copy_into
from robomemory.store.sqlite.file import check_access, hold, inode_of
from robomemory.store.sqlite.forgetting import chosen, forget, merge_words
from robomemory.store.sqlite.migrations import MIGRATIONS
from robomemory.store.sqlite.reading import SqliteReading, check_embedder, frame_of, state_of, tables_of
from robomemory.store.sqlite.writing import put
from robomemory.update_protocol import Change, Ids

_log = logging.getLogger(__name__)

CHECKED_BYTES = 256 * 2**20
"""A file up to this size is read through when it is opened; a larger one if it was not closed."""


class SqliteStore(SqliteReading):
    """A store at ``path`` (``":memory:"``: nothing is kept after ``close``) for vectors of ``embedder``,
    its name, and ``dim``, with positions in ``frame``. Made when the file does not exist; its folder must.
    Safe from any thread.

    Raises:
        StoreError: missing folder, no permission, disk full; StoreInUseError, StoreCorruptError,
            StoreVersionError as they say. The message names the file.
    """

    def __init__(self, path: str | os.PathLike[str], embedder: str, dim: int, frame: str = OWN_FRAME) -> None:
        super().__init__(path, dim)
        self._held: int | None = None
        self._moved_at, self._pages_a_change = 0, 1.0  # since when the log grows, and about how fast
        if not self._in_memory:
            try:
                check_access(Path(self.file))
            except OSError as error:
                raise StoreError(f"{self.path}: can't be opened: {error.strerror}") from error
            check_not_inherited(os.path.realpath(self.file))
            self._held = hold(self.file, self.path)
        watch(self)
        try:
            with self._errors("open"):
                had_log = integrity.log_bytes(self.file) > 0
                self._db = self._connect()
                self._open(self._db, embedder, frame, had_log)
                self._inode = inode_of(self.file)
        except BaseException:
            self._let_go()
            raise

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self.file, timeout=0.2, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        self._connections.append(db)
        db.execute("PRAGMA cache_size = -16000")  # [KiB], of each connection
        return db

    def _open(self, db: sqlite3.Connection, embedder: str, frame: str, had_log: bool) -> None:
        integrity.prepare(db)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten
        names = tables_of(db, self.path)
        if names:
            self._check_torn(db)
            moving = None if self._held is None else integrity.being_moved(self._held)
            integrity.check(db, self.path, had_log, moving)
        with self._transaction(db):
            if not names:
                schema.create(db, embedder, self.dim, frame)
        version = db.execute("SELECT max(version) FROM schema_version").fetchone()[0]
        if version != schema.SCHEMA_VERSION and version not in MIGRATIONS:
            raise StoreVersionError(
                f"{self.path}: schema version {shown(version)}, this RoboMemory reads version"
                f" {schema.SCHEMA_VERSION} and brings {sorted(MIGRATIONS)} up to it"
            )
        check_embedder(db, self.path, embedder, self.dim)
        while version != schema.SCHEMA_VERSION:
            try:
                with self._transaction(db):
                    MIGRATIONS[version](db)
            except (ValueError, TypeError, LookupError) as error:
                raise StoreCorruptError(f"{self.path}: of version {version}, torn: {error}") from error
            version = db.execute("SELECT max(version) FROM schema_version").fetchone()[0]
        self.frame = frame_of(db)
        self.seq, self.recorded_ns, self.run, *last = state_of(db, self.path)
        self.ids = Ids(*last)
        if self._held is not None:
            integrity.move_log(db, self._held)  # from now on the file alone says that it is not whole

    def _check_torn(self, db: sqlite3.Connection) -> None:
        size = 0 if self._held is None else os.path.getsize(self.file)
        if size > CHECKED_BYTES and db.execute("SELECT 1 FROM pragma_table_info('state')").fetchone():
            pages = (
                db.execute("PRAGMA page_count").fetchone()[0] * db.execute("PRAGMA page_size").fetchone()[0]
            )
            if db.execute("SELECT clean FROM state").fetchone() == (1,) and pages == size:
                return
        (report,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if report != "ok":
            raise StoreCorruptError(f"{self.path}: torn: {report}; restore a copy or start a new file")

    @contextmanager
    def _transaction(self, db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    @contextmanager
    def writing(self, recorded_ns: int) -> Iterator[tuple[sqlite3.Connection, int]]:
        """The connection within one durable transaction, and the transaction's number in the row of all.

        Raises:
            StoreError: the disk is full or gone; nothing was kept. MemoryClosedError.
        """
        self.owner.check()
        with self._lock, self._errors("write"):
            db = self._connection()
            self._check_there()
            with self._transaction(db):
                yield db, self.seq + 1
                db.execute(
                    "UPDATE state SET seq = ?, recorded_ns = ?, clean = 0, last_record = ?, last_entity = ?,"
                    " last_fact = ?, mark = (SELECT mark FROM whole)",
                    (self.seq + 1, recorded_ns, *self.ids.last),
                )
            self.seq, self.recorded_ns = self.seq + 1, recorded_ns
            self._tend_log(db)

    def _tend_log(self, db: sqlite3.Connection) -> None:
        """Moves a long log into the file. What was committed is safe in the log if that fails, or if a reader
        holds it up; the next try comes after as many changes again."""
        changes = db.total_changes - self._moved_at
        if self._held is None or changes * self._pages_a_change < integrity.LOG_PAGES:
            return
        try:
            pages = integrity.move_log(db, self._held)
            self._pages_a_change = min(max(pages / changes, 0.05), 20.0)
        except sqlite3.OperationalError as error:
            _log.warning("%s: can't move the log into the file: %s", self.path, error)
        self._moved_at = db.total_changes

    def commit(self, changes: Sequence[Change], recorded_ns: int) -> None:
        """Keeps ``changes``, all or none; on the disk once it returns. Raises as :meth:`writing`."""
        newest = max((r.record.moment.run for c in changes for r in (*c.rows, *c.updates)), default=0)
        with self.writing(recorded_ns) as (db, seq):
            for change in changes:
                put(db, change, recorded_ns, seq)
            if newest > self.run:
                db.execute("UPDATE state SET run = ?", (newest,))
        self.run = max(self.run, newest)

    def begin_run(self, start_ns: int, recorded_ns: int) -> int:
        number = self._next_run(start_ns)
        if number != self.run:
            with self.writing(recorded_ns) as (db, _):
                db.execute("INSERT OR REPLACE INTO runs (run, start_ns) VALUES (?, ?)", (number, start_ns))
                db.execute("UPDATE state SET run = ?", (number,))
            self.run = number
        return number

    def backup(self, target: str | os.PathLike[str]) -> Path:
        self.owner.check()
        if self._held is None:
            with self._lock, self._errors("read"):
                return copy_into(self._connection(), target)
        with self.reading() as db:
            return copy_into(db, target)

    def chosen(self, choice: ForgetChoice) -> Forgotten:
        self.owner.check()
        with self._lock, self._errors("read"):
            self._check_there()
            with self._transaction(self._connection()) as db:
                return chosen(db, choice)

    def forget(self, gone: Forgotten, then: Consequences, recorded_ns: int) -> None:
        forget(self, gone, then, recorded_ns)

    def set_about(self, name: str, value: str) -> None:
        with self.writing(self.recorded_ns + 1) as (db, _):
            db.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    def merge_words(self, kind: MemoryKind, pages: int) -> bool:
        self.owner.check()
        with self._lock, self._errors("write"):
            self._check_there()
            return merge_words(self._connection(), kind, pages)

    def scrub(self) -> None:
        """After something was deleted: takes it out of the log, too; it is gone from the disk once this
        returns."""
        self._words.forget_common()
        with self._lock, self._errors("write"):
            db = self._connection()
            if not integrity.empty_log(db):
                _log.warning(
                    "%s: somebody reads the log; what was forgotten stays in it until then", self.path
                )
            if self._held is not None:
                integrity.move_log(db, self._held)
                self._moved_at = db.total_changes

    def close(self) -> None:
        """Gives the file back. A second call, and one in a forked child, does nothing."""
        if not self.owner.is_current:
            return
        with self._lock:
            if self._db is not None and self._held is not None:
                try:
                    with self._errors("close"):
                        with self._transaction(self._db):
                            integrity.close_mark(self._db)
                        integrity.empty_log(self._db)
                except RoboMemoryError:  # a full disk: the file is read through when it is opened again
                    pass
            self._let_go()

    def _let_go(self) -> None:
        super()._let_go()
        held, self._held = self._held, None
        if held is not None:
            os.close(held)

    def abandon(self) -> None:
        """In a forked child: the lock is the parent's, and so are the connections. Once: a child of the child
        finds another file under the number of the lock."""
        unwatch(self)
        for db in self._connections:
            keep_for_ever(db)
        if self._held is not None:
            inherit(os.path.realpath(self.file))
            os.close(self._held)
