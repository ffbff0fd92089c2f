"""A whole copy of a store in SQLite, also of one that another process has open for writing."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from robomemory.checks import shown
from robomemory.errors import StoreCorruptError, StoreError
from robomemory.plain_text import plain
from robomemory.store.forks import check_not_inherited
from robomemory.store.opening import checked_path
from robomemory.store.postgres.address import ON_A_SERVER, Address, is_url
from robomemory.store.sqlite import integrity
from robomemory.store.sqlite.copying import copy_into


def backup_store(path: str | os.PathLike[str], target: str | os.PathLike[str]) -> Path:
    """Copies the store in the file ``path`` to the new file ``target``, with everything that is committed by
    now; whoever has it open goes on meanwhile. Indices of vectors are built anew when the copy is opened.

    Raises:
        StoreError: ``target`` is there, or can't be written; ``path`` can't be read, or is in a database.
            StoreCorruptError: ``path`` is no store, or not whole. StoreInUseError: in a forked child of a
            process that had it open.
    """
    path, target = checked_path(path), checked_path(target)
    if is_url(path):
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
