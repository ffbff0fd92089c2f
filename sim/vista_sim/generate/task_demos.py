"""Demonstrations of the tasks beyond pick and place: every subtask of stack, drawer, search, tidy, several.

The same arrays as :mod:`vista_sim.generate.demos` writes, made in the same way: noise in what is executed,
random starts, and, as recoveries, starts within the task: all up to some subtask is done, and the hand is low
beside a thing or handle, or holds the thing close above its goal. In a search, other drawers stand open: the
expert knows where the thing is, but a planner opens them in vain. Of several things, all but the last lie in
the tray.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from vista.errors import UnknownNameError
from vista.learning.shards import Arrays
from vista.learning.splits import load_splits
from vista.skill import Skill, Verb
from vista.types import F64
from vista_sim.experts import drawer_expert
from vista_sim.generate.demos import LOW_SHARE, Recorder, collect, run_segment
from vista_sim.generate.filled import RestOfSeveral, has_room
from vista_sim.generate.starts import open_in_vain, put_hand, random_start, start_within
from vista_sim.model.cabinet import DRAWER_NAMES
from vista_sim.objects.specs import LOW, flat
from vista_sim.render import Camera
from vista_sim.scenes.table import DEFAULT_ROBOT, table_of
from vista_sim.tasks import Choice, Task, make_task
from vista_sim.world import World, shared_kinematics

TASKS = ("stack", "drawer", "search", "tidy", "several")
LIMIT = 100
"""Steps that the expert has for one subtask."""


def demonstrate_task(
    name: str, seed: int, recovery: bool = False, robot: str = DEFAULT_ROBOT
) -> Recorder | None:
    """One demonstration of task ``name`` on the objects of the robot's split; None if it failed.

    Raises:
        UnknownNameError: no such task here.
    """
    if name not in TASKS:
        raise UnknownNameError("task with demonstrations", name, TASKS)
    splits = load_splits()
    rng = np.random.default_rng(seed + 10**6)
    # As in pick and place (there stands why), with low things; these fit into drawers that shut, too.
    flattened = [s for s in splits.demo_objects if s.split()[-1] in LOW and rng.random() < LOW_SHARE]
    library = {label: flat(label, rng) for label in flattened}
    choice = Choice(
        splits.demo_objects, splits.demo_patterns, distractors=int(rng.integers(1, 4)), library=library,
        table=table_of(robot),
    )  # fmt: skip
    task: Task
    if name == "several":
        task = RestOfSeveral(seed, choice, count=int(rng.integers(2, 4)))
    else:
        task = make_task(name, seed, choice)
    kinematics = shared_kinematics(robot)
    world = World(task.scene, kinematics.spec, kinematics)

    def centre(skill: Skill) -> Callable[[], F64] | None:
        if skill.verb is Verb.GRASP:
            return lambda: world.object_pose(world.index(skill.thing))[:3, 3]
        if skill.verb is Verb.PLACE:
            return None
        drawer = DRAWER_NAMES[task.scene.drawers].index(skill.thing)
        return lambda: drawer_expert.handle_position(world, drawer)

    first = int(rng.integers(len(task.skills))) if recovery else 0
    if recovery:
        task.prepare(world)
        if task.hidden_in is not None:
            open_in_vain(world, task.hidden_in, rng)
        if not start_within(world, task, first, rng):
            return None
    else:
        if rng.random() < 0.6:
            world.reset(random_start(world, rng))
        task.prepare(world)
        if task.hidden_in is not None:
            start = world.ee_pose()
            if open_in_vain(world, task.hidden_in, rng) and rng.random() < 0.4:
                put_hand(world, start, 1.0)
    if name == "several" and not has_room(world, world.index(task.targets[-1])):
        return None
    camera = Camera(world.model)
    try:
        recorder = Recorder(world, camera, task.instruction, several=len(task.targets) > 1)
        sigma = float(rng.uniform(0.004, 0.014))
        for skill in task.skills[first:]:
            finished = run_segment(
                world, lambda: task.act(world, skill), rng, recorder, skill,  # noqa: B023 (called here)
                sigma=sigma, early_close=int(rng.random() < 0.45) * (2 if recovery else 1),
                about=centre(skill), limit=LIMIT, careful=True,
            )  # fmt: skip
            if not finished:
                return None
        return recorder if task.success(world) else None
    finally:
        camera.close()


def make_task_demonstrations(
    seeds: Sequence[int], task: str, recovery: bool = False, robot: str = DEFAULT_ROBOT
) -> Arrays:
    """Arrays of the successful demonstrations of ``task`` in the scenes of ``seeds``."""
    return collect(demonstrate_task(task, seed, recovery, robot) for seed in seeds)
