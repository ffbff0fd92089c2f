"""Spreads jobs over spawned processes or a cluster: each opens its models once, and one that dies is noticed.

The result of a job depends on the job alone, not on the process or the order.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
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
BACKENDS = ("processes", "ray")
_ENDED_S = 5.0
# Jobs that each worker of a cluster has beside the one at hand: it need not wait for the next one to arrive.
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Crash:
    """A job without a result.

    ``cause``: in one line; ``on_purpose``: a part raised it on purpose and says what is wrong;
    ``settings``: every other job will meet it, too; ``died``: its process ended; ``error``: what was raised,
    None where that cannot be sent from process to process.
    """

    cause: str
    on_purpose: bool = False
    settings: bool = False
    died: bool = False
    error: Exception | None = None

    @classmethod
    def of(cls, error: Exception) -> Crash:
        """The crash for ``error``; its traceback is printed where :data:`DEBUG` is set."""
        on_purpose = isinstance(error, VistaError)
        if not on_purpose and os.environ.get(DEBUG):
            print(conceal("".join(traceback.format_exception(error))), end="", file=sys.stderr)
        return cls(describe(error), on_purpose, isinstance(error, SETTINGS_ERRORS), error=_sendable(error))


def _sendable(error: Exception) -> Exception | None:
    """``error``; None where it cannot be sent to another process."""
    try:
        copy.copy(error)
    except Exception:
        return None
    return error


def one_thread() -> None:
    """Many processes of one thread each share a machine better than a few of many threads."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ.setdefault("LP_NUM_THREADS", "0")


class _Worker(Generic[Job, Result]):
    """Does one job after the other. After an unexpected error, which leaves an unknown state, it opens
    everything anew."""

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
            self._work = self._work if crash.on_purpose else None
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
    open_: Callable[[Any], Opened[Job, Result]],
    settings: object,
    jobs: Sequence[Job],
    workers: int | None = None,
    backend: str = BACKENDS[0],
) -> Iterator[tuple[Job, Result | Crash]]:
    """Yield every job with its result, or with its :class:`Crash`, in the order in which they end.

    Args:
        open_: Module-level function; called once a process with ``settings``, returns the function for a job.
        workers: Processes; None: one for each core. 1: the jobs run here. A process that dies is replaced.
        backend: One of :data:`BACKENDS`. "ray": the cluster that ``RAY_ADDRESS`` names, else one on this
            machine; every node needs this package.

    Raises:
        UnknownNameError: an unknown backend. InvalidValueError: no workers. ConfigError: no Ray.
    """
    if backend not in BACKENDS:
        raise UnknownNameError("backend", backend, BACKENDS)
    if workers is not None and workers < 1:
        raise InvalidValueError(f"workers: {workers}, expected at least 1")
    if backend == "ray":
        yield from _with_ray(open_, settings, jobs, workers)
        return
    workers = workers or os.cpu_count() or 1
    if workers == 1:
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
                    result = Crash(
                        f"a worker process died (exit status {process.exitcode})", on_purpose=True, died=True
                    )
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


def unordered(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: int | None = None, backend: str = BACKENDS[0]
) -> Iterator[Result]:
    """The results of ``work``, a module-level function (or partial) that opens nothing, each as soon as it is
    there. ``workers`` and ``backend`` are those of :func:`attempts`; a single job runs here.

    Raises:
        VistaError: a process died. What ``work`` raises is raised.
    """
    if len(jobs) <= 1 and backend == BACKENDS[0] and (workers is None or workers > 1):
        workers = 1
    for _, result in attempts(_given, work, jobs, workers, backend):
        if not isinstance(result, Crash):
            yield result
        elif result.died:
            raise VistaError(f"{result.cause}; what was finished is kept, and fewer workers need less memory")
        else:
            raise result.error or VistaError(result.cause)


def _given(work: Opened[Job, Result]) -> Opened[Job, Result]:
    return work


def _once(open_: Callable[[Any], Opened[Job, Result]], settings: object, job: Job) -> Result | Crash:
    return _Worker(open_, settings)(job)


def _with_ray(
    open_: Callable[[Any], Opened[Job, Result]], settings: object, jobs: Sequence[Job], workers: int | None
) -> Iterator[tuple[Job, Result | Crash]]:
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError as error:
        raise ConfigError(f"backend 'ray': Ray is not installed; ./run setup ray ({error})") from error
    ours = not ray.is_initialized()
    if ours:
        here: dict[str, Any] = (
            {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": workers or os.cpu_count()}
        )
        ray.init(include_dashboard=False, log_to_driver=False, **here)
    try:
        at_once = workers or int(ray.cluster_resources().get("CPU", 1))
        # One thread a job: Ray counts cores, and so do we.
        remote = ray.remote(num_cpus=1, max_retries=2)(_once)
        left, running = iter(jobs), dict[Any, Job]()
        while True:
            for job in left:
                running[remote.remote(open_, settings, job)] = job
                if len(running) >= _AHEAD * at_once:
                    break
            if not running:
                return
            done, _ = ray.wait(list(running))
            for reference in done:
                yield running.pop(reference), ray.get(reference)
    finally:
        if ours:
            ray.shutdown()
