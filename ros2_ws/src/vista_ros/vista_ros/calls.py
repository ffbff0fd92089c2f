"""Calls to other nodes, each with a deadline; who did not answer is named."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient

from vista.errors import VistaError
from vista.halting import Halt, ShouldStop, never
from vista_ros.node_base import VistaNode

_POLL_S = 0.05
# A client sees a server before the server sees the client; an answer sent in between is lost.
_SETTLE_S = 0.3


class NodeGoneError(VistaError, TimeoutError):
    """A node did not answer within the deadline; the message names it."""


class RefusedError(VistaError):
    """A node answered that it will not or cannot; the message is its reason."""


def _await(future: Any, timeout_s: float, why: Callable[[], str | None] = never) -> bool:
    """Whether ``future`` is done within ``timeout_s`` [s]. ``why``: a reason to give up earlier."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    deadline = time.monotonic() + timeout_s
    while not done.wait(min(_POLL_S, max(0.0, deadline - time.monotonic()))):
        if time.monotonic() >= deadline or why() is not None:
            return future.done()
    return True


class _Client:
    """What the two kinds of client share."""

    _settled = False

    def _settle(self) -> None:
        """Before the first call: give the server time to see this client."""
        if not self._settled:
            time.sleep(_SETTLE_S)
            self._settled = True


class Service(_Client):
    """The client of one service."""

    def __init__(self, node: VistaNode, kind: Any, name: str, owner: str) -> None:
        self._name, self._owner = name, owner
        self._client = node.create_client(kind, name, callback_group=node.group)
        node.owns(self._client, node.destroy_client)

    def __call__(self, request: Any, timeout_s: float = 5.0) -> Any:
        """The response.

        Raises:
            NodeGoneError: nobody serves it, or nobody answered, within ``timeout_s`` [s].
            RefusedError: the answer has ``ok`` false; its reason is the message.
        """
        start = time.monotonic()
        if not self._client.wait_for_service(timeout_sec=timeout_s):
            self._settled = False
            raise NodeGoneError(f"{self._owner} is not there: nobody serves {self._name!r}")
        self._settle()
        future = self._client.call_async(request)
        if not _await(future, max(0.1, timeout_s - (time.monotonic() - start))):
            self._client.remove_pending_request(future)
            raise NodeGoneError(f"{self._owner} did not answer {self._name!r} within {timeout_s:g} s")
        response = future.result()
        if not getattr(response, "ok", True):
            raise RefusedError(getattr(response, "reason", "") or f"{self._owner} refused {self._name!r}")
        return response


class Action(_Client):
    """The client of one action."""

    def __init__(self, node: VistaNode, kind: Any, name: str, owner: str) -> None:
        self._name, self._owner = name, owner
        self._client = ActionClient(node, kind, name, callback_group=node.group)
        node.owns(self._client, lambda client: client.destroy())

    def ready(self) -> bool:
        return bool(self._client.server_is_ready())

    def __call__(
        self,
        goal: Any,
        *,
        on_feedback: Callable[[Any], None] = lambda _: None,
        should_stop: ShouldStop = never,
        accept_s: float = 5.0,
        silence_s: float = 5.0,
        timeout_s: float = 600.0,
        cancel_s: float = 3.0,
    ) -> Any:
        """Send ``goal`` and wait for its result.

        ``silence_s``: the longest time without feedback; servers here send some while they work.
        ``should_stop``: a cause cancels the goal; its result is still waited for, ``cancel_s`` [s].

        Raises:
            NodeGoneError: no server, no answer to the goal, or silence. RefusedError: the goal was rejected.
            Halt: ``should_stop`` had a cause and no result came any more.
        """
        if not self._client.wait_for_server(timeout_sec=accept_s):
            self._settled = False
            raise NodeGoneError(f"{self._owner} is not there: nobody serves {self._name!r}")
        self._settle()
        heard = [time.monotonic()]

        def hear(message: Any) -> None:
            heard[0] = time.monotonic()
            on_feedback(message.feedback)

        sent = self._client.send_goal_async(goal, feedback_callback=hear)
        if not _await(sent, accept_s):
            raise NodeGoneError(f"{self._owner} did not answer to {self._name!r} within {accept_s:g} s")
        handle = sent.result()
        if not handle.accepted:
            raise RefusedError(f"{self._owner} rejected {self._name!r}")
        heard[0] = time.monotonic()
        result, deadline = handle.get_result_async(), time.monotonic() + timeout_s

        def give_up() -> str | None:
            now = time.monotonic()
            if now - heard[0] > silence_s:
                return f"{self._owner} is silent: no feedback on {self._name!r} for {silence_s:g} s"
            return f"{self._owner} took more than {timeout_s:g} s" if now > deadline else None

        stop: list[str] = []

        def why() -> str | None:
            if (cause := should_stop()) is not None:
                stop.append(cause or "cancelled")
                return cause
            return give_up()

        if not _await(result, timeout_s, why):
            handle.cancel_goal_async()
            if stop and _await(result, cancel_s):
                return result.result().result
            raise Halt(stop[0]) if stop else NodeGoneError(give_up() or f"{self._owner}: no result")
        if result.result().status == GoalStatus.STATUS_UNKNOWN:
            raise NodeGoneError(f"{self._owner} does not know the goal of {self._name!r} any more")
        return result.result().result


class Beat:
    """Calls ``tell`` every ``period_s`` [s] in a thread of its own while a block runs, so that whoever
    waits hears something."""

    def __init__(self, tell: Callable[[], None], period_s: float = 0.5) -> None:
        self._tell, self._period_s = tell, period_s
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="beat", daemon=True)

    def _run(self) -> None:
        while not self._end.wait(self._period_s):
            try:
                self._tell()
            except Exception:
                return  # the goal has ended

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(2.0)
