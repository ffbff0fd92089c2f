"""Cell ``learned`` of suite ``memory``: second attempts of the loop with its learned parts.

"Put my mug in the tray", and there are three mugs. Nobody told which one is meant, so the first attempt
asks, and the arm holds still; then the user says it, and the same errand is tried again in the same scene.
Detector, world model, executor and switcher are those of the other suites, the planner is ``memory``.
``no-memory`` is told the same and keeps nothing. ``success`` is that of the second attempt.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Self, TypeVar

import numpy as np

from robomemory.planning.manipulation import TABLETOP
from robomemory.planning.planner import MemoryPlanner
from vista.assembly import Refs, loading
from vista.learning.splits import load_splits
from vista.loop import Budget
from vista.planner.symbolic.planner import engine
from vista.types import EpisodeResult
from vista_bench.episode import BUDGET, EpisodeRun, EpisodeRunner, subtask_rows
from vista_bench.jobs import EpisodeJob
from vista_bench.results import Counted, Episode, failed_seeds, rate
from vista_bench.suites.base import BenchSettings, Cell, Opener
from vista_bench.suites.basic import SceneSuite, one_torch_thread
from vista_bench.suites.memory.lifelong import paired_difference
from vista_sim.tasks import Choice, Task, make_task

Row = tuple[str | int | float | bool, ...]
ATTEMPTS = 2
ALIKE = 3
"""So many things bear the noun that the user says."""


@dataclass(frozen=True, slots=True)
class Meant:
    """One errand: the user says "my ``noun``" and means ``label``, one of the things ``alike``; ``other`` is
    another thing on the table."""

    noun: str
    label: str
    alike: tuple[str, ...]
    other: str

    @property
    def instruction(self) -> str:
        return f"put my {self.noun} in the tray"

    @property
    def tells(self) -> str:
        """The user's words after an attempt."""
        return f"my {self.noun} is the {self.label}"

    def task(self, seed: int) -> Task:
        """Pick and place of the meant thing, in the scene of ``seed``, on a table of the demonstrations."""
        choice = Choice((*self.alike, self.other), load_splits().demo_patterns, distractors=ALIKE)
        task = make_task("pick_place", seed, choice, self.label)
        task.instruction = self.instruction
        return task


def draw_meant(seed: int) -> Meant:
    """The errand, drawn from ``seed`` among the objects of the demonstrations and the novel ones."""
    splits = load_splits()
    rng = np.random.default_rng([seed, 7])
    nouns = sorted({label.split()[1] for label in splits.demo_objects})
    noun, strange = (str(n) for n in rng.choice(nouns, 2, replace=False))
    known = [o for o in (*splits.demo_objects, *splits.novel_objects) if o.split()[1] == noun]
    alike = tuple(str(label) for label in rng.choice(known, ALIKE, replace=False))
    other = next(o for o in splits.demo_objects if o.split()[1] == strange)
    return Meant(noun, alike[int(rng.integers(ALIKE))], alike, other)


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoAttempts(Episode):
    """Two attempts at one errand; ``success`` is that of the second. ``failures``, ``causes`` and
    ``subtasks`` (sentence, state, reason and score of each) have one entry an attempt."""

    attempt_1: bool
    attempt_2: bool
    failures: tuple[str, ...]
    causes: tuple[str, ...]
    subtasks: tuple[tuple[Row, ...], ...] = ()

    @classmethod
    def of(cls, tries: Sequence[EpisodeRun]) -> Self:
        """The two ``tries``."""
        first, second = tries
        return cls(
            success=second.truth.success,
            attempt_1=first.truth.success,
            attempt_2=second.truth.success,
            failures=tuple(each.truth.failure for each in tries),
            causes=tuple(each.result.cause for each in tries),
            subtasks=tuple(
                tuple((row.text, row.state, row.reason, row.score) for row in subtask_rows(each.result))
                for each in tries
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedEpisode(TwoAttempts):
    """``meant``: the thing that the user meant; ``right_thing_1``, ``right_thing_2``: whether an attempt
    began with it."""

    meant: str = ""
    right_thing_1: bool = False
    right_thing_2: bool = False


class LearnedCell(SceneSuite[LearnedEpisode]):
    name = "memory"
    kind = LearnedEpisode
    cells = ("learned",)
    methods = ("full", "no-memory")
    default_cells = cells
    default_methods = methods
    default_episodes = 20

    def refs(self, settings: BenchSettings, method: str) -> Refs:
        return replace(settings.refs, planner="memory")

    def opener(self, cell: str) -> Opener[LearnedEpisode]:
        return open_learned

    def describe(self, found: Sequence[Counted[LearnedEpisode]]) -> Cell:
        """Both attempts, their paired difference, and how often the second went for the meant thing."""
        return {**two_attempts(found), "right_thing_2": sum(each.episode.right_thing_2 for each in found)}


A = TypeVar("A", bound=TwoAttempts)


def two_attempts(found: Sequence[Counted[A]]) -> Cell:
    """``attempt_1`` and ``attempt_2`` of ``found`` and their paired difference, with 95 % intervals."""
    first, second = [e.episode.attempt_1 for e in found], [e.episode.attempt_2 for e in found]
    gained = sum(b and not a for a, b in zip(first, second, strict=True))
    lost = sum(a and not b for a, b in zip(first, second, strict=True))
    return {
        "attempt_1": rate(first),
        "attempt_2": rate(second),
        "difference_2_minus_1": list(paired_difference(gained, lost, len(found))),
        "failed_seeds": failed_seeds(found),
    }


def attempts(
    runner: EpisodeRunner,
    task: Task,
    job: EpisodeJob,
    after: Callable[[str], None] = lambda folder: None,
    budget: Budget = BUDGET,
) -> list[EpisodeRun]:
    """Each attempt at ``task`` over a memory that begins empty; ``after`` each one gets its folder. Method
    ``no-memory`` has none."""
    place: AbstractContextManager[str | None] = (
        tempfile.TemporaryDirectory(prefix="attempts-") if job.method == "full" else nullcontext()
    )
    tries: list[EpisodeRun] = []
    with place as folder:
        for _ in range(ATTEMPTS):
            tries.append(runner.run(task, seed=job.seed, memory_folder=folder, budget=budget))
            if folder is not None:
                after(folder)
    return tries


def open_learned(settings: BenchSettings) -> Callable[[EpisodeJob], LearnedEpisode]:
    """One process: models are loaded once; each seed begins with an empty memory of its own."""
    one_torch_thread()
    runner = EpisodeRunner(replace(settings.refs, planner="memory"))

    def run(job: EpisodeJob) -> LearnedEpisode:
        meant = draw_meant(job.seed)
        tries = attempts(runner, meant.task(job.seed), job, lambda folder: _tell(folder, meant))
        right = [_went_for(each.result, meant.label) for each in tries]
        return replace(
            LearnedEpisode.of(tries), meant=meant.label, right_thing_1=right[0], right_thing_2=right[1]
        )

    return run


def _tell(folder: str, meant: Meant) -> None:
    """The user tells the meant thing, a second after the newest record."""
    with loading.open_memory(folder) as memory:
        now = max((record.stamp_ns for record in memory.records()), default=0) + 10**9
        MemoryPlanner(TABLETOP, engine(), memory).hear(meant.tells, now)


def _went_for(result: EpisodeResult, label: str) -> bool:
    """Whether the first subtask of an attempt was about ``label``."""
    skill = result.subtasks[0].subtask.skill if result.subtasks else None
    return skill is not None and skill.thing == label
