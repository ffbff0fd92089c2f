"""What every ``Guard`` that protects keeps, whatever its rules are."""

import numpy as np
import pytest

from tests.conformance.fixtures import over
from tests.conformance.implementations import GUARDS, observation
from tests.mocks import broken
from vista.protocols import Guard
from vista.robot.rotations import from_quat
from vista.types import ActionChunk, ActionSpace, Decision

made = over(GUARDS)


def chunk_for(spec, obs, offsets):
    """Rows f64 (T, A - 1) relative to the measured state, gripper as it is, in the robot's own space."""
    rows = np.asarray(offsets, np.float64)
    if spec.action_space is ActionSpace.JOINT_POSITION:
        rows = rows + obs.joint_pos
    actions = np.column_stack([rows, np.full(len(rows), obs.gripper_command)])
    return ActionChunk(actions, 1 / spec.control_hz, spec.action_space, obs.stamp_ns)


def width(spec):
    return 6 if spec.action_space is ActionSpace.EE_DELTA else len(spec.joint_names)


def test_lets_a_harmless_chunk_through_as_it_is(made):
    case, guard = made
    assert isinstance(guard, Guard)
    spec = case.spec()
    obs = observation(spec)
    guard.reset()
    chunk = chunk_for(spec, obs, np.linspace(0, 0.01, 4)[:, None] * np.ones(width(spec)))
    verdict = guard.check(chunk, obs)
    assert verdict.decision is Decision.ALLOW, verdict
    assert np.array_equal(verdict.chunk.actions, chunk.actions)


def test_never_lets_a_nan_through(made):
    case, guard = made
    spec = case.spec()
    obs = observation(spec)
    verdict = guard.check(broken(chunk_for(spec, obs, np.zeros((4, width(spec))))), obs)
    assert verdict.chunk is None
    assert verdict.rule
    assert verdict.reason


def test_never_lets_a_leap_through(made):
    case, guard = made
    spec = case.spec()
    obs = observation(spec)
    offsets = np.zeros((4, width(spec)))
    offsets[:, 0] = 5.0
    assert guard.check(chunk_for(spec, obs, offsets), obs).decision in (Decision.HOLD, Decision.STOP)


def test_never_answers_an_old_chunk(made):
    case, guard = made
    spec = case.spec()
    chunk = chunk_for(spec, observation(spec), np.zeros((4, width(spec))))
    verdict = guard.check(chunk, observation(spec, stamp_ns=60_000_000_000))
    assert verdict.decision in (Decision.HOLD, Decision.STOP)


@pytest.mark.parametrize("scale", [0.05, 0.2, 0.4])
def test_what_it_lets_through_stays_in_bounds_and_is_its_own_fixed_point(made, scale):
    case, guard = made
    spec = case.spec()
    obs = observation(spec)
    rng, seen = np.random.default_rng(0), set()
    for _ in range(100):
        verdict = guard.check(chunk_for(spec, obs, rng.normal(0, scale, (4, width(spec)))), obs)
        seen.add(verdict.decision)
        if verdict.chunk is None:
            continue
        rows = verdict.chunk.actions.astype(np.float64)
        if spec.action_space is ActionSpace.EE_DELTA:
            places = obs.ee_pose.position + rows[:, :3] @ from_quat(obs.ee_pose.quat_wxyz).T
            assert (places >= spec.workspace[0] - 1e-5).all()
            assert (places <= spec.workspace[1] + 1e-5).all()
        else:
            assert (rows[:, :-1] >= spec.joint_lower - 1e-5).all()
            assert (rows[:, :-1] <= spec.joint_upper + 1e-5).all()
            steps = np.diff(np.vstack([obs.joint_pos, rows[:, :-1]]), axis=0)
            assert (np.abs(steps) <= spec.joint_velocity / spec.control_hz + 1e-4).all()
        again = guard.check(verdict.chunk, obs)
        assert again.decision in (Decision.ALLOW, Decision.CLIP)
        np.testing.assert_allclose(again.chunk.actions, verdict.chunk.actions, atol=1e-4)
    assert seen - {Decision.ALLOW}, "the random chunks were too tame to show anything"
