"""The simulated arm in free running time: takes trajectories as a joint trajectory controller does."""

from __future__ import annotations

import numpy as np

from vista.types import F64
from vista_sim.world import World

# One tick: 20 ms of simulated time, five steps of physics with the joint targets interpolated in between.
TICK_SUBSTEPS = 5


class _Track:
    """What one controller follows: points by time since the trajectory came in."""

    def __init__(self, now: F64) -> None:
        self.times, self.points = np.zeros(1), np.array(now, np.float64)[None]

    def replace(self, now_s: float, here: F64, due_s: F64, points: F64) -> None:
        """From ``here`` through ``points`` (T, n) at ``due_s`` (T,) after ``now_s`` [s]; then hold."""
        self.times = now_s + np.concatenate([[0.0], due_s])
        self.points = np.concatenate([here[None], points])

    def at(self, time_s: float) -> F64:
        return np.array([np.interp(time_s, self.times, column) for column in self.points.T])

    def next_point(self, time_s: float) -> F64:
        """The point that is under way; the last one once all are reached."""
        index = int(np.searchsorted(self.times, time_s, side="left"))
        return self.points[min(index, len(self.points) - 1)]


class FreeArm:
    """Runs :class:`World` tick by tick. One thread."""

    def __init__(self, world: World) -> None:
        self.world, self.spec = world, world.robot
        self.tick_s = TICK_SUBSTEPS * world.model.opt.timestep
        self._arm = _Track(world.joint_target)
        self._gripper = _Track(np.array([world.gripper_command]))

    def move(self, joints: F64, due_s: F64) -> None:
        """Follow ``joints`` (T, J) [rad], due ``due_s`` (T,) [s] from now; no rows: hold here."""
        here = self._arm.at(self.world.time)
        self._arm.replace(self.world.time, here, due_s, joints.reshape(len(due_s), -1)) if len(
            due_s
        ) else self._hold()

    def grip(self, openings: F64, due_s: F64) -> None:
        """Command ``openings`` (T,) [0, 1]; as in lockstep each holds until it is due."""
        if len(due_s):
            here = self._gripper.next_point(self.world.time)
            self._gripper.replace(self.world.time, here, due_s, np.clip(openings, 0, 1).reshape(-1, 1))

    def _hold(self) -> None:
        self._arm = _Track(self.world.joint_target)

    def tick(self) -> None:
        """Advance by ``tick_s``."""
        end = self.world.time + self.tick_s
        opening = float(self._gripper.next_point(end - 1e-6)[0])
        self.world.move_joints(self._arm.at(end), opening, TICK_SUBSTEPS)
