"""How a memory takes part in an update: plan without changing anything, commit once, then apply.

All memories plan from their caches, in parallel; the store commits all plans in one transaction, and only
then do the caches change, in parallel. A failed commit therefore leaves caches and file as they were.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from robomemory.belief.evidence import CLAIMS, Evidence
from robomemory.belief.folds import Folds
from robomemory.belief.relations import RELATIONS
from robomemory.embed.embedder import F32
from robomemory.graph.scene import Entity, Fact, Sighting
from robomemory.notes import Picture, Plain
from robomemory.places.regions import Box
from robomemory.records import MemoryRecord, Query, Recall

LIVE = 0
UNKNOWN = -1  # what a record was replaced by, in files of schema version 1
REMOVED = -2  # taken back, and nothing took its place


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record with its text's unit vector f32 (dim,); spatial records are found by names and need none.
    ``replaced_by`` is the record that took its place: a compressed line, a newer truth (0: it stands).
    ``picture``: what a new record shows; no record that is read from the store brings it."""

    record: MemoryRecord
    vector: F32 | None
    replaced_by: int = LIVE
    picture: Picture | None = None


class Standee(NamedTuple):
    """What is told of ``thing`` counts for ``now``, and no longer for ``before``."""

    thing: int
    before: int
    now: int


@dataclass(frozen=True, slots=True)
class Change:
    """What one update sets. ``rows`` are new, ``updates`` known ones with another stamp, confidence or
    ``replaced_by``; an entity, fact or sighting replaces the one of the same key. ``names`` holds the
    vector of each new entity's name, ``moves`` which entities stand for others than before; ``folds`` (None:
    others wrote it) are what the caches of belief become; ``stands`` {note: the known record that says it
    already}."""

    rows: tuple[RecordRow, ...] = ()
    updates: tuple[RecordRow, ...] = ()
    entities: tuple[Entity, ...] = ()
    names: tuple[tuple[int, F32], ...] = ()
    facts: tuple[Fact, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    moves: tuple[Standee, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    folds: Folds | None = None
    stands: Mapping[int, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        graph = self.entities or self.facts or self.sightings or self.moves or self.evidence
        return bool(self.rows or self.updates or graph)

    @property
    def regroups(self) -> bool:
        """Whether other things may be one than before: what is cached of the graph is read anew."""
        return bool(self.moves) or any(e.told in CLAIMS for e in self.evidence)


def stands_for(note: int, change: Change) -> int:
    """The record that stands for the note of the number ``note``, once ``change`` is kept; 0: none does."""
    if any(row.record.id == note for row in change.rows):
        return note
    return change.stands.get(note, 0)


class Ids:
    """Hands out keys, each once, from the numbers after the given last ones. Safe from any thread."""

    def __init__(self, record: int = 0, entity: int = 0, fact: int = 0) -> None:
        self._counts = [itertools.count(n + 1) for n in (record, entity, fact)]
        self.last = [record, entity, fact]

    def record(self) -> int:
        return self._next(0)

    def entity(self) -> int:
        return self._next(1)

    def fact(self) -> int:
        return self._next(2)

    def _next(self, which: int) -> int:
        key = next(self._counts[which])
        self.last[which] = max(key, self.last[which])
        return key


@dataclass(frozen=True, slots=True)
class Update:
    """What is to be kept: new ``rows``, the unit vector of each name in them, free keys, and the moment
    of recording [ns, the computer's clock], later than that of every update before; ``void`` is known
    evidence that counts no longer."""

    rows: Sequence[RecordRow]
    vectors: Mapping[str, F32]
    ids: Ids
    recorded_ns: int
    void: Sequence[Evidence] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A query with its text's unit vector f32 (dim,) and the number of items wanted."""

    query: Query
    vector: F32
    k: int


class MemoryPart(Protocol):
    """One of the memories. ``plan`` and ``apply`` are called by one writer at a time, ``recall`` from any
    thread at any time."""

    def plan(self, update: Update) -> Change:
        """The change that keeps ``update.rows``."""
        ...

    def apply(self, change: Change) -> None: ...

    def recall(self, asked: Asked) -> list[Recall]:
        """At most ``asked.k`` records, best first."""
        ...


def fits(query: Query, record: MemoryRecord) -> bool:
    """Whether ``record`` fits every condition of ``query`` but its text."""
    span = query.span
    if span is not None and not span[0] <= record.moment <= span[1]:
        return False
    if query.source is not None and record.source != query.source:
        return False
    if query.relation is not None and not relates(query.relation, record.triple):
        return False
    if query.metadata is not None and not has_metadata(record.metadata, query.metadata):
        return False
    return within(query, record.position)


def within(query: Query, position: tuple[float, float, float] | None) -> bool:
    """Whether ``position`` [m] lies in the query's ball and box; without them everything does."""
    if query.region is None:
        return True
    if position is None:
        return False
    if query.near is not None and math.dist(position, query.near[0]) > query.near[1]:
        return False
    return not isinstance(query.box, Box) or query.box.holds(position)


def relates(relation: str, triple: Sequence[str] | None) -> bool:
    """Whether ``triple`` says, or denies, what the wording ``relation`` says or denies."""
    if triple is None:
        return False
    meant, said = RELATIONS.meaning(relation), RELATIONS.meaning(triple[1])
    return (meant.relation, meant.denied) == (said.relation, said.denied)


def has_metadata(given: Mapping[str, Plain], wanted: Mapping[str, Plain]) -> bool:
    """Whether ``given`` has every value of ``wanted``; True is no 1, but 1.0 is."""
    return all(
        name in given and isinstance(given[name], bool) == isinstance(value, bool) and given[name] == value
        for name, value in wanted.items()
    )


def weighed(similarity: float, confidence: float) -> float:
    """A score [0, 1] from a cosine, halved at most for a record nobody is sure of."""
    return min(1.0, max(0.0, similarity)) * (0.5 + 0.5 * confidence)
