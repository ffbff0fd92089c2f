"""Suite ``long``: tasks of several subtasks, with and without world model, with and without re-planning.

Cells: ``two`` and ``three`` objects into the tray; ``taken``, two, and one that lies in the tray is taken out
again while the arm is busy; ``moved``, two, and the second is put elsewhere; ``stack``, ``drawer``,
``search`` and ``mixed`` ("open the drawer, put the red cube in, close it"). ``novel-two``, ``novel-stack``
and so on: the same with objects and on tables that no demonstration showed.

Methods: ``ours``, the learned loop with a new plan after each subtask; ``fixed``, the same with one plan made
at the start; ``oracle``, ours with true goal images; ``subtask``, planned like ours, by an executor that is
told the subtask and shown no image; ``text``, an executor that is told the whole instruction.

Where a task is run in known and novel scenes, a row more counts both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.stats import norm

from vista.errors import InvalidValueError
from vista.executor.methods import METHODS
from vista.files.resources import resource_path
from vista.learning.splits import load_splits
from vista.learning.workers import one_thread
from vista.loop.run import Budget
from vista_bench.episode import Refs, Stack
from vista_bench.results import Record
from vista_bench.suites.base import Cell, Job, Progress, Settings, seeds_of
from vista_bench.suites.basic import BasicSuite
from vista_bench.suites.methods import vista_refs
from vista_sim.disturb import KINDS, Disturbance
from vista_sim.scenes.task_scenes import lab_choice
from vista_sim.tasks import Choice, Task, make_task
from vista_sim.tasks.search import Search
from vista_sim.tasks.sentences import Sentences
from vista_sim.tasks.several import Several
from vista_sim.world import World

TASKS = {
    "two": "several",
    "three": "several",
    "taken": "several",
    "moved": "several",
    "stack": "stack",
    "drawer": "drawer",
    "search": "search",
    "mixed": "tidy",
}
NOVEL = "novel-"
TASKS |= {NOVEL + cell: TASKS[cell] for cell in ("two", "stack", "drawer", "search", "mixed")}
_APART = 1000  # seeds between the cells: no two of them meet the same scene
_FIRST = 5000  # no seed of this suite is one of suite "vista"
TRIES, SECONDS = 3, 15.0
"""Each subtask of a task may be tried so often and take so long [s], on average."""


def long_task(cell: str, seed: int) -> Task:
    """The task of one episode, with the objects and tables of the demonstrations, or with others."""
    splits = load_splits()
    strange = Choice(splits.novel_objects, splits.novel_patterns, lab_choice().distractors)
    choice = strange if cell.startswith(NOVEL) else lab_choice()
    if TASKS[cell] == "several":
        return Several(seed, choice, count=3 if cell == "three" else 2)
    return make_task(TASKS[cell], seed, choice)


def long_refs(settings: Settings, method: str) -> Refs:
    """The parts that ``method`` uses, with weights that learned the longer tasks, too, where there are any;
    ConfigError for a baseline that has not been trained."""
    refs = vista_refs(settings, "ours" if method == "fixed" else method)
    longer = METHODS["ours" if method in ("fixed", "oracle") else method].long_folder
    if settings.refs.policy is None and longer is not None:
        refs = replace(refs, policy=str(resource_path(longer)))
    if method == "text":
        return refs
    planner = "fixed" if method == "fixed" else settings.refs.planner or "fresh"
    return replace(refs, planner=planner)


class Tally:
    """Which subtasks of a task were done: called after every control step. ``done`` counts a grasp or an open
    drawer that was there at some moment, and what was put down or shut if it is so at the end."""

    def __init__(self, task: Task, also: Callable[[World], None] | None = None) -> None:
        self._sentences, self._subtasks, self._also = Sentences(task.scene), tuple(task.subtasks), also
        self._ever: set[str] = set()
        self.world: World | None = None

    def __call__(self, world: World) -> None:
        self.world = world
        self._ever |= {s for s in self._subtasks if s not in self._ever and self._sentences.holds(world, s)}
        if self._also is not None:
            self._also(world)

    def done(self) -> int:
        """How many of the subtasks."""
        if self.world is None:
            return 0
        lasting = [s for s in self._subtasks if s.startswith(("place", "close"))]
        kept = sum(s in self._ever and self._sentences.holds(self.world, s) for s in lasting)
        return kept + sum(s in self._ever for s in self._subtasks if s not in lasting)


class LongSuite(BasicSuite):
    name = "long"
    cells: tuple[str, ...] = tuple(TASKS)
    methods: tuple[str, ...] = ("ours", "fixed", "oracle", "subtask", "text")
    default_cells: tuple[str, ...] = ("two", "three", "taken", "moved")
    default_methods: tuple[str, ...] = ("ours", "fixed")
    episodes: Mapping[str, int] = {}
    default_episodes = 60
    in_parent = ()

    def check(self, settings: Settings) -> None:
        for name in ("objects", "scene"):
            if getattr(settings, name):
                raise InvalidValueError(f"--{name}: suite 'long' brings its own scenes; use suite 'basic'")
        if settings.task != "pick_place":
            raise InvalidValueError(f"--task {settings.task}: in suite 'long' a cell is a task; use --cell")
        super().check(settings)
        for method in settings.methods:
            long_refs(settings, method)

    def seeds(self, settings: Settings, cell: str, count: int) -> Sequence[int]:
        # What is disturbed are the scenes of "two": what the disturbance costs is a paired difference. What
        # is novel has the seeds of what is not.
        place = "two" if cell in KINDS else cell.removeprefix(NOVEL) or "two"
        first = _FIRST + self.cells.index(place) * _APART // 2
        if count + settings.seed > _APART // 2:
            raise InvalidValueError(
                f"--seed {settings.seed}, {count} episodes: a cell has {_APART // 2} seeds"
            )
        return seeds_of(settings, count, first)

    def refs(self, settings: Settings, method: str) -> Refs:
        return long_refs(settings, method)

    def opener(self, cell: str) -> Callable[[Settings], Callable[[Job], Record]]:
        return open_long

    def measure(self, settings: Settings, out: Path, progress: Progress) -> list[Cell]:
        """The cells, then each task over known and novel scenes together where both were run."""
        found = self.collect(settings, out, progress)
        records = {(cell, method): mine for cell, method, mine in found}
        both = [
            (f"{cell} + {NOVEL}{cell}", method, [*mine, *records[NOVEL + cell, method]])
            for cell, method, mine in found
            if (NOVEL + cell, method) in records
        ]
        return [self._cell(*each) for each in (*found, *both)]

    def describe(self, records: Sequence[Record]) -> Cell:
        cell = super().describe(records)
        shares = [float(str(r["progress"])) for r in records]
        told: Cell = {"progress": round(float(np.mean(shares)), 3) if shares else None}
        told["progress_interval"] = list(share_interval(records))
        told["subtasks_tried"] = round(
            float(np.mean([len(_listed(r["subtasks"])) for r in records] or [0])), 2
        )
        if any("disturbed" in r for r in records):
            told["disturbed"] = sum(bool(r.get("disturbed")) for r in records)
        return {**told, **{k: v for k, v in cell.items() if k != "grasped"}}


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []


def share_interval(records: Sequence[Record]) -> tuple[float, float]:
    """95 % interval of the mean share of subtasks done: Wilson's, with the number of episodes that the spread
    of their shares is worth, for the subtasks of one episode fail together."""
    shares = np.array([float(str(r["progress"])) for r in records])
    if len(shares) == 0:
        return 0.0, 1.0
    p, variance = float(shares.mean()), float(shares.var())
    # A share varies less than a success: as much as a mean of this many independent ones.
    worth = max(1.0, p * (1 - p) / variance) if variance > 0 else 1.0
    n, z = worth * len(shares), float(norm.ppf(0.975))
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return float((middle - half) / (1 + z * z / n)), float((middle + half) / (1 + z * z / n))


def in_vain(task: Task) -> int:
    """How many drawers may have to be opened before the one with the thing that ``task`` is about."""
    return task.scene.drawers - 1 if isinstance(task, Search) else 0


def fair_budget(task: Task, *, meddled: bool = False) -> Budget:
    """How often and how long ``task`` may be tried; ``meddled``: something in it is undone meanwhile."""
    # What is undone has to be done again: a grasp and a place more. A search may open drawers in vain.
    fair = len(task.subtasks) + 2 * meddled + in_vain(task)
    return Budget(max_subtasks=TRIES * fair, seconds=SECONDS * fair)


def open_long(settings: Settings) -> Callable[[Job], Record]:
    """One process of one thread; models are loaded once, an episode starts with an empty memory."""
    one_thread()
    import torch

    torch.set_num_threads(1)
    stacks: dict[str, Stack] = {}

    def run(job: Job) -> Record:
        if job.method not in stacks:
            stacks[job.method] = Stack(long_refs(settings, job.method))
        task = long_task(job.cell, job.seed)
        meddler = None
        if job.cell in KINDS and isinstance(task, Several):
            meddler = Disturbance(job.cell, task.targets, job.seed)
        tally, count = Tally(task, meddler), len(task.subtasks)
        budget = fair_budget(task, meddled=meddler is not None)
        record = stacks[job.method].run(task, meddle=tally, budget=budget)
        record["progress"] = tally.done() / count
        if meddler is None:
            return record
        if not record["success"] and tally.world is not None and meddler.ignored(tally.world):
            record["failure"] = "not brought back" if job.cell == "taken" else "left where it was moved to"
        return {**record, "disturbed": bool(meddler.label)}

    return run
