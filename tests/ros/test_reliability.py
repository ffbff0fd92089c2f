"""The running graph tells the truth about what went wrong in it, and takes the next task."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("vista_msgs")
pytest.importorskip("circus")

from tests.ros.graph import ALL, READY_S, Graph
from tests.ros.parts import RAISES
from vista.types import Outcome
from vista_msgs.action import RunTask
from vista_msgs.msg import EpisodeResult as EpisodeMsg
from vista_ros.calls import ActionCall, Ended, RejectedError
from vista_ros.client import GraphClient, episode_of

pytestmark = [pytest.mark.ros, pytest.mark.timeout(420)]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphClient]:
    words = ["--policy=mock", "--planner=tests.ros.parts:Moody"]
    with Graph(tmp_path_factory.mktemp("graph"), words), GraphClient() as each:
        each.wait_ready(ALL, READY_S)
        yield each


@pytest.mark.parametrize("mood", RAISES)
def test_whatever_a_planner_raises_is_no_success(client: GraphClient, mood: str):
    result = client.run_task(f"raise {mood}")
    assert result.outcome is Outcome.STOPPED
    assert type(RAISES[mood]).__name__ in result.cause
    assert len(result.cause) < 3000
    assert all(c.isprintable() for c in result.cause)
    assert mood != "long" or result.cause.endswith("the reason stands last")
    assert client.run_task("done").outcome is Outcome.SUCCESS, "the next task is not taken"


@pytest.mark.parametrize("timeout_s", [-5.0, float("nan"), float("inf"), 1e308])
def test_a_timeout_that_makes_no_sense_is_named_by_the_agent(client: GraphClient, timeout_s: float):
    """Whoever calls the action from elsewhere is told, too."""
    ended = client._run(RunTask.Goal(instruction="done", timeout_s=timeout_s))
    assert ended.status == "aborted"
    assert ended.result.episode.outcome == EpisodeMsg.STOPPED
    assert "timeout_s" in ended.result.episode.cause


def test_an_instruction_of_white_space_is_named_by_the_agent(client: GraphClient):
    ended = client._run(RunTask.Goal(instruction=" \t"))
    assert episode_of(ended, "").outcome is Outcome.STOPPED
    assert "the instruction is empty" in ended.result.episode.cause


def test_of_four_goals_at_once_one_is_taken(client: GraphClient):
    """Two were, once in twelve tries."""
    actions = [ActionCall(client.node, RunTask, "run_task", "agent") for _ in range(4)]
    for action in actions:
        action._meet(action.ready, 10.0)
    for n in range(12):
        barrier, answers = threading.Barrier(len(actions)), list[Any]()

        def send(
            action: ActionCall, barrier: threading.Barrier = barrier, answers: list[Any] = answers
        ) -> None:
            barrier.wait()
            try:
                answers.append(action(RunTask.Goal(instruction="wait")))
            except RejectedError as error:
                answers.append(error)

        threads = [threading.Thread(target=send, args=(action,)) for action in actions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30.0)
        taken = [each for each in answers if isinstance(each, Ended)]
        assert (len(taken), len(answers)) == (1, 4), f"try {n}: {answers}"
        assert taken[0].succeeded
