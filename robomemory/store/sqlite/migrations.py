"""How a store of an older version becomes one of this version."""

from __future__ import annotations

import json
import sqlite3
import uuid

from robomemory.belief.old_rows import evidence_of_rows
from robomemory.graph.scene import Sighting
from robomemory.store import rows as t
from robomemory.store.backend import OWN_FRAME
from robomemory.store.old_texts import fields_of
from robomemory.store.sqlite.schema import SCHEMA, WORDS, create
from robomemory.timestamps import Moment
from robomemory.update_protocol import UNKNOWN


def migrate_1(db: sqlite3.Connection) -> None:
    """A store of version 1 becomes one of this version, in the transaction that is open.

    Version 1 did not keep when a fact was learned: it counts as learned when it began to be true.
    """
    name, dim = db.execute("SELECT name, dim FROM embedder").fetchone()
    for table in ("records", "entities", "facts", "sightings"):
        db.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    db.execute("DROP TABLE schema_version")
    db.execute("DROP TABLE embedder")
    create(db, name, dim, OWN_FRAME)
    spots: dict[int, tuple[int, tuple[float | None, ...]]] = {}
    old = db.execute(
        "SELECT id, kind, stamp_ns, text, entities, position, triple, confidence, source, vector, retired"
        " FROM old_records ORDER BY id"
    )
    for key, kind, stamp, text, names, position, triple, sure, source, vector, retired in old:
        spots[key] = (stamp, _xyz(position))
        db.execute(
            f"INSERT INTO records ({t.RECORD_ALL}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,1,0,?,?,'{{}}','')",
            (key, kind, stamp, text, names, *_xyz(position), triple, sure, source, stamp,
             UNKNOWN if retired else 0, t.step_text(None), t.failures_text(())),
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
        " valid_from_ns, NULL, valid_from_ns, confidence, record_id, 0, 0, 0, 0, 1, record_id, '[]'"
        " FROM old_facts"
    )
    (number,) = db.execute("SELECT coalesce(max(id), 0) FROM facts").fetchone()
    for record, entity in db.execute("SELECT record_id, entity_id FROM old_sightings").fetchall():
        if record in spots:
            stamp, xyz = spots[record]
            number += 1
            at = Moment(0, stamp)
            seen = Sighting(number, record, entity, at, t.position(*xyz), stamp, seen=at, newest_id=record)
            _put_sighting(db, seen)
    for table in ("records", "entities", "facts", "sightings"):
        db.execute(f"DROP TABLE old_{table}")
    last = [db.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0] for table in _KEYED]
    db.execute("UPDATE state SET seq = 1, last_record = ?, last_entity = ?, last_fact = ?", (*last, number))
    _read_old_texts(db)
    _find_evidence(db)


_KEYED = ("records", "entities")


def migrate_2(db: sqlite3.Connection) -> None:
    """A store of version 2 becomes one of version 3, in the transaction that is open: what it holds is of the
    run 0, before runs had numbers."""
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
    for index in ("facts_thing", "facts_span"):
        db.execute(f"DROP INDEX IF EXISTS {index}")
    known = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    for statement in SCHEMA.split(";"):
        words = statement.split()
        later = "evidence" in words or words[2:3] == ["sightings_record"]  # of version 5
        if len(words) > 2 and words[2] not in known and words[1] in ("TABLE", "INDEX") and not later:
            db.execute(statement)
    db.execute("INSERT INTO whole VALUES (0)")
    db.execute("UPDATE schema_version SET version = 3")


def migrate_3(db: sqlite3.Connection) -> None:
    """A store of version 3 becomes one of version 4, in the transaction that is open: steps, failures and
    lessons, until then told in the texts alone, become fields."""
    db.execute("ALTER TABLE records ADD COLUMN step TEXT NOT NULL DEFAULT 'null'")
    db.execute("ALTER TABLE records ADD COLUMN failures TEXT NOT NULL DEFAULT '[]'")
    _read_old_texts(db)
    db.execute("UPDATE schema_version SET version = 4")


def migrate_4(db: sqlite3.Connection) -> None:
    """A store of version 4 becomes one of version 5, in the transaction that is open: what is believed gets
    the evidence that it follows from."""
    db.execute("ALTER TABLE records ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}'")
    db.execute("ALTER TABLE facts ADD COLUMN times INTEGER NOT NULL DEFAULT 1")
    db.execute("ALTER TABLE facts ADD COLUMN newest_id INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE facts ADD COLUMN sources TEXT NOT NULL DEFAULT '[]'")
    db.execute("UPDATE facts SET newest_id = record_id")
    db.execute("ALTER TABLE sightings RENAME TO old_sightings")
    for index in ("sightings_entity", "sightings_time"):
        db.execute(f"DROP INDEX {index}")
    for statement in SCHEMA.split(";"):
        if "sightings" in statement or "evidence" in statement:
            db.execute(statement)
    (number,) = db.execute("SELECT last_fact FROM state").fetchone()
    old = db.execute(
        "SELECT record_id, entity_id, stamp_ns, x, y, z, recorded_ns, run FROM old_sightings"
        " ORDER BY run, stamp_ns, record_id"
    )
    for record, entity, stamp, x, y, z, recorded, run in old.fetchall():
        number += 1
        at = Moment(run, stamp)
        spot = t.position(x, y, z)
        _put_sighting(db, Sighting(number, record, entity, at, spot, recorded, seen=at, newest_id=record))
    db.execute("DROP TABLE old_sightings")
    db.execute("UPDATE state SET last_fact = ?", (number,))
    _find_evidence(db)
    db.execute("UPDATE schema_version SET version = 5")


def _put_sighting(db: sqlite3.Connection, sighting: Sighting) -> None:
    marks = ",".join("?" * len(t.SIGHTING.split(",")))
    db.execute(f"INSERT INTO sightings ({t.SIGHTING}) VALUES ({marks})", t.values_of_sighting(sighting))


def _find_evidence(db: sqlite3.Connection) -> None:
    facts = [t.fact_from(f) for f in db.execute(f"SELECT {t.FACT} FROM facts ORDER BY id")]
    seen = [t.sighting_from(s) for s in db.execute(f"SELECT {t.SIGHTING} FROM sightings ORDER BY id")]
    entities = [t.entity_from(e) for e in db.execute(f"SELECT {t.ENTITY} FROM entities ORDER BY id")]
    told = db.execute("SELECT id, confidence, source FROM records WHERE kind = 'spatial'")
    witnesses = {key: (sure, source) for key, sure, source in told}
    (number,) = db.execute("SELECT last_fact FROM state").fetchone()
    evidence, number = evidence_of_rows(facts, seen, entities, witnesses, number)
    marks = ",".join("?" * len(t.EVIDENCE.split(",")))
    sql = f"INSERT INTO evidence ({t.EVIDENCE}) VALUES ({marks})"
    db.executemany(sql, map(t.values_of_evidence, evidence))
    db.execute("UPDATE state SET last_fact = ?", (number,))


def _read_old_texts(db: sqlite3.Connection) -> None:
    rows = db.execute("SELECT id, kind, text FROM records WHERE kind != 'spatial' AND triple = 'null'")
    for key, kind, text in rows.fetchall():
        found = fields_of(kind, text)
        if any(found):
            triple, step, failures = found
            db.execute(
                "UPDATE records SET triple = ?, step = ?, failures = ? WHERE id = ?",
                (t.triple_text(triple), t.step_text(step), t.failures_text(failures), key),
            )


def migrate_5(db: sqlite3.Connection) -> None:
    """A store of version 5 becomes one of version 6, in the transaction that is open: frames, pictures,
    merges that can be undone, and an identity of its own."""
    db.execute("ALTER TABLE records ADD COLUMN frame TEXT NOT NULL DEFAULT ''")
    told = {name for _, name, *_ in db.execute("PRAGMA table_info(evidence)")}
    for column in ("subject_told", "object_told"):
        if column not in told:
            db.execute(f"ALTER TABLE evidence ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")
    if "box" not in told:
        db.execute("ALTER TABLE evidence ADD COLUMN box TEXT NOT NULL DEFAULT ''")
    db.execute("UPDATE evidence SET subject_told = subject, object_told = object")
    for index in ("evidence_subject", "evidence_object", "facts_subject"):
        db.execute(f"DROP INDEX IF EXISTS {index}")
    known = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    for statement in SCHEMA.split(";"):
        words = statement.split()
        if words[1:2] in (["TABLE"], ["INDEX"]) and words[2] not in known:
            db.execute(statement)
    db.execute(
        "INSERT INTO merges (gone, kept, record_id, recorded_ns) SELECT id, merged_into, 0, recorded_ns"
        " FROM entities WHERE merged_into IS NOT NULL"
    )
    db.execute("INSERT INTO about VALUES ('store_id', ?), ('frame', ?)", (uuid.uuid4().hex, OWN_FRAME))
    db.execute("UPDATE schema_version SET version = 6")


MIGRATIONS = {1: migrate_1, 2: migrate_2, 3: migrate_3, 4: migrate_4, 5: migrate_5}
"""{version: what brings a store of that version to a later one}."""


def _xyz(position: str) -> tuple[float | None, float | None, float | None]:
    said = json.loads(position)
    return (None, None, None) if said is None else (float(said[0]), float(said[1]), float(said[2]))
