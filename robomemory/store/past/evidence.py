"""Evidence and believed rows of one thing in the order of time, read as far as they are asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple, TypeVar

from robomemory.belief.evidence import Evidence, Told
from robomemory.belief.sources import Touched
from robomemory.errors import StoreCorruptError
from robomemory.graph.scene import Entity, Fact, Sighting
from robomemory.records import MemoryKind, Position
from robomemory.store import rows as t
from robomemory.timestamps import Moment

FIRST, MOST = 16, 2048
"""Rows of the first piece that is read, and of the last ones."""

Row = tuple[object, ...]
R = TypeVar("R")


class RecordWeight(NamedTuple):
    """A record's ``kind`` and ``moment``, how much evidence it stands for, and a ``thing`` that some of this
    is of (0: none)."""

    kind: MemoryKind
    moment: Moment
    evidence: int
    thing: int


class PastReads(ABC):
    """The statements are read by SQLite and PostgreSQL alike."""

    path: str

    @abstractmethod
    def _all(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """The rows that ``sql`` gives; ``?`` marks each of ``values`` in it."""

    def _pieces(self, sql: str, values: Sequence[object], place: tuple[int, int, int]) -> Iterator[Row]:
        """The rows of ``sql``, whose first columns are (run, stamp, key), after the ``place`` of these three,
        which the last marks in it but one stand for."""
        size = FIRST
        while True:
            rows = self._all(sql, (*values, *place, size))
            yield from rows
            if len(rows) < size:
                return
            place, size = tuple(int(str(v)) for v in rows[-1][:3]), min(4 * size, MOST)  # type: ignore[assignment]

    def evidence_from(
        self, thing: int, since: Moment, told: Collection[Told] = (), without: Collection[int] = ()
    ) -> Iterator[Evidence]:
        """What is told of ``thing`` as subject, from ``since`` on, without what was retracted: only what is
        ``told`` so (empty: however), ``without`` what these records stand for."""
        kinds = f" AND told IN ({','.join(str(int(each)) for each in sorted(told))})" if told else ""
        sql = (
            f"SELECT run, stamp_ns, id, {t.EVIDENCE} FROM evidence WHERE subject = ?{kinds}"
            f"{f' AND {_but(without)}' if without else ''}"
            " AND (run, stamp_ns, id) > (?, ?, ?) AND retracted_ns IS NULL ORDER BY run, stamp_ns, id LIMIT ?"
        )
        rows = self._pieces(sql, (thing, *without), (since.run, since.ns, -1))
        return self._read(t.evidence_from, rows)

    def outline_of(self, records: Sequence[int]) -> list[Evidence]:
        """Of what the ``records`` stand for, the first and the last that each run says of the same things in
        the same way (where these lie is left out), and all that says who is who or that a ball was empty."""
        found: list[Evidence] = []
        for start in range(0, len(records), 400):
            part = list(records[start : start + 400])
            which = f"FROM evidence WHERE record_id IN ({_marks(part)})"
            rows = self._all(
                "SELECT min(id), min(record_id), told, subject, relation, object, run, min(stamp_ns),"
                f" max(stamp_ns), subject_told, object_told {which}"
                " GROUP BY subject, object, told, relation, run, subject_told, object_told",
                part,
            )
            outline = [e for row in rows for e in t.outline_from(row)]
            found += [e for e in outline if e.told < Told.EMPTY]
            if len(found) < len(outline):
                rows = self._all(f"SELECT 0, 0, 0, {t.EVIDENCE} {which} AND told >= {int(Told.EMPTY)}", part)
                found += self._read(t.evidence_from, iter(rows))
        return found

    def newest_told(self, thing: int) -> Moment | None:
        """The newest moment at which anything is told of ``thing`` as subject."""
        rows = self._all(
            "SELECT run, stamp_ns FROM evidence WHERE subject = ? AND retracted_ns IS NULL"
            " ORDER BY run DESC, stamp_ns DESC LIMIT 1",
            (thing,),
        )
        return _moment(rows[0]) if rows else None

    def newest_without(self, run: int, records: Collection[int]) -> int | None:
        """The newest stamp [ns] of what counts of ``run``, without ``records``; None where nothing does."""
        rows = self._all(
            f"SELECT stamp_ns FROM evidence WHERE run = ? AND retracted_ns IS NULL AND {_but(records)}"
            " ORDER BY stamp_ns DESC LIMIT 1",
            (run, *records),
        )
        return int(str(rows[0][0])) if rows else None

    def touched(self, thing: int, records: Collection[int], confidence: float) -> Touched | None:
        """When ``thing`` was told of, and how sure it is, without the ``records``; ``confidence``: the
        highest that may be found. None where it was not told of."""
        found: list[tuple[Moment, Moment]] = []
        sure = 0.0
        for end in ("subject", "object"):
            which = (
                f"FROM evidence WHERE {end} = ? AND {end} != 0 AND retracted_ns IS NULL AND {_but(records)}"
            )
            values = (thing, *records)
            ends = [
                self._all(f"SELECT run, stamp_ns {which} ORDER BY run {way}, stamp_ns {way} LIMIT 1", values)
                for way in ("ASC", "DESC")
            ]
            if not ends[0]:
                continue
            found.append((_moment(ends[0][0]), _moment(ends[1][0])))
            if sure < confidence and self._all(
                f"SELECT 1 {which} AND confidence >= ? LIMIT 1", (*values, confidence)
            ):
                sure = confidence
            elif sure < confidence:
                ((most,),) = self._all(f"SELECT max(confidence) {which}", values)
                sure = max(sure, float(str(most)))
        if not found:
            return None
        return Touched(min(f for f, _ in found), max(last for _, last in found), sure)

    def was_told(self, thing: int, records: Collection[int]) -> bool:
        """Whether anything but the ``records`` ever told of ``thing``, taken back or not."""
        ends = ("subject = ?", "object = ? AND object != 0")
        which = (f"SELECT 1 FROM evidence WHERE {end} AND {_but(records)} LIMIT 1" for end in ends)
        return any(self._all(sql, (thing, *records)) for sql in which)

    def facts_from(self, thing: int, since: Moment) -> Iterator[Fact]:
        """The believed facts of ``thing`` as subject that began at ``since`` or later, oldest first."""
        sql = (
            f"SELECT from_run, valid_from_ns, id, {t.FACT} FROM facts WHERE subject = ?"
            " AND expired_ns IS NULL AND (from_run, valid_from_ns, id) > (?, ?, ?)"
            " ORDER BY from_run, valid_from_ns, id LIMIT ?"
        )
        return self._read(t.fact_from, self._pieces(sql, (thing,), (since.run, since.ns, -1)))

    def facts_back(
        self,
        subjects: Sequence[int],
        relations: Sequence[str],
        objects: Sequence[int] | None,
        by: Moment,
        most: int,
    ) -> list[Fact]:
        """The last ``most`` believed facts with these ends and ``relations`` that began at ``by`` or before,
        the newest first."""
        found: list[Fact] = []
        for subject in subjects:
            which = f"subject = ? AND relation IN ({_marks(relations)})"
            values: list[object] = [subject, *relations]
            if objects is not None:
                which += f" AND object IN ({_marks(objects)})"
                values += objects
            rows = self._all(
                f"SELECT {t.FACT} FROM facts WHERE {which} AND expired_ns IS NULL"
                " AND (from_run, valid_from_ns) <= (?, ?)"
                " ORDER BY from_run DESC, valid_from_ns DESC, id DESC LIMIT ?",
                (*values, *by, most),
            )
            found += [t.fact_from(r) for r in rows]
        return sorted(found, key=lambda f: (f.valid_from, f.id), reverse=True)[:most]

    def facts_at(self, at: Moment) -> list[Fact]:
        """The facts that held at ``at``, as they are believed now."""
        found: list[Fact] = []
        for open_or_later, values in (
            ("valid_until_ns IS NULL", ()),
            ("valid_until_ns IS NOT NULL AND (until_run, valid_until_ns) > (?, ?)", (at.run, at.ns)),
        ):
            rows = self._all(
                f"SELECT {t.FACT} FROM facts WHERE expired_ns IS NULL AND {open_or_later}"
                " AND (from_run, valid_from_ns) <= (?, ?)",
                (*values, *at),
            )
            found += [t.fact_from(r) for r in rows]
        return found

    def sightings_at(self, at: Moment) -> list[Sighting]:
        """What named each thing last at ``at`` without a place, then where each had been seen last."""
        found: list[Sighting] = []
        for placed in ("NULL", "NOT NULL"):
            columns = ", ".join(f"s.{name}" for name in t.SIGHTING.split(", "))
            rows = self._all(
                f"SELECT {columns} FROM entities e JOIN sightings s ON s.id = (SELECT p.id FROM sightings p"
                f" WHERE p.entity_id = e.id AND p.x IS {placed} AND p.expired_ns IS NULL"
                " AND (p.run, p.stamp_ns) <= (?, ?) ORDER BY p.run DESC, p.stamp_ns DESC, p.id DESC LIMIT 1)",
                at,
            )
            found += [t.sighting_from(r) for r in rows]
        return found

    def track_from(self, thing: int, since: Moment, *, missed: bool = False) -> Iterator[Sighting]:
        """The believed places of ``thing`` that began at ``since`` or later, oldest first; ``missed``: only
        those where it was missed."""
        sql = (
            f"SELECT run, stamp_ns, id, {t.SIGHTING} FROM sightings WHERE entity_id = ? AND x IS NOT NULL"
            f" AND expired_ns IS NULL{' AND until_ns IS NOT NULL' if missed else ''}"
            " AND (run, stamp_ns, id) > (?, ?, ?) ORDER BY run, stamp_ns, id LIMIT ?"
        )
        return self._read(t.sighting_from, self._pieces(sql, (thing,), (since.run, since.ns, -1)))

    def track_back(self, thing: int, by: Moment, most: int, *, placed: bool = True) -> list[Sighting]:
        """The last ``most`` believed places of ``thing`` that began at ``by`` or before, the newest first;
        not ``placed``: what only named it."""
        rows = self._all(
            f"SELECT {t.SIGHTING} FROM sightings WHERE entity_id = ? AND x IS {'NOT ' if placed else ''}NULL"
            " AND expired_ns IS NULL AND (run, stamp_ns) <= (?, ?)"
            " ORDER BY run DESC, stamp_ns DESC, id DESC LIMIT ?",
            (thing, *by, most),
        )
        return [t.sighting_from(r) for r in rows]

    def related(self, thing: int) -> set[tuple[int, str, int]]:
        """The (subject, relation, object) that anything was ever said of, with ``thing`` as an end. Each is
        looked up once, however often it was said."""
        found: set[tuple[int, str, int]] = set()
        for this, that in (("subject", "object"), ("object", "subject")):
            sql = f"SELECT relation, {that} FROM evidence WHERE {this} = ? AND object != 0 AND"
            other = f"{sql} relation = ? AND {that} > ? ORDER BY relation, {that} LIMIT 1"
            another = f"{sql} relation > ? ORDER BY relation, {that} LIMIT 1"  # a pair would be scanned for
            rows = self._all(another, (thing, ""))
            while rows:
                relation, end = str(rows[0][0]), int(str(rows[0][1]))
                found.add((thing, relation, end) if this == "subject" else (end, relation, thing))
                rows = self._all(other, (thing, relation, end)) or self._all(another, (thing, relation))
        return found

    def seen_within(self, center: Position, radius_m: float) -> list[int]:
        """The things that were ever believed to be in the box around that ball, or a step beside it."""
        where, values = ["x IS NOT NULL"], list[object]()
        for axis, middle in zip("xyz", center, strict=True):
            where.append(f"{axis} BETWEEN ? AND ?")
            values += (middle - radius_m - STEP_M, middle + radius_m + STEP_M)
        rows = self._all(f"SELECT DISTINCT entity_id FROM sightings WHERE {' AND '.join(where)}", values)
        return [int(str(key)) for (key,) in rows]

    def weights(self, records: Sequence[int]) -> dict[int, RecordWeight]:
        """{key: what it weighs} of the ``records`` that are there."""
        found: dict[int, RecordWeight] = {}
        for start in range(0, len(records), 400):
            part = list(records[start : start + 400])
            sql = (
                "SELECT id, kind, run, stamp_ns,"
                " (SELECT count(*) FROM evidence WHERE record_id = records.id),"
                " coalesce((SELECT subject FROM evidence WHERE record_id = records.id LIMIT 1), 0)"
                f" FROM records WHERE id IN ({_marks(part)})"
            )
            for key, kind, run, ns, count, thing in self._all(sql, part):
                moment = _moment((run, ns))
                weight = RecordWeight(MemoryKind(str(kind)), moment, int(str(count)), int(str(thing)))
                found[int(str(key))] = weight
        return found

    def moments(self, records: Sequence[int]) -> dict[int, tuple[MemoryKind, Moment]]:
        """{key: (kind, moment)} of the ``records`` that are there."""
        found: dict[int, tuple[MemoryKind, Moment]] = {}
        for start in range(0, len(records), 400):
            part = list(records[start : start + 400])
            sql = f"SELECT id, kind, run, stamp_ns FROM records WHERE id IN ({_marks(part)})"
            for key, kind, *at in self._all(sql, part):
                found[int(str(key))] = MemoryKind(str(kind)), _moment(at)
        return found

    def stored(self, kind: MemoryKind) -> int:
        """How many records of ``kind`` are there, replaced ones too."""
        ((n,),) = self._all("SELECT count(*) FROM records WHERE kind = ?", (str(kind),))
        return int(str(n))

    def newest_stamp(self, run: int) -> int | None:
        """The newest stamp of ``run`` [ns]; None where nothing was told in it."""
        found: list[int] = []
        for kind in MemoryKind:
            rows = self._all(
                "SELECT stamp_ns FROM records WHERE kind = ? AND run = ? ORDER BY stamp_ns DESC LIMIT 1",
                (str(kind), run),
            )
            found += [int(str(ns)) for (ns,) in rows]
        return max(found, default=None)

    def about(self, name: str) -> str | None:
        """What the store says of itself under ``name``; None where it says nothing."""
        rows = self._all("SELECT value FROM about WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def labels(self, things: Sequence[int]) -> dict[int, str]:
        """{key: the name by which people tell it apart} of ``things``."""
        return {e.id: e.label for e in self.entities_of(things)}

    def entities_of(self, things: Sequence[int]) -> list[Entity]:
        """The things with the keys ``things``, merged ones too."""
        found: list[Entity] = []
        keys = sorted(set(things))
        for start in range(0, len(keys), 400):
            part = keys[start : start + 400]
            sql = f"SELECT {t.ENTITY} FROM entities WHERE id IN ({_marks(part)})"
            found += [t.entity_from(e) for e in self._all(sql, part)]
        return found

    def _read(self, decode: Callable[[Sequence[object]], R], rows: Iterator[Row]) -> Iterator[R]:
        for row in rows:
            try:
                yield decode(row[3:])
            except (ValueError, TypeError) as error:
                raise StoreCorruptError(f"{self.path}: evidence: {error}") from error


STEP_M = 0.02
"""What was seen as unmoved may have been so far from where it was first seen."""


def _moment(row: Sequence[object]) -> Moment:
    return Moment(int(str(row[0])), int(str(row[1])))


def _but(records: Collection[int]) -> str:
    return f"record_id NOT IN ({_marks(list(records))})"


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
