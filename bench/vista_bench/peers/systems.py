"""The systems of the cell, and where each one's Python is."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import robomemory
from vista.files.resources import resource_roots

SET_UP = "./run setup peers"
PYTHON = "VISTA_PEERS_PYTHON"


@dataclass(frozen=True, slots=True)
class ComparedSystem:
    """A system by its ``name``; ``driver`` is a module of :mod:`vista_bench.peers.drivers`; ``package`` the
    name under which its version is known ("" for this repository); ``apart``: whether it runs in the
    environment of the peers instead of this one."""

    name: str
    driver: str
    package: str
    apart: bool
    set_up: str = SET_UP

    def python(self) -> str | None:
        """The Python that it runs in; None if that is not there."""
        return peers_python() if self.apart else sys.executable

    def installed(self) -> str | None:
        """The version of its package; None if it is not installed."""
        if not self.package:
            return "this repository"
        if self.apart:
            python = self.python()
            return None if python is None else _version(python, self.package)
        try:
            return version(self.package)
        except PackageNotFoundError:
            return None

    def environment(self) -> dict[str, str]:
        """The variables for its process: this repository's packages on the path, and nothing of this
        environment for another Python."""
        kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
        paths = [Path(__file__).resolve().parents[2]]
        if not self.apart:
            paths.append(Path(robomemory.__file__).resolve().parents[1])
        return {**kept, "PYTHONPATH": os.pathsep.join(map(str, paths))}


SYSTEMS = {
    each.name: each
    for each in (
        ComparedSystem("robomemory", "robomemory_driver", "", False),
        ComparedSystem("mem0", "mem0_driver", "mem0ai", True),
        ComparedSystem("chroma", "chroma_driver", "chromadb", True),
        ComparedSystem("lancedb", "lancedb_driver", "lancedb", True),
        ComparedSystem("faiss", "faiss_driver", "faiss-cpu", False, "./run setup"),
    )
}
BASELINE = "faiss"


def peers_python() -> str | None:
    """The Python of the peers' environment: ``$VISTA_PEERS_PYTHON``, else what :data:`SET_UP` made."""
    if chosen := os.environ.get(PYTHON):
        return chosen
    found = (root / ".venv-peers/bin/python" for root in resource_roots())
    return next((str(each) for each in found if each.is_file()), None)


@cache
def _version(python: str, package: str) -> str | None:
    code = f"from importlib.metadata import version; print(version({package!r}))"
    try:
        done = subprocess.run(
            [python, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
