"""A simulated robot in front of a task, in one call."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from vista.robot.contract import load_robot
from vista_sim.oracle import Oracle
from vista_sim.robot import SimRobot
from vista_sim.scenes.table import DEFAULT_ROBOT
from vista_sim.scenes.task_scenes import live_seed, scene_task
from vista_sim.task import Task
from vista_sim.world import World


class Simulation:
    """A robot in the scene of a task; a context manager that closes the robot.

    ``robot``: the simulated arm, in lockstep: its time waits for the planner. ``task`` and its
    ``instruction``. ``oracle``: parts that read the simulator's truth.
    """

    def __init__(self, task: Task, robot: SimRobot) -> None:
        self.task, self.robot, self.instruction = task, robot, task.instruction
        self.oracle = Oracle(robot.world, task)

    def success(self) -> bool:
        """Whether the task is done, by the simulator's truth."""
        return self.task.success(self.robot.world)

    def close(self) -> None:
        """Close the robot; idempotent."""
        self.robot.close()

    def __enter__(self) -> Simulation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def simulate(
    task: str = "pick_place",
    *,
    seed: int = 0,
    target: str | None = None,
    robot: str | Path = DEFAULT_ROBOT,
    objects: str | Path | None = None,
    scene: str | Path | None = None,
) -> Simulation:
    """The task ``task`` in the scene of ``seed``, as ``vista demo --seed`` makes it, and a robot in it.

    Args:
        task: A name of ``vista_sim.tasks.TASKS``, ``FILE.py`` or ``module:Class``.
        target: What the task is about; None: drawn.
        robot: A contract that ships, or the path of one.
        objects: A folder of one's own objects, one of which the task is about.
        scene: A file that fixes the whole scene.

    Raises:
        UnknownNameError: no such task, object or robot. ConfigError: a file that cannot be read.
        InvalidValueError: a seed outside of its range, or a scene that lacks what the task needs.
    """
    made = scene_task(task, live_seed(seed), objects=objects, scene=scene, target=target, robot=robot)
    world = World(made.scene, load_robot(robot))
    made.prepare(world)
    return Simulation(made, SimRobot(world))
