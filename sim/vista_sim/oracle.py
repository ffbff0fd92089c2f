"""Parts that read the simulator's truth. Named ``oracle`` in every table that uses them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vista.errors import ModelMismatchError
from vista.robot.kinematics import matrix_to_delta
from vista.types import (
    ActionChunk,
    ActionSpace,
    Detection,
    Observation,
    Subgoal,
    Subtask,
)
from vista_sim.experts.drawer_expert import OPEN, handle_position, is_inside
from vista_sim.experts.goal_states import Snapshot
from vista_sim.generate.pairs import project
from vista_sim.model.cabinet import DRAWER_NAMES
from vista_sim.render import Camera
from vista_sim.tasks.base import Task
from vista_sim.world import World


class OracleWorldModel:
    """True goal images: the simulator is set to the end of the subtask, photographed and set back."""

    def __init__(self, world: World, task: Task) -> None:
        self._world, self._task = world, task

    def imagine(self, obs: Observation, subtask: Subtask, seed: int = 0) -> Subgoal:
        before = Snapshot(self._world)
        camera = Camera(self._world.model)
        try:
            self._task.show(self._world, subtask.text)
            spec = self._world.robot.cameras["front"]
            image = camera.render(self._world.data, "front", spec.width, spec.height)
        finally:
            camera.close()
            before.restore()
        return Subgoal(subtask, {"front": image}, 1.0, seed, obs.stamp_ns)


class ScriptedPolicy:
    """The task's expert, which reads the simulator's truth; a chunk is one row."""

    def __init__(self, world: World, task: Task) -> None:
        self._world, self._task = world, task

    @property
    def action_space(self) -> ActionSpace:
        return ActionSpace.EE_DELTA

    def reset(self) -> None:
        """Nothing is kept between chunks."""

    def predict_chunk(self, obs: Observation, subgoal: Subgoal) -> ActionChunk:
        action = self._task.act(self._world, subgoal.subtask.text)
        delta = matrix_to_delta(np.linalg.inv(self._world.ee_pose()) @ action.target)
        row = np.concatenate([delta, [action.gripper]])[None].astype(np.float32)
        done = float(action.done)
        return ActionChunk(row, 0.1, self.action_space, obs.stamp_ns, done, done)


def shut_in(world: World, index: int) -> bool:
    """Truth: whether the object lies in a drawer that is not open, where no camera sees it."""
    closed = (d for d in range(world.scene.drawers) if world.drawer_opening(d) < 0.7 * OPEN)
    return any(is_inside(world, index, drawer) for drawer in closed)


class OracleDetector:
    """Every object of the scene where it truly is, except what is shut in a drawer; each drawer's handle."""

    def __init__(self, world: World) -> None:
        self._world = world

    def detect(self, obs: Observation) -> Sequence[Detection]:
        if "front" not in obs.images:
            raise ModelMismatchError("detector needs camera 'front'; the observation has none")
        scene = self._world.scene
        things = [
            (p.spec.label, self._world.object_pose(i)[:3, 3])
            for i, p in enumerate(scene.objects)
            if not shut_in(self._world, i)
        ]
        things += [
            (name, handle_position(self._world, i)) for i, name in enumerate(DRAWER_NAMES[scene.drawers])
        ]
        if scene.tray is not None:
            things.append(("tray", np.array([*scene.tray, 0.0])))
        pixels = project(self._world, np.stack([centre for _, centre in things]))
        found = []
        for (label, centre), (u, v) in zip(things, pixels, strict=True):
            box = np.clip([u - 0.06, v - 0.06, u + 0.06, v + 0.06], 0.0, 1.0).astype(np.float32)
            found.append(Detection(label, 1.0, box, centre, 0.001))
        return found
