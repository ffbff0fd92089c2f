"""Questions about the past, answered from the store: where a thing was, what a place held, what changed.

Each takes a moment of validity (what was true at ``at``, the robot's clock) and, where it makes sense, a
moment of recording (as it was believed at ``known_ns``, the computer's clock).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from robomemory.graph.scene import (
    FOREVER_NS,
    Entity,
    Fact,
    SceneChange,
    SceneFact,
    SceneGraph,
    SceneObject,
    Sighting,
    Stay,
    Whereabouts,
    scene_fact,
)
from robomemory.names import METRIC, PLACE
from robomemory.records import Position
from robomemory.store.filters import FactFilter, FactOrder, SightingFilter, SightingOrder
from robomemory.store.queries import StoreReader
from robomemory.timestamps import Moment


class History:
    """The past of ``store``'s graph."""

    def __init__(self, store: StoreReader) -> None:
        self._store = store

    def facts_of(self, keys: Sequence[int], first: Moment, last: Moment) -> list[Fact]:
        """The facts that have one of ``keys`` as an end and held within the span, inclusive."""
        found: dict[int, Fact] = {}
        for start in range(0, len(keys), 400):
            part = keys[start : start + 400]
            held = FactFilter(began_by=last, held_after=first, limit=4_000)
            for asked in (replace(held, subjects=part), replace(held, objects=part)):
                found |= {f.id: f for f in self._store.facts(asked)}
        return list(found.values())

    def sightings_of(self, keys: Sequence[int], first: Moment, last: Moment) -> list[Sighting]:
        """Where ``keys`` were within the span: the sighting in force at its start and those within it."""
        found: list[Sighting] = []
        for start in range(0, len(keys), 400):
            part = keys[start : start + 400]
            found += self._store.sightings(SightingFilter(things=part, by=last, in_force_at=first))
        return found

    def ended(self, known_ns: int, most: int) -> tuple[SceneFact, ...]:
        """The last ``most`` facts that ended, as believed at ``known_ns``, in the order they were told."""
        asked = FactFilter(ended=True, known_ns=known_ns, order=FactOrder.TOLD_LAST_FIRST, limit=most)
        facts = self._store.facts(asked)
        labels = self._labels()
        return tuple(_scene_fact(f, labels) for f in reversed(facts))

    def scene(self, at: Moment, known_ns: int | None) -> SceneGraph:
        """What was true at ``at``, as believed at ``known_ns`` (None: now)."""
        known = FOREVER_NS if known_ns is None else known_ns
        entities = {e.id: e for e in self._store.things()}
        labels = {key: e.label for key, e in entities.items()}
        believed = self._store.facts(
            FactFilter(known_ns=known, began_by=at, order=FactOrder.BEGAN_LAST_FIRST)
        )
        facts = [f for f in believed if f.valid_until is None or f.valid_until > at]
        past = [f for f in believed if f.valid_until is not None and f.valid_until <= at][:1000]
        sightings = SightingFilter(by=at, known_ns=known, order=SightingOrder.PLACED_LAST)
        seen = {s.entity_id: s for s in self._store.sightings(sightings)}
        linked = {end for f in facts for end in (f.subject, f.object)} | set(seen)
        objects = (
            _object(e, seen.get(e.id), at)
            for e in sorted(entities.values(), key=lambda e: (e.name, e.ordinal))
            if e.id in linked and e.merged_into is None
        )
        order = sorted(facts, key=lambda f: f.id)
        return SceneGraph(
            tuple(objects),
            tuple(_scene_fact(f, labels) for f in order),
            tuple(_scene_fact(f, labels) for f in sorted(past, key=lambda f: f.id)),
        )

    def stays(self, entity: Entity) -> tuple[Stay, ...]:
        """Where ``entity`` has been, oldest first: its places, and its positions until the next one."""
        labels = self._labels()
        found = [
            _stay(
                entity, f.relation, labels.get(f.object, "?"), None, f.valid_from, f.valid_until, f.record_id
            )
            for f in self._store.facts(FactFilter(subjects=(entity.id,)))
            if f.relation in PLACE and f.valid_until != f.valid_from
        ]
        track = self._store.sightings(
            SightingFilter(things=(entity.id,), placed=True, order=SightingOrder.TIME)
        )
        ends = [s.at for s in track[1:]]
        for s, until in zip(track, [*ends, None], strict=False):
            found.append(_stay(entity, "", "", s.position, s.at, until, s.record_id))
        return tuple(sorted(found, key=lambda s: (s.began, s.record_id)))

    def where_was(self, entity: Entity, at: Moment) -> Whereabouts | None:
        """Where ``entity`` was at ``at``; None if it was not known yet."""
        labels, said, seen = self._labels(), list[Fact](), list[tuple[int, Sighting]]()
        here, visited = entity.id, {entity.id}
        while True:
            sightings = [s for s in self.sightings_of([here], at, at) if s.position is not None]
            seen += [(here, s) for s in sorted(sightings, key=lambda s: s.at)[-1:]]
            facts = [f for f in self.facts_of([here], at, at) if f.subject == here]
            said += [f for f in facts if f.relation in PLACE | METRIC]
            holder = next((f.object for f in facts if f.relation in PLACE), None)
            if holder is None or holder in visited:
                break
            here = holder
            visited.add(here)
        if not said and not seen:
            return None
        lines = tuple(f"{labels.get(f.subject, '?')} {f.relation} {labels.get(f.object, '?')}" for f in said)
        if not seen:
            return Whereabouts(entity.label, None, said[0].valid_from.ns, lines, "", said[0].valid_from.run)
        key, s = seen[0]
        via = "" if key == entity.id else labels.get(key, "?")
        return Whereabouts(entity.label, s.position, s.at.ns, lines, via, s.at.run)

    def before(self, entity: Entity) -> Whereabouts | None:
        """Where ``entity`` was before it came to where it is now; None if it was nowhere else."""
        stays = self.stays(entity)
        places = [s for s in stays if s.holder] or stays
        if len(places) < 2:
            return None
        last = places[-1].began
        return self.where_was(entity, Moment(last.run, last.ns - 1))

    def inside(self, entity: Entity, at: Moment) -> list[str]:
        """Labels of the things in ``entity`` at ``at``, and of the things in those, the nearest first."""
        labels, found, edge = self._labels(), dict[int, str](), [entity.id]
        while edge:
            facts = self.facts_of(edge, at, at)
            inner = (f.subject for f in facts if f.relation == "in" and f.object in edge)
            edge = [key for key in dict.fromkeys(inner) if key not in found and key != entity.id]
            found |= {key: labels.get(key, "?") for key in edge}
        return list(found.values())

    def changes(self, since: Moment, until: Moment) -> tuple[SceneChange, ...]:
        """What changed within (since, until], oldest first."""
        labels = self._labels()
        found: list[SceneChange] = []
        for f in self._store.facts(FactFilter(began_after=since, began_by=until)):
            if f.valid_until != f.valid_from:
                found.append(_change(f.valid_from, "began", str(_scene_fact(f, labels)), f.record_id))
        for f in self._store.facts(FactFilter(ended=True, held_after=since, ended_by=until)):
            if f.valid_until is not None and f.valid_until != f.valid_from:
                found.append(_change(f.valid_until, "ended", str(_scene_fact(f, labels)), f.ended_by))
        for s in self._store.sightings(SightingFilter(placed=True, after=since, by=until)):
            assert s.position is not None
            where = ", ".join(f"{v:.2f}" for v in s.position)
            text = f"{labels.get(s.entity_id, '?')} at ({where}) m"
            found.append(_change(s.at, "seen", text, s.record_id))
        return tuple(sorted(found, key=lambda c: (c.run, c.stamp_ns, c.what != "ended", c.record_id)))

    def _labels(self) -> dict[int, str]:
        return {e.id: e.label for e in self._store.things()}


def _stay(
    entity: Entity, relation: str, holder: str, position: Position | None, began: Moment,
    until: Moment | None, record_id: int,
) -> Stay:  # fmt: skip
    until_run, until_ns = (0, None) if until is None else until
    return Stay(entity.label, relation, holder, position, began.ns, until_ns, record_id, began.run, until_run)


def _change(at: Moment, what: str, text: str, record_id: int) -> SceneChange:
    return SceneChange(at.ns, what, text, record_id, at.run)


def _object(e: Entity, seen: Sighting | None, at: Moment) -> SceneObject:
    position = None if seen is None else seen.position
    last = min(e.last_seen, at) if seen is None else max(seen.at, min(e.last_seen, at))
    return SceneObject(e.label, position, e.first_seen.ns, last.ns, e.confidence, last.run)


def _scene_fact(f: Fact, labels: dict[int, str]) -> SceneFact:
    return scene_fact(f, labels.get(f.subject, "?"), labels.get(f.object, "?"))
