"""The words of RoboMemory: what is kept, what is asked, what comes back.

Positions are in the robot's base frame [m]; stamps in nanoseconds of the robot's clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from robomemory.errors import InvalidNoteError, InvalidQueryError, RoboMemoryError

Position = tuple[float, float, float]
Triple = tuple[str, str, str]

MAX_TEXT = 10_000
MAX_K = 1_000
_MAX_NS = 2**63 - 1  # what an integer column of SQLite holds


class MemoryKind(StrEnum):
    """The four memories (arXiv 2508.01415, section on the Comprehensive Embodied Memory)."""

    SPATIAL = "spatial"
    TEMPORAL = "temporal"
    EPISODIC = "episodic"
    SEMANTIC = "semantic"


class NoteLike(Protocol):
    """What ``remember`` accepts: any object with these attributes, such as ``vista.types.Note``."""

    @property
    def kind(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def stamp_ns(self) -> int: ...
    @property
    def entities(self) -> tuple[str, ...]: ...
    @property
    def position(self) -> Position | None: ...
    @property
    def triple(self) -> Triple | None: ...
    @property
    def confidence(self) -> float: ...
    @property
    def source(self) -> str: ...


def _text(where: str, value: object, error: type[RoboMemoryError]) -> str:
    if not isinstance(value, str):
        raise error(f"{where}: {type(value).__name__}, expected text")
    if not value.strip():
        raise error(f"{where}: {value!r} is empty, expected at least one word")
    if len(value) > MAX_TEXT:
        raise error(f"{where}: {len(value)} characters, at most {MAX_TEXT} are allowed")
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise error(f"{where}: {value[:40]!r} holds a NUL or a lone surrogate, which no store can keep")
    return value


def _numbers(where: str, value: object, n: int, error: type[RoboMemoryError]) -> tuple[float, ...]:
    try:
        out = tuple(float(v) for v in value)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as cause:
        raise error(f"{where}: {value!r}, expected {n} numbers") from cause
    if len(out) != n or not all(math.isfinite(v) for v in out):
        raise error(f"{where}: {out}, expected {n} finite numbers")
    return out


def _stamp(where: str, value: object, error: type[RoboMemoryError]) -> int:
    try:
        stamp = value.__index__()  # type: ignore[attr-defined]
    except AttributeError as cause:
        raise error(f"{where}: {value!r}, expected whole nanoseconds") from cause
    if isinstance(value, bool) or not 0 <= stamp <= _MAX_NS:
        raise error(f"{where}: {value!r}, expected 0 to 2**63 - 1 nanoseconds")
    return int(stamp)


def _kind(where: str, value: object, error: type[RoboMemoryError]) -> MemoryKind:
    try:
        return MemoryKind(value)  # type: ignore[arg-type]
    except ValueError as cause:
        known = ", ".join(MemoryKind)
        raise error(f"{where}: unknown kind {value!r}; allowed are {known}") from cause


def _words(where: str, value: object, error: type[RoboMemoryError]) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise error(f"{where}: {value!r}, expected a sequence of names")
    return tuple(_text(f"{where}[{i}]", v, error) for i, v in enumerate(value))


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """One thing that is remembered.

    ``id`` is the record's key in the store (0: not stored yet); ``entities`` the names it is about;
    ``position`` (3,) [m] of the first entity, or of the triple's subject; ``triple`` (subject, relation,
    object) of a spatial fact; ``confidence`` [0, 1]; ``source`` says who told it.

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

    def __post_init__(self) -> None:
        err = InvalidNoteError
        if isinstance(self.id, bool) or not isinstance(self.id, int) or self.id < 0:
            raise err(f"MemoryRecord.id: {self.id!r}, expected a whole number from 0")
        kind = _kind("MemoryRecord.kind", self.kind, err)
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "stamp_ns", _stamp("MemoryRecord.stamp_ns", self.stamp_ns, err))
        _text("MemoryRecord.text", self.text, err)
        object.__setattr__(self, "entities", _words("MemoryRecord.entities", self.entities, err))
        if self.position is not None:
            xyz = _numbers("MemoryRecord.position [m]", self.position, 3, err)
            object.__setattr__(self, "position", xyz)
        if self.triple is not None:
            triple = _words("MemoryRecord.triple", self.triple, err)
            if len(triple) != 3:
                raise err(f"MemoryRecord.triple: {triple}, expected (subject, relation, object)")
            object.__setattr__(self, "triple", triple)
        (confidence,) = _numbers("MemoryRecord.confidence", (self.confidence,), 1, err)
        if not 0.0 <= confidence <= 1.0:
            raise err(f"MemoryRecord.confidence: {confidence}, expected 0 to 1")
        object.__setattr__(self, "confidence", confidence)
        if self.source:
            _text("MemoryRecord.source", self.source, err)
        if kind is MemoryKind.SPATIAL and not self.entities and self.triple is None:
            raise err(f"MemoryRecord: spatial {self.text!r} names neither entities nor a triple")


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
        )
    except AttributeError as error:
        raise InvalidNoteError(f"notes[{index}]: {type(note).__name__} is no note: {error}") from error
    except InvalidNoteError as error:
        raise InvalidNoteError(f"notes[{index}]: {error}") from error


@dataclass(frozen=True, slots=True)
class Query:
    """One question.

    ``text`` in words; ``kinds`` of memory to ask (empty: all); ``k`` most items to return (None: what the
    call says); ``near`` ((x, y, z), radius) [m] keeps records with a position in that ball; ``between``
    (first, last) [ns], inclusive, keeps records of that time, and for facts those that held within it.

    Raises:
        InvalidQueryError: a field breaks the contract; the field and its value are named.
    """

    text: str
    kinds: frozenset[MemoryKind] = frozenset()
    k: int | None = None
    near: tuple[Position, float] | None = None
    between: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        err = InvalidQueryError
        _text("Query.text", self.text, err)
        kinds = (self.kinds,) if isinstance(self.kinds, str) else self.kinds
        object.__setattr__(self, "kinds", frozenset(_kind("Query.kinds", kind, err) for kind in kinds))
        if self.k is not None:
            check_k("Query.k", self.k)
        if self.near is not None:
            if len(self.near) != 2:
                raise err(f"Query.near: {self.near!r}, expected ((x, y, z), radius_m)")
            center = _numbers("Query.near center [m]", self.near[0], 3, err)
            (radius,) = _numbers("Query.near radius [m]", (self.near[1],), 1, err)
            if radius <= 0:
                raise err(f"Query.near radius: {radius} m, expected > 0")
            object.__setattr__(self, "near", (center, radius))
        if self.between is not None:
            if len(self.between) != 2:
                raise err(f"Query.between: {self.between!r}, expected (first_ns, last_ns)")
            first, last = (_stamp("Query.between [ns]", t, err) for t in self.between)
            if first > last:
                raise err(f"Query.between: first {first} ns is after last {last} ns")
            object.__setattr__(self, "between", (first, last))


def check_k(where: str, k: object) -> int:
    """``k`` if it is a whole number from 1 to ``MAX_K``.

    Raises:
        InvalidQueryError: it is not.
    """
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= MAX_K:
        raise InvalidQueryError(f"{where}: {k!r}, expected a whole number from 1 to {MAX_K}")
    return k


@dataclass(frozen=True, slots=True)
class Recall:
    """One recalled record: ``score`` [0, 1] (1: fits best), ``rank`` in the answer from 0, and ``partial``:
    whether some memory is missing from the answer it stands in."""

    record: MemoryRecord
    score: float
    rank: int = 0
    partial: bool = False

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

    @property
    def partial(self) -> bool:
        return bool(self.missing)
