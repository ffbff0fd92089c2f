"""Cell ``learned`` of suite ``memory``: second attempts of the loop with its learned parts.

"Put my mug in the tray", and there are three mugs. Nobody told which one is meant, so the first attempt
guesses; then the user says it, and the same errand is tried again in the same scene. Detector, world model,
executor and switcher are those of the other suites, the planner is ``memory``. ``no-memory`` is told the same
and keeps nothing. ``success`` is that of the second attempt.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import numpy as np

from robomemory.planning.manipulation import TABLETOP
from robomemory.planning.planner import MemoryPlanner
from vista.assembly import loading
from vista.learning.splits import load_splits
from vista.learning.workers import one_thread
from vista.loop.run import Budget
from vista.planner.symbolic.planner import engine
from vista_bench.episode import BUDGET, Refs, Stack
from vista_bench.results import Record, wilson
from vista_bench.suites.base import Cell, Job, Settings
from vista_bench.suites.basic import BasicSuite
from vista_bench.suites.memory.lifelong import paired_difference
from vista_sim.tasks import Choice, Task, make_task

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
        """What the user says after an attempt."""
        return f"my {self.noun} is the {self.label}"

    def task(self, seed: int) -> Task:
        """Pick and place of what is meant, in the scene of ``seed``, on a table of the demonstrations."""
        choice = Choice((*self.alike, self.other), load_splits().demo_patterns, distractors=ALIKE)
        task = make_task("pick_place", seed, choice, self.label)
        task.instruction = self.instruction
        return task


def draw_meant(seed: int) -> Meant:
    """What the user means, drawn from ``seed`` among the objects of the demonstrations and the novel ones."""
    splits = load_splits()
    rng = np.random.default_rng([seed, 7])
    nouns = sorted({label.split()[1] for label in splits.demo_objects})
    noun, strange = (str(n) for n in rng.choice(nouns, 2, replace=False))
    known = [o for o in (*splits.demo_objects, *splits.novel_objects) if o.split()[1] == noun]
    alike = tuple(str(label) for label in rng.choice(known, ALIKE, replace=False))
    other = next(o for o in splits.demo_objects if o.split()[1] == strange)
    return Meant(noun, alike[int(rng.integers(ALIKE))], alike, other)


class LearnedCell(BasicSuite):
    name = "memory"
    cells = ("learned",)
    methods = ("full", "no-memory")
    default_cells = cells
    default_methods = methods
    episodes: Mapping[str, int] = {}
    default_episodes = 20
    in_parent = ()

    def refs(self, settings: Settings, method: str) -> Refs:
        return replace(settings.refs, planner="memory")

    def opener(self, cell: str) -> Callable[[Settings], Callable[[Job], Record]]:
        return open_learned

    def describe(self, records: Sequence[Record]) -> Cell:
        """Both attempts, their paired difference, and how often the second went for what was meant."""
        return {**two_attempts(records), "right_thing_2": sum(bool(r["right_thing_2"]) for r in records)}


def two_attempts(records: Sequence[Record]) -> Cell:
    """``attempt_1`` and ``attempt_2`` of ``records`` and their paired difference, with 95 % intervals."""
    shown: Cell = {}
    for name in ("attempt_1", "attempt_2"):
        good = sum(bool(r[name]) for r in records)
        shown[name] = [good / len(records), *wilson(good, len(records))] if records else None
    gained = sum(bool(r["attempt_2"]) and not r["attempt_1"] for r in records)
    lost = sum(bool(r["attempt_1"]) and not r["attempt_2"] for r in records)
    shown["difference_2_minus_1"] = list(paired_difference(gained, lost, len(records)))
    shown["failed_seeds"] = [r["seed"] for r in records if not r["success"]]
    return shown


def attempts(
    stack: Stack,
    task: Task,
    job: Job,
    after: Callable[[str], None] = lambda folder: None,
    budget: Budget = BUDGET,
) -> list[dict[str, object]]:
    """What came of each attempt at ``task`` over a memory that begins empty; ``after`` each one gets its
    folder. Method ``no-memory`` has none."""
    place: AbstractContextManager[str | None] = (
        tempfile.TemporaryDirectory(prefix="attempts-") if job.method == "full" else nullcontext()
    )
    tries: list[dict[str, object]] = []
    with place as folder:
        for _ in range(ATTEMPTS):
            tries.append(stack.run(task, seed=job.seed, memory_folder=folder, budget=budget))
            if folder is not None:
                after(folder)
    return tries


def outcomes(tries: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """What a record keeps of all ``tries``; ``success`` is that of the last."""
    return {
        "success": tries[-1]["success"],
        **{f"attempt_{n}": each["success"] for n, each in enumerate(tries, 1)},
        "failures": [each["failure"] for each in tries],
        "causes": [each["cause"] for each in tries],
        "subtasks": [each["subtasks"] for each in tries],
    }


def open_learned(settings: Settings) -> Callable[[Job], Record]:
    """One process: models are loaded once; each seed begins with an empty memory of its own."""
    one_thread()
    import torch

    torch.set_num_threads(1)
    stack = Stack(replace(settings.refs, planner="memory"))

    def run(job: Job) -> Record:
        meant = draw_meant(job.seed)
        task = meant.task(job.seed)
        tries = attempts(stack, task, job, lambda folder: _tell(folder, meant))
        return {
            "meant": meant.label,
            **outcomes(tries),
            **{f"right_thing_{n}": _went_for(each, meant.label) for n, each in enumerate(tries, 1)},
        }

    return run


def _tell(folder: str, meant: Meant) -> None:
    """The user says what was meant, a second after the last thing that is remembered."""
    with loading.open_memory(folder) as memory:
        now = max((record.stamp_ns for record in memory.records()), default=0) + 10**9
        MemoryPlanner(TABLETOP, engine(), memory).hear(meant.tells, now)


def _went_for(tried: Mapping[str, object], label: str) -> bool:
    """Whether the first subtask of an attempt was about ``label``."""
    subtasks = tried["subtasks"]
    assert isinstance(subtasks, list)
    return bool(subtasks) and label in str(subtasks[0][0])
