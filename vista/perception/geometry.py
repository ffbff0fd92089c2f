"""Where a pixel's ray meets the table, and in which pixel a point is seen."""

from __future__ import annotations

import numpy as np

from vista.robot.kinematics import pose_to_matrix
from vista.types import F64, CameraSpec


def table_points(camera: CameraSpec, uv: F64, height: float = 0.0) -> F64:
    """Points (N, 3) [m, base frame] at ``height`` on the rays through ``uv`` (N, 2), image fractions."""
    pixels = np.concatenate([uv * [camera.width, camera.height], np.ones((len(uv), 1))], 1)
    pose = pose_to_matrix(camera.pose)
    rays = (pixels @ np.linalg.inv(camera.K).T) @ pose[:3, :3].T
    down = np.minimum(rays[:, 2], -1e-3)
    return np.asarray(pose[:3, 3] + rays * ((height - pose[2, 3]) / down)[:, None])


def cell_points(camera: CameraSpec, grid: int) -> F64:
    """Table points (grid, grid, 3) of the centres of a grid of cells, row by row."""
    centre = (np.arange(grid) + 0.5) / grid
    uv = np.stack(np.meshgrid(centre, centre), -1).reshape(-1, 2)
    return table_points(camera, uv).reshape(grid, grid, 3)


def image_points(camera: CameraSpec, points: F64) -> F64:
    """Image fractions (N, 2) of ``points`` (N, 3) [m, base frame]; far outside for what is behind it."""
    pose = pose_to_matrix(camera.pose)
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    depth = np.maximum(local[:, 2:], 1e-6)
    pixels = (local @ camera.K.T)[:, :2] / depth
    return np.asarray(pixels / [camera.width, camera.height])
