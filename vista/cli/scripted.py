"""Parts that learn nothing: the expert as a policy, a plan as a planner, the truth as a detector.

They stand in for learned parts in benches and before anything is trained. What reads the simulator's truth
(expert, detector) is called ``scripted`` or ``oracle`` in every table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from vista.errors import ModelMismatchError
from vista.kinematics import matrix_to_delta
from vista.protocols import MemoryItem
from vista.types import (
    ActionChunk,
    ActionSpace,
    Detection,
    Done,
    Impossible,
    Observation,
    Subgoal,
    Subtask,
)
from vista_sim.cabinet import DRAWER_NAMES
from vista_sim.expert_drawer import OPEN, handle_position, is_inside
from vista_sim.generate.pairs import project
from vista_sim.tasks.base import Task
from vista_sim.world import World

_PUT = re.compile(
    r"(?:please )?put the (?P<thing>[\w -]+?) (?P<where>(?:in|on)(?:to)? the [\w -]+)[.!]?", re.I
)


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


def plan_of(instruction: str) -> tuple[str, ...]:
    """The subtasks of "put the <thing> in the <place>"; empty for any other sentence."""
    match = _PUT.fullmatch(instruction.strip())
    if match is None:
        return ()
    thing = match["thing"].lower()
    return f"grasp the {thing}", f"place the {thing} {match['where'].lower()}"


class ScriptedPlanner:
    """Goes through a plan in order; after a failure it tries again, from the grasp if the hand is empty.

    ``subtasks``: the plan; without it the plan follows from the instruction (see :func:`plan_of`).
    """

    def __init__(self, subtasks: Sequence[str] = ()) -> None:
        self._given = tuple(subtasks)
        self._at, self._restart, self._instruction = 0, True, ""

    def reset(self) -> None:
        self._restart = True

    def next(
        self, obs: Observation, instruction: str, recall: Sequence[MemoryItem]
    ) -> Subtask | Done | Impossible:
        steps = self._given or plan_of(instruction)
        if not steps:
            return Impossible(f"{instruction!r} is not understood; say 'put the blue mug in the tray'")
        if instruction != self._instruction:
            self._instruction, self._at, self._restart = instruction, 0, False
        elif self._restart:
            # What failed is the step before the next one; an empty hand has nothing to place.
            self._at, self._restart = max(0, self._at - 1), False
            holding = obs.gripper_command < 0.5 and obs.gripper > 0.1
            while self._at > 0 and steps[self._at].startswith("place") and not holding:
                self._at -= 1
        if self._at >= len(steps):
            self._instruction = ""
            return Done("all steps of the plan are done")
        self._at += 1
        return Subtask(steps[self._at - 1], self._at - 1)


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


class StillWorldModel:
    """Imagines that nothing changes: the goal is the current image. For wiring, not for work."""

    def imagine(self, obs: Observation, subtask: Subtask, seed: int = 0) -> Subgoal:
        images = {name: image for name, image in obs.images.items() if name == "front"}
        return Subgoal(subtask, images, 1.0, seed, obs.stamp_ns)


class StillPolicy:
    """Holds the measured pose with an open hand. For wiring, not for work."""

    @property
    def action_space(self) -> ActionSpace:
        return ActionSpace.EE_DELTA

    def reset(self) -> None:
        """Nothing is kept between chunks."""

    def predict_chunk(self, obs: Observation, subgoal: Subgoal) -> ActionChunk:
        rows = np.zeros((4, 7), np.float32)
        rows[:, 6] = 1.0
        return ActionChunk(rows, 0.1, self.action_space, obs.stamp_ns, 0.0, 0.0)
