"""The file of a store: who may write it, who holds it, whether it is still there."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path

from robomemory.errors import StoreError, StoreInUseError
from robomemory.plain_text import plain
from robomemory.store.forks import check_not_inherited

Inode = tuple[int, int]


def hold(file: str, said: str) -> int:
    """The descriptor of the lock that says ``file`` is ours: our caches are right only while nobody else
    writes. It is on a file beside it, as SQLite's own locks would keep our readers out; the system lets go of
    it when the process dies, however it dies. ``said``: the file in messages.

    Raises:
        StoreInUseError: somebody else holds it. StoreError: the lock can't be written.
    """
    beside = os.path.realpath(file) + ".lock"
    try:
        held = os.open(beside, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StoreError(f"{said}: can't be locked: {error.strerror}") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        raise StoreInUseError(f"{said}: in use by another RoboMemory; close that one") from error
    return held


def inode_of(file: str) -> Inode | None:
    """Which file stands at the path ``file`` now; None where there is none."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def embedder_of(path: str | os.PathLike[str]) -> str | None:
    """The name of the embedder that the store at ``path`` was written with; None if that can't be told.

    Raises:
        StoreInUseError: in a forked child of a process that had it open.
    """
    check_not_inherited(os.path.realpath(path))
    try:
        if not Path(path).is_file():
            return None
        db = sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True, timeout=0.2)
        try:
            row = db.execute("SELECT name FROM embedder").fetchone()
        finally:
            db.close()
    except (sqlite3.DatabaseError, OSError, ValueError):  # opening it for good will say what is wrong
        return None
    return None if row is None else str(row[0])


def check_readable(path: Path) -> None:
    """Raises StoreError where ``path`` is no file that may be read."""
    said = plain(str(path))
    if path.is_dir():
        raise StoreError(f"{said}: a folder, expected a file")
    if not path.exists():
        raise StoreError(f"{said}: no memory there; mode 'r' reads what is there")
    if not os.access(path, os.R_OK):
        raise StoreError(f"{said}: no permission to read it")


def check_access(path: Path) -> None:
    """SQLite opens what it may not write without a word, so permissions are asked first."""
    path_said = plain(str(path))
    able = {"effective_ids": True} if os.access in os.supports_effective_ids else {}
    if not path.parent.is_dir():
        raise StoreError(f"{path_said}: folder {plain(str(path.parent))} does not exist")
    if path.is_dir():
        raise StoreError(f"{path_said}: a folder, expected a file")
    for target in (path.parent, path) if path.exists() else (path.parent,):
        if not os.access(target, os.R_OK | os.W_OK, **able):
            raise StoreError(f"{path_said}: read-only: no permission to write {plain(str(target))}")
