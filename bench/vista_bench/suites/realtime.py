"""Suite ``realtime``: what a slow executor costs, and what planning while moving gives back.

Cells are the latency between an observation and its chunk, injected in robot time. Methods: ``synchronous``,
the arm waits for every chunk; ``asynchronous``, the last chunk goes on while the next is planned for where
the arm will be by then (:mod:`vista.executor.latency_compensation`). Each of the others leaves one thing more out of that:
``unbraked``, the arm comes as fast to where a plan ends as if it were not late; ``unsettled``, fingers move
by what was seen on the way, too; ``unforeseen``, chunks are planned for where the arm is when they are asked
for; ``unfaded``, the arm leaps from plan to plan. Scenes are those of suite ``basic``, so every cell and
method meets the same seeds: ``difference`` is paired, against ``synchronous`` at 0 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from vista.executor.latency_compensation import FADE_ROWS, late_policy
from vista.learning.workers import one_thread
from vista.protocols import Policy
from vista_bench.episode import Stack
from vista_bench.results import Record
from vista_bench.suites.base import Cell, Job, Progress, Settings
from vista_bench.suites.basic import BasicSuite
from vista_sim.scenes.task_scenes import scene_task

LATENCIES_MS = (0, 100, 300, 1000)
LEFT_OUT: Mapping[str, dict[str, bool]] = {
    "unbraked": {"brakes": False},
    "unsettled": {"brakes": False, "settles": False},
    "unforeseen": {"brakes": False, "settles": False, "foresees": False},
    "unfaded": {"brakes": False, "settles": False, "foresees": False, "fades": False},
}
BASE = ("0ms", "synchronous")


class RealtimeSuite(BasicSuite):
    name = "realtime"
    cells: tuple[str, ...] = tuple(f"{ms}ms" for ms in LATENCIES_MS)
    methods: tuple[str, ...] = ("synchronous", "asynchronous", *LEFT_OUT)
    default_cells: tuple[str, ...] = cells
    default_methods: tuple[str, ...] = ("synchronous", "asynchronous")
    episodes: Mapping[str, int] = {}
    default_episodes = 100
    in_parent: tuple[str, ...] = ()

    def identity(self, settings: Settings, cell: str, method: str) -> Mapping[str, object]:
        return {**super().identity(settings, cell, "imagined"), "late": [cell, method, FADE_ROWS]}

    def opener(self, cell: str) -> Callable[[Settings], Callable[[Job], Record]]:
        return open_late

    def measure(self, settings: Settings, out: Path, progress: Progress) -> list[Cell]:
        """Run what is missing, sum up, and compare with the base where that was run."""
        found = self.collect(settings, out, progress)
        base = next((records for cell, method, records in found if (cell, method) == BASE), None)
        return [
            {**self._cell(cell, method, records), **compared(records, base)}
            for cell, method, records in found
        ]

    def describe(self, records: Sequence[Record]) -> Cell:
        def median(name: str) -> float:
            return round(float(np.median([float(str(r[name])) for r in records])), 2)

        cell = super().describe(records)
        return {
            "jerk_m_s3": median("jerk"),
            "idle_s": median("idle_s"),
            "seconds": median("seconds"),
            "failures": cell["failures"],
            "failed_seeds": cell["failed_seeds"],
        }


def compared(records: Sequence[Record], base: Sequence[Record] | None) -> Cell:
    """The paired difference of the success rates, in points, with its 95 % interval; empty without a base."""
    if base is None or len(base) != len(records) or not records:
        return {}
    pairs = np.array(
        [float(bool(a["success"])) - float(bool(b["success"])) for a, b in zip(records, base, strict=True)]
    )
    mean, half = (
        float(pairs.mean()),
        float(1.96 * pairs.std(ddof=1) / np.sqrt(len(pairs))) if len(pairs) > 1 else 1.0,
    )
    return {
        "difference": f"{100 * mean:+.1f} ({100 * (mean - half):+.1f} to {100 * (mean + half):+.1f})",
    }


def late(cell: str, method: str) -> tuple[Callable[[Policy], Policy], int]:
    """What is put around the policy, and how many rows of its chunks are carried out."""
    latency_s = int(cell.removesuffix("ms")) * 1e-3
    return late_policy(latency_s, waits=method == "synchronous", **LEFT_OUT.get(method, {}))


def open_late(settings: Settings) -> Callable[[Job], Record]:
    """One process of one thread; an episode starts with an empty memory."""
    one_thread()
    import torch

    torch.set_num_threads(1)
    stacks: dict[tuple[str, str], Stack] = {}

    def run(job: Job) -> Record:
        key = (job.cell, job.method)
        if key not in stacks:
            wrap, rows = late(*key)
            stacks[key] = Stack(settings.refs, wrap=wrap, execute_rows=rows)
        task = scene_task(settings.task, job.seed, objects=settings.objects, scene=settings.scene)
        return stacks[key].run(task)

    return run
