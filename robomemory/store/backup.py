"""A whole copy of a store in SQLite, also of one that another process has open for writing."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

from robomemory.checks import shown
from robomemory.errors import StoreCorruptError, StoreError
from robomemory.plain_text import plain
from robomemory.store import integrity
from robomemory.store.forks import check_not_inherited
from robomemory.store.postgres.address import is_url


def backup_store(path: str | os.PathLike[str], target: str | os.PathLike[str]) -> Path:
    """Copies the store in the file ``path`` to the new file ``target``, with everything that is committed by
    now; whoever has it open goes on meanwhile. Indices of vectors are built anew when the copy is opened.

    Raises:
        StoreError: ``target`` is there, or can't be written; ``path`` can't be read, or is in a database.
            StoreCorruptError: ``path`` is no store, or not whole. StoreInUseError: in a forked child of a
            process that had it open.
    """
    from robomemory.store.opening import (
        checked_path,  # which opens stores, and stores are copied with this module
    )

    path, target = checked_path(path), checked_path(target)
    if is_url(path):
        from robomemory.store.postgres.address import Address

        raise StoreError(f"{Address.parse(path).name}: {ON_A_SERVER}")
    source, said = Path(path), plain(os.fspath(path))
    if source.is_dir():
        raise StoreError(f"{said}: a folder, expected a file")
    if not source.is_file():
        raise StoreError(f"{said}: no such file")
    check_not_inherited(os.path.realpath(source))
    had_log = integrity.log_bytes(os.fspath(source)) > 0
    try:
        db = sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, timeout=5.0)
        with closing(db):
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not {"schema_version", "records"} <= tables:
                raise StoreCorruptError(f"{said}: no RoboMemory store (tables {shown(sorted(tables))})")
            integrity.check(db, said, had_log)
            return copy_into(db, target)
    except sqlite3.OperationalError as error:
        raise StoreError(f"{said}: can't read it: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StoreCorruptError(f"{said}: can't read it: {error}; torn, or no store") from error


ON_A_SERVER = (
    "a memory on a server is copied with the server's own pg_dump; 'vista memory export' writes records"
)


def copy_into(db: sqlite3.Connection, target: str | os.PathLike[str]) -> Path:
    """Copies what ``db`` reads to the new file ``target``, written beside and moved into place. Raises as
    :func:`backup_store`."""
    if is_url(target):
        raise StoreError("the target of a backup is a new file, and no database")
    path, said = Path(target), plain(os.fspath(target))
    if not path.name or os.fspath(target) == ":memory:":  # which is opened as another memory
        raise StoreError(f"{said}: expected the name of a new file")
    if not path.parent.is_dir():
        raise StoreError(f"{said}: folder {plain(str(path.parent))} does not exist")
    # What is left beside a store that was deleted would be taken for a part of the copy.
    for taken in (path, *(Path(f"{path}{ending}") for ending in ("-wal", "-journal", "-index"))):
        if os.path.lexists(taken):
            raise StoreError(f"{said}: {plain(taken.name)} is there already; a backup overwrites nothing")
    scratch = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with suppress(FileNotFoundError):
            scratch.unlink()
        _write(db, scratch)
        try:
            os.link(scratch, path)  # fails where somebody else was quicker
        except FileExistsError as error:
            raise StoreError(f"{said}: is there already; a backup overwrites nothing") from error
        except OSError:  # a file system without links
            os.rename(scratch, path)
        integrity.sync_folder(path.parent)
    except (sqlite3.Error, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise StoreError(f"{said}: can't write the backup: {why}") from error
    finally:
        with suppress(OSError):
            scratch.unlink()
    return path


def _write(db: sqlite3.Connection, scratch: Path) -> None:
    with closing(sqlite3.connect(scratch, isolation_level=None)) as copy:
        db.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log
        integrity.close_mark(copy)
        (report,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if report != "ok":
            raise StoreCorruptError(f"the store is torn: {report}; there is nothing whole to copy")
    held = os.open(scratch, os.O_RDWR)
    try:
        os.fsync(held)
    finally:
        os.close(held)
