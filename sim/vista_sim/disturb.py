"""Disturbs a scene once: takes an object out of the tray again, or moves the next one away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vista.errors import InvalidValueError, UnknownNameError
from vista.values import whole
from vista_sim.experts.tabletop import is_held
from vista_sim.experts.tray import in_tray
from vista_sim.scenes.scene import OBJECT_RADIUS, TRAY_RADIUS
from vista_sim.world import World

KINDS = ("taken", "moved")
DELAY_S = {"taken": (0.2, 1.5), "moved": (0.0, 0.3)}
"""How long after the hand has left the tray [s]: it is on its way to the next grasp."""
HAND_M, REACH_M = 0.12, 0.07
"""An object is put no nearer to the hand than the first, and taken away no nearer than the second [m]."""
RISEN_M, LEFT_M = 0.1, 0.04
MOVED_M, STAYED_M = 0.07, 0.03


class Disturbance:
    """One disturbance; call it after every control step.

    Once the first of ``labels`` lies in the tray and the hand has left it, one object is put somewhere else
    on the table after a random delay: of kind ``taken``, one from the tray; of kind ``moved``, one that still
    stands on the table. Delay and place are drawn from ``seed``. ``label``: the object that was moved; empty
    before.

    Raises:
        UnknownNameError: ``kind`` is none of :data:`KINDS`. InvalidValueError: a seed below 0.
    """

    def __init__(self, kind: str, labels: Sequence[str], seed: int) -> None:
        if kind not in KINDS:
            raise UnknownNameError("disturbance", kind, KINDS)
        self._kind, self._labels = kind, tuple(labels)
        self._rng = np.random.default_rng(whole("seed", seed, 0) + 8 * 10**6)
        self._delay_s = float(self._rng.uniform(*DELAY_S[kind]))
        self._since: float | None = None
        self._put = np.zeros(2)
        self.label = ""

    def __call__(self, world: World) -> None:
        if self.label or world.scene.tray is None:
            return
        wanted = [world.index(label) for label in self._labels]
        laid = [i for i in wanted if in_tray(world, i)]
        hand = world.ee_pose()[:3, 3]
        if self._since is None:
            left = float(np.hypot(*(hand[:2] - np.array(world.scene.tray)))) > LEFT_M
            if laid and left and world.gripper_command > 0.5 and hand[2] > RISEN_M:
                self._since = world.time
            return
        if world.time - self._since < self._delay_s:
            return
        some = laid if self._kind == "taken" else [i for i in wanted if i not in laid]
        for index in some:
            here = world.object_pose(index)[:2, 3]
            if not is_held(world, index) and np.hypot(*(here - hand[:2])) > REACH_M:
                self._put_elsewhere(world, index)
                self.label = world.scene.objects[index].spec.label
                return

    def ignored(self, world: World) -> bool:
        """Whether the object that was moved still is where it was put, by the simulator's truth."""
        if not self.label:
            return False
        here = world.object_pose(world.index(self.label))[:2, 3]
        return float(np.hypot(*(here - self._put))) < STAYED_M

    def _put_elsewhere(self, world: World, index: int) -> None:
        others = [i for i in range(len(world.scene.objects)) if i != index]
        taken = [(world.object_pose(i)[:2, 3], 2 * OBJECT_RADIUS) for i in others]
        taken += [(world.ee_pose()[:2, 3], HAND_M), (world.object_pose(index)[:2, 3], MOVED_M)]
        if world.scene.tray is not None:
            taken.append((np.array(world.scene.tray), TRAY_RADIUS + OBJECT_RADIUS))
        x, y = world.table.x, world.table.y
        for _ in range(500):
            spot = self._rng.uniform((x[0], y[0]), (x[1], y[1]))
            if all(np.hypot(*(spot - at)) > radius for at, radius in taken):
                height = world.scene.objects[index].spec.half_height + 0.002
                place = float(spot[0]), float(spot[1]), height
                world.set_object(index, place, float(self._rng.uniform(-np.pi, np.pi)))
                self._put = spot
                return
        raise InvalidValueError(
            f"scene {world.scene.seed}: no room on the table for the object that is {self._kind}"
        )
