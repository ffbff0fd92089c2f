"""What the fingers hold, and how the hand takes leave of a place where it failed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vista.errors import InvalidValueError
from vista.kinematics import pose_to_matrix
from vista.types import ActionChunk, ActionSpace, Observation

# Fingers that were told to close and have come as close as this [share of full opening] hold nothing: the
# narrowest object that a parallel gripper of 8 cm takes here keeps them 0.3 apart.
EMPTY = 0.06
_OPENING_ROWS = 3
_ARRIVED_M = 0.01


def is_open(obs: Observation) -> bool:
    """Whether the fingers were last told to open."""
    return obs.gripper_command >= 0.5


def closed_on_nothing(obs: Observation) -> bool:
    """Whether the fingers were told to close and have met nothing."""
    return not is_open(obs) and obs.gripper < EMPTY


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Straight up to ``height_m`` [m] above the base at ``speed_m_s`` [m/s]; empty fingers open first.

    A hand that tries again from where it failed sees what it saw before and fails the same way; from above it
    sees the scene, does not hide it, and comes down another way.

    Raises:
        InvalidValueError: a height or speed that is not above 0.
    """

    height_m: float = 0.25
    speed_m_s: float = 0.25
    dt_s: float = 0.1
    timeout_s: float = 4.0

    def __post_init__(self) -> None:
        for name in ("height_m", "speed_m_s", "dt_s", "timeout_s"):
            if not getattr(self, name) > 0:
                raise InvalidValueError(f"Withdrawal.{name}: {getattr(self, name)}, expected above 0")

    def chunk(self, obs: Observation, rows: int) -> ActionChunk | None:
        """The next ``rows`` rows from ``obs`` on; None when the hand is up and not closed on nothing."""
        pose = pose_to_matrix(obs.ee_pose)
        left = self.height_m - float(pose[2, 3])
        if closed_on_nothing(obs):
            rise, grip = np.zeros(_OPENING_ROWS), 1.0
        elif left > _ARRIVED_M:
            step = self.speed_m_s * self.dt_s
            rise, grip = np.minimum(step * np.arange(1, rows + 1), left), float(is_open(obs))
        else:
            return None
        actions = np.zeros((len(rise), 7), np.float32)
        actions[:, :3] = rise[:, None] * (pose[:3, :3].T @ [0.0, 0.0, 1.0])
        actions[:, 6] = grip
        return ActionChunk(actions, self.dt_s, ActionSpace.EE_DELTA, obs.stamp_ns)
