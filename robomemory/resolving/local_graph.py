"""What a resolver sees: the part of the graph around what is new (arXiv 2508.01415, Algorithm 2, 1 to 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Protocol, runtime_checkable

from robomemory.records import Position
from robomemory.resolving.edits import Edit
from robomemory.timestamps import Moment


@dataclass(frozen=True, slots=True)
class Vertex:
    """The thing ``key``, called ``label``, seen last at ``position`` (3,) [m, the memory's frame] (None:
    never) and mentioned last at ``seen``; ``new``: nothing was known of it before."""

    key: int
    label: str
    position: Position | None
    seen: Moment
    new: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """The fact ``key``: ``subject`` ``relation`` ``object`` (keys of vertices), true since ``valid_from``,
    said last at ``seen``, with a confidence [0, 1], as the record ``record_id`` says; ``new``: it is what the
    resolver is asked about."""

    key: int
    subject: int
    relation: str
    object: int
    valid_from: Moment
    seen: Moment
    confidence: float
    record_id: int
    new: bool = False


class QuestionKind(StrEnum):
    """What rules leave open: whether two unlike facts of two things both hold; whether two things of alike
    names at one place are one; which of several things of one name a fact is about."""

    BOTH_HOLD = "both hold"
    SAME_THING = "same thing"
    WHICH_THING = "which thing"


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question of a ``kind`` about ``edges`` and ``vertices`` (keys), the newest last."""

    kind: QuestionKind
    edges: tuple[int, ...] = ()
    vertices: tuple[int, ...] = ()


@dataclass(frozen=True)
class LocalGraph:
    """The vertices within two hops of those whose names are most like the new ones, and every edge among
    them; ``questions`` are what the rules leave open; ``at`` is the newest moment that anything new in it is
    of; ``raised_by``: the records that brought it."""

    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...]
    questions: tuple[OpenQuestion, ...] = ()
    at: Moment = field(default=Moment(0, 0))
    raised_by: tuple[int, ...] = ()

    @cached_property
    def vertex(self) -> Mapping[int, Vertex]:
        """{key: vertex}."""
        return {v.key: v for v in self.vertices}

    @cached_property
    def edge(self) -> Mapping[int, Edge]:
        """{key: edge}."""
        return {e.key: e for e in self.edges}

    def words(self, edge: Edge) -> str:
        """``edge`` for people: "mug in tray"."""
        return f"{self.vertex[edge.subject].label} {edge.relation} {self.vertex[edge.object].label}"


@runtime_checkable
class ConflictResolver(Protocol):
    """Settles conflicts within a local graph (Algorithm 2, step 6): any callable of this form. It runs on a
    thread of its own, off the write lock. Its attribute ``name``, if it has one, stands in the ``source`` of
    the records that its edits become."""

    def __call__(self, local: LocalGraph, /) -> Sequence[Edit]:
        """The edits of ``local``; what they do not name stays. Whatever this raises is logged, and the graph
        stays as the rules made it."""
        ...
