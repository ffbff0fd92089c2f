"""True goal images: the world as it looks when a subtask is done, set up without physics.

Used as training targets of the world model and as the ``oracle`` of the benches; nothing above the robot
reads them at run time. "grasped" = gripper closed on the object, lifted 2 cm: a goal before the closing stops
the arm above the object, one after a full lift no longer shows where the object was (VISTA's own failure
modes).
"""

from __future__ import annotations

import mujoco
import numpy as np

from vista.types import F64
from vista_sim.experts.tabletop import LIFT, grasp_yaw
from vista_sim.world import World, top_down, yaw_of


def _arm_at(world: World, target: F64, gripper: float, seed: F64) -> None:
    joints = world.kinematics.inverse(target, seed, iterations=30)
    world.set_arm(joints, gripper)


def _yaw_in_hand(world: World, index: int) -> float:
    object_pose = world.object_pose(index)
    return float(np.arctan2(object_pose[1, 0], object_pose[0, 0]))


def show_grasped(
    world: World, index: int, *, lift: float = LIFT, offset: tuple[float, float] = (0, 0)
) -> None:
    """Set the state "object ``index`` grasped": the object above its place, the fingers at its width.

    ``offset`` [m]: where the pads' centre is relative to the object's, for imperfect grasps.
    """
    pose = world.object_pose(index)
    spec = world.scene.objects[index].spec
    yaw = grasp_yaw(world, index, yaw_of(world.ee_pose()))
    centre = pose[:3, 3].copy()
    height = max(0.015, centre[2] + spec.grasp_above) + lift
    world.set_object(index, (centre[0], centre[1], centre[2] + lift), _yaw_in_hand(world, index))
    x, y = centre[:2] - world.beside_jaw(spec.half_width, yaw) + offset
    target = top_down(float(x), float(y), height, yaw)
    _arm_at(world, target, spec.half_width / world.finger_m, world.joints)
    world.gripper_command = 0.0
    mujoco.mj_forward(world.model, world.data)


def show_placed(
    world: World, index: int, where: F64, ground: float, *, yaw: float | None = None, turn: float = 0.0
) -> None:
    """Set the state "object ``index`` rests at ``where`` (2,) on ``ground`` [m], the arm retreated above".

    ``yaw`` [rad] of the hand, None: as it is; ``turn`` [rad] of the object on the way.
    """
    spec = world.scene.objects[index].spec
    yaw = yaw_of(world.ee_pose()) if yaw is None else yaw
    place = float(where[0]), float(where[1]), ground + spec.half_height
    world.set_object(index, place, _yaw_in_hand(world, index) + turn)
    _arm_at(world, top_down(float(where[0]), float(where[1]), world.retreat_m, yaw), 1.0, world.joints)
    world.gripper_command = 1.0
    mujoco.mj_forward(world.model, world.data)


def carry_to(world: World, index: int, target: F64) -> None:
    """Move the arm to ``target`` (4, 4) with the held object following rigidly, without physics."""
    before = np.linalg.inv(world.ee_pose()) @ world.object_pose(index)
    _arm_at(world, target, world.gripper, world.joints)
    mujoco.mj_forward(world.model, world.data)
    after = world.ee_pose() @ before
    yaw = float(np.arctan2(after[1, 0], after[0, 0]))
    world.set_object(index, (float(after[0, 3]), float(after[1, 3]), float(after[2, 3])), yaw)
    mujoco.mj_forward(world.model, world.data)


class Snapshot:
    """Keeps a world's state and gives it back: goals are shown, rendered and undone."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._qpos, self._qvel = np.array(world.data.qpos), np.array(world.data.qvel)
        self._ctrl, self._time = np.array(world.data.ctrl), world.data.time
        self._act = (world.joint_target.copy(), world.gripper_command)
        self._warm = np.array(world.data.qacc_warmstart)

    def restore(self) -> None:
        """Bring the world back to where it was when the snapshot was taken."""
        world = self._world
        world.data.qpos[:], world.data.qvel[:] = self._qpos, self._qvel
        world.data.ctrl[:], world.data.time = self._ctrl, self._time
        world.data.qacc_warmstart[:] = self._warm
        world.joint_target, world.gripper_command = self._act[0].copy(), self._act[1]
        mujoco.mj_forward(world.model, world.data)
