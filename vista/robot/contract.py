"""Reads robot contracts (``config/robots/*.yaml``) into :class:`vista.types.RobotSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vista.errors import ConfigError, InvalidValueError, UnknownNameError
from vista.files.resources import resource_path
from vista.files.yaml_file import Reader, read_yaml, user_path
from vista.messages.plain_text import plain
from vista.types import F64, ActionSpace, CameraSpec, Place, Pose, RobotSpec
from vista.values import shown

KEYS = (
    "name", "kinematics", "ee_site", "base_frame", "joints", "home", "gripper", "workspace", "action_space",
    "control_hz", "cameras", "topics", "places",
)  # fmt: skip
OPTIONAL = ("base_frame", "topics", "places")
GRIPPER_KEYS = ("joint", "width_m")
CAMERA_KEYS = ("size", "fovy_deg", "parent", "position", "look_at", "quat_wxyz")
PLACE_KEYS = ("half_size_m", "drawer", "position", "handle_m", "cabinet")
FAR_M = 1e3
"""No camera and no place of an arm is farther away [m]."""


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


def _camera(read: Reader, key: str, name: str, value: object, parents: Sequence[str]) -> CameraSpec:
    from vista.robot.kinematics import matrix_to_pose

    entry = read.mapping(value, key, CAMERA_KEYS, required=("size", "fovy_deg", "position"))
    sides = read.numbers(entry["size"], f"{key}.size", 2, 1, 8192)
    width, height = (read.whole(each, f"{key}.size", 1, 8192) for each in sides)
    fovy = read.number(entry["fovy_deg"], f"{key}.fovy_deg", 0.1, 179)
    position = np.array(read.numbers(entry["position"], f"{key}.position", 3, -FAR_M, FAR_M))
    parent = read.word(entry.get("parent", "base"), f"{key}.parent", parents)
    if ("look_at" in entry) == ("quat_wxyz" in entry):
        raise read.fail(key, "expected either `look_at` or `quat_wxyz`")
    if "look_at" in entry:
        matrix = np.eye(4)
        target = read.numbers(entry["look_at"], f"{key}.look_at", 3, -FAR_M, FAR_M)
        matrix[:3, :3] = look_at(position, np.array(target))
        matrix[:3, 3] = position
        pose = matrix_to_pose(matrix, parent)
    else:
        quat = read.numbers(entry["quat_wxyz"], f"{key}.quat_wxyz", 4, -1.01, 1.01)
        pose = Pose(position, np.array(quat), parent)
    return CameraSpec(name, width, height, intrinsics(width, height, fovy), pose)


def _place(read: Reader, key: str, name: str, value: object) -> Place:
    entry = read.mapping(value, key, PLACE_KEYS, required=("half_size_m",))
    half_x, half_y = read.numbers(entry["half_size_m"], f"{key}.half_size_m", 2, 1e-3, FAR_M)
    drawer = entry.get("drawer", False)
    if not isinstance(drawer, bool):
        raise read.fail(f"{key}.drawer", f"{shown(drawer)}, expected true or false")
    given = entry.get("position")
    if given is None and drawer:
        raise read.fail(key, "`position` is missing: where the drawer is when it is closed, x and y [m]")
    position = None
    if given is not None:
        x, y = read.numbers(given, f"{key}.position", 2, -FAR_M, FAR_M)
        position = (x, y)
    handle_m = read.number(entry.get("handle_m", 0.0), f"{key}.handle_m", -FAR_M, FAR_M)
    cabinet = read.text(entry["cabinet"], f"{key}.cabinet") if "cabinet" in entry else ""
    if not drawer and ("handle_m" in entry or "cabinet" in entry):
        raise read.fail(key, "`handle_m` and `cabinet` are of drawers; add `drawer: true`")
    return Place(name, (half_x, half_y), drawer, position, handle_m, cabinet)


def load_robot(name: str | Path) -> RobotSpec:
    """The contract named ``name`` (a name that ships, or the path of a YAML file).

    Raises:
        UnknownNameError: no such contract; those that exist are listed.
        ConfigError: the file can't be read, or a key is missing, unknown or holds a wrong value; the file
            and the key are named.
    """
    path = user_path(name, "robot contract")
    if path.suffix not in (".yaml", ".yml"):
        if str(name) not in known_robots():
            raise UnknownNameError("robot", str(name), known_robots())
        path = resource_path(f"config/robots/{name}.yaml")
    data = read_yaml(path, "robot contract")
    read = Reader(f"robot contract {plain(str(path))}")
    try:
        return _spec(read, path, data)
    except InvalidValueError as error:
        raise ConfigError(f"{read.where}: {error}") from error


def _spec(read: Reader, path: Path, value: object) -> RobotSpec:
    data = read.mapping(value, "file", KEYS, required=(key for key in KEYS if key not in OPTIONAL))
    given = read.mapping(data["joints"], "joints")
    names = [read.text(name, "joints") for name in given]
    rows = [read.numbers(each, f"joints.{name}", 3, -1e3, 1e3) for name, each in given.items()]
    if not rows:
        raise read.fail("joints", "none, expected `name: [lower, upper, velocity]`")
    joints = np.array(rows, np.float64)
    gripper = read.mapping(data["gripper"], "gripper", GRIPPER_KEYS, required=GRIPPER_KEYS)
    corners = data["workspace"]
    if not isinstance(corners, list) or len(corners) != 2:
        raise read.fail("workspace", f"{shown(corners)}, expected a lower and an upper corner [m]")
    base = read.text(data.get("base_frame", "base"), "base_frame")
    cameras = read.mapping(data["cameras"], "cameras")
    parents = tuple(dict.fromkeys(("base", "hand", base)))
    topics = read.mapping(data.get("topics"), "topics")
    places = [
        (read.text(n, "places"), value) for n, value in read.mapping(data.get("places"), "places").items()
    ]
    return RobotSpec(
        name=read.text(data["name"], "name"),
        joint_names=tuple(names),
        gripper_joint=read.text(gripper["joint"], "gripper.joint"),
        gripper_width_m=read.number(gripper["width_m"], "gripper.width_m", 0.001, 1),
        joint_lower=joints[:, 0],
        joint_upper=joints[:, 1],
        joint_velocity=joints[:, 2],
        home=np.array(read.numbers(data["home"], "home", len(names), -1e3, 1e3)),
        workspace=np.array([read.numbers(each, "workspace", 3, -1e3, 1e3) for each in corners]),
        cameras={
            read.text(n, "cameras"): _camera(read, f"cameras.{n}", n, c, parents) for n, c in cameras.items()
        },
        action_space=ActionSpace(read.word(data["action_space"], "action_space", tuple(ActionSpace))),
        control_hz=read.number(data["control_hz"], "control_hz", 0.01, 10_000),
        kinematics=str(path.parent / read.file_name(data["kinematics"], "kinematics")),
        ee_site=read.text(data["ee_site"], "ee_site"),
        base_frame=base,
        topics={read.text(n, "topics"): read.text(topic, f"topics.{n}", 250) for n, topic in topics.items()},
        places={name: _place(read, f"places.{name}", name, value) for name, value in places},
    )
