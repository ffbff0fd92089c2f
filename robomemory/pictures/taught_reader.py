"""What a memory was taught, for a process that only looks: read beside the one that writes."""

from __future__ import annotations

import os

from robomemory.embed.available import embedder_named
from robomemory.front.pictures import Exemplar
from robomemory.names import thing_name
from robomemory.store.backend import Backend
from robomemory.store.opening import checked_path, embedder_of, open_store


class TaughtReader:
    """The exemplars of the memory at ``path``, a file or ``postgresql://...``, as others write it. Nothing is
    held that a writer would wait for, and no embedder is loaded."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = checked_path(path)
        self._store: Backend | None = None
        self._keys: tuple[int, ...] | None = None

    def news(self) -> dict[str, tuple[Exemplar, ...]] | None:
        """{name: exemplars}; None where they are what they were at the last call.

        Raises:
            StoreError: there is no memory (yet), or it can't be read; the next call tries again.
        """
        try:
            if self._store is None:
                name = embedder_of(self._path) or ""
                embedder = embedder_named(name)
                self._store = open_store(
                    self._path, name, 0 if embedder is None else embedder.dim, read_only=True
                )
            store = self._store
            store.latest()
            with store.snapshot():
                told = store.exemplars()
                keys = tuple(key for key, _ in told)
                if keys == self._keys:
                    return None
                found: dict[str, list[Exemplar]] = {}
                for key, said in told:
                    picture = store.picture(key)
                    if picture is not None:
                        found.setdefault(thing_name(said), []).append(Exemplar(key, picture))
        except BaseException:
            self.close()
            raise
        self._keys = keys
        return {name: tuple(each) for name, each in found.items()}

    def close(self) -> None:
        """Gives the store back; a later call of :meth:`news` opens it anew."""
        if self._store is not None:
            self._store.close()
        self._store, self._keys = None, None
