"""Opens the worlds by name and plays one seed of one of them under one condition."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from robomemory import HashingEmbedder, RoboMemory
from robomemory.planning.engine import Engine, UnifiedEngine
from vista.errors import ConfigError
from vista_bench.textworlds.agent import Agent, GameResult
from vista_bench.textworlds.alfred import AlfredGame
from vista_bench.textworlds.alfred_scene import make_scene, make_task
from vista_bench.textworlds.babyai import LEVELS, BabyAIGame
from vista_bench.textworlds.express import GAMES, ExpressServer
from vista_bench.textworlds.mind import Recent, Remembering
from vista_bench.textworlds.view import Game

# Game -> (world, most steps of an episode). Steps of BabyAI are turns and cells.
WORLDS: Mapping[str, tuple[str, int]] = {
    "coin": ("textworldexpress", 50),
    "mapreader": ("textworldexpress", 50),
    "cookingworld": ("textworldexpress", 100),
    "alfred": ("alfred", 50),
    "find": ("babyai", 200),
    "key": ("babyai", 300),
    "sequence": ("babyai", 300),
}

METHODS = ("memory", "recent", "now", "now-any")
"""The views that are kept: all; the last :data:`STEPS` views; the present view; the same, exploring in
random order instead of the nearest first, which may suit an agent better that forgets."""

STEPS = 4
"""Views that "recent" keeps: the capacity of the paper's temporal memory (arXiv 2508.01415, App. E5)."""

FOLDS = {"tuning": "dev", "bench": "test"}
_DIMENSION = 64  # of a name's vector; the planner asks for facts by name, never by likeness


def missing(world: str) -> str:
    """Why ``world`` cannot be played here; empty where it can."""
    packages = {
        "textworldexpress": ("textworld_express",),
        "alfred": ("textworld", "alfworld"),
        "babyai": ("minigrid",),
    }
    lacking = [p for p in ("unified_planning", *packages[world]) if importlib.util.find_spec(p) is None]
    if lacking:
        return f"{', '.join(lacking)} not installed: ./run setup textworlds"
    if world == "textworldexpress" and shutil.which("java") is None:
        return "no Java runtime (17): ./run setup textworlds"
    return ""


class Player:
    """Plays any number of episodes of the game called ``game``, one after another.

    Raises:
        ConfigError: a package or program is missing; the message says how to get it.
    """

    def __init__(self, game: str) -> None:
        world, self._budget = WORLDS[game]
        if why := missing(world):
            raise ConfigError(f"{game} cannot be played: {why}")
        self._game, self._world = game, world
        self._server = ExpressServer() if world == "textworldexpress" else None
        self._engine: Engine = UnifiedEngine()

    def play(self, seed: int, method: str, fold: str) -> tuple[GameResult, GameResult | None]:
        """Attempt 1 and, with memory, attempt 2 in the same scene with the memory kept."""
        if method == "memory":
            with RoboMemory(":memory:", embedder=HashingEmbedder(_DIMENSION)) as memory:
                first = self._attempt(seed, fold, Remembering(memory, 1), 1)
                return first, self._attempt(seed, fold, Remembering(memory, 2), 2)
        mind = Recent(STEPS if method == "recent" else 1)
        return self._attempt(seed, fold, mind, 1, nearest=method != "now-any"), None

    def _attempt(
        self, seed: int, fold: str, mind: Recent | Remembering, attempt: int, *, nearest: bool = True
    ) -> GameResult:
        with self._opened(seed, fold, attempt) as game:
            return Agent(game, mind, self._engine, seed, nearest=nearest).run(self._budget)

    @contextlib.contextmanager
    def _opened(self, seed: int, fold: str, attempt: int) -> Iterator[Game]:
        """The game of ``seed``. Attempt 2 of an ALFRED-style room is another task in it, elsewhere the same
        again."""
        if self._server is not None:
            yield GAMES[self._game](self._server, fold, seed)
        elif self._world == "alfred":
            scene = make_scene(seed)
            with tempfile.TemporaryDirectory() as folder:
                yield AlfredGame(scene, make_task(scene, seed, attempt), Path(folder))
        else:
            assert self._game in LEVELS
            with contextlib.redirect_stdout(io.StringIO()):  # the level generator prints rejected levels
                yield BabyAIGame(self._game, seed)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
