"""What an update of the graph looks up in the store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from robomemory.belief.evidence import Evidence, Told
from robomemory.belief.sources import Touched
from robomemory.graph.scene import Fact, Sighting
from robomemory.records import MemoryRecord, Position
from robomemory.store.filters import SightingFilter
from robomemory.store.queries import StoreReader
from robomemory.timestamps import FOREVER, Moment


class SceneLookups:
    """The lookups over ``_store``; see :class:`robomemory.belief.sources.EvidenceSource`."""

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

    def evidence_from(
        self, thing: int, since: Moment, told: Collection[Told] = (), without: Collection[int] = ()
    ) -> Iterable[Evidence]:
        """See :class:`robomemory.belief.sources.EvidenceSource`, as the methods that follow."""
        return self._store.evidence_from(thing, since, told, without)

    def newest_told(self, thing: int) -> Moment | None:
        return self._store.newest_told(thing)

    def facts_from(self, thing: int, since: Moment) -> Iterable[Fact]:
        return self._store.facts_from(thing, since)

    def facts_back(
        self,
        subjects: Sequence[int],
        relations: Sequence[str],
        objects: Sequence[int] | None,
        by: Moment,
        most: int,
    ) -> list[Fact]:
        return self._store.facts_back(subjects, relations, objects, by, most)

    def track_from(self, thing: int, since: Moment, *, missed: bool = False) -> Iterable[Sighting]:
        return self._store.track_from(thing, since, missed=missed)

    def track_back(self, thing: int, by: Moment, most: int) -> list[Sighting]:
        return self._store.track_back(thing, by, most)

    def evidence(self, things: Sequence[int]) -> list[Evidence]:
        """What counts of ``things``, as subject or object, and what says that a ball was empty."""
        return self._store.evidence(things)

    def was_told(self, thing: int, records: Collection[int]) -> bool:
        """Whether anything but the ``records`` ever told of ``thing``, taken back or not."""
        return self._store.was_told(thing, records)

    def mentions(self, thing: int) -> list[Sighting]:
        """What only named ``thing``, as it is believed."""
        return [s for s in self._store.sightings(SightingFilter(things=(thing,))) if s.position is None]

    def related(self, thing: int) -> Collection[tuple[int, str, int]]:
        return self._store.related(thing)

    def evidence_of(self, records: Sequence[int]) -> list[Evidence]:
        return self._store.evidence_of(records)

    def outline_of(self, records: Sequence[int]) -> list[Evidence]:
        """Of what the ``records`` stand for, the first and the last that each run says of the same things in
        the same way, and all that says who is who or that a ball was empty."""
        return self._store.outline_of(records)

    def newest_without(self, run: int, records: Collection[int]) -> int | None:
        """The newest stamp [ns] of what counts of ``run``, without ``records``; None where nothing does."""
        return self._store.newest_without(run, records)

    def touched(self, thing: int, records: Collection[int], confidence: float) -> Touched | None:
        """When ``thing`` was told of, without ``records``; None where it was not. ``confidence`` is the
        highest that may be found."""
        return self._store.touched(thing, records, confidence)

    def last_mention(self, thing: int, records: Collection[int]) -> Sighting | None:
        """What named ``thing`` last without a place, without ``records``."""
        rows = self._store.track_back(thing, FOREVER, len(records) + 1, placed=False)
        return next((row for row in rows if row.record_id not in records), None)

    def seen_within(self, center: Position, radius_m: float) -> list[int]:
        """The things that were ever seen in the box around that ball."""
        return self._store.seen_within(center, radius_m)
