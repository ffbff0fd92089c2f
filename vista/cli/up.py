"""Starts the nodes of launch/stack.yaml and watches over them until Ctrl-C or ``vista down``.

A node that ends by itself is started again. Nothing is left behind: no process, no shared memory.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from vista.cli.processes import DIE_WITH_PARENT, die_with_parent, marked, remove_orphans
from vista.cli.stack import NodeEntry, Value, command, load_stack
from vista.errors import InvalidValueError, VistaError

if TYPE_CHECKING:
    import psutil

MARK = "VISTA_UP"
ABOVE_THE_ARM = ("guard", "executor", "perception", "world_model", "memory", "agent")
STOP_S = 8.0
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Running:
    """What ``vista down`` and ``vista run`` need to know of a graph that is up."""

    pid: int
    mark: str
    domain: int
    namespace: str
    nodes: tuple[str, ...]
    started_s: float
    logs: str


def state_folder() -> Path:
    """Where graphs that are up are written down, one file a domain."""
    return Path(tempfile.gettempdir()) / f"vista-{os.getuid()}"


def running() -> list[Running]:
    """The graphs that are up on this machine, by this user. Files of dead ones are passed over."""
    found = []
    for path in sorted(state_folder().glob("*.json")):
        try:
            data = json.loads(path.read_text())
            each = Running(**{**data, "nodes": tuple(data["nodes"])})
        except (OSError, ValueError, TypeError, KeyError):
            continue
        if supervisor(each) is not None or marked(MARK, each.mark):
            found.append(each)
    return found


def supervisor(state: Running) -> psutil.Process | None:
    """The process that watches over a graph, None when it has ended."""
    import psutil

    try:
        process = psutil.Process(state.pid)
        return process if process.create_time() <= state.started_s + 1.0 else None
    except psutil.Error:
        return None


def find_running(domain: int | None = None, *, elsewhere: bool = False) -> Running:
    """The graph that is up; VistaError when there is none, or more than one and ``domain`` names none.

    ``elsewhere``: a graph in ``domain``, or in ``ROS_DOMAIN_ID``, may also be one that ``ros2 launch``
    started.
    """
    found = running()
    if domain is not None:
        found = [each for each in found if each.domain == domain]
    given = os.environ.get("ROS_DOMAIN_ID", "") if domain is None else str(domain)
    if not found and elsewhere and given.isdecimal():
        return Running(0, "", int(given), "", ABOVE_THE_ARM, 0.0, "")
    if not found:
        where = "" if domain is None else f" in domain {domain}"
        raise VistaError(f"no graph is up{where}; 'vista up' starts one")
    if len(found) > 1:
        domains = ", ".join(str(each.domain) for each in found)
        raise VistaError(f"several graphs are up, in the domains {domains}; choose one with --domain")
    return found[0]


def free_domain() -> int:
    """``ROS_DOMAIN_ID`` where it is set, else a domain that nobody on this machine uses."""
    import socket

    if (given := os.environ.get("ROS_DOMAIN_ID", "")).isdigit():
        return int(given)
    first = 1 + os.getpid() % 90
    # The port of a graph whose first node was killed is free for a moment; the graph is not.
    taken = {each.domain for each in running()}
    for domain in (*range(first, 101), *range(1, first)):
        if domain in taken:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("", 7410 + 250 * domain))  # the port of a domain's first participant
                return domain
            except OSError:
                continue
    raise VistaError("no free ROS domain from 1 to 100")


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
    parser.add_argument("--domain", type=int, help="ROS domain; without it ROS_DOMAIN_ID or a free one")
    parser.add_argument("--logs", default="", help="folder of the nodes' output (runs/log/<time>)")


def stack_values(args: argparse.Namespace) -> dict[str, object]:
    """What was chosen on the command line."""
    names = load_stack().arguments
    return {name: getattr(args, name) for name in names if getattr(args, name, None) is not None}


def main(args: argparse.Namespace) -> int:
    die_with_parent()
    stack = load_stack()
    nodes = stack.select(sim=not args.real, names=args.nodes)
    chosen = stack.chosen(stack_values(args))
    domain = free_domain() if args.domain is None else args.domain
    if not 0 <= domain <= 232:
        raise InvalidValueError(f"--domain {domain}: expected 0 to 232")
    if any(each.domain == domain for each in running()):
        raise VistaError(f"a graph is up in domain {domain} already; 'vista down --domain {domain}' stops it")
    logs = Path(args.logs or Path("runs") / "log" / time.strftime("%Y-%m-%d_%H-%M-%S"))
    logs.mkdir(parents=True, exist_ok=True)
    names = tuple(node.name for node in nodes)
    state = Running(
        os.getpid(), uuid.uuid4().hex, domain, args.namespace, names, time.time(), str(logs.resolve())
    )
    print(f"starting {', '.join(names)} in ROS domain {domain}; output in {logs}/", flush=True)
    return supervise(nodes, chosen, state, use_sim_time=not args.real)


def supervise(
    nodes: tuple[NodeEntry, ...], chosen: Mapping[str, Value], state: Running, *, use_sim_time: bool
) -> int:
    """Run ``nodes`` under circus until a signal ends them all. 130 after SIGINT, 0 after SIGTERM."""
    from circus import get_arbiter

    logging.getLogger("circus").setLevel(logging.ERROR)
    logging.getLogger("tornado.application").addFilter(_is_worth_saying)
    sockets = tempfile.mkdtemp(prefix="vista-up-")
    env = {**os.environ, MARK: state.mark, DIE_WITH_PARENT: "1", "ROS_DOMAIN_ID": str(state.domain)}
    watchers = [
        _watcher(
            node, command(node, chosen, namespace=state.namespace, use_sim_time=use_sim_time), env, state.logs
        )
        for node in nodes
    ]
    file = state_folder() / f"{state.domain}.json"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    stop = _Stop()
    try:
        arbiter = get_arbiter(
            watchers, controller=f"ipc://{sockets}/control", pubsub_endpoint=f"ipc://{sockets}/events",
            check_delay=0.5,
        )  # fmt: skip
        file.write_text(json.dumps(asdict(state)))
        stop.listen()
        arbiter.loop.add_callback(stop.attend, arbiter)
        arbiter.start()
    finally:
        clean_up(state)
        shutil.rmtree(sockets, ignore_errors=True)
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


def _watcher(node: NodeEntry, words: list[str], env: Mapping[str, str], logs: str) -> dict[str, Any]:
    log = {"class": "FileStream", "filename": str(Path(logs) / f"{node.name}.log")}
    return {
        "name": node.name,
        "cmd": words[0],
        "args": words[1:],
        "env": {**env, **node.env},
        "respawn": node.respawn,
        "stop_signal": signal.SIGINT,
        "graceful_timeout": STOP_S,
        "max_retry": -1,
        "stdout_stream": log,
        "stderr_stream": log,
    }


def clean_up(state: Running) -> None:
    """Kill what is left of a graph and remove what it left behind. Safe to call again."""
    import psutil

    left = [p for p in marked(MARK, state.mark) if p.pid not in (os.getpid(), state.pid)]
    for process in left:
        try:
            process.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(left, timeout=5.0)
    remove_orphans(state.started_s, state.domain)
    file = state_folder() / f"{state.domain}.json"
    with contextlib.suppress(OSError):
        if state.mark in file.read_text():
            file.unlink()


if __name__ == "__main__":  # how `vista demo` starts it
    import sys

    from vista.cli.main import main as vista

    raise SystemExit(vista(["up", *sys.argv[1:]]))
