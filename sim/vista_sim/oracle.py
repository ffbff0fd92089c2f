"""Parts that read the simulator's truth. Named ``oracle`` in every table that uses them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vista.errors import ModelMismatchError, UnknownNameError
from vista.robot.kinematics import matrix_to_delta
from vista.skill import Skill
from vista.types import (
    F32,
    ActionChunk,
    ActionSpace,
    Detection,
    Grounding,
    ObjectKind,
    Observation,
    Subgoal,
    Subtask,
)
from vista_sim.experts.drawer_expert import OPEN, handle_position, is_inside
from vista_sim.experts.goal_states import Snapshot
from vista_sim.model.cabinet import DRAWER_NAMES
from vista_sim.render import Camera
from vista_sim.sight import project
from vista_sim.skills import TRAY
from vista_sim.task import Task
from vista_sim.world import World


class Oracle:
    """The parts of a stack that know the truth about ``task`` in ``world``.

    ``skills``: those that carry out the task, in order.
    """

    def __init__(self, world: World, task: Task) -> None:
        self._world, self._task = world, task

    @property
    def skills(self) -> tuple[Skill, ...]:
        return self._task.skills

    def policy(self) -> ScriptedPolicy:
        """The task's expert as an executor."""
        return ScriptedPolicy(self._world, self._task)

    def world_model(self) -> OracleWorldModel:
        """True goal images."""
        return OracleWorldModel(self._world, self._task)

    def detector(self) -> OracleDetector:
        """Where things truly are."""
        return OracleDetector(self._world)


def _skill_of(subtask: Subtask, task: Task) -> Skill:
    if subtask.skill is None:
        raise UnknownNameError("subtask", subtask.text, [skill.sentence() for skill in task.known])
    return subtask.skill


class OracleWorldModel:
    """True goal images: the simulator is set to the end of the subtask, photographed and set back."""

    def __init__(self, world: World, task: Task) -> None:
        self._world, self._task = world, task

    def imagine(
        self, obs: Observation, subtask: Subtask, seed: int = 0, grounding: Grounding | None = None
    ) -> Subgoal:
        """The goal image of ``subtask``.

        Raises:
            UnknownNameError: the subtask is no skill, or the scene has no such skill.
        """
        before = Snapshot(self._world)
        camera = Camera(self._world.model)
        try:
            self._task.show(self._world, _skill_of(subtask, self._task))
            spec = self._world.robot.cameras["front"]
            image = camera.render(self._world.data, "front", spec.width, spec.height)
        finally:
            camera.close()
            before.restore()
        return Subgoal(subtask, {"front": image}, 1.0, seed, obs.stamp_ns, grounding)


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
        """The expert's next action.

        Raises:
            UnknownNameError: the subtask is no skill, or the scene has no such skill.
        """
        action = self._task.act(self._world, _skill_of(subgoal.subtask, self._task))
        delta = matrix_to_delta(np.linalg.inv(self._world.ee_pose()) @ action.target)
        row = np.concatenate([delta, [action.gripper]])[None].astype(np.float32)
        done = float(action.done)
        return ActionChunk(row, 0.1, self.action_space, obs.stamp_ns, done, done)


def shut_in(world: World, index: int) -> bool:
    """Whether the object lies in a drawer that is not open, where no camera sees it."""
    closed = (d for d in range(world.scene.drawers) if world.drawer_opening(d) < 0.7 * OPEN)
    return any(is_inside(world, index, drawer) for drawer in closed)


class OracleDetector:
    """Every object of the scene where it truly is, except those shut in a drawer; the tray, and each drawer's
    handle. A :class:`vista.protocols.Detector` that knows every word and overlooks nothing."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def labels(self) -> frozenset[str] | None:
        """None: it knows any words."""
        return None

    @property
    def exhaustive(self) -> bool:
        """True: a thing that it does not report is not in view."""
        return True

    def detect(self, obs: Observation) -> Sequence[Detection]:
        """Everything that is in view now.

        Raises:
            ModelMismatchError: the observation has no image of camera ``front``.
        """
        if "front" not in obs.images:
            raise ModelMismatchError("detector needs camera 'front'; the observation has none")
        scene = self._world.scene
        things = [
            (p.spec.label, ObjectKind.THING, self._world.object_pose(i)[:3, 3])
            for i, p in enumerate(scene.objects)
            if not shut_in(self._world, i)
        ]
        things += [
            (name, ObjectKind.HANDLE, handle_position(self._world, i))
            for i, name in enumerate(DRAWER_NAMES[scene.drawers])
        ]
        if scene.tray is not None:
            things.append((TRAY, ObjectKind.CONTAINER, np.array([*scene.tray, 0.0])))
        pixels = project(self._world, np.stack([centre for _, _, centre in things]))
        found = []
        for (label, kind, centre), (u, v) in zip(things, pixels, strict=True):
            box = np.clip([u - 0.06, v - 0.06, u + 0.06, v + 0.06], 0.0, 1.0).astype(np.float32)
            found.append(Detection(label, 1.0, box, centre, 0.001, kind=kind))
        return found

    def find(self, obs: Observation, label: str) -> Detection | None:
        """The thing with exactly this label; None if it is not in view."""
        return next((seen for seen in self.detect(obs) if seen.label == label), None)

    def evidence(self, obs: Observation, label: str, above_m: float | None = None) -> F32 | None:
        """None: it has no map of the image."""
        return None
