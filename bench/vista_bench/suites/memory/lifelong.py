"""Cell ``lifelong`` of suite ``memory``: does a second attempt go better, and due to which memory?

The families of :mod:`vista_bench.lifelong.scenarios` in turn, one a seed; three attempts with the memory
kept, then an errand that was not tried before in the same scene. Scripted executor; things are seen where
they truly are, except in a shut drawer (``oracle`` in the table). ``success`` is that of the second
attempt."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from robomemory.embed.available import default_embedder
from robomemory.embed.embedder import CachedEmbedder
from robomemory.planning.engine import UnifiedEngine
from vista.robot.contract import load_robot
from vista.robot.kinematics import Kinematics
from vista_bench.fingerprint import robot_digest
from vista_bench.jobs import BenchProgress, EpisodeJob
from vista_bench.lifelong.scenarios import FAMILIES, NEEDED, make_scenario
from vista_bench.lifelong.stage import Stage
from vista_bench.lifelong.trial import ATTEMPTS, LEFT_OUT, METHODS, run_trial
from vista_bench.results import Counted, Episode, rate
from vista_bench.suites.base import BenchSettings, Cell, Opener, Suite, seeds_of

COUNTS = (*(f"attempt_{n + 1}" for n in range(ATTEMPTS)), "unseen", "unseen_fresh")


@dataclass(frozen=True, slots=True, kw_only=True)
class LifelongEpisode(Episode):
    """One scenario of ``family``: whether each attempt, the unseen errand, and that errand with an
    empty memory, succeeded; ``steps`` taken and ``causes`` of the end, in that order."""

    family: str
    attempt_1: bool
    attempt_2: bool
    attempt_3: bool
    unseen: bool
    unseen_fresh: bool
    steps: tuple[tuple[str, ...], ...]
    causes: tuple[str, ...]

    def count(self, name: str) -> bool:
        """The one of :data:`COUNTS` that is called ``name``."""
        return bool(getattr(self, name))


class LifelongCell(Suite[LifelongEpisode]):
    name = "memory"
    kind = LifelongEpisode
    cells = ("lifelong",)
    methods = METHODS
    default_cells = cells
    default_methods = methods
    default_episodes = 100

    def seeds(self, settings: BenchSettings, cell: str, count: int) -> Sequence[int]:
        return seeds_of(settings, count)

    def identity(self, settings: BenchSettings, cell: str, method: str) -> Mapping[str, object]:
        return {"robot": robot_digest(settings.refs.robot), "embedder": default_embedder().name}

    def opener(self, cell: str) -> Opener[LifelongEpisode]:
        return open_lifelong

    def describe(self, found: Sequence[Counted[LifelongEpisode]]) -> Cell:
        """Counts of each attempt, the paired difference of the first two, and the same by family."""
        episodes = [each.episode for each in found]
        shown: Cell = {"detector": "oracle", "policy": "scripted"}
        for name in COUNTS[:ATTEMPTS]:
            shown[name] = rate([episode.count(name) for episode in episodes])
        gained = sum(episode.attempt_2 and not episode.attempt_1 for episode in episodes)
        lost = sum(episode.attempt_1 and not episode.attempt_2 for episode in episodes)
        shown["difference_2_minus_1"] = list(paired_difference(gained, lost, len(episodes)))
        for name in COUNTS[ATTEMPTS:]:
            shown[name] = rate([episode.count(name) for episode in episodes])
        shown["families"] = {family: _family(episodes, family) for family in FAMILIES}
        return shown

    def measure(self, settings: BenchSettings, out: Path, progress: BenchProgress) -> list[Cell]:
        """Also what leaving out a part costs: attempt 2 of ``full`` minus that of the method, in points."""
        found = super().measure(settings, out, progress)
        full = next((cell for cell in found if cell["method"] == "full"), None)
        for cell in found if full is not None else ():
            assert full is not None
            cell["cost_by_family"] = {
                family: round(100 * (_second(full, family) - _second(cell, family)), 1) for family in FAMILIES
            }
            part = LEFT_OUT.get(str(cell["method"]))
            own = [family for family, needed in NEEDED.items() if needed == part]
            if own:
                costs = cell["cost_by_family"]
                assert isinstance(costs, dict)
                cell["cost_where_needed"] = {family: costs[family] for family in own}
        return found


def _family(episodes: Sequence[LifelongEpisode], family: str) -> dict[str, int]:
    mine = [episode for episode in episodes if episode.family == family]
    return {"n": len(mine), **{name: sum(episode.count(name) for episode in mine) for name in COUNTS}}


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


def open_lifelong(settings: BenchSettings) -> Callable[[EpisodeJob], LifelongEpisode]:
    """One process; nothing is rendered. Methods share a seed's stage: see :class:`Stage`."""
    robot = load_robot(settings.refs.robot)
    kinematics = Kinematics(robot)
    engine = UnifiedEngine()
    embedder = CachedEmbedder(default_embedder(), size=50_000)
    stages: dict[int, Stage] = {}

    def run(job: EpisodeJob) -> LifelongEpisode:
        family = FAMILIES[job.seed % len(FAMILIES)]
        scenario = make_scenario(family, job.seed)
        if job.seed not in stages:
            stages[job.seed] = Stage(scenario, robot, kinematics)
        trial = run_trial(scenario, stages[job.seed], job.method, engine, embedder)
        tries = (*trial.attempts, trial.unseen, trial.fresh)
        first, second, third, unseen, fresh = (each.success for each in tries)
        return LifelongEpisode(
            success=second, family=family, attempt_1=first, attempt_2=second, attempt_3=third, unseen=unseen,
            unseen_fresh=fresh, steps=tuple(each.steps for each in tries),
            causes=tuple(each.cause for each in tries),
        )  # fmt: skip

    return run
