"""The pieces that nodes are made of, one by one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("vista_msgs")

import rclpy
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from tests.mocks import MockGuard
from vista.errors import StaleObservationError
from vista.graph.processes import remove_orphans
from vista.graph.running import free_domain
from vista.guard.guard import SafetyGuard
from vista.robot.contract import load_robot
from vista.robot.kinematics import Kinematics, matrix_to_pose
from vista.types import ActionChunk, ActionSpace, Decision, Observation
from vista_msgs.srv import Recall
from vista_ros import conversions as c
from vista_ros.health import Latch, Mailbox, Meter
from vista_ros.node_base import VistaNode
from vista_ros.peers import Peers
from vista_ros.ros_robot import GraphGuard, RosRobot
from vista_ros.sensing.observation import GripperCommand, ObservationSource

pytestmark = pytest.mark.ros
DOMAIN = free_domain()
SPEC = load_robot("panda")


def test_latch_keeps_the_first_cause():
    latch = Latch()
    assert latch.cause is None
    assert [latch.set("first"), latch.set("second"), latch.cause] == ["first"] * 3
    latch.release()
    assert latch.cause is None


def test_mailbox_holds_the_newest_item_once():
    box: Mailbox[int] = Mailbox()
    assert box.take(0.0) is None
    box.put(1)
    box.put(2)
    assert (box.take(0.0), box.take(0.01)) == (2, None)


def test_meter_counts():
    meter = Meter()
    for _ in range(3):
        with meter.measure("step"):
            time.sleep(0.02)
    assert 5 < meter.rate_hz("step") < 60
    assert float(meter.values()["step median [ms]"]) >= 20
    assert meter.rate_hz("never") == 0.0


def test_gripper_command_is_what_holds_at_a_time():
    command = GripperCommand()
    assert command.at(0) is None
    row = ActionChunk(np.array([[0] * 7 + [1.0], [0] * 7 + [0.0]]), 0.1, ActionSpace.JOINT_POSITION, 0)
    command.add(1_000_000_000, row)
    assert [command.at(int(t * 1e9)) for t in (1.05, 1.15, 9.0)] == [1.0, 0.0, 0.0]


def test_guard_of_the_graph_is_heard_in_the_loop():
    guard = GraphGuard(MockGuard())
    chunk = ActionChunk(np.zeros((1, 7)), 0.1, ActionSpace.EE_DELTA, 0)
    guard.hear(c.GuardReport(0, Decision.HOLD, "reach", "too far"))
    assert guard.check(chunk, None).rule == "reach"
    assert guard.check(chunk, None).decision is Decision.ALLOW
    guard.hear(c.GuardReport(0, Decision.STOP, "stop", "", "operator"))
    assert guard.check(chunk, None).reason == "operator"


class Spun:
    """A node of this process with its executor in a thread."""

    def __init__(self, name: str = "tested") -> None:
        self.node = VistaNode(name)
        self.node.active = True
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._end = False
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        while not self._end:
            self._executor.spin_once(timeout_sec=0.05)

    def close(self) -> None:
        self._end = True
        self._thread.join(3.0)
        self.node.destroy_node()


@pytest.mark.usefixtures("ros")
def test_silent_source_is_named():
    spun = Spun()
    try:
        source = ObservationSource(spun.node, SPEC)
        with pytest.raises(StaleObservationError, match=r"joint_states.*camera 'front'.*camera 'wrist'"):
            source.wait(timeout_s=0.1)
        out = spun.node.create_publisher(JointState, "joint_states", 1)
        reading = c.JointReading(1, SPEC.home.astype(np.float32), np.zeros(7, np.float32), 1.0)
        for _ in range(100):
            out.publish(c.joint_state_to_msg(reading, SPEC))
            time.sleep(0.05)
            if "joint states" not in (source.silent(1.0) or ""):
                break
        with pytest.raises(StaleObservationError) as caught:
            source.wait(timeout_s=0.3)
        assert "front" in str(caught.value)
    finally:
        spun.close()


@pytest.mark.usefixtures("ros")
def test_who_is_gone_is_named_before_what_is_not_seen():
    spun = Spun()
    try:
        source = ObservationSource(spun.node, SPEC, lambda: "guard is gone")
        with pytest.raises(StaleObservationError, match=r"^guard is gone; no "):
            source.wait(timeout_s=0.05)
    finally:
        spun.close()


class Still:
    """A source of one observation: an arm at home that does not follow."""

    spec = SPEC

    def __init__(self) -> None:
        matrix = Kinematics(SPEC).forward(SPEC.home)
        self.seen = Observation(0, {}, SPEC.home.astype(np.float32), np.zeros(7), 1.0, matrix_to_pose(matrix))

    def wait(self, newer_than_ns: int = -1, timeout_s: float = 1.0) -> Observation:
        return self.seen

    def joints(self) -> c.JointReading:
        return c.JointReading(0, self.seen.joint_pos, np.zeros(7, np.float32), 1.0)


@pytest.mark.usefixtures("ros")
def test_plan_that_turns_faster_than_the_arm_is_sent_as_fast_as_the_arm():
    spun, sent = Spun(), []
    try:
        spun.node.create_subscription(JointTrajectory, "executor/command", sent.append, 10)
        robot = RosRobot(spun.node, Still(), lambda: None)
        obs = robot.observe()
        rows = np.zeros((3, 7), np.float32)
        rows[:, 5] = -0.35 * np.arange(1, 4)  # joint 7 turns 0.26 rad in 0.1 s
        deadline = time.monotonic() + 20.0
        while not sent:
            assert time.monotonic() < deadline, "nothing sent"
            robot.send(ActionChunk(rows, 0.1, ActionSpace.EE_DELTA, spun.node.now_ns()))
            time.sleep(0.05)
        chunk = c.chunk_from_msg(sent[0], SPEC)
        steps = np.abs(np.diff(np.vstack([SPEC.home, chunk.actions[:, :-1]]), axis=0))
        assert (steps[: len(rows)] <= SPEC.joint_velocity * 0.1 + 1e-5).all()
        assert steps[0, 6] == pytest.approx(0.261, abs=1e-3), "no slower than the arm, either"
        verdict = SafetyGuard(SPEC).check(chunk, replace(obs, stamp_ns=chunk.start_stamp_ns))
        assert verdict.decision is Decision.ALLOW, verdict
    finally:
        spun.close()


LIVING = (
    f"import rclpy, time; rclpy.init(domain_id={DOMAIN}); n = rclpy.create_node('other');"
    "from vista_ros.peers import show_life; show_life(n, 'other'); time.sleep(60)"
)


def living() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", LIVING], env=dict(os.environ))


def wait(condition: Callable[[], object], timeout_s: float, why: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, why
        time.sleep(0.01)


def meet_again(peers: Peers) -> None:
    """Until the one that was started again is known for another, it stays missed."""
    deadline = time.monotonic() + 40.0
    while "started anew" not in (lost := peers.lost() or ""):
        assert "other is gone" in lost, "taken for the one before"
        assert time.monotonic() < deadline, "never met"
        time.sleep(0.01)


@pytest.mark.usefixtures("ros")
def test_killed_peer_is_missed_at_once_and_known_for_another_when_it_is_back():
    spun, began = Spun(), time.time()
    others = [living()]
    try:
        peers = Peers(spun.node, ["other", "never_there"])
        wait(lambda: peers.alive("other"), 40.0, "not seen")
        peers.begin()
        assert peers.lost() is None
        others[0].kill()
        wait(lambda: peers.lost() is not None, 2.0, "not missed")
        assert "other is gone" in peers.lost()
        assert peers.lost(for_s=60.0) is None
        others.append(living())
        meet_again(peers)
        assert peers.alive("other")
        peers.begin()
        assert peers.lost(for_s=60.0) is None
    finally:
        for each in others:
            each.kill()
            each.wait()
        spun.close()
        remove_orphans(began)


@pytest.mark.usefixtures("ros")
def test_one_that_speaks_twice_is_there_and_one_late_word_proves_nothing(monkeypatch: pytest.MonkeyPatch):
    """A busy machine's middleware once told of a death, and never of the life after it."""
    spun, now = Spun(), [100.0]
    monkeypatch.setattr("vista_ros.peers.time.monotonic", lambda: now[0])
    try:
        peers = Peers(spun.node, ["other"])
        peers._meet("other", "a")
        peers._lost["other"] = now[0]
        peers._meet("other", "a")
        assert "other is gone" in (peers.lost() or ""), "its last word came late"
        now[0] += 0.5
        peers._meet("other", "a")
        assert peers.lost() is None
    finally:
        spun.close()


@pytest.mark.usefixtures("ros")
def test_life_cycle_and_its_errors():
    class Stubborn(VistaNode):
        def __init__(self) -> None:
            super().__init__("stubborn")
            self.tries = 0

        def setup(self) -> None:
            self.tries += 1
            if self.tries == 1:
                raise ValueError("not today")
            self.every(1.0, lambda: None)

    node = Stubborn()
    try:
        assert node.autostart is True
        assert node.trigger_configure() != rclpy.lifecycle.TransitionCallbackReturn.SUCCESS
        assert "not today" in node._last_error
        assert node.trigger_configure() == rclpy.lifecycle.TransitionCallbackReturn.SUCCESS
        assert not node.active
        node.trigger_activate()
        assert node.active
        node.trigger_deactivate()
        assert node.latch.cause == "the node was deactivated"
        node.trigger_cleanup()
    finally:
        node.destroy_node()


def test_a_memory_behind_the_graph_is_not_waited_for_for_ever():
    from vista_ros.proxies import RECALL_S, GraphMemory

    asked: list[tuple[float, float]] = []

    def recall(request: object, seconds: float) -> object:
        asked.append((request.timeout_s, seconds))  # type: ignore[attr-defined]
        return Recall.Response()

    memory = GraphMemory.__new__(GraphMemory)
    memory._recall = recall  # type: ignore[assignment]
    for wanted in (0.5, 600.0):
        memory.recall(["mug"], timeout_s=wanted)
    assert asked == [(0.5, 4.5), (RECALL_S, RECALL_S + 4.0)]
