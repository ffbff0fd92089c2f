"""The tasks by name."""

from __future__ import annotations

from vista.errors import UnknownNameError
from vista_sim.tasks.base import Choice, Task
from vista_sim.tasks.pick_place import PickPlace

TASKS: dict[str, type[PickPlace]] = {"pick_place": PickPlace}


def make_task(name: str, seed: int, choice: Choice, target: str | None = None) -> Task:
    """The task ``name`` in the scene of ``seed``; UnknownNameError lists the tasks there are."""
    if name not in TASKS:
        raise UnknownNameError("task", name, TASKS)
    return TASKS[name](seed, choice, target)


__all__ = ["TASKS", "Choice", "Task", "make_task"]
