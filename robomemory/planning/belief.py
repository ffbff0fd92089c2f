"""The robot's belief: facts that it sees now, effects of its own steps, and facts of the graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from robomemory.graph.scene import SceneGraph
from robomemory.names import PLACE, STATE
from robomemory.planning.domain import ROBOT, SEEN, Domain, Facts, WorldState
from robomemory.records import Triple


@dataclass(frozen=True, slots=True)
class Observed:
    """What is seen at ``stamp_ns``: ``objects`` {name: type}, the ``facts`` seen to hold, and the places that
    are ``visible``: what lies in them is in view, so that what is not seen there is not there."""

    stamp_ns: int
    objects: Mapping[str, str]
    facts: Facts
    visible: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Belief:
    """The ``state`` that plans start from; ``remembered``: the facts in it that are not seen now."""

    state: WorldState
    remembered: Facts = field(default_factory=frozenset)

    def place_of(self, thing: str) -> str | None:
        """Where ``thing`` is; None where nobody knows."""
        return next((o for s, r, o in sorted(self.state.facts) if s == thing and r in PLACE), None)


def believe(
    domain: Domain, observed: Observed, scene: SceneGraph, assumed: Iterable[Triple], kinds: Mapping[str, str]
) -> Belief:
    """The belief from four sources, the first that speaks of a thing counts: what is observed, what follows
    from the robot's own steps (``assumed``), what the graph holds. A remembered place that is in view and
    shows nothing of the thing is not believed. States such as "is open" are not taken from the graph: they
    may have changed since. ``kinds`` {name: type} of things that were named but are not seen.
    """
    facts = set(observed.facts)
    facts |= {(ROBOT, SEEN, place) for place in observed.visible}
    seen_at = {s for s, r, _ in observed.facts if r in PLACE}
    seen_as = {s for s, r, _ in observed.facts if r in STATE}
    objects = {**kinds, **observed.objects}
    added: set[Triple] = set()
    for triple in assumed:
        subject, relation, where = triple
        known = seen_at if relation in PLACE else seen_as if relation in STATE else set()
        if subject not in known and not (relation in PLACE and where in observed.visible):
            added.add(triple)
    placed = seen_at | {s for s, r, _ in added if r in PLACE}
    for fact in scene.facts:
        there = fact.relation in PLACE and fact.object not in observed.visible
        if there and fact.subject not in placed and fact.object in objects and fact.relation != "held by":
            added.add((fact.subject, fact.relation, fact.object))
    facts |= added
    for subject, relation, _ in added:
        if relation in PLACE:
            objects.setdefault(subject, domain.movable)
    return Belief(WorldState(objects, frozenset(facts)), frozenset(added))
