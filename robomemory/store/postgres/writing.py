"""What an update, and forgetting, write into the tables, within the transaction that is open."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robomemory.records import MemoryKind
from robomemory.store import rows as t
from robomemory.store.forgetting import Consequences, ForgetChoice, Forgotten, holds
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
_PUT_PICTURE = _insert("pictures", t.PICTURE)
_PUT_ENTITY = _insert("entities", f"{t.ENTITY}, vector, seq", "id")
_PUT_FACT = _insert("facts", f"{t.FACT}, seq", "id")
_PUT_SIGHTING = _insert("sightings", f"{t.SIGHTING}, seq", "id")
_PUT_EVIDENCE = _insert("evidence", t.EVIDENCE, "id")
_SET_RECORD = (
    b"UPDATE records SET stamp_ns = %s, confidence = %s, replaced_by = %s, seq = %s, run = %s, metadata = %s"
    b" WHERE id = %s"
)
_RETIRE = b"UPDATE vectors SET live = %s WHERE record_id = %s"
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
    many(_PUT_PICTURE, [t.values_of_picture(row) for row in change.rows if row.picture is not None])
    updated = [(r.record, r.replaced_by) for r in change.updates]
    many(
        _SET_RECORD,
        [
            (r.stamp_ns, r.confidence, by, seq, r.moment.run, t.metadata_text(r.metadata), r.id)
            for r, by in updated
        ],
    )
    many(_RETIRE, [(by == LIVE, r.id) for r, by in updated])
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
    many(_PUT_EVIDENCE, [t.values_of_evidence(e) for e in change.evidence])
    for thing, before, now in change.moves:
        for end in ("subject", "object"):
            where = f"{end} = %s AND {end}_told = %s"
            db.execute(f"UPDATE evidence SET {end} = %s WHERE {where}".encode(), (now, before, thing))


def chosen(db: Connection, choice: ForgetChoice) -> Forgotten:
    """The records that ``choice`` chooses, as the store in SQLite does."""
    keys = _choose(db, choice)
    rows = db.execute("SELECT kind, id FROM records WHERE id = ANY(%s::bigint[]) ORDER BY id", (keys,))
    ids: dict[MemoryKind, list[int]] = {}
    for kind, key in rows.fetchall():
        ids.setdefault(MemoryKind(str(kind)), []).append(int(str(key)))
    return Forgotten(ids)


def forget(db: Connection, gone: Forgotten, then: Consequences, recorded_ns: int, seq: int) -> None:
    """Deletes the records ``gone`` with all that rests on them, and writes what follows."""
    db.execute("CREATE TEMP TABLE doomed (id bigint PRIMARY KEY) ON COMMIT DROP")
    doomed = "(SELECT id FROM doomed)"
    keys = [*gone.every, *then.emptied]
    db.execute("INSERT INTO doomed SELECT unnest(%s::bigint[])", (keys,))
    db.execute(
        "CREATE TEMP TABLE hit ON COMMIT DROP AS"
        f" SELECT subject AS id FROM facts WHERE record_id IN {doomed}"
        f" UNION SELECT object FROM facts WHERE record_id IN {doomed}"
        f" UNION SELECT subject FROM evidence WHERE record_id IN {doomed}"
        f" UNION SELECT object FROM evidence WHERE record_id IN {doomed}"
        f" UNION SELECT subject_told FROM evidence WHERE record_id IN {doomed}"
        f" UNION SELECT object_told FROM evidence WHERE record_id IN {doomed}"
        f" UNION SELECT entity_id FROM sightings WHERE record_id IN {doomed}".encode()
    )
    for table in ("facts", "sightings", "evidence", "vectors", "pictures"):
        db.execute(f"DELETE FROM {table} WHERE record_id IN {doomed}".encode())
    db.execute(f"UPDATE facts SET ended_by = 0 WHERE ended_by IN {doomed}".encode())
    for table in ("facts", "sightings"):
        db.execute(f"UPDATE {table} SET newest_id = record_id WHERE newest_id IN {doomed}".encode())
    db.execute(f"DELETE FROM records WHERE id IN {doomed}".encode())
    put(db, then.graph, recorded_ns, seq)
    for row in then.lines:
        r = row.record
        db.execute(
            "UPDATE records SET text = %s, stamp_ns = %s, run = %s, confidence = %s, seq = %s WHERE id = %s",
            (r.text, r.stamp_ns, r.moment.run, r.confidence, seq, r.id),
        )
        if row.vector is not None:
            values = (np.asarray(row.vector, np.float32), r.id)
            db.execute("UPDATE vectors SET vector = %s WHERE record_id = %s", values)
    for table, column, more in (("evidence", "subject", ""), ("evidence", "object", " AND object <> 0"),
                                ("sightings", "entity_id", ""), ("entities", "merged_into", "")):  # fmt: skip
        rows = f"SELECT 1 FROM {table} WHERE {column} = hit.id{more}"
        db.execute(f"DELETE FROM hit WHERE EXISTS ({rows})".encode())
    for end in ("subject", "object"):  # another thing stands for it
        told = f"e.{end} = m.merged_into AND e.{end} <> 0 AND e.{end}_told = m.id"
        rows = f"SELECT 1 FROM entities m JOIN evidence e ON {told} WHERE m.id = hit.id"
        db.execute(f"DELETE FROM hit WHERE EXISTS ({rows})".encode())
    db.execute("DELETE FROM facts WHERE subject IN (SELECT id FROM hit)")
    db.execute("DELETE FROM aliases WHERE entity_id IN (SELECT id FROM hit)")
    db.execute("DELETE FROM entities WHERE id IN (SELECT id FROM hit)")


def _choose(db: Connection, choice: ForgetChoice) -> list[int]:
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
    which = f"FROM (SELECT *, {place} FROM records) r WHERE {' AND '.join(where)}"
    if choice.query is None:
        return [int(str(key)) for (key,) in db.execute(f"SELECT id {which}".encode(), values).fetchall()]
    says = holds(choice.query)
    cursor = db.cursor(name="chosen")  # a few texts at a time, not the whole store
    cursor.execute(f"SELECT id, text, entities, triple, x, y, z {which}".encode(), values)
    keys = [int(str(key)) for key, *said in cursor if says(*said)]
    cursor.close()
    return keys
