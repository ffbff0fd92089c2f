"""What a resolver may do with the graph that it was shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keep:
    """The fact ``edge`` stays as it is, as does every fact that no edit names."""

    edge: int


@dataclass(frozen=True, slots=True)
class AddEdge:
    """``subject`` ``relation`` ``object`` holds (keys of vertices), with a confidence [0, 1]."""

    subject: int
    relation: str
    object: int
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class DeleteEdge:
    """The fact ``edge`` is no longer so; or (``never``) it was never true, and what was believed without it
    holds again."""

    edge: int
    never: bool = False


@dataclass(frozen=True, slots=True)
class ModifyEdge:
    """In place of the fact ``edge``, which was never true, the one with another ``relation``, ``subject`` or
    ``object`` (None: the same) is."""

    edge: int
    subject: int | None = None
    relation: str | None = None
    object: int | None = None


@dataclass(frozen=True, slots=True)
class SameThing:
    """The two vertices are one thing, where the rules ask that."""

    one: int
    other: int


@dataclass(frozen=True, slots=True)
class Apart:
    """The two vertices are two things, where the rules ask that: they stay as they are."""

    one: int
    other: int


Edit = Keep | AddEdge | DeleteEdge | ModifyEdge | SameThing | Apart
