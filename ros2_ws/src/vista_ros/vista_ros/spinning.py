"""Runs the callbacks of a node in threads, and ends them in order.

rclpy's own ``Executor.shutdown`` does not wait for callbacks that run: it destroys what they still use, and
each then prints "The following exception was never retrieved". Here nothing is destroyed before the last
callback has returned.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.exceptions import InvalidHandle
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor

_SHUTTING_DOWN = (KeyboardInterrupt, ExternalShutdownException, InvalidHandle)


class Spinner:
    """Spins ``node`` from now until :meth:`close`.

    Args:
        node: Added to an executor of its own.
        threads: That run callbacks, beside the one that waits.
        on_error: Told what a callback raised; the others go on.
        on_end: Called once nothing is spun any more, for whatever reason.
    """

    def __init__(
        self,
        node: Any,
        threads: int,
        on_error: Callable[[Exception], object],
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_error, self._on_end = on_error, on_end
        self._ended = threading.Event()
        self._executor = MultiThreadedExecutor(threads)
        self._executor.add_node(node)
        self._thread = threading.Thread(target=self._run, name="spin", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.is_set() and rclpy.ok():
            try:
                self._executor.spin_once()
            except _SHUTTING_DOWN:
                continue
            except Exception as error:  # Jazzy raises one of its own when the context is gone
                if rclpy.ok():
                    self._on_error(error)
        self._ended.set()
        self._on_end()

    def close(self, timeout_s: float = 5.0) -> bool:
        """Run no more callbacks. Returns whether those that ran have returned within ``timeout_s`` [s]."""
        self._ended.set()
        with contextlib.suppress(Exception):  # its context may have ended before it
            self._executor.create_task(lambda: None)  # one more round: the loop sees its end
        self._thread.join(timeout_s)
        # The threads of the pool are not public; without the name there is nothing to wait for.
        pool = getattr(self._executor, "_executor", None)
        waiting = threading.Thread(target=getattr(pool, "shutdown", lambda: None), daemon=True)
        waiting.start()
        waiting.join(timeout_s)
        for task in getattr(self._executor, "_futures", ()):
            error = task.exception() if task.done() else None
            if isinstance(error, Exception) and not isinstance(error, _SHUTTING_DOWN):
                self._on_error(error)
        ended = not (waiting.is_alive() or self._thread.is_alive())
        if ended:  # what still runs would fail at what the executor destroys
            self._executor.shutdown(timeout_sec=0.0)
        return ended
