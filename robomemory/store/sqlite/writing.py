"""What an update writes into the tables of a store in SQLite, within the transaction that is open."""

from __future__ import annotations

import sqlite3

from robomemory.store import rows as t
from robomemory.store.sqlite import schema
from robomemory.update_protocol import LIVE, Change, RecordRow


def _insert(table: str, columns: str, replace: str = "OR REPLACE ") -> str:
    return f"INSERT {replace}INTO {table} ({columns}) VALUES ({','.join('?' * len(columns.split(',')))})"


_PUT_RECORD = _insert("records", t.RECORD_ALL, "")
_PUT_PICTURE = _insert("pictures", t.PICTURE, "")
_PUT_FACT = _insert("facts", t.FACT)
_PUT_SIGHTING = _insert("sightings", t.SIGHTING)
_PUT_EVIDENCE = _insert("evidence", t.EVIDENCE)
_PUT_ENTITY = _insert("entities", f"{t.ENTITY}, vector")
_SET_ENTITY = (
    "UPDATE entities SET name = ?2, ordinal = ?3, x = ?4, y = ?5, z = ?6, position_ns = ?7,"
    " first_seen_ns = ?8, last_seen_ns = ?9, confidence = ?10, recorded_ns = ?11,"
    " merged_into = ?12, position_run = ?13, first_seen_run = ?14, last_seen_run = ?15 WHERE id = ?1"
)


def put(db: sqlite3.Connection, change: Change, recorded_ns: int, seq: int) -> None:
    """Writes what ``change`` sets, as the update ``seq``."""
    db.executemany(_PUT_RECORD, (t.values_of_record(row, recorded_ns, seq) for row in change.rows))
    vectors = ((row.record.id, t.blob(row.vector)) for row in change.rows if row.vector is not None)
    db.executemany("INSERT INTO vectors VALUES (?,?)", vectors)
    db.executemany(_PUT_PICTURE, (t.values_of_picture(row) for row in change.rows if row.picture is not None))
    for kind, table in schema.WORDS.items():
        new = [r.record for r in change.rows if r.record.kind == kind and r.replaced_by == LIVE]
        db.executemany(f"INSERT INTO {table} (rowid, text) VALUES (?,?)", ((r.id, r.text) for r in new))
    for row in change.updates:
        _update(db, row, seq)
    names = dict(change.names)
    new_entities = [e for e in change.entities if e.id in names]
    db.executemany(_PUT_ENTITY, ((*t.values_of_entity(e), t.blob(names[e.id])) for e in new_entities))
    db.executemany(_SET_ENTITY, (t.values_of_entity(e) for e in change.entities if e.id not in names))
    db.executemany(_PUT_FACT, map(t.values_of_fact, change.facts))
    db.executemany(_PUT_SIGHTING, map(t.values_of_sighting, change.sightings))
    db.executemany(_PUT_EVIDENCE, map(t.values_of_evidence, change.evidence))
    for thing, before, now in change.moves:
        for end in ("subject", "object"):
            where = f"{end} = ? AND {end}_told = ?"
            db.execute(f"UPDATE evidence SET {end} = ? WHERE {where}", (now, before, thing))


def _update(db: sqlite3.Connection, row: RecordRow, seq: int) -> None:
    r = row.record
    (before,) = db.execute("SELECT replaced_by FROM records WHERE id = ?", (r.id,)).fetchone()
    db.execute(
        "UPDATE records SET stamp_ns = ?, confidence = ?, replaced_by = ?, seq = ?, run = ?, metadata = ?"
        " WHERE id = ?",
        (r.stamp_ns, r.confidence, row.replaced_by, seq, r.moment.run, t.metadata_text(r.metadata), r.id),
    )
    if r.kind in schema.WORDS and before == LIVE and row.replaced_by != LIVE:
        schema.unindex(db, r.kind, [(r.id, r.text)])
    if r.kind in schema.WORDS and before != LIVE and row.replaced_by == LIVE:
        db.execute(f"INSERT INTO {schema.WORDS[r.kind]} (rowid, text) VALUES (?,?)", (r.id, r.text))
