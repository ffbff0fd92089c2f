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

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.stats import norm

from vista.assembly import Refs
from vista.errors import InvalidValueError
from vista.executor.methods import METHODS
from vista.files.resources import resource_path
from vista.learning.splits import load_splits
from vista.loop import Budget
from vista.skill import Skill, Verb
from vista_bench.episode import EpisodeRunner, LoopEpisode
from vista_bench.jobs import BenchProgress, EpisodeJob
from vista_bench.results import Counted
from vista_bench.suites.base import BenchSettings, Cell, Opener, seeds_of
from vista_bench.suites.basic import SceneSuite, loop_cell, one_torch_thread
from vista_bench.suites.methods import vista_refs
from vista_sim.disturb import KINDS, Disturbance
from vista_sim.scenes.table import DEFAULT_ROBOT
from vista_sim.scenes.task_scenes import lab_choice
from vista_sim.skills import SceneSkills
from vista_sim.tasks import Task, make_task
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
NOVEL = {f"novel-{cell}": cell for cell in ("two", "stack", "drawer", "search", "mixed")}
"""{cell with objects and tables that no demonstration showed: the cell with the same task}."""
TASKS |= {novel: TASKS[cell] for novel, cell in NOVEL.items()}
_APART = 1000  # seeds between the cells: no two of them meet the same scene
_FIRST = 5000  # no seed of this suite is one of suite "vista"
TRIES, SECONDS = 3, 15.0
"""Each subtask of a task may be tried so often and take so long [s], on average."""


def long_task(cell: str, seed: int, robot: str | Path = DEFAULT_ROBOT) -> Task:
    """The task of one episode, with the objects and tables of the demonstrations, or with others, before the
    arm of the contract ``robot``."""
    splits, choice = load_splits(), lab_choice(robot=robot)
    if cell in NOVEL:
        choice = replace(choice, labels=splits.novel_objects, patterns=splits.novel_patterns)
    if TASKS[cell] == "several":
        return Several(seed, choice, count=3 if cell == "three" else 2)
    return make_task(TASKS[cell], seed, choice)


def long_refs(settings: BenchSettings, method: str) -> Refs:
    """The parts that ``method`` uses, with weights that learned the longer tasks, too, where there are any;
    ConfigError for a baseline that has not been trained."""
    refs = vista_refs(settings, "ours" if method == "fixed" else method)
    longer = METHODS["ours" if method in ("fixed", "oracle") else method].long_folder
    if settings.refs.policy is None and longer is not None:
        refs = replace(refs, policy=str(resource_path(longer)))
    if method == "text":
        return refs
    planner = "fixed" if method == "fixed" else settings.refs.planner
    return replace(refs, planner=planner)


class Tally:
    """Counts the skills of a task that were done; called with the world after every control step. A grasp or
    an open drawer counts if it was there at some moment, a placing or a shut drawer if it is so at the
    end."""

    def __init__(self, task: Task, also: Callable[[World], None] | None = None) -> None:
        self._skills, self._meaning, self._also = task.skills, SceneSkills(task.scene), also
        self._ever: set[Skill] = set()
        self.world: World | None = None

    def __call__(self, world: World) -> None:
        self.world = world
        self._ever |= {s for s in self._skills if s not in self._ever and self._meaning.holds(world, s)}
        if self._also is not None:
            self._also(world)

    def done(self) -> int:
        """How many of the skills."""
        if self.world is None:
            return 0
        lasting = [s for s in self._skills if s.verb in (Verb.PLACE, Verb.CLOSE)]
        kept = sum(s in self._ever and self._meaning.holds(self.world, s) for s in lasting)
        return kept + sum(s in self._ever for s in self._skills if s not in lasting)


@dataclass(frozen=True, slots=True, kw_only=True)
class LongEpisode(LoopEpisode):
    """``progress``: the share of the skills that were done [0, 1]; ``disturbed``: whether something was
    undone meanwhile, in cells where that may happen."""

    progress: float = 0.0
    disturbed: bool | None = None


class LongSuite(SceneSuite[LongEpisode]):
    name = "long"
    kind = LongEpisode
    cells: tuple[str, ...] = tuple(TASKS)
    methods: tuple[str, ...] = ("ours", "fixed", "oracle", "subtask", "text")
    default_cells: tuple[str, ...] = ("two", "three", "taken", "moved")
    default_methods: tuple[str, ...] = ("ours", "fixed")
    default_episodes = 60

    def check(self, settings: BenchSettings) -> None:
        for name in ("objects", "scene"):
            if getattr(settings, name):
                raise InvalidValueError(f"--{name}: suite 'long' brings its own scenes; use suite 'basic'")
        if settings.task != "pick_place":
            raise InvalidValueError(f"--task {settings.task}: in suite 'long' a cell is a task; use --cell")
        super().check(settings)
        for method in settings.methods:
            long_refs(settings, method)

    def seeds(self, settings: BenchSettings, cell: str, count: int) -> Sequence[int]:
        # The disturbed scenes are those of "two": the cost of a disturbance is a paired difference. A novel
        # cell has the seeds of the known one.
        place = "two" if cell in KINDS else NOVEL.get(cell, cell) or "two"
        first = _FIRST + self.cells.index(place) * _APART // 2
        if count + settings.seed > _APART // 2:
            raise InvalidValueError(
                f"--seed {settings.seed}, {count} episodes: a cell has {_APART // 2} seeds"
            )
        return seeds_of(settings, count, first)

    def refs(self, settings: BenchSettings, method: str) -> Refs:
        return long_refs(settings, method)

    def opener(self, cell: str) -> Opener[LongEpisode]:
        return open_long

    def measure(self, settings: BenchSettings, out: Path, progress: BenchProgress) -> list[Cell]:
        """The cells, then each task over known and novel scenes together where both were run."""
        found = self.collect(settings, out, progress)
        by_name = {(cell, method): mine for cell, method, mine in found}
        novel_of = {known: novel for novel, known in NOVEL.items()}
        both = [
            (f"{cell} + {novel}", method, [*mine, *by_name[novel, method]])
            for cell, method, mine in found
            if (novel := novel_of.get(cell, ""), method) in by_name
        ]
        return [self._cell(*each) for each in (*found, *both)]

    def describe(self, found: Sequence[Counted[LongEpisode]]) -> Cell:
        cell, episodes = loop_cell(found), [each.episode for each in found]
        shares = [episode.progress for episode in episodes]
        told: Cell = {"progress": round(float(np.mean(shares)), 3) if shares else None}
        told["progress_interval"] = list(share_interval(shares))
        told["subtasks_tried"] = round(float(np.mean([len(e.subtasks) for e in episodes] or [0])), 2)
        if any(episode.disturbed is not None for episode in episodes):
            told["disturbed"] = sum(bool(episode.disturbed) for episode in episodes)
        return {**told, **{k: v for k, v in cell.items() if k != "grasped"}}


def share_interval(found: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the mean of ``found``, shares of skills done: Wilson's, with the number of episodes
    that the spread of their shares is worth, for the skills of one episode fail together."""
    shares = np.array(found)
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
    return task.scene.drawers - 1 if task.hidden_in is not None else 0


def fair_budget(task: Task, *, meddled: bool = False) -> Budget:
    """How often and how long ``task`` may be tried; ``meddled``: something in it is undone meanwhile."""
    # A thing that is taken out has to be put back: a grasp and a place more. A search may open drawers in
    # vain.
    fair = len(task.skills) + 2 * meddled + in_vain(task)
    return Budget(max_subtasks=TRIES * fair, seconds=SECONDS * fair)


def open_long(settings: BenchSettings) -> Callable[[EpisodeJob], LongEpisode]:
    """One process of one thread; models are loaded once, an episode starts with an empty memory."""
    one_torch_thread()
    runners: dict[str, EpisodeRunner] = {}

    def run(job: EpisodeJob) -> LongEpisode:
        if job.method not in runners:
            runners[job.method] = EpisodeRunner(long_refs(settings, job.method))
        task = long_task(job.cell, job.seed, settings.refs.robot)
        meddler = Disturbance(job.cell, task.targets, job.seed) if job.cell in KINDS else None
        tally = Tally(task, meddler)
        budget = fair_budget(task, meddled=meddler is not None)
        episode = runners[job.method].run(task, meddle=tally, budget=budget).episode(LongEpisode)
        episode = replace(episode, progress=tally.done() / len(task.skills))
        if meddler is None:
            return episode
        if not episode.success and tally.world is not None and meddler.ignored(tally.world):
            why = "not brought back" if job.cell == "taken" else "left where it was moved to"
            episode = replace(episode, failure=why)
        return replace(episode, disturbed=bool(meddler.label))

    return run
