"""Forgetting: what is forgotten is gone from the file, from words, vectors and lines drawn from it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from robomemory import checks
from robomemory.errors import InvalidQueryError
from robomemory.parts import LIVE
from robomemory.reading import tokens
from robomemory.records import MemoryKind, Query, check_k
from robomemory.schema import WORDS, unindex


@dataclass(frozen=True, slots=True)
class Choice:
    """Which records to forget: those that every given rule chooses, of ``kinds`` (empty: of all).

    ``before_ns``: older than this stamp [ns, the robot's clock]; ``keep``: all but the newest so many of
    each kind; ``query``: whose texts hold all words of its text, within its place and time; ``ids``: these.

    Raises:
        InvalidQueryError: no rule is given, or one is out of range.
    """

    kinds: Collection[str] = frozenset()
    before_ns: int | None = None
    keep: int | None = None
    query: Query | None = None
    ids: Collection[int] | None = None

    def __post_init__(self) -> None:
        err = InvalidQueryError
        if self.before_ns is None and self.keep is None and self.query is None and self.ids is None:
            raise err("forget: no rule given; expected at least one of before_ns, keep, query, ids")
        if self.before_ns is not None:
            checks.stamp("forget: before_ns [ns]", self.before_ns, err)
        if self.keep is not None and (isinstance(self.keep, bool) or self.keep < 0):
            raise err(f"forget: keep {self.keep!r}, expected a whole number from 0")
        if self.query is not None and not isinstance(self.query, Query):
            raise err(f"forget: query {self.query!r}, expected a Query")
        if self.query is not None and self.query.k is not None:
            check_k("forget: k", self.query.k)
        kinds = (self.kinds,) if isinstance(self.kinds, str) else self.kinds
        known = {str(kind) for kind in MemoryKind}
        for kind in kinds:
            if kind not in known:
                raise err(f"forget: unknown kind {kind!r}; allowed are {', '.join(MemoryKind)}")
        asked = frozenset(MemoryKind(kind) for kind in kinds)
        if self.query is not None and self.query.kinds:
            mine = frozenset(MemoryKind(kind) for kind in self.query.kinds)
            asked = asked & mine if asked else mine
            if not asked:
                raise err("forget: the kinds of the call and of its query have none in common")
        object.__setattr__(self, "kinds", asked)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """``ids`` of the records that are gone, by kind."""

    ids: dict[MemoryKind, list[int]]

    def __len__(self) -> int:
        return sum(map(len, self.ids.values()))


class Writable(Protocol):
    """The slice of a store in SQLite that is deleted from."""

    def writing(self, recorded_ns: int) -> AbstractContextManager[tuple[sqlite3.Connection, int]]: ...

    def scrub(self) -> None: ...


def forget(store: Writable, choice: Choice, recorded_ns: int) -> Forgotten:
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


def _choose(db: sqlite3.Connection, choice: Choice) -> None:
    where, values = ["1"], list[object]()
    if choice.kinds:
        where.append(f"kind IN ({','.join('?' * len(choice.kinds))})")
        values += sorted(map(str, choice.kinds))
    if choice.before_ns is not None:
        where.append("stamp_ns < ?")
        values.append(choice.before_ns)
    if choice.keep is not None:
        where.append("place > ?")
        values.append(choice.keep)
    if choice.ids is not None:
        db.execute("CREATE TEMP TABLE wanted (id INTEGER PRIMARY KEY)")
        db.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", ((int(i),) for i in choice.ids))
        where.append("id IN (SELECT id FROM temp.wanted)")
    if choice.query is not None:
        db.create_function("holds", 4, holds(choice.query), deterministic=True)
        where.append("holds(text, x, y, z)")
        if choice.query.between is not None:
            where.append("stamp_ns BETWEEN ? AND ?")
            values += choice.query.between
    place = "row_number() OVER (PARTITION BY kind ORDER BY stamp_ns DESC, id DESC)"
    ranked = (
        f"SELECT *, {place} AS place FROM records" if choice.keep is not None else "SELECT * FROM records"
    )
    db.execute(f"INSERT INTO doomed SELECT id FROM ({ranked}) WHERE {' AND '.join(where)}", values)
    db.execute("DROP TABLE IF EXISTS temp.wanted")


def holds(query: Query) -> Callable[..., bool]:
    """Whether a record (text, x, y, z) holds all words of ``query`` and lies in its ball."""
    wanted = set(tokens(query.text))

    def says(text: str, x: float | None, y: float | None, z: float | None) -> bool:
        if not wanted <= set(tokens(text)):
            return False
        if query.near is None:
            return True
        if x is None or y is None or z is None:
            return False
        center, radius = query.near
        return sum((a - b) ** 2 for a, b in zip((x, y, z), center, strict=True)) <= radius**2

    return says


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
    for axis in ("x", "y", "z", "stamp_ns"):
        column = "position_ns" if axis == "stamp_ns" else axis
        last = (
            f"SELECT {axis} FROM sightings s WHERE s.entity_id = entities.id AND s.x IS NOT NULL"
            " ORDER BY s.stamp_ns DESC LIMIT 1"
        )
        value = f"coalesce(({last}), 0)" if axis == "stamp_ns" else f"({last})"
        db.execute(f"UPDATE entities SET {column} = {value} WHERE id IN (SELECT id FROM hit)")
    left = (
        "SELECT subject FROM facts UNION SELECT object FROM facts UNION SELECT entity_id FROM sightings"
        " UNION SELECT merged_into FROM entities WHERE merged_into IS NOT NULL"
    )
    db.execute(f"DELETE FROM entities WHERE id IN (SELECT id FROM hit) AND id NOT IN ({left})")
    db.execute("DELETE FROM aliases WHERE entity_id NOT IN (SELECT id FROM entities)")
    db.execute("DROP TABLE temp.hit")
