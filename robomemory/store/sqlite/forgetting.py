"""Forgetting in SQLite: a forgotten record is gone from the file, with its words, its vector and every line
that was drawn from it."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager
from typing import Protocol

from robomemory.records import MemoryKind
from robomemory.store import rows as t
from robomemory.store.forgetting import Consequences, ForgetChoice, Forgotten, holds
from robomemory.store.sqlite.schema import WORDS, unindex
from robomemory.store.sqlite.writing import put
from robomemory.update_protocol import LIVE, RecordRow


class ForgettingStore(Protocol):
    """The slice of a store in SQLite that is deleted from."""

    def writing(self, recorded_ns: int) -> AbstractContextManager[tuple[sqlite3.Connection, int]]: ...

    def scrub(self) -> None: ...


def chosen(db: sqlite3.Connection, choice: ForgetChoice) -> Forgotten:
    """The records that ``choice`` chooses, in the transaction that is open."""
    db.execute("CREATE TEMP TABLE doomed (id INTEGER PRIMARY KEY)")
    try:
        _choose(db, choice)
        rows = db.execute(
            "SELECT id, kind FROM records WHERE id IN (SELECT id FROM doomed) ORDER BY id"
        ).fetchall()
    finally:
        db.execute("DROP TABLE temp.doomed")
    ids: dict[MemoryKind, list[int]] = {}
    for key, kind in rows:
        ids.setdefault(MemoryKind(kind), []).append(key)
    return Forgotten(ids)


def forget(store: ForgettingStore, gone: Forgotten, then: Consequences, recorded_ns: int) -> None:
    """Deletes the records ``gone`` with all that rests on them, and writes what follows, in one durable
    transaction.

    Raises:
        StoreError: the disk failed; nothing was forgotten.
    """
    with store.writing(recorded_ns) as (db, seq):
        db.execute("CREATE TEMP TABLE doomed (id INTEGER PRIMARY KEY)")
        try:
            db.executemany("INSERT INTO doomed VALUES (?)", ((key,) for key in (*gone.every, *then.emptied)))
            rows = db.execute(
                "SELECT id, kind, text, replaced_by FROM records WHERE id IN (SELECT id FROM doomed)"
            ).fetchall()
            for kind in WORDS:
                texts = [(key, text) for key, k, text, by in rows if k == kind and by == LIVE]
                if texts:
                    unindex(db, kind, texts)
            _delete(db, seq)
            put(db, then.graph, recorded_ns, seq)
            for row in then.lines:
                _draw_anew(db, row, seq)
            _tidy(db)
        finally:
            db.execute("DROP TABLE temp.doomed")


def merge_words(db: sqlite3.Connection, kind: MemoryKind, pages: int) -> bool:
    """Merges about so many ``pages`` of the index of words of ``kind``, in which the words of what is gone
    stay until then; fewer than none: begins to merge all of it. Whether anything is left to merge."""
    before = db.total_changes
    table = WORDS[kind]
    db.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('merge', ?)", (pages,))
    return db.total_changes - before >= 2


def _choose(db: sqlite3.Connection, choice: ForgetChoice) -> None:
    where, values = ["1"], list[object]()
    if choice.kinds:
        where.append(f"kind IN ({','.join('?' * len(choice.kinds))})")
        values += sorted(map(str, choice.kinds))
    if choice.before is not None:
        where.append("(run, stamp_ns) < (?, ?)")
        values += choice.before
    if choice.keep is not None:
        where.append("place > ?")
        values.append(choice.keep)
    if choice.ids is not None:
        db.execute("CREATE TEMP TABLE wanted (id INTEGER PRIMARY KEY)")
        db.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", ((i,) for i in choice.ids))
        where.append("id IN (SELECT id FROM temp.wanted)")
    if choice.query is not None:
        db.create_function("holds", 6, holds(choice.query), deterministic=True)
        where.append("holds(text, entities, triple, x, y, z)")
        if choice.query.span is not None:
            where.append("(run, stamp_ns) >= (?, ?) AND (run, stamp_ns) <= (?, ?)")
            values += (*choice.query.span[0], *choice.query.span[1])
    place = "row_number() OVER (PARTITION BY kind ORDER BY run DESC, stamp_ns DESC, id DESC)"
    ranked = (
        f"SELECT *, {place} AS place FROM records" if choice.keep is not None else "SELECT * FROM records"
    )
    db.execute(f"INSERT INTO doomed SELECT id FROM ({ranked}) WHERE {' AND '.join(where)}", values)
    db.execute("DROP TABLE IF EXISTS temp.wanted")


def _delete(db: sqlite3.Connection, seq: int) -> None:
    gone = "(SELECT id FROM doomed)"
    db.execute("DROP TABLE IF EXISTS temp.hit")
    db.execute("CREATE TEMP TABLE hit (id INTEGER PRIMARY KEY)")
    for table, columns in (("facts", "subject, object"), ("sightings", "entity_id"),
                           ("evidence", "subject, object, subject_told, object_told")):  # fmt: skip
        rows = db.execute(f"SELECT DISTINCT {columns} FROM {table} WHERE record_id IN {gone}").fetchall()
        db.executemany("INSERT OR IGNORE INTO hit VALUES (?)", {(key,) for row in rows for key in row})
    for table in ("facts", "sightings", "evidence", "vectors", "pictures"):
        db.execute(f"DELETE FROM {table} WHERE record_id IN {gone}")
    db.execute(f"UPDATE facts SET ended_by = 0 WHERE ended_by IN {gone}")
    for table in ("facts", "sightings"):
        db.execute(f"UPDATE {table} SET newest_id = record_id WHERE newest_id IN {gone}")
    db.execute(f"INSERT OR REPLACE INTO deleted SELECT id, {seq} FROM doomed")
    db.execute(f"DELETE FROM records WHERE id IN {gone}")


def _draw_anew(db: sqlite3.Connection, row: RecordRow, seq: int) -> None:
    r = row.record
    db.execute(
        "UPDATE records SET text = ?, stamp_ns = ?, run = ?, confidence = ?, seq = ? WHERE id = ?",
        (r.text, r.stamp_ns, r.moment.run, r.confidence, seq, r.id),
    )
    if row.vector is not None:
        db.execute("UPDATE vectors SET vector = ? WHERE record_id = ?", (t.blob(row.vector), r.id))


def _tidy(db: sqlite3.Connection) -> None:
    """Things of which nothing is left go."""
    for table, column, more in (("evidence", "subject", ""), ("evidence", "object", " AND object != 0"),
                                ("sightings", "entity_id", ""), ("entities", "merged_into", "")):  # fmt: skip
        rows = f"SELECT 1 FROM {table} WHERE {column} = hit.id{more}"
        db.execute(f"DELETE FROM hit WHERE EXISTS ({rows})")
    for end in ("subject", "object"):  # another thing stands for it
        told = f"e.{end} = m.merged_into AND e.{end} != 0 AND e.{end}_told = m.id"
        rows = f"SELECT 1 FROM entities m JOIN evidence e ON {told} WHERE m.id = hit.id"
        db.execute(f"DELETE FROM hit WHERE EXISTS ({rows})")
    db.execute("DELETE FROM facts WHERE subject IN (SELECT id FROM hit)")
    db.execute("DELETE FROM aliases WHERE entity_id IN (SELECT id FROM hit)")
    db.execute("DELETE FROM entities WHERE id IN (SELECT id FROM hit)")
    db.execute("DROP TABLE temp.hit")
