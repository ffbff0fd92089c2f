"""The tasks by name."""

from __future__ import annotations

from collections.abc import Callable

from vista.errors import UnknownNameError
from vista.values import text, whole
from vista_sim.tasks.base import Choice, Task
from vista_sim.tasks.drawer import Drawer
from vista_sim.tasks.pick_place import PickPlace
from vista_sim.tasks.search import Search
from vista_sim.tasks.several import Several
from vista_sim.tasks.stack import Stack
from vista_sim.tasks.tidy import Tidy

MOST_SEED = 2**62
"""The largest seed of a scene; parts of a task draw from seeds a little above it."""
TASKS: dict[str, Callable[[int, Choice, str | None], Task]] = {
    "pick_place": PickPlace,
    "stack": Stack,
    "drawer": Drawer,
    "search": Search,
    "several": Several,
    "tidy": Tidy,
}


def make_task(name: str, seed: int, choice: Choice, target: str | None = None) -> Task:
    """The task ``name`` in the scene of ``seed``, about the object ``target`` or one that the seed draws.

    Raises:
        UnknownNameError: no such task or object. InvalidValueError: a seed below 0, or a scene that lacks
            what the task needs.
    """
    if not isinstance(name, str) or name not in TASKS:
        raise UnknownNameError("task", str(name), TASKS)
    if target is not None:
        text("target", target)
    return TASKS[name](whole("seed", seed, 0, MOST_SEED), choice, target)


__all__ = ["TASKS", "Choice", "Task", "make_task"]
