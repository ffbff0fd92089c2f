"""Poses, and the arm's forward and inverse kinematics (mink over MuJoCo).

Poses are 4 x 4 homogeneous matrices f64 here: ``T_ab`` maps points of frame b into frame a.
"""

from __future__ import annotations

import os
import threading

# MuJoCo chooses its OpenGL library when it is first imported, whoever imports it first.
os.environ.setdefault("MUJOCO_GL", "egl")

from vista.errors import ConfigError, InvalidValueError

try:
    import mink
    import mujoco
except RuntimeError as error:
    raise ConfigError(f"{error}; expected egl, glfw, osmesa or off") from error
import numpy as np

from vista.robot.arm_model import arm_model
from vista.types import F64, Pose, RobotSpec
from vista.values import FAR_M, array


def pose_to_matrix(pose: Pose) -> F64:
    """(4, 4) matrix of ``pose``."""
    out = np.eye(4)
    mat = np.empty(9)
    mujoco.mju_quat2Mat(mat, pose.quat_wxyz)
    out[:3, :3] = mat.reshape(3, 3)
    out[:3, 3] = pose.position
    return out


def matrix_to_pose(matrix: F64, frame: str = "base") -> Pose:
    """Pose of a (4, 4) matrix."""
    quat = np.empty(4)
    mujoco.mju_mat2Quat(quat, np.ascontiguousarray(matrix[:3, :3]).reshape(9))
    return Pose(matrix[:3, 3], quat, frame)


def rotvec_to_matrix(rotvec: F64) -> F64:
    """(3, 3) rotation by ``rotvec`` (3,) [rad]."""
    angle = float(np.linalg.norm(rotvec))
    quat, out = np.empty(4), np.empty(9)
    axis = np.asarray(rotvec, np.float64) / angle if angle > 1e-12 else np.array([1.0, 0.0, 0.0])
    mujoco.mju_axisAngle2Quat(quat, axis, angle)
    mujoco.mju_quat2Mat(out, quat)
    return out.reshape(3, 3)


def matrix_to_rotvec(rotation: F64) -> F64:
    """Rotation vector (3,) [rad] of a (3, 3) rotation, angle at most pi."""
    quat, out = np.empty(4), np.empty(3)
    mujoco.mju_mat2Quat(quat, np.ascontiguousarray(rotation).reshape(9))
    mujoco.mju_quat2Vel(out, quat, 1.0)
    return out


def delta_to_matrix(delta: F64) -> F64:
    """(4, 4) of a pose change: translation [m] and rotation vector [rad], (6,)."""
    out = np.eye(4)
    out[:3, :3] = rotvec_to_matrix(np.asarray(delta[3:6], np.float64))
    out[:3, 3] = delta[:3]
    return out


def matrix_to_delta(matrix: F64) -> F64:
    """(6,) translation [m] and rotation vector [rad] of a (4, 4) pose change."""
    return np.concatenate([matrix[:3, 3], matrix_to_rotvec(matrix[:3, :3])])


class Kinematics:
    """Forward and inverse kinematics of one arm.

    Several threads may share it; they wait for each other.

    Args:
        spec: The robot's contract; ``spec.kinematics`` names the MJCF or URDF file and ``spec.end_effector``
            the frame of the end effector in it.

    Raises:
        ConfigError: the file is missing, is neither MJCF nor URDF, or lacks a joint, the site or the body
            named in the contract.
    """

    def __init__(self, spec: RobotSpec) -> None:
        self.spec = spec
        try:
            # The solver needs no table: contacts and dynamics are never evaluated here.
            end = spec.end_effector
            self.model, self._site = arm_model(
                spec.kinematics,
                site=end.site,
                body=end.body,
                position=end.position,
                quat_wxyz=end.quat_wxyz,
            )
        except ConfigError as error:
            raise ConfigError(f"robot {spec.name}: {error}") from error
        try:
            self._qpos = np.array([self.model.joint(j).qposadr[0] for j in spec.joint_names])
        except KeyError as error:
            raise ConfigError(f"robot {spec.name}: {spec.kinematics}: {error.args[0]}") from error
        self._lock = threading.Lock()
        self._config = mink.Configuration(self.model)
        self._task = mink.FrameTask(
            self.model.site(self._site).name,
            "site",
            position_cost=1.0,
            orientation_cost=spec.ik_orientation_weight,
            lm_damping=1e-4,
        )
        self._posture = mink.PostureTask(self.model, cost=1e-4)
        self._posture.set_target(self._full(spec.home))
        self._limits = [mink.ConfigurationLimit(self.model, gain=0.95)]

    def _full(self, joints: F64) -> F64:
        q = np.array(self.model.qpos0)
        q[self._qpos] = joints
        return q

    def forward(self, joints: F64) -> F64:
        """End-effector pose (4, 4) in the base frame at ``joints`` (J,) [rad].

        Raises:
            InvalidValueError: another number of joints, or one that is not finite.
        """
        full = self._full(self._joints("forward: joints", joints))
        out = np.eye(4)
        with self._lock:
            self._config.update(full)
            out[:3, :3] = self._config.data.site_xmat[self._site].reshape(3, 3)
            out[:3, 3] = self._config.data.site_xpos[self._site]
        return out

    def _joints(self, name: str, joints: F64) -> F64:
        return array(name, joints, np.float64, (len(self.spec.joint_names),))

    def inverse(
        self, target: F64, seed: F64, *, iterations: int = 8, tol_m: float = 3e-4, tol_rad: float = 3e-3
    ) -> F64:
        """Joints (J,) [rad] that bring the end effector to ``target`` (4, 4), from ``seed`` (J,).

        Returns the best reached within ``iterations``: a target out of reach gives the nearest pose, never
        a jump to another arm configuration. Joint limits are kept.

        Raises:
            InvalidValueError: ``target`` or ``seed`` has another shape, is not finite, or is farther than any
                arm.
        """
        target = array("inverse: target", target, np.float64, (4, 4))
        if np.abs(target).max() > FAR_M:
            raise InvalidValueError(f"inverse: target {target[:3, 3].tolist()}, expected at most {FAR_M:g} m")
        seed = self._joints("inverse: seed", seed)
        with self._lock:
            return self._solve(target, seed, iterations, tol_m, tol_rad)

    def _solve(self, target: F64, seed: F64, iterations: int, tol_m: float, tol_rad: float) -> F64:
        lower, upper = self.spec.joint_lower + 0.02, self.spec.joint_upper - 0.02
        seed = np.clip(seed, lower, upper)
        self._config.update(self._full(seed))
        quat = np.empty(4)
        mujoco.mju_mat2Quat(quat, np.ascontiguousarray(target[:3, :3]).reshape(9))
        self._task.set_target(mink.SE3(np.concatenate([quat, target[:3, 3]])))
        for _ in range(iterations):
            error = self._task.compute_error(self._config)
            if np.abs(error[:3]).max() < tol_m and np.abs(error[3:]).max() < tol_rad:
                break
            try:
                velocity = mink.solve_ik(
                    self._config, [self._task, self._posture], 1.0, "daqp", damping=1e-6, limits=self._limits
                )
            except mink.NoSolutionFound:
                break  # the nearest so far
            q = self._config.q[self._qpos] + np.clip(velocity[self._qpos], -0.3, 0.3)
            self._config.update(self._full(np.clip(q, lower, upper)))
        return np.array(self._config.q[self._qpos])
