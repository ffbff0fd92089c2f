"""Find an object that is hidden in one of several closed drawers and put it in the tray."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vista.errors import InvalidValueError, UnknownNameError
from vista_sim.experts import drawer_expert, goal_states, tabletop
from vista_sim.experts.carry import Spot, put_down
from vista_sim.experts.tabletop import TRAY_FLOOR, Action
from vista_sim.model.cabinet import DRAWER_NAMES
from vista_sim.scenes.cabinet_scenes import hideable, sample_cabinet
from vista_sim.scenes.scene import Scene
from vista_sim.tasks.base import Choice, at_rest, choose, named, sentence
from vista_sim.world import World

DRAWERS = 3


class Search:
    """ "put the <object> in the tray", but it is in a drawer. The expert knows which; ``drawer`` says so."""

    name = "search"

    def __init__(self, seed: int, choice: Choice, target: str | None = None) -> None:
        rng = np.random.default_rng(seed + 10**6)
        if choice.fixed is not None:
            self.scene: Scene = choice.fixed
            hidden = [p.spec.label for p in self.scene.objects if p.drawer is not None]
            if self.scene.tray is None or not hidden:
                raise InvalidValueError("search needs a scene with a tray and an object with a `drawer`")
            self.target = choose(rng, hidden, named(self.scene, target, hidden), "hidden object")
        else:
            labels = hideable(choice.labels, choice.library)
            self.target = choose(rng, labels, target, "object that fits in a drawer")
            self.scene = sample_cabinet(
                seed, choice.labels, choice.patterns, drawers=DRAWERS, distractors=choice.distractors,
                subject=self.target, hidden=True, tray=True, library=choice.library,
            )  # fmt: skip
        names = DRAWER_NAMES[self.scene.drawers]
        drawer = self.scene.find(self.target).drawer
        assert drawer is not None
        self.drawer = drawer
        self.instruction = sentence(self.scene, target, f"put the {self.target} in the tray", "tray")
        self.subtasks: Sequence[str] = (
            f"open the {names[drawer]}",
            f"grasp the {self.target}",
            f"place the {self.target} in the tray",
        )
        self._known: dict[str, tuple[str, int]] = {f"open the {n}": ("open", i) for i, n in enumerate(names)}
        for i, placed in enumerate(self.scene.objects):
            self._known[f"grasp the {placed.spec.label}"] = ("grasp", i)
            self._known[f"place the {placed.spec.label} in the tray"] = ("place", i)

    def _read(self, subtask: str) -> tuple[str, int]:
        if subtask not in self._known:
            raise UnknownNameError("subtask", subtask, self._known)
        return self._known[subtask]

    def success(self, world: World) -> bool:
        assert self.scene.tray is not None
        index = world.index(self.target)
        centre = world.object_pose(index)[:3, 3]
        inside = np.abs(centre[:2] - np.array(self.scene.tray)).max() < 0.06
        low = centre[2] < self.scene.objects[index].spec.half_height + 0.035
        return bool(inside and low and at_rest(world, index))

    def act(self, world: World, subtask: str) -> Action:
        verb, index = self._read(subtask)
        if verb == "open":
            return drawer_expert.open_drawer(world, index)
        if verb == "grasp":
            return tabletop.grasp(world, index)
        spot = Spot(np.array(self.scene.tray), TRAY_FLOOR, drawer_expert.CLEARANCE, 0.012)
        return put_down(world, index, spot)

    def show(self, world: World, subtask: str) -> None:
        verb, index = self._read(subtask)
        if verb == "open":
            drawer_expert.show_opened(world, index)
            return
        drawer = self.scene.objects[index].drawer
        if drawer is not None:
            drawer_expert.ensure_open(world, drawer)
        if verb == "grasp":
            goal_states.show_grasped(world, index)
        else:
            goal_states.show_placed(world, index, np.array(self.scene.tray), goal_states.TRAY_GROUND)

    def prepare(self, world: World) -> None:
        """Nothing to prepare: the object starts inside the closed drawer."""
