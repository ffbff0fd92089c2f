"""What the spatial memory knows: things, facts between them, and the view of both that callers get.

The paper's graph has names and relations only (arXiv 2508.01415, Algorithm 2); metric positions, times of
validity, confidence and the record behind each fact are added here.
"""

from __future__ import annotations

from dataclasses import dataclass

from robomemory.records import Position


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing or place. ``ordinal`` tells things of one name apart (1, 2, …); ``position`` [m] is where it
    was seen last, at ``position_ns``; ``first_seen_ns`` and ``last_seen_ns`` frame all mentions of it."""

    id: int
    name: str
    ordinal: int
    position: Position | None
    position_ns: int
    first_seen_ns: int
    last_seen_ns: int
    confidence: float

    @property
    def label(self) -> str:
        return self.name if self.ordinal == 1 else f"{self.name} #{self.ordinal}"


@dataclass(frozen=True, slots=True)
class Fact:
    """``subject`` ``relation`` ``object`` (keys of entities), true from ``valid_from_ns`` until before
    ``valid_until_ns`` (None: still true), as ``record_id`` said."""

    id: int
    subject: int
    relation: str
    object: int
    valid_from_ns: int
    valid_until_ns: int | None
    confidence: float
    record_id: int

    def holds(self, between: tuple[int, int] | None) -> bool:
        """Whether it holds now (None), or held at some time within ``between`` [ns], inclusive."""
        if between is None:
            return self.valid_until_ns is None
        until = self.valid_until_ns
        return self.valid_from_ns <= between[1] and (until is None or until > between[0])


@dataclass(frozen=True, slots=True)
class Sighting:
    """``record_id`` says where ``entity_id`` was, valid until the next sighting of the same thing."""

    record_id: int
    entity_id: int


@dataclass(frozen=True, slots=True)
class SceneObject:
    """A thing in a :class:`Scene`; ``position`` (3,) in the base frame [m], None if never seen."""

    name: str
    position: Position | None
    first_seen_ns: int
    last_seen_ns: int
    confidence: float


@dataclass(frozen=True, slots=True)
class SceneFact:
    """A fact in a :class:`Scene`, by names; ``valid_until_ns`` is None while it holds."""

    subject: str
    relation: str
    object: str
    valid_from_ns: int
    valid_until_ns: int | None
    confidence: float


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known now: ``objects`` by name, ``facts`` that hold, and ``past`` ones that were ended."""

    objects: tuple[SceneObject, ...]
    facts: tuple[SceneFact, ...]
    past: tuple[SceneFact, ...] = ()


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a thing is: ``position`` [m] seen at ``stamp_ns``, None if unknown; ``facts`` such as "blue mug
    in tray", from the thing outwards; ``via`` the holder whose position it is (empty: the thing's own)."""

    name: str
    position: Position | None
    stamp_ns: int
    facts: tuple[str, ...] = ()
    via: str = ""
