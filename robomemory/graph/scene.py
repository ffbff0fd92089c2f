"""What the spatial memory knows: things, facts between them, and the views of both that callers get.

The paper's graph has names and relations only (arXiv 2508.01415, Algorithm 2). Here every edge also has the
time it was true (validity, on the robot's clock), the time it was believed (recording, on the computer's
clock), its confidence and the record behind it. A row is never rewritten when belief changes: it is marked
expired and a new row takes its place (the bi-temporal tables of R. Snodgrass, "Developing Time-Oriented
Database Applications in SQL", chapter 10).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from robomemory.records import Position
from robomemory.timestamps import FOREVER_NS as FOREVER_NS
from robomemory.timestamps import Moment

BEFORE_ALL = Moment(0, 0)


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing or place. ``ordinal`` tells things of one name apart (1, 2, …); ``position`` [m] is where it
    was seen last, at ``position_at``; ``first_seen`` and ``last_seen`` frame all mentions of it;
    ``recorded_ns`` is when the memory first heard of it; ``merged_into`` the entity it turned out to be."""

    id: int
    name: str
    ordinal: int
    position: Position | None
    position_at: Moment
    first_seen: Moment
    last_seen: Moment
    confidence: float
    recorded_ns: int = 0
    merged_into: int | None = None

    @property
    def label(self) -> str:
        return self.name if self.ordinal == 1 else f"{self.name} #{self.ordinal}"


@dataclass(frozen=True, slots=True)
class Fact:
    """``subject`` ``relation`` ``object`` (keys of entities), true from ``valid_from`` until before
    ``valid_until`` (None: still true), as ``record_id`` said. Believed from ``recorded_ns`` until before
    ``expired_ns`` (None: still believed). ``seen`` is when it was last said; ``ended_by`` the record that
    ended it (0: none, or too old); it was said ``times`` times by ``sources``, last by ``newest_id``."""

    id: int
    subject: int
    relation: str
    object: int
    valid_from: Moment
    valid_until: Moment | None
    recorded_ns: int
    expired_ns: int | None
    seen: Moment
    confidence: float
    record_id: int
    ended_by: int = 0
    times: int = 1
    newest_id: int = 0
    sources: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """Whether it is believed to be true now."""
        return self.valid_until is None and self.expired_ns is None


@dataclass(frozen=True, slots=True)
class Sighting:
    """``record_id`` says where ``entity_id`` was from the moment ``at`` until before its next sighting, or
    until it was missed there (``until``; None: it was not), believed as a :class:`Fact` is. ``position`` is
    None where the record only names the thing. ``seen`` is when it was last seen there; ``times``,
    ``newest_id``, ``sources`` as in a :class:`Fact`."""

    id: int
    record_id: int
    entity_id: int
    at: Moment
    position: Position | None
    recorded_ns: int
    until: Moment | None = None
    expired_ns: int | None = None
    seen: Moment = BEFORE_ALL
    times: int = 1
    confidence: float = 1.0
    newest_id: int = 0
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SceneObject:
    """A thing in a :class:`SceneGraph`. ``position`` (3,) in the base frame [m], None if never seen; ``run``:
    the run that ``last_seen_ns`` is of. The numbers of runs are not compared: two memories of the same events
    hold equal things, facts and stays."""

    name: str
    position: Position | None
    first_seen_ns: int
    last_seen_ns: int
    confidence: float
    run: int = field(default=0, compare=False)

    @property
    def last_seen(self) -> Moment:
        return Moment(self.run, self.last_seen_ns)


@dataclass(frozen=True, slots=True)
class SceneFact:
    """A fact in a :class:`SceneGraph`, by names. ``valid_until_ns`` is None while it holds. When it was
    learned, from which record and in which runs it began and ended is not compared: two memories of the same
    events hold equal facts."""

    subject: str
    relation: str
    object: str
    valid_from_ns: int
    valid_until_ns: int | None
    confidence: float
    recorded_ns: int = field(default=0, compare=False)
    expired_ns: int | None = field(default=None, compare=False)
    record_id: int = field(default=0, compare=False)
    run: int = field(default=0, compare=False)
    until_run: int = field(default=0, compare=False)

    @property
    def valid_from(self) -> Moment:
        return Moment(self.run, self.valid_from_ns)

    def __str__(self) -> str:
        return f"{self.subject} {self.relation} {self.object}"


def scene_fact(fact: Fact, subject: str, obj: str) -> SceneFact:
    """``fact`` with its ends by name."""
    until = fact.valid_until
    return SceneFact(
        subject, fact.relation, obj, fact.valid_from.ns, None if until is None else until.ns, fact.confidence,
        fact.recorded_ns, fact.expired_ns, fact.record_id, fact.valid_from.run,
        0 if until is None else until.run,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class SceneGraph:
    """What is known: ``objects`` by name, ``facts`` that hold, and ``past`` ones that were ended (the last
    thousand)."""

    objects: tuple[SceneObject, ...]
    facts: tuple[SceneFact, ...]
    past: tuple[SceneFact, ...] = ()


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a thing is: ``position`` [m] seen at ``stamp_ns`` of ``run``, None if unknown; ``facts`` such as
    "blue mug in tray", from the thing outwards; ``via`` the holder whose position it is (empty: the thing's
    own)."""

    name: str
    position: Position | None
    stamp_ns: int
    facts: tuple[str, ...] = ()
    via: str = ""
    run: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Stay:
    """One stop in a thing's history: at ``position`` [m], or in ``relation`` to ``holder``, from
    ``from_ns`` of ``run`` until before ``until_ns`` of ``until_run`` (None: to this day), as ``record_id``
    says."""

    name: str
    relation: str
    holder: str
    position: Position | None
    from_ns: int
    until_ns: int | None
    record_id: int
    run: int = field(default=0, compare=False)
    until_run: int = field(default=0, compare=False)

    @property
    def began(self) -> Moment:
        return Moment(self.run, self.from_ns)


@dataclass(frozen=True, slots=True)
class SceneChange:
    """Something that changed at ``stamp_ns`` of ``run``: ``what`` is "began" or "ended" (a fact), or "seen"
    (a thing at a new position); ``text`` says it in words."""

    stamp_ns: int
    what: str
    text: str
    record_id: int
    run: int = field(default=0, compare=False)
