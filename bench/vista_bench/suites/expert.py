"""Suite ``expert``: how often the scripted expert solves each task. A cell is a task; nothing is learned."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vista.robot.contract import load_robot
from vista.robot.kinematics import Kinematics
from vista_bench.jobs import EpisodeJob
from vista_bench.results import Counted, Episode, failed_seeds
from vista_bench.suites.base import BenchSettings, Cell, Opener, Suite, seeds_of
from vista_bench.suites.basic import scene_identity
from vista_bench.truth import SETTLE_STEPS
from vista_sim.scenes.task_scenes import known_tasks, scene_task
from vista_sim.world import World

MAX_STEPS = 100  # of 0.1 s, for one subtask


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertAttempt(Episode):
    """One attempt of the expert: ``failure``, why not; ``seconds`` of simulated and ``wall_s`` of wall
    time."""

    failure: str
    instruction: str
    seconds: float
    wall_s: float

    @property
    def failure_name(self) -> str:
        """``failure``."""
        return self.failure


class ExpertSuite(Suite[ExpertAttempt]):
    name = "expert"
    kind = ExpertAttempt
    cells = known_tasks()
    methods = ("scripted",)
    default_cells = cells
    default_methods = methods
    default_episodes = 200

    def check(self, settings: BenchSettings) -> None:
        super().check(settings)
        for cell in settings.cells or self.default_cells:
            seed = self.seeds(settings, cell, 1)[0]
            scene_task(cell, seed, objects=settings.objects, scene=settings.scene, robot=settings.refs.robot)

    def seeds(self, settings: BenchSettings, cell: str, count: int) -> Sequence[int]:
        split = "expert" if settings.split == "bench" else settings.split
        return seeds_of(settings, count, split=split)

    def identity(self, settings: BenchSettings, cell: str, method: str) -> Mapping[str, object]:
        return {**scene_identity(settings), "task": cell}

    def opener(self, cell: str) -> Opener[ExpertAttempt]:
        return open_expert

    def describe(self, found: Sequence[Counted[ExpertAttempt]]) -> Cell:
        failed = Counter(each.episode.failure for each in found if not each.success)
        return {"failures": dict(failed.most_common()), "failed_seeds": failed_seeds(found)}


def open_expert(settings: BenchSettings) -> Callable[[EpisodeJob], ExpertAttempt]:
    """One process; nothing is rendered."""
    robot = load_robot(settings.refs.robot)
    kinematics = Kinematics(robot)

    def run(job: EpisodeJob) -> ExpertAttempt:
        began = time.monotonic()
        task = scene_task(
            job.cell, job.seed, objects=settings.objects, scene=settings.scene, robot=settings.refs.robot
        )
        world = World(task.scene, robot, kinematics)
        task.prepare(world)
        failure = ""
        for skill in task.skills:
            for _ in range(MAX_STEPS):
                action = task.act(world, skill)
                if action.done:
                    break
                world.move_to(action.target, action.gripper)
            else:
                failure = f"not done: {skill.verb}"
                break
        world.step(SETTLE_STEPS)
        success = task.success(world)
        return ExpertAttempt(
            success=bool(success),
            failure="" if success else failure or "done, but not as asked",
            instruction=task.instruction,
            seconds=round(world.time, 2),
            wall_s=round(time.monotonic() - began, 2),
        )

    return run
