"""Gymnasium environments of the tasks; importing this module registers them.

``vista/PickPlace-v0``, ``vista/Stack-v0``, ``vista/Drawer-v0``, ``vista/Search-v0``.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from vista.errors import InvalidValueError, UnknownNameError, VistaError
from vista.learning.splits import load_splits
from vista.robot.contract import load_robot
from vista.robot.kinematics import Kinematics, delta_to_matrix, matrix_to_pose
from vista.types import U8
from vista.values import array, entries, shown, whole
from vista_sim.render import Camera
from vista_sim.scenes.table import DEFAULT_ROBOT, table_of
from vista_sim.tasks import Choice, Task, find_task, make_task
from vista_sim.world import World

Obs = dict[str, NDArray[Any]]
OPTIONS = ("scene_seed", "target")
REACH = (0.1, 0.1, 0.1, 0.5, 0.5, 0.5)
"""Largest change of a single action [m, rad]."""


class ResetNeededError(VistaError, gymnasium.error.ResetNeeded):
    """The environment has no scene: ``reset`` was not called yet, or ``close`` was."""


class TabletopEnv(gymnasium.Env[Obs, NDArray[Any]]):
    """One task on the tabletop, 0.1 s a step, reward 1 and the end when the task's predicate holds.

    Observation: an image u8 (size, size, 3) of each of the arm's cameras, such as ``front`` and ``wrist``;
    ``proprio`` f32 (2 J + 9,): joint positions (J) [rad] and velocities (J) [rad/s], gripper opening and last
    command [0, 1], hand position (3) [m] and quaternion (4).
    Action (7,): translation [m] and rotation vector [rad] relative to the measured hand pose, in the hand
    frame; gripper [0 closed, 1 open]. ``info["instruction"]`` is the sentence.

    Args:
        task: A name of ``vista_sim.tasks.TASKS``, ``FILE.py`` or ``module:Class``.
        image_size: Width and height of the images [px].
        split: Range of ``config/splits.yaml`` from which ``reset`` draws scenes.
        choice: What the scenes are made of; the demonstrations' objects by default.
        robot: A contract that ships, or the path of one.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 (declared by Gymnasium)

    def __init__(
        self,
        task: str,
        *,
        image_size: int = 256,
        split: str = "tuning",
        choice: Choice | None = None,
        render_mode: str | None = None,
        robot: str = DEFAULT_ROBOT,
    ) -> None:
        splits = load_splits()
        find_task(task)
        if not isinstance(split, str) or split not in splits.seeds:
            raise UnknownNameError("seed range", str(split), splits.seeds)
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise UnknownNameError("render mode", str(render_mode), self.metadata["render_modes"])
        good = isinstance(image_size, int | np.integer) and not isinstance(image_size, bool)
        if not good or not 16 <= image_size <= 480:
            raise InvalidValueError(f"image_size {shown(image_size)}, expected 16 to 480")
        self.render_mode = render_mode
        self._task_name, self._size, self._range = task, image_size, splits.seeds[split]
        self._choice = choice or Choice(splits.demo_objects, splits.demo_patterns, table=table_of(robot))
        self._robot = load_robot(robot)
        self._kinematics = Kinematics(self._robot)
        self._camera: Camera | None = None
        self.world: World | None = None
        self.task: Task | None = None
        image = spaces.Box(0, 255, (image_size, image_size, 3), np.uint8)
        proprio = spaces.Box(-np.inf, np.inf, (2 * len(self._robot.joint_names) + 9,), np.float32)
        self.observation_space: spaces.Space[Any] = spaces.Dict(
            {**dict.fromkeys(self._robot.cameras, image), "proprio": proprio}
        )
        high = np.array([*REACH, 1.0], np.float32)
        low = np.array([*(-r for r in REACH), 0.0], np.float32)
        self._low, self._high = low, high
        self.action_space: spaces.Space[Any] = spaces.Box(low, high, (7,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Obs, dict[str, Any]]:
        """A new scene. ``options``: ``scene_seed`` for a certain scene, ``target`` for what it is about.

        Raises:
            InvalidValueError: a seed below 0. UnknownNameError: another option, or no such object.
        """
        if seed is not None:
            seed = whole("seed", seed, 0)
        super().reset(seed=seed)
        options = dict(entries("options", options or {}))
        for name in options:
            if name not in OPTIONS:
                raise UnknownNameError("option of reset", name, OPTIONS)
        drawn = int(self.np_random.integers(*self._range))
        scene_seed = whole("options['scene_seed']", options.get("scene_seed", drawn), 0)
        task = make_task(self._task_name, scene_seed, self._choice, options.get("target"))
        world = World(task.scene, self._robot, self._kinematics)
        task.prepare(world)
        self.close()
        self.task, self.world, self._camera = task, world, Camera(world.model)
        return self._observe(), self._info(task, False)

    def step(self, action: NDArray[Any]) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        world, task = self._running()
        try:
            row = array("action", action, np.float64, (7,))
        except InvalidValueError as error:
            raise InvalidValueError(f"{error}; expected 7 finite numbers") from error
        row = np.clip(row, self._low, self._high)
        world.move_to(world.ee_pose() @ delta_to_matrix(row[:6]), float(row[6]))
        done = bool(task.success(world))
        return self._observe(), float(done), done, False, self._info(task, done)

    def render(self) -> U8 | None:
        """The front camera's image, None without a render mode."""
        if self.render_mode is None:
            return None
        world, _ = self._running()
        assert self._camera is not None
        return self._camera.render(world.data, "front", self._size, self._size)

    def close(self) -> None:
        """Free the camera. Idempotent; ``reset`` makes a new one."""
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def _running(self) -> tuple[World, Task]:
        if self.world is None or self.task is None or self._camera is None:
            raise ResetNeededError(f"{self._task_name}: call reset first")
        return self.world, self.task

    def _info(self, task: Task, success: bool) -> dict[str, Any]:
        return {
            "instruction": task.instruction,
            "skills": task.skills,
            "scene_seed": task.scene.seed,
            "success": success,
        }

    def _observe(self) -> Obs:
        world, _ = self._running()
        assert self._camera is not None
        images = {c: self._camera.render(world.data, c, self._size, self._size) for c in self._robot.cameras}
        pose = matrix_to_pose(world.ee_pose())
        parts = (
            world.joints,
            world.joint_velocity,
            [world.gripper, world.gripper_command],
            pose.position,
            pose.quat_wxyz,
        )
        return {**images, "proprio": np.concatenate(parts).astype(np.float32)}


IDS = {
    "vista/PickPlace-v0": ("pick_place", 100),
    "vista/Stack-v0": ("stack", 100),
    "vista/Drawer-v0": ("drawer", 200),
    "vista/Search-v0": ("search", 200),
}

for _id, (_task, _steps) in IDS.items():
    if _id not in gymnasium.registry:
        gymnasium.register(_id, "vista_sim.env:TabletopEnv", max_episode_steps=_steps, kwargs={"task": _task})
