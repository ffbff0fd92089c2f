"""Processes that must not outlive their parent, and the shared memory that dead ones leave behind."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator
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


def _thing(name: str) -> str:
    """What a file belongs to: Fast DDS keeps a lock (``_el``, ``_sl``) and a mutex beside each segment."""
    return name.removeprefix("sem.").removesuffix("_mutex").removesuffix("_el").removesuffix("_sl")


class _Locks:
    """The locks of things that are to be removed, held while a block runs.

    The owner of a segment, or who listens on a port, holds its lock, also where /proc doesn't show it (in
    another container). A port of a dead process may be taken over by a node that is just starting: it cannot
    while the lock is held, and takes another port.
    """

    def __init__(self) -> None:
        self._held: list[int] = []

    def __enter__(self) -> _Locks:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._held:
            os.close(handle)

    def take(self, thing: str) -> bool:
        """Whether the locks of ``thing`` were free; they are held now."""
        exclusive, shared = (_SHARED / f"{thing}{end}" for end in ("_el", "_sl"))
        for path in (exclusive, shared):
            if path == shared and not path.exists():
                continue
            try:
                handle = os.open(path, os.O_RDWR | (os.O_CREAT if "_port" in thing else 0), 0o666)
            except FileNotFoundError:
                continue
            self._held.append(handle)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True


@contextlib.contextmanager
def _alone(timeout_s: float = 5.0) -> Iterator[None]:
    """Wait for another process of this user that is removing files just now: the locks it holds would look
    like use of them."""
    folder = Path(tempfile.gettempdir()) / f"vista-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(folder / "removing", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:  # then without
        yield
        return
    try:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.02)
        yield
    finally:
        os.close(handle)


def remove_orphans(
    since_s: float, domain: int | None = None, until_s: float = float("inf"), *, leaving: bool = False
) -> dict[str, int]:
    """Remove shared memory of Fast DDS that no process uses any more, made by this user between ``since_s``
    and ``until_s`` (seconds since the epoch), or a port of ROS ``domain``, however old: a client of an
    earlier graph may have kept it. Killed processes leave it behind. ``leaving``: this process has closed its
    own part of the graph; files that it still has mapped are unused. Returns {name: size [bytes]}."""
    first = 7400 + 250 * domain if domain is not None else 0
    ports = {f"fastrtps_port{p}" for p in range(first, first + 250)} if domain is not None else set()
    things: dict[str, list[Path]] = {}
    for path in sorted(shared_memory()):  # before the look at use: files that come later are left alone
        with contextlib.suppress(OSError):
            info, thing = path.stat(), _thing(path.name)
            ours = since_s <= info.st_ctime <= until_s or thing in ports
            if info.st_uid == os.getuid() and ours:
                things.setdefault(thing, []).append(path)
    if not things:
        return {}
    own = in_use(pids=[os.getpid()])
    removed: dict[str, int] = {}
    with _alone(), _Locks() as locks:
        free = [each for each, files in things.items() if own & set(map(str, files)) or locks.take(each)]
        # The locks that are held now are no use of this process.
        used = in_use(without=os.getpid()) | (set() if leaving else own)
        for path in (path for each in free for path in _lock_last(each, things[each])):
            with contextlib.suppress(OSError):
                if str(path) not in used:
                    size = path.stat().st_size
                    path.unlink()
                    if path in things[_thing(path.name)]:  # else it is a lock that was made here
                        removed[path.name] = size
    return removed


def _lock_last(thing: str, files: list[Path]) -> list[Path]:
    """``files`` and the lock of ``thing``: as long as that stands nobody takes the rest over."""
    locks = [path for path in files if path.name.endswith(("_el", "_sl"))]
    if "_port" in thing and (made := _SHARED / f"{thing}_el") not in locks:
        locks.append(made)
    return [path for path in files if path not in locks] + locks
