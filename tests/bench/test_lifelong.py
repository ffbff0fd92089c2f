"""Tasks that hide something: what the simulator does with them, and how their bench counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robomemory.planning.manipulation import TABLETOP
from vista.planner.symbolic.facts import Sight, observed
from vista_bench.jobs import BenchProgress
from vista_bench.suites import BenchSettings

pytest.importorskip("mujoco")
pytest.importorskip("unified_planning")

from vista.robot.contract import load_robot
from vista.robot.kinematics import Kinematics
from vista_bench.lifelong.scenarios import FAMILIES, make_scenario
from vista_bench.lifelong.stage import Stage
from vista_bench.suites.memory.lifelong import LifelongCell, paired_difference

SEED = 10000  # of the range for development


@pytest.fixture(scope="module")
def arm():
    robot = load_robot("panda")
    return robot, Kinematics(robot)


def test_positions_become_facts():
    hand = np.array([0.5, 0.0, 0.3])
    things = {
        "red cube": np.array([0.6, 0.1, 0.02]),
        "blue box": np.array([0.41, 0.19, 0.02]),
        "can": hand + 0.01,
        "ball": np.array([0.5, -0.2, 0.02]),
    }
    drawers = {"left drawer": 0.0, "middle drawer": 0.0, "right drawer": 0.15}
    trays = {"tray": np.array([0.62, 0.12, 0.0])}
    seen = observed(Sight(1, things, hand, True, trays, drawers, load_robot("panda").places))
    assert {t for t in seen.facts if t[1] in ("in", "on", "held by")} == {
        ("red cube", "in", "tray"),
        ("blue box", "in", "right drawer"),
        ("can", "held by", "gripper"),
        ("ball", "on", "table"),
    }
    assert ("left drawer", "is", "closed") in seen.facts
    assert seen.visible == {"table", "tray", "right drawer"}
    assert ("gripper", "is", "empty") in observed(Sight(1, things, hand, False)).facts


@pytest.mark.parametrize("family", FAMILIES)
def test_a_scenario_follows_from_its_seed(family):
    one, same, other = (make_scenario(family, seed) for seed in (SEED, SEED, SEED + 1))
    assert one == same
    assert one != other
    assert one.errand.wanted != one.unseen.wanted


def test_only_a_gentle_hand_carries_the_slippery_box(arm):
    scenario = make_scenario("slippery", SEED)
    carried = []
    for act in ("grasp", "grasp gently"):
        stage = Stage(scenario, *arm)
        stage.do(TABLETOP.step(f"{act}, on", scenario.slippery, "table"))
        after = stage.do(TABLETOP.step("place, in", scenario.slippery, scenario.trays[0])).seen
        carried.append((scenario.slippery, "in", scenario.trays[0]) in after.facts)
    assert carried == [False, True]


def test_a_drawer_shows_what_is_in_it_once_it_is_open_and_time_can_be_set_back(arm):
    scenario = make_scenario("drawer", SEED)
    stage = Stage(scenario, *arm)
    before = stage.reset()
    ((label, _, _),) = scenario.errand.wanted
    drawer = ("left drawer", "middle drawer", "right drawer")[scenario.scene.find(label).drawer or 0]
    assert label not in before.objects
    step = TABLETOP.step("open", drawer)
    after = stage.do(step)
    assert after.reached
    assert (label, "in", drawer) in after.seen.facts
    assert stage.reset() == before
    assert stage.do(step) == after


def test_somebody_takes_the_thing_away_once(arm):
    scenario = make_scenario("taken away", SEED)
    stage = Stage(scenario, *arm)
    ((label, _, _),) = scenario.errand.wanted
    grasp = TABLETOP.step("grasp, on", label, "table")
    held = (label, "held by", "gripper")
    first, second = stage.do(grasp), stage.do(grasp)
    assert held in first.seen.facts
    assert held not in first.later.facts
    assert held in second.later.facts


def test_the_paired_interval():
    difference, low, high = paired_difference(40, 0, 100)
    assert difference == pytest.approx(0.4)
    assert 0.29 < low < 0.31
    assert 0.48 < high < 0.50
    assert paired_difference(5, 5, 100)[0] == 0.0
    assert paired_difference(0, 0, 0) == (0.0, -1.0, 1.0)


@pytest.mark.long
def test_the_cell_counts_and_resumes(tmp_path: Path):
    class Heard(BenchProgress):
        steps = 0

        def step(self, job, success):
            self.steps += 1

    settings = BenchSettings(methods=("full", "no-spatial"), split="tuning", episodes=5)
    heard, again = Heard(), Heard()
    cells = LifelongCell().measure(settings, tmp_path, heard)
    assert LifelongCell().measure(settings, tmp_path, again) == cells
    assert (heard.steps, again.steps) == (10, 0)
    full, without = cells
    assert full["n"] == without["n"] == 5
    assert full["families"]["drawer"]["n"] == 1
    assert set(without["cost_where_needed"]) == {"drawer"}
    assert full["cost_by_family"] == dict.fromkeys(FAMILIES, 0.0)
