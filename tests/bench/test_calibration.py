"""The switcher's calibration collects cues with their truth and saves what it fitted."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mujoco")

from tests.conformance.implementations import simulated
from tests.mocks import MockGuard
from vista.assembly.mocks import StillPolicy
from vista.cli import calibrate as command
from vista.errors import InvalidValueError, UnknownNameError
from vista.executor import latency_compensation
from vista.robot.contract import load_robot
from vista.skill import Verb
from vista.switcher import CalibratedSwitcher, SwitcherConfig
from vista.switcher.calibrated import FEATURES
from vista.switcher.timing import Agreement, Timeline
from vista.types import Decision
from vista_bench import calibration
from vista_bench.truth import is_done
from vista_sim.oracle import OracleWorldModel, ScriptedPolicy
from vista_sim.robot import SimRobot
from vista_sim.scenes.table import Table


@pytest.fixture
def stage():
    """World, task, robot and true goals of one scene."""
    world, task = simulated()
    robot = SimRobot(world)
    yield world, task, robot, OracleWorldModel(world, task)
    robot.close()


def judged(stage, policy, guard=None, **how):
    _, task, robot, goals = stage
    return list(calibration.judge_episode(task, robot, policy, goals, guard or MockGuard(), **how))


def test_truth_is_the_end_of_a_subtask_and_of_the_task(stage):
    world, task, *_ = stage
    grasp, place = task.skills
    assert not is_done(task, world, grasp)
    assert not is_done(task, world, place)
    task.show(world, grasp)
    assert is_done(task, world, grasp)
    assert not is_done(task, world, place)
    task.show(world, place)
    assert is_done(task, world, place)
    assert not is_done(task, world, grasp)


@pytest.mark.parametrize("name", ["drawer", "search", "tidy"])
def test_what_comes_before_the_end_is_done_by_itself(name: str):
    world, task = simulated(name)
    opens, *_, places = [s for s in task.skills if s.verb in (Verb.OPEN, Verb.PLACE)]
    assert not is_done(task, world, opens)
    task.show(world, opens)
    assert is_done(task, world, opens)
    assert not is_done(task, world, places)
    world.set_arm(world.joints, 1.0)
    world.gripper_command = 0.0
    assert not is_done(task, world, opens)  # the hand still holds the handle


def test_an_object_let_go_beside_the_tray_is_not_done(stage):
    world, task, *_ = stage
    place = task.skills[1]
    task.show(world, place)
    tray = np.array(task.scene.tray)
    world.set_object(world.index(task.target), (tray[0] - 0.15, tray[1], 0.05), 0.0)
    assert task.act(world, place).done
    assert not is_done(task, world, place)


def test_the_expert_goes_through_all_subtasks(stage):
    world, task, *_ = stage
    grasp, place = judged(stage, ScriptedPolicy(world, task), timeout_s=20.0)
    assert task.success(world)
    for each in (grasp, place):
        late = [t for t in each.time_s if each.true_s is not None and t >= each.true_s]
        assert len(late) == calibration.LINGER
        assert np.isfinite(np.array(each.cues)).all()
    found = calibration.gathered([(0, grasp), (0, place)])
    assert found.done.sum() == 2 * calibration.LINGER
    assert set(found.timeline.segment.tolist()) == {0, 1}
    # The expert says itself when it is done: its word alone comes in time.
    config = SwitcherConfig(threshold=0.5)
    assert calibration.measured(found, config) == Agreement(2, 2, 2)


def test_an_arm_that_does_nothing_runs_out_of_time(stage):
    (grasp,) = judged(stage, StillPolicy(), timeout_s=2.0)
    assert 4 <= len(grasp.cues) <= 7
    assert grasp.true_s is None


def test_what_the_guard_holds_is_not_sent(stage):
    robot = stage[2]
    (grasp,) = judged(stage, StillPolicy(), MockGuard((Decision.HOLD, "no")))
    assert len(grasp.cues) == 1
    assert robot.control_steps == 0


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(words)


def test_what_was_fitted_is_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch):
    """With cues as an executor gives them, in place of thirty episodes."""
    rng = np.random.default_rng(0)
    time_s = np.tile(np.arange(20) * 0.4, 30)
    true_s = np.repeat(rng.uniform(2.0, 6.0, 30), 20)
    timeline = Timeline(time_s, true_s, np.repeat(np.arange(30, dtype=np.int32), 20))
    cues = rng.normal(0, 1, (600, len(FEATURES)))
    cues[:, 0] += np.where(time_s >= true_s, 6.0, -6.0)
    found = calibration.Judgements(cues, timeline, timeline.segment)
    monkeypatch.setattr(command, "collect", lambda *_, **__: found)
    assert command.main(arguments("--out", str(tmp_path), "--episodes", "30")) == 0
    config = CalibratedSwitcher.from_pretrained(tmp_path).config
    assert config.patience == 1
    assert config.weights[0] > 0.5
    said = capsys.readouterr().out
    assert "held-out episodes: precision 1.000 of 10 calls, recall 1.000 of 10 moments" in said


def test_collects_from_tuning_seeds_with_known_and_novel_objects():
    from vista.learning.splits import load_splits

    splits = load_splits()
    tasks = [task for _, task in calibration._tasks(["pick_place"], 4, Table.of(load_robot("panda")))]
    first, end = splits.seeds["tuning"]
    assert all(first <= task.scene.seed < end for task in tasks)
    kinds = [{p.spec.label for p in t.scene.objects} <= set(splits.demo_objects) for t in tasks]
    assert kinds == [True, False, True, False]


def test_collecting_counts_episodes():
    found = calibration.collect(["pick_place"], 1, load_robot("panda"), policy="mock")
    assert len(found.cues) == len(found.done) == len(found.episode) > 10
    assert np.isnan(found.timeline.true_s).all()
    assert not found.done.any()
    assert set(found.episode.tolist()) == {0}


def test_episodes_with_several_latencies_take_turns(monkeypatch):
    heard: list[tuple[float, int]] = []

    def judge(task, robot, policy, goals, guard, *, seed, execute_rows, grounder):
        heard.append((getattr(policy, "latency_s", 0.0), execute_rows))
        yield calibration.JudgedSubtask([np.zeros(len(FEATURES))], [0.0])

    class Late(StillPolicy):
        def __init__(self, policy, latency_s: float, **how: object) -> None:
            super().__init__()
            self.latency_s = latency_s

    monkeypatch.setattr(calibration, "judge_episode", judge)
    monkeypatch.setattr(latency_compensation, "LatePolicy", Late)
    calibration.collect(["pick_place"], 5, load_robot("panda"), policy="mock", latencies_ms=(0, 300))
    assert heard == [(0.0, 4), (0.0, 4), (0.3, 3), (0.3, 3), (0.0, 4)]


def test_a_late_policy_is_judged_by_what_has_arrived(stage):
    world, task, *_ = stage
    wrap, rows = latency_compensation.late_policy(0.3)
    (grasp, *_) = judged(stage, wrap(ScriptedPolicy(world, task)), timeout_s=20.0, execute_rows=rows)
    assert rows == 3
    assert grasp.cues[0][1] == 0.0  # nothing is heard of progress yet


def test_what_is_not_there_is_refused():
    spec = load_robot("panda")
    with pytest.raises(InvalidValueError, match="episodes"):
        calibration.collect(["pick_place"], 0, spec, policy="mock")
    with pytest.raises(InvalidValueError, match=r"latency_s -0\.1"):
        calibration.collect(["pick_place"], 1, spec, policy="mock", latencies_ms=(-100,))
    with pytest.raises(UnknownNameError, match="pick_place"):
        calibration.collect(["juggle"], 1, spec, policy="mock")
