"""The graph as real processes: a task, what may go wrong in it, and nothing left behind."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("vista_msgs")
pytest.importorskip("circus")

from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter

from tests.mocks import MockRobot
from tests.ros.graph import ALL, READY_S, ArmWatch, Graph, wait_for
from vista.errors import VistaError
from vista.events import Event, EventKind
from vista.protocols import Detector
from vista.types import Cause, EpisodeResult, Outcome
from vista_ros.calls import Service
from vista_ros.client import GraphClient
from vista_ros.proxies import GraphDetector

pytestmark = [pytest.mark.ros, pytest.mark.timeout(420)]
SWEEP = "--policy=tests.ros.parts:Sweep"
ANY = MockRobot().observe()  # the oracle looks at no image
SENTENCE = "put the blue mug in the tray"


class InBackground:
    """A task that runs while the test does something to the graph."""

    def __init__(self, client: GraphClient) -> None:
        self.cause: str | None = None
        self.result: EpisodeResult | None = None
        self.error: Exception | None = None
        self.events: list[Event] = []
        self._thread = threading.Thread(target=self._run, args=(client,), daemon=True)
        self._thread.start()

    def _run(self, client: GraphClient) -> None:
        try:
            self.result = client.run_task(
                SENTENCE, listener=self.events.append, should_stop=lambda: self.cause
            )
        except Exception as error:
            self.error = error

    def wait_pursuing(self) -> None:
        def pursuing() -> bool:
            return any(e.kind is EventKind.STAGE_STARTED and e.stage == "pursue" for e in self.events)

        wait_for(lambda: pursuing() or not self._thread.is_alive(), 60.0, "no subgoal is pursued")
        assert pursuing(), self.error or self.result

    def end(self, timeout_s: float = 30.0) -> str:
        """Wait for the end; the cause of it, as the client has it."""
        self._thread.join(timeout_s)
        assert not self._thread.is_alive(), "the task does not end"
        return self.result.cause if self.result is not None else str(self.error)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    with Graph(tmp_path_factory.mktemp("graph"), [SWEEP]) as up:
        yield up
        assert up.stop() == 0, (up.folder / "up.log").read_text()
        assert up.left() == []


@pytest.fixture
def client(graph: Graph) -> Iterator[GraphClient]:
    with GraphClient() as each:
        each.wait_ready(ALL, READY_S)
        yield each


def set_parameter(client: GraphClient, node: str, name: str, value: str) -> None:
    call = Service(client.node, SetParameters, f"{node}/set_parameters", node)
    parameter = Parameter(name, Parameter.Type.STRING, value).to_parameter_msg()
    assert all(r.successful for r in call(SetParameters.Request(parameters=[parameter]), 10.0).results)


def test_nodes_tell_their_rates(client: GraphClient):
    wait_for(lambda: set(ALL) <= set(client.diagnostics()), 10.0, "a node has no diagnostics")
    wait_for(lambda: "render rate [Hz]" in client.diagnostics()["sim"], 10.0, "the simulator tells no rates")
    assert client.diagnostics()["guard"]["state"] == "active"


def test_what_is_named_is_looked_for_through_the_graph(client: GraphClient):
    """A planner that goes by weak sights asks for them by name: over the graph as in one process."""
    detector = GraphDetector(client.node)
    assert isinstance(detector, Detector)
    seen = next(d for d in detector.detect(ANY) if d.label == "blue mug")
    found = detector.find(ANY, "blue mug")
    assert found is not None
    assert np.allclose(found.position, seen.position, atol=1e-3)
    assert detector.find(ANY, "pink unicorn") is None


def test_instruction_that_names_nothing_lists_what_is_seen(client: GraphClient):
    result = client.run_task("put the unicorn in the tray")
    assert result.outcome is Outcome.FAILURE
    assert "blue mug" in result.cause
    with pytest.raises(VistaError, match="empty"):
        client.run_task("  ")


def test_second_task_is_rejected_and_cancelling_holds_the_arm(client: GraphClient):
    arm, task = ArmWatch(client), InBackground(client)
    task.wait_pursuing()
    arm.wait_moving()
    with pytest.raises(VistaError, match="one is running already"):
        client.run_task(SENTENCE)
    at = arm.now()
    task.cause = "cancelled by a test"
    assert "cancelled" in task.end()
    assert task.result is not None
    assert task.result.outcome is Outcome.STOPPED
    assert task.result.subtasks[-1].cause is Cause.STOPPED
    assert task.result.steps > 0
    assert not any("." in event.stage for event in task.events), "parts of stages come with the result"
    assert "pursue.send" in task.result.timings
    arm.wait_until(at + 2.0)
    assert arm.travel(at + 1.0) < 0.005


def test_camera_that_stops_is_named_and_the_arm_holds(client: GraphClient):
    arm, task = ArmWatch(client), InBackground(client)
    task.wait_pursuing()
    arm.wait_moving()
    set_parameter(client, "sim", "camera_faults", "wrist=silent")
    try:
        assert "camera 'wrist'" in task.end()
        at = arm.now()
        arm.wait_until(at + 1.0)
        assert arm.travel(at + 0.2) < 0.005
        wait_for(
            lambda: "holding still" in client.diagnostics()["executor"]["message"], 10.0, "it does not say so"
        )
    finally:
        set_parameter(client, "sim", "camera_faults", "")


@pytest.mark.parametrize(
    "node", ["guard", *(pytest.param(n, marks=pytest.mark.long) for n in ALL if n != "guard")]
)
def test_killed_node_stops_the_arm_and_is_named(client: GraphClient, graph: Graph, node: str):
    """The arm is still within half a second of robot time, the task ends, the graph recovers."""
    client.wait_ready(ALL, READY_S)
    arm, task = ArmWatch(client), InBackground(client)
    task.wait_pursuing()
    arm.wait_moving()
    pid, at = graph.pids()[node], arm.now()
    graph.kill(node)
    cause = task.end()
    assert node in cause or (node == "sim" and "clock" in cause), cause
    if node == "sim":
        others = [each for each in ALL if each != "sim"]
        wait_for(
            lambda: all("clock stands still" in client.diagnostics()[n]["message"] for n in others)
            or graph.pids().get("sim", pid) != pid,
            10.0, "not every node reports a stopped clock",
        )  # fmt: skip
    else:
        arm.wait_until(at + 1.5)
        assert arm.travel(at + 0.5) < 0.01
    wait_for(lambda: graph.pids().get(node, pid) != pid, 30.0, f"{node} is not started again")
    wait_for(
        lambda: client.diagnostics()[node].get("pid") == str(graph.pids()[node]),
        READY_S,
        "it does not recover",
    )
    client.wait_ready(ALL, READY_S)


def test_a_task_end_to_end(tmp_path: Path):
    """With the simulator's expert in place of a policy: told in words, done, confirmed, nothing left."""
    from vista.cli import main as vista

    with Graph(tmp_path, ["--policy=scripted"]) as graph:
        status = vista.main(
            ["run", f"--domain={graph.domain}", f"--ready={READY_S}", f"--runs={tmp_path / 'runs'}", SENTENCE]
        )
        (folder,) = (tmp_path / "runs").iterdir()
        result = json.loads((folder / "result.json").read_text())
        assert (status, result["outcome"], result["truth"]) == (0, "success", True), result["cause"]
        assert [each["state"] for each in result["subtasks"]] == ["reached", "reached"]
        page = (folder / "index.html").read_text()
        assert "memory.svg" in page
        assert all(
            (folder / f"images/0{n}-front-{when}.png").is_file()
            for n in (1, 2)
            for when in ("before", "goal", "after")
        )
        assert graph.stop(signal.SIGINT) == 130
        assert graph.left() == []


def test_ctrl_c_while_starting_leaves_nothing(tmp_path: Path):
    with Graph(tmp_path, ["--policy=mock"]) as graph:
        time.sleep(1.0)
        assert graph.stop(signal.SIGINT) == 130
        assert graph.left() == []


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_up_and_down_ten_times(tmp_path: Path):
    from vista.cli.main import main as vista

    for n in range(10):
        folder = tmp_path / str(n)
        folder.mkdir()
        with Graph(folder, ["--policy=mock"]) as graph, GraphClient() as client:
            client.wait_ready(ALL, READY_S)
            if n % 2:
                assert vista(["down", f"--domain={graph.domain}"]) == 0
                graph.child.wait(10.0)
            else:
                assert graph.stop(signal.SIGINT) == 130
        assert graph.left() == []
