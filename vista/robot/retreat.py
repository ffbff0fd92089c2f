"""How the hand leaves a place: up, and aside if it will try again there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vista.errors import InvalidValueError
from vista.robot.gripper import closed_on_nothing, is_open
from vista.types import F64, ActionChunk, ActionSpace, Observation

_OPENING_ROWS = 3
_ARRIVED_M = 0.01


@dataclass(frozen=True, slots=True)
class Retreat:
    """Up to ``height_m`` [m] above the base at ``speed_m_s`` [m/s]; empty fingers open first and go
    ``aside_m`` [m] to a side.

    A hand that tries again from where it failed sees the same images and fails in the same way. From above it
    does not hide the scene, and from another side it comes down another way. After it let go it goes up to
    see the result. After a grasp it goes up to ``carry_m`` [m]: low above the table it hides the place where
    the thing goes.

    Raises:
        InvalidValueError: a height, speed or time that is not above 0, or a negative way aside.
    """

    height_m: float = 0.25
    speed_m_s: float = 0.25
    dt_s: float = 0.1
    timeout_s: float = 4.0
    aside_m: float = 0.08
    carry_m: float = 0.15

    def __post_init__(self) -> None:
        for name in ("height_m", "speed_m_s", "dt_s", "timeout_s", "carry_m"):
            if not getattr(self, name) > 0:
                raise InvalidValueError(f"Retreat.{name}: {getattr(self, name)}, expected above 0")
        if not self.aside_m >= 0:
            raise InvalidValueError(f"Retreat.aside_m: {self.aside_m}, expected at least 0")

    def target(self, obs: Observation, again: bool) -> F64:
        """Where the hand goes from ``obs``: x, y, z [m, base frame]. It goes aside only if it will try
        ``again`` and holds nothing. The side is drawn from the time of ``obs``: another one at each try, the
        same one in a repeated episode."""
        x, y, z = (float(v) for v in obs.ee_pose.position)
        held = not is_open(obs) and not closed_on_nothing(obs)
        turn = float(np.random.default_rng(obs.stamp_ns).uniform(0.0, 2.0 * np.pi))
        aside = self.aside_m if again and not held else 0.0
        height = self.carry_m if held and not again else self.height_m
        return np.array([x + aside * np.cos(turn), y + aside * np.sin(turn), max(z, height)])

    def chunk(self, obs: Observation, target: F64, rows: int) -> ActionChunk | None:
        """The next ``rows`` rows from ``obs`` to ``target``; None if the hand is there, and not closed on
        nothing. It rises before it goes aside."""
        # Not from vista.robot.kinematics: the loop would need MuJoCo, even on an arm that has none.
        from scipy.spatial.transform import Rotation

        left = np.asarray(target, float) - obs.ee_pose.position
        if closed_on_nothing(obs):
            way, grip = np.zeros((_OPENING_ROWS, 3)), 1.0
        elif (length := float(np.linalg.norm(left))) > _ARRIVED_M:
            if left[2] > _ARRIVED_M:
                left, length = np.array([0.0, 0.0, left[2]]), float(left[2])
            gone = np.minimum(self.speed_m_s * self.dt_s * np.arange(1, rows + 1), length)
            way, grip = gone[:, None] * (left / length), float(is_open(obs))
        else:
            return None
        actions = np.zeros((len(way), 7), np.float32)
        w, x, y, z = obs.ee_pose.quat_wxyz
        actions[:, :3] = Rotation.from_quat([x, y, z, w]).apply(way, inverse=True)
        actions[:, 6] = grip
        return ActionChunk(actions, self.dt_s, ActionSpace.EE_DELTA, obs.stamp_ns)
