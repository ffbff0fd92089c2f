"""Records by their conditions: place, time, relation, source and metadata, without words."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence

from robomemory.belief.relations import RELATIONS
from robomemory.notes import Plain
from robomemory.records import MemoryKind, Query
from robomemory.store import rows as t
from robomemory.update_protocol import relates, within

Condition = tuple[str, list[object]]
"""(what follows WHERE, the values of its marks)."""

PAGE = 4_096  # most rows looked at in one go


class RecordFinding(ABC):
    """The half of a store that finds records; the other half has ``_all`` and says how metadata are asked."""

    @abstractmethod
    def _all(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]: ...

    @abstractmethod
    def _has_metadata(self, name: str, value: Plain) -> Condition:
        """The condition that the column ``metadata`` of ``records`` holds ``value`` under ``name``."""

    def fitting(self, kind: MemoryKind, query: Query, limit: int) -> list[int]:
        """Keys of the standing records of ``kind`` that fit every condition of ``query`` but its text, the
        newest first, at most ``limit``."""
        where, values = ["kind = ?", "replaced_by = 0"], list[object]([str(kind)])
        if query.span is not None:
            where.append("(run, stamp_ns) >= (?, ?) AND (run, stamp_ns) <= (?, ?)")
            values += (*query.span[0], *query.span[1])
        _add(where, values, *bounds_of(query))
        for condition in self._told(kind, query):
            _add(where, values, *condition)
        roughly = query.region is not None or (query.relation is not None and kind is not MemoryKind.SPATIAL)
        found: list[int] = []
        after: tuple[object, ...] = ()
        while len(found) < limit:
            size = min(limit - len(found) if not roughly else max(256, 2 * (limit - len(found))), PAGE)
            more, marks = (" AND (run, stamp_ns, id) < (?, ?, ?)", after) if after else ("", ())
            rows = self._all(
                f"SELECT id, run, stamp_ns, x, y, z, triple FROM records WHERE {' AND '.join(where)}{more}"
                " ORDER BY run DESC, stamp_ns DESC, id DESC LIMIT ?",
                [*values, *marks, size],
            )
            found += [int(str(r[0])) for r in rows if not roughly or _fits(kind, query, r)]
            if len(rows) < size:
                break
            after = (rows[-1][1], rows[-1][2], rows[-1][0])
        return found[:limit]

    def telling(self, query: Query, keys: Collection[int]) -> set[int]:
        """Those of the spatial records ``keys`` that have the relation, source and metadata of ``query``."""
        given, found = sorted(set(keys)), set[int]()
        where, values = ["kind = ?"], list[object]([str(MemoryKind.SPATIAL)])
        for condition in self._told(MemoryKind.SPATIAL, query):
            _add(where, values, *condition)
        for start in range(0, len(given), 400):
            part = given[start : start + 400]
            which = f"{' AND '.join(where)} AND id IN ({','.join('?' * len(part))})"
            rows = self._all(f"SELECT id FROM records WHERE {which}", [*values, *part])
            found |= {int(str(key)) for (key,) in rows}
        return found

    def ends_of(self, keys: Sequence[int]) -> dict[int, tuple[float, set[int]]]:
        """{record: (its confidence, the things that it is about)} of the spatial records ``keys``."""
        found: dict[int, tuple[float, set[int]]] = {}
        for start in range(0, len(keys), 400):
            part = list(keys[start : start + 400])
            rows = self._all(
                "SELECT DISTINCT e.record_id, e.subject, e.object, r.confidence FROM evidence e"
                f" JOIN records r ON r.id = e.record_id WHERE e.record_id IN ({','.join('?' * len(part))})"
                " AND e.told <> 4 AND e.retracted_ns IS NULL",
                part,
            )
            for key, subject, obj, sure in rows:
                _, ends = found.setdefault(int(str(key)), (float(str(sure)), set()))
                ends |= {int(str(subject)), int(str(obj))} - {0}
        return found

    def _told(self, kind: MemoryKind, query: Query) -> list[Condition]:
        """What ``query`` says of relation, source and metadata. A spatial record stands for all notes that
        said the same, so whoever told one of them is its source."""
        found: list[Condition] = []
        spatial = kind is MemoryKind.SPATIAL
        if query.source is not None:
            mine = "source = ?"
            again = "id IN (SELECT record_id FROM evidence WHERE source = ? AND retracted_ns IS NULL)"
            said = [query.source] * (2 if spatial else 1)
            found.append((f"({mine} OR {again})" if spatial else mine, list(said)))
        if query.relation is not None and spatial:
            meant = RELATIONS.meaning(query.relation)
            which = "SELECT record_id FROM evidence WHERE relation = ? AND told = ? AND retracted_ns IS NULL"
            found.append((f"id IN ({which})", [meant.relation, int(meant.denied)]))
        elif query.relation is not None:
            found.append(("triple <> 'null'", []))
        for name, value in (query.metadata or {}).items():
            found.append(self._has_metadata(name, value))
        return found


def _fits(kind: MemoryKind, query: Query, row: Sequence[object]) -> bool:
    if not within(query, t.position(*row[3:6])):  # type: ignore[arg-type]
        return False
    said = json.loads(str(row[6]))
    return kind is MemoryKind.SPATIAL or query.relation is None or relates(query.relation, said)


def _add(where: list[str], values: list[object], condition: str, more: Sequence[object]) -> None:
    if condition:
        where.append(condition)
        values += more


def bounds_of(query: Query) -> Condition:
    """The condition that x, y and z lie in the box around the place that ``query`` asks for."""
    said, values = list[str](), list[object]()
    for low, high in query.bounds:
        for axis, a, b in zip("xyz", low, high, strict=True):
            said.append(f"{axis} BETWEEN ? AND ?")
            values += (a, b)
    return " AND ".join(said), values


def of_evidence(query: Query, has_metadata: Callable[[str, Plain], Condition]) -> list[Condition]:
    """The conditions of ``query`` on the table ``evidence``, but for its span; its place roughly."""
    found = [condition for condition in (bounds_of(query),) if condition[0]]
    if query.source is not None:
        found.append(("source = ?", [query.source]))
    if query.relation is not None:
        meant = RELATIONS.meaning(query.relation)
        found.append(("relation = ? AND told = ?", [meant.relation, int(meant.denied)]))
    for name, value in (query.metadata or {}).items():
        condition, values = has_metadata(name, value)
        found.append((f"record_id IN (SELECT id FROM records WHERE {condition})", values))
    return found
