"""Forgetting in SQLite: a forgotten record is gone from the file, with its words, its vector and every line
that was drawn from it."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager
from typing import Protocol

from robomemory.records import MemoryKind
from robomemory.store.forgetting import ForgetChoice, Forgotten, holds
from robomemory.store.sqlite.schema import WORDS, unindex
from robomemory.update_protocol import LIVE


class ForgettingStore(Protocol):
    """The slice of a store in SQLite that is deleted from."""

    def writing(self, recorded_ns: int) -> AbstractContextManager[tuple[sqlite3.Connection, int]]: ...

    def scrub(self) -> None: ...


def forget(store: ForgettingStore, choice: ForgetChoice, recorded_ns: int) -> Forgotten:
    """Deletes what ``choice`` chooses, and the compressed lines that were drawn from it, in one durable
    transaction: facts and sightings that rest on it go, too, and things of which nothing is left.

    Raises:
        StoreError: the disk failed; nothing was forgotten.
    """
    with store.writing(recorded_ns) as (db, seq):
        db.execute("CREATE TEMP TABLE doomed (id INTEGER PRIMARY KEY)")
        try:
            _choose(db, choice)
            _with_lines(db)
            rows = db.execute(
                "SELECT id, kind, text, replaced_by FROM records WHERE id IN (SELECT id FROM doomed)"
            ).fetchall()
            for kind in WORDS:
                texts = [(key, text) for key, k, text, by in rows if k == kind and by == LIVE]
                if texts:
                    unindex(db, kind, texts)
                    # Else the words of what is gone would stay in the index until it is next merged.
                    db.execute(f"INSERT INTO {WORDS[kind]} ({WORDS[kind]}) VALUES ('optimize')")
            _delete(db, seq)
        finally:
            db.execute("DROP TABLE temp.doomed")
    store.scrub()
    ids: dict[MemoryKind, list[int]] = {}
    for key, kind, _, _ in rows:
        ids.setdefault(MemoryKind(kind), []).append(key)
    return Forgotten(ids)


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
        db.create_function("holds", 4, holds(choice.query), deterministic=True)
        where.append("holds(text, x, y, z)")
        if choice.query.span is not None:
            where.append("(run, stamp_ns) >= (?, ?) AND (run, stamp_ns) <= (?, ?)")
            values += (*choice.query.span[0], *choice.query.span[1])
    place = "row_number() OVER (PARTITION BY kind ORDER BY run DESC, stamp_ns DESC, id DESC)"
    ranked = (
        f"SELECT *, {place} AS place FROM records" if choice.keep is not None else "SELECT * FROM records"
    )
    db.execute(f"INSERT INTO doomed SELECT id FROM ({ranked}) WHERE {' AND '.join(where)}", values)
    db.execute("DROP TABLE IF EXISTS temp.wanted")


def _with_lines(db: sqlite3.Connection) -> None:
    """A compressed line holds the words of its steps, so it goes with each of them."""
    while (
        db.execute(
            "INSERT OR IGNORE INTO doomed SELECT r.replaced_by FROM records r JOIN doomed d ON r.id = d.id"
            " WHERE r.kind = 'temporal' AND r.replaced_by > 0"
            " AND EXISTS (SELECT 1 FROM records l WHERE l.id = r.replaced_by)"
        ).rowcount
        > 0
    ):
        pass


def _delete(db: sqlite3.Connection, seq: int) -> None:
    gone = "(SELECT id FROM doomed)"
    db.execute("CREATE TEMP TABLE hit (id INTEGER PRIMARY KEY)")
    for column in ("subject", "object"):
        db.execute(f"INSERT OR IGNORE INTO hit SELECT {column} FROM facts WHERE record_id IN {gone}")
    db.execute(f"INSERT OR IGNORE INTO hit SELECT entity_id FROM sightings WHERE record_id IN {gone}")
    db.execute(f"DELETE FROM facts WHERE record_id IN {gone}")
    db.execute(f"UPDATE facts SET ended_by = 0 WHERE ended_by IN {gone}")
    db.execute(f"DELETE FROM sightings WHERE record_id IN {gone}")
    db.execute(f"DELETE FROM vectors WHERE record_id IN {gone}")
    db.execute(f"INSERT OR REPLACE INTO deleted SELECT id, {seq} FROM doomed")
    db.execute(f"DELETE FROM records WHERE id IN {gone}")
    for axis, column in (*((a, a) for a in "xyz"), ("stamp_ns", "position_ns"), ("run", "position_run")):
        last = (
            f"SELECT {axis} FROM sightings s WHERE s.entity_id = entities.id AND s.x IS NOT NULL"
            " ORDER BY s.run DESC, s.stamp_ns DESC LIMIT 1"
        )
        value = f"({last})" if axis == column else f"coalesce(({last}), 0)"
        db.execute(f"UPDATE entities SET {column} = {value} WHERE id IN (SELECT id FROM hit)")
    left = (
        "SELECT subject FROM facts UNION SELECT object FROM facts UNION SELECT entity_id FROM sightings"
        " UNION SELECT merged_into FROM entities WHERE merged_into IS NOT NULL"
    )
    db.execute(f"DELETE FROM entities WHERE id IN (SELECT id FROM hit) AND id NOT IN ({left})")
    db.execute("DELETE FROM aliases WHERE entity_id NOT IN (SELECT id FROM entities)")
    db.execute("DROP TABLE temp.hit")
