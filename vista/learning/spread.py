"""Spreads jobs over all cores of this machine, or over a cluster with Ray.

A job's result depends on the job alone: whoever does it, and in whichever order, it is the same.
"""

from __future__ import annotations

import copy
import importlib
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from vista.errors import ConfigError, InvalidValueError, UnknownNameError, VistaError
from vista.messages.describe import describe

Job = TypeVar("Job")
Result = TypeVar("Result")
BACKENDS = ("processes", "ray")
# Jobs that are handed to each worker of a cluster ahead: it shall not wait for the next one to arrive.
_AHEAD = 2
_LOOK_S = 1.0
"""So long after its last result [s] it is looked whether the workers of this machine are there."""


def unordered(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: int | None = None, backend: str = BACKENDS[0]
) -> Iterator[Result]:
    """The results of ``work`` on ``jobs``, each as soon as it is there.

    Args:
        work: Module-level function (or partial), as are what ``jobs`` are made of.
        workers: How many at once; None: as many as there are cores. 1 works in this process.
        backend: One of :data:`BACKENDS`. "ray": the cluster that ``RAY_ADDRESS`` names, else one on this
            machine; every node needs this package.

    Raises:
        UnknownNameError: an unknown backend. InvalidValueError: no workers. ConfigError: Ray is not there.
        VistaError: a worker died. What ``work`` raises is raised.
    """
    if backend not in BACKENDS:
        raise UnknownNameError("backend", backend, BACKENDS)
    if workers is not None and workers < 1:
        raise InvalidValueError(f"workers: {workers}, expected at least 1")
    if backend == "ray":
        yield from _with_ray(work, jobs, workers)
        return
    workers = workers or os.cpu_count() or 1
    if workers == 1 or len(jobs) <= 1:
        yield from map(work, jobs)
        return
    others = set(multiprocessing.active_children())
    # Spawned, not forked: each worker opens an OpenGL context of its own.
    with multiprocessing.get_context("spawn").Pool(min(workers, len(jobs))) as pool:
        mine = [each for each in multiprocessing.active_children() if each not in others]
        results = pool.imap_unordered(_Told(work), jobs)
        for _ in jobs:
            result, error = _next(results, mine)
            if error is not None:
                raise error
            yield result


class _Told:
    """``work`` that gives what it raises as a value: an error that cannot be made anew of its arguments would
    end the thread that waits for results, and nobody would hear of it."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self._work = work

    def __call__(self, job: object) -> tuple[Any, Exception | None]:
        try:
            return self._work(job), None
        except Exception as error:
            try:
                copy.copy(error)
            except Exception:
                return None, VistaError(describe(error))
            return None, error


def _next(results: Any, workers: Sequence[BaseProcess]) -> tuple[Any, Exception | None]:
    """The next of ``results``. Raises VistaError where one of ``workers`` has died, which Python replaces
    without a word about the job that it had."""
    while True:
        try:
            found: tuple[Any, Exception | None] = results.next(_LOOK_S)
            return found
        except multiprocessing.TimeoutError:
            dead = next((each for each in workers if each.exitcode is not None), None)
            if dead is not None:
                raise VistaError(
                    f"a worker process died (exit status {dead.exitcode}); what was finished is kept, and "
                    "fewer workers need less memory"
                ) from None


def _with_ray(work: Callable[[Job], Result], jobs: Sequence[Job], workers: int | None) -> Iterator[Result]:
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
        remote = ray.remote(num_cpus=1, max_retries=2)(work)
        left, running = iter(jobs), list[Any]()
        while True:
            for job in left:
                running.append(remote.remote(job))
                if len(running) >= _AHEAD * at_once:
                    break
            if not running:
                return
            done, running = ray.wait(running)
            for reference in done:
                try:
                    result = ray.get(reference)
                except ray.exceptions.RayTaskError as error:
                    raise error.as_instanceof_cause() from None
                yield result
    finally:
        if ours:
            ray.shutdown()
