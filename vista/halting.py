"""How a running task is told to end: one cause, latched by whoever comes first."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from vista.errors import VistaError
from vista.plain_text import plain
from vista.protocols import Robot
from vista.redaction import conceal

ShouldStop = Callable[[], str | None]

# A reason that begins with this says that the robot was stopped: no further subtask should be tried.
# It is text because a reason is all that a ROS action brings back.
STOPPED = "stopped: "

_POLL_S = 0.02
_log = logging.getLogger(__name__)


class Halt(VistaError):
    """Ends a task at once; the message is the cause."""


def never() -> None:
    """A ``should_stop`` for those who never do."""


def raise_if_stopped(should_stop: ShouldStop) -> None:
    """Raise :class:`Halt` with the caller's cause, if there is one."""
    cause = should_stop()
    if cause is not None:
        raise Halt(cause or "cancelled")


def wait(seconds: float, should_stop: ShouldStop) -> None:
    """Wait ``seconds`` [s] of wall time; raises :class:`Halt` as soon as the caller has a cause."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        raise_if_stopped(should_stop)
        time.sleep(min(left, _POLL_S))


def describe(error: BaseException) -> str:
    """One line for ``error``, fit for every output and without secrets; those that this library raises on
    purpose speak for themselves."""
    kind = type(error).__name__
    try:
        text = str(error)
    except Exception:
        text = "(its text cannot be read)"
    # Concealed twice: an escape may split a secret, and what stands in the text may be escaped already.
    text = conceal(plain(conceal(text)))
    if not text:
        return kind
    return text if on_purpose(error) else f"{kind}: {text}"


def on_purpose(error: BaseException) -> bool:
    """Whether a library raised ``error`` on purpose, with a sentence for people."""
    return bool(getattr(error, "for_people", False))


def halt_robot(robot: Robot, cause: str) -> None:
    """Stop ``robot``; a robot that cannot even be told so must not hide ``cause``."""
    try:
        robot.stop(cause)
    except Exception:
        _log.exception("the robot did not take the stop (%s)", cause)
