"""Who is who as one pure function of the claims: the same for every order in which they came.

A claim says of two things that they are one, or that they are two. Of each pair the claims count as those of
a fact do: the newest, unless it is much less sure. Pairs that are one are drawn together, the newest claim
first, as far as no two things that are kept apart would become one.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from robomemory.belief.evidence import CLAIMS, Evidence, Told
from robomemory.belief.folding import OVERRULE
from robomemory.belief.folds import grouped
from robomemory.belief.sources import EvidenceSource
from robomemory.graph.scene import Fact, Sighting
from robomemory.timestamps import Moment

Pair = tuple[int, int]
"""Two things, the smaller key first."""

Rank = tuple[Moment, str]
"""When a thing was heard of first, and what it is called: the smallest one stands for all that are one."""


def pair(one: int, other: int) -> Pair:
    return (one, other) if one < other else (other, one)


@dataclass(frozen=True, slots=True)
class WhoIsWho:
    """``kept`` {thing: the one that stands for it}, of things that are one with others; ``apart``: the pairs
    that were said to be two."""

    kept: Mapping[int, int] = field(default_factory=dict)
    apart: frozenset[Pair] = frozenset()
    _groups: Mapping[int, list[int]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_groups", grouped(sorted(self.kept), self.of))

    def of(self, key: int) -> int:
        """The thing that stands for ``key``: itself, if nothing else does."""
        return self.kept.get(key, key)

    def members(self, key: int) -> tuple[int, ...]:
        """The things that ``key`` stands for, in the order of their keys."""
        return tuple(self._groups.get(key, (key,)))

    def moved(self, e: Evidence) -> Evidence:
        """``e`` of the things that stand for those that it was told of."""
        subject, obj = self.of(e.subject_told), self.of(e.object_told)
        return e if (e.subject, e.object) == (subject, obj) else replace(e, subject=subject, object=obj)


def who_is_who(claims: Iterable[Evidence], ruled: Iterable[Pair], rank: Callable[[int], Rank]) -> WhoIsWho:
    """What ``claims`` say; the pairs ``ruled`` are one unless somebody says otherwise."""
    told = grouped(
        (c for c in claims if c.told in CLAIMS and c.subject_told != c.object_told),
        lambda c: pair(c.subject_told, c.object_told),
    )
    joined = [(Moment(0, 0), 0.0, each) for each in ruled if each not in told]
    apart = set[Pair]()
    for each, items in told.items():
        same, at, sure = _folded(items)
        if same:
            joined.append((at, sure, each))
        else:
            apart.add(each)

    def order(link: tuple[Moment, float, Pair]) -> tuple[object, ...]:
        at, sure, ends = link
        return -at.run, -at.ns, -sure, sorted(rank(end)[1] for end in ends)

    groups: dict[int, frozenset[int]] = {}
    for _, _, (one, other) in sorted(joined, key=order):
        mine, theirs = groups.get(one, frozenset({one})), groups.get(other, frozenset({other}))
        if not any(pair(a, b) in apart for a in mine for b in theirs):
            groups.update(dict.fromkeys(mine | theirs, mine | theirs))
    standing = {group: min(group, key=rank) for group in set(groups.values())}
    return WhoIsWho({key: standing[group] for key, group in groups.items()}, frozenset(apart))


def _folded(claims: Sequence[Evidence]) -> tuple[bool, Moment, float]:
    """(whether two things are one, since when that was said last, how surely). Of one moment the surest claim
    counts; of two that are equally sure the one that keeps them apart."""
    now: tuple[bool, Moment, float] | None = None
    moments = grouped(claims, lambda c: c.at)
    for at in sorted(moments):
        best = max(moments[at], key=lambda c: (c.confidence, c.told is Told.APART))
        same, sure = best.told is Told.SAME, best.confidence
        if now is None or same == now[0]:
            now = same, at, sure if now is None else max(sure, now[2])
        elif sure >= OVERRULE * now[2]:
            now = same, at, sure
    assert now is not None
    return now


class RegroupedSource(EvidenceSource):
    """What ``source`` knows, with its evidence as ``after`` says who is who; it is kept as ``before`` says.
    ``told``: the evidence with an end in the things that are grouped anew."""

    def __init__(
        self, source: EvidenceSource, before: WhoIsWho, after: WhoIsWho, told: Iterable[Evidence]
    ) -> None:
        self._source, self._before, self._after = source, before, after
        self._ends = [(e.subject, e.relation, e.object) for e in map(after.moved, told) if e.object]

    def _kept(self, thing: int) -> list[int]:
        """The things for which what is told of ``thing`` counted before."""
        return sorted({self._before.of(each) for each in self._after.members(thing)})

    def evidence_from(
        self, thing: int, since: Moment, told: Collection[Told] = (), without: Collection[int] = ()
    ) -> Iterable[Evidence]:
        streams = [self._source.evidence_from(key, since, told, without) for key in self._kept(thing)]
        found = map(self._after.moved, heapq.merge(*streams, key=lambda e: e.at))
        return (e for e in found if e.subject == thing)

    def newest_told(self, thing: int) -> Moment | None:
        found = (self._source.newest_told(key) for key in self._kept(thing))
        return max((at for at in found if at is not None), default=None)

    def facts_from(self, thing: int, since: Moment) -> Iterable[Fact]:
        return self._source.facts_from(thing, since)

    def facts_back(
        self, subjects: Sequence[int], relations: Sequence[str], objects: Sequence[int] | None, by: Moment,
        most: int,
    ) -> Sequence[Fact]:  # fmt: skip
        return self._source.facts_back(subjects, relations, objects, by, most)

    def track_from(self, thing: int, since: Moment, *, missed: bool = False) -> Iterable[Sighting]:
        return self._source.track_from(thing, since, missed=missed)

    def track_back(self, thing: int, by: Moment, most: int) -> Sequence[Sighting]:
        return self._source.track_back(thing, by, most)

    def related(self, thing: int) -> Collection[tuple[int, str, int]]:
        return {*self._source.related(thing), *(ends for ends in self._ends if thing in (ends[0], ends[2]))}
