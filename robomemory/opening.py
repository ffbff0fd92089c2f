"""Opens the store that a path or URL says."""

from __future__ import annotations

import os

from robomemory.backend import Backend
from robomemory.postgres.address import is_url
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


def embedder_of(path: str | os.PathLike[str]) -> str | None:
    """The name of the embedder that the store at ``path`` was written with; None if that can't be told.

    Raises:
        StoreError: ``path`` says a database that can't be reached.
    """
    if not is_url(path):
        return _embedder_of_file(path)
    from robomemory.postgres.store import embedder_of_url

    return embedder_of_url(os.fspath(path))
