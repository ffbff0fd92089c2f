"""Spatial records by their conditions, without words or with some."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from dataclasses import replace

from robomemory.belief.carrying import CarriedPlace
from robomemory.graph.current_graph import SceneState
from robomemory.places.regions import Box
from robomemory.records import MemoryKind, MemoryRecord, Position, Query, Recall
from robomemory.store.queries import StoreReader
from robomemory.update_protocol import Asked, weighed, within

MOST_TOLD = 100_000  # pieces of evidence of a span that are looked at
MOST_FOUND = 20_000  # records that fit the conditions and are compared with the words


class SceneFinding(ABC):
    """Reads ``_state`` under ``_lock``, and what is not in it from ``_store``."""

    _state: SceneState
    _lock: threading.RLock
    _store: StoreReader

    @abstractmethod
    def places_within(self, center: Position, radius_m: float) -> dict[int, CarriedPlace]: ...

    @abstractmethod
    def _likeness(self, key: int, asked: Asked) -> float: ...

    @abstractmethod
    def _true(self, key: int, record: MemoryRecord, query: Query) -> bool: ...

    def places_in(self, query: Query) -> dict[int, CarriedPlace]:
        """Where each thing is now that is in the ball and the box of ``query``, which has one of them."""
        region = query.region
        assert region is not None
        center, radius = region.ball if isinstance(region, Box) else region
        found = self.places_within(center, radius)
        return {key: place for key, place in found.items() if within(query, place.position)}

    def fitting(self, query: Query, k: int) -> list[MemoryRecord]:
        """The records that fit the conditions of ``query``, the newest first, at most ``k``."""
        keys = self._fitting_keys(query, k)
        records = self._store.by_id(keys)
        return [records[key] for key in keys if key in records]

    def _fitting_keys(self, query: Query, k: int) -> list[int]:
        """The keys of the records that fit the conditions of ``query``, the newest first, at most ``k``: of
        a span everything that was told in it; of a place the things that are there now; else all that
        stand."""
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
        return keys[:k]

    def alike(self, asked: Asked) -> list[Recall]:
        """Of the records that fit the conditions of the query, those whose things are most like its text;
        what they say holds."""
        query = asked.query
        keys = self._fitting_keys(replace(query, text=""), MOST_FOUND)
        told = self._store.ends_of(keys)
        with self._lock:
            said = {key for _, named in self._state.mentioned(query.text) for key in named}
            known = {end for _, ends in told.values() for end in ends if end in self._state.entities}
            like = {key: max(self._likeness(key, asked), 0.95 if key in said else 0.0) for key in known}
            rows = [r for key in known for r in (self._state.last.get(key), self._state.mentions.get(key))]
        now = {row.record_id for row in rows if row is not None}
        scored: list[tuple[float, int, int]] = []  # (score, record, thing)
        for key in keys:
            sure, ends = told.get(key, (0.0, set()))
            if near := [(like[end], end) for end in ends if end in like]:
                score, thing = max(near)
                scored.append((weighed(score, sure), key, thing))
        scored.sort(key=lambda each: -each[0])  # of equal ones the newest stays first
        answer: list[Recall] = []
        size = 4 * asked.k + 16
        for start in range(0, len(scored), size):
            part = scored[start : start + size]
            records = self._store.by_id([key for _, key, _ in part])
            for score, key, thing in part:
                record = records.get(key)
                if record is None or len(answer) >= asked.k:
                    continue
                if query.span is None and record.triple is None and key not in now:
                    continue  # the thing has been seen elsewhere since, or is not there
                if self._true(thing, record, query):
                    answer.append(Recall(record, score))
            if len(answer) >= asked.k:
                break
        return answer
