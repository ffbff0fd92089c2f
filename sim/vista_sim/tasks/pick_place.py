"""Put an object in the tray."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vista.errors import InvalidValueError, UnknownNameError
from vista_sim.experts import goal_states, tabletop
from vista_sim.experts.tabletop import Action
from vista_sim.scenes.scene import Scene, sample_tabletop
from vista_sim.tasks.base import Choice, at_rest, named, sentence, standing
from vista_sim.world import World

CARRY_CLEARANCE = 0.05


class PickPlace:
    """ "put the <object> in the tray"; the object is drawn by the seed, or named by ``target``."""

    name = "pick_place"

    def __init__(self, seed: int, choice: Choice, target: str | None = None) -> None:
        required = [target] if target else []
        self.scene: Scene = choice.fixed or sample_tabletop(
            seed, choice.labels, choice.patterns, count=choice.distractors + 1,
            library=choice.library, required=required,
        )  # fmt: skip
        rng = np.random.default_rng(seed + 10**6)
        if self.scene.tray is None:
            raise InvalidValueError("pick_place needs a scene with a `tray`")
        labels = [p.spec.label for p in standing(self.scene)]
        if target is not None and target not in labels:
            raise UnknownNameError("object", target, labels)
        self.target = named(choice.fixed, target, labels) or str(rng.choice(labels))
        self.instruction = sentence(self.scene, target, f"put the {self.target} in the tray", "tray")
        self.subtasks: Sequence[str] = (f"grasp the {self.target}", f"place the {self.target} in the tray")

    def _subject(self, world: World, subtask: str) -> tuple[str, int]:
        verb, _, rest = subtask.partition(" the ")
        label = rest.removesuffix(" in the tray")
        known = [
            f"{v} the {p.spec.label}{s}"
            for p in self.scene.objects
            for v, s in (("grasp", ""), ("place", " in the tray"))
        ]
        if subtask not in known:
            raise UnknownNameError("subtask", subtask, known)
        return verb, world.index(label)

    def success(self, world: World) -> bool:
        assert self.scene.tray is not None
        index = world.index(self.target)
        centre = world.object_pose(index)[:3, 3]
        inside = np.abs(centre[:2] - np.array(self.scene.tray)).max() < 0.06
        low = centre[2] < self.scene.objects[index].spec.half_height + 0.035
        return bool(inside and low and at_rest(world, index))

    def act(self, world: World, subtask: str) -> Action:
        verb, index = self._subject(world, subtask)
        if verb == "grasp":
            return tabletop.grasp(world, index)
        assert self.scene.tray is not None
        return tabletop.place(world, index, np.array(self.scene.tray), tabletop.TRAY_FLOOR, CARRY_CLEARANCE)

    def show(self, world: World, subtask: str) -> None:
        verb, index = self._subject(world, subtask)
        if verb == "grasp":
            goal_states.show_grasped(world, index)
        else:
            assert self.scene.tray is not None
            goal_states.show_placed(world, index, np.array(self.scene.tray), goal_states.TRAY_GROUND)

    def prepare(self, world: World) -> None:
        """Nothing to prepare."""
