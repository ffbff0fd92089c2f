"""What an update of the graph looks up in the store."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from robomemory.belief.evidence import Evidence
from robomemory.graph.scene import Fact, Sighting
from robomemory.records import MemoryRecord, Position
from robomemory.store.filters import FactFilter, SightingFilter, SightingOrder
from robomemory.store.queries import StoreReader


class SceneLookups:
    """The lookups over ``_store``; see :class:`robomemory.belief.believing.EvidenceSource`."""

    _store: StoreReader

    def text_of(self, record_id: int) -> str:
        """The text of a record; empty if it is not kept any more."""
        found = self._store.by_id([record_id])
        return found[record_id].text if record_id in found else ""

    def began_ns(self, run: int) -> int:
        """The stamp at which ``run`` began [ns]; 0 where that is unknown."""
        return self._store.run_start(run) or 0

    def records_of(self, ids: Sequence[int]) -> dict[int, MemoryRecord]:
        """The records of ``ids`` that stand."""
        return self._store.by_id(ids) if ids else {}

    def evidence(self, things: Sequence[int]) -> list[Evidence]:
        """See :class:`robomemory.belief.believing.EvidenceSource`, as the methods that follow."""
        return self._store.evidence(things)

    def believed_facts(self, things: Sequence[int]) -> list[Fact]:
        found: dict[int, Fact] = {}
        for start in range(0, len(things), 400):
            part = things[start : start + 400]
            for asked in (FactFilter(subjects=part), FactFilter(objects=part)):
                found |= {f.id: f for f in self._store.facts(asked)}
        return list(found.values())

    def believed_track(self, thing: int) -> list[Sighting]:
        asked = SightingFilter(things=(thing,), placed=True, order=SightingOrder.TIME)
        return self._store.sightings(asked)

    def mentions(self, thing: int) -> list[Sighting]:
        """What only named ``thing``, as it is believed."""
        return [s for s in self._store.sightings(SightingFilter(things=(thing,))) if s.position is None]

    def related(self, thing: int) -> list[tuple[int, str, int]]:
        return self._store.related(thing)

    def evidence_of(self, records: Sequence[int]) -> list[Evidence]:
        return self._store.evidence_of(records)

    def newest_without(self, records: Collection[int]) -> dict[int, int]:
        """{run: the newest stamp [ns] of what counts of it}, without ``records``."""
        newest: dict[int, int] = {}
        for e in self._store.all_evidence():
            if e.record_id not in records:
                newest[e.at.run] = max(newest.get(e.at.run, 0), e.at.ns)
        return newest

    def seen_within(self, center: Position, radius_m: float) -> list[int]:
        """The things that were ever seen in the box around that ball."""
        return self._store.seen_within(center, radius_m)
