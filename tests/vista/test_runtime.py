"""One subgoal pursued: every way it can end, and that the arm is still afterwards."""

import numpy as np
import pytest

from tests import mocks
from vista import runtime
from vista.errors import InvalidValueError
from vista.guard import SafetyGuard
from vista.runtime import STOPPED, pursue
from vista.types import Decision, State, Subgoal, Subtask

GOAL = Subgoal(Subtask("grasp the blue mug"), {}, 0.9, 0, 0)
CANCELLED = "cancelled by the user"


def go(robot=None, policy=None, switcher=None, guard=None, **options):
    robot = robot or mocks.MockRobot()
    guard = guard or SafetyGuard(robot.spec)
    return pursue(
        robot, policy or mocks.MockPolicy(), switcher or mocks.MockSwitcher(), guard, GOAL, **options
    )


class NanPolicy(mocks.MockPolicy):
    def predict_chunk(self, obs, subgoal):
        return mocks.broken(super().predict_chunk(obs, subgoal))


class BrokenPolicy(mocks.MockPolicy):
    def predict_chunk(self, obs, subgoal):
        raise RuntimeError("out of memory")


def test_reaches_the_target_in_short_pieces():
    robot, policy, heard = mocks.MockRobot(), mocks.MockPolicy(), []
    final = go(robot, policy, execute_rows=3, on_progress=heard.append)
    assert final.state is State.REACHED
    np.testing.assert_allclose(robot.position, policy.target, atol=1e-3)
    assert {len(chunk.actions) for chunk in robot.sent} == {3}
    assert policy.resets == 1
    assert heard[-1] == final
    assert [p.state for p in heard[:-1]] == [State.RUNNING] * len(robot.sent)
    assert robot.causes == []


def test_takes_no_longer_than_it_may():
    robot = mocks.MockRobot()
    final = go(robot, mocks.MockPolicy(speed_m_s=0.001), timeout_s=2.0)
    assert final.state is State.TIMED_OUT
    assert "2 s" in final.reason
    assert robot.stamp_ns - 1_000_000_000 == pytest.approx(2e9, abs=4e8)


def test_nan_is_never_sent():
    robot = mocks.MockRobot()
    final = go(robot, NanPolicy())
    assert final.state is State.FAILED
    assert "NaN" in final.reason
    assert robot.sent == []
    assert robot.causes


def test_a_hold_that_passes_is_survived_and_told():
    robot, heard = mocks.MockRobot(), []
    guard = mocks.MockGuard(*[(Decision.HOLD, "too early")] * 3)
    final = go(robot, guard=guard, hold_wait_s=0.0, on_progress=heard.append)
    assert final.state is State.REACHED
    assert sum("holding still, guard mock: too early" in p.reason for p in heard) == 3


def test_a_hold_that_stays_ends_with_the_guards_reason():
    robot = mocks.MockRobot()
    guard = mocks.MockGuard(*[(Decision.HOLD, "too early")] * 99)
    final = go(robot, guard=guard, hold_wait_s=0.0, hold_tries=5)
    assert (final.state, final.reason) == (State.FAILED, "guard mock: too early")
    assert guard.asked == 5
    assert robot.sent == []
    assert robot.causes == [], "another subtask may be tried"


def test_only_holds_in_a_row_count():
    again = [(Decision.HOLD, "too early")] * 4
    guard = mocks.MockGuard(*again, (Decision.ALLOW, ""), *again)
    policy = mocks.MockPolicy(speed_m_s=0.1)
    assert go(policy=policy, guard=guard, hold_wait_s=0.0, hold_tries=5).state is State.REACHED


def test_an_old_observation_holds_the_arm():
    robot = mocks.MockRobot()
    guard = SafetyGuard(robot.spec, clock_ns=lambda: robot.stamp_ns + 2_000_000_000)
    final = go(robot, guard=guard, hold_wait_s=0.0)
    assert final.state is State.FAILED
    assert "guard stale" in final.reason
    assert robot.sent == []


def test_a_clipped_chunk_is_what_is_sent():
    robot, heard = mocks.MockRobot(), []
    go(robot, mocks.MockPolicy(target=(0.6, 0.1, -0.3)), timeout_s=3.0, on_progress=heard.append)
    assert robot.position[2] == pytest.approx(0.0, abs=1e-5)
    assert any(p.reason.startswith("clipped, guard workspace") for p in heard)


def test_stop_from_the_guard_is_latched():
    robot = mocks.MockRobot()
    guard = SafetyGuard(robot.spec)
    guard.stop("emergency button")
    final = go(robot, guard=guard)
    assert final.state is State.FAILED
    assert final.reason == STOPPED + "guard stop: emergency button"
    assert robot.causes == ["guard stop: emergency button"]
    assert robot.sent == []


def test_a_silent_camera_ends_it_and_is_named():
    robot = mocks.MockRobot(silent_after=2)
    final = go(robot, mocks.MockPolicy(speed_m_s=0.05))
    assert final.state is State.FAILED
    assert final.reason.startswith(STOPPED)
    assert "camera 'front'" in final.reason
    assert len(robot.sent) == 2
    assert len(robot.causes) == 1


def test_a_clock_that_stands_still_is_noticed(monkeypatch):
    monkeypatch.setattr(runtime, "CLOCK_STALL_S", 0.05)
    robot = mocks.MockRobot()
    robot.frozen = True
    final = go(robot, mocks.MockPolicy(speed_m_s=1e-6))
    assert "clock" in final.reason
    assert robot.causes


def test_an_exception_stops_the_arm_and_names_stage_and_type():
    robot = mocks.MockRobot()
    final = go(robot, BrokenPolicy())
    assert final.reason == STOPPED + "predict: RuntimeError: out of memory"
    assert robot.causes == ["predict: RuntimeError: out of memory"]


def test_a_robot_that_was_stopped_says_why():
    robot = mocks.MockRobot()
    robot.stop("emergency button")
    assert "emergency button" in go(robot).reason


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4])
def test_cancel_at_any_step_stops_the_arm_with_the_cause(at):
    robot = mocks.MockRobot()
    final = go(robot, mocks.MockPolicy(speed_m_s=0.05), should_stop=mocks.Cancel(at))
    assert final.reason == STOPPED + CANCELLED
    assert robot.causes == [CANCELLED]
    assert len(robot.sent) == at // 2, "nothing is sent once there is a cause"


def test_cancel_while_holding_does_not_wait_for_the_end():
    guard = mocks.MockGuard(*[(Decision.HOLD, "too early")] * 99)
    final = go(guard=guard, hold_wait_s=60.0, should_stop=mocks.Cancel(3))
    assert final.reason == STOPPED + CANCELLED


def test_interrupt_stops_the_arm_and_goes_on_up():
    robot = mocks.MockRobot()

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(robot, on_progress=interrupt)
    assert robot.causes == ["interrupted by KeyboardInterrupt"]


def test_no_rows_is_a_mistake():
    with pytest.raises(InvalidValueError, match="execute_rows"):
        go(execute_rows=0)
