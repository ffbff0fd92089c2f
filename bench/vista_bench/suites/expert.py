"""Suite ``expert``: how often the scripted expert solves each task. A cell is a task; nothing is learned."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from vista.robot.contract import load_robot
from vista.robot.kinematics import Kinematics
from vista_bench.results import Record
from vista_bench.suites.base import Cell, Job, Settings, Suite, seeds_of
from vista_bench.suites.basic import scene_identity
from vista_bench.truth import SETTLE_STEPS
from vista_sim.scenes.task_scenes import known_tasks, scene_task
from vista_sim.world import World

MAX_STEPS = 100  # of 0.1 s, for one subtask


class ExpertSuite(Suite):
    name = "expert"
    cells = known_tasks()
    methods = ("scripted",)
    default_cells = cells
    default_methods = methods
    default_episodes = 200

    def check(self, settings: Settings) -> None:
        super().check(settings)
        for cell in settings.cells or self.default_cells:
            seed = self.seeds(settings, cell, 1)[0]
            scene_task(cell, seed, objects=settings.objects, scene=settings.scene)

    def seeds(self, settings: Settings, cell: str, count: int) -> Sequence[int]:
        split = "expert" if settings.split == "bench" else settings.split
        return seeds_of(settings, count, split=split)

    def identity(self, settings: Settings, cell: str, method: str) -> Mapping[str, object]:
        return {**scene_identity(settings), "task": cell}

    def opener(self, cell: str) -> Callable[[Settings], Callable[[Job], Record]]:
        return open_expert

    def describe(self, records: Sequence[Record]) -> Cell:
        failed = Counter(str(r["failure"]) for r in records if not r["success"])
        return {
            "failures": dict(failed.most_common()),
            "failed_seeds": [r["seed"] for r in records if not r["success"]],
        }


def open_expert(settings: Settings) -> Callable[[Job], Record]:
    """One process; nothing is rendered."""
    robot = load_robot(settings.refs.robot)
    kinematics = Kinematics(robot)

    def run(job: Job) -> Record:
        began = time.monotonic()
        task = scene_task(job.cell, job.seed, objects=settings.objects, scene=settings.scene)
        world = World(task.scene, robot, kinematics)
        task.prepare(world)
        failure = ""
        for subtask in task.subtasks:
            for _ in range(MAX_STEPS):
                action = task.act(world, subtask)
                if action.done:
                    break
                world.move_to(action.target, action.gripper)
            else:
                failure = f"not done: {subtask.split(' ')[0]}"
                break
        world.step(SETTLE_STEPS)
        success = task.success(world)
        return {
            "success": bool(success),
            "failure": "" if success else failure or "done, but not as asked",
            "instruction": task.instruction,
            "seconds": round(world.time, 2),
            "wall_s": round(time.monotonic() - began, 2),
        }

    return run
