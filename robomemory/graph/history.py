"""Questions about the past, answered from the store: where a thing was, what a place held, what changed.

Each takes a moment of validity (what was true at ``at``, the robot's clock) and, where it makes sense, a
moment of recording (as it was believed at ``known_ns``, the computer's clock).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from robomemory.belief.carrying import CarriedPlace, Scenery, carried
from robomemory.belief.evidence import ALONE, CLAIMS, Evidence, Told
from robomemory.belief.folding import Clock
from robomemory.belief.folds import grouped, lost_at
from robomemory.belief.identity import WhoIsWho, pair, who_is_who
from robomemory.belief.whole import believe
from robomemory.graph.entity_merging import Rules
from robomemory.graph.scene import (
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
from robomemory.names import METRIC, PLACE, name_key
from robomemory.records import Position
from robomemory.store.filters import FactFilter, FactOrder, SightingFilter, SightingOrder
from robomemory.store.queries import StoreReader
from robomemory.timestamps import FOREVER, Moment

PAST = 1_000
"""Most facts that had ended in a past scene, those that ended last."""


class History:
    """The past of ``store``'s graph."""

    def __init__(self, store: StoreReader, rules: Rules) -> None:
        self._store, self._rules = store, rules

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
        entities = {e.id: e for e in self._store.things()}
        labels = {key: e.label for key, e in entities.items()}
        merged = {key for key, e in entities.items() if e.merged_into is not None}
        if known_ns is None:
            facts = self._store.facts_at(at)
            asked = FactFilter(ended=True, ended_by=at, order=FactOrder.ENDED_LAST_FIRST, limit=PAST)
            past = self._store.facts(asked)
            sightings = self._store.sightings_at(at)
        else:
            believed, sightings, who = self._known(known_ns, at, labels)
            merged = {key for key in entities if who.of(key) != key}
            facts = [f for f in believed if f.valid_until is None or f.valid_until > at]
            past = [f for f in believed if f.valid_until is not None and f.valid_until <= at][:PAST]
        tracks: dict[int, list[Sighting]] = {}
        for s in sightings:
            tracks.setdefault(s.entity_id, []).append(s)
        seen = {key: found[-1] for key, found in tracks.items()}
        linked = {end for f in facts for end in (f.subject, f.object)}
        linked |= {key for key, s in seen.items() if s.until is None or s.until > at}
        scenery = _scenery(tracks, facts, at, self.place if known_ns is None else None)
        objects = (
            _object(e, seen.get(e.id), carried(e.id, scenery) if e.id in seen else None, at)
            for e in sorted(entities.values(), key=lambda e: (e.name, e.ordinal))
            if e.id in linked and e.id not in merged
        )
        order = sorted(facts, key=lambda f: f.id)
        return SceneGraph(
            tuple(objects),
            tuple(_scene_fact(f, labels) for f in order),
            tuple(_scene_fact(f, labels) for f in sorted(past, key=lambda f: f.id)),
        )

    def _known(
        self, known_ns: int, at: Moment, labels: Mapping[int, str]
    ) -> tuple[list[Fact], list[Sighting], WhoIsWho]:
        """The facts and sightings up to ``at``, and who is who, as believed at ``known_ns``."""
        told = self._store.evidence_known(known_ns)
        who = self._who_was(told, labels)
        evidence = [who.moved(e) for e in told]
        newest: dict[int, int] = {}
        for e in evidence:
            newest[e.at.run] = max(newest.get(e.at.run, 0), e.at.ns)
        clock = Clock(self._rules.expire_ns, newest, lambda run: self._store.run_start(run) or 0)
        belief = believe(
            evidence, lambda key: name_key(labels.get(key, "")), clock, validity=self._rules.validity
        )
        found = (s for spells in belief.spells.values() for s in spells if s.began <= at)
        facts = [
            Fact(
                n, s.subject, s.relation, s.object, s.began, s.until, known_ns, None, s.seen, s.confidence,
                s.record_id, s.ended_by, s.times, s.newest_id, s.sources,
            )
            for n, s in enumerate(sorted(found, key=lambda s: (s.began, s.record_id)), 1)
        ][::-1]  # fmt: skip
        sightings = [
            Sighting(0, e.record_id, e.subject, e.at, None, e.recorded_ns)
            for e in evidence if e.told is Told.NAMED and e.relation == ALONE and e.at <= at
        ]  # fmt: skip
        for key, track in belief.tracks.items():
            for place, s in enumerate(track):
                following = track[place + 1].began if place + 1 < len(track) else None
                until = lost_at(s.until, following)
                if s.began <= at:
                    sightings.append(
                        Sighting(
                            0,
                            s.record_id,
                            key,
                            s.began,
                            s.position,
                            known_ns,
                            until,
                            None,
                            s.seen,
                            s.times,
                            s.confidence,
                            s.newest_id,
                            s.sources,
                        )
                    )
        return facts, sightings, who

    def _who_was(self, told: Sequence[Evidence], labels: Mapping[int, str]) -> WhoIsWho:
        """Who is who if no more than ``told`` is known."""
        claims = [e for e in told if e.told in CLAIMS]
        links = {pair(*link) for link in self._store.links()}
        alike = grouped(sorted(labels), lambda key: name_key(labels[key]))
        ruled = {two for keys in alike.values() for two in combinations(keys, 2)}
        first: dict[int, Moment] = {}
        for e in told if ruled or claims or links else ():
            for end in (e.subject_told, e.object_told):
                first[end] = min(first.get(end, e.at), e.at)
        return who_is_who(claims, links | ruled, lambda key: (first.get(key, FOREVER), labels.get(key, "")))

    def place(self, key: int, at: Moment) -> Position | None:
        """Where ``key`` was seen last, as of ``at`` [m]."""
        back = self._store.track_back(key, at, 1)
        return back[0].position if back and (back[0].until is None or back[0].until > at) else None

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
            found.append(_stay(entity, "", "", s.position, s.at, s.until or until, s.record_id))
        return tuple(sorted(found, key=lambda s: (s.began, s.record_id)))

    def told_of(self, entity: Entity) -> tuple[SceneFact, ...]:
        """The facts that have ``entity`` as an end, those that hold and those that ended, in the order they
        began."""
        labels, ever = self._labels(), (Moment(0, 0), FOREVER)
        facts = [f for f in self.facts_of([entity.id], *ever) if f.valid_until != f.valid_from]
        return tuple(_scene_fact(f, labels) for f in sorted(facts, key=lambda f: (f.valid_from, f.id)))

    def where_was(self, entity: Entity, at: Moment) -> Whereabouts | None:
        """Where ``entity`` was at ``at``; None if it was not known yet."""
        labels, said, seen = self._labels(), list[Fact](), list[tuple[int, Sighting]]()
        here, visited = entity.id, {entity.id}
        while True:
            back = self._store.track_back(here, at, 1)
            seen += [(here, s) for s in back if s.until is None or s.until > at]
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
        tracks = {key: [s] for key, s in seen}
        scenery = _scenery(tracks, said, at, self.place)
        placed = carried(entity.id, scenery)
        if placed is None:
            return None
        via = "" if placed.via == entity.id else labels.get(placed.via, "?")
        return Whereabouts(entity.label, placed.position, placed.at.ns, lines, via, placed.at.run)

    def before(self, entity: Entity) -> Whereabouts | None:
        """Where ``entity`` was before it came to where it is now; None if it was nowhere else."""
        stays = self.stays(entity)
        places = [s for s in stays if s.holder] or stays
        if len(places) < 2:
            return None
        last = places[-1].began
        return self.where_was(entity, Moment(last.run, last.ns - 1))

    def inside(self, entity: Entity, at: Moment, relations: Collection[str] = ("in",)) -> list[str]:
        """Labels of the things in ``entity`` at ``at``, and of the things in those, the nearest first;
        ``relations`` are those that count."""
        labels, found, edge = self._labels(), dict[int, str](), [entity.id]
        while edge:
            facts = self.facts_of(edge, at, at)
            inner = (f.subject for f in facts if f.relation in relations and f.object in edge)
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


def _scenery(
    tracks: Mapping[int, Sequence[Sighting]],
    facts: Sequence[Fact],
    at: Moment,
    then: Callable[[int, Moment], Position | None] | None = None,
) -> Scenery:
    """What was known of the moment ``at``, from the sightings of each thing up to then, oldest first."""
    holders = {f.subject: (f.object, f.valid_from) for f in facts if f.relation in PLACE}

    def place(key: int, moment: Moment) -> Sighting | None:
        found = [s for s in tracks.get(key, ()) if s.position is not None and s.at <= moment]
        last = found[-1] if found else None
        return last if last is not None and (last.until is None or last.until > moment) else None

    def seen(key: int) -> tuple[Position, Moment] | None:
        last = place(key, at)
        if last is None or last.position is None:
            return None
        return last.position, min(max(last.seen, last.at), at)

    def earlier(key: int, moment: Moment) -> Position | None:
        if then is not None:
            return then(key, moment)
        last = place(key, moment)
        return None if last is None else last.position

    return Scenery(seen, holders.get, earlier)


def _object(e: Entity, seen: Sighting | None, placed: CarriedPlace | None, at: Moment) -> SceneObject:
    position = None if placed is None else placed.position
    last = min(e.last_seen, at) if seen is None else max(seen.at, min(e.last_seen, at))
    return SceneObject(e.label, position, e.first_seen.ns, last.ns, e.confidence, last.run)


def _scene_fact(f: Fact, labels: dict[int, str]) -> SceneFact:
    return scene_fact(f, labels.get(f.subject, "?"), labels.get(f.object, "?"))
