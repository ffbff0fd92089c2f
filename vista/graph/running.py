"""The graphs that are up on this machine: their state files, and the removal of killed graphs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vista.errors import VistaError
from vista.graph.checks import LAST_DOMAIN, domain_of_environment
from vista.graph.processes import marked, remove_orphans
from vista.graph.table import ArmKind

if TYPE_CHECKING:
    import psutil

MARK = "VISTA_UP"
ABOVE_THE_ARM = ("guard", "executor", "perception", "world_model", "memory", "agent")
SETTLED_S = 30.0
"""Files of shared memory that nobody has open are taken for left behind when they are so old [s]."""


@dataclass(frozen=True, slots=True)
class Running:
    """The state of a graph that is up, for ``vista down`` and ``vista run``."""

    pid: int
    mark: str
    domain: int
    namespace: str
    nodes: tuple[str, ...]
    started_s: float
    logs: str
    arm: str = ArmKind.SIM


def state_folder() -> Path:
    """The folder of the state files, one a domain and namespace."""
    return Path(tempfile.gettempdir()) / f"vista-{os.getuid()}"


def state_file(domain: int, namespace: str) -> Path:
    """The state file of one graph. A ROS name holds no dot."""
    return state_folder() / (".".join([str(domain), *namespace.split("/")]).rstrip(".") + ".json")


def sockets_of(state: Running) -> Path:
    """The folder of the sockets of a graph's supervisor."""
    return Path(tempfile.gettempdir()) / f"vista-up-{state.mark}"


def where(domain: int, namespace: str) -> str:
    """Where a graph is, in words."""
    return f"ROS domain {domain}" + (f" under /{namespace}" if namespace else "")


def _written_down() -> list[Running]:
    """The graphs of all state files, also those that were killed. What cannot be read is passed over."""
    found = []
    for path in sorted(state_folder().glob("*.json")):
        try:
            data = json.loads(path.read_text())
            each = Running(
                int(data["pid"]), str(data["mark"]), int(data["domain"]), str(data["namespace"]),
                tuple(map(str, data["nodes"])), float(data["started_s"]), str(data["logs"]),
            )  # fmt: skip
        except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
            continue
        if each.mark.isalnum() and each.pid > 0 and 0 <= each.domain <= LAST_DOMAIN:
            found.append(each)
    return found


def running() -> list[Running]:
    """The graphs that are up on this machine, by this user. Those without a living process are left out."""
    return [each for each in _written_down() if supervisor(each) is not None or marked(MARK, each.mark)]


def supervisor(state: Running) -> psutil.Process | None:
    """The process that watches over a graph, None when it has ended."""
    import psutil

    try:
        process = psutil.Process(state.pid)
        living = process.status() != psutil.STATUS_ZOMBIE
        return process if living and process.create_time() <= state.started_s + 1.0 else None
    except (psutil.Error, ValueError, OverflowError):
        return None


def find_running(
    domain: int | None = None, namespace: str | None = None, *, elsewhere: bool = False
) -> Running:
    """The graph that is up, in ``domain`` and ``namespace`` where they are given.

    Args:
        domain: Of the graph; None: any, and ``ROS_DOMAIN_ID`` where there are several.
        namespace: Of the graph ("" is none); None: any.
        elsewhere: A graph in ``domain``, or in ``ROS_DOMAIN_ID``, may also be one that ``ros2 launch``
            started.

    Raises:
        VistaError: there is none, or there are several.
    """
    up = running()
    found = [
        each for each in up
        if domain in (None, each.domain) and namespace in (None, each.namespace)
    ]  # fmt: skip
    given = domain
    if given is None and len(found) != 1:
        given = domain_of_environment()
    if len(found) > 1:
        found = [each for each in found if each.domain == given] or found
    if not found and elsewhere and given is not None:
        return Running(0, "", given, namespace or "", ABOVE_THE_ARM, 0.0, "")
    if not found:
        place = "" if domain is None else f" in domain {domain}"
        place += f" under /{namespace}" if namespace else " without a namespace" if namespace == "" else ""
        others = "; ".join(where(each.domain, each.namespace) for each in up)
        raise VistaError(
            f"no graph is up{place}; 'vista up' starts one" + (f" (up: {others})" if others else "")
        )
    if len(found) > 1:
        domains = ", ".join(str(n) for n in sorted({each.domain for each in found}))
        spaces = ", ".join(f"/{each.namespace}" for each in found)
        one = len({each.domain for each in found}) == 1
        raise VistaError(
            f"several graphs are up in domain {domains}, under {spaces}; choose one with --namespace"
            if one else f"several graphs are up, in the domains {domains}; choose one with --domain"
        )  # fmt: skip
    return found[0]


def free_domain() -> int:
    """``ROS_DOMAIN_ID`` where it is set, else a domain that nobody on this machine uses.

    Raises:
        InvalidValueError: ``ROS_DOMAIN_ID`` is no ROS domain. VistaError: none is free.
    """
    import socket

    if (given := domain_of_environment()) is not None:
        return given
    first = 1 + os.getpid() % 90
    # The port of a graph whose first node was killed is free for a moment; the graph is not.
    taken = {each.domain for each in running()}
    for domain in (*range(first, 101), *range(1, first)):
        if domain in taken:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("", 7410 + 250 * domain))  # the port of a domain's first participant
                return domain
            except OSError:
                continue
    raise VistaError("no free ROS domain from 1 to 100")


@contextlib.contextmanager
def claimed(domain: int, namespace: str) -> Iterator[None]:
    """Hold the place of a graph while a block runs, so that no second one comes up in it.

    Raises:
        VistaError: a graph is up there already, or the place cannot be written down.
    """
    file = state_file(domain, namespace).with_suffix(".lock")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _lock(file)
    except OSError as error:
        raise VistaError(f"cannot write down that a graph is up: {error}") from error
    if lock is None:
        raise _occupied(domain, namespace)
    try:
        refuse_taken(domain, namespace)
        yield
    finally:
        _unlock(file, lock)


def refuse_taken(domain: int, namespace: str) -> None:
    """Raise VistaError when a graph is up in this place already."""
    if any((each.domain, each.namespace) == (domain, namespace) for each in running()):
        raise _occupied(domain, namespace)


def _occupied(domain: int, namespace: str) -> VistaError:
    words = f" --namespace {namespace}" if namespace else ""
    return VistaError(
        f"a graph is up in {where(domain, namespace)} already; 'vista down --domain {domain}{words}' "
        "stops it, and another --namespace or --domain starts one beside it"
    )


def _lock(file: Path, tries: int = 5) -> int | None:
    """The handle of ``file``, locked by this process until it is closed or the process ends, however it ends;
    None when another process holds it."""
    for again in range(tries):
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), file.stat()):
                return handle
        except (BlockingIOError, FileNotFoundError):
            pass  # held, or removed by who held it; somebody may also only be looking whether it is held
        os.close(handle)
        if again < tries - 1:
            time.sleep(0.05)
    return None


def _unlock(file: Path, lock: int) -> None:
    file.unlink(missing_ok=True)
    os.close(lock)


def write_down(state: Running) -> None:
    """Write the state file, by which other commands find the graph; VistaError when it can't be written."""
    try:
        state_file(state.domain, state.namespace).write_text(json.dumps(asdict(state)))
    except OSError as error:
        raise VistaError(f"cannot write down that a graph is up: {error}") from error


def clean_up(state: Running) -> dict[str, int]:
    """Kill the processes that are left of a graph and remove its files. Safe to call again.

    Returns:
        The files of shared memory that were removed, {name: size [bytes]}.
    """
    import psutil

    left = [p for p in marked(MARK, state.mark) if p.pid not in (os.getpid(), state.pid)]
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=5.0)
    # A client may have been there a little before its graph.
    removed = remove_orphans(state.started_s - SETTLED_S, state.domain)
    # A graph that lived beside this one, and ended before it, left what this one still used.
    removed |= clear_old()
    shutil.rmtree(sockets_of(state), ignore_errors=True)
    file = state_file(state.domain, state.namespace)
    with contextlib.suppress(OSError):
        if state.mark in file.read_text():
            file.unlink()
    return removed


def clear_killed() -> list[Running]:
    """Remove the graphs whose supervisor was killed: their nodes, shared memory and state files.

    Returns:
        Those graphs.
    """
    killed = [each for each in _written_down() if _abandoned(each)]
    for each in killed:
        clean_up(each)
    return killed


def _abandoned(state: Running) -> bool:
    """Whether the supervisor of a graph is surely dead: gone, and its lock is free.

    The lock, since the start of a process looks different after the clock of the wall was set.
    """
    if supervisor(state) is not None:
        return False
    file = state_file(state.domain, state.namespace).with_suffix(".lock")
    try:
        lock = _lock(file, 1)
    except OSError:
        return False
    if lock is not None:
        _unlock(file, lock)
    return lock is not None


def clear_old() -> dict[str, int]:
    """Remove the shared memory that ROS processes of this user left behind a while ago."""
    return remove_orphans(0.0, until_s=time.time() - SETTLED_S)
