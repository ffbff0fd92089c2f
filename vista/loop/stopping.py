"""How a running task is told to end: one cause, latched by whoever comes first."""

from __future__ import annotations

import logging
import time

from vista.errors import VistaError
from vista.protocols import Robot, ShouldStop

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


def halt_robot(robot: Robot, cause: str) -> None:
    """Stop ``robot``; a robot that cannot even be told so must not hide ``cause``."""
    try:
        robot.stop(cause)
    except Exception:
        _log.exception("the robot did not take the stop (%s)", cause)
