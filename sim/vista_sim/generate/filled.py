"""Trays in which something lies already: the state in which "several" things are half delivered.

The first thing lies about the middle, where a world model shows a thing in an empty tray; the next ones lie
where there is room (:mod:`vista_sim.experts.tray_berth`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import mujoco
import numpy as np

from vista.skill import Verb
from vista_sim.experts import tray_berth
from vista_sim.experts.tabletop import TRAY_FLOOR
from vista_sim.task import Choice, TaskSetup
from vista_sim.tasks.several import Several
from vista_sim.world import World, yaw_of

MIDDLE_SHARE, MIDDLE_M, ASIDE_M = 0.65, 0.005, 0.03
"""Share of the first things that lie in the middle, their spread, and how far aside others lie [m]."""


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
        height = TRAY_FLOOR + world.scene.objects[index].spec.half_height
        world.set_object(index, (float(where[0]), float(where[1]), height), yaw)
    mujoco.mj_forward(world.model, world.data)


def has_room(world: World, index: int) -> bool:
    """Whether object ``index`` would go on the tray's ground, not on top of something."""
    return tray_berth.find_berth(world, index).ground <= TRAY_FLOOR


class RestOfSeveral(Several):
    """What is left of "several" when all but its last thing lies in the tray."""

    name = "several"

    def set_up(self, seed: int, choice: Choice, target: str | None, rng: np.random.Generator) -> TaskSetup:
        self._seed = seed
        made = super().set_up(seed, choice, target, rng)
        goal = tuple(skill for skill in made.skills if skill.verb is Verb.PLACE)
        return replace(made, skills=made.skills[-2:], goal=goal)

    def prepare(self, world: World) -> None:
        """Fill the tray."""
        rng = np.random.default_rng(self._seed + 3 * 10**6)
        fill_tray(world, [world.index(label) for label in self.targets[:-1]], rng)
