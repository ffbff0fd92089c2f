"""The guard's rules, one by one; what every guard keeps stands in tests/conformance/test_guard.py."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from tests.conformance.implementations import observation
from tests.mocks import mock_spec
from vista.errors import ConfigError, InvalidValueError
from vista.guard import GuardLimits, SafetyGuard, load_limits
from vista.robot.rotations import from_quat, from_rotvec, to_rotvec
from vista.types import ActionChunk, ActionSpace, Decision

SPEC = mock_spec()
JOINTS = mock_spec(ActionSpace.JOINT_POSITION)
OBS = observation(SPEC)


def hand(rows, dt_s=0.1, stamp_ns=OBS.stamp_ns):
    """A chunk of hand deltas; short rows are filled with zeros, gripper open."""
    actions = np.zeros((len(rows), 7))
    actions[:, 6] = 1.0
    for row, values in zip(actions, rows, strict=True):
        row[: len(values)] = values
    return ActionChunk(actions, dt_s, ActionSpace.EE_DELTA, stamp_ns)


def joints(rows):
    rows = np.asarray(rows, np.float64)
    actions = np.column_stack([rows, np.ones(len(rows))])
    return ActionChunk(actions, 0.1, ActionSpace.JOINT_POSITION, OBS.stamp_ns)


def places(chunk):
    """Where the rows put the hand in the base frame [m]."""
    return OBS.ee_pose.position + chunk.actions[:, :3] @ from_quat(OBS.ee_pose.quat_wxyz).T


@pytest.mark.parametrize(
    ("chunk", "rule"),
    [
        (hand([[0.01]], dt_s=0.05), "dt"),
        (hand([[0.01]], stamp_ns=OBS.stamp_ns - 600_000_000), "stale"),
        (hand([[0.01]], stamp_ns=OBS.stamp_ns + 600_000_000), "stale"),
        (hand([[0.25]]), "jump"),
        (hand([[0, 0, 0, 1.2]]), "jump"),
        (joints([[0.6, 0, 0]]), "jump"),
        (joints([[0.0, 0]]), "action_space"),
    ],
)
def test_holds_and_names_the_rule(chunk, rule):
    verdict = SafetyGuard(SPEC).check(chunk, OBS)
    assert (verdict.decision, verdict.rule) == (Decision.HOLD, rule)
    assert verdict.reason


def test_another_action_space_than_the_contract_is_held():
    verdict = SafetyGuard(JOINTS).check(hand([[0.01]]), OBS)
    assert (verdict.decision, verdict.rule) == (Decision.HOLD, "action_space")


def test_the_robots_clock_finds_what_is_old_although_it_came_together():
    guard = SafetyGuard(SPEC, clock_ns=lambda: OBS.stamp_ns + 700_000_000)
    assert guard.check(hand([[0.01]]), OBS).rule == "stale"
    assert SafetyGuard(SPEC).check(hand([[0.01]]), OBS).decision is Decision.ALLOW


def test_box_is_kept_in_the_base_frame_although_rows_are_in_the_hand_frame():
    # The hand points down: its own z leads below the table.
    rows = [[0, 0, 0.08 * i] for i in range(1, 5)]
    limits = GuardLimits(workspace_margin_m=0.25, max_speed_m_s=5.0)
    verdict = SafetyGuard(SPEC, limits).check(hand(rows), OBS)
    assert (verdict.decision, verdict.rule) == (Decision.CLIP, "workspace")
    z = places(verdict.chunk)[:, 2]
    np.testing.assert_allclose(z, np.maximum(0.25, 0.3 - 0.08 * np.arange(1, 5)), atol=1e-6)
    assert np.array_equal(verdict.chunk.actions[:, 6], hand(rows).actions[:, 6])


def test_speed_is_clipped_between_rows_and_the_way_is_kept():
    verdict = SafetyGuard(SPEC).check(hand([[0.05], [0.2], [0.22], [0.24]]), OBS)
    assert (verdict.decision, verdict.rule) == (Decision.CLIP, "hand_speed")
    np.testing.assert_allclose(verdict.chunk.actions[:, 0], [0.05, 0.15, 0.22, 0.24], atol=1e-6)
    np.testing.assert_allclose(verdict.chunk.actions[:, 1:3], 0, atol=1e-7)


def test_speed_counts_in_every_direction():
    verdict = SafetyGuard(SPEC).check(hand([[0, 0.08, 0.15]]), OBS)
    assert verdict.rule == "hand_speed"
    moved = verdict.chunk.actions[0, :3]
    assert np.linalg.norm(moved) == pytest.approx(0.1, abs=1e-6)
    np.testing.assert_allclose(moved / 0.1, np.array([0, 0.08, 0.15]) / 0.17, atol=1e-5)


def test_an_arm_outside_the_box_comes_back_without_a_leap():
    away = type(OBS.ee_pose)(np.array([0.5, 0.0, -0.3]), OBS.ee_pose.quat_wxyz)
    obs = type(OBS)(OBS.stamp_ns, OBS.images, OBS.joint_pos, OBS.joint_vel, 1.0, away)
    verdict = SafetyGuard(SPEC).check(hand([[0.0]] * 3), obs)
    assert verdict.rule == "workspace, hand_speed"
    # The hand points down: up in the base frame is back along its own z.
    np.testing.assert_allclose(verdict.chunk.actions[:, 2], [-0.1, -0.2, -0.3], atol=1e-6)


def test_turning_is_clipped_about_the_same_axis():
    verdict = SafetyGuard(SPEC).check(hand([[0, 0, 0, 0, 0, 0.3], [0, 0, 0, 0, 0, 0.9]]), OBS)
    assert verdict.rule == "hand_speed"
    np.testing.assert_allclose(verdict.chunk.actions[:, 5], [0.3, 0.7], atol=1e-6)


def test_gripper_and_length_are_clipped_and_both_are_named():
    chunk = hand([[0, 0, 0, 0, 0, 0, 1.3]] * 8)
    verdict = SafetyGuard(SPEC).check(chunk, OBS)
    assert verdict.decision is Decision.CLIP
    assert verdict.rule == "duration, gripper"
    assert verdict.chunk.actions.shape == (5, 7)
    assert verdict.chunk.actions[:, 6].max() == 1.0
    assert verdict.chunk.start_stamp_ns == chunk.start_stamp_ns


def test_joint_steps_shrink_together_so_that_the_path_stays():
    verdict = SafetyGuard(JOINTS).check(joints([[0.4, 0.2, 0.0]]), OBS)
    assert (verdict.decision, verdict.rule) == (Decision.CLIP, "joint_speed")
    np.testing.assert_allclose(verdict.chunk.actions[0, :3], [0.2, 0.1, 0.0], atol=1e-6)


def test_joint_limits_are_clipped():
    obs = observation(JOINTS)
    near = np.array([1.9, 0.0, 0.0])
    at_limit = type(obs)(obs.stamp_ns, obs.images, near, obs.joint_vel, 1.0, obs.ee_pose)
    verdict = SafetyGuard(JOINTS).check(joints([[2.05, 0, 0]]), at_limit)
    assert (verdict.decision, verdict.rule) == (Decision.CLIP, "joint_limits")
    assert verdict.chunk.actions[0, 0] == pytest.approx(2.0)


def test_joint_targets_outside_the_box_are_held_but_the_way_back_is_free():
    def forward(q):
        return np.array([0.5 + q[0], 0.0, 0.3])

    guard = SafetyGuard(JOINTS, forward=forward)
    assert guard.check(joints([[0.15, 0, 0], [0.35, 0, 0]]), OBS).rule == "reach"
    assert guard.check(joints([[0.15, 0, 0]]), OBS).decision is Decision.ALLOW
    away = type(OBS.ee_pose)(np.array([1.2, 0.0, 0.3]), OBS.ee_pose.quat_wxyz)
    outside = type(OBS)(OBS.stamp_ns, OBS.images, np.full(3, 0.7), OBS.joint_vel, 1.0, away)
    assert guard.check(joints([[0.6, 0.7, 0.7]]), outside).decision is Decision.ALLOW


def gap_at(first_joint):
    """What is near, of an arm whose link comes to a wall as its first joint turns."""

    def near(q):
        gap = first_joint - q[0]
        return {("forearm", "wall"): gap} if gap < 0.02 else {}

    return near


def test_links_that_come_near_are_held_and_may_move_away():
    guard = SafetyGuard(JOINTS, near=gap_at(0.2))
    assert guard.check(joints([[0.1, 0, 0]]), OBS).decision is Decision.ALLOW
    verdict = guard.check(joints([[0.1, 0, 0], [0.19, 0, 0]]), OBS)
    assert (verdict.decision, verdict.rule) == (Decision.HOLD, "links")
    assert verdict.reason == "row 1: forearm comes within 0.010 m of wall"
    there = type(OBS)(OBS.stamp_ns, OBS.images, np.array([0.3, 0, 0]), OBS.joint_vel, 1.0, OBS.ee_pose)
    assert guard.check(joints([[0.25, 0, 0], [0.2, 0, 0]]), there).decision is Decision.ALLOW
    assert guard.check(joints([[0.31, 0, 0]]), there).rule == "links"


def test_small_steps_do_not_creep_through_a_zone():
    """Each time it is measured a little nearer than it was allowed to be."""
    guard, at = SafetyGuard(JOINTS, near=gap_at(0.2)), 0.17
    for _ in range(200):
        obs = type(OBS)(OBS.stamp_ns, OBS.images, np.array([at, 0, 0]), OBS.joint_vel, 1.0, OBS.ee_pose)
        if guard.check(joints([[at + 0.0009, 0, 0]]), obs).decision is Decision.ALLOW:
            at += 0.0009
    assert at < 0.2 - 0.004


def test_links_are_looked_at_half_way_too():
    guard = SafetyGuard(JOINTS, near=lambda q: {("hand", "post"): 0.0} if 0.08 < q[0] < 0.12 else {})
    assert guard.check(joints([[0.2, 0, 0]]), OBS).rule == "links"


def slow(acceleration=1e9, jerk=1e9):
    limited = tuple(replace(joint, acceleration=acceleration, jerk=jerk) for joint in JOINTS.joints)
    return SafetyGuard(replace(JOINTS, joints=limited))


def test_speed_changes_within_the_acceleration_from_the_measured_velocity_on():
    verdict = slow(acceleration=2.0).check(joints([[0.1, 0.05, 0], [0.2, 0.1, 0]]), OBS)
    assert (verdict.decision, verdict.rule) == (Decision.CLIP, "joint_acceleration")
    # 0.2 rad/s more at each step, on the way that was asked for.
    np.testing.assert_allclose(verdict.chunk.actions[:, :2], [[0.02, 0.01], [0.06, 0.03]], atol=1e-6)
    moving = type(OBS)(OBS.stamp_ns, OBS.images, OBS.joint_pos, np.array([1.0, 0, 0]), 1.0, OBS.ee_pose)
    assert slow(acceleration=2.0).check(joints([[0.1, 0, 0]]), moving).decision is Decision.ALLOW
    stopped = slow(acceleration=2.0).check(joints([[0.0, 0, 0]]), moving)
    assert stopped.chunk.actions[0, 0] == pytest.approx(0.08)


def test_acceleration_changes_within_the_jerk():
    verdict = slow(jerk=50.0).check(joints([[0.0, 0, 0], [0.2, 0, 0], [0.4, 0, 0]]), OBS)
    assert verdict.rule == "joint_acceleration"
    rows = np.concatenate([[0.0], verdict.chunk.actions[:, 0]])
    pushes = np.diff(np.diff(rows, prepend=0.0) / 0.1) / 0.1
    assert np.abs(np.diff(pushes)).max() <= 50.0 * 0.1 + 1e-3


def test_what_is_clipped_is_looked_at_again():
    """A path that bends around a post is no longer free where it is cut short."""
    guard = SafetyGuard(JOINTS, near=lambda q: {("hand", "post"): 0.0} if 0.195 < q[0] < 0.205 else {})
    verdict = guard.check(joints([[0.43, 0.0, 0.0]]), OBS)
    assert (verdict.decision, verdict.rule) == (Decision.HOLD, "links")
    assert verdict.reason.startswith("once clipped")


def test_commands_that_come_too_often_are_held():
    now = [OBS.stamp_ns]
    guard = SafetyGuard(SPEC, clock_ns=lambda: now[0])
    decided = []
    for _ in range(10):
        decided.append(guard.check(hand([[0.01]]), OBS).rule)
        now[0] += 10_000_000  # 100 Hz
    assert decided == ["none", "rate"] * 5


def test_a_command_that_was_overtaken_is_held():
    now = [OBS.stamp_ns]
    guard = SafetyGuard(SPEC, clock_ns=lambda: now[0])
    decided = []
    for start_ms in (0, 100, 200, 0, 100, 300, 200):
        now[0] += 50_000_000
        decided.append(guard.check(hand([[0.01]], stamp_ns=OBS.stamp_ns + start_ms * 1_000_000), OBS).rule)
    assert decided == ["none", "none", "none", "order", "none", "none", "none"]


def test_stop_is_latched_with_its_first_cause_until_released():
    guard = SafetyGuard(SPEC)
    threads = [threading.Thread(target=guard.stop, args=("button",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    guard.stop("later")
    guard.reset()
    verdict = guard.check(hand([[0.01]]), OBS)
    assert (verdict.decision, verdict.rule, verdict.reason) == (Decision.STOP, "stop", "button")
    guard.release()
    assert guard.stopped is None
    assert guard.check(hand([[0.01]]), OBS).decision is Decision.ALLOW


def test_shipped_limits_are_the_defaults():
    assert load_limits() == GuardLimits()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("max_sped_m_s: 1", "max_sped_m_s"),
        ("max_speed_m_s: -1", "above 0"),
        ("max_speed_m_s: .nan", "above 0"),
        ("max_speed_m_s: fast", "'fast'"),
        ("- 1", "list"),
        ("a: [", "limits.yaml"),
        ("max_speed_m_s: 1e308", "at most 10000"),
        ("max_chunk_s: .inf", "above 0"),
        ("max_age_s: true", "True"),
        ("max_turn_rad_s: '4'", "'4'"),
        ("max_jump_m: 1\nmax_jump_m: 2", "line 2: the key 'max_jump_m' stands twice"),
        ("dt_tolerance: 5e-324", "above 0"),
        ("dt_tolerance: 1", "at most 0.5"),
        ("? [a]\n: 1", "unhashable"),
        ("no: 1", "False"),
        ("max_jump_m: 0x" + "f" * 5000, "max_jump_m"),
    ],
)
def test_bad_limits_are_named(tmp_path, text, says):
    file = tmp_path / "limits.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=says):
        load_limits(file)
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        load_limits(tmp_path / "none.yaml")


def test_margins_that_leave_no_room_are_refused():
    with pytest.raises(ConfigError, match="workspace"):
        SafetyGuard(SPEC, GuardLimits(workspace_margin_m=0.3))
    with pytest.raises(ConfigError, match="joint"):
        SafetyGuard(SPEC, GuardLimits(joint_margin_rad=2.0))
    with pytest.raises(InvalidValueError):
        GuardLimits(max_chunk_s=0.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, True, "1", None, -1.0, 1e308, 10**400])
def test_a_limit_that_limits_nothing_is_refused(value):
    for name in ("max_speed_m_s", "max_chunk_s", "joint_speed_scale", "workspace_margin_m", "dt_tolerance"):
        with pytest.raises(InvalidValueError, match=f"{name}: .*expected a number"):
            GuardLimits(**{name: value})


def test_a_place_that_nobody_knows_is_not_inside():
    guard = SafetyGuard(JOINTS, forward=lambda _: np.full(3, np.nan))
    verdict = guard.check(joints([[0.01, 0, 0]]), OBS)
    assert (verdict.decision, verdict.rule) == (Decision.HOLD, "reach")


def turned(vector: np.ndarray) -> np.ndarray:
    """Rodrigues' formula, in a few lines of its own."""
    angle = float(np.linalg.norm(vector))
    x, y, z = vector
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    first, second = np.sinc(angle / np.pi), 0.5 * np.sinc(angle / (2 * np.pi)) ** 2
    return np.eye(3) + first * cross + second * (cross @ cross)


def test_rotations_are_those_of_the_formula():
    rng = np.random.default_rng(1)
    vectors = np.vstack(
        [rng.normal(0, 1.5, (200, 3)), [[0, 0, 0], [1e-9, 0, 0], [0, np.pi, 0], [40.0, 3.0, 0]]]
    )
    for vector, matrix in zip(vectors, from_rotvec(vectors), strict=True):
        np.testing.assert_allclose(matrix, turned(vector), atol=1e-12)
        half = np.linalg.norm(vector) / 2
        axis = vector / max(float(np.linalg.norm(vector)), 1e-12)
        quat = np.append(np.cos(half), np.sin(half) * axis)
        np.testing.assert_allclose(from_quat(quat), turned(vector), atol=1e-12)
        np.testing.assert_allclose(turned(to_rotvec(matrix)), matrix, atol=1e-7)


def test_rotations_come_back_as_they_went():
    rng = np.random.default_rng(0)
    vectors = rng.normal(0, 1, (200, 3))
    vectors *= (rng.uniform(0, np.pi, 200) / np.linalg.norm(vectors, axis=1))[:, None]
    vectors = np.vstack([vectors, [[0, 0, 0], [1e-9, 0, 0], [0, 3.1415926, 0]]])
    for vector, matrix in zip(vectors, from_rotvec(vectors), strict=True):
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
        np.testing.assert_allclose(to_rotvec(matrix), vector, atol=1e-6)
    assert np.linalg.norm(to_rotvec(np.diag([-1.0, -1.0, 1.0]))) == pytest.approx(np.pi)
    np.testing.assert_allclose(from_quat(np.array([0.0, 1.0, 0.0, 0.0])), np.diag([1.0, -1, -1]))
