"""How much room a hand takes, from the collision shapes of its model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import mujoco
import numpy as np

from vista.types import F64
from vista_sim.model.servos import FingerServos

MARGIN_M = 0.002
"""Kept free around the palm [m]."""
BOX, CAPSULE = int(mujoco.mjtGeom.mjGEOM_BOX), int(mujoco.mjtGeom.mjGEOM_CAPSULE)
_SIGNS: F64 = np.array([[a, b, c] for a in (-1.0, 1.0) for b in (-1.0, 1.0) for c in (-1.0, 1.0)])


@dataclass(frozen=True, slots=True)
class HandShape:
    """Sizes of a hand, seen from its point between the fingers, to the millimetre on the safe side [m].

    ``finger_half_m``: half a finger's width across the closing direction; ``finger_m``, ``open_m``: how far
    fingers reach along it, closed and open; ``tip_m``: how far their ends are below the hand's point;
    ``palm_m``: height of the palm above that point, ``palm``: half its length across and along the closing
    direction.
    """

    finger_half_m: float
    finger_m: float
    open_m: float
    tip_m: float
    palm_m: float
    palm: tuple[float, float]

    @classmethod
    def of(cls, model: mujoco.MjModel, fingers: FingerServos, site: int) -> HandShape:
        """The hand of ``model`` whose end effector is ``site``. A jaw that does not move counts as a finger:
        a shape of the hand's own body that reaches past the hand's point."""
        data = mujoco.MjData(model)
        moving = set(model.dof_bodyid[fingers.dofs])
        own = [g for g in range(model.ngeom) if model.geom_contype[g] or model.geom_conaffinity[g]]
        fingers.put(data, 0.0)
        mujoco.mj_kinematics(model, data)
        still = [g for g in own if model.geom_bodyid[g] == model.site_bodyid[site]]
        palm = [g for g in still if _corners(model, data, g, site)[:, 2].max() < 0.0]
        jaws = [g for g in own if model.geom_bodyid[g] in moving] + [g for g in still if g not in palm]
        closed, body = _reach(model, data, jaws, site), _reach(model, data, palm, site)
        fingers.put(data, 1.0)
        mujoco.mj_kinematics(model, data)
        opened = _reach(model, data, jaws, site)
        return cls(
            _up(closed.side[0], 2), _up(closed.side[1]), _up(opened.side[1]),
            _up(max(closed.lowest, opened.lowest)), -_up(body.lowest + MARGIN_M),
            (_up(body.side[0] + MARGIN_M), _up(body.side[1] + MARGIN_M)),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Reach:
    """``side``: how far something reaches along the hand's x and y; ``lowest``: along its z [m]."""

    side: tuple[float, float]
    lowest: float


def _reach(model: mujoco.MjModel, data: mujoco.MjData, geoms: Iterable[int], site: int) -> _Reach:
    corners = np.concatenate([np.zeros((0, 3)), *(_corners(model, data, g, site) for g in geoms)])
    x, y = np.abs(corners[:, :2]).max(axis=0, initial=0.0)
    return _Reach((float(x), float(y)), float(corners[:, 2].max(initial=-1.0)))


def _corners(model: mujoco.MjModel, data: mujoco.MjData, geom: int, site: int) -> F64:
    """Corners (n, 3) of a box around ``geom``, in the frame of ``site``."""
    rotation = data.site_xmat[site].reshape(3, 3).T
    middle = rotation @ (data.geom_xpos[geom] - data.site_xpos[site])
    turned = rotation @ data.geom_xmat[geom].reshape(3, 3)
    kind, size = model.geom_type[geom], model.geom_size[geom]
    if kind == BOX:
        return np.asarray(middle + (_SIGNS * size) @ turned.T, np.float64)
    if kind == CAPSULE:
        ends = np.outer(_SIGNS[:, 2] * size[1], turned[:, 2])
        return np.asarray(middle + ends + _SIGNS * size[0], np.float64)
    return np.asarray(middle + _SIGNS * model.geom_rbound[geom], np.float64)


def _up(value: float, parts: int = 1) -> float:
    """``value`` [m] rounded up to the millimetre, or to ``parts`` of one."""
    return float(np.ceil(value * 1000 * parts - 1e-6) / (1000 * parts))
