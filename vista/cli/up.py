"""Starts the nodes of launch/stack.yaml and watches over them until Ctrl-C or ``vista down``.

A node that ends by itself is started again. Nothing is left behind: no process, no shared memory.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import shlex
import signal
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from vista.cli.staging import check_scene
from vista.graph.checks import ros_domain, ros_namespace, writable_folder
from vista.graph.processes import DIE_WITH_PARENT, die_with_parent
from vista.graph.running import (
    MARK,
    SETTLED_S,
    Running,
    claimed,
    clean_up,
    clear_killed,
    clear_old,
    find_running,
    free_domain,
    running,
    sockets_of,
    state_folder,
    supervisor,
    where,
    write_down,
)
from vista.graph.table import NodeEntry, command, load_stack
from vista.messages.plain_text import plain
from vista.robot.contract import load_robot

__all__ = [
    "MARK", "SETTLED_S", "STOP_S", "Running", "add_arguments", "add_stack_arguments", "clean_up",
    "find_running", "free_domain", "main", "running", "stack_values", "state_folder", "supervise",
    "supervisor",
]  # fmt: skip

STOP_S = 8.0
INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_stack_arguments(parser)
    parser.add_argument("--real", action="store_true", help="beside the drivers of a real arm: no simulator")
    parser.add_argument("--nodes", nargs="+", default=[], metavar="NODE", help="only these")


def add_stack_arguments(parser: argparse.ArgumentParser) -> None:
    """Options for everything that launch/stack.yaml lets one choose."""
    for each in load_stack().arguments.values():
        option = "--" + each.name.replace("_", "-")
        parser.add_argument(option, dest=each.name, metavar="VALUE", help=f"{each.help} ({each.default!r})")
    parser.add_argument("--namespace", default="", help="of all nodes and topics")
    parser.add_argument("--domain", metavar="N", help="ROS domain; without it ROS_DOMAIN_ID or a free one")
    parser.add_argument("--logs", default="", help="folder of the nodes' output (runs/log/<time>)")


def stack_values(args: argparse.Namespace) -> dict[str, object]:
    """What was chosen on the command line."""
    names = load_stack().arguments
    return {name: getattr(args, name) for name in names if getattr(args, name, None) is not None}


def place(args: argparse.Namespace) -> tuple[int, str]:
    """The ROS domain and the namespace of a graph that is to be started."""
    domain = free_domain() if args.domain is None else ros_domain("--domain", args.domain)
    return domain, ros_namespace(args.namespace)


def main(args: argparse.Namespace) -> int:
    die_with_parent()
    stack = load_stack()
    nodes = stack.select(sim=not args.real, names=args.nodes)
    chosen = stack.chosen(stack_values(args))
    load_robot(str(chosen["robot"]))
    if any(node.only == "sim" for node in nodes):
        check_scene(chosen)
    domain, namespace = place(args)
    commands = {
        node.name: command(node, chosen, namespace=namespace, use_sim_time=not args.real) for node in nodes
    }
    clear_killed()
    clear_old()
    with claimed(domain, namespace):
        logs = writable_folder("--logs", args.logs or f"runs/log/{time.strftime('%Y-%m-%d_%H-%M-%S')}")
        names = tuple(node.name for node in nodes)
        state = Running(
            os.getpid(), uuid.uuid4().hex, domain, namespace, names, time.time(), str(logs.resolve())
        )
        print(
            f"starting {', '.join(names)} in {where(domain, namespace)}; output in {plain(str(logs))}/",
            flush=True,
        )
        return supervise(nodes, commands, state)


def supervise(nodes: Sequence[NodeEntry], commands: Mapping[str, Sequence[str]], state: Running) -> int:
    """Run ``nodes`` under circus until a signal ends them all. 130 after SIGINT, 0 after SIGTERM.

    Args:
        commands: {node: the words that start it}.

    Raises:
        VistaError: it cannot be written down that the graph is up.
    """
    from circus import get_arbiter

    logging.getLogger("circus").setLevel(logging.ERROR)
    logging.getLogger("tornado.application").addFilter(_is_worth_saying)
    env = {
        **os.environ, MARK: state.mark, DIE_WITH_PARENT: str(os.getpid()), "ROS_DOMAIN_ID": str(state.domain)
    }  # fmt: skip
    watchers = [_watcher(node, commands[node.name], env, state.logs) for node in nodes]
    sockets = sockets_of(state)
    stop = _Stop()
    try:
        sockets.mkdir(mode=0o700)
        arbiter = get_arbiter(
            watchers, controller=f"ipc://{sockets}/control", pubsub_endpoint=f"ipc://{sockets}/events",
            check_delay=0.5,
        )  # fmt: skip
        write_down(state)
        stop.listen()
        arbiter.loop.add_callback(stop.attend, arbiter)
        arbiter.start()
    finally:
        clean_up(state)
    print("all nodes are down", flush=True)
    return INTERRUPTED if stop.heard == signal.SIGINT else 0


def _is_worth_saying(record: logging.LogRecord) -> bool:
    """Circus looks after its nodes at intervals, and complains when it is still busy with the last look."""
    return record.exc_info is None or "already running" not in str(record.exc_info[1])


class _Stop:
    """Ends circus after a signal. Its own handler gives up when it is busy with something else."""

    def __init__(self) -> None:
        self.heard: int | None = None
        self._deadline_s: float | None = None

    def listen(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.heard = self.heard or number

    def attend(self, arbiter: Any) -> None:
        """Look for a signal from time to time; runs in the loop of ``arbiter``, once that has started."""
        from tornado.ioloop import PeriodicCallback

        self.listen()
        PeriodicCallback(lambda: self._look(arbiter), 100).start()

    def _look(self, arbiter: Any) -> None:
        from circus.exc import ConflictError

        if self.heard is None:
            return
        if self._deadline_s is None:
            with contextlib.suppress(ConflictError):  # then at the next look
                arbiter.stop()
                self._deadline_s = time.monotonic() + STOP_S + 2.0
        elif time.monotonic() > self._deadline_s:
            arbiter.loop.stop()  # whoever is left is killed after this


def _watcher(node: NodeEntry, words: Sequence[str], env: Mapping[str, str], logs: str) -> dict[str, Any]:
    log = {"class": "FileStream", "filename": str(Path(logs) / f"{node.name}.log")}
    return {
        "name": node.name,
        "cmd": shlex.quote(words[0]),
        "args": list(words[1:]),
        "env": {**env, **node.env},
        "respawn": node.respawn,
        "stop_signal": signal.SIGINT,
        "graceful_timeout": STOP_S,
        "max_retry": -1,
        "stdout_stream": log,
        "stderr_stream": log,
    }


if __name__ == "__main__":  # how `vista demo` starts it
    import sys

    from vista.cli.main import main as vista

    raise SystemExit(vista(["up", *sys.argv[1:]]))
