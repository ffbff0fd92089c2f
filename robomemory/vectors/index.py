"""Nearest vectors by inner product, in FAISS: exact while that is quick, by lists beyond. A cache that can
always be rebuilt.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np

from robomemory.embed.embedder import F32, check_vectors
from robomemory.errors import EmbeddingError
from robomemory.vectors.exact_index import ExactIndex
from robomemory.vectors.ivf_index import IvfIndex

FLAT_LIMIT = 100_000
"""Up to here every vector is compared: about 10 ms at 384 numbers on one thread."""

REGROW = 4
"""The lists are trained again once the index holds this many times the vectors of their training."""

_log = logging.getLogger(__name__)


class Kept(Protocol):
    """One way to keep vectors; not safe from several threads."""

    def add(self, ids: Sequence[int], rows: F32) -> None: ...
    def drop(self, ids: Sequence[int]) -> None: ...
    def search(self, row: F32, k: int, keep: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]: ...
    def get(self, ids: Sequence[int]) -> F32: ...


class Nearest(Protocol):
    """Unit vectors under integer keys, as the long-term memories search them. Safe from any thread."""

    @property
    def method(self) -> str:
        """How it searches, in a word or two."""
        ...

    def __len__(self) -> int: ...
    def put(self, ids: Sequence[int], vectors: object) -> None: ...
    def remove(self, ids: Sequence[int]) -> None: ...
    def rows(self, keys: Sequence[int]) -> dict[int, F32]: ...
    def search(
        self, vector: F32, k: int, allowed: Sequence[int] | None = None
    ) -> list[tuple[int, float]]: ...
    def search_each(self, vectors: Sequence[F32], k: int) -> list[list[tuple[int, float]]]: ...
    def wait(self, timeout_s: float) -> bool: ...
    def lists(self) -> IvfIndex | None: ...
    def close(self) -> None: ...


class VectorIndex:
    """Unit vectors of length ``dim`` under integer keys. Safe from any thread.

    FAISS crashes when a search meets a change of the index, hence one lock around both. Beyond
    ``flat_limit`` vectors the index becomes one of inverted lists (IVF), which a thread of its own trains and
    fills beside the one in use; ``put`` and ``search`` never wait for it. Before the new lists are taken into
    use, that thread calls ``built`` with them and with what ``mark`` said when the building began.
    """

    def __init__(
        self,
        dim: int,
        *,
        flat_limit: int = FLAT_LIMIT,
        kept: IvfIndex | None = None,
        ids: Sequence[int] = (),
        mark: Callable[[], int] = int,
        built: Callable[[IvfIndex, int], None] | None = None,
    ) -> None:
        self.dim = dim
        self._flat_limit = flat_limit
        self._lock = threading.Lock()
        self._kept: Kept = ExactIndex(dim) if kept is None else kept
        self._ids: set[int] = set(ids)
        self._trained = 0 if kept is None else kept.trained_for
        self._mark, self._built = mark, built
        self._builder: threading.Thread | None = None
        self._changed: set[int] | None = None  # keys that changed while lists are being built
        self._closing = False

    def __len__(self) -> int:
        with self._lock:
            return len(self._ids)

    @property
    def method(self) -> str:
        """``flat`` or ``ivf``: how it searches now."""
        return "ivf" if isinstance(self._kept, IvfIndex) else "flat"

    def put(self, ids: Sequence[int], vectors: object) -> None:
        """Sets the vectors f32 (len(ids), dim) of ``ids``; known keys get the new one.

        Raises:
            EmbeddingError: another shape, NaN or infinity, or a key twice.
        """
        if len(set(ids)) != len(ids):
            raise EmbeddingError(f"VectorIndex.put: keys {sorted(ids)} hold one twice")
        if not ids:
            return
        rows = check_vectors("VectorIndex.put", vectors, len(ids), self.dim)
        with self._lock:
            self._drop(self._ids.intersection(ids))
            self._kept.add(ids, rows)
            self._ids.update(ids)
            if self._changed is not None:
                self._changed.update(ids)
            self._grow()

    def remove(self, ids: Sequence[int]) -> None:
        """Forgets ``ids``; unknown ones are ignored."""
        with self._lock:
            gone = self._ids.intersection(ids)
            self._drop(gone)
            if self._changed is not None:
                self._changed |= gone

    def _drop(self, ids: set[int]) -> None:
        if ids:
            self._kept.drop(sorted(ids))
            self._ids -= ids

    def vector(self, key: int) -> F32 | None:
        """The unit vector f32 (dim,) of ``key``; None if it is unknown."""
        with self._lock:
            return self._kept.get([key])[0] if key in self._ids else None

    def rows(self, keys: Sequence[int]) -> dict[int, F32]:
        """{key: unit vector f32 (dim,)} of those ``keys`` that are known."""
        with self._lock:
            known = [key for key in keys if key in self._ids]
            return dict(zip(known, self._kept.get(known), strict=True))

    def search(self, vector: F32, k: int, allowed: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """The ``k`` nearest keys with their inner product, best first; only ``allowed`` ones if given.

        Raises:
            EmbeddingError: ``vector`` is not f32 (dim,) with finite entries.
        """
        row = check_vectors("VectorIndex.search", np.asarray(vector)[None, ...], 1, self.dim)
        with self._lock:
            keep = None
            pool = len(self._ids)
            if allowed is not None:
                keep = np.asarray(sorted(self._ids.intersection(allowed)), dtype=np.int64)
                pool = len(keep)
            k = min(k, pool)
            if k == 0:
                return []
            keys, scores = self._kept.search(row, k, keep)
        return [(int(key), float(s)) for key, s in zip(keys, scores, strict=True) if key >= 0]

    def search_each(self, vectors: Sequence[F32], k: int) -> list[list[tuple[int, float]]]:
        """:meth:`search` for each of ``vectors``."""
        return [self.search(vector, k) for vector in vectors]

    def _grow(self) -> None:
        """Starts to build lists where there are too many vectors for the ones in use."""
        enough = len(self._ids) > max(self._flat_limit, REGROW * self._trained)
        if enough and self._builder is None and not self._closing:
            self._changed = set()
            self._builder = threading.Thread(target=self._build, name="index-builder", daemon=True)
            self._builder.start()

    def _build(self) -> None:
        try:
            _be_nice()
            mark = self._mark()
            lists = self._filled()
            if lists is None:
                return
            if self._built is not None:
                self._built(lists, mark)
            while not self._closing:
                with self._lock:
                    assert self._changed is not None
                    todo = sorted(self._changed)[:1_000]
                    self._changed.difference_update(todo)
                    alive = [key for key in todo if key in self._ids]
                    rows = self._kept.get(alive)
                    if len(todo) < 1_000:
                        lists.drop(todo)
                        lists.add(alive, rows)
                        self._kept, self._trained = lists, lists.trained_for
                        return
                lists.drop(todo)
                lists.add(alive, rows)
        except Exception:  # the index in use still answers, only more slowly
            _log.exception("building the lists of a vector index failed")
            self._trained = len(self._ids)
        finally:
            with self._lock:
                self._builder = self._changed = None

    def _filled(self) -> IvfIndex | None:
        """Trained lists with the vectors of the moment when building began; None if the index is closed."""
        with self._lock:
            ids = np.asarray(sorted(self._ids), dtype=np.int64)
        sample = np.random.default_rng(0).permutation(ids)[: IvfIndex.sample_size(len(ids))]
        lists = IvfIndex.trained(
            self.dim, len(ids), np.concatenate([rows for _, rows in self._chunks(sample)])
        )
        for alive, rows in self._chunks(ids):
            if self._closing:
                return None
            lists.add(alive, rows)
        return lists

    def _chunks(self, ids: np.ndarray) -> Iterator[tuple[list[int], F32]]:
        """(keys, rows) of those ``ids`` that are still there, a few at a time, so that nobody waits long."""
        for start in range(0, len(ids), 1_024):
            with self._lock:
                alive = [int(key) for key in ids[start : start + 1_024] if int(key) in self._ids]
                rows = self._kept.get(alive)
            yield alive, rows

    def wait(self, timeout_s: float) -> bool:
        """Whether no lists are being built any more within ``timeout_s`` [s]."""
        builder = self._builder
        if builder is not None:
            builder.join(timeout_s)
        return self._builder is None

    def lists(self) -> IvfIndex | None:
        """The inverted lists in use, to be saved while nothing changes; None for an exact index."""
        return self._kept if isinstance(self._kept, IvfIndex) else None

    def close(self) -> None:
        """Ends the thread that builds lists, if one runs; the index still answers."""
        self._closing = True
        self.wait(60.0)


def _be_nice() -> None:
    """Lets the threads that answer go first (Linux: a thread has a priority of its own)."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
    except (AttributeError, OSError):  # pragma: no cover
        _log.debug("the index builder runs at the usual priority")
