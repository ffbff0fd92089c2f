"""The scene that a graph is asked for, looked at before any node starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vista.graph.checks import INT64, whole
from vista.graph.parameters import Value

if TYPE_CHECKING:
    from vista_sim.tasks import Task

MOST_DISTRACTORS = 100


def check_scene(chosen: Mapping[str, Value]) -> None:
    """Say what is wrong with the scene that was asked for.

    Raises:
        VistaError: a seed, number, name, folder or file that makes no scene.
    """
    scene_of(chosen)


def scene_of(chosen: Mapping[str, Value]) -> Task:
    """The simulated task that the arguments of launch/stack.yaml choose; raises as :func:`check_scene`."""
    seed = whole("--seed", chosen["seed"], 0, INT64[1])
    distractors = whole("--distractors", chosen["distractors"], 0, MOST_DISTRACTORS)
    from vista_sim.scenes.task_scenes import scene_task

    return scene_task(
        str(chosen["task"]), seed, objects=str(chosen["objects"]) or None,
        scene=str(chosen["scene"]) or None, target=str(chosen["target"]) or None, distractors=distractors,
    )  # fmt: skip
