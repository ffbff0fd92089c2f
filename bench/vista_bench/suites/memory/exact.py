"""How many of the ten nearest records the index finds, beside a comparison with every vector in the store."""

from __future__ import annotations

import heapq

import numpy as np

from robomemory.embed.embedder import Embedder
from robomemory.memory_parts import MemoryParts
from robomemory.records import MemoryKind
from robomemory.store.backend import Backend
from vista_bench.suites.memory.synthetic import question

KIND = MemoryKind.EPISODIC  # the largest memory


def recall_at_10(
    parts: MemoryParts, store: Backend, embedder: Embedder, count: int
) -> tuple[float, int, str]:
    """Share of the true ten nearest that the index of :data:`KIND` finds over ``count`` questions, their
    number, and how the index searches."""
    index = parts.long_term[KIND].index
    asked = embedder.embed([question(10**6 + i) for i in range(count)])
    best: list[list[tuple[float, int]]] = [[] for _ in range(count)]
    for ids, rows in store.vectors(KIND):
        scores = asked @ rows.T
        for i, row in enumerate(scores):
            top = np.argpartition(-row, min(10, len(row) - 1))[:10]
            best[i] = heapq.nlargest(10, [*best[i], *((float(row[j]), ids[j]) for j in top)])
    hits = total = 0
    for query, nearest in zip(asked, best, strict=True):
        found = {key for key, _ in index.search(query, 10)}
        hits += len(found & {key for _, key in nearest})
        total += len(nearest)
    return hits / max(1, total), count, index.method
