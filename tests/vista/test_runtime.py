"""One subgoal pursued: every way it can end, and that the arm is still afterwards."""

import time
from functools import partial

import numpy as np
import pytest

from tests import mocks
from vista.errors import InvalidValueError
from vista.events import EventKind
from vista.guard import SafetyGuard
from vista.loop import MotionParts, MotionSettings, pursue, pursuit
from vista.loop.clock import ClockWatch
from vista.robot.retreat import Retreat
from vista.types import Cause, Decision, Progress, State, Subgoal, Subtask

GOAL = Subgoal(Subtask.said("grasp the blue mug"), {}, 0.9, 0, 0)
CANCELLED = "cancelled by the user"


def go(
    robot=None, policy=None, switcher=None, guard=None, *, heard=None, should_stop=lambda: None, **settings
):
    """Pursue; ``heard`` collects the progress that is told."""
    robot = robot or mocks.MockRobot()
    guard = guard or SafetyGuard(robot.spec)
    parts = MotionParts(
        robot,
        policy or mocks.MockPolicy(),
        switcher or mocks.MockSwitcher(),
        guard,
        MotionSettings(**settings),
    )

    def hear(event):
        if heard is not None and event.kind is EventKind.PROGRESS:
            heard(event.progress) if callable(heard) else heard.append(event.progress)

    return pursue(parts, GOAL, listener=hear, should_stop=should_stop)


class NanPolicy(mocks.MockPolicy):
    def predict_chunk(self, obs, subgoal):
        return mocks.broken(super().predict_chunk(obs, subgoal))


class BrokenPolicy(mocks.MockPolicy):
    def predict_chunk(self, obs, subgoal):
        raise RuntimeError("out of memory")


def test_reaches_the_target_in_short_pieces():
    robot, policy, heard = mocks.MockRobot(), mocks.MockPolicy(), []
    final = go(robot, policy, execute_rows=3, heard=heard)
    assert final.state is State.REACHED
    np.testing.assert_allclose(robot.position, policy.target, atol=1e-3)
    assert {len(chunk.actions) for chunk in robot.sent} == {3}
    assert policy.resets == 1
    assert heard[-1] == final
    assert (final.cause, final.steps) == (Cause.REACHED, len(robot.sent))
    assert [p.state for p in heard[:-1]] == [State.RUNNING] * len(robot.sent)
    assert robot.causes == []


def test_takes_no_longer_than_it_may():
    robot = mocks.MockRobot()
    final = go(robot, mocks.MockPolicy(speed_m_s=0.001), timeout_s=2.0)
    assert final.state is State.TIMED_OUT
    assert "2 s" in final.reason
    assert robot.stamp_ns - 1_000_000_000 == pytest.approx(2e9, abs=4e8)


class Gives(mocks.MockSwitcher):
    """Says at once that it has ended so."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state

    def judge(self, obs, chunk):
        return Progress(self.state, 0.5, "it is so")


@pytest.mark.parametrize(("gripper", "command"), [(1.0, 1.0), (0.4, 0.0)])
def test_a_hand_that_failed_withdraws_with_what_it_holds(gripper, command):
    robot = mocks.MockRobot()
    robot.position[2], robot.gripper = 0.05, gripper
    robot.command, robot.held = command, gripper if command == 0.0 else 0.0
    final = go(robot, switcher=Gives(State.FAILED), retreat=Retreat(0.2, 0.3))
    assert (final.state, final.reason) == (State.FAILED, "it is so")
    aside = 0.08 if command else 0.0
    assert np.linalg.norm(robot.position[:2] - [0.5, 0.0]) == pytest.approx(aside, abs=0.011)
    assert robot.position[2] == pytest.approx(0.2, abs=0.011)
    steps = np.concatenate(
        [np.linalg.norm(np.diff(c.actions[:, :3], axis=0, prepend=0.0), axis=1) for c in robot.sent]
    )
    assert steps.max() <= 0.3 * 0.1 + 1e-6
    assert {float(c.actions[-1, 6]) for c in robot.sent} == {command}
    assert robot.causes == []


@pytest.mark.parametrize(("height", "wanted"), [(0.05, 0.12), (0.18, 0.18)])
def test_a_hand_that_grasped_what_it_should_lifts_it_and_keeps_it(height, wanted):
    robot = mocks.MockRobot()
    robot.position[2], robot.command, robot.held, robot.gripper = height, 0.0, 0.4, 0.4
    done = go(robot, switcher=Gives(State.REACHED), retreat=Retreat(0.3, carry_m=0.12))
    assert done.state is State.REACHED
    np.testing.assert_allclose(robot.position, [0.5, 0.0, wanted], atol=0.011)
    assert {float(row[6]) for c in robot.sent for row in c.actions} <= {0.0}


@pytest.mark.parametrize(("state", "command"), [(State.FAILED, 1.0), (State.REACHED, 0.0)])
def test_a_hand_that_is_not_told_to_withdraw_stays(state, command):
    robot = mocks.MockRobot()
    robot.position[2], robot.command = 0.05, command
    robot.held = robot.gripper = 0.4 if command == 0.0 else 1.0
    assert go(robot, switcher=Gives(state), retreat=None).state is state
    assert robot.sent == []


def test_a_hand_that_let_go_rises_to_see_what_it_did():
    robot = mocks.MockRobot()
    robot.position[2] = 0.05
    assert go(robot, switcher=Gives(State.REACHED), retreat=Retreat(0.2)).state is State.REACHED
    np.testing.assert_allclose(robot.position, [0.5, 0.0, 0.2], atol=0.011)


def test_fingers_closed_on_nothing_open_before_the_hand_rises_and_the_subtask_begins():
    robot = mocks.MockRobot()
    robot.position[2], robot.gripper, robot.command = 0.05, 0.0, 0.0
    go(robot, switcher=Gives(State.REACHED), retreat=Retreat(0.2))
    np.testing.assert_allclose(robot.sent[0].actions[:, :3], 0.0)
    assert (robot.sent[0].actions[:, 6] == 1.0).all()
    assert robot.gripper == 1.0
    assert robot.position[2] == pytest.approx(0.2, abs=0.011)


def test_empty_fingers_begin_the_next_try_from_another_side_the_same_ones_when_repeated():
    def tries():
        robot, places = mocks.MockRobot(), []
        robot.position[2] = 0.05
        for _ in range(3):
            go(robot, switcher=Gives(State.FAILED), retreat=Retreat(0.2, aside_m=0.06))
            places.append(robot.position.copy())
            robot.position[:] = 0.5, 0.0, 0.05
        return np.array(places)

    places = tries()
    np.testing.assert_allclose(np.linalg.norm(places[:, :2] - [0.5, 0.0], axis=1), 0.06, atol=0.011)
    np.testing.assert_allclose(places[:, 2], 0.2, atol=0.011)
    assert min(np.linalg.norm(places[i] - places[i - 1]) for i in range(3)) > 0.01
    np.testing.assert_array_equal(places, tries())


def test_the_guard_may_keep_a_hand_from_withdrawing():
    robot = mocks.MockRobot()
    robot.position[2] = 0.05
    guard = mocks.MockGuard(*[(Decision.HOLD, "somebody is there")] * 9)
    final = go(robot, switcher=Gives(State.FAILED), guard=guard, retreat=Retreat())
    assert (final.state, final.reason, robot.sent) == (State.FAILED, "it is so", [])
    stop = mocks.MockGuard((Decision.STOP, "button"))
    final = go(mocks.MockRobot(), switcher=Gives(State.FAILED), guard=stop, retreat=Retreat(0.5))
    assert (final.cause, final.reason) == (Cause.STOPPED, "guard mock: button")


def test_a_retreat_that_leads_nowhere_ends():
    robot = mocks.MockRobot()
    robot.position[2] = -9.0
    before = robot.stamp_ns
    go(robot, switcher=Gives(State.TIMED_OUT), guard=mocks.MockGuard(), retreat=Retreat(timeout_s=1.0))
    assert robot.stamp_ns - before <= 1.5e9
    with pytest.raises(InvalidValueError, match="speed_m_s"):
        Retreat(speed_m_s=0.0)
    with pytest.raises(InvalidValueError, match="aside_m"):
        Retreat(aside_m=-0.1)
    with pytest.raises(InvalidValueError, match=r"Retreat\.carry_m: 0\.0"):
        Retreat(carry_m=0.0)


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
    final = go(robot, guard=guard, hold_wait_s=0.0, heard=heard)
    assert final.state is State.REACHED
    assert sum("holding still, guard mock: too early" in p.reason for p in heard) == 3


def test_a_hold_that_stays_ends_with_the_guards_reason():
    robot = mocks.MockRobot()
    guard = mocks.MockGuard(*[(Decision.HOLD, "too early")] * 99)
    final = go(robot, guard=guard, hold_wait_s=0.0, hold_tries=5)
    assert (final.state, final.reason) == (State.FAILED, "guard mock: too early")
    assert (final.cause, final.steps) == (Cause.GUARD, 0)
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
    go(robot, mocks.MockPolicy(target=(0.6, 0.1, -0.3)), timeout_s=3.0, heard=heard)
    assert robot.position[2] == pytest.approx(0.0, abs=1e-5)
    assert any(p.reason.startswith("clipped, guard workspace") for p in heard)


def test_stop_from_the_guard_is_latched():
    robot = mocks.MockRobot()
    guard = SafetyGuard(robot.spec)
    guard.stop("emergency button")
    final = go(robot, guard=guard)
    assert final.state is State.FAILED
    assert (final.cause, final.reason) == (Cause.STOPPED, "guard stop: emergency button")
    assert robot.causes == ["guard stop: emergency button"]
    assert robot.sent == []


def test_a_silent_camera_ends_it_and_is_named():
    robot = mocks.MockRobot(silent_after=2)
    final = go(robot, mocks.MockPolicy(speed_m_s=0.05))
    assert final.state is State.FAILED
    assert final.stopped
    assert "camera 'front'" in final.reason
    assert len(robot.sent) == 2
    assert len(robot.causes) == 1


class Slow(mocks.MockPolicy):
    """Thinks for ``seconds`` before each chunk."""

    def __init__(self, seconds: float, **how) -> None:
        super().__init__(**how)
        self.seconds = seconds

    def predict_chunk(self, obs, subgoal):
        time.sleep(self.seconds)
        return super().predict_chunk(obs, subgoal)


class Free(mocks.MockRobot):
    """Runs free: its clock moves by itself, or only while the stack waits, as on a busy machine."""

    lockstep = False

    def __init__(self, *, moves_in_observe: bool = True) -> None:
        super().__init__()
        self.frozen, self.moves_in_observe = True, moves_in_observe

    def observe(self, timeout_s=1.0):
        if self.moves_in_observe and self.sent:
            self.stamp_ns += 100_000_000
        return super().observe(timeout_s)


class Undeclared(mocks.MockRobot):
    """Says nothing about its time."""

    lockstep = property(doc="absent")


@pytest.mark.parametrize("make", [mocks.MockRobot, Undeclared, Free])
def test_how_long_a_part_thinks_is_not_how_long_the_clock_stands(monkeypatch, make):
    monkeypatch.setattr(pursuit, "CLOCK_STALL_S", 0.05)
    endings = []
    for seconds in (0.0, 0.06):
        robot = make()
        final = go(robot, Slow(seconds, speed_m_s=2.0), retreat=Retreat(0.2))
        endings.append((final, len(robot.sent), robot.causes))
    assert endings[0] == endings[1]
    assert endings[0][0].state is State.REACHED


def test_a_policy_of_two_seconds_a_chunk_ends_like_a_fast_one(monkeypatch):
    """The same with the real limit and a wall clock that the policy turns on."""
    now = [0.0]
    monkeypatch.setattr(pursuit, "ClockWatch", partial(ClockWatch, clock=lambda: now[0]))

    class Ponders(mocks.MockPolicy):
        def predict_chunk(self, obs, subgoal):
            now[0] += 2.1
            return super().predict_chunk(obs, subgoal)

    for make in (mocks.MockRobot, Free):
        robot, fast = make(), make()
        assert go(robot, Ponders(), retreat=Retreat()) == go(fast, retreat=Retreat())
        np.testing.assert_array_equal(robot.position, fast.position)
        assert robot.causes == []


def test_in_lockstep_a_clock_that_stands_still_is_judged_by_commands():
    robot = mocks.MockRobot()
    robot.frozen = True
    final = go(robot, mocks.MockPolicy(speed_m_s=1e-6))
    assert "clock has stood" in final.reason
    assert "3 commands" in final.reason
    assert len(robot.sent) == 3
    assert robot.causes


@pytest.mark.parametrize("make", [partial(Free, moves_in_observe=False), Undeclared])
def test_a_clock_that_stands_still_in_free_running_is_noticed_in_its_time(monkeypatch, make):
    monkeypatch.setattr(pursuit, "CLOCK_STALL_S", 0.1)
    robot = make()
    robot.frozen, began = True, time.monotonic()
    final = go(robot, mocks.MockPolicy(speed_m_s=1e-6))
    assert "clock has stood" in final.reason
    assert time.monotonic() - began < 5.0
    assert robot.causes


def test_waiting_while_the_guard_holds_counts_in_free_running_and_not_in_lockstep(monkeypatch):
    monkeypatch.setattr(pursuit, "CLOCK_STALL_S", 0.05)
    holding = [(Decision.HOLD, "too early")] * 99
    final = go(Free(moves_in_observe=False), guard=mocks.MockGuard(*holding), hold_wait_s=0.03)
    assert "clock has stood" in final.reason
    began = time.monotonic()
    final = go(mocks.MockRobot(), guard=mocks.MockGuard(*holding), hold_wait_s=60.0)
    assert final.reason == "guard mock: too early"
    assert time.monotonic() - began < 30.0, "nothing changes in lockstep, however long one waits"


def test_an_exception_stops_the_arm_and_names_stage_and_type():
    robot = mocks.MockRobot()
    final = go(robot, BrokenPolicy())
    assert (final.cause, final.reason) == (Cause.STOPPED, "predict: RuntimeError: out of memory")
    assert robot.causes == ["predict: RuntimeError: out of memory"]


def test_a_robot_that_was_stopped_says_why():
    robot = mocks.MockRobot()
    robot.stop("emergency button")
    assert "emergency button" in go(robot).reason


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4])
def test_cancel_at_any_step_stops_the_arm_with_the_cause(at):
    robot = mocks.MockRobot()
    final = go(robot, mocks.MockPolicy(speed_m_s=0.05), should_stop=mocks.Cancel(at))
    assert (final.cause, final.reason) == (Cause.STOPPED, CANCELLED)
    assert robot.causes == [CANCELLED]
    assert len(robot.sent) == at // 2, "nothing is sent once there is a cause"


def test_cancel_while_holding_does_not_wait_for_the_end():
    guard = mocks.MockGuard(*[(Decision.HOLD, "too early")] * 99)
    final = go(guard=guard, hold_wait_s=60.0, should_stop=mocks.Cancel(3))
    assert (final.cause, final.reason) == (Cause.STOPPED, CANCELLED)


def test_interrupt_stops_the_arm_and_goes_on_up():
    robot = mocks.MockRobot()

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(robot, heard=interrupt)
    assert robot.causes == ["interrupted by KeyboardInterrupt"]


def test_no_rows_is_a_mistake():
    with pytest.raises(InvalidValueError, match="execute_rows"):
        go(execute_rows=0)
