"""Filters as SQL that both SQLite and PostgreSQL read; ``?`` marks a value."""

from __future__ import annotations

from collections.abc import Sequence

from robomemory.store.filters import FactFilter, FactOrder, SightingFilter, SightingOrder

Clause = tuple[str, list[object]]
"""(what follows the name of the table, the values of its marks)."""

_FROM, _UNTIL, _AT = "(from_run, valid_from_ns)", "(until_run, valid_until_ns)", "(run, stamp_ns)"
_REPLACED = (
    "NOT EXISTS (SELECT 1 FROM sightings p WHERE p.entity_id = sightings.entity_id AND p.x IS NOT NULL"
    " AND p.expired_ns IS NULL"
    " AND (p.run, p.stamp_ns) > (sightings.run, sightings.stamp_ns) AND (p.run, p.stamp_ns) <= (?, ?))"
)
_FACT_ORDER = {
    FactOrder.ANY: "",
    FactOrder.TOLD: " ORDER BY id",
    FactOrder.TOLD_LAST_FIRST: " ORDER BY id DESC",
    FactOrder.ENDED_LAST_FIRST: " ORDER BY until_run DESC, valid_until_ns DESC, from_run DESC,"
    " valid_from_ns DESC, id DESC",
    FactOrder.BEGAN_LAST_FIRST: " ORDER BY from_run DESC, valid_from_ns DESC, id DESC",
}
_SIGHTING_ORDER = {
    SightingOrder.ANY: "",
    SightingOrder.TIME: " ORDER BY expired_ns IS NULL, run, stamp_ns, id",
    SightingOrder.PLACED_LAST: " ORDER BY x IS NOT NULL, run, stamp_ns",
}


class _Conditions:
    def __init__(self) -> None:
        self._said: list[str] = []
        self.values: list[object] = []

    def add(self, condition: str, *values: object) -> None:
        self._said.append(condition)
        self.values += values

    def one_of(self, column: str, keys: Sequence[int] | None) -> None:
        if keys is not None:
            self.add(f"{column} IN ({','.join('?' * len(keys))})", *keys)

    @property
    def text(self) -> str:
        return f" WHERE {' AND '.join(self._said)}" if self._said else ""


def of_facts(asked: FactFilter) -> Clause:
    """The clause that chooses and sorts the rows of the table ``facts``."""
    where = _Conditions()
    where.one_of("subject", asked.subjects)
    where.one_of("object", asked.objects)
    if asked.updated_after is not None:
        where.add("seq > ?", asked.updated_after)
    elif asked.known_ns is None:
        where.add("expired_ns IS NULL")
    else:
        where.add("recorded_ns <= ? AND (expired_ns IS NULL OR expired_ns > ?)", *[asked.known_ns] * 2)
    if asked.ended is not None:
        where.add("valid_until_ns IS NOT NULL" if asked.ended else "valid_until_ns IS NULL")
    if asked.began_after is not None:
        where.add(f"{_FROM} > (?, ?)", *asked.began_after)
    if asked.began_by is not None:
        where.add(f"{_FROM} <= (?, ?)", *asked.began_by)
    if asked.held_after is not None:
        later = f"{_UNTIL} > (?, ?)"
        where.add(later if asked.ended else f"(valid_until_ns IS NULL OR {later})", *asked.held_after)
    if asked.ended_by is not None:
        where.add(f"{_UNTIL} <= (?, ?)", *asked.ended_by)
    most = "" if asked.limit is None else f" LIMIT {int(asked.limit)}"
    return f"{where.text}{_FACT_ORDER[asked.order]}{most}", where.values


def of_sightings(asked: SightingFilter) -> Clause:
    """The clause that chooses and sorts the rows of the table ``sightings``."""
    where = _Conditions()
    where.one_of("entity_id", asked.things)
    if asked.updated_after is not None:
        where.add("seq > ?", asked.updated_after)
    if asked.updated_after is None:
        where.add("expired_ns IS NULL")
    if asked.placed:
        where.add("x IS NOT NULL")
    if asked.after is not None:
        where.add(f"{_AT} > (?, ?)", *asked.after)
    if asked.by is not None:
        where.add(f"{_AT} <= (?, ?)", *asked.by)
    if asked.in_force_at is not None:
        where.add(_REPLACED, *asked.in_force_at)
        where.add("(until_ns IS NULL OR (until_run, until_ns) > (?, ?))", *asked.in_force_at)
    return f"{where.text}{_SIGHTING_ORDER[asked.order]}", where.values
