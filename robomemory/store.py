"""The truth: one SQLite file per scene, written in one durable transaction per update.

Write-ahead log with synchronous=FULL, so that an update is on the disk once ``commit`` returns. Everything
else (vectors, graph, buffers) is a cache built from here. One process holds a file at a time.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from robomemory.embedding import F32
from robomemory.errors import (
    InvalidNoteError,
    MemoryClosedError,
    StoreCorruptError,
    StoreError,
    StoreInUseError,
    StoreVersionError,
)
from robomemory.parts import Change, Ids, Row
from robomemory.records import MemoryKind, MemoryRecord
from robomemory.scene import Entity, Fact, Sighting

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE schema_version (version INTEGER NOT NULL);
CREATE TABLE embedder (name TEXT NOT NULL, dim INTEGER NOT NULL);
CREATE TABLE records (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, stamp_ns INTEGER NOT NULL, text TEXT NOT NULL,
    entities TEXT NOT NULL, position TEXT NOT NULL, triple TEXT NOT NULL,
    confidence REAL NOT NULL, source TEXT NOT NULL,
    vector BLOB NOT NULL, retired INTEGER NOT NULL DEFAULT 0);
CREATE TABLE entities (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, ordinal INTEGER NOT NULL, position TEXT NOT NULL,
    position_ns INTEGER NOT NULL, first_seen_ns INTEGER NOT NULL, last_seen_ns INTEGER NOT NULL,
    confidence REAL NOT NULL, vector BLOB NOT NULL);
CREATE TABLE facts (
    id INTEGER PRIMARY KEY, subject INTEGER NOT NULL, relation TEXT NOT NULL, object INTEGER NOT NULL,
    valid_from_ns INTEGER NOT NULL, valid_until_ns INTEGER, confidence REAL NOT NULL,
    record_id INTEGER NOT NULL);
CREATE TABLE sightings (record_id INTEGER PRIMARY KEY, entity_id INTEGER NOT NULL);
"""
_PUT_ROW = "INSERT OR REPLACE INTO records VALUES (?,?,?,?,?,?,?,?,?,?,?)"
_PUT_ENTITY = "INSERT OR REPLACE INTO entities VALUES (?,?,?,?,?,?,?,?,?)"
_PUT_FACT = "INSERT OR REPLACE INTO facts VALUES (?,?,?,?,?,?,?,?)"
_PUT_SIGHTING = "INSERT OR REPLACE INTO sightings VALUES (?,?)"


class Store:
    """A store at ``path`` (``":memory:"``: nothing is kept after ``close``) for vectors of ``embedder``,
    its name, and ``dim``. Made when the file does not exist; its folder must. Safe from any thread.

    Raises:
        StoreError: missing folder, no permission, disk full; StoreInUseError, StoreCorruptError,
            StoreVersionError as they say. The message names the file.
    """

    def __init__(self, path: str | os.PathLike[str], embedder: str, dim: int) -> None:
        self.path = os.fspath(path)
        self.dim = dim
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        if self.path != ":memory:":
            _check_access(Path(self.path))
        with self._errors("open"):
            self._db = sqlite3.connect(
                self.path, timeout=0.2, isolation_level=None, check_same_thread=False, cached_statements=64
            )
        try:
            with self._errors("open"):
                self._open(self._db, embedder)
        except BaseException:
            self._db.close()
            self._db = None
            raise

    def _open(self, db: sqlite3.Connection, embedder: str) -> None:
        # Exclusive: the caches of this process are right only while nobody else writes. The system lets
        # go of the lock when the process dies, however it dies.
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("BEGIN EXCLUSIVE")
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:  # executescript would commit before it starts
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute("INSERT INTO schema_version VALUES (?)", (SCHEMA_VERSION,))
            db.execute("INSERT INTO embedder VALUES (?, ?)", (embedder, self.dim))
        db.execute("COMMIT")
        if tables and "schema_version" not in tables:
            raise StoreCorruptError(
                f"{self.path}: a SQLite file, but no RoboMemory store (tables {sorted(tables)})"
            )
        (report,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if report != "ok":
            raise StoreCorruptError(f"{self.path}: torn: {report}; restore a copy or start a new file")
        version = db.execute("SELECT max(version) FROM schema_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            raise StoreVersionError(
                f"{self.path}: schema version {version}, this RoboMemory reads version {SCHEMA_VERSION}"
            )
        name, dim = db.execute("SELECT name, dim FROM embedder").fetchone() or ("none", 0)
        if (name, dim) != (embedder, self.dim):
            raise StoreVersionError(
                f"{self.path}: written with embedder {name!r} ({dim} numbers a vector), opened with "
                f"{embedder!r} ({self.dim}); open it with {name!r} or start a new file"
            )

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise StoreInUseError(f"{self.path}: in use by another RoboMemory; close that one") from error
            raise StoreError(f"{self.path}: can't {doing} it: {error}") from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise StoreCorruptError(f"{self.path}: can't {doing} it: {error}; torn, or no store") from error
        except OverflowError as error:
            raise InvalidNoteError(f"{self.path}: a number does not fit into 64 bits: {error}") from error

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise MemoryClosedError(f"{self.path}: the memory is closed")
        return self._db

    def commit(self, changes: Sequence[Change]) -> None:
        """Keeps ``changes``, all or none; on the disk once it returns.

        Raises:
            StoreError: the disk is full or gone; nothing was kept.
        """
        with self._lock, self._errors("write"):
            db = self._connection()
            db.execute("BEGIN IMMEDIATE")
            try:
                for change in changes:
                    db.executemany(_PUT_ROW, map(_row_values, change.rows))
                    db.executemany(_PUT_ENTITY, map(_entity_values, change.entities))
                    db.executemany(_PUT_FACT, map(_fact_values, change.facts))
                    db.executemany(_PUT_SIGHTING, ((s.record_id, s.entity_id) for s in change.sightings))
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def load(self) -> Change:
        """Everything, in the order of keys.

        Raises:
            StoreCorruptError: a row does not hold what it should; its key is named.
        """
        with self._lock, self._errors("read"):
            db = self._connection()
            rows = db.execute("SELECT * FROM records ORDER BY id").fetchall()
            entities = db.execute("SELECT * FROM entities ORDER BY id").fetchall()
            facts = db.execute("SELECT * FROM facts ORDER BY id").fetchall()
            sightings = db.execute("SELECT * FROM sightings ORDER BY record_id").fetchall()
        try:
            return Change(
                tuple(self._row(r) for r in rows),
                tuple(self._entity(e) for e in entities),
                tuple(Fact(*f) for f in facts),
                tuple(Sighting(*s) for s in sightings),
            )
        except (ValueError, TypeError) as error:
            raise StoreCorruptError(f"{self.path}: {error}") from error

    def records(self, kind: MemoryKind | None = None) -> tuple[MemoryRecord, ...]:
        """The records as they stand in the file, retired ones too, in the order they came."""
        sql = "SELECT * FROM records WHERE ?1 IS NULL OR kind = ?1 ORDER BY id"
        with self._lock, self._errors("read"):
            rows = self._connection().execute(sql, (kind,)).fetchall()
        return tuple(self._row(r).record for r in rows)

    def ids(self) -> Ids:
        """Keys that are still free, for the one writer."""
        with self._lock, self._errors("read"):
            db = self._connection()
            tables = ("records", "entities", "facts")
            last = [db.execute(f"SELECT coalesce(max(id), 0) FROM {t}").fetchone()[0] for t in tables]
        return Ids(*last)

    def _vector(self, what: str, blob: bytes) -> F32:
        vector = np.frombuffer(blob, dtype="<f4").astype(np.float32)
        if vector.shape != (self.dim,) or not np.isfinite(vector).all():
            raise ValueError(f"{what}: vector of {len(vector)} numbers, expected {self.dim} finite ones")
        return vector

    def _row(self, r: tuple[int, str, int, str, str, str, str, float, str, bytes, int]) -> Row:
        names, xyz, triple = (json.loads(text) for text in r[4:7])  # the record makes tuples of the lists
        record = MemoryRecord(r[0], MemoryKind(r[1]), r[2], r[3], names, xyz, triple, r[7], r[8])
        return Row(record, self._vector(f"record {r[0]}", r[9]), bool(r[10]))

    def _entity(self, e: tuple[int, str, int, str, int, int, int, float, bytes]) -> tuple[Entity, F32]:
        said = json.loads(e[3])
        xyz = None if said is None else (said[0], said[1], said[2])
        entity = Entity(e[0], e[1], e[2], xyz, e[4], e[5], e[6], e[7])
        return entity, self._vector(f"entity {e[0]}", e[8])

    def close(self) -> None:
        """Gives the file back. A second call does nothing."""
        with self._lock:
            db, self._db = self._db, None
        if db is not None:
            db.close()


def _check_access(path: Path) -> None:
    """SQLite opens what it may not write without a word, so permissions are asked first."""
    able = {"effective_ids": True} if os.access in os.supports_effective_ids else {}
    if not path.parent.is_dir():
        raise StoreError(f"{path}: folder {path.parent} does not exist")
    if path.is_dir():
        raise StoreError(f"{path}: a folder, expected a file")
    for target in (path.parent, path) if path.exists() else (path.parent,):
        if not os.access(target, os.R_OK | os.W_OK, **able):
            raise StoreError(f"{path}: read-only: no permission to write {target}")


def _row_values(row: Row) -> tuple[object, ...]:
    r = row.record
    vector = row.vector.astype("<f4").tobytes()
    said = (r.id, str(r.kind), r.stamp_ns, r.text, *map(json.dumps, (r.entities, r.position, r.triple)))
    return (*said, r.confidence, r.source, vector, int(row.retired))


def _entity_values(item: tuple[Entity, F32]) -> tuple[object, ...]:
    e, vector = item
    seen = (e.position_ns, e.first_seen_ns, e.last_seen_ns, e.confidence)
    return (e.id, e.name, e.ordinal, json.dumps(e.position), *seen, vector.astype("<f4").tobytes())


def _fact_values(f: Fact) -> tuple[object, ...]:
    ends = (f.valid_from_ns, f.valid_until_ns)
    return (f.id, f.subject, f.relation, f.object, *ends, f.confidence, f.record_id)
