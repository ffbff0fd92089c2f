"""The truth in PostgreSQL: one schema per scene, written by any number of robots in turn, in one durable
transaction per update.

A writer locks the one row of ``state`` from before it plans until it has committed, so that every update is
planned on the last one. Readers wait for nobody: each call reads one committed state.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pgvector import Vector
from psycopg.pq import TransactionStatus

from robomemory.errors import StoreCorruptError, StoreError
from robomemory.graph.scene import Sighting
from robomemory.notes import Plain
from robomemory.records import MemoryKind
from robomemory.store import rows as t
from robomemory.store.backend import OWN_FRAME, Backend, Latest
from robomemory.store.filters import FactFilter, FactOrder, SightingFilter, SightingOrder
from robomemory.store.finding import Condition
from robomemory.store.forgetting import Consequences, ForgetChoice, Forgotten
from robomemory.store.forks import Owner
from robomemory.store.postgres import schema, writing
from robomemory.store.postgres.address import ON_A_SERVER, Address
from robomemory.store.postgres.link import Connection, Links, patience
from robomemory.store.postgres.vectors import PgVectors
from robomemory.store.postgres.words import by_words, newest_with
from robomemory.update_protocol import Change, Ids

LONG_S = 120.0
"""What goes over the whole store (forgetting, cleaning up) may take so long [s]."""

_log = logging.getLogger(__name__)


class PostgresStore(Backend):
    """The store of the scene at ``url`` for vectors of ``embedder``, its name, and ``dim``; made when it is
    not there, with positions in ``frame``. ``path`` names host, port and database for messages, without any
    password. With ``read_only`` nothing is made or written.

    Raises:
        StoreError: the server can't be reached, lacks pgvector, or refuses; StoreVersionError,
            StoreCorruptError as they say.
    """

    shared = True

    def __init__(
        self, url: str, embedder: str, dim: int, frame: str = OWN_FRAME, *, read_only: bool = False
    ) -> None:
        address = Address.parse(url)
        self.path, self.dim, self.read_only = address.name, dim, read_only
        self.ids, self.seq, self.recorded_ns, self.run = Ids(), 0, 0, 0
        self.owner = Owner(self.path)
        self._links = Links(address, read_only=read_only)
        self._pinned = threading.local()  # the connection of a thread that reads one state
        self._writer: Connection | None = None  # holds the turn to write
        try:
            with self._links.use("open") as db:
                self.frame = schema.open_scene(db, address, embedder, dim, frame, read_only=read_only)
        except BaseException:
            self._links.close()
            raise

    @contextmanager
    def turn(self) -> Iterator[None]:
        self.check_writable()
        with self._links.use("write") as db:
            db.execute("BEGIN")
            row = db.execute(
                "SELECT seq, recorded_ns, run, last_record, last_entity, last_fact FROM state FOR UPDATE"
            ).fetchone()
            if row is None:
                raise StoreCorruptError(f"{self.path}: the table state is empty")
            seq, recorded, run, *last = (int(str(value)) for value in row)
            self.seq, self.recorded_ns, self.run, self.ids = seq, recorded, run, Ids(*last)
            self._writer = db
            try:
                yield
            finally:
                self._writer = None
            if db.pgconn.transaction_status != TransactionStatus.IDLE:
                db.execute("ROLLBACK")  # nothing was committed

    @contextmanager
    def _update(self, recorded_ns: int, rebuilt: bool) -> Iterator[tuple[Connection, int]]:
        """The connection whose turn it is, and the number of the update; committed at the end."""
        db = self._writer
        assert db is not None, "an update outside of turn()"
        with self._links.errors("write"):
            yield db, self.seq + 1
            db.execute(
                "UPDATE state SET seq = %s, recorded_ns = %s, last_record = %s, last_entity = %s,"
                " last_fact = %s, rebuilt_seq = CASE WHEN %s THEN %s ELSE rebuilt_seq END",
                (self.seq + 1, recorded_ns, *self.ids.last, rebuilt, self.seq + 1),
            )
        with self._links.errors("learn whether it was kept: commit"):
            db.execute("COMMIT")
        self.seq, self.recorded_ns = self.seq + 1, recorded_ns

    def commit(self, changes: Sequence[Change], recorded_ns: int) -> None:
        newest = max((r.record.moment.run for c in changes for r in (*c.rows, *c.updates)), default=0)
        with self._update(recorded_ns, any(change.regroups for change in changes)) as (db, seq):
            for change in changes:
                writing.put(db, change, recorded_ns, seq)
            if newest > self.run:
                db.execute("UPDATE state SET run = %s", (newest,))
        self.run = max(self.run, newest)

    def begin_run(self, start_ns: int, recorded_ns: int) -> int:
        number = self._next_run(start_ns)
        if number != self.run:
            with self._update(recorded_ns, rebuilt=False) as (db, _):
                db.execute(
                    "INSERT INTO runs (run, start_ns) VALUES (%s, %s)"
                    " ON CONFLICT (run) DO UPDATE SET start_ns = excluded.start_ns",
                    (number, start_ns),
                )
                db.execute("UPDATE state SET run = %s", (number,))
            self.run = number
        return number

    def backup(self, target: str | os.PathLike[str]) -> Path:
        raise StoreError(f"{self.path}: {ON_A_SERVER}")

    def chosen(self, choice: ForgetChoice) -> Forgotten:
        db = self._writer
        assert db is not None, "a choice outside of turn()"
        with self._links.errors("read"), patience(db, LONG_S):
            return writing.chosen(db, choice)

    def forget(self, gone: Forgotten, then: Consequences, recorded_ns: int) -> None:
        with self._update(recorded_ns, rebuilt=True) as (db, seq), patience(db, LONG_S):
            writing.forget(db, gone, then, recorded_ns, seq)

    def set_about(self, name: str, value: str) -> None:
        with self._update(self.recorded_ns + 1, rebuilt=False) as (db, _):
            db.execute(
                "INSERT INTO about VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, value),
            )

    def scrub(self) -> None:
        """The tables are vacuumed; when the bytes leave the server's disk, log and copies is the server's
        affair."""
        try:
            with self._links.use("clean up") as db, patience(db, LONG_S):
                db.execute("VACUUM records, vectors, pictures, entities, facts, sightings, evidence")
        except StoreError as error:  # what was forgotten is forgotten all the same
            _log.warning("%s", error)

    def latest(self) -> Latest:
        rows = self._all("SELECT seq, recorded_ns, rebuilt_seq, run FROM state")
        if not rows:
            raise StoreCorruptError(f"{self.path}: the table state is empty")
        return Latest(*(int(str(value)) for value in rows[0]))

    def size_bytes(self) -> int:
        """Of the scene's tables with their indices."""
        rows = self._all(
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = current_schema() AND c.relkind = 'r'"
        )
        return int(str(rows[0][0]))

    def news(self, since: int) -> Change:
        changed = self._all(
            f"SELECT {t.ENTITY}, vector FROM entities WHERE seq > ? AND merged_into IS NULL ORDER BY id",
            (since,),
        )
        entities = [t.entity_from(e) for e in changed]
        names = [
            (e.id, t.vector_from(f"entity {e.id}", row[-1], self.dim))  # type: ignore[arg-type]
            for e, row in zip(entities, changed, strict=True)
        ]
        return Change(
            entities=tuple(entities),
            names=tuple(names),
            facts=tuple(self.facts(FactFilter(updated_after=since, order=FactOrder.TOLD))),
            sightings=tuple(self.sightings(SightingFilter(updated_after=since, order=SightingOrder.TIME))),
        )

    def nearest(self, kind: MemoryKind) -> PgVectors:
        return PgVectors(kind, self.dim, self._reading)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See ``StoreReader``. Nested ones read the state of the outermost."""
        if getattr(self._pinned, "db", None) is not None:
            yield
            return
        with self._links.use("read") as db:
            db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            self._pinned.db = db
            try:
                yield
            finally:
                self._pinned.db = None
            db.execute("COMMIT")

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        pinned = getattr(self._pinned, "db", None)
        if pinned is not None:
            with self._links.errors("read"):
                yield pinned
            return
        with self._links.use("read") as db:
            yield db

    def _all(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """See ``StoreReader``; vectors come as bytes, as they do from SQLite."""
        with self._reading() as db:
            cursor = db.cursor(binary=True)
            cursor.execute(sql.replace("?", "%s").encode(), [_plain(value) for value in values])
            return [tuple(_packed(value) for value in row) for row in cursor.fetchall()]

    def _has_metadata(self, name: str, value: Plain) -> Condition:
        return "metadata::jsonb @> CAST(? AS jsonb)", [json.dumps({name: value}, ensure_ascii=False)]

    def by_words(self, kind: MemoryKind, text: str, limit: int) -> list[int]:
        with self._reading() as db:
            return by_words(db, kind, text, limit)

    def newest_with(self, kind: MemoryKind, text: str, limit: int) -> list[int]:
        with self._reading() as db:
            return newest_with(db, kind, text, limit)

    def last_sightings(self) -> list[Sighting]:
        rows = self._all(
            f"SELECT DISTINCT ON (entity_id, x IS NULL) {t.SIGHTING} FROM sightings WHERE expired_ns IS NULL"
            " ORDER BY entity_id, x IS NULL, run DESC, stamp_ns DESC, record_id DESC"
        )
        return [s for s in map(t.sighting_from, rows) if s.until is None]

    def close(self) -> None:
        self._links.close()


def embedder_of_url(url: str) -> str | None:
    """The name of the embedder that the scene at ``url`` was written with; None for a scene that is new.

    Raises:
        StoreError: the server can't be reached.
    """
    address = Address.parse(url)
    links = Links(address)
    try:
        with links.use("open") as db:
            return schema.written_with(db, address)
    finally:
        links.close()


def _plain(value: object) -> object:
    return str(value) if isinstance(value, str) else value  # an enum's value, not its name


def _packed(value: object) -> object:
    return value.to_numpy().astype("<f4").tobytes() if isinstance(value, Vector) else value
