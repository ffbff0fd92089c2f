"""Spatial records by their conditions, without words or with some."""

from __future__ import annotations

import threading
from dataclasses import replace

from robomemory.belief.carrying import CarriedPlace
from robomemory.belief.evidence import Evidence, Told
from robomemory.graph.current_graph import SceneState
from robomemory.places.regions import Box
from robomemory.records import MemoryKind, MemoryRecord, Position, Query, Recall
from robomemory.store.queries import StoreReader
from robomemory.update_protocol import Asked, weighed, within

MOST_TOLD = 100_000  # pieces of evidence of a span that are looked at
MOST_FOUND = 20_000  # records that fit the conditions and are compared with the words


class SceneFinding:
    """Reads ``_state`` under ``_lock``, and what is not in it from ``_store``."""

    _state: SceneState
    _lock: threading.RLock
    _store: StoreReader

    def places_within(self, center: Position, radius_m: float) -> dict[int, CarriedPlace]:
        raise NotImplementedError

    def _likeness(self, key: int, asked: Asked) -> float:
        raise NotImplementedError

    def _true(self, key: int, record: MemoryRecord, query: Query) -> bool:
        raise NotImplementedError

    def places_in(self, query: Query) -> dict[int, CarriedPlace]:
        """Where each thing is now that is in the ball and the box of ``query``, which has one of them."""
        region = query.region
        assert region is not None
        center, radius = region.ball if isinstance(region, Box) else region
        found = self.places_within(center, radius)
        return {key: place for key, place in found.items() if within(query, place.position)}

    def fitting(self, query: Query, k: int) -> list[MemoryRecord]:
        """The records that fit the conditions of ``query``, the newest first, at most ``k``: of a span
        everything that was told in it; of a place the things that are there now; else all that stand."""
        if query.span is not None:
            told = self._store.records_told(*query.span, query, MOST_TOLD)
            keys = [key for key, spot in told if within(query, spot)]
        elif query.region is not None:
            with self._lock:
                places = self.places_in(query)
                there = sorted(((p.at, key) for key, p in places.items()), reverse=True)
                rows = [self._state.last.get(key) or self._state.mentions.get(key) for _, key in there]
                facts = [f.record_id for _, key in there for f in self._state.out_of(key)[:1]]
            keys = [s.record_id for s in rows if s is not None] or facts
        else:
            keys = self._store.fitting(MemoryKind.SPATIAL, query, k)
        keys = list(dict.fromkeys(keys))
        if query.filtered and query.region is not None and query.span is None:
            telling = self._store.telling(query, keys)
            keys = [key for key in keys if key in telling]
        records = self._store.by_id(keys[:k])
        return [records[key] for key in keys[:k] if key in records]

    def alike(self, asked: Asked) -> list[Recall]:
        """Of the records that fit the conditions of the query, those whose things are most like its text;
        what they say holds."""
        query = asked.query
        records = self.fitting(replace(query, text=""), MOST_FOUND)
        things: dict[int, set[int]] = {}
        for e in self._store.evidence_of([record.id for record in records]):
            if e.told is not Told.EMPTY:
                things.setdefault(e.record_id, set()).update(_ends(e))
        with self._lock:
            said = {key for _, keys in self._state.mentioned(query.text) for key in keys}
            known = {key for keys in things.values() for key in keys if key in self._state.entities}
            like = {key: max(self._likeness(key, asked), 0.95 if key in said else 0.0) for key in known}
            rows = [r for key in known for r in (self._state.last.get(key), self._state.mentions.get(key))]
        now = {row.record_id for row in rows if row is not None}
        scored: list[tuple[float, MemoryRecord, int]] = []
        for record in records:
            if query.span is None and record.triple is None and record.id not in now:
                continue  # the thing has been seen elsewhere since, or is not there
            ends = [(like[key], key) for key in things.get(record.id, ()) if key in like]
            if ends:
                score, key = max(ends)
                scored.append((weighed(score, record.confidence), record, key))
        scored.sort(key=lambda each: (each[0], each[1].moment, each[1].id), reverse=True)
        answer: list[Recall] = []
        for score, record, key in scored:
            if len(answer) >= asked.k:
                break
            if self._true(key, record, query):
                answer.append(Recall(record, score))
        return answer


def _ends(e: Evidence) -> set[int]:
    return {e.subject, e.object} - {0}
