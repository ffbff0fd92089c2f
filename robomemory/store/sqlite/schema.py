"""The tables of a store."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence

SCHEMA_VERSION = 6

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
    run INTEGER NOT NULL DEFAULT 0, step TEXT NOT NULL DEFAULT 'null', failures TEXT NOT NULL DEFAULT '[]',
    metadata TEXT NOT NULL DEFAULT '{}', frame TEXT NOT NULL DEFAULT '');
CREATE INDEX records_time ON records (kind, run, stamp_ns);
CREATE INDEX records_live ON records (kind) WHERE replaced_by = 0;
CREATE INDEX records_replaced ON records (replaced_by) WHERE replaced_by > 0;
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
    until_run INTEGER NOT NULL DEFAULT 0, seen_run INTEGER NOT NULL DEFAULT 0,
    times INTEGER NOT NULL DEFAULT 1, newest_id INTEGER NOT NULL DEFAULT 0,
    sources TEXT NOT NULL DEFAULT '[]');
CREATE INDEX facts_thing ON facts (subject, from_run, valid_from_ns);
CREATE INDEX facts_object ON facts (object);
CREATE INDEX facts_record ON facts (record_id);
CREATE INDEX facts_open ON facts (id) WHERE valid_until_ns IS NULL AND expired_ns IS NULL;
CREATE INDEX facts_from ON facts (from_run, valid_from_ns);
CREATE INDEX facts_span ON facts (until_run, valid_until_ns, from_run, valid_from_ns)
    WHERE valid_until_ns IS NOT NULL AND expired_ns IS NULL;
CREATE INDEX facts_until ON facts (until_run, valid_until_ns) WHERE valid_until_ns IS NOT NULL;
CREATE TABLE sightings (
    id INTEGER PRIMARY KEY, record_id INTEGER NOT NULL, entity_id INTEGER NOT NULL, stamp_ns INTEGER NOT NULL,
    x REAL, y REAL, z REAL, recorded_ns INTEGER NOT NULL, run INTEGER NOT NULL DEFAULT 0,
    until_ns INTEGER, until_run INTEGER NOT NULL DEFAULT 0, expired_ns INTEGER, seen_ns INTEGER NOT NULL,
    seen_run INTEGER NOT NULL, times INTEGER NOT NULL, confidence REAL NOT NULL, newest_id INTEGER NOT NULL,
    sources TEXT NOT NULL);
CREATE INDEX sightings_entity ON sightings (entity_id, run, stamp_ns);
CREATE INDEX sightings_time ON sightings (run, stamp_ns);
CREATE INDEX sightings_record ON sightings (record_id);
CREATE TABLE evidence (
    id INTEGER PRIMARY KEY, note_id INTEGER NOT NULL, record_id INTEGER NOT NULL, told INTEGER NOT NULL,
    subject INTEGER NOT NULL, relation TEXT NOT NULL, object INTEGER NOT NULL, run INTEGER NOT NULL,
    stamp_ns INTEGER NOT NULL, x REAL, y REAL, z REAL, radius REAL NOT NULL, confidence REAL NOT NULL,
    source TEXT NOT NULL, recorded_ns INTEGER NOT NULL, retracted_ns INTEGER,
    subject_told INTEGER NOT NULL DEFAULT 0, object_told INTEGER NOT NULL DEFAULT 0,
    box TEXT NOT NULL DEFAULT '');
CREATE INDEX evidence_thing ON evidence (subject, run, stamp_ns);
CREATE INDEX evidence_said ON evidence (subject, relation, object) WHERE object != 0;
CREATE INDEX evidence_held ON evidence (object, relation, subject) WHERE object != 0;
CREATE INDEX evidence_holder ON evidence (object, run, stamp_ns) WHERE object != 0;
CREATE INDEX evidence_record ON evidence (record_id);
CREATE INDEX evidence_time ON evidence (run, stamp_ns);
CREATE INDEX evidence_empty ON evidence (told) WHERE told = 4;
CREATE INDEX evidence_claims ON evidence (told) WHERE told >= 5;
CREATE TABLE merges (
    id INTEGER PRIMARY KEY, gone INTEGER NOT NULL, kept INTEGER NOT NULL, record_id INTEGER NOT NULL,
    recorded_ns INTEGER NOT NULL, undone_ns INTEGER);
CREATE TABLE pictures (
    record_id INTEGER PRIMARY KEY, encoder TEXT NOT NULL DEFAULT '', vector BLOB, data BLOB NOT NULL);
CREATE INDEX pictures_encoder ON pictures (encoder);
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE words_episodic USING fts5(text, content='', tokenize='porter unicode61');
CREATE VIRTUAL TABLE words_semantic USING fts5(text, content='', tokenize='porter unicode61');
"""

WORDS = {"episodic": "words_episodic", "semantic": "words_semantic"}
"""The memories whose texts are searched by their words, and the table that does it."""


def create(db: sqlite3.Connection, embedder: str, dim: int, frame: str) -> None:
    """All tables, in the transaction that is open."""
    for statement in SCHEMA.split(";"):  # executescript would commit before it starts
        db.execute(statement)
    db.execute("INSERT INTO schema_version VALUES (?)", (SCHEMA_VERSION,))
    db.execute("INSERT INTO embedder VALUES (?, ?)", (embedder, dim))
    db.execute("INSERT INTO state VALUES (0, 0, 0, 0, 0, 0, 0, 0)")
    db.execute("INSERT INTO whole VALUES (0)")
    db.execute("INSERT INTO about VALUES ('store_id', ?), ('frame', ?)", (uuid.uuid4().hex, frame))


def unindex(db: sqlite3.Connection, kind: str, texts: Sequence[tuple[int, str]]) -> None:
    """Takes (key, text) of standing records out of the index of words."""
    table = WORDS[kind]
    db.executemany(f"INSERT INTO {table} ({table}, rowid, text) VALUES ('delete', ?, ?)", texts)
