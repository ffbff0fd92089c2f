"""Reads a store in a file while another process writes it: no lock is taken and nothing is written."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from robomemory.errors import StoreCorruptError, StoreError, StoreVersionError
from robomemory.store.backend import Latest
from robomemory.store.forgetting import Consequences, ForgetChoice, Forgotten
from robomemory.store.forks import check_not_inherited, inherit, keep_for_ever, unwatch, watch
from robomemory.store.sqlite import integrity, schema
from robomemory.store.sqlite.copying import copy_into
from robomemory.store.sqlite.file import check_readable, inode_of
from robomemory.store.sqlite.reading import SqliteReading, check_embedder, frame_of, state_of, tables_of
from robomemory.update_protocol import Change, Ids

WHOLE_S = 5.0
"""While the writer moves its log into the file [s], the file says that it is not whole."""


class ReadOnlySqliteStore(SqliteReading):
    """The store at ``path`` for vectors of ``embedder``, its name, and ``dim``, as far as others have
    written it. Between two calls it holds nothing that a writer would wait for.

    Raises:
        StoreError: no file there, or it can't be read; StoreCorruptError, StoreVersionError as they say.
    """

    shared = True
    read_only = True

    def __init__(self, path: str | os.PathLike[str], embedder: str, dim: int) -> None:
        super().__init__(path, dim)
        if self._in_memory:
            raise StoreError("':memory:': nothing is there to be read; mode 'r' needs a file or a database")
        check_not_inherited(os.path.realpath(self.file))
        check_readable(Path(self.file))
        watch(self)
        try:
            with self._errors("open"):
                self._db = self._connect()
                self._open(self._db, embedder)
                self._inode = inode_of(self.file)
        except BaseException:
            self._let_go()
            raise

    def _connect(self) -> sqlite3.Connection:
        # Such a connection moves no log into the file, not even as the last one that is closed.
        address = f"{Path(self.file).as_uri()}?mode=ro"
        db = sqlite3.connect(
            address, uri=True, timeout=2.0, isolation_level=None, check_same_thread=False,
            cached_statements=64,
        )  # fmt: skip
        self._connections.append(db)
        db.execute("PRAGMA query_only = ON")
        db.execute("PRAGMA cache_size = -16000")  # [KiB], of each connection
        return db

    def _open(self, db: sqlite3.Connection, embedder: str) -> None:
        if not tables_of(db, self.path):
            raise StoreError(f"{self.path}: no memory there yet; mode 'r' reads what is there")
        ((version,),) = db.execute("SELECT max(version) FROM schema_version").fetchall()
        if version != schema.SCHEMA_VERSION:
            raise StoreVersionError(
                f"{self.path}: schema version {version}, and mode 'r' reads version"
                f" {schema.SCHEMA_VERSION}; open it"
                " once without mode='r', which brings an older one up to that"
            )
        self._wait_until_whole(db)
        check_embedder(db, self.path, embedder, self.dim)
        self.frame = frame_of(db)
        self.seq, self.recorded_ns, self.run, *last = state_of(db, self.path)
        self.ids = Ids(*last)

    def _wait_until_whole(self, db: sqlite3.Connection) -> None:
        deadline = time.monotonic() + WHOLE_S
        while True:
            try:
                integrity.check(db, self.path, integrity.log_bytes(self.file) > 0)
                return
            except StoreCorruptError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.05)

    def _check_there(self) -> None:
        if inode_of(self.file) != self._inode:
            raise StoreError(f"{self.path}: was deleted, moved or replaced while it was read; open it anew")

    def latest(self) -> Latest:
        """See ``Backend``. What changed is not told apart: the caches are read anew."""
        self._check_there()
        ((seq, recorded, run),) = self._all("SELECT seq, recorded_ns, run FROM state")
        if self.seq != seq:
            self._words.forget_common()  # what was common may have been forgotten
        self.seq, self.recorded_ns, self.run = int(str(seq)), int(str(recorded)), int(str(run))
        return Latest(self.seq, self.recorded_ns, self.seq, self.run)

    def commit(self, changes: Sequence[Change], recorded_ns: int) -> None:
        raise self._refusal()

    def chosen(self, choice: ForgetChoice) -> Forgotten:
        raise self._refusal()

    def forget(self, gone: Forgotten, then: Consequences, recorded_ns: int) -> None:
        raise self._refusal()

    def set_about(self, name: str, value: str) -> None:
        raise self._refusal()

    def begin_run(self, start_ns: int, recorded_ns: int) -> int:
        raise self._refusal()

    def backup(self, target: str | os.PathLike[str]) -> Path:
        with self.reading() as db:
            return copy_into(db, target)

    def close(self) -> None:
        """Gives the connections back. A second call, and one in a forked child, does nothing."""
        if self.owner.is_current:
            with self._lock:
                self._let_go()

    def abandon(self) -> None:
        """In a forked child: the connections are the parent's."""
        unwatch(self)
        for db in self._connections:
            keep_for_ever(db)
        inherit(os.path.realpath(self.file))
