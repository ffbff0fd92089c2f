"""``vista robot check --live`` beside drivers: each fault of theirs, each error of a contract, in its row."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vista.assembly.robot_check import Checked, Finding
from vista.errors import VistaError
from vista.files.resources import resource_path
from vista.graph.running import free_domain
from vista.robot.contract import load_robot
from vista.types import CommandChannel, CommandKind, RobotSpec
from vista_ros.checking.jog import JogCheck
from vista_ros.checking.live import LiveCheck
from vista_ros.nodes.fake_arm_node import FakeArmNode

pytestmark = pytest.mark.ros
DOMAIN = free_domain()
UR5E = load_robot("ur5e")


def checked(beside: Any, spec: RobotSpec = UR5E, robot: str = "ur5e", **faults: Any) -> dict[str, Checked]:
    """The rows of ``spec`` beside the drivers of ``robot``."""
    beside.add(FakeArmNode(), robot=robot, **faults)
    live = LiveCheck(beside.caller, spec)
    time.sleep(1.5)
    return {row.what: row for row in live.rows()}


def test_drivers_as_the_contract_says_them_are_accepted(beside: Any):
    rows = checked(beside)
    assert {row.finding for row in rows.values()} == {Finding.OK}, rows
    assert "/fake_arm (reliable)" in rows["joint_states"].said
    assert "100% open" in rows["gripper now"].said
    assert "256 x 256 px, rgb8" in rows["camera front"].said


@pytest.mark.parametrize(
    ("faults", "row", "said"),
    [
        ({"clock_offset_s": 2.0}, "joint_states", "s ahead of this computer's clock, at most 0.1 s"),
        ({"clock_offset_s": 2.0}, "front/image_raw", "s ahead of this computer's clock"),
        ({"clock_offset_s": -0.4}, "joint_states", "s behind this computer's clock, at most 0.3 s"),
        ({"joint_faults": "elbow_joint=missing"}, "joints", "elbow_joint not told; there are robotiq"),
        ({"joint_faults": "elbow_joint=nan"}, "limits now", "elbow_joint at nan"),
        ({"joints_silent": True}, "joint_states", "nothing heard from /fake_arm (reliable)"),
        ({"camera_faults": "front=silent"}, "front/image_raw", "nothing heard from /fake_arm"),
        (
            {"wrong_topic": True},
            "arm command",
            "are taken: /joint_trajectory_controller/joint_traj",
        ),
        ({"joints_hz": 3.0}, "joint_states", "too rare for control_hz 10"),
    ],
)
def test_each_fault_of_the_drivers_stands_in_its_row(
    beside: Any, faults: dict[str, Any], row: str, said: str
):
    rows = checked(beside, **faults)
    assert rows[row].finding is Finding.WRONG, rows
    assert said in rows[row].said


def test_a_covered_camera_is_told(beside: Any):
    rows = checked(beside, camera_faults="front=black")
    assert (rows["camera front"].finding, "lens" in rows["camera front"].said) == (Finding.NOTE, True)


# A joint that the driver counts the other way round.
TURNED = replace(UR5E, joints=(replace(UR5E.joints[0], upper=0.0, sign=-1), *UR5E.joints[1:]))


def contract(**gripper: Any) -> RobotSpec:
    return replace(UR5E, gripper=replace(UR5E.gripper, **gripper))


@pytest.mark.parametrize(
    ("spec", "row", "said"),
    [
        (contract(open=0.8, closed=1.6), "gripper now", "200% open"),
        (
            contract(
                command=CommandChannel(CommandKind.GRIPPER_COMMAND, "robotiq_gripper_controller/gripper_cmd")
            ),
            "gripper command",
            "ParallelGripperCommand, not control_msgs/action/GripperCommand",
        ),
        (
            contract(command=CommandChannel(CommandKind.GRIPPER_COMMAND, "hand/gripper_cmd")),
            "gripper command",
            "there are /robotiq_gripper_controller/gripper_cmd",
        ),
        (
            TURNED,
            "limits now",
            "shoulder_pan_joint at 0.301, limits -6.28319 to 0 rad",
        ),
        (
            replace(UR5E, arm_command=CommandChannel(CommandKind.FORWARD_POSITION, UR5E.arm_command.topic)),
            "arm command",
            "takes trajectory_msgs/msg/JointTrajectory, not std_msgs/msg/Float64MultiArray",
        ),
        (replace(UR5E, ros_prefix="left_"), "joints", "left_shoulder_pan_joint"),
    ],
)
def test_each_error_of_the_contract_stands_in_its_row(beside: Any, spec: RobotSpec, row: str, said: str):
    rows = checked(beside, spec)
    assert rows[row].finding is Finding.WRONG, rows
    assert said in rows[row].said


def test_without_drivers_everything_is_missed_by_name(beside: Any):
    rows = {row.what: row for row in LiveCheck(beside.caller, UR5E).rows()}
    for what in ("joint_states", "front/image_raw", "arm command", "gripper command", "observation"):
        assert rows[what].finding is Finding.WRONG
    assert "nobody publishes it" in rows["joint_states"].said


def test_a_second_commander_is_named(beside: Any):
    from trajectory_msgs.msg import JointTrajectory

    out = beside.caller.create_publisher(JointTrajectory, UR5E.arm_command.topic, 1)
    rows = checked(beside)
    assert "/caller commands it, too" in rows["arm command"].said
    beside.caller.destroy_publisher(out)


# --- jog-check ---------------------------------------------------------------------------------------


def jogged(beside: Any, spec: RobotSpec, driver: str, **answers: Any) -> list[Checked]:
    """The rows of jogging ``spec`` beside the drivers of the contract ``driver``."""
    beside.add(FakeArmNode(), robot=driver)
    yes = lambda _: True  # noqa: E731
    return list(
        JogCheck(beside.caller, spec, answers.get("approve", yes), answers.get("confirm", yes)).rows()
    )


@pytest.mark.parametrize("robot", ["ur5e", "so101"])
def test_an_arm_with_right_signs_and_units_is_jogged_and_comes_back(beside: Any, robot: str):
    spec = load_robot(robot)
    rows = jogged(beside, spec, robot)
    assert {row.finding for row in rows} == {Finding.OK}, rows
    assert len(rows) == len(spec.joints) + 1
    arm = beside.nodes[-1]
    assert arm._reading.position == pytest.approx(spec.home, abs=0.01)
    assert arm._reading.gripper > 0.95


def contract_file(tmp_path: Path, old: str, new: str) -> str:
    """The file of a UR5e whose driver is another one than the shipped contract says."""
    text = Path(resource_path("config/robots/ur5e.yaml")).read_text()
    assert old in text
    (tmp_path / "driver.yaml").write_text(text.replace(old, new))
    (tmp_path / "ur5e.xml").write_text(Path(resource_path("config/robots/ur5e.xml")).read_text())
    return str(tmp_path / "driver.yaml")


def test_two_exchanged_joints_are_found_at_the_first(beside: Any, tmp_path: Path):
    first, second = (f"  wrist_{i}_joint: {{limits" for i in (1, 2))
    limits = ": [-6.28319, 6.28319], velocity: 3.1416}\n"
    turned = [f"  wrist_{i}_joint: {{wire: wrist_{3 - i}_joint, limits" for i in (1, 2)]
    spec = load_robot(contract_file(tmp_path, first + limits + second, turned[0] + limits + turned[1]))
    eye: list[str] = []

    def confirm(question: str) -> bool:
        """A person who sees the other wrist move."""
        eye.append(question)
        return "wrist_1" not in question

    rows = jogged(beside, spec, "ur5e", confirm=confirm)
    assert rows[-1].what == "joint wrist_1_joint"
    assert rows[-1].finding is Finding.WRONG
    assert "the eye did not" in rows[-1].said
    assert len(eye) == 4


def test_nothing_moves_without_a_yes(beside: Any):
    rows = jogged(beside, UR5E, "ur5e", approve=lambda _: False)
    assert [row.finding for row in rows] == [Finding.WRONG]
    assert "not approved" in rows[0].said
    assert beside.nodes[-1]._reading.position == pytest.approx(UR5E.home)


def test_a_gripper_that_is_told_the_wrong_way_round_is_found(beside: Any):
    """Its joint states are right, its commands are not: `open` and `closed` of another driver."""
    arm = FakeArmNode()
    beside.add(arm, robot="ur5e")
    follower = arm._follower
    grip = follower.grip
    follower.grip = lambda openings, due, now: grip(1.0 - openings, due, now)
    jog = JogCheck(beside.caller, UR5E, lambda _: True, lambda _: True, move_s=0.3, settle_s=0.4)
    rows = list(jog.rows())
    assert rows[-1].what == "gripper"
    assert "are `open` and `closed` right?" in rows[-1].said


def test_an_arm_that_somebody_else_commands_is_not_jogged(beside: Any):
    from trajectory_msgs.msg import JointTrajectory

    out = beside.caller.create_publisher(JointTrajectory, UR5E.arm_command.topic, 1)
    with pytest.raises(VistaError, match="nothing more is moved: /caller commands"):
        jogged(beside, UR5E, "ur5e")
    beside.caller.destroy_publisher(out)
