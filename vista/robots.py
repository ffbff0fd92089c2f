"""Reads robot contracts (``config/robots/*.yaml``) into :class:`vista.types.RobotSpec`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import yaml

from vista.errors import ConfigError, InvalidValueError, UnknownNameError
from vista.resources import resource_path
from vista.types import F64, ActionSpace, CameraSpec, Pose, RobotSpec


def known_robots() -> list[str]:
    """Names of the contracts that ship."""
    return sorted(p.stem for p in resource_path("config/robots").glob("*.yaml"))


def look_at(position: F64, target: F64) -> F64:
    """Rotation (3, 3) of an optical frame (z forward, x right, y down) at ``position`` facing ``target``.

    Raises:
        InvalidValueError: both are the same point.
    """
    z = np.asarray(target, np.float64) - np.asarray(position, np.float64)
    if not np.linalg.norm(z) > 1e-9:
        raise InvalidValueError(f"look_at: position and target are both {np.asarray(target).tolist()}")
    z /= np.linalg.norm(z)
    x = np.cross(z, [0.0, 0.0, 1.0])
    if np.linalg.norm(x) < 1e-6:
        # Straight down or up: the image's right is the base frame's -y, as when looking ahead along x.
        x = np.array([0.0, -1.0, 0.0])
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], axis=1)


def intrinsics(width: int, height: int, fovy_deg: float) -> F64:
    """Pinhole matrix (3, 3) [px] of a camera with square pixels and a vertical field of view."""
    f = height / 2 / np.tan(np.deg2rad(fovy_deg) / 2)
    return np.array([[f, 0, width / 2], [0, f, height / 2], [0, 0, 1.0]])


def _camera(name: str, entry: Mapping[str, object]) -> CameraSpec:
    from vista.kinematics import matrix_to_pose

    width, height = (int(v) for v in entry["size"])  # type: ignore[attr-defined]
    position = np.array(entry["position"], np.float64)
    parent = str(entry.get("parent", "base"))
    if "look_at" in entry:
        matrix = np.eye(4)
        matrix[:3, :3] = look_at(position, np.array(entry["look_at"], np.float64))
        matrix[:3, 3] = position
        pose = matrix_to_pose(matrix, parent)
    else:
        pose = Pose(position, np.array(entry["quat_wxyz"], np.float64), parent)
    fovy = float(entry["fovy_deg"])  # type: ignore[arg-type]
    return CameraSpec(name, width, height, intrinsics(width, height, fovy), pose)


def load_robot(name: str | Path) -> RobotSpec:
    """The contract named ``name`` (a name that ships, or the path of a YAML file).

    Raises:
        UnknownNameError: no such contract; those that exist are listed.
        ConfigError: the file lacks a key or holds a value of the wrong form; the file is named.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        if str(name) not in known_robots():
            raise UnknownNameError("robot", str(name), known_robots())
        path = resource_path(f"config/robots/{name}.yaml")
    if not path.is_file():
        raise ConfigError(f"robot contract {path} does not exist")
    try:
        data = yaml.safe_load(path.read_text())
        joints = np.array(list(data["joints"].values()), np.float64)
        return RobotSpec(
            name=data["name"],
            joint_names=tuple(data["joints"]),
            gripper_joint=data["gripper"]["joint"],
            gripper_width_m=float(data["gripper"]["width_m"]),
            joint_lower=joints[:, 0],
            joint_upper=joints[:, 1],
            joint_velocity=joints[:, 2],
            home=data["home"],
            workspace=data["workspace"],
            cameras={n: _camera(n, c) for n, c in data["cameras"].items()},
            action_space=ActionSpace(data["action_space"]),
            control_hz=float(data["control_hz"]),
            kinematics=str(path.parent / data["kinematics"]),
            ee_site=data["ee_site"],
            base_frame=data.get("base_frame", "base"),
            topics=data.get("topics", {}),
        )
    except (KeyError, TypeError, IndexError, AttributeError, ValueError, yaml.YAMLError) as error:
        if isinstance(error, InvalidValueError):
            raise ConfigError(f"robot contract {path}: {error}") from error
        raise ConfigError(f"robot contract {path}: {type(error).__name__}: {error}") from error
