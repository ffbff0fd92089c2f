"""The simulated arm as a ``Robot``: in lockstep: simulated time waits for the planner."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from vista.errors import InvalidValueError, RobotStoppedError
from vista.robot.kinematics import delta_to_matrix, matrix_to_pose
from vista.types import F64, ActionChunk, ActionSpace, Observation, RobotSpec
from vista_sim.render import Camera
from vista_sim.world import SUBSTEPS, World


class SimRobot:
    """Runs chunks in a :class:`World`. Any thread may call it; one moves or looks at a time.

    ``lockstep``: its time waits for the planner (:class:`vista.protocols.Lockstep`).

    Args:
        world: The scene and its physics.
        render: Whether observations carry images (expensive, and a scripted executor needs none).
    """

    lockstep = True

    def __init__(self, world: World, *, render: bool = True) -> None:
        self.world = world
        self._camera = Camera(world.model) if render else None
        self._cause: str | None = None
        self._closed = False
        self._lock = threading.RLock()
        self.control_steps = 0
        self.on_row: Callable[[], None] | None = None  # called after every control step

    @property
    def spec(self) -> RobotSpec:
        return self.world.robot

    @property
    def stamp_ns(self) -> int:
        """Simulated time [ns]."""
        return round(self.world.time * 1e9)

    def observe(self, timeout_s: float = 1.0) -> Observation:
        """What the arm senses now; never stale, because time stands still meanwhile.

        Raises:
            RobotStoppedError: after ``close``.
        """
        with self._lock:
            return self._observe()

    def _observe(self) -> Observation:
        w = self.world
        self._check_open()
        images = {}
        if self._camera is not None:
            for name, camera in w.robot.cameras.items():
                images[name] = self._camera.render(w.data, name, camera.width, camera.height)
        return Observation(
            stamp_ns=self.stamp_ns,
            images=images,
            joint_pos=w.joints.astype(np.float32),
            joint_vel=w.joint_velocity.astype(np.float32),
            gripper=w.gripper,
            ee_pose=matrix_to_pose(w.ee_pose()),
            gripper_command=w.gripper_command,
            gripper_vel=w.gripper_velocity,
        )

    def send(self, chunk: ActionChunk) -> None:
        """Run the whole chunk, a row per control step.

        Raises:
            RobotStoppedError: after ``stop`` or ``close``. InvalidValueError: rows of another rate than the
                arm's, or of another length.
        """
        self._check_open()
        if self._cause is not None:
            raise RobotStoppedError(f"robot {self.spec.name} was stopped: {self._cause}")
        columns = chunk.actions.shape[1]
        if chunk.space is ActionSpace.JOINT_POSITION and columns != len(self.spec.joint_names) + 1:
            joints = len(self.spec.joint_names)
            raise InvalidValueError(
                f"chunk.actions: {columns} columns, this arm has {joints} joints and a gripper"
            )
        if abs(chunk.dt_s - SUBSTEPS * self.world.model.opt.timestep) > 1e-6:
            raise InvalidValueError(f"chunk.dt_s {chunk.dt_s}: this arm runs rows of 0.1 s")
        start = self.world.ee_pose()
        for row in np.asarray(chunk.actions, np.float64):
            with self._lock:
                self._move(start, row, chunk.space)
            if self.on_row is not None:
                self.on_row()

    def _move(self, start: F64, row: F64, space: ActionSpace) -> None:
        if space is ActionSpace.EE_DELTA:
            self.world.move_to(start @ delta_to_matrix(row[:6]), float(np.clip(row[6], 0, 1)))
        else:
            self.world.move_joints(row[:-1], float(np.clip(row[-1], 0, 1)))
        self.control_steps += 1

    def stop(self, cause: str) -> None:
        """Hold still from now on; the first cause is kept."""
        with self._lock:
            if self._cause is None:
                self._cause = cause
                self.world.joint_target = self.world.joints

    def close(self) -> None:
        """Free the camera; idempotent. Nothing is seen or moved afterwards."""
        with self._lock:
            self._closed = True
            if self._camera is not None:
                self._camera.close()
                self._camera = None

    def _check_open(self) -> None:
        if self._closed:
            raise RobotStoppedError(f"robot {self.spec.name} is closed; make a new one")
