"""Questions over time, answered from the store: where was it, what was in there, what has changed.

Each takes a moment of validity (what was true at ``at_ns``, the robot's clock) and, where it makes sense, a
moment of recording (as it was believed at ``known_ns``, the computer's clock).
"""

from __future__ import annotations

from collections.abc import Sequence

from robomemory.names import METRIC, PLACE
from robomemory.reading import Reader
from robomemory.scene import (
    FOREVER_NS,
    Entity,
    Fact,
    Scene,
    SceneChange,
    SceneFact,
    SceneObject,
    Sighting,
    Stay,
    Whereabouts,
    scene_fact,
)

_BELIEVED = "recorded_ns <= ? AND (expired_ns IS NULL OR expired_ns > ?)"


class History:
    """The past of ``store``'s graph."""

    def __init__(self, store: Reader) -> None:
        self._store = store

    def facts_of(self, keys: Sequence[int], first_ns: int, last_ns: int) -> list[Fact]:
        """The facts that have one of ``keys`` as an end and held within the span, inclusive."""
        found: dict[int, Fact] = {}
        for start in range(0, len(keys), 400):
            part = keys[start : start + 400]
            marks = ",".join("?" * len(part))
            for side in ("subject", "object"):
                where = (
                    f"{side} IN ({marks}) AND expired_ns IS NULL AND valid_from_ns <= ?"
                    " AND (valid_until_ns IS NULL OR valid_until_ns > ?)"
                )
                found |= {f.id: f for f in self._store.facts(where, (*part, last_ns, first_ns), 4_000)}
        return list(found.values())

    def sightings_of(self, keys: Sequence[int], first_ns: int, last_ns: int) -> list[Sighting]:
        """Where ``keys`` were within the span: the sighting in force at its start and those within it."""
        found: list[Sighting] = []
        for start in range(0, len(keys), 400):
            part = keys[start : start + 400]
            where = (
                f"entity_id IN ({','.join('?' * len(part))}) AND stamp_ns <= ? AND stamp_ns >= coalesce("
                "(SELECT max(p.stamp_ns) FROM sightings p WHERE p.entity_id = sightings.entity_id"
                " AND p.stamp_ns <= ? AND p.x IS NOT NULL), 0)"
            )
            found += self._store.sightings(where, (*part, last_ns, first_ns))
        return found

    def ended(self, known_ns: int, most: int) -> tuple[SceneFact, ...]:
        """The last ``most`` facts that ended, as believed at ``known_ns``, in the order they were told."""
        where = f"valid_until_ns IS NOT NULL AND {_BELIEVED} ORDER BY id DESC"
        facts = self._store.facts(where, (known_ns, known_ns), most)
        labels = self._labels()
        return tuple(_scene_fact(f, labels) for f in reversed(facts))

    def scene(self, at_ns: int | None, known_ns: int | None) -> Scene:
        """What was true at ``at_ns`` (None: at the end of what is known), as believed at ``known_ns``
        (None: now)."""
        at = FOREVER_NS if at_ns is None else at_ns
        known = FOREVER_NS if known_ns is None else known_ns
        entities = {e.id: e for e in self._store.things()}
        labels = {key: e.label for key, e in entities.items()}
        believed = self._store.facts(
            f"{_BELIEVED} AND valid_from_ns <= ? ORDER BY valid_from_ns DESC, id DESC", (known, known, at)
        )
        facts = [f for f in believed if f.valid_until_ns is None or f.valid_until_ns > at]
        past = [f for f in believed if f.valid_until_ns is not None and f.valid_until_ns <= at][:1000]
        seen = {
            s.entity_id: s
            for s in self._store.sightings(
                "stamp_ns <= ? AND recorded_ns <= ? ORDER BY x IS NOT NULL, stamp_ns", (at, known)
            )
        }
        linked = {end for f in facts for end in (f.subject, f.object)} | set(seen)
        objects = (
            _object(e, seen.get(e.id), at)
            for e in sorted(entities.values(), key=lambda e: (e.name, e.ordinal))
            if e.id in linked and e.merged_into is None
        )
        order = sorted(facts, key=lambda f: f.id)
        return Scene(
            tuple(objects),
            tuple(_scene_fact(f, labels) for f in order),
            tuple(_scene_fact(f, labels) for f in sorted(past, key=lambda f: f.id)),
        )

    def stays(self, entity: Entity) -> tuple[Stay, ...]:
        """Where ``entity`` has been, oldest first: its places, and its positions until the next one."""
        labels = self._labels()
        found = [
            Stay(entity.label, f.relation, labels.get(f.object, "?"), None, f.valid_from_ns, f.valid_until_ns,
                 f.record_id)
            for f in self._store.facts("subject = ? AND expired_ns IS NULL", (entity.id,))
            if f.relation in PLACE and f.valid_until_ns != f.valid_from_ns
        ]  # fmt: skip
        track = self._store.sightings("entity_id = ? AND x IS NOT NULL ORDER BY stamp_ns", (entity.id,))
        ends = [s.stamp_ns for s in track[1:]]
        for s, until in zip(track, [*ends, None], strict=False):
            found.append(Stay(entity.label, "", "", s.position, s.stamp_ns, until, s.record_id))
        return tuple(sorted(found, key=lambda s: (s.from_ns, s.record_id)))

    def where_was(self, entity: Entity, at_ns: int) -> Whereabouts | None:
        """Where ``entity`` was at ``at_ns``; None if it was not known yet."""
        labels, said, seen = self._labels(), list[Fact](), list[tuple[int, Sighting]]()
        here, visited = entity.id, {entity.id}
        while True:
            sightings = [s for s in self.sightings_of([here], at_ns, at_ns) if s.position is not None]
            seen += [(here, s) for s in sightings[-1:]]
            facts = [f for f in self.facts_of([here], at_ns, at_ns) if f.subject == here]
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
            return Whereabouts(entity.label, None, said[0].valid_from_ns, lines)
        key, s = seen[0]
        via = "" if key == entity.id else labels.get(key, "?")
        return Whereabouts(entity.label, s.position, s.stamp_ns, lines, via)

    def before(self, entity: Entity) -> Whereabouts | None:
        """Where ``entity`` was before it came to where it is now; None if it was nowhere else."""
        stays = self.stays(entity)
        places = [s for s in stays if s.holder] or stays
        if len(places) < 2:
            return None
        return self.where_was(entity, places[-1].from_ns - 1)

    def inside(self, entity: Entity, at_ns: int) -> list[str]:
        """Labels of what was in ``entity`` at ``at_ns``, and in what was in it, the nearest first."""
        labels, found, edge = self._labels(), dict[int, str](), [entity.id]
        while edge:
            facts = self.facts_of(edge, at_ns, at_ns)
            inner = (f.subject for f in facts if f.relation == "in" and f.object in edge)
            edge = [key for key in dict.fromkeys(inner) if key not in found and key != entity.id]
            found |= {key: labels.get(key, "?") for key in edge}
        return list(found.values())

    def changes(self, since_ns: int, until_ns: int) -> tuple[SceneChange, ...]:
        """What changed within (since, until], oldest first."""
        labels = self._labels()
        span = (since_ns, until_ns)
        found: list[SceneChange] = []
        for f in self._store.facts("expired_ns IS NULL AND valid_from_ns > ? AND valid_from_ns <= ?", span):
            if f.valid_until_ns != f.valid_from_ns:
                found.append(SceneChange(f.valid_from_ns, "began", str(_scene_fact(f, labels)), f.record_id))
        for f in self._store.facts("expired_ns IS NULL AND valid_until_ns > ? AND valid_until_ns <= ?", span):
            if f.valid_until_ns is not None and f.valid_until_ns != f.valid_from_ns:
                found.append(SceneChange(f.valid_until_ns, "ended", str(_scene_fact(f, labels)), f.ended_by))
        for s in self._store.sightings("x IS NOT NULL AND stamp_ns > ? AND stamp_ns <= ?", span):
            assert s.position is not None
            where = ", ".join(f"{v:.2f}" for v in s.position)
            text = f"{labels.get(s.entity_id, '?')} at ({where}) m"
            found.append(SceneChange(s.stamp_ns, "seen", text, s.record_id))
        return tuple(sorted(found, key=lambda c: (c.stamp_ns, c.what != "ended", c.record_id)))

    def _labels(self) -> dict[int, str]:
        return {e.id: e.label for e in self._store.things()}


def _object(e: Entity, seen: Sighting | None, at: int) -> SceneObject:
    position = None if seen is None else seen.position
    last = min(e.last_seen_ns, at) if seen is None else max(seen.stamp_ns, min(e.last_seen_ns, at))
    return SceneObject(e.label, position, e.first_seen_ns, last, e.confidence)


def _scene_fact(f: Fact, labels: dict[int, str]) -> SceneFact:
    return scene_fact(f, labels.get(f.subject, "?"), labels.get(f.object, "?"))
