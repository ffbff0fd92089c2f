"""The tasks by name."""

from __future__ import annotations

from collections.abc import Callable

from vista.errors import UnknownNameError
from vista_sim.tasks.base import Choice, Task
from vista_sim.tasks.drawer import Drawer
from vista_sim.tasks.pick_place import PickPlace
from vista_sim.tasks.search import Search
from vista_sim.tasks.several import Several
from vista_sim.tasks.stack import Stack
from vista_sim.tasks.tidy import Tidy

TASKS: dict[str, Callable[[int, Choice, str | None], Task]] = {
    "pick_place": PickPlace,
    "stack": Stack,
    "drawer": Drawer,
    "search": Search,
    "several": Several,
    "tidy": Tidy,
}


def make_task(name: str, seed: int, choice: Choice, target: str | None = None) -> Task:
    """The task ``name`` in the scene of ``seed``; UnknownNameError lists the tasks there are."""
    if name not in TASKS:
        raise UnknownNameError("task", name, TASKS)
    return TASKS[name](seed, choice, target)


__all__ = ["TASKS", "Choice", "Task", "make_task"]
