"""Suite ``vista``: the paper's columns, from the table of the demonstrations to what nobody has seen.

Cells, after arXiv 2602.10983, section V (all by ``config/splits.yaml``): ``basic``; ``distractor``, other
things around a known one; ``target``, an unknown thing among known ones; ``novel``, every unknown object on
every unknown table, three rollouts each; ``heldout``, what the *world model* has not seen either:
combinations of colour and shape, whole shapes, table patterns.

Methods: ``ours``, the learned loop; ``oracle``, the same with the simulator's true goal images, the ceiling
of whatever a world model could add; and the baselines, executors of the same structure and training that are
shown and told less: ``goal``, an imagined image without words; ``subtask``, the subtask's sentence without an
image; ``text``, the whole instruction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vista.cli.episode import Refs, Stack
from vista.cli.results import Record, wilson
from vista.cli.suites.base import Cell, Job, Settings
from vista.cli.suites.basic import BasicSuite
from vista.cli.truth import NEAR_M
from vista.cli.workers import one_thread
from vista.errors import ConfigError, InvalidValueError
from vista.executor.methods import METHODS
from vista.resources import resource_path
from vista.splits import Splits, load_splits
from vista.switcher.timing import Switch, agreement
from vista_sim.tasks import Choice, Task, make_task

DISTRACTORS = 3
ROLLOUTS = 3
_APART = 1000  # seeds between the cells: no two of them meet the same scene


@dataclass(frozen=True, slots=True)
class Meeting:
    """What one episode meets: the ``target``, what the others are drawn from, the table ``patterns``;
    ``group`` tells apart what one cell puts together."""

    target: str
    others: tuple[str, ...]
    patterns: tuple[str, ...]
    group: str = ""


def meeting(cell: str, index: int, seed: int, splits: Splits | None = None) -> Meeting:
    """What episode ``index`` of ``cell`` meets; draws that are not counted through come from ``seed``."""
    splits = splits or load_splits()
    rng = np.random.default_rng(seed + 4 * 10**6)
    known, novel = splits.demo_objects, splits.novel_objects
    if cell == "basic":
        return Meeting(known[index % len(known)], known, splits.demo_patterns)
    if cell == "distractor":
        swapped = 1 + index % DISTRACTORS
        target = known[index % len(known)]
        kept = rng.permutation([k for k in known if k != target])[: DISTRACTORS - swapped]
        strange = rng.permutation(list(novel))[:swapped]
        return Meeting(target, tuple(str(s) for s in (*kept, *strange)), splits.demo_patterns)
    if cell == "target":
        unseen = [novel[i] for i in np.linspace(0, len(novel) - 1, 5).round().astype(int)]
        return Meeting(unseen[index % 5], known, splits.demo_patterns)
    if cell == "novel":
        pattern = splits.novel_patterns[index // len(novel) % len(splits.novel_patterns)]
        return Meeting(novel[index % len(novel)], novel, (pattern,))
    if cell == "heldout":
        turn, kind = index // 3, index % 3
        if kind == 0:
            combinations = splits.heldout_combinations
            target = combinations[turn % len(combinations)]
            return Meeting(target, splits.world_objects, splits.novel_patterns, "combination")
        if kind == 1:
            shape = splits.heldout_shapes[turn % len(splits.heldout_shapes)]
            colour = splits.colours[turn // len(splits.heldout_shapes) % len(splits.colours)]
            return Meeting(f"{colour} {shape}", splits.world_objects, splits.novel_patterns, "shape")
        pattern = splits.heldout_patterns[turn % len(splits.heldout_patterns)]
        return Meeting(novel[turn % len(novel)], novel, (pattern,), "pattern")
    raise InvalidValueError(f"cell {cell!r}: no such cell")


def meeting_task(cell: str, index: int, seed: int) -> Task:
    """The pick-and-place task of one episode."""
    met = meeting(cell, index, seed)
    choice = Choice(tuple(dict.fromkeys((met.target, *met.others))), met.patterns, distractors=DISTRACTORS)
    return make_task("pick_place", seed, choice, met.target)


def _index(settings: Settings, job: Job) -> int:
    return (job.seed - load_splits().seed(settings.split, 0)) % _APART


def episode_task(settings: Settings, job: Job) -> Task:
    """The task of ``job``: the same one whenever it is asked for."""
    return meeting_task(job.cell, _index(settings, job), job.seed)


class VistaSuite(BasicSuite):
    name = "vista"
    cells: tuple[str, ...] = ("basic", "distractor", "target", "novel", "heldout")
    methods: tuple[str, ...] = ("ours", "oracle", "goal", "subtask", "text")
    default_cells: tuple[str, ...] = cells
    default_methods: tuple[str, ...] = ("ours", "oracle")
    episodes: Mapping[str, int] = {"novel": 189, "heldout": 180}
    default_episodes = 45
    in_parent = ()

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
        first = self.cells.index(cell) * _APART if cell else 0
        if count + settings.seed > _APART:
            raise InvalidValueError(f"--seed {settings.seed}, {count} episodes: a cell has {_APART} seeds")
        return [load_splits().seed(settings.split, first + settings.seed + i) for i in range(count)]

    def refs(self, settings: Settings, method: str) -> Refs:
        return vista_refs(settings, method)

    def opener(self, cell: str) -> Callable[[Settings], Callable[[Job], Record]]:
        return open_vista

    def page(self, settings: Settings, out: Path, report: Mapping[str, object], folder: Path) -> Path:
        from vista.cli.suites.showing import make_page

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
            "switch_precision": round(switches.precision, 3),
            "switch_recall": round(switches.recall, 3),
            **({"groups": groups} if groups else {}),
            **{k: v for k, v in cell.items() if k != "grasped"},
        }


def _listed(value: object) -> list[list[Any]]:
    return value if isinstance(value, list) else []


def vista_refs(settings: Settings, method: str) -> Refs:
    """The parts that ``method`` uses.

    Raises:
        ConfigError: a baseline that has not been trained.
    """
    refs = settings.refs
    if method in ("ours", "oracle"):
        return replace(refs, world_model="oracle") if method == "oracle" else refs
    folder = resource_path("models").parent / METHODS[method].folder
    if not (folder / "config.json").is_file():
        how = f"vista train executor --method {method}"
        raise ConfigError(f"method {method!r}: no weights in {folder}; {how} makes them")
    # Without a goal image nothing needs to be imagined: the world model that says "as it is" costs nothing.
    blind = {} if METHODS[method].goal_image else {"world_model": "mock"}
    whole = {"planner": "whole"} if METHODS[method].told == "instruction" else {}
    return replace(refs, policy=str(folder), **blind, **whole)


def open_vista(settings: Settings) -> Callable[[Job], Record]:
    """One process of one thread; models are loaded once, an episode starts with an empty memory."""
    one_thread()
    import torch

    torch.set_num_threads(1)
    stacks: dict[str, Stack] = {}

    def run(job: Job) -> Record:
        if job.method not in stacks:
            stacks[job.method] = Stack(vista_refs(settings, job.method))
        met = meeting(job.cell, _index(settings, job), job.seed)
        record = stacks[job.method].run(episode_task(settings, job))
        return {**record, "target": met.target, "group": met.group}

    return run
