"""What a store in SQLite reads, beside writers and without waiting for them: each call takes a connection of
its own and sees the last committed state."""

from __future__ import annotations

import os
import sqlite3
import threading
from abc import abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from robomemory.checks import shown
from robomemory.errors import (
    InvalidNoteError,
    MemoryClosedError,
    StoreCorruptError,
    StoreError,
    StoreInUseError,
    StoreVersionError,
)
from robomemory.graph.scene import Sighting
from robomemory.notes import Plain
from robomemory.plain_text import plain
from robomemory.records import MemoryKind
from robomemory.store import rows as t
from robomemory.store.backend import OWN_FRAME, Backend
from robomemory.store.finding import Condition
from robomemory.store.forks import Owner, unwatch
from robomemory.store.sqlite import integrity
from robomemory.store.sqlite.file import Inode, inode_of
from robomemory.store.sqlite.words import WordSearch, newest_with

_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def tables_of(db: sqlite3.Connection, path: str) -> set[str]:
    """The names of the tables in the store at ``path``; none in an empty file.

    Raises:
        StoreCorruptError: the tables of something else.
    """
    names = {str(name) for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if names and "schema_version" not in names:
        raise StoreCorruptError(
            f"{path}: a SQLite file, but no RoboMemory store (tables {shown(sorted(names))})"
        )
    return names


def check_embedder(db: sqlite3.Connection, path: str, embedder: str, dim: int) -> None:
    """Raises StoreVersionError where the store at ``path`` was written with another embedder."""
    name, size = db.execute("SELECT name, dim FROM embedder").fetchone() or ("none", 0)
    if (name, size) != (embedder, dim):
        raise StoreVersionError(
            f"{path}: written with embedder {shown(name)} ({shown(size)} numbers a vector), opened"
            f" with {embedder!r} ({dim}); open it with {shown(name)} or start a new file"
        )


def frame_of(db: sqlite3.Connection) -> str:
    """The frame that the positions of a store are in."""
    found = db.execute("SELECT value FROM about WHERE name = 'frame'").fetchone()
    return OWN_FRAME if found is None else str(found[0])


def _json_type(value: Plain) -> str:
    if isinstance(value, bool):
        return f"= '{str(value).lower()}'"
    if value is None:
        return "= 'null'"
    return "= 'text'" if isinstance(value, str) else "IN ('integer', 'real')"


def state_of(db: sqlite3.Connection, path: str) -> tuple[int, int, int, int, int, int]:
    """(seq, recorded_ns, run, last record, last entity, last fact) of the store at ``path``.

    Raises:
        StoreCorruptError: they are not there, or are no numbers.
    """
    state = db.execute(
        "SELECT seq, recorded_ns, run, last_record, last_entity, last_fact FROM state"
    ).fetchone()
    if state is None:
        raise StoreCorruptError(f"{path}: torn: the table state is empty")
    if not all(isinstance(value, int) for value in state):
        raise StoreCorruptError(f"{path}: torn: the table state holds {shown(state)}")
    return state


class SqliteReading(Backend):
    """The reading half of a store at ``path`` for vectors of length ``dim``. Whoever opens it sets ``_db``,
    which says that it is open, and ``_inode``."""

    def __init__(self, path: str | os.PathLike[str], dim: int) -> None:
        said = os.fspath(path)
        self.file = said if said == ":memory:" else os.path.abspath(said)  # wherever the process goes
        self.path = plain(said)  # for messages
        self.dim = dim
        self.owner = Owner(self.path)
        self._in_memory = self.file == ":memory:"
        self._inode: Inode | None = None
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._words = WordSearch()
        self._pinned = threading.local()  # the connection of a thread that reads one state
        self._readers: deque[sqlite3.Connection] = deque()
        self._connections: list[sqlite3.Connection] = []  # all, for a child that must let none of them go

    @abstractmethod
    def _connect(self) -> sqlite3.Connection:
        """A new connection, one of ``_connections``."""

    def _check_there(self) -> None:
        """Raises StoreError where the file is no longer at its path: what is written would be kept nowhere,
        and a new connection would make another file."""
        if not self._in_memory and inode_of(self.file) != self._inode:
            raise StoreError(
                f"{self.path}: was deleted, moved or replaced while it was open; nothing more can be kept in"
                " it"
            )

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

    def size_bytes(self) -> int:
        """Of the file and its log; in memory, of the pages."""
        if self._in_memory:
            ((pages, size),) = self._all("SELECT * FROM pragma_page_count(), pragma_page_size()")
            return int(str(pages)) * int(str(size))
        files = (Path(self.file), integrity.log_of(self.file))
        return sum(file.stat().st_size for file in files if file.exists())

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See ``StoreReader``. In memory, where all share one connection, writers wait for it."""
        self.owner.check()
        if self._in_memory:
            with self._lock:
                yield
            return
        if getattr(self._pinned, "db", None) is not None:  # nested: the state of the outermost
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
        if self._in_memory:  # in memory there is only the one connection
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

    def _has_metadata(self, name: str, value: Plain) -> Condition:
        said = f"SELECT 1 FROM json_each(metadata) WHERE key = ? AND type {_json_type(value)}"
        if isinstance(value, bool) or value is None:
            return f"EXISTS ({said})", [name]
        return f"EXISTS ({said} AND value = ?)", [name, value]

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

    @abstractmethod
    def abandon(self) -> None:
        """In a forked child: what is open is the parent's."""

    def _let_go(self) -> None:
        """Gives the connections back."""
        unwatch(self)
        db, self._db = self._db, None
        while self._readers:
            self._shut(self._readers.pop())
        if db is not None:
            self._shut(db)

    def _shut(self, db: sqlite3.Connection) -> None:
        with self._lock:
            self._connections = [each for each in self._connections if each is not db]
        db.close()
