"""The graph without some records: they are forgotten, or were never true."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from robomemory.belief.believing import Believing
from robomemory.belief.evidence import ALONE, CLAIMS, Evidence, Told
from robomemory.belief.folding import Clock
from robomemory.belief.folds import Folds
from robomemory.belief.sources import EvidenceSource, Settled, Touched, Writing
from robomemory.graph.current_graph import SceneState
from robomemory.graph.entity_merging import Rules, regrouped, unknown
from robomemory.graph.note_rules import placed
from robomemory.graph.scene import Entity, Sighting
from robomemory.names import name_key
from robomemory.records import Position
from robomemory.update_protocol import Change, Update


class RemovalSource(EvidenceSource, Protocol):
    """What has to be known of what is removed."""

    def evidence_of(self, records: Sequence[int]) -> Sequence[Evidence]: ...
    def outline_of(self, records: Sequence[int]) -> Sequence[Evidence]: ...
    def evidence(self, things: Sequence[int]) -> Sequence[Evidence]: ...
    def newest_without(self, run: int, records: Collection[int]) -> int | None: ...
    def touched(self, thing: int, records: Collection[int], confidence: float) -> Touched | None: ...
    def was_told(self, thing: int, records: Collection[int]) -> bool: ...
    def last_mention(self, thing: int, records: Collection[int]) -> Sighting | None: ...
    def mentions(self, thing: int) -> Sequence[Sighting]: ...
    def began_ns(self, run: int) -> int: ...
    def seen_within(self, center: Position, radius_m: float) -> Sequence[int]: ...


@dataclass(frozen=True, slots=True)
class GraphWithout:
    """The graph without some records. ``kept``: what the store has to write; ``graph``: what becomes of the
    graph as it stands; ``lost``: the things of which nothing is left; ``mentions`` {thing: what names it now
    without a place, None: nothing}; ``newest`` {run: newest stamp known of it [ns]}."""

    kept: Change
    graph: Change
    lost: tuple[int, ...] = ()
    mentions: Mapping[int, Sighting | None] = field(default_factory=dict)
    newest: Mapping[int, int] | None = None


class Removal:
    """Works out what is believed without the records ``ids``, on top of ``state`` without touching it.
    ``again``: evidence that they had taken back."""

    def __init__(
        self,
        state: SceneState,
        source: RemovalSource,
        rules: Rules,
        ids: Collection[int],
        update: Update,
        again: Sequence[Evidence] = (),
    ) -> None:
        self._state, self._source, self._rules = state, source, rules
        self._ids, self._update, self._again = frozenset(ids), update, tuple(again)

    def run(self, *, retract: bool) -> GraphWithout:
        """What changes; with ``retract`` the evidence stays, and tells until when it was believed."""
        look_up = self._source.evidence_of if retract else self._source.outline_of
        gone = look_up(sorted(self._ids))
        if not gone:
            return GraphWithout(Change(), Change())
        known = self._state.entities.keys()
        hit = {end for e in gone for end in (e.subject, e.object)} & known
        looked: set[int] = set()
        for ball in gone:
            if ball.told is Told.EMPTY and ball.position is not None:
                looked |= set(self._source.seen_within(ball.position, ball.radius_m)) & known
        newest = self._newest(gone)
        stale = set() if newest == self._state.newest else set(known)  # what was too old may be so no longer
        clock = Clock(self._rules.expire_ns, newest, self._source.began_ns)
        now = self._update.recorded_ns
        writing = Writing(self._update.ids.fact, now)
        anew = regrouped(self._state, self._source, self._state.thing, self._again, gone)
        if anew is not None and not retract:
            gone = self._source.evidence_of(sorted(self._ids))
            anew = regrouped(self._state, self._source, self._state.thing, self._again, gone)
        stale |= frozenset() if anew is None else anew.stale
        believing = Believing(
            self._state.folds if anew is None else Folds(empty=self._state.folds.empty),
            self._source if anew is None else anew.source, self._named, clock, writing,
            validity=self._rules.validity,
        )  # fmt: skip
        regroups = {} if anew is None else anew.things
        moved = gone if anew is None else [anew.who.moved(e) for e in gone]
        settled = believing.run(
            [e for e in self._again if e.told not in CLAIMS], stale=stale,
            without=lambda e: e.record_id in self._ids, gone=self._ids, removed=moved, looked=sorted(looked),
        )  # fmt: skip
        entities: dict[int, Entity] = {}
        lost: list[int] = []
        for key in sorted(hit - regroups.keys()):
            entity = self._left(self._state.entities[key])
            entities[key] = entity or unknown(self._state.entities[key])
            lost += [] if entity or self._source.was_told(key, self._ids) else [key]
        entities.update(regroups)
        for key, fold in settled.folds.tracks.items():
            entities[key] = placed(entities.get(key) or self._state.thing(key), fold.open)
        facts, seen = tuple(settled.facts.values()), tuple(settled.sightings.values())
        seen += () if anew is None else anew.mentions
        named = sorted({e.subject for e in gone if e.relation == ALONE} & known)
        void = tuple(replace(e, retracted_ns=now) for e in gone)
        graph = Change(
            entities=tuple(entities.values()), facts=facts, sightings=(*seen, *_last(settled)),
            evidence=(*void, *self._again), folds=settled.folds,
            moves=() if anew is None else anew.moves,
        )  # fmt: skip
        if retract:
            mentions = self._mentions(named, now)
            kept = replace(graph, sightings=(*seen, *mentions))
            return GraphWithout(kept, replace(graph, sightings=(*graph.sightings, *mentions)), newest=newest)
        kept = replace(
            graph,
            facts=tuple(f for f in facts if f.record_id not in self._ids),
            sightings=tuple(s for s in seen if s.record_id not in self._ids),
            evidence=(),
        )
        said = {key: self._source.last_mention(key, self._ids) for key in named}
        return GraphWithout(kept, graph, tuple(lost), said, newest)

    def _newest(self, gone: Sequence[Evidence]) -> dict[int, int]:
        """{run: the newest stamp [ns] of what counts of it} without ``gone``; asked for only where facts get
        old by it."""
        newest = dict(self._state.newest)
        if self._rules.expire_ns is None:
            return newest
        for run in {e.at.run for e in gone if e.at.ns >= newest.get(e.at.run, 0)}:
            left = self._source.newest_without(run, self._ids)
            newest.pop(run, None)
            if left is not None:
                newest[run] = left
        return newest

    def _mentions(self, named: Sequence[int], now_ns: int) -> list[Sighting]:
        """The rows of what only named things, ended."""
        rows = [row for key in named for row in self._source.mentions(key)]
        return [replace(row, expired_ns=now_ns) for row in rows if row.record_id in self._ids]

    def _named(self, key: int) -> str:
        return name_key(self._state.thing(key).label) if key in self._state else ""

    def _left(self, entity: Entity) -> Entity | None:
        """``entity`` as what is left knows it; None where nothing is left."""
        left = self._source.touched(entity.id, self._ids, entity.confidence)
        if left is None:
            return None
        return replace(entity, first_seen=left.first, last_seen=left.last, confidence=left.confidence)


def _last(settled: Settled) -> Iterator[Sighting]:
    """The last places of the things that were folded to the end, which may have been there before."""
    return (fold.row for fold in settled.folds.tracks.values() if fold.row is not None)
