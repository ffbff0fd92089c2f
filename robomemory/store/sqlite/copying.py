"""Copies what a connection reads into a new file, a whole store."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

from robomemory.errors import StoreCorruptError, StoreError
from robomemory.plain_text import plain
from robomemory.store.postgres.address import is_url
from robomemory.store.sqlite import integrity


def copy_into(db: sqlite3.Connection, target: str | os.PathLike[str]) -> Path:
    """Copies what ``db`` reads to the new file ``target``, written beside and moved into place.

    Raises:
        StoreError: ``target`` is there, or can't be written. StoreCorruptError: what ``db`` reads is torn.
    """
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
