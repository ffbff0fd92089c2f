"""Suite ``realtime``: the cost of a slow executor, and the gain of planning while moving.

Cells are the latency between an observation and its chunk, injected in robot time. Methods: ``synchronous``,
the arm waits for every chunk; ``asynchronous``, the last chunk goes on while the next is planned for where
the arm will be by then (:mod:`vista.executor.latency_compensation`). Each of the others leaves out one thing
more: ``unbraked``, the arm comes as fast to where a plan ends as if it were not late; ``unsettled``, fingers
also move by images that were taken on the way; ``unforeseen``, chunks are planned for where the arm is when
they are asked for; ``unfaded``, the arm leaps from plan to plan. Scenes are those of suite ``basic``, so
every cell and method meets the same seeds: ``difference`` is paired, against ``synchronous`` at 0 ms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vista.assembly.parts import default_motion
from vista.executor.latency_compensation import FADE_ROWS, late_policy
from vista.protocols import Policy
from vista.robot.contract import load_robot
from vista_bench.episode import EpisodeRunner, LoopEpisode
from vista_bench.jobs import BenchProgress, EpisodeJob
from vista_bench.results import Counted
from vista_bench.suites.base import BenchSettings, Cell, Ending, Opener
from vista_bench.suites.basic import SceneSuite, loop_cell, one_torch_thread
from vista_sim.scenes.task_scenes import scene_task

LATENCIES_S = {f"{ms}ms": ms * 1e-3 for ms in (0, 100, 300, 1000)}
"""{cell: latency of the executor [s]}."""
LEFT_OUT: Mapping[str, dict[str, bool]] = {
    "unbraked": {"brakes": False},
    "unsettled": {"brakes": False, "settles": False},
    "unforeseen": {"brakes": False, "settles": False, "foresees": False},
    "unfaded": {"brakes": False, "settles": False, "foresees": False, "fades": False},
}
BASE = ("0ms", "synchronous")


class RealtimeSuite(SceneSuite[LoopEpisode]):
    name = "realtime"
    kind = LoopEpisode
    cells: tuple[str, ...] = tuple(LATENCIES_S)
    methods: tuple[str, ...] = ("synchronous", "asynchronous", *LEFT_OUT)
    default_cells: tuple[str, ...] = cells
    default_methods: tuple[str, ...] = ("synchronous", "asynchronous")
    default_episodes = 100

    def identity(self, settings: BenchSettings, cell: str, method: str) -> Mapping[str, object]:
        return {**super().identity(settings, cell, "imagined"), "late": [cell, method, FADE_ROWS]}

    def opener(self, cell: str) -> Opener[LoopEpisode]:
        return open_late

    def measure(self, settings: BenchSettings, out: Path, progress: BenchProgress) -> list[Cell]:
        """Run the missing episodes, sum up, and compare with the base where that was run."""
        found = self.collect(settings, out, progress)
        base = next((mine for cell, method, mine in found if (cell, method) == BASE), None)
        return [{**self._cell(cell, method, mine), **compared(mine, base)} for cell, method, mine in found]

    def describe(self, found: Sequence[Counted[LoopEpisode]]) -> Cell:
        def median(values: Sequence[float]) -> float:
            return round(float(np.median(values)), 2)

        cell, episodes = loop_cell(found), [each.episode for each in found]
        return {
            "jerk_m_s3": median([episode.jerk for episode in episodes]),
            "idle_s": median([episode.idle_s for episode in episodes]),
            "seconds": median([episode.seconds for episode in episodes]),
            "failures": cell["failures"],
            "failed_seeds": cell["failed_seeds"],
        }


def compared(found: Sequence[Ending[LoopEpisode]], base: Sequence[Ending[LoopEpisode]] | None) -> Cell:
    """The paired difference of the success rates, in points, with its 95 % interval; empty without a base."""
    if base is None or len(base) != len(found) or not found:
        return {}
    pairs = np.array([float(a.success) - float(b.success) for a, b in zip(found, base, strict=True)])
    mean, half = (
        float(pairs.mean()),
        float(1.96 * pairs.std(ddof=1) / np.sqrt(len(pairs))) if len(pairs) > 1 else 1.0,
    )
    return {
        "difference": f"{100 * mean:+.1f} ({100 * (mean - half):+.1f} to {100 * (mean + half):+.1f})",
    }


def late(cell: str, method: str) -> tuple[Callable[[Policy], Policy], int]:
    """The wrapper of the policy, and how many rows of its chunks are carried out."""
    return late_policy(LATENCIES_S[cell], waits=method == "synchronous", **LEFT_OUT.get(method, {}))


def open_late(settings: BenchSettings) -> Callable[[EpisodeJob], LoopEpisode]:
    """One process of one thread; an episode starts with an empty memory."""
    one_torch_thread()
    runners: dict[tuple[str, str], EpisodeRunner] = {}

    def run(job: EpisodeJob) -> LoopEpisode:
        key = (job.cell, job.method)
        if key not in runners:
            wrap, rows = late(*key)
            motion = replace(default_motion(load_robot(settings.refs.robot)), execute_rows=rows)
            runners[key] = EpisodeRunner(settings.refs, settings=motion, wrap=wrap)
        task = scene_task(
            settings.task, job.seed, objects=settings.objects, scene=settings.scene, robot=settings.refs.robot
        )
        return runners[key].run(task).episode(LoopEpisode)

    return run
