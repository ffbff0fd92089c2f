"""The library and the graph decide the same: what crosses the graph are fields, and they arrive whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("vista_msgs")
pytest.importorskip("faiss")


from tests.mocks import MockDetector, MockRobot
from tests.ros.beside import Beside
from vista.errors import VistaError
from vista.events import Event, EventKind
from vista.graph.running import free_domain
from vista.loop import Pursue
from vista.perception import DetectorBase
from vista.protocols import Detector
from vista.skill import Relation, Skill, Verb
from vista.types import F32, Cause, Detection, Observation, Progress, State, Subgoal, Subtask
from vista_msgs.action import ExecuteSubgoal
from vista_ros import conversions as c
from vista_ros.actions import conclude, serve_goals
from vista_ros.calls import RefusedError, RejectedError
from vista_ros.goal_places import GoalPlaces
from vista_ros.nodes.perception_node import PerceptionNode
from vista_ros.proxies import GraphDetector, GraphPursuit
from vista_ros.stand_ins import LookingPlanner

pytestmark = [pytest.mark.ros, pytest.mark.timeout(120)]
DOMAIN = free_domain()
SUBGOAL = Subgoal(Subtask(Skill(Verb.GRASP, "blue mug")), {}, 0.5, 0, 1)


# --- perception --------------------------------------------------------------------------------------


class Brightness(DetectorBase):
    """Finds one lamp, as bright as the image is; tells by its answers which image it looked at."""

    labels = frozenset({"lamp", "blue mug"})
    exhaustive = True

    def detect(self, obs: Observation) -> Sequence[Detection]:
        bright = float(obs.images["front"].mean()) / 255.0
        return [Detection("lamp", bright, np.zeros(4, np.float32), np.zeros(3), 0.01)]

    def evidence(self, obs: Observation, label: str, above_m: float | None = None) -> F32 | None:
        if label != "lamp":
            return None
        return np.full((3, 3), (above_m or 0.0) + obs.images["front"].mean() / 510.0, np.float32)


def test_a_detector_over_the_graph_looks_at_what_it_is_given(beside: Beside):
    beside.add(PerceptionNode(), detector=f"{__name__}:Brightness", rate_hz=0.0)
    graph, here, obs = GraphDetector(beside.caller), Brightness(), MockRobot().observe()
    assert isinstance(graph, Detector)
    assert (graph.labels, graph.exhaustive) == (here.labels, here.exhaustive)
    for shade in (10, 200):  # no camera publishes: these images are imagined
        images = {"front": np.full((8, 8, 3), shade, np.uint8)}
        imagined = Observation(obs.stamp_ns, images, obs.joint_pos, obs.joint_vel, 1.0, obs.ee_pose)
        (seen,), (same,) = graph.detect(imagined), here.detect(imagined)
        assert (seen.label, seen.score, seen.kind) == (same.label, same.score, same.kind)
        found = graph.find(imagined, "lamp")
        assert found is not None
        assert found.score == same.score
        assert graph.find(imagined, "blue mug") is None
        for above_m in (None, 0.25):
            grid = graph.evidence(imagined, "lamp", above_m)
            assert grid is not None
            assert np.array_equal(grid, here.evidence(imagined, "lamp", above_m))
        assert graph.evidence(imagined, "blue mug") is None
    with pytest.raises(RefusedError, match="front"):
        graph.detect(Observation(1, {}, obs.joint_pos, obs.joint_vel, 1.0, obs.ee_pose))
    assert beside.errors == []


def test_a_planner_of_the_sentence_refuses_what_is_not_seen():
    from vista.planner.scripted import ScriptedPlanner

    obs, planner = MockRobot().observe(), LookingPlanner(ScriptedPlanner(), MockDetector("blue mug", "tray"))
    step = planner.next(obs, "put the blue mug in the tray", ())
    assert isinstance(step, Subtask)
    assert step.skill == Skill(Verb.GRASP, "blue mug")
    last = planner.next(obs, "put the blue mug in the tray", (), None)
    assert isinstance(last, Subtask)
    assert last.skill == Skill(Verb.PLACE, "blue mug", Relation.IN, "tray")
    with pytest.raises(VistaError, match="names nothing that is seen; seen: blue mug, tray"):
        planner.next(obs, "put the mug in the tray", ())


# --- executor ----------------------------------------------------------------------------------------


def serve_progress(beside: Beside, answer: Callable[[Any], Progress]) -> None:
    """An executor whose goals end as ``answer`` says."""
    places = GoalPlaces()

    def execute(handle: Any) -> ExecuteSubgoal.Result:
        places.begin()
        running = Progress(State.RUNNING, 0.5, "on the way", steps=3)
        handle.publish_feedback(ExecuteSubgoal.Feedback(progress=c.progress_to_msg(running)))
        progress = answer(handle)
        places.end()
        timings = c.timings_to_json({"pursue.predict": [0.25, 0.5], "pursue.send": [0.125]})
        conclude(handle, succeeded=progress.state is State.REACHED)
        return ExecuteSubgoal.Result(progress=c.progress_to_msg(progress), timings_json=timings)

    serve_goals(
        beside.caller, ExecuteSubgoal, "execute_subgoal", execute, places=places,
        described=lambda goal: c.subtask_in_words(goal.subgoal.subtask), busy=lambda: "busy",
    )  # fmt: skip


@pytest.mark.parametrize(
    "progress",
    [
        Progress(State.REACHED, 1.0, "there", Cause.REACHED, 7),
        Progress(State.FAILED, 0.25, "guard workspace: too low", Cause.GUARD, 2),
        Progress(State.FAILED, 0.0, "camera 'front' is silent", Cause.STOPPED, 5),
    ],
)
def test_how_a_pursuit_ended_crosses_the_graph_as_fields(beside: Beside, progress: Progress):
    serve_progress(beside, lambda _: progress)
    pursue: Pursue = GraphPursuit(beside.caller, lambda: None)
    heard: list[Event] = []
    assert pursue(SUBGOAL, heard.append, lambda: None) == progress
    stages = [(e.stage, e.seconds) for e in heard if e.kind is EventKind.STAGE_ENDED]
    assert stages == [("pursue.predict", 0.25), ("pursue.predict", 0.5), ("pursue.send", 0.125)]
    assert [e.progress.steps for e in heard if e.progress is not None] == [3]


@pytest.mark.parametrize("who", ["caller", "robot"])
def test_a_pursuit_that_is_stopped_says_who_stopped_it(beside: Beside, who: str):
    def wait(handle: Any) -> Progress:
        deadline = time.monotonic() + 20.0
        while not handle.is_cancel_requested and time.monotonic() < deadline:
            time.sleep(0.01)
        return Progress(State.FAILED, 0.5, "cancelled", Cause.STOPPED, 4)

    serve_progress(beside, wait)
    began = time.monotonic()

    def stop() -> str | None:
        return f"the {who} has had enough" if time.monotonic() - began > 1.0 else None

    def never() -> None:
        return None

    pursue = GraphPursuit(beside.caller, stop if who == "robot" else never)
    ended = pursue(SUBGOAL, lambda _: None, stop if who == "caller" else never)
    assert ended == Progress(State.FAILED, 0.5, f"the {who} has had enough", Cause.STOPPED, 4)
    assert ended.stopped


def test_a_goal_is_taken_only_by_an_active_node_with_a_free_place(beside: Beside):
    ended = Progress(State.REACHED, 1.0, "there", Cause.REACHED)
    release = threading.Event()

    def answer(_: Any) -> Progress:
        assert release.wait(20.0)
        return ended

    serve_progress(beside, answer)
    pursue, second = (GraphPursuit(beside.caller, lambda: None) for _ in range(2))
    beside.caller.active = False
    with pytest.raises(RejectedError, match="executor rejected 'execute_subgoal'"):
        pursue(SUBGOAL, lambda _: None, lambda: None)
    beside.caller.active = True
    answers: list[Progress] = []
    running = threading.Event()
    first = threading.Thread(
        target=lambda: answers.append(pursue(SUBGOAL, lambda _: running.set(), lambda: None)), daemon=True
    )
    first.start()
    assert running.wait(20.0)
    with pytest.raises(RejectedError):
        second(SUBGOAL, lambda _: None, lambda: None)
    release.set()
    first.join(20.0)
    assert answers == [ended]
    assert second(SUBGOAL, lambda _: None, lambda: None) == ended


@pytest.mark.parametrize(
    ("succeeded", "cancelling", "status"),
    [(True, False, "succeed"), (True, True, "succeed"), (False, True, "canceled"), (False, False, "abort")],
)
def test_a_goal_is_concluded_in_one_way(succeeded: bool, cancelling: bool, status: str):
    given: list[str] = []

    class Handle:
        is_cancel_requested = cancelling

        def __getattr__(self, name: str) -> Callable[[], None]:
            return lambda: given.append(name)

    conclude(Handle(), succeeded=succeeded)
    assert given == [status]
