"""How the caches of one robot follow what others commit to a shared store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from robomemory.records import MemoryKind
from robomemory.store.backend import Backend
from robomemory.update_protocol import Change


class StoreCache(Protocol):
    """A cache of the store that a memory holds."""

    def load(self) -> None:
        """All of it anew."""
        ...

    def apply(self, change: Change) -> None: ...


class IndexCache(Protocol):
    """An index of the store that a memory holds."""

    def catch_up(self, seq: int) -> None:
        """Takes in what was written up to the update ``seq``."""
        ...


class Follower:
    """Brings the graph and the temporal buffer up to the last committed update, before each answer.

    An answer therefore knows at least what was committed before it was asked for. The number of the last
    update is read each time, in one snapshot with what has changed since; a file, which nobody else writes,
    is never asked. ``seq``: the update that the caches and ``indexes`` hold.
    """

    def __init__(
        self,
        store: Backend,
        spatial: StoreCache,
        temporal: StoreCache,
        seq: int,
        indexes: Collection[IndexCache] = (),
    ) -> None:
        self._indexes = tuple(indexes)
        self._store, self._spatial, self._temporal = store, spatial, temporal
        self._lock = threading.Lock()
        self._seq = seq
        self._checked = -1.0  # [s, time.monotonic] when the state that the caches hold was asked for

    def follow(self, since: float | None = None) -> None:
        """Caches as of ``since`` [s, time.monotonic; None: now] or later.

        Raises:
            StoreError: the server is gone. The caches stay as they are, and nothing is answered from them.
        """
        if not self._store.shared:
            return
        since = time.monotonic() if since is None else since
        with self._lock:
            if self._checked >= since:  # another thread of the same call has done it
                return
            asked = time.monotonic()
            with self._store.snapshot():
                latest = self._store.latest()
                if latest.seq < self._seq or latest.rebuilt_seq > self._seq:
                    self._spatial.load()
                    self._temporal.load()
                elif latest.seq > self._seq:
                    news = self._store.news(self._seq)
                    self._temporal.load()
                    self._spatial.apply(news)
                if latest.seq != self._seq:
                    for index in self._indexes:
                        index.catch_up(latest.seq)
            self._seq, self._checked = latest.seq, asked

    def commit(
        self, changes: Mapping[MemoryKind, Change], recorded_ns: int, apply: Callable[[], None]
    ) -> None:
        """Commits our own ``changes`` and has the caches ``apply`` them, as one step: nobody applies them a
        second time.

        Raises:
            StoreError: nothing was applied.
        """
        mine = list(changes.values())
        with self._lock:
            self._store.commit(mine, recorded_ns)
            if not self._store.shared or not any(change.regroups for change in mine):
                apply()
                self._seq = self._store.seq
        self.follow()
