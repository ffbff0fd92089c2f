"""Belief as one pure function of the evidence: the same for every order in which it came.

Evidence is folded in the order of the moments that it is of, all of one moment at once. Folding what is newer
than everything before is one more step; what comes late folds its slot anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from robomemory.belief.evidence import Evidence, Told, turned
from robomemory.belief.relations import METRIC, SOMEWHERE, opposite
from robomemory.graph.scene import Fact, Sighting
from robomemory.records import Position
from robomemory.timestamps import Moment

OVERRULE = 0.25
"""What is less sure than this part of what is believed does not overrule it."""

SAME_PLACE_M = 0.02
"""Within this distance of where it was a thing has not moved; cameras jitter by less."""

HOLDER_M = 0.5
"""A thing measured farther than this from what it is in is not in it."""

Triple = tuple[int, str, int]
Names = Callable[[int], str]
PlaceOf = Callable[[int, Moment], Position | None]


@dataclass(frozen=True, slots=True)
class Clock:
    """When facts get old: not said for ``expire_ns`` [ns] (None: never) of the time of one run. ``newest``
    {run: the last moment known of it [ns]}; ``began`` gives the stamp at which a run began [ns]."""

    expire_ns: int | None
    newest: Mapping[int, int]
    began: Callable[[int], int]

    def end_of(self, seen: Moment, now: Moment) -> Moment | None:
        """When a fact that was last said at ``seen`` got too old, as of ``now``; None: it has not."""
        if self.expire_ns is None:
            return None
        for run in sorted({seen.run, *(r for r in self.newest if seen.run < r < now.run), now.run}):
            until = now.ns if run == now.run else self.newest.get(run, 0)
            if run == seen.run:
                if until - seen.ns > self.expire_ns:
                    return Moment(run, seen.ns + self.expire_ns)
            elif until - (start := self.began(run)) >= self.expire_ns:
                return Moment(run, start + self.expire_ns)
        return None

    @property
    def now(self) -> Moment:
        """The newest moment known of."""
        run = max(self.newest, default=0)
        return Moment(run, self.newest.get(run, 0))


@dataclass(frozen=True, slots=True)
class Spell:
    """A time for which something was so: the fact ``subject`` ``relation`` ``object``, as it was said first;
    or, where ``position`` is given, that ``subject`` was there [m]. From ``began`` until before ``until``
    (None: still), last said at ``seen``, ``times`` in all, by ``sources``; ``record_id`` began it,
    ``newest_id`` said it last, ``ended_by`` ended it (0: it got old, or did not end). ``measured`` [m] is the
    newest position within it, ``confidence`` the highest and ``surety`` the newest one [0, 1]."""

    subject: int
    relation: str
    object: int
    began: Moment
    until: Moment | None
    seen: Moment
    times: int
    confidence: float
    surety: float
    record_id: int
    newest_id: int
    sources: tuple[str, ...]
    position: Position | None = None
    measured: Position | None = None
    ended_by: int = 0

    @property
    def fact(self) -> Triple:
        return turned(self.subject, self.relation, self.object)

    def confirmed(self, at: Moment, items: Sequence[Evidence]) -> Spell:
        """The same with ``items``, which say it again at ``at``, the surest of them last."""
        sure = items[-1]
        return replace(
            self, seen=at, times=self.times + len(items), confidence=max(self.confidence, sure.confidence),
            surety=sure.confidence, newest_id=sure.record_id, sources=_sources(items, self.sources),
            measured=sure.position,
        )  # fmt: skip


def _spell(at: Moment, items: Sequence[Evidence]) -> Spell:
    sure = items[-1]
    placed = sure.told is Told.SEEN
    return Spell(
        sure.subject, "" if placed else sure.relation, 0 if placed else sure.object, at, None, at, len(items),
        sure.confidence, sure.confidence, sure.record_id, sure.record_id, _sources(items), sure.position
        if placed else None, sure.position if placed else None,
    )  # fmt: skip


def _sources(items: Iterable[Evidence], known: Sequence[str] = ()) -> tuple[str, ...]:
    return tuple(sorted({*known, *(item.source for item in items if item.source)}))


@dataclass(frozen=True, slots=True)
class TrackStep:
    """What is known of a thing's place from one moment: where it was ``seen``, which balls were ``empty``."""

    seen: Sequence[Evidence] = ()
    empty: Sequence[Evidence] = ()


Trail = tuple[tuple[Moment, Spell | None], ...]
"""The last states of a fold: (moment, what was open from then on), oldest first."""

TRAIL = 8
"""So many states are at hand, for what comes a little late."""


@dataclass(slots=True)
class TrackFold:
    """Where a thing was: ``open`` is the last spell, ``last`` the newest moment folded, ``row`` what the
    store holds of ``open``, ``trail`` how it came to be."""

    open: Spell | None = None
    last: Moment | None = None
    row: Sighting | None = None
    trail: Trail = ()

    def add(self, at: Moment, step: TrackStep) -> list[Spell]:
        """The spells that ended at ``at``, which is later than every moment before."""
        ended = self._add(at, step)
        self.trail = (*self.trail[1 - TRAIL :], (at, self.open))
        return ended

    def _add(self, at: Moment, step: TrackStep) -> list[Spell]:
        self.last, now = at, self.open
        for empty in sorted(step.empty, key=lambda e: (-e.confidence, e.record_id)):
            if now is not None and _in_ball(now.measured, empty) and _sure(empty, now):
                there = any(_in_ball(seen.position, empty) for seen in step.seen)
                if not there:
                    self.open = None
                    ended = _ended(now, at, empty.record_id)
                    return [*ended, *self._see(at, step.seen)]
        return self._see(at, step.seen)

    def _see(self, at: Moment, seen: Sequence[Evidence]) -> list[Spell]:
        if not seen:
            return []
        items = sorted(seen, key=lambda e: (e.confidence, e.position or (), -e.note_id))
        sure, now = items[-1], self.open
        if now is None:
            self.open = _spell(at, items[-1:])
            return []
        if _apart(now.position, sure.position) <= SAME_PLACE_M:
            self.open = now.confirmed(at, [sure])
            return []
        if not _sure(sure, now):
            return []
        self.open = _spell(at, [sure])
        return _ended(now, at, sure.record_id)


@dataclass(frozen=True, slots=True)
class SlotStep:
    """What bears on a slot from one moment: what was ``said`` of it (to hold or not), where its subject was
    ``seen``, and the record by which an end of it ``moved`` or was ``lost`` (0: none)."""

    said: Sequence[Evidence] = ()
    seen: Sequence[Evidence] = ()
    moved: int = 0
    lost: int = 0


@dataclass(slots=True)
class SlotFold:
    """What a slot held; as :class:`TrackFold`."""

    open: Spell | None = None
    last: Moment | None = None
    row: Fact | None = None
    trail: Trail = ()

    def add(self, at: Moment, step: SlotStep, names: Names, clock: Clock, place_of: PlaceOf) -> list[Spell]:
        """The spells that ended at ``at``, which is later than every moment before."""
        ended = self._add(at, step, names, clock, place_of)
        self.trail = (*self.trail[1 - TRAIL :], (at, self.open))
        return ended

    def _add(self, at: Moment, step: SlotStep, names: Names, clock: Clock, place_of: PlaceOf) -> list[Spell]:
        self.last, closed = at, list[Spell]()
        if self.open is not None and (old := clock.end_of(self.open.seen, at)) is not None:
            closed += _ended(self.open, old, 0)
            self.open = None
        claims = _claims(step.said)
        denials = [item for item in step.said if item.told is Told.DENIED]
        if self.open is not None and self.open.fact not in claims:
            by = _ends(self.open, at, step, denials, place_of)
            if by:
                closed += _ended(self.open, at, by)
                self.open = None
        now = self.open
        current = None if now is None else now.fact

        def order(fact: Triple) -> tuple[object, ...]:
            subject, relation, obj = fact
            one, two = names(subject), names(obj)
            if (other := opposite(relation)) and two < one:  # keys follow the order in which things came
                one, relation, two = two, other, one
            return claims[fact][-1].confidence, fact != current, relation, two, one

        for fact in sorted(claims, key=order, reverse=True):
            items = claims[fact]
            if now is None:
                self.open = _spell(at, items)
                break
            if fact == current:
                self.open = now.confirmed(at, items)
                break
            if _sure(items[-1], now):
                closed += _ended(now, at, items[-1].record_id)
                self.open = _spell(at, items)
                break
        return closed

    def seen_by(self, now: Moment, clock: Clock) -> Spell | None:
        """The open spell as of ``now``: ended, if it got too old."""
        if self.open is None:
            return None
        old = clock.end_of(self.open.seen, now)
        return self.open if old is None else replace(self.open, until=max(old, self.open.began))


def _claims(said: Sequence[Evidence]) -> dict[Triple, list[Evidence]]:
    """{fact: what says it at this moment, the surest last}, without facts that something surer denies."""
    found: dict[Triple, list[Evidence]] = {}
    for item in sorted(said, key=lambda e: (e.confidence, -e.note_id)):
        if item.told is Told.HOLDS:
            found.setdefault(turned(item.subject, item.relation, item.object), []).append(item)
    denials = [item for item in said if item.told is Told.DENIED]
    return {
        fact: items
        for fact, items in found.items()
        if not any(_denies(d, fact) and d.confidence > items[-1].confidence for d in denials)
    }


def _denies(denial: Evidence, fact: Triple) -> bool:
    if denial.relation == SOMEWHERE:
        return (denial.subject, denial.object) == (fact[0], fact[2])
    return turned(denial.subject, denial.relation, denial.object) == fact


def _ends(now: Spell, at: Moment, step: SlotStep, denials: Sequence[Evidence], place_of: PlaceOf) -> int:
    """The record that ends ``now`` at ``at``, though nothing else takes its place; 0: none."""
    for denial in sorted(denials, key=lambda e: (-e.confidence, e.record_id)):
        if _denies(denial, now.fact) and _sure(denial, now):
            return denial.record_id
    if step.lost or (step.moved and now.relation in METRIC and now.began < at):
        return step.lost or step.moved
    if now.relation == "in" and step.seen:
        seen = max(step.seen, key=lambda e: (e.confidence, e.position or ()))
        holder = place_of(now.object, at)
        if holder is not None and _sure(seen, now) and _apart(holder, seen.position) > HOLDER_M:
            return seen.record_id
    return 0


def _ended(spell: Spell, until: Moment, by: int) -> list[Spell]:
    """``spell``, ended; nothing if it was so for no time at all."""
    return [] if until <= spell.began else [replace(spell, until=until, ended_by=by)]


def _sure(item: Evidence, now: Spell) -> bool:
    return item.confidence >= OVERRULE * now.confidence


def _apart(one: Position | None, other: Position | None) -> float:
    return math.inf if one is None or other is None else math.dist(one, other)


def _in_ball(spot: Position | None, ball: Evidence) -> bool:
    if ball.box is not None:
        return spot is not None and ball.box.holds(spot)
    return _apart(spot, ball.position) <= ball.radius_m


def place_at(track: Iterable[Spell], at: Moment) -> Spell | None:
    """The spell of ``track`` in which ``at`` falls."""
    return next((s for s in track if s.began <= at and (s.until is None or at < s.until)), None)
