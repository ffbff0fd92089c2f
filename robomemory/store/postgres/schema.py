"""The tables of a shared store, one PostgreSQL schema for each scene."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

import psycopg
from pgvector.psycopg import register_vector
from psycopg import sql

from robomemory.belief.old_rows import evidence_of_rows
from robomemory.errors import StoreCorruptError, StoreError, StoreVersionError
from robomemory.graph.scene import Sighting
from robomemory.store import rows as t
from robomemory.store.backend import OWN_FRAME
from robomemory.store.old_texts import fields_of
from robomemory.store.postgres.address import Address
from robomemory.store.postgres.link import Connection
from robomemory.timestamps import Moment

SCHEMA_VERSION = 5

_INLINE = 1_900  # numbers of a vector that fits a page of 8 KiB beside the rest of its row

TABLES = """
CREATE TABLE schema_version (version integer NOT NULL);
CREATE TABLE embedder (name text NOT NULL, dim integer NOT NULL);
CREATE TABLE state (
    seq bigint NOT NULL, recorded_ns bigint NOT NULL, last_record bigint NOT NULL,
    last_entity bigint NOT NULL, last_fact bigint NOT NULL, rebuilt_seq bigint NOT NULL,
    run bigint NOT NULL DEFAULT 0);
CREATE TABLE runs (run bigint PRIMARY KEY, start_ns bigint NOT NULL);
CREATE TABLE records (
    id bigint PRIMARY KEY, kind text NOT NULL, stamp_ns bigint NOT NULL, text text NOT NULL,
    entities text NOT NULL, x double precision, y double precision, z double precision, triple text NOT NULL,
    confidence double precision NOT NULL, source text NOT NULL,
    recorded_ns bigint NOT NULL, replaced_by bigint NOT NULL, seq bigint NOT NULL,
    words tsvector GENERATED ALWAYS AS (
        CASE WHEN kind IN ('episodic', 'semantic') THEN to_tsvector('english', text) END) STORED,
    run bigint NOT NULL DEFAULT 0, step text NOT NULL DEFAULT 'null', failures text NOT NULL DEFAULT '[]',
    metadata text NOT NULL DEFAULT '{}', frame text NOT NULL DEFAULT '');
CREATE INDEX records_time ON records (kind, run, stamp_ns);
CREATE INDEX records_replaced ON records (replaced_by) WHERE replaced_by > 0;
CREATE INDEX records_live ON records (kind) WHERE replaced_by = 0;
CREATE INDEX records_words ON records USING gin (words) WHERE replaced_by = 0;
CREATE TABLE vectors (
    record_id bigint PRIMARY KEY, memory text NOT NULL, live boolean NOT NULL, vector {vector} NOT NULL);
CREATE INDEX vectors_live ON vectors (memory) WHERE live;
CREATE TABLE entities (
    id bigint PRIMARY KEY, name text NOT NULL, ordinal integer NOT NULL,
    x double precision, y double precision, z double precision, position_ns bigint NOT NULL,
    first_seen_ns bigint NOT NULL, last_seen_ns bigint NOT NULL, confidence double precision NOT NULL,
    recorded_ns bigint NOT NULL, merged_into bigint, vector {vector} NOT NULL, seq bigint NOT NULL,
    position_run bigint NOT NULL DEFAULT 0, first_seen_run bigint NOT NULL DEFAULT 0,
    last_seen_run bigint NOT NULL DEFAULT 0);
CREATE INDEX entities_seq ON entities (seq);
CREATE TABLE aliases (name text PRIMARY KEY, entity_id bigint NOT NULL, seq bigint NOT NULL);
CREATE TABLE facts (
    id bigint PRIMARY KEY, subject bigint NOT NULL, relation text NOT NULL, object bigint NOT NULL,
    valid_from_ns bigint NOT NULL, valid_until_ns bigint, recorded_ns bigint NOT NULL, expired_ns bigint,
    seen_ns bigint NOT NULL, confidence double precision NOT NULL, record_id bigint NOT NULL,
    ended_by bigint NOT NULL, seq bigint NOT NULL, from_run bigint NOT NULL DEFAULT 0,
    until_run bigint NOT NULL DEFAULT 0, seen_run bigint NOT NULL DEFAULT 0,
    times bigint NOT NULL DEFAULT 1, newest_id bigint NOT NULL DEFAULT 0, sources text NOT NULL DEFAULT '[]');
CREATE INDEX facts_thing ON facts (subject, from_run, valid_from_ns);
CREATE INDEX facts_object ON facts (object);
CREATE INDEX facts_record ON facts (record_id);
CREATE INDEX facts_open ON facts (id) WHERE valid_until_ns IS NULL AND expired_ns IS NULL;
CREATE INDEX facts_from ON facts (from_run, valid_from_ns);
CREATE INDEX facts_span ON facts (until_run, valid_until_ns, from_run, valid_from_ns)
    WHERE valid_until_ns IS NOT NULL AND expired_ns IS NULL;
CREATE INDEX facts_until ON facts (until_run, valid_until_ns) WHERE valid_until_ns IS NOT NULL;
CREATE INDEX facts_seq ON facts (seq);
CREATE TABLE sightings (
    id bigint PRIMARY KEY, record_id bigint NOT NULL, entity_id bigint NOT NULL, stamp_ns bigint NOT NULL,
    x double precision, y double precision, z double precision, recorded_ns bigint NOT NULL,
    seq bigint NOT NULL, run bigint NOT NULL DEFAULT 0, until_ns bigint, until_run bigint NOT NULL DEFAULT 0,
    expired_ns bigint, seen_ns bigint NOT NULL, seen_run bigint NOT NULL, times bigint NOT NULL,
    confidence double precision NOT NULL, newest_id bigint NOT NULL, sources text NOT NULL);
CREATE INDEX sightings_entity ON sightings (entity_id, run, stamp_ns);
CREATE INDEX sightings_time ON sightings (run, stamp_ns);
CREATE INDEX sightings_seq ON sightings (seq);
CREATE INDEX sightings_record ON sightings (record_id);
CREATE TABLE evidence (
    id bigint PRIMARY KEY, note_id bigint NOT NULL, record_id bigint NOT NULL, told integer NOT NULL,
    subject bigint NOT NULL, relation text NOT NULL, object bigint NOT NULL, run bigint NOT NULL,
    stamp_ns bigint NOT NULL, x double precision, y double precision, z double precision,
    radius double precision NOT NULL, confidence double precision NOT NULL, source text NOT NULL,
    recorded_ns bigint NOT NULL, retracted_ns bigint,
    subject_told bigint NOT NULL DEFAULT 0, object_told bigint NOT NULL DEFAULT 0,
    box text NOT NULL DEFAULT '');
CREATE INDEX evidence_thing ON evidence (subject, run, stamp_ns, id);
CREATE INDEX evidence_said ON evidence (subject, relation, object) WHERE object <> 0;
CREATE INDEX evidence_held ON evidence (object, relation, subject) WHERE object <> 0;
CREATE INDEX evidence_holder ON evidence (object, run, stamp_ns) WHERE object <> 0;
CREATE INDEX evidence_record ON evidence (record_id);
CREATE INDEX evidence_time ON evidence (run, stamp_ns);
CREATE INDEX evidence_empty ON evidence (told) WHERE told = 4;
CREATE INDEX evidence_claims ON evidence (told) WHERE told >= 5;
CREATE TABLE merges (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, gone bigint NOT NULL, kept bigint NOT NULL,
    record_id bigint NOT NULL, recorded_ns bigint NOT NULL, undone_ns bigint);
CREATE TABLE pictures (
    record_id bigint PRIMARY KEY, encoder text NOT NULL DEFAULT '', vector bytea, data bytea NOT NULL);
CREATE INDEX pictures_encoder ON pictures (encoder);
CREATE TABLE about (name text PRIMARY KEY, value text NOT NULL)
"""


def open_scene(
    db: Connection, address: Address, embedder: str, dim: int, frame: str, *, read_only: bool = False
) -> str:
    """Makes the scene's tables where there are none, checks that those that are there can be used, and gives
    the frame that its positions are in: ``frame`` for a new one. With ``read_only`` nothing is made or
    changed.

    Raises:
        StoreVersionError: written with another schema version or by another embedder. StoreCorruptError:
            the schema holds something else. StoreError: no right to make it, or no extension ``vector``.
    """
    with db.transaction():
        if not read_only:  # robots that start together make the tables one after the other
            db.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (address.schema,))
        found = _tables(db, address)
        if not found and read_only:
            raise StoreError(f"{address.name}: no memory there; mode 'r' reads what is there")
        if not found:
            _make(db, address, embedder, dim, frame)
        elif "schema_version" not in found:
            raise StoreCorruptError(
                f"{address.name}: schema {address.schema} is no store of RoboMemory (tables {sorted(found)})"
            )
        ((version,),) = db.execute("SELECT max(version) FROM schema_version").fetchall()
        if version != SCHEMA_VERSION and version not in (*_MIGRATIONS,):
            raise StoreVersionError(
                f"{address.name}: schema version {version}, this RoboMemory reads version {SCHEMA_VERSION}"
                f" and brings {sorted(_MIGRATIONS)} up to it"
            )
        if version != SCHEMA_VERSION and read_only:
            raise StoreVersionError(
                f"{address.name}: schema version {version}, and mode 'r' reads version"
                f" {SCHEMA_VERSION}; open it"
                " once without mode='r', which brings it up to that"
            )
        for older in range(int(str(version)), SCHEMA_VERSION):
            _MIGRATIONS[older](db)
        written = db.execute("SELECT name, dim FROM embedder").fetchone()
        if written != (embedder, dim):
            name, length = written or ("none", 0)
            raise StoreVersionError(
                f"{address.name}: written with embedder {name!r} ({length} numbers a vector), opened with"
                f" {embedder!r} ({dim}); open it with {name!r} or start another scene"
            )
        said = db.execute("SELECT value FROM about WHERE name = 'frame'").fetchone()
        return OWN_FRAME if said is None else str(said[0])


def _number_runs(db: Connection) -> None:
    """A scene of version 1 becomes one of version 2, in the transaction that is open: what it holds is of the
    run 0, before runs had numbers. Robots that have it open with an older version meanwhile write on."""
    added = {
        "state": ("run",),
        "records": ("run",),
        "entities": ("position_run", "first_seen_run", "last_seen_run"),
        "facts": ("from_run", "until_run", "seen_run"),
        "sightings": ("run",),
    }
    for table, columns in added.items():
        for column in columns:
            db.execute(f"ALTER TABLE {table} ADD COLUMN {column} bigint NOT NULL DEFAULT 0".encode())
    indices = ("records_time", "facts_from", "facts_until", "sightings_entity", "sightings_time")
    for index in indices:
        db.execute(f"DROP INDEX {index}".encode())
    for statement in TABLES.split(";"):
        if statement.split()[2] in (*indices, "runs") and "evidence" not in statement:
            db.execute(statement.encode())
    db.execute("UPDATE schema_version SET version = 2")


def _read_old_texts(db: Connection) -> None:
    """A scene of version 2 becomes one of version 3, in the transaction that is open: steps, failures and
    lessons, until then told in the texts alone, become fields."""
    db.execute("ALTER TABLE records ADD COLUMN step text NOT NULL DEFAULT 'null'")
    db.execute("ALTER TABLE records ADD COLUMN failures text NOT NULL DEFAULT '[]'")
    rows = db.execute("SELECT id, kind, text FROM records WHERE kind <> 'spatial' AND triple = 'null'")
    for key, kind, text in rows.fetchall():
        found = fields_of(str(kind), str(text))
        if any(found):
            triple, step, failures = found
            db.execute(
                "UPDATE records SET triple = %s, step = %s, failures = %s WHERE id = %s",
                (t.triple_text(triple), t.step_text(step), t.failures_text(failures), key),
            )
    db.execute("UPDATE schema_version SET version = 3")


def _find_evidence(db: Connection) -> None:
    """A scene of version 3 becomes one of version 4, in the transaction that is open: what is believed gets
    the evidence that it follows from. Robots with an older version can't write to it any more."""
    db.execute("ALTER TABLE records ADD COLUMN metadata text NOT NULL DEFAULT '{}'")
    db.execute("ALTER TABLE facts ADD COLUMN times bigint NOT NULL DEFAULT 1")
    db.execute("ALTER TABLE facts ADD COLUMN newest_id bigint NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE facts ADD COLUMN sources text NOT NULL DEFAULT '[]'")
    db.execute("UPDATE facts SET newest_id = record_id")
    old = db.execute(
        "SELECT record_id, entity_id, stamp_ns, x, y, z, recorded_ns, run, seq FROM sightings"
        " ORDER BY run, stamp_ns, record_id"
    ).fetchall()
    db.execute("DROP TABLE sightings")
    for statement in TABLES.split(";"):
        if "sightings" in statement or "evidence" in statement:
            db.execute(statement.encode())
    ((last,),) = db.execute("SELECT last_fact FROM state FOR UPDATE").fetchall()
    number = int(str(last))
    cursor = db.cursor()
    sightings = []
    for record, entity, stamp, x, y, z, recorded, run, seq in old:
        number += 1
        at = Moment(int(str(run)), int(str(stamp)))
        spot = t.position(x, y, z)  # type: ignore[arg-type]
        key = int(str(record))
        seen = Sighting(number, key, int(str(entity)), at, spot, int(str(recorded)), seen=at, newest_id=key)
        sightings.append(seen)
        _insert(cursor, "sightings", f"{t.SIGHTING}, seq", [(*t.values_of_sighting(seen), seq)])
    facts = [t.fact_from(f) for f in db.execute(f"SELECT {t.FACT} FROM facts ORDER BY id".encode())]
    entities = [t.entity_from(e) for e in db.execute(f"SELECT {t.ENTITY} FROM entities".encode())]
    told = db.execute("SELECT id, confidence, source FROM records WHERE kind = 'spatial'").fetchall()
    witnesses = {int(str(key)): (float(str(sure)), str(source)) for key, sure, source in told}
    evidence, number = evidence_of_rows(facts, sightings, entities, witnesses, number)
    _insert(cursor, "evidence", t.EVIDENCE, [t.values_of_evidence(e) for e in evidence])
    db.execute("UPDATE state SET last_fact = %s", (number,))
    db.execute("UPDATE schema_version SET version = 4")


def _add_frames(db: Connection) -> None:
    """A scene of version 4 becomes one of version 5, in the transaction that is open: frames, pictures,
    merges that can be undone, and an identity of its own."""
    db.execute("ALTER TABLE records ADD COLUMN frame text NOT NULL DEFAULT ''")
    for column in ("subject_told", "object_told"):
        statement = f"ALTER TABLE evidence ADD COLUMN IF NOT EXISTS {column} bigint NOT NULL DEFAULT 0"
        db.execute(statement.encode())
    db.execute("ALTER TABLE evidence ADD COLUMN IF NOT EXISTS box text NOT NULL DEFAULT ''")
    db.execute("UPDATE evidence SET subject_told = subject, object_told = object")
    for index in ("evidence_subject", "evidence_object", "facts_subject"):
        db.execute(f"DROP INDEX IF EXISTS {index}".encode())
    new = (
        "merges", "pictures", "pictures_encoder", "about", "evidence_thing", "evidence_said", "evidence_held",
        "facts_thing", "evidence_holder",
    )  # fmt: skip
    for statement in TABLES.split(";"):
        if statement.split()[2] in (*new, "evidence_claims", "facts_span", "records_replaced"):
            statement = statement.replace("CREATE INDEX", "CREATE INDEX IF NOT EXISTS")
            db.execute(statement.encode())
    db.execute(
        "INSERT INTO merges (gone, kept, record_id, recorded_ns) SELECT id, merged_into, 0, recorded_ns"
        " FROM entities WHERE merged_into IS NOT NULL"
    )
    values = (uuid.uuid4().hex, OWN_FRAME)
    db.execute("INSERT INTO about VALUES ('store_id', %s), ('frame', %s)", values)
    db.execute("UPDATE schema_version SET version = 5")


def _insert(
    cursor: psycopg.Cursor[tuple[object, ...]], table: str, columns: str, rows: Sequence[Sequence[object]]
) -> None:
    marks = ", ".join(["%s"] * len(columns.split(",")))
    if rows:
        cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})".encode(), rows)


_MIGRATIONS: dict[int, Callable[[Connection], None]] = {
    1: _number_runs,
    2: _read_old_texts,
    3: _find_evidence,
    4: _add_frames,
}
"""{version: what brings a scene of that version to the next one}."""


def written_with(db: Connection, address: Address) -> str | None:
    """The name of the embedder that the scene was written with; None for a scene that is not there yet."""
    if "embedder" not in _tables(db, address):
        return None
    row = db.execute("SELECT name FROM embedder").fetchone()
    return None if row is None else str(row[0])


def _tables(db: Connection, address: Address) -> set[str]:
    rows = db.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (address.schema,)).fetchall()
    return {str(name) for (name,) in rows}


def _make(db: Connection, address: Address, embedder: str, dim: int, frame: str) -> None:
    try:
        if db.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'").fetchone() is None:
            db.execute("CREATE EXTENSION vector SCHEMA public")
        db.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(address.schema)))
        for statement in TABLES.replace("{vector}", f"vector({int(dim)})").split(";"):
            db.execute(statement.encode())
    except psycopg.errors.InsufficientPrivilege as error:
        raise StoreError(
            f"{address.name}: can't make the tables: {address.conceal(error)}; as its owner:"
            " CREATE EXTENSION vector; GRANT CREATE ON DATABASE ... TO ..."
        ) from None
    except (psycopg.errors.UndefinedFile, psycopg.errors.FeatureNotSupported) as error:
        raise StoreError(
            f"{address.name}: the server has no pgvector (packages: postgresql-NN-pgvector):"
            f" {address.conceal(error)}"
        ) from None
    if dim <= _INLINE:  # else every vector of a search would be fetched from beside the table
        db.execute("ALTER TABLE vectors ALTER COLUMN vector SET STORAGE PLAIN")
    db.execute("INSERT INTO schema_version VALUES (%s)", (SCHEMA_VERSION,))
    db.execute("INSERT INTO embedder VALUES (%s, %s)", (embedder, dim))
    db.execute("INSERT INTO about VALUES ('store_id', %s), ('frame', %s)", (uuid.uuid4().hex, frame))
    db.execute("INSERT INTO state VALUES (0, 0, 0, 0, 0, 0, 0)")
    register_vector(db)
