"""A deadline for pure Python code that knows of none, such as a planner's search."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import TypeVar

from robomemory.errors import EngineError

T = TypeVar("T")
FAR_S = 600.0
"""A deadline [s] that only what hangs misses, however busy the machine is."""


class _GivenUp(BaseException):
    """Raised inside a call whose time is over."""


def within(timeout_s: float, call: Callable[[], T]) -> T:
    """What ``call`` returns, or raises, on a thread of its own.

    Raises:
        EngineError: it took longer than ``timeout_s`` [s]. The thread is told to end: Python code does so at
            its next instruction, so that no search runs on in the background.
    """
    done: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(call())
        except _GivenUp:
            pass
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="plan", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if thread.is_alive():
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_GivenUp)
        )
        raise EngineError(f"no plan within {timeout_s:g} s")
    if failed:
        raise failed[0]
    return done[0]
