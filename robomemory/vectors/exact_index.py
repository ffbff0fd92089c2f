"""Exact nearest vectors: every one is compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from robomemory.embed.embedder import F32
from robomemory.errors import MissingDependencyError

try:
    import faiss  # type: ignore[import-untyped, unused-ignore]
except ImportError as error:  # pragma: no cover
    raise MissingDependencyError(
        'robomemory needs faiss-cpu, which is not installed: pip install "vista-stack[memory]"'
    ) from error

SHARD = 16_384
"""Vectors in one FAISS index. A flat index copies itself whenever its room is used up, and moves everything
behind a vector that is removed: at 100 000 vectors a stall of 0.1 s, here one of a few ms."""


class ExactIndex:
    """Shards of exact FAISS indices. Not safe from several threads."""

    def __init__(self, dim: int) -> None:
        self._dim = dim
        self._shards: list[Any] = []
        self._home: dict[int, Any] = {}

    def add(self, ids: Sequence[int], rows: F32) -> None:
        start = 0
        while start < len(ids):
            if not self._shards or self._shards[-1].ntotal >= SHARD:
                self._shards.append(faiss.IndexIDMap2(faiss.IndexFlatIP(self._dim)))
            shard = self._shards[-1]
            stop = start + min(len(ids) - start, SHARD - shard.ntotal)
            shard.add_with_ids(np.ascontiguousarray(rows[start:stop]), np.asarray(ids[start:stop], np.int64))
            self._home.update(dict.fromkeys(map(int, ids[start:stop]), shard))
            start = stop

    def drop(self, ids: Sequence[int]) -> None:
        by_shard: dict[int, tuple[Any, list[int]]] = {}
        for key in ids:
            if (shard := self._home.pop(int(key), None)) is not None:
                by_shard.setdefault(id(shard), (shard, []))[1].append(key)
        for shard, keys in by_shard.values():
            shard.remove_ids(faiss.IDSelectorBatch(np.asarray(keys, dtype=np.int64)))
        if by_shard:
            self._shards = [s for s in self._shards if s.ntotal]

    def search(self, row: F32, k: int, keep: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        # OpenMP keeps this setting per calling thread, so it has to be set where the search runs.
        # On a busy machine two threads are 4 to 100 times slower than one here.
        faiss.omp_set_num_threads(1)
        params = None
        if keep is not None:
            selector = faiss.IDSelectorBatch(keep)
            params = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg, unused-ignore]
        found = [s.search(row, min(k, s.ntotal), params=params) for s in self._shards]
        scores = np.concatenate([each[0][0] for each in found])
        keys = np.concatenate([each[1][0] for each in found])
        scores = np.where(keys >= 0, scores, -np.inf)
        order = np.argsort(-scores, kind="stable")[:k]
        return keys[order], scores[order]

    def get(self, ids: Sequence[int]) -> F32:
        """The rows f32 (len(ids), dim) of ``ids``, which are all known."""
        rows = [self._home[int(key)].reconstruct(int(key)) for key in ids]
        return np.stack(rows) if rows else np.zeros((0, self._dim), dtype=np.float32)
