"""Of random chunks, none that the guard of joint targets lets through is outside of any limit.

``GUARD_CHUNKS=1000000 pytest tests/vista/test_guard_fuzzed.py`` tries another number of them.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from tests.mocks import broken
from vista.assembly.loading import joint_guard
from vista.guard import GuardLimits
from vista.robot.contract import load_robot
from vista.robot.kinematics import Kinematics, matrix_to_pose
from vista.robot.link_shapes import LinkShapes
from vista.types import ActionChunk, ActionSpace, Decision, Observation

CHUNKS = int(os.environ.get("GUARD_CHUNKS", "20000"))
ROBOTS = ("panda", "fr3")
LIMITS = GuardLimits(max_chunk_s=0.3)
DT_S = 0.1


def posture(spec, arm, shapes, random):
    """Joints whose hand is in the workspace and whose links are clear of everything."""
    low, high = spec.workspace
    while True:
        joints = random.uniform(np.maximum(spec.joint_lower, -3.0), np.minimum(spec.joint_upper, 3.0))
        place = arm.forward(joints)[:3, 3]
        if ((place >= low) & (place <= high)).all() and not shapes.near(joints):
            return joints


def chunk_at(joints, random):
    """Rows f64 (T, J + 1) around ``joints``: small and large steps, leaps, openings of any size."""
    count = int(random.integers(1, 8))
    scale = random.choice([0.01, 0.05, 0.15, 0.4])
    rows = joints + random.normal(0.0, scale, (count, len(joints))).cumsum(axis=0)
    if random.random() < 0.05:
        rows *= random.choice([10.0, 1e3, 1e6])
    return np.column_stack([rows, random.uniform(-0.5, 1.5, count)])


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("robot", ROBOTS)
def test_nothing_outside_of_a_limit_gets_through(robot: str):
    spec = load_robot(robot)
    arm, shapes = Kinematics(spec), LinkShapes(spec, LIMITS.link_clearance_m, LIMITS.self_clearance_m)
    guard = joint_guard(spec, LIMITS, lambda joints: arm.forward(joints)[:3, 3])
    random, passed = np.random.default_rng(1), dict.fromkeys(Decision, 0)
    low, high = spec.workspace
    for number in range(CHUNKS // len(ROBOTS)):
        if number % 20 == 0:
            joints = posture(spec, arm, shapes, random)
            speed = random.normal(0.0, 0.3, len(joints)).clip(-spec.joint_velocity, spec.joint_velocity)
            obs = Observation(
                1, {}, joints.astype(np.float32), speed.astype(np.float32), 1.0,
                matrix_to_pose(arm.forward(joints)),
            )  # fmt: skip
        stamp_ns = 1 if random.random() < 0.95 else -int(2e9)
        chunk = ActionChunk(chunk_at(joints, random), DT_S, ActionSpace.JOINT_POSITION, max(stamp_ns, 0))
        if random.random() < 0.02:
            chunk = broken(chunk)
        verdict = guard.check(chunk, obs)
        passed[verdict.decision] += 1
        if verdict.chunk is None:
            continue
        rows = verdict.chunk.actions.astype(np.float64)
        here, now = obs.joint_pos.astype(np.float64), obs.joint_vel.astype(np.float64)
        path = np.vstack([here, rows[:, :-1]])
        speeds = np.vstack([now, np.diff(path, axis=0) / DT_S])
        assert np.isfinite(rows).all()
        assert len(rows) * DT_S <= LIMITS.max_chunk_s + 1e-6
        assert ((rows[:, -1] >= 0.0) & (rows[:, -1] <= 1.0)).all()
        assert (rows[:, :-1] >= spec.joint_lower - 1e-5).all()
        assert (rows[:, :-1] <= spec.joint_upper + 1e-5).all()
        assert (np.abs(speeds[1:]) <= spec.joint_velocity * 1.001 + 1e-4).all()
        # A joint at its limit is stopped by it, however hard.
        free = ((rows[:, :-1] > spec.joint_lower + 1e-4) & (rows[:, :-1] < spec.joint_upper - 1e-4)).all(
            axis=1
        )
        push = np.abs(np.diff(speeds, axis=0) / DT_S).max(axis=1)
        assert (push[free] <= spec.joint_acceleration.max() * 1.01 + 1e-2).all()
        for row in rows[:, :-1]:
            place = arm.forward(row)[:3, 3]
            assert ((place >= low - 2e-3) & (place <= high + 2e-3)).all()
            assert not shapes.near(row)
    assert min(passed[Decision.ALLOW], passed[Decision.CLIP], passed[Decision.HOLD]) > CHUNKS // 200, passed
