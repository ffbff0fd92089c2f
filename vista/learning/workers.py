"""Spreads jobs over spawned processes: each opens its models once, and one that dies is noticed."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar, cast

from vista.errors import ConfigError, InvalidValueError, ModelMismatchError, UnknownNameError, VistaError
from vista.messages.describe import describe
from vista.messages.redaction import conceal

Job = TypeVar("Job")
Result = TypeVar("Result")
Opened = Callable[[Job], Result]

SETTINGS_ERRORS = (ConfigError, InvalidValueError, ModelMismatchError, UnknownNameError)
"""What is wrong with the settings, and so with every job."""
DEBUG = "VISTA_DEBUG"
_ENDED_S = 5.0


@dataclass(frozen=True, slots=True)
class Crash:
    """A job that has no result: its ``cause``, in one line; ``mine``: raised on purpose, by a part that says
    what is wrong; ``settings``: every other job will meet it, too."""

    cause: str
    mine: bool = False
    settings: bool = False

    @classmethod
    def of(cls, error: Exception) -> Crash:
        """What ``error`` comes to; its traceback is shown where :data:`DEBUG` is set."""
        mine = isinstance(error, VistaError)
        if not mine and os.environ.get(DEBUG):
            print(conceal("".join(traceback.format_exception(error))), end="", file=sys.stderr)
        return cls(describe(error), mine, isinstance(error, SETTINGS_ERRORS))


def one_thread() -> None:
    """Many processes of one thread each share a machine better than a few of many threads."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ.setdefault("LP_NUM_THREADS", "0")


class _Worker(Generic[Job, Result]):
    """Does one job after the other; after a mistake everything is opened anew, as what it left is unknown."""

    def __init__(self, open_: Callable[[Any], Opened[Job, Result]], settings: object) -> None:
        self._open, self._settings = open_, settings
        self._work: Opened[Job, Result] | None = None

    def __call__(self, job: Job) -> Result | Crash:
        try:
            if self._work is None:
                self._work = self._open(self._settings)
            return self._work(job)
        except Exception as error:
            crash = Crash.of(error)
            self._work = self._work if crash.mine else None
            return crash


def _serve(open_: Callable[[Any], Opened[Any, Any]], settings: object, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends its children
    one_thread()
    work = _Worker(open_, settings)
    try:
        while True:
            pipe.send(work(pipe.recv()))
    except (EOFError, BrokenPipeError):  # the parent has no more work, or is gone
        return


def attempts(
    open_: Callable[[Any], Opened[Job, Result]], settings: object, jobs: Sequence[Job], workers: int
) -> Iterator[tuple[Job, Result | Crash]]:
    """Yield every job with its result, or with what became of it, in the order in which they end.

    Args:
        open_: Module-level function; called once a process with ``settings``, returns what does a job.
        workers: Processes; with 1 the jobs run here. One that dies is replaced.
    """
    if workers <= 1:
        work = _Worker(open_, settings)
        for job in jobs:
            yield job, work(job)
        return
    context = multiprocessing.get_context("spawn")
    waiting = list(reversed(jobs))
    busy: dict[Connection, tuple[Any, Job]] = {}
    processes = []

    def start() -> None:
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(open_, settings, theirs), daemon=True)
        process.start()
        theirs.close()
        processes.append(process)
        give(ours, process)

    def give(pipe: Connection, process: Any) -> None:
        job = waiting.pop()
        busy[pipe] = process, job
        with contextlib.suppress(OSError):  # it died in between: the pipe tells so below
            pipe.send(job)

    try:
        for _ in range(min(workers, len(jobs))):
            start()
        while busy:
            for pipe in cast("list[Connection]", wait(list(busy))):
                process, job = busy.pop(pipe)
                try:
                    result: Result | Crash = pipe.recv()
                except (EOFError, OSError):
                    pipe.close()
                    process.join(_ENDED_S)
                    result = Crash(f"a worker process died (exit status {process.exitcode})", mine=True)
                    if waiting:
                        start()
                else:
                    if waiting:
                        give(pipe, process)
                    else:
                        pipe.close()
                yield job, result
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(_ENDED_S)


def spread(
    open_: Callable[[Any], Opened[Job, Result]], settings: object, jobs: Sequence[Job], workers: int
) -> Iterator[tuple[Job, Result]]:
    """As :func:`attempts`, for jobs that are of no use without all their results.

    Raises:
        VistaError: a job has none; the message says which and why.
    """
    for job, result in attempts(open_, settings, jobs, workers):
        if isinstance(result, Crash):
            raise VistaError(result.cause if result.settings else f"{job}: {result.cause}")
        yield job, result
