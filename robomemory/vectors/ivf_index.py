"""Nearest vectors by inverted lists (FAISS IVF): only the lists around a query are compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss  # type: ignore[import-untyped, unused-ignore]
import numpy as np

from robomemory.embed.embedder import F32

PER_LIST = 40  # vectors that each list's centre is learned from
PROBES = 48
"""IvfIndex that are looked through. See docs/memory.md for recall and time at other numbers."""


class IvfIndex:
    """Vectors in half precision in about 2 √n lists; a hash table finds one by its key. Not safe from
    several threads. ``trained_for``: the number of vectors that the lists were made for."""

    def __init__(self, index: Any, trained_for: int) -> None:
        self._index = index
        self._ivf = faiss.extract_index_ivf(index)
        self._ivf.nprobe = min(PROBES, self._ivf.nlist)
        self.trained_for = trained_for
        self.dim = int(self._ivf.d)

    @staticmethod
    def count(n: int) -> int:
        """IvfIndex for ``n`` vectors."""
        return max(1, round(2 * math.sqrt(n)))

    @classmethod
    def sample_size(cls, n: int) -> int:
        """How many of ``n`` vectors the lists are learned from."""
        return min(n, PER_LIST * cls.count(n))

    @classmethod
    def trained(cls, dim: int, n: int, sample: F32) -> IvfIndex:
        """Empty lists for ``n`` vectors of which ``sample`` f32 (·, dim) is a part."""
        faiss.omp_set_num_threads(1)
        index: Any = faiss.index_factory(dim, f"IVF{cls.count(n)},SQfp16", faiss.METRIC_INNER_PRODUCT)
        index.cp.niter = 8
        index.cp.min_points_per_centroid = 1
        index.cp.max_points_per_centroid = PER_LIST
        index.train(sample)
        index.set_direct_map_type(faiss.DirectMap.Hashtable)  # type: ignore[attr-defined, unused-ignore]
        return cls(index, n)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, ids: Sequence[int], rows: F32) -> None:
        if len(ids):
            faiss.omp_set_num_threads(1)
            self._index.add_with_ids(np.ascontiguousarray(rows), np.asarray(ids, dtype=np.int64))

    def drop(self, ids: Sequence[int]) -> None:
        """Removes ``ids``; unknown ones are ignored."""
        if len(ids):  # the hash table takes no other selector
            self._index.remove_ids(faiss.IDSelectorArray(np.asarray(ids, dtype=np.int64)))

    def search(self, row: F32, k: int, keep: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        faiss.omp_set_num_threads(1)
        if keep is None:
            scores, keys = self._index.search(row, k)
        else:  # few are left, and they may lie in any list
            selector = faiss.IDSelectorBatch(keep)
            params = faiss.SearchParametersIVF(sel=selector, nprobe=self._ivf.nlist)  # type: ignore[call-arg, unused-ignore]
            scores, keys = self._index.search(row, k, params=params)
        return keys[0], scores[0]

    def get(self, ids: Sequence[int]) -> F32:
        """The rows f32 (len(ids), dim) of ``ids``, which are all known, as half precision kept them."""
        rows = [self._index.reconstruct(int(key)) for key in ids]
        return np.stack(rows) if rows else np.zeros((0, self.dim), dtype=np.float32)

    def ids(self) -> list[int]:
        """All keys."""
        lists: Any = self._ivf.invlists
        parts = [
            faiss.rev_swig_ptr(lists.get_ids(i), lists.list_size(i)).copy()
            for i in range(self._ivf.nlist)
            if lists.list_size(i)
        ]
        return [int(key) for part in parts for key in part]

    def write(self, path: Path) -> None:
        faiss.write_index(self._index, str(path))

    @classmethod
    def read(cls, path: Path, trained_for: int) -> IvfIndex:
        return cls(faiss.read_index(str(path)), trained_for)
