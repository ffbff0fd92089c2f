"""Cell ``textworlds`` of suite ``memory``: text worlds of other people, with memory and without.

One row a game and condition, all on the same seeds. Same planner, same rule of exploring, same budget of
steps; the conditions differ in how many views are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from vista.errors import ConfigError, InvalidValueError
from vista_bench.jobs import BenchProgress, EpisodeJob
from vista_bench.results import Counted, Episode, failed_seeds, wilson
from vista_bench.suites.base import BenchSettings, Cell, Opener, Suite
from vista_bench.textworlds.play import FOLDS, METHODS, WORLDS, Player, missing

FIRST_SEED = {"tuning": 10_000, "bench": 20_000}
"""As TextWorldExpress divides its seeds into dev and test; the other worlds follow it."""
SEEDS = 10_000
"""Of each split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GameEpisode(Episode):
    """One game: ``score`` [0, 1], ``steps`` and those of them that ``explored``, the ``cause`` of the end;
    with memory the same again, with the memory kept."""

    score: float
    steps: int
    explored: int
    cause: str
    again_success: bool | None = None
    again_score: float | None = None
    again_steps: int | None = None


class TextWorldsCell(Suite[GameEpisode]):
    name = "memory"
    kind = GameEpisode
    cells = ("textworlds", *WORLDS)
    methods = METHODS
    default_cells = tuple(WORLDS)
    default_methods = METHODS
    default_episodes = 100

    def check(self, settings: BenchSettings) -> None:
        """ConfigError for a split that has no seeds here, or a world that is not installed."""
        if settings.split not in FOLDS:
            raise ConfigError(f"cell textworlds: split {settings.split!r}; there are {', '.join(FOLDS)}")
        super().check(settings)
        for game in _games(settings):
            if why := missing(WORLDS[game][0]):
                raise ConfigError(f"cell textworlds, game {game}: {why}")

    def seeds(self, settings: BenchSettings, cell: str, count: int) -> Sequence[int]:
        if settings.seed + count > SEEDS:
            raise InvalidValueError(f"--seed {settings.seed}, {count} episodes: a split has {SEEDS} seeds")
        first = FIRST_SEED[settings.split] + settings.seed
        return range(first, first + count)

    def identity(self, settings: BenchSettings, cell: str, method: str) -> Mapping[str, object]:
        return {"budget": WORLDS[cell][1], "split": settings.split}

    def opener(self, cell: str) -> Opener[GameEpisode]:
        return partial(open_game, cell)

    def measure(self, settings: BenchSettings, out: Path, progress: BenchProgress) -> list[Cell]:
        """``--task GAME`` plays one game only."""
        self.check(settings)
        rows = super().measure(replace(settings, cells=_games(settings)), out, progress)
        return [{**row, "cell": "textworlds", "game": row["cell"]} for row in rows]

    def describe(self, found: Sequence[Counted[GameEpisode]]) -> Cell:
        episodes = [each.episode for each in found]
        told: Cell = {}
        if episodes:
            told |= _with_interval("score", [episode.score for episode in episodes])
            told |= _with_interval("steps", [episode.steps for episode in episodes])
        again = [episode.again_success for episode in episodes if episode.again_success is not None]
        if again:
            told["again_rate"], told["again_interval"] = (
                sum(again) / len(again),
                list(wilson(sum(again), len(again))),
            )
            scores = [episode.again_score for episode in episodes if episode.again_score is not None]
            steps = [episode.again_steps for episode in episodes if episode.again_steps is not None]
            told |= {**_with_interval("again_score", scores), **_with_interval("again_steps", steps)}
        return {**told, "failed_seeds": failed_seeds(found)}


def _with_interval(name: str, values: Sequence[float]) -> Cell:
    value, interval = mean(values)
    return {name: value, f"{name}_interval": interval}


def _games(settings: BenchSettings) -> tuple[str, ...]:
    chosen = tuple(c for c in settings.cells if c in WORLDS)
    return (settings.task,) if settings.task in WORLDS else chosen or tuple(WORLDS)


def mean(values: Sequence[float]) -> tuple[float, list[float]]:
    """The mean and its 95 % interval by Student's t, rounded to four digits."""
    from scipy.stats import t

    data = np.asarray(values, np.float64)
    middle = float(data.mean())
    half = 0.0 if len(data) < 2 else float(t.ppf(0.975, len(data) - 1) * data.std(ddof=1) / len(data) ** 0.5)
    return round(middle, 4), [round(middle - half, 4), round(middle + half, 4)]


def open_game(game: str, settings: BenchSettings) -> Callable[[EpisodeJob], GameEpisode]:
    """One process; games are played one after another."""
    player, fold = Player(game), FOLDS[settings.split]

    def run(job: EpisodeJob) -> GameEpisode:
        first, second = player.play(job.seed, job.method, fold)
        episode = GameEpisode(
            success=first.success, score=first.score, steps=first.steps, explored=first.explored,
            cause=first.cause,
        )  # fmt: skip
        if second is None:
            return episode
        return replace(
            episode, again_success=second.success, again_score=second.score, again_steps=second.steps
        )

    return run
