"""What is believed of the facts, and how one update changes it: nothing is rewritten, belief moves on.

A fact that ends is marked expired, and a new row says from when until when it was true. What was believed at
any earlier time can therefore still be told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from robomemory.graph.current_graph import SceneState
from robomemory.graph.scene import Fact
from robomemory.names import METRIC, PLACE, STATE, exclusive, opposite
from robomemory.records import MemoryRecord
from robomemory.timestamps import FOREVER, Moment
from robomemory.update_protocol import Update


class Beliefs:
    """The facts of ``state`` with the changes of one ``update`` laid over them; ``history`` gives the
    facts of a subject that have ended and are still believed. Without ``ends`` nothing contradicts."""

    def __init__(
        self,
        state: SceneState,
        update: Update,
        history: Callable[[int], Sequence[Fact]],
        *,
        ends: bool = True,
    ) -> None:
        self._ends = ends
        self._state = state
        self._update = update
        self._history = history
        self._at: dict[int, set[int]] = defaultdict(set)
        self._merged: dict[int, int] = {}
        self.facts: dict[int, Fact] = {}

    def open_at(self, key: int) -> list[Fact]:
        """The facts that hold and that ``key`` is an end of."""
        known: dict[int, Fact] = {}
        for each in self._members(key):
            known.update({f.id: f for f in self._state.facts_at(each, len(self._state.facts) + 1)})
            known.update({i: self.facts[i] for i in self._at[each]})
        return [self._moved(f) for f in known.values() if f.open]

    def open_of(self, subject: int) -> list[Fact]:
        """The facts that hold and say something of ``subject``."""
        known: dict[int, Fact] = {}
        for each in self._members(subject):
            known.update({f.id: f for f in self._state.out_of(each)})
            known.update({i: self.facts[i] for i in self._at[each]})
        return [m for f in known.values() if f.open and (m := self._moved(f)).subject == subject]

    def _members(self, key: int) -> list[int]:
        """``key`` and what turned out within this update to be the same thing."""
        return [key, *(gone for gone in self._merged if self._final(gone) == key)]

    def _final(self, key: int) -> int:
        while key in self._merged:
            key = self._merged[key]
        return key

    def _set(self, fact: Fact) -> None:
        self.facts[fact.id] = fact
        self._at[fact.subject].add(fact.id)
        self._at[fact.object].add(fact.id)

    def _revise(self, fact: Fact, revised: Fact) -> None:
        """``revised`` is believed instead of ``fact``, from this update on."""
        now = self._update.recorded_ns
        if fact.recorded_ns == now:  # born in this very update: it was never believed otherwise
            self._set(replace(revised, id=fact.id))
            return
        self._set(replace(fact, expired_ns=now))
        self._set(replace(revised, id=self._update.ids.fact(), recorded_ns=now))

    def end(self, fact: Fact, until: Moment, ended_by: int) -> None:
        """``fact`` was true until before ``until``, as the record ``ended_by`` shows (0: it got old)."""
        self._revise(fact, replace(fact, valid_until=max(until, fact.valid_from), ended_by=ended_by))

    def rival(self, subject: int, relation: str, obj: int) -> Fact | None:
        """A fact of the same two things that no rule can tell to agree with ``relation`` or to end."""
        if relation in PLACE | STATE | METRIC:
            return None
        return next(
            (
                f
                for f in self.open_of(subject)
                if f.object == obj and f.relation != relation and f.relation not in PLACE | STATE | METRIC
            ),
            None,
        )

    def say(
        self, subject: int, relation: str, obj: int, record: MemoryRecord, ends: frozenset[int] = frozenset()
    ) -> bool:
        """Whether it is news that ``subject`` ``relation`` ``obj``. Closes what it contradicts and what
        ``ends`` names; a note that comes late ends where the next contradicting fact begins."""
        moment, group = record.moment, exclusive(relation) if self._ends else frozenset[str]()
        same, after = None, FOREVER
        for fact in self.open_of(subject):
            if (fact.relation, fact.object) == (relation, obj):
                same = fact
            elif fact.relation in group or fact.id in ends or self._opposed(fact, relation, obj):
                if fact.valid_from > moment:
                    after = min(after, fact.valid_from)
                else:
                    self.end(fact, moment, record.id)
        for fact in self.open_of(obj) if opposite(relation) and self._ends else ():
            turned = (fact.relation, fact.object) == (relation, subject)  # b left of a, now a left of b
            if turned and fact.valid_from <= moment:
                self.end(fact, moment, record.id)
        if same is not None and same.valid_from <= moment:
            sure = max(same.confidence, record.confidence)
            self._set(replace(same, confidence=sure, seen=max(same.seen, moment)))
            return False
        if group and (same is not None or after < FOREVER):
            told, after = self._fit_in(subject, relation, obj, record, after)
            if told:
                return False
        if same is not None and after >= same.valid_from:  # nothing lies between: it began earlier
            self._revise(same, replace(same, valid_from=moment))
            return True
        key, until = self._update.ids.fact(), None if after == FOREVER else after
        now = self._update.recorded_ns
        self._set(
            Fact(key, subject, relation, obj, moment, until, now, None, moment, record.confidence, record.id)
        )
        return True

    def _opposed(self, fact: Fact, relation: str, obj: int) -> bool:
        return self._ends and fact.object == obj and fact.relation == opposite(relation)

    def _fit_in(
        self, subject: int, relation: str, obj: int, record: MemoryRecord, after: Moment
    ) -> tuple[bool, Moment]:
        """A late fact among those that have ended: cuts the one it falls into. Returns whether that one
        says the same already, and where the next one begins."""
        moment, group = record.moment, exclusive(relation)
        ended = {f.id: f for f in self._history(subject)}
        ended.update({i: self.facts[i] for i in self._at[subject] if self.facts[i].subject == subject})
        for fact in ended.values():
            until = fact.valid_until
            if fact.relation not in group or fact.expired_ns is not None or until is None:
                continue
            if fact.valid_from <= moment < until:
                if (fact.relation, fact.object) == (relation, obj):
                    return True, after
                if fact.valid_from < moment:
                    self.end(fact, moment, record.id)
                after = min(after, until)
            elif fact.valid_from > moment:
                after = min(after, fact.valid_from)
        return False, after

    def merge(self, gone: int, kept: int, record: MemoryRecord) -> None:
        """The facts of ``gone`` are those of ``kept``; of two that exclude each other the newer holds."""
        self._merged[gone] = kept
        mine = {f.id: f for f in self.open_at(kept)}
        for fact in mine.values():
            if fact.subject == fact.object:
                self._revise(fact, replace(fact, valid_until=fact.valid_from, ended_by=record.id))
        for group in (PLACE, STATE):
            rivals = sorted(
                (f for f in self.open_of(kept) if f.relation in group),
                key=lambda f: (f.valid_from, f.recorded_ns),
            )
            for fact in rivals[:-1]:
                self.end(fact, rivals[-1].valid_from, record.id)

    def _moved(self, fact: Fact) -> Fact:
        ends = [self._final(end) for end in (fact.subject, fact.object)]
        return replace(fact, subject=ends[0], object=ends[1])
