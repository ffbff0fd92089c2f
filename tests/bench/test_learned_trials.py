"""The cells ``learned`` and ``again``: what is meant or found is remembered the second time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vista.assembly import Refs
from vista.skill import Skill, Verb
from vista.types import EpisodeResult, Outcome, State, Subtask, SubtaskResult
from vista_bench.jobs import BenchProgress
from vista_bench.suites import BenchSettings

pytest.importorskip("mujoco")
pytest.importorskip("unified_planning")

from vista_bench.suites.long import long_task
from vista_bench.suites.memory.again import AgainCell, wrong_drawers
from vista_bench.suites.memory.learned import ALIKE, LearnedCell, draw_meant
from vista_sim.model.cabinet import DRAWER_NAMES

SEED = 10000  # of the range for development


def test_what_is_meant_follows_from_the_seed_and_stands_on_the_table():
    assert draw_meant(SEED) == draw_meant(SEED)
    drawn = [draw_meant(SEED + i) for i in range(30)]
    assert len({meant.noun for meant in drawn}) == 5
    assert {meant.alike.index(meant.label) for meant in drawn} == {0, 1, 2}
    for meant in drawn[:5]:
        labels = [placed.spec.label for placed in meant.task(SEED).scene.objects]
        assert sorted(labels) == sorted((*meant.alike, meant.other))
        assert sum(meant.noun in label for label in labels) == ALIKE
        assert meant.task(SEED).instruction == f"put my {meant.noun} in the tray"


@pytest.mark.long
def test_who_is_told_knows_the_second_time_and_who_keeps_nothing_does_not(tmp_path: Path):
    """With the expert in place of the learned parts: what is tested is the memory."""
    refs = Refs(policy="scripted", world_model="mock", detector="oracle", switcher="scripted")
    settings = BenchSettings(episodes=4, split="tuning", refs=refs)
    full, without = LearnedCell().measure(settings, tmp_path, BenchProgress())
    assert full["method"] == "full"
    assert full["right_thing_2"] == full["n"] == 4
    assert full["attempt_2"][0] == 1.0 > full["attempt_1"][0]
    assert without["attempt_1"] == without["attempt_2"] == full["attempt_1"]
    assert full["difference_2_minus_1"][0] == 1.0 - full["attempt_1"][0]


def test_a_wrong_drawer_counts_once_however_often_it_was_tried():
    task = long_task("search", SEED)
    right, *_ = task.skills
    wrong = next(name for name in DRAWER_NAMES[3] if name != right.thing)
    tried = [
        (Skill(Verb.OPEN, wrong), State.FAILED), (Skill(Verb.OPEN, wrong), State.REACHED),
        (right, State.REACHED), (Skill(Verb.GRASP, "x"), State.REACHED), ("open something", State.FAILED),
    ]  # fmt: skip
    subtasks = tuple(SubtaskResult(Subtask(step), 0.0, 1.0, state) for step, state in tried)
    result = EpisodeResult("put it there", Outcome.SUCCESS, "", 5, 5.0, subtasks)
    assert wrong_drawers(result, task) == 1
    assert wrong_drawers(replace(result, subtasks=()), task) == 0


@pytest.mark.long
def test_a_second_search_goes_straight_to_the_drawer_unless_nothing_was_kept(tmp_path: Path):
    """With the expert in place of the learned parts: what is tested is the memory."""
    refs = Refs(policy="scripted", world_model="mock", detector="oracle", switcher="scripted")
    settings = BenchSettings(episodes=3, split="tuning", refs=refs)
    full, without = AgainCell().measure(settings, tmp_path, BenchProgress())
    assert full["attempt_1"][0] == full["attempt_2"][0] == 1.0
    assert full["wrong_drawers_2"] == 0
    assert without["wrong_drawers_2"] == without["wrong_drawers_1"] == full["wrong_drawers_1"] > 0
