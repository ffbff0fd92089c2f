"""A graph of real processes for a test, and what is left of it afterwards."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import psutil

from vista.graph.processes import DIE_WITH_PARENT, in_use, shared_memory
from vista.graph.running import MARK, Running, free_domain, running

ROOT = Path(__file__).resolve().parents[2]
ALL = ("sim", "guard", "executor", "perception", "world_model", "memory", "agent")
STAND_INS = (
    "--world-model=mock", "--planner=scripted", "--detector=oracle", "--switcher=scripted",
    "--embedder=hashing", "--target=blue mug", "--distractors=2",
)  # fmt: skip
READY_S = 150.0
# Ports that all domains of a machine share: whoever else runs a graph may still need them.
_WELL_KNOWN = re.compile(r"fastrtps_port7[0-3]\d\d")


class Graph:
    """``vista up`` in a process of its own, in a ROS domain that nobody else uses."""

    def __init__(self, folder: Path, words: Sequence[str]) -> None:
        self.folder, self.words = folder, (*STAND_INS, *words)
        os.environ.pop("ROS_DOMAIN_ID", None)
        self.domain = free_domain()
        self.shared: set[str] = set()

    def __enter__(self) -> Graph:
        os.environ["ROS_DOMAIN_ID"] = str(self.domain)
        command = [
            sys.executable, "-m", "vista.cli.up", f"--domain={self.domain}", f"--logs={self.folder / 'log'}",
            f"--memory-folder={self.folder / 'memory'}", *self.words,
        ]  # fmt: skip
        self.output = (self.folder / "up.log").open("w+")
        self.child = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, DIE_WITH_PARENT: "1"}, start_new_session=True,
            stdout=self.output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        wait_for(lambda: self.state() is not None, 90.0, "vista up has not written down that it is up")
        state = self.state()
        assert state is not None
        self.mark = state.mark
        return self

    def state(self) -> Running | None:
        return next((each for each in running() if each.pid == self.child.pid), None)

    def pids(self) -> dict[str, int]:
        """{node: pid} of the nodes that live."""
        found = {}
        for process in marked(self.mark):
            try:
                words = process.cmdline()
            except psutil.Error:
                continue
            for word in words:
                if word.startswith("__node:="):
                    found[word.removeprefix("__node:=")] = process.pid
        return found

    def kill(self, node: str) -> None:
        os.kill(self.pids()[node], signal.SIGKILL)

    def stop(self, number: int = signal.SIGTERM, timeout_s: float = 40.0) -> int:
        """Send a signal to ``vista up`` and wait for its end. Returns its exit status."""
        self.shared |= in_use(p.pid for p in marked(self.mark))
        self.child.send_signal(number)
        return self.child.wait(timeout_s)

    def left(self) -> list[str]:
        """What is left that should not be."""
        processes = [f"{p.pid} {p.name()}" for p in marked(self.mark)]
        names = {p.name for p in shared_memory()}
        still = in_use()  # a port is shared with this test's own client
        return processes + sorted(
            path for path in self.shared - still if Path(path).name in names and not _WELL_KNOWN.search(path)
        )

    def __exit__(self, *_: object) -> None:
        if self.child.poll() is None:
            self.stop()
        self.output.close()


def marked(mark: str) -> list[psutil.Process]:
    from vista.graph.processes import marked as with_mark

    return with_mark(MARK, mark)


def wait_for(condition: Callable[[], object], timeout_s: float, why: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, why
        time.sleep(0.05)


class ArmWatch:
    """Hears the joints of the arm: where it is at which robot time."""

    def __init__(self, client: object) -> None:
        from sensor_msgs.msg import JointState

        self._lock = threading.Lock()
        self._heard: list[tuple[float, np.ndarray]] = []
        client.node.create_subscription(JointState, "joint_states", self._hear, 10)  # type: ignore[attr-defined]

    def _hear(self, msg: object) -> None:
        stamp = msg.header.stamp  # type: ignore[attr-defined]
        with self._lock:
            at = stamp.sec + stamp.nanosec * 1e-9
            self._heard.append((at, np.array(msg.position[:7])))  # type: ignore[attr-defined]

    def now(self) -> float:
        with self._lock:
            return self._heard[-1][0] if self._heard else 0.0

    def travel(self, since: float, until: float = float("inf")) -> float:
        """How far the farthest joint went in that time [rad]."""
        with self._lock:
            rows = [q for at, q in self._heard if since <= at <= until]
        return float(np.ptp(np.array(rows), axis=0).max()) if len(rows) > 1 else 0.0

    def wait_moving(self, timeout_s: float = 60.0) -> None:
        wait_for(lambda: self.travel(self.now() - 0.5) > 0.02, timeout_s, "the arm does not move")

    def wait_until(self, robot_time: float, timeout_s: float = 30.0) -> None:
        wait_for(lambda: self.now() >= robot_time, timeout_s, "the robot's clock stands still")
