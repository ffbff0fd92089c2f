"""Late plans: the rows that are due, from the plan that was there, joined without a leap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.conformance.implementations import observation, panda
from vista.errors import InvalidValueError
from vista.executor.latency_compensation import LatePolicy, _braked
from vista.robot.kinematics import delta_to_matrix, matrix_to_pose, pose_to_matrix
from vista.types import ActionChunk, ActionSpace, Observation, Subgoal, Subtask

DT = 0.1
GOAL = Subgoal(Subtask.said("grasp the blue mug"), {}, 0.5, 0, 0)


class Straight:
    """Plans eight rows of 1 cm to the side it was made for; its n-th plan says progress n / 10."""

    action_space = ActionSpace.EE_DELTA

    def __init__(self, *steps: float) -> None:
        self.steps, self.calls = steps, 0

    def reset(self) -> None:
        self.calls = 0

    def predict_chunk(self, obs: Observation, subgoal: Subgoal) -> ActionChunk:
        step = self.steps[min(self.calls, len(self.steps) - 1)]
        self.calls += 1
        rows = np.zeros((8, 7), np.float32)
        rows[:, 1] = step * np.arange(1, 9)
        rows[:, 6] = float(self.calls % 2)
        return ActionChunk(rows, DT, self.action_space, obs.stamp_ns, self.calls / 10, 0.0)


def plain(policy: Straight, latency_s: float, **more: int) -> LatePolicy:
    """Late plans that are made for where the arm is when they are asked for."""
    return LatePolicy(policy, latency_s, foresees=False, settles=False, brakes=False, **more)  # type: ignore[arg-type]


def arm(
    policy: LatePolicy, cycles: int, rows: int = 4, *, blocked: bool = False
) -> tuple[list[float], list[ActionChunk]]:
    """Carry out ``rows`` of each chunk exactly, or not at all where the arm is ``blocked``; the hand's
    sideways place after every row, and the chunks."""
    spec = panda()
    obs = observation(spec)
    here = pose_to_matrix(obs.ee_pose)
    origin, places, chunks = here.copy(), [], []
    for k in range(cycles):
        now = observation(spec, stamp_ns=1_000_000_000 + k * rows * 100_000_000)
        now = Observation(
            now.stamp_ns,
            now.images,
            now.joint_pos,
            now.joint_vel,
            1.0,
            matrix_to_pose(here),
            gripper_command=1.0,
        )
        chunk = policy.predict_chunk(now, GOAL)
        chunks.append(chunk)
        for row in chunk.actions[:rows]:
            places.append(float((np.linalg.inv(origin) @ here @ delta_to_matrix(np.float64(row[:6])))[1, 3]))
        if not blocked:
            here = here @ delta_to_matrix(np.float64(chunk.actions[rows - 1][:6]))
    return places, chunks


def test_without_latency_nothing_changes():
    places, chunks = arm(plain(Straight(0.01), 0.0), 3)
    np.testing.assert_allclose(places, 0.01 * np.arange(1, 13), atol=1e-6)
    assert [c.progress for c in chunks] == [0.1, 0.2, 0.3]


def test_the_arm_holds_until_the_first_plan_is_there_and_runs_it_from_its_first_row():
    places, chunks = arm(plain(Straight(0.01), 0.3), 2)
    np.testing.assert_allclose(places[:4], [0, 0, 0, 0.01], atol=1e-6)
    assert chunks[0].progress is None
    assert chunks[1].progress == 0.1


def test_the_plan_in_hand_is_carried_out_while_the_next_is_on_its_way_and_its_missed_rows_are_left_out():
    places, _ = arm(plain(Straight(0.01, 0.01, 0.0), 0.3, fade_rows=0), 3)
    # From 0.4 s to 0.7 s the first plan goes on (2, 3, 4 cm), then the second, made at 1 cm: 1 + 4 cm.
    np.testing.assert_allclose(places[4:8], [0.02, 0.03, 0.04, 0.05], atol=1e-6)
    np.testing.assert_allclose(places[8:11], [0.06, 0.07, 0.08], atol=1e-6)
    assert places[11] == pytest.approx(0.05, abs=1e-6)  # the third plan stays where it was made


def test_fading_makes_the_leap_between_two_plans_smaller():
    steps = (0.01, -0.01)
    hard, soft = (arm(plain(Straight(*steps), 0.2, fade_rows=f), 6)[0] for f in (0, 3))
    assert np.abs(np.diff(soft)).max() < 0.7 * np.abs(np.diff(hard)).max()


def test_a_plan_that_is_over_holds_its_last_pose():
    places, _ = arm(plain(Straight(0.01), 1.0), 6)
    np.testing.assert_allclose(places[:10], 0.0, atol=1e-6)
    np.testing.assert_allclose(places[10:18], 0.01 * np.arange(1, 9), atol=1e-6)
    np.testing.assert_allclose(places[18:22], 0.08, atol=1e-6)


def test_a_synchronous_arm_waits_and_then_runs_the_whole_plan():
    policy = LatePolicy(Straight(0.01), 0.3, waits=True)
    assert policy.waiting_rows(DT) == 3
    places, chunks = arm(policy, 2, rows=7)
    np.testing.assert_allclose(places[:7], [0, 0, 0, 0.01, 0.02, 0.03, 0.04], atol=1e-6)
    np.testing.assert_allclose(places[7:10], 0.04, atol=1e-6)
    assert chunks[0].progress == 0.1


def test_an_arm_that_foresees_plans_for_where_it_will_be_and_misses_no_row():
    policy = Straight(0.01)
    asked: list[float] = []
    plan = policy.predict_chunk

    def note(obs: Observation, subgoal: Subgoal) -> ActionChunk:
        asked.append(float(obs.ee_pose.position[1]))
        return plan(obs, subgoal)

    policy.predict_chunk = note  # type: ignore[method-assign]
    places, _ = arm(LatePolicy(policy, 0.3, settles=False, brakes=False), 4, rows=3)
    np.testing.assert_allclose(places, [0, 0, 0, *(0.01 * np.arange(1, 10))], atol=1e-6)
    # Each plan but the first is asked for three rows, 3 cm, ahead of where the hand is.
    np.testing.assert_allclose(np.abs(np.diff(asked)), [0.03, 0.03, 0.03], atol=1e-6)


@pytest.mark.parametrize("latency_s", [0.1, 0.3, 1.0])
def test_the_later_the_plans_the_slower_the_arm_comes_to_their_end(latency_s):
    """In a row no more than the row's share of what is left, so all its way the hand may still turn back."""
    policy = LatePolicy(Straight(0.03), latency_s, waits=False, settles=False)
    arm(policy, 1)
    late = round(latency_s / DT)
    way = np.array([0.0, *np.float64(policy._plan.poses[:, :3, 3] @ [0, 1, 0])])  # type: ignore[union-attr]
    steps = np.abs(np.diff(way))[late : late + 8]
    left = 0.24 - np.cumsum([0.0, *steps[:-1]])
    share = np.maximum(0.008, left * DT / (latency_s + 0.3))
    assert (steps <= share + 1e-6).all()
    assert (steps >= 0.5 * np.minimum(share, 0.03)).all()


def test_a_braked_plan_ends_where_it_did_and_moves_the_fingers_where_it_did():
    rows = np.zeros((8, 7), np.float32)
    rows[:, 0] = np.minimum(0.01 * np.arange(1, 9), 0.03)
    rows[:, 6] = np.arange(8) < 3  # closed from the fourth row on, at rest
    braked = _braked(rows, 1.0)
    np.testing.assert_allclose(braked[:, 0].max(), 0.03, atol=1e-6)
    assert (braked[braked[:, 6] == 0][:, 0] > 0.03 - 1e-6).all()
    np.testing.assert_allclose(_braked(np.zeros((8, 7), np.float32), 0.2), 0.0)


class Closing(Straight):
    """Goes on to where ``goal`` [m] to the side of the first hand lies and closes the fingers there."""

    def __init__(self, goal: float) -> None:
        super().__init__(0.01)
        self.goal, self.origin = goal, None

    def predict_chunk(self, obs: Observation, subgoal: Subgoal) -> ActionChunk:
        here = pose_to_matrix(obs.ee_pose)
        self.origin = here if self.origin is None else self.origin
        left = self.goal - float((np.linalg.inv(self.origin) @ here)[1, 3])
        rows = np.zeros((8, 7), np.float32)
        rows[:, 1] = np.minimum(0.01 * np.arange(1, 9), left)
        rows[:, 6] = rows[:, 1] < left - 1e-6
        return ActionChunk(rows, DT, self.action_space, obs.stamp_ns, None, None)


@pytest.mark.parametrize("settles", [False, True])
def test_fingers_move_only_by_what_was_seen_at_rest(settles):
    places, chunks = arm(LatePolicy(Closing(0.105), 0.3, fade_rows=0, settles=settles), 9, rows=3)
    grip = np.concatenate([chunk.actions[:3, 6] for chunk in chunks])
    closed = int(np.flatnonzero(grip == 0)[0])
    # Seen on the way, it closes as soon as it is there; else it first stands still as long as a look takes.
    still = np.isclose(np.diff([0.0, *places]), 0.0, atol=1e-6)[3:closed]
    assert still.sum() in ((3, 4, 5, 6) if settles else (0,))
    assert (grip[closed:] == 0).all()
    np.testing.assert_allclose(places[closed:], 0.105, atol=1e-6)


class Arrived(Straight):
    """Goes on for two plans, then wants the fingers closed at once."""

    def predict_chunk(self, obs: Observation, subgoal: Subgoal) -> ActionChunk:
        chunk = super().predict_chunk(obs, subgoal)
        rows = chunk.actions.copy()
        rows[:, 6] = float(self.calls < 3)
        return replace(chunk, actions=rows)


def test_the_fingers_of_an_arm_that_stands_against_something_may_move():
    """It never gets where its plan would have it, and is at rest all the same."""
    _, chunks = arm(LatePolicy(Arrived(0.01), 0.3), 6, rows=3, blocked=True)
    assert chunks[1].actions[0, 6] == 1
    assert chunks[-1].actions[0, 6] == 0


def test_a_new_subgoal_drops_the_old_plans():
    policy = plain(Straight(0.01), 0.3)
    arm(policy, 2)
    policy.reset()
    places, _ = arm(policy, 1)
    np.testing.assert_allclose(places[:3], 0.0, atol=1e-6)


def test_bad_use_is_named():
    with pytest.raises(InvalidValueError, match="latency_s -1"):
        LatePolicy(Straight(0.01), -1.0)
    other = Straight(0.01)
    other.action_space = ActionSpace.JOINT_POSITION
    with pytest.raises(InvalidValueError, match="joint_position"):
        LatePolicy(other, 0.1)


def test_nothing_is_heard_of_progress_until_a_plan_saw_what_the_fingers_did():
    """They are told to close before the look at 0.4 s, whose plan comes too early to have seen it."""
    policy = LatePolicy(Straight(0.01), 0.2, fade_rows=0, settles=False)
    heard = []
    for k in range(6):
        stamp = k * 200_000_000
        pose = matrix_to_pose(np.eye(4))
        now = Observation(
            stamp, {"front": np.zeros((8, 8, 3), np.uint8)}, np.zeros(7), np.zeros(7), 1.0, pose,
            gripper_command=1.0 if k < 2 else 0.0,
        )  # fmt: skip
        heard.append(policy.predict_chunk(now, GOAL).progress)
    assert heard[1] is not None
    assert heard[2:4] == [None, None]
    assert heard[4] is not None
