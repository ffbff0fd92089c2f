"""Calls that depend on one another: whatever is ready runs at once (LLMCompiler, arXiv 2312.04511).

A call starts as soon as all it depends on has succeeded. One that fails, or is late, takes down those that
depend on it and nothing else; each is named with its cause.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Generic, TypeVar

from vista.errors import InvalidValueError, UnknownNameError, VistaError
from vista.messages.describe import describe

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """``run`` gets the results of the calls named in ``after``, and the seconds that it may take."""

    name: str
    run: Callable[[Mapping[str, T], float], T]
    after: tuple[str, ...] = ()


class NotRunError(VistaError):
    """A call was never run, for one that it depends on failed; the message says which and why."""


class CallLateError(VistaError, TimeoutError):
    """A call had no result by the deadline of all."""


@dataclass(frozen=True, slots=True)
class Outcomes(Generic[T]):
    """``results`` and ``failures`` by call, ``seconds`` [s] that all took together."""

    results: Mapping[str, T]
    failures: Mapping[str, BaseException]
    seconds: float

    def need(self, name: str) -> T:
        """The result of ``name``; raises what it failed with if there is none."""
        if (error := self.failures.get(name)) is not None:
            raise error
        return self.results[name]


def run_calls(calls: Sequence[Call[T]], *, timeout_s: float, workers: int = 8) -> Outcomes[T]:
    """Run ``calls``, each as early as its dependencies allow, and return by the deadline.

    A call that is still running then is left to its own deadline (it was told how long it may take), and its
    result is dropped.

    Raises:
        InvalidValueError: two calls of one name, or calls that wait for each other.
        UnknownNameError: a call depends on one that is not there.
    """
    by_name = {call.name: call for call in calls}
    order = _order(calls, by_name)
    start = time.monotonic()
    results: dict[str, T] = {}
    failures: dict[str, BaseException] = {}
    running: dict[Future[T], str] = {}
    pool = ThreadPoolExecutor(max_workers=max(1, min(workers, len(calls))), thread_name_prefix="call")
    try:
        while order.is_active():
            left = start + timeout_s - time.monotonic()
            for name in order.get_ready():
                call = by_name[name]
                lost = next((d for d in call.after if d in failures), None)
                if lost is not None:
                    failures[name] = NotRunError(
                        f"{name} not run, for {lost} failed: {describe(failures[lost])}"
                    )
                    order.done(name)
                elif left <= 0:
                    failures[name] = CallLateError(f"{name}: not begun within {timeout_s:g} s")
                    order.done(name)
                else:
                    given = {d: results[d] for d in call.after}
                    running[pool.submit(call.run, given, left)] = name
            if not running:
                continue
            finished, _ = wait(running, timeout=max(0.0, left), return_when=FIRST_COMPLETED)
            for future in finished or tuple(running):
                name = running.pop(future)
                if not finished:
                    future.cancel()
                    failures[name] = CallLateError(f"{name}: no answer within {timeout_s:g} s")
                elif (error := future.exception()) is not None:
                    failures[name] = error
                else:
                    results[name] = future.result()
                order.done(name)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return Outcomes(results, failures, time.monotonic() - start)


def _order(calls: Sequence[Call[T]], by_name: Mapping[str, Call[T]]) -> TopologicalSorter[str]:
    if len(by_name) != len(calls):
        names = [call.name for call in calls]
        raise InvalidValueError(f"calls {', '.join(names)}: a name stands twice")
    for call in calls:
        for dependency in call.after:
            if dependency not in by_name:
                raise UnknownNameError(f"call that {call.name!r} depends on", dependency, by_name)
    order = TopologicalSorter({call.name: call.after for call in calls})
    try:
        order.prepare()
    except CycleError as error:
        raise InvalidValueError(f"calls wait for each other: {' <- '.join(error.args[1])}") from error
    return order
