"""How records are known: how often they were said, since when and by whom."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from robomemory.names import said_of
from robomemory.records import Confirmation, MemoryKind, MemoryRecord, Recall
from robomemory.timestamps import Moment

MOST_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class EvidenceCount:
    """``notes`` that said (``denial``: denied) what the record ``record_id`` says, from the moment ``first``
    to the moment ``last``, told by ``sources``, the surest with ``confidence`` [0, 1]. ``newest_id`` is the
    number of the last piece of evidence among them."""

    record_id: int
    denial: bool
    sources: frozenset[str]
    first: Moment
    last: Moment
    notes: int
    confidence: float
    newest_id: int

    def __add__(self, other: EvidenceCount) -> EvidenceCount:
        """Both together; no note is in both."""
        return EvidenceCount(
            self.record_id,
            self.denial,
            self.sources | other.sources,
            min(self.first, other.first),
            max(self.last, other.last),
            self.notes + other.notes,
            max(self.confidence, other.confidence),
            max(self.newest_id, other.newest_id),
        )


class CountSource(Protocol):
    """Where evidence is counted."""

    def evidence_counts(self, since: Mapping[int, int]) -> Sequence[EvidenceCount]:
        """What the evidence that counts amounts to, of each record of ``since`` {record: the number of the
        last piece that is not of interest}; several for a record where runs or sources differ."""
        ...


class Confirmations:
    """How the records of ``store`` are known. A thing that is in view all day has a piece of evidence for
    every frame, so what was counted is kept, and only what came since is counted when it is asked for again.
    """

    def __init__(self, store: CountSource) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._kept: dict[int, EvidenceCount] = {}

    def clear(self) -> None:
        """Counts anew: evidence was taken away."""
        with self._lock:
            self._kept = {}

    def of(self, records: Iterable[MemoryRecord]) -> dict[int, Confirmation]:
        """{key: how it is known} of ``records``. A spatial record has the confirmations of all notes that
        said the same and were not retracted; any other one that of its own note.

        Raises:
            StoreError: the disk failed.
        """
        every = list(records)
        counts = self._counted([r for r in every if r.kind is MemoryKind.SPATIAL])
        return {r.id: _confirmation(counts[r.id]) if r.id in counts else _own(r) for r in every}

    def told(self, items: Sequence[Recall]) -> list[Recall]:
        """``items``, each with how its record is known. Raises as :meth:`of`."""
        known = self.of([item.record for item in items])
        return [replace(item, evidence=known[item.record.id]) for item in items]

    def _counted(self, records: Sequence[MemoryRecord]) -> dict[int, EvidenceCount]:
        """{key: count} of the spatial ``records``; without those that no evidence stands for."""
        if not records:
            return {}
        kept = self._kept  # after a ``clear`` it is nobody's: what is counted here may be too much for it
        found = {r.id: count for r in records if (count := kept.get(r.id)) is not None}
        denials = {r.id for r in records if r.triple is not None and said_of(*r.triple)[-1]}
        since = {r.id: found[r.id].newest_id if r.id in found else 0 for r in records}
        for one in self._store.evidence_counts(since):
            if one.denial == (one.record_id in denials):  # the note that ends a fact does not confirm it
                key = one.record_id
                found[key] = found[key] + one if key in found else one
        with self._lock:
            if len(kept) + len(found) > MOST_KEPT:
                self._kept = kept = {}
            for key, count in found.items():
                if key not in kept or kept[key].newest_id < count.newest_id:
                    kept[key] = count
        return found


def _own(record: MemoryRecord) -> Confirmation:
    at, source = record.moment, record.source
    return Confirmation(1, at, at, (source,) if source else (), record.confidence)


def _confirmation(count: EvidenceCount) -> Confirmation:
    return Confirmation(count.notes, count.first, count.last, tuple(sorted(count.sources)), count.confidence)
