"""Starts the nodes of a graph, restarts a node that ends by itself, and stops all. No process and no shared
memory is left behind."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any

from vista.errors import VistaError
from vista.graph.processes import DIE_WITH_PARENT, remove_orphans
from vista.graph.running import MARK, Running, clean_up, running, sockets_of, supervisor, write_down
from vista.graph.table import NodeEntry
from vista.protocols import ShouldStop

STOP_S = 8.0
"""Time that each node has for its end [s]."""
INTERRUPTED = 130


def supervise(nodes: Sequence[NodeEntry], commands: Mapping[str, Sequence[str]], state: Running) -> int:
    """Run ``nodes`` under circus until a signal ends them all.

    Args:
        commands: {node: the words that start it}.

    Returns:
        130 after SIGINT, 0 after SIGTERM.

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
    return INTERRUPTED if stop.heard == signal.SIGINT else 0


def _is_worth_saying(record: logging.LogRecord) -> bool:
    """False for circus's report that its last check of the nodes still runs."""
    from circus.exc import ConflictError

    return record.exc_info is None or not isinstance(record.exc_info[1], ConflictError)


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


def stop_graph(state: Running) -> None:
    """Stop one graph: with a signal first, then by force."""
    import psutil

    if (process := supervisor(state)) is not None:
        try:
            process.terminate()
            process.wait(STOP_S + 12.0)
        except psutil.NoSuchProcess:
            pass
        except psutil.TimeoutExpired:
            process.kill()
    clean_up(state)


class GraphProcess:
    """A supervisor and its nodes as a child process, which ends with the block and with this process.

    Args:
        command: The words that start the supervisor.
        domain: The ROS domain of the graph.
    """

    def __init__(self, command: Sequence[str], domain: int) -> None:
        self._command, self._domain, self._began = command, domain, time.time()
        self._child: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None

    def __enter__(self) -> GraphProcess:
        env = {**os.environ, DIE_WITH_PARENT: str(os.getpid()), "ROS_DOMAIN_ID": str(self._domain)}
        # A file: a pipe that nobody reads would stop whoever writes a lot into it.
        self._said = tempfile.TemporaryFile()
        # A session of its own: Ctrl-C is ours to handle, the nodes must live until the task is cancelled.
        self._child = subprocess.Popen(
            list(self._command), env=env, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=self._said, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return self

    def wait_there(self, timeout_s: float, should_stop: ShouldStop) -> None:
        """Return once the supervisor has its state file: an earlier client may find another graph.

        Raises:
            VistaError: it has ended, there is a cause to stop, or ``timeout_s`` [s] are over.
        """
        deadline = time.monotonic() + timeout_s
        while self._child is not None and all(each.pid != self._child.pid for each in running()):
            if (cause := self.ended() or should_stop()) is not None:
                raise VistaError(cause)
            if time.monotonic() > deadline:
                raise VistaError(f"not ready within {timeout_s:g} s: 'vista up' has not come up")
            time.sleep(0.1)

    def ended(self) -> str | None:
        """Why the nodes' supervisor has ended by itself, None while it lives."""
        child = self._child
        if child is None or child.poll() is None:
            return None
        said = []
        if self._said is not None:
            self._said.seek(0)
            said = self._said.read().decode(errors="replace").strip().splitlines()
        return said[-1].removeprefix("vista: ") if said else f"the nodes ended with status {child.returncode}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        child = self._child
        if child is None or child.poll() is not None:
            remove_orphans(self._began, self._domain, leaving=True)
            return
        # Whoever presses Ctrl-C again now would leave nodes behind: it is not heard until they are down.
        before = {n: signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            child.terminate()
            child.wait(STOP_S + 12.0)
        except subprocess.TimeoutExpired:
            for state in running():
                if state.pid == child.pid:
                    stop_graph(state)
        finally:
            # The nodes' supervisor left what this process, their client, had mapped until now.
            remove_orphans(self._began, self._domain, leaving=True)
            for number, handler in before.items():
                signal.signal(number, handler)
