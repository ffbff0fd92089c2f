"""What a bench measures through the running ROS graph; ROS is loaded only where one asks for it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from vista.errors import VistaError
from vista.events import Event, EventKind
from vista.loop.stopping import Halt
from vista.messages.describe import describe
from vista.types import EpisodeResult, Outcome

NODES = ("sim", "guard", "executor", "perception", "world_model", "memory", "agent")
READY_S = 60.0

_opened: list[Any] = []


@cache
def client() -> Any:
    """One :class:`vista_ros.client.GraphClient` for a whole bench, on the graph that is up, until it is
    closed by :func:`close_bench`.

    Raises:
        VistaError: no graph is up, or it is not ready in time.
    """
    from vista.graph.running import find_running
    from vista_ros.client import GraphClient

    state = find_running(None, elsewhere=True)
    os.environ["ROS_DOMAIN_ID"] = str(state.domain)
    opened = GraphClient(state.namespace)
    opened.__enter__()
    _opened.append(opened)
    opened.wait_ready(NODES, READY_S)
    return opened


def close_bench() -> None:
    """Close the client of a bench, if there is one; a later episode opens another."""
    while _opened:
        _opened.pop().__exit__()
    client.cache_clear()


def run_episode(
    *,
    task: str,
    seed: int,
    objects: object = None,
    scene: object = None,
    refs: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """One episode of ``vista bench --cell ros`` in the graph that is up, with the models it was started with.

    Returns:
        ``truth`` of the simulator, ``outcome`` and ``cause`` of the stack, ``seconds`` of robot time, and
        ``subtasks`` as [sentence, state, reason, score].

    Raises:
        VistaError: ``refs`` are given (they belong to ``vista up``), no graph is up, or it is not ready.
    """
    from vista_ros.calls import NodeGoneError

    refs = {name: ref for name, ref in (refs or {}).items() if name != "robot"}
    if refs:
        raise VistaError(
            f"cell 'ros' uses the models that 'vista up' was started with; drop {', '.join(refs)}"
        )
    graph = client()
    graph.wait_ready(NODES, READY_S)  # a node that was gone in the episode before may be starting anew
    instruction = ""
    try:
        laid = graph.reset(seed, task=task, objects=str(objects or ""), scene=str(scene or ""))
        instruction = laid.instruction
        result = graph.run_task(instruction, seed=seed)
        time.sleep(1.0)  # what was let go comes to rest
        truth = graph.truth(instruction)
    except (NodeGoneError, Halt) as error:  # one lost answer is one lost episode
        result, truth = EpisodeResult(instruction, Outcome.STOPPED, describe(error), 0, 0.0), None
    return {
        "truth": truth is True,
        "outcome": str(result.outcome),
        "cause": result.cause,
        "seconds": result.seconds,
        "subtasks": [[r.text, str(r.state), r.reason, round(r.score, 3)] for r in result.subtasks],
    }


def command_intervals(seed: int) -> list[float]:
    """Times [s] between one command of the executor and the next while it pursues the subgoals of one task,
    in the graph that is up, in the scene of ``seed``.

    Raises:
        VistaError: no graph is up, it is not ready, or the task was rejected.
    """
    from trajectory_msgs.msg import JointTrajectory  # type: ignore[import-untyped]

    graph = client()
    laid = graph.reset(seed)
    pursuing, spent, last = threading.Event(), list[float](), [0.0]

    def hear_command(_: object) -> None:
        now = time.monotonic()
        if pursuing.is_set():
            spent.extend([now - last[0]] if last[0] else [])
            last[0] = now

    def hear(event: Event) -> None:
        if event.stage == "pursue" and event.kind is EventKind.STAGE_STARTED:
            last[0] = 0.0
            pursuing.set()
        elif event.stage == "pursue" and event.kind is EventKind.STAGE_ENDED:
            pursuing.clear()

    commands = graph.node.create_subscription(JointTrajectory, "executor/command", hear_command, 10)
    try:
        graph.run_task(laid.instruction, seed=seed, listener=hear)
    finally:
        graph.node.destroy_subscription(commands)
    return spent
