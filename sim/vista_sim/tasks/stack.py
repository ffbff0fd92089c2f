"""Put an object on top of another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vista.errors import InvalidValueError, UnknownNameError
from vista_sim.experts import goal_states, tabletop
from vista_sim.experts.carry import on_top, put_down
from vista_sim.experts.tabletop import Action
from vista_sim.scenes.cabinet_scenes import is_stackable, is_support, stackables, supports
from vista_sim.scenes.scene import Scene, sample_tabletop
from vista_sim.tasks.base import Choice, at_rest, choose, sentence, standing
from vista_sim.world import World

CLEARANCE = 0.12


class Stack:
    """ "put the <object> on the <support>"; ``target`` names one or both: "red cube on the blue box"."""

    name = "stack"

    def __init__(self, seed: int, choice: Choice, target: str | None = None) -> None:
        rng = np.random.default_rng(seed + 10**6)
        wanted, _, below = (target or "").partition(" on the ")
        own = choice.fixed.named(choice.fixed.instruction) if choice.fixed and not target else []
        if choice.fixed is not None:
            here = standing(choice.fixed)
            tops = [p.spec.label for p in here if is_support(p.spec)]
            bodies = [p.spec.label for p in here if is_stackable(p.spec)]
        else:
            labels = list(dict.fromkeys(choice.labels))
            tops, bodies = supports(labels, choice.library), stackables(labels, choice.library)
        if len(own) == 2 and own[0] in bodies and own[1] in tops:
            wanted, below = own
        if not tops or not set(bodies) - set(tops[:1] if len(tops) == 1 else ()):
            raise InvalidValueError(
                "stack needs a cube or a box to stand on and another object with a flat foot; "
                f"given: {', '.join(tops) or 'nothing to stand on'}, {', '.join(bodies) or 'nothing flat'}"
            )
        self.support = choose(rng, [t for t in tops if t != wanted], below, "support")
        self.target = choose(rng, [b for b in bodies if b != self.support], wanted, "object")
        self.scene: Scene = choice.fixed or sample_tabletop(
            seed, choice.labels, choice.patterns, count=max(2, choice.distractors + 1),
            library=choice.library, required=[self.target, self.support],
        )  # fmt: skip
        made = f"put the {self.target} on the {self.support}"
        self.instruction = sentence(self.scene, target, made, " on ")
        labels = [p.spec.label for p in standing(self.scene)]
        self._known = {f"grasp the {label}": (label, "") for label in labels}
        self._known |= {f"place the {a} on the {b}": (a, b) for a in labels for b in labels if a != b}
        self.subtasks: Sequence[str] = (
            f"grasp the {self.target}",
            f"place the {self.target} on the {self.support}",
        )

    def _read(self, world: World, subtask: str) -> tuple[int, int | None]:
        if subtask not in self._known:
            raise UnknownNameError("subtask", subtask, self._known)
        label, below = self._known[subtask]
        return world.index(label), world.index(below) if below else None

    def success(self, world: World) -> bool:
        top, support = world.index(self.target), world.index(self.support)
        above, below = world.object_pose(top)[:3, 3], world.object_pose(support)[:3, 3]
        specs = self.scene.objects
        gap = above[2] - below[2] - specs[top].spec.half_height - specs[support].spec.half_height
        upright = world.object_pose(support)[2, 2] > 0.97 and world.object_pose(top)[2, 2] > 0.97
        over = float(np.hypot(*(above[:2] - below[:2]))) < specs[support].spec.half_width
        return bool(upright and over and abs(gap) < 0.006 and at_rest(world, top))

    def act(self, world: World, subtask: str) -> Action:
        index, support = self._read(world, subtask)
        if support is None:
            return tabletop.grasp(world, index)
        where, ground = self._top(world, support)
        return put_down(world, index, on_top(where, ground, CLEARANCE))

    def _top(self, world: World, support: int) -> tuple[np.ndarray, float]:
        centre = world.object_pose(support)[:3, 3]
        return centre[:2], float(centre[2]) + self.scene.objects[support].spec.half_height

    def show(self, world: World, subtask: str) -> None:
        index, support = self._read(world, subtask)
        if support is None:
            goal_states.show_grasped(world, index)
        else:
            where, ground = self._top(world, support)
            goal_states.show_placed(world, index, where, ground)

    def prepare(self, world: World) -> None:
        """Nothing to prepare."""
