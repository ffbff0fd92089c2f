"""Open a drawer and put an object into it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vista.errors import InvalidValueError, UnknownNameError
from vista_sim.experts import drawer_expert, goal_states, tabletop
from vista_sim.experts.tabletop import Action
from vista_sim.model.cabinet import DRAWER_NAMES
from vista_sim.scenes.cabinet_scenes import sample_cabinet
from vista_sim.scenes.scene import Scene
from vista_sim.tasks.base import Choice, at_rest, choose, named, sentence, standing
from vista_sim.world import World


class Drawer:
    """ "put the <object> in the drawer", which is closed at first."""

    name = "drawer"

    def __init__(self, seed: int, choice: Choice, target: str | None = None) -> None:
        rng = np.random.default_rng(seed + 10**6)
        if choice.fixed is not None:
            self.scene: Scene = choice.fixed
            if not self.scene.drawers:
                raise InvalidValueError("drawer needs a scene with a cabinet; add `drawers: 1` to the scene")
            labels = [p.spec.label for p in standing(self.scene)]
            self.target = choose(rng, labels, named(self.scene, target, labels), "object")
        else:
            self.target = choose(rng, choice.labels, target, "object")
            self.scene = sample_cabinet(
                seed, choice.labels, choice.patterns, drawers=1, distractors=choice.distractors,
                subject=self.target, hidden=False, tray=False, library=choice.library,
            )  # fmt: skip
        names = DRAWER_NAMES[self.scene.drawers]
        told = [i for i, n in enumerate(names) if n in self.scene.instruction]
        taken = {p.drawer for p in self.scene.objects}
        empty = [i for i in range(len(names)) if i not in taken]
        self.drawer = told[0] if told else int(rng.choice(empty or range(len(names))))
        name = names[self.drawer]
        self.instruction = sentence(self.scene, target, f"put the {self.target} in the {name}", name)
        self.subtasks: Sequence[str] = (
            f"open the {name}",
            f"grasp the {self.target}",
            f"place the {self.target} in the {name}",
        )
        self._known: dict[str, tuple[str, int]] = {f"open the {n}": ("", i) for i, n in enumerate(names)}
        for placed in self.scene.objects:
            label = placed.spec.label
            self._known[f"grasp the {label}"] = (label, -1)
            self._known |= {f"place the {label} in the {n}": (label, i) for i, n in enumerate(names)}

    def _read(self, subtask: str) -> tuple[str, int]:
        if subtask not in self._known:
            raise UnknownNameError("subtask", subtask, self._known)
        return self._known[subtask]

    def success(self, world: World) -> bool:
        index = world.index(self.target)
        return drawer_expert.is_inside(world, index, self.drawer) and at_rest(world, index)

    def act(self, world: World, subtask: str) -> Action:
        label, drawer = self._read(subtask)
        if not label:
            return drawer_expert.open_drawer(world, drawer)
        if drawer < 0:
            return tabletop.grasp(world, world.index(label))
        return drawer_expert.put_inside(world, world.index(label), drawer)

    def show(self, world: World, subtask: str) -> None:
        label, drawer = self._read(subtask)
        if not label:
            drawer_expert.show_opened(world, drawer)
        elif drawer < 0:
            drawer_expert.ensure_open(world, self.drawer)
            goal_states.show_grasped(world, world.index(label))
        else:
            drawer_expert.show_inside(world, world.index(label), drawer)

    def prepare(self, world: World) -> None:
        """Nothing to prepare."""
