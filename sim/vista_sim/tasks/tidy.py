"""Open the drawer, put an object in, close it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vista.errors import InvalidValueError
from vista_sim.experts.tabletop import Action
from vista_sim.scenes.cabinet_scenes import hideable
from vista_sim.tasks.base import Choice, at_rest
from vista_sim.tasks.drawer import Drawer
from vista_sim.tasks.sentences import Sentences
from vista_sim.world import World


class Tidy(Drawer):
    """ "open the drawer, put the <object> in, close it": a drawer shuts over low objects only."""

    name = "tidy"

    def __init__(self, seed: int, choice: Choice, target: str | None = None) -> None:
        low = hideable(choice.labels, choice.library)
        if target is None and choice.fixed is None:
            if not low:
                raise InvalidValueError(f"tidy: none of {', '.join(choice.labels)} fits in a shut drawer")
            target = str(np.random.default_rng(seed + 7 * 10**6).choice(low))
        super().__init__(seed, choice, target)
        self._shut = self.subtasks[0].replace("open", "close")
        opened = self.subtasks[0].removeprefix("open the ")
        self.instruction = f"open the {opened}, put the {self.target} in, close it"
        self.subtasks: Sequence[str] = (*self.subtasks, self._shut)
        self._sentences = Sentences(self.scene)

    def success(self, world: World) -> bool:
        index = world.index(self.target)
        inside = self._sentences.holds(world, self.subtasks[2])
        return inside and self._sentences.holds(world, self._shut) and at_rest(world, index)

    def act(self, world: World, subtask: str) -> Action:
        return self._sentences.act(world, subtask)

    def show(self, world: World, subtask: str) -> None:
        self._sentences.show(world, subtask)
