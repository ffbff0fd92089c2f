"""Cell ``lifelong`` of suite ``memory``: does a second attempt go better, and which memory is that due to?

The families of :mod:`vista_bench.lifelong.scenarios` in turn, one a seed; three attempts with the memory kept,
then an errand that was not tried before in the same scene. Scripted executor; what is seen comes from the
simulator's truth, except what is shut in a drawer (``oracle`` in the table). ``success`` is that of the
second attempt.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from robomemory.embed.embedder import CachedEmbedder, default_embedder
from robomemory.planning.engine import UnifiedEngine
from vista.robot.contract import load_robot
from vista.robot.kinematics import Kinematics
from vista_bench.fingerprint import robot_digest
from vista_bench.lifelong.scenarios import FAMILIES, NEEDED, make_scenario
from vista_bench.lifelong.stage import Stage
from vista_bench.lifelong.trial import ATTEMPTS, METHODS, run_trial
from vista_bench.results import Record, wilson
from vista_bench.suites.base import Cell, Job, Progress, Settings, Suite, seeds_of

COUNTS = (*(f"attempt_{n + 1}" for n in range(ATTEMPTS)), "unseen", "unseen_fresh")


class LifelongCell(Suite):
    name = "memory"
    cells = ("lifelong",)
    methods = METHODS
    default_cells = cells
    default_methods = methods
    default_episodes = 100

    def seeds(self, settings: Settings, cell: str, count: int) -> Sequence[int]:
        return seeds_of(settings, count)

    def identity(self, settings: Settings, cell: str, method: str) -> Mapping[str, object]:
        return {"robot": robot_digest(settings.refs.robot), "embedder": default_embedder().name}

    def opener(self, cell: str) -> Callable[[Settings], Callable[[Job], Record]]:
        return open_lifelong

    def describe(self, records: Sequence[Record]) -> Cell:
        """Counts of each attempt, the paired difference of the first two, and the same by family."""
        shown: Cell = {"detector": "oracle", "policy": "scripted"}
        for name in COUNTS[:ATTEMPTS]:
            good = sum(bool(r[name]) for r in records)
            shown[name] = [good / len(records), *wilson(good, len(records))] if records else None
        gained = sum(bool(r["attempt_2"]) and not r["attempt_1"] for r in records)
        lost = sum(bool(r["attempt_1"]) and not r["attempt_2"] for r in records)
        shown["difference_2_minus_1"] = list(paired_difference(gained, lost, len(records)))
        for name in COUNTS[ATTEMPTS:]:
            good = sum(bool(r[name]) for r in records)
            shown[name] = [good / len(records), *wilson(good, len(records))] if records else None
        shown["families"] = {family: _family(records, family) for family in FAMILIES}
        return shown

    def measure(self, settings: Settings, out: Path, progress: Progress) -> list[Cell]:
        """Also what leaving out a part costs: attempt 2 of ``full`` minus that of the method, in points."""
        found = super().measure(settings, out, progress)
        full = next((cell for cell in found if cell["method"] == "full"), None)
        for cell in found if full is not None else ():
            assert full is not None
            cell["cost_by_family"] = {
                family: round(100 * (_second(full, family) - _second(cell, family)), 1) for family in FAMILIES
            }
            part = str(cell["method"]).removeprefix("no-")
            own = [family for family, needed in NEEDED.items() if needed == part]
            if own:
                costs = cell["cost_by_family"]
                assert isinstance(costs, dict)
                cell["cost_where_needed"] = {family: costs[family] for family in own}
        return found


def _family(records: Sequence[Record], family: str) -> dict[str, int]:
    mine = [r for r in records if r["family"] == family]
    return {"n": len(mine), **{name: sum(bool(r[name]) for r in mine) for name in COUNTS}}


def _second(cell: Cell, family: str) -> float:
    """The share of second attempts of ``family`` that succeeded; 0 where none was made."""
    families = cell["families"]
    assert isinstance(families, dict)
    counts = families[family]
    return float(counts["attempt_2"] / counts["n"]) if counts["n"] else 0.0


def paired_difference(gained: int, lost: int, n: int) -> tuple[float, float, float]:
    """Difference of two paired rates and its 95 % interval (Bonett and Price, Psychological Methods 17, 2012:
    an adjusted Wald interval). ``gained`` and ``lost``: pairs that changed for the better and the worse."""
    if n == 0:
        return 0.0, -1.0, 1.0
    up, down = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    margin = 1.959964 * math.sqrt((up + down - (up - down) ** 2) / (n + 2))
    return (gained - lost) / n, max(-1.0, up - down - margin), min(1.0, up - down + margin)


def open_lifelong(settings: Settings) -> Callable[[Job], Record]:
    """One process; nothing is rendered. Methods share a seed's stage: see :class:`Stage`."""
    robot = load_robot(settings.refs.robot)
    kinematics = Kinematics(robot)
    engine = UnifiedEngine()
    embedder = CachedEmbedder(default_embedder(), size=50_000)
    stages: dict[int, Stage] = {}

    def run(job: Job) -> Record:
        family = FAMILIES[job.seed % len(FAMILIES)]
        scenario = make_scenario(family, job.seed)
        if job.seed not in stages:
            stages[job.seed] = Stage(scenario, robot, kinematics)
        trial = run_trial(scenario, stages[job.seed], job.method, engine, embedder)
        successes = [each.success for each in (*trial.attempts, trial.unseen, trial.fresh)]
        return {
            "success": trial.attempts[1].success,
            "family": family,
            **dict(zip(COUNTS, successes, strict=True)),
            "steps": [list(each.steps) for each in (*trial.attempts, trial.unseen, trial.fresh)],
            "causes": [each.cause for each in (*trial.attempts, trial.unseen, trial.fresh)],
        }

    return run
