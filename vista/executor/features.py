"""From observations to the tensors of a GoalVLA; training and run time share every line."""

from __future__ import annotations

import numpy as np

from vista.learning.tensors import to_tensor
from vista.types import F32, F64

__all__ = ["MEASURED_HAND", "PROPRIO_DIM", "proprio", "to_tensor"]

PROPRIO_DIM = 12
# Of these, the columns that only a sensor knows: opening and rate of the gripper.
MEASURED_HAND = slice(9, 11)
# Positions are relative to this point [m, base frame]. A network was trained with it: it belongs to the
# inputs, not to the arm whose contract is loaded.
_ORIGIN_M = np.array([0.5, 0.0, 0.15])


def proprio(ee: F64, opening: F64, rate: F64, command: F64) -> F32:
    """Proprioception f32 (N, 12): position [dm about a point over the table's middle], two columns of the
    rotation, gripper opening, its rate [1/s] and the last command; from end-effector poses (N, 4, 4) and (N,)
    each."""
    position = (ee[:, :3, 3] - _ORIGIN_M) * 10.0
    columns = ee[:, :3, :2].transpose(0, 2, 1).reshape(-1, 6)
    hand = np.stack([opening * 2 - 1, np.clip(rate * 0.25, -1, 1), command * 2 - 1], 1)
    return np.concatenate([position * 0.5, columns, hand], 1).astype(np.float32)
