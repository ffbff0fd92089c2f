"""Processes that must not outlive whoever started them, and what dead ones leave behind."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

DIE_WITH_PARENT = "VISTA_DIE_WITH_PARENT"
_PR_SET_PDEATHSIG = 1
_SHARED = Path("/dev/shm")
_PREFIXES = ("fastrtps_", "fastdds_", "sem.fastrtps_", "sem.fastdds_")


def die_with_parent() -> None:
    """Have Linux send SIGTERM to this process when the one that started it dies, however it dies.

    Does nothing unless the environment variable :data:`DIE_WITH_PARENT` is set, as ``vista up`` does. It
    holds the process number of who started this one: a node takes seconds to get here, and its parent may
    have been killed by then. "1" leaves it open.
    """
    given = os.environ.get(DIE_WITH_PARENT, "")
    if not given:
        return
    parent = int(given) if given.isdecimal() and given != "1" else os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != parent:  # it died in between
        os.kill(os.getpid(), signal.SIGTERM)


def marked(name: str, value: str) -> list[psutil.Process]:
    """The living processes of this user whose environment was made with ``name`` = ``value``."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            living = process.status() != psutil.STATUS_ZOMBIE
            if living and process.uids().real == os.getuid() and process.environ().get(name) == value:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def shared_memory() -> set[Path]:
    """The shared memory files of Fast DDS on this machine."""
    try:
        return {p for p in _SHARED.iterdir() if p.name.startswith(_PREFIXES)}
    except OSError:
        return set()


def in_use(pids: Iterable[int] | None = None, *, without: int = 0) -> set[str]:
    """Paths below /dev/shm that some process (of ``pids``, and not ``without``) has mapped or open."""
    used = set()
    wanted = None if pids is None else {str(pid) for pid in pids}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or (wanted is not None and process.name not in wanted):
            continue
        if process.name == str(without):
            continue
        try:
            # What is open first: a file is opened, then mapped, then closed. Its maps are read later, so it
            # is seen in one of the two at least.
            for handle in (process / "fd").iterdir():
                with contextlib.suppress(OSError):  # closed in between
                    target = os.readlink(handle)
                    if target.startswith("/dev/shm/"):
                        used.add(target.removesuffix(" (deleted)"))
            for line in (process / "maps").read_text().splitlines():
                if " /dev/shm/" in line:
                    used.add(line[line.index("/dev/shm/") :].removesuffix(" (deleted)"))
        except OSError:
            continue  # it ended, or is somebody else's
    return used


def _locked(path: Path) -> bool:
    """Whether a process holds the lock of ``path``, also one in another container that /proc doesn't show."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)


def _thing(name: str) -> str:
    """What a file belongs to: Fast DDS keeps a lock (``_el``, ``_sl``) and a mutex beside each segment."""
    return name.removeprefix("sem.").removesuffix("_mutex").removesuffix("_el").removesuffix("_sl")


def remove_orphans(
    since_s: float, domain: int | None = None, until_s: float = float("inf"), *, leaving: bool = False
) -> dict[str, int]:
    """Remove shared memory of Fast DDS that no process uses any more, made by this user between ``since_s``
    and ``until_s`` (seconds since the epoch), or a port of ROS ``domain``, however old: a client of an
    earlier graph may have kept it. Killed processes leave it behind. ``leaving``: this process has closed its
    own part of the graph; what it still has mapped it uses no more. Returns {name: size [bytes]}."""
    removed: dict[str, int] = {}
    first = 7400 + 250 * domain if domain is not None else 0
    ports = {f"fastrtps_port{p}" for p in range(first, first + 250)} if domain is not None else set()
    files = sorted(shared_memory())  # before it is asked what is in use: what comes later is left alone
    used = in_use(without=os.getpid() if leaving else 0)
    own = in_use([os.getpid()]) if leaving else set()
    locks = [p for p in files if p.name.endswith(("_el", "_sl")) and str(p) not in own]
    for path in files:
        try:
            info = path.stat()
            thing = _thing(path.name)
            ours = since_s <= info.st_ctime <= until_s or thing in ports
            if info.st_uid != os.getuid() or not ours or str(path) in used:
                continue
            if any(_locked(p) for p in locks if _thing(p.name) == thing):
                continue
            path.unlink()
            removed[path.name] = info.st_size
        except OSError:
            continue
    return removed
