"""Text to unit vectors: a protocol, a cache around it, and an embedder that needs nothing; the learned ones
are in :mod:`robomemory.embed.minilm`."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robomemory.errors import EmbeddingError

F32 = NDArray[np.float32]
MAX_DIM = 65_536


class Embedder(Protocol):
    """Turns texts into vectors whose inner product says how alike the texts are.

    ``name`` is kept in the store: vectors of different embedders can't be compared.
    """

    @property
    def name(self) -> str: ...

    @property
    def dim(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> F32:
        """Unit rows, f32 (len(texts), dim)."""
        ...


class ClosableEmbedder(Embedder, Protocol):
    """An embedder of this package, which may have threads of its own."""

    def close(self) -> None:
        """Ends the threads. A later ``embed`` starts them again."""
        ...


def check_vectors(where: str, vectors: object, rows: int, dim: int) -> F32:
    """``vectors`` as contiguous f32 (rows, dim) with rows of length 1.

    Raises:
        EmbeddingError: another shape, NaN or infinity, or a row of zeros.
    """
    out = np.ascontiguousarray(vectors, dtype=np.float32)
    if out.shape != (rows, dim):
        raise EmbeddingError(f"{where}: vectors of shape {out.shape}, expected ({rows}, {dim})")
    if not np.isfinite(out).all():
        raise EmbeddingError(f"{where}: vectors hold NaN or infinity")
    norms = np.linalg.norm(out, axis=1, keepdims=True)
    if rows and float(norms.min()) < 1e-6:
        raise EmbeddingError(f"{where}: a vector of zeros, expected length 1")
    return np.ascontiguousarray(out / norms, dtype=np.float32)


class HashingEmbedder:
    """Words and their letter triples hashed to places: deterministic, instant, knows no synonyms.

    For tests and for machines without torch. ``dim``: length of a vector, at least 16.
    """

    _FILLERS = frozenset(
        ("a", "an", "the", "is", "are", "was", "were", "of", "to", "it", "there", "where", "what", "which")
    )

    def __init__(self, dim: int = 512) -> None:
        if not 16 <= dim <= MAX_DIM:
            raise EmbeddingError(f"HashingEmbedder.dim: {dim}, expected 16 to {MAX_DIM}")
        self.dim = dim

    @property
    def name(self) -> str:
        return f"hashing-{self.dim}"

    def embed(self, texts: Sequence[str]) -> F32:
        out = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(out, texts, strict=True):
            for word in re.findall(r"\w+", text.casefold()) or [text]:
                weight = 0.2 if word in self._FILLERS else 1.0
                self._put(row, word, weight)
                padded = f"<{word}>"
                for i in range(len(padded) - 2):
                    self._put(row, "3:" + padded[i : i + 3], 0.3 * weight)
            row /= np.linalg.norm(row)
        return out

    def close(self) -> None:
        """Nothing is held open."""

    def _put(self, row: F32, token: str, weight: float) -> None:
        digest = int.from_bytes(hashlib.blake2b(token.encode(), digest_size=8).digest(), "little")
        row[digest % self.dim] += weight


class CachedEmbedder:
    """Keeps the newest ``size`` vectors of ``inner`` and checks what it gives. Safe from any thread."""

    def __init__(self, inner: Embedder, size: int = 4096) -> None:
        self._inner = inner
        self._size = size
        self._cache: OrderedDict[str, F32] = OrderedDict()
        self._lock = threading.Lock()
        self.name = inner.name
        self.dim = inner.dim

    def embed(self, texts: Sequence[str]) -> F32:
        """Unit rows, f32 (len(texts), dim).

        Raises:
            EmbeddingError: ``inner`` gave vectors of another shape, or with NaN or infinity.
        """
        with self._lock:
            found = {t: self._cache[t] for t in texts if t in self._cache}
            for text in found:
                self._cache.move_to_end(text)
        new = list(dict.fromkeys(t for t in texts if t not in found))
        if new:  # outside the lock, so that a slow text does not hold up one that is known
            vectors = check_vectors(f"embedder {self.name!r}", self._inner.embed(new), len(new), self.dim)
            vectors.setflags(write=False)
            found.update(zip(new, vectors, strict=True))
            with self._lock:
                self._cache.update((t, found[t]) for t in new)
                while len(self._cache) > self._size:
                    self._cache.popitem(last=False)
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        return np.stack([found[t] for t in texts])
