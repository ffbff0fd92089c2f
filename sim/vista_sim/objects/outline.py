"""How far a thing reaches to each side, seen from above, and how far apart two things are.

A convex set is told by its support function: how far it reaches in each direction (Ericson, Real-Time
Collision Detection, 2005, chapter 9). What is not convex, a mug with its handle, counts as its convex hull.
"""

from __future__ import annotations

import mujoco
import numpy as np

from vista.types import F64
from vista_sim.world import World

_ANGLES = np.linspace(0.0, 2 * np.pi, 32, endpoint=False)
DIRECTIONS: F64 = np.stack([np.cos(_ANGLES), np.sin(_ANGLES), np.zeros(32)], axis=1)
"""Unit vectors (D, 3) in the plane of the table, evenly around; the opposite of k is k + D / 2."""


def points_of(world: World, index: int) -> tuple[F64, F64]:
    """Points (n, 3) in the frame of object ``index`` and the radius (n,) of the ball around each [m]; the
    object's solids lie within the hull of these balls, and touch it."""
    model = world.model
    body = model.body(f"object{index}")
    points: list[F64] = []
    radii: list[F64] = []
    for geom in range(int(body.geomadr[0]), int(body.geomadr[0] + body.geomnum[0])):
        if model.geom_contype[geom]:
            own, radius = _points(model, geom)
            turn = np.empty(9)
            mujoco.mju_quat2Mat(turn, model.geom_quat[geom])
            points.append(own @ turn.reshape(3, 3).T + model.geom_pos[geom])
            radii.append(np.full(len(own), radius))
    return np.concatenate(points), np.concatenate(radii)


def _points(model: mujoco.MjModel, geom: int) -> tuple[F64, float]:
    """Points (n, 3) in the frame of ``geom``, and the radius of the ball around each."""
    kind, size = int(model.geom_type[geom]), np.array(model.geom_size[geom], np.float64)
    signs = np.array([[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)], np.float64)
    if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
        return np.zeros((1, 3)), float(size[0])
    if kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        return np.array([[0, 0, -size[1]], [0, 0, size[1]]]), float(size[0])
    if kind == mujoco.mjtGeom.mjGEOM_CYLINDER:
        rims = [size[0] * DIRECTIONS + np.array([0, 0, end]) for end in (-size[1], size[1])]
        return np.concatenate(rims), 0.0
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        mesh = int(model.geom_dataid[geom])
        first = int(model.mesh_vertadr[mesh])
        return np.array(model.mesh_vert[first : first + int(model.mesh_vertnum[mesh])], np.float64), 0.0
    return signs * size, 0.0


def turned(yaw: float) -> F64:
    """(3, 3) rotation by ``yaw`` [rad] about the vertical."""
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def reach(points: F64, radii: F64, rotation: F64) -> F64:
    """(D,) [m]: how far the hull of balls reaches in each of :data:`DIRECTIONS` from the frame's origin, when
    the frame is turned by ``rotation`` (3, 3)."""
    return np.asarray((points @ (DIRECTIONS @ rotation).T + radii[:, None]).max(axis=0), np.float64)


def opposite(reaches: F64) -> F64:
    """``reaches`` (..., D) with each direction's value at the direction opposite to it."""
    return np.roll(reaches, reaches.shape[-1] // 2, axis=-1)


def apart(one: F64, other: F64) -> F64:
    """Distance [m] of two convex sets by how far they reach (..., D) from one origin; below 0: how deep they
    overlap. It is never too large, and too small by less than a tenth of their width, where the sides that
    they turn to each other face between two of the :data:`DIRECTIONS`."""
    return np.asarray((-opposite(one) - other).max(axis=-1), np.float64)
