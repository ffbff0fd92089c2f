"""Evidence for what a store of an older version believed, when only the last word was kept."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

from robomemory.belief.evidence import Evidence, Told
from robomemory.graph.scene import Entity, Fact, Sighting
from robomemory.timestamps import Moment

Witness = tuple[float, str]
"""How sure a record is, and who told it."""


def evidence_of_rows(
    facts: Iterable[Fact],
    sightings: Iterable[Sighting],
    entities: Iterable[Entity],
    witnesses: Mapping[int, Witness],
    last_number: int,
) -> tuple[list[Evidence], int]:
    """(evidence from which the same follows, last number used). ``witnesses`` {record: how sure it is, and
    who told it}. What a record said again has a note of its own, with a number below 0."""
    numbers = itertools.count(last_number + 1)
    found: list[Evidence] = []

    def tell(
        told: Told, record: int, at: Moment, known_ns: int, subject: int, relation: str = "", obj: int = 0,
        position: tuple[float, float, float] | None = None, *, again: bool = False, sure: float | None = None,
    ) -> None:  # fmt: skip
        confidence, source = witnesses.get(record, (1.0, ""))
        number = next(numbers)
        found.append(
            Evidence(
                number,
                -number if again else record,
                record,
                told,
                subject,
                relation,
                obj,
                at,
                position,
                0.0,
                confidence if sure is None else sure,
                source,
                known_ns,
            )
        )

    for f in facts:
        if f.expired_ns is not None or f.valid_until == f.valid_from or f.subject == f.object:
            continue
        said = (f.subject, f.relation, f.object)
        tell(Told.HOLDS, f.record_id, f.valid_from, f.recorded_ns, *said)
        if f.seen > f.valid_from and (f.valid_until is None or f.seen < f.valid_until):
            tell(Told.HOLDS, f.record_id, f.seen, f.recorded_ns, *said, again=True)
        if f.valid_until is not None:
            by = f.ended_by or f.record_id
            tell(Told.DENIED, by, f.valid_until, f.recorded_ns, *said, again=True, sure=1.0)
    last: dict[int, Sighting] = {}
    for s in sightings:
        told = Told.NAMED if s.position is None else Told.SEEN
        tell(told, s.record_id, s.at, s.recorded_ns, s.entity_id, position=s.position)
        if s.position is not None and (s.entity_id not in last or last[s.entity_id].at <= s.at):
            last[s.entity_id] = s
    for e in entities:
        seen = last.get(e.id)
        if e.merged_into is None and seen is not None and e.position is not None and e.position_at > seen.at:
            again = (Told.SEEN, seen.record_id, e.position_at, e.recorded_ns, e.id)
            tell(*again, position=e.position, again=True)
        if e.merged_into is None and seen is not None and e.last_seen > max(seen.at, e.position_at):
            tell(Told.NAMED, seen.record_id, e.last_seen, e.recorded_ns, e.id, again=True)
    return found, next(numbers) - 1
