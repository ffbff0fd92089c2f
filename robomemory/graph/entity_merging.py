"""Who is who: the things that a spatial note is about, by name, place and frame."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Protocol

from robomemory.graph.current_graph import SceneState
from robomemory.graph.scene import Entity
from robomemory.names import kin, name_key, said_of, thing_name
from robomemory.records import MemoryRecord
from robomemory.timestamps import Moment
from robomemory.update_protocol import Update

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
    that changed, ``named_now`` the keys whose name is new, ``aliases`` {name: key}, ``merges`` {gone: kept}.
    """

    def __init__(self, state: SceneState, update: Update, rules: Rules) -> None:
        self._state, self._update, self._rules = state, update, rules
        self._new_names: dict[str, list[int]] = defaultdict(list)
        self.entities: dict[int, Entity] = {}
        self.named_now: set[int] = set()
        self.aliases: dict[str, int] = {}
        self.merges: dict[int, int] = {}

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
        kindred = [e for e in near if kin(name, e.name)]
        if len(kindred) == 1:
            (twin,) = kindred
            if len(name.split()) > len(twin.name.split()):  # the closer name is the better one
                self.entities[twin.id] = replace(twin, name=name, ordinal=1)
                self.named_now.add(twin.id)
                self._new_names[name_key(name)].append(twin.id)
            return twin.id
        return None

    def get(self, key: int) -> Entity:
        """The thing ``key`` as it stands, or the one that it turned out to be."""
        while key in self.merges:
            key = self.merges[key]
        return self.entities.get(key) or self._state.entities[key]

    def _named(self, name: str) -> list[Entity]:
        said = name_key(name)
        keys = [*self._state.by_name.get(said, ()), *self._new_names.get(said, ())]
        keys += [key for alias, key in self.aliases.items() if name_key(alias) == said]
        found = {(e := self.get(k)).id: e for k in keys}
        renamed = (e for e in found.values() if said == name_key(e.name) or said not in self._renamed(e))
        return list(renamed)

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
        moment = record.moment
        said = name_key(name)
        new = (self.get(k) for k in self._new_names.get(said, ()))
        alike = [e.ordinal for e in new if name_key(e.name) == said]
        ordinal = max([self._state.ordinals.get(said, 0), *alike]) + 1
        key = self._update.ids.entity()
        self.entities[key] = Entity(
            key,
            name,
            ordinal,
            None,
            Moment(0, 0),
            moment,
            moment,
            record.confidence,
            self._update.recorded_ns,
        )
        self._new_names[said].append(key)
        self.named_now.add(key)
        return self.entities[key]

    def touch(self, entity: Entity, record: MemoryRecord) -> None:
        """``record`` is about ``entity``."""
        first = min(entity.first_seen, record.moment)
        last = max(entity.last_seen, record.moment)
        sure = entity.confidence if entity.position is not None else max(entity.confidence, record.confidence)
        self.entities[entity.id] = replace(entity, first_seen=first, last_seen=last, confidence=sure)


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
