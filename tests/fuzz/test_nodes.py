"""Services and actions of single nodes, called with whatever their messages can hold."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("vista_msgs")

import rclpy
from hypothesis import strategies as st
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from tests.fuzz.fuzzing import counts, explore
from tests.fuzz.messages import messages
from tests.fuzz.test_messages import TRAJECTORY
from tests.mocks import MockRobot
from vista.graph.running import free_domain
from vista.robot.contract import load_robot
from vista.types import ActionChunk, ActionSpace
from vista_msgs import msg as m
from vista_msgs.action import ImagineSubgoal
from vista_msgs.srv import BeginRun, Recall, Remember, Scene, Stop
from vista_ros import conversions as c
from vista_ros.calls import ActionCall, RefusedError, Service
from vista_ros.node_base import VistaNode
from vista_ros.nodes.guard_node import GuardNode
from vista_ros.nodes.memory_node import MemoryNode
from vista_ros.nodes.world_model_node import WorldModelNode
from vista_ros.spinning import Spinner

pytestmark = [pytest.mark.ros, pytest.mark.timeout(900)]
DOMAIN = free_domain()
SPEC = load_robot("panda")
ANSWER_S = 10.0
OBSERVATION = c.observation_to_msg(MockRobot().observe())
GRASP = m.Subtask(skill=m.Skill(verb="grasp", thing="blue mug"))


class Up:
    """One node of the graph in this process, configured and active, and a node to call it from."""

    def __init__(self, make: Callable[[], VistaNode], *parameters: str) -> None:
        words = [word for each in ("autostart:=false", *parameters) for word in ("-p", each)]
        rclpy.init(args=["--ros-args", "--log-level", "FATAL", *words], domain_id=DOMAIN)
        self.node, self.caller = make(), VistaNode("caller")
        self.caller.active = True
        self._spinners = [Spinner(each, 3, self._note) for each in (self.node, self.caller)]
        self.errors: list[Exception] = []
        assert self.node.trigger_configure().name == "SUCCESS", self.node._last_error
        self.node.trigger_activate()

    def _note(self, error: Exception) -> None:
        self.errors.append(error)

    def close(self) -> None:
        for spinner in self._spinners:
            spinner.close()
        for node in (self.node, self.caller):
            node.on_shutdown(None)  # type: ignore[arg-type]
            node.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture
def up() -> Iterator[Callable[..., Up]]:
    made: list[Up] = []

    def start(make: Callable[[], VistaNode], *parameters: str) -> Up:
        made.append(Up(make, *parameters))
        return made[-1]

    yield start
    for each in made:
        each.close()


def asked(service: Service, request: Any) -> Any:
    """The answer, or None where it is refused with one sentence; nobody answers late."""
    began = time.monotonic()
    try:
        return service(request, ANSWER_S)
    except RefusedError as error:
        assert str(error).strip()  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017
        return None
    finally:
        assert time.monotonic() - began < ANSWER_S


# --- memory ------------------------------------------------------------------------------------------

NOTE = messages(
    m.Note,
    kind=st.sampled_from(["spatial", "temporal", "episodic", "semantic"]),
    entities=st.just(["blue mug"]),
    triple=st.just(["blue mug", "in", "tray"]),
    confidence=st.floats(0.0, 1.0),
    run=st.just(0),
    text=st.just("the blue mug lies in the tray"),
)
GOOD = m.Note(
    kind="spatial", text="the blue mug lies in the tray", entities=["blue mug"], confidence=1.0,
    source="agent", triple=["blue mug", "in", "tray"],
)  # fmt: skip
MEMORY_REQUESTS = st.one_of(
    messages(Remember.Request, notes=st.lists(NOTE, min_size=1, max_size=3)),
    messages(Recall.Request, queries=st.just(["blue mug"]), timeout_s=st.floats(0.0, 0.2)),
    messages(Scene.Request, entities=st.just([])),
    messages(BeginRun.Request),
)


@counts(40, 700)
def test_the_memory_answers_or_refuses(up: Callable[..., Up], tmp_path: Path, count: int):
    graph = up(MemoryNode, f"folder:={tmp_path}", "embedder:=hashing", "scene_name:=fuzz")
    served = {Remember: "remember", Recall: "recall", Scene: "scene", BeginRun: "begin_run"}
    calls = {kind.Request: Service(graph.caller, kind, name, "memory") for kind, name in served.items()}
    kept: set[str] = set()

    def check(request: Any) -> None:
        answer = asked(calls[type(request)], request)
        if answer is not None and isinstance(request, Remember.Request):
            assert answer.kept == len(request.notes)
            kept.update(note.text for note in request.notes)

    explore("services", MEMORY_REQUESTS, check, count)
    assert asked(calls[Remember.Request], Remember.Request(notes=[GOOD])) is not None
    held = {record.text for record in graph.node._memory.records()}
    assert {GOOD.text, *kept} - held == set(), "what was answered as kept is not there"
    assert graph.errors == []


# --- guard -------------------------------------------------------------------------------------------

GUARD_REQUESTS = st.one_of(messages(Stop.Request), messages(Trigger.Request), TRAJECTORY)


@counts(40, 700)
def test_the_guard_lets_nothing_through_that_is_not_finite(up: Callable[..., Up], count: int):
    graph = up(GuardNode)
    stop = Service(graph.caller, Stop, "guard/stop", "guard")
    sent: list[ActionChunk] = []
    graph.node._controllers.send = lambda chunk, *_, **__: sent.append(chunk)
    graph.node._controllers.missing = lambda: None
    home = c.JointReading(1, SPEC.home.astype(np.float32), np.zeros(7, np.float32), 1.0)
    state = c.joint_state_to_msg(home, SPEC)

    def check(request: Any) -> None:
        graph.node._joints._on_joints(state)
        if isinstance(request, JointTrajectory):
            graph.node._on_command(request)
        elif isinstance(request, Trigger.Request):
            graph.node._on_release(request, Trigger.Response())
            assert graph.node._guard.stopped is None
        else:
            answer = asked(stop, request)
            assert answer is not None
            assert answer.cause, "a stop has a cause"
            before = len(sent)
            graph.node._on_command(c.chunk_to_msg(_still(), SPEC))
            assert len(sent) == before, "nothing is sent while the arm is stopped"
        for chunk in sent:
            assert np.isfinite(chunk.actions).all()
        sent.clear()

    explore("services", GUARD_REQUESTS, check, count)
    assert graph.errors == []


def _still() -> ActionChunk:
    return ActionChunk(np.append(SPEC.home, 1.0)[None], 0.1, ActionSpace.JOINT_POSITION, 1)


# --- world model -------------------------------------------------------------------------------------

GOALS = messages(
    ImagineSubgoal.Goal,
    observation=st.just(OBSERVATION),
    subtask=st.just(GRASP),
    instruction=st.just("put the blue mug in the tray"),
)


@counts(30, 1000)
def test_the_world_model_imagines_or_says_why_not(up: Callable[..., Up], count: int):
    graph = up(WorldModelNode, "world_model:=mock")
    imagine = ActionCall(graph.caller, ImagineSubgoal, "imagine_subgoal", "world_model")

    def check(goal: Any) -> None:
        ended = imagine(goal, accept_s=ANSWER_S, silence_s=ANSWER_S)
        assert ended.result.ok == ended.succeeded
        if ended.succeeded:
            c.subgoal_from_msg(ended.result.subgoal)
        else:
            assert ended.result.reason.strip()
            assert "\n" not in ended.result.reason

    explore("actions", GOALS, check, count)
    good = ImagineSubgoal.Goal(observation=OBSERVATION, subtask=GRASP)
    assert imagine(good).succeeded
    assert graph.errors == []
