"""Who told of a thing, how often and when, counted in the store: a thing that is in view all day has a piece
of evidence for every frame."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from robomemory.belief.evidence import FACTS, Told
from robomemory.timestamps import Moment


@dataclass(frozen=True, slots=True)
class Telling:
    """In one run ``source`` saw a thing in ``saw`` notes and said something of it in ``said`` others, from
    the moment ``first`` to the moment ``last``."""

    source: str
    saw: int
    said: int
    first: Moment
    last: Moment


class TellingReads(ABC):
    """A part of a store; the others have ``_all``. The statements are read by SQLite and PostgreSQL alike."""

    @abstractmethod
    def _all(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """The rows that ``sql`` gives; ``?`` marks each of ``values`` in it."""

    def tellings(self, thing: int, others: Collection[int] | None = None) -> list[Telling]:
        """What was told of ``thing`` and not retracted, by source and run; ``others``: only what relates it
        to one of these things."""
        which, values = _of(thing, others)
        rows = self._all(
            "SELECT source, run, SUM(seen), SUM(1 - seen), MIN(stamp_ns), MAX(stamp_ns) FROM (SELECT source,"
            f" run, note_id, stamp_ns, MAX(CASE WHEN told = {int(Told.SEEN)} THEN 1 ELSE 0 END) AS seen"
            f" FROM evidence WHERE {which} GROUP BY note_id, source, run, stamp_ns) AS notes"
            " GROUP BY source, run",
            values,
        )
        found = []
        for source, *numbers in rows:
            run, saw, said, first, last = (int(str(n)) for n in numbers)
            found.append(Telling(str(source), saw, said, Moment(run, first), Moment(run, last)))
        return found

    def records_telling(self, thing: int) -> list[int]:
        """The records that tell of ``thing``, the newest first."""
        which, values = _of(thing, None)
        rows = self._all(
            "SELECT run, MAX(stamp_ns), MAX(id), record_id FROM evidence"
            f" WHERE {which} GROUP BY record_id, run",
            values,
        )
        newest = sorted((tuple(int(str(n)) for n in row) for row in rows), reverse=True)
        return list(dict.fromkeys(row[3] for row in newest))

    def last_said(self, thing: int, relations: Collection[str]) -> Moment | None:
        """When one of ``relations`` was last said of ``thing`` as subject; None if never."""
        rows = self._all(
            f"SELECT run, stamp_ns FROM evidence WHERE subject = ? AND told = {int(Told.HOLDS)}"
            f" AND relation IN ({','.join('?' * len(relations))}) AND retracted_ns IS NULL"
            " ORDER BY run DESC, stamp_ns DESC LIMIT 1",
            (thing, *relations),
        )
        return Moment(int(str(rows[0][0])), int(str(rows[0][1]))) if rows else None


def _of(thing: int, others: Collection[int] | None) -> tuple[str, list[object]]:
    """(condition, its values) of the evidence of ``thing``."""
    said = f"told IN ({', '.join(str(int(told)) for told in FACTS)})"
    which = f"retracted_ns IS NULL AND told != {int(Told.EMPTY)}"
    which += f" AND (subject = ? OR (object = ? AND object != 0 AND {said}))"
    values: list[object] = [thing, thing]
    if others is not None:
        marks = ",".join("?" * len(others)) or "-1"
        which += f" AND {said} AND (subject IN ({marks}) OR object IN ({marks}))"
        values += [*others, *others]
    return which, values
