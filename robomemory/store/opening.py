"""Opens a store by its path or URL."""

from __future__ import annotations

import os
import re
from pathlib import Path

from robomemory.checks import shown
from robomemory.embed.available import default_embedder, embedder_named
from robomemory.embed.embedder import ClosableEmbedder
from robomemory.errors import InvalidQueryError, StoreError
from robomemory.store.backend import OWN_FRAME, Backend
from robomemory.store.postgres.address import is_url, with_scene
from robomemory.store.sqlite.file import check_readable
from robomemory.store.sqlite.file import embedder_of as _embedder_of_file
from robomemory.store.sqlite.read_only import ReadOnlySqliteStore
from robomemory.store.sqlite.store import SqliteStore

_PATH_BYTES, _NAME_BYTES = 4_000, 255
# What is meant for a database, misspelt: a file of that name would hide that nothing is shared.
_ADDRESS = re.compile(
    r"^\s*[a-z][a-z0-9+.\-]*:/|^\s*postgres(?:ql)?(?::|%3a)|(?:^|\s)(?:password|passfile|sslpassword)\s*=",
    re.IGNORECASE,
)


def open_store(
    path: str | os.PathLike[str],
    embedder: str,
    dim: int,
    *,
    frame: str | None = None,
    read_only: bool = False,
) -> Backend:
    """The store at ``path``: a file, ``":memory:"`` or ``postgresql://...``, for vectors of ``embedder``, its
    name, and ``dim``, with positions in ``frame`` (None: in its own, for a new one ``OWN_FRAME``).

    Raises:
        StoreError: it can't be used, or has another frame; it says which and why. MissingDependencyError: a
            database needs the extra ``postgres``.
    """
    path, new = checked_path(path), frame or OWN_FRAME
    store: Backend
    if is_url(path):
        from robomemory.store.postgres.store import PostgresStore

        store = PostgresStore(os.fspath(path), embedder, dim, new, read_only=read_only)
    elif read_only:
        store = ReadOnlySqliteStore(path, embedder, dim)
    else:
        store = SqliteStore(path, embedder, dim, new)
    if frame is not None and store.frame != frame:
        store.close()
        raise StoreError(
            f"{store.path}: its positions are in the frame {shown(store.frame)}, opened with frame"
            f" {shown(frame)}"
        )
    return store


def reads_only(mode: object) -> bool:
    """Whether ``mode`` ("r" or "rw") says to read only.

    Raises:
        InvalidQueryError: it is neither.
    """
    if mode not in ("r", "rw"):
        raise InvalidQueryError(f"mode {shown(mode)}, expected 'rw' (read and write) or 'r' (read)")
    return mode == "r"


def checked_path(path: object) -> str:
    """``path`` as a text that a file system takes.

    Raises:
        StoreError: it is no path, empty, or holds what no file name can.
    """
    try:
        said = os.fspath(path)  # type: ignore[call-overload]
    except TypeError as error:
        raise StoreError(f"{shown(path)}: expected the path of a file, or a URL") from error
    if is_url(said):
        return said  # whatever is wrong with it is told without repeating it
    if not isinstance(said, str) or not said.strip() or "\0" in said:
        raise StoreError(f"{shown(said)}: expected the path of a file, or a URL")
    if _ADDRESS.search(said):
        raise StoreError(  # not repeated: there may be a password in it
            "the memory's address can't be read: expected the path of a file, or postgresql://host/database"
        )
    try:
        parts = [os.fsencode(part) for part in Path(said).parts]  # none for "."
        size, longest = len(os.fsencode(said)), max(map(len, parts), default=0)
    except UnicodeEncodeError as error:
        raise StoreError(f"{shown(said)}: holds a lone surrogate, which no file name can") from error
    if size > _PATH_BYTES or longest > _NAME_BYTES:
        raise StoreError(
            f"{shown(said)}: {size} bytes, in names of up to {longest}; at most {_PATH_BYTES} in names of"
            f" {_NAME_BYTES} are allowed"
        )
    return said


def make_folder(folder: str | os.PathLike[str], scene: str) -> None:
    """Makes ``folder`` where it is missing.

    Raises:
        StoreError: it can't be made, or the name of ``scene`` is too long for a file in it.
    """
    path = Path(checked_path(folder))
    try:
        path.mkdir(parents=True, exist_ok=True)
        longest = os.pathconf(path, "PC_NAME_MAX")
    except OSError as error:
        raise StoreError(f"{path}: can't make this folder: {error.strerror}") from error
    taken = len(os.fsencode(f"{scene}.sqlite3-index"))
    if 0 < longest < taken:
        raise StoreError(f"scene {shown(scene)}: {taken} bytes as a file name, at most {longest} are allowed")


def scene_path(folder: str | os.PathLike[str], scene: str) -> str:
    """As :func:`where_scene_is`; the folder is made where it is missing.

    Raises:
        InvalidQueryError: ``scene`` can't be a file name: letters, digits, "-", "_" are allowed.
        StoreError: ``folder`` can't be made, or ``scene`` is too long for it.
    """
    if not isinstance(scene, str) or not re.fullmatch(r"[\w-]{1,100}", scene):
        raise InvalidQueryError(f"scene {shown(scene)}: allowed are 1 to 100 letters, digits, '-' and '_'")
    if not is_url(folder):
        make_folder(folder, scene)
    return where_scene_is(folder, scene)


def where_scene_is(folder: str | os.PathLike[str], scene: str) -> str:
    """Where the memory of ``scene`` is in ``folder``: a file, or in the database whose URL ``folder`` is."""
    if is_url(folder):
        return with_scene(os.fspath(folder), scene)
    return os.path.join(folder, f"{scene}.sqlite3")


def embedder_of(path: str | os.PathLike[str]) -> str | None:
    """The name of the embedder that the store at ``path`` was written with; None if that can't be told.

    Raises:
        StoreError: ``path`` says a database that can't be reached.
    """
    path = checked_path(path)
    if not is_url(path):
        return _embedder_of_file(path)
    from robomemory.store.postgres.store import embedder_of_url

    return embedder_of_url(os.fspath(path))


def embedder_for(path: str | os.PathLike[str], *, read_only: bool = False) -> ClosableEmbedder:
    """The embedder that the store at ``path`` was written with; the default one for a new store, which
    ``read_only`` refuses. Raises as :func:`embedder_of`."""
    if read_only and not is_url(path) and os.fspath(path) != ":memory:":
        check_readable(Path(path))
    name = embedder_of(path)
    found = None if name is None else embedder_named(name)
    return default_embedder() if found is None else found
