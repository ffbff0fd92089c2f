"""What an update, and forgetting, write into the tables, within the transaction that is open."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robomemory.records import MemoryKind
from robomemory.store import rows as t
from robomemory.store.forgetting import ForgetChoice, Forgotten, holds
from robomemory.store.postgres.link import Connection
from robomemory.update_protocol import LIVE, Change


def _insert(table: str, columns: str, key: str = "") -> bytes:
    """The statement that adds a row of ``columns``, or sets all of them where the row of ``key`` is there."""
    names = columns.split(", ")
    statement = f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * len(names))})"
    if key:
        values = ", ".join(f"{name} = excluded.{name}" for name in names if name not in key.split(", "))
        statement += f" ON CONFLICT ({key}) DO UPDATE SET {values}"
    return statement.encode()


_PUT_RECORD = _insert("records", t.RECORD_ALL)
_PUT_VECTOR = _insert("vectors", "record_id, memory, live, vector")
_PUT_ENTITY = _insert("entities", f"{t.ENTITY}, vector, seq", "id")
_PUT_FACT = _insert("facts", f"{t.FACT}, seq", "id")
_PUT_SIGHTING = _insert("sightings", f"{t.SIGHTING}, seq", "record_id, entity_id")
_PUT_ALIAS = _insert("aliases", "name, entity_id, seq", "name")
_SET_RECORD = (
    b"UPDATE records SET stamp_ns = %s, confidence = %s, replaced_by = %s, seq = %s, run = %s WHERE id = %s"
)
_RETIRE = b"UPDATE vectors SET live = false WHERE record_id = %s"
_ENTITY_COLUMNS = ", ".join(f"{name} = %s" for name in t.ENTITY.split(", ")[1:])
_SET_ENTITY = f"UPDATE entities SET {_ENTITY_COLUMNS}, seq = %s WHERE id = %s".encode()


def put(db: Connection, change: Change, recorded_ns: int, seq: int) -> None:
    """Writes what ``change`` sets, as the update ``seq``."""
    cursor = db.cursor()

    def many(statement: bytes, rows: Sequence[Sequence[object]]) -> None:
        if rows:
            cursor.executemany(statement, rows)

    many(_PUT_RECORD, [t.values_of_record(row, recorded_ns, seq) for row in change.rows])
    many(
        _PUT_VECTOR,
        [
            (row.record.id, str(row.record.kind), row.replaced_by == LIVE, np.asarray(row.vector, np.float32))
            for row in change.rows
            if row.vector is not None
        ],
    )
    updated = [(r.record, r.replaced_by) for r in change.updates]
    many(_SET_RECORD, [(r.stamp_ns, r.confidence, by, seq, r.moment.run, r.id) for r, by in updated])
    many(_RETIRE, [(r.id,) for r, by in updated if by != LIVE])
    names = dict(change.names)
    many(
        _PUT_ENTITY,
        [
            (*t.values_of_entity(e), np.asarray(names[e.id], np.float32), seq)
            for e in change.entities
            if e.id in names
        ],
    )
    known = [t.values_of_entity(e) for e in change.entities if e.id not in names]
    many(_SET_ENTITY, [(*values[1:], seq, values[0]) for values in known])
    many(_PUT_FACT, [(*t.values_of_fact(f), seq) for f in change.facts])
    many(_PUT_SIGHTING, [(*t.values_of_sighting(s), seq) for s in change.sightings])
    many(_PUT_ALIAS, [(name, key, seq) for name, key in change.aliases])
    for gone, kept in change.merges:
        for column in ("subject", "object"):
            db.execute(f"UPDATE facts SET {column} = %s WHERE {column} = %s".encode(), (kept, gone))
        db.execute(
            "DELETE FROM sightings s WHERE entity_id = %s AND EXISTS"
            " (SELECT 1 FROM sightings g WHERE g.entity_id = %s AND g.record_id = s.record_id)",
            (kept, gone),
        )
        db.execute("UPDATE sightings SET entity_id = %s WHERE entity_id = %s", (kept, gone))
        db.execute("UPDATE aliases SET entity_id = %s WHERE entity_id = %s", (kept, gone))


def forget(db: Connection, choice: ForgetChoice) -> Forgotten:
    """Deletes what ``choice`` chooses and what rests on it, as the store in SQLite does."""
    db.execute("CREATE TEMP TABLE doomed (id bigint PRIMARY KEY) ON COMMIT DROP")
    _choose(db, choice)
    while (
        db.execute(  # a compressed line holds the words of its steps, so it goes with each of them
            "INSERT INTO doomed SELECT DISTINCT r.replaced_by FROM records r JOIN doomed d ON r.id = d.id"
            " WHERE r.kind = 'temporal' AND r.replaced_by > 0"
            " AND EXISTS (SELECT 1 FROM records l WHERE l.id = r.replaced_by) ON CONFLICT DO NOTHING"
        ).rowcount
        > 0
    ):
        pass
    gone = "(SELECT id FROM doomed)"
    rows = db.execute(f"SELECT kind, id FROM records WHERE id IN {gone} ORDER BY id".encode()).fetchall()
    hit = "CREATE TEMP TABLE hit ON COMMIT DROP AS SELECT"
    db.execute(
        f"{hit} subject AS id FROM facts WHERE record_id IN {gone}"
        f" UNION SELECT object FROM facts WHERE record_id IN {gone}"
        f" UNION SELECT entity_id FROM sightings WHERE record_id IN {gone}".encode()
    )
    db.execute(f"UPDATE facts SET ended_by = 0 WHERE ended_by IN {gone}".encode())
    for table in ("facts", "sightings", "vectors"):
        db.execute(f"DELETE FROM {table} WHERE record_id IN {gone}".encode())
    db.execute(f"DELETE FROM records WHERE id IN {gone}".encode())
    db.execute(
        "UPDATE entities e SET x = s.x, y = s.y, z = s.z, position_ns = coalesce(s.stamp_ns, 0),"
        " position_run = coalesce(s.run, 0)"
        " FROM hit LEFT JOIN LATERAL (SELECT x, y, z, stamp_ns, run FROM sightings WHERE entity_id = hit.id"
        " AND x IS NOT NULL ORDER BY run DESC, stamp_ns DESC LIMIT 1) s ON true WHERE e.id = hit.id"
    )
    db.execute(
        "DELETE FROM entities WHERE id IN (SELECT id FROM hit) AND id NOT IN (SELECT subject FROM facts"
        " UNION SELECT object FROM facts UNION SELECT entity_id FROM sightings"
        " UNION SELECT merged_into FROM entities WHERE merged_into IS NOT NULL)"
    )
    db.execute("DELETE FROM aliases WHERE entity_id NOT IN (SELECT id FROM entities)")
    ids: dict[MemoryKind, list[int]] = {}
    for kind, key in rows:
        ids.setdefault(MemoryKind(str(kind)), []).append(int(str(key)))
    return Forgotten(ids)


def _choose(db: Connection, choice: ForgetChoice) -> None:
    where, values = ["true"], list[object]()
    if choice.kinds:
        where.append("kind = ANY(%s)")
        values.append(sorted(map(str, choice.kinds)))
    if choice.before is not None:
        where.append("(run, stamp_ns) < (%s, %s)")
        values += choice.before
    if choice.keep is not None:
        where.append("place > %s")
        values.append(choice.keep)
    if choice.ids is not None:
        where.append("id = ANY(%s::bigint[])")
        values.append(sorted(choice.ids))
    if choice.query is not None and choice.query.span is not None:
        where.append("(run, stamp_ns) >= (%s, %s) AND (run, stamp_ns) <= (%s, %s)")
        values += (*choice.query.span[0], *choice.query.span[1])
    place = "row_number() OVER (PARTITION BY kind ORDER BY run DESC, stamp_ns DESC, id DESC) AS place"
    chosen = f"FROM (SELECT *, {place} FROM records) r WHERE {' AND '.join(where)}"
    if choice.query is None:
        db.execute(f"INSERT INTO doomed SELECT id {chosen}".encode(), values)
        return
    says = holds(choice.query)
    cursor = db.cursor(name="chosen")  # a few texts at a time, not the whole store
    cursor.execute(f"SELECT id, text, x, y, z {chosen}".encode(), values)
    keys = [key for key, *said in cursor if says(*said)]
    cursor.close()
    db.execute("INSERT INTO doomed SELECT unnest(%s::bigint[])", (keys,))
