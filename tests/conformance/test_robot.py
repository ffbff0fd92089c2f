"""What every ``Robot`` keeps: simulated, behind ROS, or a mock."""

import time

import numpy as np
import pytest

from tests.conformance.fixtures import over
from tests.conformance.implementations import ROBOTS
from vista.errors import RobotStoppedError
from vista.protocols import Robot
from vista.robot.clock import in_lockstep
from vista.robot.rotations import from_quat
from vista.types import ActionChunk, ActionSpace

made = over(ROBOTS)


def still(robot, obs, rows=2, move=(0.0, 0.0, 0.0)):
    """A chunk of hand deltas that ends ``move`` [m, hand frame] away from the measured pose."""
    actions = np.zeros((rows, 7))
    actions[:, :3] = np.linspace(0, 1, rows + 1)[1:, None] * np.asarray(move)
    actions[:, 6] = obs.gripper_command
    return ActionChunk(actions, 1 / robot.spec.control_hz, ActionSpace.EE_DELTA, obs.stamp_ns)


def test_is_a_robot_whose_contract_is_known_before_it_is_used(made):
    _, robot = made
    assert isinstance(robot, Robot)
    assert robot.spec.joint_names
    assert robot.spec.cameras


def test_observation_fits_the_contract(made):
    _, robot = made
    obs, spec = robot.observe(), robot.spec
    assert set(obs.images) == set(spec.cameras)
    for name, camera in spec.cameras.items():
        assert obs.images[name].shape == (camera.height, camera.width, 3)
    assert obs.joint_pos.shape == (len(spec.joint_names),)
    assert (obs.joint_pos >= spec.joint_lower - 0.05).all()
    assert (obs.joint_pos <= spec.joint_upper + 0.05).all()
    assert obs.ee_pose.frame == "base"


def test_an_observation_does_not_change_afterwards(made):
    _, robot = made
    before = robot.observe()
    kept = {name: image.copy() for name, image in before.images.items()}, before.joint_pos.copy()
    robot.send(still(robot, before, move=(0.0, 0.0, 0.02)))
    robot.observe()
    assert all(np.array_equal(before.images[name], image) for name, image in kept[0].items())
    assert np.array_equal(before.joint_pos, kept[1])


def test_time_goes_on_as_long_as_the_chunk_lasts(made):
    _, robot = made
    before = robot.observe()
    chunk = still(robot, before, rows=3)
    robot.send(chunk)
    after = robot.observe()
    assert after.stamp_ns >= before.stamp_ns + int(0.9 * 3 * chunk.dt_s * 1e9)


def test_the_hand_follows_in_its_own_frame(made):
    _, robot = made
    start = robot.observe()
    move = np.array([0.0, 0.0, -0.04])
    for _ in range(2):
        obs = robot.observe()
        robot.send(still(robot, obs, rows=4, move=move / 2))
    travelled = robot.observe().ee_pose.position - start.ee_pose.position
    wanted = from_quat(start.ee_pose.quat_wxyz) @ move
    assert np.linalg.norm(travelled - wanted) < 0.015


def test_in_lockstep_time_stands_while_nobody_sends(made):
    _, robot = made
    if not in_lockstep(robot):
        pytest.skip("this robot runs free")
    before = robot.observe()
    time.sleep(0.02)
    assert robot.observe().stamp_ns == before.stamp_ns


def test_stop_is_latched_and_keeps_the_first_cause(made):
    _, robot = made
    obs = robot.observe()
    robot.stop("first cause")
    robot.stop("second cause")
    with pytest.raises(RobotStoppedError, match="first cause"):
        robot.send(still(robot, obs))
