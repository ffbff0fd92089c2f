"""The simulated scene that the arguments of a graph choose, made before any node starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vista.graph.checks import INT64, whole
from vista.graph.parameters import Value

if TYPE_CHECKING:
    from vista_sim.tasks import Task

MOST_DISTRACTORS = 100


def scene_of(chosen: Mapping[str, Value]) -> Task:
    """The simulated task that the arguments of launch/stack.yaml choose.

    Raises:
        VistaError: a seed, number, name, folder or file that makes no scene.
    """
    seed = whole("--seed", chosen["seed"], 0, INT64[1])
    distractors = whole("--distractors", chosen["distractors"], 0, MOST_DISTRACTORS)
    from vista_sim.scenes.task_scenes import scene_task

    return scene_task(
        str(chosen["task"]), seed, objects=str(chosen["objects"]) or None,
        scene=str(chosen["scene"]) or None, target=str(chosen["target"]) or None, distractors=distractors,
        robot=str(chosen["robot"]),
    )  # fmt: skip


def named_object(instruction: str, objects: str) -> str | None:
    """The first object, of those that the simulator may put on the table, whose label is in ``instruction``.

    Args:
        objects: A folder of the user's own objects, or empty.
    """
    from vista_sim.objects.object_file import load_objects
    from vista_sim.scenes.task_scenes import lab_choice

    labels = [*(load_objects(Path(objects)) if objects else ()), *lab_choice().labels]
    said = instruction.lower()
    return next((label for label in labels if label.lower() in said), None)
