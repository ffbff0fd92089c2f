"""Where points of the scene are in a camera's image, and whether they are seen there."""

from __future__ import annotations

import mujoco
import numpy as np

from vista.types import F64
from vista_sim.world import World

CAMERA = "front"


def project(world: World, points: F64, camera: str = CAMERA) -> F64:
    """Image coordinates (N, 2) as fractions (x right, y down) of points (N, 3) in the base frame."""
    index = world.model.camera(camera).id
    rotation = world.data.cam_xmat[index].reshape(3, 3)
    local = (points - world.data.cam_xpos[index]) @ rotation
    f = 0.5 / np.tan(np.deg2rad(world.model.cam_fovy[index]) / 2)
    depth = -local[:, 2]
    return np.stack([0.5 + f * local[:, 0] / depth, 0.5 - f * local[:, 1] / depth], 1)


def visible(world: World, body: str, point: F64, camera: str = CAMERA) -> bool:
    """Whether the line from the camera to ``point`` (3,) meets ``body`` first."""
    index = world.model.camera(camera).id
    origin = np.array(world.data.cam_xpos[index])
    direction = point - origin
    groups = np.array([1, 1, 1, 0, 0, 0], np.uint8)
    hit = np.zeros(1, np.int32)
    mujoco.mj_ray(world.model, world.data, origin, direction / np.linalg.norm(direction), groups, 1, -1, hit)
    return bool(hit[0] >= 0 and world.model.geom_bodyid[hit[0]] == world.model.body(body).id)
