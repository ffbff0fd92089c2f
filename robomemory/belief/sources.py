"""What folding an update in takes, and what comes of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from robomemory.belief.evidence import Evidence, Slot
from robomemory.belief.folding import Spell
from robomemory.belief.folds import Folds
from robomemory.graph.scene import Fact, Sighting

Relations = Sequence[tuple[int, str, int]]


class EvidenceSource(Protocol):
    """Where what is known already is looked up."""

    def evidence(self, things: Sequence[int]) -> Sequence[Evidence]:
        """What bears on ``things``, as subject or object, and what says that a ball was empty; without what
        was retracted."""
        ...

    def believed_facts(self, things: Sequence[int]) -> Sequence[Fact]:
        """The facts that are believed, ended or not, with an end in ``things``."""
        ...

    def believed_track(self, thing: int) -> Sequence[Sighting]:
        """The places of ``thing`` that are believed, oldest first."""
        ...

    def related(self, thing: int) -> Relations:
        """The (subject, relation, object) that anything was ever said of, with ``thing`` as an end."""
        ...


@dataclass(slots=True)
class Settled:
    """What changed: rows of ``facts`` and ``sightings`` (by id), and the ``folds`` as they are now;
    ``began``: (evidence, spell that it is part of)."""

    facts: dict[int, Fact] = field(default_factory=dict)
    sightings: dict[int, Sighting] = field(default_factory=dict)
    folds: Folds = field(default_factory=Folds)
    spells: dict[Slot | int, list[Spell]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True, slots=True)
class Writing:
    """How rows are numbered and dated: the next free number, and the moment of recording [ns]."""

    number: Callable[[], int]
    now_ns: int
