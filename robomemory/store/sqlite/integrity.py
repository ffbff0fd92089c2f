"""Tells whether a file of SQLite is whole.

While a store is open its newest records stand in the log beside the file, so a plain copy of the file lacks
them. Such a copy has to say so when it is opened. Hence two marks in the file: ``whole.mark`` is the number
of times that the log was moved into the file, and ``state.mark`` says up to which of them the file is whole.
Before the log is moved ``state.mark`` is set to :data:`OPEN`, and right after, in the new log, to the
number. Whoever reads the file together with its log therefore finds two equal marks, and whoever reads a
file that left its log behind finds the mark :data:`OPEN`. The log is moved here only; SQLite would do it
without the marks.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

from robomemory.errors import StoreCorruptError

OPEN = -1
LOG_PAGES = 1_000
"""From about so many pages on the log is moved into the file."""


def log_of(path: str) -> Path:
    """The write-ahead log of the store at ``path``; beside the file itself where that is a link."""
    return Path(f"{os.path.realpath(path)}-wal")


def log_bytes(path: str) -> int:
    """Size of the log [bytes]; 0 where there is none."""
    try:
        return log_of(path).stat().st_size
    except OSError:
        return 0


def prepare(db: sqlite3.Connection) -> None:
    """Has ``db`` write a log that is moved by :func:`move_log` alone."""
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA wal_autocheckpoint = 0")


def check(db: sqlite3.Connection, path: str, had_log: bool, moving: int | None = None) -> None:
    """Raises StoreCorruptError where ``db`` reads a file without the records of its log; ``had_log``: whether
    a log with something in it stood beside the file before it was opened; ``moving``: see
    :func:`being_moved`."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'whole'").fetchone():
        return  # of a version that had no marks
    (mine, moved) = db.execute("SELECT state.mark, whole.mark FROM state, whole").fetchone() or (OPEN, 0)
    killed = had_log or moving == moved  # while the log was moved, which others may have done since
    if mine == moved or (mine == OPEN and killed):
        return
    raise StoreCorruptError(
        f"{path}: not whole: it was copied from a store that was open, and the newest records stood in the"
        " log beside that; 'vista memory backup' copies an open store"
    )


def being_moved(lock: int) -> int | None:
    """Which move of the log the last owner of the lock file with the descriptor ``lock`` was killed in; None
    where it was in none."""
    said = os.pread(lock, 40, 0)
    return int(said) if said.isdigit() else None


def move_log(db: sqlite3.Connection, lock: int) -> int:
    """Moves the log into the file, as far as nobody reads an older state. Returns how many pages it held.
    Outside of a transaction. Meanwhile the file with the descriptor ``lock`` says so."""
    (mark,) = db.execute("SELECT mark + 1 FROM whole").fetchone()
    with suppress(OSError):  # a full disk: only somebody who is killed just now would miss it
        os.pwrite(lock, str(mark).encode(), 0)
    try:
        return _move_log(db)
    finally:
        os.ftruncate(lock, 0)


def _move_log(db: sqlite3.Connection) -> int:
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE whole SET mark = mark + 1")
    db.execute("UPDATE state SET mark = ?", (OPEN,))
    db.execute("COMMIT")
    try:
        _, pages, _ = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    finally:
        db.execute("UPDATE state SET mark = (SELECT mark FROM whole)")
    return int(pages)


def empty_log(db: sqlite3.Connection, wait_s: float = 2.0) -> bool:
    """Moves the log into the file and leaves nothing in it; the file is then whole without it. Whether that
    was done: who reads from the log keeps it, and is waited for at most ``wait_s`` [s]."""
    deadline = time.monotonic() + wait_s
    while True:
        ((busy, *_),) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        if not busy or time.monotonic() > deadline:
            return not busy
        time.sleep(0.005)


def close_mark(db: sqlite3.Connection) -> None:
    """Marks a store that is closed, or a copy that was made through SQLite, as whole."""
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'whole'").fetchone():
        db.execute("UPDATE state SET mark = (SELECT mark FROM whole), clean = 1")


def sync_folder(folder: Path) -> None:
    """Has the names in ``folder`` on the disk."""
    held = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)
