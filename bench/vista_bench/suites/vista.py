"""Suite ``vista``: the paper's columns, from the table of the demonstrations to what nobody has seen.

Cells, after arXiv 2602.10983, section V (all by ``config/splits.yaml``): ``basic``; ``distractor``, other
things around a known one; ``target``, an unknown thing among known ones; ``novel``, every unknown object on
every unknown table, three rollouts each; ``heldout``, what the *world model* has not seen either:
combinations of colour and shape, whole shapes, table patterns.

Methods: ``ours``, the learned loop, whose executor goes by the imagined image alone (the paper's "goal");
``oracle``, the same with the simulator's true goal images, the ceiling of whatever a world model could add;
``named``, an executor that is told the subtask's sentence, too, as the paper's is; and the baselines,
executors of the same structure and training: ``subtask``, the subtask's sentence without an image; ``text``,
the whole instruction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from vista.errors import InvalidValueError
from vista.learning.workers import one_thread
from vista.switcher.timing import Switch, agreement
from vista_bench.episode import Refs, Stack
from vista_bench.results import Record, wilson
from vista_bench.suites.base import Cell, Job, Settings, seeds_of
from vista_bench.suites.basic import BasicSuite
from vista_bench.suites.methods import APART, episode_task, index_of, meeting, vista_refs
from vista_bench.truth import NEAR_M


class VistaSuite(BasicSuite):
    name = "vista"
    cells: tuple[str, ...] = ("basic", "distractor", "target", "novel", "heldout")
    methods: tuple[str, ...] = ("ours", "oracle", "named", "subtask", "text")
    default_cells: tuple[str, ...] = cells
    default_methods: tuple[str, ...] = ("ours", "oracle")
    episodes: Mapping[str, int] = {"novel": 189, "heldout": 180}
    default_episodes = 45
    in_parent = ()
    paged = True

    def check(self, settings: Settings) -> None:
        super().check(settings)
        for name in ("objects", "scene"):
            if getattr(settings, name):
                raise InvalidValueError(f"--{name}: suite 'vista' brings its own scenes; use suite 'basic'")
        for method in settings.methods:
            vista_refs(settings, method)
        if settings.task != "pick_place":
            raise InvalidValueError(f"--task {settings.task}: suite 'vista' is about pick_place")

    def seeds(self, settings: Settings, cell: str, count: int) -> Sequence[int]:
        first = self.cells.index(cell) * APART if cell else 0
        if count + settings.seed > APART:
            raise InvalidValueError(f"--seed {settings.seed}, {count} episodes: a cell has {APART} seeds")
        return seeds_of(settings, count, first)

    def refs(self, settings: Settings, method: str) -> Refs:
        return vista_refs(settings, method)

    def opener(self, cell: str) -> Callable[[Settings], Callable[[Job], Record]]:
        return open_vista

    def page(self, settings: Settings, out: Path, report: Mapping[str, object], folder: Path) -> Path:
        from vista_bench.suites.episode_pages import make_page

        return make_page(settings, report, partial(self.seeds, settings), folder)

    def describe(self, records: Sequence[Record]) -> Cell:
        cell = super().describe(records)
        del cell["seconds_median"]
        n = max(1, len(records))
        approached = sum(float(str(r["nearest_m"])) <= NEAR_M for r in records)
        grasped = sum(bool(r["grasped"]) for r in records)
        groups = {}
        for group in dict.fromkeys(str(r["group"]) for r in records if r["group"]):
            mine = [bool(r["success"]) for r in records if r["group"] == group]
            low, high = wilson(sum(mine), len(mine))
            groups[group] = f"{sum(mine)}/{len(mine)} ({low:.0%}-{high:.0%})"
        switches = agreement(Switch(*s) for r in records for s in _listed(r.get("switches")))
        return {
            "approach_rate": round(approached / n, 3),
            "grasp_rate": round(grasped / n, 3),
            "switch_precision": round(switches.precision, 3) if switches.said else None,
            "switch_recall": round(switches.recall, 3) if switches.true else None,
            **({"groups": groups} if groups else {}),
            **{k: v for k, v in cell.items() if k != "grasped"},
        }


def _listed(value: object) -> list[list[Any]]:
    return value if isinstance(value, list) else []


def open_vista(settings: Settings) -> Callable[[Job], Record]:
    """One process of one thread; models are loaded once, an episode starts with an empty memory."""
    one_thread()
    import torch

    torch.set_num_threads(1)
    stacks: dict[str, Stack] = {}

    def run(job: Job) -> Record:
        if job.method not in stacks:
            stacks[job.method] = Stack(vista_refs(settings, job.method))
        met = meeting(job.cell, index_of(settings, job), job.seed)
        record = stacks[job.method].run(episode_task(settings, job))
        return {**record, "target": met.target, "group": met.group}

    return run
