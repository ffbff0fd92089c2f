"""The frame of the hand, and the cameras, as the contract has them, in the model of a scene."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import mujoco
import numpy as np

from vista.errors import ConfigError
from vista.messages.plain_text import plain
from vista.robot.arm_model import place_site
from vista.types import F64, CameraSpec, RobotSpec
from vista_sim.model.elements import add

HAND = "vista_hand"
"""The site that stands for an end effector that is no site of the arm's own file."""


def _is_own(robot: RobotSpec) -> bool:
    """Whether the end effector is a site of the arm's own file."""
    end = robot.end_effector
    return bool(end.site) and not end.position.any() and abs(end.quat_wxyz[0]) == 1.0


def hand_site(model: mujoco.MjModel, robot: RobotSpec) -> int:
    """The number of the site that is the end effector."""
    return int(model.site(robot.end_effector.site if _is_own(robot) else HAND).id)


def add_eyes(
    root: ET.Element, world: ET.Element, robot: RobotSpec, shift: tuple[float, float, float]
) -> None:
    """Add the cameras of the contract to the MJCF tree ``root``, those that do not move by ``shift`` [m]
    beside their places.

    Raises:
        ConfigError: the file lacks the site or body of the end effector.
    """
    hand = _holder(root, robot)
    if not _is_own(robot):
        add(hand, "site", name=HAND, group="4", size="0.004")
    for name, camera in robot.cameras.items():
        if camera.pose.frame == "hand":
            add(hand, "camera", name=name, fovy=[_fovy(camera)])
            continue
        flat = np.empty(9)
        mujoco.mju_quat2Mat(flat, camera.pose.quat_wxyz)
        rotation = flat.reshape(3, 3)
        # MuJoCo cameras look along -z with y up; optical frames look along +z with y down.
        axes = np.concatenate([rotation[:, 0], -rotation[:, 1]])
        pos = camera.pose.position + np.array(shift)
        add(world, "camera", name=name, pos=pos, xyaxes=axes, fovy=[_fovy(camera)])


def place_eyes(model: mujoco.MjModel, robot: RobotSpec) -> None:
    """Put what stands in the hand's body where the contract says. In numbers: a pose in the text of the arm's
    file may come from a default."""
    end = robot.end_effector
    if not _is_own(robot):
        base = int(model.site(end.site).id) if end.site else None
        place_site(model, hand_site(model, robot), base, end.position, end.quat_wxyz)
    site = hand_site(model, robot)
    at, turn = model.site_pos[site], model.site_quat[site]
    for name, camera in robot.cameras.items():
        if camera.pose.frame == "hand":
            made = model.camera(name).id
            moved, turned = np.empty(3), np.empty(4)
            mujoco.mju_rotVecQuat(moved, camera.pose.position, turn)
            mujoco.mju_mulQuat(turned, turn, camera.pose.quat_wxyz)
            model.cam_pos[made] = at + moved
            mujoco.mju_mulQuat(model.cam_quat[made], turned, _FLIP)


_FLIP: F64 = np.array([0.0, 1.0, 0.0, 0.0])
"""From an optical frame to that of a MuJoCo camera: half a turn about x."""


def _fovy(camera: CameraSpec) -> float:
    return float(np.rad2deg(2 * np.arctan(camera.height / 2 / camera.K[1, 1])))


def _holder(root: ET.Element, robot: RobotSpec) -> ET.Element:
    """The body that holds the end effector."""
    end = robot.end_effector
    what, name = ("site", end.site) if end.site else ("body", end.body)
    for body in root.iter("body"):
        held = body.findall("site") if end.site else [body]
        if any(each.get("name") == name for each in held):
            return body
    raise ConfigError(
        f"robot {robot.name}: {plain(robot.kinematics)}: no {what} {plain(name, 80)!r} in a body"
    )
