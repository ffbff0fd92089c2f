"""What a spatial note changes in the graph, decided by rule.

The paper asks a language model to resolve conflicts inside the retrieved neighbourhood (arXiv 2508.01415,
Algorithm 2, step 6). Here rules do: which thing is meant follows from name and distance, and a fact that
contradicts another one closes it. Only what no rule settles is put to a helper. Nothing is erased.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from robomemory.beliefs import Beliefs
from robomemory.embedding import F32
from robomemory.helpers import Ambiguity, Helpers, settle
from robomemory.names import METRIC, SAME, kin, normal_name, normal_triple
from robomemory.parts import Change, Row, Update
from robomemory.records import MemoryRecord, Position
from robomemory.scene import Entity, Fact, Sighting
from robomemory.state import SceneState

SAME_PLACE_M = 0.02
"""Within this distance of its last record a thing has not moved; cameras jitter by less."""

TWO_THINGS_M = 0.05
"""Things of one name seen at one time farther apart than this are two."""

ONE_THING_M = 0.03
"""A thing seen this near to another one, under a name that may mean it, may be that one."""

ALIKE = 0.6
"""Cosine of two names from which a helper is asked whether they mean one thing."""


class Lookup(Protocol):
    """What an update asks beyond the graph as it stands."""

    def history(self, subject: int) -> Sequence[Fact]:
        """The facts of ``subject`` that have ended and are believed."""
        ...

    def around(self, names: Sequence[str]) -> tuple[str, ...]:
        """The facts near the things called ``names`` or alike, in words."""
        ...

    def name_vector(self, key: int) -> F32 | None:
        """The unit vector f32 (dim,) of a thing's name."""
        ...

    def text_of(self, record_id: int) -> str: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """Which rules apply: ``validity``, a fact ends what it contradicts; ``merging``, two names may mean one
    thing; facts that were not said for ``expire_ns`` [ns] before the newest record end (None: never)."""

    validity: bool = True
    merging: bool = True
    expire_ns: int | None = None


class SceneUpdate:
    """One update, worked out on top of ``state`` without touching it."""

    def __init__(
        self, state: SceneState, update: Update, lookup: Lookup, helpers: Helpers, rules: Rules
    ) -> None:
        self._rules = rules
        self._state = state
        self._update = update
        self._helpers = helpers
        self._lookup = lookup
        self._entities: dict[int, Entity] = {}
        self._new_names: dict[str, list[int]] = defaultdict(list)
        self._named_now: set[int] = set()
        self._rows: list[Row] = []
        self._sightings: list[Sighting] = []
        self._last: dict[int, Sighting] = {}
        self._mentions: dict[int, Sighting] = {}
        self._aliases: dict[str, int] = {}
        self._merges: dict[int, int] = {}
        self._beliefs = Beliefs(state, update, lookup.history, ends=rules.validity)

    def run(self) -> Change:
        """What keeping the rows changes; a sighting that shows nothing new adds no record. Old facts end
        wherever in the graph they are."""
        rows, expire_ns = self._update.rows, self._rules.expire_ns
        if expire_ns is not None and rows:
            newest = max(row.record.stamp_ns for row in rows)
            for fact in self._state.older_than(newest - expire_ns):
                self._beliefs.end(fact, fact.seen_ns + expire_ns, 0)
        meant = self._match_frames(rows)
        for i, row in enumerate(rows):
            self._note(row, meant.get(i))
        vectors = self._update.vectors
        return Change(
            rows=tuple(self._rows),
            entities=tuple(self._entities.values()),
            names=tuple((k, vectors[self._entities[k].name]) for k in sorted(self._named_now)),
            facts=tuple(self._beliefs.facts.values()),
            sightings=tuple(self._sightings),
            aliases=tuple(self._aliases.items()),
            merges=tuple(self._merges.items()),
        )

    def _match_frames(self, rows: Sequence[Row]) -> dict[int, int]:
        """{index of the row: entity} for rows with a position: in one frame each thing is seen once, so
        things and sightings of a name are paired one to one, the nearest pair first."""
        frames: dict[tuple[int, str], list[int]] = defaultdict(list)
        named: dict[int, set[str]] = defaultdict(set)
        for i, row in enumerate(rows):
            if row.record.position is not None:
                frames[row.record.stamp_ns, primary_name(row.record)].append(i)
                named[row.record.stamp_ns].add(primary_name(row.record))
        meant: dict[int, int] = {}
        for (stamp, name), members in sorted(frames.items()):
            spots = {i: rows[i].record.position or (0.0, 0.0, 0.0) for i in members}
            pairs = sorted(
                (0.0 if e.position is None else math.dist(e.position, spot), i, e.id)
                for i, spot in spots.items()
                for e in self._meant(name)
                if _may_be(e, spot, stamp)
            )
            taken: set[int] = set()
            for _, i, key in pairs:
                if i not in meant and key not in taken:
                    meant[i] = key
                    taken.add(key)
            for i in members:
                if i not in meant:
                    twin = self._twin(name, rows[i].record, named[stamp])
                    meant[i] = twin if twin is not None else self._add(name, rows[i].record).id
                self._move(meant[i], rows[i])
        return meant

    def _twin(self, name: str, record: MemoryRecord, in_frame: set[str]) -> int | None:
        """The known thing that ``record`` shows under a name it did not have: at the same place, not seen
        beside it in this frame, the only such one. By rule if one name is the other said less closely, by
        a helper if the names are merely alike."""
        if self._meant(name) or not self._rules.merging:
            return None
        spot = record.position or (0.0, 0.0, 0.0)
        near = [
            e
            for e in (self._get(k) for k in self._state.near(spot, ONE_THING_M))
            if e.position_ns != record.stamp_ns and not in_frame & {e.name, e.label}
        ]
        kindred = [e for e in near if kin(name, e.name)]
        if len(kindred) == 1:
            (twin,) = kindred
            if len(name.split()) > len(twin.name.split()):  # the closer name is the better one
                self._entities[twin.id] = replace(twin, name=name, ordinal=1)
                self._named_now.add(twin.id)
                self._new_names[name].append(twin.id)
            return twin.id
        if kindred or self._helpers.resolve is None:
            return None
        alike = [e for e in near if self._likeness(name, e) >= ALIKE]
        if len(alike) != 1:
            return None
        asked = f"Is the {name} seen where the {alike[0].label} was seen last the same thing?"
        choices = ("another thing", "the same thing")
        if self._settle(asked, choices, record) == choices[0]:
            return None
        self._aliases[name] = alike[0].id
        self._new_names[name].append(alike[0].id)
        return alike[0].id

    def _likeness(self, name: str, entity: Entity) -> float:
        vector = self._lookup.name_vector(entity.id)
        return 0.0 if vector is None else float(self._update.vectors[name] @ vector)

    def _settle(self, question: str, choices: tuple[str, ...], record: MemoryRecord) -> str:
        if self._helpers.resolve is None:
            return choices[0]
        return settle(
            self._helpers, Ambiguity(question, choices, record, self._lookup.around(names_in(record)))
        )

    def _note(self, row: Row, located: int | None) -> None:
        record = row.record
        keep = False
        for name in map(normal_name, record.entities):
            if located is None or name != primary_name(record):
                entity = self._find(name, record)
                self._touch(entity, record)
                if located is None and record.triple is None:
                    keep = self._mention(entity.id, record) or keep
        if record.triple is not None:
            subject, relation, obj = normal_triple(*record.triple)
            source = self._find(subject, record).id
            target = self._find(obj, record).id
            if located is not None:
                source, target = (located, target) if subject == primary_name(record) else (source, located)
            for end in (source, target):
                self._touch(self._get(end), record)
            if relation == SAME:
                keep = self._merge(source, target, record) or keep
            else:
                keep = self._relate(source, relation, target, record) or keep
        seen_anew = any(s.record_id == record.id for s in self._sightings)
        if keep or seen_anew:
            self._rows.append(row)

    def _relate(self, subject: int, relation: str, obj: int, record: MemoryRecord) -> bool:
        rival = self._beliefs.rival(subject, relation, obj)
        ends = frozenset[int]()
        if rival is not None:
            said = f"{self._get(subject).label} {rival.relation} {self._get(obj).label}"
            new = f"{self._get(subject).label} {relation} {self._get(obj).label}"
            choices = ("both hold", "the new one replaces the old one")
            if self._settle(f"Known: {said}. New: {new}. Do both hold?", choices, record) == choices[1]:
                ends = frozenset({rival.id})
        return self._beliefs.say(subject, relation, obj, record, ends)

    def _mention(self, key: int, record: MemoryRecord) -> bool:
        """A record that only names a thing: whether it says something else than the one before."""
        before = self._mentions.get(key) or self._state.mentions.get(key)
        if before is not None and record.text == self._text_of(before):
            return False
        self._see(Sighting(record.id, key, record.stamp_ns, None, self._update.recorded_ns))
        return True

    def _text_of(self, sighting: Sighting) -> str:
        mine = next((r.record.text for r in self._update.rows if r.record.id == sighting.record_id), None)
        return self._lookup.text_of(sighting.record_id) if mine is None else mine

    def _see(self, sighting: Sighting) -> None:
        self._sightings.append(sighting)
        kept, known = (self._last, self._state.last)
        if sighting.position is None:
            kept, known = self._mentions, self._state.mentions
        before = kept.get(sighting.entity_id) or known.get(sighting.entity_id)
        if before is None or before.stamp_ns <= sighting.stamp_ns:
            kept[sighting.entity_id] = sighting

    def _move(self, key: int, row: Row) -> None:
        record, entity = row.record, self._get(key)
        before = self._last.get(key) or self._state.last.get(key)
        late = entity.position is not None and record.stamp_ns < entity.position_ns
        if not late:
            moved = replace(entity, position=record.position, position_ns=record.stamp_ns)
            self._entities[key] = replace(moved, confidence=record.confidence)
        self._touch(self._get(key), record)
        step = math.inf
        if before is not None and before.position is not None and record.position is not None:
            step = math.dist(before.position, record.position)
        if step > SAME_PLACE_M or late:
            self._see(Sighting(record.id, key, record.stamp_ns, record.position, self._update.recorded_ns))
        if not late and SAME_PLACE_M < step < math.inf:
            for fact in self._beliefs.open_at(key):
                if fact.relation in METRIC and fact.valid_from_ns < record.stamp_ns:
                    self._beliefs.end(fact, record.stamp_ns, record.id)

    def _merge(self, one: int, other: int, record: MemoryRecord) -> bool:
        """Two things turn out to be one; the one known longer stays. Whether that is news."""
        if one == other or not self._rules.merging:
            return False
        kept, gone = sorted((one, other))
        a, b = self._get(kept), self._get(gone)
        newer = max((a, b), key=lambda e: (e.position is not None, e.position_ns))
        self._entities[kept] = replace(
            a,
            position=newer.position,
            position_ns=newer.position_ns,
            first_seen_ns=min(a.first_seen_ns, b.first_seen_ns),
            last_seen_ns=max(a.last_seen_ns, b.last_seen_ns),
        )
        self._entities[gone] = replace(b, merged_into=kept)
        self._aliases[b.label] = kept
        self._merges[gone] = kept
        self._beliefs.merge(gone, kept, record)
        return True

    def _get(self, key: int) -> Entity:
        key = self._merges.get(key, key)
        return self._entities.get(key) or self._state.entities[key]

    def _named(self, name: str) -> list[Entity]:
        keys = [*self._state.by_name.get(name, ()), *self._new_names.get(name, ())]
        if name in self._aliases:
            keys.append(self._aliases[name])
        found = {(e := self._get(k)).id: e for k in keys}
        renamed = (e for e in found.values() if name == e.name or name not in self._renamed(e))
        return list(renamed)

    def _renamed(self, entity: Entity) -> tuple[str, ...]:
        """The name that ``entity`` lost within this update."""
        known = self._state.entities.get(entity.id)
        return () if known is None or known.name == entity.name else (known.name,)

    def _meant(self, name: str) -> list[Entity]:
        """The things called ``name``, which may be a label such as "red block #2"."""
        if label := re.fullmatch(r"(.+) #(\d+)", name):
            numbered = [e for e in self._named(label[1]) if e.ordinal == int(label[2])]
            return numbered or self._named(name) or self._named(label[1])
        return self._named(name)

    def _find(self, name: str, record: MemoryRecord) -> Entity:
        """The thing that ``name`` means without a position: of several the one seen last."""
        known = sorted(self._meant(name), key=lambda e: (-e.last_seen_ns, e.ordinal))
        if not known:
            return self._add(name, record)
        if len(known) > 1 and self._helpers.resolve is not None and record.triple is not None:
            labels = tuple(e.label for e in known)
            chosen = self._settle(f"Which one is meant by {name!r}?", labels, record)
            return known[labels.index(chosen)]
        return known[0]

    def _add(self, name: str, record: MemoryRecord) -> Entity:
        stamp = record.stamp_ns
        alike = [e.ordinal for k in self._new_names.get(name, ()) if (e := self._get(k)).name == name]
        ordinal = max([self._state.ordinals.get(name, 0), *alike]) + 1
        key = self._update.ids.entity()
        self._entities[key] = Entity(
            key, name, ordinal, None, 0, stamp, stamp, record.confidence, self._update.recorded_ns
        )
        self._new_names[name].append(key)
        self._named_now.add(key)
        return self._entities[key]

    def _touch(self, entity: Entity, record: MemoryRecord) -> None:
        first = min(entity.first_seen_ns, record.stamp_ns)
        last = max(entity.last_seen_ns, record.stamp_ns)
        self._entities[entity.id] = replace(entity, first_seen_ns=first, last_seen_ns=last)


def primary_name(record: MemoryRecord) -> str:
    """The name that ``record.position`` belongs to: the triple's subject, else the first entity."""
    if record.triple is not None:
        return normal_name(record.triple[0])
    return normal_name(record.entities[0])


def names_in(record: MemoryRecord) -> tuple[str, ...]:
    """All names a spatial record holds, in one spelling."""
    triple = normal_triple(*record.triple) if record.triple is not None else None
    ends = () if triple is None else (triple[0], triple[2])
    return (*map(normal_name, record.entities), *ends)


def _may_be(entity: Entity, spot: Position, stamp_ns: int) -> bool:
    """A thing can't be at two places at one time."""
    if entity.position is None or entity.position_ns != stamp_ns:
        return True
    return math.dist(entity.position, spot) <= TWO_THINGS_M
