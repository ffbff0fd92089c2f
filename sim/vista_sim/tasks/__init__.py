"""The tasks by name: every class of this folder's modules that derives from :class:`vista_sim.task.Task`."""

from __future__ import annotations

import importlib
import pkgutil

from vista.values import text, whole
from vista_sim.task import Choice, Task, TaskSetup
from vista_sim.task_reference import task_class, tasks_of

MOST_SEED = 2**62
"""The largest seed of a scene; parts of a task draw from seeds a little above it."""


def discovered() -> dict[str, type[Task]]:
    """The tasks of all modules of this folder, by name."""
    found: dict[str, type[Task]] = {}
    for module in pkgutil.iter_modules(__path__):
        found |= tasks_of(importlib.import_module(f"{__name__}.{module.name}"))
    return found


TASKS = discovered()


def find_task(name: str) -> type[Task]:
    """The class of the task ``name``: one of :data:`TASKS`, a Python file, or ``module:Class``.

    Raises:
        UnknownNameError, ConfigError: as :func:`vista_sim.task_reference.task_class`.
    """
    return task_class(name, TASKS)


def make_task(name: str, seed: int, choice: Choice, target: str | None = None) -> Task:
    """The task ``name`` in the scene of ``seed``, about the object ``target`` or one that the seed draws.

    Raises:
        UnknownNameError: no such task or object. ConfigError: a task of one's own that cannot be read.
        InvalidValueError: a seed below 0, or a scene that lacks what the task needs.
    """
    kind = find_task(name)
    if target is not None:
        text("target", target)
    return kind(whole("seed", seed, 0, MOST_SEED), choice, target)


__all__ = ["MOST_SEED", "TASKS", "Choice", "Task", "TaskSetup", "find_task", "make_task"]
