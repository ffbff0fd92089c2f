"""The truth: one SQLite file per scene, written in one durable transaction per update.

Write-ahead log with synchronous=FULL, so that an update is on the disk once ``commit`` returns. Everything
else (vectors, graph, buffers) is a cache built from here. One process holds a file at a time.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from robomemory.checks import shown
from robomemory.errors import (
    InvalidNoteError,
    MemoryClosedError,
    RoboMemoryError,
    StoreCorruptError,
    StoreError,
    StoreInUseError,
    StoreVersionError,
)
from robomemory.graph.scene import Sighting
from robomemory.plain_text import plain
from robomemory.records import MemoryKind
from robomemory.store import rows as t
from robomemory.store.backend import Backend
from robomemory.store.forgetting import Consequences, ForgetChoice, Forgotten
from robomemory.store.forks import Owner, check_not_inherited, inherit, keep_for_ever, unwatch, watch
from robomemory.store.sqlite import integrity, schema
from robomemory.store.sqlite.copying import copy_into
from robomemory.store.sqlite.file import check_access, hold, inode_of
from robomemory.store.sqlite.forgetting import chosen, forget
from robomemory.store.sqlite.migrations import MIGRATIONS
from robomemory.store.sqlite.words import WordSearch, newest_with
from robomemory.store.sqlite.writing import put
from robomemory.update_protocol import Change, Ids

_log = logging.getLogger(__name__)

_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
CHECKED_BYTES = 256 * 2**20
"""A file up to this size is read through when it is opened; a larger one if it was not closed."""


class SqliteStore(Backend):
    """A store at ``path`` (``":memory:"``: nothing is kept after ``close``) for vectors of ``embedder``,
    its name, and ``dim``. Made when the file does not exist; its folder must. Safe from any thread.

    Raises:
        StoreError: missing folder, no permission, disk full; StoreInUseError, StoreCorruptError,
            StoreVersionError as they say. The message names the file.
    """

    def __init__(self, path: str | os.PathLike[str], embedder: str, dim: int) -> None:
        said = os.fspath(path)
        self.file = said if said == ":memory:" else os.path.abspath(said)  # wherever the process goes
        self.path = plain(said)  # for messages
        self.dim = dim
        self.owner = Owner(self.path)
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._words = WordSearch()
        self._pinned = threading.local()  # the connection of a thread that reads one state
        self._readers: deque[sqlite3.Connection] = deque()
        self._held: int | None = None
        self._connections: list[sqlite3.Connection] = []  # all, for a child that must let none of them go
        self._moved_at, self._pages_a_change = 0, 1.0  # since when the log grows, and about how fast
        if self.file != ":memory:":
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
                self._open(self._db, embedder, had_log)
                self._inode = inode_of(self.file)
        except BaseException:
            self._let_go()
            raise

    def _check_there(self) -> None:
        """Raises StoreError where the file is no longer at its path: what is written would be kept nowhere,
        and a new connection would make another file."""
        if self._held is not None and inode_of(self.file) != self._inode:
            raise StoreError(
                f"{self.path}: was deleted, moved or replaced while it was open; nothing more can be kept in"
                " it"
            )

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self.file, timeout=0.2, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        self._connections.append(db)
        db.execute("PRAGMA cache_size = -16000")  # [KiB], of each connection
        return db

    def _open(self, db: sqlite3.Connection, embedder: str, had_log: bool) -> None:
        integrity.prepare(db)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if names and "schema_version" not in names:
            raise StoreCorruptError(
                f"{self.path}: a SQLite file, but no RoboMemory store (tables {shown(sorted(names))})"
            )
        if names:
            self._check_torn(db)
            moving = None if self._held is None else integrity.being_moved(self._held)
            integrity.check(db, self.path, had_log, moving)
        with self._transaction(db):
            if not names:
                schema.create(db, embedder, self.dim)
        version = db.execute("SELECT max(version) FROM schema_version").fetchone()[0]
        if version != schema.SCHEMA_VERSION and version not in MIGRATIONS:
            raise StoreVersionError(
                f"{self.path}: schema version {shown(version)}, this RoboMemory reads version"
                f" {schema.SCHEMA_VERSION} and brings {sorted(MIGRATIONS)} up to it"
            )
        name, dim = db.execute("SELECT name, dim FROM embedder").fetchone() or ("none", 0)
        if (name, dim) != (embedder, self.dim):
            raise StoreVersionError(
                f"{self.path}: written with embedder {shown(name)} ({shown(dim)} numbers a vector), opened"
                f" with {embedder!r} ({self.dim}); open it with {shown(name)} or start a new file"
            )
        while version != schema.SCHEMA_VERSION:
            try:
                with self._transaction(db):
                    MIGRATIONS[version](db)
            except (ValueError, TypeError, LookupError) as error:
                raise StoreCorruptError(f"{self.path}: of version {version}, torn: {error}") from error
            version = db.execute("SELECT max(version) FROM schema_version").fetchone()[0]
        state = db.execute(
            "SELECT seq, recorded_ns, run, last_record, last_entity, last_fact FROM state"
        ).fetchone()
        if state is None:
            raise StoreCorruptError(f"{self.path}: torn: the table state is empty")
        if not all(isinstance(value, int) for value in state):
            raise StoreCorruptError(f"{self.path}: torn: the table state holds {shown(state)}")
        self.seq, self.recorded_ns, self.run = state[:3]
        self.ids = Ids(*state[3:])
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
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            # The low byte is the code without its details; errors of Python itself have none.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _LOCKED:
                raise StoreInUseError(f"{self.path}: in use by another RoboMemory; close that one") from error
            raise StoreError(f"{self.path}: can't {doing} it: {error}") from error
        except sqlite3.ProgrammingError as error:  # closed while it was read
            raise MemoryClosedError(f"{self.path}: the memory is closed") from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise StoreCorruptError(f"{self.path}: can't {doing} it: {error}; torn, or no store") from error
        except OverflowError as error:
            raise InvalidNoteError(f"{self.path}: a number does not fit into 64 bits: {error}") from error

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

    def size_bytes(self) -> int:
        """Of the file and its log; in memory, of the pages."""
        if self._held is None:
            ((pages, size),) = self._all("SELECT * FROM pragma_page_count(), pragma_page_size()")
            return int(str(pages)) * int(str(size))
        files = (Path(self.file), integrity.log_of(self.file))
        return sum(file.stat().st_size for file in files if file.exists())

    def scrub(self) -> None:
        """After something was deleted: takes it out of the log, too; it is gone from the disk once this
        returns."""
        self._words.forget_common()
        with self._lock, self._errors("write"):
            db = self._connection()
            integrity.empty_log(db)
            if self._held is not None:
                integrity.move_log(db, self._held)
                self._moved_at = db.total_changes

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See ``StoreReader``. In memory, where all share one connection, writers wait for it."""
        self.owner.check()
        if self._held is None:
            with self._lock:
                yield
            return
        with self.reading() as db:
            db.execute("BEGIN")
            self._pinned.db = db
            try:
                yield
            finally:
                self._pinned.db = None
                if self.owner.is_current:
                    db.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with. It does not wait for a write, and sees the last committed state.

        Raises:
            StoreError: the disk is gone. MemoryClosedError.
        """
        self.owner.check()
        if self._held is None:  # in memory there is only the one connection
            with self._lock, self._errors("read"):
                yield self._connection()
            return
        pinned = getattr(self._pinned, "db", None)
        if pinned is not None:
            with self._errors("read"):
                yield pinned
            return
        self._connection()
        with self._errors("read"):
            try:
                db = self._readers.pop()
            except IndexError:
                self._check_there()
                db = self._connect()
                db.execute("PRAGMA query_only = ON")
            try:
                yield db
            finally:
                if self._db is None and self.owner.is_current:
                    self._shut(db)
                else:
                    self._readers.append(db)

    def _all(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        with self.reading() as db:
            return db.execute(sql, values).fetchall()

    def last_sightings(self) -> list[Sighting]:
        rows = self._all(
            f"SELECT {t.SIGHTING.replace('stamp_ns', 'max(stamp_ns)', 1)} FROM sightings"
            " WHERE expired_ns IS NULL GROUP BY entity_id, x IS NULL, run ORDER BY run"
        )
        newest = {(s.entity_id, s.position is None): s for s in map(t.sighting_from, rows)}
        return [s for s in newest.values() if s.until is None]

    def by_words(self, kind: MemoryKind, text: str, limit: int) -> list[int]:
        with self.reading() as db:
            return self._words.by_words(db, kind, text, limit)

    def newest_with(self, kind: MemoryKind, text: str, limit: int) -> list[int]:
        with self.reading() as db:
            return newest_with(db, kind, text, limit)

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise MemoryClosedError(f"{self.path}: the memory is closed")
        return self._db

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
        unwatch(self)
        db, self._db = self._db, None
        while self._readers:
            self._shut(self._readers.pop())
        if db is not None:
            self._shut(db)
        held, self._held = self._held, None
        if held is not None:
            os.close(held)

    def _shut(self, db: sqlite3.Connection) -> None:
        with self._lock:
            self._connections = [each for each in self._connections if each is not db]
        db.close()

    def abandon(self) -> None:
        """In a forked child: the lock is the parent's, and so are the connections. Once: a child of the child
        finds another file under the number of the lock."""
        unwatch(self)
        for db in self._connections:
            keep_for_ever(db)
        if self._held is not None:
            inherit(os.path.realpath(self.file))
            os.close(self._held)
