"""Calls between nodes: answers that come early, late, twice or not at all, and places for one goal."""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("vista_msgs")

from rclpy.action import CancelResponse, GoalResponse
from rclpy.parameter import Parameter

from vista.errors import InvalidValueError, VistaError
from vista.graph.running import free_domain
from vista.types import EpisodeResult, Outcome
from vista_msgs import msg as m
from vista_msgs.action import RunTask
from vista_msgs.msg import EpisodeResult as EpisodeMsg
from vista_ros import conversions as c
from vista_ros.actions import CalmServer
from vista_ros.calls import ActionCall, Beat, Ended, NodeGoneError
from vista_ros.client import episode_of
from vista_ros.goal_places import GoalPlaces
from vista_ros.node_base import LOOK_S, VistaNode
from vista_ros.parameters import coerced
from vista_ros.spinning import Spinner

pytestmark = pytest.mark.ros
DOMAIN = free_domain()


class Served:
    """A node that offers ``run_task`` and a client of it, spun in this process by several threads."""

    def __init__(self) -> None:
        self.node = VistaNode("served", parameter_overrides=[Parameter("autostart", value=False)])
        self.node.active = True
        self.errors: list[Exception] = []
        self.cancelled = threading.Event()
        self.accept: Callable[[Any], GoalResponse] = lambda _: GoalResponse.ACCEPT
        self.run: Callable[[Any], RunTask.Result] = self._succeed
        server = CalmServer(
            self.node, RunTask, "run_task", lambda handle: self.run(handle), callback_group=self.node.group,
            goal_callback=lambda goal: self.accept(goal), cancel_callback=lambda _: CancelResponse.ACCEPT,
        )  # fmt: skip
        self.node.owns(server, lambda each: each.destroy())
        self.action = ActionCall(self.node, RunTask, "run_task", "agent")
        self.spinner = Spinner(self.node, 6, self.errors.append)

    def _succeed(self, handle: Any) -> RunTask.Result:
        handle.succeed()
        return RunTask.Result(episode=EpisodeMsg(outcome=EpisodeMsg.SUCCESS, instruction="do it"))

    def wait_for_cancel(self, handle: Any) -> RunTask.Result:
        with Beat(lambda: handle.publish_feedback(RunTask.Feedback()), 0.05):
            deadline = time.monotonic() + 10.0
            while not (handle.is_cancel_requested or self.node.latch.cause) and time.monotonic() < deadline:
                time.sleep(0.01)
        if handle.is_cancel_requested:
            self.cancelled.set()
            handle.canceled()
        return RunTask.Result()

    def close(self) -> None:
        self.node.latch.set("the node was shut down")
        assert self.spinner.close()
        self.node.on_shutdown(None)  # type: ignore[arg-type]
        self.node.destroy_node()


@pytest.fixture
def served(ros: None) -> Iterator[Served]:
    each = Served()
    yield each
    each.close()


def late(inner: Any, name: str, by_s: float) -> Any:
    """``inner`` (a handle of rclpy's C side) whose method ``name`` returns ``by_s`` [s] after it has sent."""

    class Late:
        def __getattr__(self, attribute: str) -> Any:
            method = getattr(inner, attribute)
            if attribute != name:
                return method

            def slow(*args: Any) -> Any:
                number = method(*args)
                time.sleep(by_s)
                return number

            return slow

        def __enter__(self) -> Any:
            return inner.__enter__()

        def __exit__(self, *args: Any) -> Any:
            return inner.__exit__(*args)

    return Late()


@pytest.mark.parametrize("request_", ["send_goal_request", "send_result_request"])
def test_an_answer_cannot_overtake_its_request(served: Served, request_: str):
    """The answer is there before the number of the request is written down (ros2/rclpy#1123)."""
    client = served.action._client
    client._client_handle = late(client._client_handle, request_, 0.3)
    ended = served.action(RunTask.Goal(instruction="do it"), accept_s=3.0, silence_s=3.0)
    assert ended.succeeded
    assert ended.result.episode.outcome == EpisodeMsg.SUCCESS
    assert served.errors == []


def test_a_cancel_request_is_not_overtaken(served: Served):
    served.run = served.wait_for_cancel
    client = served.action._client
    client._client_handle = late(client._client_handle, "send_cancel_request", 0.3)
    begun = time.monotonic()
    ended = served.action(
        RunTask.Goal(instruction="do it"),
        should_stop=lambda: "enough" if time.monotonic() - begun > 1.0 else None,
    )
    assert ended.status == "cancelled"
    assert served.cancelled.is_set()


def test_a_goal_that_is_accepted_too_late_is_cancelled(served: Served):
    """Nobody waits for it any more: it must not move the arm."""

    def slow(_: Any) -> GoalResponse:
        time.sleep(1.0)
        return GoalResponse.ACCEPT

    served.accept, served.run = slow, served.wait_for_cancel
    with pytest.raises(NodeGoneError, match=r"agent did not answer to 'run_task' within 0\.3 s"):
        served.action(RunTask.Goal(instruction="do it"), accept_s=0.3)
    assert served.cancelled.wait(5.0)


def test_a_server_that_raises_is_no_success(served: Served):
    def fail(handle: Any) -> RunTask.Result:
        raise RuntimeError("crashed")

    served.run = fail
    ended = served.action(RunTask.Goal(instruction="do it"))
    assert ended.status == "aborted"
    episode = episode_of(ended, "do it")
    assert episode.outcome is Outcome.STOPPED
    assert "aborted" in episode.cause


@pytest.mark.parametrize("how", ["succeeded", "aborted", "cancelled"])
@pytest.mark.parametrize("outcome", [*range(5), 255])
def test_a_success_needs_both_the_status_and_the_result(how: str, outcome: int):
    result = RunTask.Result(episode=EpisodeMsg(outcome=outcome, instruction="do it", cause="because"))
    episode = episode_of(Ended(result, how), "do it")
    both = how == "succeeded" and outcome == EpisodeMsg.SUCCESS
    assert (episode.outcome is Outcome.SUCCESS) == both
    assert both or episode.cause


def test_an_empty_result_is_unknown():
    with pytest.raises(InvalidValueError, match=r"EpisodeResult\.outcome: 0 \(unknown\)"):
        c.episode_result_from_msg(EpisodeMsg())
    for read, empty in ((c.progress_from_msg, "Progress"), (c.guard_report_from_msg, "GuardStatus")):
        with pytest.raises(InvalidValueError, match=r"0 \(unknown\)"):
            read(getattr(m, empty)())


def test_nothing_is_printed_when_a_busy_node_is_closed(ros: None, capfd: pytest.CaptureFixture[str]):
    """rclpy destroys what running callbacks still use and prints "The following exception was never
    retrieved"."""
    for _ in range(5):
        served = Served()
        served.run = served.wait_for_cancel
        threads = [
            threading.Thread(target=_quietly, args=(served.action, RunTask.Goal(instruction="do it")))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        served.close()
        for thread in threads:
            thread.join(15.0)
        assert not any(thread.is_alive() for thread in threads)
    gc.collect()
    assert "never retrieved" not in capfd.readouterr().err


def _quietly(action: ActionCall, goal: Any) -> None:
    with contextlib.suppress(VistaError):
        action(goal, silence_s=1.0, accept_s=1.0)


def _reserve(places: GoalPlaces, barrier: threading.Barrier, taken: list[bool]) -> None:
    barrier.wait()
    taken.append(places.reserve())


# --- a place for one ---------------------------------------------------------------------------------


def test_one_place_is_given_once():
    for _ in range(50):
        places, barrier, taken = GoalPlaces(), threading.Barrier(8), list[bool]()

        threads = [threading.Thread(target=_reserve, args=(places, barrier, taken)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(taken) == [False] * 7 + [True]


def test_a_place_that_nobody_fills_is_free_again():
    now = [0.0]
    places = GoalPlaces(lapse_s=5.0, now_s=lambda: now[0])
    assert places.reserve()
    now[0] = 4.0
    assert not places.reserve()
    now[0] = 6.0
    assert places.reserve()
    assert places.begin()
    assert not places.begin(), "the goal whose reservation has lapsed must not run beside the other"
    places.end()
    assert places.begin()


# --- clocks and parameters ---------------------------------------------------------------------------


def test_a_node_that_does_not_look_sees_no_clock_standing(ros: None, monkeypatch: pytest.MonkeyPatch):
    """A part that thinks for ten seconds, or a process that gets no time, is no robot that stands still."""
    node = VistaNode("thinker", parameter_overrides=[Parameter("autostart", value=False)])
    now = [100.0]
    monkeypatch.setattr("vista_ros.node_base.time.monotonic", lambda: now[0])
    monkeypatch.setattr(node, "now_ns", lambda: 7)
    node.clock_stalled_s()
    now[0] += 10.0
    assert node.clock_stalled_s() <= LOOK_S
    for _ in range(20):
        now[0] += 0.5
        stalled = node.clock_stalled_s()
    assert stalled > 9.0
    node.destroy_node()


@pytest.mark.parametrize(
    ("value", "kind", "right"),
    [(1, float, 1.0), (2.0, int, 2), (True, bool, True), ("x", str, "x"), (0, float, 0.0)],
)
def test_a_parameter_of_a_near_kind_is_taken(value: object, kind: type, right: object):
    got = coerced(value, kind, "parameter 'rate_hz' of perception")
    assert got == right
    assert type(got) is kind


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1.5, int),
        (True, float),
        (True, int),
        ("1", float),
        (float("nan"), float),
        (1, str),
        (1, bool),
        (None, str),
    ],
)
def test_a_parameter_of_another_kind_is_named(value: object, kind: type):
    with pytest.raises(InvalidValueError, match=r"parameter 'rate_hz' of perception: .*, expected"):
        coerced(value, kind, "parameter 'rate_hz' of perception")


def test_an_integer_configures_a_node_that_wants_a_fraction(ros: None):
    overrides = [Parameter("autostart", value=False), Parameter("rate_hz", value=1)]
    node = VistaNode("perception", parameter_overrides=overrides)
    assert node.param("rate_hz", 0.5) == 1.0
    node.destroy_node()


# --- text and numbers on the wire --------------------------------------------------------------------


@pytest.mark.parametrize("text", ["mug \ud800", "a\0b", "\udfff\ud800", "grüne Tasse ☕", "\x1b[31m"])
def test_every_text_crosses_the_wire(ros: None, text: str):
    from rclpy.serialization import deserialize_message, serialize_message

    episode = EpisodeResult(text, Outcome.STOPPED, text, 1, 0.0, timings={text: (1.0,)})
    message = c.episode_result_to_msg(episode)
    back = c.episode_result_from_msg(deserialize_message(serialize_message(message), EpisodeMsg))
    assert back.cause == c.wire(text)
    assert back.outcome is Outcome.STOPPED


@pytest.mark.parametrize("asked", [-5.0, float("nan"), float("inf"), -0.001, 1e308])
def test_a_time_that_makes_no_sense_is_refused(asked: float):
    with pytest.raises(InvalidValueError, match=r"timeout_s: .* s, expected more than 0"):
        c.seconds_of("timeout_s", asked, 30.0)


def test_a_client_that_fails_half_way_leaves_no_context(monkeypatch: pytest.MonkeyPatch):
    import rclpy

    from vista.errors import UnknownNameError
    from vista_ros.client import GraphClient

    with pytest.raises(UnknownNameError), GraphClient(robot="no such arm"):
        pass
    monkeypatch.setattr(GraphClient, "_listen", lambda self: 1 / 0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), GraphClient():
            pass
    assert not rclpy.ok()


BENCH = """
import sys, time
from vista_bench.graph_client import closed_afterwards
from vista_bench import graph_client
from vista_ros.client import GraphClient
with graph_client.closed_afterwards():
    each = GraphClient()
    each.__enter__()
    graph_client._opened.append(each)
    for n in range(50):
        each.node.create_timer(0.001, lambda: None)
    time.sleep(0.5)
"""


def test_a_bench_that_has_used_the_graph_ends_without_a_word():
    """Closed as Python ends, its client printed "cannot schedule new futures after shutdown"."""
    env = {**os.environ, "ROS_DOMAIN_ID": str(DOMAIN)}
    done = subprocess.run([sys.executable, "-c", BENCH], env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
