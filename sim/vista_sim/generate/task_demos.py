"""Demonstrations of the tasks beyond pick and place: every subtask of stack, drawer, search, tidy.

The same arrays as :mod:`vista_sim.generate.demos` writes, made in the same way: noise in what is executed,
random starts, and, as recoveries, starts low beside the thing or handle, perhaps with closed fingers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from vista.errors import UnknownNameError
from vista.robots import load_robot
from vista.shards import Arrays
from vista.splits import load_splits
from vista.types import F64
from vista_sim import expert_drawer
from vista_sim.cabinet import DRAWER_NAMES
from vista_sim.generate.demos import Recorder, collect, kinematics, low_start, random_start, run_segment
from vista_sim.render import Camera
from vista_sim.tasks import Choice, make_task
from vista_sim.tasks.sentences import Sentences
from vista_sim.world import World, top_down

TASKS = ("stack", "drawer", "search", "tidy")
LIMIT = 100
"""Steps that the expert has for one subtask."""


def handle_start(world: World, drawer: int, rng: np.random.Generator) -> tuple[F64, float]:
    """A start beside or in front of a closed drawer's handle; pose (4, 4) and opening as ``low_start``."""
    x, y, _ = expert_drawer.handle_position(world, drawer)
    across, along = rng.uniform(-0.07, 0.07), rng.uniform(0.0, 0.12)
    height = rng.uniform(0.14, 0.22)
    opening = 0.0 if rng.random() < 0.25 else 1.0
    return top_down(x + along, y + across, height, rng.uniform(0.2, 1.8)), opening


def demonstrate_task(name: str, seed: int, recovery: bool = False) -> Recorder | None:
    """One demonstration of task ``name`` on the objects of the robot's split; None if it failed.

    Raises:
        UnknownNameError: no such task here.
    """
    if name not in TASKS:
        raise UnknownNameError("task with demonstrations", name, TASKS)
    splits = load_splits()
    rng = np.random.default_rng(seed + 10**6)
    choice = Choice(splits.demo_objects, splits.demo_patterns, distractors=int(rng.integers(1, 4)))
    task = make_task(name, seed, choice)
    world, said = World(task.scene, load_robot("panda"), kinematics()), Sentences(task.scene)

    def centre(sentence: str) -> Callable[[], F64] | None:
        meaning = said.read(sentence)
        if meaning.verb == "grasp":
            return lambda: world.object_pose(world.index(meaning.thing))[:3, 3]
        if meaning.verb == "place":
            return None
        drawer = DRAWER_NAMES[task.scene.drawers].index(meaning.thing)
        return lambda: expert_drawer.handle_position(world, drawer)

    first = said.read(task.subtasks[0])
    if recovery:
        if first.verb == "grasp":
            index = world.index(first.thing)
            low = next((s for _ in range(20) if (s := low_start(world, index, rng)) is not None), None)
        else:
            low = handle_start(world, DRAWER_NAMES[task.scene.drawers].index(first.thing), rng)
        if low is not None:
            world.reset(low[0])
            world.gripper_command = low[1]
            world.set_arm(world.joints, low[1])
    elif rng.random() < 0.6:
        world.reset(random_start(rng))
    task.prepare(world)
    camera = Camera(world.model)
    try:
        recorder = Recorder(world, camera, task.instruction)
        sigma = float(rng.uniform(0.004, 0.014))
        for sentence in task.subtasks:
            finished = run_segment(
                world, lambda: task.act(world, sentence), rng, recorder, sentence,  # noqa: B023 (called here)
                sigma=sigma, early_close=int(rng.random() < 0.45) * (2 if recovery else 1),
                about=centre(sentence), limit=LIMIT, careful=True,
            )  # fmt: skip
            if not finished:
                return None
        return recorder if task.success(world) else None
    finally:
        camera.close()


def make_task_demonstrations(seeds: Sequence[int], task: str, recovery: bool = False) -> Arrays:
    """Arrays of the successful demonstrations of ``task`` in the scenes of ``seeds``."""
    return collect(demonstrate_task(task, seed, recovery) for seed in seeds)
