"""Where things are, what is inside what, and the whole scene, as known now."""

from __future__ import annotations

import math
import threading
from collections.abc import Collection, Iterable

from robomemory.belief.carrying import CarriedPlace, Scenery, carried
from robomemory.belief.identity import pair
from robomemory.graph.current_graph import SceneState
from robomemory.graph.history import History
from robomemory.graph.scene import Entity, Fact, SceneFact, SceneGraph, SceneObject, Whereabouts, scene_fact
from robomemory.names import METRIC, PLACE, content, name_key, owner, thing_name
from robomemory.records import Position
from robomemory.timestamps import FOREVER, Moment

PAST = 1_000  # most facts that ended in a scene


class SceneViews:
    """Reads ``_state`` under ``_lock``, and the ``past`` from the store; ``_applied_ns`` is when the last
    update that it holds was recorded [ns]."""

    _state: SceneState
    _lock: threading.RLock
    _applied_ns: int
    past: History

    def where_is(self, name: str) -> Whereabouts | None:
        """Where the thing called ``name`` is; None if nothing known bears that name. The exact name is
        looked for first, then names that hold all its words ("mug" finds "blue mug"); of several the one
        seen last. A thing inside another that was never seen itself has the position of its holder."""
        with self._lock:
            entity = self.called(name)
            return None if entity is None else self.whereabouts(entity)

    def whereabouts(self, entity: Entity) -> Whereabouts:
        """Where ``entity`` is."""
        with self._lock:
            said = self._outwards(entity)
            lines = tuple(" ".join(self._words(f)) for f in said)
            placed = carried(entity.id, self._scenery())
            if placed is None:
                at = entity.last_seen
                return Whereabouts(entity.label, None, at.ns, lines, "", at.run)
            via = "" if placed.via == entity.id else self._state.entities[placed.via].label
            return Whereabouts(entity.label, placed.position, placed.at.ns, lines, via, placed.at.run)

    def _scenery(self) -> Scenery:
        """What is known now."""
        state = self._state

        def seen(key: int) -> tuple[Position, Moment] | None:
            entity = state.entities[key]
            return None if entity.position is None else (entity.position, entity.position_at)

        def holder(key: int) -> tuple[int, Moment] | None:
            held = next((f for f in state.out_of(key) if f.relation in PLACE), None)
            return None if held is None else (held.object, held.valid_from)

        def then(key: int, at: Moment) -> Position | None:
            last = state.last.get(key)
            return last.position if last is not None and last.at <= at else self.past.place(key, at)

        return Scenery(seen, holder, then)

    @property
    def newest(self) -> Moment:
        """The newest moment that anything is known of."""
        with self._lock:
            return max((Moment(run, ns) for run, ns in self._state.newest.items()), default=Moment(0, 0))

    def places_within(self, center: Position, radius_m: float) -> dict[int, CarriedPlace]:
        """Where each thing is now that is within ``radius_m`` [m] of ``center``."""
        with self._lock:
            scenery, state = self._scenery(), self._state
            while state.stirred:
                key = state.stirred.pop()
                place = carried(key, scenery) if state.held.get(key) else None
                if place is None or place.position == state.entities[key].position:
                    state.away.pop(key, None)
                else:
                    state.away[key] = place.position
            spots = (
                (k, state.away.get(k) or state.entities[k].position)
                for k in state.may_be_within(center, radius_m)
            )
            keys = [k for k, spot in spots if spot is not None and math.dist(spot, center) <= radius_m]
            found = ((key, carried(key, scenery)) for key in keys)
            return {k: p for k, p in found if p is not None and math.dist(p.position, center) <= radius_m}

    def called(self, name: str) -> Entity | None:
        """The thing that ``name`` means, as :meth:`where_is` looks for it."""
        found = self.all_called(name)
        return max(found, key=lambda e: (e.last_seen, -e.ordinal), default=None)

    def all_called(self, name: str) -> list[Entity]:
        """All things that ``name`` may mean."""
        wanted = thing_name(name)
        with self._lock:
            state = self._state
            plain, _, number = wanted.rpartition(" #")
            keys = state.called(wanted)
            if plain and number.isdecimal():
                keys += [
                    k
                    for k in state.by_name.get(name_key(plain), ())
                    if state.entities[k].ordinal == int(number)
                ]
            keys = self._known(keys) or [
                k for n in state.names_holding(content(wanted)) for k in state.by_name[name_key(n)]
            ]
            return [state.entities[k] for k in self._known(keys)]

    def _known(self, keys: Iterable[int]) -> list[int]:
        """Those of ``keys`` of which something counts: what was told of the others was all taken back."""
        return [key for key in dict.fromkeys(keys) if self._state.entities[key].first_seen != FOREVER]

    def may_mean(self, name: str) -> list[Entity]:
        """As :meth:`all_called`, then the things whose names say more than ``name`` does: "blue mug" and "my
        mug" of "mug", but not "mug rack"; nobody else's where ``name`` says whose it is."""
        wanted = thing_name(name)
        with self._lock:
            state, said = self._state, content(name_key(wanted))
            longer = [
                key
                for each in state.names_holding(said)
                if said and content(name_key(each))[-1:] == said[-1:] and owner(wanted) in ("", owner(each))
                for key in state.by_name[name_key(each)]
            ]
            found = [*(e.id for e in self.all_called(name)), *longer]
            return [state.entities[key] for key in self._known(found)]

    def told_of(self, name: str, entity: Entity) -> Entity:
        """Of the things that ``entity`` stands for, the one that ``name`` means."""
        with self._lock:
            return self._state.told_of(thing_name(name), entity.id)

    def may_be_said(self, one: Entity, other: Entity) -> Moment:
        """A moment at which it may be said that two things are one: when one of them was seen last; later
        than what keeps them apart."""
        with self._lock:
            state = self._state
            ends = {one.id, other.id}
            last = max(state.thing(state.who.of(key)).last_seen for key in ends)
            apart = [c.at for c in state.claims if {c.subject_told, c.object_told} == ends]
            apart = [at for at in apart if at >= last and pair(one.id, other.id) in state.who.apart]
            return Moment(max(apart).run, max(apart).ns + 1) if apart else last

    def inside(self, name: str, relations: Collection[str] = ("in",)) -> list[str]:
        """Labels of the things in the thing called ``name`` now, and of the things in those, by nearness;
        ``relations`` are those that count."""
        with self._lock:
            entity = self.called(name)
            found: dict[int, str] = {}
            edge = [] if entity is None else [entity.id]
            while edge:
                facts = (f for key in edge for f in self._state.facts_at(key, len(self._state.facts) + 1))
                inner = [f.subject for f in facts if f.relation in relations and f.object in edge]
                edge = [key for key in dict.fromkeys(inner) if key not in found]
                found.update((key, self._state.entities[key].label) for key in edge)
            if entity is not None:
                found.pop(entity.id, None)
            return list(found.values())

    def _outwards(self, entity: Entity) -> list[Fact]:
        """The facts that say where ``entity`` is, then where its holder is, and so on."""
        said: list[Fact] = []
        visited = {entity.id}
        here: int | None = entity.id
        while here is not None:
            facts = self._state.out_of(here)
            said += [f for f in facts if f.relation in PLACE | METRIC]
            holder = next((f.object for f in facts if f.relation in PLACE), None)
            here = holder if holder not in visited else None
            visited.update(() if here is None else (here,))
        return said

    def snapshot(self) -> SceneGraph:
        """Things, facts that hold and facts that were ended, as one consistent picture."""
        with self._lock:
            state = self._state
            known = sorted((state.entities[k] for k in state.graph), key=lambda e: (e.name, e.ordinal))
            facts = tuple(self._scene_fact(f) for _, f in sorted(state.facts.items()))
            applied = self._applied_ns
            scenery = self._scenery()
            spots = {e.id: carried(e.id, scenery) if e.position is not None else None for e in known}
        objects = tuple(
            SceneObject(
                e.label, _spot(spots[e.id]), e.first_seen.ns, e.last_seen.ns, e.confidence, e.last_seen.run
            )
            for e in known
        )
        return SceneGraph(objects, facts, self.past.ended(applied, PAST))

    def _words(self, fact: Fact) -> tuple[str, str, str]:
        entities = self._state.entities
        return entities[fact.subject].label, fact.relation, entities[fact.object].label

    def _scene_fact(self, f: Fact) -> SceneFact:
        subject, _, obj = self._words(f)
        return scene_fact(f, subject, obj)


def _spot(placed: CarriedPlace | None) -> Position | None:
    return None if placed is None else placed.position
