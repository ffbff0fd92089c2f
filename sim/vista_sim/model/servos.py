"""What moves a simulated arm: a position servo for each joint, the others for the fingers of its gripper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

from vista.errors import ConfigError
from vista.types import F64, I64

JOINT = int(mujoco.mjtTrn.mjTRN_JOINT)


def arm_servos(model: mujoco.MjModel, joints: Sequence[str]) -> I64:
    """The numbers (J,) of the actuators that move ``joints``.

    Raises:
        ConfigError: a joint without an actuator, or with several.
    """
    found = []
    for name in joints:
        mine = [a for a in range(model.nu) if _moves(model, a) == model.joint(name).id]
        if len(mine) != 1:
            raise ConfigError(
                f"joint {name!r}: {len(mine)} actuators, the simulator needs one position servo"
            )
        found.append(mine[0])
    return np.array(found, np.int64)


def _moves(model: mujoco.MjModel, actuator: int) -> int:
    """The joint that ``actuator`` moves; -1: it moves something else."""
    return int(model.actuator_trnid[actuator, 0]) if model.actuator_trntype[actuator] == JOINT else -1


@dataclass(frozen=True, slots=True)
class FingerServos:
    """The F fingers of a gripper: the joints whose actuators are not the arm's.

    An actuator's length, ``gear`` x joint, grows as the hand opens: ``gear="-1"`` where the joint's own value
    shrinks. The hand is open at the upper end of the control's range, closed where the joint's range ends;
    the control's range goes beyond that, so that a closed hand squeezes.

    ``servos``, ``qpos``, ``dofs`` i64 (F,): numbers of actuators, positions and velocities; ``sign`` f64
    (F,): of ``gear``; ``closed``, ``span`` f64 (F,): length when closed, and how much longer when open [m or
    rad]; ``low``, ``high`` f64 (F,): range of the controls.
    """

    servos: I64
    qpos: I64
    dofs: I64
    sign: F64
    closed: F64
    span: F64
    low: F64
    high: F64

    @classmethod
    def of(cls, model: mujoco.MjModel, arm: I64) -> FingerServos:
        """The fingers of ``model``, whose actuators ``arm`` (J,) move the arm.

        Raises:
            ConfigError: there are none, or one has no range, or cannot open.
        """
        servos = [a for a in range(model.nu) if a not in arm and _moves(model, a) >= 0]
        if not servos:
            raise ConfigError("no actuator but those of the arm's joints, expected one for each finger")
        joints = [_moves(model, a) for a in servos]
        for servo, joint in zip(servos, joints, strict=True):
            if not (model.actuator_ctrllimited[servo] and model.jnt_limited[joint]):
                name = model.joint(joint).name
                raise ConfigError(
                    f"finger {name!r}: expected a range of its joint and a ctrlrange of its servo"
                )
        sign = np.sign(model.actuator_gear[servos, 0])
        ranges = model.jnt_range[joints]
        closed = np.where(sign > 0, ranges[:, 0], -ranges[:, 1])
        low, high = model.actuator_ctrlrange[servos].T
        if not (high > closed).all():
            raise ConfigError(
                f"fingers: open at {high.tolist()}, closed at {closed.tolist()}, expected open above"
            )
        return cls(
            np.array(servos, np.int64), np.array(model.jnt_qposadr[joints], np.int64),
            np.array(model.jnt_dofadr[joints], np.int64), sign, closed, high - closed, low.copy(),
            high.copy(),
        )  # fmt: skip

    def opening(self, data: mujoco.MjData) -> float:
        """How far the hand is open now: 0 closed, 1 open; not clipped."""
        return float((self.sign * data.qpos[self.qpos] - self.closed).sum() / self.span.sum())

    def rate(self, data: mujoco.MjData) -> float:
        """Rate of the opening [1/s], of the first finger."""
        return float(self.sign[0] * data.qvel[self.dofs[0]] / self.span[0])

    def put(self, data: mujoco.MjData, opening: float) -> None:
        """Move the fingers to ``opening`` [0, 1] at once."""
        data.qpos[self.qpos] = self.sign * (self.closed + opening * self.span)

    def command(self, data: mujoco.MjData, opening: float) -> None:
        """Tell the servos ``opening`` [0, 1]."""
        data.ctrl[self.servos] = self.low + (self.high - self.low) * opening
