"""The arm behind the graph, as the control loop sees it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import numpy as np
from trajectory_msgs.msg import JointTrajectory

from vista.errors import RobotStoppedError
from vista.guard.rules import within_speed
from vista.protocols import Guard
from vista.robot.kinematics import Kinematics, delta_to_matrix, pose_to_matrix
from vista.types import F64, ActionChunk, ActionSpace, Decision, Observation, RobotSpec, Verdict
from vista_ros import conversions as c
from vista_ros.health import Latch
from vista_ros.node_base import VistaNode

WINDOW_ROWS = 3  # of 0.1 s each, sent at a time


class Source(Protocol):
    """What a :class:`RosRobot` needs of an ``ObservationSource``."""

    spec: RobotSpec

    def wait(self, newer_than_ns: int = -1, timeout_s: float = 1.0) -> Observation: ...

    def joints(self) -> c.JointReading: ...


class RosRobot:
    """Streams the rows of its plan, a short window at a time, at the control rate.

    ``send`` returns at once. ``observe`` returns when it is time to plan again: so near to the end of the
    last plan that the next one is ready when it runs out.

    Args:
        node: Publishes ``executor/command``.
        source: Where observations come from.
        paused: Why nothing may be sent right now, or None; asked before each window.
        plan_rows: How many rows before its end a plan may be replaced.
    """

    def __init__(
        self,
        node: VistaNode,
        source: Source,
        paused: Callable[[], str | None],
        *,
        plan_rows: int = 1,
    ) -> None:
        self._node, self._source, self._paused = node, source, paused
        self._spec, self._plan_rows = source.spec, plan_rows
        self._dt_ns = round(c.NS / self._spec.control_hz)
        self._kinematics = Kinematics(self._spec)
        self._lock = threading.Lock()
        self._out = node.owns(
            node.create_publisher(JointTrajectory, "executor/command", 1), node.destroy_publisher
        )
        self.start()
        # Made once: an executor that spins does not take it well when a timer is destroyed under it.
        node.every(1 / self._spec.control_hz, self._tick, "control")

    def start(self) -> None:
        """A new subgoal begins: nothing is planned, nothing has stopped it."""
        with self._lock:
            self.latch = Latch()
            self._rows: F64 = np.zeros((0, len(self._spec.joint_names) + 1))
            self._start_ns, self._seen_ns, self._held = 0, -1, False
            self._last: Observation | None = None

    @property
    def spec(self) -> RobotSpec:
        return self._spec

    def observe(self, timeout_s: float = 1.0) -> Observation:
        """The newest observation, once the last plan is about to run out.

        Raises:
            StaleObservationError: a camera or the joints are silent; the arm gets nothing more.
        """
        end_ns = self._start_ns + (len(self._rows) - self._plan_rows) * self._dt_ns
        newer = max(self._seen_ns, end_ns - self._dt_ns // 2) if len(self._rows) else self._seen_ns
        wait_s = max(0.0, (newer - self._node.now_ns()) / c.NS) if self._seen_ns >= 0 else 0.0
        self._last = self._source.wait(newer, timeout_s + min(wait_s, 1.0))
        self._seen_ns = self._last.stamp_ns
        return self._last

    def send(self, chunk: ActionChunk) -> None:
        """Replace the rest of the last plan by ``chunk``, on its own time line."""
        if (cause := self.latch.cause) is not None:
            raise RobotStoppedError(f"robot {self._spec.name} was stopped: {cause}")
        rows = self._solve(chunk)
        with self._lock:
            self._rows, self._start_ns = rows, chunk.start_stamp_ns
        self._node.meter.add("plans", (self._node.now_ns() - chunk.start_stamp_ns) / c.NS)

    def stop(self, cause: str) -> None:
        """Send nothing more, and have the arm hold where it is."""
        self.latch.set(cause)
        with self._lock:
            self._rows = self._rows[:0]
        self._hold()

    def end(self) -> None:
        """The subgoal has ended: the rest of the plan is not sent."""
        self.latch.set("the subgoal has ended")

    def _solve(self, chunk: ActionChunk) -> F64:
        """Rows (T, J + 1) of joint targets [rad] and opening."""
        rows = chunk.actions.astype(np.float64)
        if chunk.space is ActionSpace.JOINT_POSITION:
            return rows
        obs = self._last
        assert obs is not None, "a chunk is planned from an observation"
        with self._node.meter.measure("inverse kinematics"):
            start, joints, out = pose_to_matrix(obs.ee_pose), obs.joint_pos.astype(np.float64), []
            low, high = self._spec.workspace
            for row in rows:
                target = start @ delta_to_matrix(row[:6])
                target[:3, 3] = np.clip(target[:3, 3], low, high)
                joints = self._kinematics.inverse(target, joints)
                out.append(np.append(joints, np.clip(row[6], 0.0, 1.0)))
        # The guard would cut rows that the arm cannot follow, window by window, while the plan ran on, until
        # a window began too far from the arm and was held.
        allowed = self._spec.joint_velocity * self._dt_ns / c.NS
        return within_speed(np.array(out), obs.joint_pos.astype(np.float64), allowed)[0]

    def _tick(self) -> None:
        """Send the rows that are due next; those whose time has passed are left out."""
        if self.latch.cause is not None:
            return
        if self._paused() is not None:
            if not self._held:
                self._held = True
                self._hold()
            return
        self._held = False
        with self._lock:
            rows, start_ns = self._rows, self._start_ns
        at = max(0, round((self._node.now_ns() - start_ns) / self._dt_ns))
        window = rows[at : at + WINDOW_ROWS]
        if len(window) == 0:
            return
        self._publish(window, start_ns + at * self._dt_ns)

    def _hold(self) -> None:
        """One row: the joints as they are measured now."""
        obs = self._last
        if obs is None:
            return
        try:
            obs = self._source.wait(timeout_s=0.05)
        except TimeoutError:
            return  # nothing is known of where the arm is; without commands it stops by itself
        reading = self._source.joints()
        self._publish(np.append(reading.position, obs.gripper_command)[None], reading.stamp_ns)

    def _publish(self, rows: F64, start_ns: int) -> None:
        chunk = ActionChunk(rows, self._dt_ns / c.NS, ActionSpace.JOINT_POSITION, start_ns)
        self._out.publish(c.chunk_to_msg(chunk, self._spec))
        self._node.meter.add("commands")


class GraphGuard:
    """A guard in the loop that also hears the guard node's reports on earlier commands."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._lock = threading.Lock()
        self._stopped, self._held = "", ("", "")

    def hear(self, report: c.GuardReport) -> None:
        with self._lock:
            self._stopped = report.cause
            if report.decision is Decision.HOLD and report.rule != c.IDLE:
                self._held = (report.rule, report.reason)

    def reset(self) -> None:
        self._guard.reset()
        with self._lock:
            self._held = ("", "")

    def check(self, chunk: ActionChunk, obs: Observation) -> Verdict:
        with self._lock:
            stopped, (rule, reason), self._held = self._stopped, self._held, ("", "")
        if stopped:
            return Verdict(Decision.STOP, "stop", stopped, None)
        if rule:
            return Verdict(Decision.HOLD, rule, reason, None)
        return self._guard.check(chunk, obs)
