"""The drivers' side: how controllers follow, and every contract that ships against its own drivers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from tests.mocks import mock_spec
from tests.ros.graph import wait_for
from vista.errors import InvalidValueError
from vista.files.resources import resource_path
from vista.graph.running import free_domain
from vista.robot.contract import known_robots, load_robot
from vista.robot.link_shapes import LinkShapes
from vista.types import ActionChunk, ActionSpace, Decision
from vista_ros import conversions as c
from vista_ros.commanding.streaming import RowStream
from vista_ros.driver.following import CommandFollower, GripperEnd, GripperGoalWatch

pytestmark = pytest.mark.ros
DOMAIN = free_domain()
MOCK = mock_spec()
HOME = np.zeros(3)


def told(*points: float, speeds: list[float] | None = None, dt_s: float = 0.1) -> c.ArmPoints:
    """A command for the first joint."""
    rows = np.zeros((len(points), 3))
    rows[:, 0] = points
    fast = None
    if speeds is not None:
        fast = np.zeros((len(points), 3))
        fast[:, 0] = speeds
    return c.ArmPoints(rows, dt_s * np.arange(1, len(points) + 1), fast)


def follower() -> CommandFollower:
    return CommandFollower(MOCK, 0.0, HOME, 1.0)


def first(arm: CommandFollower, *times: float) -> list[float]:
    return [float(arm.targets(t)[0][0]) for t in times]


def test_points_are_passed_at_their_time_and_the_last_one_is_held():
    arm = follower()
    arm.move(told(0.1, 0.3), 1.0)
    assert first(arm, 1.0, 1.05, 1.1, 1.15, 1.2, 5.0) == pytest.approx([0.0, 0.05, 0.1, 0.2, 0.3, 0.3])


def test_velocities_leave_no_steps_in_speed():
    arm = follower()
    arm.move(told(0.05, 0.15, 0.2, speeds=[0.75, 0.75, 0.0]), 0.0)
    times = np.linspace(0.0, 0.35, 3501)
    at = np.array(first(arm, *times))
    assert at[[1000, 2000, 3000, 3500]] == pytest.approx([0.05, 0.15, 0.2, 0.2], abs=1e-6)
    assert np.abs(np.diff(np.diff(at) / np.diff(times))).max() < 0.01


def test_a_new_trajectory_replaces_the_last_one_from_where_that_is():
    arm = follower()
    arm.move(told(1.0), 0.0)
    arm.move(told(0.0), 0.05)
    assert first(arm, 0.05, 0.1, 0.15, 9.0) == pytest.approx([0.5, 0.25, 0.0, 0.0])


def test_what_lies_in_the_past_is_left_out():
    arm = follower()
    arm.move(told(0.1, 0.2, 0.3), 1.0, start_s=0.85)
    assert first(arm, 1.0, 1.05, 1.15) == pytest.approx([0.0, 0.2, 0.3])


@pytest.mark.parametrize(
    ("command", "start_s", "said"),
    [
        (told(), None, "an empty trajectory"),
        (told(0.1, 0.2), 0.5, "ended 0.30 s ago"),
        (told(0.1, 0.2, speeds=[0.1, 0.1]), None, "ends in motion"),
        (told(0.1, 0.2, dt_s=0.0), None, "expected rising times"),
    ],
)
def test_what_a_controller_refuses_changes_nothing(command: c.ArmPoints, start_s: float | None, said: str):
    arm = follower()
    arm.move(told(0.5), 0.0)
    with pytest.raises(InvalidValueError, match=said):
        arm.move(command, 1.0, start_s)
    assert first(arm, 2.0) == pytest.approx([0.5])


def test_a_stream_goes_from_row_to_row_and_ends_with_the_last():
    stream = RowStream()
    assert stream.due(0.0) is None
    stream.replace(np.array([[1.0], [3.0]]), 0.1, np.array([0.0]), 1.0)
    due = [float(stream.due(t)[0]) for t in (1.0, 1.05, 1.15)]
    assert due == pytest.approx([0.0, 0.5, 2.0])
    stream.replace(np.array([[2.0]]), 0.1, np.array([9.0]), 1.16)
    assert float(stream.due(1.21)[0]) == pytest.approx(2.0), "from the last row, not from what is measured"
    assert stream.due(1.3)[0] == 2.0
    assert stream.due(1.4) is None
    stream.replace(np.array([[4.0]]), 0.1, np.array([3.0]), 5.0)
    assert float(stream.due(5.05)[0]) == pytest.approx(3.5), "what was due long ago says nothing"


def test_a_gripper_reaches_its_goal_or_is_held_up():
    watch = GripperGoalWatch(0.0, 0.0)
    assert watch.ended(0.1, 0.9, -2.0) is None
    assert watch.ended(0.5, 0.01, -2.0) is GripperEnd.REACHED
    assert watch.ended(0.9, 0.4, 0.0) is None
    assert watch.ended(1.2, 0.4, 0.0) is GripperEnd.STALLED


@pytest.mark.parametrize("robot", known_robots())
def test_joint_states_of_the_simulated_arm_are_those_of_its_driver(robot: str):
    pytest.importorskip("mujoco")
    from vista_ros.driver.world_body import WorldBody
    from vista_sim.scenes.task_scenes import scene_task
    from vista_sim.world import World

    spec = load_robot(robot)
    body = WorldBody(World(scene_task("pick_place", 0, robot=robot).scene, spec))
    names, here = [*spec.wire_names, spec.gripper_wire], body.world.joints
    for opening, wanted in ((1.0, spec.gripper.open), (0.0, spec.gripper.closed)):
        for _ in range(100):
            body.advance(here, opening)
        msg = c.joint_state_to_msg(body.reading(7), spec)
        assert list(msg.name) == names
        said = dict(zip(names, msg.position, strict=True))
        wide = abs(spec.gripper.open - spec.gripper.closed)
        assert said[spec.gripper_wire] == pytest.approx(wanted, abs=0.05 * wide)
        assert said[names[0]] == pytest.approx(spec.joints[0].to_wire(float(here[0])), abs=0.01)
    body.close()


# --- over ROS ----------------------------------------------------------------------------------------


class Dry:
    """A guard before the drivers of a contract, and what a test sends and hears."""

    def __init__(
        self, beside: Any, robot: str, guard: Mapping[str, Any] = MappingProxyType({}), **faults: Any
    ) -> None:
        from trajectory_msgs.msg import JointTrajectory

        from vista_msgs.msg import GuardStatus
        from vista_ros.nodes.fake_arm_node import FakeArmNode
        from vista_ros.nodes.guard_node import GuardNode

        self.spec = load_robot(robot)
        self.arm = beside.add(FakeArmNode(), robot=robot, **faults)
        self.guard = beside.add(GuardNode(), robot=robot, **guard)
        self.caller = beside.caller
        self.reports: list[c.GuardReport] = []
        self.caller.subscribe(GuardStatus, "guard/status", self._hear, 50)
        self._out = self.caller.create_publisher(JointTrajectory, "executor/command", 1)
        wait_for(self._out.get_subscription_count, 10.0, "the guard does not listen")

    def _hear(self, msg: Any) -> None:
        self.reports.append(c.guard_report_from_msg(msg))

    def send(self, joints: np.ndarray, opening: float) -> None:
        """One window of three rows that hold ``joints``."""
        rows = np.repeat(np.append(joints, opening)[None], 3, axis=0)
        chunk = ActionChunk(rows, 0.1, ActionSpace.JOINT_POSITION, self.caller.now_ns())
        self._out.publish(c.chunk_to_msg(chunk, self.spec))

    def go(self, joints: np.ndarray, opening: float, for_s: float) -> None:
        """Move there in steps that the guard allows, ten a second."""
        end = time.monotonic() + for_s
        most = self.spec.joint_velocity * 0.05
        while time.monotonic() < end:
            here = self.arm._reading.position
            self.send(here + np.clip(joints - here, -most, most), opening)
            time.sleep(0.1)

    def decided(self, decision: Decision, rule: str) -> bool:
        return any(each.decision is decision and each.rule == rule for each in self.reports)

    def last(self) -> str:
        return "; ".join(f"{each.decision} {each.rule} {each.reason}" for each in self.reports[-3:])


@pytest.mark.parametrize("robot", known_robots())
def test_every_arm_goes_where_it_is_told_and_its_gripper_the_right_way_round(beside: Any, robot: str):
    dry = Dry(beside, robot)
    goal = dry.spec.home.copy()
    goal[0] += 0.2
    wait_for(lambda: dry.guard._controllers.missing() is None, 10.0, "the controllers are not found")
    for opening in (0.0, 1.0):
        dry.go(goal, opening, 1.5)
        reading = dry.arm._reading
        assert reading.position == pytest.approx(goal, abs=0.02), dry.last()
        assert reading.gripper == pytest.approx(opening, abs=0.03), dry.last()
        state = c.joint_state_to_msg(reading, dry.spec)
        value = dry.spec.gripper.open if opening else dry.spec.gripper.closed
        travel = abs(dry.spec.gripper.open - dry.spec.gripper.closed)
        assert state.position[-1] == pytest.approx(value, abs=0.04 * travel)
    obs = dry.guard._joints.wait(timeout_s=2.0)
    assert obs.gripper_command == 1.0
    assert beside.errors == []


def test_nothing_is_sent_before_the_controller_is_there(beside: Any):
    dry = Dry(beside, "ur5e", wrong_topic=True)
    dry.go(dry.spec.home + 0.1, 1.0, 1.0)
    assert dry.decided(Decision.HOLD, "controllers"), dry.last()
    assert "joint_trajectory_controller/joint_trajectory" in dry.reports[-1].reason
    assert dry.arm._reading.position == pytest.approx(dry.spec.home)


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ({"clock_offset_s": 2.0}, "ahead of this computer's clock"),
        ({"joint_faults": "elbow_joint=nan"}, "joint states"),
        ({"joint_faults": "elbow_joint=missing"}, "joint states on 'joint_states' of elbow_joint"),
        ({"joints_silent": True}, "joint states on 'joint_states'"),
    ],
)
def test_an_arm_whose_joints_are_not_known_holds_and_says_why(beside: Any, faults: dict[str, Any], said: str):
    dry = Dry(beside, "ur5e", **faults)
    dry.go(dry.spec.home + 0.1, 1.0, 1.0)
    assert dry.decided(Decision.HOLD, "joint_states"), dry.last()
    assert any(said in each.reason for each in dry.reports), dry.last()
    assert dry.arm._reading.position == pytest.approx(dry.spec.home)


def test_a_best_effort_driver_with_other_colours_is_seen(beside: Any):
    from vista_ros.sensing.observation import ObservationSource

    dry = Dry(
        beside, "ur5e", image_reliability="best_effort", joints_reliability="best_effort", encoding="bgra8"
    )
    obs = ObservationSource(beside.caller, dry.spec).wait(timeout_s=5.0)
    expected = dry.arm._body.images()["front"]
    assert np.abs(obs.images["front"].astype(int) - expected).max() <= 1


def test_a_fault_that_does_not_exist_is_refused_by_name(beside: Any):
    dry = Dry(beside, "ur5e")
    from rclpy.parameter import Parameter

    dry.arm.set_parameters([Parameter("camera_faults", value="front=melted")])
    wait_for(lambda: dry.arm._warnings.get("faults"), 3.0, "no warning")
    assert "melted" in dry.arm._warnings["faults"]
    assert "upside_down" in dry.arm._warnings["faults"]


# --- the guard's own rules at the drivers ------------------------------------------------------------


def test_a_second_commander_holds_the_arm(beside: Any):
    from trajectory_msgs.msg import JointTrajectory

    dry = Dry(beside, "ur5e")
    topic = dry.spec.arm_command.topic
    other = dry.caller.create_publisher(JointTrajectory, topic, 1)
    wait_for(lambda: dry.guard._controllers.others, 5.0, "the other commander is not seen")
    before = dry.arm._reading.position
    dry.go(dry.spec.home + 0.1, 1.0, 0.5)
    assert dry.decided(Decision.HOLD, "commanders"), dry.last()
    assert f"/caller commands '/{topic}', too" in dry.reports[-1].reason
    assert dry.arm._reading.position == pytest.approx(before, abs=1e-3)
    dry.caller.destroy_publisher(other)
    wait_for(lambda: dry.guard._controllers.others is None, 5.0, "the other commander is not forgotten")


def test_the_arm_moves_only_while_the_dead_mans_switch_is_pressed(beside: Any):
    from std_msgs.msg import Bool

    dry = Dry(beside, "ur5e", guard={"dead_man_topic": "pedal", "dead_man_s": 0.3})
    pedal = dry.caller.create_publisher(Bool, "pedal", 1)
    goal = dry.spec.home + 0.2
    dry.go(goal, 1.0, 0.5)
    assert dry.decided(Decision.HOLD, "dead_man"), dry.last()
    assert dry.arm._reading.position == pytest.approx(dry.spec.home, abs=1e-3)
    timer = dry.caller.create_timer(0.1, lambda: pedal.publish(Bool(data=True)))
    wait_for(lambda: dry.guard._switches.released() is None, 5.0, "the pedal is not heard")
    dry.go(goal, 1.0, 0.6)
    moved = dry.arm._reading.position
    assert np.abs(moved - dry.spec.home).max() > 0.05, dry.last()
    pedal.publish(Bool(data=False))
    timer.cancel()
    time.sleep(0.25)
    held = dry.arm._reading.position
    dry.go(goal, 1.0, 0.5)
    assert dry.arm._reading.position == pytest.approx(held, abs=1e-3)


def test_a_hardware_stop_is_latched_until_it_is_released(beside: Any):
    from std_msgs.msg import Bool
    from std_srvs.srv import Trigger

    from vista_ros.calls import Service

    dry = Dry(beside, "ur5e", guard={"stop_topic": "button"})
    button = dry.caller.create_publisher(Bool, "button", 1)
    wait_for(button.get_subscription_count, 5.0, "nobody hears the button")
    button.publish(Bool(data=True))
    wait_for(lambda: dry.guard._guard.stopped, 5.0, "the button is not heard")
    button.publish(Bool(data=False))
    dry.go(dry.spec.home + 0.1, 1.0, 0.5)
    assert dry.decided(Decision.STOP, "stop"), dry.last()
    assert dry.reports[-1].cause == "the switch on 'button'"
    assert dry.arm._reading.position == pytest.approx(dry.spec.home, abs=1e-3)
    Service(dry.caller, Trigger, "guard/release", "guard")(Trigger.Request())
    dry.go(dry.spec.home + 0.1, 1.0, 1.0)
    assert np.abs(dry.arm._reading.position - dry.spec.home).max() > 0.05


def test_links_keep_out_of_a_zone_of_the_contract(beside: Any, tmp_path: Path):
    """A post beside the elbow, which the hand would never come near to."""
    text = Path(resource_path("config/robots/ur5e.yaml")).read_text()
    shapes = "  - {name: post, box: [[0.05, 0.25, 0.0], [0.35, 0.35, 1.0]]}\n"
    (tmp_path / "arm.yaml").write_text(text.replace("  - {name: table", shapes + "  - {name: table"))
    (tmp_path / "ur5e.xml").write_text(resource_path("config/robots/ur5e.xml").read_text())
    dry = Dry(beside, str(tmp_path / "arm.yaml"))
    goal = dry.spec.home.copy()
    goal[0] += 1.2
    dry.go(goal, 1.0, 4.0)
    assert dry.decided(Decision.HOLD, "links"), dry.last()
    assert "of post" in dry.reports[-1].reason, dry.last()
    assert 0.1 < dry.arm._reading.position[0] - dry.spec.home[0] < 1.0
    near = LinkShapes(dry.spec).near(dry.arm._reading.position.astype(float))
    assert all(gap > 0.0 for gap in near.values())


def test_a_forward_controller_gets_no_steps(beside: Any):
    """Between two commands the arm goes no farther than its speed allows."""
    from std_msgs.msg import Float64MultiArray

    dry = Dry(beside, "so101")
    told: list[np.ndarray] = []
    dry.caller.subscribe(
        Float64MultiArray, dry.spec.arm_command.topic, lambda m: told.append(np.array(m.data)), 50
    )
    goal = dry.spec.home.copy()
    goal[0] += 0.4
    dry.go(goal, 1.0, 2.0)
    assert len(told) > 40
    steps = np.abs(np.diff([row[0] for row in told]))
    assert steps.max() < 2.5 * dry.spec.joint_velocity[0] * 0.02
    assert dry.arm._reading.position == pytest.approx(goal, abs=0.03)


@pytest.mark.parametrize("robot", ["ur5e", "so101"])
def test_a_stop_stops_fingers_that_move_and_nothing_is_sent_after_it(beside: Any, robot: str):
    """Of a gripper that is told by an action, and of one that goes with a forward controller."""
    from vista_msgs.srv import Stop
    from vista_ros.calls import Service

    dry = Dry(beside, robot)
    wait_for(lambda: dry.guard._controllers.missing() is None, 10.0, "the controllers are not found")
    stop = Service(dry.caller, Stop, "guard/stop", "guard")
    stop._meet(stop._client.service_is_ready, 10.0)
    dry.go(dry.spec.home, 1.0, 0.4)
    goal = dry.spec.home.copy()
    goal[0] += 0.5
    for _ in range(3):
        here = dry.arm._reading.position
        step = dry.spec.joint_velocity * 0.05
        dry.send(here + np.clip(goal - here, -step, step), 0.0)
        time.sleep(0.1)
    stop(Stop.Request(cause="a finger is in between"))
    time.sleep(0.3)
    held = dry.arm._reading
    assert 0.1 < held.gripper < 0.98, "the fingers were under way"
    time.sleep(0.6)
    assert dry.arm._reading.gripper == pytest.approx(held.gripper, abs=0.02)
    assert dry.arm._reading.position == pytest.approx(held.position, abs=1e-3)
