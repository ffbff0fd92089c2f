"""A whole graph beside drivers without an arm, kept moving, and the joints as the driver tells them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState

from tests.ros.graph import READY_S, Graph, wait_for
from vista.types import EpisodeResult
from vista_ros.calls import Service
from vista_ros.client import GraphClient

NODES = ("fake_arm", "guard", "executor", "perception", "world_model", "memory", "agent")
STILL_RAD_S = 0.01
WITHIN_S = 0.5
WORDS = (
    "--fake", "--policy=tests.ros.parts:Sweep", "--planner=tests.faults.parts:Grasping",
    "--detector=tests.faults.parts:Blind", "--target=", "--distractors=3",
)  # fmt: skip


@dataclass(frozen=True)
class Heard:
    """A joint state: when it came [s, monotonic] and the fastest joint [rad/s]."""

    at_s: float
    fastest: float


class JointWatch:
    """Hears the joint states of the driver, best effort and with no help of the stack."""

    def __init__(self, client: GraphClient) -> None:
        from vista_ros.sensing.observation import JOINTS_QOS

        self._lock, self._heard = threading.Lock(), list[Heard]()
        client.node.create_subscription(JointState, "joint_states", self._hear, JOINTS_QOS)

    def _hear(self, msg: JointState) -> None:
        fastest = float(np.abs(np.array(msg.velocity)).max()) if len(msg.velocity) else 0.0
        with self._lock:
            self._heard.append(Heard(time.monotonic(), fastest))

    def since(self, at_s: float) -> list[Heard]:
        with self._lock:
            return [each for each in self._heard if each.at_s >= at_s]

    def moves(self) -> bool:
        recent = self.since(time.monotonic() - 0.3)
        return bool(recent) and max(each.fastest for each in recent) > 0.05

    def stopping_s(self, fault_s: float, watch_s: float = 1.5) -> float:
        """How long after ``fault_s`` [s, monotonic] some joint still moved [s]; watches for ``watch_s``."""
        time.sleep(max(0.0, fault_s + watch_s - time.monotonic()))
        moving = [each.at_s for each in self.since(fault_s) if each.fastest > STILL_RAD_S]
        return max(moving, default=fault_s) - fault_s


class Arena:
    """The graph, a client in it, and a task that never ends by itself."""

    def __init__(self, graph: Graph, client: GraphClient) -> None:
        self.graph, self.client = graph, client
        self.watch = JointWatch(client)
        self._thread: threading.Thread | None = None
        self.cause: str | None = None
        self.result: EpisodeResult | None = None
        self.error: Exception | None = None

    def begin(self, tries: int = 3) -> None:
        """Have a task run that moves the arm; returns once it moves. A machine that is too busy for the
        first one gets another."""
        self.client.wait_ready(NODES, READY_S)
        wait_for(lambda: not self.watch.moves(), 10.0, "the arm moves already")
        self.cause, self.result, self.error = None, None, None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        wait_for(lambda: self.watch.moves() or not self._running(), 60.0, "the arm does not begin to move")
        if not self._running() and tries > 1:
            self.begin(tries - 1)
        assert self._running(), self.told()

    def _run(self) -> None:
        try:
            self.result = self.client.run_task("put the blue mug in the tray", should_stop=lambda: self.cause)
        except Exception as error:
            self.error = error

    def _running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def told(self) -> str:
        """Why the task ended, as its client knows it."""
        return self.result.cause if self.result is not None else str(self.error)

    def ended(self, timeout_s: float = 30.0) -> str:
        """Wait for the end of the task by itself. Returns why it ended."""
        assert self._thread is not None
        self._thread.join(timeout_s)
        assert not self._running(), "the task does not end"
        return self.told()

    def cancel(self) -> None:
        self.cause = "the trial is over"
        if self._thread is not None:
            self._thread.join(30.0)

    def signal(self, node: str, number: int) -> int:
        """Send a signal to the process of ``node``. Returns its pid."""
        pid = self.graph.pids()[node]
        os.kill(pid, number)
        return pid

    def wait_replaced(self, node: str, pid: int) -> None:
        """Wait until ``node`` has been started anew and takes part again."""
        wait_for(lambda: self.graph.pids().get(node, pid) != pid, 30.0, f"{node} is not started again")
        wait_for(
            lambda: self.client.diagnostics()[node].get("pid") == str(self.graph.pids().get(node)),
            READY_S, f"{node} does not recover",
        )  # fmt: skip
        self.client.wait_ready(NODES, READY_S)

    def set(self, name: str, value: Any) -> None:
        """A parameter of the driver."""
        kinds = {bool: Parameter.Type.BOOL, float: Parameter.Type.DOUBLE, str: Parameter.Type.STRING}
        call = Service(self.client.node, SetParameters, "fake_arm/set_parameters", "fake_arm")
        parameter = Parameter(name, kinds[type(value)], value).to_parameter_msg()
        assert all(r.successful for r in call(SetParameters.Request(parameters=[parameter]), 10.0).results)


@contextmanager
def arena(folder: Path) -> Iterator[Arena]:
    with Graph(folder, WORDS) as graph:
        with GraphClient() as client:
            client.wait_ready(NODES, READY_S)
            yield Arena(graph, client)
        assert graph.stop(signal.SIGTERM) == 0, (graph.folder / "up.log").read_text()
        assert graph.left() == []
