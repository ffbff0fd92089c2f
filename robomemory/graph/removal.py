"""The graph without some records: they are forgotten, or were never true."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from robomemory.belief.believing import Believing
from robomemory.belief.evidence import ALONE, Evidence, Told
from robomemory.belief.folding import Clock
from robomemory.belief.sources import EvidenceSource, Writing
from robomemory.graph.current_graph import SceneState
from robomemory.graph.entity_merging import Rules
from robomemory.graph.note_rules import placed
from robomemory.graph.regrouping import regrouped, unknown
from robomemory.graph.scene import Entity, Sighting
from robomemory.names import name_key
from robomemory.records import Position
from robomemory.update_protocol import Change, Update


class RemovalSource(EvidenceSource, Protocol):
    """What has to be known of what is removed."""

    def evidence_of(self, records: Sequence[int]) -> Sequence[Evidence]: ...
    def evidence(self, things: Sequence[int]) -> Sequence[Evidence]: ...
    def newest_without(self, records: Collection[int]) -> dict[int, int]: ...
    def mentions(self, thing: int) -> Sequence[Sighting]: ...
    def began_ns(self, run: int) -> int: ...
    def seen_within(self, center: Position, radius_m: float) -> Sequence[int]: ...


class Removal:
    """Works out what is believed without the records ``ids``, on top of ``state`` without touching it."""

    def __init__(
        self, state: SceneState, source: RemovalSource, rules: Rules, ids: Collection[int], update: Update
    ) -> None:
        self._state, self._source, self._rules = state, source, rules
        self._ids, self._update = frozenset(ids), update
        self._anew: Mapping[int, Entity] = {}

    def run(self, *, retract: bool) -> Change:
        """The change; with ``retract`` the evidence stays, and tells until when it was believed."""
        gone = self._source.evidence_of(sorted(self._ids))
        if not gone:
            return Change()
        known = self._state.entities.keys()
        hit = {end for e in gone for end in (e.subject, e.object)} & known
        stale = set(hit)
        for ball in gone:
            if ball.told is Told.EMPTY and ball.position is not None:
                stale |= set(self._source.seen_within(ball.position, ball.radius_m)) & known
        newest = self._state.newest
        if self._rules.expire_ns is not None:
            newest = self._source.newest_without(self._ids)
            if newest != self._state.newest:  # what was too old may be so no longer
                stale = set(known)
        clock = Clock(self._rules.expire_ns, newest, self._source.began_ns)
        now = self._update.recorded_ns
        writing = Writing(self._update.ids.fact, now)
        anew = regrouped(self._state, self._source, self._state.thing, (), gone)
        self._anew = {} if anew is None else anew.things
        stale |= frozenset() if anew is None else anew.stale
        believing = Believing(
            self._state.folds, self._source if anew is None else anew.source, self._named, clock, writing,
            validity=self._rules.validity,
        )  # fmt: skip
        settled = believing.run([], stale=stale, without=lambda e: e.record_id in self._ids)
        entities = {key: self._left(self._state.entities[key]) for key in sorted(hit - self._anew.keys())}
        entities.update(self._anew)
        for key, fold in settled.folds.tracks.items():
            entities[key] = placed(entities.get(key) or self._state.thing(key), fold.open)
        seen = [s for s in settled.sightings.values() if retract or s.record_id not in self._ids]
        seen += () if anew is None else anew.mentions
        return Change(
            entities=tuple(entities.values()),
            facts=tuple(f for f in settled.facts.values() if retract or f.record_id not in self._ids),
            sightings=(*seen, *(self._mentions(gone, now) if retract else ())),
            moves=() if anew is None else anew.moves,
            evidence=tuple(replace(e, retracted_ns=now) for e in gone) if retract else (),
        )

    def _mentions(self, gone: Sequence[Evidence], now_ns: int) -> list[Sighting]:
        """The rows of what ``gone`` only named, ended."""
        named = sorted({e.subject for e in gone if e.relation == ALONE})
        rows = [row for key in named for row in self._source.mentions(key)]
        return [replace(row, expired_ns=now_ns) for row in rows if row.record_id in self._ids]

    def _named(self, key: int) -> str:
        return name_key(self._state.thing(key).label) if key in self._state else ""

    def _left(self, entity: Entity) -> Entity:
        """``entity`` as what is left knows it."""
        left = [e for e in self._source.evidence([entity.id]) if e.record_id not in self._ids and e.subject]
        if not left:
            return unknown(entity)
        moments = [e.at for e in left]
        sure = max(e.confidence for e in left)
        return replace(entity, first_seen=min(moments), last_seen=max(moments), confidence=sure)
