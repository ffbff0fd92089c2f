"""The queries of the memories: records by key, time, place and word, and the rows of the graph.

Reads never wait for a write: each takes a connection of its own and sees the last committed state.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

import numpy as np

from robomemory.belief.confirmations import EvidenceCount
from robomemory.belief.evidence import Evidence
from robomemory.embed.embedder import F32
from robomemory.errors import StoreCorruptError
from robomemory.graph.scene import Entity, Fact, Sighting
from robomemory.names import words
from robomemory.pictures.stored import PictureRows
from robomemory.records import MemoryKind, MemoryRecord, Position, Query
from robomemory.store import rows as t
from robomemory.store.conditions import of_facts, of_sightings
from robomemory.store.filters import FactFilter, SightingFilter
from robomemory.store.finding import RecordFinding, of_evidence
from robomemory.store.past.evidence import PastReads
from robomemory.store.past.tellings import TellingReads
from robomemory.timestamps import Moment
from robomemory.update_protocol import LIVE, REMOVED, RecordRow

CHUNK = 4096
COMMON = 300
"""A word that stands in more records than this tells nothing apart, and scoring it would take long."""

HOLDERS = 300
"""So many records that hold rare words are looked at for the other words of a question."""

RECENT = frozenset({"last", "latest", "newest", "recent", "recently", "lately"})
"""Words that ask for the newest of what fits."""

FILLERS = RECENT | frozenset(
    re.findall(
        r"\w+",
        """a an and are at be been before by did do does for from go goes going gone had has have how i in is
        it its me most my of on one or our so than that the their them then there they this time to was we
        were what when where which who why will with you your""",
    )
)


class StoreReader(PictureRows, PastReads, RecordFinding, TellingReads):
    """The reading half of a store; ``dim``: length of its vectors; ``seq``: number of the last update.

    The statements here are read by SQLite and PostgreSQL alike; where those differ, each store has its own.
    """

    path: str
    dim: int
    seq: int

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[None]:
        """Within it, this thread reads one committed state, whatever is written meanwhile."""

    @abstractmethod
    def _all(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """The rows that ``sql`` gives; ``?`` marks each of ``values`` in it."""

    def records(self, kind: MemoryKind | None = None) -> tuple[MemoryRecord, ...]:
        """The records as they stand in the store, replaced ones too, in the order they came."""
        which, values = ("", ()) if kind is None else ("WHERE kind = ?", (str(MemoryKind(kind)),))
        rows = self._all(f"SELECT {t.RECORD} FROM records {which} ORDER BY id", values)
        return tuple(self._decoded(r) for r in rows)

    def records_standing(self) -> tuple[MemoryRecord, ...]:
        """The records that stand, in the order they came."""
        rows = self._all(f"SELECT {t.RECORD} FROM records WHERE replaced_by = 0 ORDER BY id")
        return tuple(self._decoded(r) for r in rows)

    def records_that_count(self) -> tuple[MemoryRecord, ...]:
        """As :meth:`records`, without what was taken back."""
        which = f"WHERE replaced_by <> {REMOVED} ORDER BY id"
        return tuple(self._decoded(r) for r in self._all(f"SELECT {t.RECORD} FROM records {which}"))

    def count(self, kind: MemoryKind | None = None) -> int:
        """How many records stand, of ``kind`` or of all."""
        which = "" if kind is None else f" AND kind = '{MemoryKind(kind)}'"
        ((n,),) = self._all(f"SELECT count(*) FROM records WHERE replaced_by = 0{which}")
        return int(str(n))

    def counts(self) -> dict[MemoryKind, int]:
        """How many records of each kind stand."""
        rows = self._all("SELECT kind, count(*) FROM records WHERE replaced_by = 0 GROUP BY kind")
        found = {str(kind): int(str(n)) for kind, n in rows}
        return {kind: found.get(kind, 0) for kind in MemoryKind}

    def by_id(self, ids: Sequence[int]) -> dict[int, MemoryRecord]:
        """{key: record} of those ``ids`` that stand."""
        return {key: self._decoded(r) for key, r in self._at(ids).items() if r[11] == LIVE}

    def replacements(self, ids: Sequence[int]) -> dict[int, int]:
        """{key: the standing record that took its place} of those ``ids`` that were replaced."""
        found: dict[int, int] = {}
        ends = {key: key for key in ids}
        while ends:
            rows = self._at(list(set(ends.values())))
            for key, end in list(ends.items()):
                by = int(str(rows[end][11])) if end in rows else REMOVED
                if by > LIVE:
                    ends[key] = by
                else:
                    del ends[key]
                    if by == LIVE and end != key:
                        found[key] = end
        return found

    def _at(self, ids: Sequence[int]) -> dict[int, tuple[object, ...]]:
        found: dict[int, tuple[object, ...]] = {}
        for start in range(0, len(ids), 500):  # SQLite takes at most 999 values in old builds
            part = ids[start : start + 500]
            sql = f"SELECT {t.RECORD} FROM records WHERE id IN ({','.join('?' * len(part))})"
            found |= {int(str(r[0])): r for r in self._all(sql, part)}
        return found

    def _decoded(self, row: Sequence[object]) -> MemoryRecord:
        try:
            return t.record_from(row)
        except (ValueError, TypeError) as error:
            raise StoreCorruptError(f"{self.path}: record {row[0]}: {error}") from error

    def vectors(self, kind: MemoryKind, since: int = -1) -> Iterator[tuple[list[int], F32]]:
        """(keys, unit rows f32 (n, dim)) of the standing records of ``kind`` that were written after the
        update ``since``, in the order of keys, in chunks.

        Raises:
            StoreCorruptError: a vector has another size, or holds NaN; its record is named.
        """
        last = 0
        which, values = ("AND r.seq > ?", (since,)) if since >= 0 else ("", ())
        sql = (
            "SELECT r.id, v.vector FROM records r JOIN vectors v ON v.record_id = r.id WHERE r.kind = ?"
            f" AND r.replaced_by = 0 AND r.id > ? {which} ORDER BY r.id LIMIT ?"
        )
        while rows := self._all(sql, (str(kind), last, *values, CHUNK)):
            ids = [int(str(key)) for key, _ in rows]
            yield ids, self._matrix(rows)
            last = ids[-1]

    def _matrix(self, rows: Sequence[tuple[object, ...]]) -> F32:
        size = 4 * self.dim
        data = b"".join(row[1] for row in rows if isinstance(row[1], bytes) and len(row[1]) == size)
        matrix = np.frombuffer(data, dtype="<f4").reshape(-1, self.dim).astype(np.float32)
        if len(matrix) == len(rows) and np.isfinite(matrix).all():
            return matrix
        for key, value in rows:
            data = value if isinstance(value, bytes) else b""
            try:
                t.vector_from(f"record {key}", data, self.dim)
            except ValueError as error:
                raise StoreCorruptError(f"{self.path}: {error}") from error
        raise StoreCorruptError(f"{self.path}: the vectors of records {rows[0][0]} to {rows[-1][0]} are torn")

    def complain(self, kind: MemoryKind, missing: int) -> None:
        """Raises StoreCorruptError: ``missing`` standing records of ``kind`` have no vector."""
        rows = self._all(
            "SELECT id FROM records WHERE kind = ? AND replaced_by = 0"
            " AND id NOT IN (SELECT record_id FROM vectors) LIMIT 1",
            (str(kind),),
        )
        which = f"record {rows[0][0]}" if rows else "a record"
        raise StoreCorruptError(f"{self.path}: {which} of the {kind} memory has no vector ({missing} in all)")

    def gone_since(self, kind: MemoryKind, seq: int) -> list[int]:
        """Keys that may have stood at update ``seq`` and do not stand any more."""
        deleted = self._all("SELECT record_id FROM deleted WHERE seq > ?", (seq,))
        replaced = self._all(
            "SELECT id FROM records WHERE seq > ? AND kind = ? AND replaced_by != 0", (seq, str(kind))
        )
        return [int(str(key)) for (key,) in (*deleted, *replaced)]

    def live_rows(self, kind: MemoryKind) -> list[RecordRow]:
        """The standing records of a small memory with their vectors, in the order they came."""
        return self._rows("r.kind = ? AND r.replaced_by = 0 ORDER BY r.id", (str(kind),))

    def rows_between(self, kind: MemoryKind, first: Moment, last: Moment, limit: int) -> list[RecordRow]:
        """The newest ``limit`` records of ``kind`` within the span, inclusive, replaced ones too, oldest
        first."""
        where = (
            "r.kind = ? AND (r.run, r.stamp_ns) >= (?, ?) AND (r.run, r.stamp_ns) <= (?, ?)"
            " ORDER BY r.run DESC, r.stamp_ns DESC, r.id DESC LIMIT ?"
        )
        return self._rows(where, (str(kind), *first, *last, limit))[::-1]

    def _rows(self, where: str, values: Sequence[object]) -> list[RecordRow]:
        sql = f"SELECT {t.RECORD}, v.vector FROM records r JOIN vectors v ON v.record_id = r.id WHERE {where}"
        found = []
        for r in self._all(sql, values):
            try:
                found.append(
                    RecordRow(t.record_from(r), t.vector_from(f"record {r[0]}", _bytes(r[-1]), self.dim))
                )
            except (ValueError, TypeError) as error:
                raise StoreCorruptError(f"{self.path}: {error}") from error
        return found

    def lines_of(self, ids: Collection[int]) -> set[int]:
        """The compressed lines that the steps and lines ``ids`` went into."""
        found = {int(str(r[11])) for r in self._at(list(ids)).values() if r[1] == "temporal"}
        return {key for key in found if key > LIVE}

    def drawn_into(self, line: int) -> list[RecordRow]:
        """The steps and lines that went into the compressed ``line``."""
        which = "r.replaced_by = ? AND r.replaced_by > 0"  # the index is of these
        return self._rows(f"r.kind = 'temporal' AND {which} ORDER BY r.id", (line,))

    def replaced_by(self, key: int) -> list[RecordRow]:
        """The records that the record ``key`` took the place of."""
        return self._rows("r.replaced_by = ? AND r.replaced_by > 0 ORDER BY r.id", (key,))

    def row(self, kind: MemoryKind, key: int) -> RecordRow | None:
        """The record ``key`` of ``kind`` with its vector; None if it is not there."""
        found = self._rows("r.kind = ? AND r.id = ?", (str(kind), key))
        return found[0] if found else None

    def entities(self) -> list[tuple[Entity, F32]]:
        """The things with their names' vectors, without those that turned out to be others."""
        rows = self._all(f"SELECT {t.ENTITY}, vector FROM entities WHERE merged_into IS NULL ORDER BY id")
        try:
            return [
                (t.entity_from(e), t.vector_from(f"entity {e[0]}", _bytes(e[-1]), self.dim)) for e in rows
            ]
        except (ValueError, TypeError) as error:
            raise StoreCorruptError(f"{self.path}: {error}") from error

    def things(self) -> list[Entity]:
        """As :meth:`entities`, merged ones too, without the vectors."""
        return [t.entity_from(e) for e in self._all(f"SELECT {t.ENTITY} FROM entities ORDER BY id")]

    def aliases(self) -> list[tuple[str, int]]:
        """(name, entity) of the names that mean a thing known by another name."""
        return [(str(name), int(str(key))) for name, key in self._all("SELECT name, entity_id FROM aliases")]

    def facts(self, asked: FactFilter) -> list[Fact]:
        """The facts that ``asked`` chooses."""
        clause, values = of_facts(asked)
        return [t.fact_from(f) for f in self._all(f"SELECT {t.FACT} FROM facts{clause}", values)]

    def believed_ns(self) -> int:
        """When a fact was believed, or no longer believed, last [ns, the clock of recording]."""
        rows = self._all("SELECT max(recorded_ns), max(expired_ns) FROM facts")
        return max(int(str(ns)) if ns is not None else 0 for ns in rows[0])

    def sightings(self, asked: SightingFilter) -> list[Sighting]:
        """The sightings that ``asked`` chooses."""
        clause, values = of_sightings(asked)
        return [t.sighting_from(s) for s in self._all(f"SELECT {t.SIGHTING} FROM sightings{clause}", values)]

    def evidence(self, things: Sequence[int]) -> list[Evidence]:
        """What counts of ``things``, as subject or object, and what says that a ball was empty."""
        found: dict[int, Evidence] = {}
        for start in range(0, len(things), 400):
            part = list(things[start : start + 400])
            marks = ",".join("?" * len(part))
            for end in ("subject", "object"):
                which = f"{end} IN ({marks}) AND {end} != 0 AND retracted_ns IS NULL"
                found |= {e.id: e for e in self._evidence(which, part)}
        found |= {e.id: e for e in self.empty_balls()}
        return list(found.values())

    def empty_balls(self) -> list[Evidence]:
        """What says that a ball was empty, in the order of time."""
        return self._evidence("told = 4 AND retracted_ns IS NULL ORDER BY run, stamp_ns, id", ())

    def claims(self) -> list[Evidence]:
        """What counts of what was said of who is who."""
        return self._evidence("told >= 5 AND retracted_ns IS NULL", ())

    def links(self) -> list[tuple[int, int]]:
        """The pairs of things that are one though no claim says so: a store of an older version knew it."""
        rows = self._all("SELECT gone, kept FROM merges WHERE undone_ns IS NULL")
        return [(int(str(gone)), int(str(kept))) for gone, kept in rows]

    def merged_things(self) -> list[Entity]:
        """The things that are one with others which stand for them."""
        rows = self._all(f"SELECT {t.ENTITY} FROM entities WHERE merged_into IS NOT NULL ORDER BY id")
        return [t.entity_from(e) for e in rows]

    def evidence_known(self, known_ns: int) -> list[Evidence]:
        """All that was known, and not taken back, at ``known_ns`` [ns, the clock of recording]."""
        which = "recorded_ns <= ? AND (retracted_ns IS NULL OR retracted_ns > ?)"
        return self._evidence(which, (known_ns, known_ns))

    def evidence_of(self, records: Sequence[int]) -> list[Evidence]:
        """What the ``records`` stand for."""
        found: list[Evidence] = []
        for start in range(0, len(records), 400):
            part = list(records[start : start + 400])
            found += self._evidence(f"record_id IN ({','.join('?' * len(part))})", part)
        return found

    def evidence_counts(self, since: Mapping[int, int]) -> list[EvidenceCount]:
        """What the evidence that counts amounts to, of each record of ``since`` {record: the number of the
        last piece that is not of interest}, several for a record where runs or sources differ."""
        found: list[EvidenceCount] = []
        for start in range(0, len(since), 300):
            part = list(since.items())[start : start + 300]
            sql = (
                f"WITH asked (key, since) AS (VALUES {','.join(['(?, ?)'] * len(part))})"
                " SELECT record_id, told = 1, source, run, min(stamp_ns), max(stamp_ns),"
                " count(DISTINCT note_id), max(confidence), max(id) FROM asked JOIN evidence"
                " ON record_id = key AND id > since WHERE retracted_ns IS NULL"
                " GROUP BY record_id, told = 1, source, run"
            )
            found += [t.count_from(r) for r in self._all(sql, [number for pair in part for number in pair])]
        return found

    def all_evidence(self) -> list[Evidence]:
        """All that counts, in the order it came."""
        return self._evidence("retracted_ns IS NULL ORDER BY id", ())

    def records_told(
        self, first: Moment, last: Moment, query: Query, limit: int
    ) -> list[tuple[int, Position | None]]:
        """(record, position) of the evidence that counts, of the span and from the boxes around the place of
        ``query``, with its relation, source and metadata, the newest first."""
        where, values = ["retracted_ns IS NULL"], list[object]()
        where.append("(run, stamp_ns) >= (?, ?) AND (run, stamp_ns) <= (?, ?)")
        values += (*first, *last)
        for condition, more in of_evidence(query, self._has_metadata):
            where.append(condition)
            values += more
        sql = f"SELECT record_id, x, y, z FROM evidence WHERE {' AND '.join(where)}"
        rows = self._all(f"{sql} ORDER BY run DESC, stamp_ns DESC, id DESC LIMIT ?", [*values, limit])
        return [(int(str(r[0])), t.position(*r[1:4])) for r in rows]  # type: ignore[arg-type]

    def _evidence(self, which: str, values: Sequence[object]) -> list[Evidence]:
        try:
            rows = self._all(f"SELECT {t.EVIDENCE} FROM evidence WHERE {which}", values)
            return [t.evidence_from(e) for e in rows]
        except (ValueError, TypeError) as error:
            raise StoreCorruptError(f"{self.path}: evidence: {error}") from error

    @abstractmethod
    def last_sightings(self) -> list[Sighting]:
        """The newest sighting of each thing with a position, and without one."""

    @abstractmethod
    def by_words(self, kind: MemoryKind, text: str, limit: int) -> list[int]:
        """Keys of standing records of ``kind`` that hold rare words of ``text``, best first."""

    @abstractmethod
    def newest_with(self, kind: MemoryKind, text: str, limit: int) -> list[int]:
        """Keys of the newest standing records of ``kind`` that hold every word of ``text`` that is known
        here, fillers aside; none if fewer than two words are known."""

    def recorded_at(self, key: int) -> int | None:
        """When the record ``key`` was recorded [ns]; None if it is not there."""
        rows = self._all("SELECT recorded_ns FROM records WHERE id = ?", (key,))
        return int(str(rows[0][0])) if rows else None

    def newest_saying(self, kind: MemoryKind, text: str, limit: int) -> list[int]:
        """Keys of the newest standing records of ``kind`` with that very text."""
        sql = (
            "SELECT id FROM records WHERE kind = ? AND replaced_by = 0 AND text = ?"
            " ORDER BY run DESC, stamp_ns DESC LIMIT ?"
        )
        return [int(str(key)) for (key,) in self._all(sql, (str(kind), text, limit))]

    def run_start(self, run: int) -> int | None:
        """The stamp at which ``run`` began [ns]; None where nobody said."""
        rows = self._all("SELECT start_ns FROM runs WHERE run = ?", (run,))
        return int(str(rows[0][0])) if rows else None


def tokens(text: str) -> list[str]:
    """The words of ``text`` as the index of words sees them, before stemming."""
    return words(text.replace("_", " "))


def others(asked: Collection[str], rare: Collection[str]) -> frozenset[str]:
    """The words of ``asked`` that are common here and yet say something."""
    return frozenset(asked) - FILLERS - frozenset(rare)


def held(text: str, common: frozenset[str]) -> int:
    """How many of the words ``common`` a text holds: each counts for less than a rare one."""
    return len(common.intersection(tokens(text)))


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""
