"""Who is who: the things that a spatial note is about, by name, place and frame, and what changes in the
graph once other things than before are one."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from robomemory.belief.evidence import ALONE, CLAIMS, Evidence, Told
from robomemory.belief.identity import Pair, Rank, RegroupedSource, WhoIsWho, pair, who_is_who
from robomemory.belief.sources import EvidenceSource
from robomemory.graph.current_graph import SceneState, exactly, told_of
from robomemory.graph.scene import BEFORE_ALL, Entity, Sighting
from robomemory.names import kin, name_key, owner, said_of, thing_name
from robomemory.records import MemoryRecord
from robomemory.timestamps import FOREVER, Moment
from robomemory.update_protocol import Standee, Update

ONE_THING_M = 0.03
"""A thing seen this near to another one, under a name that may mean it, may be that one."""


class Lookup(Protocol):
    """What an update asks beyond the graph as it stands."""

    def text_of(self, record_id: int) -> str: ...

    def began_ns(self, run: int) -> int:
        """The stamp at which ``run`` began [ns]; 0 where nobody said."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """Which rules apply: ``validity``, a fact ends what it contradicts; ``merging``, two names may mean one
    thing; facts that were not said for ``expire_ns`` [ns] before the newest record end (None: never)."""

    validity: bool = True
    merging: bool = True
    expire_ns: int | None = None


class Identities:
    """The things of ``state`` with the changes of one ``update`` laid over them: ``entities`` {key: thing}
    that changed, ``named_now`` the keys whose name is new. What is told is told of a thing by its own name
    (:meth:`told`); all that is asked here is asked of the one that stands for it."""

    def __init__(self, state: SceneState, update: Update, rules: Rules) -> None:
        self._state, self._update, self._rules = state, update, rules
        self._new_names: dict[str, list[int]] = defaultdict(list)
        self._apart: set[Pair] = set()
        self.entities: dict[int, Entity] = {}
        self.named_now: set[int] = set()

    def twin(self, name: str, record: MemoryRecord, in_frame: set[str]) -> int | None:
        """The known thing that ``record`` shows under a name it did not have: at the same place, not seen
        beside it in this frame, the only such one, and one name is the other said less closely. Whether
        things whose names are merely alike are one is left to a resolver."""
        if self.meant(name) or not self._rules.merging:
            return None
        spot = record.position or (0.0, 0.0, 0.0)
        near = [
            e
            for e in (self.get(k) for k in self._state.near(spot, ONE_THING_M))
            if e.position_at != record.moment and not in_frame & {e.name, e.label}
        ]
        kindred = [e for e in near if kin(name, e.name) and self._may_own(name, e)]
        if len(kindred) == 1:
            (twin,) = kindred
            if len(name.split()) > len(twin.name.split()):  # the closer name is the better one
                self.entities[twin.id] = replace(twin, name=name, ordinal=1)
                self.named_now.add(twin.id)
                self._new_names[name_key(name)].append(twin.id)
            return twin.id
        return None

    def _may_own(self, name: str, entity: Entity) -> bool:
        """Whether no name of ``entity`` says that it belongs to somebody else."""
        others = {owner(self.thing(key).name) for key in self._state.who.members(entity.id)}
        return not owner(name) or others <= {"", owner(name)}

    def get(self, key: int) -> Entity:
        """The thing that stands for ``key``, as it is now."""
        return self.thing(self._state.who.of(key))

    def thing(self, key: int) -> Entity:
        """The thing ``key`` itself, as it is now."""
        return self.entities.get(key) or self._state.thing(key)

    def told(self, name: str, key: int) -> int:
        """The thing that ``name`` means, where ``key`` stands for it."""
        members = [self.thing(each) for each in self._state.who.members(key)]
        return told_of(name, members, self.get(key)).id

    def _named(self, name: str) -> list[Entity]:
        said = name_key(name)
        keys = [*self._state.by_name.get(said, ()), *self._new_names.get(said, ())]
        found = {(e := self.get(k)).id: e for k in keys}
        named = [k for k, e in found.items() if said == name_key(e.name) or said not in self._renamed(e)]
        who = self._state.who
        if self._apart:
            who = replace(who, apart=who.apart | self._apart)
        return [found[key] for key in exactly(named, name, who, self.thing)]

    def _renamed(self, entity: Entity) -> tuple[str, ...]:
        """The name that ``entity`` lost within this update."""
        known = self._state.entities.get(entity.id)
        return () if known is None or known.name == entity.name else (name_key(known.name),)

    def meant(self, name: str) -> list[Entity]:
        """The things called ``name``, which may be a label such as "red block #2"."""
        if label := re.fullmatch(r"(.+) #(\d+)", name):
            numbered = [e for e in self._named(label[1]) if e.ordinal == int(label[2])]
            return numbered or self._named(name) or self._named(label[1])
        return self._named(name)

    def find(self, name: str, record: MemoryRecord) -> Entity:
        """The thing that ``name`` means without a position: of several the one seen last."""
        known = sorted(self.meant(name), key=lambda e: (e.last_seen, -e.ordinal), reverse=True)
        if not known:
            return self.add(name, record)
        return known[0]

    def add(self, name: str, record: MemoryRecord) -> Entity:
        """A thing that was not known before."""
        said = name_key(name)
        new = (self.thing(k) for k in self._new_names.get(said, ()))
        alike = [e.ordinal for e in new if name_key(e.name) == said]
        return self._add(name, max([self._state.last_ordinal(said), *alike]) + 1, record)

    def _add(self, name: str, ordinal: int, record: MemoryRecord) -> Entity:
        moment, now = record.moment, self._update.recorded_ns
        key = self._update.ids.entity()
        self.entities[key] = Entity(
            key, name, ordinal, None, Moment(0, 0), moment, moment, record.confidence, now
        )
        self._new_names[name_key(name)].append(key)
        self.named_now.add(key)
        return self.entities[key]

    def claim(self, one: int, other: int, names: tuple[str, str], denied: bool, record: MemoryRecord) -> Pair:
        """The two things that ``record`` says to be one, or (``denied``) two. Where both ``names`` meant one
        thing so far, the one that it is not called by is another thing from now on."""
        if denied and one == other and names[0] != names[1]:
            other_name = names[0] if self.thing(one).name == names[1] else names[1]
            split = self._add(other_name, 1, record).id
            one, other = (split, other) if other_name == names[0] else (one, split)
        if denied:
            self._apart.add(pair(one, other))
        return one, other

    def touch(self, key: int, name: str, record: MemoryRecord) -> None:
        """``record`` is about the thing ``key``, by the name ``name``."""
        self._seen(key, record, name)
        if (by := self.get(key).id) != key:
            self._seen(by, record, "")

    def _seen(self, key: int, record: MemoryRecord, name: str) -> None:
        entity, at = self.thing(key), record.moment
        sure = entity.confidence if entity.position is not None else max(entity.confidence, record.confidence)
        called = self._spelling(entity, name, at)
        if called != entity.name and key in self._state.entities:
            self.named_now.add(key)
        first, last = min(entity.first_seen, at), max(entity.last_seen, at)
        self.entities[key] = replace(entity, name=called, first_seen=first, last_seen=last, confidence=sure)

    def _spelling(self, entity: Entity, name: str, at: Moment) -> str:
        """What ``entity`` is called: of several spellings the one that was used first."""
        if name == entity.name or name_key(name) != name_key(entity.name):
            return entity.name
        if any(entity.id in each for each in (*self._state.who.apart, *self._apart)):
            return entity.name
        return name if (at, name) < (entity.first_seen, entity.name) else entity.name


def primary_name(record: MemoryRecord) -> str:
    """The name that ``record.position`` belongs to: the triple's subject, else the first entity."""
    if record.triple is not None:
        return thing_name(record.triple[0])
    return thing_name(record.entities[0])


def names_in(record: MemoryRecord) -> tuple[str, ...]:
    """All names a spatial record holds, in one spelling."""
    triple = said_of(*record.triple) if record.triple is not None else None
    ends = () if triple is None else (triple[0], triple[2])
    return (*map(thing_name, record.entities), *ends)


class RegroupingSource(EvidenceSource, Protocol):
    """What has to be known of things that are grouped anew."""

    def evidence(self, things: Sequence[int]) -> Sequence[Evidence]: ...
    def mentions(self, thing: int) -> Sequence[Sighting]: ...


@dataclass(frozen=True, slots=True)
class Regrouping:
    """``who`` is who from now on; ``moves``: the things that another one stands for than before; ``things``
    {key: thing} of the groups that it concerns, as they are now, with the places they had; ``stale``: the
    things whose belief has to be worked out anew, from ``source``; ``mentions``: rows of what only named a
    thing, that are of another thing now."""

    who: WhoIsWho
    moves: tuple[Standee, ...]
    things: Mapping[int, Entity]
    stale: frozenset[int]
    source: EvidenceSource
    mentions: tuple[Sighting, ...]


def regrouped(
    state: SceneState,
    source: RegroupingSource,
    thing: Callable[[int], Entity],
    new: Sequence[Evidence],
    gone: Collection[Evidence] = (),
    fresh: Collection[int] = (),
) -> Regrouping | None:
    """What changes with the evidence ``new`` and without ``gone``; None: who is who stays as it is. ``thing``
    gives a thing as it stands, ``fresh`` are those that are not in ``state``."""
    before = state.who
    claims_moved = any(e.told in CLAIMS for e in (*new, *gone))
    if not claims_moved:
        if not before.kept:
            return None
        touched = {end for e in (*gone, *(e for e in new if _first(state, e))) for end in _told_of(e)}
        if not touched & before.kept.keys():
            return None
    taken = {e.id for e in gone}
    ends = {end for e in (*new, *gone) for end in _told_of(e)}
    ends = {end for end in ends if end in before.kept or claims_moved}
    claims = [c for c in (*state.claims, *new) if c.told in CLAIMS and c.id not in taken]
    affected = {member for end in ends for member in before.members(before.of(end))}
    known = sorted({before.of(key) for key in affected} - set(fresh))
    told = [e for e in source.evidence(known) if e.told is not Told.EMPTY]
    left = [*(e for e in told if e.id not in taken), *new]
    linked = {end for link in state.links for end in link}
    own = {
        key: _own(thing(key), [e for e in left if key in _told_of(e)], old=key in linked) for key in affected
    }

    def rank(key: int) -> Rank:
        entity = own.get(key) or thing(key)
        return entity.first_seen, entity.label

    after = who_is_who(claims, _ruled(state, thing, fresh), rank)
    affected |= {m for key in ends for m in after.members(after.of(key))}
    own |= {key: thing(key) for key in affected - own.keys()}
    moved = sorted(key for key in affected if before.of(key) != after.of(key))
    stale = {by for key in affected for by in (before.of(key), after.of(key))} if moved else set[int]()
    return Regrouping(
        after,
        tuple(Standee(key, before.of(key), after.of(key)) for key in moved),
        {key: _as_group(key, own, after) for key in affected | stale & own.keys()},
        frozenset(stale),
        RegroupedSource(source, before, after, told),
        tuple(_mentions(source, told, before, after, known, {e.record_id for e in gone})) if moved else (),
    )


def _told_of(e: Evidence) -> tuple[int, ...]:
    return tuple(end for end in (e.subject_told, e.object_told) if end)


def _first(state: SceneState, e: Evidence) -> bool:
    """Whether ``e`` is told of a time at which nothing was known of its things: another may be first now."""
    known = (state.who.of(end) for end in _told_of(e) if end in state.who.kept)
    return any(e.at <= state.thing(key).first_seen for key in known)


def _own(entity: Entity, told: Sequence[Evidence], *, old: bool) -> Entity:
    """``entity`` as ``told`` knows it by itself; an ``old`` merge left nothing that tells of it."""
    if not told:
        return replace(entity, merged_into=None) if old else unknown(entity)
    moments = [e.at for e in told]
    sure = entity.confidence if entity.position is not None else max(e.confidence for e in told)
    return replace(entity, first_seen=min(moments), last_seen=max(moments), confidence=sure, merged_into=None)


def unknown(entity: Entity) -> Entity:
    """``entity`` when nothing is known of it any more."""
    return replace(
        entity, position=None, position_at=BEFORE_ALL, first_seen=FOREVER, last_seen=BEFORE_ALL,
        confidence=0.0, merged_into=None,
    )  # fmt: skip


def _as_group(key: int, own: Mapping[int, Entity], who: WhoIsWho) -> Entity:
    """The thing ``key``: merged into the one that stands for it, or as all that it stands for are known."""
    entity = own[key]
    if (by := who.of(key)) != key:
        return replace(entity, merged_into=by)
    members = [own[each] for each in who.members(key)]
    return replace(
        entity,
        first_seen=min(e.first_seen for e in members),
        last_seen=max(e.last_seen for e in members),
        confidence=max(e.confidence for e in members),
        merged_into=None,
    )


def _ruled(state: SceneState, thing: Callable[[int], Entity], fresh: Collection[int]) -> set[Pair]:
    """The pairs that are one without a claim: those of older stores, and names that differ in spelling."""
    found = {pair(*link) for link in state.links} | state.spelled_alike
    for key in fresh:
        if (mine := thing(key)).ordinal == 1:
            others = {*state.without_number(mine.name), *(k for k in fresh if thing(k).ordinal == 1)}
            alike = (k for k in others - {key} if name_key(thing(k).name) == name_key(mine.name))
            found |= {pair(key, k) for k in alike}
    return found


def _mentions(
    source: RegroupingSource, told: Sequence[Evidence], before: WhoIsWho, after: WhoIsWho,
    known: Sequence[int], gone: Collection[int],
) -> list[Sighting]:  # fmt: skip
    named: dict[tuple[int, int], list[int]] = defaultdict(list)
    for e in told:
        if e.told is Told.NAMED and e.relation == ALONE and e.note_id == e.record_id:
            named[before.of(e.subject_told), e.record_id].append(e.subject_told)
    found = []
    for key in known:
        rows = [row for row in source.mentions(key) if row.record_id not in gone]
        ends = {(key, row.record_id): iter(sorted(named[key, row.record_id])) for row in rows}
        for row in sorted(rows, key=lambda r: r.id):
            end = next(ends[key, row.record_id], key)
            if after.of(end) != key:
                found.append(replace(row, entity_id=after.of(end)))
    return found
