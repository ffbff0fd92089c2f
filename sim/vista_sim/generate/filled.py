"""Trays in which something lies already: the state in which "several" things are half delivered.

The first thing lies about the middle, where a world model puts what comes into an empty tray; what comes next
goes where there is room (:mod:`vista_sim.experts.tray_berth`).
"""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from vista_sim.experts import tray_berth
from vista_sim.experts.goal_states import TRAY_GROUND
from vista_sim.experts.tabletop import TRAY_FLOOR, Action
from vista_sim.scenes.scene import Scene
from vista_sim.tasks.several import Several
from vista_sim.world import World, yaw_of

MIDDLE_SHARE, MIDDLE_M, ASIDE_M = 0.65, 0.005, 0.03
"""So many first things lie in the middle, give or take [m]; the others up to so far beside it [m]."""


def fill_tray(world: World, indices: Sequence[int], rng: np.random.Generator) -> None:
    """Lay the objects ``indices`` into the tray, the first about its middle, the others where there is room;
    the arm stays where it is."""
    assert world.scene.tray is not None
    middle = np.array(world.scene.tray)
    for k, index in enumerate(indices):
        yaw = float(rng.uniform(-np.pi, np.pi))
        if k:
            found = tray_berth.find_berth(world, index)
            where, yaw = found.where, yaw_of(world.object_pose(index)) + found.turn
        elif rng.random() < MIDDLE_SHARE:
            where = middle + rng.normal(0.0, MIDDLE_M, 2)
        else:
            where = middle + rng.uniform(-ASIDE_M, ASIDE_M, 2)
        height = TRAY_GROUND + world.scene.objects[index].spec.half_height
        world.set_object(index, (float(where[0]), float(where[1]), height), yaw)
    mujoco.mj_forward(world.model, world.data)


def has_room(world: World, index: int) -> bool:
    """Whether object ``index`` would go on the tray's ground, not on top of something."""
    return tray_berth.find_berth(world, index).ground <= TRAY_FLOOR


class Rest:
    """A ``Task``: what is left of ``whole`` when all but its last thing lies in the tray, by ``seed``."""

    name = "several"

    def __init__(self, whole: Several, seed: int) -> None:
        self.whole, self._seed = whole, seed
        self.scene: Scene = whole.scene
        self.instruction = whole.instruction
        self.subtasks: Sequence[str] = whole.subtasks[-2:]

    def prepare(self, world: World) -> None:
        """Fill the tray."""
        rng = np.random.default_rng(self._seed + 3 * 10**6)
        fill_tray(world, [world.index(label) for label in self.whole.targets[:-1]], rng)

    def act(self, world: World, subtask: str) -> Action:
        return self.whole.act(world, subtask)

    def show(self, world: World, subtask: str) -> None:
        self.whole.show(world, subtask)

    def success(self, world: World) -> bool:
        return self.whole.success(world)
