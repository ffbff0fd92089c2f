"""The running graph, given whatever its topics, services and actions can carry.

After every batch all nodes are the same living processes, and a good task succeeds.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("vista_msgs")
pytest.importorskip("circus")

from hypothesis import strategies as st
from sensor_msgs.msg import Image, JointState
from trajectory_msgs.msg import JointTrajectory

from robomemory.embed.embedder import HashingEmbedder
from robomemory.memory import RoboMemory
from tests.fuzz.fuzzing import explore
from tests.fuzz.messages import messages
from tests.fuzz.test_messages import IMAGE, JOINTS, TRAJECTORY
from tests.fuzz.test_nodes import GOALS, MEMORY_REQUESTS
from tests.ros.graph import ALL, READY_S, Graph
from vista.robot.contract import load_robot
from vista.types import Outcome, State
from vista_msgs import msg as m
from vista_msgs.action import ExecuteSubgoal, ImagineSubgoal, RunTask
from vista_msgs.srv import (
    BeginRun,
    Detect,
    DetectorInfo,
    OracleAct,
    Recall,
    Remember,
    ResetScene,
    Scene,
    Stop,
    Truth,
)
from vista_ros import conversions as c
from vista_ros.calls import ActionCall, RefusedError, Service
from vista_ros.client import GraphClient, episode_of

pytestmark = [pytest.mark.ros, pytest.mark.long, pytest.mark.timeout(1500)]
SPEC = load_robot("panda")
ANSWER_S = 30.0
GRASP = m.Subgoal(subtask=m.Subtask(skill=m.Skill(verb="grasp", thing="blue mug")))


class Tried:
    """A graph, a client of it, and what must not change while it is tried."""

    def __init__(self, graph: Graph, client: GraphClient) -> None:
        self.graph, self.client = graph, client
        self.pids, self.kept = graph.pids(), set[str]()

    def still_works(self) -> None:
        """Every node is the process that it was, and the graph does what it is told."""
        self.client.wait_ready(ALL, READY_S)
        assert self.graph.pids() == self.pids, "a node has died"
        assert self.client.run_task("done").outcome is Outcome.SUCCESS


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    folder = tmp_path_factory.mktemp("graph")
    with Graph(folder, ["--policy=mock", "--planner=tests.ros.parts:Moody"]) as graph:
        with GraphClient() as client:
            client.wait_ready(ALL, READY_S)
            each = Tried(graph, client)
            yield each
        assert graph.stop() == 0
    said = "".join(log.read_text(errors="replace") for log in (folder / "log").glob("*.log"))
    assert "Segmentation fault" not in said
    (store,) = (folder / "memory").glob("*.sqlite3")
    with RoboMemory(store, embedder=HashingEmbedder()) as memory:
        held = {record.text for record in memory.records()}
    assert each.kept - held == set(), "what was answered as kept is not there"


def test_topics(tried: Tried):
    """What another node, a driver or a cable may publish; the arm's own topics go on beside it."""
    node, camera = tried.client.node, next(iter(SPEC.cameras.values())).channel.image
    kinds: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
        "executor/command": (JointTrajectory, TRAJECTORY),
        "guard/status": (m.GuardStatus, messages(m.GuardStatus)),
        "detections": (m.DetectionArray, messages(m.DetectionArray)),
        SPEC.state.topics[0]: (JointState, JOINTS),
        SPEC.gripper.command.topic: (JointTrajectory, TRAJECTORY),
        SPEC.arm_command.topic: (JointTrajectory, TRAJECTORY),
        camera: (Image, IMAGE),
    }
    out = {name: node.create_publisher(kind, name, 1) for name, (kind, _) in kinds.items()}

    def check(value: tuple[str, Any]) -> None:
        name, message = value
        out[name].publish(message)
        time.sleep(0.02)

    values = st.one_of(*(st.tuples(st.just(name), each) for name, (_, each) in kinds.items()))
    explore("topics of the running graph", values, check, 500, shrink=False)
    for each in out.values():
        node.destroy_publisher(each)
    time.sleep(2.0)
    tried.still_works()


def test_services(tried: Tried):
    node = tried.client.node
    names = {
        Remember: ("remember", "memory"), Recall: ("recall", "memory"), Scene: ("scene", "memory"),
        BeginRun: ("begin_run", "memory"), Detect: ("detect", "perception"),
        DetectorInfo: ("detector_info", "perception"), Stop: ("guard/stop", "guard"),
        ResetScene: ("sim/reset", "sim"), Truth: ("sim/truth", "sim"), OracleAct: ("oracle/act", "sim"),
    }  # fmt: skip
    calls = {kind.Request: Service(node, kind, *where) for kind, where in names.items()}
    requests = st.one_of(
        MEMORY_REQUESTS, MEMORY_REQUESTS,
        messages(
            Detect.Request, labels=st.just(["blue mug"]), observation=st.just([]),
            timeout_s=st.floats(0.0, 0.3),
        ),
        messages(ResetScene.Request, task=st.just("pick_place"), distractors=st.integers(0, 3)),
        messages(Truth.Request), messages(OracleAct.Request), messages(Stop.Request),
        messages(DetectorInfo.Request),
    )  # fmt: skip

    def check(request: Any) -> None:
        began, answer = time.monotonic(), None
        with contextlib.suppress(RefusedError):
            answer = calls[type(request)](request, ANSWER_S)
        assert time.monotonic() - began < ANSWER_S
        if answer is not None and isinstance(request, Remember.Request):
            tried.kept.update(note.text for note in request.notes)

    explore("services of the running graph", requests, check, 500, shrink=False)
    last = m.Note(kind="episodic", text="the test is over", confidence=1.0)
    calls[Remember.Request](Remember.Request(notes=[last]), ANSWER_S)
    tried.kept.add(last.text)
    tried.still_works()


def until_it_ends(action: ActionCall, goal: Any) -> Any:
    """How ``goal`` ended; it is cancelled after a second."""
    end = time.monotonic() + 1.0
    return action(
        goal, accept_s=ANSWER_S, silence_s=ANSWER_S, cancel_s=ANSWER_S,
        should_stop=lambda: "enough" if time.monotonic() > end else None,
    )  # fmt: skip


def test_actions(tried: Tried):
    node = tried.client.node
    run = ActionCall(node, RunTask, "run_task", "agent")
    execute = ActionCall(node, ExecuteSubgoal, "execute_subgoal", "executor")
    imagine = ActionCall(node, ImagineSubgoal, "imagine_subgoal", "world_model")

    def check_task(goal: RunTask.Goal) -> None:
        episode = episode_of(until_it_ends(run, goal), goal.instruction)
        assert (episode.outcome is Outcome.SUCCESS) <= (goal.instruction.strip() == "done")
        assert episode.cause.strip()
        assert "\n" not in episode.cause

    def check_subgoal(goal: ExecuteSubgoal.Goal) -> None:
        ended = until_it_ends(execute, goal)
        progress = c.progress_from_msg(ended.result.progress)
        assert progress.state is not State.RUNNING
        assert progress.state is not State.REACHED, "a policy that holds still reaches nothing"
        assert progress.reason.strip()

    def check_image(goal: ImagineSubgoal.Goal) -> None:
        ended = until_it_ends(imagine, goal)
        assert ended.result.ok == ended.succeeded
        assert ended.succeeded or ended.result.reason.strip()

    check: dict[Any, Callable[[Any], None]] = {
        RunTask.Goal: check_task, ExecuteSubgoal.Goal: check_subgoal, ImagineSubgoal.Goal: check_image
    }  # fmt: skip
    said = st.sampled_from(["done", "raise exit", "put the blue mug in the tray"])
    goals = st.one_of(
        messages(RunTask.Goal, instruction=said, timeout_s=st.floats(0.0, 10.0)),
        messages(ExecuteSubgoal.Goal, subgoal=st.just(GRASP), timeout_s=st.floats(0.1, 0.5)),
        GOALS,
    )
    explore("actions of the running graph", goals, lambda goal: check[type(goal)](goal), 500, shrink=False)
    tried.still_works()


def test_parameters(tried: Tried):
    """Parameters that are set while the graph runs: taken or refused, and everything goes on."""
    from rcl_interfaces.msg import Parameter, ParameterValue
    from rcl_interfaces.srv import SetParameters

    names = {
        "perception": "rate_hz", "sim": "camera_faults", "executor": "execute_rows", "agent": "timeout_s"
    }  # fmt: skip
    calls = {
        node: Service(tried.client.node, SetParameters, f"{node}/set_parameters", node) for node in names
    }

    # A type beyond these makes rclpy's own parameter service raise and not answer; the node goes on.
    parameters = messages(ParameterValue, type=st.integers(0, 9)).filter(lambda value: value.type <= 9)

    def check(value: tuple[str, ParameterValue]) -> None:
        node, parameter = value
        request = SetParameters.Request(parameters=[Parameter(name=names[node], value=parameter)])
        assert len(calls[node](request, ANSWER_S).results) == 1

    values = st.tuples(st.sampled_from(sorted(names)), parameters)
    explore("services of the running graph", values, check, 100, shrink=False)
    quiet = Parameter(name="camera_faults", value=ParameterValue(type=4, string_value=""))
    calls["sim"](SetParameters.Request(parameters=[quiet]), ANSWER_S)
    tried.still_works()
