"""The long-term memories: what was done and how it went (episodic), what is true in general (semantic)."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from robomemory.embedding import F32
from robomemory.names import content
from robomemory.parts import Asked, Change, Ids, Row, fits, weighed
from robomemory.records import MemoryRecord, Recall
from robomemory.vectors import VectorIndex

NEAR_DUPLICATE = 0.95
"""Cosine from which two semantic texts are compared word by word."""


class LongTermMemory:
    """Records found by the likeness of their text; vectors in FAISS.

    With ``merge`` a text that is known already refreshes its record instead of adding one (paper: the
    updater's "noop"). Same words in the same order are asked for besides a near vector: "put the mug on
    the box" and "put the box on the mug" are neighbours for every embedder.
    """

    def __init__(self, dim: int, *, merge: bool) -> None:
        self._merge = merge
        self._lock = threading.Lock()
        self._index = VectorIndex(dim)
        self._rows: dict[int, Row] = {}

    def plan(self, rows: Sequence[Row], vectors: Mapping[str, F32], ids: Ids) -> Change:
        changed: dict[int, Row] = {}
        for row in rows:
            known = self._known(row, changed) if self._merge else None
            if known is None:
                changed[row.record.id] = row
                continue
            old, new = known.record, row.record
            stamp = max(old.stamp_ns, new.stamp_ns)
            merged = replace(old, stamp_ns=stamp, confidence=max(old.confidence, new.confidence))
            changed[old.id] = Row(merged, known.vector)
        return Change(rows=tuple(changed.values()))

    def _known(self, row: Row, pending: Mapping[int, Row]) -> Row | None:
        with self._lock:
            near = [key for key, cosine in self._index.search(row.vector, 5) if cosine >= NEAR_DUPLICATE]
            candidates = [self._rows[key] for key in near]
        candidates = [pending.get(c.record.id, c) for c in candidates]
        candidates += [p for p in pending.values() if float(p.vector @ row.vector) >= NEAR_DUPLICATE]
        words = content(row.record.text)
        return next((c for c in candidates if content(c.record.text) == words), None)

    def apply(self, change: Change) -> None:
        with self._lock:
            new = [row for row in change.rows if row.record.id not in self._rows]
            if new:
                self._index.put([row.record.id for row in new], [row.vector for row in new])
            self._rows.update((row.record.id, row) for row in change.rows)

    def recall(self, asked: Asked) -> list[Recall]:
        """The most alike records, exact search; ball and time are applied before it, not after."""
        query = asked.query
        with self._lock:
            allowed = None
            if query.near is not None or query.between is not None:
                allowed = [key for key, row in self._rows.items() if fits(query, row.record)]
            # Confidence may turn the order of neighbours, so a few more than asked for are weighed.
            near = self._index.search(asked.vector, asked.k * 2 + 8, allowed)
            found = [self._scored(self._rows[key].record, cosine) for key, cosine in near]
        found = [r for r in found if r.score > 0]
        found.sort(key=lambda r: (-r.score, -r.record.stamp_ns))
        return found[: asked.k]

    @staticmethod
    def _scored(record: MemoryRecord, cosine: float) -> Recall:
        return Recall(record, weighed(cosine, record.confidence))
