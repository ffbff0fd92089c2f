"""Every contract that ships, beside its drivers: the stack as ``real.launch.py`` starts it, on the wall's
clock, puts a thing into the tray of that arm's simulated world through that arm's own controllers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("vista_msgs")
pytest.importorskip("circus")

from tests.ros.graph import READY_S, Graph
from vista.graph.processes import DIE_WITH_PARENT
from vista.graph.table import find_executable
from vista.robot.contract import known_robots, load_robot
from vista.types import CommandKind, Outcome
from vista_ros import conversions as c
from vista_ros.client import GraphClient

pytestmark = [pytest.mark.ros, pytest.mark.timeout(600)]
SENTENCE = "put the blue mug in the tray"
IN_CI = ("ur5e", "so101")


@contextmanager
def drivers(robot: str, domain: int, folder: Path) -> Iterator[None]:
    """The simulated arm as its drivers: on the wall's clock, in a process of its own."""
    words = [
        str(find_executable("vista_ros", "sim_node")), "--ros-args", "-p", f"robot:={robot}", "-p",
        "publish_clock:=false", "-p", "target:=blue mug", "-p", "distractors:=1",
    ]  # fmt: skip
    with (folder / "drivers.log").open("w") as log:
        child = subprocess.Popen(
            words, env={**os.environ, "ROS_DOMAIN_ID": str(domain), DIE_WITH_PARENT: str(os.getpid())},
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield
        finally:
            child.terminate()
            child.wait(20.0)


class CommandWatch:
    """Every command that the guard gave to the controllers, in the units of the contract."""

    def __init__(self, client: GraphClient, robot: str) -> None:
        self.spec, self.rows, self.openings = load_robot(robot), list[np.ndarray](), list[float]()
        arm, gripper = self.spec.arm_command, self.spec.gripper.command
        listen = client.node.create_subscription
        listen(c.command_type(arm), arm.topic, self._on_arm, 50)
        if not gripper.is_action and gripper.kind is not CommandKind.WITH_ARM:
            listen(c.command_type(gripper), gripper.topic, self._on_gripper, 50)

    def _on_arm(self, msg: c.ControllerCommand) -> None:
        self.rows.append(c.arm_points(msg, self.spec).rows)
        if self.spec.gripper.command.kind is CommandKind.WITH_ARM:
            self._on_gripper(msg)

    def _on_gripper(self, msg: c.ControllerCommand) -> None:
        self.openings += c.gripper_points(msg, self.spec).rows[:, 0].tolist()


@pytest.mark.parametrize(
    "robot", [pytest.param(r, marks=() if r in IN_CI else pytest.mark.long) for r in known_robots()]
)
def test_an_arm_puts_a_thing_into_its_tray_through_its_own_controllers(tmp_path: Path, robot: str):
    words = ["--real", f"--robot={robot}", "--policy=scripted", "--detector=oracle"]
    graph = Graph(tmp_path, words)
    with drivers(robot, graph.domain, tmp_path), graph:
        with GraphClient(robot=robot) as client:
            watch = CommandWatch(client, robot)
            client.wait_ready(["sim", "guard", "executor", "agent"], READY_S)
            result = client.run_task(SENTENCE)
            truth = client.truth(SENTENCE)
            settled = client.diagnostics()
        assert (result.outcome, truth) == (Outcome.SUCCESS, True), (result.cause, settled)
        rows, spec = np.concatenate(watch.rows), watch.spec
        assert len(rows) > 20
        assert (rows >= spec.joint_lower - 1e-4).all()
        assert (rows <= spec.joint_upper + 1e-4).all()
        if watch.openings:
            assert {round(each) for each in watch.openings} == {0, 1}
        assert graph.stop() == 0
