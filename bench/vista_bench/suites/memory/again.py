"""Cell ``again`` of suite ``memory``: the same search a second time, with the loop's learned parts.

A thing lies in one of three closed drawers. The first attempt opens drawers until it is found; then the scene
is put back, and the same errand is told again. Parts are those of suite ``long``, the planner is ``memory``;
``no-memory`` keeps nothing. ``success`` is that of the second attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from vista.executor.methods import METHODS
from vista.files.resources import resource_path
from vista.learning.workers import one_thread
from vista_bench.episode import Refs, Stack
from vista_bench.results import Record
from vista_bench.suites.base import Cell, Job, Settings
from vista_bench.suites.long import fair_budget, long_task
from vista_bench.suites.memory.learned import ATTEMPTS, LearnedCell, attempts, outcomes, two_attempts
from vista_sim.tasks.search import Search


def again_refs(settings: Settings) -> Refs:
    """The user's parts, or the executor that knows drawers."""
    longer = METHODS["ours"].long_folder
    assert longer is not None
    return replace(settings.refs, planner="memory", policy=settings.refs.policy or str(resource_path(longer)))


class AgainCell(LearnedCell):
    cells = ("again",)
    default_cells = cells
    default_episodes = 40

    def refs(self, settings: Settings, method: str) -> Refs:
        return again_refs(settings)

    def opener(self, cell: str) -> Callable[[Settings], Callable[[Job], Record]]:
        return open_again

    def describe(self, records: Sequence[Record]) -> Cell:
        """Both attempts, their paired difference, and how many wrong drawers each opened, on average."""
        names = [f"wrong_drawers_{n}" for n in range(1, ATTEMPTS + 1)] if records else []
        wrong = {k: round(float(np.mean([float(str(r[k])) for r in records])), 2) for k in names}
        return {**two_attempts(records), **wrong}


def open_again(settings: Settings) -> Callable[[Job], Record]:
    """One process: models are loaded once; each seed begins with an empty memory of its own."""
    one_thread()
    import torch

    torch.set_num_threads(1)
    stack = Stack(again_refs(settings))

    def run(job: Job) -> Record:
        task = long_task("search", job.seed)
        assert isinstance(task, Search)
        tries = attempts(stack, task, job, budget=fair_budget(task))
        return {
            "target": task.target,
            "drawer": task.drawer,
            **outcomes(tries),
            **{f"wrong_drawers_{n}": wrong_drawers(each, task) for n, each in enumerate(tries, 1)},
            "seconds": [each["seconds"] for each in tries],
        }

    return run


def wrong_drawers(tried: Mapping[str, object], task: Search) -> int:
    """How many drawers other than that with the thing an attempt tried to open, each counted once."""
    subtasks = tried["subtasks"]
    assert isinstance(subtasks, list)
    return len({told for told, *_ in subtasks if told.startswith("open")} - {task.subtasks[0]})
