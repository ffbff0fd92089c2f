"""Makes the task of a name and a seed: demo, bench and simulator node call this, so that it is the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from vista.files.yaml_file import existing, user_path
from vista.learning.splits import load_splits
from vista.values import whole
from vista_sim.objects.object_file import load_objects
from vista_sim.scenes.scene import Scene
from vista_sim.scenes.scene_file import load_scene
from vista_sim.scenes.table import DEFAULT_ROBOT, table_of
from vista_sim.tasks import TASKS, Choice, Task, make_task

DISTRACTORS = 3


def lab_choice(distractors: int = DISTRACTORS, robot: str | Path = DEFAULT_ROBOT) -> Choice:
    """The objects and table patterns of the robot's demonstrations, before the arm of
    the contract ``robot``."""
    splits = load_splits()
    return Choice(splits.demo_objects, splits.demo_patterns, distractors=distractors, table=table_of(robot))


def scene_task(
    name: str,
    seed: int,
    *,
    objects: str | Path | None = None,
    scene: str | Path | None = None,
    target: str | None = None,
    distractors: int = DISTRACTORS,
    robot: str | Path = DEFAULT_ROBOT,
) -> Task:
    """The task ``name`` in the scene of ``seed``.

    Args:
        name: One of ``vista_sim.tasks.TASKS``, ``FILE.py`` or ``module:Class``.
        objects: A folder of one's own objects; one of them, drawn by the seed, is what the task is about,
            the others and those of the lab stand around it.
        scene: A file that fixes the whole scene.
        target: The label of what the task is about, instead of a drawn one.
        robot: The contract of the arm before whose table the scene is.

    Raises:
        UnknownNameError: no such task, object or robot. ConfigError: a folder or file that cannot be read.
    """
    choice = lab_choice(distractors, robot)
    if objects is not None:
        library = load_objects(objects)
        choice = replace(choice, labels=(*library, *choice.labels), library=library)
        if target is None and scene is None:
            rng = np.random.default_rng(whole("seed", seed, 0) + 3 * 10**6)
            target = str(rng.choice(sorted(library)))
    if scene is not None:
        choice = replace(choice, fixed=_fixed(scene, choice))
    return make_task(name, seed, choice, target)


def live_seed(seed: int) -> int:
    """The scene's seed for ``--seed`` of demo, run and examples; outside of the range it raises."""
    return load_splits().seed("live", seed)


def known_tasks() -> tuple[str, ...]:
    """The names of all tasks."""
    return tuple(TASKS)


def _fixed(path: str | Path, choice: Choice) -> Scene:
    return load_scene(
        existing(user_path(path, "scene file"), "scene file"), library=choice.library, table=choice.table
    )
