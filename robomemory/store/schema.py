"""The tables of a store, and how a store of an older version becomes one of this version."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from robomemory.store import rows as t
from robomemory.update_protocol import UNKNOWN

SCHEMA_VERSION = 3

SCHEMA = """
CREATE TABLE schema_version (version INTEGER NOT NULL);
CREATE TABLE embedder (name TEXT NOT NULL, dim INTEGER NOT NULL);
CREATE TABLE state (
    seq INTEGER NOT NULL, recorded_ns INTEGER NOT NULL, clean INTEGER NOT NULL,
    last_record INTEGER NOT NULL, last_entity INTEGER NOT NULL, last_fact INTEGER NOT NULL,
    run INTEGER NOT NULL DEFAULT 0, mark INTEGER NOT NULL DEFAULT 0);
CREATE TABLE whole (mark INTEGER NOT NULL);
CREATE TABLE runs (run INTEGER PRIMARY KEY, start_ns INTEGER NOT NULL);
CREATE TABLE records (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, stamp_ns INTEGER NOT NULL, text TEXT NOT NULL,
    entities TEXT NOT NULL, x REAL, y REAL, z REAL, triple TEXT NOT NULL,
    confidence REAL NOT NULL, source TEXT NOT NULL,
    recorded_ns INTEGER NOT NULL, replaced_by INTEGER NOT NULL DEFAULT 0, seq INTEGER NOT NULL,
    run INTEGER NOT NULL DEFAULT 0);
CREATE INDEX records_time ON records (kind, run, stamp_ns);
CREATE INDEX records_live ON records (kind) WHERE replaced_by = 0;
CREATE INDEX records_seq ON records (seq);
CREATE TABLE vectors (record_id INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE deleted (record_id INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE entities (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, ordinal INTEGER NOT NULL, x REAL, y REAL, z REAL,
    position_ns INTEGER NOT NULL, first_seen_ns INTEGER NOT NULL, last_seen_ns INTEGER NOT NULL,
    confidence REAL NOT NULL, recorded_ns INTEGER NOT NULL, merged_into INTEGER, vector BLOB NOT NULL,
    position_run INTEGER NOT NULL DEFAULT 0, first_seen_run INTEGER NOT NULL DEFAULT 0,
    last_seen_run INTEGER NOT NULL DEFAULT 0);
CREATE TABLE aliases (name TEXT PRIMARY KEY, entity_id INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE facts (
    id INTEGER PRIMARY KEY, subject INTEGER NOT NULL, relation TEXT NOT NULL, object INTEGER NOT NULL,
    valid_from_ns INTEGER NOT NULL, valid_until_ns INTEGER, recorded_ns INTEGER NOT NULL, expired_ns INTEGER,
    seen_ns INTEGER NOT NULL, confidence REAL NOT NULL, record_id INTEGER NOT NULL,
    ended_by INTEGER NOT NULL DEFAULT 0, from_run INTEGER NOT NULL DEFAULT 0,
    until_run INTEGER NOT NULL DEFAULT 0, seen_run INTEGER NOT NULL DEFAULT 0);
CREATE INDEX facts_subject ON facts (subject);
CREATE INDEX facts_object ON facts (object);
CREATE INDEX facts_record ON facts (record_id);
CREATE INDEX facts_open ON facts (id) WHERE valid_until_ns IS NULL AND expired_ns IS NULL;
CREATE INDEX facts_from ON facts (from_run, valid_from_ns);
CREATE INDEX facts_until ON facts (until_run, valid_until_ns) WHERE valid_until_ns IS NOT NULL;
CREATE TABLE sightings (
    record_id INTEGER NOT NULL, entity_id INTEGER NOT NULL, stamp_ns INTEGER NOT NULL,
    x REAL, y REAL, z REAL, recorded_ns INTEGER NOT NULL, run INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (record_id, entity_id)) WITHOUT ROWID;
CREATE INDEX sightings_entity ON sightings (entity_id, run, stamp_ns);
CREATE INDEX sightings_time ON sightings (run, stamp_ns);
CREATE VIRTUAL TABLE words_episodic USING fts5(text, content='', tokenize='porter unicode61');
CREATE VIRTUAL TABLE words_semantic USING fts5(text, content='', tokenize='porter unicode61');
"""

WORDS = {"episodic": "words_episodic", "semantic": "words_semantic"}
"""The memories whose texts are searched by their words, and the table that does it."""


def create(db: sqlite3.Connection, embedder: str, dim: int) -> None:
    """All tables, in the transaction that is open."""
    for statement in SCHEMA.split(";"):  # executescript would commit before it starts
        db.execute(statement)
    db.execute("INSERT INTO schema_version VALUES (?)", (SCHEMA_VERSION,))
    db.execute("INSERT INTO embedder VALUES (?, ?)", (embedder, dim))
    db.execute("INSERT INTO state VALUES (0, 0, 0, 0, 0, 0, 0, 0)")
    db.execute("INSERT INTO whole VALUES (0)")


def unindex(db: sqlite3.Connection, kind: str, texts: Sequence[tuple[int, str]]) -> None:
    """Takes (key, text) of standing records out of the index of words."""
    table = WORDS[kind]
    db.executemany(f"INSERT INTO {table} ({table}, rowid, text) VALUES ('delete', ?, ?)", texts)


def migrate_1(db: sqlite3.Connection) -> None:
    """A store of version 1 becomes one of this version, in the transaction that is open.

    Version 1 did not keep when a fact was learned: it counts as learned when it began to be true.
    """
    name, dim = db.execute("SELECT name, dim FROM embedder").fetchone()
    for table in ("records", "entities", "facts", "sightings"):
        db.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    db.execute("DROP TABLE schema_version")
    db.execute("DROP TABLE embedder")
    create(db, name, dim)
    spots: dict[int, tuple[int, tuple[float | None, ...]]] = {}
    old = db.execute(
        "SELECT id, kind, stamp_ns, text, entities, position, triple, confidence, source, vector, retired"
        " FROM old_records ORDER BY id"
    )
    for key, kind, stamp, text, names, position, triple, sure, source, vector, retired in old:
        spots[key] = (stamp, _xyz(position))
        db.execute(
            f"INSERT INTO records ({t.RECORD_ALL}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,1,0)",
            (key, kind, stamp, text, names, *_xyz(position), triple, sure, source, stamp,
             UNKNOWN if retired else 0),
        )  # fmt: skip
        if kind != "spatial":
            db.execute("INSERT INTO vectors VALUES (?,?)", (key, vector))
        if kind in WORDS and not retired:
            db.execute(f"INSERT INTO {WORDS[kind]} (rowid, text) VALUES (?,?)", (key, text))
    old = db.execute(
        "SELECT id, name, ordinal, position, position_ns, first_seen_ns, last_seen_ns, confidence, vector"
        " FROM old_entities"
    )
    for key, name, ordinal, position, at, first, last, sure, vector in old.fetchall():
        db.execute(
            f"INSERT INTO entities ({t.ENTITY}, vector) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,0,0,0,?)",
            (key, name, ordinal, *_xyz(position), at, first, last, sure, first, None, vector),
        )
    db.execute(
        f"INSERT INTO facts ({t.FACT}) SELECT id, subject, relation, object, valid_from_ns, valid_until_ns,"
        " valid_from_ns, NULL, valid_from_ns, confidence, record_id, 0, 0, 0, 0 FROM old_facts"
    )
    for record, entity in db.execute("SELECT record_id, entity_id FROM old_sightings").fetchall():
        if record in spots:
            stamp, xyz = spots[record]
            values = (record, entity, stamp, *xyz, stamp)
            db.execute(f"INSERT INTO sightings ({t.SIGHTING}) VALUES (?,?,?,?,?,?,?,0)", values)
    for table in ("records", "entities", "facts", "sightings"):
        db.execute(f"DROP TABLE old_{table}")
    last = [db.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0] for table in _KEYED]
    db.execute("UPDATE state SET seq = 1, last_record = ?, last_entity = ?, last_fact = ?", last)


_KEYED = ("records", "entities", "facts")


def migrate_2(db: sqlite3.Connection) -> None:
    """A store of version 2 becomes one of this version, in the transaction that is open: what it holds is of
    the run 0, before runs had numbers."""
    added = {
        "state": ("run", "mark"),
        "records": ("run",),
        "entities": ("position_run", "first_seen_run", "last_seen_run"),
        "facts": ("from_run", "until_run", "seen_run"),
        "sightings": ("run",),
    }
    for table, columns in added.items():
        for column in columns:
            db.execute(f"ALTER TABLE {table} ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")
    for index in ("records_time", "facts_from", "facts_until", "sightings_entity", "sightings_time"):
        db.execute(f"DROP INDEX {index}")
    known = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    for statement in SCHEMA.split(";"):
        words = statement.split()
        if len(words) > 2 and words[2] not in known and words[1] in ("TABLE", "INDEX"):
            db.execute(statement)
    db.execute("INSERT INTO whole VALUES (0)")
    db.execute("UPDATE schema_version SET version = ?", (SCHEMA_VERSION,))


MIGRATIONS = {1: migrate_1, 2: migrate_2}


def _xyz(position: str) -> tuple[float | None, float | None, float | None]:
    said = json.loads(position)
    return (None, None, None) if said is None else (float(said[0]), float(said[1]), float(said[2]))
