"""What folding an update in takes, and what comes of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from robomemory.belief.evidence import Evidence, Slot, Told
from robomemory.belief.folding import Spell
from robomemory.belief.folds import Folds
from robomemory.graph.scene import Fact, Sighting
from robomemory.timestamps import Moment


class EvidenceSource(Protocol):
    """Where what is known already is looked up. All but :meth:`related` tell of one thing, in the order of
    time, without what was retracted or is no longer believed."""

    def evidence_from(
        self, thing: int, since: Moment, told: Collection[Told] = (), without: Collection[int] = ()
    ) -> Iterable[Evidence]:
        """What is told of ``thing`` as subject, from ``since`` on: only what is ``told`` so (empty: however),
        ``without`` what these records stand for."""
        ...

    def newest_told(self, thing: int) -> Moment | None:
        """The newest moment at which anything is told of ``thing`` as subject."""
        ...

    def facts_from(self, thing: int, since: Moment) -> Iterable[Fact]:
        """The facts with the subject ``thing`` that began at ``since`` or later."""
        ...

    def facts_back(
        self,
        subjects: Sequence[int],
        relations: Sequence[str],
        objects: Sequence[int] | None,
        by: Moment,
        most: int,
    ) -> Sequence[Fact]:
        """The last ``most`` facts with these ends and ``relations`` that began at ``by`` or before, the
        newest first; ``objects`` None: whatever the object."""
        ...

    def track_from(self, thing: int, since: Moment, *, missed: bool = False) -> Iterable[Sighting]:
        """The places of ``thing`` that began at ``since`` or later; ``missed``: only those where it was
        missed."""
        ...

    def track_back(self, thing: int, by: Moment, most: int) -> Sequence[Sighting]:
        """The last ``most`` places of ``thing`` that began at ``by`` or before, the newest first."""
        ...

    def related(self, thing: int) -> Collection[tuple[int, str, int]]:
        """The (subject, relation, object) that anything was ever said of, with ``thing`` as an end."""
        ...


@dataclass(frozen=True, slots=True)
class Touched:
    """From the moment ``first`` to the moment ``last`` something was told of a thing, at best with
    ``confidence`` [0, 1]."""

    first: Moment
    last: Moment
    confidence: float


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
