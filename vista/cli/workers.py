"""Spreads jobs over spawned processes: each opens its models once, and one that dies is noticed."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar, cast

from vista.errors import VistaError
from vista.halting import describe

Job = TypeVar("Job")
Result = TypeVar("Result")
Opened = Callable[[Job], Result]


def one_thread() -> None:
    """Many processes of one thread each share a machine better than a few of many threads."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ.setdefault("LP_NUM_THREADS", "0")


def _serve(open_: Callable[[Any], Opened[Any, Any]], settings: object, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends its children
    one_thread()
    try:
        work = open_(settings)
        while True:
            job = pipe.recv()
            pipe.send(("done", work(job)))
    except EOFError:  # the parent has no more work, or is gone
        return
    except VistaError as error:
        pipe.send(("refused", str(error)))
    except Exception as error:
        import traceback

        pipe.send(("failed", f"{describe(error)}\n{traceback.format_exc()}"))


def spread(
    open_: Callable[[Any], Opened[Job, Result]], settings: object, jobs: Sequence[Job], workers: int
) -> Iterator[tuple[Job, Result]]:
    """Yield every job with its result, in the order in which they end.

    Args:
        open_: Module-level function; called once a process with ``settings``, returns what does a job.
        workers: Processes; with 1 the jobs run here.

    Raises:
        VistaError: what a job raised on purpose, or a process that died; the message says which.
        RuntimeError: what a job raised by mistake, with its traceback.
    """
    if workers <= 1 and jobs:
        work = open_(settings)
        for job in jobs:
            yield job, work(job)
        return
    context = multiprocessing.get_context("spawn")
    waiting = list(reversed(jobs))
    busy: dict[Any, tuple[Any, Job]] = {}
    processes = []
    try:
        for _ in range(min(workers, len(jobs))):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(open_, settings, theirs), daemon=True)
            process.start()
            theirs.close()
            processes.append(process)
            job = waiting.pop()
            ours.send(job)
            busy[ours] = process, job
        while busy:
            for pipe in cast("list[Connection]", wait(list(busy))):
                process, job = busy.pop(pipe)
                try:
                    kind, value = pipe.recv()
                except (EOFError, OSError) as error:
                    process.join(5)
                    raise VistaError(
                        f"a worker process died (exit status {process.exitcode}) at {job}; what was finished "
                        "is kept, the same command goes on from there"
                    ) from error
                if kind == "refused":
                    raise VistaError(value)
                if kind == "failed":
                    raise RuntimeError(f"{job}: {value}")
                if waiting:
                    following = waiting.pop()
                    pipe.send(following)
                    busy[pipe] = process, following
                else:
                    pipe.close()
                yield job, value
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(5)
