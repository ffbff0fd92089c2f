"""The paper's columns: which scene an episode meets, and which parts a method uses.

See :mod:`vista_bench.suites.vista` for the cells and methods.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vista.assembly import Refs
from vista.errors import ConfigError, InvalidValueError
from vista.executor.methods import METHODS
from vista.files.resources import resource_path
from vista.learning.splits import Splits, load_splits
from vista_bench.jobs import EpisodeJob
from vista_bench.suites.base import BenchSettings
from vista_sim.scenes.table import DEFAULT_ROBOT, table_of
from vista_sim.tasks import Choice, Task, make_task

DISTRACTORS = 3
APART = 1000  # seeds between the cells: no two of them meet the same scene


@dataclass(frozen=True, slots=True)
class Meeting:
    """What one episode meets: the ``target``, the labels from which the ``others`` are drawn, the table
    ``patterns``; ``group`` tells apart the kinds that one cell puts together."""

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


def meeting_task(cell: str, index: int, seed: int, robot: str | Path = DEFAULT_ROBOT) -> Task:
    """The pick-and-place task of one episode, before the arm of the contract ``robot``."""
    met = meeting(cell, index, seed)
    labels = tuple(dict.fromkeys((met.target, *met.others)))
    choice = Choice(labels, met.patterns, distractors=DISTRACTORS, table=table_of(robot))
    return make_task("pick_place", seed, choice, met.target)


def index_of(settings: BenchSettings, job: EpisodeJob) -> int:
    """Which episode of its cell ``job`` is."""
    return (job.seed - load_splits().seed(settings.split, 0)) % APART


def episode_task(settings: BenchSettings, job: EpisodeJob) -> Task:
    """The task of ``job``: the same one whenever it is asked for."""
    return meeting_task(job.cell, index_of(settings, job), job.seed, settings.refs.robot)


def vista_refs(settings: BenchSettings, method: str) -> Refs:
    """The parts that ``method`` uses; the planner is the paper's, the learned head alone.

    Raises:
        ConfigError: a baseline that has not been trained.
    """
    refs = replace(settings.refs, planner=settings.refs.planner or "head")
    if method in ("ours", "oracle"):
        return replace(refs, world_model="oracle") if method == "oracle" else refs
    folder = resource_path("models").parent / METHODS[method].folder
    if not (folder / "config.json").is_file():
        how = f"vista train executor --method {method}"
        raise ConfigError(f"method {method!r}: no weights in {folder}; {how} makes them")
    # Without a goal image nothing needs to be imagined: the world model that shows the present costs nothing.
    blind = {} if METHODS[method].goal_image else {"world_model": "mock"}
    whole = {"planner": "whole"} if METHODS[method].told == "instruction" else {}
    return replace(refs, policy=str(folder), **blind, **whole)
