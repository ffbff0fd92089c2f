"""Poses round trip; inverse kinematics reaches where the tasks are, within limits and without leaps."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.tiny import panda
from vista.errors import ConfigError
from vista.robot.kinematics import (
    Kinematics,
    delta_to_matrix,
    matrix_to_delta,
    matrix_to_pose,
    matrix_to_rotvec,
    pose_to_matrix,
    rotvec_to_matrix,
)
from vista.types import EndEffector, JointSpec


@pytest.fixture(scope="module")
def arm() -> Kinematics:
    return Kinematics(panda())


def down(x: float, y: float, z: float, yaw: float = 0.0) -> np.ndarray:
    """Fingers down at a place."""
    out = np.eye(4)
    out[:3, :3] = Rotation.from_euler("z", yaw).as_matrix() @ np.diag([1.0, -1.0, -1.0])
    out[:3, 3] = x, y, z
    return out


def apart(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Distance [m] and angle [rad] between two poses."""
    turn = Rotation.from_matrix(a[:3, :3].T @ b[:3, :3]).magnitude()
    return float(np.linalg.norm(a[:3, 3] - b[:3, 3])), float(turn)


def random_deltas(n: int = 50) -> np.ndarray:
    rng = np.random.default_rng(0)
    axis = rng.normal(size=(n, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    return np.concatenate([rng.normal(0, 0.2, (n, 3)), axis * rng.uniform(0, 3.1, (n, 1))], 1)


def test_deltas_and_matrices_round_trip():
    for delta in (*random_deltas(), np.zeros(6), np.array([0, 0, 0, 1e-9, 0, 0])):
        np.testing.assert_allclose(matrix_to_delta(delta_to_matrix(delta)), delta, atol=1e-7)


def test_rotations_agree_with_scipy():
    for rotvec in random_deltas()[:, 3:]:
        matrix = Rotation.from_rotvec(rotvec).as_matrix()
        np.testing.assert_allclose(rotvec_to_matrix(rotvec), matrix, atol=1e-9)
        np.testing.assert_allclose(matrix_to_rotvec(matrix), rotvec, atol=1e-7)


def test_poses_and_matrices_round_trip():
    for delta in random_deltas():
        matrix = delta_to_matrix(delta)
        pose = matrix_to_pose(matrix, "hand")
        assert pose.frame == "hand"
        np.testing.assert_allclose(pose_to_matrix(pose), matrix, atol=1e-9)


def test_forward_of_home_points_the_fingers_down(arm: Kinematics):
    pose = arm.forward(panda().home)
    assert pose[2, 2] < -0.98
    assert 0.2 < pose[0, 3] < 0.8


def test_reaches_poses_all_over_the_table(arm: Kinematics):
    spec = panda()
    for x in (0.38, 0.5, 0.62):
        for y in (-0.22, 0.0, 0.22):
            for z in (0.02, 0.2):
                target = down(x, y, z, yaw=1.2 * np.sign(y + 0.1))
                joints = arm.inverse(target, spec.home, iterations=60)
                distance, turn = apart(arm.forward(joints), target)
                assert distance < 1e-3, (x, y, z)
                assert turn < 0.01, (x, y, z)
                assert (joints >= spec.joint_lower).all()
                assert (joints <= spec.joint_upper).all()


@pytest.mark.parametrize("far", [(2.0, 0.0, 0.3), (-1.0, 0.0, 0.3), (0.5, 0.0, -2.0)])
def test_keeps_the_limits_where_it_cannot_reach(arm: Kinematics, far: tuple[float, float, float]):
    spec = panda()
    joints = arm.inverse(down(*far), spec.home, iterations=40)
    assert np.isfinite(joints).all()
    assert (joints >= spec.joint_lower).all()
    assert (joints <= spec.joint_upper).all()


def test_a_seed_outside_the_limits_is_brought_inside(arm: Kinematics):
    spec = panda()
    joints = arm.inverse(down(0.5, 0.0, 0.2), spec.joint_upper + 1.0, iterations=1)
    assert (joints <= spec.joint_upper).all()


def test_a_smooth_path_gives_smooth_joints(arm: Kinematics):
    """Along a circle over the table, with turns of the hand, a target every 0.1 s."""
    spec = panda()
    angles = np.linspace(0, 2 * np.pi, 80)
    joints = arm.inverse(down(0.6, 0.0, 0.15), spec.home, iterations=60)
    for angle in angles:
        target = down(0.5 + 0.1 * np.cos(angle), 0.2 * np.sin(angle), 0.15, 0.8 * np.sin(2 * angle))
        after = arm.inverse(target, joints)
        assert np.abs(after - joints).max() < 0.25
        assert apart(arm.forward(after), target)[0] < 2e-3
        joints = after


def test_a_single_call_turns_no_joint_far(arm: Kinematics):
    joints = arm.inverse(down(0.62, 0.4, 0.05), panda().home, iterations=1)
    assert np.abs(joints - panda().home).max() <= 0.3 + 1e-9


def test_a_contract_that_does_not_fit_its_file_is_refused(tmp_path: Path):
    spec = panda()
    for change, said in (
        ({"kinematics": str(tmp_path / "none.xml")}, "none.xml"),
        ({"end_effector": EndEffector("no_such_site")}, "no_such_site"),
        ({"joints": (*spec.joints[:-1], JointSpec("no_such_joint", -3, 3, 1))}, "no_such_joint"),
    ):
        with pytest.raises(ConfigError, match=said):
            Kinematics(dataclasses.replace(spec, **change))


def test_an_end_effector_may_stand_in_a_body(arm: Kinematics):
    """The Panda's site, said as a place in the hand."""
    end = EndEffector(body="hand", position=np.array([0, 0, 0.1034]))
    other = Kinematics(dataclasses.replace(panda(), end_effector=end))
    np.testing.assert_allclose(other.forward(panda().home), arm.forward(panda().home), atol=1e-12)
    with pytest.raises(ConfigError, match="no body 'no_such' for the end effector; it has: hand, "):
        Kinematics(dataclasses.replace(panda(), end_effector=EndEffector(body="no_such")))
