"""Demonstrations of the tasks beyond pick and place: every subtask of stack, drawer, search, tidy, several.

The same arrays as :mod:`vista_sim.generate.demos` writes, made in the same way: noise in what is executed,
random starts, and, as recoveries, starts within the task: all up to some subtask is done, and the hand is low
beside a thing or handle, or holds the thing close above where it shall be. A search has had drawers opened in
vain before, for the expert knows where the thing is, and a planner does not; of several things all but the
last lie in the tray.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from vista.errors import UnknownNameError
from vista.learning.shards import Arrays
from vista.learning.splits import load_splits
from vista.robot.contract import load_robot
from vista.types import F64
from vista_sim.experts import drawer_expert
from vista_sim.generate.demos import LOW_SHARE, Recorder, collect, kinematics, run_segment
from vista_sim.generate.filled import Rest, has_room
from vista_sim.generate.starts import open_in_vain, put_hand, random_start, start_within
from vista_sim.model.cabinet import DRAWER_NAMES
from vista_sim.objects.specs import LOW, flat
from vista_sim.render import Camera
from vista_sim.tasks import Choice, Task, make_task
from vista_sim.tasks.search import Search
from vista_sim.tasks.sentences import Sentences
from vista_sim.tasks.several import Several
from vista_sim.world import World

TASKS = ("stack", "drawer", "search", "tidy", "several")
LIMIT = 100
"""Steps that the expert has for one subtask."""


def demonstrate_task(name: str, seed: int, recovery: bool = False) -> Recorder | None:
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
        splits.demo_objects, splits.demo_patterns, distractors=int(rng.integers(1, 4)), library=library
    )
    task: Task
    if name == "several":
        task = Rest(Several(seed, choice, count=int(rng.integers(2, 4))), seed)
    else:
        task = make_task(name, seed, choice)
    world, said = World(task.scene, load_robot("panda"), kinematics()), Sentences(task.scene)

    def centre(sentence: str) -> Callable[[], F64] | None:
        meaning = said.read(sentence)
        if meaning.verb == "grasp":
            return lambda: world.object_pose(world.index(meaning.thing))[:3, 3]
        if meaning.verb == "place":
            return None
        drawer = DRAWER_NAMES[task.scene.drawers].index(meaning.thing)
        return lambda: drawer_expert.handle_position(world, drawer)

    first = int(rng.integers(len(task.subtasks))) if recovery else 0
    if recovery:
        task.prepare(world)
        if isinstance(task, Search):
            open_in_vain(world, task.drawer, rng)
        if not start_within(world, task, first, said.read(task.subtasks[first]), rng):
            return None
    else:
        if rng.random() < 0.6:
            world.reset(random_start(rng))
        task.prepare(world)
        if isinstance(task, Search):
            start = world.ee_pose()
            if open_in_vain(world, task.drawer, rng) and rng.random() < 0.4:
                put_hand(world, start, 1.0)
    if isinstance(task, Rest) and not has_room(world, world.index(task.whole.targets[-1])):
        return None
    camera = Camera(world.model)
    try:
        recorder = Recorder(world, camera, task.instruction)
        sigma = float(rng.uniform(0.004, 0.014))
        for sentence in task.subtasks[first:]:
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
