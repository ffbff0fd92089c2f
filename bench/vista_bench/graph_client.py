"""Measures the ROS graph that is up, through one client for a whole bench; ROS is loaded only for this."""

from __future__ import annotations

import importlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from vista.assembly import Refs
from vista.errors import ConfigError, VistaError
from vista.events import Event, EventKind
from vista.graph.running import find_running
from vista.loop.stopping import Halt
from vista.messages.describe import describe
from vista.types import EpisodeResult, Outcome
from vista_bench.episode import TaskEpisode, subtask_rows

NODES = ("sim", "guard", "executor", "perception", "world_model", "memory", "agent")
READY_S, SETTLE_S = 60.0, 1.0
_opened: list[Any] = []


def _ros(module: str, cell: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"cell {cell!r} needs ROS 2 and the built workspace (./run setup brings both): {error}"
        ) from error


def check_graph(cell: str) -> None:
    """Raise ConfigError where ROS or the built workspace, which ``cell`` needs, is missing."""
    _ros("vista_ros.client", cell)


def _client(cell: str) -> Any:
    """One ``GraphClient`` for a whole bench, on the graph that is up, once all of its nodes are ready."""
    library = _ros("vista_ros.client", cell)
    if not _opened:
        state = find_running(None, elsewhere=True)
        os.environ["ROS_DOMAIN_ID"] = str(state.domain)
        client = library.GraphClient(state.namespace)
        client.__enter__()
        _opened.append(client)
    _opened[0].wait_ready(NODES, READY_S)  # a node that ended in the episode before may be starting anew
    return _opened[0]


@contextmanager
def closed_afterwards() -> Iterator[None]:
    """Close the client after the block, if one was used. At the end of Python it would be too late: the
    threads that its callbacks need are gone by then."""
    try:
        yield
    finally:
        close_bench()


def close_bench() -> None:
    """Close the client of a bench, if there is one; a later episode opens another."""
    while _opened:
        _opened.pop().__exit__(None, None, None)


def run_episode(task: str, seed: int, *, objects: str, scene: str, refs: Refs) -> TaskEpisode:
    """One episode of cell ``ros``, with the models that the graph was started with.

    Raises:
        VistaError: ``refs`` name parts (they belong to ``vista up``), no graph is up, or it is not ready.
    """
    named = [name for name, ref in asdict(refs).items() if ref is not None and name != "robot"]
    if named:
        raise VistaError(
            f"cell 'ros' uses the models that 'vista up' was started with; drop {', '.join(named)}"
        )
    client, gone = _client("ros"), _ros("vista_ros.calls", "ros").NodeGoneError
    instruction = ""
    try:
        laid = client.reset(seed, task=task, objects=objects, scene=scene)
        instruction = laid.instruction
        result = client.run_task(instruction, seed=seed)
        time.sleep(SETTLE_S)  # things come to rest
        success = client.truth(instruction) is True
    except (gone, Halt) as error:  # one lost answer is one lost episode
        result, success = EpisodeResult(instruction, Outcome.STOPPED, describe(error), 0, 0.0), False
    return TaskEpisode(
        success=success, failure="" if success else result.cause or "failed", outcome=str(result.outcome),
        cause=result.cause, seconds=result.seconds, subtasks=subtask_rows(result),
    )  # fmt: skip


def command_intervals(seed: int, cell: str) -> list[float]:
    """Times [s] from one command of the executor to the next while it pursues the subgoals of one task, in
    the graph that is up, in the scene of ``seed``.

    Raises:
        VistaError: no graph is up, it is not ready, or the task was rejected.
    """
    client = _client(cell)
    laid = client.reset(seed)
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

    message = _ros("trajectory_msgs.msg", cell).JointTrajectory
    commands = client.node.create_subscription(message, "executor/command", hear_command, 10)
    try:
        client.run_task(laid.instruction, seed=seed, listener=hear)
    finally:
        client.node.destroy_subscription(commands)
    return spent
