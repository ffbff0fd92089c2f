"""The types of RoboMemory: records that are kept, queries, and answers.

Positions are in the robot's base frame [m]; stamps in nanoseconds of the robot's clock, in one of its runs
(:mod:`robomemory.timestamps`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, SupportsIndex

from robomemory import checks
from robomemory.errors import InvalidNoteError, InvalidQueryError, RoboMemoryError
from robomemory.notes import Failure, NoteLike, Plain, StepDone, failures_from, metadata_from, step_from
from robomemory.notes import Position as Position
from robomemory.notes import Triple as Triple
from robomemory.places.regions import Box, Corners, ball, box, pair
from robomemory.timestamps import MOST_AHEAD, Moment

MAX_K = 1_000

EXEMPLAR = ("looks like", "this picture")
"""What the triple of a record says of the thing that its picture was taught as."""


class MemoryKind(StrEnum):
    """The four memories (arXiv 2508.01415, section on the Comprehensive Embodied Memory)."""

    SPATIAL = "spatial"
    TEMPORAL = "temporal"
    EPISODIC = "episodic"
    SEMANTIC = "semantic"


def _kind(where: str, value: object, error: type[RoboMemoryError]) -> MemoryKind:
    try:
        return MemoryKind(value)  # type: ignore[arg-type]
    except ValueError as cause:
        known = ", ".join(MemoryKind)
        raise error(f"{where}: unknown kind {checks.shown(value)}; allowed are {known}") from cause


def check_kinds(
    where: str, kinds: object, error: type[RoboMemoryError] = InvalidQueryError
) -> frozenset[MemoryKind]:
    """The memories that ``kinds``, one name or several, says; empty for None, which says all of them.

    Raises:
        InvalidQueryError: an unknown name, or no name at all: that would choose nothing, or everything.
    """
    if kinds is None:
        return frozenset()
    given: object = (kinds,) if isinstance(kinds, str) else kinds
    if not isinstance(given, Iterable):
        raise error(f"{where}: {checks.shown(kinds)}, expected names of memories")
    found = frozenset(_kind(where, kind, error) for kind in given)
    if not found:
        raise error(f"{where}: no memory is named; leave it out for all of them")
    return found


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """One thing that is remembered.

    ``id`` is the record's key in the store (0: not stored yet); ``entities`` the names it is about;
    ``position`` (3,) [m] of the first entity, or of the triple's subject; ``triple`` (subject, relation,
    object) of a spatial fact, or of a lesson in the semantic memory; ``confidence`` [0, 1]; ``source`` says
    who told it; ``run`` is the run of the clock that ``stamp_ns`` is of (None: not stored yet, and of the run
    that the store is in); ``step`` that was tried and ``failures`` of the attempt that it is about;
    ``metadata`` as in a :class:`robomemory.Note`; ``frame`` the frame that the position was told in (empty:
    the memory's own, which ``position`` is in once it is stored).

    Raises:
        InvalidNoteError: a field breaks the contract; the field and its value are named.
    """

    id: int
    kind: MemoryKind
    stamp_ns: int
    text: str
    entities: tuple[str, ...] = ()
    position: Position | None = None
    triple: Triple | None = None
    confidence: float = 1.0
    source: str = ""
    run: int | None = None
    step: StepDone | None = None
    failures: tuple[Failure, ...] = ()
    metadata: Mapping[str, Plain] = field(default_factory=dict, hash=False)
    frame: str = ""

    def __post_init__(self) -> None:
        err = InvalidNoteError
        if isinstance(self.id, bool) or not isinstance(self.id, int) or self.id < 0:
            raise err(f"MemoryRecord.id: {checks.shown(self.id)}, expected a whole number from 0")
        kind = _kind("MemoryRecord.kind", self.kind, err)
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "stamp_ns", checks.stamp("MemoryRecord.stamp_ns", self.stamp_ns, err))
        checks.text("MemoryRecord.text", self.text, err)
        object.__setattr__(self, "entities", checks.names("MemoryRecord.entities", self.entities, err))
        if self.position is not None:
            xyz = checks.position("MemoryRecord.position [m]", self.position, err)
            object.__setattr__(self, "position", xyz)
        if self.triple is not None:
            triple = checks.names("MemoryRecord.triple", self.triple, err)
            if len(triple) != 3:
                raise err(f"MemoryRecord.triple: {triple}, expected (subject, relation, object)")
            object.__setattr__(self, "triple", triple)
        (confidence,) = checks.numbers("MemoryRecord.confidence", (self.confidence,), 1, err)
        if not 0.0 <= confidence <= 1.0:
            raise err(f"MemoryRecord.confidence: {confidence}, expected 0 to 1")
        object.__setattr__(self, "confidence", confidence)
        if self.source != "":
            checks.text("MemoryRecord.source", self.source, err)
        if self.run is not None:
            object.__setattr__(self, "run", checks.run("MemoryRecord.run", self.run, err))
        object.__setattr__(self, "step", step_from("MemoryRecord.step", self.step))
        object.__setattr__(self, "failures", failures_from("MemoryRecord.failures", self.failures))
        object.__setattr__(self, "metadata", metadata_from("MemoryRecord.metadata", self.metadata))
        if self.frame != "":
            checks.text("MemoryRecord.frame", self.frame, err)
        if kind is MemoryKind.SPATIAL and not self.entities and self.triple is None:
            raise err(f"MemoryRecord: spatial {checks.shown(self.text)} names neither entities nor a triple")

    @property
    def moment(self) -> Moment:
        """When it was so, to be compared with others."""
        return Moment(self.run or 0, self.stamp_ns)

    @property
    def exemplar_of(self) -> str:
        """The name of the thing that its picture was taught as; empty if it is no exemplar."""
        told = self.triple if self.kind is MemoryKind.SEMANTIC else None
        return told[0] if told is not None and told[1:] == EXEMPLAR else ""


def record_from_note(note: NoteLike, index: int = 0) -> MemoryRecord:
    """``note`` as a record without a key; ``index`` is its place in the call, for the message.

    Raises:
        InvalidNoteError: an attribute is missing or breaks the contract of :class:`MemoryRecord`.
    """
    try:
        return MemoryRecord(
            id=0,
            kind=_kind("Note.kind", note.kind, InvalidNoteError),
            stamp_ns=note.stamp_ns,
            text=note.text,
            entities=note.entities,
            position=note.position,
            triple=note.triple,
            confidence=note.confidence,
            source=note.source,
            run=note.run if isinstance(note, MemoryRecord) else getattr(note, "run", None) or None,
            step=getattr(note, "step", None),
            failures=getattr(note, "failures", ()),
            metadata=getattr(note, "metadata", {}),
            frame=getattr(note, "frame", ""),
        )
    except AttributeError as error:
        raise InvalidNoteError(f"notes[{index}]: {type(note).__name__} is no note: {error}") from error
    except InvalidNoteError as error:
        raise InvalidNoteError(f"notes[{index}]: {error}") from error


def records_from(
    notes: Iterable[NoteLike], placed: Callable[[int, NoteLike, MemoryRecord], MemoryRecord] | None = None
) -> list[MemoryRecord]:
    """``notes`` as records without keys, each as ``placed`` (index, note, record) gives it, where that is
    given. Raises as :func:`record_from_note`."""
    if isinstance(notes, str) or not isinstance(notes, Iterable):
        raise InvalidNoteError(f"remember: {type(notes).__name__}, expected a sequence of notes")
    records = [(note, record_from_note(note, i)) for i, note in enumerate(notes)]
    return [r if placed is None else placed(i, note, r) for i, (note, r) in enumerate(records)]


def check_runs(records: Iterable[MemoryRecord], run: int) -> None:
    """Raises InvalidNoteError where a record is of a run too far beyond ``run``, which the store is in."""
    last = run + MOST_AHEAD
    for i, record in enumerate(records):
        if record.run is not None and record.run > last:
            raise InvalidNoteError(
                f"notes[{i}]: run {record.run}, expected at most {last}: the memory is in run {run}"
            )


@dataclass(frozen=True, slots=True)
class Query:
    """One question.

    ``text`` in words (empty: whatever fits the conditions, the newest first, all of it unless ``k`` is
    given); ``kinds`` of memory to ask, such as {"semantic"} (None: all); ``k`` most items to return (None:
    what the call says). The conditions: ``near`` ((x, y, z), radius) [m] keeps records with a position in
    that ball, ``box`` (low corner, high corner) [m] or a :class:`Box` those in that box; ``between`` (first,
    last) [ns], inclusive, keeps records of that time, and facts and positions that held within it, by the
    clock of the run ``run`` (None: the run that the store is in; a run without a span is refused);
    ``relation`` keeps those whose triple says that, in any wording; ``source`` those that it told;
    ``metadata`` those with these values. What scores less than ``min_score`` [0, 1] is left out.

    Raises:
        InvalidQueryError: a field breaks the contract; the field and its value are named.
    """

    text: str = ""
    kinds: Collection[str] | None = None
    k: int | None = None
    near: tuple[Position, float] | None = None
    between: tuple[int, int] | None = None
    run: int | None = None
    box: Box | Corners | None = None
    relation: str | None = None
    source: str | None = None
    metadata: Mapping[str, Plain] | None = field(default=None, hash=False)
    min_score: float = 0.0

    def __post_init__(self) -> None:
        err = InvalidQueryError
        conditions = (self.near, self.between, self.box, self.relation, self.source, self.metadata)
        if self.text != "" or all(condition is None for condition in conditions):
            checks.text("Query.text", self.text, err)
        if self.box is not None:
            object.__setattr__(self, "box", box("Query.box", self.box))
        for name in ("relation", "source"):
            if getattr(self, name) is not None:
                checks.text(f"Query.{name}", getattr(self, name), err)
        if self.metadata is not None:
            try:
                metadata = metadata_from("Query.metadata", self.metadata)
            except InvalidNoteError as error:
                raise err(str(error)) from error
            object.__setattr__(self, "metadata", metadata)
        (score,) = checks.numbers("Query.min_score", (self.min_score,), 1, err)
        if not 0.0 <= score <= 1.0:
            raise err(f"Query.min_score: {score}, expected 0 to 1")
        if self.kinds is not None:
            object.__setattr__(self, "kinds", check_kinds("Query.kinds", self.kinds))
        if self.k is not None:
            object.__setattr__(self, "k", check_k("Query.k", self.k))
        if self.near is not None:
            object.__setattr__(self, "near", ball("Query.near", self.near))
        if self.between is not None:
            said = pair("Query.between", self.between, "(first_ns, last_ns)", err)
            first, last = (checks.stamp("Query.between [ns]", t, err) for t in said)
            if first > last:
                raise err(f"Query.between: first {first} ns is after last {last} ns")
            object.__setattr__(self, "between", (first, last))
        if self.run is not None:
            object.__setattr__(self, "run", checks.run("Query.run", self.run, err))
            if self.between is None:
                raise err(f"Query.run: {self.run} without between, which is a span of its clock")

    @property
    def span(self) -> tuple[Moment, Moment] | None:
        """``between`` as moments of its run, inclusive; None: of any time."""
        if self.between is None:
            return None
        return Moment(self.run or 0, self.between[0]), Moment(self.run or 0, self.between[1])

    @property
    def region(self) -> tuple[Position, float] | Box | None:
        """The ball or box that it asks for; the box where it asks for both."""
        return self.box if isinstance(self.box, Box) else self.near

    @property
    def bounds(self) -> list[tuple[Position, Position]]:
        """The (low, high) corners [m] of boxes along the axes that hold all of its ball and its box."""
        found = [self.box.bounds] if isinstance(self.box, Box) else []
        if self.near is not None:
            (x, y, z), r = self.near
            found.append(((x - r, y - r, z - r), (x + r, y + r, z + r)))
        return found

    @property
    def filtered(self) -> bool:
        """Whether it asks for a relation, a source or metadata."""
        return any(each is not None for each in (self.relation, self.source, self.metadata))

    @property
    def narrowed(self) -> bool:
        """Whether it has any condition besides its text."""
        return self.filtered or self.region is not None or self.between is not None

    def asks(self, kind: MemoryKind) -> bool:
        """Whether the memory of ``kind`` is asked."""
        return not self.kinds or kind in self.kinds


def queries_from(queries: object) -> list[Query]:
    """``queries``, texts or :class:`Query`, all as :class:`Query`.

    Raises:
        InvalidQueryError: one is neither, or breaks the contract; its place is named.
    """
    if isinstance(queries, str | Query) or not isinstance(queries, Iterable):
        raise InvalidQueryError(
            f"recall: queries {checks.shown(queries)}, expected a sequence of texts or Query"
        )
    return [_query(i, query) for i, query in enumerate(queries)]


def _query(index: int, query: object) -> Query:
    if isinstance(query, Query):
        return query
    if not isinstance(query, str):
        raise InvalidQueryError(f"queries[{index}]: {type(query).__name__}, expected a text or a Query")
    try:
        return Query(query)
    except InvalidQueryError as error:
        raise InvalidQueryError(f"queries[{index}]: {error}") from error


def check_k(where: str, k: object) -> int:
    """``k`` if it is a whole number from 1 to ``MAX_K``, of Python or of numpy.

    Raises:
        InvalidQueryError: it is not.
    """
    if isinstance(k, bool) or not isinstance(k, SupportsIndex) or not 1 <= k.__index__() <= MAX_K:
        raise InvalidQueryError(f"{where}: {checks.shown(k)}, expected a whole number from 1 to {MAX_K}")
    return k.__index__()


@dataclass(frozen=True, slots=True)
class MemoryStatus:
    """How a memory is doing: ``records`` that stand, by kind; ``size_bytes`` on the disk; ``updates`` since
    it was made; ``updated_ns`` when the last one was recorded (the computer's clock; 0: never)."""

    records: Mapping[MemoryKind, int]
    size_bytes: int
    updates: int
    updated_ns: int


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How a record is known: said by ``times`` notes, from the moment ``first`` to the moment ``last``, by
    ``sources`` (in the order of the alphabet); ``confidence`` [0, 1] of the surest of them."""

    times: int
    first: Moment
    last: Moment
    sources: tuple[str, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class Recall:
    """One recalled record: ``score`` [0, 1] (1: fits best), ``rank`` in the answer from 0, and ``partial``:
    whether some memory is missing from the answer it stands in. ``evidence``: how the record is known (None:
    that was not counted within the deadline); it does not count when two are compared."""

    record: MemoryRecord
    score: float
    rank: int = 0
    partial: bool = False
    evidence: Confirmation | None = field(default=None, compare=False)

    @property
    def text(self) -> str:
        return self.record.text

    @property
    def kind(self) -> MemoryKind:
        return self.record.kind


class RecallResult(list[Recall]):
    """The answer of ``recall``, best first. ``missing`` {memory: why} names the memories that are not in
    it because they missed the deadline or failed; empty for a whole answer."""

    def __init__(self, items: Iterable[Recall] = (), missing: Mapping[MemoryKind, str] | None = None) -> None:
        super().__init__(items)
        self.missing: Mapping[MemoryKind, str] = MappingProxyType(dict(missing or {}))

    def __reduce__(self) -> tuple[Any, ...]:  # Python copies and pickles no mapping that is read-only
        return type(self), (list(self), dict(self.missing))

    @property
    def partial(self) -> bool:
        return bool(self.missing)
