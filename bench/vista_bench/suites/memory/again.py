"""Cell ``again`` of suite ``memory``: the same search a second time, with the loop's learned parts.

A thing lies in one of three closed drawers. The first attempt opens drawers until it is found; then the scene
is put back, and the same errand is told again. Parts are those of suite ``long``, the planner is ``memory``;
``no-memory`` keeps nothing. ``success`` is that of the second attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vista.assembly import Refs
from vista.executor.methods import METHODS
from vista.files.resources import resource_path
from vista.skill import Verb
from vista.types import EpisodeResult
from vista_bench.episode import EpisodeRunner
from vista_bench.jobs import EpisodeJob
from vista_bench.results import Counted
from vista_bench.suites.base import BenchSettings, Cell, Opener
from vista_bench.suites.basic import SceneSuite, one_torch_thread
from vista_bench.suites.long import fair_budget, long_task
from vista_bench.suites.memory.learned import TwoAttempts, attempts, two_attempts
from vista_sim.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainEpisode(TwoAttempts):
    """A search for ``target`` in drawer number ``drawer``, twice; ``seconds`` of robot time of each
    attempt."""

    target: str = ""
    drawer: int = 0
    wrong_drawers_1: int = 0
    wrong_drawers_2: int = 0
    seconds: tuple[float, ...] = ()


def again_refs(settings: BenchSettings) -> Refs:
    """The user's parts, or the executor that knows drawers."""
    longer = METHODS["ours"].long_folder
    assert longer is not None
    return replace(settings.refs, planner="memory", policy=settings.refs.policy or str(resource_path(longer)))


class AgainCell(SceneSuite[AgainEpisode]):
    name = "memory"
    kind = AgainEpisode
    cells = ("again",)
    methods = ("full", "no-memory")
    default_cells = cells
    default_methods = methods
    default_episodes = 40

    def refs(self, settings: BenchSettings, method: str) -> Refs:
        return again_refs(settings)

    def opener(self, cell: str) -> Opener[AgainEpisode]:
        return open_again

    def describe(self, found: Sequence[Counted[AgainEpisode]]) -> Cell:
        """Both attempts, their paired difference, and how many wrong drawers each opened, on average."""
        told = two_attempts(found)
        if found:
            first = float(np.mean([each.episode.wrong_drawers_1 for each in found]))
            second = float(np.mean([each.episode.wrong_drawers_2 for each in found]))
            told |= {"wrong_drawers_1": round(first, 2), "wrong_drawers_2": round(second, 2)}
        return told


def open_again(settings: BenchSettings) -> Callable[[EpisodeJob], AgainEpisode]:
    """One process: models are loaded once; each seed begins with an empty memory of its own."""
    one_torch_thread()
    runner = EpisodeRunner(again_refs(settings))

    def run(job: EpisodeJob) -> AgainEpisode:
        task = long_task("search", job.seed, settings.refs.robot)
        tries = attempts(runner, task, job, budget=fair_budget(task))
        wrong = [wrong_drawers(each.result, task) for each in tries]
        return replace(
            AgainEpisode.of(tries),
            target=task.target,
            drawer=task.drawer or 0,
            wrong_drawers_1=wrong[0],
            wrong_drawers_2=wrong[1],
            seconds=tuple(round(each.result.seconds, 2) for each in tries),
        )

    return run


def wrong_drawers(result: EpisodeResult, task: Task) -> int:
    """How many drawers other than that with the thing an attempt tried to open, each counted once."""
    skills = [each.subtask.skill for each in result.subtasks]
    opened = {skill.thing for skill in skills if skill is not None and skill.verb is Verb.OPEN}
    return len(opened - {task.skills[0].thing})
