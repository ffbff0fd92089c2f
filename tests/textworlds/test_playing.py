"""The agent plays: in a small world made here, and one seed of each real one where it is installed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from robomemory import HashingEmbedder, RoboMemory
from robomemory.planning import ROBOT, Step
from vista.errors import ConfigError, UnknownNameError
from vista_bench.suites import BenchSettings
from vista_bench.suites.memory import make_cell
from vista_bench.textworlds import house, play
from vista_bench.textworlds.agent import Agent
from vista_bench.textworlds.cell import mean
from vista_bench.textworlds.mind import Recent, Remembering
from vista_bench.textworlds.relevant import part_for
from vista_bench.textworlds.view import GameGoal, View, WorldBelief, held

pytest.importorskip("unified_planning", reason='pip install "vista-stack[planning]"')

from robomemory.planning.engine import UnifiedEngine

SPOKES = 6


class Star:
    """A hall with six rooms; the coin is in one of them. Each view shows the room that the robot is in."""

    domain = house.HOUSE

    def __init__(self, where: int) -> None:
        self._where, self.visits = f"room {where}", []

    def start(self) -> View:
        self._at, self._held = "hall", False
        return self._view()

    def act(self, step: Step) -> View:
        if step.operator == "go":
            self._at = step.about
            self.visits.append(self._at)
        elif step.operator == "pick up" and self._at == self._where:
            self._held = True
        return self._view()

    def _view(self) -> View:
        rooms = [f"room {i}" for i in range(SPOKES)]
        near = rooms if self._at == "hall" else ["hall"]
        facts = {(ROBOT, "in", self._at), *((self._at, "connects to", n) for n in near)}
        if self._held:
            facts.add(held("coin"))
        elif self._at == self._where:
            facts.add(("coin", "in", self._at))
        kinds = dict.fromkeys((*near, self._at), "room") | {"coin": "thing"}
        looked = frozenset({self._at, ROBOT})
        return View("", frozenset(facts), looked, kinds, float(self._held), self._held, self._held)

    def infer(self, belief: WorldBelief) -> WorldBelief:
        return replace(belief, kinds=belief.kinds)

    def refine(self, steps: Sequence[Step], belief: WorldBelief) -> Sequence[Step]:
        return steps

    def wander(self, belief: WorldBelief, rng: random.Random) -> Sequence[Step]:
        return ()

    def useful(self, belief: WorldBelief) -> frozenset[str]:
        return house.rooms(belief)

    def subgoals(self, belief: WorldBelief) -> Sequence[GameGoal]:
        return [GameGoal(frozenset({held("coin")}), ("coin",))]


@pytest.fixture(scope="module")
def engine() -> UnifiedEngine:
    return UnifiedEngine()


def test_memory_looks_into_no_room_twice_and_goes_straight_there_the_second_time(engine: UnifiedEngine):
    for seed in range(3):
        with RoboMemory(":memory:", embedder=HashingEmbedder(32)) as memory:
            first, second = Star(seed), Star(seed)
            outcome = Agent(first, Remembering(memory, 1), engine, seed).run(40)
            again = Agent(second, Remembering(memory, 2), engine, seed).run(40)
        rooms = [v for v in first.visits if v != "hall"]
        assert outcome.success
        assert len(rooms) == len(set(rooms))
        assert outcome.explored == outcome.steps - 1
        assert second.visits == [f"room {seed}"]
        assert again.steps == 2


def test_without_memory_rooms_are_looked_into_again(engine: UnifiedEngine):
    twice = 0
    for seed in range(5):
        game = Star(0)
        Agent(game, Recent(1), engine, seed).run(40)
        rooms = [v for v in game.visits if v != "hall"]
        twice += len(rooms) > len(set(rooms))
    assert twice > 0


def test_an_episode_ends_with_its_budget_and_says_so(engine: UnifiedEngine):
    outcome = Agent(Star(99), Recent(1), engine, 0).run(5)
    assert (outcome.success, outcome.steps, outcome.cause) == (False, 5, "out of steps")


def test_only_operators_that_can_serve_the_goal_are_planned_with():
    part = part_for(house.HOUSE, {"coin": "thing"}, frozenset({held("coin")}))
    names = {o.name for o in part.operators}
    assert {"go", "open", "take out", "pick up"} <= names
    assert not {"cook", "cut", "eat", "read"} & names
    exits = part_for(house.HOUSE, {"hall north": "exit"}, frozenset({(ROBOT, "has seen", "hall north")}))
    assert "pick up" not in {o.name for o in exits.operators}


def test_means_have_intervals():
    assert mean([3.0]) == (3.0, [3.0, 3.0])
    middle, (low, high) = mean([1.0, 2.0, 3.0])
    assert middle == 2.0
    assert high - middle == pytest.approx(4.303 * 1.0 / 3**0.5, abs=1e-3)
    assert middle - low == pytest.approx(high - middle)


def test_the_cell_refuses_what_it_does_not_know(monkeypatch: pytest.MonkeyPatch):
    cell = make_cell("textworlds")
    with pytest.raises(UnknownNameError, match="method"):
        cell.check(BenchSettings(cells=("textworlds",), methods=("psychic",)))
    with pytest.raises(ConfigError, match="split 'robot'"):
        cell.check(BenchSettings(cells=("textworlds",), split="robot"))
    monkeypatch.setattr("vista_bench.textworlds.play.importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"\./run setup textworlds"):
        cell.check(BenchSettings(cells=("textworlds",), task="coin"))


@pytest.mark.parametrize("game", ["coin", "cookingworld", "mapreader", "alfred", "find", "key"])
def test_a_real_game_is_won_and_the_second_time_is_shorter(game: str):
    if why := play.missing(play.WORLDS[game][0]):
        pytest.skip(why)
    player = play.Player(game)
    try:
        first, again = player.play(10_001, "memory", "dev")
    finally:
        player.close()
    assert first.success
    assert first.score == 1.0
    assert again is not None
    assert again.success
    assert again.steps <= first.steps
