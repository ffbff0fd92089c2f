"""The memory as of another time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from robomemory.front.arguments import arguments_of
from robomemory.graph.questions import holding
from robomemory.graph.scene import SceneFact, SceneGraph, Whereabouts
from robomemory.memory import RoboMemory


@dataclass(frozen=True, slots=True)
class Then:
    """The memory as of the stamp ``at_ns`` [ns, the robot's clock] of ``run``, as it was known at
    ``known_ns`` [ns, the computer's clock] (None: as it is known now)."""

    memory: RoboMemory
    at_ns: int
    known_ns: int | None
    run: int | None

    @property
    def scene(self) -> SceneGraph:
        """Things, facts that held, facts that had ended."""
        return self.memory.scene(self.at_ns, self.known_ns, run=self.run)

    @property
    def facts(self) -> tuple[SceneFact, ...]:
        """The facts that held."""
        return self.scene.facts

    def where(self, name: str) -> Whereabouts | None:
        """Where the thing called ``name`` was; None if that was not known."""
        with arguments_of("where", {"text": "name"}):
            if self.known_ns is None:
                return self.memory.where_was(name, self.at_ns, run=self.run)
            thing = self.memory.where_is(name)
        label = name if thing is None else thing.name
        scene = self.scene
        said = tuple(str(fact) for fact in scene.facts if fact.subject == label)
        seen = next((each for each in scene.objects if each.name == label), None)
        if seen is None:
            return None
        return Whereabouts(label, seen.position, seen.last_seen_ns, said, "", seen.run)

    def inside(self, name: str, *, relations: Collection[str] = ("in",)) -> tuple[str, ...]:
        """Names of what was in the thing called ``name``, and in those; ``relations`` may also name "on" and
        "held by"."""
        with arguments_of("inside", {"text": "name"}):
            if self.known_ns is None:
                return self.memory.inside(name, self.at_ns, run=self.run, relations=relations)
            wanted = holding(relations)
            thing = self.memory.where_is(name)
        label = name if thing is None else thing.name
        found, edge = dict[str, None](), [label]
        facts = self.facts
        while edge:
            inner = [f.subject for f in facts if f.relation in wanted and f.object in edge]
            edge = [each for each in inner if each not in found and each != label]
            found.update(dict.fromkeys(edge))
        return tuple(found)
