"""Forgetting: what is forgotten is gone from the file, from words, vectors and lines drawn from it."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from robomemory import checks
from robomemory.errors import InvalidQueryError
from robomemory.records import MemoryKind, Query, check_kinds
from robomemory.store.queries import tokens
from robomemory.store.schema import WORDS, unindex
from robomemory.timestamps import Moment
from robomemory.update_protocol import LIVE


@dataclass(frozen=True, slots=True)
class ForgetChoice:
    """Which records to forget: those that every given rule chooses, of ``kinds`` (None: of all).

    ``before_ns``: older than this stamp [ns, the robot's clock] of the run ``run`` (None: the run that the
    store is in); records of earlier runs are older. ``keep``: all but the newest so many of each kind;
    ``query``: whose texts hold all words of its text, within its place and time; ``ids``: these;
    ``everything``: all.

    Raises:
        InvalidQueryError: no rule is given, one is out of range, or one chooses nothing or everything by
            accident: no kind, no id, a query without a word.
    """

    kinds: Collection[str] | None = None
    before_ns: int | None = None
    keep: int | None = None
    query: Query | None = None
    ids: Collection[int] | None = None
    everything: bool = False
    run: int | None = None

    def __post_init__(self) -> None:
        err = InvalidQueryError
        if not isinstance(self.everything, bool):
            raise err(f"forget: everything {checks.shown(self.everything)}, expected True or False")
        if not self.everything and all(
            rule is None for rule in (self.before_ns, self.keep, self.query, self.ids)
        ):
            raise err(
                "forget: no rule given; expected at least one of before_ns, keep, query, ids, everything"
            )
        if self.before_ns is not None:
            object.__setattr__(self, "before_ns", checks.stamp("forget: before_ns [ns]", self.before_ns, err))
        if self.run is not None and self.before_ns is None:
            raise err(
                f"forget: run {checks.shown(self.run)} without before_ns, which is a time of it; a query"
                " names the run of its span"
            )
        if self.run is not None:
            object.__setattr__(self, "run", checks.run("forget: run", self.run, err))
        if self.keep is not None:
            keep = checks.whole("forget: keep", self.keep, 2**63 - 1, "2**63 - 1", "records", err)
            object.__setattr__(self, "keep", keep)
        if self.ids is not None:
            object.__setattr__(self, "ids", _keys(self.ids))
        asked = check_kinds("forget: kinds", self.kinds)
        if self.query is not None:
            asked = self._with_query(self.query, asked)
        object.__setattr__(self, "kinds", asked)

    def _with_query(self, query: object, asked: frozenset[MemoryKind]) -> frozenset[MemoryKind]:
        """The kinds that the call and its query agree on; the query is checked."""
        err = InvalidQueryError
        if not isinstance(query, Query):
            raise err(f"forget: query {checks.shown(query)}, expected a text or a Query")
        if not tokens(query.text):
            raise err(
                f"forget: query {checks.shown(query.text)} holds no word of letters or digits, which would"
                " choose every record; say which words, or everything=True"
            )
        if query.k is not None:
            raise err(f"forget: query with k {query.k}: all records that fit are forgotten, so leave k out")
        mine = frozenset(MemoryKind(kind) for kind in query.kinds or ())
        if asked and mine and not asked & mine:
            raise err("forget: the kinds of the call and of its query have none in common")
        return asked & mine if asked and mine else asked | mine

    @property
    def before(self) -> Moment | None:
        """``before_ns`` as a moment of its run."""
        return None if self.before_ns is None else Moment(self.run or 0, self.before_ns)


def _keys(ids: object) -> frozenset[int]:
    err = InvalidQueryError
    if isinstance(ids, str | bytes | Mapping) or not isinstance(ids, Iterable):
        raise err(f"forget: ids {checks.shown(ids)}, expected keys of records")
    keys = frozenset(
        checks.whole("forget: ids", i, 2**63 - 1, "2**63 - 1", "keys of records", err) for i in ids
    )
    if not keys:
        raise err("forget: ids is empty, which chooses no record; name at least one")
    return keys


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


def forget(store: Writable, choice: ForgetChoice, recorded_ns: int) -> Forgotten:
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
        return math.dist((x, y, z), center) <= radius

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
