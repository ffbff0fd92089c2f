"""Calls to other nodes, each with a deadline. The error names a node that did not answer."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from action_msgs.msg import GoalStatus

from vista.errors import VistaError
from vista.loop.stopping import Halt, never
from vista.protocols import ShouldStop
from vista_ros.actions import OrderedClient
from vista_ros.node_base import VistaNode

_POLL_S = 0.05
# A client sees a server before the server sees the client; an answer sent in between is lost.
_SETTLE_S = 0.3
_ENDS = {
    GoalStatus.STATUS_SUCCEEDED: "succeeded",
    GoalStatus.STATUS_ABORTED: "aborted",
    GoalStatus.STATUS_CANCELED: "cancelled",
}


class NodeGoneError(VistaError, TimeoutError):
    """A node did not answer within the deadline; the message names it."""


class RefusedError(VistaError):
    """A node refused a request; the message is its reason."""


class RejectedError(RefusedError):
    """A node did not take a goal."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a goal ended: the server's ``result`` and its ``status``, "succeeded", "aborted" or "cancelled".
    Only the status tells whether the result holds: an empty result comes back, too."""

    result: Any
    status: str

    @property
    def succeeded(self) -> bool:
        return self.status == "succeeded"


def _await(future: Any, timeout_s: float, why: Callable[[], str | None] = never) -> bool:
    """Whether ``future`` is done within ``timeout_s`` [s]. ``why``: a reason to give up earlier."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    deadline = time.monotonic() + timeout_s
    while not (done.wait(min(_POLL_S, max(0.0, deadline - time.monotonic()))) or future.done()):
        if time.monotonic() >= deadline or why() is not None:
            return future.done()
    return True


class _Client:
    """What clients of services and of actions share."""

    def __init__(self, name: str, owner: str) -> None:
        self._name, self._owner = name, owner
        self._settled = False

    def _meet(self, there: Callable[[], bool], timeout_s: float, why: ShouldStop = never) -> None:
        """Wait until the server is there, and before the first call until it has seen this client."""
        deadline = time.monotonic() + timeout_s
        while not self._living(there):
            if (cause := why()) is not None:
                raise NodeGoneError(cause)
            if time.monotonic() >= deadline:
                self._settled = False
                raise NodeGoneError(f"{self._owner} is not there: nobody serves {self._name!r}")
            time.sleep(_POLL_S)
        if not self._settled:
            time.sleep(_SETTLE_S)
            self._settled = True

    def _living(self, call: Callable[[], Any]) -> Any:
        """What ``call`` of rclpy returns.

        Raises:
            NodeGoneError: this node is being shut down; rclpy then fails with errors of its C library.
        """
        try:
            return call()
        except RuntimeError as error:
            raise NodeGoneError(f"this node is shutting down: {self._name!r} is no longer called") from error


class Service(_Client):
    """The client of one service."""

    def __init__(self, node: VistaNode, kind: Any, name: str, owner: str) -> None:
        super().__init__(name, owner)
        self._client = node.create_client(kind, name, callback_group=node.group)
        node.owns(self._client, node.destroy_client)

    def __call__(self, request: Any, timeout_s: float = 5.0) -> Any:
        """The response.

        Raises:
            NodeGoneError: nobody serves it, or nobody answered, within ``timeout_s`` [s].
            RefusedError: the answer has ``ok`` false; its reason is the message.
        """
        start = time.monotonic()
        self._meet(self._client.service_is_ready, timeout_s)
        future = self._living(lambda: self._client.call_async(request))
        if not _await(future, max(0.1, timeout_s - (time.monotonic() - start))):
            self._client.remove_pending_request(future)
            raise NodeGoneError(f"{self._owner} did not answer {self._name!r} within {timeout_s:g} s")
        response = future.result()
        if not getattr(response, "ok", True):  # services of ROS itself have neither field
            raise RefusedError(getattr(response, "reason", "") or f"{self._owner} refused {self._name!r}")
        return response


class ActionCall(_Client):
    """The client of one action."""

    def __init__(self, node: VistaNode, kind: Any, name: str, owner: str) -> None:
        super().__init__(name, owner)
        self._client = OrderedClient(node, kind, name)
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
    ) -> Ended:
        """Send ``goal`` and wait for its end.

        ``silence_s``: the longest time without feedback; servers here send some while they work.
        ``should_stop``: a cause cancels the goal; its result is still waited for, ``cancel_s`` [s].
        A goal that is accepted later than ``accept_s`` [s] is cancelled: nobody waits for it any more.

        Raises:
            NodeGoneError: no server, no answer to the goal, or silence. RejectedError: the goal was rejected.
            Halt: ``should_stop`` had a cause and no result came any more.
        """
        self._meet(self.ready, accept_s, should_stop)
        call = self._living(lambda: _Call(self._client, goal, on_feedback))
        if not _await(call.sent, accept_s, should_stop):
            call.abandon()
            if (cause := should_stop()) is not None:
                raise Halt(cause)
            raise NodeGoneError(f"{self._owner} did not answer to {self._name!r} within {accept_s:g} s")
        handle = call.sent.result()
        if not handle.accepted:
            raise RejectedError(f"{self._owner} rejected {self._name!r}")
        call.heard_s = time.monotonic()
        result, deadline = self._living(handle.get_result_async), time.monotonic() + timeout_s

        def give_up() -> str | None:
            now = time.monotonic()
            if now - call.heard_s > silence_s:
                return f"{self._owner} is silent: no feedback on {self._name!r} for {silence_s:g} s"
            return f"{self._owner} took more than {timeout_s:g} s" if now > deadline else None

        stop: list[str] = []

        def why() -> str | None:
            if (cause := should_stop()) is not None:
                stop.append(cause or "cancelled")
                return cause
            return give_up()

        if not _await(result, timeout_s, why):
            self._living(handle.cancel_goal_async)
            if not (stop and _await(result, cancel_s)):
                raise Halt(stop[0]) if stop else NodeGoneError(give_up() or f"{self._owner}: no result")
        response = result.result()
        if (status := _ENDS.get(response.status)) is None:
            raise NodeGoneError(f"{self._owner} does not know the goal of {self._name!r} any more")
        return Ended(response.result, status)


class _Call:
    """One goal on its way: ``sent`` is the future of its handle, ``heard_s`` when feedback came last."""

    def __init__(self, client: OrderedClient, goal: Any, on_feedback: Callable[[Any], None]) -> None:
        self.heard_s = time.monotonic()
        self._on_feedback = on_feedback
        self.sent = client.send_goal_async(goal, feedback_callback=self._hear)

    def _hear(self, message: Any) -> None:
        self.heard_s = time.monotonic()
        self._on_feedback(message.feedback)

    def abandon(self) -> None:
        """Nobody waits for this goal any more: cancel it as soon as it is accepted."""

        def cancel(sent: Any) -> None:
            with contextlib.suppress(Exception):  # a server that is gone by then moves nothing either
                if (handle := sent.result()) is not None and handle.accepted:
                    handle.cancel_goal_async()

        self.sent.add_done_callback(cancel)


class Beat:
    """Calls ``tell`` every ``period_s`` [s] in a thread of its own while a block runs: a client that waits
    hears a sign of life."""

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
