"""Cell ``textworlds`` of suite ``memory``: worlds that nobody here wrote, with memory and without.

One row a game and condition, all on the same seeds. Same planner, same rule of exploring, same budget of
steps; what differs is how much of what was seen is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from vista.errors import ConfigError, InvalidValueError
from vista_bench.results import Record, wilson
from vista_bench.suites.base import Cell, Job, Progress, Settings, Suite
from vista_bench.textworlds.play import FOLDS, METHODS, WORLDS, Player, missing

FIRST_SEED = {"tuning": 10_000, "bench": 20_000}
"""As TextWorldExpress divides its seeds into dev and test; the other worlds follow it."""
SEEDS = 10_000
"""Of each split."""


class TextWorldsCell(Suite):
    name = "memory"
    cells = ("textworlds", *WORLDS)
    methods = METHODS
    default_cells = tuple(WORLDS)
    default_methods = METHODS
    default_episodes = 100

    def check(self, settings: Settings) -> None:
        """ConfigError for a split that has no seeds here, or a world that is not installed."""
        if settings.split not in FOLDS:
            raise ConfigError(f"cell textworlds: split {settings.split!r}; there are {', '.join(FOLDS)}")
        super().check(settings)
        for game in _games(settings):
            if why := missing(WORLDS[game][0]):
                raise ConfigError(f"cell textworlds, game {game}: {why}")

    def seeds(self, settings: Settings, cell: str, count: int) -> Sequence[int]:
        if settings.seed + count > SEEDS:
            raise InvalidValueError(f"--seed {settings.seed}, {count} episodes: a split has {SEEDS} seeds")
        first = FIRST_SEED[settings.split] + settings.seed
        return range(first, first + count)

    def identity(self, settings: Settings, cell: str, method: str) -> Mapping[str, object]:
        return {"budget": WORLDS[cell][1], "split": settings.split}

    def opener(self, cell: str) -> Callable[[Settings], Callable[[Job], Record]]:
        return partial(open_game, cell)

    def measure(self, settings: Settings, out: Path, progress: Progress) -> list[Cell]:
        """``--task GAME`` plays one game only."""
        self.check(settings)
        rows = super().measure(replace(settings, cells=_games(settings)), out, progress)
        return [{**row, "cell": "textworlds", "game": row["cell"]} for row in rows]

    def describe(self, records: Sequence[Record]) -> Cell:
        found: Cell = {}
        for prefix in ("", "again_"):
            mine = [r for r in records if f"{prefix}steps" in r]
            if not mine:
                continue
            if prefix:
                good = sum(bool(r["again_success"]) for r in mine)
                found["again_rate"], found["again_interval"] = good / len(mine), list(wilson(good, len(mine)))
            for what in ("score", "steps"):
                value, interval = mean([float(str(r[f"{prefix}{what}"])) for r in mine])
                found[f"{prefix}{what}"], found[f"{prefix}{what}_interval"] = value, interval
        found["failed_seeds"] = [r["seed"] for r in records if not r["success"]]
        return found


def _games(settings: Settings) -> tuple[str, ...]:
    chosen = tuple(c for c in settings.cells if c in WORLDS)
    return (settings.task,) if settings.task in WORLDS else chosen or tuple(WORLDS)


def mean(values: Sequence[float]) -> tuple[float, list[float]]:
    """The mean and its 95 % interval by Student's t, rounded to four digits."""
    from scipy.stats import t

    data = np.asarray(values, np.float64)
    middle = float(data.mean())
    half = 0.0 if len(data) < 2 else float(t.ppf(0.975, len(data) - 1) * data.std(ddof=1) / len(data) ** 0.5)
    return round(middle, 4), [round(middle - half, 4), round(middle + half, 4)]


def open_game(game: str, settings: Settings) -> Callable[[Job], Record]:
    """One process; games are played one after another."""
    player, fold = Player(game), FOLDS[settings.split]

    def run(job: Job) -> Record:
        first, second = player.play(job.seed, job.method, fold)
        record: dict[str, object] = {
            "success": first.success, "score": first.score, "steps": first.steps, "explored": first.explored,
            "cause": first.cause,
        }  # fmt: skip
        if second is not None:
            record |= {
                "again_success": second.success,
                "again_score": second.score,
                "again_steps": second.steps,
            }
        return record

    return run
