"""How a memory takes part in an update: plan without changing anything, commit once, then apply.

All memories plan from their caches, the store commits all plans in one transaction, and only then do the
caches change, in parallel. A failed commit therefore leaves caches and file as they were.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from robomemory.embedding import F32
from robomemory.records import MemoryRecord, Query, Recall
from robomemory.scene import Entity, Fact, Sighting


@dataclass(frozen=True, slots=True)
class Row:
    """A record as the store keeps it: with its text's unit vector f32 (dim,), and ``retired`` once a
    compressed line has taken its place."""

    record: MemoryRecord
    vector: F32
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What one update sets; each entry replaces the one of the same key."""

    rows: tuple[Row, ...] = ()
    entities: tuple[tuple[Entity, F32], ...] = ()
    facts: tuple[Fact, ...] = ()
    sightings: tuple[Sighting, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.rows or self.entities or self.facts or self.sightings)


class Ids:
    """Hands out keys, each once, from the numbers after the given last ones. For the one writer."""

    def __init__(self, record: int = 0, entity: int = 0, fact: int = 0) -> None:
        self._record = itertools.count(record + 1)
        self._entity = itertools.count(entity + 1)
        self._fact = itertools.count(fact + 1)

    def record(self) -> int:
        return next(self._record)

    def entity(self) -> int:
        return next(self._entity)

    def fact(self) -> int:
        return next(self._fact)


@dataclass(frozen=True, slots=True)
class Asked:
    """A query with its text's unit vector f32 (dim,) and the number of items wanted."""

    query: Query
    vector: F32
    k: int


class Part(Protocol):
    """One of the memories. ``plan`` and ``apply`` are called by one writer at a time, ``recall`` from any
    thread at any time."""

    def plan(self, rows: Sequence[Row], vectors: Mapping[str, F32], ids: Ids) -> Change:
        """The change that keeps ``rows``; ``vectors`` holds the unit vector of each name in them."""
        ...

    def apply(self, change: Change) -> None: ...

    def recall(self, asked: Asked) -> list[Recall]:
        """At most ``asked.k`` records, best first."""
        ...


def fits(query: Query, record: MemoryRecord) -> bool:
    """Whether ``record`` lies in the query's ball [m] and span of time [ns]."""
    if query.between is not None and not query.between[0] <= record.stamp_ns <= query.between[1]:
        return False
    return within(query, record.position)


def within(query: Query, position: tuple[float, float, float] | None) -> bool:
    """Whether ``position`` [m] lies in the query's ball; without a ball everything does."""
    if query.near is None:
        return True
    center, radius = query.near
    return position is not None and math.dist(position, center) <= radius


def weighed(similarity: float, confidence: float) -> float:
    """A score [0, 1] from a cosine, halved at most for a record nobody is sure of."""
    return min(1.0, max(0.0, similarity)) * (0.5 + 0.5 * confidence)
