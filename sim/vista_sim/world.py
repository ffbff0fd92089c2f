"""The physics of one scene: the arm's servos, the objects, and the true state of both."""

from __future__ import annotations

from functools import cache, cached_property

import mujoco
import numpy as np

from vista.errors import ConfigError
from vista.robot.contract import load_robot
from vista.robot.kinematics import Kinematics
from vista.types import F64, RobotSpec
from vista_sim.model.eyes import hand_site
from vista_sim.model.hand_shape import HandShape
from vista_sim.model.mjcf import build_model
from vista_sim.model.servos import FingerServos, arm_servos
from vista_sim.scenes.scene import Scene
from vista_sim.scenes.table import DEFAULT_ROBOT, Table

SUBSTEPS = 25
SEGMENTS = 5
FIXED_JAW = "fixed_jaw"
"""A site of this name in the arm's file stands on a jaw that does not move: things come to rest there."""
RETREAT_SHARE, CARRY_SHARE = 0.8, 0.8
"""The expert leaves a place to this share of the height to which the stack withdraws, and carries a thing's
foot at this share of the height at which the stack carries the hand."""


@cache
def shared_kinematics(robot: str = DEFAULT_ROBOT) -> Kinematics:
    """The one inverse kinematics of this process for the contract ``robot``; its ``spec`` is the contract.

    Raises:
        UnknownNameError, ConfigError: as :func:`vista.robot.contract.load_robot`.
    """
    return Kinematics(load_robot(robot))


def top_down(x: float, y: float, z: float, yaw: float) -> F64:
    """End-effector pose (4, 4) in the base frame: fingers down, hand x at ``yaw`` from base x."""
    c, s = np.cos(yaw), np.sin(yaw)
    out = np.eye(4)
    out[:3, :3] = [[c, s, 0.0], [s, -c, 0.0], [0.0, 0.0, -1.0]]
    out[:3, 3] = x, y, z
    return out


def yaw_of(matrix: F64) -> float:
    """Yaw [rad] of an end-effector pose (4, 4)."""
    return float(np.arctan2(matrix[1, 0], matrix[0, 0]))


class World:
    """A compiled scene with the arm in its ready pose.

    Args:
        scene: What stands where.
        robot: The arm's contract.
        kinematics: Shared inverse kinematics (one per process is enough); made here if None.
        looks: ``primitive`` or ``mesh``; None: the environment variable ``VISTA_ARM_LOOKS``, or primitive.

    ``table``: where things may stand before this arm; ``ready`` f64 (4, 4): pose of the hand at first.

    Raises:
        ConfigError: the contract does not fit the arm's MJCF file, or the scene cannot be built.
    """

    def __init__(
        self,
        scene: Scene,
        robot: RobotSpec,
        kinematics: Kinematics | None = None,
        *,
        looks: str | None = None,
    ) -> None:
        self.scene, self.robot = scene, robot
        self.kinematics = kinematics or Kinematics(robot)
        self.table = Table.of(robot)
        at = robot.tabletop.ready
        self.ready = self.kinematics.forward(robot.home) if at is None else top_down(at[0], at[1], at[2], 0.0)
        self.model = build_model(scene, robot, looks)
        self.data = mujoco.MjData(self.model)
        try:
            self._find_parts(scene, robot)
        except (KeyError, ConfigError) as error:
            raise ConfigError(f"robot {robot.name}: {robot.kinematics}: {error.args[0]}") from error
        self.reset()

    def _find_parts(self, scene: Scene, robot: RobotSpec) -> None:
        m = self.model
        self._arm = arm_servos(m, robot.joint_names)
        self._fingers = FingerServos.of(m, self._arm)
        self._arm_q = np.array([m.joint(j).qposadr[0] for j in robot.joint_names])
        self._arm_v = np.array([m.joint(j).dofadr[0] for j in robot.joint_names])
        self.site = hand_site(m, robot)
        """Number of the model's site that is the end effector."""
        self._jaw = next((i for i in range(m.nsite) if m.site(i).name == FIXED_JAW), None)
        self._object_q = [m.joint(f"object{i}").qposadr[0] for i in range(len(scene.objects))]
        self._object_v = [m.joint(f"object{i}").dofadr[0] for i in range(len(scene.objects))]
        self._drawer_q = [m.joint(f"drawer{i}").qposadr[0] for i in range(scene.drawers)]

    def reset(self, start: F64 | None = None) -> None:
        """Objects at their places, the arm at ``start`` (4, 4) or the ready pose, 0.2 s to settle."""
        mujoco.mj_resetData(self.model, self.data)
        for i, p in enumerate(self.scene.objects):
            x = p.x
            self.set_object(i, (x, p.y, p.z + p.spec.half_height + 0.002), p.yaw)
        target = self.ready if start is None else start
        joints = self.kinematics.inverse(target, self.robot.home, iterations=60)
        self.gripper_command = 1.0
        self.set_arm(joints, 1.0)
        self.step(2 * SUBSTEPS)

    # --- state ---
    def set_arm(self, joints: F64, gripper: float) -> None:
        """Put the arm at ``joints`` (J,) [rad] and the fingers at ``gripper`` [0, 1], at once, at rest."""
        self.data.qpos[self._arm_q] = joints
        self.data.qvel[self._arm_v] = 0.0
        self._fingers.put(self.data, gripper)
        self.joint_target = np.array(joints, np.float64)
        self._write_ctrl(self.joint_target, gripper)

    def set_object(self, index: int, position: tuple[float, float, float], yaw: float) -> None:
        """Put an object somewhere (centre, base frame [m]) upright, at rest."""
        a, v = self._object_q[index], self._object_v[index]
        self.data.qpos[a : a + 3] = position
        self.data.qpos[a + 3 : a + 7] = (np.cos(yaw / 2), 0, 0, np.sin(yaw / 2))
        self.data.qvel[v : v + 6] = 0.0

    def object_pose(self, index: int) -> F64:
        """Truth: pose (4, 4) of an object in the base frame."""
        out = np.eye(4)
        a = self._object_q[index]
        rotation = np.empty(9)
        mujoco.mju_quat2Mat(rotation, self.data.qpos[a + 3 : a + 7])
        out[:3, :3] = rotation.reshape(3, 3)
        out[:3, 3] = self.data.qpos[a : a + 3]
        return out

    def object_speed(self, index: int) -> float:
        """Truth: linear speed [m/s]."""
        v = self._object_v[index]
        return float(np.linalg.norm(self.data.qvel[v : v + 3]))

    def index(self, label: str) -> int:
        """Index of the object of that label; InvalidValueError lists the objects of the scene."""
        return self.scene.objects.index(self.scene.find(label))

    def drawer_opening(self, index: int) -> float:
        """Truth: how far a drawer is out [m]."""
        return float(self.data.qpos[self._drawer_q[index]])

    def set_drawer(self, index: int, opening: float) -> None:
        """Put a drawer somewhere, at once [m]."""
        self.data.qpos[self._drawer_q[index]] = opening

    def ee_pose(self) -> F64:
        """Measured end-effector pose (4, 4) in the base frame."""
        out = np.eye(4)
        out[:3, :3] = self.data.site_xmat[self.site].reshape(3, 3)
        out[:3, 3] = self.data.site_xpos[self.site]
        return out

    @cached_property
    def hand_shape(self) -> HandShape:
        """How much room the hand takes."""
        return HandShape.of(self.model, self._fingers, self.site)

    @property
    def finger_m(self) -> float:
        """Half the opening between the pads of an open hand [m]."""
        return self.robot.gripper.width_m / 2

    def beside_jaw(self, half_width: float, yaw: float, gap: float = 0.0) -> F64:
        """From the hand's point to the middle (2,) of a thing between the jaws, ``half_width`` [m] wide, in
        the base frame [m], when the hand points down, turned by ``yaw`` [rad].

        Two jaws that move hold it in the middle between them; beside a jaw that does not move it stands
        ``gap`` [m] away.
        """
        if self._jaw is None:
            return np.zeros(2)
        jaw = self.model.site_pos[self._jaw] - self.model.site_pos[self.site]
        rotation = np.empty(9)
        mujoco.mju_quat2Mat(rotation, self.model.site_quat[self.site])
        along = float(jaw @ rotation.reshape(3, 3)[:, 1])
        aside = along - np.sign(along) * (half_width + gap)
        return np.array([aside * np.sin(yaw), -aside * np.cos(yaw)])

    @property
    def retreat_m(self) -> float:
        """Height of the hand that has left a place [m]."""
        return RETREAT_SHARE * self.robot.withdraw.height_m

    @property
    def hover_m(self) -> float:
        """Height of the hand on its way to a thing [m]."""
        return self.robot.withdraw.carry_m

    @property
    def clearance_m(self) -> float:
        """Height of a carried thing's foot, over what stands on the table [m]."""
        return CARRY_SHARE * self.robot.withdraw.carry_m

    @property
    def yaw(self) -> float:
        """Of the hand at first [rad]: its wrist is farthest from its limits there."""
        return yaw_of(self.ready)

    @property
    def joints(self) -> F64:
        """Measured joint positions (J,) [rad]."""
        return np.array(self.data.qpos[self._arm_q])

    @property
    def joint_velocity(self) -> F64:
        """Measured joint velocities (J,) [rad/s]."""
        return np.array(self.data.qvel[self._arm_v])

    @property
    def gripper(self) -> float:
        """Measured opening [0 closed, 1 open]."""
        return min(1.0, max(0.0, self._fingers.opening(self.data)))

    @property
    def gripper_velocity(self) -> float:
        """Rate of the opening [1/s]."""
        return self._fingers.rate(self.data)

    @property
    def time(self) -> float:
        """Simulated time [s]."""
        return float(self.data.time)

    # --- motion ---
    def _write_ctrl(self, joints: F64, gripper: float) -> None:
        self.data.ctrl[self._arm] = joints
        self._fingers.command(self.data, gripper)

    def step(self, substeps: int) -> None:
        """Physics only, with the commands as they are."""
        mujoco.mj_step(self.model, self.data, substeps)

    def move_joints(self, target: F64, gripper: float, substeps: int = SUBSTEPS) -> None:
        """One control step: joint targets interpolated from the last ones to ``target`` (J,) [rad]."""
        start = self.joint_target
        self.gripper_command = float(gripper)
        for k in range(1, SEGMENTS + 1):
            self._write_ctrl(start + (target - start) * (k / SEGMENTS), gripper)
            mujoco.mj_step(self.model, self.data, substeps // SEGMENTS)
        self.joint_target = np.array(target, np.float64)
        # Poses that are read after a step belong to the positions of that step.
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)

    def move_to(self, target: F64, gripper: float) -> None:
        """One control step of 0.1 s towards an end-effector pose (4, 4) in the base frame."""
        low, high = self.robot.workspace
        target = target.copy()
        target[:3, 3] = np.clip(target[:3, 3], low, high)
        self.move_joints(self.kinematics.inverse(target, self.joint_target), gripper)
