"""Commands and joint states in the names and units of any driver."""

from __future__ import annotations

from array import array
from dataclasses import replace

import numpy as np
import pytest
from builtin_interfaces.msg import Duration
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from tests.mocks import mock_spec
from vista.errors import InvalidValueError
from vista.types import ActionChunk, ActionSpace, CommandChannel, CommandKind, GripperSpec, JointSpec
from vista_ros import conversions as c

pytestmark = pytest.mark.ros
MOCK = mock_spec()
# A Robotiq gripper reads 0 when it is open, and one joint of this arm turns the other way round, in degrees.
ROBOTIQ = GripperSpec("knuckle", 0.0, 0.8, 0.085, command=CommandChannel(topic="grip"))
OTHER = replace(
    MOCK,
    joints=(
        JointSpec("pan", -2, 2, 1),
        JointSpec("lift", -2, 2, 1, wire="lift_joint", sign=-1, offset_rad=0.5, degrees=True),
        JointSpec("wrist", 0, 0, 1, continuous=True),
    ),
    gripper=ROBOTIQ,
    ros_prefix="left_",
    arm_command=CommandChannel(topic="arm", velocities=True),
)
NAMES = ["left_pan", "left_lift_joint", "left_wrist"]
FORWARD = replace(
    OTHER,
    arm_command=CommandChannel(CommandKind.FORWARD_POSITION, "commands"),
    gripper=replace(ROBOTIQ, command=CommandChannel(CommandKind.WITH_ARM)),
)
ROWS = np.array([[0.1, 0.5, 1.0, 1.0], [0.2, 0.5, 1.2, 0.5], [0.4, 0.6, 1.4, 0.0]])
CHUNK = ActionChunk(ROWS, 0.1, ActionSpace.JOINT_POSITION, 5)


def test_a_gripper_that_reads_zero_when_it_is_open_is_open():
    name = [*NAMES, "left_knuckle"]
    for value, opening in ((0.0, 1.0), (0.8, 0.0), (0.4, 0.5)):
        msg = JointState(name=name, position=[0.0, 0.0, 0.0, value], velocity=[0.0, 0.0, 0.0, 0.8])
        reading = c.joint_state_from_msg(msg, OTHER)
        assert reading.gripper == pytest.approx(opening)
        assert reading.gripper_vel == pytest.approx(-1.0)
    _, gripper = c.controller_commands(CHUNK, OTHER)
    assert gripper.joint_names == ["left_knuckle"]
    assert [point.positions[0] for point in gripper.points] == pytest.approx([0.0, 0.4, 0.8])


def test_joints_turn_by_their_own_sign_unit_and_offset():
    msg = JointState(
        name=[*NAMES, "left_knuckle"], position=[0.1, 90.0, 7.0, 0.0], velocity=[1.0, 90.0, 0.0, 0.0]
    )
    reading = c.joint_state_from_msg(msg, OTHER)
    assert reading.position.tolist() == pytest.approx([0.1, 0.5 - np.pi / 2, 7.0])
    assert reading.velocity.tolist() == pytest.approx([1.0, -np.pi / 2, 0.0])
    arm, _ = c.controller_commands(CHUNK, OTHER)
    assert arm.joint_names == NAMES
    assert arm.points[2].positions.tolist() == pytest.approx([0.4, -np.rad2deg(0.1), 1.4], abs=1e-5)


@pytest.mark.parametrize("spec", [MOCK, OTHER, FORWARD])
def test_what_is_told_is_read_again(spec: object):
    reading = c.JointReading(5, np.array([0.1, -0.2, 0.3], np.float32), np.ones(3, np.float32), 0.25, 0.5)
    again = c.joint_state_from_msg(c.joint_state_to_msg(reading, spec), spec)
    assert again.position == pytest.approx(reading.position, abs=1e-6)
    assert again.velocity == pytest.approx(reading.velocity, abs=1e-6)
    assert (again.gripper, again.gripper_vel) == pytest.approx((0.25, 0.5))
    arm, gripper = c.controller_commands(CHUNK, spec)
    sent = ROWS[:1] if isinstance(arm, Float64MultiArray) else ROWS
    assert c.arm_points(arm, spec).rows == pytest.approx(sent[:, :3], abs=1e-6)
    assert c.gripper_points(arm if gripper is None else gripper, spec).rows[:, 0] == pytest.approx(sent[:, 3])


def test_a_trajectory_changes_its_speed_without_steps_and_ends_at_rest():
    arm, gripper = c.controller_commands(CHUNK, OTHER)
    speeds = np.array([point.velocities for point in arm.points])
    assert speeds[:, 0].tolist() == pytest.approx([1.0, 1.5, 0.0], abs=1e-5)
    assert speeds[:, 2].tolist() == pytest.approx([2.0, 2.0, 0.0], abs=1e-5)
    assert [len(point.velocities) for point in gripper.points] == [0, 0, 0]
    assert (arm.header.stamp.sec, arm.header.stamp.nanosec) == (0, 0)
    single, _ = c.controller_commands(CHUNK.head(1), OTHER)
    assert single.points[0].velocities.tolist() == [0.0, 0.0, 0.0]


def test_a_forward_controller_gets_the_first_row_with_the_gripper_in_it():
    arm, gripper = c.controller_commands(CHUNK, FORWARD)
    assert gripper is None
    assert list(arm.data) == pytest.approx([0.1, 0.0, 1.0, 0.0], abs=1e-5)
    assert c.command_type(FORWARD.arm_command) is Float64MultiArray


def test_the_panda_is_told_as_before():
    arm, gripper = c.controller_commands(CHUNK, MOCK)
    assert arm.joint_names == list(MOCK.joint_names)
    assert gripper.joint_names == ["finger"]
    assert np.allclose([p.positions for p in arm.points], CHUNK.actions[:, :-1])
    assert np.allclose([p.positions[0] for p in gripper.points], CHUNK.actions[:, -1] * 0.04)


def points(*due_s: float, names: list[str] | None = None, at: float = 0.0) -> JointTrajectory:
    names = list(MOCK.joint_names) if names is None else names
    msg = JointTrajectory(joint_names=names)
    for each in due_s:
        sec, rest = divmod(round(each * 1e9), 10**9)
        due = Duration(sec=sec, nanosec=rest)
        positions = array("d", [at] * len(names))
        msg.points.append(JointTrajectoryPoint(positions=positions, time_from_start=due))
    return msg


def test_points_come_in_any_order_of_joints_and_in_the_order_of_time():
    msg = points(0.1, names=list(MOCK.joint_names)[::-1])
    msg.points[0].positions = array("d", [3.0, 2.0, 1.0])
    assert c.arm_points(msg, MOCK).rows.tolist() == [[1.0, 2.0, 3.0]]
    assert c.arm_points(points(), MOCK).rows.shape == (0, 3)
    for wrong in ((-0.1, 0.2), (0.2, 0.1)):
        with pytest.raises(InvalidValueError, match=r"times from start .* expected 0 and rising"):
            c.arm_points(points(*wrong), MOCK)


@pytest.mark.parametrize(
    ("msg", "said"),
    [
        (points(0.1, names=["other"]), "expected"),
        (points(0.1, at=float("nan")), "NaN"),
        (Float64MultiArray(data=[0.0]), "positions a point"),
    ],
)
def test_what_is_no_command_of_this_arm_is_refused(msg: object, said: str):
    with pytest.raises(InvalidValueError, match=said):
        c.arm_points(msg, MOCK)
