"""Opens the store that a path or URL says."""

from __future__ import annotations

import os

from robomemory.backend import Backend
from robomemory.postgres.address import is_url, with_scene
from robomemory.store import Store
from robomemory.store import embedder_of as _embedder_of_file


def open_store(path: str | os.PathLike[str], embedder: str, dim: int) -> Backend:
    """The store at ``path``: a file, ``":memory:"`` or ``postgresql://...``, for vectors of ``embedder``, its
    name, and ``dim``.

    Raises:
        StoreError: it can't be used; it says which and why. MissingDependencyError: a database needs the
            extra ``postgres``.
    """
    if not is_url(path):
        return Store(path, embedder, dim)
    from robomemory.postgres.store import PostgresStore

    return PostgresStore(os.fspath(path), embedder, dim)


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
    if not is_url(path):
        return _embedder_of_file(path)
    from robomemory.postgres.store import embedder_of_url

    return embedder_of_url(os.fspath(path))
