"""The scenes of the sentences as tasks: what truly holds at the end of an episode that a sentence began."""

from __future__ import annotations

import numpy as np

from vista.skill import Relation, Skill, Verb
from vista_bench.suites.open_world.words import SCENES, SaidGoal, Sentence
from vista_sim.experts import tabletop
from vista_sim.model.cabinet import DRAWER_NAMES
from vista_sim.scenes.scene_file import load_scene
from vista_sim.task import LASTING, Choice, Task, TaskSetup, at_rest
from vista_sim.world import World

TABLE, TRAY = "table", "tray"
BESIDE_M, NEAR_M, DISTANCE_M, LEAST_M = 0.02, 0.2, 0.03, 0.02
"""Beside another thing by at least the first, and by less than the second [m]; a distance is kept up to the
third; without a distance, a thing has to move by the last."""
_WAYS = {
    "left": (1, 1), "right": (1, -1), "forward": (0, 1), "backward": (0, -1),
    "left_of": (1, 1), "right_of": (1, -1), "behind": (0, 1), "in_front_of": (0, -1),
}  # fmt: skip
"""(axis, sign) in the robot's base frame."""


class SpokenTask(Task):
    """What ``sentence`` asks for in its scene; one that asks for nothing is done when nothing was moved.

    Args:
        sentence: The first of its readings is the right one.
    """

    name = "spoken"

    def __init__(self, sentence: Sentence) -> None:
        self._sentence = sentence
        self._goals = sentence.readings[0].goals
        super().__init__(0, Choice((), ()))
        self._start: list[np.ndarray] = []

    def set_up(self, seed: int, choice: Choice, target: str | None, rng: np.random.Generator) -> TaskSetup:
        scene = load_scene(SCENES / f"{self._sentence.scene}.yaml")
        labels = {placed.spec.label for placed in scene.objects}
        skills = [s for goal in self._goals for s in _skills(goal, labels, DRAWER_NAMES[scene.drawers])]
        lasting = tuple(skill for skill in skills if skill.verb in LASTING)
        return TaskSetup(scene, self._sentence.say, tuple(skills), lasting)

    def prepare(self, world: World) -> None:
        self._start = self._positions(world)

    def _positions(self, world: World) -> list[np.ndarray]:
        return [world.object_pose(i)[:3, 3].copy() for i in range(len(world.scene.objects))]

    def moved(self, world: World, at_least_m: float = 0.03) -> set[str]:
        """The things that stand elsewhere than at first by ``at_least_m`` [m] or more."""
        now = zip(world.scene.objects, self._start, self._positions(world), strict=True)
        return {p.spec.label for p, a, b in now if float(np.linalg.norm(b - a)) > at_least_m}

    def success(self, world: World) -> bool:
        """Whether every goal is reached that no later one ends."""
        if not self._goals:
            return not self.moved(world)
        return all(
            self._holds(world, goal)
            for i, goal in enumerate(self._goals)
            if not any(_ends(later, goal) for later in self._goals[i + 1 :])
        )

    def left(self, world: World) -> tuple[str, ...]:
        return ()

    def _holds(self, world: World, goal: SaidGoal) -> bool:
        if goal.kind in ("open", "close"):
            verb = Verb.OPEN if goal.kind == "open" else Verb.CLOSE
            return self.holds(world, Skill(verb, goal.things[0]))
        if goal.kind == "grasp":
            return bool(tabletop.is_held(world, world.index(goal.things[0])))
        if goal.kind == "move":
            return self._shifted(world, goal)
        if goal.kind == "clear":
            return all(not self._inside(world, p.spec.label, goal.places[0]) for p in world.scene.objects)
        return all(self._placed(world, thing, goal) for thing in goal.things)

    def _inside(self, world: World, label: str, place: str) -> bool:
        return self.holds(world, Skill(Verb.PLACE, label, Relation.IN, place))

    def _placed(self, world: World, label: str, goal: SaidGoal) -> bool:
        if not at_rest(world, world.index(label)):
            return False
        places = (*DRAWER_NAMES[world.scene.drawers], *([TRAY] if world.scene.tray is not None else []))
        if goal.relation == "on" and goal.places == (TABLE,):
            placed = world.scene.objects[world.index(label)].spec
            low = world.object_pose(world.index(label))[2, 3] < placed.half_height + 0.03
            return bool(low) and not any(self._inside(world, label, place) for place in places)
        if goal.relation in ("in", "on"):
            return self.holds(world, Skill(Verb.PLACE, label, Relation(goal.relation), goal.places[0]))
        return self._beside(world, label, goal)

    def _beside(self, world: World, label: str, goal: SaidGoal) -> bool:
        at = world.object_pose(world.index(label))[:2, 3]
        if goal.relation in ("corner", "side"):
            return label in self.moved(world, LEAST_M)
        others = [self._middle(world, place) for place in goal.places]
        if goal.relation == "between":
            return float(np.linalg.norm(at - (others[0] + others[1]) / 2)) < NEAR_M / 3
        by = at - others[0]
        if float(np.linalg.norm(by)) > NEAR_M:
            return False
        if goal.relation == "next_to":
            return True
        axis, sign = _WAYS[goal.relation]
        return bool(sign * by[axis] > BESIDE_M and abs(by[1 - axis]) < abs(by[axis]))

    def _middle(self, world: World, place: str) -> np.ndarray:
        if place == TRAY and world.scene.tray is not None:
            return np.array(world.scene.tray)
        return world.object_pose(world.index(place))[:2, 3]

    def _shifted(self, world: World, goal: SaidGoal) -> bool:
        index = world.index(goal.things[0])
        by = (self._positions(world)[index] - self._start[index])[:2]
        axis, sign = _WAYS[goal.direction]
        if goal.distance_m is None:
            return bool(sign * by[axis] > LEAST_M)
        wanted = np.zeros(2)
        wanted[axis] = sign * goal.distance_m
        return float(np.linalg.norm(by - wanted)) < DISTANCE_M


def _skills(goal: SaidGoal, labels: set[str], drawers: tuple[str, ...]) -> list[Skill]:
    """What of ``goal`` is a skill of the simulator: it says which things an episode is about."""
    if goal.kind == "grasp":
        return [Skill(Verb.GRASP, goal.things[0])]
    if goal.kind in ("open", "close"):
        return [Skill(Verb.OPEN if goal.kind == "open" else Verb.CLOSE, goal.things[0])]
    if goal.kind != "place" or goal.relation not in ("in", "on"):
        return []
    (place,) = goal.places
    if place not in (TRAY, *drawers, *labels):
        return []
    return [Skill(Verb.PLACE, thing, Relation(goal.relation), place) for thing in goal.things]


def _ends(later: SaidGoal, earlier: SaidGoal) -> bool:
    """Whether ``later`` undoes what ``earlier`` asks for."""
    about_drawers = [goal.kind in ("open", "close") for goal in (earlier, later)]
    if any(about_drawers):
        return all(about_drawers) and later.things == earlier.things
    if later.kind == "clear":
        return earlier.places == later.places
    return bool(set(later.things) & set(earlier.things))


__all__ = ["SpokenTask"]
